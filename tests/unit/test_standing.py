"""How far a node comes with roster records that arrive together, in an order in which one needs a later one."""

from meshd.log.door import Door
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.memory import MemoryStore
from meshd_crypto.identity import SigningKey
from meshd_protocol.bodies.membership import Application, Offer, RosterStep
from meshd_protocol.chains import Waiting
from meshd_protocol.kinds import Kind
from meshd_protocol.records import read_record
from meshd_protocol.rosters import roster_id
from tests.worlds import Clock, commune, give


def _taken_at_once(assembly) -> MemoryStore:
    """What a node without a head makes of the same records."""
    logged = [kept for batch in assembly.store.walk() for kept in batch]
    store = MemoryStore()
    with store.transaction():
        records = [read_record(assembly.id, kept.header, kept.signature, kept.body) for kept in logged]
        Door(store, assembly.id).accept(sorted(records, key=lambda record: (record.log, record.seq)), Waiting())
        Standing.load(store, assembly.id).refresh()
    return store


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
    counted = _taken_at_once(ada)
    steps = counted.find(tables.RosterStep)
    assert [step.roster for step in steps] == [roster_id(ada.id, both), smaller]
    assert counted.find(tables.Head)[-1].roster == ada.standing.head == roster_id(ada.id, both)
    ada.close()


def test_a_restart_knows_what_words_pinned_before_it_asks_what_they_mean(tmp_path):
    """Eve was removed and let in again, and then said something; what cites all of it came before the steps to there."""
    (ada,), authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan", "Eve"], nodes=1, clock=Clock())
    for author in authors:
        author.certify()
    bea, _, _, eve = authors
    origin = ada.standing.head
    removal = bea.remove(origin, eve.member.public)
    smaller = roster_id(ada.id, [removal.id])
    door = SigningKey.from_seed(bytes(32))
    asks = Application(invitation=door.public, member=eve.member.public, device=eve.device.public)
    application = eve.write(Kind.APPLICATION, asks.signed_by(door, ada.id))
    admission = bea.admit(smaller, application.id)
    for author in authors:
        author.ballot(removal.id)
        author.ballot(admission.id)
    again = roster_id(ada.id, [removal.id, admission.id])
    offer = eve.write(Kind.OFFER, Offer(again, eve.device.public))
    every = (removal.id, admission.id, offer.id)
    for cites in (every, every[:2], every[:1]):
        bea.write(Kind.ROSTER, RosterStep(origin, tuple(sorted(cites))))
    give(ada, *(record for author in authors for record in author.history))
    counted = _taken_at_once(ada)
    assert counted.find(tables.RosterStep)[0].roster == roster_id(ada.id, every), "in the order of writing"
    standing = Standing.load(counted, ada.id)
    assert standing is not None
    assert standing.head == ada.standing.head == roster_id(ada.id, every)
    assert not standing.unrecorded(), "roster records lead there"
    ada.close()
