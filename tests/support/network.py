"""Faults of a network: packets are dropped, delayed, or pass in one direction only."""

import asyncio
import os
import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.proxy import Proxy

DROPPING = "127.0.0.2"  # also this machine, by an address that only iptables rules name


def need(program, *, root=False):
    """Install the program if the machine lacks it; fail the test if that is impossible."""
    if shutil.which(program) is None and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)
        install = ["apt-get", "install", "-qy", "--no-install-recommends", program]
        subprocess.run(install, check=False, capture_output=True)
    if shutil.which(program) is None or (root and os.geteuid() != 0):
        pytest.fail(f"this takes {'root and ' * root}{program}: apt-get install {program}", False)


@contextmanager
def dropped(port, *, only_open):
    """Drop all packets from and to this port of DROPPING.

    With ``only_open``, drop those of the connections that are open now.
    """
    need("iptables", root=True)
    rules = [
        ["-d", DROPPING, "--dport", port, *(["--sport", end] if end else [])]
        for end in (open_ends(port) if only_open else [None])
    ]
    rules += [[BACK.get(word, word) for word in rule] for rule in rules]
    for rule in rules:
        _iptables("-I", rule)
    try:
        yield
    finally:
        for rule in rules:
            _iptables("-D", rule)


BACK = {"-d": "-s", "--dport": "--sport", "--sport": "--dport"}


def _iptables(verb, rule):
    command = ["iptables", "-w", verb, "INPUT", "-i", "lo", "-p", "tcp", *rule, "-j", "DROP"]
    subprocess.run([str(word) for word in command], check=True)


def open_ends(port):
    """The clients' ports of all connections to this port of DROPPING."""
    server = f"{socket.inet_aton(DROPPING)[::-1].hex().upper()}:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[1].split(":")[1], 16) for row in rows if (row[2], row[3]) == (server, "01")]


class Far(Proxy):
    """Delays each piece by the same time, as a long line does."""

    async def _pass(self, reader, writer):
        later = asyncio.get_running_loop().call_later
        with suppress(OSError):
            while piece := await reader.read(65536):
                later(self._delay, writer.write, piece)
        later(self._delay, writer.close)
        self._writers.discard(writer)


class Halving(Proxy):
    """Closes one direction of its open connections and keeps the other."""

    def halve(self, *, to_server):
        for writer in list(self._writers):
            if (writer.get_extra_info("peername")[1] == self._to) == to_server:
                writer.write_eof()


IDLE = 60  # seconds of silence from the server after which common proxies cut a connection


class Impatient:
    """Reads from another reader and raises TimeoutError after IDLE seconds of silence."""

    def __init__(self, reader):
        self._reader = reader

    async def read(self, size):
        async with asyncio.timeout(IDLE):
            return await self._reader.read(size)


class Idle(Proxy):
    """Cuts a connection after IDLE seconds of silence from the server."""

    async def _pass(self, reader, writer):
        to_client = writer.get_extra_info("peername")[1] != self._to
        await super()._pass(Impatient(reader) if to_client else reader, writer)
