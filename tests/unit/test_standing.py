"""How far a node comes with roster records that arrive together, in an order in which one needs a later one."""

from meshd import recount
from meshd.store import tables
from meshd.store.memory import MemoryStore
from meshd_protocol.bodies.membership import RosterStep
from meshd_protocol.kinds import Kind
from meshd_protocol.rosters import roster_id
from tests.worlds import Clock, commune, give


def test_a_step_that_needs_one_written_after_it_is_found_at_once(tmp_path):
    """The first record cites what pins the roster that the second one leads to; both start from the genesis."""
    (ada,), authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan", "Eve"], nodes=1, clock=Clock())
    bea, _, dan, eve = authors
    origin = ada.standing.head
    for author in authors:
        author.certify()
    first = bea.remove(origin, eve.member.public)
    smaller = roster_id(ada.id, [first.id])
    second = bea.remove(smaller, dan.member.public)
    for author in authors:
        author.ballot(first.id)
        author.ballot(second.id)
    both = tuple(sorted([first.id, second.id]))
    bea.write(Kind.ROSTER, RosterStep(origin, both))
    bea.write(Kind.ROSTER, RosterStep(origin, (first.id,)))
    give(ada, *(record for author in authors for record in author.history))
    log = recount.read_now(ada.store, ada.id, {})
    counted = recount.beside(MemoryStore(), ada.id, log.records)
    steps = counted.find(tables.RosterStep)
    assert [step.roster for step in steps] == [roster_id(ada.id, both), smaller]
    assert counted.find(tables.Head)[-1].roster == ada.standing.head == roster_id(ada.id, both)
    ada.close()
