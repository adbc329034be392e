"""Sections 5.9 and 6.10, and proofs of version 2: what a federation is, and what its members say.

What is in force (6.5), and what witnesses find, is not read here.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.second import cbor, decisions, heads, proofs, records, rosters
from tests.second.cbor import RefusedError
from tests.second.history import NOTHING, History, Item, Set
from tests.second.keys import CONTEXT, H
from tests.second.rosters import ADMIT, RATIFY, REMOVE, SEAT, VOICE, WITNESSES


def _must(holds: bool, rule: str) -> None:
    if not holds:
        raise RefusedError(rule)


def verify(data: bytes, assembly: bytes | None = None, knows: str | None = None) -> Item:
    """6.9, at its end: what the proof of a federation shows."""
    body = proofs.opened(data)
    proofs.check(body, 2)
    _, parts, subject, roster, steps, held, quoted = body
    identity, told = proofs.genesis_of(parts, assembly)
    _must(told[2] == 2, "rules")
    own, _ = proofs.history_of(identity, told, [records.read(identity, cbor.write(each)) for each in held])
    _must(type(quoted) is list and all(type(each) is list and len(each) == 3 for each in quoted), "what is quoted")
    _must(all(proofs.is_id(each[0]) for each in quoted), "of which assembly")
    names = [each[0] for each in quoted]
    _must(names == sorted(set(names)), "sorted by assembly")
    readings = Readings({each[0].hex(): _opened(*each) for each in quoted})
    federation = Federation(own, _founding(told), readings.below("", LEVELS))
    _must(not any(each.untaken for each in federation.quoted.values()), "a quoted step")
    for parent, cites, ratification in steps:
        cited = [each.hex() for each in cites]
        found = step(federation, parent.hex(), cited, ratification.hex() if ratification else None)
        _must(found is not None, "a step")
    _must(roster.hex() in own.sets, "roster")
    there = state(federation, own.sets[roster.hex()])
    _must(knows is None or (knows in own.sets and there.contains(own.sets[knows])), "the known roster")
    shown: Item = {
        "subject": None,
        "outcome": None,
        "weights": [list(each) for each in sorted(there.weights.items())],
        "followed": [[each, sorted(there.followed[each].members)] for each in sorted(there.members)],
        "people": [list(each) for each in sorted(there.people.items())],
    }
    if subject is None:
        return shown
    decision = own.items.get(subject.hex())
    _must(decision is not None and decision["kind"] == "decision", "subject")
    assert decision is not None
    _must(decision["pin"] in own.sets, "pin")
    pinned = roster.hex() == decision["pin"]
    _must(not decision["verb"] or pinned or decision["id"] in there.ids, "neither its pin, nor with it")
    final = outcome(federation, decision)
    _must(final in ("passed", "failed", "tie", "winners"), "not final")
    return shown | {"subject": decision["id"], "outcome": final}


LEVELS = 8
"""Of federations above people, at most."""


class Excerpt(NamedTuple):
    """What is quoted of an assembly: what its genesis states, its other records, and steps between its rosters."""

    assembly: bytes
    told: dict[int, Any]
    records: list[Any]
    steps: list[Any]


class Quoted(NamedTuple):
    """An assembly as it is read here: what its records state, what the steps between its rosters name as ratifying,
    and whether some steps lead nowhere. A federation is one with its members below.
    """

    history: History
    ratifications: Set
    untaken: bool
    inner: "Federation | None"


def _founding(told: dict[int, Any]) -> dict[str, "Seat"]:
    return {one.hex(): Seat(None, weight, at.hex()) for one, weight, at in told[7]}


def _opened(assembly: bytes, held: Any, steps: Any) -> Excerpt:
    proofs.check_lists(steps, held)
    every = [records.read(assembly, cbor.write(each)) for each in held]
    geneses = [parts for parts, record in zip(held, every, strict=True) if record.id == assembly]
    _must(len(geneses) == 1, "the genesis is quoted")
    _, told = proofs.genesis_of(geneses[0], assembly)
    _must(told[2] == (2 if 7 in told else 1), "rules")
    _must(all(each.authentic_by_itself for each in every), "a record that is not signed itself")
    return Excerpt(assembly, told, [each for each in every if each.id != assembly], steps)


class Readings:
    """5.9.2: the assemblies that are quoted, each read with some levels of federations below it."""

    def __init__(self, excerpts: dict[str, Excerpt]) -> None:
        self.excerpts = excerpts
        self.done: dict[tuple[str, int], Quoted] = {}

    def below(self, assembly: str, levels: int) -> dict[str, Quoted]:
        """What a federation that is read with so many levels sees of the others."""
        found: dict[str, Quoted] = {}
        for name, excerpt in self.excerpts.items():
            if name != assembly and (levels > 1 or 7 not in excerpt.told):
                found[name] = self._read(name, levels - 1 if 7 in excerpt.told else 0)
        return found

    def _read(self, name: str, levels: int) -> Quoted:
        if (name, levels) not in self.done:
            assembly, told, others, steps = self.excerpts[name]
            history, written = proofs.history_of(assembly, told, others, quoted=True)
            inner = Federation(history, _founding(told), self.below(name, levels)) if 7 in told else None
            self.done[name, levels] = _walked(history, inner, steps, written)
        return self.done[name, levels]


def _walked(history: History, inner: "Federation | None", steps: Any, written: Any) -> Quoted:
    open_steps = [*map(tuple, steps), *((each[0], each[1], each.get(2)) for each in written)]
    ratifications = {each[2].hex() for each in open_steps if each[2]}
    moved = True
    while moved:
        moved = False
        for each in list(open_steps):
            parent, cites, ratification = each
            name, cited = ratification.hex() if ratification else None, [one.hex() for one in cites]
            taken = (
                heads.step(history, parent.hex(), cited, name)
                if inner is None
                else step(inner, parent.hex(), cited, name)
            )
            if taken is not None:
                open_steps.remove(each)
                moved = True
    return Quoted(history, frozenset(ratifications), bool(open_steps), inner)


def state_of(quoted: Quoted, ids: Iterable[str]) -> rosters.State:
    """What a set of a quoted assembly means."""
    return rosters.state(quoted.history, ids) if quoted.inner is None else state(quoted.inner, ids)


def is_whole(there: rosters.State) -> bool:
    """5.9.6: whether all is reached that a set's members begin with, and theirs, and so on."""
    return not isinstance(there, FederalState) or there.begins.keys() == there.lasting.keys()


def joined_within(there: rosters.State) -> set[str]:
    """The assemblies that have a seat and joined, and those that did so there, and so on."""
    if not isinstance(there, FederalState):
        return set()
    return there.joined.union(*(joined_within(each) for each in there.followed.values()))


class Seat(NamedTuple):
    """5.9.4: what key 7 of a genesis gives (no decision), or verb 11."""

    decision: Item | None
    weight: int
    roster: str


class Federation:
    """What is known of one: its own items, and those of others."""

    def __init__(self, own: History, founding: dict[str, Seat], quoted: dict[str, Quoted]) -> None:
        self.own, self.founding, self.quoted, self.id = own, founding, quoted, own.assembly
        own.items = {each["id"]: each for each in own.items.values() if each["kind"] not in ("vouch", "leave")}
        self.states: dict[Set, FederalState] = {}
        self.followed: dict[str, tuple[str, str]] = {}
        self.belongings: dict[str, tuple[str, Item]] = {}
        self.paths: dict[str, Set] = {}
        for assembly, there in quoted.items():
            for item in there.history.items.values():
                if item["kind"] == "decision" and item["verb"] == VOICE and self._belongs(item):
                    self.belongings[item["id"]] = assembly, item
            paths = there.inner.paths if there.inner is not None else {}
            for name in frozenset().union(*there.history.sets.values()):
                self._follow(assembly, name, paths.get(name, NOTHING))

    def _follow(self, assembly: str, x: str, path: Set) -> None:
        """5.9.3: nothing is followed through an assembly twice, or through this federation."""
        if assembly in path or self.id in path:
            return
        name = H(CONTEXT["FOLLOWED"], bytes.fromhex(assembly), bytes.fromhex(x)).hex()
        self.followed[name] = assembly, x
        self.paths[name] = path | {assembly}

    def _belongs(self, item: Item) -> bool:
        to, matter, leaves = item["payload"]
        return to == self.id and (leaves or matter == self.id)

    def knows(self, identity: str) -> bool:
        return identity in self.own.items or identity in self.followed or identity in self.belongings

    def left(self, identity: str) -> str | None:
        """The join that a belonging ends; None for one that joins."""
        item = self.belongings[identity][1]
        return item["payload"][1] if item["payload"][2] else None

    def is_join(self, identity: str, assembly: str) -> bool:
        known = self.belongings.get(identity)
        return known is not None and known[0] == assembly and self.left(identity) is None

    def seats(self, decision: Item) -> dict[str, Seat]:
        """By assembly, what a decision with verb 11 gives."""
        return {each: Seat(decision, weight, roster) for each, weight, roster in decision["payload"][0]}

    def before(self, decision: Item, assembly: str) -> set[str]:
        """The decisions on an assembly's seat that one replaces, directly or by others."""
        found: set[str] = set()
        for each in decision["payload"][2]:
            other = self.own.items.get(each)
            if other is None or each not in self.own.pin(decision) or each in found or other.get("verb") != SEAT:
                continue
            if assembly in self.seats(other):
                found |= {each} | self.before(other, assembly)
        return found


def state(federation: Federation, ids: Iterable[str]) -> "FederalState":
    given = frozenset(ids)
    found = federation.states.get(given) or FederalState(federation, given)
    if all(
        each not in federation.own.items or federation.own.items[each]["pin"] in federation.own.sets for each in given
    ):
        federation.states[given] = found
    return found


class FederalState(rosters.State):
    """5.9.3 to 5.9.11, of one set."""

    federal = True

    def __init__(self, federation: Federation, given: Set) -> None:
        self.federation = federation
        self.history = federation.own
        self.given = given
        self._items = [self.history.items[each] for each in sorted(given) if each in self.history.items]
        self._end()
        self.ids = given - self.ended
        self._mean()

    # what is ended

    def _end(self) -> None:
        self.ended: set[str] = set()
        self.leaves: dict[str, Item] = {}
        self.removals: dict[str, set[str]] = {}
        for each in self._kind("decision", REMOVE):
            for assembly in each["payload"]:
                self.removals.setdefault(assembly, set()).add(each["id"])
        for each in self._kind("decision", SEAT):
            for assembly in each["payload"][1]:
                self.removals.setdefault(assembly, set()).add(each["id"])
        self._end_by_revocations()
        self._end_offers()
        self._seat()
        self._end_what_is_quoted()

    def _seat(self) -> None:
        """5.9.4 to 5.9.6."""
        federation = self.federation
        self.lasting: dict[str, list[Seat]] = {}
        given = [federation.founding, *(federation.seats(each) for each in self._kind("decision", SEAT))]
        for seats in given:
            for assembly, seat in seats.items():
                pin = self.history.pin(seat.decision) if seat.decision else NOTHING
                own = {seat.decision["id"]} if seat.decision else set()
                if self.removals.get(assembly, set()) - own <= pin:
                    self.lasting.setdefault(assembly, []).append(seat)
        self.seat = {each: self._holding_seat(each, seats) for each, seats in self.lasting.items()}
        self.begins: dict[str, Set] = {}
        for assembly, seats in self.lasting.items():
            quoted = federation.quoted.get(assembly)
            sets = [quoted.history.sets.get(each.roster) for each in seats] if quoted else []
            if quoted and sets and None not in sets:
                begins: Set = frozenset().union(*(each for each in sets if each is not None))
                ids = {federation.followed[each][1] for each in self.given if self._of(each) == assembly}
                if is_whole(state_of(quoted, begins | ids)):
                    self.begins[assembly] = begins

    def _holding_seat(self, assembly: str, seats: list[Seat]) -> Seat:
        by_id = {each.decision["id"]: each for each in seats if each.decision}
        before = {
            each: self.federation.before(seat.decision, assembly) for each, seat in by_id.items() if seat.decision
        }
        every = set(by_id)
        while every:
            left = every - set().union(*(before[each] for each in every))
            if len(left) == 1:
                return by_id[left.pop()]
            every = set.intersection(*(before[each] for each in left)) & set(by_id)
        for seat in seats:
            if seat.decision is None:
                return seat
        _, first = min((seat.weight, identity) for identity, seat in by_id.items())
        return by_id[first]

    def _end_what_is_quoted(self) -> None:
        """5.9.7 and 5.9.8."""
        federation = self.federation
        self.followed: dict[str, rosters.State] = {}
        for assembly, begins in self.begins.items():
            ids = {federation.followed[each][1] for each in self.given if self._of(each) == assembly}
            self.followed[assembly] = state_of(federation.quoted[assembly], begins | ids)
        leaves: dict[str, list[str]] = {}
        for each in sorted(self.given):
            if each in federation.followed:
                assembly, x = federation.followed[each]
                if assembly not in self.begins or x in self.begins[assembly] or x not in self.followed[assembly].ids:
                    self.ended.add(each)
            elif each in federation.belongings:
                join = federation.left(each)
                if federation.belongings[each][0] not in self.lasting:
                    self.ended.add(each)
                elif join is not None and federation.is_join(join, federation.belongings[each][0]):
                    leaves.setdefault(join, []).append(each)
        for join, by in leaves.items():
            self.ended |= {*by[1:], join} & self.given

    def _of(self, identity: str) -> str | None:
        return self.federation.followed.get(identity, (None, ""))[0]

    def contains(self, pin: Set) -> bool:
        """5.3, at its end, and 5.9.14."""
        both = state(self.federation, self.ids | pin)
        return all(each in self.ids or each in both.ended for each in pin if each in self.history.items)

    # what it means

    def _mean(self) -> None:
        history = self.history
        self._mean_policies()
        belonging = (self.federation.belongings[each][0] for each in self.ids if self._joins(each))
        self.joined = set(belonging) & self.lasting.keys()
        self.weights = {each: self.seat[each].weight for each in self.lasting if self._is_member(each)}
        self.members = set(self.weights)
        self._mean_people()
        named = self.holding((WITNESSES, None))
        self.seats = set(self.members)
        if named is not None and named["payload"][0]:
            pin = history.pin(named)
            self.seats &= {each for each in named["payload"][0] if self.removals.get(each, set()) <= pin}
        offers = self._kind("offer")
        self.places = {}
        self.devices = {}
        for member in sorted(self.members, reverse=True):
            mine = [each for each in offers if self.people.get(each["author"]) == member]
            replaced = set().union(*(self._replaced(each) for each in mine))
            left = {each["id"]: each["offered"] for each in mine if each["id"] not in replaced}
            self.places |= {person: left for person, assembly in self.people.items() if assembly == member}
            (device,) = left.values() if len(left) == 1 else (None,)
            if member in self.seats and device is not None and device not in self.revoked:
                self.devices[device] = member
        self._mean_mandates()

    def _joins(self, identity: str) -> bool:
        return identity in self.federation.belongings and self.federation.left(identity) is None

    def _is_member(self, assembly: str) -> bool:
        """5.9.9."""
        federation, seat = self.federation, self.seat[assembly]
        pin = self.history.pin(seat.decision) if seat.decision else NOTHING
        mine = [each for each in self.ids if federation.belongings.get(each, (None,))[0] == assembly]
        left = {join for each in mine if (join := federation.left(each)) is not None}
        back = {federation.left(each) for each in pin if each in federation.belongings}
        followed = self.followed.get(assembly)
        if followed is None or federation.id in joined_within(followed):
            return False
        return assembly in self.joined and left <= back

    def _mean_people(self) -> None:
        """5.9.10."""
        self.people: dict[str, str] = {}
        self.observers = set(self.history.founders)
        for assembly in sorted(self.members):
            followed = self.followed.get(assembly)
            for mandate in followed.mandates if followed else []:
                if mandate["id"] not in followed.in_force or not mandate["payload"]["sits"]:
                    continue
                to, person = mandate["payload"]["sits"]
                if to != self.history.assembly:
                    continue
                if {each.strip().casefold() for each in mandate["payload"]["powers"]} == {"read"}:
                    self.observers.add(person)
                else:
                    self.people.setdefault(person, assembly)

    @property
    def seatings(self) -> list[Item]:
        return self._kind("decision", SEAT)

    @property
    def holders(self) -> Iterable[str]:
        return self.people


# what counts


def needed(policy: Item, weights: Iterable[int]) -> int:
    """5.9.17, of 6.1.5."""
    every = list(weights)
    n, d, strict = policy["threshold"]
    total = sum(every)
    count: int = total * n // d + 1 if strict else -(-total * n // d)
    return max(1, min(count, total - min(every)) if len(every) > 2 else count)


def said(quoted: Quoted, decision: Item, followed: rosters.State) -> tuple[Any, bool] | None:
    """6.10.1: what a voice comes to, on the roster that it pins and on what is followed; and if that was settled."""
    history = quoted.history
    if decision["pin"] not in history.sets:
        return None
    pinned = state_of(quoted, history.pin(decision))
    void = isinstance(pinned, FederalState) and quoted.inner is not None and is_void(quoted.inner, decision, pinned)
    if void or decisions.is_void(history, decision, pinned):
        return None
    policy = decisions.policy_of(pinned, decision["policy"])
    assert policy is not None
    if policy["finality"] == 0:
        now = decisions.settled_by(followed, decision["policy"])
        policies = [each for each in (policy, now) if each is not None]
        for there in (pinned, followed):
            if not _settles(quoted, decision, policy, policies, there, pinned):
                return None
        return (1, ()), True
    found = decisions.certified(history, decision, policy, pinned)
    if len(found) != 1 or not followed.seats:
        return None
    by = decisions.electorate_since(followed, pinned.ids)
    if isinstance(followed, FederalState):  # 5.9.17: who was out since is no question
        by = decisions.Electorate(followed.members, {}, {})
    attesting = {
        pinned.devices[each["device"]]
        for each in history.attestations[decision["id"]]
        if (each["verdict"], tuple(each["winners"])) == found[0]
        and each["device"] in pinned.devices
        and by.takes(pinned.devices[each["device"]], each["device"], each.get("seq", 0))
    }
    return (found[0], False) if len(attesting & followed.seats) >= decisions.quorum(len(followed.seats)) else None


def _settles(
    quoted: Quoted, decision: Item, policy: Item, policies: list[Item], there: rosters.State, pinned: rosters.State
) -> bool:
    """Whether enough of a roster say yes, by the largest number that the policies ask for."""
    if quoted.inner is not None and isinstance(there, FederalState):
        enough = max(needed(each, there.weights.values()) for each in policies)
        return yes(quoted.inner, decision, there) >= enough
    by = decisions.electorate(pinned) if there is pinned else decisions.electorate_since(there, pinned.ids)
    enough = max(decisions.needed(each, len(there.members)) for each in policies)
    return len(decisions.yes(quoted.history, decision, policy, by)) >= enough


def says_yes(federation: Federation, matter: Item, policy: Item, assembly: str, there: FederalState) -> bool:
    """6.10.3, of what is settled."""
    followed = there.followed.get(assembly)
    if followed is None:
        return False
    quoted = federation.quoted[assembly]
    for voice in quoted.history.decisions:
        if voice["verb"] == VOICE and voice["payload"] == [federation.id, matter["id"], False]:
            found = said(quoted, voice, followed)
            if found is not None and found[0] == (1, ()) and (found[1] or policy["voices"] >= 1):
                return True
    return False


def yes(federation: Federation, matter: Item, there: FederalState) -> int:
    """The weight of those of a roster who say yes."""
    pin = federation.own.pin(matter)
    policy = decisions.policy_of(state(federation, pin), matter["policy"])
    assert policy is not None
    return sum(
        weight for assembly, weight in there.weights.items() if says_yes(federation, matter, policy, assembly, there)
    )


def is_void(federation: Federation, decision: Item, pinned: FederalState) -> bool:
    """6.2, and 5.9.16."""
    if decisions.is_void(federation.own, decision, pinned):
        return True
    if decision["verb"] != SEAT:
        return False
    for assembly, seat in federation.seats(decision).items():
        quoted = federation.quoted.get(assembly)
        if assembly == federation.id or quoted is None or seat.roster not in quoted.history.sets:
            return True
        there = state_of(quoted, quoted.history.sets[seat.roster])
        if not is_whole(there) or federation.id in joined_within(there):
            return True
        every = [each for each in pinned.seatings if assembly in federation.seats(each)]
        gone = set().union(*(federation.before(each, assembly) for each in every))
        if not {each["id"] for each in every} - gone <= set(decision["payload"][2]):
            return True
    return False


def outcome(federation: Federation, decision: Item) -> str:
    """6.4."""
    there = state(federation, federation.own.pin(decision))
    if is_void(federation, decision, there):
        return "void"
    policy = decisions.policy_of(there, decision["policy"])
    assert policy is not None
    if policy["finality"] == 0:
        settled = yes(federation, decision, there) >= needed(policy, there.weights.values())
        return "passed" if settled else "open"
    found = decisions.certified(federation.own, decision, policy, there)
    return ("failed", "passed", "tie", "winners")[found[0][0]] if len(found) == 1 else "open"


# what qualifies


def qualifies(federation: Federation, identity: str, before: FederalState, result: FederalState, ratified: Set) -> bool:
    """5.9.12 and 5.9.13, and of its own items 5.6."""
    if identity not in result.ids:
        return False
    if identity in federation.own.items:
        return _own_qualifies(federation, federation.own.items[identity], before, result, ratified)
    if identity in federation.followed:
        assembly, x = federation.followed[identity]
    else:
        assembly, belonging = federation.belongings[identity]
    if assembly not in result.followed:
        return False
    quoted = federation.quoted[assembly]
    then = result.followed[assembly]
    parent = before.followed.get(assembly) or state_of(quoted, result.begins[assembly])
    if identity in federation.followed:
        return _is_followed(quoted, x, parent, then)
    join = federation.left(identity)
    if join is not None and not federation.is_join(join, assembly):
        return False
    found = said(quoted, belonging, parent)
    return found is not None and found[1]


def _is_followed(quoted: Quoted, x: str, parent: rosters.State, then: rosters.State) -> bool:
    """5.9.12."""
    if quoted.inner is None:
        ways = [
            NOTHING,
            *(heads.ratified_by(quoted.history, each, parent.ids, then) for each in quoted.ratifications),
        ]
        return any(heads.qualifies(quoted.history, x, parent.ids, then, each) for each in ways)
    assert isinstance(parent, FederalState) and isinstance(then, FederalState)
    ways = [NOTHING, *(ratified_by(quoted.inner, each, parent, then) for each in quoted.ratifications)]
    return any(qualifies(quoted.inner, x, parent, then, each) for each in ways)


def _own_qualifies(
    federation: Federation, item: Item, before: FederalState, result: FederalState, ratified: Set
) -> bool:
    own = federation.own
    if item["pin"] not in own.sets or not result.contains(own.pin(item)):
        return False
    pinned = state(federation, own.pin(item))
    if item["kind"] == "revocation":
        return item["author"] in pinned.people.keys() | pinned.observers
    if item["kind"] == "offer":
        if item["scope"] != 0 or pinned.is_revoked(item) or item["author"] not in pinned.people:
            return False
        return pinned.places.get(item["author"], {}).keys() <= set(item["replaces"])
    if item["verb"] in (0, ADMIT, RATIFY, VOICE) or is_void(federation, item, pinned):
        return False
    if item["id"] in ratified:
        return True
    policies = [decisions.settled_by(pinned, item["policy"]), decisions.settled_by(before, item["policy"])]
    if policies[0] is None:
        return False
    for there in (pinned, before):
        enough = max(needed(each, there.weights.values()) for each in policies if each is not None)
        if yes(federation, item, there) < enough:
            return False
    return True


def ratified_by(federation: Federation, identity: str | None, before: FederalState, result: FederalState) -> Set:
    """5.6.3, of the federation's own items; what is quoted qualifies by itself (5.9.12)."""
    own = federation.own
    decision = own.items.get(identity or "")
    if decision is None or decision["kind"] != "decision" or decision["verb"] != RATIFY:
        return NOTHING
    if decision["pin"] not in own.sets:
        return NOTHING
    pinned = state(federation, own.pin(decision))
    if is_void(federation, decision, pinned) or not before.contains(pinned.ids):
        return NOTHING
    named = frozenset(decision["payload"])
    if not all(map(federation.knows, named)) or state(federation, result.ids | named).ids != result.ids:
        return NOTHING
    if not all(qualifies(federation, each, before, result, named) for each in (named & result.ids) - before.ids):
        return NOTHING
    items = [own.items[each] for each in named if each in own.items]
    names = {decision["policy"], *(each["policy"] for each in items if each["kind"] == "decision")}
    for there in (pinned, before):
        enough = sum(there.weights.values()) // 2 + 1
        for name in names:
            policy = decisions.settled_by(there, name)
            if policy is not None:
                enough = max(enough, needed(policy, there.weights.values()))
        if yes(federation, decision, there) < enough:
            return NOTHING
    return named


def step(federation: Federation, parent: str, cites: Iterable[str], ratification: str | None = None) -> str | None:
    """5.6.4: the roster that is reached; None for a step without effect."""
    own = federation.own
    if parent not in own.sets:
        return None
    added = frozenset(cites) - own.sets[parent]
    if not added or not all(map(federation.knows, added)):
        return None
    before = state(federation, own.sets[parent])
    result = state(federation, before.ids | added)
    ratified = ratified_by(federation, ratification, before, result)
    if ratification is not None and not ratified:
        return None
    if not all(qualifies(federation, each, before, result, ratified) for each in added) or not result.members:
        return None
    if parent == own.origin and not federation.founding.keys() <= result.members:
        return None
    return own.reach(frozenset(result.ids))
