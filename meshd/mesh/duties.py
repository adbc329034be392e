"""What a node does by itself, again and again: it measures time, and reads all of its log's file now and then.

Both go on until cancelled, and neither ends the node.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

import trio

from meshd.assembly.assembly import DAMAGED, Assembly
from meshd.errors import NodeError
from meshd.home import is_suspect
from meshd.log.executor import Executor
from meshd.upkeep.scrubbing import is_due, look_through
from meshd.upkeep.witness import keep_time

T = TypeVar("T")

MEASURE_SECONDS = 60.0
LOOK_SECONDS = 600.0


class Host(Protocol):
    """A node, as far as its duties need it."""

    assembly: Assembly
    executor: Executor
    note: Callable[[str], None]

    async def work(self, function: Callable[[], T]) -> T:
        """Run a piece of work on the log."""
        ...


async def measure(node: Host) -> None:
    """Measure time for the votes that this device is to witness, and attest votes that are over."""
    while True:
        try:
            await node.work(partial(keep_time, node.assembly))
        except NodeError as error:  # a full disk, say: the node goes on, and time is measured when there is room
            node.note(f"time was not measured: {error.error}")
        await trio.sleep(MEASURE_SECONDS)


async def look(node: Host) -> None:
    """Read all of the log's file now and then, not while the node starts, and say it where it is damaged."""
    folder, key, clock = node.assembly.folder, node.assembly.keys.database, node.assembly.world.clock
    while True:
        await trio.sleep(LOOK_SECONDS)
        if is_suspect(folder) or not is_due(folder, clock()):
            continue
        try:
            faults = await node.executor.beside(partial(look_through, folder, key, clock()))
        except NodeError:  # a full disk, say: another time
            continue
        if faults:
            node.note(f"the log's file is damaged: nothing new is written to it. {DAMAGED}")
