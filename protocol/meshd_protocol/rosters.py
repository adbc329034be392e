"""Rosters: who decides, by which rules, as a function of the set of what is in effect (specification, section 5).

A roster is a set of ids; the genesis is the empty set. Nothing here depends on the path to a set. A step to a larger
set is effective when every id that it adds qualifies in the roster that it starts from, or was ratified there
(`Rosters.problem`). A node moves only from its own head, by everything known that qualifies there together
(`Rosters.advance`).
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

from meshd_crypto.hashing import digest
from meshd_protocol import contexts
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.decisions.question import BY_ANY_SETTLED, POLICY_OF, void
from meshd_protocol.decisions.settled import supporters
from meshd_protocol.items import Decision, Departure, DeviceEnd, Item, Offer, Word
from meshd_protocol.mandates import rotation_problem
from meshd_protocol.meaning import NOTHING, Ground, Meaning, Set, State, may_end
from meshd_protocol.offers import Ancestry
from meshd_protocol.policies import Finality, Policy, void_reason

REMEMBERED = 256
"""Meanings that are kept at hand: those of the rosters that open votes pin."""


class Step(NamedTuple):
    """An effective step from a known roster to another one, and the decision that ratified what does not qualify."""

    parent: bytes
    result: bytes
    ratified_by: bytes | None = None


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

    def put_anew(self, decision: bytes) -> Sequence[Decision]:
        """The decisions that were put anew in the place of that one, which was split."""
        ...


def roster_id(assembly: bytes, ids: Iterable[bytes]) -> bytes:
    """The id of a set."""
    return digest(contexts.ROSTER, assembly, *sorted(ids))


class Rosters:
    """The sets that a node knows, and what they mean. It only remembers: every answer follows from the facts."""

    def __init__(self, assembly: bytes, genesis: Genesis, facts: Facts) -> None:
        self._assembly = assembly
        self._genesis = genesis
        self._facts = facts
        self.origin = roster_id(assembly, ())
        self._sets: dict[bytes, Set] = {}
        self._ground = Ground(assembly, genesis, self._sets, Ancestry(facts.item))
        self._meanings: OrderedDict[bytes, Meaning] = OrderedDict()
        """The meanings that were asked for last: they follow from the sets."""
        self._seen: set[bytes] = set()
        """All ids of all known rosters."""
        self._fresh: list[bytes] = []
        self._over: set[bytes] = set()
        """Ids that add nothing to the head that was advanced last, nor to one that goes on from it, while what ends
        words stays the same.
        """
        self._over_for: bytes | None = None
        """The head that was advanced last."""
        self._remember(self.origin, Meaning(self._ground))

    def learn(self, parent: bytes, added: Iterable[bytes]) -> bytes:
        """Remember the set that a known roster and more ids come to, and return its id."""
        meaning = self._after(parent, added)
        identity = roster_id(self._assembly, meaning.ids)
        if identity not in self._sets:
            self._remember(identity, meaning)
            self._fresh.append(identity)
        return identity

    def _remember(self, identity: bytes, meaning: Meaning) -> None:
        self._sets[identity] = meaning.ids
        self._seen |= meaning.ids
        self._keep(identity, meaning)

    def _keep(self, identity: bytes, meaning: Meaning) -> Meaning:
        self._meanings[identity] = meaning
        if len(self._meanings) > REMEMBERED:
            self._meanings.popitem(last=False)
        return meaning

    def _meaning(self, roster: bytes) -> Meaning:
        held = self._meanings.get(roster)
        if held is None:
            return self._keep(roster, Meaning(self._ground, self._items(self._sets[roster])))
        self._meanings.move_to_end(roster)
        return held

    def newly_known(self) -> list[bytes]:
        """The rosters that were learnt since this was asked last."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def with_facts(self, facts: Facts) -> "Rosters":
        """The same rosters, asked of other facts: what would hold by fewer ballots, say."""
        other = Rosters(self._assembly, self._genesis, facts)
        other._sets.update(self._sets)
        other._seen |= self._seen
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

    def seen(self) -> Collection[bytes]:
        """All that is in any known roster."""
        return self._seen

    def state(self, roster: bytes) -> State:
        """What a known roster means."""
        return self._meaning(roster).state()

    def enders(self, roster: bytes) -> object:
        """What ends words in a known roster, to be held against the same of another one."""
        return self._meaning(roster).enders

    def is_over(self, roster: bytes, item: Item) -> bool:
        """Whether an item is in a known roster, or would add nothing to it."""
        return self._meaning(roster).has(item)

    def after(self, parent: bytes, added: Iterable[bytes]) -> State:
        """What a known roster would mean with more ids in it."""
        return self._after(parent, added).state()

    def in_place(self, roster: bytes, verb: int, subject: str | bytes | None = None) -> tuple[bytes, ...]:
        """What a new decision (or, without a verb, a member's offer) on a thing has to name as replaced.

        `subject` is a policy's name, or a member.
        """
        return tuple(sorted(self._meaning(roster).in_place(verb, subject)))

    def contains(self, roster: bytes, pin: bytes) -> bool:
        """Whether a known roster holds all of another one that nothing in both has ended."""
        return pin in self._sets and _contains(self._meaning(roster), self._meaning(pin))

    def leads_to(self, parent: bytes, added: Iterable[bytes], roster: bytes) -> bool:
        """Whether a known roster is what another one and more ids come to."""
        return self._after(parent, added).ids == self._sets[roster]

    def void(self, decision: Decision) -> str | None:
        """Why a proposal has no effect in the roster that it pins, which is known; None if it has."""
        state = self.state(decision.pin)
        problem = void(decision.question, state.policies.get(decision.policy))
        return problem or self._subject_problem(decision, state)

    def problem(self, parent: bytes, cites: Iterable[bytes], ratified_by: bytes | None = None) -> str | None:
        """Why a step from a known roster by `cites` is not effective; None if it is."""
        added = frozenset(cites) - self._sets[parent]
        if not added:
            return "it cites nothing new"
        result = self._after(parent, added)
        ratified, problem = self._ratified(parent, result, ratified_by)
        if problem is not None:
            return problem
        for each in sorted(added):
            problem = self._problem(each, parent, result, each in ratified)
            if problem is not None:
                return problem
        return None if result.state().members else "it would leave no members"

    def ratified(self, parent: bytes, ratified_by: bytes) -> Set:
        """What a ratification adds to a known roster, once it is settled there: what it names and is not ended."""
        item = self._facts.item(ratified_by)
        if not isinstance(item, Decision) or item.verb != Verb.RATIFY:
            return NOTHING
        return self._after(parent, item.payload).ids & frozenset(item.payload) - self._sets[parent]

    def take(self, head: bytes, candidates: Iterable[bytes], ratified_by: Iterable[bytes] = ()) -> Set:
        """Those of `candidates` that qualify in `head` together, largest such set; empty if none may be taken.

        Each of `ratified_by` may be a decision that ratifies some of them.
        """
        open_: Set = frozenset(item.id for item in self._items(candidates)) - self._sets[head]
        rats = sorted(ratified_by)
        taken = self._taken(head, open_, rats)
        if taken and not self._after(head, taken).state().members:
            taken = self._taken(head, frozenset(each for each in open_ if not self._sends_away(each)), rats)
        return taken

    def _taken(self, head: bytes, added: Set, ratified_by: Sequence[bytes]) -> Set:
        """Drop what does not qualify until all does. What is ended is dropped last: what ends it may not qualify."""
        start = self._meaning(head)
        while added:
            result = start.plus(self._items(added))
            allowed = NOTHING.union(*(self._ratified(head, result, each)[0] for each in ratified_by))
            left = added & result.ids
            bad = frozenset(each for each in left if self._problem(each, head, result, each in allowed) is not None)
            if not bad:
                return left
            added -= bad
        return NOTHING

    def advance(self, head: bytes, steps: Collection[Step]) -> list[tuple[bytes, Set]]:
        """The moves that a node makes from its head by the known `steps`: everything in any known roster that qualifies
        in the head together, and again from there. Each move is (the roster moved to, what it adds).
        """
        ratified_by = sorted({step.ratified_by for step in steps if step.ratified_by is not None})
        moves: list[tuple[bytes, Set]] = []
        while added := self.take(head, self._open(head), ratified_by):
            head = self.learn(head, added)
            moves.append((head, added))
        return moves

    def _open(self, head: bytes) -> Collection[bytes]:
        """What is in some known roster and not in the head, without what would add nothing to it.

        Where something new may end words, all is looked at again: what it ends may have ended others.
        """
        meaning, last = self._meaning(head), self._over_for
        if last is None or self._meaning(last).enders != meaning.enders or not self.contains(head, last):
            self._over = set()
        self._over_for = head
        every = self._seen - meaning.ids
        fresh = self._items(every - self._over)
        self._over.update(item.id for item in fresh if meaning.has(item))
        return every if any(map(may_end, fresh)) else every - self._over

    def _after(self, parent: bytes, added: Iterable[bytes]) -> Meaning:
        return self._meaning(parent).plus(self._items(added))

    def _items(self, ids: Iterable[bytes]) -> list[Item]:
        return [item for item in map(self._facts.item, sorted(ids)) if item is not None]

    def _sends_away(self, identity: bytes) -> bool:
        item = self._facts.item(identity)
        return isinstance(item, Departure) or (isinstance(item, Decision) and bool(item.removes))

    def _problem(self, identity: bytes, parent: bytes, result: Meaning, ratified: bool) -> str | None:
        """Why one id does not qualify in `parent` for the set `result`."""
        item = self._facts.item(identity)
        if item is None:
            return "it cites something that is not known here"
        if identity not in result.ids:
            return "it cites something that was ended"
        if item.pin not in self._sets:
            return "it cites something whose pinned roster is not reached from the genesis"
        pinned = self._meaning(item.pin)
        if not _contains(result, pinned):
            return "it cites something whose pinned roster is not contained in it"
        if not isinstance(item, Decision):
            return _word_problem(item, pinned)
        if not item.verb or item.verb == Verb.RATIFY:
            return "it cites a decision that is never in a roster"
        problem = self.void(item)
        if problem is not None:
            return "it cites a decision that has no effect in the roster that it pins"
        return None if ratified else self._threshold_problem(item, parent)

    def _threshold_problem(self, item: Decision, parent: bytes) -> str | None:
        """Enough yes among the members of the pinned roster and among those of the parent, by the stricter policy.

        The parent's is passed over where it no longer settles: else a decision by a policy that was made certified
        would be in the heads that took it before, and nobody's yes would bring it into the others.
        """
        states = self.state(item.pin), self.state(parent)
        policies = policies_asked(*states, item.policy)
        casts = self._facts.casts(item.id)
        for state in states:
            needed = settled_needed(policies, len(state.members))
            if needed is None:
                return "it cites a decision that has no effect under the policy of the roster that it pins"
            if len(supporters(casts, state.electorate_of(self._sets[item.pin]))) < needed:
                return "it cites a decision that its own members, or those of the roster before, did not make final"
        return None

    def _subject_problem(self, item: Decision, pinned: State) -> str | None:
        """Why what a decision is about can't be, in the roster that it pins."""
        payload = item.payload
        match item.verb:
            case Verb.MANDATE:
                if payload.holder not in pinned.members:
                    return "its holder is not a member of the roster that it pins"
                return rotation_problem(payload, pinned.mandates.values())
            case Verb.RECALL:
                return None if payload in pinned.mandates else "the roster that it pins does not contain its mandate"
            case Verb.POLICY | Verb.WITNESSES | Verb.CHARTER:
                named = payload if item.verb == Verb.CHARTER else payload[1]
                subject = payload[0].name if item.verb == Verb.POLICY else None
                if not self._meaning(item.pin).in_place(item.verb, subject) <= frozenset(named):
                    return "it does not name everything that it takes the place of"
                return None
            case _:
                return None

    def _ratified(self, parent: bytes, result: Meaning, ratified_by: bytes | None) -> tuple[Set, str | None]:
        """What a ratification lets into `parent` beside what qualifies by itself, or why nothing."""
        if ratified_by is None:
            return NOTHING, None
        item = self._facts.item(ratified_by)
        if not isinstance(item, Decision) or item.verb != Verb.RATIFY:
            return NOTHING, "it names no ratification that is known here"
        if item.pin not in self._sets or not _contains(self._meaning(parent), self._meaning(item.pin)):
            return NOTHING, "its ratification pins a roster that is not contained in the one before"
        states = self.state(item.pin), self.state(parent)
        if void(item.question, states[0].policies.get(item.policy)) is not None:
            return NOTHING, "its ratification has no effect under the policies of the roster that it pins"
        named: Set = frozenset(item.payload)
        items = self._items(named)
        if len(items) < len(named) or result.plus(items).ids != result.ids:
            return NOTHING, "it does not take in all that its ratification names"
        if any(self._problem(each, parent, result, True) for each in named & result.ids - self._sets[parent]):
            return NOTHING, "its ratification names something that can't be taken in"
        needs = {item.policy, *policies_of(items)}
        casts = self._facts.casts(item.id)
        for state in states:
            needed = ratification_needed(state, needs)
            if len(supporters(casts, state.electorate_of(self._sets[item.pin]))) < needed:
                return NOTHING, "its ratification is not settled by the highest threshold among what it names"
        return named, None


def _contains(result: Meaning, pinned: Meaning) -> bool:
    """Whether a set holds all of a pinned one that is not ended by what is in both."""
    missing = pinned.ids - result.ids
    if not missing:
        return True
    items = [pinned.items[each] for each in missing]
    if any(isinstance(item, Decision) for item in items):
        return False
    return not missing & result.plus(items).ids


def _word_problem(item: Word, pinned: Meaning) -> str | None:
    """Whether somebody may say a word about herself or an applicant, in the roster that it pins."""
    state = pinned.state()
    if isinstance(item, DeviceEnd):
        inside = item.author in state.members or item.author in state.observers
        return None if inside else "it cites a revocation by somebody who is not in the roster that it pins"
    good = state.revoked.get(item.device)
    able = item.scope == SCOPE_EVERYTHING and (good is None or item.seq < good)
    people = state.members | state.observers if isinstance(item, Departure) else state.members
    if not able or item.author not in people:
        return "it cites a word of somebody who may not say it in the roster that it pins"
    if isinstance(item, Offer) and not pinned.in_place(0, item.author) <= frozenset(item.replaces):
        return "it cites an offer that does not name everything that it takes the place of"
    return None


def policies_of(items: Iterable[Item | None]) -> set[str]:
    """The policies by which such decisions are made: by what they do, whatever they call themselves."""
    return {
        each.policy if each.verb in BY_ANY_SETTLED else POLICY_OF[each.verb]
        for each in items
        if isinstance(each, Decision) and each.verb
    }


def settled_needed(policies: Sequence[Policy | None], members: int) -> int | None:
    """How many of so many members must say yes by the strictest of some policies; None if one can't settle."""
    needed = 0
    for policy in policies:
        if policy is None or policy.finality != Finality.SETTLED or void_reason(policy) is not None:
            return None
        needed = max(needed, policy.needed(members))
    return needed


def policies_asked(pinned: State, parent: State, name: str) -> list[Policy | None]:
    """The policies that a decision must satisfy: that of its name in its pin, and in the parent if it settles there."""
    return [pinned.policies.get(name), *_settling(parent, [name])]


def _settling(state: State, names: Iterable[str]) -> list[Policy]:
    """A roster's policies of these names that settle there."""
    found = [state.policies.get(name) for name in sorted(names)]
    return [each for each in found if each is not None and settled_needed([each], 1) is not None]


def ratification_needed(state: State, names: Iterable[str]) -> int:
    """How many members must ratify decisions under policies of these names: the highest threshold of those that settle,
    and at least a majority.
    """
    total = len(state.members)
    return max(total // 2 + 1, *(each.needed(total) for each in _settling(state, names)), 0)
