"""What the log holds, in the words of sync: heads, digests, and records on their way out. Reads only."""

from typing import NamedTuple

from meshd.assembly import Assembly
from meshd.ingest import Report
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.chains import ChainKey
from meshd_protocol.records import Record, encode_record
from meshd_protocol.sync.frontier import Head, branches_digest, frontier_digest, mark

_END = limits.INTEGER
MISSING = "its body is missing"


class Span(NamedTuple):
    """Part of a chain that goes out: start <= seq < stop, all branches; or, with `ids`, just those records."""

    chain: ChainKey
    start: int
    stop: int
    ids: frozenset[bytes] | None = None


def heads(assembly: Assembly) -> list[Head]:
    """Where each chain ends."""
    return [
        Head(
            row.device,
            row.log,
            row.head_seq,
            row.head_id,
            branches_digest(chain_ids(assembly, row)) if row.forked else None,
        )
        for row in assembly.store.find(tables.Chain)
    ]


def digest(assembly: Assembly) -> bytes:
    """The digest of the whole frontier: equal digests mean equal logs."""
    return frontier_digest(heads(assembly))


def chain_ids(assembly: Assembly, row: tables.Chain) -> list[bytes]:
    """The ids of all records of a chain, all branches."""
    return assembly.store.ids(row.number)


def id_at(assembly: Assembly, chain: ChainKey, seq: int) -> bytes | None:
    """The id of the one record at a seq of an unforked chain."""
    row = assembly.door.chain(chain)
    found = assembly.store.span(row.number, seq, seq + 1) if row else []
    return found[0].id if len(found) == 1 else None


def weigh(assembly: Assembly, spans: list[Span]) -> tuple[int, int]:
    """Records and bytes of what is about to be sent."""
    records = size = 0
    for span in spans:
        row = assembly.door.chain(span.chain)
        if row is not None:
            count, weight = assembly.store.weigh(row.number, span.start)
            records, size = records + (count if span.ids is None else len(span.ids)), size + weight
    return records, size


def load(assembly: Assembly, span: Span) -> tuple[list[bytes], Span | None]:
    """The first records of a span in their bytes, and what is left of it."""
    row = assembly.door.chain(span.chain)
    if row is None:
        return [], None
    stop = min(span.stop, span.start + limits.RUN)
    entries = assembly.store.span(row.number, span.start, stop)
    rest = span._replace(start=stop) if stop < min(span.stop, row.head_seq + 1) else None
    return [
        encode_record(entry.header, entry.signature, entry.body)
        for entry in entries
        if span.ids is None or entry.id in span.ids
    ], rest


def own_records(assembly: Assembly) -> list[Span]:
    """The decisions log of this device: what a newcomer shows."""
    return [Span((assembly.keys.device.public, 0), 0, _END)]


def decisions(assembly: Assembly) -> list[Span]:
    """Everybody's decisions log: what shows a node that it has not met us yet."""
    return [Span((row.device, row.log), 0, _END) for row in assembly.store.find(tables.Chain) if row.log == 0]


def beyond(
    assembly: Assembly, chain: ChainKey, key: bytes, marks: frozenset[bytes]
) -> tuple[list[Span], list[bytes], bool]:
    """Against a peer's listing: what it lacks, the marks of all we have, and whether it has more than we."""
    row = assembly.door.chain(chain)
    if row is None:
        return [], [], bool(marks)
    mine = {identity: mark(key, identity) for identity in chain_ids(assembly, row)}
    lacking = frozenset(identity for identity, seen in mine.items() if seen not in marks)
    spans = [Span(chain, 0, _END, lacking)] if lacking else []
    return spans, sorted(mine.values()), not marks <= set(mine.values())


def news(assembly: Assembly, report: Report) -> tuple[list[Span], list[Span]]:
    """What a commit brought, as spans: everything, and this device's own part of it."""
    return _spans(assembly, report.new), _spans(assembly, report.own)


def _spans(assembly: Assembly, records: list[Record]) -> list[Span]:
    found: dict[ChainKey, list[tuple[int, bytes]]] = {}
    for record in records:
        found.setdefault((record.device, record.log), []).append((record.seq, record.id))
    spans: list[Span] = []
    for chain, entries in found.items():
        row = assembly.door.chain(chain)
        low, high = min(entries)[0], max(entries)[0] + 1
        ids = frozenset(identity for _, identity in entries) if row is None or row.forked else None
        spans.append(Span(chain, low, high, ids))
    return spans


def missing_bodies(assembly: Assembly, most: int) -> list[bytes]:
    """Records of logs 1 and 2 whose bodies are not here."""
    return [row.id for row in assembly.store.find(tables.NoEffect, reason=MISSING, limit=most)]


def bodies(assembly: Assembly, ids: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
    """The bodies that a peer wants and that are here."""
    found = (assembly.store.get(tables.Entry, id=identity) for identity in ids)
    return [(entry.id, entry.body) for entry in found if entry is not None and entry.body is not None]
