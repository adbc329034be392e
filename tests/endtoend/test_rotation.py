"""New network keys on the wire (hard case 9): who was away during rotations is let in, gets the keys and catches up;
who was removed is not, on either side of a partition.
"""

import pytest
import trio

from meshd.assembly.access import my_psks, newest_first
from meshd.assembly.keystore import NetworkKey
from meshd.mesh import dialling
from meshd.service import proposing, rosters, talk, voting
from meshd.store import tables
from meshd.transports.memory import MemoryNetwork
from meshd_protocol.names import text_of
from tests.endtoend.harness import Running, equal, running, until
from tests.worlds import Author, commune, exchange, give

NAMES = ["Ada", "Bea", "Cy", "Dan", "Eve", "Fay", "Gus", "Hal", "Ivy"]


@pytest.fixture
def world(tmp_path):
    """Ada, Bea, Cy and Dan have nodes; the others sign by hand."""
    assemblies, authors = commune(tmp_path, NAMES, nodes=4)
    exchange(*assemblies)
    network = MemoryNetwork()
    nodes = [Running(name.lower(), each, network) for name, each in zip(NAMES, assemblies, strict=False)]
    for each in assemblies:
        give(each, *(author.certify() if not author.heads else author.history[0] for author in authors))
    yield nodes, authors, network
    for each in assemblies:
        each.close()


async def remove(node: Running, member: bytes, authors) -> None:
    """Put somebody out with the yes of all authors and of the node's person, who makes the new key."""
    head = node.assembly.known.head
    motion = authors[0].remove(head, member)
    await node.node.work(lambda: give(node.assembly, motion, *(author.ballot(motion.id) for author in authors)))
    await node.do(voting.vote, id=text_of(motion.id), choices=["yes"])


def keys(node: Running) -> int:
    return len(node.assembly.keys.network)


@pytest.mark.parametrize("rotations", [1, 2])
@pytest.mark.parametrize("calls", ["the one who was away", "the others"])
async def test_who_was_away_is_let_in_and_caught_up(world, autojump_clock, rotations, calls):
    (ada, bea, cy, dan), authors, _ = world
    async with running([ada, bea, dan], {"ada": ["bea", "dan"]}):
        await until(equal([ada, bea, dan]))
        await remove(ada, dan.assembly.keys.member_public, authors)
        if rotations == 2:
            await remove(ada, authors[2].member.public, authors)
        assert keys(ada) == 1 + rotations
        await until(lambda: keys(bea) == 1 + rotations)
        assert keys(dan) == 1
    assert keys(cy) == 1
    dialled = {"cy": ["ada"]} if calls == "the one who was away" else {"ada": ["cy"]}
    async with running([ada, cy], dialled):
        await until(equal([ada, cy]), seconds=60)
        assert newest_first(cy.assembly)[0] == newest_first(ada.assembly)[0]
        await cy.do(proposing.propose, title="Back again")
        await until(equal([ada, cy]))


async def test_the_removed_one_is_let_in_by_nobody_who_knows(world, autojump_clock):
    (ada, bea, cy, dan), authors, _ = world
    async with running([ada, bea, dan], {"ada": ["bea", "dan"]}):
        await until(equal([ada, bea, dan]))
        await remove(ada, dan.assembly.keys.member_public, authors)
        await until(lambda: keys(bea) == 2)
    before = dan.digest()
    async with running([ada, bea, dan], {"dan": ["ada", "bea"], "ada": ["dan"]}):
        await trio.sleep(300)
        assert dan.digest() == before
        assert keys(dan) == 1
        assert all(peer["state"] == "away" for peer in dan.node.peers())
        assert not any(peer["address"] == "dan" and peer["state"] != "away" for peer in ada.node.peers())


async def test_both_sides_of_a_partition_made_new_keys(world, autojump_clock):
    """One island puts somebody out, the other revokes a lost device: each makes a key. After they met everybody left has
    both, and writes under the same one.
    """
    (ada, bea, cy, dan), authors, network = world
    lost = Author(bea.assembly.id, "Bea", 77, member=bea.assembly.keys.member)
    async with running([ada, bea, cy, dan], {"ada": ["bea", "cy", "dan"], "bea": ["cy", "dan"]}):
        await ada.node.work(lambda: give(ada.assembly, lost.certify()))
        await until(equal([ada, bea, cy, dan]))
        await network.part({"ada", "cy"}, {"bea", "dan"})
        await remove(ada, dan.assembly.keys.member_public, authors[:4])
        await until(equal([ada, cy]))
        motion = next(row for row in cy.assembly.store.find(tables.Proposal))
        await cy.do(voting.vote, id=text_of(motion.id), choices=["yes"])
        await bea.do(rosters.revoke, device=text_of(lost.device.public))
        await until(lambda: (keys(ada), keys(bea), keys(cy), keys(dan)) == (2, 2, 2, 2))
        await network.part()
        await until(lambda: keys(ada) >= 3 and keys(bea) >= 3 and keys(cy) >= 3)
        await until(equal([ada, bea, cy]))
        await ada.do(talk.say, text="Together again")
        await until(equal([ada, bea, cy]))
        newest = {newest_first(node.assembly)[0].secret for node in (ada, bea, cy)}
        assert len(newest) == 1
        assert newest.isdisjoint(key.secret for key in dan.assembly.keys.network), "who was put out does not get it"
        assert dan.assembly.keys.member_public in bea.assembly.known.state.removed


@pytest.mark.parametrize("order", ["best first", "best last"])
async def test_one_of_many_keys_opens(world, autojump_clock, monkeypatch, order):
    """A node with more keys than it tries in one go still finds the one that the far end knows."""
    (ada, _, cy, _), _, _ = world
    cy.assembly.add_network_keys([NetworkKey(bytes([n]) * 32, bytes([n]) * 32) for n in range(1, 13)])
    if order == "best last":
        monkeypatch.setattr(dialling, "my_psks", lambda assembly: my_psks(assembly)[::-1])
    async with running([ada, cy], {"cy": ["ada"]}):
        await until(lambda: [peer["state"] for peer in cy.node.peers()] == ["in step"], seconds=30)
