"""A store in memory with real transactions, for tests. It must behave exactly as the one on disk."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, get_type_hints

from meshd.store.api import Row, StoreError
from meshd.store.tables import PROJECTIONS, TABLES, Chain, Kept

_Key = tuple[Any, ...]
_Rows = dict[_Key, tuple[Any, ...]]
_GONE: tuple[Any, ...] = ("no row",)
_NUMBERED = frozenset(
    table for table, how in TABLES.items() if [get_type_hints(table)[column] for column in how.key] == [int]
)
"""Tables whose key is SQLite's rowid: they come in its order."""


class MemoryStore:
    """Tables as dictionaries from key to row, in the order of writing, with the indexes that `TABLES` names."""

    def __init__(self) -> None:
        self._tables: dict[type[Any], _Rows] = {table: {} for table in TABLES}
        self._indexes: dict[tuple[type[Any], tuple[str, ...]], dict[_Key, dict[_Key, None]]] = {
            (table, columns): {} for table, how in TABLES.items() for columns in _indexed(how.key, how.indexes)
        }
        self._undo: list[tuple[type[Any], _Key, tuple[Any, ...]]] | None = None
        self._order: dict[type[Any], list[_Key]] = {}
        self._watchers: list[dict[bytes, None]] = []

    @property
    def refusal(self) -> StoreError | None:
        """See `Store.refusal`."""
        return None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Store.transaction`."""
        if self._undo is not None:
            raise StoreError("transactions do not nest")
        self._undo = []
        self._order = {}
        try:
            yield
        except BaseException:
            self._roll_back(self._undo)
            raise
        finally:
            self._undo = None

    def _roll_back(self, undo: list[tuple[type[Any], _Key, tuple[Any, ...]]]) -> None:
        for table, key, before in reversed(undo):
            self._set(table, key, before)
        for table, order in self._order.items():  # a row that came back stands where it stood
            rows = self._tables[table]
            self._tables[table] = {key: rows[key] for key in order}
            for columns in _indexed(TABLES[table].key, TABLES[table].indexes):
                fresh: dict[_Key, dict[_Key, None]] = {}
                for key in order:
                    fresh.setdefault(tuple(getattr(rows[key], column) for column in columns), {})[key] = None
                self._indexes[table, columns] = fresh

    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """See `Store.insert`."""
        if not rows:
            return
        table = type(rows[0])
        self._check_writable()
        for row in rows:
            key = _key(row) or (object(),)
            if key in self._tables[table]:
                raise StoreError(f"a row of {table.__name__} is there already")
            self._put(table, key, row)

    def replace(self, row: tuple[Any, ...]) -> None:
        """See `Store.replace`."""
        self._check_writable()
        self._put(type(row), _key(row), row)

    def delete(self, table: type[Any], **where: object) -> int:
        """See `Store.delete`."""
        self._check_writable()
        gone = [key for key, row in self._candidates(table, where) if _matches(row, where)]
        for key in gone:
            self._put(table, key, _GONE)
        return len(gone)

    def remove(self, table: type[Any], ids: Collection[bytes]) -> None:
        """See `Store.remove`."""
        self._check_writable()
        some = set(ids)
        for key in [key for key, row in self._tables[table].items() if row.id in some]:  # type: ignore[attr-defined]
            self._put(table, key, _GONE)

    def overwriting(self) -> AbstractContextManager[None]:
        """See `Store.overwriting`."""
        return nullcontext()

    def cut_journal(self) -> None:
        """See `Store.cut_journal`."""

    def find(self, table: type[Row], *, newest: bool = False, limit: int | None = None, **where: object) -> list[Row]:
        """See `Store.find`."""
        return self._find(table, where, newest=newest, limit=limit)

    def _find(
        self, table: type[Row], where: dict[str, object], *, newest: bool = False, limit: int | None = None
    ) -> list[Row]:
        found: list[Any] = [row for _, row in self._candidates(table, where) if _matches(row, where)]
        if table in _NUMBERED:
            found.sort(key=_key)
        if newest:
            found.reverse()
        return found[:limit]

    def _candidates(self, table: type[Any], where: dict[str, object]) -> Iterable[tuple[_Key, tuple[Any, ...]]]:
        """Rows that may match, by the key or an index where one covers the first conditions."""
        rows = self._tables[table]
        if where and tuple(where) == TABLES[table].key:
            key = tuple(where.values())
            return [(key, rows[key])] if key in rows else []
        for size in range(len(where), 0, -1):
            columns = tuple(where)[:size]
            index = self._indexes.get((table, columns))
            if index is not None:
                return [(key, rows[key]) for key in index.get(tuple(where.values())[:size], ())]
        return list(rows.items())

    def get(self, table: type[Row], **where: object) -> Row | None:
        """See `Store.get`."""
        found = self._find(table, where, limit=1)
        return found[0] if found else None

    def count(self, table: type[Any], **where: object) -> int:
        """See `Store.count`."""
        return len(self._find(table, where))

    def counts(self, table: type[Any], column: str) -> dict[Any, int]:
        """See `Store.counts`."""
        return dict(Counter(getattr(row, column) for row in self._tables[table].values()))

    def known(self, ids: Collection[bytes]) -> set[bytes]:
        """See `Store.known`."""
        logged = self._tables[Kept]
        return {each for each in ids if (each,) in logged}

    def span(self, chain: int, start: int, stop: int, *, after: bytes = b"", limit: int | None = None) -> list[Kept]:
        """See `Store.span`."""
        found = [kept for kept in self.find(Kept, chain=chain) if (start, after) < (kept.seq, kept.id) < (stop,)]
        return sorted(found, key=lambda kept: (kept.seq, kept.id))[:limit]

    def weigh(self, chain: int, start: int) -> tuple[int, int]:
        """See `Store.weigh`."""
        found = [kept for kept in self.find(Kept, chain=chain) if kept.seq >= start]
        return len(found), sum(len(each.header) + len(each.signature) + len(each.body or b"") for each in found)

    def ids(self, chain: int) -> list[bytes]:
        """See `Store.ids`."""
        return [kept.id for kept in self.find(Kept, chain=chain)]

    def position(self) -> int:
        """See `Store.position`."""
        return len(self._tables[Kept])

    def since(self, position: int) -> list[tuple[int, int]]:
        """See `Store.since`."""
        found: dict[int, int] = {}
        for kept in self.find(Kept)[position:]:
            found[kept.chain] = min(kept.seq, found.get(kept.chain, kept.seq))
        return sorted(found.items())

    def last_chain(self) -> int:
        """See `Store.last_chain`."""
        numbers = [chain.number for chain in self.find(Chain)] + [kept.chain for kept in self.find(Kept)]
        return max(numbers, default=0)

    def between(self, table: type[Row], low: bytes, high: bytes, limit: int) -> list[Row]:
        """See `Store.between`."""
        found = [row for row in self.find(table) if low <= row.id <= high]  # type: ignore[attr-defined]
        return sorted(found, key=lambda row: row.id)[:limit]  # type: ignore[attr-defined]

    def walk(self, batch: int = 1000) -> Iterator[list[Kept]]:
        """See `Store.walk`."""
        return self.rows(Kept, batch)

    def rows(self, table: type[Row], batch: int = 1000) -> Iterator[list[Row]]:
        """See `Store.rows`."""
        keys = sorted(self._tables[table]) if table in _NUMBERED else list(self._tables[table])
        for start in range(0, len(keys), batch):
            rows: Any = self._tables[table]
            found = [rows[key] for key in keys[start : start + batch] if key in rows]
            if found:
                yield found

    @contextmanager
    def touched(self) -> Iterator[dict[bytes, None]]:
        """See `Store.touched`."""
        ids = dict[bytes, None]()
        self._watchers.append(ids)
        try:
            yield ids
        finally:
            self._watchers = [each for each in self._watchers if each is not ids]

    def scratch(self) -> "MemoryStore":
        """See `Store.scratch`."""
        return MemoryStore()

    def make_projections(self) -> None:
        """See `Store.make_projections`."""
        for table in PROJECTIONS:
            self.delete(table)

    def close(self) -> None:
        """See `Store.close`."""

    def _check_writable(self) -> None:
        if self._undo is None:
            raise StoreError("a write outside of a transaction")

    def _put(self, table: type[Any], key: _Key, row: tuple[Any, ...]) -> None:
        assert self._undo is not None
        if table not in self._order:
            self._order[table] = list(self._tables[table])
        self._undo.append((table, key, self._tables[table].get(key, _GONE)))
        if table is Kept:
            for ids in self._watchers:
                ids[key[0]] = None
        self._set(table, key, row)

    def _set(self, table: type[Any], key: _Key, row: tuple[Any, ...]) -> None:
        """Put a row in its place, or take it out, with its indexes."""
        rows = self._tables[table]
        before = rows.get(key)
        how = TABLES[table]
        for columns in _indexed(how.key, how.indexes):
            index = self._indexes[table, columns]
            if before is not None:
                values = tuple(getattr(before, column) for column in columns)
                del index[values][key]
                if not index[values]:
                    del index[values]
            if row is not _GONE:
                index.setdefault(tuple(getattr(row, column) for column in columns), {})[key] = None
        if row is _GONE:
            rows.pop(key, None)
        else:
            rows[key] = row


def _indexed(key: tuple[str, ...], indexes: tuple[tuple[str, ...], ...]) -> set[tuple[str, ...]]:
    """Every beginning of an index, as SQLite can use it."""
    return {each[:size] for each in (*indexes, key) for size in range(1, len(each) + 1)} - {key}


def _key(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(getattr(row, column) for column in TABLES[type(row)].key)


def _matches(row: tuple[Any, ...], where: dict[str, object]) -> bool:
    return all(getattr(row, column) == value for column, value in where.items())
