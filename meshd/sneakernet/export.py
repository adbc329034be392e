"""Writing to a stick: what its known visitors lack, as immutable segments, and the manifest last."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from meshd.assembly import reached, survey
from meshd.assembly.assembly import Assembly
from meshd.assembly.survey import Span
from meshd.errors import NodeError
from meshd.progress import Step, Steps
from meshd.sneakernet import collecting, join, media
from meshd.sneakernet.import_ import read_own, read_unlisted
from meshd.sneakernet.stick import names_of, open_stick, secrets, write_keys, write_visit
from meshd.store import tables
from meshd_crypto.hashing import digest
from meshd_protocol import bundle, limits
from meshd_protocol.bundle import FILE_MAGIC, SEGMENT_ROOM, Manifest, Place, SegmentInfo, Stretch
from meshd_protocol.errors import BadRecordError
from meshd_protocol.names import text_of
from meshd_protocol.records import VERSION, encode_record, read_record
from meshd_protocol.sync.frontier import Head


class Narrow(NamedTuple):
    """What a person leaves out: records older than `since_ms`, talk, or what one person's devices have."""

    since_ms: int = 0
    decisions_only: bool = False
    devices: frozenset[bytes] | None = None


@dataclass
class Written:
    """What an export put on the stick."""

    records: int = 0
    bytes: int = 0
    segments: int = 0
    answers: int = 0
    infos: list[SegmentInfo] = field(default_factory=list)


def export_stick(assembly: Assembly, stick: Path, narrow: Narrow) -> Steps[Written]:
    """Write what the stick's visitors lack. Raises MediaError. Yields a line of progress for each segment."""
    media.check_folder(stick)
    done = Written()
    names = names_of(assembly)
    if names is None:
        join.write_application(assembly, stick)
        done.answers = 1
        return done
    folder = media.make_inside(stick, *names)
    for each in (folder, media.make_inside(folder, media.SEGMENTS)):
        media.remove_parts(each)
    opened = open_stick(assembly, folder)
    yield from read_own(assembly, opened)
    join.answer_applications(assembly, stick)
    present = tuple(info for info in opened.manifest.segments if _is_there(opened.segments, info))
    held = opened.manifest._replace(segments=present)
    if opened.sound and (yield from read_unlisted(assembly, opened)):
        _remove_unlisted(opened.segments, held)
    before, held = held, collecting.kept(assembly, held)
    starts = list(_starts(assembly, held, narrow))
    total = _weight(assembly, starts)
    for data, info in _segments(assembly, starts, narrow):
        if len(held.segments) + len(done.infos) >= limits.SEGMENTS:
            raise NodeError("this stick is full of segments", "Take a new one, or an empty folder on it.")
        media.write_file(opened.segments / text_of(info.hash), data)
        _count(done, info)
        yield _step(done, total)
    write_keys(assembly, folder)
    write_visit(assembly, opened, held._replace(segments=(*held.segments, *done.infos)))
    for info in set(before.segments) - set(opened.manifest.segments):
        media.remove(opened.segments / text_of(info.hash))
    done.answers = join.write_answers(assembly, stick)
    return done


def export_file(assembly: Assembly, path: Path, narrow: Narrow) -> Steps[Written]:
    """Write everything (as narrowed) into one file, to send by any courier. Raises MediaError."""
    if not assembly.keys.network:
        raise NodeError("an application travels on a stick, not in a single file", "`meshd export DIR`")
    return (yield from write_bundle(assembly, path, narrow))


def write_bundle(assembly: Assembly, path: Path, narrow: Narrow, head: bytes = b"") -> Steps[Written]:
    """Write a file of all segments behind a head of its own. Raises MediaError."""
    done = Written()
    starts = list(_starts(assembly, bundle.EMPTY, narrow))  # what comes while it is written is not in it

    def pieces() -> Iterator[bytes]:
        yield head + FILE_MAGIC
        for data, info in _segments(assembly, starts, narrow):
            _count(done, info)
            yield bundle.pack([data])

    total = _weight(assembly, starts)
    for _ in media.write_steps(path, pieces()):
        yield _step(done, total)
    return done


def own_bundle(assembly: Assembly, narrow: Narrow) -> tuple[bytes, int]:
    """What this device wrote and nobody else is known to have, as a single file, and how many records: small enough to
    be shown. With `since_ms` all that it wrote since, whoever has it. Raises NodeError.
    """
    sent = {} if narrow.since_ms else reached.ends_elsewhere(assembly)
    starts = [
        (head, sent.get(head.log, -1) + 1)
        for head in survey.heads(assembly)
        if head.device == assembly.keys.device.public and not (narrow.decisions_only and head.log != 0)
    ]
    starts = [(head, start) for head, start in starts if start <= head.seq]
    data, records = FILE_MAGIC, 0
    for segment, info in _segments(assembly, starts, narrow):
        data, records = data + bundle.pack([segment]), records + info.records
        if len(data) > limits.PARTS_BYTES:
            raise NodeError(
                f"it is more than the {limits.PARTS_BYTES >> 10} kB that can be shown",
                "Less of it: `meshd qr --since 2h --decisions-only`. All of it: `meshd stick DIR`.",
            )
    return data, records


def _weight(assembly: Assembly, starts: list[tuple[Head, int]]) -> int:
    """Bytes that are to be written."""
    return survey.weigh(assembly, [Span((head.device, head.log), start, head.seq + 1) for head, start in starts])[1]


def _step(done: Written, total: int) -> Step:
    return Step(f"{done.records} records, {done.bytes / 1e6:.1f} MB written", done.bytes, max(total, done.bytes))


def _count(done: Written, info: SegmentInfo) -> None:
    done.records += info.records
    done.bytes += info.size
    done.segments += 1
    done.infos.append(info)


def _is_there(folder: Path, info: SegmentInfo) -> bool:
    return media.size_of(folder / text_of(info.hash)) == info.size


def _remove_unlisted(folder: Path, manifest: Manifest) -> None:
    """Remove segments that are in no manifest, once all of them were read."""
    listed = {text_of(info.hash) for info in manifest.segments}
    for name in media.hash_names(folder):
        if name not in listed:
            media.remove(folder / name)


def _segments(
    assembly: Assembly, starts: list[tuple[Head, int]], narrow: Narrow
) -> Iterator[tuple[bytes, SegmentInfo]]:
    """Segment files of chains from so far on."""
    batch: list[bytes] = []
    stretches: list[Stretch] = []
    size = 0
    for record, stretch in _missing(assembly, starts, narrow):
        if batch and size + len(record) + 4 > SEGMENT_ROOM:
            yield _segment(assembly, batch, stretches)
            batch, stretches, size = [], [], 0
        batch.append(record)
        size += len(record) + 4
        last = stretches[-1] if stretches else None
        if last is not None and (last.device, last.log, last.stop) == (stretch.device, stretch.log, stretch.start):
            stretches[-1] = stretch._replace(start=last.start)
        else:
            stretches.append(stretch)
    if batch:
        yield _segment(assembly, batch, stretches)


def _segment(assembly: Assembly, batch: list[bytes], stretches: list[Stretch]) -> tuple[bytes, SegmentInfo]:
    data = bundle.write_segment(secrets(assembly)[0], assembly.id, batch, assembly.world.entropy)
    return data, SegmentInfo(digest(data), len(data), len(batch), tuple(stretches))


def _starts(assembly: Assembly, held: Manifest, narrow: Narrow) -> Iterator[tuple[Head, int]]:
    """The chains that the stick should carry, and from which seq on: forks first, then decisions, talk, bulk."""
    heads = survey.heads(assembly)
    visitors: list[dict[tuple[bytes, int], Place]] = [
        {(place.device, place.log): place for place in places}
        for device, places in held.visitors.items()
        if device != assembly.keys.device.public and (narrow.devices is None or device in narrow.devices)
    ]
    if narrow.devices is None and collecting.strangers(assembly, held):
        visitors.append({})  # somebody who has nothing yet
    for head in sorted(heads, key=lambda head: (head.branches is None, head.log, head.device)):
        if narrow.decisions_only and head.log != 0:
            continue
        start = _start(assembly, head, held, [places.get((head.device, head.log)) for places in visitors])
        if start <= head.seq:
            yield head, start


def _missing(assembly: Assembly, starts: list[tuple[Head, int]], narrow: Narrow) -> Iterator[tuple[bytes, Stretch]]:
    """Each record that is to be carried, with the stretch of its chain that it ends."""
    for head, start in starts:
        chain = (head.device, head.log)
        span: Span | None = Span(chain, start, head.seq + 1)
        number = 0
        while span is not None:
            logged, span = survey.load_kept(assembly, span)
            for kept in logged:
                number += 1
                if narrow.since_ms and _is_older(assembly, kept, narrow.since_ms):
                    continue
                data = encode_record(kept.header, kept.signature, kept.body)
                if head.branches is not None:
                    yield data, Stretch(*chain, number - 1, number, forked=True, end=head.branches)
                else:
                    yield data, Stretch(*chain, kept.seq, kept.seq + 1, forked=False, end=kept.id)


def _is_older(assembly: Assembly, kept: tables.Kept, since_ms: int) -> bool:
    """Whether a record says that it was written before; nobody knows it of one of a later version."""
    try:
        record = read_record(assembly.id, kept.header, kept.signature, kept.body)
    except BadRecordError:  # `meshd check` tells of it
        return True
    return record.version == VERSION and record.time_ms < since_ms


def _start(assembly: Assembly, head: Head, held: Manifest, places: list[Place | None]) -> int:
    """From which seq on a chain has to go onto the stick. A forked one goes whole, or not at all."""
    mine = sorted(
        stretch
        for info in held.segments
        for stretch in info.stretches
        if (stretch.device, stretch.log) == (head.device, head.log)
    )
    if head.branches is not None:
        theirs = bool(places) and all(place is not None and place.id == head.branches for place in places)
        at = 0
        for stretch in mine:
            if stretch.forked and stretch.end == head.branches and stretch.start <= at < stretch.stop:
                at = stretch.stop
        row = assembly.door.chain((head.device, head.log))
        whole = row is not None and at >= assembly.store.weigh(row.number, 0)[0]
        return head.seq + 1 if whole or theirs else 0
    at = min((_had(assembly, place) for place in places), default=0)
    for stretch in mine:
        if not stretch.forked and stretch.start <= at < stretch.stop and assembly.store.known([stretch.end]):
            at = stretch.stop
    return at


def _had(assembly: Assembly, place: Place | None) -> int:
    """How many records of an unforked chain a visitor has, as far as they are those that we know."""
    if place is None or place.seq is None:
        return 0
    kept = assembly.store.get(tables.Kept, id=place.id)
    return place.seq + 1 if kept is not None and kept.seq == place.seq else 0
