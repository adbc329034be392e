"""Whole nodes in one process, over memory streams, under trio's virtual clock: only the network and the clock are not real."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from meshd.assembly import survey
from meshd.assembly.assembly import Assembly
from meshd.log.executor import InlineExecutor
from meshd.mesh.node import Node
from meshd.service.context import Context
from meshd.transports.memory import MemoryNetwork
from meshd_protocol.bodies.membership import Certificate


class LaggingNetwork(MemoryNetwork):
    """One whose streams take their time, seeded: what is sent comes later, and in other pieces."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    def stream_pair(self) -> tuple[trio.abc.Stream, trio.abc.Stream]:
        near, far = super().stream_pair()
        lag = self._rng.choice([0.0, 0.02, 0.3, 1.5])
        return _Lagging(near, self._rng, lag), _Lagging(far, self._rng, lag)


class _Lagging(trio.abc.Stream):
    """Each read takes a while, and brings a part of what is there."""

    def __init__(self, stream: trio.abc.Stream, rng: random.Random, lag: float) -> None:
        self._stream, self._rng, self._lag = stream, rng, lag

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        await trio.sleep(self._rng.uniform(0, 2 * self._lag))
        return await self._stream.receive_some(self._rng.choice([7, 1000, max_bytes]))

    async def aclose(self) -> None:
        await self._stream.aclose()


class Running:
    """A node that runs, and its person's commands."""

    def __init__(self, name: str, assembly: Assembly, network: MemoryNetwork, **options: Any) -> None:
        self.name = name
        self.assembly = assembly
        self.notes: list[str] = []
        self.node = Node(assembly, network.transport(name), InlineExecutor(), note=self.notes.append, **options)

    @property
    def context(self) -> Context:
        """What a command is given that comes now."""
        return Context(self.assembly, self.node.seen())

    async def do(self, verb: Callable[[Context, dict[str, Any]], Any], **arguments: Any) -> Any:
        """Run a command in the daemon, as the control socket would."""
        context = self.context
        return await self.node.work(lambda: verb(context, arguments))

    def digest(self) -> bytes:
        return survey.digest(self.assembly)


async def anybody(_: Certificate) -> None:
    """What a caller says who talks to whoever answers."""


@asynccontextmanager
async def running(nodes: list[Running], connect: dict[str, list[str]] | None = None) -> AsyncIterator[None]:
    """Run the nodes; `connect` says whom each one dials."""
    async with trio.open_nursery() as nursery:
        for each in nodes:

            async def run(node: Running = each) -> None:
                await node.node.run(connect=(connect or {}).get(node.name, []))

            nursery.start_soon(run)
            await each.node.started.wait()
        yield
        nursery.cancel_scope.cancel()


async def until(holds: Callable[[], bool], seconds: float = 300) -> None:
    """Let virtual time pass until something holds."""
    with trio.move_on_after(seconds):
        while not holds():
            await trio.sleep(0.1)
    assert holds(), "it did not come to pass"


def equal(nodes: list[Running]) -> Callable[[], bool]:
    return lambda: len({node.digest() for node in nodes}) == 1
