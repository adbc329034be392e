"""Everything that follows from the log, counted anew from the records: beside what is shown, or in its place.

`meshd check` compares; a log that an earlier meshd wrote is renewed when it is opened. The recount stands in a store of
its own on the same disk (`Store.scratch`), so that a long log takes no more memory than a short one: what is kept in
memory are chains, certificates and rosters. Reading a long log takes many steps, and between them others write. The
store notes what they touch: `catch_up` takes in that alone, and belongs into one step with what the recount is for.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import meshd_protocol
from meshd import log, state, store
from meshd.log.door import Door
from meshd.log.intake import check
from meshd.progress import Step, Steps, Tell, finish, nobody
from meshd.state import entries, tallies
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.added import NONE, Added
from meshd.store.api import Store
from meshd_crypto.hashing import digest
from meshd_protocol.chains import ChainKey, Waiting
from meshd_protocol.errors import BadRecordError
from meshd_protocol.names import text_of
from meshd_protocol.records import Record, is_signed, read_record

_SAID_BY = (meshd_protocol, log, state, store)
"""The packages that say what follows from records. What only carries them (`_CARRY`) says nothing of it."""
_CARRY = frozenset({"sync", "papers"})

_BATCH = 1000
_PROPOSALS = 50
"""How many proposals are counted in one step."""


@dataclass
class Recount:
    """A recount of a log, as far as it has come: `counted` has the valid records, and what follows from them.

    `waiting` ones are valid only if something else comes. `damaged` says by their ids what is wrong with records that
    are no records. `touched` are the ids of logged that were written or removed since they were read. The log's chains
    keep their `numbers` when it is rebuilt.
    """

    store: Store
    assembly: bytes
    touched: dict[bytes, None]
    counted: Store
    door: Door
    waiting: Waiting = field(default_factory=lambda: Waiting(capacity=1 << 62))
    numbers: dict[ChainKey, int] = field(default_factory=dict)
    damaged: dict[bytes, str] = field(default_factory=dict)
    standing: Standing | None = None


@contextmanager
def begun(store: Store, assembly: bytes) -> Iterator[Recount]:
    """A recount of nothing yet. Raises StoreError where there is no room for it."""
    with store.touched() as touched:
        recount = _empty(store, assembly, touched)
        try:
            yield recount
        finally:
            recount.counted.close()


def _empty(store: Store, assembly: bytes, touched: dict[bytes, None]) -> Recount:
    counted = store.scratch()
    with counted.transaction():
        for rows in store.rows(tables.Forgotten):
            counted.insert(rows)
    return Recount(store, assembly, touched, counted, Door(counted, assembly))


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


def renew(store: Store, assembly: bytes, tell: Tell = nobody) -> None:
    """Count everything anew, in the place of what an earlier version wrote. Of a long log somebody wants to hear."""
    if store.refusal is not None:
        raise store.refusal
    with begun(store, assembly) as recount:
        finish(count_ahead(recount), tell)
        catch_up(recount)
        put_in_place(recount)


def count_ahead(recount: Recount) -> Steps[None]:
    """Read and count the log in steps, so that little is left for `catch_up`."""
    store, counted = recount.store, recount.counted
    total = store.count(tables.Kept)
    seen = 0
    for batch in store.walk(_BATCH):
        for kept in batch:
            recount.touched.pop(kept.id, None)
        _take(recount, ((kept, _read(recount.assembly, kept)) for kept in batch))
        seen += len(batch)
        yield Step(f"{seen} records read", seen, max(total, seen))
        if seen >= total:  # or it would never end where others write as fast as this reads
            break
    _stand(recount)
    standing = recount.standing
    if standing is not None and standing.knows_rules:
        for proposals in counted.rows(tables.Proposal, _PROPOSALS):
            with counted.transaction():
                for proposal in proposals:
                    tallies.count(counted, standing, proposal)
            yield Step("recounting")
        for rows in counted.rows(tables.Entry, _BATCH):
            with counted.transaction():
                entries.count(counted, standing, rows)
            yield Step("recounting")
    most = len(recount.touched)
    while most > 0 and len(recount.touched) > _BATCH and _follow(recount, list(islice(recount.touched, _BATCH))):
        most -= _BATCH
        yield Step("recounting")
    yield Step("recounting")


def catch_up(recount: Recount) -> None:
    """Take in what came while it was counted ahead. From here on nothing may be written but the recount.

    Where something is gone that was counted already, all is counted once more.
    """
    if not _follow(recount, list(recount.touched)):
        recount.counted.close()
        recount.touched.clear()
        vars(recount).update(vars(_empty(recount.store, recount.assembly, recount.touched)))
        for _ in count_ahead(recount):
            continue
    fresh = _stand(recount)
    if recount.standing is not None and recount.standing.knows_rules:
        with recount.counted.transaction():
            tallies.update(recount.counted, recount.standing, NONE, fresh)


def put_in_place(recount: Recount) -> None:
    """Put a recount that has caught up in the place of what is on disk. Chains keep their numbers: the log refers to
    them. Whoever remembers anything of the store has to forget it.
    """
    store, counted = recount.store, recount.counted
    gone = _not_valid(recount)
    with store.transaction():
        for identity in gone:  # off the log, so that a good copy can come again
            store.delete(tables.Kept, id=identity)
        store.make_projections()
        for table in tables.PROJECTIONS:
            for rows in counted.rows(table):
                store.insert([_numbered(recount, row) for row in rows] if table is tables.Chain else rows)
        store.delete(tables.Met)  # what was in common with others may be no more
        note_current(store)


def _numbered(recount: Recount, row: Any) -> tables.Chain:
    return row._replace(number=recount.numbers[row.device, row.log])  # type: ignore[no-any-return]


def _not_valid(recount: Recount) -> list[bytes]:
    """The ids of the log's logged that are no valid records."""
    found: list[bytes] = []
    if recount.store.count(tables.Kept) > recount.counted.count(tables.Kept):
        for batch in recount.store.walk(_BATCH):
            known = recount.counted.known([kept.id for kept in batch])
            found += [kept.id for kept in batch if kept.id not in known]
    return found


def _read(assembly: bytes, kept: tables.Kept) -> Record | str:
    """A row's record; or what is wrong where its bytes are none, or not the one that the log says."""
    try:
        record = read_record(assembly, kept.header, kept.signature, kept.body)
    except BadRecordError as error:
        return f"{text_of(kept.id)[:8]} is damaged: {error}"
    return record if record.id == kept.id else f"{text_of(kept.id)[:8]} is not what its id says"


def _take(recount: Recount, found: Iterable[tuple[tables.Kept, Record | str]]) -> Added:
    """Take records in, through the same door and by the same rules as everywhere. Returns what the new ones mean."""
    records: list[Record] = []
    for kept, record in found:
        if isinstance(record, str):
            recount.damaged[kept.id] = record
        else:
            recount.damaged.pop(kept.id, None)
            recount.numbers[record.device, record.log] = kept.chain
            records.append(record)
    with recount.counted.transaction():
        return recount.door.accept(records, recount.waiting, check(recount.assembly, records)).rows


def _follow(recount: Recount, touched: list[bytes]) -> bool:
    """Take in logged that were touched. False where that can't be, because something was counted that is gone."""
    found: list[tuple[tables.Kept, Record | str]] = []
    for identity in touched:
        before = recount.counted.get(tables.Kept, id=identity)
        now = recount.store.get(tables.Kept, id=identity)
        record = _read(recount.assembly, now) if now is not None else None
        if isinstance(record, Record):
            if before is not None and not _mends(recount.assembly, before, record):
                return False
        elif before is not None or len(recount.waiting):  # it may be one that waits
            return False
        if now is None:
            recount.damaged.pop(identity, None)
        elif record is not None:
            found.append((now, record))
    for identity in touched:
        del recount.touched[identity]
    rows = _take(recount, found)
    standing = recount.standing
    if standing is not None and standing.knows_rules:
        with recount.counted.transaction():
            standing.arrived(rows)
            standing.refresh()
            tallies.update(recount.counted, standing, rows, standing.newly_known())
    return True


def _mends(assembly: bytes, before: tables.Kept, now: Record) -> bool:
    """Whether a record that was counted is as it was, or has what it lacked: a body, a signature that verifies."""
    if before.header != now.header or before.body not in (None, now.body):
        return False
    return before.signature == now.signature or is_signed(assembly, now)


def _stand(recount: Recount) -> list[bytes]:
    """See where the head leads to by what was counted. Returns the rosters that were not known before."""
    counted, before = recount.counted, recount.standing
    with counted.transaction():
        counted.delete(tables.Head)
        counted.insert(recount.store.find(tables.Head))
        recount.standing = standing = Standing.load(counted, recount.assembly)
        if standing is None or not standing.knows_rules:
            return []
        standing.refresh()
        standing.newly_known()
    return [each for each in standing.rosters.known() if before is None or not before.rosters.knows(each)]
