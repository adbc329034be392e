"""The body of talk: messages. They begin with a salt, so that a forgotten "yes" can't be guessed from its hash."""

from dataclasses import dataclass
from typing import ClassVar

from meshd_protocol import limits
from meshd_protocol.bodies.schema import ID, Body, Field, octets, string

SALT_SIZE = 16


@dataclass(frozen=True, slots=True)
class Message(Body):
    """Something said to the whole assembly, under a topic; `about` names the record that it is on, if any."""

    salt: bytes
    topic: str
    text: str
    about: bytes | None = None

    FIELDS: ClassVar = (
        Field(0, "salt", octets(SALT_SIZE)),
        Field(1, "topic", string(limits.NAME_BYTES)),
        Field(2, "text", string(limits.TEXT_BYTES)),
        Field(3, "about", ID, optional=True),
    )
