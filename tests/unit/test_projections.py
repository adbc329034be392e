"""Projections: what a command costs does not grow with the log, a rebuild agrees with them, and damage is told and mended."""

import pytest
import sqlcipher3.dbapi2 as sqlcipher

from meshd.assembly import survey
from meshd.errors import NodeError
from meshd.founding.opening import open_assembly
from meshd.home import LOG
from meshd.service import checking, explaining, listing, membership, refounding
from meshd.service.context import Context
from meshd.store import tables
from meshd.store.sqlite import SqliteStore
from meshd_protocol.bodies.decisions import Ballot, Form
from meshd_protocol.bodies.talk import Message
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from tests.worlds import Author, commune, exchange, founder, give, newcomer, propose, world


def run(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _steps(assembly, question) -> int:
    """The steps of SQLite's virtual machine that `show` takes."""
    assert isinstance(assembly.store, SqliteStore)
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    explaining.show(Context(assembly), {"id": text_of(question)[:12]})  # whatever is remembered, is remembered now
    assembly.store.on_step(step)
    explaining.show(Context(assembly), {"id": text_of(question)[:12]})
    assembly.store.on_step(None)
    return count


def test_show_costs_the_same_in_a_log_of_1_000_and_of_100_000_records(tmp_path):
    (one,), authors = commune(tmp_path, ["Ada", "Cy", "Dan"], nodes=1)
    question = propose(Context(one))
    for author in authors:
        give(one, author.certify(), author.ballot(question))

    def grow(records: int) -> int:
        """Make the log so long: rows as ingest would write them, without 100,000 signatures."""
        have = one.store.count(tables.Kept)
        with one.store.transaction():
            chain = one.store.last_chain() + 1
            ids = [(chain * 10**9 + n).to_bytes(32, "little") for n in range(records - have)]
            one.store.insert(
                [tables.Kept(i, chain, n, 33, 1, b"h" * 120, b"s" * 64, b"b" * 40) for n, i in enumerate(ids)]
            )
            half = len(ids) // 2
            one.store.insert(
                [tables.Ballot(i, i[::-1], b"m" * 32, b"d" * 32, 0, 0, 0, b"\x01", 0, "") for i in ids[:half]]
            )
            one.store.insert([tables.Message(i, b"d" * 32, "general", "hello", None, 1) for i in ids[half:]])
        return _steps(one, question)

    few, many = grow(1_000), grow(100_000)
    assert few > 20, "nothing was counted"
    assert abs(many - few) <= few * 0.1, (few, many)
    one.close()


@pytest.fixture
def busy(tmp_path):
    """A log with something of everything that can be projected: forks, talk, members, records without effect."""
    (one, two), (cy, dan) = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=2)
    exchange(one, two)
    give(one, cy.certify(), dan.certify())
    question = propose(Context(one))
    twin = cy.fork()
    give(one, cy.ballot(question), twin.ballot(question, 0), dan.ballot(question))
    give(one, dan.write(99, b"\xa0", log=0), dan.write(Kind.MESSAGE, Message(b"s" * 16, "general", "hello")))
    eve = newcomer(tmp_path, Context(one), "Eve", seed=9)
    exchange(one, eve.assembly)
    membership.vouch(Context(one), {"person": "Eve"})
    exchange(one, two)
    membership.vouch(Context(two), {"person": "Eve"})
    exchange(one, two)
    yield one, two, question
    for assembly in (one, two, eve.assembly):
        assembly.close()


def test_a_recount_agrees_and_a_rebuild_changes_nothing(busy):
    one, _, _ = busy
    before = {table: one.store.find(table) for table in tables.TABLES}
    assert run(checking.check(Context(one), {}))["ok"]
    assert run(checking.check(Context(one), {"rebuild": True}))["ok"]
    after = {table: one.store.find(table) for table in tables.TABLES}
    for table in tables.TABLES:
        assert set(map(checking.comparable, after[table])) == set(map(checking.comparable, before[table]))


@pytest.mark.parametrize(
    "table", [tables.Ballot, tables.Chain, tables.Certificate, tables.RosterStep, tables.Proposal, tables.Message]
)
def test_every_edited_row_is_found_and_mended(busy, table):
    one, two, question = busy
    rows = one.store.find(table)
    with one.store.transaction():
        one.store.delete(table)
        one.store.insert(rows[1:])
    one.reload()
    found = run(checking.check(Context(one), {}))
    assert not found["ok"]
    assert run(checking.check(Context(one), {"rebuild": True}))["ok"]
    assert run(checking.check(Context(one), {}))["ok"]
    assert explaining.show(Context(one), {"id": text_of(question)})["state"] == "provisional"
    newer = Author(one.id, "New", 70)
    assert len(give(one, newer.certify()).new) == 1, "and new chains still get a number of their own"
    assert run(checking.check(Context(one), {}))["ok"]


def test_a_damaged_record_is_told_and_comes_again_from_a_peer(busy):
    one, two, question = busy
    kept = one.store.get(tables.Kept, id=question)
    with one.store.transaction():
        one.store.replace(kept._replace(body=b"\xa1\x00\x00"))
    found = run(checking.check(Context(one), {}))
    assert any("is damaged" in problem for problem in found["problems"])
    run(checking.check(Context(one), {"rebuild": True}))
    assert one.store.get(tables.Kept, id=question) is None
    exchange(two, one)
    assert run(checking.check(Context(one), {}))["ok"]
    assert survey.digest(one) == survey.digest(two)


def test_a_head_that_the_records_do_not_bear_out(busy):
    one, _, _ = busy
    head = one.store.find(tables.Head)[-1]
    with one.store.transaction():
        one.store.replace(head._replace(cites=b"x" * 32))
    assert any("the head moved" in problem for problem in run(checking.check(Context(one), {}))["problems"])


def test_a_missing_own_record_is_told(tmp_path):
    ada = founder(tmp_path)
    question = propose(ada.context)
    with ada.assembly.store.transaction():
        ada.assembly.store.delete(tables.Kept, id=question)
        ada.assembly.store.delete(tables.Proposal, id=question)
        chain = ada.assembly.store.find(tables.Chain)[0]
        before = ada.assembly.store.span(chain.number, 1, 2)[0]
        ada.assembly.store.replace(chain._replace(head_seq=1, head_id=before.id))
    ada.assembly.reload()
    found = run(checking.check(ada.context, {}))
    assert any("is missing: a peer may still have it" in problem for problem in found["problems"])
    with pytest.raises(NodeError, match="end of what this device wrote is missing"):
        propose(ada.context, "Would fork the chain")
    ada.assembly.close()


def test_a_damaged_or_missing_file_is_told(tmp_path):
    ada = founder(tmp_path)
    folder = ada.assembly.folder
    for n in range(30):
        propose(ada.context, f"Question {n}", text="x" * 5000)
    ada.assembly.store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ada.assembly.close()
    path = folder / LOG
    whole = path.read_bytes()
    path.write_bytes(whole[:40_000] + bytes(20_000) + whole[60_000:])
    opened = None
    with pytest.raises(NodeError):
        opened = open_assembly(folder, "pw", world())
        found = run(checking.check(Context(opened), {}))
        assert not found["ok"]
        raise NodeError(found["problems"][0])
    if opened is not None:
        opened.close()
    path.write_bytes(bytes(len(whole)))
    with pytest.raises(NodeError, match="damaged, or of another home"):
        open_assembly(folder, "pw", world())
    path.unlink()
    with pytest.raises(NodeError, match="is missing"):
        open_assembly(folder, "pw", world())
    assert sqlcipher.Error


def test_a_head_moves_on_when_a_home_is_opened(busy):
    """What became effective while nobody looked takes effect at the next start."""
    one, _, _ = busy
    head = one.standing.head
    heads = one.store.find(tables.Head)
    with one.store.transaction():
        one.store.delete(tables.Head, n=heads[-1].n)
    one.close()
    again = open_assembly(one.folder, "pw", one.world)
    assert again.standing.head == head
    again.close()
    one.store = again.store = SqliteStore(one.folder / LOG, one.keys.database)


def test_one_ballot_for_an_unknown_proposal_waits_without_harm(busy):
    one, _, _ = busy
    author = Author(one.id, "Dan", 70)
    give(one, author.certify(), author.write(Kind.BALLOT, Ballot(b"q" * 32, Form.YES_NO, 1)))
    assert len(listing.list_(Context(one), {})) == 1
    assert run(checking.check(Context(one), {}))["ok"]


def test_a_log_of_an_earlier_meshd_learns_what_it_could_not_read(tmp_path):
    """One from before assemblies were founded anew, which kept such a record without its effect."""
    (ada, bea), _ = commune(tmp_path, ["Ada", "Bea"])
    exchange(ada, bea)
    refounding.refound(Context(ada), {"without": ["Bea"]})
    exchange(ada, bea)
    (row,) = bea.store.find(tables.Refounding)
    bea.close()
    ada.close()
    log = sqlcipher.connect(str(bea.folder / LOG), isolation_level=None)
    log.execute(f"PRAGMA key = \"x'{bea.keys.database.hex()}'\"")
    log.execute("DROP TABLE refounding")
    log.execute("DROP TABLE acquaintance")
    log.execute("DELETE FROM _sqlite_migrations WHERE name LIKE '0004%'")
    log.execute("UPDATE setting SET value = '3' WHERE name = 'projections'")
    log.execute("PRAGMA user_version = 3")
    log.close()
    again = open_assembly(bea.folder, "pw", world(7))
    assert again.store.find(tables.Refounding) == [row]
    assert run(checking.check(Context(again), {}))["ok"]
    again.close()
