"""Small histories for sections 5 and 6: founders, items with their ballots, and the rosters that are reached."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from makers import telling
from makers.common import drawn
from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Form, Say, Verdict
from meshd_protocol.bodies.genesis import RULES_VERSION, Genesis
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.decisions.question import POLICY_OF, Question
from meshd_protocol.items import Decision, Departure, DeviceEnd, Endorsement, Item, Newcomer, Offer
from meshd_protocol.policies import DEFAULTS, Policy
from meshd_protocol.rosters import Rosters


def person(name: str) -> bytes:
    """The member key of somebody."""
    return drawn(f"{name} member")


def device(name: str, number: int = 1) -> bytes:
    """A device of somebody."""
    return drawn(f"{name} device {number}")


_ASKED = ("options", "method", "seats", "costs", "budget", "under", "adopts", "figures")
"""Fields of the question."""


class History:
    """The facts of one vector, and the rosters that were learnt of them. Everybody is meant by name."""

    def __init__(self, founders: str, witnesses: str = "", policies: Sequence[Policy] = DEFAULTS) -> None:
        self.assembly = drawn("assembly")
        pairs = sorted((person(each), device(each)) for each in witnesses.split())
        self.genesis = Genesis(
            "Bakery", drawn("nonce", 16), RULES_VERSION, tuple(policies), tuple(sorted(map(person, founders.split()))),
            witnesses=tuple(pairs),
        )  # fmt: skip
        self.items: dict[bytes, Item] = {}
        self.votes: dict[bytes, list[Cast]] = {}
        self.attested: dict[bytes, list[Attested]] = {}
        self.rosters = Rosters(self.assembly, self.genesis, self)
        self.origin = self.rosters.origin

    # what the rules ask for

    def item(self, identity: bytes) -> Item | None:
        """See `Facts.item`."""
        return self.items.get(identity)

    def casts(self, decision: bytes) -> Sequence[Cast]:
        """See `Facts.casts`."""
        return self.votes.get(decision, [])

    def attestations(self, decision: bytes) -> Sequence[Attested]:
        """See `Facts.attestations`."""
        return self.attested.get(decision, [])

    def put_anew(self, decision: bytes) -> Sequence[Decision]:
        """See `Facts.put_anew`."""
        return [each for each in self.decisions() if each.anew and decision in each.repeals]

    def decisions(self) -> list[Decision]:
        """All that were noted."""
        return [each for each in self.items.values() if isinstance(each, Decision)]

    # what people write

    def _note(self, item: Item) -> bytes:
        self.items[item.id] = item
        return item.id

    def decide(
        self, name: str, verb: int, payload: Any, yes: str = "", *, pin: bytes | None = None, **more: Any
    ) -> bytes:
        """A proposal, with yes by these people's first devices. `more` are fields of the decision or the question."""
        policy = more.pop("policy", POLICY_OF.get(verb, "significant"))
        asked = {key: more.pop(key) for key in _ASKED if key in more}
        question = Question(policy, verb=int(verb), payload=payload, **asked)
        identity = drawn(name)
        self._note(Decision(identity, self.origin if pin is None else pin, question, **more))
        self.votes[identity] = []
        for each in yes.split():
            self.ballot(name, each)
        return identity

    def admit(self, name: str, who: str, yes: str, *, pin: bytes | None = None, witness: bool = False) -> bytes:
        """An admission of one person, by one application."""
        newcomer = Newcomer(drawn(f"{name} application"), person(who), device(who) if witness else None)
        return self.decide(name, Verb.ADMIT, (newcomer.application,), yes, pin=pin, newcomers=(newcomer,))

    def remove(self, name: str, who: str, yes: str, *, pin: bytes | None = None) -> bytes:
        """A removal of one person."""
        return self.decide(name, Verb.REMOVE, (person(who),), yes, pin=pin)

    def seats(
        self, name: str, who: str, yes: str, *, replaces: Iterable[bytes] = (), pin: bytes | None = None
    ) -> bytes:
        """A decision on who has a seat."""
        members = tuple(sorted(map(person, who.split())))
        return self.decide(name, Verb.WITNESSES, (members, tuple(sorted(replaces))), yes, pin=pin)

    def amend(
        self, name: str, policy: Policy, yes: str, *, replaces: Iterable[bytes] = (), pin: bytes | None = None
    ) -> bytes:
        """A decision on a policy."""
        return self.decide(name, Verb.POLICY, (policy, tuple(sorted(replaces))), yes, pin=pin)

    def mandate(
        self, name: str, role: str, holder: str, yes: str, *, again: bool = False, lasts: int | None = None,
        pin: bytes | None = None,
    ) -> bytes:  # fmt: skip
        """A decision that gives a mandate."""
        given = Mandate(role, person(holder), ("pay",), again=again, lasts=lasts)
        return self.decide(name, Verb.MANDATE, given, yes, pin=pin)

    def recall(self, name: str, mandate: bytes, yes: str, *, pin: bytes | None = None) -> bytes:
        """A decision that ends one."""
        return self.decide(name, Verb.RECALL, mandate, yes, pin=pin)

    def ballot(
        self, decision: str, who: str, say: int = Say.YES, *, at: int = 5, number: int = 1, scope: int = 0,
        counter: int = 0, reason: str = "",
    ) -> None:  # fmt: skip
        """A ballot on what was named so, at a place in a device's chain."""
        identity = drawn(f"{decision} {who} {number} {at} {counter} {int(say)}")
        cast = Cast(identity, person(who), device(who, number), at, scope, Form.YES_NO, int(say), counter, reason)
        self.votes[drawn(decision)].append(cast)

    def attest(
        self, decision: str, who: str, verdict: int = Verdict.PASSED, winners: tuple[int, ...] = (), *, at: int = 9,
        number: int = 1,
    ) -> None:  # fmt: skip
        """Attestations by some people's devices."""
        for each in who.split():
            identity = drawn(f"{decision} attested by {each} {int(verdict)}")
            one = Attested(identity, device(each, number), int(verdict), winners, (), b"\x00", bytes(32), at)
            self.attested.setdefault(drawn(decision), []).append(one)

    def vouch(self, name: str, by: str, member: str, *, at: int = 5, pin: bytes | None = None) -> bytes:
        """A vouch."""
        return self._note(Endorsement(*self._place(name, by, at, 1, pin), person(member)))

    def offer(
        self,
        name: str,
        by: str,
        number: int | None,
        replaces: Iterable[bytes],
        *,
        at: int = 5,
        pin: bytes | None = None,
    ) -> bytes:
        """An offer of a device, by itself; without a number none."""
        offered = None if number is None else device(by, number)
        place = self._place(name, by, at, number or 1, pin)
        return self._note(Offer(*place, offered, tuple(sorted(replaces))))

    def leave(self, name: str, by: str, good: int = 0, *, at: int = 5, pin: bytes | None = None) -> bytes:
        """A leave; of the first device so many records still count."""
        return self._note(Departure(*self._place(name, by, at, 1, pin), ((device(by), good),)))

    def revoke(self, name: str, by: str, good: int, *, number: int = 1, pin: bytes | None = None) -> bytes:
        """A revocation by the member key."""
        return self._note(DeviceEnd(drawn(name), pin or self.origin, person(by), device(by, number), good))

    def _place(
        self, name: str, by: str, at: int, number: int, pin: bytes | None
    ) -> tuple[bytes, bytes, bytes, bytes, int, int]:
        return drawn(name), self.origin if pin is None else pin, person(by), device(by, number), at, 0

    # rosters

    def step(self, parent: bytes, *cites: bytes, ratified_by: bytes | None = None) -> bytes:
        """An effective step; its result is known from now on."""
        problem = self.rosters.problem(parent, cites, ratified_by)
        assert problem is None, problem
        return self.rosters.learn(parent, cites)

    def facts(self, ids: Iterable[bytes] | None = None) -> dict[str, Any]:
        """Everything that the vector's answer follows from. Of items these alone, if ids are given, and what is in
        rosters.
        """
        wanted = self.items.keys() if ids is None else {*self.rosters.seen(), *ids}
        return {
            "genesis": telling.genesis_told(self.assembly, self.genesis),
            "items": [telling.item_told(each) for each in self.items.values() if each.id in wanted],
            "ballots": [telling.ballot_told(each, cast) for each, casts in self.votes.items() for cast in casts],
            "attestations": [
                telling.attestation_told(each, one) for each, found in self.attested.items() for one in found
            ],
            "rosters": sorted(sorted(self.rosters.ids(each)) for each in self.rosters.known()),
        }


def named(name: str, /, **changed: Any) -> Policy:
    """A policy of the default charter, changed."""
    return replace(next(each for each in DEFAULTS if each.name == name), **changed)
