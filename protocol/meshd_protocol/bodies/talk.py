"""The bodies of talk: messages, letters, and taking one back. Their salt keeps a forgotten "yes" from being guessed."""

from dataclasses import dataclass, field
from typing import ClassVar

from meshd_protocol import limits
from meshd_protocol.kinds import Kind
from meshd_protocol.schema import ID, Body, Field, array, blob, octets, string

SALT_SIZE = 16


@dataclass(frozen=True, slots=True)
class Message(Body):
    """Something said to the whole assembly, under a topic; `about` names the record that it is on, if any."""

    salt: bytes
    topic: str
    text: str
    about: bytes | None = None

    KIND: ClassVar = Kind.MESSAGE
    FIELDS: ClassVar = (
        Field(0, "salt", octets(SALT_SIZE)),
        Field(1, "topic", string(limits.NAME_BYTES)),
        Field(2, "text", string(limits.TEXT_BYTES)),
        Field(3, "about", ID, optional=True),
    )


@dataclass(frozen=True, slots=True)
class Letter(Body):
    """Something said to one person: a key sealed to each of her devices and the writer's, and a box under it.

    Whom it is for stands in the box alone.
    """

    salt: bytes
    keys: tuple[bytes, ...]
    box: bytes

    KIND: ClassVar = Kind.LETTER
    FIELDS: ClassVar = (
        Field(0, "salt", octets(SALT_SIZE)),
        Field(1, "keys", array(blob(256), limits.LETTER_BOXES, 1)),
        Field(2, "box", blob(limits.RECORD_BYTES)),
    )


@dataclass(frozen=True, slots=True)
class LetterPlain(Body):
    """What a letter's box holds: for whom, and the words."""

    to: bytes
    text: str = field(repr=False)

    FIELDS: ClassVar = (Field(0, "to", ID), Field(1, "text", string(limits.TEXT_BYTES)))


@dataclass(frozen=True, slots=True)
class Erasure(Body):
    """Somebody takes a message or a letter back: its body is not kept any more, where this is known."""

    said: bytes

    KIND: ClassVar = Kind.ERASURE
    FIELDS: ClassVar = (Field(0, "said", ID),)
