"""What a set of decisions and words means: members, policies, witnesses, revocations, mandates, the charter.

All of it is a function of the set and the genesis, never of the path to it. Which sets are reached is in `rosters`.

Some words end others (specification, section 5): a removal or a leave ends what that person said without knowing it, a
revocation what its device wrote from some record on. What is ended is not in the set: so a flood of words by somebody
who is out adds nothing, and two islands that saw them in another order hold the same.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.decisions.certified import Witnesses
from meshd_protocol.decisions.outcome import Electorate
from meshd_protocol.federal import Seat, in_place
from meshd_protocol.items import (
    Decision,
    Departure,
    DeviceEnd,
    Endorsement,
    Followed,
    Item,
    Offer,
    Quoted,
    Word,
)
from meshd_protocol.mandates import Appointment, recalled, stands_alone
from meshd_protocol.offers import Ancestry, Behind, open_offers, replaced
from meshd_protocol.policies import MEMBERSHIP, REMOVAL, Policy
from meshd_protocol.succession import holding

Set = frozenset[bytes]
NOTHING: Set = frozenset()


class Federal(NamedTuple):
    """What a federation's set says of its members. `kept` is what of quoted items stays in it: nothing of an assembly
    that has no seat, or that its seat begins with, or that is ended in what is followed of it; of voices what holds.

    `seats` and `followed` have the assemblies that nobody unseated, members or not; `joined` those of them that joined,
    and have not left. `sits` maps a person's key to the
    assembly that she sits for, `powers` to what her mandates grant; `gallery` are those who may read alone, `former`
    those who did either before.
    """

    kept: Set
    seats: Mapping[bytes, Seat]
    joined: Set
    weights: Mapping[bytes, int]
    followed: Mapping[bytes, "Meaning"]
    sits: Mapping[bytes, bytes]
    powers: Mapping[bytes, frozenset[str]]
    gallery: Set
    former: Set


_REMEMBERED = 256
"""Meanings of sets of another assembly that are kept at hand."""

NO_FEDERATION = Federal(NOTHING, {}, NOTHING, {}, {}, {}, {}, NOTHING, NOTHING)


class State(NamedTuple):
    """What a roster means. `revoked` maps a device to how many of its log-0 records still count.

    `left` maps a member to the removals and leaves that ended her stay, and those to how many records of each device
    still count (of a removal, none). `mandates` are all that were given, `recalled` those that a recall ended.
    `charter` is the decision whose text holds.

    In a federation members are assemblies, observers and removed are people and assemblies, and `federal` says who sits
    for whom.
    """

    members: Set
    observers: Set
    removed: Set
    policies: Mapping[str, Policy]
    revoked: Mapping[bytes, int]
    witnesses: Witnesses
    left: Mapping[bytes, Mapping[bytes, Mapping[bytes, int]]]
    mandates: Mapping[bytes, Appointment]
    recalled: Set
    charter: bytes | None
    federal: Federal | None = None

    @property
    def people(self) -> Set:
        """Who speaks and attests: the members, or in a federation those who sit for them."""
        return self.members if self.federal is None else frozenset(self.federal.sits)

    @property
    def inside(self) -> Set:
        """Who reads, and gets network keys: these people, and observers."""
        return self.people | self.observers

    def member_of(self, person: bytes) -> bytes | None:
        """The member that a person is, or sits for; None for others."""
        if self.federal is None:
            return person if person in self.members else None
        return self.federal.sits.get(person)

    def weigh(self, members: Collection[bytes]) -> int:
        """How much some of the members count for together: in an assembly one each."""
        return self.electorate.weigh(members)

    def needed(self, policy: Policy) -> int:
        """How much of the members must say yes for a settled policy: never all of three or more."""
        return self.electorate.needed(policy)

    @property
    def electorate(self) -> Electorate:
        """Who may vote on what pins this roster."""
        if self.federal is None:
            return Electorate(self.members, self.revoked)
        return Electorate(self.members, self.revoked, weights=self.federal.weights)

    def electorate_of(self, pin: Set) -> Electorate:
        """Who is counted here on what pins another roster, whose ids are given: not what somebody wrote on it after she
        was out of this one, whether or not she came back since.
        """
        if self.federal is not None:
            return self.electorate
        ended: dict[bytes, dict[bytes, int]] = {}
        for member, enders in self.left.items():
            since = [good for each, good in enders.items() if each not in pin]
            if since and member in self.members:
                devices = since[0].keys() if len(since) == 1 else frozenset(since[0]).intersection(*since[1:])
                ended[member] = {device: min(good[device] for good in since) for device in devices}
        return Electorate(self.members, self.revoked, ended)

    def in_force(self, mandate: bytes) -> Appointment | None:
        """A mandate that nobody recalled, that no other one of its role followed or contradicts, and whose holder is a
        member. Its end date is a matter of clocks.
        """
        given = self.mandates.get(mandate)
        if given is None or given.mandate.holder not in self.people:
            return None
        return given if stands_alone(given, self.mandates.values(), self.recalled) else None


class Ground(NamedTuple):
    """What is the same for every set of an assembly: the genesis, the rosters that are known (which items pin), by id,
    and what is behind offers. In a federation `other` has the ground of another assembly, as far as records of it are
    quoted here, and `read_federal` says what items mean for its members. `remembered` has the meanings of sets that
    were asked for: they hold until more is quoted.
    """

    assembly: bytes
    genesis: Genesis
    sets: Mapping[bytes, Set]
    ancestry: Ancestry
    other: Callable[[bytes], "Ground | None"] = lambda _: None
    read_federal: "Callable[[Ground, Collection[Item]], Federal] | None" = None
    remembered: "dict[Set, Meaning] | None" = None

    def meaning(self, ids: Set) -> "Meaning":
        """What a set of those ids means."""
        held = self.remembered.get(ids) if self.remembered is not None else None
        if held is None:
            items = (self.ancestry.known(each) for each in sorted(ids))
            held = Meaning(self, (item for item in items if item is not None))
            if self.remembered is not None:
                if len(self.remembered) >= _REMEMBERED:
                    del self.remembered[next(iter(self.remembered))]
                self.remembered[ids] = held
        return held

    def pin(self, item: Decision | Word) -> Set:
        """The ids of the roster that an item pins; nothing where it is not known."""
        return self.sets.get(item.pin, NOTHING)

    @property
    def is_federation(self) -> bool:
        """Whether the members are assemblies."""
        return bool(self.genesis.assemblies)


class Meaning:
    """A set without what is ended in it. `ids` are those that are left; nothing here changes once it is made."""

    def __init__(self, ground: Ground, items: Iterable[Item] = ()) -> None:
        self.ground = ground
        every = {item.id: item for item in items}
        self.given: Set = frozenset(every)
        """The ids that it was made of, those among them that are ended, too."""
        self.gone = self._removals = _removals(every.values())
        """Member to the removals and leaves that count."""
        self._revoked = _revocations(self, every.values())
        self.gone = _with_leaves(self, every.values())
        self.federal = NO_FEDERATION
        """What a federation's set says of its members; nothing in an assembly of people."""
        if ground.is_federation:
            assert ground.read_federal is not None, "whoever reads a federation's sets says how"
            self.federal = ground.read_federal(ground, every.values())
        below = self.federal.followed.values()
        self.whole = self.federal.seats.keys() == self.federal.followed.keys()
        """Whether all is known of which what it means for a federation's members hangs, down to people."""
        self.circle: Set = self.federal.joined.union(*(each.circle for each in below))
        """The assemblies that joined here, or joined a member of this, and so on: none of them may seat this, since
        neither could ever see the end of what the other one says. A seat alone, which others decide, makes no circle.
        """
        lasting = {key: item for key, item in every.items() if not self._is_ended(item)}
        offers: dict[bytes, list[Offer]] = {}
        for item in lasting.values():
            if isinstance(item, Offer):
                offers.setdefault(item.author, []).append(item)
        for mine in offers.values():
            for each in replaced(mine, ground.ancestry) if len(mine) > 1 else ():
                del lasting[each]
        self._fill(lasting)

    def _fill(self, items: dict[bytes, Item]) -> None:
        self.items = items
        self.ids: Set = frozenset(items)
        self._decisions = [item for item in items.values() if isinstance(item, Decision)]
        self._vouches = [item for item in items.values() if isinstance(item, Endorsement)]
        self._offers: dict[bytes, list[Offer]] = {}
        for item in items.values():
            if isinstance(item, Offer):
                self._offers.setdefault(item.author, []).append(item)
        self._behind: dict[bytes, Behind] = {}
        self._state: State | None = None

    def plus(self, items: Iterable[Item]) -> "Meaning":
        """The same set with more items in it, and without what is ended then."""
        added = [item for item in items if item.id not in self.items]
        return Meaning(self.ground, (*self.items.values(), *added)) if added else self

    @property
    def enders(self) -> object:
        """What ends words here: while it stays the same, what was ended or replaced stays so."""
        if not self.ground.is_federation:
            return self.gone, self._revoked
        below = {each: followed.enders for each, followed in self.federal.followed.items()}
        return self.gone, self._revoked, self.federal.seats, below

    def lasts(self, member: bytes, pin: Set) -> bool:
        """Whether nothing ended, for that member, what was decided on a roster: it knew of each removal and leave."""
        gone = self.gone.get(member)
        return gone is None or gone <= pin

    def is_revoked(self, word: Endorsement | Offer | Departure) -> bool:
        """Whether a word's device was revoked, and no longer counted when it wrote it."""
        known = self._revoked.get(word.device)
        return known is not None and word.seq >= known[0]

    def state(self) -> State:
        """Who and what holds."""
        if self._state is None:
            self._state = self._read()
        return self._state

    def in_place(self, verb: int, subject: str | bytes | None = None) -> Set:
        """Everything on a thing that nothing in the set replaces: the policy of a name, the witnesses, the charter, or
        (without a verb) a member's device as a witness.
        """
        if not verb:
            assert isinstance(subject, bytes)
            if self.ground.is_federation:
                return frozenset(self._seats_offers(self.federal.sits.get(subject)))
            return frozenset(self._open_offers(subject, self._first_offers()))
        if verb == Verb.SEAT:
            assert isinstance(subject, bytes)
            return in_place(self._decisions, self.ground.pin, subject)
        named = self._on(verb, subject)
        return frozenset(named) - frozenset(each for replaces in named.values() for each in replaces)

    def has(self, item: Item) -> bool:
        """Whether an item is here, or what is here has ended it: there is nothing that it would add."""
        if isinstance(item, Decision) or item.id in self.ids:
            return item.id in self.ids
        if isinstance(item, Quoted):
            return self._has_quoted(item)
        pin = self.ground.pin(item)
        if isinstance(item, DeviceEnd):
            kept = self._revoked.get(item.ended)
            gone = self._removals.get(item.author, NOTHING)
            return not gone <= pin or (kept is not None and kept < (item.good, item.id))
        if isinstance(item, Offer) and not self._is_ended(item):
            if item.author not in self._behind:
                self._behind[item.author] = Behind(self._offers.get(item.author, ()), self.ground.ancestry)
            return self._behind[item.author].has(item)
        if isinstance(item, Departure):
            if self.is_revoked(item) or not self._removals.get(item.author, NOTHING) <= pin:
                return True
            mine = [each for each in self.items.values() if isinstance(each, Departure) and each.author == item.author]
            return _last(self.ground, [*mine, item]) != item.id
        return self._is_ended(item)

    def _has_quoted(self, item: Quoted) -> bool:
        """Whether what is quoted of a member would not stay in the set, or is ended in what is followed of it."""
        if isinstance(item, Followed):
            here = self.federal.followed.get(item.assembly)
            known = here.ground.ancestry.known(item.item) if here is not None else None
            return here is None or (known is not None and here.has(known))
        return item.id not in self.plus([item]).ids

    def _is_ended(self, item: Item) -> bool:
        if isinstance(item, Decision):
            return False
        if isinstance(item, Quoted):
            return item.id not in self.federal.kept
        pin = self.ground.pin(item)
        if isinstance(item, DeviceEnd):
            kept = self._revoked.get(item.ended)
            return kept is None or kept[1] != item.id
        if isinstance(item, Departure):
            return item.id not in self.gone.get(item.author, NOTHING)
        if self.is_revoked(item) or not self.lasts(item.author, pin):
            return True
        return isinstance(item, Endorsement) and not self.lasts(item.member, pin)

    def _read(self) -> State:
        if self.ground.is_federation:
            return self._read_federal()
        genesis = self.ground.genesis
        members = {member for member in genesis.founders if self.lasts(member, NOTHING)}
        given = self._first_offers()
        mandates: dict[bytes, Appointment] = {}
        for item in self._decisions:
            members.update(each.member for each in item.newcomers if self.lasts(each.member, self.ground.pin(item)))
            if item.verb == Verb.MANDATE:
                mandates[item.id] = Appointment(item.id, self.ground.pin(item), item.payload)
        vouchers: dict[bytes, set[bytes]] = {}
        for vouch in self._vouches:
            vouchers.setdefault(vouch.member, set()).add(vouch.author)
        needed = vouches_needed(len(members))
        observers = {member for member, by in vouchers.items() if len(by) >= needed} - members
        revoked = {device: good for device, (good, _) in self._revoked.items()}
        recalls = {item.id: item.payload for item in self._of_verb(Verb.RECALL)}
        return State(
            members=frozenset(members),
            observers=frozenset(observers),
            removed=frozenset(self.gone.keys() - members - observers),
            policies=self._policies(),
            revoked=revoked,
            witnesses=self._witnesses(frozenset(members), given, revoked),
            left={member: {each: self._counts(each) for each in sorted(ids)} for member, ids in self.gone.items()},
            mandates=mandates,
            recalled=recalled(mandates, recalls),
            charter=holding(self._on(Verb.CHARTER)),
        )

    def _read_federal(self) -> State:
        """What a federation's set holds: seats and voices make members, and what their members decided makes people."""
        here = self.federal
        mandates = {
            item.id: Appointment(item.id, self.ground.pin(item), item.payload) for item in self._of_verb(Verb.MANDATE)
        }
        recalls = {item.id: item.payload for item in self._of_verb(Verb.RECALL)}
        revoked = {device: good for device, (good, _) in self._revoked.items()}
        members = frozenset(here.weights)
        gallery = here.gallery | frozenset(self.ground.genesis.founders)
        return State(
            members=members,
            observers=gallery - here.sits.keys(),
            removed=here.former.difference(self.ground.genesis.founders),
            policies=self._policies(),
            revoked=revoked,
            witnesses=self._federal_witnesses(members, revoked),
            left={},
            mandates=mandates,
            recalled=recalled(mandates, recalls),
            charter=holding(self._on(Verb.CHARTER)),
            federal=here,
        )

    def _federal_witnesses(self, members: Set, revoked: Mapping[bytes, int]) -> Witnesses:
        """One seat for each assembly, or for those that a decision names, with the device that those who sit offer."""
        held = holding(self._on(Verb.WITNESSES))
        decision = self.items.get(held) if held is not None else None
        if isinstance(decision, Decision) and decision.payload[0]:
            pin = self.ground.pin(decision)
            members = frozenset(each for each in decision.payload[0] if each in members and self.lasts(each, pin))
        devices: dict[bytes, bytes] = {}
        for member in sorted(members):
            offered = list(self._seats_offers(member).values())
            if len(offered) == 1 and offered[0] is not None and offered[0] not in revoked:
                devices.setdefault(offered[0], member)
        return Witnesses(members, devices)

    def _seats_offers(self, member: bytes | None) -> dict[bytes, bytes | None]:
        """The offers of those who sit for an assembly that none of theirs replaces."""
        sits = self.federal.sits
        mine = [each for offers in self._offers.values() for each in offers if sits.get(each.author) == member]
        if member is None or not mine:
            return {}
        over = replaced(mine, self.ground.ancestry)
        return {each.id: each.offered for each in mine if each.id not in over}

    def _counts(self, ender: bytes) -> Mapping[bytes, int]:
        item = self.items[ender]
        return dict(item.good) if isinstance(item, Departure) else {}

    def _witnesses(self, members: Set, given: "_Given", revoked: Mapping[bytes, int]) -> Witnesses:
        """The seats, as the genesis, admissions and decisions gave them, with the devices of those who have one."""
        seats = members & given.keys()
        held = holding(self._on(Verb.WITNESSES))
        decision = self.items.get(held) if held is not None else None
        if isinstance(decision, Decision) and decision.payload[0]:
            pin = self.ground.pin(decision)
            seats = frozenset(member for member in decision.payload[0] if member in members and self.lasts(member, pin))
        devices: dict[bytes, bytes] = {}
        for member in sorted(seats):
            offered = list(self._open_offers(member, given).values())
            if len(offered) == 1 and offered[0] is not None and offered[0] not in revoked:
                devices.setdefault(offered[0], member)
        return Witnesses(seats, devices)

    def _first_offers(self) -> "_Given":
        """By member, the devices that came with a seat: of the genesis, or of an application that was admitted."""
        given: _Given = {}
        for member, device in self.ground.genesis.witnesses:
            if self.lasts(member, NOTHING):
                given.setdefault(member, {})[self.ground.assembly] = device
        for item in self._decisions:
            for each in item.newcomers:
                if each.device is not None and self.lasts(each.member, self.ground.pin(item)):
                    given.setdefault(each.member, {})[each.application] = each.device
        return given

    def _open_offers(self, member: bytes, given: "_Given") -> dict[bytes, bytes | None]:
        """A member's devices as a witness that none of her offers replaces."""
        return open_offers(given.get(member, {}), self._offers.get(member, ()), self.ground.ancestry)

    def _policies(self) -> dict[str, Policy]:
        """The genesis's policies, and in their places the decisions that hold.

        A charter from before removals had a policy of their own decides them as it decides admissions.
        """
        found = {policy.name: policy for policy in self.ground.genesis.policies}
        if REMOVAL not in found and MEMBERSHIP in found:
            found[REMOVAL] = found[MEMBERSHIP].renamed(REMOVAL)
        names = {item.payload[0].name for item in self._of_verb(Verb.POLICY)}
        for name in names:
            held = holding(self._on(Verb.POLICY, name))
            decision = self.items.get(held) if held is not None else None
            if isinstance(decision, Decision):
                found[name] = decision.payload[0]
        return found

    def _on(self, verb: int, subject: str | bytes | None = None) -> dict[bytes, Set]:
        """The decisions on one thing, and what each replaces: of what it names, what its pinned roster held."""
        return {
            item.id: frozenset(item.payload if verb == Verb.CHARTER else item.payload[1]) & self.ground.pin(item)
            for item in self._of_verb(verb)
            if verb != Verb.POLICY or item.payload[0].name == subject
        }

    def _of_verb(self, verb: int) -> list[Decision]:
        return [item for item in self._decisions if item.verb == verb]


_Given = dict[bytes, dict[bytes, bytes]]


def may_end(item: Item) -> bool:
    """Whether an item may end words, so that others, which these had ended or replaced, hold again."""
    return isinstance(item, Departure | DeviceEnd) or (
        isinstance(item, Decision) and item.verb in (Verb.REMOVE, Verb.REVOKE)
    )


def vouches_needed(members: int) -> int:
    """How many members must vouch for an observer in a roster of that size."""
    return min(2, members)


def _removals(items: Iterable[Item]) -> dict[bytes, Set]:
    """Who was removed, by which decisions."""
    found: dict[bytes, Set] = {}
    for item in items:
        for member in item.removes if isinstance(item, Decision) else ():
            found[member] = found.get(member, NOTHING) | {item.id}
    return found


def _revocations(meaning: Meaning, items: Iterable[Item]) -> dict[bytes, tuple[int, bytes]]:
    """The revoked devices, with the lowest count, and the first item that states it."""
    found: dict[bytes, tuple[int, bytes]] = {}
    for item in items:
        if isinstance(item, Decision) and item.verb == Verb.REVOKE:
            _, device, good = item.payload
            stated = device, (good[0], b"")
        elif isinstance(item, DeviceEnd) and meaning.lasts(item.author, meaning.ground.pin(item)):
            stated = item.ended, (item.good, item.id)
        else:
            continue
        found[stated[0]] = min(found.get(stated[0], stated[1]), stated[1])
    return found


def _with_leaves(meaning: Meaning, items: Iterable[Item]) -> dict[bytes, Set]:
    """Who is gone, by removals and by the leaves that count: those that nothing ended."""
    leaves: dict[bytes, list[Departure]] = {}
    for item in items:
        if not isinstance(item, Departure) or meaning.is_revoked(item):
            continue
        if meaning.lasts(item.author, meaning.ground.pin(item)):
            leaves.setdefault(item.author, []).append(item)
    gone = dict(meaning.gone)
    for author, mine in leaves.items():
        gone[author] = gone.get(author, NOTHING) | {_last(meaning.ground, mine)}
    return gone


def _last(ground: Ground, leaves: Collection[Departure]) -> bytes:
    """Of one person's leaves the one that counts: the latest; of several beside each other the first by id."""
    known = frozenset[bytes]().union(*(ground.pin(each) for each in leaves))
    return min(each.id for each in leaves if each.id not in known)
