"""Reading all of a log's file, so that a damaged page is found before something is needed of it.

A page is under a seal, which SQLite looks at when it reads it: one that nobody needs may be damaged for long. Whoever
has a log open goes on meanwhile, since the file is read by another connection.
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from meshd.home import LOG, looked_ms, note_looked, suspect
from meshd.store.api import StoreError
from meshd.store.sqlite import SqliteStore

DUE_MS = 24 * 3600 * 1000
"""A file is read again after so long."""


def always() -> bool:
    """Go on to the end."""
    return True


def is_due(folder: Path, now_ms: int) -> bool:
    """Whether it is long ago that all of a log's file was read. A clock that was set back says nothing."""
    last = looked_ms(folder)
    return last is None or abs(now_ms - last) >= DUE_MS


def look_through(
    folder: Path, key: bytes, now_ms: int, go_on: Callable[[], bool] = always, *, refusal: StoreError | None = None
) -> list[str]:
    """Read all of a log's file, and note whether it is damaged; what is wrong with it. `key` is the log's, `refusal` is
    as in `Store.refusal`. It ends early, and has found nothing, when `go_on` says no, which is asked now and then.

    Raises StoreError where it can't be read at all.
    """
    if not (folder / LOG).is_file():
        return []
    with closing(SqliteStore(folder / LOG, key, new=False, refusal=refusal)) as beside:
        found = beside.quick_check(go_on)
    if found is None:
        return []
    suspect(folder, damaged=bool(found))
    note_looked(folder, now_ms)
    return found
