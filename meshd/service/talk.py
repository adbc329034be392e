"""Verbs about talk: say, read, topics."""

from typing import Any

from meshd.assembly.assembly import role_of
from meshd.errors import NodeError, UsageError
from meshd.service.context import Context, Result
from meshd.service.letters import open_letter, write_letter
from meshd.service.looked import look_at
from meshd.service.verbs import verb
from meshd.store import tables
from meshd.upkeep.erasing import has_effect
from meshd_protocol.bodies.talk import SALT_SIZE, Message
from meshd_protocol.control import FLAG, NAME, NUMBER, TEXT
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of

DEFAULT_TOPIC = "general"
_PAGE = 50


@verb("say", {"text": NAME, "topic": TEXT, "about": TEXT, "to": TEXT}, writes=True)
def say(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd say TEXT`: to everybody who reads; observers may, too."""
    state = context.state()
    if context.me not in state.inside:
        raise NodeError("only members and observers talk here")
    if arguments.get("to"):
        if arguments.get("topic") or arguments.get("about"):
            raise UsageError("a letter has no topic: it is for one person")
        return write_letter(context, arguments["to"], arguments["text"])
    about = context.proposal(arguments["about"]).id if arguments.get("about") else None
    salt = context.assembly.world.entropy(SALT_SIZE)
    with context.assembly.writing():
        body = Message(salt, arguments.get("topic") or DEFAULT_TOPIC, arguments["text"], about)
        record = context.assembly.write(Kind.MESSAGE, body)
    return {"id": text_of(record.id)}


@verb("read", {"topic": TEXT, "all": FLAG, "limit": NUMBER, "quiet": FLAG})
def read(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd read`: the newest messages, letters and things taken back, oldest first: of each `limit`, or all. A
    `quiet` one does not count as read.
    """
    where = {"topic": arguments["topic"]} if arguments.get("topic") else {}
    limit = None if arguments.get("all") else arguments.get("limit") or _PAGE
    people = context.assembly.people
    rows = context.assembly.store.find(tables.Message, newest=True, limit=limit, **where)
    shown: list[Result] = [
        {
            "id": text_of(row.id),
            "person": people.device_label(row.device),
            "role": _role(context, row.device),
            "topic": row.topic,
            "text": row.text,
            "time_ms": row.time_ms,
            "about": text_of(row.about) if row.about else None,
            "to": None,
        }
        for row in reversed(rows)
    ]
    if where:
        return shown
    shown += _taken_back(context, limit)
    for letter in context.assembly.store.find(tables.Letter, newest=True, limit=limit):
        plain = open_letter(context, letter)
        if plain is None:
            continue
        shown.append(
            {
                "id": text_of(letter.id),
                "person": people.device_label(letter.device),
                "role": _role(context, letter.device),
                "topic": None,
                "text": plain.text,
                "time_ms": letter.time_ms,
                "about": None,
                "to": people.label(plain.to),
            }
        )
    if not arguments.get("quiet"):
        look_at(context, tables.Letter, tables.Message)
    return sorted(shown, key=lambda each: (each["time_ms"], each["id"]))


def _taken_back(context: Context, limit: int | None) -> list[Result]:
    """That somebody took something back: it is not here any more, and nobody is left wondering."""
    store = context.assembly.store
    return [
        {
            "id": text_of(row.id),
            "person": context.assembly.people.device_label(row.device),
            "role": _role(context, row.device),
            "topic": None,
            "text": None,
            "time_ms": row.time_ms,
            "about": text_of(row.said),
            "to": None,
        }
        for row in store.find(tables.Erasure, newest=True, limit=limit)
        if has_effect(context.assembly, row)
    ]


def _role(context: Context, device: bytes) -> str | None:
    """The speaker's role in the head; None for a device that nobody certified."""
    state = context.assembly.standing.state if context.assembly.standing else None
    if state is not None and device in state.revoked:
        return "revoked"
    owner = context.assembly.people.owner(device)
    return role_of(context.assembly, owner) if owner else None


@verb("topics")
def topics(context: Context, _: dict[str, Any]) -> list[Result]:
    """`meshd topics`: what is talked about, and how much."""
    counts = context.assembly.store.counts(tables.Message, "topic")
    return [{"topic": topic, "messages": counts[topic]} for topic in sorted(counts)]
