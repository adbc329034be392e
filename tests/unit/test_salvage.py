"""A log with damaged pages: what can be read is saved, the rest comes from others, and nobody contradicts themselves."""

import os
import random
import shutil
from contextlib import closing

import pytest
import trio

from meshd.app import salvaging
from meshd.assembly import survey
from meshd.errors import NodeError
from meshd.founding import opening
from meshd.founding.opening import open_assembly
from meshd.home import LOOKED, is_suspect, note_looked, suspect, was_killed
from meshd.log.executor import InlineExecutor
from meshd.mesh.duties import LOOK_SECONDS
from meshd.mesh.node import Node
from meshd.progress import finish as run
from meshd.service import checking, doctoring, rosters, status, talk, voting
from meshd.service.context import Context
from meshd.service.outside import Out, out
from meshd.store import tables, torn
from meshd.store.api import LostLogError, StoreError
from meshd.transports.memory import MemoryNetwork
from meshd.upkeep.scrubbing import is_due, look_through
from meshd_protocol.names import text_of
from tests.worlds import commune, exchange, give, propose, world

PAGE = 4096
SEEDS = int(os.environ.get("MESHD_SEEDS", "12"))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Ada's home, closed, with some sixty pages; and Bea, who has all of it."""
    folder = tmp_path_factory.mktemp("two")
    (ada, bea), _ = commune(folder, ["Ada", "Bea"], nodes=2)
    exchange(ada, bea)
    for n in range(40):
        talk.say(Context(ada), {"text": f"{n} " + "long " * 500})
        propose(Context(bea), f"Question {n}")
        if n % 10 == 0:
            exchange(ada, bea)
    exchange(ada, bea)
    digest = survey.digest(ada)
    ada.close()
    yield ada.folder, bea, digest
    bea.close()


def damaged(folder, tmp_path, pages):
    """A copy of a home's folder in which bits of some pages are flipped, just after all of it was read."""
    copy = tmp_path / "home" / folder.name
    shutil.copytree(folder, copy)
    note_looked(copy, world(5).clock())
    _flip(copy, pages)
    return copy


def _flip(folder, pages):
    with (folder / "log.db").open("r+b", buffering=0) as file:
        for page in pages:
            file.seek(page * PAGE + 200)
            byte = file.read(1)
            file.seek(page * PAGE + 200)
            file.write(bytes([byte[0] ^ 1]))


def pages_of(folder):
    return (folder / "log.db").stat().st_size // PAGE


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_is_left_is_saved_and_the_rest_comes_from_others(two, tmp_path, seed):
    folder, bea, digest = two
    rng = random.Random(seed)
    copy = damaged(folder, tmp_path, rng.sample(range(2, pages_of(folder)), rng.randint(1, 6)))
    try:
        done = run(salvaging.salvage(copy, "pw", world(5)))
    except LostLogError:  # the pages that say which tables there are
        assert (copy / "log.db").is_file()
        return
    assert done.damaged.is_file()
    assert sorted(path.name for path in copy.iterdir() if path.is_dir()) == []
    with closing(open_assembly(copy, "pw", world(6))) as ada:
        assert ada.store.count(tables.Kept) == done.records
        saved = {row.id for rows in ada.store.rows(tables.Kept) for row in rows}
        assert saved <= {row.id for rows in bea.store.rows(tables.Kept) for row in rows}
        if not done.own:
            assert out(Context(ada)) in (Out.BEHIND, Out.TWIN)
            with pytest.raises(NodeError):
                talk.say(Context(ada), {"text": "too early"})
        exchange(bea, ada)
        assert survey.digest(ada) == digest
        if ada.store.count(tables.Own) == 2:  # what says which records are this machine's own was saved
            talk.say(Context(ada), {"text": "I am back"})
        assert not ada.store.count(tables.Chain, forked=1)


@pytest.mark.long
def test_most_homes_can_go_on(two, tmp_path):
    """Of all single pages but the first."""
    folder, _, _ = two
    pages = range(1, pages_of(folder), 5)
    saved = 0
    for page in pages:
        copy = damaged(folder, tmp_path / str(page), [page])
        try:
            done = run(salvaging.salvage(copy, "pw", world(5)))
        except LostLogError:
            continue
        with closing(open_assembly(copy, "pw", world(6))) as ada:
            exchange(two[1], ada)
            saved += done.records > 20 and not ada.has_twin()
    assert saved >= len(pages) * 3 // 4


def test_a_log_whose_beginning_is_gone_is_told_as_lost(two, tmp_path):
    folder, _, _ = two
    copy = damaged(folder, tmp_path, [0])
    before = (copy / "log.db").read_bytes()
    with pytest.raises(StoreError, match="nothing can be read") as told:
        run(salvaging.salvage(copy, "pw", world(5)))
    assert "restore" in told.value.hint
    assert (copy / "log.db").read_bytes() == before


def test_what_is_killed_in_the_middle_leaves_the_damaged_log(two, tmp_path):
    folder, _, _ = two
    copy = damaged(folder, tmp_path, [20, 21])
    before = (copy / "log.db").read_bytes()
    steps = salvaging.salvage(copy, "pw", world(5))
    next(steps)
    steps.close()
    assert (copy / "log.db").read_bytes() == before
    assert not (copy / salvaging.STAGING).exists()
    assert run(salvaging.salvage(copy, "pw", world(5))).records > 0


def test_nothing_new_is_acknowledged_on_a_log_that_is_known_to_be_damaged(two, tmp_path):
    """After a power cut it is looked through as it is opened, and once a day; else `doctor` and `check` find it. Reading
    goes on.
    """
    folder, bea, digest = two
    copy = damaged(folder, tmp_path, [pages_of(folder) * 3 // 4])
    with closing(open_assembly(copy, "pw", world(5))) as ada:
        assert not is_suspect(copy), "whoever had it closed it, not long ago"
        assert not _finding(doctoring.doctor(Context(ada), {}), "file")["good"]
        assert is_suspect(copy)
        assert ada.store.find(tables.Own), "what looked through it was another connection"
        with pytest.raises(StoreError):
            talk.say(Context(ada), {"text": "new"})
        with pytest.raises(LostLogError):
            run(checking.check(Context(ada), {"rebuild": True}))
    run(salvaging.salvage(copy, "pw", world(5)))
    assert not is_suspect(copy)
    with closing(open_assembly(copy, "pw", world(6))) as ada:
        exchange(bea, ada)
        assert survey.digest(ada) == digest
        talk.say(Context(ada), {"text": "I am back"})


def _finding(rows, what):
    return next(row for row in rows if row["what"] == what)


@pytest.mark.parametrize("days", [-2, 2])
def test_a_log_is_looked_through_as_it_is_opened_once_a_day(two, tmp_path, days):
    folder, _, _ = two
    copy = damaged(folder, tmp_path, [pages_of(folder) * 3 // 4])
    note_looked(copy, world(5).clock() - days * 24 * 3600 * 1000)
    with closing(open_assembly(copy, "pw", world(5))):
        assert is_suspect(copy)


def test_a_long_log_is_read_by_the_daemon_soon_after_a_power_cut(two, tmp_path, monkeypatch):
    """It is too long to keep anybody waiting for it."""
    folder, _, _ = two
    copy = damaged(folder, tmp_path, [])
    with closing(open_assembly(copy, "pw", world(5))) as ada:
        talk.say(Context(ada), {"text": "the last that was said"})
        torn_ = tmp_path / "torn" / folder.name
        shutil.copytree(copy, torn_)
    monkeypatch.setattr(opening, "_LOOKED_THROUGH", 0)
    assert not is_due(torn_, world(6).clock())
    with closing(open_assembly(torn_, "pw", world(6))):
        assert is_due(torn_, world(6).clock())


def test_reading_goes_on_around_a_damaged_page(two, tmp_path):
    """One that was met by chance, while nobody looked for it: from then on nothing new is written."""
    folder, bea, _ = two
    copy = damaged(folder, tmp_path, [])
    every = [row.id for rows in bea.store.rows(tables.Kept) for row in rows]
    with closing(open_assembly(copy, "pw", world(5))) as ada:
        at = pages_of(folder) * 7 // 10
        _flip(copy, [at, at + 1])
        read, lost = 0, 0
        for each in every:
            try:
                read += ada.store.get(tables.Kept, id=each) is not None
            except LostLogError:
                lost += 1
        assert (read + lost, lost) == (len(every), 1)
        assert is_suspect(copy)
        with pytest.raises(StoreError, match="nothing new is written"):
            talk.say(Context(ada), {"text": "new"})
        assert any("file is damaged" in each for each in status.status(Context(ada), {})["pending"])


async def test_a_daemon_looks_through_its_log_meanwhile(two, tmp_path, autojump_clock):
    """What is damaged under a running node is found, said, and nothing new is written."""
    folder, _, _ = two
    copy, notes = damaged(folder, tmp_path, []), []
    with closing(open_assembly(copy, "pw", world(5))) as ada:
        node = Node(ada, MemoryNetwork().transport("ada"), InlineExecutor(), note=notes.append)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(node.run)
            await node.started.wait()
            _flip(copy, [pages_of(folder) * 3 // 4])
            note_looked(copy, 0)
            await trio.sleep(LOOK_SECONDS + 1)
            assert is_suspect(copy)
            with pytest.raises(StoreError):
                await node.work(lambda: talk.say(Context(ada), {"text": "new"}))
            await trio.sleep(LOOK_SECONDS * 5)
            nursery.cancel_scope.cancel()
    assert len(notes) == 1
    assert "damaged" in notes[0]


def test_who_stops_a_daemon_does_not_wait_until_all_is_read(two):
    folder, _, _ = two
    asked = []

    def go_on():
        asked.append(None)
        return False

    (folder / LOOKED).unlink(missing_ok=True)
    with closing(open_assembly(folder, "pw", world(5))) as ada:
        (folder / LOOKED).unlink()
        assert look_through(folder, ada.keys.database, 5, go_on) == []
    assert asked
    assert not (folder / LOOKED).exists(), "it was not read whole"


def test_the_status_says_that_a_file_is_damaged(two, tmp_path):
    folder, _, _ = two
    copy = damaged(folder, tmp_path, [])
    suspect(copy, damaged=True)
    with closing(open_assembly(copy, "pw", world(5))) as ada:
        assert any("file is damaged" in each for each in status.status(Context(ada), {})["pending"])
        assert run(checking.check(Context(ada), {}))["ok"]
        assert not is_suspect(copy), "a check that finds nothing takes that back"


def test_after_a_power_cut_a_log_is_looked_through(two, tmp_path):
    folder, _, _ = two
    for name, pages, found in (("sound", [], False), ("damaged", [pages_of(folder) // 2], True)):
        copy = damaged(folder, tmp_path / name, pages)
        with closing(open_assembly(copy, "pw", world(5))) as ada:
            talk.say(Context(ada), {"text": "the last that was said"})
            torn = tmp_path / name / "torn" / folder.name
            shutil.copytree(copy, torn)  # as it is on the disk now: nobody closed it
        assert was_killed(torn)
        with closing(open_assembly(torn, "pw", world(6))) as ada:
            assert is_suspect(torn) is found
            if found:
                with pytest.raises(StoreError, match="nothing new is written to it") as told:
                    talk.say(Context(ada), {"text": "new"})
                assert "check --rebuild" in told.value.hint


def test_the_line_that_a_person_chose_stays_theirs(tmp_path, monkeypatch):
    """The head moves as records come in; where the damaged log says that it was elsewhere, it goes there."""
    (ada, bea, cy), m = commune(tmp_path, ["Ada", "Bea", "Cy", *[f"M{n}" for n in range(7)]], nodes=3)
    exchange(ada, bea, cy)
    give(ada, *(author.certify() for author in m))
    exchange(ada, bea, cy)
    head = Context(ada).standing().head
    one = m[0].remove(head, m[5].member.public, m[6].member.public)
    two = m[6].remove(head, m[0].member.public, m[1].member.public)
    give(ada, one, *(author.ballot(one.id) for author in m[:6]))
    voting.vote(Context(ada), {"id": text_of(one.id), "choices": ["yes"]})
    give(bea, two, m[6].ballot(two.id))
    for author in m[2:6]:
        author.ballot(two.id)
        give(bea, *author.history)
    voting.vote(Context(bea), {"id": text_of(two.id), "choices": ["yes"]})
    exchange(bea, cy)
    voting.vote(Context(cy), {"id": text_of(two.id), "choices": ["yes"]})
    exchange(bea, cy)
    exchange(ada, bea)
    other = Context(bea).standing().head
    assert Context(ada).standing().head != other
    rosters.follow(Context(ada), {"roster": text_of(other)})
    for each in (ada, bea, cy):
        each.close()
    monkeypatch.setattr(torn, "_BLOCK", 8)
    run(salvaging.salvage(ada.folder, "pw", world(5)))
    with closing(open_assembly(ada.folder, "pw", world(6))) as ada:
        assert Context(ada).standing().head == other
        assert not any("earlier meshd" in each for each in status.status(Context(ada), {})["pending"])


def test_all_that_the_machine_noted_is_kept(two, tmp_path):
    """In tables with a key and without one: whom it met, what it measured, where others are."""
    folder, _, _ = two
    copy = damaged(folder, tmp_path, [])
    with closing(open_assembly(copy, "pw", world(5))) as ada, ada.store.transaction():
        ada.store.insert([tables.Met(b"d" * 32, b"e" * 32, 3), tables.Met(b"f" * 32, b"e" * 32, 5)])
        ada.store.insert([tables.Peer("192.0.2.1:4000", 7), tables.Peer("192.0.2.2:4000", 8)])
        ada.store.replace(tables.Passed(1, 99, "boot", 1, 2))
        ada.store.insert([tables.Noticed(b"n" * 32, 4), tables.Acquaintance(b"m" * 32, "Mo")])
        before = {table: ada.store.find(table) for table in salvaging._NOTED}
    assert sum(map(bool, before.values())) >= 5
    run(salvaging.salvage(copy, "pw", world(5)))
    with closing(open_assembly(copy, "pw", world(6))) as ada:
        assert {table: ada.store.find(table) for table in salvaging._NOTED} == before


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_of_a_log_that_was_cut_what_is_there_is_saved(two, tmp_path, lost):
    folder, bea, digest = two
    copy = damaged(folder, tmp_path, [])
    os.truncate(copy / "log.db", (pages_of(folder) - lost) * PAGE)
    done = run(salvaging.salvage(copy, "pw", world(5)))
    assert done.records > 20
    with closing(open_assembly(copy, "pw", world(6))) as ada:
        exchange(bea, ada)
        assert survey.digest(ada) == digest


def test_an_empty_log_is_told_as_lost_and_nothing_takes_its_place(two, tmp_path):
    folder, _, _ = two
    copy = damaged(folder, tmp_path, [])
    os.truncate(copy / "log.db", 0)
    with pytest.raises(LostLogError) as told:
        run(salvaging.salvage(copy, "pw", world(5)))
    assert "--rebuild" not in told.value.hint
    assert "restore FILE" in told.value.hint
    assert (copy / "log.db").is_file()
    assert not (copy / salvaging.DAMAGED).exists()


def test_who_does_not_know_what_they_wrote_last_writes_nothing_and_is_accused_of_nothing(two, tmp_path, monkeypatch):
    """Though all of their records came back: there may be one more that nobody has."""
    folder, bea, digest = two
    copy = damaged(folder, tmp_path, [])
    monkeypatch.setattr(salvaging, "_NOTED", tuple(each for each in salvaging._NOTED if each is not tables.Own))
    assert not run(salvaging.salvage(copy, "pw", world(5))).own
    with closing(open_assembly(copy, "pw", world(6))) as ada:
        exchange(bea, ada)
        assert survey.digest(ada) == digest
        assert out(Context(ada)) is Out.BEHIND
        with pytest.raises(NodeError, match="the end of what this device wrote is missing") as told:
            talk.say(Context(ada), {"text": "too early"})
        assert "another device" in told.value.hint
