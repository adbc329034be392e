"""Reading from a stick: what this node lacks, through the same door as the network, one transaction per segment."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meshd.assembly import survey
from meshd.assembly.assembly import Assembly
from meshd.errors import NodeError
from meshd.log.ahead import intakes
from meshd.log.intake import Intake
from meshd.progress import Step, Steps
from meshd.sneakernet import join, media
from meshd.sneakernet.stick import Stick, names_of, open_stick, secrets, write_visit
from meshd.store.api import DiskFullError, ReadOnlyDiskError
from meshd.upkeep import caretaker
from meshd_crypto.hashing import digest
from meshd_protocol import bundle, limits
from meshd_protocol.bundle import FILE_MAGIC, SegmentInfo, Stretch
from meshd_protocol.chains import Waiting
from meshd_protocol.errors import BadBundleError, UnknownKeyError
from meshd_protocol.names import bytes_of, text_of


@dataclass
class Taken:
    """What an import brought: `damaged` segments of a stick by name, whether they were `taken_off`, how many parts of a
    file are damaged, how many of either are `unreadable` without another key, and new records by kind.
    """

    records: int = 0
    bytes: int = 0
    segments: int = 0
    damaged: list[str] = field(default_factory=list)
    damaged_parts: int = 0
    unreadable: int = 0
    refused: int = 0
    waiting: int = 0
    late_applications: int = 0
    unknown_applications: list[str] = field(default_factory=list)
    taken_off: bool = False
    news: Counter[int] = field(default_factory=Counter)


def import_stick(assembly: Assembly, stick: Path) -> Steps[Taken]:
    """Read what this node lacks. Raises NodeError if there is nothing of this assembly on the stick."""
    taken = Taken()
    if join.read_answer(assembly, stick):
        yield Step("the answer to the application is here")
    names = names_of(assembly)
    if names is None:
        raise join.need_stick_answer()
    folder = media.inside(stick, *names)
    if folder is not None:
        opened = open_stick(assembly, folder)
        waiting = Waiting()
        needed = [info for info in (*opened.manifest.segments, *_unlisted(opened)) if not _has_all(assembly, info)]
        yield from _read(assembly, opened, needed, taken, waiting)
        taken.waiting = len(waiting)
        _note_visit(assembly, opened, taken)
    _take_applications(assembly, stick, taken)  # last: their invitations may have come just now
    is_new = not (taken.records or taken.late_applications or taken.unknown_applications)
    if folder is None and is_new and not join.carries(assembly, stick):
        raise media.NothingHereError(
            f"there is nothing of this assembly in {stick}",
            "Other assemblies' folders can't be told from empty ones. `meshd export` writes this one's.",
        )
    return taken


def _take_applications(assembly: Assembly, stick: Path, taken: Taken) -> None:
    """Take in the applications on a stick that this assembly's tickets open."""
    applications = join.read_applications(assembly, stick)
    taken.records += len(applications.new)
    taken.news.update(record.kind for record in applications.new)
    taken.late_applications = applications.late
    taken.unknown_applications = applications.unknown


def read_own(assembly: Assembly, stick: Stick) -> Steps[None]:
    """Read what a stick has of this device and this log has not, before anything is written: a home that was copied
    back learns of it here, and would otherwise contradict itself.
    """
    own = assembly.keys.device.public
    needed = [
        info
        for info in stick.manifest.segments
        if not _has(assembly, [stretch for stretch in info.stretches if stretch.device == own])
    ]
    yield from _read(assembly, stick, needed, Taken(), Waiting())


def read_unlisted(assembly: Assembly, stick: Stick) -> Steps[bool]:
    """Read what no manifest lists: an export that was broken off left it, or a manifest was written over by somebody
    who could not read it, and it may be all that is left of what others carried. Returns whether all of it is in the
    log now: without its key, with records that wait for others, or on a full disk it is not.
    """
    taken, waiting = Taken(), Waiting()
    try:
        yield from _read(assembly, stick, _unlisted(stick), taken, waiting)
    except (DiskFullError, ReadOnlyDiskError):
        return False
    return not taken.unreadable and not len(waiting)


def _read(assembly: Assembly, stick: Stick, needed: list[SegmentInfo], taken: Taken, waiting: Waiting) -> Steps[None]:
    """Take in segments of a stick, a step for each."""
    total = sum(info.size for info in needed)
    for intake in intakes(assembly.id, _records_on(assembly, stick, needed, taken)):
        _take(assembly, intake, waiting, taken)
        yield _step(taken, total)


def import_file(assembly: Assembly, path: Path) -> Steps[Taken]:
    """Read a bundle that is a single file. Raises NodeError if it is none, or of another assembly."""
    taken = yield from read_bundle(assembly, path)
    if taken.unreadable and taken.segments == taken.damaged_parts + taken.unreadable:
        raise media.NothingHereError(
            f"what is in {path} can't be read with the network keys that this node has",
            "It is of another assembly; or of yours, under a key that was made while you were away: that comes from a "
            "member's node, or by `meshd stick DIR`. It does not come to who was removed.",
        )
    if taken.segments == taken.damaged_parts:
        raise media.NothingHereError(
            f"nothing in {path} can be read: it is damaged", "Ask whoever wrote it to write and send it once more."
        )
    return taken


def read_bundle(assembly: Assembly, path: Path, start: int = 0) -> Steps[Taken]:
    """What can be read of one that begins at a byte of a file. Raises NodeError if that is none."""
    taken = Taken()
    waiting = Waiting()
    for intake in intakes(assembly.id, _records_in(assembly, path, start, taken)):
        _take(assembly, intake, waiting, taken)
        yield _step(taken, path.stat().st_size)
    taken.waiting = len(waiting)
    return taken


def _step(taken: Taken, total: int) -> Step:
    return Step(f"{taken.records} new records, {taken.bytes / 1e6:.1f} MB read", taken.bytes, max(total, taken.bytes))


def _segments_of(path: Path, start: int) -> Iterator[bytes]:
    """The parts of a bundle file, read one at a time; a cut part is given as it is, to be found damaged.

    A length that no part has is damaged, too, and the last thing that is read: nobody knows where the next one begins.
    """
    try:
        with path.open("rb") as file:
            file.seek(start)
            if file.read(len(FILE_MAGIC)) != FILE_MAGIC:
                if start:  # it is damaged, since what stands before it is not
                    yield b""
                    return
                raise NodeError(f"{path} is not a bundle that meshd wrote")
            while head := file.read(4):
                size = int.from_bytes(head, "big")
                if len(head) < 4 or not bundle.SEGMENT_LEAST <= size <= limits.SEGMENT_BYTES:
                    yield b""
                    return
                yield file.read(size)
    except OSError as error:
        raise NodeError(f"cannot read {path}: {error.strerror}") from error


def _unlisted(stick: Stick) -> list[SegmentInfo]:
    """Segments that no readable manifest lists: whole files by their name, even where both manifests were lost."""
    if media.inside(stick.folder, media.SEGMENTS) is None:
        return []
    listed = {text_of(info.hash) for info in stick.manifest.segments}
    names = [name for name in media.hash_names(stick.segments) if name not in listed]
    return [SegmentInfo(bytes_of(name), 0, 0, ()) for name in names]


def _records_on(
    assembly: Assembly, stick: Stick, needed: list[SegmentInfo], taken: Taken
) -> Iterator[list[bytes] | None]:
    """The records of segments, one after the other; none of one that can't be read. One for which a key is missing has
    to wait for what came before: that may bring it.
    """
    for info in needed:
        try:
            records = _read_segment(assembly, stick, info, taken)
        except UnknownKeyError:
            yield None
            try:
                records = _read_segment(assembly, stick, info, taken)
            except UnknownKeyError:
                taken.unreadable += 1
                records = []
        yield records


def _read_segment(assembly: Assembly, stick: Stick, info: SegmentInfo, taken: Taken) -> list[bytes]:
    """Read one segment file; it is noted as damaged if it is not what the manifest says. Raises UnknownKeyError."""
    name = text_of(info.hash)
    folder = media.inside(stick.folder, media.SEGMENTS)
    data = media.read_file(folder / name, limits.SEGMENT_BYTES) if folder else None
    if data is None and not stick.folder.exists():
        raise media.gone(stick.folder)
    try:
        if data is None or digest(data) != info.hash:
            raise BadBundleError("it is not what its name says")
        records = bundle.read_segment([*secrets(assembly), *stick.found], assembly.id, data)
    except UnknownKeyError:
        raise
    except BadBundleError:
        taken.damaged.append(name)
        return []
    taken.segments += 1
    taken.bytes += len(data)
    return records


def _records_in(assembly: Assembly, path: Path, start: int, taken: Taken) -> Iterator[list[bytes] | None]:
    """The same for the parts of a file."""
    for segment in _segments_of(path, start):
        taken.segments += 1
        taken.bytes += len(segment)
        try:
            records = _opened(assembly, segment)
        except UnknownKeyError:
            yield None  # what comes before may bring the key
            try:
                records = _opened(assembly, segment)
            except UnknownKeyError:
                taken.unreadable += 1
                records = []
        taken.damaged_parts += records is None
        yield records or []
        if taken.damaged_parts + taken.unreadable == limits.SEGMENTS:
            return


def _opened(assembly: Assembly, segment: bytes) -> list[bytes] | None:
    """The records of a part; None of one that is damaged. Raises UnknownKeyError."""
    if len(segment) < bundle.SEGMENT_LEAST:
        return None
    try:
        return bundle.read_segment(secrets(assembly), assembly.id, segment)
    except UnknownKeyError:
        raise
    except BadBundleError:
        return None


def _take(assembly: Assembly, intake: Intake, waiting: Waiting, taken: Taken) -> None:
    """Take in what was read, in one transaction."""
    if not intake.records and not intake.refused:
        return
    report = assembly.take(intake, waiting)
    taken.records += len(report.new) - len(report.own)
    taken.refused += len(report.refused)
    taken.news.update(record.kind for record in report.new)
    caretaker.open_welcomes(assembly)


def _has_all(assembly: Assembly, info: SegmentInfo) -> bool:
    """Whether everything in a segment is here already, as far as the manifest tells what is in it."""
    return bool(info.stretches) and _has(assembly, info.stretches)


def _has(assembly: Assembly, stretches: Sequence[Stretch]) -> bool:
    """Whether all of these is here already."""
    ends = {stretch.end for stretch in stretches if not stretch.forked}
    if assembly.store.known(ends) != ends:
        return False
    forked = [stretch for stretch in stretches if stretch.forked]
    if not forked:
        return True
    here = {(head.device, head.log): head.branches for head in survey.heads(assembly)}
    return all(here.get((stretch.device, stretch.log)) == stretch.end for stretch in forked)


def _note_visit(assembly: Assembly, stick: Stick, taken: Taken) -> None:
    """Tell the stick what this node has now, and which segments it could not read. A write-protected stick stays."""
    if not assembly.keys.network:
        return
    sound = tuple(info for info in stick.manifest.segments if text_of(info.hash) not in taken.damaged)
    try:
        write_visit(assembly, stick, stick.manifest._replace(segments=sound))
    except media.MediaError:
        return
    taken.taken_off = True
    for name in taken.damaged:
        media.remove(stick.segments / name)
