"""The store on disk: SQLite through SQLCipher, WAL, `synchronous=FULL` (design: reliability, "Storage").

With NORMAL a power cut can take back a record that was already sent, and the device would fork its own chain.
"""

import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlcipher3.dbapi2 as sqlcipher

from meshd.home import free_disk, is_full, is_read_only, open_private, suspect
from meshd.store.api import DiskFullError, LostLogError, ReadOnlyDiskError, Row, StoreError, WrongKeyError
from meshd.store.shapes import name_of, statements
from meshd.store.tables import PRIMARY, PROJECTIONS, SHORT_KEY, TABLES, Kept, beginnings, indexed
from meshd_protocol import limits

VERSION = 7
"""The newest migration; the database's `user_version`."""

SCRATCH = "recount-"
"""How the name of a scratch file begins, for the moment in which it has one."""

_OF_THE_DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")

_CACHE = -24576
_SMALL_CACHE = -8192
"""Sizes of page caches, in KiB with a minus. Who reads all of a log once, in its order, has no use for a large one."""

_CHUNK = 500
"""Placeholders in one statement."""

_MANY = 5000
"""Placeholders where a statement goes through all of a table anyway."""

_ASKED = 2000
"""Steps of SQLite's between two times when somebody is asked whether they go on."""

_ROWS = 400
"""Rows in one statement: SQLite lets go of Python's lock for each, and a thread that has to wait for it after every row
stands still while another computes.
"""


sqlcipher.register_adapter(bytes, bytes)
sqlcipher.register_adapter(type(None), lambda _: None)
"""For each byte string or null that it is given, sqlcipher3 looks for what might turn it into something else, and makes
an exception where it finds nothing: half of the time of an insert. So it finds something that changes nothing.
"""


class SqliteStore:
    """One assembly's log in one encrypted database. `key` is its 32-byte raw key.

    Where it is not `new`, an empty file is a lost log: a device that began anew would contradict what it wrote before.
    With a `refusal` it is opened for reading alone, and not a byte is written to its disk; no other process may have it
    open then. After a damaged page it goes on with the others, and notes that the file is damaged (`home.suspect`).
    """

    def __init__(self, path: Path, key: bytes, *, new: bool = True, refusal: StoreError | None = None) -> None:
        self._path, self._folder, self._key = path, path.parent, key
        self._watchers: list[dict[bytes, None]] = []
        self.refusal = refusal
        what = f"the log {path} can't be opened"
        try:
            if refusal is None:
                if is_read_only(path.parent):
                    raise _read_only()
                if is_full(path.parent):
                    raise _full()
                if new and not path.exists():  # what SQLite puts beside it gets the same mode
                    os.close(open_private(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
            self._db = self._connected()
            try:
                self._begin(path, key, new=new)
            except BaseException:
                self._db.close()
                raise
        except OSError as error:
            raise _translated(error, what, self._folder) from error
        except sqlcipher.Error as error:
            if "not a database" in str(error):
                raise WrongKeyError(
                    f"the log {path} is damaged, or of another home: its key does not open it"
                ) from error
            raise _translated(error, what, self._folder) from error

    def _begin(self, path: Path, key: bytes, *, new: bool) -> None:
        """Unlock the file, and bring its primary tables to this version."""
        version = self._unlock(key)
        if not version and not new:
            raise LostLogError(f"the log {path} is empty", hopeless=True)
        if version > VERSION:
            raise StoreError("the log was written by a later meshd: this one needs an update")
        if version < VERSION:
            self.check_writable("an earlier meshd wrote the log, and it has to be renewed before it is read")
            from meshd.store.migrations import migrate

            with self.transaction():  # all of it, or nothing
                migrate(self._db, VERSION)
                if not version:
                    self.make_projections()

    def _connected(self) -> sqlcipher.Connection:
        if self.refusal is not None:
            return _connect_to_read(self._path)
        return sqlcipher.connect(str(self._path), isolation_level=None, check_same_thread=False, timeout=5.0)

    def _open_anew(self) -> None:
        """Go on without a page that is damaged: a connection that has met one answers nothing any more."""
        suspect(self._folder, damaged=True)
        with suppress(sqlcipher.Error):  # where it was one of the pages without which there is no log at all
            self._db.close()
            self._db = self._connected()
            self._unlock(self._key)

    def _unlock(self, key: bytes) -> int:
        """Give the key, set how the file is written, and return the version of its tables."""
        self._db.execute("PRAGMA cipher_log_level = NONE")
        self._db.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        if self.refusal is not None:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")  # what a -shm file is for is kept in memory then
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        for pragma in (
            *(("journal_mode = WAL", "synchronous = FULL") if self.refusal is None else ()),
            "temp_store = MEMORY",
            "foreign_keys = OFF",
            "secure_delete = FAST",  # or tables that are made anew are kept in memory, page by page, to be overwritten
            f"cache_size = {_CACHE}",
            "wal_autocheckpoint = 8000",
        ):
            self._db.execute(f"PRAGMA {pragma}")
        return int(version)

    def check_writable(self, why: str) -> None:
        """Raises the store's refusal, if it has one, with what it would have to be written for."""
        if self.refusal is not None:
            raise type(self.refusal)(f"{why}: {self.refusal.error}", self.refusal.hint)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Store.transaction`."""
        if self.refusal is not None:
            raise self.refusal
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlcipher.Error as error:
            raise _translated(error, "the log can't be written", self._folder) from error
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:  # SQLite rolls back by itself where the disk is full
                self._db.execute("ROLLBACK")
            if isinstance(error, LostLogError):
                self._open_anew()
            if isinstance(error, sqlcipher.Error):
                raise _translated(error, "the log can't be written", self._folder) from error
            raise

    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """See `Store.insert`."""
        table = type(rows[0]) if rows else None
        if table is Kept:
            self._touch([row[0] for row in rows] if self._watchers else ())
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            self._writing(_insert(table, len(some)), list(chain.from_iterable(some)))

    def replace(self, row: tuple[Any, ...]) -> None:
        """See `Store.replace`."""
        if isinstance(row, Kept):
            self._touch([row.id])
        self._writing(_replace(type(row)), row)

    def delete(self, table: type[Any], **where: object) -> int:
        """See `Store.delete`."""
        self._check_writable()
        clause, values = _where(table, where)
        if table is Kept and self._watchers:
            self._touch([id_ for (id_,) in self._query(f"SELECT id FROM kept{clause}", values)])  # noqa: S608
        sql = f"DELETE FROM {name_of(table)}{clause}"  # noqa: S608 (names are ours)
        try:
            return int(self._db.execute(sql, values).rowcount)
        except sqlcipher.Error as error:
            raise _translated(error, "the log can't be written", self._folder) from error

    def remove(self, table: type[Any], ids: Collection[bytes]) -> None:
        """See `Store.remove`."""
        self._check_writable()
        every = list(ids)
        for start in range(0, len(every), _MANY):
            some = every[start : start + _MANY]
            self._writing(f"DELETE FROM {name_of(table)} WHERE id IN ({','.join('?' * len(some))})", some)  # noqa: S608

    @contextmanager
    def overwriting(self) -> Iterator[None]:
        """See `Store.overwriting`."""
        self._query("PRAGMA secure_delete = ON", ())
        try:
            yield
        finally:
            self._query("PRAGMA secure_delete = FAST", ())

    def cut_journal(self) -> None:
        """See `Store.cut_journal`."""
        self._query("PRAGMA wal_checkpoint(TRUNCATE)", ())

    def find(self, table: type[Row], *, newest: bool = False, limit: int | None = None, **where: object) -> list[Row]:
        """See `Store.find`."""
        return self._find(table, where, newest=newest, limit=limit)

    def _find(
        self, table: type[Row], where: dict[str, object], *, newest: bool = False, limit: int | None = None
    ) -> list[Row]:
        clause, values = _where(table, where)
        order = "DESC" if newest else "ASC"
        sql = f"SELECT {_columns(table)} FROM {name_of(table)}{clause} ORDER BY rowid {order}"  # noqa: S608
        if limit is not None:
            sql += f" LIMIT {limit:d}"
        make: Any = table._make  # type: ignore[attr-defined]
        return [make(row) for row in self._query(sql, values)]

    def get(self, table: type[Row], **where: object) -> Row | None:
        """See `Store.get`."""
        found = self._find(table, where, limit=1)
        return found[0] if found else None

    def count(self, table: type[Any], **where: object) -> int:
        """See `Store.count`."""
        clause, values = _where(table, where)
        return int(self._query(f"SELECT count(*) FROM {name_of(table)}{clause}", values)[0][0])  # noqa: S608

    def counts(self, table: type[Any], column: str) -> dict[Any, int]:
        """See `Store.counts`."""
        return dict(self._query(f"SELECT {column}, count(*) FROM {name_of(table)} GROUP BY {column}", ()))  # noqa: S608

    def known(self, ids: Collection[bytes]) -> set[bytes]:
        """See `Store.known`."""
        every = list(ids)
        found: set[bytes] = set()
        for start in range(0, len(every), _CHUNK):
            chunk = every[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            sql = f"SELECT id FROM kept WHERE {indexed(Kept, 'id')} IN ({marks})"  # noqa: S608
            found.update(row[0] for row in self._query(sql, [each[:SHORT_KEY] for each in chunk]))
        return found.intersection(every)

    def span(self, chain: int, start: int, stop: int, *, after: bytes = b"", limit: int | None = None) -> list[Kept]:
        """See `Store.span`."""
        where = "chain = ? AND seq >= ? AND seq < ? AND (seq > ? OR id > ?)"
        sql = f"SELECT {_columns(Kept)} FROM kept WHERE {where} ORDER BY seq, id LIMIT ?"  # noqa: S608
        values = (chain, start, stop, start, after, -1 if limit is None else limit)
        return [Kept._make(row) for row in self._query(sql, values)]

    def weigh(self, chain: int, start: int) -> tuple[int, int]:
        """See `Store.weigh`."""
        sql = (
            "SELECT count(*), coalesce(sum(length(header) + length(signature) + coalesce(length(body), 0)), 0) "
            "FROM kept WHERE chain = ? AND seq >= ?"
        )
        ((count, size),) = self._query(sql, (chain, start))
        return int(count), int(size)

    def ids(self, chain: int) -> list[bytes]:
        """See `Store.ids`."""
        return [row[0] for row in self._query("SELECT id FROM kept WHERE chain = ?", (chain,))]

    def position(self) -> int:
        """See `Store.position`."""
        return int(self._query("SELECT coalesce(max(rowid), 0) FROM kept", ())[0][0])

    def since(self, position: int) -> list[tuple[int, int]]:
        """See `Store.since`."""
        return self._query("SELECT chain, min(seq) FROM kept WHERE rowid > ? GROUP BY chain", (position,))

    def last_chain(self) -> int:
        """See `Store.last_chain`."""
        sql = "SELECT max(coalesce((SELECT max(number) FROM chain), 0), coalesce((SELECT max(chain) FROM kept), 0))"
        return int(self._query(sql, ())[0][0])

    def between(self, table: type[Row], low: bytes, high: bytes, limit: int) -> list[Row]:
        """See `Store.between`."""
        key, mark = indexed(table, "id"), _beginning(table, "id")
        where = f"{key} BETWEEN {mark} AND {mark} AND id BETWEEN ? AND ?"
        sql = f"SELECT {_columns(table)} FROM {name_of(table)} WHERE {where} ORDER BY {key}, id LIMIT ?"  # noqa: S608
        make: Any = table._make  # type: ignore[attr-defined]
        return [make(row) for row in self._query(sql, (low, high, low, high, limit))]

    def walk(self, batch: int = 1000) -> Iterator[list[Kept]]:
        """See `Store.walk`."""
        return self.rows(Kept, batch)

    def rows(self, table: type[Row], batch: int = 1000) -> Iterator[list[Row]]:
        """See `Store.rows`."""
        last = -1
        sql = f"SELECT {_columns(table)}, rowid FROM {name_of(table)} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608
        make: Any = table._make  # type: ignore[attr-defined]
        while rows := self._query(sql, (last, batch)):
            last = rows[-1][-1]
            yield [make(row[:-1]) for row in rows]

    @contextmanager
    def touched(self) -> Iterator[dict[bytes, None]]:
        """See `Store.touched`. No other process writes here: the home's lock sees to it."""
        ids = dict[bytes, None]()
        self._watchers.append(ids)
        self._query(f"PRAGMA cache_size = {_SMALL_CACHE}", ())
        try:
            yield ids
        finally:
            self._watchers = [each for each in self._watchers if each is not ids]
            if not self._watchers:
                with suppress(StoreError):  # it may be closed by now
                    self._query(f"PRAGMA cache_size = {_CACHE}", ())

    def scratch(self) -> "SqliteStore":
        """See `Store.scratch`. A file beside the log; in memory where the disk takes no more of that size."""
        if self.refusal is not None:
            return Scratch(None)
        with_it = free_disk(self._folder) - self._path.stat().st_size
        return Scratch(self._folder if with_it >= limits.FREE_DISK_REMOTE else None)

    def make_projections(self) -> None:
        """See `Store.make_projections`. Whatever table is not primary was an earlier version's."""
        self._check_writable()
        primary = {name_of(table) for table in PRIMARY}
        there = self._query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*sqlite_*'", ())
        lines = [f'DROP TABLE "{name}"' for (name,) in there if name not in primary]
        for line in [*lines, *_projections()]:
            self._writing(line, ())

    def close(self) -> None:
        """See `Store.close`."""
        self._db.close()

    def on_step(self, callback: Any) -> None:
        """Call back for each step of SQLite's virtual machine: how tests count the work of a query."""
        self._db.set_progress_handler(callback, 1)

    def quick_check(self, go_on: Callable[[], bool]) -> list[str] | None:
        """What SQLite finds wrong with the file, which it reads whole: empty if nothing; None if `go_on`, which is
        asked now and then, said no. A store that met a damaged page reads nothing any more.
        """
        self._db.set_progress_handler(lambda: not go_on(), _ASKED)
        try:
            found = [str(row[0]) for row in self._query("PRAGMA quick_check", ())]
        except LostLogError as error:  # a page that nobody wrote so, by its seal
            return [error.error]
        except StoreError:
            if not go_on():
                return None
            raise
        finally:
            self._db.set_progress_handler(None, 0)
        return [] if found == ["ok"] else found

    def _query(self, sql: str, values: Sequence[object]) -> list[Any]:
        try:
            found: list[Any] = self._db.execute(sql, values).fetchall()
            return found
        except sqlcipher.Error as error:
            translated = _translated(error, "the log can't be read", self._folder)
            if isinstance(translated, LostLogError) and not self._db.in_transaction:
                self._open_anew()
            raise translated from error

    def _writing(self, sql: str, values: Sequence[Any]) -> None:
        self._check_writable()
        try:
            self._db.execute(sql, values)
        except sqlcipher.Error as error:
            raise _translated(error, "the log can't be written", self._folder) from error

    def _check_writable(self) -> None:
        if not self._db.in_transaction:
            raise StoreError("a write outside of a transaction")

    def _touch(self, ids: Collection[bytes]) -> None:
        for each in self._watchers:
            each.update(dict.fromkeys(ids))


class Scratch(SqliteStore):
    """A store for what is worked out and thrown away, in a file of that folder; in memory without one.

    The file has no name any more as soon as it is open, so that nothing is left of it whatever happens (one that was
    killed before is removed here), and its key is known to this object alone. There is no journal: what fails is thrown
    away as a whole.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder or Path(tempfile.gettempdir())
        self._watchers = []
        self.refusal = None
        name = ":memory:"
        try:
            if folder is not None:
                for stale in folder.glob(f"{SCRATCH}*"):
                    stale.unlink()
                descriptor, name = tempfile.mkstemp(prefix=SCRATCH, dir=folder)
                os.close(descriptor)
            try:
                self._db = sqlcipher.connect(name, isolation_level=None, check_same_thread=False)
                self._make(encrypted=folder is not None)
            finally:
                if folder is not None:
                    Path(name).unlink()
        except (OSError, sqlcipher.Error) as error:
            raise _translated(error, "there is no room to count beside the log", self._folder) from error

    def _make(self, *, encrypted: bool) -> None:
        if encrypted:
            self._db.execute(f"PRAGMA key = \"x'{os.urandom(32).hex()}'\"")
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "journal_mode = OFF",
            "synchronous = OFF",
            "temp_store = MEMORY",
            f"cache_size = {_SMALL_CACHE}",
        ):
            self._db.execute(f"PRAGMA {pragma}")
        with self.transaction():
            for line in (line for table in TABLES for line in statements(table)):
                self._writing(line, ())


def _connect_to_read(path: Path) -> sqlcipher.Connection:
    """A connection that writes nothing, neither to the file nor beside it, and needs no room.

    What a power cut or a full disk left in the -wal file is part of the log. It is read without SQLite's own locks: the
    home's lock, or the disk, keeps everybody else from writing. Where there is none, the file alone is all.
    """
    wal = path.with_name(path.name + "-wal")
    how = "mode=ro&vfs=unix-none" if wal.exists() and wal.stat().st_size else "immutable=1"
    uri = f"file:{quote(str(path.absolute()))}?{how}"
    return sqlcipher.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)


def _translated(error: Exception, what: str, folder: Path) -> StoreError:
    """SQLite's error in our words. Where a disk is full or read-only, it often knows no more than `disk I/O error`."""
    text = str(error)
    if "malformed" in text:
        return LostLogError(f"{what}: {text}")
    if isinstance(error, OSError) or getattr(error, "sqlite_errorname", "").startswith(_OF_THE_DISK):
        if "full" in text or is_full(folder):
            return _full()
        if is_read_only(folder):
            return _read_only()
    return StoreError(f"{what}: {text}")


def _full() -> DiskFullError:
    return DiskFullError("the disk is full: nothing was written", "Make room, and do it again.")


def _read_only() -> ReadOnlyDiskError:
    return ReadOnlyDiskError(
        "the disk is read-only: nothing can be written",
        "What is there can be read and exported. Make the disk writable, or copy the home to another one.",
    )


@cache
def _projections() -> tuple[str, ...]:
    """What makes all projections: worked out once, as every new log needs it."""
    return tuple(line for table in PROJECTIONS for line in statements(table))


@cache
def _columns(table: Any) -> str:
    return ", ".join(table._fields)


@cache
def _insert(table: Any, rows: int = 1) -> str:
    marks = ", ".join("?" * len(table._fields))
    values = ", ".join([f"({marks})"] * rows)
    return f"INSERT INTO {name_of(table)} ({_columns(table)}) VALUES {values}"  # noqa: S608


@cache
def _replace(table: Any) -> str:
    key = TABLES[table].key
    rest = ", ".join(f"{column} = excluded.{column}" for column in table._fields if column not in key)
    conflict = ", ".join(indexed(table, column) for column in key)
    return f"{_insert(table)} ON CONFLICT ({conflict}) DO {f'UPDATE SET {rest}' if rest else 'NOTHING'}"


def _where(table: Any, where: dict[str, object]) -> tuple[str, tuple[object, ...]]:
    """A condition that indexes serve which hold the beginnings of columns."""
    if not where:
        return "", ()
    short = [column for column in where if column in beginnings(table)]
    clauses = [f"{indexed(table, column)} IS {_beginning(table, column)}" for column in short]
    clauses += [f"{column} IS ?" for column in where]
    return " WHERE " + " AND ".join(clauses), (*(where[column] for column in short), *where.values())


def _beginning(table: Any, column: str) -> str:
    """The place of a value that is compared with an indexed beginning."""
    return indexed(table, column).replace(column, "?")
