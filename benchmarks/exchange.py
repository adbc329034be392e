"""What it costs to compare two logs: bytes over the link beyond the handshake, both ways, of two nodes in one process.

Also whole meshes, and a serial line with a speed.
"""

import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import trio
import trio.testing

from benchmarks.gossip import meshed, until
from benchmarks.lines import serial_line
from benchmarks.mesh import chains, found_homes, open_home
from meshd.assembly import survey
from meshd.assembly.assembly import Assembly
from meshd.log.executor import InlineExecutor
from meshd.mesh.node import Node
from meshd.service import explaining, proposing, voting
from meshd.service.context import Context
from meshd.transports.memory import MemoryNetwork
from meshd.transports.serial import SerialTransport
from meshd_protocol.chains import Waiting


def equal_logs(chains_each: int) -> float:
    """Bytes between two nodes that have the same, with so many chains, and never met."""
    return _virtual(_equal, chains_each)


async def _equal(one: Assembly, two: Assembly, count: int) -> float:
    _fill([one, two], count)
    return await _met(one, two)


def known_peer(chains_each: int, records: int) -> float:
    """Bytes beyond the records, where one has some more in as many chains since the two met last."""
    return _virtual(_known, chains_each, records)


async def _known(one: Assembly, two: Assembly, count: int, records: int) -> float:
    _fill([one, two], count)
    await _met(one, two)
    new = list(_more(one, records))
    one.receive(new, Waiting())
    return await _met(one, two) - sum(map(len, new))


def stranger(chains_each: int) -> float:
    """Bytes where one of so many chains differs, and the two never met."""
    return _virtual(_stranger, chains_each)


async def _stranger(one: Assembly, two: Assembly, count: int) -> float:
    _fill([one, two], count)
    new = list(_more(two, 1))
    two.receive(new, Waiting())
    return await _met(one, two)


def _virtual(function: Callable[..., Awaitable[float]], *arguments: int) -> float:
    """Run with two fresh logs under a virtual clock."""
    with tempfile.TemporaryDirectory() as folder:
        one, two = (open_home(home) for home in found_homes(Path(folder), 2))
        try:

            async def main() -> float:
                return await function(one, two, *arguments)

            return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        finally:
            one.close()
            two.close()


def _fill(assemblies: list[Assembly], count: int) -> None:
    """That many chains of one record, in each."""
    every = list(chains(assemblies[0].id, 2 * count, 1))[:count]
    for each in assemblies:
        each.receive(every, Waiting())


def _more(assembly: Assembly, count: int) -> list[bytes]:
    """New records in so many new chains."""
    return list(chains(assembly.id, 2 * count, 1, seed=2))[:count]


async def _met(one: Assembly, two: Assembly) -> float:
    """Bytes of a session, both ways, until both sides find their logs equal."""
    network = MemoryNetwork()
    nodes = [Node(each, network.transport(name), InlineExecutor()) for each, name in ((one, "one"), (two, "two"))]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(nodes[1].run)
        await nodes[1].started.wait()

        async def run() -> None:
            await nodes[0].run(connect=["two"])

        nursery.start_soon(run)
        await until(
            lambda: all(peer["state"] == "in step" for node in nodes for peer in node.peers() or [{"state": ""}])
        )
        await trio.sleep(2)
        assert survey.digest(one) == survey.digest(two)
        (peer,) = nodes[0].peers()
        nursery.cancel_scope.cancel()
    return float(peer["bytes_in"] + peer["bytes_out"])  # type: ignore[operator]


def copies(nodes: int, records: int) -> float:
    """Copies of a record that each node of a mesh of degree 4 gets, on average; the first finds the tree."""

    async def main(folder: Path) -> float:
        async with meshed(folder, nodes) as (running, got):
            for number in range(records):
                node = running[number * 7 % nodes]
                context = Context(node.assembly, node.seen())
                await node.work(partial(proposing.propose, context, {"title": f"Question {number}"}))
                await trio.sleep(10)
            return got.total() / records / (nodes - 1)

    with tempfile.TemporaryDirectory() as folder:
        return trio.run(main, Path(folder), clock=trio.testing.MockClock(autojump_threshold=0))


def serial_ballot(rate: float) -> float:
    """Seconds in which a ballot crosses an idle line of so many bytes a second."""

    async def main(folder: Path) -> float:
        one, two = (open_home(home) for home in found_homes(folder, 2))
        identity = proposing.propose(Context(one), {"title": "Over the line?"})["id"]
        async with AsyncExitStack() as stack:
            devices = await stack.enter_async_context(serial_line(1, rate=rate))
            lines = [
                SerialTransport(device, 115_200, random.Random(number).randbytes)
                for number, device in enumerate(devices)
            ]
            nodes = [Node(each, line, InlineExecutor()) for each, line in zip((one, two), lines, strict=True)]
            nursery = await stack.enter_async_context(trio.open_nursery())
            for node, line in zip(nodes, lines, strict=True):

                async def run(node: Node = node, address: str = line.address) -> None:
                    await node.run(connect=[address])

                nursery.start_soon(run)
            await until(lambda: survey.digest(one) == survey.digest(two))
            await trio.sleep(4)  # what goes on after a meeting: digests, bases
            begun = time.perf_counter()
            await nodes[0].work(lambda: voting.vote(Context(one), {"id": identity, "choices": ["yes"]}))
            await until(lambda: explaining.show(Context(two), {"id": identity})["seen"] == 1)
            took = time.perf_counter() - begun
            nursery.cancel_scope.cancel()
        one.close()
        two.close()
        return took

    with tempfile.TemporaryDirectory() as folder:
        return trio.run(main, Path(folder))
