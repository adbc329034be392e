"""What a roster is made of: decisions, and members' own words. Plain data, as a log or a proof states it.

A decision needs others' yes. An own word (a vouch, an offer, a leave, a revocation by the member key) needs nobody's:
it is judged in the roster that it pins, and never by what its author became later.
"""

from typing import Any, NamedTuple

from meshd_protocol.bodies.actions import Verb
from meshd_protocol.decisions.question import Question


class Newcomer(NamedTuple):
    """Whom an admission lets in: an application, and the device with which it offers to be a witness, if it does."""

    application: bytes
    member: bytes
    device: bytes | None


class Decision(NamedTuple):
    """A proposal, pinned to a roster. One without a verb decides a text, and is never in a roster.

    `keeps` are (decision, bitmap): what was in force before it; `repeals` whose place it takes.
    """

    id: bytes
    pin: bytes
    question: Question
    newcomers: tuple[Newcomer, ...] = ()
    keeps: tuple[tuple[bytes, bytes], ...] = ()
    repeals: tuple[bytes, ...] = ()
    anew: bool = False

    @property
    def verb(self) -> int:
        """What it does to the roster; 0 for nothing."""
        return self.question.verb

    @property
    def policy(self) -> str:
        """The policy that decides it."""
        return self.question.policy

    @property
    def payload(self) -> Any:
        """What its verb is about (`actions.PAYLOADS`)."""
        return self.question.payload

    @property
    def removes(self) -> tuple[bytes, ...]:
        """The members whom it removes."""
        members: tuple[bytes, ...] = self.payload if self.verb == Verb.REMOVE else ()
        return members


class Endorsement(NamedTuple):
    """A vouch: `author` knows `member`, who applied. `device` and `seq` tell whether a revocation reaches it."""

    id: bytes
    pin: bytes
    author: bytes
    device: bytes
    seq: int
    scope: int
    member: bytes


class Offer(NamedTuple):
    """The device that attests for its author from now on (None: none does), in the place of what it replaces."""

    id: bytes
    pin: bytes
    author: bytes
    device: bytes
    seq: int
    scope: int
    offered: bytes | None
    replaces: tuple[bytes, ...]


class Departure(NamedTuple):
    """Somebody who goes of her own will. Of each device in `good`, so many of its log-0 records still count."""

    id: bytes
    pin: bytes
    author: bytes
    device: bytes
    seq: int
    scope: int
    good: tuple[tuple[bytes, int], ...] = ()


class DeviceEnd(NamedTuple):
    """A revocation by the member's own key: `good` log-0 records of `ended` still count."""

    id: bytes
    pin: bytes
    author: bytes
    ended: bytes
    good: int


Word = Endorsement | Offer | Departure | DeviceEnd
Item = Decision | Word
