"""Everything that follows from the log, counted anew from the records: beside what is shown, or in its place.

`meshd check` compares; a log that an earlier meshd wrote is renewed when it is opened.
"""

from typing import Any

from meshd import tallies
from meshd.assembly import Assembly
from meshd.ingest import Door
from meshd.progress import Step, Steps
from meshd.standing import Standing
from meshd.store import tables
from meshd.store.api import Store
from meshd.store.memory import MemoryStore
from meshd_protocol.chains import ChainKey, Waiting
from meshd_protocol.errors import BadRecordError
from meshd_protocol.names import text_of
from meshd_protocol.records import Record, read_record

_CURRENT = tables.Setting("projections", "4")
"""Which projections are on disk. One more is one more number here, and a migration that makes its table."""


def is_current(store: Store) -> bool:
    """Whether the projections on disk are those of this version."""
    return store.get(tables.Setting, name=_CURRENT.name) == _CURRENT


def note_current(store: Store) -> None:
    """Note that they are. In a transaction."""
    store.replace(_CURRENT)


def renew(assembly: Assembly) -> None:
    """Count everything anew, in the place of what an earlier version wrote."""
    steps = read_all(assembly)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            records, numbers, _ = end.value
            break
    put_in_place(assembly, beside(assembly, records), numbers)


def read_all(assembly: Assembly) -> Steps[tuple[list[Record], dict[ChainKey, int], list[str]]]:
    """Every record as its bytes say, the numbers of chains, and the entries whose bytes don't fit what the log says."""
    numbers: dict[ChainKey, int] = {}
    total = assembly.store.count(tables.Entry)
    records: list[Record] = []
    problems: list[str] = []
    for batch in assembly.store.walk():
        for entry in batch:
            try:
                record = read_record(assembly.id, entry.header, entry.signature, entry.body)
            except BadRecordError as error:
                problems.append(f"record: {text_of(entry.id)[:8]} is damaged: {error}")
                continue
            if record.id != entry.id:
                problems.append(f"record: {text_of(entry.id)[:8]} is not what its id says")
                continue
            records.append(record)
            numbers[record.device, record.log] = entry.chain
        yield Step(f"{len(records)} records read", len(records), total)
    return records, numbers, problems


def beside(assembly: Assembly, records: list[Record]) -> MemoryStore:
    """All projections from scratch, beside those on disk, through the same door and by the same rules."""
    store = MemoryStore()
    door = Door(store, assembly.id)
    waiting = Waiting(capacity=1 << 62)
    with store.transaction():
        door.accept(sorted(records, key=lambda record: (record.log, record.seq)), waiting)
        for head in assembly.store.find(tables.Head):
            store.insert([head])
        standing = Standing.load(store, assembly.id)
        if standing is not None and standing.knows_rules:
            standing.refresh()
            for proposal in store.find(tables.Proposal):
                tallies.count(store, standing, proposal)
    return store


def put_in_place(assembly: Assembly, counted: MemoryStore, numbers: dict[ChainKey, int]) -> None:
    """Put a recount's rows in the place of those on disk. Chains keep their numbers: the log refers to them."""
    store = assembly.store
    sound = {entry.id for entry in counted.find(tables.Entry)}
    with store.transaction():
        for batch in list(store.walk()):
            for entry in batch:
                if entry.id not in sound:  # off the log, so that a good copy can come again
                    store.delete(tables.Entry, id=entry.id)
        for table in tables.PROJECTIONS:
            store.delete(table)
            rows: list[Any] = counted.find(table)
            if table is tables.Chain:
                rows = [row._replace(number=numbers[row.device, row.log]) for row in rows]
            store.insert(rows)
        store.delete(tables.Met)  # what was in common with others may be no more
        note_current(store)
    assembly.reload()
