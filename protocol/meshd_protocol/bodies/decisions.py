"""Bodies of decisions: proposal and ballot."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

from meshd_protocol import limits
from meshd_protocol.bodies.schema import ID, Body, Check, Field, array, string, uint
from meshd_protocol.errors import BadBodyError, NewerVersionError


class Verb(IntEnum):
    """What a decision does to the roster, beyond being decided."""

    ADMIT = 1
    REMOVE = 2


class Form(IntEnum):
    """What a ballot's choice looks like."""

    YES_NO = 0
    RANKS = 1


class Say(IntEnum):
    """The choices of a yes/no ballot."""

    NO = 0
    YES = 1
    ABSTAIN = 2


def _action(value: Any) -> tuple[int, tuple[bytes, ...]]:
    if type(value) is not list or len(value) != 2 or type(value[0]) is not int:
        raise BadBodyError("not [verb, subjects]")
    if value[0] not in set(Verb):
        raise NewerVersionError("of a later version: this meshd needs an update")
    subjects: tuple[bytes, ...] = array(ID, limits.APPLICATIONS, 1, distinct=True)(value[1])
    return value[0], subjects


@dataclass(frozen=True, slots=True)
class Proposal(Body):
    """A question to the members of one roster, under one of its policies.

    `action` is (verb, subjects): ADMIT names applications, REMOVE names member keys. `method` and `seats` belong to
    elections. `closes_ms` is the author's wish, shown to people; no rule reads it.
    """

    roster: bytes
    policy: str
    title: str
    text: str = ""
    options: tuple[str, ...] = ()
    closes_ms: int | None = None
    action: tuple[int, tuple[bytes, ...]] | None = None
    method: str | None = None
    seats: int = 1

    FIELDS: ClassVar = (
        Field(0, "roster", ID),
        Field(1, "policy", string(limits.NAME_BYTES)),
        Field(2, "title", string(limits.TITLE_BYTES)),
        Field(3, "text", string(limits.TEXT_BYTES, 0), optional=True, default=""),
        Field(4, "options", array(string(limits.TITLE_BYTES), limits.OPTIONS), optional=True, default=()),
        Field(5, "closes_ms", uint(), optional=True),
        Field(6, "action", _action, optional=True),
        Field(7, "method", string(limits.NAME_BYTES), optional=True),
        Field(8, "seats", uint(limits.OPTIONS), optional=True, default=1),
    )


_RANKS: Check = array(array(uint(limits.OPTIONS - 1), limits.OPTIONS, 1, distinct=True), limits.OPTIONS, 1)


@dataclass(frozen=True, slots=True)
class Ballot(Body):
    """One member's choice on one proposal.

    `form` tells how `choice` reads: YES_NO a `Say`, RANKS a list of ranks, best first, each a set of option numbers
    (several in one rank are equal; options left out stand below every rank). `counter` orders changed ballots.
    """

    proposal: bytes
    form: int
    choice: int | tuple[tuple[int, ...], ...]
    counter: int = 0
    reason: str = ""

    FIELDS: ClassVar = (
        Field(0, "proposal", ID),
        Field(1, "form", uint()),
        Field(2, "choice", lambda value: value),
        Field(3, "counter", uint(), optional=True, default=0),
        Field(4, "reason", string(limits.TITLE_BYTES, 0), optional=True, default=""),
    )

    @classmethod
    def of(cls, value: Any) -> "Ballot":
        """As `Body.of`; the choice is checked by the ballot's form."""
        body = super(Ballot, cls).of(value)
        return cls(body.proposal, body.form, read_choice(body.form, body.choice), body.counter, body.reason)


def read_choice(form: int, choice: Any) -> int | tuple[tuple[int, ...], ...]:
    """The choice of a ballot of that form. Raises BadBodyError."""
    if form == Form.YES_NO:
        said: int = uint()(choice)
        if said not in set(Say):
            raise NewerVersionError("a choice of a later version: this meshd needs an update")
        return said
    if form == Form.RANKS:
        ranks: tuple[tuple[int, ...], ...] = _RANKS(choice)
        named = [option for rank in ranks for option in rank]
        if len(named) != len(set(named)):
            raise BadBodyError("an option is ranked twice")
        return ranks
    raise NewerVersionError("a ballot of a later form: this meshd needs an update")
