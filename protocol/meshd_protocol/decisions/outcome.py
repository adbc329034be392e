"""What a rule is given and what it returns: ballots, an electorate, and an outcome with its reasons.

Nothing here or beside it knows a clock, a key, a database or a transport.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from meshd_protocol.bodies.decisions import Choice
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.policies import Policy

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
    choice: Choice
    counter: int
    reason: str = ""


class Attested(NamedTuple):
    """An attestation as the log holds it. `device` signed it; a roster says whether it is a witness's.

    `seq` tells whether a revocation reaches it, where it is held against a later roster.
    """

    id: bytes
    device: bytes
    verdict: int
    winners: tuple[int, ...]
    counts: tuple[int, ...]
    counted: bytes
    ballots: bytes
    seq: int = 0

    @property
    def finding(self) -> "Finding":
        """The outcome in canonical form."""
        return self.verdict, self.winners


Finding = tuple[int, tuple[int, ...]]
"""An outcome in canonical form: a `Verdict`, and the winners' option numbers, sorted."""


_NOBODY: Mapping[bytes, Mapping[bytes, int]] = MappingProxyType({})
_EQUAL: Mapping[bytes, int] = MappingProxyType({})


class Electorate(NamedTuple):
    """Who may vote: a roster's members, and the revocations that hold in it (device to number of good records).

    `ended` are those who were out since the question was put, and came back: of each device, how many records count.
    `weights` are those of a federation's members; in an assembly everybody counts once.
    """

    members: frozenset[bytes]
    revoked: Mapping[bytes, int]
    ended: Mapping[bytes, Mapping[bytes, int]] = _NOBODY
    weights: Mapping[bytes, int] = _EQUAL

    @property
    def total(self) -> int:
        """The weight of all."""
        return self.weigh(self.members)

    def weigh(self, members: Collection[bytes]) -> int:
        """The weight of some of the members."""
        return sum(self.weights[each] for each in members) if self.weights else len(members)

    def needed(self, policy: Policy) -> int:
        """How much must say yes for a settled policy: never all of three or more members."""
        if not self.weights:
            return policy.needed(len(self.members))
        return policy.needed(self.total, min(self.weights.values()) if len(self.members) > 2 else 0)

    def counts(self, member: bytes, device: bytes, seq: int) -> bool:
        """Whether nothing that holds in the roster took away what that device of a member wrote at that seq."""
        good = self.revoked.get(device)
        if good is not None and seq >= good:
            return False
        ended = self.ended.get(member)
        return ended is None or seq < ended.get(device, 0)


class Reason(NamedTuple):
    """One step of an explanation: the rule's name, whether it holds, and a sentence for a person; of a round of a count
    the figures of the options, too, to be drawn.
    """

    rule: str
    holds: bool
    text: str
    figures: Mapping[str, str] = MappingProxyType({})


class Outcome(NamedTuple):
    """A result as a node may show it (design: decisions, "What a node may say").

    `outcome` is None unless the state is final. `leading` is who leads until then: a choice, or a list of options, who
    are `tied` or would be elected together.
    """

    state: str
    outcome: str | list[str] | None
    leading: str | list[str] | None
    counts: dict[str, int]
    electorate: int
    seen: int
    reasons: tuple[Reason, ...]
    tied: bool = False


OPEN = "open"
PROVISIONAL = "provisional"
SETTLED = "settled"
CERTIFIED = "certified"
SPLIT = "split"
CONTESTED = "contested"

VOID = "effect"
"""The rule of the reason why a proposal has no effect."""

PASSED = "passed"
FAILED = "failed"
TIE = "tie"


def reach(cast: Cast, electorate: Electorate, *, changeable: bool = False) -> str | None:
    """Why a ballot does not count in that electorate, or None if it does.

    A device of scope 1 may cast `changeable` ballots (of certified policies) alone.
    """
    if cast.member not in electorate.members:
        return "is not in the roster that the proposal pins"
    if cast.scope != SCOPE_EVERYTHING and not changeable:
        return "voted from a device that may not cast ballots that stay"
    if not electorate.counts(cast.member, cast.device, cast.seq):
        return "voted from a device that was revoked before, or after leaving"
    return None


def people(count: int) -> str:
    """`1 member`, `2 members`."""
    return f"{count} member" if count == 1 else f"{count} members"


def few(names: Iterable[str]) -> str:
    """Names in a sentence: the first dozen, and how many more."""
    ordered = sorted(names)
    return ", ".join(ordered[:12]) + (f" and {len(ordered) - 12} more" if len(ordered) > 12 else "")
