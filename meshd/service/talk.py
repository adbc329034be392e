"""Verbs about talk: say, read, topics; and letters, which one person alone can read."""

from typing import Any

from meshd.assembly.assembly import role_of
from meshd.errors import NodeError, UsageError
from meshd.service.context import Context, Result
from meshd.store import tables
from meshd.upkeep import rotation
from meshd_crypto.sealing import CannotOpenError, lock, seal, unlock, unseal
from meshd_protocol import contexts, limits
from meshd_protocol.bodies.talk import SALT_SIZE, Letter, LetterPlain, Message
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of

DEFAULT_TOPIC = "general"
_PAGE = 50


def say(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd say TEXT`: to everybody who reads; observers may, too."""
    state = context.state()
    if context.me not in state.members and context.me not in state.observers:
        raise NodeError("only members and observers talk here")
    if arguments.get("to"):
        return _write_letter(context, arguments)
    about = context.proposal(arguments["about"]).id if arguments.get("about") else None
    salt = context.assembly.world.entropy(SALT_SIZE)
    with context.assembly.writing():
        body = Message(salt, arguments.get("topic") or DEFAULT_TOPIC, arguments["text"], about)
        record = context.assembly.write(Kind.MESSAGE, body)
    return {"id": text_of(record.id)}


def _write_letter(context: Context, arguments: dict[str, Any]) -> Result:
    """Seal a text to every device of one person, and to this person's own."""
    if arguments.get("topic") or arguments.get("about"):
        raise UsageError("a letter has no topic: it is for one person")
    assembly = context.assembly
    member = context.person(arguments["to"])
    devices = [row for row in rotation.remaining(assembly, context.state()) if row.member in (member, context.me)][
        : limits.LETTER_BOXES
    ]
    secret, salt = assembly.world.entropy(32), assembly.world.entropy(SALT_SIZE)
    keys: list[bytes] = []
    for row in devices:
        try:
            keys.append(seal(row.sealing, contexts.LETTER + assembly.id + secret))
        except CannotOpenError:
            continue
    plain = LetterPlain(member, arguments["text"])
    try:
        box = lock(secret, plain.write(), contexts.LETTER + assembly.id + salt, assembly.world.entropy)
    except BadBodyError as error:
        raise NodeError(f"this letter can't be written: {error}") from error
    with assembly.writing():
        record = assembly.write(Kind.LETTER, Letter(salt, tuple(keys), box))
    return {"id": text_of(record.id), "to": assembly.people.label(member)}


def _open_letter(context: Context, row: tables.Letter) -> LetterPlain | None:
    """A letter's words, if it is sealed to this device."""
    assembly = context.assembly
    entry = assembly.store.get(tables.Entry, id=row.id)
    if entry is None or entry.body is None:
        return None
    body = Letter.read(entry.body)
    prefix = contexts.LETTER + assembly.id
    for sealed in body.keys:
        try:
            plain = unseal(assembly.keys.sealing, sealed)
            if plain.startswith(prefix) and len(plain) == len(prefix) + 32:
                words = unlock(plain[len(prefix) :], body.box, prefix + body.salt)
                return LetterPlain.read(words)
        except (CannotOpenError, BadBodyError):
            continue
    return None


def read(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd read`: the newest messages, oldest first."""
    where = {"topic": arguments["topic"]} if arguments.get("topic") else {}
    limit = None if arguments.get("all") else _PAGE
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
    for letter in context.assembly.store.find(tables.Letter, newest=True, limit=limit):
        plain = _open_letter(context, letter)
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
    return sorted(shown, key=lambda each: (each["time_ms"], each["id"]))


def _role(context: Context, device: bytes) -> str | None:
    """The speaker's role in the head; None for a device that nobody certified."""
    state = context.assembly.standing.state if context.assembly.standing else None
    if state is not None and device in state.revoked:
        return "revoked"
    owner = context.assembly.people.owner(device)
    return role_of(context.assembly, owner) if owner else None


def topics(context: Context, _: dict[str, Any]) -> list[Result]:
    """`meshd topics`: what is talked about, and how much."""
    counts = context.assembly.store.counts(tables.Message, "topic")
    return [{"topic": topic, "messages": counts[topic]} for topic in sorted(counts)]
