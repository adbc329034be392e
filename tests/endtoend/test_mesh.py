"""Gossip over a mesh of whole nodes: a record comes to everybody, little more than once, around cuts and by detours."""

import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from meshd.service import proposing, talk
from meshd.transports.memory import MemoryNetwork
from tests.endtoend.harness import Running, equal, running, until
from tests.worlds import commune

DEGREE = 4
NODES = int(os.environ.get("MESHD_NODES", "50"))
"""In the largest mesh; `just mesh` takes 100."""


def mesh(count: int, seed: int) -> dict[str, list[str]]:
    """Whom each node dials: a ring, so that all are connected, and random links up to the degree."""
    rng = random.Random(seed)
    names = [f"n{number}" for number in range(count)]
    links = {frozenset((names[n], names[(n + 1) % count])) for n in range(count)}
    degrees = Counter(name for link in links for name in link)
    for _ in range(20 * count):
        one, other = rng.sample(names, 2)
        if degrees[one] < DEGREE and degrees[other] < DEGREE and frozenset((one, other)) not in links:
            links.add(frozenset((one, other)))
            degrees.update((one, other))
    dialled: dict[str, list[str]] = {}
    for one, other in (sorted(link) for link in links):
        dialled.setdefault(one, []).append(other)
    return dialled


class Copies:
    """How many copies of records each node got over its links."""

    def __init__(self, nodes: list[Running]) -> None:
        self.got: Counter[str] = Counter()
        for node in nodes:
            self._watch(node)

    def _watch(self, node: Running) -> None:
        real = node.assembly.take

        def take(intake, waiting):
            self.got[node.name] += len(intake.records)
            return real(intake, waiting)

        node.assembly.take = take

    def each(self, records: int, nodes: int) -> float:
        """Copies of each record per node that had to get it, since this was last asked."""
        total = self.got.total()
        self.got.clear()
        return total / records / (nodes - 1)


def world(tmp_path, count: int) -> tuple[list[Running], MemoryNetwork]:
    assemblies, _ = commune(tmp_path, [f"P{n}" for n in range(count)])
    network = MemoryNetwork()
    return [Running(f"n{n}", each, network) for n, each in enumerate(assemblies)], network


@asynccontextmanager
async def meshed(tmp_path, count: int, seed: int) -> AsyncIterator[tuple[list[Running], MemoryNetwork, Copies]]:
    """That many nodes over a random mesh, once they all have everything."""
    nodes, network = world(tmp_path, count)
    copies = Copies(nodes)
    async with running(nodes, mesh(count, seed)):
        await until(equal(nodes))
        await trio.sleep(10)
        copies.got.clear()
        yield nodes, network, copies
    for node in nodes:
        node.assembly.close()


@pytest.mark.long
@pytest.mark.parametrize("seed", [1])
async def test_a_record_comes_to_everybody_little_more_than_once(tmp_path, autojump_clock, seed):
    async with meshed(tmp_path, NODES, seed) as (nodes, _, copies):
        for number, node in enumerate(random.Random(seed).sample(nodes, 5)):
            begun = trio.current_time()
            await node.do(proposing.propose, title=f"Question {number}")
            await until(equal(nodes))
            took = trio.current_time() - begun
            assert copies.each(1, NODES) <= 1.3
            assert took < (5 if number == 0 else 1), "the first record finds the tree, the others follow it"
            await trio.sleep(5)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)])
async def test_partitions_heal(tmp_path, autojump_clock, seed):
    """Two halves decide apart, and have everything soon after they meet; then a record travels as before."""
    async with meshed(tmp_path, 24, seed) as (nodes, network, copies):
        half = {node.name for node in nodes[:12]}
        await network.part(half, {node.name for node in nodes[12:]})
        for node in (nodes[0], nodes[5], nodes[12], nodes[20]):
            await node.do(proposing.propose, title=f"Apart, {node.name}")
        await until(lambda: equal(nodes[:12])() and equal(nodes[12:])())
        assert not equal(nodes)()
        await network.part()
        await until(equal(nodes), seconds=150)
        await trio.sleep(30)
        await nodes[3].do(proposing.propose, title="The first one after it finds what is too much of the tree")
        await until(equal(nodes))
        await trio.sleep(5)
        copies.got.clear()
        await nodes[15].do(proposing.propose, title="Together")
        await until(equal(nodes))
        assert copies.each(1, 24) <= 1.3


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
async def test_the_tree_heals_where_nodes_vanish(tmp_path, autojump_clock, seed):
    """Nodes fall silent while records spread: the others get them by other links, without waiting for a comparison."""
    async with meshed(tmp_path, 24, seed) as (nodes, network, _):
        await nodes[0].do(proposing.propose, title="The first makes the tree")
        await until(equal(nodes))
        gone = set(random.Random(seed).sample([node.name for node in nodes[1:]], 3))
        rest = [node for node in nodes if node.name not in gone]
        reached = _reached(mesh(24, seed), nodes[0].name, gone)
        here = [node for node in rest if node.name in reached]
        await network.part({node.name for node in rest}, *({name} for name in gone))
        begun = trio.current_time()
        await nodes[0].do(talk.say, text="Who is still there?")
        await until(equal(here))
        assert len(here) > 15
        assert trio.current_time() - begun < 10, "not only by the periodic comparison"


def _reached(dialled: dict[str, list[str]], start: str, gone: set[str]) -> set[str]:
    """Who is connected with `start` over links that are left."""
    links = [(one, other) for one, others in dialled.items() for other in others if not {one, other} & gone]
    found = {start}
    while more := {b for a, b in [*links, *((b, a) for a, b in links)] if a in found} - found:
        found |= more
    return found


async def test_nodes_behind_nodes_are_reached(tmp_path, autojump_clock):
    """A line of nodes, each of which knows the next alone."""
    nodes, network = world(tmp_path, 8)
    async with running(nodes, {f"n{n}": [f"n{n + 1}"] for n in range(7)}):
        await until(equal(nodes))
        await trio.sleep(10)
        begun = trio.current_time()
        await nodes[0].do(talk.say, text="hello, far end")
        await until(equal(nodes))
        assert trio.current_time() - begun < 5
    for node in nodes:
        node.assembly.close()
