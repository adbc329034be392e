"""One suite for every store: rows, order, and transactions that happen wholly or not at all."""

import os
from pathlib import Path

import pytest

from meshd.store.api import StoreError, WrongKeyError
from meshd.store.memory import MemoryStore
from meshd.store.sqlite import SCRATCH, SqliteStore
from meshd.store.tables import Ballot, Chain, Head, Kept, Message, Own, Proposal, RosterStep, Setting, Sum
from meshd.upkeep.scrubbing import always

KEY = b"k" * 32


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "log.db", KEY)
    yield opened
    opened.close()


def _kept(number: int, chain: int = 1, seq: int | None = None) -> Kept:
    identity = number.to_bytes(1, "big") * 32
    return Kept(identity, chain, number if seq is None else seq, 33, 0, b"header", b"signature", b"body")


def test_rows_come_back_in_the_order_of_writing(store):
    rows = [_kept(3), _kept(1), _kept(2)]
    with store.transaction():
        store.insert(rows)
    assert store.find(Kept) == rows
    assert store.find(Kept, newest=True, limit=2) == [rows[2], rows[1]]
    assert store.find(Kept, chain=1, seq=1) == [rows[1]]
    assert store.find(Kept, chain=2) == []
    assert store.get(Kept, id=rows[2].id) == rows[2]
    assert store.get(Kept, id=b"none") is None
    assert (store.count(Kept), store.count(Kept, seq=3)) == (3, 1)


def test_nulls_are_found(store):
    bare = _kept(1)._replace(body=None)
    with store.transaction():
        store.insert([bare, _kept(2)])
        store.insert([RosterStep(b"i" * 32, b"p" * 32, b"c" * 32, None, None)])
    assert store.find(Kept, body=None) == [bare]
    assert store.count(RosterStep, roster=None) == 1


def test_a_key_is_taken_once_and_replacing_keeps_the_place(store):
    with store.transaction():
        store.insert([_kept(1), _kept(2)])
    with pytest.raises(StoreError), store.transaction():
        store.insert([_kept(1)])
    with store.transaction():
        store.replace(_kept(1)._replace(verified=1))
        store.replace(Setting("a", "1"))
        store.replace(Setting("a", "2"))
    assert [(kept.id[0], kept.verified) for kept in store.find(Kept)] == [(1, 1), (2, 0)]
    assert store.find(Setting) == [Setting("a", "2")]


def test_rows_without_a_key_may_repeat(store):
    ballot = Ballot(b"i" * 32, b"p" * 32, b"m" * 32, b"d" * 32, 0, 0, 0, b"\x01", 0, "")
    with store.transaction():
        store.insert([ballot, ballot])
    assert store.find(Ballot, proposal=b"p" * 32) == [ballot, ballot]


def test_numbered_rows_come_by_number(store):
    with store.transaction():
        for log in (2, 0, 1):
            store.replace(Own(log, log, b"i" * 32))
        store.insert([Head(1, b"r" * 32, b"", b""), Head(2, b"s" * 32, b"r" * 32, b"c" * 32)])
    assert [own.log for own in store.find(Own)] == [0, 1, 2]
    assert [head.n for head in store.find(Head)] == [1, 2]


def test_deleting(store):
    with store.transaction():
        store.insert([_kept(1), _kept(2, chain=2), _kept(3, chain=2)])
        assert store.delete(Kept, chain=2) == 2
        assert store.delete(Kept, chain=2) == 0
    assert [kept.id[0] for kept in store.find(Kept)] == [1]
    with store.transaction():
        assert store.delete(Kept) == 1
    assert store.count(Kept) == 0


def test_a_failed_transaction_leaves_nothing(store):
    with store.transaction():
        store.insert([_kept(1)])
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.insert([_kept(2)])
        store.replace(_kept(1)._replace(verified=1))
        store.delete(Kept, seq=1)
        store.insert([Setting("a", "1")])
        raise ZeroDivisionError
    assert store.find(Kept) == [_kept(1)]
    assert store.find(Setting) == []
    with store.transaction():
        store.insert([_kept(2)])
    assert store.count(Kept) == 2


def test_writes_need_a_transaction_and_transactions_do_not_nest(store):
    for write in (
        lambda: store.insert([_kept(1)]),
        lambda: store.replace(_kept(1)),
        lambda: store.delete(Kept),
    ):
        with pytest.raises(StoreError):
            write()
    with pytest.raises(StoreError), store.transaction(), store.transaction():
        pass
    assert store.count(Kept) == 0


def _proposal(identity):
    return Proposal(
        identity,
        b"m",
        b"r",
        "p",
        "t",
        "",
        None,
        None,
        None,
        1,
        0,
        None,
        None,
        None,
        b"",
        None,
        None,
        0,
        None,
        None,
        None,
        None,
        "",
        5,
    )


def test_a_key_of_two_columns_finds_replaces_and_deletes(store):
    with store.transaction():
        store.insert([Sum(b"p", b"", 2), Sum(b"p", b"yes", 1), Sum(b"q", b"yes", 5)])
        store.replace(Sum(b"p", b"yes", 2))
    assert store.find(Sum, proposal=b"p") == [Sum(b"p", b"", 2), Sum(b"p", b"yes", 2)]
    assert store.get(Sum, proposal=b"q", choice=b"yes") == Sum(b"q", b"yes", 5)
    with store.transaction():
        assert store.delete(Sum, proposal=b"p", choice=b"yes") == 1
    assert store.find(Sum, proposal=b"p") == [Sum(b"p", b"", 2)]


def test_a_failed_transaction_leaves_rows_and_their_order(store):
    rows = [Sum(b"p", bytes([n]), n) for n in range(5)]
    with store.transaction():
        store.insert(rows)
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.delete(Sum, proposal=b"p", choice=b"\x01")
        store.replace(Sum(b"p", b"\x02", 99))
        store.insert([Sum(b"q", b"", 1)])
        raise ZeroDivisionError
    assert store.find(Sum) == rows
    assert store.find(Sum, proposal=b"p") == rows
    assert store.find(Sum, proposal=b"q") == []


def test_known_span_weigh_between_walk(store):
    many = [_kept(n % 200, chain=n // 200, seq=n % 200)._replace(id=n.to_bytes(32, "little")) for n in range(1200)]
    with store.transaction():
        store.insert(many)
        store.insert([_kept(250, chain=0, seq=7)])
        store.insert([_proposal(bytes([n]) * 32) for n in (9, 7, 8)])
    ids = [kept.id for kept in many]
    assert store.known([*ids, b"x" * 32]) == set(ids)
    assert [kept.seq for kept in store.span(0, 5, 9)] == [5, 6, 7, 7, 8]
    at_seven = sorted(kept.id for kept in store.span(0, 7, 8))
    assert [kept.id for kept in store.span(0, 7, 9, limit=1)] == at_seven[:1]
    rest = store.span(0, 7, 9, after=at_seven[0], limit=2)
    assert [(kept.seq, kept.id) for kept in rest] == [(7, at_seven[1]), (8, many[8].id)]
    assert [kept.seq for kept in store.span(0, 7, 9, after=at_seven[1])] == [8]
    assert store.span(0, 5, 5) == store.span(0, 5, 9, limit=0) == []
    assert store.weigh(1, 190) == (10, 10 * len(b"headersignaturebody"))
    assert store.weigh(99, 0) == (0, 0)
    assert [row.id[0] for row in store.between(Proposal, bytes([7]) * 32, bytes([8]) * 32, 5)] == [7, 8]
    assert len(store.between(Proposal, bytes(32), b"\xff" * 32, 2)) == 2
    walked = list(store.walk(500))
    assert [len(batch) for batch in walked] == [500, 500, 201]
    assert [kept.id for batch in walked for kept in batch][:1200] == ids


def test_rows_come_in_batches_as_they_are_when_it_is_their_turn(store):
    with store.transaction():
        store.insert([Setting(f"s{n}", "old") for n in range(5)])
        store.insert([Own(log, 1, b"x") for log in (2, 0, 1)])
    batches = iter(store.rows(Setting, 2))
    assert [row.name for row in next(batches)] == ["s0", "s1"]
    with store.transaction():
        store.replace(Setting("s0", "new"))
        store.replace(Setting("s3", "new"))
        store.delete(Setting, name="s4")
    assert list(batches) == [[Setting("s2", "old"), Setting("s3", "new")]]
    assert [row.log for batch in store.rows(Own) for row in batch] == [0, 1, 2], "a number is a row's place"
    assert list(store.rows(Head)) == []


def test_rows_are_counted_by_a_column(store):
    said = [Message(bytes([n]) * 32, b"d" * 32, topic, "text", None, n) for n, topic in enumerate("abacab")]
    with store.transaction():
        store.insert(said)
    assert store.counts(Message, "topic") == {"a": 3, "b": 2, "c": 1}
    assert store.counts(Message, "about") == {None: 6}
    assert store.counts(Head, "roster") == {}


def test_touched_entries_are_noted_in_their_order(store):
    with store.transaction():
        store.insert([_kept(1), _kept(2)])
    with store.touched() as first:
        with store.transaction():
            store.insert([_kept(5), _kept(4)])
            store.insert([Setting("name", "value")])
        with store.touched() as second, store.transaction():
            store.replace(_kept(1)._replace(verified=1))
            store.delete(Kept, id=_kept(2).id)
            store.delete(Kept, id=b"none")
        assert list(second) == [_kept(n).id for n in (1, 2)]
        with pytest.raises(ZeroDivisionError), store.transaction():
            store.insert([_kept(6)])
            raise ZeroDivisionError
        assert list(first)[:4] == [_kept(n).id for n in (5, 4, 1, 2)]
        assert list(second) == [_kept(n).id for n in (1, 2)], "that one is over"
    with store.transaction():
        store.insert([_kept(7)])
    assert _kept(7).id not in first


def test_a_scratch_store_is_one_of_its_own(store):
    with store.transaction():
        store.insert([_kept(1)])
    scratch = store.scratch()
    assert scratch.find(Kept) == []
    with scratch.transaction():
        scratch.insert([_kept(2)])
        scratch.insert([Sum(b"p", b"c", 3)])
        scratch.replace(Sum(b"p", b"c", 4))
    assert (scratch.find(Kept), scratch.find(Sum)) == ([_kept(2)], [Sum(b"p", b"c", 4)])
    assert store.find(Kept) == [_kept(1)]
    scratch.close()
    other = store.scratch()
    assert other.find(Kept) == []
    other.close()


def test_a_chain_is_found_by_its_device_and_log(store):
    chain = Chain(1, b"d" * 32, 0, 3, b"h" * 32, 0, None, 4, 99)
    with store.transaction():
        store.insert([chain])
    assert store.get(Chain, device=b"d" * 32, log=0) == chain
    assert store.get(Chain, device=b"d" * 32, log=1) is None


def test_the_file_is_encrypted_and_opens_with_its_key_alone(tmp_path):
    path = tmp_path / "log.db"
    opened = SqliteStore(path, KEY)
    with opened.transaction():
        opened.insert([Setting("name", "a very recognisable text")])
    leaks = [file.name for file in tmp_path.iterdir() if b"recognisable" in file.read_bytes()]
    opened.close()
    leaks += [file.name for file in tmp_path.iterdir() if b"recognisable" in file.read_bytes()]
    assert leaks == []
    with pytest.raises(WrongKeyError):
        SqliteStore(path, b"j" * 32)
    again = SqliteStore(path, KEY)
    assert again.find(Setting) == [Setting("name", "a very recognisable text")]
    assert again.quick_check(always) == []
    again.close()


def test_a_scratch_file_has_no_name_and_is_encrypted(tmp_path):
    opened = SqliteStore(tmp_path / "log.db", KEY)
    before = set(tmp_path.iterdir())
    (tmp_path / f"{SCRATCH}of-one-that-was-killed").touch()
    scratch = opened.scratch()
    with scratch.transaction():
        scratch.insert([Setting(f"name {n}", "a very recognisable text" * 100) for n in range(10_000)])
    assert set(tmp_path.iterdir()) == before, "whatever happens to this process, nothing stays"
    found = [Path(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd")]
    (file,) = [each for each in found if os.path.realpath(each).startswith(str(tmp_path / SCRATCH))]
    data = file.read_bytes()
    assert len(data) > 20_000_000, "it is not in memory"
    assert b"recognisable" not in data
    scratch.close()
    opened.close()


def test_a_scratch_store_where_the_disk_takes_nothing(tmp_path):
    """In memory: to read in peace needs no room."""
    opened = SqliteStore(tmp_path / "log.db", KEY)
    opened.close()
    opened = SqliteStore(tmp_path / "log.db", KEY, new=False, refusal=StoreError("the disk is read-only"))
    scratch = opened.scratch()
    with scratch.transaction():
        scratch.insert([_kept(1)])
    assert scratch.find(Kept) == [_kept(1)]
    assert [each.name for each in tmp_path.iterdir()] == ["log.db"]
    scratch.close()
    opened.close()


def test_a_log_of_a_later_version_is_not_touched(tmp_path):
    opened = SqliteStore(tmp_path / "log.db", KEY)
    opened._db.execute("PRAGMA user_version = 99")
    opened.close()
    with pytest.raises(StoreError, match="later meshd"):
        SqliteStore(tmp_path / "log.db", KEY)


def test_the_log_is_written_through(tmp_path):
    """WAL and synchronous=FULL: with NORMAL a power cut takes back what was acknowledged."""
    opened = SqliteStore(tmp_path / "log.db", KEY)
    pragmas = {
        name: opened._db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "temp_store")
    }
    opened.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "temp_store": 2}
