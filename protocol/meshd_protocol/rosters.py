"""Rosters: who decides, by which rules, as a function of the set of decisions in effect (design: decisions, "Rosters").

A roster is a set of ids; the genesis is the empty set. Nothing here depends on the path to a set. A step to a larger
set is effective when every id that it adds qualifies in the roster that it starts from (`Rosters.problem`, rule 1), or
when a decision ratified exactly these ids (`Rosters.ratification_problem`). A node moves only from its own head
(`Rosters.advance`, rule 2).
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

from meshd_crypto.hashing import digest
from meshd_protocol import contexts
from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.decisions.certified import has_passed
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.decisions.question import POLICY_OF, Question, void
from meshd_protocol.decisions.settled import supporters
from meshd_protocol.mandates import rotation_problem
from meshd_protocol.meaning import (
    NOTHING,
    Decision,
    Departure,
    DeviceEnd,
    Endorsement,
    Item,
    Meaning,
    Offer,
    Set,
    State,
    removals,
)
from meshd_protocol.policies import Finality, Policy, void_reason

_Vouches = dict[bytes, list[Endorsement]]


class Step(NamedTuple):
    """An effective step from a known roster to a larger one."""

    parent: bytes
    result: bytes
    ratified: bool = False


class Facts(Protocol):
    """What the rules ask of the log. Answers may grow as records arrive; an item, once known, never changes."""

    def item(self, identity: bytes) -> Item | None:
        """The item with that id; None while it, or something that it names, is unknown."""
        ...

    def casts(self, decision: bytes) -> Sequence[Cast]:
        """The ballots on a decision that the node holds."""
        ...

    def attestations(self, decision: bytes) -> Sequence[Attested]:
        """The attestations of a decision that the node holds."""
        ...


def roster_id(assembly: bytes, ids: Iterable[bytes]) -> bytes:
    """The id of a set."""
    return digest(contexts.ROSTER, assembly, *sorted(ids))


def vouches_needed(members: int) -> int:
    """How many members must vouch for an applicant in a roster of that size."""
    return min(2, members)


class Rosters:
    """The sets that a node knows, and what they mean. It only remembers: every answer follows from the facts."""

    def __init__(self, assembly: bytes, genesis: Genesis, facts: Facts) -> None:
        self._assembly = assembly
        self._genesis = genesis
        self._facts = facts
        self.origin = roster_id(assembly, ())
        self._sets: dict[bytes, Set] = {self.origin: frozenset()}
        self._states: dict[bytes, State] = {}
        self._fresh: list[bytes] = []

    def learn(self, ids: Set) -> bytes:
        """Remember a set that effective steps reach, and return its id."""
        identity = roster_id(self._assembly, ids)
        if identity not in self._sets:
            self._sets[identity] = ids
            self._fresh.append(identity)
        return identity

    def newly_known(self) -> list[bytes]:
        """The rosters that were learnt since this was asked last."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def with_facts(self, facts: Facts) -> "Rosters":
        """The same rosters, asked of other facts: what would hold by fewer ballots, say."""
        other = Rosters(self._assembly, self._genesis, facts)
        other._sets, other._states = dict(self._sets), dict(self._states)
        return other

    def knows(self, roster: bytes) -> bool:
        """Whether that roster is reached from the genesis by effective steps that this node has seen."""
        return roster in self._sets

    def ids(self, roster: bytes) -> Set:
        """The set of a known roster."""
        return self._sets[roster]

    def known(self) -> Collection[bytes]:
        """The ids of all known rosters."""
        return self._sets.keys()

    def state(self, roster: bytes) -> State:
        """What a known roster means."""
        state = self._states.get(roster)
        if state is None:
            state = self._states[roster] = self.meaning(self._sets[roster])
        return state

    def meaning(self, ids: Set) -> State:
        """What a set means, never by the path to it."""
        return Meaning(self._assembly, self._genesis, self._sets, self._items(ids)).state()

    def in_place(self, roster: bytes, verb: int, subject: str | bytes | None = None) -> tuple[bytes, ...]:
        """What a new decision (or, without a verb, a member's offer) on a thing has to name as replaced.

        `subject` is a policy's name, or a member.
        """
        meaning = Meaning(self._assembly, self._genesis, self._sets, self._items(self._sets[roster]))
        return meaning.in_place(verb, subject)

    def problem(self, parent: bytes, cites: Iterable[bytes], ratified_by: bytes | None = None) -> str | None:
        """Why a step from a known roster to `parent` and `cites` is not effective; None if it is (rules 1 and 2)."""
        start = self._sets[parent]
        added = frozenset(cites) - start
        if not added:
            return "it cites nothing new"
        if ratified_by is not None:
            return self.ratification_problem(parent, added, ratified_by)
        result = start | added
        vouches = self._vouches(result)
        for each in sorted(added):
            problem = self._problem(each, parent, result, vouches)
            if problem is not None:
                return problem
        return None if self.meaning(result).members else "it would leave no members"

    def ratification_problem(self, parent: bytes, added: Set, ratified_by: bytes) -> str | None:
        """Why a decision does not take exactly these ids into `parent`; None if it does.

        It needs the highest threshold among what it names, and its own, in the roster that it pins and in `parent`.
        """
        item = self._facts.item(ratified_by)
        if not isinstance(item, Decision) or item.verb != Verb.RATIFY:
            return "it names no ratification that is known here"
        start = self._sets[parent]
        if added != frozenset(item.payload) - start:
            return "it cites other ids than were ratified"
        pin = self._sets.get(item.pin)
        if pin is None or not pin <= start:
            return "its ratification pins a roster that is not contained in the one before"
        if any(self._void(item, roster) is not None for roster in (item.pin, parent)):
            return "its ratification has no effect under the policies of one of the rosters"
        result = start | added
        for each in sorted(added):
            named = self._facts.item(each)
            if named is None:
                return "it cites something that is not known here"
            if isinstance(named, Decision) and named.verb == Verb.RATIFY:
                return "a ratification takes in what it names, and is not itself cited"
            if not isinstance(named, DeviceEnd) and not self._is_pinned_inside(named, result):
                return "it cites something whose pinned roster is not contained in it"
            if isinstance(named, Decision) and self._void(named, named.pin) is not None:
                return "it cites a decision that has no effect in the roster that it pinned"
        if not self.meaning(result).members:
            return "it would leave no members"
        casts = self._facts.casts(item.id)
        names = {item.policy, *policies_of(map(self._facts.item, added))}
        for roster in (item.pin, parent):
            state = self.state(roster)
            if len(supporters(casts, state.electorate)) < ratification_needed(state, names):
                return "its ratification is not settled by the highest threshold among what it names"
        return None

    def take(self, head: bytes, candidates: Iterable[bytes]) -> Set:
        """Those of `candidates` that qualify in `head` together, largest such set; empty if none may be taken."""
        start = self._sets[head]
        taken = frozenset(candidates) - start
        while True:
            result = start | taken
            vouches = self._vouches(result)
            kept = frozenset(each for each in taken if self._problem(each, head, result, vouches) is None)
            if kept == taken:
                break
            taken = kept
        return taken if taken and self.meaning(start | taken).members else frozenset()

    def advance(self, head: bytes, steps: Iterable[Step]) -> list[tuple[bytes, Set]]:
        """The moves that a node makes from its head by the known `steps`: rule 2.

        Effective children of one head are taken together, ratified ones each in a step of its own. Where a line goes on
        beside it, the head takes those of its decisions that qualify in the head. Each move is (the roster moved to,
        what it adds).
        """
        known = list(steps)
        moves: list[tuple[bytes, Set]] = []
        while True:
            start = self._sets[head]
            onward = [step for step in known if step.parent == head]
            plain = frozenset[bytes]().union(*(self._sets[step.result] for step in onward if not step.ratified))
            added = plain - start
            if added and not self.meaning(start | added).members:
                added = frozenset()
            if not added:
                ratified = (self._sets[step.result] for step in onward if step.ratified)
                added = max(ratified, key=lambda ids: (len(ids), sorted(ids)), default=start) - start
            if not added:
                beside = frozenset[bytes]().union(*(self._sets[step.result] for step in known))
                added = self.take(head, beside)
            if not added:
                return moves
            head = self.learn(start | added)
            moves.append((head, added))

    def _problem(self, identity: bytes, parent: bytes, result: Set, vouches: _Vouches) -> str | None:
        """Why one id does not qualify in `parent` for the set `result`."""
        item = self._facts.item(identity)
        if item is None:
            return "it cites something that is not known here"
        if isinstance(item, DeviceEnd):
            state = self.state(parent)
            known = item.member in state.members or item.member in state.observers
            return None if known else "it cites a revocation by somebody who is not in the roster before"
        pin = self._sets.get(item.pin)
        if pin is None:
            return "it cites something whose pinned roster is not reached from the genesis"
        if not pin <= result:
            return "it cites something whose pinned roster is not contained in it"
        if isinstance(item, Endorsement):
            return self._endorsement_problem(item, parent, vouches)
        if isinstance(item, Offer | Departure):
            return self._own_problem(item, parent)
        return self._decision_problem(item, parent)

    def _own_problem(self, item: Offer | Departure, parent: bytes) -> str | None:
        """What a person does for herself: she is in the roster before, and her device may do it."""
        now = self.state(parent)
        inside = now.members if isinstance(item, Offer) else now.members | now.observers
        good = now.revoked.get(item.by)
        if item.member not in inside or item.scope != SCOPE_EVERYTHING or (good is not None and item.seq >= good):
            return "it cites an offer or a leave by somebody who is not in the roster before"
        return None

    def _decision_problem(self, item: Decision, parent: bytes) -> str | None:
        """Final in the pinned roster and in the parent, by the stricter policy of both."""
        if item.verb == Verb.RATIFY:
            return "a ratification takes in what it names, and is not itself cited"
        pinned, now = self.state(item.pin), self.state(parent)
        if POLICY_OF.get(item.verb) != item.policy:
            return "it cites a decision that its policy does not decide"
        if any(self._void(item, roster) is not None for roster in (item.pin, parent)):
            return "it cites a decision that has no effect under the policy of one of the rosters"
        sound = [state.policies[item.policy] for state in (pinned, now)]
        if sound[0].finality != sound[1].finality:
            return "it cites a decision whose policy becomes final in another way now"
        if not self._is_final(item.id, sound, (pinned, now)):
            return "it cites a decision that its own members, or those of the roster before, did not make final"
        return self._subject_problem(item, pinned, now)

    def _is_pinned_inside(self, item: Decision | Endorsement | Offer | Departure, result: Set) -> bool:
        pin = self._sets.get(item.pin)
        return pin is not None and pin <= result

    def _void(self, item: Decision, roster: bytes) -> str | None:
        """Why a decision has no effect under the policies of a known roster."""
        policy = self.state(roster).policies.get(item.policy)
        return void(Question(item.policy, verb=item.verb, payload=item.payload), policy)

    def _is_final(self, decision: bytes, policies: Sequence[Policy], states: Sequence[State]) -> bool:
        if policies[0].finality == Finality.CERTIFIED:
            attestations = self._facts.attestations(decision)
            return all(has_passed(attestations, state.witnesses) for state in states)
        casts = self._facts.casts(decision)
        return all(
            len(supporters(casts, state.electorate)) >= max(each.needed(len(state.members)) for each in policies)
            for state in states
        )

    @staticmethod
    def _subject_problem(item: Decision, pinned: State, now: State) -> str | None:
        """Why what a decision is about can't be in the roster before."""
        if item.verb == Verb.MANDATE:
            mandate: Mandate = item.payload
            if mandate.holder not in now.members:
                return "it cites a mandate for somebody who is not a member of the roster before"
            return rotation_problem(mandate, pinned.mandates.values()) or rotation_problem(
                mandate, now.mandates.values()
            )
        if item.verb == Verb.RECALL and item.payload not in now.mandates:
            return "it cites a recall of a mandate that is not in the roster before"
        return None

    def _endorsement_problem(self, item: Endorsement, parent: bytes, fellows: _Vouches) -> str | None:
        now = self.state(parent)
        if not _may_vouch(item, now):
            return "it cites a vouch by somebody who is not a member of the roster before"
        vouchers = {each.voucher for each in fellows.get(item.member, ()) if _may_vouch(each, now)}
        if len(vouchers) < vouches_needed(len(now.members)):
            return "it cites too few vouches"
        return None

    def _vouches(self, ids: Set) -> _Vouches:
        """The vouches of a set that last in it, by whom they are for, as far as they are known now."""
        items = self._items(ids)
        ended = removals(items)
        found: _Vouches = {}
        for item in items:
            if not isinstance(item, Endorsement):
                continue
            if ended.get(item.member, NOTHING) <= self._sets.get(item.pin, NOTHING):
                found.setdefault(item.member, []).append(item)
        return found

    def _items(self, ids: Set) -> list[Item]:
        return [item for item in map(self._facts.item, sorted(ids)) if item is not None]


def policies_of(items: Iterable[Item | None]) -> set[str]:
    """The policies by which such decisions are made: by what they do, whatever they call themselves."""
    return {POLICY_OF[each.verb] for each in items if isinstance(each, Decision) and each.verb in POLICY_OF}


def ratification_needed(state: State, names: Iterable[str]) -> int:
    """How many members must ratify decisions under policies of these names: the highest threshold, at least a majority.

    One that is certified, or that this roster doesn't have, counts as everybody's half.
    """
    total = len(state.members)
    needed = total // 2 + 1
    for name in names:
        policy = state.policies.get(name)
        if policy is not None and policy.finality == Finality.SETTLED and void_reason(policy) is None:
            needed = max(needed, policy.needed(total))
    return needed


def _may_vouch(item: Endorsement, state: State) -> bool:
    good = state.revoked.get(item.device)
    return item.voucher in state.members and item.scope == SCOPE_EVERYTHING and (good is None or item.seq < good)
