"""Commands run in another thread than the event loop, and look at nothing that the loop changes meanwhile."""

import json
import threading
from collections import deque

import pytest
import trio

from meshd.app.control_server import serve_control
from meshd.home import SOCKET
from meshd.log.executor import InlineExecutor, ThreadExecutor
from meshd.mesh.node import Node
from meshd.transports.memory import MemoryNetwork
from tests.worlds import commune, exchange


class _OfTheLoop:
    """What may be iterated in the thread that made it alone: elsewhere it may change meanwhile."""

    def __init__(self, *given):
        super().__init__(*given)
        self._thread = threading.get_ident()

    def __iter__(self):
        assert threading.get_ident() == self._thread, "iterated beside the loop that changes it"
        return super().__iter__()


class LoopsList(_OfTheLoop, list):
    pass


class LoopsDeque(_OfTheLoop, deque):
    pass


class LoopsDict(_OfTheLoop, dict):
    def values(self):
        iter(self)
        return super().values()

    items = values


def _guard(node: Node) -> None:
    """Watch over everything that the loop changes and commands are told of."""
    node._peers = LoopsList(node._peers)
    node._dialling._dialled = LoopsDict(node._dialling._dialled)
    for peer in node._peers:
        for meter in (peer.records_in, peer.records_out):
            meter._seen = LoopsDeque(meter._seen)
        peer.comparison._held = LoopsDict(peer.comparison._held)
    real, loop = node._where, threading.get_ident()

    def where() -> list[str]:
        assert threading.get_ident() == loop
        return real()

    node._where = where


async def _ask(home, verb: str, **arguments):
    async with await trio.open_unix_socket(str(home / SOCKET)) as stream:
        await stream.send_all(json.dumps({"verb": verb, "arguments": arguments, "assembly": None}).encode() + b"\n")
        return json.loads(b"".join([chunk async for chunk in stream]).splitlines()[-1])


async def test_commands_look_at_nothing_that_the_loop_changes(tmp_path):
    ada, bea = commune(tmp_path, ["Ada", "Bea"])[0]
    exchange(ada, bea)
    network = MemoryNetwork()
    one = Node(ada, network.transport("ada"), ThreadExecutor())
    two = Node(bea, network.transport("bea"), InlineExecutor())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: two.run(connect=[]))
        await two.started.wait()
        nursery.start_soon(lambda: one.run(connect=["bea", "nobody"]))
        await one.started.wait()
        while len(one.peers()) < 2 or not one._peers:
            await one.changed.wait()
        _guard(one)
        await nursery.start(serve_control, [one], tmp_path, trio.Lock())
        rows = (await _ask(tmp_path, "peers"))["result"]
        assert {(row["address"], row["person"], row["state"] == "away") for row in rows} == {
            ("bea", rows[0]["person"], False),
            ("nobody", None, True),
        }
        assert rows[0]["person"].startswith("Bea")
        status = (await _ask(tmp_path, "status"))["result"]
        assert (status["peers"], status["addresses"]) == (1, ["ada"])
        assert "result" in await _ask(tmp_path, "invite")
        assert "result" in await _ask(tmp_path, "members")
        assert "result" in await _ask(tmp_path, "connect", address="nobody", forget=True)
        assert [row["address"] for row in one.peers()] == ["bea"]
        nursery.cancel_scope.cancel()
    ada.close()
    bea.close()


@pytest.mark.parametrize("gone", ["given up", "stopped"])
async def test_what_was_seen_stays_as_it_was(tmp_path, gone):
    (ada,), _ = commune(tmp_path, ["Ada"])
    node = Node(ada, MemoryNetwork().transport("ada"), InlineExecutor())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: node.run(connect=["nobody"]))
        await node.started.wait()
        seen = node.seen()
        before = seen.peers()
        assert [row["address"] for row in before] == ["nobody"]
        if gone == "given up":
            node.give_up("nobody")
        else:
            nursery.cancel_scope.cancel()
        assert seen.peers() == before
        nursery.cancel_scope.cancel()
    assert node.peers() == []
    assert seen.peers() == before
    ada.close()
