"""Why nobody is connected at an address: codes for the program, and their words for a person."""

from enum import Enum, auto
from typing import NamedTuple

from meshd.assembly.access import Refusal


class Trouble(Enum):
    """What stands between this node and whoever may answer at an address."""

    NOT_TRIED = auto()
    NO_ANSWER_YET = auto()
    UNREACHABLE = auto()
    """The transport reaches nobody; the detail says why."""
    HUNG_UP = auto()
    """The far end closed the connection without a word."""
    HUNG_UP_ON_NEWCOMER = auto()
    """The same, where this node knows the assembly by a ticket alone."""
    REFUSED = auto()
    """This node does not talk to whoever answered; the refusal says why."""
    FAILED = auto()
    """The handshake or this node's log failed; the detail says how."""
    DEFECT = auto()
    ENDED = auto()
    """There was a session; the detail says why it ended, if anybody knows."""
    OTHER_WAY_ENDED = auto()
    """There was a session with the same node by another address."""


class Problem(NamedTuple):
    """A trouble, with what is known about it. `detail` is for a person to read; nothing is decided by it."""

    trouble: Trouble
    detail: str = ""
    refusal: Refusal | None = None


def words(problem: Problem) -> str:
    """The sentence that a person reads. A far end that refuses says nothing, so this lists what its reason may be."""
    if problem.refusal is not None:
        return _REFUSALS[problem.refusal]
    if problem.trouble is Trouble.DEFECT:
        return f"a defect of meshd: {problem.detail}"
    return problem.detail or _TROUBLES[problem.trouble]


_TROUBLES = {
    Trouble.NOT_TRIED: "not tried yet",
    Trouble.NO_ANSWER_YET: "no answer yet",
    Trouble.UNREACHABLE: "nobody can be reached there",
    Trouble.HUNG_UP: (
        "the far end hung up without a word: it may belong to another assembly, follow a roster without you, be "
        "behind a router that it was not told of (`run --reached-at`), or one of the two clocks is off by more "
        "than an hour"
    ),
    Trouble.HUNG_UP_ON_NEWCOMER: (
        "the far end hung up without a word: it may belong to another assembly, or not to the inviter, or the "
        "ticket may be spent, withdrawn or expired, or one of the two clocks is off by more than an hour"
    ),
    Trouble.FAILED: "the call failed",
    Trouble.ENDED: "the session ended",
    Trouble.OTHER_WAY_ENDED: "the session by another way ended",
}

_REFUSALS = {
    Refusal.ITSELF: "that is this node itself",
    Refusal.NOT_THE_INVITER: "somebody answered who is not the inviter",
    Refusal.NOT_IN_ROSTER: "somebody answered who is not in the roster that this node follows",
    Refusal.REMOVED: "it was removed from the roster",
    Refusal.INVITATION_CLOSED: "its invitation is closed",
    Refusal.CONNECTED: "connected already, by another way",
}
