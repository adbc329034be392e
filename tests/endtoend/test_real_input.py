"""A real election and a real partition, on five nodes: the Debian Project Leader election of 2006, and a settled decision.

Everything is the real stack: signatures, doors, stores on disk, sessions, sticks. Only the network, the clock and the
cost of a passphrase are injected.
"""

import re
from pathlib import Path

import pytest

from meshd.service import audit, carry, checking, explaining, listing, proposing, voting
from meshd.service.context import Context
from meshd.sneakernet.export import Narrow, export_stick
from meshd.sneakernet.import_ import import_stick
from meshd.transports.memory import MemoryNetwork
from meshd_protocol.bodies.decisions import Say
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.records import read_record
from tests.endtoend.harness import Running, equal, running, until
from tests.worlds import Author, Clock, commune, exchange, give, propose, state_of

TALLY = Path(__file__).parent.parent / "vectors" / "elections" / "debian-leader-2006.tally.txt"


def _election() -> tuple[list[str], list[tuple[tuple[int, ...], ...]]]:
    """The options and each voter's ranks, best first; `-` stands below every rank."""
    text = TALLY.read_text(encoding="utf-8", errors="replace")
    options = [match[1].strip() for match in re.finditer(r"Option \d+-*>: (.+)", text)]
    ballots = []
    for line in re.findall(r"^V: ([0-9-]+)", text, re.MULTILINE):
        places: dict[int, list[int]] = {}
        for option, place in enumerate(line):
            if place != "-":
                places.setdefault(int(place), []).append(option)
        ballots.append(tuple(tuple(places[place]) for place in sorted(places)))
    assert (len(options), len(ballots)) == (8, 421), "the tally is not the one that was copied here"
    return options, ballots


def _exhaust(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.long
async def test_the_debian_election_of_2006(tmp_path, autojump_clock):
    """421 founders vote on five nodes in two islands, which sync by socket and by stick: one result everywhere."""
    options, ranks = _election()
    clock, network = Clock(), MemoryNetwork()
    assemblies, authors = commune(tmp_path, [f"Voter {n}" for n in range(421)], nodes=5, clock=clock)
    nodes = [Running(f"n{n}", assembly, network) for n, assembly in enumerate(assemblies)]
    exchange(*assemblies)
    question = propose(nodes[0].context, "Debian Project Leader 2006", policy="election", options=options)
    exchange(*assemblies)

    for n, node in enumerate(nodes):
        words = ["=".join(str(option + 1) for option in rank) for rank in ranks[n]]
        voting.vote(node.context, {"id": text_of(question), "choices": words})
    for n, author in enumerate(authors):
        node = nodes[n % 5]
        report = give(node.assembly, author.certify(), author.rank(question, *ranks[n + 5]))
        assert len(report.new) == 2
    assert len({node.digest() for node in nodes}) == 5

    await network.part({"n0", "n1", "n2"}, {"n3", "n4"})
    async with running(nodes, {"n1": ["n0"], "n2": ["n1"], "n3": ["n0"], "n4": ["n3"]}):
        await until(equal(nodes[:3]))
        await until(equal(nodes[3:]))
        assert nodes[0].digest() != nodes[3].digest()
        stick = tmp_path / "stick"
        stick.mkdir()
        for node in (nodes[2], nodes[4]):
            _exhaust(export_stick(node.assembly, stick, Narrow()))
        for node in (nodes[2], nodes[4]):
            await node.node.work(lambda node=node: _exhaust(import_stick(node.assembly, stick)))
        await until(equal(nodes))

    shown = [explaining.show(node.context, {"id": text_of(question)}) for node in nodes]
    assert all(each["counts"] == shown[0]["counts"] for each in shown)
    assert shown[0]["leading"] == ["Anthony Towns"]
    assert (shown[0]["seen"], shown[0]["electorate"], shown[0]["state"]) == (421, 421, "provisional")
    assert shown[0]["counts"]["Anthony Towns"] == 7
    reasons = explaining.why(nodes[3].context, {"id": text_of(question)})["reasons"]
    duels = {reason["text"] for reason in reasons if reason["rule"] == "round"}
    assert any(text.startswith("Anthony Towns against None of the Above: ") for text in duels)
    for node in nodes:
        found = _exhaust(checking.check(node.context, {"rebuild": node is nodes[0]}))
        assert found["ok"], found
        assert explaining.show(node.context, {"id": text_of(question)}) == shown[nodes.index(node)]
        node.assembly.close()


async def test_what_the_larger_island_settles_the_smaller_learns_and_it_never_changes_back(tmp_path, autojump_clock):
    clock, network = Clock(), MemoryNetwork()
    assemblies, _ = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan", "Eve"], clock=clock)
    nodes = [Running(f"n{n}", assembly, network) for n, assembly in enumerate(assemblies)]
    ring = {f"n{n}": [f"n{(n + 1) % 5}"] for n in range(5)} | {"n3": ["n4", "n0"], "n0": ["n1", "n2"]}
    history: list[set[str]] = [set() for _ in nodes]

    def watch() -> None:
        """Final never changes: once a node has shown it, it shows it for ever."""
        for n, node in enumerate(nodes):
            for row in listing.list_(node.context, {}):
                if row["outcome"] is not None:
                    history[n].add(f"{row['id']} {row['state']} {row['outcome']}")
            now = {f"{row['id']} {row['state']} {row['outcome']}" for row in listing.list_(node.context, {})}
            assert history[n] <= now, "what was final changed"

    async with running(nodes, ring):
        await until(equal(nodes))
        await network.part({"n0", "n1", "n2"}, {"n3", "n4"})
        question = propose(nodes[0].context, "Settle this in the dark")
        watch()
        await nodes[0].node.work(lambda: None)
        for node in nodes[:3]:
            await until(lambda node=node: state_known(node, question))
            await node.do(voting.vote, id=text_of(question), choices=["yes"])
            watch()
        await until(lambda: all(state_of(node.context, question)["state"] == "settled" for node in nodes[:3]))
        assert not state_known(nodes[3], question)
        rival = bytes_of_id(await nodes[3].do(proposing.propose, title="Something else"))
        for node in nodes[3:]:
            await until(lambda node=node: state_known(node, rival))
            await node.do(voting.vote, id=text_of(rival), choices=["yes"])
        assert state_of(nodes[3].context, rival)["state"] == "provisional"
        watch()
        await network.part()
        await until(equal(nodes))
        for node in nodes:
            shown = state_of(node.context, question)
            assert (shown["state"], shown["outcome"], shown["counts"]["yes"]) == ("settled", "passed", 3)
        for node in nodes[3:]:
            await node.do(voting.vote, id=text_of(question), choices=["no"])
            watch()
        twin = _twin_of(nodes[0])
        await nodes[4].node.work(lambda: give(nodes[4].assembly, twin.ballot(question, Say.NO)))
        await until(equal(nodes))
        assert audit.forks(nodes[2].context, {})[0]["person"].startswith("Ada·")
        watch()
        assert state_of(nodes[4].context, question)["counts"] == {"yes": 3, "no": 2, "abstain": 0}
    for node in nodes:
        assert _exhaust(checking.check(node.context, {}))["ok"]
        node.assembly.close()


def _twin_of(node: Running) -> Author:
    """A copy of a device, which forks its chain after the genesis and the certificate."""
    twin = Author(node.assembly.id, "Ada", 1)
    twin.device = node.assembly.keys.device
    chain = node.assembly.door.chain((twin.device.public, 0))
    (kept,) = node.assembly.store.span(chain.number, 1, 2)
    twin.heads[0] = read_record(node.assembly.id, kept.header, kept.signature, kept.body)
    return twin


def state_known(node: Running, question: bytes) -> bool:
    return any(row["id"] == text_of(question) for row in listing.list_(node.context, {}))


def bytes_of_id(answer: dict[str, str]) -> bytes:
    return bytes_of(answer["id"])


def test_the_importer_is_told_what_moved(tmp_path):
    """`import` ends with what is new: so many records, these proposals, these results."""
    (one, two), _ = commune(tmp_path, ["Ada", "Bea"], nodes=2)
    exchange(one, two)
    question = propose(Context(one), "Carried by hand")
    voting.vote(Context(one), {"id": text_of(question), "choices": ["yes"]})
    stick = tmp_path / "stick"
    stick.mkdir()
    _exhaust(carry.export(Context(one), {"path": str(stick)}))
    taken = _exhaust(carry.import_(Context(two), {"path": str(stick)}))
    assert taken["records"] == 2
    assert [row["title"] for row in taken["news"]] == ["Carried by hand"]
    for assembly in (one, two):
        assembly.close()
