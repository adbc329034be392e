"""Verbs about talk: say, read, topics."""

from typing import Any

from meshd.errors import NodeError
from meshd.service.context import Context, Result, role_of
from meshd.store import tables
from meshd_protocol.bodies.talk import SALT_SIZE, Message
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of

DEFAULT_TOPIC = "general"
_PAGE = 50


def say(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd say TEXT`: to everybody who reads; observers may, too."""
    state = context.state()
    if context.me not in state.members and context.me not in state.observers:
        raise NodeError("only members and observers talk here")
    about = context.proposal(arguments["about"]).id if arguments.get("about") else None
    salt = context.assembly.world.entropy(SALT_SIZE)
    with context.assembly.writing():
        body = Message(salt, arguments.get("topic") or DEFAULT_TOPIC, arguments["text"], about)
        record = context.assembly.write(Kind.MESSAGE, body)
    return {"id": text_of(record.id)}


def read(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd read`: the newest messages, oldest first."""
    where = {"topic": arguments["topic"]} if arguments.get("topic") else {}
    limit = None if arguments.get("all") else _PAGE
    rows = context.assembly.store.find(tables.Message, newest=True, limit=limit, **where)
    return [
        {
            "id": text_of(row.id),
            "person": context.assembly.people.device_label(row.device),
            "role": _role(context, row.device),
            "topic": row.topic,
            "text": row.text,
            "time_ms": row.time_ms,
            "about": text_of(row.about) if row.about else None,
        }
        for row in reversed(rows)
    ]


def _role(context: Context, device: bytes) -> str | None:
    """The speaker's role in the head; None for a device that nobody certified."""
    owner = context.assembly.people.owner(device)
    return role_of(context.assembly, owner) if owner else None


def topics(context: Context, _: dict[str, Any]) -> list[Result]:
    """`meshd topics`: what is talked about, and how much."""
    counts: dict[str, int] = {}
    for row in context.assembly.store.find(tables.Message):
        counts[row.topic] = counts.get(row.topic, 0) + 1
    return [{"topic": topic, "messages": counts[topic]} for topic in sorted(counts)]
