"""Handshakes and HTTP requests by strangers are refused or served, and never cause a 500."""

import asyncio
import json
from contextlib import suppress
from urllib.parse import quote

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.test import AsyncClient

from progress import make_token
from progress.routing import websocket_urlpatterns
from tests.hostile.ids import IDS
from tests.hostile.raw import CLOSE, TEXT, Raw

SERVED, CUT, BAD_REQUEST, FOREIGN, NO_SUCH = 1, None, 4400, 4403, 4404

#: Header lines of a handshake, and whether a server may accept it.
HEADERS = {
    "Origin twice": (b"Origin: http://127.0.0.1:{port}\r\nOrigin: http://evil.example\r\n", False),
    "Origin half an address": (b"Origin: http://[::1\r\n", False),
    "Origin null": (b"Origin: null\r\n", False),
    "Origin empty": (b"Origin: \r\n", False),
    "Origin with a path": (b"Origin: http://127.0.0.1:{port}/\r\n", False),
    "Origin with a user": (b"Origin: http://a@127.0.0.1:{port}\r\n", False),
    "Origin of a port too high": (b"Origin: http://127.0.0.1:99999\r\n", False),
    "Origin of a port of letters": (b"Origin: http://127.0.0.1:port\r\n", False),
    "Origin by file": (b"Origin: file://\r\n", False),
    "Origin not ASCII": ("Origin: http://éxample\r\n".encode(), False),
    "Origin not UTF-8": (b"Origin: \xff\xfe\r\n", False),
    "Origin under full stops": ("Origin: http://127。0。0。1:{port}\r\n".encode(), False),
    "Origin huge": (b"Origin: http://" + b"a" * 8000 + b"\r\n", False),
    "Host of another": (
        b"Origin: http://evil.a\r\nX-Forwarded-Host: evil.a\r\n",
        False,
    ),
    "vertical tab": (b"X-Header: a\x0bb\r\n", True),
    "next line": (b"X-Header: a\x85b\r\n", True),
    "vertical tab in Origin": (b"Origin: http://127.0.0.1:{port}\x0b\r\n", False),
    "next line in Origin": (b"Origin: http://127.0.0.1:{port}\x85\r\n", False),
    "NUL": (b"X-Header: a\0b\r\n", True),
    "underscores": (b"X_Header: a\r\nHTTP_ORIGIN: http://evil.example\r\n", True),
    "an underscore's Origin": (b"Origin_: http://evil.example\r\n", True),
    "folded": (b"X-Header: a\r\n b\r\n", True),
    "no colon": (b"nonsense\r\n", True),
    "no name": (b": a\r\n", True),
    "a space in the name": (b"Or igin: http://evil.example\r\n", True),
    "not UTF-8": (b"X-Header: \xff\xfe\r\n", True),
    "a cookie of nonsense": (b'Cookie: sessionid=\xff; =; ;;;a="; sessionid=..\r\n', True),
    "a huge cookie": (b"Cookie: sessionid=" + b"x" * 8000 + b"\r\n", True),
    "100 headers": (b"".join(b"X-%d: a\r\n" % number for number in range(100)), True),
    "forwarded": (b"X-Forwarded-For: nonsense, \xff\r\nX-Forwarded-Proto: gopher\r\n", True),
    "a coding as charset": (b"Content-Type: text/plain; charset=hex\r\n", True),
    "no such charset": (b"Content-Type: text/plain; charset=no-such\r\n", True),
    "UTF-16": (b"Content-Type: text/plain; charset=utf-16\r\n", True),
    "a length of nonsense": (b"Content-Length: -1\r\n", True),
    "a protocol": (b"Sec-WebSocket-Protocol: progress, nonsense\r\n", True),
    "no protocol": (b"Sec-WebSocket-Protocol: ,,, \r\n", True),
    "a protocol that is none": (b"Sec-WebSocket-Protocol: pro gress\r\n", True),
    "a hundred protocols": (b"Sec-WebSocket-Protocol: " + b"progress," * 99 + b"a\r\n", True),
    "protocols of one line each": (b"Sec-WebSocket-Protocol: progress\r\n" * 2, True),
    "another version": (b"Sec-WebSocket-Version: 12\r\n", True),
    "two keys": (b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", True),
}

QUERIES = {
    "not ASCII": "token=é".encode().decode("latin-1"),
    "not UTF-8": "token=\xff\xfe",
    "not UTF-8 escaped": "token=%ff%fe%00",
    "half a character": "token=%ed%a0%80",
    "half an escape": "token=%",
    "2000 fields": "a&" * 2000,
    "2000 tokens": "token=a&" * 1000,
    "10 kB": "token=" + "x" * 10_000,
    "100 kB": "token=" + "x" * 100_000,
    "brackets": "token[]=a&token[__proto__]=b",
    "NUL": "token=%00",
}

TOKENS = ["", "x", "." * 50, "é", "\xff", "x" * 3000, make_token("b"), make_token("a")[:-1]]


async def refused(web, path, headers=b""):
    """The status or the close code that refuses the handshake, or SERVED."""
    async with await Raw.open(web, path, headers) as raw:
        if raw.status != 101:
            return raw.status
        await raw.send(TEXT, b"{}")
        opcode, payload = await raw.next()
        if opcode == TEXT and json.loads(payload)["code"] == "forbidden":  # says why, then closes
            opcode, payload = await raw.next()
        return int.from_bytes(payload[:2]) if opcode == CLOSE else SERVED


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADERS)
async def test_a_handshake_with_an_odd_header_is_refused_or_served(web, name):
    lines, harmless = HEADERS[name]
    lines = lines.replace(b"{port}", str(web.port).encode())
    ways_out = {400, 403, 426, 431, FOREIGN, BAD_REQUEST, *([SERVED, NO_SUCH] if harmless else [])}
    assert await refused(web, "/ws/progress/", lines) in ways_out


@pytest.mark.slow
@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_string_gives_no_access(web, name):
    for path in ("/ws/progress/", "/ws/progress/a/"):
        ways_out = {400, 414, 431, SERVED, BAD_REQUEST, FOREIGN, CUT}
        assert await refused(web, f"{path}?{QUERIES[name]}") in ways_out


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/progress", "/ws/progress//", "/%ff", "*", "a"])
async def test_an_unknown_address_is_refused(web, path):
    assert await refused(web, path) in {NO_SUCH, 400, 404}


#: Where a task is watched over plain HTTP.
WATCHED = ["/progress/a/", "/progress/a/events"]


async def ask(web, method, path, headers=b"", body=b""):
    """Send an HTTP request; return the status, or None when the connection was cut."""
    async with await Raw.connect(web) as raw:
        line = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        await raw.ask(line.encode("latin-1") + headers + b"\r\n" + body)
        return raw.status


@pytest.mark.slow
@pytest.mark.parametrize("name", IDS)
async def test_the_state_of_any_id_is_served_over_http(web, ground, name):
    ground.put(IDS[name])
    path = f"/progress/{quote(IDS[name], safe='')}/"
    assert await ask(web, "GET", path) in {403, 404}
    assert await ask(web, "GET", f"{path}events") in {403, 404}
    told = {404} if "\n" in IDS[name] else {200}  # Django's path() takes no new line
    assert await ask(web, "GET", f"{path}?token={make_token(IDS[name])}") in told
    assert await ask(web, "GET", f"{path}events?token={make_token(IDS[name])}") in told
    assert await ask(web, "POST", f"{path}cancel/") in {403, 404}


@pytest.mark.parametrize("path", WATCHED)
@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_string_gives_no_access_over_http(web, name, path):
    assert await ask(web, "GET", f"{path}?{QUERIES[name]}") in {400, 403, 414, 431, CUT}


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADERS)
async def test_headers_alone_give_no_access_to_an_event_stream(web, name):
    lines = HEADERS[name][0].replace(b"{port}", str(web.port).encode())
    ways_out = {400, 403, 426, 431, CUT}
    assert await ask(web, "GET", "/progress/a/events", lines) in ways_out


@pytest.mark.parametrize(
    "seen", ["-1", "é", "\xff", "9" * 5000, "1e9", "0x1", "\u0661", "1\t2", ""]
)
async def test_a_nonsensical_last_event_id_is_ignored(web, ground, seen):
    ground.put("a", description="here")
    header = b"Last-Event-ID: " + seen.encode("utf-8") + b"\r\n"
    path = f"/progress/a/events?token={make_token('a')}"
    assert await ask(web, "GET", path, header) in {200, 400, 431}


@pytest.mark.parametrize("number", range(len(TOKENS)))
async def test_a_token_without_rights_gets_a_403(web, number):
    bearer = f"Authorization: Bearer {TOKENS[number]}\r\n".encode("latin-1")
    for path in WATCHED:
        assert await ask(web, "GET", path, bearer) in {403}
    assert await ask(web, "POST", "/progress/a/cancel/", bearer) in {403}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "G T"])
async def test_the_state_of_a_task_accepts_only_reading_methods(web, method):
    for path in WATCHED:
        assert await ask(web, method, path) in {400, 405}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "TRACE", "PROPFIND"])
async def test_a_task_is_cancelled_only_by_post(web, method):
    assert await ask(web, method, "/progress/a/cancel/") in {400, 405}


BODIES = {
    "form": (b"application/x-www-form-urlencoded", b"token=%ff%00&" * 50),
    "2000 fields": (b"application/x-www-form-urlencoded", b"a=b&" * 2000),
    "no form": (b"multipart/form-data; boundary=x", b"--x\r\nnonsense"),
    "no boundary": (b"multipart/form-data", b"--x\r\n"),
    "form in hex": (b"application/x-www-form-urlencoded; charset=hex", b"token=a"),
    "parts in hex": (b"multipart/form-data; boundary=x; charset=hex", b"--x--\r\n"),
    "JSON": (b"application/json", b"[" * 5000),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_request_body_cancels_nothing(web, name):
    kind, body = BODIES[name]
    headers = b"Content-Type: " + kind + b"\r\nContent-Length: %d\r\n" % len(body)
    assert await ask(web, "POST", "/progress/a/cancel/", headers, body) in {400, 403, 413}


@pytest.mark.xfail(strict=True, reason="Django 5.2: its page for a 400 reads the body again")
async def test_a_form_that_is_not_utf_8_causes_no_500_with_a_cookie():
    client = AsyncClient(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies["csrftoken"] = "x" * 32
    kind, body = BODIES["form in hex"]
    path = "/progress/a/cancel/"
    response = await client.generic("POST", path, body, content_type=kind.decode())
    assert response.status_code in {400, 403}


@pytest.mark.xfail(strict=True, reason="Channels 4.3 raises; Daphne takes the header from anybody")
async def test_daphnes_root_path_header_causes_no_500():
    socket = WebsocketCommunicator(URLRouter(websocket_urlpatterns), "/ws/progress/")
    socket.scope["root_path"] = "/elsewhere"
    with suppress(asyncio.CancelledError):
        await socket.connect()


@pytest.mark.parametrize("charset", ["hex", "utf-16", "no-such", "idna", "unicode_escape"])
async def test_the_charset_of_a_request_has_no_effect(web, charset):
    kind = f"Content-Type: text/plain; charset={charset}\r\n".encode()
    for path in WATCHED:
        assert await ask(web, "GET", f"{path}?token=x", kind) in {400, 403}


@pytest.mark.parametrize("host", ["evil.example", "[::1", "a b", "", "127.0.0.1:99999", "é"])
async def test_a_foreign_host_is_refused(web, host):
    async with await Raw.connect(web) as raw:
        await raw.ask(f"GET /progress/a/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert raw.status in {400, 403}
