"""The landmark: assemblies that do one thing at one time, all of them that said so or nobody (specification, section
6.14).

Each assembly that the plan names plays one card, go or abort, by a certified election of its own. With k go cards the
landmark is GO, with a abort cards ABORT, and as k + a > n + e never both, while at most e assemblies are captured. A
card once played counts for ever: whoever sees k of them knows it, alone and offline.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Set
from typing import Any, NamedTuple

from meshd_protocol.bodies.decisions import Proposal, Verdict
from meshd_protocol.bodies.institutions import Figures
from meshd_protocol.decisions.certified import Witnesses, quorum
from meshd_protocol.decisions.question import possible
from meshd_protocol.errors import BadBodyError
from meshd_protocol.items import Decision
from meshd_protocol.meaning import State
from meshd_protocol.policies import Finality, Method
from meshd_protocol.quoted import Quoted
from meshd_protocol.rosters import Rosters
from meshd_protocol.schema import ID, uint

RULE = "landmark"
"""What a form names by which a plan is put; a plan is known by its fields all the same."""

GO, ABORT = "go", "abort"
CARDS = (GO, ABORT)
"""The options of an election that plays a card."""

ASSEMBLIES, ASSEMBLY = "assemblies", "assembly"
CAPTURED, CARDS_UNTIL, BEGINS, ENDS, BEFORE = "captured", "cards-until", "begins", "ends", "before"
_NUMBERS = (GO, ABORT, CAPTURED, CARDS_UNTIL, BEGINS, ENDS)
"""The fields of a plan, by the names that a decision with figures gives them."""


class Plan(NamedTuple):
    """A plan of a federation: who takes part, at how many cards it is `go` (k) or `abort` (a), how many of them may be
    `captured` (e); until when cards are played and when it begins and ends, in ms since 1970, for people; the plan that
    it comes after, or None.
    """

    id: bytes
    federation: bytes
    assemblies: frozenset[bytes]
    go: int
    abort: int
    captured: int
    cards_until_ms: int
    begins_ms: int
    ends_ms: int
    before: bytes | None

    @property
    def void(self) -> str | None:
        """Why nothing comes of it, whatever cards are played; None for a sound one."""
        n, both = len(self.assemblies), self.go + self.abort
        if both <= n + self.captured:
            return (
                f"go and abort together must be more than assemblies and captured: {self.go} + {self.abort} is not "
                f"more than {n} + {self.captured}, so that both could come true"
            )
        if self.abort <= self.captured:
            return f"the {self.captured} that may be captured could call it off alone: abort must be more than that"
        if max(self.go, self.abort) > n:
            return f"{max(self.go, self.abort)} cards are asked for, and {n} assemblies take part"
        if not self.cards_until_ms <= self.begins_ms < self.ends_ms:
            return "cards end before it begins, and it begins before it ends: these dates are in another order"
        return None


def plan_of(federation: bytes, identity: bytes, body: Proposal) -> Plan | None:
    """The plan that a decision puts; None for what is none.

    It is known by its fields alone, so that whoever has only the decision, as another assembly or a stranger, reads it.
    """
    return read_plan(federation, identity, body.what.fields) if isinstance(body.what, Figures) else None


def read_plan(federation: bytes, identity: bytes, fields: Any) -> Plan | None:
    """The same, of the fields alone."""
    rows, before = fields.get(ASSEMBLIES), fields.get(BEFORE)
    try:
        go, abort, captured, until, begins, ends = (uint()(fields.get(name)) for name in _NUMBERS)
        named = [ID(row.get(ASSEMBLY)) for row in rows if type(row) is dict] if type(rows) is list else []
        before = ID(before) if before is not None else None
    except BadBodyError:
        return None
    if not named or len(named) < len(rows):
        return None
    return Plan(identity, federation, frozenset(named), go, abort, captured, until, begins, ends, before)


class Played(NamedTuple):
    """What one assembly played: its cards that count, more than one only if it is captured; and the witnesses who
    attested both.
    """

    cards: frozenset[str]
    both: frozenset[bytes]


class Landmark(NamedTuple):
    """How a landmark stands: why it is `void`, whether its plan is `settled`, what each assembly played."""

    plan: Plan
    void: str | None
    settled: bool
    played: Mapping[bytes, Played]

    def cards(self, card: str) -> list[bytes]:
        """The assemblies whose card of that name counts."""
        return sorted(each for each, played in self.played.items() if card in played.cards)

    @property
    def final(self) -> frozenset[str]:
        """GO or ABORT, once it is final; both only beyond the bound; neither: nobody moves."""
        if self.void is not None or not self.settled:
            return frozenset()
        return reached(self.plan, {each: played.cards for each, played in self.played.items()})


def reached(plan: Plan, cards: Mapping[bytes, Collection[str]]) -> frozenset[str]:
    """What so many cards of the assemblies that take part come to."""
    count = {card: sum(card in mine for each, mine in cards.items() if each in plan.assemblies) for card in CARDS}
    return frozenset(card for card, asked in ((GO, plan.go), (ABORT, plan.abort)) if count[card] >= asked)


def certifies(devices: Set[bytes], pinned: Witnesses, followed: Witnesses) -> bool:
    """Whether that many devices that attest a card make it count: a quorum of the roster that it pins, and one of what
    the plan's roster follows, each by a device that has a seat in both.

    By one device in both: somebody whose new laptop took over attests on each of two rosters in good faith.
    """
    own, both = pinned.devices.keys() & devices, pinned.devices.keys() & followed.devices.keys() & devices
    return len(own) >= quorum(pinned.seats) and len(both) >= quorum(followed.seats)


def played(rosters: Rosters, voices: Iterable[Decision], followed: State) -> Played:
    """What an assembly plays by its decisions on a plan. `rosters` are its own; `followed` is what the roster that the
    plan pins follows of it.
    """
    cards = {card: set[bytes]() for card in CARDS}
    signed = {card: set[bytes]() for card in CARDS}
    for voice in voices:
        if not is_card(rosters, voice):
            continue
        pinned = rosters.state(voice.pin)
        policy, electorate = pinned.policies[voice.policy], followed.electorate_of(rosters.ids(voice.pin))
        for number, card in enumerate(voice.question.options):
            devices = {
                each.device
                for each in possible(voice.question, policy, rosters.facts.attestations(voice.id))
                if each.finding == (Verdict.WINNERS, (number,))
                and electorate.counts(pinned.witnesses.devices.get(each.device, b""), each.device, each.seq)
            }
            signed[card] |= devices & followed.witnesses.devices.keys()
            if certifies(devices, pinned.witnesses, followed.witnesses):
                cards[card].add(voice.id)
    owners = followed.witnesses.devices
    both = frozenset(owners[each] for each in signed[GO] & signed[ABORT])
    return Played(frozenset(card for card in CARDS if cards[card]), both)


def is_card(rosters: Rosters, voice: Decision) -> bool:
    """Whether a decision on a plan plays a card, whatever comes of it: an election between go and abort, by a policy by
    which a witness's device attests once for the matter.
    """
    if not rosters.knows(voice.pin) or rosters.void(voice) is not None:
        return False
    policy, question = rosters.state(voice.pin).policies[voice.policy], voice.question
    asked = sorted(question.options) == sorted(CARDS) and question.seats == 1 and not question.costs
    return policy.once and policy.method == Method.ELECTION and asked


def landmark(
    rosters: Rosters, quotes: Callable[[bytes], Quoted | None], plan: Plan, decision: Decision
) -> Landmark | None:
    """How a plan of a federation stands, by what is quoted there; None while its roster is not known.

    `rosters` are the federation's. Of an assembly that is no member in the roster that the plan pins no card counts.
    """
    if not rosters.knows(decision.pin):
        return None
    state, problem = rosters.state(decision.pin), rosters.void(decision) or plan.void
    policy = state.policies.get(decision.policy)
    if problem is None and (policy is None or policy.finality != Finality.SETTLED):
        problem = "a plan is settled by the assemblies, and its policy is none that settles"
    followed = state.federal.followed if state.federal is not None else {}
    found: dict[bytes, Played] = {}
    for each in sorted(plan.assemblies & state.members):
        quoted = quotes(each)
        if quoted is not None and each in followed:
            voices = quoted.voices(plan.federation, plan.id)
            found[each] = played(quoted.rosters, voices, followed[each].state())
    settled = problem is None and rosters.final_in(decision, decision.pin)
    return Landmark(plan, problem, settled, found)


def waits_for(earlier: Landmark, now_ms: int) -> bool:
    """Whether a plan that comes after that one waits: until ABORT, or until the window of the earlier one is over."""
    return earlier.void is None and ABORT not in earlier.final and now_ms < earlier.plan.ends_ms
