"""Child processes whose methods a benchmark calls one after the other."""

import multiprocessing

from benchmarks.parts.machine import cpu_of

WITHIN = 90  # seconds for a call; the child's own deadlines are shorter, with better messages


class Child:
    """An object in a process of its own: ``child("name", …)`` calls its method.

    Exits with the error if a call fails or is late. If the object has ``idle(pipe)``, that runs
    between two calls and returns when the pipe can be read.
    """

    def __init__(self, factory, *arguments):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, factory, arguments), daemon=True
        )
        self._process.start()
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._process.terminate()
        self._process.join()

    def __call__(self, name, *arguments, **named):
        self.start(name, *arguments, **named)
        return self.result(name)

    def start(self, name, *arguments, **named):
        """Call a method and do not wait for its result."""
        self._pipe.send((name, arguments, named))

    def result(self, name):
        """The result of the last call."""
        if not self._pipe.poll(WITHIN):
            raise SystemExit(f"{name} did not end in {WITHIN} s")
        try:
            value, error = self._pipe.recv()
        except EOFError:
            raise SystemExit(f"the process that was to {name} died") from None
        if error:
            raise SystemExit(f"{name}: {error}")
        return value

    @property
    def cpu(self):
        """CPU seconds until now."""
        return cpu_of(self._process.pid)


def _serve(pipe, factory, arguments):
    served = factory(*arguments)
    idle = getattr(served, "idle", lambda _pipe: None)
    while True:
        idle(pipe)
        try:
            name, values, named = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((getattr(served, name)(*values, **named), None))
        except Exception as error:
            pipe.send((None, f"{type(error).__name__}: {error}"))
