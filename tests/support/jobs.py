"""A task that says what a test tells it to, and a web server where it is heard of."""

from uuid import uuid4

from progress.events import State
from progress.reporting.current import current_publisher, flush
from tests.support.parts import Web, settings


class Job:
    """A task of the tests' own process, told through its real publisher."""

    def __init__(self, total=10):
        self.id = str(uuid4())
        self._total = total
        self._run = current_publisher().open(self.id)

    def say(self, current, description="Importing"):
        """Returns when it is in the store."""
        self._run.said = (current, self._total, description, None)
        current_publisher().wake(self._run)
        assert flush(5)

    def end(self, state=State.SUCCESS, **more):
        """The same."""
        current_publisher().conclude(self._run, state, **more)
        assert flush(5)


def web_in(folder, valkey, **values):
    """Daphne with that store, and PROGRESS_ settings."""
    env = {"TEST_REDIS_URL": f"{valkey.connection_url}/0", **settings(**values)}
    return Web(folder, env=env)
