"""The control socket of a daemon under its own user's worst: a thousand callers, half requests, one of 100 MB."""

import os
import resource
import socket
from contextlib import suppress

import pytest

from meshd.home import SOCKET

CALLERS = 1000


@pytest.fixture
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _call(shell):
    folder = os.open(shell.home, os.O_RDONLY)
    try:
        caller = socket.socket(socket.AF_UNIX)
        caller.connect(f"/proc/self/fd/{folder}/{SOCKET}")
        return caller
    finally:
        os.close(folder)


def _memory_kb(shell):
    with open(f"/proc/{shell.daemon.pid}/status") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


def test_a_thousand_callers_at_once_are_answered(ada, many_files):
    ada.start()
    callers = [_call(ada) for _ in range(CALLERS)]
    for caller in callers[: CALLERS // 2]:
        caller.sendall(b'{"verb": "sta')
    assert "daemon    running" in ada.ok("status"), "half requests keep nobody else waiting"
    for caller in callers[CALLERS // 2 :]:
        caller.sendall(b'{"verb": "list", "arguments": {}, "assembly": null}\n')
    for caller in callers[CALLERS // 2 :]:
        caller.settimeout(60)
        assert b'"result"' in caller.recv(65536)
    for caller in callers[: CALLERS // 2]:
        caller.sendall(b'tus", "arguments": {}, "assembly": null}\n')
        caller.settimeout(60)
        assert b'"result"' in caller.recv(65536), "the other half may come later"
    for caller in callers:
        caller.close()
    assert ada.ok("propose", "It goes on")
    assert ada.stop()[0] == 0


def test_a_request_of_100_megabytes_costs_its_caller_the_connection(ada):
    ada.start()
    ada.ok("status")
    before = _memory_kb(ada)
    with _call(ada) as caller, suppress(BrokenPipeError, ConnectionResetError):
        caller.settimeout(60)
        for _ in range(1600):
            caller.sendall(b"x" * 65536)
        pytest.fail("all of it was read")
    assert ada.ok("list") == ""
    assert _memory_kb(ada) < before + 40_000
    assert ada.stop()[0] == 0
