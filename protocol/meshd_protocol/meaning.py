"""What a roster is made of, and what it means: members, policies, witnesses, revocations, mandates, the charter.

All of it is a function of the set and the genesis, never of the path to it. Which sets are reached is in `rosters`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.decisions.certified import Witnesses
from meshd_protocol.decisions.outcome import Electorate
from meshd_protocol.mandates import Appointment
from meshd_protocol.policies import Policy
from meshd_protocol.succession import holding

Set = frozenset[bytes]
NOTHING: Set = frozenset()


class Newcomer(NamedTuple):
    """Whom an admission lets in: an application, and the device that it offers for a witness, if it does."""

    application: bytes
    member: bytes
    device: bytes | None


class Decision(NamedTuple):
    """A decision that changes the roster, pinned to a roster, under a policy.

    `members` are those that it removes, `newcomers` those that it admits; `payload` is that of its verb.
    """

    id: bytes
    pin: bytes
    policy: str
    verb: int
    members: tuple[bytes, ...] = ()
    newcomers: tuple[Newcomer, ...] = ()
    payload: Any = None


class Offer(NamedTuple):
    """A member's offer of a witness device (None: taken back). `by` and `seq` tell whether a revocation reaches it."""

    id: bytes
    pin: bytes
    member: bytes
    device: bytes | None
    by: bytes
    seq: int
    scope: int
    replaces: tuple[bytes, ...]


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


class Departure(NamedTuple):
    """Somebody who goes of her own will: as a removal, by herself. `by` and `seq` as in an offer."""

    id: bytes
    pin: bytes
    member: bytes
    by: bytes
    seq: int
    scope: int


Item = Decision | Endorsement | DeviceEnd | Offer | Departure


class State(NamedTuple):
    """What a roster means. `revoked` maps a device to how many of its log-0 records still count.

    `witnesses` maps each witness's device to the member. `mandates` are all that were given, `recalled` those of them
    that a recall ended. `charter` is the decision whose text holds.
    """

    members: frozenset[bytes]
    observers: frozenset[bytes]
    removed: frozenset[bytes]
    policies: Mapping[str, Policy]
    revoked: Mapping[bytes, int]
    witnesses: Witnesses
    committee: frozenset[bytes]
    mandates: Mapping[bytes, Appointment]
    recalled: frozenset[bytes]
    charter: bytes | None

    @property
    def electorate(self) -> Electorate:
        """Who may vote on what pins this roster."""
        return Electorate(self.members, self.revoked)

    def in_force(self, mandate: bytes) -> Appointment | None:
        """A mandate that nobody recalled and whose holder is a member. Its end date is a matter of clocks."""
        given = self.mandates.get(mandate)
        if given is None or mandate in self.recalled or given.mandate.holder not in self.members:
            return None
        return given


class Meaning:
    """One set's items, and the questions to them. `sets` are the rosters that are known, by id."""

    def __init__(self, assembly: bytes, genesis: Genesis, sets: Mapping[bytes, Set], items: Sequence[Item]) -> None:
        self._assembly = assembly
        self._genesis = genesis
        self._sets = sets
        self._items = items
        self._removals = removals(items)

    def lasts(self, member: bytes, pin: bytes) -> bool:
        """A removal ends every admission, vouch and offer whose pinned roster lacks it."""
        return self._removals.get(member, NOTHING) <= self._sets.get(pin, NOTHING)

    def state(self) -> State:
        """Who and what holds."""
        members = {member for member in self._genesis.founders if self._lasts_from_genesis(member)}
        observers: set[bytes] = set()
        revoked: dict[bytes, int] = {}
        mandates: dict[bytes, Appointment] = {}
        recalled: set[bytes] = set()
        for item in self._items:
            if isinstance(item, Endorsement):
                if self.lasts(item.member, item.pin):
                    observers.add(item.member)
            elif isinstance(item, DeviceEnd):
                revoked[item.device] = min(item.good[0], revoked.get(item.device, item.good[0]))
            elif isinstance(item, Decision):
                members.update(each.member for each in item.newcomers if self.lasts(each.member, item.pin))
                if item.verb == Verb.REVOKE:
                    _, device, good = item.payload
                    revoked[device] = min(good[0], revoked.get(device, good[0]))
                elif item.verb == Verb.MANDATE:
                    mandates[item.id] = Appointment(item.id, self._sets.get(item.pin, NOTHING), item.payload)
                elif item.verb == Verb.RECALL:
                    recalled.add(item.payload)
        committee = self._committee()
        offered = self._offered()
        return State(
            members=frozenset(members),
            observers=frozenset(observers - members),
            removed=frozenset(self._removals.keys() - members - observers),
            policies=self._policies(),
            revoked=revoked,
            witnesses={
                device: member
                for member, device in sorted(offered.items())
                if member in members and device not in revoked and (not committee or member in committee)
            },
            committee=committee,
            mandates=mandates,
            recalled=frozenset(recalled),
            charter=holding({item.id: item.payload for item in self._of_verb(Verb.CHARTER)}),
        )

    def _policies(self) -> dict[str, Policy]:
        """The genesis's policies, and in their places the decisions that hold."""
        found = {policy.name: policy for policy in self._genesis.policies}
        changes: dict[str, dict[bytes, Decision]] = {}
        for item in self._of_verb(Verb.POLICY):
            changes.setdefault(item.payload[0].name, {})[item.id] = item
        for name, decisions in changes.items():
            held = holding({each.id: each.payload[1] for each in decisions.values()})
            if held is not None:
                found[name] = decisions[held].payload[0]
        return found

    def _committee(self) -> Set:
        """The members whom a decision made witnesses; none where everybody is who offers a device."""
        decisions = {item.id: item for item in self._of_verb(Verb.WITNESSES)}
        held = holding({each.id: each.payload[1] for each in decisions.values()})
        return frozenset(decisions[held].payload[0]) if held is not None else NOTHING

    def _offered(self) -> dict[bytes, bytes]:
        """Each member's witness device: of the genesis, of her application, or of a later offer in their place."""
        offers: dict[bytes, dict[bytes, tuple[bytes | None, Sequence[bytes]]]] = {}
        for member, device in self._genesis.witnesses:
            if self._lasts_from_genesis(member):
                offers.setdefault(member, {})[self._assembly] = (device, ())
        for item in self._items:
            if isinstance(item, Decision):
                for each in item.newcomers:
                    if each.device is not None and self.lasts(each.member, item.pin):
                        offers.setdefault(each.member, {})[each.application] = (each.device, ())
            elif isinstance(item, Offer) and self.lasts(item.member, item.pin):
                offers.setdefault(item.member, {})[item.id] = (item.device, item.replaces)
        found: dict[bytes, bytes] = {}
        for member, entries in offers.items():
            last = holding({identity: replaces for identity, (_, replaces) in entries.items()})
            offered = entries[last][0] if last is not None else None
            if offered is not None:
                found[member] = offered
        return found

    def in_place(self, verb: int, subject: str | bytes | None) -> tuple[bytes, ...]:
        """Everything on a thing that nothing in the roster replaces. See `Rosters.in_place`."""
        if verb:
            named = [
                (item.id, item.payload if verb == Verb.CHARTER else item.payload[1])
                for item in self._of_verb(verb)
                if verb != Verb.POLICY or item.payload[0].name == subject
            ]
        else:
            named = [
                (item.id, item.replaces) for item in self._items if isinstance(item, Offer) and item.member == subject
            ]
            named += [
                (each.application, ())
                for item in self._items
                if isinstance(item, Decision)
                for each in item.newcomers
                if each.member == subject and each.device is not None
            ]
            if any(member == subject for member, _ in self._genesis.witnesses):
                named.append((self._assembly, ()))
        replaced = frozenset(each for _, replaces in named for each in replaces)
        return tuple(sorted(identity for identity, _ in named if identity not in replaced))

    def _lasts_from_genesis(self, member: bytes) -> bool:
        return member not in self._removals

    def _of_verb(self, verb: int) -> list[Decision]:
        return [item for item in self._items if isinstance(item, Decision) and item.verb == verb]


def removals(items: Iterable[Item]) -> dict[bytes, Set]:
    """Who was removed or went, by which decisions."""
    found: dict[bytes, Set] = {}
    for item in items:
        gone: Sequence[bytes] = ()
        if isinstance(item, Decision) and item.verb == Verb.REMOVE:
            gone = item.members
        elif isinstance(item, Departure):
            gone = (item.member,)
        for member in gone:
            found[member] = found.get(member, NOTHING) | {item.id}
    return found
