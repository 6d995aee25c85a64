"""A task that a test reports for, and a web server where it can be watched."""

from uuid import uuid4

from progress.events import State
from progress.reporting.current import current_publisher, flush
from tests.support.parts import Web, settings


class Job:
    """A task of this process; the real publisher delivers what it reports."""

    def __init__(self, total=10):
        self.id = str(uuid4())
        self._total = total
        self._run = current_publisher().open(self.id)

    def say(self, current, description="Importing"):
        """Report progress; return once the store has it."""
        self._run.said = (current, self._total, description, None)
        current_publisher().wake(self._run)
        assert flush(5)

    def end(self, state=State.SUCCESS, **more):
        """End the task with this outcome; return once the store has it."""
        current_publisher().conclude(self._run, state, **more)
        assert flush(5)


def web_in(folder, valkey, **values):
    """Daphne with this Valkey server as its store; ``values`` are PROGRESS_ settings."""
    env = {"TEST_REDIS_URL": f"{valkey.connection_url}/0", **settings(**values)}
    return Web(folder, env=env)
