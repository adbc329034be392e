"""Verbs of sneakernet: stick, export, import."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from meshd.assembly import reached
from meshd.assembly.assembly import role_of
from meshd.errors import NodeError
from meshd.progress import Steps
from meshd.service.applying import asks_again
from meshd.service.context import Context, Result
from meshd.service.outside import Out, in_drill, out
from meshd.service.results import describe
from meshd.service.verbs import verb
from meshd.sneakernet.export import Narrow, export_file, export_stick
from meshd.sneakernet.import_ import Taken, import_file, import_stick
from meshd.sneakernet.media import (
    MediaError,
    NothingHereError,
    check_folder,
    check_target,
    inside,
    read_file,
    stick_of,
    write_file,
)
from meshd.sneakernet.mounts import is_removable, mounted
from meshd.sneakernet.stick import names_of
from meshd.store import tables
from meshd.store.api import DiskFullError, ReadOnlyDiskError
from meshd_protocol.bundle import FILE_MAGIC
from meshd_protocol.control import FLAG, NAME, NUMBER, TEXT
from meshd_protocol.kinds import Kind
from meshd_protocol.names import DRILL

_SHOWN = 10
_EXERCISE = " is an exercise, and counts nowhere else.\n"
_PAGE_BYTES = 64 * 1024


@verb("export", {"path": NAME, "file": FLAG, "since": NUMBER, "decisions_only": FLAG, "to": TEXT})
def export(context: Context, arguments: dict[str, Any]) -> Steps[Result]:
    """`meshd export`: write what others lack to a folder, or everything to one file."""
    assembly = context.assembly
    to = _recipient(context, arguments["to"]) if arguments.get("to") else None
    narrow = Narrow(
        since_ms=arguments.get("since") or 0,
        decisions_only=bool(arguments.get("decisions_only")),
        devices=_devices(context, to) if to is not None else None,
    )
    path = Path(arguments["path"])
    if arguments.get("file"):
        check_target(path, FILE_MAGIC)
        written = yield from export_file(assembly, path, narrow)
    else:
        path = stick_of(path)
        written = yield from export_stick(assembly, path, narrow)
    if in_drill(context) and path.is_dir():
        _mark_exercise(context, path)
    if narrow == Narrow() and assembly.store.refusal is None:
        reached.carried(assembly)
    return {
        "name": assembly.title,
        "records": written.records,
        "bytes": written.bytes,
        "segments": written.segments,
        "damaged": 0,
        "answers": written.answers,
        "applicant": not assembly.keys.network,
        "twin": assembly.has_twin(),
        "behind": assembly.lacks_own(),
        "expired": out(context) == Out.EXPIRED,
        "out": assembly.people.label(to) if to is not None and role_of(assembly, to) == "removed" else None,
    }


def _mark_exercise(context: Context, stick: Path) -> None:
    """Say on a stick which folders are of exercises, a line each. A page of that name that is somebody else's stays."""
    names = names_of(context.assembly)
    line = f"{DRILL}: {'/'.join(names) if names is not None else 'an application'}{_EXERCISE}"
    page = stick / f"{DRILL}.txt"
    held = read_file(page, _PAGE_BYTES)
    lines = (held or b"").decode(errors="replace").splitlines(keepends=True)
    is_ours = all(each.endswith(_EXERCISE) for each in lines) and (held is not None or not os.path.lexists(page))
    if is_ours and line not in lines:
        write_file(page, "".join([*lines, line]).encode())


@verb("stick", {"path": TEXT, "since": NUMBER, "decisions_only": FLAG, "to": TEXT})
def stick(context: Context, arguments: dict[str, Any]) -> Steps[Result]:
    """`meshd stick DIR`: read what this node lacks, then write what others lack. A stick that has nothing of this
    assembly yet is written alone, as one is where this node's disk takes nothing; of one that can't be written, what
    was read is told; and why. Without a folder: what is plugged in, and whether it carries something of this assembly.
    """
    if not arguments.get("path"):
        return {"plugged": _plugged(context)}
    path = Path(arguments["path"])
    check_folder(path)
    read, written = None, None
    problem: NodeError | None = None
    try:
        read = yield from import_(context, {"path": arguments["path"]})
    except NothingHereError:
        pass
    except (DiskFullError, ReadOnlyDiskError) as error:
        problem = error
    try:
        written = yield from export(context, arguments)
    except MediaError as error:
        if read is None:
            raise
        problem = error
    return {
        "name": context.assembly.title,
        "read": read,
        "written": written,
        "problem": problem.error if problem is not None else None,
        "hint": problem.hint if problem is not None else "",
    }


def _plugged(context: Context) -> list[Result]:
    """Sticks that are mounted, and whether each carries something of this assembly."""
    names = names_of(context.assembly)
    rows: list[Result] = []
    for mount in mounted():
        ours = names is not None and inside(mount.path, *names) is not None
        if ours or is_removable(mount.path):
            rows.append({"path": str(mount.path), "ours": ours})
    return rows


@verb("import", {"path": NAME})
def import_(context: Context, arguments: dict[str, Any]) -> Steps[Result]:
    """`meshd import`: read what this node lacks from a folder or a file."""
    path = Path(arguments["path"])
    if path.is_dir():
        with suppress(DiskFullError, ReadOnlyDiskError):
            reached.came_sealed(context.assembly, sealed=False)  # whatever was said of the last one
        taken = yield from import_stick(context.assembly, stick_of(path))
    elif path.is_file():
        taken = yield from import_file(context.assembly, path)
    else:
        raise NodeError(f"there is no folder or file {path}", "Is the stick mounted?")
    with suppress(DiskFullError, ReadOnlyDiskError):  # what was taken in is told all the same
        reached.came_sealed(context.assembly, sealed=bool(taken.unreadable))
    news = _news(context, taken)
    return {
        "name": context.assembly.title,
        "records": taken.records,
        "bytes": taken.bytes,
        "segments": taken.segments,
        "damaged": len(taken.damaged) + taken.damaged_parts,
        "damaged_segments": taken.damaged,
        "taken_off": taken.taken_off,
        "refused": taken.refused,
        "waiting": taken.waiting,
        "news": news[:_SHOWN],
        "more_news": len(news[_SHOWN:]),
        "applicants": _applicants(context, taken),
        "may_vouch": _may_vouch(context),
        "late_applications": taken.late_applications,
        "unknown_applications": taken.unknown_applications,
        "unreadable": taken.unreadable,
    }


def _applicants(context: Context, taken: Taken) -> list[str]:
    """Who asks to join by what an import brought."""
    assembly = context.assembly
    rows = assembly.store.find(tables.Application, newest=True, limit=taken.news.get(Kind.APPLICATION, 0))
    people = {row.member for row in rows} - {context.me}
    waiting = (each for each in people if role_of(assembly, each) == "applicant" or asks_again(context, each))
    return sorted(map(assembly.people.label, waiting))


def _may_vouch(context: Context) -> bool:
    """Whether this person is one of those who let others in."""
    assembly = context.assembly
    is_federation = assembly.standing is not None and assembly.standing.quotations is not None
    return role_of(assembly, context.me) == "member" and not is_federation


def _recipient(context: Context, words: str) -> bytes:
    """The person that an export is for."""
    return context.assembly.people.find(words, {row.member for row in context.assembly.store.find(tables.Certificate)})


def _devices(context: Context, member: bytes) -> frozenset[bytes]:
    return frozenset(row.device for row in context.assembly.store.find(tables.Certificate, member=member))


def _news(context: Context, taken: Taken) -> list[Result]:
    """The proposals that an import brought or moved."""
    standing = context.assembly.standing
    if standing is None or standing.state is None:
        return []
    store = context.assembly.store
    proposals = store.find(tables.Proposal, newest=True, limit=taken.news.get(Kind.PROPOSAL, 0))
    ballots = store.find(tables.Ballot, newest=True, limit=taken.news.get(Kind.BALLOT, 0))
    touched = dict.fromkeys([*(row.id for row in proposals), *(row.proposal for row in ballots)])
    rows = (store.get(tables.Proposal, id=identity) for identity in touched)
    return [describe(context, row) for row in rows if row is not None]
