"""The verb doctor: what is wrong with this machine, as far as a node can see it, and what helps.

Each finding is a code with its number, and whether it is good; front ends word it. Nothing is mended here.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from meshd.assembly import reached, unprotected
from meshd.errors import NodeError
from meshd.home import KEYS, LOG, free_disk, is_read_only, is_suspect, lost_keys
from meshd.service.backing_up import BACKUP
from meshd.service.checking import faults
from meshd.service.context import Context, Result, link_up
from meshd.service.outside import out
from meshd.service.verbs import verb
from meshd.store import tables
from meshd.store.api import StoreError
from meshd.upkeep import witness
from meshd_protocol import limits

_SYNCS = 20
_TOO_FAST_US = 10
"""No disk that keeps what it says it kept is faster; in µs for one write that is to last."""
_DAY_MS = 24 * 3600 * 1000
_COPY_DAYS = 14
_BEHIND_MS = 3600 * 1000
"""Two nodes whose clocks are further apart do not shake hands."""
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


@verb("doctor")
def doctor(context: Context, _: dict[str, Any]) -> list[Result]:
    """`meshd doctor`: each thing that was looked at, what is wrong first."""
    folder = context.assembly.folder
    found = [*_room(folder), *_lasting(folder), *(finding for look in _LOOKS for finding in look(context))]
    return sorted(found, key=lambda finding: finding["good"])


def of_machine(folder: Path, error: NodeError) -> list[Result]:
    """What can be said of a machine on which an assembly's log or its keys can't be opened, and why they can't."""
    return [_finding("unread", good=False, value=f"{error.error}. {error.hint}"), *_room(folder), *_lasting(folder)]


def _finding(what: str, *, good: bool, value: int | str | None = None) -> Result:
    return {"what": what, "good": good, "value": value}


def _room(folder: Path) -> Iterator[Result]:
    if is_read_only(folder):
        yield _finding("read-only", good=False)
        return
    free = free_disk(folder)
    yield _finding("room", good=free >= 2 * limits.FREE_DISK_REMOTE, value=free)


def _lasting(folder: Path) -> Iterator[Result]:
    """Whether what is written lasts: not where the home is in memory, and not on a card that only says so."""
    if _file_system(folder) in _IN_MEMORY:
        yield _finding("in-memory", good=False)
    elif not is_read_only(folder):
        took = sync_us(folder)
        yield _finding("sync", good=took >= _TOO_FAST_US, value=took)


def sync_us(folder: Path, clock: Callable[[], int] = time.perf_counter_ns) -> int:
    """How long a disk takes for one write that is to last, in µs: the middle one of several."""
    path = folder / "sync-test"
    times: list[int] = []
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            for n in range(_SYNCS):
                os.pwrite(descriptor, bytes([n]) * 4096, n * 4096)
                begun = clock()
                os.fsync(descriptor)
                times.append(clock() - begun)
        finally:
            os.close(descriptor)
    finally:
        path.unlink(missing_ok=True)
    return sorted(times)[len(times) // 2] // 1000


def _file_system(folder: Path) -> str:
    """The kind of file system that a folder is on; empty where nobody says it."""
    best, kind = "", ""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        _, at, named, *_ = line.split()
        at = at.replace("\\040", " ")
        inside = str(folder.resolve()) == at or str(folder.resolve()).startswith(at.rstrip("/") + "/")
        if inside and len(at) >= len(best):
            best, kind = at, named
    return kind


def _file(context: Context) -> Iterator[Result]:
    try:
        damaged = bool(faults(context))
    except StoreError:  # the disk is full: what was found before is known
        damaged = is_suspect(context.assembly.folder)
    yield _finding("file", good=not damaged)
    if (context.assembly.folder / f"{LOG}.damaged").exists():
        yield _finding("damaged-copy", good=False, value=str(context.assembly.folder / f"{LOG}.damaged"))


def _clock(context: Context) -> Iterator[Result]:
    """How far this machine's clock is behind what others wrote last; and whose is ahead of it, where that is one alone
    of several: theirs is wrong rather than all the others'.
    """
    assembly = context.assembly
    if assembly.standing is None or assembly.standing.state is None:
        return  # the log is not here yet: nobody wrote anything
    newest: dict[bytes, int] = {}
    for row in assembly.store.find(tables.Certificate):
        written = witness.newest(assembly, row.device)
        if written is not None and row.member in assembly.standing.state.inside and row.member != context.me:
            newest[row.member] = max(newest.get(row.member, 0), written)
    first, second, *_ = [*sorted(newest, key=lambda member: -newest[member]), None, None]
    of = second or first
    behind = newest[of] - assembly.world.clock() if of is not None else 0
    yield _finding("clock", good=behind <= _BEHIND_MS, value=max(0, behind))
    if first is not None and behind <= _BEHIND_MS < newest[first] - assembly.world.clock():
        yield _finding("clock-of", good=False, value=assembly.people.label(first))


def _private(context: Context) -> Iterator[Result]:
    """Whether others on this machine can look into the home."""
    folder = context.assembly.folder
    open_ = [
        path
        for path in (folder.parent, folder, folder / KEYS, folder / LOG)
        if path.exists() and (stat.S_IMODE(path.stat().st_mode) & 0o077 or path.stat().st_uid != os.getuid())
    ]
    yield _finding("private", good=not open_, value=str(open_[0]) if open_ else None)
    yield _finding("passphrase", good=not unprotected.is_open(context.assembly.folder))


def _keys(context: Context) -> Iterator[Result]:
    """Key files of this home that are missing."""
    for lost in lost_keys(context.assembly.folder.parent):
        yield _finding("lost-keys", good=False, value=str(lost / KEYS))


def _version(context: Context) -> Iterator[Result]:
    later = context.assembly.store.count(tables.NoEffect, lacks=int(tables.Lacks.AN_UPDATE))
    yield _finding("version", good=not later, value=later)


def _copies(context: Context) -> Iterator[Result]:
    """When somebody else had all of this log last; and whether the person has a backup."""
    assembly, now = context.assembly, context.assembly.world.clock()
    rows = assembly.store.find(tables.Certificate)
    last = max((reached.reached_ms(assembly, row.device) for row in rows), default=0)
    row = assembly.store.get(tables.Setting, name=BACKUP)
    kept = int(row.value) if row is not None else 0
    days = _age_days(max(last, kept), now)
    yield _finding("copy", good=days is not None and 0 <= days <= _COPY_DAYS, value=days)
    unsent = 0 if link_up(context) else reached.unsent(assembly)
    yield _finding("unsent", good=not unsent, value=unsent)
    age = _age_days(kept, now)
    yield _finding("backup", good=age is not None and age >= 0, value=age)


def _age_days(then_ms: int, now_ms: int) -> int | None:
    """How long ago something was; None if never, -1 if it is dated ahead: the clock was wrong then, or is now."""
    if not then_ms:
        return None
    return -1 if then_ms > now_ms + _BEHIND_MS else max(0, now_ms - then_ms) // _DAY_MS


def _taking_part(context: Context) -> Iterator[Result]:
    why = out(context)
    yield _finding("taking-part", good=why is None, value=why.value if why is not None else None)


_LOOKS = (_file, _clock, _private, _keys, _version, _copies, _taking_part)
