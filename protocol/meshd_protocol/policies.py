"""Policies: the numbers by which an assembly decides, as data (design: decisions, "Policies").

A policy has exactly one way to become final. What does not fit that way makes it void: one's own node refuses to
propose by it, a foreign proposal by it has no effect.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar

from meshd_protocol import limits
from meshd_protocol.errors import BadBodyError
from meshd_protocol.schema import Body, Field, array, string, truth, uint


class Finality(IntEnum):
    """How a result becomes final."""

    SETTLED = 0
    CERTIFIED = 1


class Voices(IntEnum):
    """Whose word counts in a federation: what its assemblies settled; what their witnesses certified, too; and the
    ballots of those who sit there, as long as their assemblies say nothing.
    """

    SETTLED = 0
    CERTIFIED = 1
    SEATS = 2


class Method(IntEnum):
    """What a ballot says."""

    YES_NO = 0
    CONSENT = 1
    ELECTION = 2


HOUR = 3600
DAY = 24 * HOUR


CONSTITUTION = "constitution"
MEMBERSHIP = "membership"
REMOVAL = "removal"
MANDATE = "mandate"
RECALL = "recall"

ALWAYS_SETTLED = frozenset({CONSTITUTION, MEMBERSHIP, REMOVAL, MANDATE, RECALL})
"""What decides who is in, by which rules, and who acts: a threshold of all members, and never a few witnesses."""


def _threshold(value: Any) -> tuple[int, int, bool]:
    if type(value) is not list or len(value) != 3:
        raise BadBodyError("not [numerator, denominator, strict]")
    numerator, denominator, strict = value
    uint(1_000_000)(numerator)
    uint(1_000_000)(denominator)
    truth()(strict)
    return numerator, denominator, strict


@dataclass(frozen=True, slots=True)
class Policy(Body):
    """One row of the charter's table.

    `threshold` is [numerator, denominator, strict]: of the roster where settled, of yes and no ballots where certified.
    `quorum` is a fraction of the roster. Times are in seconds; `notice`, `open_for` and `grace` together are what
    witnesses wait (`wait`). `yes_from` is a fraction of the roster that must say yes where a yes or no is certified, so
    that a no can't complete the quorum for a yes. `voices` says whose word counts where assemblies decide (`Voices`).
    Where it is `once`, a witness's device attests one decision for one matter.
    """

    name: str
    method: int
    finality: int
    threshold: tuple[int, int, bool] | None = None
    quorum: tuple[int, ...] | None = None
    changeable: bool = False
    open_for: int = 0
    grace: int = 0
    notice: int = 0
    voices: int = 0
    yes_from: tuple[int, ...] | None = None
    once: bool = False

    FIELDS: ClassVar = (
        Field(0, "name", string(limits.NAME_BYTES)),
        Field(1, "method", uint()),
        Field(2, "finality", uint()),
        Field(3, "threshold", _threshold, optional=True),
        Field(4, "quorum", array(uint(1_000_000), 2, 2), optional=True),
        Field(5, "changeable", truth(), optional=True, default=False),
        Field(6, "open_for", uint(10_000 * DAY), optional=True, default=0),
        Field(7, "grace", uint(10_000 * DAY), optional=True, default=0),
        Field(8, "notice", uint(10_000 * DAY), optional=True, default=0),
        Field(9, "voices", uint(), optional=True, default=0),
        Field(10, "once", truth(), optional=True, default=False),
        Field(12, "yes_from", array(uint(1_000_000), 2, 2), optional=True),
    )

    @property
    def wait(self) -> int:
        """How long a witness waits after it stored a proposal, in seconds."""
        return self.notice + self.open_for + self.grace

    @property
    def hears_seats(self) -> bool:
        """Whether in a federation the ballots of those who sit there count, too."""
        return self.finality == Finality.CERTIFIED and self.voices >= Voices.SEATS

    def renamed(self, name: str) -> "Policy":
        """The same numbers under another name."""
        return replace(self, name=name)

    def needed(self, members: int, spare: int | None = None) -> int:
        """How many members must say yes for a settled policy to be reached in a roster of that size.

        Of three or more it is never all of them: one lost device must not lock an assembly. Where members have weights,
        `members` is the sum of them, and `spare` the weight that is never asked for.
        """
        assert self.threshold is not None
        numerator, denominator, strict = self.threshold
        asked = members * numerator // denominator + 1 if strict else -(-members * numerator // denominator)
        if spare is None:
            spare = 1 if members > 2 else 0
        return max(1, min(asked, members - spare) if spare else asked)

    def yes_needed(self, members: int) -> int:
        """How many members must say yes at least for a certified policy, whatever the others say."""
        if self.yes_from is None:
            return 1
        numerator, denominator = self.yes_from
        return max(1, -(-members * numerator // denominator))


def void_reason(policy: Policy) -> str | None:
    """Why nobody can decide by this policy, or None for a sound one."""
    if policy.finality == Finality.SETTLED:
        return _settled_void(policy)
    if policy.name in ALWAYS_SETTLED:
        return f"{policy.name} must be settled: all members decide it, and not a few witnesses"
    if policy.finality != Finality.CERTIFIED:
        return "its way to become final is of a later version: this meshd needs an update"
    if policy.method not in set(Method):
        return "its method is of a later version: this meshd needs an update"
    if policy.quorum is None or policy.quorum[1] == 0 or policy.quorum[0] > policy.quorum[1]:
        return "a certified policy needs a quorum between 0 and 1"
    if policy.method == Method.YES_NO and not _is_fraction(policy.threshold):
        return "a certified policy of yes and no needs a threshold between 0 and 1"
    if policy.yes_from is not None and (policy.method != Method.YES_NO or not _is_part(policy.yes_from)):
        return "what must be yes is a part of the roster between 0 and 1, and goes with yes and no"
    if policy.threshold is not None and policy.threshold[2] and policy.threshold[0] == policy.threshold[1]:
        return "more than everybody can never be reached"
    if policy.method != Method.YES_NO and policy.threshold is not None:
        return "only yes and no have a threshold"
    if policy.method == Method.CONSENT and not policy.changeable:
        return "consent needs changeable ballots: the objector resolves an objection by a new one"
    if policy.once and policy.changeable:
        return "who attests once for a matter counts locked ballots"
    if policy.voices > Voices.SEATS:
        return "whose voice counts is of a later version: this meshd needs an update"
    if policy.open_for == 0:
        return "a certified policy must be open for some time"
    return None


def _settled_void(policy: Policy) -> str | None:
    if policy.method != Method.YES_NO:
        return "only yes and no can be settled"
    if policy.quorum is not None or policy.changeable or policy.open_for or policy.grace or policy.notice:
        return "a settled policy has no quorum, no changeable ballots, no notice, no closing time and no grace"
    if policy.once:
        return "witnesses attest nothing of what is settled, once or more often"
    if policy.yes_from is not None:
        return "a settled policy has a threshold, and no other number of yes"
    if policy.threshold is None or not _is_fraction(policy.threshold):
        return "a settled policy needs a threshold between 0 and 1"
    if policy.voices > Voices.CERTIFIED:
        return "what is settled is decided by assemblies, and not by those who sit for them"
    numerator, denominator, strict = policy.threshold
    if 2 * numerator < denominator or (2 * numerator == denominator and not strict):
        return "a settled policy needs more than half of the roster"
    if strict and numerator == denominator:
        return "more than everybody can never be reached"
    return None


def _is_fraction(threshold: tuple[int, int, bool] | None) -> bool:
    return threshold is not None and threshold[1] > 0 and 0 < threshold[0] <= threshold[1]


def _is_part(fraction: tuple[int, ...]) -> bool:
    return 0 < fraction[0] <= fraction[1]


def _certified(name: str, method: Method, *, days: int, quorum: tuple[int, int], **more: Any) -> Policy:
    return Policy(name, method, Finality.CERTIFIED, quorum=quorum, open_for=days * DAY, grace=2 * DAY, **more)


def _settled(name: str, numerator: int, denominator: int, strict: bool) -> Policy:
    return Policy(name, Method.YES_NO, Finality.SETTLED, threshold=(numerator, denominator, strict))


DEFAULTS: tuple[Policy, ...] = (
    _certified("standard", Method.YES_NO, days=3, quorum=(1, 4), threshold=(1, 2, True)),
    _settled("significant", 1, 2, strict=True),
    _certified("consent", Method.CONSENT, days=5, quorum=(1, 2), changeable=True),
    _certified("election", Method.ELECTION, days=5, quorum=(1, 4)),
    _settled("emergency", 3, 4, strict=False),
    _settled(MEMBERSHIP, 2, 3, strict=False),
    _settled(REMOVAL, 2, 3, strict=False),
    _settled(CONSTITUTION, 2, 3, strict=False),
    _settled(MANDATE, 1, 2, strict=True),
    _settled(RECALL, 1, 2, strict=True),
)
"""The charter that `meshd init` writes."""

FEDERAL_DEFAULTS: tuple[Policy, ...] = (
    _certified("standard", Method.YES_NO, days=3, quorum=(1, 4), threshold=(1, 2, True), voices=Voices.SEATS),
    *(policy for policy in DEFAULTS if policy.finality == Finality.SETTLED),
)
"""The charter of a federation: what binds is settled by its assemblies, daily matters by those who sit for them."""
