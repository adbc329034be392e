"""The verb forget: taking back what one said, for everybody; and letting go of old talk, on this machine alone."""

from collections.abc import Iterator
from typing import Any

from meshd.assembly import reached
from meshd.errors import NodeError, UsageError
from meshd.log.door import FORGETTABLE
from meshd.progress import Step, Steps
from meshd.service.context import Context, Result
from meshd.service.letters import open_letter
from meshd.service.outside import refuse_outsiders
from meshd.service.verbs import verb
from meshd.store import tables
from meshd.upkeep.erasing import has_effect, is_the_author_s
from meshd_protocol.bodies.talk import Erasure, Message
from meshd_protocol.control import FLAG, NUMBER, TEXT
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind, Log
from meshd_protocol.names import text_of
from meshd_protocol.records import Record, read_record

_BATCH = 2000
_SHOWN = 10
_LOOKED = 200
"""How far back one's own talk is looked through for what is shown."""


@verb("forget", {"id": TEXT, "before": NUMBER, "preview": FLAG})
def forget(context: Context, arguments: dict[str, Any]) -> Steps[Any]:
    """`meshd forget`: take back a message or letter, or with `preview` show it; let go of all talk from before `before`
    (ms since 1970); with neither, the last things that this person said.
    """
    if arguments.get("id") and arguments.get("before") is not None:
        raise UsageError("a message is named, or an age")
    if arguments.get("id"):
        kept = _to_take_back(context, arguments["id"])
        return _shown(context, kept) if arguments.get("preview") else _take_back(context, kept.id)
    if arguments.get("before") is None:
        return _said(context)
    return (yield from _let_go(context, arguments["before"]))


def _to_take_back(context: Context, words: str) -> Record:
    """What this person means, if they can take it back. Raises NodeError."""
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
    if any(has_effect(assembly, row) for row in assembly.store.find(tables.Erasure, said=kept.id)):
        raise NodeError("it is taken back already")
    return read_record(assembly.id, kept.header, kept.signature, kept.body)


def _take_back(context: Context, said: bytes) -> Result:
    with context.assembly.writing():
        record = context.assembly.write(Kind.ERASURE, Erasure(said))
    return {"id": text_of(record.id), "forgets": text_of(said)}


def _said(context: Context) -> list[Result]:
    """What this person said last, oldest first, and what of it is here no more: others may have it."""
    assembly, found = context.assembly, list[Record]()
    for row in assembly.store.find(tables.Certificate, member=context.me):
        chain = assembly.door.chain((row.device, int(Log.TALK)))
        if chain is not None:
            start = max(0, chain.head_seq - _LOOKED)
            kept = assembly.store.span(chain.number, start, chain.head_seq + 1)
            found += [read_record(assembly.id, each.header, each.signature, each.body) for each in kept]
    erasures = (assembly.store.get(tables.Erasure, id=each.id) for each in found if each.kind == Kind.ERASURE)
    gone = {row.said for row in erasures if row is not None}
    mine = [each for each in found if each.kind in FORGETTABLE and each.id not in gone]
    mine.sort(key=lambda record: (record.time_ms, record.id))
    return [_shown(context, record) for record in mine[-_SHOWN:]]


def _shown(context: Context, record: Record) -> Result:
    shown: Result = {"id": text_of(record.id), "time_ms": record.time_ms, "topic": None, "to": None, "text": None}
    if record.body is None:
        return shown
    if record.kind == Kind.LETTER:
        plain = open_letter(context, tables.Letter(record.id, record.device, record.time_ms))
        return shown if plain is None else shown | {"to": context.assembly.people.label(plain.to), "text": plain.text}
    try:
        body = Message.read(record.body)
    except BadBodyError:
        return shown
    return shown | {"topic": body.topic, "text": body.text}


def _let_go(context: Context, before_ms: int) -> Steps[Result]:
    """Let go of old talk, some at a time; not of what this device said and nobody else is known to have."""
    assembly = context.assembly
    total = assembly.store.count(tables.Message) + assembly.store.count(tables.Letter)
    elsewhere = reached.ends_elsewhere(assembly).get(int(Log.TALK), -1)
    gone = seen = left = 0
    for rows in _talk(context):
        seen += len(rows)
        old = [row for row in rows if row.time_ms < before_ms]
        mine = [row.id for row in old if row.device == assembly.keys.device.public]
        alone = {identity for identity in mine if _seq(context, identity) > elsewhere}
        left += len(alone)
        if len(old) > len(alone):
            with assembly.writing() as report, assembly.store.overwriting():
                report.forgotten = assembly.door.forget_bodies(row.id for row in old if row.id not in alone)
            gone += report.forgotten
        yield Step(f"{gone} messages forgotten", min(seen, total), total)
    return {"forgotten": gone, "left": left}


def _seq(context: Context, identity: bytes) -> int:
    kept = context.assembly.store.get(tables.Kept, id=identity)
    assert kept is not None, "what has a row is in the log"
    return kept.seq


def _talk(context: Context) -> Iterator[list[Any]]:
    for table in (tables.Message, tables.Letter):
        yield from context.assembly.store.rows(table, _BATCH)
