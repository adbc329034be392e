"""Long work is done in steps, and between any two of them commands come and records arrive: nothing acknowledged is lost.

`check`, `check --rebuild`, `export` and `import` run beside each other, one step of one of them at a time, with
commands between. A failing seed is the test's number; `just steps` takes more of them.
"""

import os
import random
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import trio

from meshd.errors import NodeError
from meshd.founding import opening
from meshd.log.executor import InlineExecutor
from meshd.mesh.node import Node
from meshd.progress import Step, Steps
from meshd.service import carry, checking, listing, proposing, talk, voting
from meshd.service.context import Context
from meshd.sneakernet.media import MediaError, write_chunks, write_steps
from meshd.store import tables
from meshd.store.api import DiskFullError
from meshd.store.sqlite import SCRATCH
from meshd.transports.memory import MemoryNetwork
from meshd.upkeep import recount
from meshd_protocol.bodies.talk import SALT_SIZE, Message
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.records import Record
from tests.seeds import seeds
from tests.worlds import Author, commune, exchange, give

LENGTH = 2_100
"""Records with which a log begins: it is read in batches of a thousand."""


class Life:
    """One node's log, what happens to it meanwhile, and what must be there ever after."""

    def __init__(self, folder: Path, seed: int = 1, length: int = LENGTH) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        (self.node, self.other), (self.cy, self.dan) = commune(folder, ["Ada", "Bea", "Cy", "Dan"], nodes=2, seed=seed)
        self.context = Context(self.node)
        exchange(self.node, self.other)
        self.people = 0
        self.there: dict[bytes, tuple[bytes, bytes | None]] = {}
        """What was acknowledged or taken in: signature and body as they must be in the log."""
        self.lacking: list[Record] = []
        self.unsigned: list[Record] = []
        self.take(self.cy.certify(), self.dan.certify())
        self.question = self.command(proposing.propose, title="A question", policy="significant")
        self.take(*(self.says(self.cy) for _ in range(length)))
        self.commands: list[Callable[[], None]] = [
            self.say, self.propose, self.vote, self.hear, self.hear_ballot, self.meet, self.hear_fork,
            self.hear_without_body, self.fill, self.hear_badly_signed, self.sign,
        ]  # fmt: skip

    def close(self) -> None:
        self.node.close()
        self.other.close()

    def says(self, author: Author, size: int = 20) -> Record:
        return author.write(Kind.MESSAGE, Message(self.rng.randbytes(SALT_SIZE), "general", "x" * size))

    def take(self, *records: Record) -> None:
        """Records from elsewhere: those that were new are there from now on."""
        assert {record.id for record in give(self.node, *records).new} == {record.id for record in records}
        self.there |= {record.id: (record.signature, record.body) for record in records}

    def command(self, verb: Callable[[Context, dict[str, Any]], Any], **arguments: Any) -> bytes:
        identity = bytes_of(verb(self.context, arguments)["id"])
        kept = self.node.store.get(tables.Kept, id=identity)
        self.there[identity] = kept.signature, kept.body
        return identity

    # what may come between two steps

    def say(self) -> None:
        self.command(talk.say, text="words")

    def propose(self) -> None:
        self.command(proposing.propose, title=f"Question {self.rng.random()}", policy="significant")

    def vote(self) -> None:
        row = next((row for row in listing.list_(self.context, {}) if not row["voted"]), None)
        if row is None:
            self.propose()
        else:
            self.command(voting.vote, id=row["id"], choices=["yes"])

    def hear(self) -> None:
        self.take(self.says(self.cy))

    def hear_ballot(self) -> None:
        self.take(self.cy.ballot(self.question, self.rng.choice([0, 1, 2])))

    def meet(self) -> None:
        """A device whose chains are new here."""
        self.people += 1
        author = Author(self.node.id, f"Somebody {self.people}", self.rng.randrange(1 << 30))
        self.take(author.certify(), self.says(author))

    def hear_fork(self) -> None:
        twin = self.dan.fork()
        both = self.says(self.dan), self.says(twin)
        self.dan.history.append(both[1])
        give(self.node, *self.dan.history)  # with what was damaged, and has to come again
        self.there |= {record.id: (record.signature, record.body) for record in both}
        assert self.node.store.known(self.there) == set(self.there)

    def hear_without_body(self) -> None:
        record = self.says(self.cy)
        self.take(record._replace(body=None))
        self.lacking.append(record)

    def fill(self) -> None:
        if not self.lacking:
            self.hear_without_body()
        record = self.lacking.pop()
        report = give(self.node, record)
        assert report.filled == [record.id]
        self.there[record.id] = record.signature, record.body

    def hear_badly_signed(self) -> None:
        """The signature of the record after it vouches for one whose own is bad."""
        first, second = self.says(self.cy), self.says(self.cy)
        self.take(first._replace(signature=bytes(64)), second)
        self.unsigned.append(first)

    def sign(self) -> None:
        """A good copy comes."""
        if not self.unsigned:
            self.hear_badly_signed()
        record = self.unsigned.pop()
        give(self.node, record)
        self.there[record.id] = record.signature, record.body

    def damage(self) -> None:
        """The disk loses a bit of something that a peer still has."""
        rows = [row for row in self.node.store.find(tables.Kept, newest=True, limit=200) if row.body is not None]
        mine = {row.number for row in self.node.store.find(tables.Chain) if row.device == self.dan.device.public}
        found = next((row for row in rows if row.chain in mine), None)
        if found is not None:
            with self.node.store.transaction():
                self.node.store.replace(found._replace(body=b"\xa1\x00\x00"))

    # what must hold

    def holds(self) -> None:
        """All is there, a recount agrees, and the device goes on."""
        self.all_is_there(self.there)
        assert not self.node.has_twin()
        found = finish(checking.check(self.context, {}))
        assert found["ok"], found
        self.say()
        assert finish(checking.check(self.context, {}))["ok"]

    def all_is_there(self, what: dict[bytes, tuple[bytes, bytes | None]]) -> None:
        logged = {kept.id: (kept.signature, kept.body) for batch in self.node.store.walk() for kept in batch}
        assert what.keys() <= logged.keys(), "something is gone"
        assert {identity: logged[identity] for identity in what} == what, "something was mended, and is as before"


def finish(steps: Steps[Any], between: Callable[[], None] = lambda: None) -> Any:
    """Run a piece of work to its end, with something else between its steps."""
    for _ in range(200):
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        between()
    raise AssertionError("it never ends where others write as fast as it reads")


@pytest.fixture
def life(tmp_path):
    made = Life(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("rebuild", [False, True])
def test_a_check_with_everything_between_its_steps(life, rebuild):
    steps = 0

    def between() -> None:
        nonlocal steps
        steps += 1
        for command in life.commands:
            command()

    life.hear_without_body()
    life.hear_badly_signed()
    found = finish(checking.check(life.context, {"rebuild": rebuild}), between)
    assert steps >= 4
    assert (found["ok"], found["problems"]) == (True, []), "what came meanwhile is no problem"
    assert found["records"] == life.node.store.count(tables.Kept)
    life.holds()


@pytest.mark.parametrize("number", range(11))
def test_one_command_just_before_the_log_is_replaced(tmp_path, number):
    """Each alone, so that none hides what another lost."""
    life = Life(tmp_path, length=30)
    life.hear_without_body()
    life.hear_badly_signed()
    assert finish(checking.check(life.context, {"rebuild": True}), life.commands[number])["ok"]
    life.holds()
    life.close()


def test_a_rebuild_touches_only_what_is_damaged_then(life):
    """What was mended after it was read stays; what was damaged after it was read goes, and comes again."""
    early, late = life.says(life.dan), life.says(life.dan)
    life.take(early, late)
    whole = {each.id: life.node.store.get(tables.Kept, id=each.id) for each in (early, late)}

    def put(kept: tables.Kept) -> None:
        with life.node.store.transaction():
            life.node.store.replace(kept)

    steps = checking.check(life.context, {"rebuild": True})
    put(whole[early.id]._replace(body=b"\xa1\x00\x00"))
    while next(steps).text != "recounting":
        continue
    put(whole[early.id])
    put(whole[late.id]._replace(body=b"\xa1\x00\x00"))
    finish(steps)
    assert life.node.store.get(tables.Kept, id=early.id) == whole[early.id]
    assert life.node.store.get(tables.Kept, id=late.id) is None
    give(life.node, late)
    life.holds()


def test_two_rebuilds_at_a_time(life):
    damaged = life.says(life.dan)
    life.take(damaged)
    life.damage()
    one, other = (checking.check(life.context, {"rebuild": True}) for _ in range(2))
    next(one)
    finish(other, life.say)
    finish(one, life.say)
    assert life.node.store.get(tables.Kept, id=damaged.id) is None
    give(life.node, damaged)
    life.holds()


def test_a_restart_in_the_middle_of_a_rebuild(life):
    steps = checking.check(life.context, {"rebuild": True})
    next(steps)
    life.say()
    life.node.close()
    steps.close()
    assert not list(life.node.folder.glob(f"{SCRATCH}*"))
    life.node = opening.open_assembly(life.node.folder, "pw", life.node.world)
    life.context = Context(life.node)
    life.holds()


def _full(store: Any, pages: int) -> None:
    """SQLite takes no more than so many pages beyond those it has: as if that were all the room on the disk."""
    (have,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {have + pages}")


def test_a_disk_that_gets_full_while_it_is_counted(life):
    """It is told, the room is given back, and nothing is lost."""
    with recount.begun(life.node.store, life.node.id) as counting:
        _full(counting.counted, 50)
        with pytest.raises(DiskFullError):
            finish(recount.count_ahead(counting))
    life.say()
    life.holds()


def test_a_disk_that_gets_full_while_the_log_is_replaced(life):
    store = life.node.store
    with store.transaction():
        store.delete(tables.Message)
    store._db.execute("VACUUM")
    shown = {table: store.find(table) for table in tables.TABLES}
    _full(store, 5)
    with pytest.raises(DiskFullError):
        finish(checking.check(life.context, {"rebuild": True}))
    assert {table: store.find(table) for table in tables.TABLES} == shown
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert finish(checking.check(life.context, {"rebuild": True}))["ok"]
    life.holds()


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8, 0.95, 0.99, 1.0])
def test_a_kill_in_the_middle_of_a_rebuild(tmp_path, part):
    """The old state is left, or the new one, and all records."""
    life = Life(tmp_path, length=300)
    store = life.node.store
    with store.transaction():
        store.delete(tables.Message)

    def rebuild(steps: Callable[[], int]) -> None:
        node = opening.open_assembly(life.node.folder, "pw", life.node.world)
        node.store.on_step(steps)
        finish(checking.check(Context(node), {"rebuild": True}))
        node.store.on_step(None)

    life.node.close()
    folder, copy = life.node.folder, tmp_path / "copy"
    shutil.copytree(folder, copy)
    total = _counted(rebuild)
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    child = os.fork()
    if not child:
        left = int(part * total)

        def step() -> int:
            nonlocal left
            left -= 1
            if left <= 0:
                os._exit(7)
            return 0

        rebuild(step)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert not list(folder.glob(f"{SCRATCH}*"))
    life.node = opening.open_assembly(folder, "pw", life.node.world)
    life.context = Context(life.node)
    assert life.node.store.count(tables.Message) in (0, 300)
    finish(checking.check(life.context, {"rebuild": True}))
    assert life.node.store.count(tables.Message) == 300
    life.holds()
    life.close()


def _counted(work: Callable[[Callable[[], int]], None]) -> int:
    """How many steps of SQLite a piece of work takes."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    work(step)
    return steps


def test_an_export_with_everything_between_its_steps(life, tmp_path):
    """What was there when it began is on the stick; what came meanwhile, after the next export."""
    before = set(life.there)
    life.take(*(life.says(life.cy, 12_000) for _ in range(800)))
    stick = tmp_path / "stick"
    stick.mkdir()
    steps = 0

    def between() -> None:
        nonlocal steps
        steps += 1
        for command in life.commands:
            command()

    finish(carry.export(life.context, {"path": str(stick)}), between)
    assert steps >= 2
    finish(carry.import_(Context(life.other), {"path": str(stick)}))
    assert life.other.store.known(before) == before
    finish(carry.export(life.context, {"path": str(stick)}))
    finish(carry.import_(Context(life.other), {"path": str(stick)}))
    assert life.other.store.known(set(life.there)) == set(life.there)
    life.holds()


def test_an_import_with_everything_between_its_steps(life, tmp_path):
    stick = tmp_path / "stick"
    stick.mkdir()
    said: list[bytes] = []
    for _ in range(6):
        said.append(bytes_of(talk.say(Context(life.other), {"text": "from afar"})["id"]))
        finish(carry.export(Context(life.other), {"path": str(stick)}))
    file = tmp_path / "file"
    finish(carry.export(Context(life.other), {"path": str(file), "file": True}))
    steps = 0

    def between() -> None:
        nonlocal steps
        steps += 1
        for command in life.commands:
            command()

    for path in (stick, file):
        finish(carry.import_(life.context, {"path": str(path)}), between)
    assert steps >= 6
    assert life.node.store.known(said) == set(said)
    life.holds()


@pytest.mark.parametrize("seed", seeds(3, always=1))
def test_random_work_at_a_time(tmp_path, seed):
    """Several pieces of work, a step of one and then commands; sometimes a record is damaged on the disk."""
    life = Life(tmp_path, seed=seed + 1, length=1_200)
    rng = life.rng
    sticks = [tmp_path / f"stick{n}" for n in range(2)]
    for stick in sticks:
        stick.mkdir()
    begin: list[Callable[[], Steps[Any]]] = [
        lambda: checking.check(life.context, {}),
        lambda: checking.check(life.context, {"rebuild": True}),
        lambda: checking.check(life.context, {"rebuild": True}),
        lambda: carry.export(life.context, {"path": str(rng.choice(sticks))}),
        lambda: carry.import_(life.context, {"path": str(rng.choice(sticks))}),
        lambda: carry.export(Context(life.other), {"path": str(rng.choice(sticks))}),
    ]
    finish(carry.export(Context(life.other), {"path": str(sticks[0])}))
    finish(carry.export(life.context, {"path": str(sticks[1])}))
    work: list[Steps[Any]] = []
    done = 0
    damaged = False
    while done < 12:
        if len(work) < 2:
            work.append(rng.choice(begin)())
        steps = rng.choice(work)
        try:
            next(steps)
        except StopIteration as end:
            work.remove(steps)
            done += 1
            assert damaged or end.value.get("ok", True), end.value
        for _ in range(rng.choice([1, 1, 3])):
            rng.choice(life.commands)()
        if rng.random() < 0.05:
            talk.say(Context(life.other), {"text": "from afar"})
        if rng.random() < 0.03:
            life.damage()
            damaged = True
    dans = {record.id for record in life.dan.history}
    life.all_is_there({identity: parts for identity, parts in life.there.items() if identity not in dans})
    assert not life.node.has_twin()
    finish(checking.check(life.context, {"rebuild": True}))
    give(life.node, *life.dan.history)
    life.holds()
    assert text_of(life.question) in {row["id"] for row in listing.list_(life.context, {})}
    life.close()


@pytest.mark.parametrize("breaks", [trio.Cancelled, trio.BrokenResourceError, NodeError])
async def test_what_is_broken_off_leaves_nothing(tmp_path, breaks):
    """Whoever asked hangs up, or is interrupted, or the work itself fails: no half file stays."""
    life = Life(tmp_path, length=10)
    node, file, heard = Node(life.node, MemoryNetwork().transport("ada"), InlineExecutor()), tmp_path / "bundle", []

    def writing() -> Steps[None]:
        for _ in write_steps(file, (b"x" for _ in range(9))):
            yield Step("wrote")
            if breaks is NodeError and len(heard) == 3:
                raise NodeError("no more")

    async def hears(step: Step) -> None:
        heard.append(step)
        assert list(tmp_path.glob("bundle*")) == [tmp_path / "bundle.part"]
        if len(heard) == 3 and breaks is trio.BrokenResourceError:
            raise breaks
        if len(heard) == 3 and breaks is trio.Cancelled:
            scope.cancel()

    steps = writing()
    with trio.CancelScope() as scope, nullcontext() if breaks is trio.Cancelled else pytest.raises(breaks):
        await node.work_through(steps, hears)
    assert len(heard) == 3
    assert steps.gi_frame is None
    assert list(tmp_path.glob("bundle*")) == []
    life.close()


@pytest.mark.parametrize(
    ("error", "told"),
    [(KeyboardInterrupt(), KeyboardInterrupt), (NodeError("no more"), NodeError), (OSError(28, "full"), MediaError)],
)
def test_a_file_whose_making_fails_is_not_there(tmp_path, error, told):
    def pieces():
        yield b"x"
        raise error

    with pytest.raises(told):
        write_chunks(tmp_path / "bundle", pieces())
    assert list(tmp_path.iterdir()) == []
