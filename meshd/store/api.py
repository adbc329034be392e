"""What a store can do: keep rows, in transactions. One contract suite runs against every implementation.

Nothing here knows what a row means. Rows are the named tuples of `tables.py`; conditions are equalities.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from meshd.errors import NodeError
from meshd.store.tables import Kept

Row = TypeVar("Row", bound=tuple[Any, ...])


class StoreError(NodeError):
    """The log can't be read or written."""


class LostLogError(StoreError):
    """The log on disk is damaged or gone: what it held comes back from others only, to another device of its owner.
    `hopeless` where nothing can be saved of it.
    """

    def __init__(self, error: str, *, hopeless: bool = False) -> None:
        saves = "" if hopeless else "With the daemon stopped, `meshd check --rebuild` saves what can be read. "
        super().__init__(
            error,
            f"{saves}A backup has {'it' if hopeless else 'the rest'}: `meshd --home NEW restore FILE`. So have others: "
            "`meshd --home NEW join TICKET --as YOU --member-key FILE` brings you back with another device; `meshd "
            "whoami --member-key` still prints that key here.",
        )


class DiskFullError(StoreError):
    """There is no room on the disk to write this."""


class ReadOnlyDiskError(StoreError):
    """The disk takes no writes at all."""


class WrongKeyError(LostLogError):
    """The database is not one that this key opens."""


class Store(Protocol):
    """The log and its projections. Everything between two transactions is durable; nothing of a failed one remains."""

    @property
    def refusal(self) -> StoreError | None:
        """Why this store is open for reading alone, which any transaction raises; None where it can be written."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All writes inside become durable together, or none does. Transactions do not nest."""
        ...

    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add rows of one table. Raises StoreError if a key is taken."""
        ...

    def replace(self, row: tuple[Any, ...]) -> None:
        """Add a row, or put it in the place of the one with its key."""
        ...

    def delete(self, table: type[Any], **where: object) -> int:
        """Remove the rows that match; all of the table's with no condition. Returns how many."""
        ...

    def remove(self, table: type[Any], ids: Collection[bytes]) -> None:
        """Remove the rows with these ids, of a table that may have no index of them: it goes through all of it."""
        ...

    def overwriting(self) -> AbstractContextManager[None]:
        """What is removed while this is open is overwritten in the file, as far as a disk does what it is told."""
        ...

    def cut_journal(self) -> None:
        """Leave nothing in the journal of what was removed. Outside of a transaction."""
        ...

    def find(self, table: type[Row], *, newest: bool = False, limit: int | None = None, **where: object) -> list[Row]:
        """The rows that match, in the order in which they were added (or the other way round), at most `limit`."""
        ...

    def get(self, table: type[Row], **where: object) -> Row | None:
        """The first row that matches."""
        ...

    def count(self, table: type[Any], **where: object) -> int:
        """How many rows match."""
        ...

    def counts(self, table: type[Any], column: str) -> dict[Any, int]:
        """How many rows have each value of a column."""
        ...

    def known(self, ids: Collection[bytes]) -> set[bytes]:
        """Those of the ids that the log holds."""
        ...

    def span(self, chain: int, start: int, stop: int, *, after: bytes = b"", limit: int | None = None) -> list[Kept]:
        """The records of a chain with start <= seq < stop, all branches, by seq, then id; the first `limit` of them.

        Of those at `start` only the ones with an id above `after`: a fork may have any number of branches there.
        """
        ...

    def weigh(self, chain: int, start: int) -> tuple[int, int]:
        """How many records a chain has from that seq on, and their bytes."""
        ...

    def ids(self, chain: int) -> list[bytes]:
        """The ids of all records of a chain."""
        ...

    def position(self) -> int:
        """Where the log ends now, in the order in which it was written."""
        ...

    def since(self, position: int) -> list[tuple[int, int]]:
        """The chains that have records beyond a position, each with the lowest seq of those."""
        ...

    def last_chain(self) -> int:
        """The highest number that a chain or a record has; 0 in an empty log."""
        ...

    def between(self, table: type[Row], low: bytes, high: bytes, limit: int) -> list[Row]:
        """The first `limit` rows, by id, whose id lies between the two, both included."""
        ...

    def rows(self, table: type[Row], batch: int = 1000) -> Iterable[list[Row]]:
        """All rows of a table in the order in which they were added, in batches: each as it is when it is asked for.

        What is added meanwhile may be among them, or not.
        """
        ...

    def walk(self, batch: int = 1000) -> Iterable[list[Kept]]:
        """The whole log in the order in which it was written, in batches: `rows` of it."""
        ...

    def touched(self) -> AbstractContextManager[dict[bytes, None]]:
        """The ids of logged that are written or removed while this is open, as they are; those of a failed transaction
        may be among them. In the order in which it happened; whoever has looked at one takes it out.
        """
        ...

    def scratch(self) -> "Store":
        """An empty store with the same tables, for what is worked out beside this one and thrown away: it is gone when
        it is closed, or with the process, and of no use after a failed transaction.
        """
        ...

    def make_projections(self) -> None:
        """Make the tables of all projections anew, empty, as this version has them. In a transaction."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...
