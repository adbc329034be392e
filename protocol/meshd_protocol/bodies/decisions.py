"""Bodies of decisions: proposal, ballot, attestation, answer. What a proposal does beyond itself is in `actions`."""

import itertools
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb, read_action, read_named
from meshd_protocol.bodies.institutions import read_what
from meshd_protocol.errors import BadBodyError, NewerVersionError
from meshd_protocol.kinds import Kind
from meshd_protocol.schema import ID, Body, Check, Field, array, blob, octets, string, truth, uint

__all__ = [
    "Answer", "Attestation", "Ballot", "Choice", "Form", "Proposal", "Retraction", "Say", "Verb", "Verdict",
    "read_choice",
]  # fmt: skip

Choice = int | tuple[int, ...] | tuple[tuple[int, ...], ...]
"""A ballot's choice: a `Say`, option numbers, ranks, or (option, score) pairs."""


class Form(IntEnum):
    """What a ballot's choice looks like."""

    YES_NO = 0
    RANKS = 1
    CHOICES = 2
    SCORES = 3


class Say(IntEnum):
    """The choices of a yes/no ballot."""

    NO = 0
    YES = 1
    ABSTAIN = 2


class Verdict(IntEnum):
    """What a witness found. WINNERS goes with option numbers."""

    FAILED = 0
    PASSED = 1
    TIE = 2
    WINNERS = 3


@dataclass(frozen=True, slots=True)
class Proposal(Body):
    """A question to the members of one roster, under one of its policies.

    `action` is (verb, payload), see `actions`. `method` and `seats` belong to elections, `costs` (one for each option)
    and `budget` to budgets. `amends` names the proposal that this is a rival text of; `repeals` those whose place it
    takes once it has passed, or, put `anew` after a split, whatever comes of it. `closes_ms` is the author's wish,
    shown to people; no rule reads it. `keeps` are the decisions that are in force before an action, each with a bitmap
    of the pinned roster's members whose word makes it so: with the action they stay in force (`force`). `under` names
    the mandate in whose span it falls; `what` is a template that it adopts, as it stands, or what it says with figures
    (`institutions`). `tags` are hints.
    """

    roster: bytes
    policy: str
    title: str
    text: str = ""
    options: tuple[str, ...] = ()
    closes_ms: int | None = None
    action: tuple[int, Any] | None = None
    method: str | None = None
    seats: int = 1
    amends: bytes | None = None
    repeals: tuple[bytes, ...] = ()
    costs: tuple[int, ...] = ()
    budget: int | None = None
    anew: bool = False
    keeps: tuple[tuple[bytes, bytes], ...] = ()
    under: bytes | None = None
    what: Any = None
    tags: tuple[str, ...] = ()

    KIND: ClassVar = Kind.PROPOSAL
    FIELDS: ClassVar = (
        Field(0, "roster", ID),
        Field(1, "policy", string(limits.NAME_BYTES)),
        Field(2, "title", string(limits.TITLE_BYTES)),
        Field(3, "text", string(limits.TEXT_BYTES, 0), optional=True, default=""),
        Field(4, "options", array(string(limits.TITLE_BYTES), limits.OPTIONS), optional=True, default=()),
        Field(5, "closes_ms", uint(), optional=True),
        Field(6, "action", read_action, optional=True),
        Field(7, "method", string(limits.NAME_BYTES), optional=True),
        Field(8, "seats", uint(limits.OPTIONS), optional=True, default=1),
        Field(9, "amends", ID, optional=True),
        Field(10, "repeals", lambda value: _repeals(value), optional=True, default=()),
        Field(11, "costs", array(uint(limits.COST), limits.OPTIONS), optional=True, default=()),
        Field(12, "budget", uint(limits.COST), optional=True),
        Field(13, "anew", truth(), optional=True, default=False),
        Field(14, "under", ID, optional=True),
        Field(15, "what", read_what, optional=True),
        Field(16, "keeps", array(read_named, limits.KEEPS), optional=True, default=()),
        Field(64, "tags", lambda value: _tags(value), optional=True, default=()),
    )


def _repeals(value: Any) -> tuple[bytes, ...]:
    """Several ids; or one alone, as it was written before there could be several."""
    return (ID(value),) if type(value) is bytes else _REPEALED(value)


def _tags(value: Any) -> tuple[str, ...]:
    """Hints. What has another form is none, as for those who skip them."""
    try:
        return _TAGS(value)  # type: ignore[no-any-return]
    except BadBodyError:
        return ()


_TAGS: Check = array(string(limits.NAME_BYTES), limits.TAGS)
_REPEALED: Check = array(ID, limits.REPEALS, distinct=True)
_SAID = uint()
_SAYS = frozenset(map(int, Say))
_OPTION = uint(limits.OPTIONS - 1)
_RANKS: Check = array(array(_OPTION, limits.OPTIONS, 1, distinct=True), limits.OPTIONS)
_CHOICES: Check = array(_OPTION, limits.OPTIONS, distinct=True)
_SCORES: Check = array(array(uint(limits.OPTIONS - 1), 2, 2), limits.OPTIONS)


@dataclass(frozen=True, slots=True)
class Ballot(Body):
    """One member's choice on one proposal.

    `form` tells how `choice` reads: YES_NO a `Say`, RANKS a list of ranks, best first, each a set of option numbers
    (several in one rank are equal; options left out stand below every rank), CHOICES a set of option numbers, SCORES
    (option, score) by option. Empty ranks, choices or scores are a blank ballot. `counter` orders changed ballots.
    """

    proposal: bytes
    form: int
    choice: Choice
    counter: int = 0
    reason: str = ""

    KIND: ClassVar = Kind.BALLOT
    FIELDS: ClassVar = (
        Field(0, "proposal", ID),
        Field(1, "form", uint()),
        Field(2, "choice", lambda value: value),
        Field(3, "counter", uint(), optional=True, default=0),
        Field(4, "reason", string(limits.REASON_BYTES, 0), optional=True, default=""),
    )

    @classmethod
    def of(cls, value: Any) -> "Ballot":
        """As `Body.of`; the choice is checked by the ballot's form."""
        body = super(Ballot, cls).of(value)
        object.__setattr__(body, "choice", read_choice(body.form, body.choice))  # nobody has seen it unchecked
        return body


def read_choice(form: int, choice: Any) -> Choice:
    """The choice of a ballot of that form. Raises BadBodyError."""
    if form == Form.YES_NO:
        said: int = _SAID(choice)
        if said not in _SAYS:
            raise NewerVersionError("a choice of a later version: this meshd needs an update")
        return said
    if form == Form.RANKS:
        ranks: tuple[tuple[int, ...], ...] = _RANKS(choice)
        named = [option for rank in ranks for option in rank]
        if len(named) != len(set(named)):
            raise BadBodyError("an option is ranked twice")
        return ranks
    if form == Form.CHOICES:
        chosen: tuple[int, ...] = _CHOICES(choice)
        return chosen
    if form == Form.SCORES:
        scores: tuple[tuple[int, ...], ...] = _SCORES(choice)
        if any(first[0] >= second[0] for first, second in itertools.pairwise(scores)):
            raise BadBodyError("scores are not in the order of options, or one is scored twice")
        if any(score > limits.SCORE for _, score in scores):
            raise BadBodyError(f"a score is above {limits.SCORE}")
        return scores
    raise NewerVersionError("a ballot of a later form: this meshd needs an update")


@dataclass(frozen=True, slots=True)
class Attestation(Body):
    """A witness's word that, by her own measure, a vote is over, and what came of it.

    `verdict` and `winners` (option numbers, for WINNERS) are the outcome in canonical form; certificates are made of
    attestations that agree in both. `counts` are by choice: yes, no, abstain, or by option. Bit n of `counted` (first
    bit highest) says that a ballot of the nth member of the pinned roster, sorted by key, was counted; `ballots` is
    the hash of the sorted ids of the counted ballots.
    """

    proposal: bytes
    verdict: int
    winners: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    counted: bytes = b""
    ballots: bytes = bytes(32)

    KIND: ClassVar = Kind.ATTESTATION
    FIELDS: ClassVar = (
        Field(0, "proposal", ID),
        Field(1, "verdict", uint()),
        Field(2, "winners", array(_OPTION, limits.OPTIONS, distinct=True), optional=True, default=()),
        Field(3, "counts", array(uint(), limits.OPTIONS)),
        Field(4, "counted", blob(limits.RECORD_BYTES)),
        Field(5, "ballots", octets(32)),
    )

    @classmethod
    def of(cls, value: Any) -> "Attestation":
        """As `Body.of`; there are winners exactly where the verdict says so."""
        body = super(Attestation, cls).of(value)
        if body.verdict not in set(Verdict):
            raise NewerVersionError("a verdict of a later version: this meshd needs an update")
        if (body.verdict == Verdict.WINNERS) != bool(body.winners):
            raise BadBodyError("winners go with the verdict that there are some")
        return body


@dataclass(frozen=True, slots=True)
class Answer(Body):
    """What the person has to say whom a motion is about: it travels with the motion, and gates nothing."""

    proposal: bytes
    text: str

    KIND: ClassVar = Kind.ANSWER
    FIELDS: ClassVar = (Field(0, "proposal", ID), Field(1, "text", string(limits.TEXT_BYTES)))


@dataclass(frozen=True, slots=True)
class Retraction(Body):
    """The author of a proposal withdraws it: it waits for nobody any more.

    No rule reads it: ballots that others cast where it has not arrived count all the same.
    """

    proposal: bytes
    reason: str = ""

    KIND: ClassVar = Kind.RETRACTION
    FIELDS: ClassVar = (
        Field(0, "proposal", ID),
        Field(1, "reason", string(limits.REASON_BYTES, 0), optional=True, default=""),
    )
