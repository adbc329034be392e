"""A mesh of whole nodes in one process, over memory streams, and how many copies of records come to them."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio

from benchmarks.mesh import found_homes, open_home
from meshd.assembly import survey
from meshd.assembly.assembly import Assembly
from meshd.log.door import Report
from meshd.log.executor import InlineExecutor
from meshd.log.intake import Intake
from meshd.mesh.node import Node
from meshd.transports.memory import MemoryNetwork
from meshd_protocol.chains import Waiting

DEGREE = 4


def links(count: int, seed: int = 1) -> dict[int, list[int]]:
    """Whom each node dials: a ring, so that all are connected, and random links up to the degree."""
    rng = random.Random(seed)
    found = {(n, (n + 1) % count) for n in range(count)}
    degrees = Counter(end for link in found for end in link)
    for _ in range(20 * count):
        one, other = rng.sample(range(count), 2)
        if max(degrees[one], degrees[other]) < DEGREE and not found & {(one, other), (other, one)}:
            found.add((one, other))
            degrees.update((one, other))
    dialled: dict[int, list[int]] = {}
    for one, other in sorted(found):
        dialled.setdefault(one, []).append(other)
    return dialled


def _counted(assembly: Assembly, got: "Counter[Assembly]") -> None:
    """Count the records that come to a node over its links, those that it has already among them."""
    real = assembly.take

    def take(intake: Intake, waiting: Waiting) -> Report:
        got[assembly] += len(intake.records)
        return real(intake, waiting)

    assembly.take = take  # type: ignore[method-assign]


@asynccontextmanager
async def meshed(folder: Path, count: int) -> AsyncIterator[tuple[list[Node], "Counter[Assembly]"]]:
    """That many nodes over a random mesh, once they all have everything, and what came to them from then on."""
    assemblies = [open_home(home) for home in found_homes(folder, count)]
    got = Counter[Assembly]()
    for each in assemblies:
        _counted(each, got)
    network = MemoryNetwork()
    nodes = [Node(each, network.transport(f"n{n}"), InlineExecutor()) for n, each in enumerate(assemblies)]
    async with trio.open_nursery() as nursery:
        for number, dialled in sorted(links(count).items(), reverse=True):
            nursery.start_soon(partial(nodes[number].run, connect=[f"n{each}" for each in dialled]))
            await nodes[number].started.wait()
        await until(lambda: len({survey.digest(each) for each in assemblies}) == 1 and _in_step(nodes))
        await trio.sleep(10)
        got.clear()
        yield nodes, got
        nursery.cancel_scope.cancel()
    for each in assemblies:
        each.close()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    while not holds():  # noqa: ASYNC110 (a look from outside: nobody tells)
        await trio.sleep(0.01)


def _in_step(nodes: list[Node]) -> bool:
    return all(any(peer["state"] == "in step" for peer in node.peers()) for node in nodes)
