"""A disk that loses power: what was written and not synced may be there afterwards, sector by sector, or not.

SQLite runs on it through apsw, over the plain build: SQLCipher is built on the same pager. Everything is in memory, and
one seed gives one history of cuts. A disk may also lie: it says that it keeps what it does not.
"""

import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import apsw

from meshd.store.migrations import migrate
from meshd.store.shapes import statements
from meshd.store.sqlite import VERSION
from meshd.store.tables import PROJECTIONS

SECTOR = 512


class PowerCutError(BaseException):
    """The machine is off: nothing that runs on it may go on, or clean up after itself."""


@dataclass
class _File:
    """What is on the disk for certain, what programs see, which sectors differ between the two, and to what size the
    file was cut off since. File systems keep that as a whole or not at all.
    """

    kept: bytearray | None = None
    seen: bytearray | None = field(default_factory=bytearray)
    dirty: set[int] = field(default_factory=set)
    shortened: int | None = None


class Disk:
    """Files by name. `steps` counts writes, syncs, truncations and deletions; power goes at step `cut_at`."""

    def __init__(self, seed: int, *, lies: bool = False) -> None:
        self._rng = random.Random(seed)
        self._files: dict[str, _File] = {}
        self._lies = lies
        self.steps = 0
        self.cut_at: int | None = None
        self.off = False
        self.over = False

    def lay(self, name: str, data: bytes) -> None:
        """Put a file there, for certain."""
        self._files[name] = _File(bytearray(data), bytearray(data))

    def step(self) -> None:
        """Something is about to be done to the disk."""
        if self.off or self.steps == self.cut_at:
            self.off = True
            raise PowerCutError
        self.steps += 1

    def cut(self) -> None:
        """The power goes, and comes back: of each sector that was not synced the old or the new one is there."""
        for name, file in list(self._files.items()):
            if file.kept is None:  # a new file whose name was not synced
                if self._rng.random() < 0.5:
                    del self._files[name]
                    continue
                file.kept = bytearray()
            after = bytearray(file.kept)
            dirty = file.dirty
            if file.shortened is not None and self._rng.random() < 0.5:
                del after[file.shortened :]
            elif file.shortened is not None:  # what was written behind that end is nowhere yet
                dirty = {sector for sector in dirty if (sector + 1) * SECTOR <= file.shortened}
            for sector in sorted(dirty):
                if file.seen is not None and self._rng.random() < 0.5:
                    _put(after, sector, file.seen)
            if file.seen is None and self._rng.random() < 0.5:  # a removal that was not synced
                del self._files[name]
                continue
            file.kept, file.seen, file.dirty, file.shortened = after, bytearray(after), set(), None
        self.off, self.cut_at = False, None

    def exists(self, name: str) -> bool:
        """Whether programs see a file of that name."""
        return name in self._files and self._files[name].seen is not None

    def open(self, name: str) -> _File:
        """A file, made where there is none."""
        file = self._files.setdefault(name, _File())
        if file.seen is None:
            file.seen = bytearray()
        return file

    def remove(self, name: str, *, synced: bool) -> None:
        """Remove a file."""
        if self.over:
            return
        self.step()
        if synced:
            self._files.pop(name, None)
        elif name in self._files:
            self._files[name].seen = None

    def write(self, file: _File, data: bytes, offset: int) -> None:
        """Write to a file, no further than to the disk's own memory."""
        if self.over:
            return
        self.step()
        assert file.seen is not None
        if len(file.seen) < offset + len(data):
            file.seen.extend(bytes(offset + len(data) - len(file.seen)))
        file.seen[offset : offset + len(data)] = data
        file.dirty.update(range(offset // SECTOR, (offset + len(data) - 1) // SECTOR + 1))

    def truncate(self, file: _File, size: int) -> None:
        """Cut a file off."""
        if self.over:
            return
        self.step()
        assert file.seen is not None
        if size < len(file.seen):
            del file.seen[size:]
            file.shortened = min(size, len(file.seen) if file.shortened is None else file.shortened)
            file.dirty = {sector for sector in file.dirty if sector * SECTOR < size}

    def sync(self, file: _File) -> None:
        """Keep what was written; a disk that lies only says so."""
        if self.over:
            return
        self.step()
        assert file.seen is not None
        if not self._lies:
            file.kept, file.dirty, file.shortened = bytearray(file.seen), set(), None


def _put(after: bytearray, sector: int, seen: bytearray) -> None:
    """One sector as it is seen."""
    start = sector * SECTOR
    new = seen[start : start + SECTOR]
    if len(after) < start:
        after.extend(bytes(start - len(after)))
    after[start : start + SECTOR] = new


class _Open:
    """A file that SQLite has open. There is one process, which locks it for itself alone."""

    def __init__(self, disk: Disk, name: str | None) -> None:
        self._disk, self._name = disk, name
        self._file = disk.open(name) if name is not None else _File()

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes((self._file.seen or b"")[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        assert self._name is not None, "temporary tables are in memory"
        self._disk.write(self._file, data, offset)

    def xTruncate(self, size: int) -> None:
        self._disk.truncate(self._file, size)

    def xSync(self, flags: int) -> None:
        self._disk.sync(self._file)

    def xFileSize(self) -> int:
        return len(self._file.seen or b"")

    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...

    def xCheckReservedLock(self) -> bool:
        return False

    def xFileControl(self, operation: int, pointer: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return int(apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE)

    def xClose(self) -> None: ...


class _Vfs(apsw.VFS):
    """SQLite's way to the disk."""

    def __init__(self, name: str, disk: Disk) -> None:
        self._disk = disk
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        flags[1] = flags[0]
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        return _Open(self._disk, filename)

    def xFullPathname(self, name: str) -> str:
        return name

    def xAccess(self, name: str, flags: int) -> bool:
        return self._disk.exists(name)

    def xDelete(self, name: str, sync: bool) -> None:
        if self._disk.exists(name):
            self._disk.remove(name, synced=sync)


class _Cursor:
    """What `execute` gives back: rows, and how many were changed."""

    def __init__(self, cursor: Any, rowcount: int) -> None:
        self._cursor, self.rowcount = cursor, rowcount

    def fetchall(self) -> list[Any]:
        return list(self._cursor)

    def fetchone(self) -> Any:
        return next(iter(self._cursor), None)


class _Connection:
    """A connection as the log's store uses one."""

    def __init__(self, path: str, vfs: str, disk: Disk, instead: dict[str, str]) -> None:
        self._disk, self._instead = disk, instead
        self._db = apsw.Connection(path, vfs=vfs)
        _opened.append(self._db)
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")  # one process: WAL needs no shared memory then

    def execute(self, sql: str, values: Any = ()) -> _Cursor:
        for word, other in self._instead.items():
            sql = sql.replace(word, other)
        before = self._db.total_changes()
        try:
            cursor = self._db.execute(sql, tuple(values))
        except apsw.Error as error:
            raise Error(str(error)) from error
        return _Cursor(cursor, self._db.total_changes() - before)

    def set_progress_handler(self, ask: Callable[[], bool] | None, steps: int) -> None:
        """As sqlcipher3's."""
        self._db.set_progress_handler(ask, steps or 1)

    @property
    def in_transaction(self) -> bool:
        return bool(self._db.in_transaction)

    def close(self) -> None:
        """Nothing is closed without power: what that would write must not come later, either."""
        if not self._disk.off:
            self._db.close()


_opened: list[Any] = []
"""Every connection, so that none is closed by a collection of garbage, on a disk that others use by then."""


class Error(Exception):
    """As sqlcipher3's."""


class Sqlcipher:
    """Stands for the module `sqlcipher3.dbapi2` in the log's store: everything on one disk that may lose its power."""

    Error = Error
    Connection = _Connection

    def __init__(self, disk: Disk, name: str, instead: dict[str, str]) -> None:
        self._name, self._disk = name, disk
        self._instead = {"wal_autocheckpoint = 8000": "wal_autocheckpoint = 60", **instead}  # cuts in those, too
        self._vfs = _Vfs(name, disk)

    def connect(self, path: str, **_: Any) -> _Connection:
        if not self._disk.exists(path):
            self._disk.lay(path, _empty_log())
        return _Connection(path, self._name, self._disk, self._instead)

    def close(self) -> None:
        """The end of the disk, and of all that still had it open."""
        self._disk.over, self._disk.off = True, False
        while _opened:
            _opened.pop().close()
        self._vfs.unregister()


@cache
def _empty_log() -> bytes:
    """A log without a record, as migrations make it: they need more of a connection than there is here."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db, VERSION)
    for line in (line for table in PROJECTIONS for line in statements(table)):
        db.execute(line)
    data = bytearray(db.serialize())
    data[18:20] = b"\x02\x02"  # in WAL already: that a home is begun in one piece is seen to by its key file
    return bytes(data)
