"""Redis' replies, however they are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from progress.layers.resp import Replies

WIRE = (
    b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
    b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\n\r\n\r\n\r\n"
    b">3\r\n$7\r\nmessage\r\n$2\r\nbc\r\n$0\r\n\r\n"
    b"*2\r\n$4\r\npong\r\n$0\r\n\r\n+OK\r\n_\r\n$-1\r\n"
)
REPLIES = [
    [b"subscribe", b"a", 1],
    [b"message", b"a", b"\r\n\r\n"],
    [b"message", b"bc", b""],
    [b"pong", b""],
    b"OK",
    None,
    None,
]


@given(st.sets(st.integers(1, len(WIRE) - 1)))
def test_replies_are_the_same_however_they_are_cut(cuts):
    edges = [0, *sorted(cuts), len(WIRE)]
    replies = Replies()
    parts = [WIRE[begin:end] for begin, end in pairwise(edges)]
    assert [reply for part in parts for reply in replies.feed(part)] == REPLIES


def test_a_long_reply_is_looked_at_when_it_is_there(monkeypatch):
    replies, looks = Replies(), []
    read = Replies.feed.__globals__["_read"]
    monkeypatch.setattr(
        "progress.layers.resp._read", lambda *where: looks.append(1) or read(*where)
    )
    parts = [b"$1000000\r\n", *[b"x" * 1000] * 1000, b"\r\n"]
    assert [reply for part in parts for reply in replies.feed(part)] == [b"x" * 1_000_000]
    assert len(looks) == 2


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        (b"-NOPERM this user has no permissions\r\n", ResponseError),
        (b"%1\r\n+a\r\n:1\r\n", ValueError),
        (b"HTTP/1.1 400 Bad Request\r\n", ValueError),
        (b"*three\r\n", ValueError),
    ],
)
def test_what_is_no_reply_to_a_subscriber_is_an_error(wire, error):
    with pytest.raises(error):
        Replies().feed(wire)
