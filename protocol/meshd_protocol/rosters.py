"""Rosters: who decides, by which rules, as a function of the set of decisions in effect (design: decisions, "Rosters").

A roster is a set of ids; the genesis is the empty set. Nothing here depends on the path to a set. A step to a larger
set is effective when every id that it adds qualifies in the roster that it starts from (`Rosters.problem`, rule 1),
and a node moves only from its own head (`Rosters.advance`, rule 2).

Ratification, `follow` and certified decisions are to come: a ratified step is one more way for `problem` to find none,
a certified decision one more case of `_decision_problem`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from meshd_crypto.hashing import digest
from meshd_protocol import contexts
from meshd_protocol.bodies.decisions import Verb
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.decisions.outcome import Cast, Electorate
from meshd_protocol.decisions.settled import supporters
from meshd_protocol.policies import MEMBERSHIP, Finality, Policy, void_reason

Set = frozenset[bytes]


class Decision(NamedTuple):
    """A decision that changes the roster: ADMIT or REMOVE these members, pinned to a roster, under a policy."""

    id: bytes
    pin: bytes
    policy: str
    verb: int
    members: tuple[bytes, ...]


class Endorsement(NamedTuple):
    """A vouch: `voucher` knows `member`, who applied. `seq` and `device` tell whether a revocation reaches it."""

    id: bytes
    pin: bytes
    voucher: bytes
    device: bytes
    seq: int
    scope: int
    member: bytes


class DeviceEnd(NamedTuple):
    """A revocation by the member's own key: `good` records of each log still count."""

    id: bytes
    member: bytes
    device: bytes
    good: tuple[int, ...]


Item = Decision | Endorsement | DeviceEnd
_Vouches = dict[bytes, list[Endorsement]]
_NOTHING: Set = frozenset()


class Facts(Protocol):
    """What the rules ask of the log. Answers may grow as records arrive; an item, once known, never changes."""

    def item(self, identity: bytes) -> Item | None:
        """The decision, vouch or revocation with that id; None while it, or something that it names, is unknown."""
        ...

    def casts(self, decision: bytes) -> Sequence[Cast]:
        """The ballots on a decision that the node holds."""
        ...


class State(NamedTuple):
    """What a roster means. `revoked` maps a device to how many of its log-0 records still count."""

    members: frozenset[bytes]
    observers: frozenset[bytes]
    removed: frozenset[bytes]
    policies: Mapping[str, Policy]
    revoked: Mapping[bytes, int]

    @property
    def electorate(self) -> Electorate:
        """Who may vote on what pins this roster."""
        return Electorate(self.members, self.revoked)


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

    def learn(self, ids: Set) -> bytes:
        """Remember a set that effective steps reach, and return its id."""
        identity = roster_id(self._assembly, ids)
        self._sets.setdefault(identity, ids)
        return identity

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
        """What a set means: members, observers, policies and revocations, never by the path to it."""
        items = self._items(ids)
        removals = _removals(items)

        def lasts(member: bytes, pin: bytes) -> bool:
            """A removal ends every admission and vouch whose pinned roster lacks it."""
            return removals.get(member, _NOTHING) <= self._sets.get(pin, _NOTHING)

        members = {member for member in self._genesis.founders if lasts(member, self.origin)}
        observers: set[bytes] = set()
        revoked: dict[bytes, int] = {}
        for item in items:
            if isinstance(item, Decision) and item.verb == Verb.ADMIT:
                members.update(member for member in item.members if lasts(member, item.pin))
            elif isinstance(item, Endorsement) and lasts(item.member, item.pin):
                observers.add(item.member)
            elif isinstance(item, DeviceEnd):
                revoked[item.device] = min(item.good[0], revoked.get(item.device, item.good[0]))
        return State(
            members=frozenset(members),
            observers=frozenset(observers - members),
            removed=frozenset(removals.keys() - members - observers),
            policies={policy.name: policy for policy in self._genesis.policies},
            revoked=revoked,
        )

    def problem(self, parent: bytes, cites: Iterable[bytes]) -> str | None:
        """Why a step from a known roster to `parent` and `cites` is not effective; None if it is (rule 1)."""
        start = self._sets[parent]
        added = frozenset(cites) - start
        if not added:
            return "it cites nothing new"
        result = start | added
        vouches = self._vouches(result)
        for each in sorted(added):
            problem = self._problem(each, parent, result, vouches)
            if problem is not None:
                return problem
        return None if self.meaning(result).members else "it would leave no members"

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

    def advance(self, head: bytes, steps: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, Set]]:
        """The moves that a node makes from its head by the known `steps`, each (parent, result): rule 2.

        Effective children of one head are taken together. Where a line goes on beside it, the head takes those of its
        decisions that qualify in the head. Each move is (the roster moved to, what it adds).
        """
        known = list(steps)
        moves: list[tuple[bytes, Set]] = []
        while True:
            start = self._sets[head]
            onward = frozenset[bytes]().union(*(self._sets[result] for parent, result in known if parent == head))
            added = onward - start
            if added and not self.meaning(start | added).members:
                added = frozenset()
            if not added:
                beside = frozenset[bytes]().union(*(self._sets[result] for _, result in known))
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
        return self._decision_problem(item, parent)

    def _decision_problem(self, item: Decision, parent: bytes) -> str | None:
        """The threshold in the pinned roster and in the parent, by the stricter policy of both."""
        pinned, now = self.state(item.pin), self.state(parent)
        policies = [state.policies.get(item.policy) for state in (pinned, now)]
        if item.policy != MEMBERSHIP:
            return "it cites a change of membership that was not decided as one"
        sound = [
            policy for policy in policies if policy and policy.finality == Finality.SETTLED and not void_reason(policy)
        ]
        if len(sound) != 2:
            return "it cites a decision under a policy that one of the rosters doesn't have"
        casts = self._facts.casts(item.id)
        for state in (pinned, now):
            needed = max(policy.needed(len(state.members)) for policy in sound)
            if len(supporters(casts, state.electorate)) < needed:
                return "it cites a decision that its own members, or those of the roster before, did not settle"
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
        removals = _removals(items)
        found: _Vouches = {}
        for item in items:
            if not isinstance(item, Endorsement):
                continue
            if removals.get(item.member, _NOTHING) <= self._sets.get(item.pin, _NOTHING):
                found.setdefault(item.member, []).append(item)
        return found

    def _items(self, ids: Set) -> list[Item]:
        return [item for item in map(self._facts.item, sorted(ids)) if item is not None]


def _removals(items: Iterable[Item]) -> dict[bytes, Set]:
    """Who was removed, by which decisions."""
    found: dict[bytes, Set] = {}
    for item in items:
        if isinstance(item, Decision) and item.verb == Verb.REMOVE:
            for member in item.members:
                found[member] = found.get(member, _NOTHING) | {item.id}
    return found


def _may_vouch(item: Endorsement, state: State) -> bool:
    good = state.revoked.get(item.device)
    return item.voucher in state.members and item.scope == SCOPE_EVERYTHING and (good is None or item.seq < good)
