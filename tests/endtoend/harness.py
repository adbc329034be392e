"""Whole nodes in one process, over memory streams, under trio's virtual clock: only the network and the clock are not real."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from meshd import survey
from meshd.assembly import Assembly
from meshd.executor import InlineExecutor
from meshd.node import Node
from meshd.service.context import Context
from meshd.transports.memory import MemoryNetwork


class Running:
    """A node that runs, and its person's commands."""

    def __init__(self, name: str, assembly: Assembly, network: MemoryNetwork, **options: Any) -> None:
        self.name = name
        self.assembly = assembly
        self.notes: list[str] = []
        self.node = Node(assembly, network.transport(name), InlineExecutor(), note=self.notes.append, **options)
        self.context = Context(assembly, self.node)

    async def do(self, verb: Callable[[Context, dict[str, Any]], Any], **arguments: Any) -> Any:
        """Run a command in the daemon, as the control socket would."""
        return await self.node.work(lambda: verb(self.context, arguments))

    def digest(self) -> bytes:
        return survey.digest(self.assembly)


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
