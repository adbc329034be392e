"""Homes of several assemblies: what is carried between a federation's log and those of its members (`bridging`).

The daemon does it after each change; `quote` without a file, and `import` where no daemon runs, do it once.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import permutations
from typing import Any

import trio

from meshd.assembly.assembly import Assembly
from meshd.errors import NodeError
from meshd.mesh.node import Node
from meshd.service.bridging import Crossed, are_apart, cross, crossing
from meshd_protocol.control import Request

BREATH_SECONDS = 1.0
"""Between two rounds: what comes in a burst is carried together."""


def is_bridging(request: Request) -> bool:
    """Whether a request is about all logs of a home: `meshd quote` without a file."""
    return request.verb == "quote" and request.arguments.get("proof") is None


def bridge_all(assemblies: Iterable[Assembly], tell: Callable[[str], None]) -> list[Crossed]:
    """Carry between all logs of a home that are open here. `tell` hears what could not be carried."""
    found: list[Crossed] = []
    for federation, assembly in permutations(assemblies, 2):
        if are_apart(federation, assembly) or federation.store.refusal or assembly.store.refusal:
            continue
        try:
            crossed = cross(federation, assembly)
        except NodeError as error:
            tell(f"nothing was carried between {federation.title} and {assembly.title}: {error.error}")
            continue
        if crossed is not None:
            found.append(crossed)
    return found


async def bridge_nodes(nodes: Sequence[Node], noted: set[str]) -> list[Crossed]:
    """`bridge_all`, between running nodes, each part in the log that it is about. What fails is noted there, once."""
    found: list[Crossed] = []
    for above, below in permutations(nodes, 2):
        try:
            crossed = await _bridge(above, below)
        except NodeError as error:
            text = f"nothing was carried between here and {below.assembly.title}: {error.error}"
            if text not in noted:
                noted.add(text)
                above.note(text)
            continue
        if crossed is not None:
            found.append(crossed)
            if crossed.up or crossed.down:
                below.note(f"{crossed.up} records brought to {crossed.federation}, {crossed.down} from there")
    return found


async def bridge_now(nodes: Sequence[Node], bridging: trio.Lock) -> list[Crossed]:
    """`bridge_nodes`, once, when nobody else does."""
    async with bridging:
        return await bridge_nodes(nodes, set())


async def keep_bridging(nodes: Sequence[Node], bridging: trio.Lock) -> None:
    """Carry whenever something changed in a home of several assemblies. Runs until cancelled."""
    noted = set[str]()
    while True:
        changes = [node.changed for node in nodes]
        async with bridging:
            await bridge_nodes(nodes, noted)
        await trio.sleep(BREATH_SECONDS)
        await _any(changes)


async def _any(events: Iterable[trio.Event]) -> None:
    """Wait until one of some events is set."""
    async with trio.open_nursery() as nursery:

        async def wait(event: trio.Event) -> None:
            await event.wait()
            nursery.cancel_scope.cancel()

        for event in events:
            nursery.start_soon(wait, event)


async def _bridge(above: Node, below: Node) -> Crossed | None:
    """Carry between two nodes. What else they do comes in between."""
    if are_apart(above.assembly, below.assembly):
        return None
    parts, result = crossing(above.assembly, below.assembly), None
    nodes: dict[Any, Node] = {above.assembly.id: above, below.assembly.id: below}
    while True:
        try:
            assembly, work = parts.send(result)
        except StopIteration as end:
            crossed: Crossed | None = end.value
            return crossed
        result = await nodes[assembly.id].work(work)
