"""What a rule is given and what it returns: ballots, an electorate, and an outcome with its reasons.

Nothing here or beside it knows a clock, a key, a database or a transport.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from meshd_protocol.bodies.membership import SCOPE_EVERYTHING

Naming = Callable[[bytes], str]
"""How a reason names a member: from her key to `Ada·k3fq`."""


class Cast(NamedTuple):
    """A ballot as the log holds it: who cast it, by which record, and what it says.

    `seq` and `device` tell whether a revocation reaches it. `scope` is that of the device's certificate.
    """

    id: bytes
    member: bytes
    device: bytes
    seq: int
    scope: int
    form: int
    choice: int | tuple[tuple[int, ...], ...]
    counter: int


class Electorate(NamedTuple):
    """Who may vote: a roster's members, and the revocations that hold in it (device to number of good records)."""

    members: frozenset[bytes]
    revoked: Mapping[bytes, int]


class Reason(NamedTuple):
    """One step of an explanation: the rule's name, whether it holds, and a sentence for a person."""

    rule: str
    holds: bool
    text: str


class Outcome(NamedTuple):
    """A result as a node may show it (design: decisions, "What a node may say").

    `outcome` is None unless the state is final. `leading` is who leads until then: a choice, or a list of options.
    """

    state: str
    outcome: str | list[str] | None
    leading: str | list[str] | None
    counts: dict[str, int]
    electorate: int
    seen: int
    reasons: tuple[Reason, ...]


OPEN = "open"
PROVISIONAL = "provisional"
SETTLED = "settled"
PASSED = "passed"


def reach(cast: Cast, electorate: Electorate) -> str | None:
    """Why a ballot does not count in that electorate, or None if it does."""
    if cast.member not in electorate.members:
        return "is not in the roster that the proposal pins"
    if cast.scope != SCOPE_EVERYTHING:
        return "voted from a device that may not cast ballots that stay"
    good = electorate.revoked.get(cast.device)
    if good is not None and cast.seq >= good:
        return "voted from a device that was revoked before"
    return None


def people(count: int) -> str:
    """`1 member`, `2 members`."""
    return f"{count} member" if count == 1 else f"{count} members"
