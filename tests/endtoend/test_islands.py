"""Hard case 14 on whole nodes: islands that admit and remove people, and meet in any order, by network and by hand."""

import itertools
import random
from contextlib import closing

import pytest

from meshd.app import restoring
from meshd.founding.opening import open_assembly
from meshd.home import assemblies as homes
from meshd.progress import finish as run
from meshd.service import backing_up, explaining, membership, proposing, status, voting
from meshd.service.context import Context
from meshd.store import tables
from meshd.transports.memory import MemoryNetwork
from meshd_crypto.identity import SigningKey
from meshd_protocol.bodies.decisions import Proposal, Verb
from meshd_protocol.bodies.membership import Application
from meshd_protocol.decisions.question import POLICY_OF
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from meshd_protocol.records import Record
from tests.endtoend.harness import Running, equal, running, until
from tests.worlds import Author, commune, exchange, give, world


def _applicant(assembly: bytes, name: str, seed: int) -> tuple[Author, list[Record]]:
    """Somebody who applies, by her own records."""
    author = Author(assembly, name, seed)
    door = SigningKey.from_seed(bytes([seed]) * 32)
    records = [author.certify()]
    body = Application(invitation=door.public, member=author.member.public, device=author.device.public)
    records.append(author.write(Kind.APPLICATION, body.signed_by(door, assembly)))
    return author, records


@pytest.fixture
def islands(tmp_path):
    """Three nodes of ten founders; the seven others sign here and there. Everybody knows everybody's certificate."""
    assemblies, authors = commune(tmp_path, ["Ada", "Bea", "Cy", *(f"M{n}" for n in range(7))], nodes=3)
    exchange(*assemblies)
    for assembly in assemblies:
        give(assembly, *(author.heads.get(0) or author.certify() for author in authors))
    yield assemblies, authors
    for assembly in assemblies:
        assembly.close()


def _decide(assembly, authors, verb: Verb, subjects: list[bytes], *more: Record) -> bytes:
    """The person of this node moves something, and everybody who signs here says yes; her own yes completes it.

    An author's chain holds ballots on what other islands decide, too; their motions are not known here.
    """
    with assembly.writing():
        body = Proposal(assembly.standing.head, POLICY_OF[verb], verb.name, action=(int(verb), tuple(sorted(subjects))))
        motion = assembly.write(Kind.PROPOSAL, body).id
    for author in authors:
        author.ballot(motion)
    give(assembly, *more, *(record for author in authors for record in author.history))
    voting.vote(Context(assembly), {"id": text_of(motion), "choices": ["yes"]})
    assert motion in assembly.standing.rosters.ids(assembly.standing.head)
    return motion


def _roles(assembly) -> dict[str, str]:
    return {row["person"]: row["role"] for row in membership.members(Context(assembly), {})}


@pytest.mark.parametrize("seed", range(6))
def test_islands_that_admit_and_remove_end_on_one_roster_in_any_order(islands, seed):
    """Eight of ten on each island: everything qualifies mutually, so nobody has to be asked."""
    (ada, bea, cy), authors = islands
    _, xena = _applicant(ada.id, "Xena", 60)
    _, yara = _applicant(ada.id, "Yara", 61)
    _decide(ada, authors, Verb.ADMIT, [xena[1].id], *xena)
    _decide(bea, authors, Verb.ADMIT, [yara[1].id], *yara)
    _decide(cy, authors, Verb.REMOVE, [authors[6].member.public])
    assert len({each.standing.head for each in (ada, bea, cy)}) == 3
    rng = random.Random(seed)
    pairs = list(itertools.permutations((ada, bea, cy), 2)) * 2
    rng.shuffle(pairs)
    for one, other in pairs:
        exchange(one, other)
    exchange(ada, bea, cy)
    heads = {each.standing.head for each in (ada, bea, cy)}
    assert len(heads) == 1, f"seed {seed}"
    for each in (ada, bea, cy):
        roles = _roles(each)
        assert (roles["Xena"], roles["Yara"], roles["M6"]) == ("member", "member", "removed")
        assert each.standing.apart() == []
    question = proposing.propose(Context(cy), {"title": "On the roster that all share"})["id"]
    exchange(ada, bea, cy)
    assert explaining.show(Context(ada), {"id": question})["electorate"] == 11
    assert explaining.show(Context(bea), {"id": question})["roster"] == "current"


def test_lines_that_do_not_join_by_themselves_stay_and_say_so(islands):
    """Seven of ten admit two, seven of ten remove one: the removal waits on the first line for one more yes."""
    (ada, bea, _), authors = islands
    _, xena = _applicant(ada.id, "Xena", 60)
    _, yara = _applicant(ada.id, "Yara", 61)
    admit = _decide(ada, authors[:6], Verb.ADMIT, [xena[1].id, yara[1].id], *xena, *yara)
    remove = _decide(bea, authors[1:7], Verb.REMOVE, [authors[5].member.public])
    exchange(ada, bea)
    assert ada.standing.rosters.ids(ada.standing.head) == {admit}
    assert bea.standing.rosters.ids(bea.standing.head) == {admit, remove}
    assert len(ada.standing.apart()) > 0

    assert any("Another line" in text for text in status.status(Context(ada), {})["pending"])
    give(ada, authors[0].ballot(remove))
    exchange(ada, bea)
    assert ada.standing.head == bea.standing.head
    assert _roles(ada)["M5"] == "removed"


async def test_islands_meet_on_a_network(islands, autojump_clock):
    (ada, bea, cy), authors = islands
    network = MemoryNetwork()
    nodes = [Running(name, assembly, network) for name, assembly in zip(("a", "b", "c"), (ada, bea, cy), strict=True)]
    _, xena = _applicant(ada.id, "Xena", 60)
    _decide(ada, authors, Verb.ADMIT, [xena[1].id], *xena)
    _decide(bea, authors, Verb.REMOVE, [authors[6].member.public])
    async with running(nodes, {"b": ["a"], "c": ["b"]}):
        await until(equal(nodes))
        await until(lambda: len({each.standing.head for each in (ada, bea, cy)}) == 1)
    assert _roles(cy)["Xena"] == "member"
    assert cy.store.count(tables.RosterStep) >= 2


def test_who_writes_the_roster(islands):
    """Not everybody who sees a decision complete: those whose record is part of it, or who need it in the head."""
    (ada, bea, cy), authors = islands
    motion = authors[0].remove(ada.standing.head, authors[6].member.public)
    for author in authors:
        author.ballot(motion.id)
    records = [record for author in authors for record in author.history]
    start = ada.standing.head
    give(ada, *records)
    assert explaining.show(Context(ada), {"id": text_of(motion.id)})["state"] == "settled"
    assert (ada.standing.head, ada.store.count(tables.RosterStep)) == (start, 0)
    proposing.propose(Context(ada), {"title": "Needs what is final"})
    assert ada.standing.rosters.ids(ada.standing.head) == {motion.id}
    assert ada.store.count(tables.RosterStep) == 1
    give(bea, *records)
    voting.vote(Context(bea), {"id": text_of(motion.id), "choices": ["no"]})
    assert bea.standing.head == start, "a no completes nothing"
    give(cy, *records[:-1])
    assert cy.standing.head == start
    voting.vote(Context(cy), {"id": text_of(motion.id), "choices": ["yes"]})
    assert cy.standing.head == ada.standing.head
    exchange(ada, bea, cy)
    assert bea.standing.head == ada.standing.head


def test_a_backup_finds_the_way_to_a_roster_that_no_record_tells_of(islands, tmp_path):
    """The head moved by itself, as islands met, and nobody has proposed anything on it yet."""
    (ada, bea, cy), authors = islands
    _, xena = _applicant(ada.id, "Xena", 60)
    _decide(ada, authors, Verb.ADMIT, [xena[1].id], *xena)
    _decide(bea, authors, Verb.REMOVE, [authors[6].member.public])
    exchange(bea, ada)
    assert ada.standing.unrecorded()
    assert ada.standing.recorded() != ada.standing.head
    run(backing_up.backup(Context(ada), {"path": str(tmp_path / "kept")}))
    home = tmp_path / "new"
    run(restoring.restore(home, tmp_path / "kept", "pw", "new", None, world(9)))
    (folder,) = homes(home)
    with closing(open_assembly(folder, "pw", world(9))) as again:
        assert again.standing.head == ada.standing.head
        assert again.standing.state == ada.standing.state
        question = proposing.propose(Context(again), {"title": "On the new machine"})["id"]
        exchange(again, ada, bea, cy)
        assert explaining.show(Context(cy), {"id": question})["roster"] == "current"
