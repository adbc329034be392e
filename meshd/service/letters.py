"""Letters: sealed to every device of one person, and to the writer's own, so that nobody else can read them."""

from meshd.errors import NodeError
from meshd.service.context import Context, Result
from meshd.store import tables
from meshd.upkeep import rotation
from meshd_crypto.sealing import CannotOpenError, lock, seal, unlock, unseal
from meshd_protocol import contexts, limits
from meshd_protocol.bodies.talk import SALT_SIZE, Letter, LetterPlain
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of


def write_letter(context: Context, person: str, text: str) -> Result:
    """Seal a text to every device of one person, and to this person's own."""
    assembly = context.assembly
    member = context.person(person)
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
    plain = LetterPlain(member, text)
    try:
        box = lock(secret, plain.write(), contexts.LETTER + assembly.id + salt, assembly.world.entropy)
    except BadBodyError as error:
        raise NodeError(f"this letter can't be written: {error}") from error
    with assembly.writing():
        record = assembly.write(Kind.LETTER, Letter(salt, tuple(keys), box))
    return {"id": text_of(record.id), "to": assembly.people.label(member)}


def open_letter(context: Context, row: tables.Letter) -> LetterPlain | None:
    """A letter's words, if it is sealed to this device."""
    assembly = context.assembly
    kept = assembly.store.get(tables.Kept, id=row.id)
    if kept is None or kept.body is None:
        return None
    body = Letter.read(kept.body)
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
