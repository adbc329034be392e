"""A daemon at work says so, however long it takes; a caller that goes away harms nothing."""

import json

import pytest
import trio

from meshd.app.control_server import WORD_SECONDS, serve_control
from meshd.home import SOCKET
from meshd.log.executor import InlineExecutor
from meshd.mesh.node import Node
from meshd.store import tables
from meshd.transports.memory import MemoryNetwork
from meshd_cli.socket_client import SILENCE_SECONDS
from tests.worlds import commune

LONG = 100 * SILENCE_SECONDS


class SlowExecutor(InlineExecutor):
    """One whose work takes long, while the event loop goes on."""

    async def run(self, function):
        await trio.sleep(LONG)
        return await super().run(function)


@pytest.fixture
async def slow(tmp_path):
    (ada,), _ = commune(tmp_path, ["Ada"])
    node = Node(ada, MemoryNetwork().transport("ada"), SlowExecutor())
    yield ada, node, tmp_path
    ada.close()


async def _request(home, verb, **arguments):
    stream = await trio.open_unix_socket(str(home / SOCKET))
    await stream.send_all(json.dumps({"verb": verb, "arguments": arguments, "assembly": None}).encode() + b"\n")
    return stream


async def test_long_work_is_told_of_every_second(slow, autojump_clock):
    _, node, home = slow
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_control, [node], home, trio.Lock())
        begun = heard = trio.current_time()
        lines = []
        async with await _request(home, "say", text="hello") as stream:
            async for chunk in stream:
                assert trio.current_time() - heard <= 2 * WORD_SECONDS < SILENCE_SECONDS / 2
                heard = trio.current_time()
                lines += chunk.splitlines()
        assert trio.current_time() - begun >= LONG
        *words, last = map(json.loads, lines)
        assert set(last) == {"result"}
        assert len(words) > LONG / (2 * WORD_SECONDS)
        assert all(each == {"progress": ["at work", 0, 0]} for each in words)
        nursery.cancel_scope.cancel()


async def test_what_is_quick_is_answered_in_one_line(slow, autojump_clock):
    _, node, home = slow
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_control, [node], home, trio.Lock())
        async with await _request(home, "no such verb") as stream:
            said = b"".join([chunk async for chunk in stream])
        assert said.count(b"\n") == 1
        assert json.loads(said)["code"] == 2
        nursery.cancel_scope.cancel()


async def test_work_goes_on_when_its_caller_is_gone(slow, autojump_clock):
    ada, node, home = slow
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_control, [node], home, trio.Lock())
        stream = await _request(home, "say", text="hello")
        await trio.sleep(3 * WORD_SECONDS)
        await stream.aclose()
        await trio.sleep(2 * LONG)
        assert ada.store.count(tables.Message) == 1
        async with await _request(home, "no such verb") as stream:
            assert b"error" in b"".join([chunk async for chunk in stream]), "and the next is answered"
        nursery.cancel_scope.cancel()
