"""Rows that were just added, by table: whoever asks what follows from a batch asks for one kind of rows."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

Row = tuple[Any, ...]
T = TypeVar("T", bound=Row)
Mark = Mapping[type[Row], int]


class Added:
    """Rows of many tables: of each in the order in which they were added."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._rows: dict[type[Row], list[Row]] = {}
        for row in rows:
            self.put(row)

    def put(self, row: Row) -> None:
        """Add a row behind those of its table."""
        found = self._rows.get(type(row))
        if found is None:
            self._rows[type(row)] = found = []
        found.append(row)

    def add(self, other: "Added") -> None:
        """Add all rows of another batch."""
        for table, rows in other._rows.items():
            self._rows.setdefault(table, []).extend(rows)

    def of(self, table: type[T]) -> list[T]:
        """The rows of one table."""
        return cast(list[T], self._rows.get(table, []))

    def ids(self, *tables: type[Row]) -> list[bytes]:
        """The ids of the rows of some tables of records."""
        return [row.id for table in tables for row in self._rows.get(table, ())]  # type: ignore[attr-defined]

    def by_table(self) -> Mapping[type[Row], list[Row]]:
        """The rows of each table that has any."""
        return self._rows

    def mark(self) -> Mark:
        """What is here now, for `since`."""
        return {table: len(rows) for table, rows in self._rows.items()}

    def since(self, mark: Mark) -> "Added":
        """What was added after that mark."""
        later = Added()
        for table, rows in self._rows.items():
            if len(rows) > mark.get(table, 0):
                later._rows[table] = rows[mark.get(table, 0) :]
        return later


NONE = Added()
"""No rows: nobody adds to it."""
