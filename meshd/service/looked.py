"""What this person has looked at, on this machine, and what is new since: for the home screen.

A mark says how many there were of a kind when they were looked at. It is a local fact, written at most once for each
look, and nothing is decided by it.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from meshd.service.context import Context, Result
from meshd.service.effects import retraction
from meshd.service.letters import open_letter
from meshd.service.matters import Matter
from meshd.store import tables
from meshd.store.api import DiskFullError, ReadOnlyDiskError
from meshd_protocol.names import bytes_of, text_of

_PREFIX = "looked at "
_LETTERS = 200
"""Letters that are opened to find those that are new: of more the newest."""
_SHOWN = 10
_COUNTED = (tables.Message, tables.Proposal, tables.Retraction)
"""Kinds of which what came since the last look is told."""
_BEGINNING = 8
"""Bytes of an id by which a decision is remembered as final."""


def acts_since(context: Context) -> list[tables.Act]:
    """Acts that came since this person looked at what delegates did."""
    return _newest(context, tables.Act)


def letters_since(context: Context) -> list[tables.Letter]:
    """Letters to this person that came since they read last, the oldest first."""
    found: list[tables.Letter] = []
    for row in _newest(context, tables.Letter, _LETTERS):
        plain = open_letter(context, row)
        if plain is not None and plain.to == context.me:
            found.append(row)
    return found


def look_at(context: Context, *kinds: type[Any]) -> None:
    """Note that this person has seen all there is of some kinds."""
    _note(context, {kind.__name__: str(context.assembly.store.count(kind)) for kind in kinds})


def since(context: Context, matters: Iterable[Matter], *, look: bool) -> Result:
    """What happened since this person looked at the home screen last, as codes and numbers.

    `since_ms` is None at the first look, when nothing is told. What was final then, who was in, and what others said or
    proposed is held against what is so now. With `look` the next answer tells of what comes after.
    """
    marks = _marks(context)
    state, label = context.state(), context.assembly.people.label
    final = {each.id[:_BEGINNING]: each for each in matters if each.final}
    result: Result = {
        "since_ms": int(marks["ms"]) if "ms" in marks else None,
        "decided": [], "joined": [], "joined_ids": [], "left": [], "messages": 0, "proposed": [], "withdrawn": [],
    }  # fmt: skip
    if "ms" in marks:
        known = _ids(marks.get("final", ""), _BEGINNING)
        before = frozenset(_ids(marks.get("members", ""), 32))
        result["decided"] = [
            {"id": text_of(each.id), "title": each.title} for key, each in final.items() if key not in known
        ][-_SHOWN:]
        came = sorted(state.members - before - {context.me}, key=label)
        result["joined"] = list(map(label, came))
        result["joined_ids"] = list(map(text_of, came))
        result["left"] = sorted(map(label, before - state.members - {context.me}))
        result["messages"] = len([row for row in _newest(context, tables.Message) if not _is_mine(context, row.device)])
        result["proposed"] = [
            {"id": text_of(row.id), "title": row.title, "person": label(row.member)}
            for row in _newest(context, tables.Proposal)
            if row.member != context.me and retraction(context, row) is None
        ][-_SHOWN:]
        result["withdrawn"] = list(_withdrawn(context))[-_SHOWN:]
    if look:
        _look(context, final)
    return result


def _withdrawn(context: Context) -> Iterator[Result]:
    """Proposals that others took back since the last look."""
    for each in _newest(context, tables.Retraction):
        row = context.assembly.store.get(tables.Proposal, id=each.proposal)
        if row is not None and each.member == row.member != context.me:
            person = context.assembly.people.label(row.member)
            yield {"id": text_of(row.id), "title": row.title, "person": person}


def _look(context: Context, final: Iterable[bytes]) -> None:
    state = context.state()
    _note(
        context,
        {
            "ms": str(context.assembly.world.clock()),
            "final": text_of(b"".join(final)),
            "members": text_of(b"".join(sorted(state.members))),
            **{kind.__name__: str(context.assembly.store.count(kind)) for kind in _COUNTED},
        },
    )


def _is_mine(context: Context, device: bytes) -> bool:
    return context.assembly.people.owner(device) == context.me


def _ids(text: str, size: int) -> list[bytes]:
    joined = bytes_of(text) if text else b""
    return [joined[start : start + size] for start in range(0, len(joined), size)]


def _newest(context: Context, kind: type[Any], most: int = 1000) -> list[Any]:
    """The rows of a kind beyond the mark, in the order in which they came."""
    store = context.assembly.store
    setting = store.get(tables.Setting, name=_PREFIX + kind.__name__)
    new = store.count(kind) - (int(setting.value) if setting is not None else 0)
    return store.find(kind, newest=True, limit=min(new, most))[::-1] if new > 0 else []


def _marks(context: Context) -> dict[str, str]:
    names = ("ms", "final", "members")
    found = ((name, context.assembly.store.get(tables.Setting, name=_PREFIX + name)) for name in names)
    return {name: row.value for name, row in found if row is not None}


def _note(context: Context, marks: dict[str, str]) -> None:
    """Write marks that are new; on a disk that takes no writes nothing is noted."""
    store = context.assembly.store
    if store.refusal is not None:
        return
    rows = [tables.Setting(_PREFIX + name, value) for name, value in marks.items()]
    fresh = [row for row in rows if store.get(tables.Setting, name=row.name) != row]
    if fresh:
        with suppress(DiskFullError, ReadOnlyDiskError), store.transaction():
            for row in fresh:
                store.replace(row)
