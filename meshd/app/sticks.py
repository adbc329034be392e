"""Sticks that are plugged into a machine where nobody sits: each is read and written as soon as it is mounted.

Only a stick with a folder of one of this home's assemblies, or with an empty file `meshd-here`, is touched. Nothing on
it is ever run. Whether one is mounted the kernel's table says; it may be mounted by a desktop, or by a line in fstab.
"""

import subprocess
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import trio

from meshd.errors import NodeError
from meshd.mesh.node import Node
from meshd.progress import Step
from meshd.service import carry
from meshd.service.context import Context
from meshd.sneakernet import media
from meshd.sneakernet.join import carries, has_answer
from meshd.sneakernet.mounts import Mount, mounted
from meshd.sneakernet.stick import names_of

HERE = "meshd-here"
"""The empty file that asks for an exchange."""
READ_ME = "READ-ME.txt"
_FIRST_LINE = "This stick carries records of meshd."
_LOOK_SECONDS = 2.0
_HOOK_SECONDS = 30.0
_MOST = 64 * 1024


class Exchanged(NamedTuple):
    """What an exchange took from a stick and brought to it, in records; and applications to join and answers to them,
    which are left for newcomers' sake beside the records.
    """

    taken: int = 0
    brought: int = 0
    damaged: int = 0
    left: int = 0


Hook = Callable[[str, Path], Any]
"""Told `begin`, `done` or `failed`, and where: for a lamp or a beep. Awaited."""


async def mind(
    nodes: Sequence[Node],
    note: Callable[[str], None],
    hook: Hook,
    between: Callable[[], Awaitable[object]],
    look: Callable[[], list[Mount]] = mounted,
) -> None:
    """Exchange with each stick that is mounted, once, until cancelled. One that is plugged in again is a new one.
    `between` carries between the logs of a home: what one of them took may be for another one's folder.
    """
    done: set[Mount] = set()
    while True:
        now = look()
        done &= set(now)
        for mount in now:
            if mount not in done and _is_meant(nodes, mount.path):
                done.add(mount)
                await _attend(nodes, mount.path, note, hook, between)
        await trio.sleep(_LOOK_SECONDS)


def _is_meant(nodes: Sequence[Node], stick: Path) -> bool:
    if media.size_of(stick / HERE) == 0:
        return True
    if any(has_answer(node.assembly, stick) or carries(node.assembly, stick) for node in nodes):
        return True
    names = [names_of(node.assembly) for node in nodes]
    return any(each is not None and media.inside(stick, *each) is not None for each in names)


async def _attend(
    nodes: Sequence[Node],
    stick: Path,
    note: Callable[[str], None],
    hook: Hook,
    between: Callable[[], Awaitable[object]],
) -> None:
    """Exchange with a stick, and say how that went: to who carries it, on it; to who watches, in a line."""
    await hook("begin", stick)
    total = Exchanged()
    problems: list[str] = []
    broken_off, pulled = False, False
    for node in nodes:
        try:
            each = await _exchange(node, stick)
        except NodeError as error:
            problems.append(error.error)
            broken_off, pulled = True, pulled or isinstance(error, media.GoneError)
            continue
        total = Exchanged(*(one + other for one, other in zip(total, each[0], strict=True)))
        problems += [each[1]] if each[1] is not None else []
    if len(nodes) > 1 and total.taken and not problems:
        await between()
        for node in nodes:
            try:
                total = total._replace(brought=total.brought + await _bring(node, stick))
            except NodeError as error:
                problems.append(error.error)
    with suppress(NodeError):
        _tell_bearer(stick, total, whole=not problems)
    said = f"{total.taken} record{'' if total.taken == 1 else 's'} taken, {total.brought} brought"
    said += f", {total.damaged} damaged" if total.damaged else ""
    said += f", {total.left} left for joining" if total.left else ""
    for problem in dict.fromkeys(problems):
        note(f"stick {stick}: {problem}")
    if broken_off:  # of what was under way nobody has counted anything
        said = f"{said} besides, and what was read or written whole is kept"
    note(f"stick {stick}: {said}{'' if pulled else '. It may be pulled now'}")
    await hook("failed" if problems else "done", stick)


async def _exchange(node: Node, stick: Path) -> tuple[Exchanged, str | None]:
    """What `meshd stick` does, in steps beside the node's other work; and why it could not be written, if so."""
    steps = carry.stick(Context(node.assembly, node.seen()), {"path": str(stick)})
    result = await node.work_through(steps, _unheard)
    read, written = result["read"], result["written"]
    taken, damaged = (read["records"], read["damaged"]) if read is not None else (0, 0)
    brought, left = (written["records"], written["answers"]) if written is not None else (0, 0)
    return Exchanged(taken, brought, damaged, left), result["problem"]


async def _bring(node: Node, stick: Path) -> int:
    """How many more records were written, since others of this home took something in."""
    steps = carry.export(Context(node.assembly, node.seen()), {"path": str(stick)})
    records: int = (await node.work_through(steps, _unheard))["records"]
    return records


async def _unheard(_: Step) -> None:
    """Nobody sits there."""


def _tell_bearer(stick: Path, total: Exchanged, *, whole: bool) -> None:
    """One page for whoever carries the stick: numbers, no names, nothing of what is said. What somebody else wrote
    there under that name stays.
    """
    path = stick / READ_ME
    held = media.read_file(path, _MOST)
    if held is None and path.exists():
        return
    if held is not None and not held.startswith(_FIRST_LINE.encode()):
        return
    ready = "It was read and written, and may be pulled." if whole else "Not all of it could be read or written."
    joining = f"Applications to join, or answers:  {total.left}\n" if total.left else ""
    text = (
        f"{_FIRST_LINE}\n\n{ready}\n\n"
        f"Records that were taken from it:  {total.taken}\n"
        f"Records that were brought to it:  {total.brought}\n{joining}\n"
        "Carry it on: whoever has a node of the same assembly plugs it in. All that lies in the folder meshd is\n"
        "encrypted; leave it as it is. This page is written anew at each visit.\n"
    )
    if held != text.encode():
        media.write_file(path, text.encode())


def several(*hooks: Hook) -> Hook:
    """A hook that tells others, one after the other."""

    async def hook(what: str, where: Path) -> None:
        for each in hooks:
            await each(what, where)

    return hook


def runs(command: str | None) -> Hook:
    """A hook that runs a command of the person's own with two words: what happens, and where. Never one of a stick."""

    async def hook(what: str, where: Path) -> None:
        if command is None:
            return
        words, silent = [command, what, str(where)], subprocess.DEVNULL
        with trio.move_on_after(_HOOK_SECONDS), suppress(OSError):
            await trio.run_process(words, check=False, stdin=b"", stdout=silent, stderr=silent)

    return hook
