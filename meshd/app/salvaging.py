"""A log whose file is damaged: what can be read of it goes into a new one, through the same door as from a stick.

The damaged file stays beside it. What is missing then comes from others; until the end of what this device wrote is
here again, it writes nothing, since it would contradict itself.
"""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from meshd.assembly import keystore
from meshd.assembly.assembly import Assembly, World
from meshd.home import LOG, make_private, suspect, sync_folder
from meshd.progress import Step, Steps
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.api import LostLogError, Store
from meshd.store.sqlite import SqliteStore
from meshd.store.torn import Torn
from meshd.upkeep import caretaker, recount
from meshd_protocol.chains import Waiting
from meshd_protocol.kinds import Log
from meshd_protocol.records import encode_record

DAMAGED = f"{LOG}.damaged"
STAGING = "salvaging"
_LOST = bytes(32)
"""Stands for a record that is nowhere: what this device wrote last is not known, so that it writes nothing any more."""
_NOTED = (tables.Own, tables.Passed, tables.Watch, tables.Noticed, tables.Peer, tables.Met, tables.Acquaintance)
"""What this machine noted, beside the log."""


class Salvaged(NamedTuple):
    """How many records were saved, whether the last that this device wrote are among them, and where the damaged file
    is.
    """

    records: int
    own: bool
    damaged: Path


def salvage(folder: Path, passphrase: str, world: World) -> Steps[Salvaged]:
    """Put a log that can be read in the place of a damaged one. Whoever calls holds the home's lock.

    Raises PassphraseError, NodeError.
    """
    keys, lock = keystore.load(folder, passphrase)
    path, staging = folder / LOG, folder / STAGING
    if not path.is_file():
        raise LostLogError(f"the log {path} is missing: there is nothing to save", hopeless=True)
    shutil.rmtree(staging, ignore_errors=True)
    make_private(staging)
    try:
        with closing(Torn(path, keys.database)) as torn:
            store = SqliteStore(staging / LOG, keys.database)
            with closing(Assembly(staging, keys, lock, store, world, caretaker.CARE)) as assembly:
                yield from _take(assembly, torn)
                records, own = store.count(tables.Kept), not assembly.has_twin()
        path.replace(folder / DAMAGED)
        for beside in folder.glob(f"{LOG}-*"):
            beside.unlink()
        (staging / LOG).replace(path)
        sync_folder(folder)
        suspect(folder, damaged=False)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Salvaged(records, own, folder / DAMAGED)


def _take(assembly: Assembly, torn: Torn) -> Steps[None]:
    store = assembly.store
    with store.transaction():
        recount.note_current(store)
        for table in _NOTED:
            _copy(store, torn, table)
        if not store.count(tables.Own):  # it wrote something, and nobody knows what was the last
            store.insert([tables.Own(int(Log.DECISIONS), 0, _LOST)])
        heads = [row for rows in torn.rows(tables.Head) for row in rows]
        for first in [head for head in heads if not head.cites]:  # a newcomer's, from which on the head moves
            store.replace(first)
    waiting, read, total = Waiting(), 0, (assembly.folder.parent / LOG).stat().st_size
    for rows in torn.rows(tables.Kept):
        batch = [encode_record(row.header, row.signature, row.body) for row in rows if _is_whole(row)]
        assembly.receive(batch, waiting)
        read += sum(map(len, batch))
        yield Step(f"{store.count(tables.Kept)} records saved", min(read, total), total)
    if heads:
        _go_back(assembly, heads)
    assembly.reload()


def _go_back(assembly: Assembly, heads: list[tables.Head]) -> None:
    """Move the head where it was, on the line that its person chose, if what was saved leads there."""
    store = assembly.store
    with store.transaction():
        moved = store.find(tables.Head)
        _set_heads(store, heads)
        standing = Standing.load(store, assembly.id)
        if standing is None or standing.head != heads[-1].roster:
            _set_heads(store, moved)


def _set_heads(store: Store, heads: list[tables.Head]) -> None:
    store.delete(tables.Head)
    for head in heads:
        store.replace(head)


def _copy(store: Store, torn: Torn, table: type[Any]) -> None:
    for rows in torn.rows(table):
        store.insert(rows)


def _is_whole(row: tables.Kept) -> bool:
    return all(type(part) is bytes for part in (row.header, row.signature)) and isinstance(row.body, bytes | None)
