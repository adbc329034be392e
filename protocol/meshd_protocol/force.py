"""In force: whether a final decision on a text binds the people of today (specification, section 6).

Final stays final, in the roster that the decision pins. In force is another question, asked of the roster that a node
follows: what two founders settled years ago, on a roster of two, does not bind the twenty of today because it comes
out now. A decision is in force if it reaches its threshold, or its quorum, among the people of the head, too; or if an
action in the head named it: since it was in force before that (`keeps`), or since more than half took it up again
(`UPHOLD`).

What changes the roster needs no rule here: it is in effect by being in the head (`rosters`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Verdict
from meshd_protocol.decisions.certified import certify, quorum
from meshd_protocol.decisions.counted import bitmap, has_bit
from meshd_protocol.decisions.outcome import Attested, Finding
from meshd_protocol.decisions.question import possible
from meshd_protocol.items import Decision
from meshd_protocol.meaning import Set, State
from meshd_protocol.policies import Finality, Policy
from meshd_protocol.rosters import PASSED, Facts, Rosters
from meshd_protocol.thresholds import settles

REFUSED = frozenset({Verdict.FAILED, Verdict.TIE})


class Support(NamedTuple):
    """Which of a roster's people make a decision's finding final there: members by yes, or witnesses by attesting."""

    people: Set
    needed: int
    of: Set
    weights: Mapping[bytes, int] | None = None

    @property
    def reached(self) -> bool:
        """Whether they are enough."""
        return self.enough(self.people)

    def enough(self, people: Set) -> bool:
        """Whether some of them are enough."""
        weight = sum(self.weights[each] for each in people) if self.weights else len(people)
        return weight >= self.needed

    def bits(self) -> bytes:
        """Who they are, as one bit for each of `of` by key."""
        return bitmap(sorted(self.of), self.people)


class Named(NamedTuple):
    """An action in the head that names a decision as final, and whose words among a roster's people bear it out."""

    action: bytes
    roster: bytes
    people: Set


class Force(NamedTuple):
    """Whether a final decision is in force in a roster, by whom there, and by which action that named it, if by one.

    `rivals` are others that were put anew for the same matter and came to something else: then none is in force.
    """

    finding: Finding
    support: Support
    named: Named | None
    rivals: tuple[bytes, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it is in force, repeals left aside."""
        return (self.support.reached or self.named is not None) and not self.rivals


class Forces:
    """What is in force in one roster that is known: the head, or one that a proof leads to."""

    def __init__(self, rosters: Rosters, facts: Facts, roster: bytes) -> None:
        self._rosters = rosters
        self._facts = facts
        self._state = rosters.state(roster)
        self._ids = rosters.ids(roster)
        self._named = _named(facts, self._ids)
        self._remembered: dict[bytes, Force | None] = {}

    def finding(self, decision: Decision) -> Finding | None:
        """What a decision came to in the roster that it pins; None while that is not final, or it is void."""
        if not self._rosters.knows(decision.pin) or self._rosters.void(decision) is not None:
            return None
        state = self._rosters.state(decision.pin)
        policy = state.policies[decision.policy]
        if policy.finality == Finality.SETTLED:
            return PASSED if self._support(decision, PASSED, state).reached else None
        found = certify(self._attested(decision, policy), state.witnesses).certified
        return found[0] if len(found) == 1 else None

    def of(self, decision: Decision) -> Force | None:
        """Whether a final decision on a text is in force; None for what is not final."""
        if decision.id not in self._remembered:
            force = self._alone(decision)
            if force is not None and decision.anew:
                force = force._replace(rivals=tuple(sorted(self._rivals(decision, force.finding))))
            self._remembered[decision.id] = force
        return self._remembered[decision.id]

    def repeals(self, later: Decision, earlier: Decision) -> bool:
        """Whether a decision takes the place of an earlier one that it names: both by one policy, on one line, and it
        is in force. One that failed does so only where it was put anew, and the earlier one was not certified alone.
        """
        if earlier.id not in later.repeals or later.policy != earlier.policy:
            return False
        if not self._rosters.knows(later.pin) or not self._rosters.contains(later.pin, earlier.pin):
            return False
        force = self.of(later)
        if force is None or not force.holds:
            return False
        return force.finding[0] not in REFUSED or (later.anew and self.finding(earlier) is None)

    def bits(self, decision: Decision) -> bytes:
        """Who of this roster's people make a final decision so, as one bit for each member by key."""
        finding = self.finding(decision)
        return self._support(decision, finding, self._state).bits() if finding is not None else b"\x00"

    def unfounded(self, action: Decision) -> list[bytes]:
        """What an action that pins this roster names as final, or in force, and what is held here does not bear out."""
        named = [(each, self._state, bits) for each, bits in action.keeps]
        for each, bits in action.payload if action.verb == Verb.UPHOLD else ():
            item = self._facts.item(each)
            roster = item.pin if isinstance(item, Decision) and self._rosters.knows(item.pin) else None
            named.append((each, self._rosters.state(roster) if roster is not None else self._state, bits))
        found: list[bytes] = []
        for identity, state, bits in named:
            item = self._facts.item(identity)
            finding = self.finding(item) if isinstance(item, Decision) else None
            if not isinstance(item, Decision) or finding is None:
                found.append(identity)
                continue
            support = self._support(item, finding, state)
            if not support.enough(support.people & _flagged(support, bits)):
                found.append(identity)
        return found

    def keeps(self, decisions: Iterable[Decision], most: int) -> list[tuple[bytes, bytes]]:
        """What an action that pins this roster names as in force before it: what no action in it has named yet."""
        kept: list[tuple[bytes, bytes]] = []
        for each in decisions:
            force = self.of(each) if each.id not in self._named else None
            if force is not None and force.holds and force.finding[0] not in REFUSED:
                kept.append((each.id, force.support.bits()))
                if len(kept) == most:
                    break
        return kept

    def _alone(self, decision: Decision) -> Force | None:
        finding = self.finding(decision)
        if finding is None:
            return None
        support = self._support(decision, finding, self._state)
        return Force(finding, support, None if support.reached else self._named_by(decision, finding))

    def _named_by(self, decision: Decision, finding: Finding) -> Named | None:
        """The first action in the roster that names a decision with enough people's words to bear it out."""
        for action, where, bits in self._named.get(decision.id, ()):
            roster = where or decision.pin
            support = self._support(decision, finding, self._rosters.state(roster))
            people = support.people & _flagged(support, bits)
            if support.enough(people):
                return Named(action, roster, people)
        return None

    def _support(self, decision: Decision, finding: Finding, state: State) -> Support:
        """Whose words make a finding final among a roster's people, by the stricter of both rosters' policies."""
        pinned = self._rosters.state(decision.pin)
        policy = pinned.policies[decision.policy]
        if policy.finality == Finality.SETTLED:
            needed = max(map(state.needed, (policy, *_settled(state, policy))))
            return Support(
                self._rosters.supporters(decision, state), needed, state.members, state.electorate.weights or None
            )
        said = self._rosters.attesting(decision, finding, state)
        return Support(said, quorum(state.witnesses.seats), state.members)

    def _attested(self, decision: Decision, policy: Policy) -> list[Attested]:
        return possible(decision.question, policy, self._facts.attestations(decision.id))

    def _rivals(self, decision: Decision, finding: Finding) -> Collection[bytes]:
        """Others put anew for the same matter that are in force by themselves and came to something else, where neither
        names the other.
        """
        found: set[bytes] = set()
        for matter in decision.repeals:
            for other in self._facts.put_anew(matter):
                if other.id == decision.id or other.policy != decision.policy:
                    continue
                if other.id in decision.repeals or decision.id in other.repeals:
                    continue  # one takes the place of the other, or fails to
                force = self._alone(other)
                if force is not None and force.finding != finding and (force.support.reached or force.named):
                    found.add(other.id)
        return found


def _flagged(support: Support, bits: bytes) -> Set:
    """The members whom a bitmap tells."""
    return frozenset(member for place, member in enumerate(sorted(support.of)) if has_bit(bits, place))


def _settled(state: State, policy: Policy) -> Sequence[Policy]:
    """The policy of the same name in a roster, where it settles, too."""
    now = state.policies.get(policy.name)
    return (now,) if now is not None and settles(now) else ()


def _named(facts: Facts, ids: Set) -> dict[bytes, list[tuple[bytes, bytes | None, bytes]]]:
    """What the actions in a roster name as in force: by its id, each action, the roster whose people its bitmap tells
    (None: the one that the decision itself pins), and the bitmap.
    """
    found: dict[bytes, list[tuple[bytes, bytes | None, bytes]]] = {}
    for identity in sorted(ids):
        action = facts.item(identity)
        if isinstance(action, Decision):
            for named, bits in action.keeps:
                found.setdefault(named, []).append((action.id, action.pin, bits))
            for named, bits in action.payload if action.verb == Verb.UPHOLD else ():
                found.setdefault(named, []).append((action.id, None, bits))
    return found
