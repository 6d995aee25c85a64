"""Broken websocket frames: the web servers must refuse them at little cost."""

import asyncio
import json
import zlib

import pytest

from tests.hostile.raw import CLOSE, CUT, PING, PONG, TEXT, Raw, frame
from tests.hostile.sockets import flat
from tests.support import rights

MIB = 2**20
PROTOCOL_ERROR, BAD_TEXT, TOO_BIG = 1002, 1007, 1009

ABUSE = {
    "declared length 2^62": (frame(TEXT, length=2**62), {TOO_BIG, CUT}),
    "declared length 2^63": (frame(TEXT, length=2**63), {PROTOCOL_ERROR, TOO_BIG, CUT}),
    "ping of 126 bytes": (frame(PING, b"x" * 126), {PROTOCOL_ERROR, CUT}),
    "fragmented ping": (frame(PING, fin=False), {PROTOCOL_ERROR, CUT}),
    "unmasked": (frame(TEXT, b"{}", masked=False), {PROTOCOL_ERROR, CUT}),
    "RSV1": (frame(TEXT, b"{}", rsv=4), {PROTOCOL_ERROR, CUT}),
    "RSV2": (frame(TEXT, b"{}", rsv=2), {PROTOCOL_ERROR, CUT}),
    "unknown opcode": (frame(3, b"{}"), {PROTOCOL_ERROR, CUT}),
    "unknown control": (frame(15), {PROTOCOL_ERROR, CUT}),
    "bad UTF-8": (frame(TEXT, b"\xff\xfe"), {BAD_TEXT, CUT}),
    "half a character": (frame(TEXT, b"\xed\xa0\x80"), {BAD_TEXT, CUT}),
    "UTF-8 that ends": (frame(TEXT, b"\xf0\x9f"), {BAD_TEXT, CUT}),
    "nothing to continue": (frame(0, b"{}"), {PROTOCOL_ERROR, CUT}),
    "two begun": (frame(TEXT, b"{", fin=False) + frame(TEXT, b"{"), {PROTOCOL_ERROR, CUT}),
    "close code 1005": (frame(CLOSE, b"\x03\xed"), {PROTOCOL_ERROR, CUT}),
    "close code 0": (frame(CLOSE, b"\0\0"), {PROTOCOL_ERROR, CUT}),
    "close code 65535": (frame(CLOSE, b"\xff\xff"), {PROTOCOL_ERROR, CUT}),
    "close of one byte": (frame(CLOSE, b"\x03"), {PROTOCOL_ERROR, CUT}),
    "close with bad UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), {PROTOCOL_ERROR, BAD_TEXT, CUT}),
    "HTTP": (b"GET / HTTP/1.1\r\n\r\n" * 9, {PROTOCOL_ERROR, TOO_BIG, CUT}),
    "a byte for ever": (b"\x81", None),
}


@pytest.mark.parametrize("name", [name for name in ABUSE if ABUSE[name][1]])
async def test_a_connection_that_breaks_the_websocket_protocol_is_closed(web, name):
    data, codes = ABUSE[name]
    async with await Raw.open(web) as raw:
        raw.write(data)
        assert await raw.closed() in codes


async def test_text_that_is_not_utf_8_closes_the_socket_without_a_traceback(web, request):
    if "uvicorn" in request.node.name:
        reason = "uvicorn 0.54 logs it by logger.exception in websockets_sansio_impl.py"
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    said = web.log.stat().st_size
    async with await Raw.open(web) as raw:
        raw.write(frame(TEXT, b"\xff\xfe"))
        assert await raw.closed() in {BAD_TEXT, CUT}
    assert b"Traceback" not in web.log.read_bytes()[said:]


@pytest.mark.slow
@pytest.mark.parametrize("name", ABUSE)
async def test_a_connection_that_breaks_inside_a_frame_leaves_nothing_behind(web, name):
    async with await Raw.open(web) as raw:
        raw.write(ABUSE[name][0])


async def test_broken_connections_do_not_leak_memory(web):
    async def row():
        for data, _ in ABUSE.values():
            async with await Raw.open(web) as raw:
                raw.write(data)

    await flat(web, row)


async def test_a_frame_of_20_mib_is_refused_and_not_kept_in_memory(web):
    before = web.resident_bytes()
    for _ in range(3):
        async with await Raw.open(web) as raw:
            await raw.send(TEXT, b" " * 20 * MIB)
            assert await raw.closed() in {TOO_BIG, CUT}
    assert web.resident_bytes() - before < 4 * MIB


async def test_a_frame_above_our_limit_but_below_the_servers_gets_an_error(web):
    async with await Raw.open(web) as raw:
        await raw.send(TEXT, b" " * (MIB - 1))
        assert json.loads((await raw.next())[1])["code"] == "bad_request"


async def endless(raw, piece, times):
    """Send fragments of a message that never ends."""
    await raw.send(TEXT, piece, fin=False)
    for _ in range(times):
        await raw.send(0, piece, fin=False)


async def test_a_message_of_endless_fragments_is_refused(web):
    async with await Raw.open(web) as raw:
        sending = asyncio.create_task(endless(raw, b" " * 65536, 1000))
        assert await raw.closed() in {TOO_BIG, CUT}
        await sending


async def test_10k_pings_are_answered_or_the_socket_is_closed(web, ground):
    ground.put("a")
    async with await Raw.open(web) as raw:
        raw.write(frame(PING) * 10_000)
        for _ in range(10_000):
            assert await raw.next() == (PONG, b"")
        await raw.send(TEXT, rights.subscribe("a").encode())
        assert json.loads((await raw.next())[1])["state"] == "PENDING"


async def test_unrequested_pongs_have_no_effect(web, ground):
    ground.put("a")
    async with await Raw.open(web) as raw:
        raw.write(frame(PONG, b"x" * 125) * 10_000)
        await raw.send(TEXT, rights.subscribe("a").encode())
        assert json.loads((await raw.next())[1])["state"] == "PENDING"


async def test_a_decompression_bomb_is_refused_because_servers_decompress_nothing(web):
    bomb = zlib.compressobj(9, wbits=-15)
    data = bomb.compress(b" " * 64 * MIB) + bomb.flush(zlib.Z_SYNC_FLUSH)
    before = web.resident_bytes()
    offer = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    async with await Raw.open(web, headers=offer) as raw:
        assert raw.status == 101
        assert b"permessage-deflate" not in raw.head
        await raw.send(TEXT, data[:-4], rsv=4)
        assert await raw.closed() in {PROTOCOL_ERROR, CUT}
    assert web.resident_bytes() - before < 2 * MIB
