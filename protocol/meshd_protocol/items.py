"""What a roster is made of: decisions, and members' own words. Plain data, as a log or a proof states it.

A decision needs others' yes. An own word (a vouch, an offer, a leave, a revocation by the member key) needs nobody's:
it is judged in the roster that it pins, and never by what its author became later. A federation's roster also holds
what is quoted of its members.
"""

from typing import Any, NamedTuple

from meshd_crypto.hashing import digest
from meshd_protocol import contexts
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
        """The members whom it removes; in a federation assemblies, which a decision on seats unseats, too."""
        members: tuple[bytes, ...] = ()
        if self.verb == Verb.REMOVE:
            members = self.payload
        elif self.verb == Verb.SEAT:
            members = self.payload.ends
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


class Followed(NamedTuple):
    """Something that changes a member assembly, by which a federation follows it on. `item` is its id there."""

    id: bytes
    assembly: bytes
    item: bytes


class Belonging(NamedTuple):
    """A voice by which an assembly joins a federation; or leaves it, and then ends the one that `ends` names."""

    id: bytes
    assembly: bytes
    decision: Decision
    ends: bytes | None = None


Word = Endorsement | Offer | Departure | DeviceEnd
Quoted = Followed | Belonging
"""What a federation's roster holds of its members: it is quoted from their logs, and pins nothing in the federation."""
Item = Decision | Word | Quoted


def followed_id(assembly: bytes, item: bytes) -> bytes:
    """The id by which a federation's rosters hold what changes a member: an assembly may also be followed by another
    member, a federation itself, and further there.
    """
    return digest(contexts.FOLLOWED, assembly, item)


def pin_of(item: Item) -> bytes | None:
    """The roster that an item pins; None for what is quoted, which pins one of its own assembly."""
    return None if isinstance(item, Quoted) else item.pin
