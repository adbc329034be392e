"""The verb forget: taking back what one said, for everybody; and letting go of old talk, on this machine alone."""

from collections.abc import Iterator
from typing import Any

from meshd.errors import NodeError, UsageError
from meshd.progress import Step, Steps
from meshd.service.context import Context, Result
from meshd.service.letters import open_letter
from meshd.service.outside import refuse_outsiders
from meshd.service.verbs import verb
from meshd.store import tables
from meshd.upkeep.erasing import is_the_author_s
from meshd_protocol.bodies.talk import Erasure
from meshd_protocol.control import NUMBER, TEXT
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of

_BATCH = 2000
_SHOWN = 10


@verb("forget", {"id": TEXT, "before": NUMBER})
def forget(context: Context, arguments: dict[str, Any]) -> Steps[Any]:
    """`meshd forget`: take back a message or letter; let go of all talk of `before` (ms since 1970); with neither, the
    last things that this person said.
    """
    if arguments.get("id") and arguments.get("before") is not None:
        raise UsageError("a message is named, or an age")
    if arguments.get("id"):
        return _take_back(context, arguments["id"])
    if arguments.get("before") is None:
        return _said(context)
    return (yield from _let_go(context, arguments["before"]))


def _take_back(context: Context, words: str) -> Result:
    refuse_outsiders(context)
    assembly = context.assembly
    kept = context.named(tables.Kept, words, "message", "`meshd forget` shows your last ones.")
    if kept.kind not in (Kind.MESSAGE, Kind.LETTER):
        raise NodeError("only messages and letters are taken back", "`meshd withdraw ID` is for proposals.")
    if not is_the_author_s(assembly.store, kept.id, assembly.keys.device.public):
        raise NodeError(
            "somebody else said it, and only they take it back",
            "`meshd forget --older 1d` lets go of old talk on this machine.",
        )
    if any(is_the_author_s(assembly.store, kept.id, row.device) for row in _erasures(context, kept.id)):
        raise NodeError("it is taken back already")
    with assembly.writing():
        record = assembly.write(Kind.ERASURE, Erasure(kept.id))
    return {"id": text_of(record.id), "forgets": text_of(kept.id)}


def _erasures(context: Context, said: bytes) -> list[tables.Erasure]:
    return context.assembly.store.find(tables.Erasure, said=said)


def _said(context: Context) -> list[Result]:
    """What this person said last, oldest first."""
    store = context.assembly.store
    mine = {row.device for row in store.find(tables.Certificate, member=context.me)}
    messages: list[tables.Message | tables.Letter] = [*store.find(tables.Message, newest=True, limit=_BATCH)]
    letters = store.find(tables.Letter, newest=True, limit=_BATCH)
    rows = [row for row in (*messages, *letters) if row.device in mine]
    rows.sort(key=lambda row: (row.time_ms, row.id))
    return [_shown(context, row) for row in rows[-_SHOWN:]]


def _shown(context: Context, row: tables.Message | tables.Letter) -> Result:
    shown: Result = {"id": text_of(row.id), "time_ms": row.time_ms, "topic": None, "to": None, "text": ""}
    if isinstance(row, tables.Message):
        return shown | {"topic": row.topic, "text": row.text}
    plain = open_letter(context, row)
    return shown if plain is None else shown | {"to": context.assembly.people.label(plain.to), "text": plain.text}


def _let_go(context: Context, before_ms: int) -> Steps[Result]:
    """Let go of old talk, some at a time."""
    assembly = context.assembly
    total = assembly.store.count(tables.Message) + assembly.store.count(tables.Letter)
    gone = seen = 0
    for rows in _talk(context):
        seen += len(rows)
        old = [row.id for row in rows if row.time_ms < before_ms]
        if old:
            with assembly.store.overwriting(), assembly.writing():
                gone += assembly.door.forget_bodies(old)
        yield Step(f"{gone} messages forgotten", min(seen, total), total)
    return {"forgotten": gone}


def _talk(context: Context) -> Iterator[list[Any]]:
    for table in (tables.Message, tables.Letter):
        yield from context.assembly.store.rows(table, _BATCH)
