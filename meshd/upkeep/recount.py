"""Everything that follows from the log, counted anew from the records: beside what is shown, or in its place.

`meshd check` compares; a log that an earlier meshd wrote is renewed when it is opened. Reading a long log takes many
steps, and between them others write. So what was read ahead is only a help: `read_now`, `beside` and `put_in_place`
belong into one step, and go by the log as it is in that step.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import meshd_protocol
from meshd import log, state, store
from meshd.log.door import Door
from meshd.progress import Step, Steps
from meshd.state import tallies
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.api import Store
from meshd.store.memory import MemoryStore
from meshd_crypto.hashing import digest
from meshd_protocol.chains import ChainKey, Waiting
from meshd_protocol.errors import BadRecordError
from meshd_protocol.names import text_of
from meshd_protocol.records import Record, read_record

_SAID_BY = (meshd_protocol, log, state, store)
"""The packages that say what follows from records. What only carries them (`_CARRY`) says nothing of it."""
_CARRY = frozenset({"sync", "papers"})


class Contents(NamedTuple):
    """The log of one moment: its records, the numbers of their chains, and what is wrong with entries that are none,
    by their ids.
    """

    records: list[Record]
    numbers: dict[ChainKey, int]
    damaged: dict[bytes, str]


def is_current(store: Store) -> bool:
    """Whether the projections on disk are those of this version."""
    return store.get(tables.Setting, name=_current().name) == _current()


def note_current(store: Store) -> None:
    """Note that they are. In a transaction."""
    store.replace(_current())


@cache
def version() -> str:
    """Some letters that tell what this version makes of records from what any other one makes of them."""
    return version_of([Path(package.__path__[0]) for package in _SAID_BY])


def version_of(folders: Iterable[Path]) -> str:
    """A digest of the code in some folders: nobody has to remember that a rule changed what stands on disk.

    A change that comes to nothing costs a recount, too.
    """
    parts: list[bytes] = []
    for folder in folders:
        files = {path.relative_to(folder): path for path in folder.rglob("*.py")}
        assert files, f"the program's own files in {folder} can't be read"
        for place in sorted(place for place in files if not _CARRY.intersection(place.parts)):
            parts += [place.as_posix().encode(), digest(files[place].read_bytes())]
    return digest(*parts)[:8].hex()


def _current() -> tables.Setting:
    return tables.Setting("projections", version())


def renew(store: Store, assembly: bytes) -> None:
    """Count everything anew, in the place of what an earlier version wrote."""
    log = read_now(store, assembly, {})
    put_in_place(store, log, beside(store, assembly, log.records))


def read_ahead(store: Store, assembly: bytes) -> Steps[dict[bytes, Record]]:
    """Records by their ids, so that `read_now` has less to do. What is written meanwhile may be among them, or not."""
    total = store.count(tables.Entry)
    ahead: dict[bytes, Record] = {}
    seen = 0
    for batch in store.walk():
        for entry in batch:
            record = _read(assembly, entry)
            if isinstance(record, Record):
                ahead[entry.id] = record
        seen += len(batch)
        yield Step(f"{len(ahead)} records read", seen, max(total, seen))
        if seen >= total:  # or it would never end where others write as fast as this reads
            break
    return ahead


def read_now(store: Store, assembly: bytes, ahead: dict[bytes, Record]) -> Contents:
    """The whole log as it is. What was read ahead is taken out of `ahead`, and used where the log still has it so."""
    log = Contents([], {}, {})
    for batch in store.walk():
        for entry in batch:
            before = ahead.pop(entry.id, None)
            same = before is not None and (before.header, before.signature, before.body) == entry[-3:]
            found = before if before is not None and same else _read(assembly, entry)
            if isinstance(found, str):
                log.damaged[entry.id] = found
            else:
                log.records.append(found)
                log.numbers[found.device, found.log] = entry.chain
    return log


def _read(assembly: bytes, entry: tables.Entry) -> Record | str:
    """An entry's record; or what is wrong where its bytes are none, or not the one that the log says."""
    try:
        record = read_record(assembly, entry.header, entry.signature, entry.body)
    except BadRecordError as error:
        return f"{text_of(entry.id)[:8]} is damaged: {error}"
    return record if record.id == entry.id else f"{text_of(entry.id)[:8]} is not what its id says"


def beside(store: Store, assembly: bytes, records: list[Record]) -> MemoryStore:
    """All projections from scratch, beside those on disk, through the same door and by the same rules."""
    counted = MemoryStore()
    door = Door(counted, assembly)
    waiting = Waiting(capacity=1 << 62)
    with counted.transaction():
        door.accept(sorted(records, key=lambda record: (record.log, record.seq)), waiting)
        for head in store.find(tables.Head):
            counted.insert([head])
        standing = Standing.load(counted, assembly)
        if standing is not None and standing.knows_rules:
            standing.refresh()
            for proposal in counted.find(tables.Proposal):
                tallies.count(counted, standing, proposal)
    return counted


def put_in_place(store: Store, log: Contents, counted: MemoryStore) -> None:
    """Put the recount of a log in the place of what is on disk. Chains keep their numbers: the log refers to them.

    Nothing may have been written since the log was read. Whoever remembers anything of the store has to forget it.
    """
    gone = [*log.damaged, *(record.id for record in log.records if not counted.known([record.id]))]
    with store.transaction():
        for identity in gone:  # off the log, so that a good copy can come again
            store.delete(tables.Entry, id=identity)
        store.make_projections()
        for table in tables.PROJECTIONS:
            rows: list[Any] = counted.find(table)
            if table is tables.Chain:
                rows = [row._replace(number=log.numbers[row.device, row.log]) for row in rows]
            store.insert(rows)
        store.delete(tables.Met)  # what was in common with others may be no more
        note_current(store)
