"""Answers the questions that sync has about the log: heads, digests, records to send. Only `agree` writes: it remembers
a frontier that a device and this node had in common.
"""

from collections.abc import Iterable
from typing import NamedTuple

from meshd.assembly import reached
from meshd.assembly.assembly import Assembly
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.chains import ChainKey
from meshd_protocol.records import Record, encode_record
from meshd_protocol.sync.frontier import Claim, Head, branches_digest, claim, frontier_digest, mark
from meshd_protocol.sync.messages import BASE_SIZE, BASES
from meshd_protocol.sync.reconcile import Base, View

END = limits.INTEGER
LOADED = 512
"""The most records to read from the log at a time: a few hundred kilobytes."""


class Span(NamedTuple):
    """A part of a chain to send: start <= seq < stop, all branches; with `ids`, only those records of it.

    Of the records at `start`, only those with an id above `after`: the others were sent already.
    """

    chain: ChainKey
    start: int
    stop: int
    ids: frozenset[bytes] | None = None
    after: bytes = b""


class Place(NamedTuple):
    """The digest of the whole frontier, its number of chains, and the log's end at that moment."""

    digest: bytes
    chains: int
    position: int


def heads(assembly: Assembly) -> list[Head]:
    """Where each chain ends."""
    return _frontier(assembly)[0]


def digest(assembly: Assembly) -> bytes:
    """The digest of the whole frontier: equal digests mean equal logs."""
    return _frontier(assembly)[1]


def place(assembly: Assembly) -> Place:
    """The place where the log ends now."""
    every, seen = _frontier(assembly)
    return Place(seen, len(every), assembly.store.position())


def _frontier(assembly: Assembly) -> tuple[list[Head], bytes]:
    if assembly.frontier is None:
        every = [_head(assembly, row) for row in assembly.store.find(tables.Chain)]
        assembly.frontier = every, frontier_digest(every)
    return assembly.frontier


def _head(assembly: Assembly, row: tables.Chain) -> Head:
    branches = branches_digest(assembly.store.ids(row.number)) if row.forked else None
    return Head(row.device, row.log, row.head_seq, row.head_id, branches)


def view(assembly: Assembly, key: bytes, base: bytes | None = None, *, told: bool = False) -> View:
    """The log as one comparison sees it. `base` is the beginning of the digest of a frontier that was in common."""
    return View(heads(assembly), key, lambda chain, seq: id_at(assembly, chain, seq), _base(assembly, base, told))


def _base(assembly: Assembly, name: bytes | None, told: bool) -> Base | None:
    """What changed since the frontier whose digest begins with `name`; None if this node does not remember it."""
    if name is None:
        return None
    row = next((each for each in assembly.store.find(tables.Met) if each.digest[:BASE_SIZE] == name), None)
    if row is None:
        return None
    chains = {each.number: (each.device, each.log) for each in assembly.store.find(tables.Chain)}
    changed = {chains[number]: seq for number, seq in assembly.store.since(row.position)}
    return Base(name, changed, told)


def bases(assembly: Assembly, device: bytes) -> tuple[bytes, ...]:
    """The beginnings of the digests of frontiers that a device and this node had in common, newest first."""
    rows = assembly.store.find(tables.Met, newest=True, limit=BASES, device=device)
    return tuple(row.digest[:BASE_SIZE] for row in rows)


def agree(assembly: Assembly, device: bytes, where: Place) -> None:
    """Remember that a device and this node had one frontier, and when. Opens its own transaction, if that is new."""
    rows = assembly.store.find(tables.Met, device=device)
    same = any(row.digest == where.digest for row in rows[-1:])
    if same and reached.is_fresh(assembly, device):
        return
    with assembly.store.transaction():
        reached.met(assembly, device, where.position)
        if same:
            return
        assembly.store.delete(tables.Met, device=device, digest=where.digest)
        for row in rows[: len(rows) - BASES + 1]:
            assembly.store.delete(tables.Met, device=device, digest=row.digest)
        assembly.store.insert([tables.Met(where.digest, device, where.position)])


def id_at(assembly: Assembly, chain: ChainKey, seq: int) -> bytes | None:
    """The id of the one record at a seq of an unforked chain."""
    row = assembly.door.chain(chain)
    found = assembly.store.span(row.number, seq, seq + 1) if row else []
    return found[0].id if len(found) == 1 else None


def weigh(assembly: Assembly, spans: Iterable[Span]) -> tuple[int, int]:
    """How many records these spans have, and how many bytes."""
    records = size = 0
    for span in spans:
        row = assembly.door.chain(span.chain)
        if row is not None:
            whole = (row.records, row.size)
            count, weight = whole if not span.start else assembly.store.weigh(row.number, span.start)
            records, size = records + (count if span.ids is None else len(span.ids)), size + weight
    return records, size


def load_some(assembly: Assembly, spans: list[Span]) -> tuple[list[bytes], list[Span]]:
    """The first records of some spans in their bytes, and what is left of the spans."""
    records: list[bytes] = []
    for number, span in enumerate(spans):
        if len(records) >= LOADED:
            return records, spans[number:]
        more, rest = load(assembly, span, LOADED - len(records))
        records += more
        if rest is not None:
            return records, [rest, *spans[number + 1 :]]
    return records, []


def load(assembly: Assembly, span: Span, most: int = LOADED) -> tuple[list[bytes], Span | None]:
    """The first records of a span in their bytes, and what is left of it."""
    logged, rest = load_kept(assembly, span, most)
    return [encode_record(kept.header, kept.signature, kept.body) for kept in logged], rest


def load_kept(assembly: Assembly, span: Span, most: int = LOADED) -> tuple[list[tables.Kept], Span | None]:
    """The first records of a span as they are kept, and what is left of it."""
    row = assembly.door.chain(span.chain)
    if row is None:
        return [], None
    logged = assembly.store.span(row.number, span.start, span.stop, after=span.after, limit=most)
    rest = span._replace(start=logged[-1].seq, after=logged[-1].id) if len(logged) == most else None
    return [kept for kept in logged if span.ids is None or kept.id in span.ids], rest


def own_records(assembly: Assembly) -> list[Span]:
    """The decisions log of this device, which holds a newcomer's application."""
    return [Span((assembly.keys.device.public, 0), 0, END)]


def decisions(assembly: Assembly) -> list[Span]:
    """All decisions logs: the records that prove our membership to a node that has not admitted us yet."""
    return [Span((row.device, row.log), 0, END) for row in assembly.store.find(tables.Chain) if row.log == 0]


def beyond(
    assembly: Assembly, chain: ChainKey, key: bytes, marks: frozenset[bytes]
) -> tuple[list[Span], list[bytes], bool]:
    """Compare a chain with a peer's listing: what the peer lacks, our records' marks, whether the peer has more."""
    row = assembly.door.chain(chain)
    if row is None:
        return [], [], bool(marks)
    mine = {identity: mark(key, identity) for identity in assembly.store.ids(row.number)}
    lacking = frozenset(identity for identity, seen in mine.items() if seen not in marks)
    spans = [Span(chain, 0, END, lacking)] if lacking else []
    return spans, sorted(mine.values()), not marks <= set(mine.values())


def ends(assembly: Assembly, chains: Iterable[ChainKey], key: bytes) -> list[Claim]:
    """The ends of some chains, as a peer is told of them."""
    rows = (assembly.door.chain(chain) for chain in chains)
    return [claim(_head(assembly, row), key) for row in rows if row is not None]


class Heard(NamedTuple):
    """What a peer's claims mean here: up to which seqs it has chains that are shorter here (`longer`), and chains that
    are no shorter here and begin alike (`there`); and whether a chain forks.
    """

    longer: dict[ChainKey, int]
    there: dict[ChainKey, int]
    forks: bool


def hear(assembly: Assembly, claims: Iterable[Claim], key: bytes) -> Heard:
    """Compare a peer's claims with the chains that are here."""
    missing: dict[ChainKey, int] = {}
    there: dict[ChainKey, int] = {}
    forks = False
    for each in claims:
        chain = (each.device, each.log)
        row = assembly.door.chain(chain)
        if row is None:
            if each.seq is None:
                forks = True
            else:
                missing[chain] = each.seq
        elif each.seq is None or row.forked:
            forks = forks or claim(_head(assembly, row), key) != each
        elif each.seq > row.head_seq:
            missing[chain] = each.seq
        else:
            identity = row.head_id if each.seq == row.head_seq else id_at(assembly, chain, each.seq)
            if identity is not None and mark(key, identity) == each.mark:
                there[chain] = each.seq
            else:
                forks = True
    return Heard(missing, there, forks)


def lacking(assembly: Assembly, chains: dict[ChainKey, int]) -> dict[ChainKey, int]:
    """From which seq chains are missing here, given up to which seq they go elsewhere; without those that are here."""
    missing: dict[ChainKey, int] = {}
    for chain, until in chains.items():
        row = assembly.door.chain(chain)
        end = row.head_seq if row is not None else -1
        if end < until:
            missing[chain] = end + 1
    return missing


def forked(assembly: Assembly) -> set[ChainKey]:
    """The chains that fork."""
    return {(row.device, row.log) for row in assembly.store.find(tables.Chain, forked=1)}


def spans(assembly: Assembly, records: Iterable[Record]) -> list[Span]:
    """Records that were just committed, as spans."""
    found: dict[ChainKey, list[Record]] = {}
    for record in records:
        found.setdefault((record.device, record.log), []).append(record)
    together: list[Span] = []
    for chain, logged in found.items():
        row, places = assembly.door.chain(chain), [record.seq for record in logged]
        ids = frozenset(record.id for record in logged) if row is None or row.forked else None
        together.append(Span(chain, min(places), max(places) + 1, ids))
    return together


def missing_bodies(assembly: Assembly, most: int) -> list[bytes]:
    """Records of logs 1 and 2 whose bodies are not here."""
    return [row.id for row in assembly.store.find(tables.NoEffect, lacks=int(tables.Lacks.ITS_BODY), limit=most)]


def bodies(assembly: Assembly, ids: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
    """The bodies that a peer wants and that are here."""
    found = (assembly.store.get(tables.Kept, id=identity) for identity in ids)
    return [(kept.id, kept.body) for kept in found if kept is not None and kept.body is not None]
