"""Tickets: a line starting `meshd:`, by which a newcomer finds the inviter's node (design: security, "Invitations").

A ticket is not a network key: it lets its holder hand in one application and fetch the answer, nothing else.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from meshd_crypto.hashing import digest
from meshd_protocol import limits
from meshd_protocol.errors import BadBodyError, BadTicketError
from meshd_protocol.names import DRILL, bytes_of, text_of
from meshd_protocol.schema import ID, KEY, Body, Field, array, octets, string, uint

PREFIX = "meshd:"
DRILL_PREFIX = f"{DRILL}-"
_CHECK = 4


@dataclass(frozen=True, slots=True)
class Ticket(Body):
    """An invitation in the hands of the invited: its private key, its psk, and where to knock.

    `roster` is the inviter's head when the ticket was written: the newcomer starts from it. `expires_ms` is shown to
    people; the inviter's own clock decides.
    """

    assembly: bytes
    seed: bytes = field(repr=False)
    psk: bytes = field(repr=False)
    roster: bytes
    inviter: bytes
    addresses: tuple[str, ...]
    expires_ms: int

    FIELDS: ClassVar = (
        Field(0, "assembly", ID),
        Field(1, "seed", octets(32)),
        Field(2, "psk", octets(32)),
        Field(3, "roster", ID),
        Field(4, "inviter", KEY),
        Field(5, "addresses", array(string(255), limits.TICKET_ADDRESSES), optional=True, default=()),
        Field(6, "expires_ms", uint()),
    )

    def line(self, *, drill: bool = False) -> str:
        """The ticket as people pass it on; that to a drill says so."""
        data = self.write()
        return (DRILL_PREFIX if drill else "") + PREFIX + text_of(data + digest(data)[:_CHECK])


def is_ticket(line: str) -> bool:
    """Whether a text is meant as a ticket, good or not."""
    return _plain(line).startswith(PREFIX)


def _plain(line: str) -> str:
    return "".join(line.split()).lower().removeprefix(DRILL_PREFIX.lower())


def read_ticket(line: str) -> Ticket:
    """The ticket of a line, white space anywhere in it forgiven. Raises BadTicketError."""
    text = _plain(line)
    if not text.startswith(PREFIX):
        raise BadTicketError(f"a ticket starts with {PREFIX}")
    if len(text) > limits.TICKET_CHARACTERS:
        raise BadTicketError("this is far longer than a ticket")
    try:
        data = bytes_of(text.removeprefix(PREFIX))
    except ValueError as error:
        raise BadTicketError("the ticket has letters that no ticket has, or is cut") from error
    if len(data) <= _CHECK or digest(data[:-_CHECK])[:_CHECK] != data[-_CHECK:]:
        raise BadTicketError("the ticket is cut or has a mistake in it")
    try:
        return Ticket.read(data[:-_CHECK])
    except BadBodyError as error:
        raise BadTicketError(f"the ticket is of a kind that this meshd can't read: {error}") from error
