"""Logs of earlier versions open, with everything that was in them. Each schema that there ever was is in `vectors/schemas`."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3.dbapi2 as sqlcipher

from meshd.app import renewing
from meshd.assembly import survey
from meshd.errors import PassphraseError
from meshd.founding.opening import open_assembly
from meshd.home import LOG
from meshd.service import checking, explaining, membership, talk
from meshd.service.context import Context
from meshd.store import tables
from meshd.store.api import StoreError
from meshd.store.shapes import name_of, statements
from meshd.store.sqlite import SqliteStore
from meshd.upkeep import recount
from meshd_cli import socket_client
from meshd_cli.errors import CommandError
from meshd_cli.socket_client import connect
from meshd_protocol.bodies.talk import Message
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from tests.unit.test_projections import run
from tests.vectors import FOLDER, data_of
from tests.worlds import commune, exchange, founder, give, newcomer, propose

SCHEMAS = sorted(path.name for path in (FOLDER / "schemas").iterdir())
KEY = b"k" * 32


def test_no_schema_is_missing():
    assert len(SCHEMAS) >= 6


class Home:
    """A closed home with something of everything, and what was in its log."""

    def __init__(self, folder: Path) -> None:
        (one, two), (cy, dan) = commune(folder, ["Ada", "Bea", "Cy", "Dan"], nodes=2, witnesses=2)
        exchange(one, two)
        give(one, cy.certify(), dan.certify())
        self.question = propose(Context(one))
        twin = cy.fork()
        give(one, cy.ballot(self.question), twin.ballot(self.question, 0), dan.ballot(self.question))
        give(one, dan.write(99, b"\xa0", log=0), dan.write(Kind.MESSAGE, Message(b"s" * 16, "general", "hello")))
        propose(Context(one), "Another", "standard")
        eve = newcomer(folder, Context(one), "Eve", seed=9)
        exchange(one, eve.assembly)
        for each in (one, two):
            membership.vouch(Context(each), {"person": "Eve"})
            exchange(one, two)
        survey.agree(one, two.keys.device.public, survey.place(one))
        with one.store.transaction():
            one.store.replace(tables.Peer("192.0.2.1:4000", 5))
            one.store.replace(tables.Passed(1, 1000, "boot", 5, 5))
        for table in (tables.Own, tables.Peer, tables.Passed, tables.Watch, tables.Met, tables.Rotation):
            assert one.store.count(table) or table is tables.Rotation, table
        self.folder, self.key, self.world = one.folder, one.keys.database, one.world
        self.rows: dict[type[Any], list[Any]] = {table: one.store.find(table) for table in tables.TABLES}
        self.shown = explaining.show(Context(one), {"id": text_of(self.question)})
        for each in (one, two, eve.assembly):
            each.close()

    def connect(self) -> Any:
        db = sqlcipher.connect(str(self.folder / LOG), isolation_level=None)
        db.execute(f"PRAGMA key = \"x'{self.key.hex()}'\"")
        return db

    def rewrite(self, schema: str) -> None:
        """The same log, as an earlier version has it: rows have the columns of then, and nothing in those gone since."""
        for file in self.folder.glob(f"{LOG}*"):
            file.unlink()
        db = self.connect()
        db.executescript(data_of(f"schemas/{schema}").decode())
        for table, rows in self.rows.items():
            before = table is tables.Kept and schema < "6"  # then the log's table was called as a kind of record is now
            name = "entry" if before else name_of(table)
            if table is tables.Entry:
                continue
            columns = db.execute(f"PRAGMA table_info({name})").fetchall()
            for row in rows if columns else ():
                values = [getattr(row, column, None if not needed else b"") for _, column, _, needed, *_ in columns]
                marks = ", ".join("?" * len(columns))
                db.execute(f"INSERT INTO {name} VALUES ({marks})", values)
        db.execute("DELETE FROM setting")
        version = int(schema[0])
        if version > 1:
            db.execute("INSERT INTO setting VALUES ('projections', ?)", (str(version),))
        db.execute("PRAGMA journal_mode = WAL")
        db.close()

    def opens(self) -> None:
        """Everything is there, a recount agrees, and the device goes on."""
        before = self.rows
        for _ in range(2):
            one = open_assembly(self.folder, "pw", self.world)
            assert one.store.find(tables.Kept) == before[tables.Kept]
            for table in (tables.Head, tables.Own, tables.Peer):
                assert one.store.find(table) == before[table], table
            for table in tables.PROJECTIONS:
                now, then = one.store.find(table), before[table]
                assert set(map(checking.comparable, now)) == set(map(checking.comparable, then)), table
            assert run(checking.check(Context(one), {})) == {
                "ok": True, "problems": [], "rebuilt": False, "records": len(before[tables.Kept]),
            }  # fmt: skip
            assert explaining.show(Context(one), {"id": text_of(self.question)}) == self.shown
            assert not one.has_twin()
            assert recount.is_current(one.store)
            one.close()
        one = open_assembly(self.folder, "pw", self.world)
        talk.say(Context(one), {"text": "and it goes on"})
        assert run(checking.check(Context(one), {}))["ok"]
        one.close()


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_log_of_every_earlier_schema_opens(home, schema):
    home.rewrite(schema)
    home.opens()
    db = home.connect()
    found = dict(db.execute("SELECT name, value FROM setting").fetchall())
    db.close()
    assert found["projections"] == recount.version()


@pytest.mark.parametrize("schema", ["2-anew.sql", "3-met.sql"])
def test_what_this_machine_measured_stays(home, schema):
    home.rewrite(schema)
    one = open_assembly(home.folder, "pw", home.world)
    for table in (tables.Passed, tables.Watch):
        assert one.store.find(table) == home.rows[table] != []
    one.close()


def _shape(db: Any, table: str) -> tuple[Any, Any]:
    columns = db.execute(f"PRAGMA table_info({table})").fetchall()
    indexes = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", (table,))
    return columns, sorted(indexes.fetchall(), key=repr)


@pytest.mark.parametrize("schema", [None, *SCHEMAS])
def test_migrations_make_the_primary_tables_that_the_rows_say(tmp_path, schema):
    """A primary row that changed needs a migration, which states the tables of its time."""
    path = tmp_path / LOG
    if schema is not None:
        db = sqlcipher.connect(str(path), isolation_level=None)
        db.execute(f"PRAGMA key = \"x'{KEY.hex()}'\"")
        db.executescript(data_of(f"schemas/{schema}").decode())
        db.close()
    store = SqliteStore(path, KEY)
    if schema is not None:
        with store.transaction():
            store.make_projections()
    wanted = sqlcipher.connect(":memory:")
    for table in tables.TABLES:
        for line in statements(table):
            wanted.execute(line)
    for table in tables.TABLES:
        columns, indexes = _shape(store._db, name_of(table))
        assert (columns, indexes) == _shape(wanted, name_of(table)), table
        assert columns
    names = {name for (name,) in store._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()}
    assert names - {name_of(table) for table in tables.TABLES} <= {"_sqlite_migrations", "sqlite_sequence"}
    wanted.close()
    store.close()


def test_projections_of_another_shape_are_made_anew_without_a_migration(home):
    """What a version beside this one may have left: other columns, one table more, one less."""
    db = home.connect()
    db.execute("ALTER TABLE proposal DROP COLUMN title")
    db.execute("ALTER TABLE ballot ADD COLUMN colour TEXT NOT NULL DEFAULT ''")
    db.execute("DROP TABLE minutes")
    db.execute("CREATE TABLE rumour (id BLOB)")
    db.execute("UPDATE setting SET value = '4 0123456789abcdef' WHERE name = 'projections'")
    db.close()
    home.opens()
    db = home.connect()
    assert db.execute("SELECT name FROM sqlite_master WHERE name = 'rumour'").fetchall() == []
    db.close()


def test_a_renewal_that_is_cut_short_is_done_again(home):
    """Wherever it stops, what is on disk is not taken for what this version would show."""
    home.rewrite("2-witnesses.sql")
    store = SqliteStore(home.folder / LOG, home.key)
    assembly = home.rows[tables.Kept][0].id
    cut = 0
    for most in range(300, 6000, 300):
        left = most

        def step() -> int:
            nonlocal left
            left -= 1
            return int(left == 0)

        store.on_step(step)
        try:
            recount.renew(store, assembly)
        except StoreError:
            cut += 1
            store.on_step(None)
            assert not recount.is_current(store)
        store.on_step(None)
    assert cut >= 5
    store.close()
    home.opens()


def test_the_mark_tells_every_version_that_may_say_something_else(tmp_path):
    """So nobody has to remember that a projection's shape or meaning changed."""
    folders = [tmp_path / package.__name__ for package in recount._SAID_BY]
    for package, folder in zip(recount._SAID_BY, folders, strict=True):
        shutil.copytree(package.__path__[0], folder)
    assert recount.version_of(folders) == recount.version()
    seen = {recount.version()}
    for name in ("meshd_protocol/bodies/talk.py", "meshd_protocol/rosters.py", "meshd.state/tallies.py",
                 "meshd.store/tables.py", "meshd.store/projections.py", "meshd.log/door.py"):  # fmt: skip
        with (tmp_path / name).open("a") as file:
            file.write("# changed\n")
        assert recount.version_of(folders) not in seen, name
        seen.add(recount.version_of(folders))
    (tmp_path / "meshd_protocol" / "bodies" / "rumours.py").write_text("")
    assert recount.version_of(folders) not in seen, "a new file"
    now = recount.version_of(folders)
    for name in ("meshd_protocol/sync/session.py", "meshd_protocol/papers/blt.py"):
        with (tmp_path / name).open("a") as file:
            file.write("# changed\n")
        assert recount.version_of(folders) == now, f"{name} says nothing of what follows from records"
    with pytest.raises(AssertionError, match="can't be read"):
        recount.version_of([tmp_path / "nowhere"])


@pytest.mark.parametrize("schema", ["2-anew.sql", "3-met.sql", None])
def test_where_nothing_can_be_written_an_earlier_log_stays_as_it_is(home, schema):
    """What was opened for reading alone says what it would have to be written for, and writes nothing."""
    path = home.folder / LOG
    if schema is not None:
        home.rewrite(schema)
    else:
        today = SqliteStore(path, home.key, new=False)
        with today.transaction():
            today.replace(tables.Setting("projections", "of another meshd"))
        today.close()
    before = {each.name: each.read_bytes() for each in home.folder.iterdir()}
    refusal = StoreError("the disk is read-only", "Make it writable.")
    if schema is not None:
        with pytest.raises(StoreError, match=r"an earlier meshd wrote the log.*: the disk is read-only"):
            SqliteStore(path, home.key, new=False, refusal=refusal)
    else:
        store = SqliteStore(path, home.key, new=False, refusal=refusal)
        assert store.find(tables.Kept) == home.rows[tables.Kept]
        assert not recount.is_current(store)
        with pytest.raises(StoreError, match="the disk is read-only"):
            recount.renew(store, home.rows[tables.Kept][0].id)
        store.close()
    assert {each.name: each.read_bytes() for each in home.folder.iterdir()} == before


def test_what_takes_long_after_an_update_is_told(tmp_path):
    (ada,), _ = commune(tmp_path, ["Ada"])
    for n in range(1500):
        talk.say(Context(ada), {"text": f"words {n}"})
    with ada.store.transaction():
        ada.store.replace(tables.Setting("projections", "another"))
    ada.close()
    told: list[tuple[str, int, int]] = []
    again = open_assembly(ada.folder, "pw", ada.world, lambda *step: told.append(step))
    assert told[0] == ("1000 records read", 1000, 1502)
    again.close()
    told.clear()
    open_assembly(ada.folder, "pw", ada.world, lambda *step: told.append(step)).close()
    assert told == []


def test_a_daemon_that_counts_anew_says_how_far_it_is(tmp_path):
    """To whoever asks meanwhile, on its socket, which is gone afterwards, as is everything if the passphrase was wrong."""
    ada = founder(tmp_path)
    for number in range(1500):
        talk.say(ada.context, {"text": f"word {number}"})
    with ada.assembly.store.transaction():
        ada.assembly.store.replace(tables.Setting("projections", "another version"))
    ada.assembly.close()
    home = ada.assembly.folder.parent
    heard: list[CommandError] = []

    def ask(text: str, done: int, total: int) -> None:
        connection = connect(home)
        if connection is not None:
            with connection, pytest.raises(CommandError) as refused:
                socket_client.ask(connection, "status", {})
            heard.append(refused.value)

    notes: list[str] = []
    with ExitStack() as stack:
        (opened,) = renewing.opened(stack, home, None, lambda: "pw", notes.append, ask)
        assert connect(home) is None
        assert len(opened.store.find(tables.Message)) == 1500
    assert notes == ["after an update everything is counted anew, once: 1502 records"]
    said = [each.error.removeprefix("after an update everything is counted anew: ") for each in heard]
    assert said[0] == "1000 of 1502 records so far"
    assert said[-1] == "all records are read"
    with ExitStack() as stack, pytest.raises(PassphraseError):
        renewing.opened(stack, home, None, lambda: "wrong", notes.append)
