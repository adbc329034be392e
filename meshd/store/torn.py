"""Reading a log whose file is damaged: row by row, around what can't be read."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlcipher3.dbapi2 as sqlcipher

from meshd.store.api import LostLogError
from meshd.store.shapes import name_of

_BLOCK = 256
"""Rows that are asked for at a time; where that fails, they are halved."""
_TRIED = 8
"""Rows of a block that are tried before: where none can be read, the way to all of them is lost."""
_MORE = 1 << 20
_ROW_BYTES = 64
"""No row is shorter: how many there may be, where the file does not say it."""


class Torn:
    """A damaged log, which nobody else has open: nothing of it is changed. Raises LostLogError if nothing is left."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._key, self._size = path, key, path.stat().st_size
        self._db = self._connected()
        if not self._has_tables():
            self._lengthen()  # of one that was cut SQLite reads nothing, wherever that was
            if not self._has_tables():
                self.close()
                problem = f"nothing can be read of the log {path}: what says where things are in it is lost"
                raise LostLogError(problem, hopeless=True)

    def _has_tables(self) -> bool:
        found = self._ask("SELECT count(*) FROM sqlite_master", ())
        return found is not None and bool(found[0][0])

    def close(self) -> None:
        """Close the file, as long as it was."""
        self._db.close()
        if self._path.stat().st_size != self._size:
            os.truncate(self._path, self._size)

    def _lengthen(self) -> None:
        """Put emptiness behind the file, for the pages that it has lost: SQLite looks at none that it does not need."""
        with suppress(OSError):
            os.truncate(self._path, 2 * self._size + _MORE)

    def rows(self, table: type[Any]) -> Iterator[list[Any]]:
        """The rows of a table that can be read, some at a time, in the order in which they came."""
        last = self._last(table)
        for low in range(0, last + 1, _BLOCK):  # a key that is a number is its row's, from 0 on
            high = min(low + _BLOCK - 1, last)
            found = self._rows(table, low, high)
            if found is None and any(
                self._rows(table, each, each) is not None for each in range(low, high + 1, _BLOCK // _TRIED)
            ):
                found = self._between(table, low, high)
            if found:
                yield found

    def _last(self, table: type[Any]) -> int:
        """The last row's number; the most that the file has room for, where it can't be read."""
        found = self._ask(f"SELECT max(rowid) FROM {name_of(table)}", ())  # noqa: S608 (names are ours)
        if found is None:
            return self._path.stat().st_size // _ROW_BYTES
        return int(found[0][0] or 0)

    def _between(self, table: type[Any], low: int, high: int) -> list[Any]:
        """All rows of these numbers that can be read."""
        found = self._rows(table, low, high)
        if found is not None or low == high:
            return found or []
        middle = (low + high) // 2
        return self._between(table, low, middle) + self._between(table, middle + 1, high)

    def _rows(self, table: type[Any], low: int, high: int) -> list[Any] | None:
        columns = ", ".join(table._fields)
        sql = f"SELECT {columns} FROM {name_of(table)} WHERE rowid BETWEEN ? AND ? ORDER BY rowid"  # noqa: S608
        found = self._ask(sql, (low, high))
        return [table._make(row) for row in found] if found is not None else None

    def _ask(self, sql: str, values: tuple[Any, ...]) -> list[Any] | None:
        """The answer; None where the file is damaged there. After that the file is opened anew: it would answer nothing
        any more.
        """
        try:
            found: list[Any] = self._db.execute(sql, values).fetchall()
            return found
        except sqlcipher.Error:
            self._db.close()
            self._db = self._connected()
            return None

    def _connected(self) -> sqlcipher.Connection:
        db = sqlcipher.connect(f"file:{self._path.absolute()}?mode=ro", uri=True, isolation_level=None)
        db.execute("PRAGMA cipher_log_level = NONE")
        db.execute(f"PRAGMA key = \"x'{self._key.hex()}'\"")
        return db
