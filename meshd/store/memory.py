"""A store in memory with real transactions, for unit tests. It must behave exactly as the one on disk."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, get_type_hints

from meshd.store.api import Row, StoreError
from meshd.store.tables import TABLES, Chain, Entry

_Rows = dict[tuple[Any, ...], tuple[Any, ...]]


class MemoryStore:
    """Tables as dictionaries from key to row, in the order of writing."""

    def __init__(self) -> None:
        self._tables: dict[type[Any], _Rows] = {table: {} for table in TABLES}
        self._undo: list[tuple[type[Any], _Rows]] | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Store.transaction`."""
        if self._undo is not None:
            raise StoreError("transactions do not nest")
        self._undo = []
        try:
            yield
        except BaseException:
            for table, rows in reversed(self._undo):
                self._tables[table] = rows
            raise
        finally:
            self._undo = None

    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """See `Store.insert`."""
        if not rows:
            return
        table = self._writable(type(rows[0]))
        for row in rows:
            key = _key(row) or (object(),)
            if key in table:
                raise StoreError(f"a row of {type(row).__name__} is there already")
            table[key] = row

    def replace(self, row: tuple[Any, ...]) -> None:
        """See `Store.replace`."""
        self._writable(type(row))[_key(row)] = row

    def delete(self, table: type[Any], **where: object) -> int:
        """See `Store.delete`."""
        rows = self._writable(table)
        gone = [key for key, row in rows.items() if _matches(row, where)]
        for key in gone:
            del rows[key]
        return len(gone)

    def find(self, table: type[Row], *, newest: bool = False, limit: int | None = None, **where: object) -> list[Row]:
        """See `Store.find`."""
        return self._find(table, where, newest=newest, limit=limit)

    def _find(
        self, table: type[Row], where: dict[str, object], *, newest: bool = False, limit: int | None = None
    ) -> list[Row]:
        rows: Any = self._tables[table].values()
        if where and tuple(where) == TABLES[table].key:
            row = self._tables[table].get(tuple(where.values()))
            rows = () if row is None else (row,)
        found: list[Any] = [row for row in rows if _matches(row, where)]
        if [get_type_hints(table)[column] for column in TABLES[table].key] == [int]:  # such a key is SQLite's rowid
            found.sort(key=_key)
        if newest:
            found.reverse()
        return found[:limit]

    def get(self, table: type[Row], **where: object) -> Row | None:
        """See `Store.get`."""
        found = self._find(table, where, limit=1)
        return found[0] if found else None

    def count(self, table: type[Any], **where: object) -> int:
        """See `Store.count`."""
        return len(self._find(table, where))

    def known(self, ids: Collection[bytes]) -> set[bytes]:
        """See `Store.known`."""
        entries = self._tables[Entry]
        return {each for each in ids if (each,) in entries}

    def span(self, chain: int, start: int, stop: int) -> list[Entry]:
        """See `Store.span`."""
        found = [entry for entry in self.find(Entry, chain=chain) if start <= entry.seq < stop]
        return sorted(found, key=lambda entry: (entry.seq, entry.id))

    def weigh(self, chain: int, start: int) -> tuple[int, int]:
        """See `Store.weigh`."""
        found = [entry for entry in self.find(Entry, chain=chain) if entry.seq >= start]
        return len(found), sum(len(each.header) + len(each.signature) + len(each.body or b"") for each in found)

    def ids(self, chain: int) -> list[bytes]:
        """See `Store.ids`."""
        return [entry.id for entry in self.find(Entry, chain=chain)]

    def last_chain(self) -> int:
        """See `Store.last_chain`."""
        numbers = [chain.number for chain in self.find(Chain)] + [entry.chain for entry in self.find(Entry)]
        return max(numbers, default=0)

    def between(self, table: type[Row], low: bytes, high: bytes, limit: int) -> list[Row]:
        """See `Store.between`."""
        found = [row for row in self.find(table) if low <= row.id <= high]  # type: ignore[attr-defined]
        return sorted(found, key=lambda row: row.id)[:limit]  # type: ignore[attr-defined]

    def walk(self, batch: int = 1000) -> Iterator[list[Entry]]:
        """See `Store.walk`."""
        everything = self.find(Entry)
        for start in range(0, len(everything), batch):
            yield everything[start : start + batch]

    def close(self) -> None:
        """See `Store.close`."""

    def _writable(self, table: type[Any]) -> _Rows:
        if self._undo is None:
            raise StoreError("a write outside of a transaction")
        if all(saved is not table for saved, _ in self._undo):
            self._undo.append((table, dict(self._tables[table])))
        return self._tables[table]


def _key(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(getattr(row, column) for column in TABLES[type(row)].key)


def _matches(row: tuple[Any, ...], where: dict[str, object]) -> bool:
    return all(getattr(row, column) == value for column, value in where.items())
