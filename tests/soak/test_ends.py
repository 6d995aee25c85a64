"""The soak notices a missing close frame, unless Daphne cut the socket off."""

import pytest

from tests.soak import watchers
from tests.soak.watchers import Visitor, was_cut
from tests.support.parts import Web


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """Daphne with an application that ends each socket in the way its path names."""
    folder = tmp_path_factory.mktemp("ends")
    with Web(folder, env={}, module="tests.soak.ends") as web:
        yield web


@pytest.fixture
def visited(web):
    async def visited(end, kind=Visitor):
        visitor = kind(f"ws://127.0.0.1:{web.port}/{end}/", seed=0)
        assert (await visitor.outcome())["complete"]
        await visitor.ended()
        return visitor.wrongs, visitor.was_cut

    return visited


class Busy(Visitor):
    """Reads nothing until Daphne has cut the socket."""

    async def _hear(self, socket):
        while not was_cut(socket, since=0):  # its event loop stands still
            pass
        return await super()._hear(socket)


class Late(Visitor):
    """Reads the close frame only after Daphne has cut the socket."""

    async def _hear_the_end(self, socket):
        await socket.send("close now")
        while not was_cut(socket, since=0):  # as above
            pass
        await super()._hear_the_end(socket)


async def test_a_close_with_1000_is_right(visited):
    assert await visited("close") == ([], False)


@pytest.mark.parametrize("kind", [Visitor, Busy])
async def test_a_close_that_daphne_cut_at_a_full_second_is_counted_but_is_no_error(visited, kind):
    assert await visited("at_the_second", kind) == ([], True)


async def test_a_close_that_was_sent_is_read_even_after_the_cut(visited):
    assert await visited("when_told", Late) == ([], False)


@pytest.mark.parametrize("end", ["refused_at_the_second", "without_a_word", "with_an_error"])
async def test_any_other_end_is_an_error(visited, end):
    (wrong,), was_cut = await visited(end)
    assert "after the outcome" in wrong
    assert not was_cut


async def test_a_missing_close_is_an_error(visited, monkeypatch):
    monkeypatch.setattr(watchers, "CLOSED_WITHIN", 0.3)
    assert await visited("never") == (["not closed 0.3 s after the outcome"], False)
