"""Rosters: who decides, by which rules, as a function of the set of what is in effect (specification, section 5).

A roster is a set of ids; the genesis is the empty set. Nothing here depends on the path to a set. A step to a larger
set is effective when every id that it adds qualifies in the roster that it starts from, or was ratified there
(`Rosters.problem`). A node moves only from its own head, by everything known that qualifies there together
(`Rosters.advance`).
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, Protocol

from meshd_crypto.hashing import digest
from meshd_protocol import contexts
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Verdict
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.decisions.certified import certify, quorum
from meshd_protocol.decisions.outcome import Attested, Cast, Finding
from meshd_protocol.decisions.question import possible, void
from meshd_protocol.decisions.settled import supporters
from meshd_protocol.following import beginning, read_federal
from meshd_protocol.items import Belonging, Decision, Departure, DeviceEnd, Followed, Item, Offer, Quoted, Word
from meshd_protocol.mandates import rotation_problem
from meshd_protocol.meaning import NOTHING, Ground, Meaning, Set, State, may_end
from meshd_protocol.offers import Ancestry
from meshd_protocol.policies import Finality, Voices
from meshd_protocol.thresholds import policies_asked, policies_of, ratification_needed, settled_needed
from meshd_protocol.voices import Quoting, nobody, voices_as_casts

PASSED: Finding = (int(Verdict.PASSED), ())

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

    def __init__(self, assembly: bytes, genesis: Genesis, facts: Facts, quotes: Quoting = nobody) -> None:
        self.assembly = assembly
        self._quotes = quotes
        self._genesis = genesis
        self.facts = facts
        self.origin = roster_id(assembly, ())
        self._sets: dict[bytes, Set] = {}
        self.ground = Ground(assembly, genesis, self._sets, Ancestry(facts.item), self._other, read_federal, {})
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
        self._remember(self.origin, Meaning(self.ground))

    def _other(self, assembly: bytes) -> Ground | None:
        quotes = self._quotes(assembly)
        return quotes.ground if quotes is not None else None

    def learn(self, parent: bytes, added: Iterable[bytes]) -> bytes:
        """Remember the set that a known roster and more ids come to, and return its id."""
        meaning = self._after(parent, added)
        identity = roster_id(self.assembly, meaning.ids)
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
            return self._keep(roster, Meaning(self.ground, self._items(self._sets[roster])))
        self._meanings.move_to_end(roster)
        return held

    def forget(self) -> None:
        """Work out anew what sets mean: more was quoted of other assemblies."""
        self._meanings.clear()
        if self.ground.remembered is not None:
            self.ground.remembered.clear()

    def newly_known(self) -> list[bytes]:
        """The rosters that were learnt since this was asked last."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def with_facts(self, facts: Facts) -> "Rosters":
        """The same rosters, asked of other facts: what would hold by fewer ballots, say."""
        other = Rosters(self.assembly, self._genesis, facts, self._quotes)
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

    def seen(self) -> AbstractSet[bytes]:
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

    def beside(self, here: Meaning) -> list[bytes]:
        """The known rosters of other lines: each holds something that a set neither holds nor has ended, and lacks
        something of it. Of each line the largest.
        """
        found: list[bytes] = []
        for roster in sorted(self._sets, key=lambda each: (-len(self._sets[each]), each)):
            others = self._items(self._sets[roster] - here.ids)
            apart = any(not here.has(item) for item in others) and not _contains(self._meaning(roster), here)
            if apart and not any(self.contains(each, roster) for each in found):
                found.append(roster)
        return found

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
        start, result = self._meaning(parent), self._after(parent, added)
        ratified, problem = self._ratified(start, result, ratified_by)
        if problem is not None:
            return problem
        for each in sorted(added):
            problem = self._problem(each, start, result, each in ratified)
            if problem is not None:
                return problem
        return self._whole_problem(start, result)

    def ratified(self, parent: bytes, ratified_by: bytes) -> Set:
        """What a ratification adds to a known roster, once it is settled there: what it names and is not ended."""
        item = self.facts.item(ratified_by)
        if not isinstance(item, Decision) or item.verb != Verb.RATIFY:
            return NOTHING
        return self._after(parent, item.payload).ids & frozenset(item.payload) - self._sets[parent]

    def take(self, head: bytes, candidates: Iterable[bytes], ratified_by: Iterable[bytes] = ()) -> Set:
        """Those of `candidates` that qualify in `head` together, largest such set; empty if none may be taken.

        Each of `ratified_by` may be a decision that ratifies some of them.
        """
        open_: Set = frozenset(item.id for item in self._items(candidates)) - self._sets[head]
        rats = sorted(ratified_by)
        start, taken = self._meaning(head), self._taken(head, open_, rats)
        if taken and self._whole_problem(start, self._after(head, taken)) is not None:
            taken = self._taken(head, frozenset(each for each in open_ if not self._sends_away(each)), rats)
            if taken and self._whole_problem(start, self._after(head, taken)) is not None:
                return NOTHING
        return taken

    @staticmethod
    def _whole_problem(start: Meaning, result: Meaning) -> str | None:
        """Why a step is none, though all in it qualifies: it leaves no members, or founds a federation in part."""
        members = result.state().members
        if not members:
            return "it would leave no members"
        founding = {each.assembly for each in start.ground.genesis.assemblies}
        if start.ids or founding <= members:
            return None
        return "it does not bring the voices by which all founding assemblies join"

    def _taken(self, head: bytes, added: Set, ratified_by: Sequence[bytes]) -> Set:
        """Drop what does not qualify until all does. What is ended is dropped last: what ends it may not qualify."""
        start = self._meaning(head)
        while added:
            result = start.plus(self._items(added))
            allowed = NOTHING.union(*(self._ratified(start, result, each)[0] for each in ratified_by))
            left = added & result.ids
            bad = frozenset(each for each in left if self._problem(each, start, result, each in allowed) is not None)
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
        if self.ground.is_federation:  # what its members end is not told apart
            return frozenset(item.id for item in self._items(every) if not meaning.has(item))
        fresh = self._items(every - self._over)
        self._over.update(item.id for item in fresh if meaning.has(item))
        return every if any(map(may_end, fresh)) else every - self._over

    def _after(self, parent: bytes, added: Iterable[bytes]) -> Meaning:
        return self._meaning(parent).plus(self._items(added))

    def _items(self, ids: Iterable[bytes]) -> list[Item]:
        return [item for item in map(self.facts.item, sorted(ids)) if item is not None]

    def _sends_away(self, identity: bytes) -> bool:
        item = self.facts.item(identity)
        if isinstance(item, Belonging):
            return item.ends is not None
        return isinstance(item, Departure) or (isinstance(item, Decision) and bool(item.removes))

    def _problem(self, identity: bytes, parent: Meaning, result: Meaning, ratified: bool) -> str | None:
        """Why one id does not qualify in `parent` for the set `result`."""
        item = self.facts.item(identity)
        if item is None:
            return "it cites something that is not known here"
        if identity not in result.ids:
            return "it cites something that was ended"
        if isinstance(item, Quoted):
            return self._quoted_problem(item, parent, result)
        if item.pin not in self._sets:
            return "it cites something whose pinned roster is not reached from the genesis"
        pinned = self._meaning(item.pin)
        if not _contains(result, pinned):
            return "it cites something whose pinned roster is not contained in it"
        if not isinstance(item, Decision):
            return _word_problem(item, pinned)
        if not item.verb or item.verb in (Verb.RATIFY, Verb.VOICE):
            return "it cites a decision that is never in a roster"
        problem = self.void(item)
        if problem is not None:
            return "it cites a decision that has no effect in the roster that it pins"
        return None if ratified else self._threshold_problem(item, parent)

    def _threshold_problem(self, item: Decision, parent: Meaning) -> str | None:
        """Enough yes among the members of the pinned roster and among those of the parent, by the stricter policy.

        The parent's is passed over where it no longer settles: else a decision by a policy that was made certified
        would be in the heads that took it before, and nobody's yes would bring it into the others.
        """
        states = self.state(item.pin), parent.state()
        policies = policies_asked(*states, item.policy)
        for state in states:
            needed = settled_needed(policies, state)
            if needed is None:
                return "it cites a decision that has no effect under the policy of the roster that it pins"
            if state.weigh(self.supporters(item, state)) < needed:
                return "it cites a decision that its own members, or those of the roster before, did not make final"
        return None

    def supporters(self, decision: Decision, state: State) -> Set:
        """The members of a state who say yes to a decision: in a federation by a voice that is final on what is
        followed of them.
        """
        casts = self.casts(decision, state)
        return frozenset(supporters(casts, state.electorate_of(self._sets[decision.pin])))

    def casts(self, decision: Decision, state: State, now: State | None = None) -> Sequence[Cast]:
        """The ballots on a decision; in a federation what its members' voices say that count in that state, and ballots
        of those who sit there, as long as they do `now`, if that is given.
        """
        ballots = self.facts.casts(decision.id)
        if state.federal is None:
            return ballots
        if now is not None and now.federal is not None:
            ballots = [each for each in ballots if now.member_of(each.member) == state.member_of(each.member)]
        policy = self.state(decision.pin).policies.get(decision.policy)
        return (
            voices_as_casts(self._quotes, self.assembly, decision, policy, state, ballots) if policy is not None else []
        )

    def final_on(self, decision: Decision, there: Meaning, whose: int = Voices.SETTLED) -> Finding | None:
        """What a decision of this assembly came to on the roster that it pins and on another set, if it is final on
        both, by the stricter of both. `whose` says whether what witnesses certified is enough.
        """
        if not self.knows(decision.pin) or self.void(decision) is not None:
            return None
        pinned = self.state(decision.pin)
        policy = pinned.policies[decision.policy]
        if policy.finality == Finality.SETTLED:
            return PASSED if self._threshold_problem(decision, there) is None else None
        if whose < Voices.CERTIFIED:
            return None
        attested = possible(decision.question, policy, self.facts.attestations(decision.id))
        found = certify(attested, pinned.witnesses).certified
        return found[0] if len(found) == 1 and self.attested(decision, found[0], there.state()) else None

    def final_in(self, decision: Decision, roster: bytes) -> bool:
        """Whether a decision is final on the roster that it pins and on another known one, settled or certified."""
        return self.final_on(decision, self._meaning(roster), Voices.CERTIFIED) is not None

    def attested(self, decision: Decision, finding: Finding, state: State) -> bool:
        """Whether a quorum of a state's witnesses attest a finding, by devices that they had in the pinned roster."""
        return len(self.attesting(decision, finding, state)) >= quorum(state.witnesses.seats)

    def attesting(self, decision: Decision, finding: Finding, state: State) -> Set:
        """The witnesses of a state who attest a finding, by devices that they had in the roster that it pins."""
        pinned = self.state(decision.pin)
        owners, electorate = pinned.witnesses.devices, state.electorate_of(self._sets[decision.pin])
        attested = possible(decision.question, pinned.policies[decision.policy], self.facts.attestations(decision.id))
        return frozenset(
            owners[each.device]
            for each in attested
            if each.finding == finding
            and owners.get(each.device) in state.witnesses.members
            and electorate.counts(owners[each.device], each.device, each.seq)
        )

    def _quoted_problem(self, item: Quoted, parent: Meaning, result: Meaning) -> str | None:
        """Why what is quoted of a member does not qualify: by its own rules, in what was followed of it before."""
        quotes, followed = self._quotes(item.assembly), result.federal.followed.get(item.assembly)
        if quotes is None or followed is None:
            return "it cites a record of an assembly whose roster is not quoted here"
        before = parent.federal.followed.get(item.assembly) or beginning(result, item.assembly)
        if isinstance(item, Followed):
            return quotes.follow_problem(item.item, before, followed)
        if quotes.final_on(item.decision, before) is None:
            return "it cites a voice that its assembly did not settle on what is followed of it"
        joined = self.facts.item(item.ends) if item.ends is not None else item
        known = isinstance(joined, Belonging) and joined.assembly == item.assembly and joined.ends is None
        return None if known else "it leaves by a voice that names none by which it joined"

    def follow_problem(
        self, identity: bytes, before: Meaning, result: Meaning, ratified_by: Iterable[bytes]
    ) -> str | None:
        """Why a federation does not follow this assembly on by one of its items: it has to qualify in what was followed
        before, as it has to in a head, or one of some decisions has to ratify it there.
        """
        problem = self._problem(identity, before, result, ratified=False)
        if problem is None or not any(identity in self._ratified(before, result, each)[0] for each in ratified_by):
            return problem
        return self._problem(identity, before, result, ratified=True)

    def _subject_problem(self, item: Decision, pinned: State) -> str | None:
        """Why what a decision is about can't be, in the roster that it pins."""
        payload, under = item.payload, item.question.under
        if under is not None and (under not in pinned.mandates or not pinned.mandates[under].mandate.lasts):
            return "the roster that it pins has no mandate with a span of that name"
        if item.verb in (Verb.ADMIT, Verb.SEAT) and (item.verb == Verb.SEAT) != self.ground.is_federation:
            return "members of a federation are seated, and those of an assembly admitted"
        match item.verb:
            case Verb.SEAT:
                return self._seat_problem(item)
            case Verb.MANDATE:
                if payload.holder not in pinned.people:
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

    def _seat_problem(self, item: Decision) -> str | None:
        """Why a decision can't seat those assemblies, in the roster that it pins."""
        pinned = self._meaning(item.pin)
        for seating in item.payload.seatings:
            if seating.assembly == self.assembly:
                return "a federation has no seat in itself"
            if not pinned.in_place(Verb.SEAT, seating.assembly) <= frozenset(item.payload.replaces):
                return "it does not name everything that it takes the place of"
            quotes = self._quotes(seating.assembly)
            ids = quotes.ground.sets.get(seating.roster) if quotes is not None else None
            meaning = quotes.ground.meaning(ids) if quotes is not None and ids is not None else None
            if meaning is None or not meaning.whole:
                return "the roster that it seats an assembly with is not quoted here"
            if self.assembly in meaning.circle:
                return "it would have a seat in itself: it has joined what it seats, or a member of that"
        return None

    def _ratified(self, parent: Meaning, result: Meaning, ratified_by: bytes | None) -> tuple[Set, str | None]:
        """What a ratification lets into `parent` beside what qualifies by itself, or why nothing."""
        if ratified_by is None:
            return NOTHING, None
        item = self.facts.item(ratified_by)
        if not isinstance(item, Decision) or item.verb != Verb.RATIFY:
            return NOTHING, "it names no ratification that is known here"
        if item.pin not in self._sets or not _contains(parent, self._meaning(item.pin)):
            return NOTHING, "its ratification pins a roster that is not contained in the one before"
        states = self.state(item.pin), parent.state()
        if void(item.question, states[0].policies.get(item.policy)) is not None:
            return NOTHING, "its ratification has no effect under the policies of the roster that it pins"
        named: Set = frozenset(item.payload)
        items = self._items(named)
        if len(items) < len(named) or result.plus(items).ids != result.ids:
            return NOTHING, "it does not take in all that its ratification names"
        if any(self._problem(each, parent, result, True) for each in named & result.ids - parent.ids):
            return NOTHING, "its ratification names something that can't be taken in"
        needs = {item.policy, *policies_of(items)}
        for state in states:
            if state.weigh(self.supporters(item, state)) < ratification_needed(state, needs):
                return NOTHING, "its ratification is not settled by the highest threshold among what it names"
        return named, None


def _contains(result: Meaning, pinned: Meaning) -> bool:
    """Whether a set holds all of a pinned one that is not ended by what is in both."""
    missing = pinned.ids - result.ids
    if missing and pinned.ground.is_federation:  # what is followed of members has to qualify by itself, wherever it is
        missing = frozenset(each for each in missing if not isinstance(pinned.items[each], Quoted))
    if not missing:
        return True
    items = [pinned.items[each] for each in missing]
    if any(isinstance(item, Decision) for item in items):
        return False
    return not missing & result.plus(items).ids


def _word_problem(item: Word, pinned: Meaning) -> str | None:
    """Whether somebody may say a word about herself or an applicant, in the roster that it pins."""
    state = pinned.state()
    if pinned.ground.is_federation and not isinstance(item, DeviceEnd | Offer):
        return "it cites a word that nobody says in a federation"
    if isinstance(item, DeviceEnd):
        inside = item.author in state.people or item.author in state.observers
        return None if inside else "it cites a revocation by somebody who is not in the roster that it pins"
    good = state.revoked.get(item.device)
    able = item.scope == SCOPE_EVERYTHING and (good is None or item.seq < good)
    inside = item.author in state.people or (isinstance(item, Departure) and item.author in state.observers)
    if not able or not inside:
        return "it cites a word of somebody who may not say it in the roster that it pins"
    if isinstance(item, Offer) and not pinned.in_place(0, item.author) <= frozenset(item.replaces):
        return "it cites an offer that does not name everything that it takes the place of"
    return None
