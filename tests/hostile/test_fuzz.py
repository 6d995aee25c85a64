"""Random input by hypothesis. `make fuzz` tries more inputs; --seed repeats a run."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile import fuzz

#: Each test takes half of the cases.
often = settings(
    max_examples=fuzz.CASES // 2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
pytestmark = [
    pytest.mark.timeout(1200),
    # Django does not close the body of a request whose query it cannot read.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def run():
    """Run a case on an event loop that also serves a bystander, and check the bystander."""
    with asyncio.Runner() as runner:

        async def start():
            return fuzz.Bystander()

        bystander = runner.run(start())

        async def run(case):
            result = await case
            await bystander.check()
            return result

        yield lambda case: runner.run(run(case))
        runner.run(bystander.aclose())


@often
@given(
    fuzz.paths,
    fuzz.queries,
    fuzz.headers,
    fuzz.subprotocols,
    fuzz.clients,
    st.lists(fuzz.frames, max_size=5),
)
def test_every_socket_gets_a_documented_answer(
    run, path, query, headers, protocols, client, frames
):
    run(fuzz.talk(fuzz.socket_scope(path, query, headers, protocols, client), frames))


@often
@given(
    fuzz.paths,
    fuzz.queries,
    fuzz.headers,
    fuzz.methods,
    st.sampled_from(["", "cancel/"]),
    st.binary(max_size=200),
)
def test_every_request_gets_a_documented_answer(run, path, query, headers, method, action, body):
    scope = {"type": "http", "method": method, "path": f"/progress{path}{action}"}
    scope |= {"query_string": query, "headers": headers, "scheme": "http"}
    assert run(fuzz.ask(scope, body)) in fuzz.ANSWERS
