"""Sections 5.2 to 5.5: what is ended in a set, and what the set means."""

import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from tests.second.history import NOTHING, History, Item, Set

ADMIT, REMOVE, REVOKE, RATIFY, POLICY, WITNESSES, CHARTER, MANDATE, RECALL = 1, 2, 3, 4, 5, 6, 7, 8, 9
VOICE, SEAT, UPHOLD = 10, 11, 13


def state(history: History, ids: Iterable[str]) -> "State":
    """What a set of known ids means, ended ones left out."""
    given = frozenset(ids)
    found: State = history.states.get(given) or State(history, given)
    if all(history.items[each]["pin"] in history.sets for each in given):
        history.states[given] = found
    return found


class State:
    """5.3 and 5.4 of one set."""

    federal = False

    def __init__(self, history: History, given: Set) -> None:
        self.history = history
        self.given = given
        self._items = [history.items[each] for each in sorted(given)]
        self._end()
        self.ids = given - self.ended
        self._mean()

    def _kind(self, kind: str, verb: int | None = None) -> list[Item]:
        return [
            each
            for each in self._items
            if each["kind"] == kind and (verb is None or each["verb"] == verb) and each["id"] not in self.ended
        ]

    # 5.3

    def _end(self) -> None:
        pin = self.history.pin
        self.ended: set[str] = set()
        self.removals: dict[str, set[str]] = {}
        for each in self._kind("decision", REMOVE):
            for member in each["payload"]:
                self.removals.setdefault(member, set()).add(each["id"])

        self._end_by_revocations()
        self.ended |= {each["id"] for each in self._kind("leave") if self._removed_since(each)}
        by_author: dict[str, list[Item]] = {}
        for each in self._kind("leave"):
            by_author.setdefault(each["author"], []).append(each)
        self.leaves: dict[str, Item] = {}
        for author, leaves in by_author.items():
            last = [each for each in leaves if not any(each["id"] in pin(other) for other in leaves)]
            self.leaves[author] = min(last, key=lambda each: each["id"])
            self.ended |= {each["id"] for each in leaves if each is not self.leaves[author]}

        for each in self._kind("vouch") + self._kind("offer"):
            concerned = [each["author"], *([each["member"]] if each["kind"] == "vouch" else [])]
            if not all(self.lasts(member, pin(each)) for member in concerned):
                self.ended.add(each["id"])

        self._end_offers()

    def _end_offers(self) -> None:
        offers = self._kind("offer")
        for each in offers:
            others = [other for other in offers if other["author"] == each["author"]]
            if any(each["id"] in self._replaced(other) for other in others):
                self.ended.add(each["id"])

    def _removed_since(self, word: Item) -> bool:
        return not self.removals.get(word["author"], set()) <= self.history.pin(word)

    def _end_by_revocations(self) -> None:
        by_key = self._kind("revocation")
        self.ended |= {each["id"] for each in by_key if self._removed_since(each)}
        ranked: dict[str, list[tuple[int, bool, str]]] = {}
        for each in self._kind("revocation"):
            ranked.setdefault(each["ended"], []).append((each["good"], True, each["id"]))
        for each in self._kind("decision", REVOKE):
            _, device, good = each["payload"]
            ranked.setdefault(device, []).append((good, False, each["id"]))
        holding = {device: min(every) for device, every in ranked.items()}
        self.revoked = {device: good for device, (good, _, _) in holding.items()}
        self.ended |= {each["id"] for each in by_key} - {identity for _, _, identity in holding.values()}

        words = [each for kind in ("vouch", "offer", "leave") for each in self._kind(kind)]
        self.ended |= {each["id"] for each in words if self.is_revoked(each)}

    def _replaced(self, offer: Item) -> set[str]:
        """What an offer replaces, directly or by others."""
        found: set[str] = set()
        open_ids = list(offer["replaces"])
        while open_ids:
            identity = open_ids.pop()
            if identity not in found:
                found.add(identity)
                other = self.history.items.get(identity, {"kind": ""})
                if other["kind"] == "offer":
                    open_ids += other["replaces"]
        return found

    def lasts(self, member: str, pin: Set) -> bool:
        """5.2.3."""
        leave = self.leaves.get(member)
        return self.removals.get(member, set()) <= pin and (leave is None or leave["id"] in pin)

    def is_revoked(self, word: Item) -> bool:
        return word["seq"] >= self.revoked.get(word["device"], word["seq"] + 1)

    def contains(self, pin: Set) -> bool:
        """5.3, at its end."""
        both = state(self.history, self.ids | pin)
        return all(each in self.ids or each in both.ended for each in pin)

    # 5.4

    def _mean(self) -> None:
        history, pin = self.history, self.history.pin
        newcomers = [(decision, each) for decision in self._kind("decision", ADMIT) for each in decision["newcomers"]]
        admitted = [each for decision, each in newcomers if self.lasts(each["member"], pin(decision))]
        founders = {each for each in history.founders if self.lasts(each, NOTHING)}
        self.members = founders | {each["member"] for each in admitted}
        vouched: dict[str, set[str]] = {}
        for each in self._kind("vouch"):
            vouched.setdefault(each["member"], set()).add(each["author"])
        enough = min(2, len(self.members))
        self.observers = {each for each, by in vouched.items() if len(by) >= enough and each not in self.members}

        self._mean_policies()
        named = self.holding((WITNESSES, None))
        if named is not None and named["payload"][0]:
            seats = {each for each in named["payload"][0] if self.lasts(each, pin(named))}
        else:
            seats = {each for each in history.witnesses if self.lasts(each, NOTHING)}
            seats |= {each["member"] for each in admitted if each["device"] is not None}
        self.seats = seats & self.members
        self.places: dict[str, dict[str, str | None]] = {}
        for member in self.members:
            given: dict[str, str | None] = {}
            if member in history.witnesses and self.lasts(member, NOTHING):
                given[history.assembly] = history.witnesses[member]
            mine = [each for each in admitted if each["member"] == member and each["device"] is not None]
            given |= {each["application"]: each["device"] for each in mine}
            self.places[member] = given
        offers = self._kind("offer")
        for each in offers:
            self.places.setdefault(each["author"], {})[each["id"]] = each["offered"]
        for each in offers:
            for gone in self._replaced(each):
                self.places[each["author"]].pop(gone, None)
        self.devices: dict[str, str] = {}
        for member in sorted(self.seats, reverse=True):
            left = list(self.places[member].values())
            if len(left) == 1 and left[0] is not None and left[0] not in self.revoked:
                self.devices[left[0]] = member

        self._mean_mandates()

    @property
    def holders(self) -> Iterable[str]:
        """Who may hold a mandate."""
        return self.members

    def _mean_policies(self) -> None:
        self.policies = dict(self.history.policies)
        if "removal" not in self.policies and "membership" in self.policies:
            self.policies["removal"] = self.policies["membership"] | {"name": "removal"}
        for name in {each["payload"][0]["name"] for each in self._kind("decision", POLICY)}:
            held = self.holding((POLICY, name))
            if held is not None:
                self.policies[name] = held["payload"][0]
        self.charter = self.holding((CHARTER, None))

    def _mean_mandates(self) -> None:
        history, pin = self.history, self.history.pin
        self.mandates = self._kind("decision", MANDATE)
        self.recalled: set[str] = set()
        for recall in self._kind("decision", RECALL):
            for each in self.mandates:
                target = next((one for one in self.mandates if one["id"] == recall["payload"]), None)
                if target is None:
                    continue
                same = each["payload"]["holder"] == target["payload"]["holder"] and same_role(each, target)
                if each is target or (same and recall["id"] not in pin(each)):
                    self.recalled.add(each["id"])
        self.in_force: list[str] = []
        for each in self.mandates:
            alive = [
                other
                for other in last_of_role(history, each["payload"]["role"], self.mandates)
                if other["id"] not in self.recalled
            ]
            if each["payload"]["holder"] in self.holders and alive == [each]:
                self.in_force.append(each["id"])

    # 5.5

    def on(self, thing: tuple[int, Any]) -> list[Item]:
        return [each for each in self._kind("decision", thing[0]) if thing_of(each) == thing]

    def unreplaced(self, thing: tuple[int, Any]) -> list[Item]:
        """Decisions on one thing that none replaces, directly or by others."""
        return _unreplaced(self.history, self.on(thing))

    def holding(self, thing: tuple[int, Any]) -> Item | None:
        every = self.on(thing)
        while every:
            left = _unreplaced(self.history, every)
            if len(left) == 1:
                return left[0]
            common = set.intersection(*(_before(self.history, each) for each in left))
            every = [self.history.items[each] for each in common]
        return None


def thing_of(decision: Item) -> tuple[int, Any] | None:
    verb = decision["verb"]
    if verb == POLICY:
        return verb, decision["payload"][0]["name"]
    return (verb, None) if verb in (WITNESSES, CHARTER) else None


def named_before(decision: Item) -> list[str]:
    """The decisions on the same thing that one says it replaces."""
    found: list[str] = decision["payload"] if decision["verb"] == CHARTER else decision["payload"][1]
    return found


def _before(history: History, decision: Item) -> set[str]:
    found: set[str] = set()
    for each in named_before(decision):
        other = history.items.get(each)
        decided = other is not None and other["kind"] == "decision" and each in history.pin(decision)
        if other is not None and decided and thing_of(other) == thing_of(decision) and each not in found:
            found |= {each} | _before(history, other)
    return found


def _unreplaced(history: History, every: list[Item]) -> list[Item]:
    gone = set().union(*(_before(history, each) for each in every))
    return [each for each in every if each["id"] not in gone]


def last_of_role(history: History, role: str, mandates: list[Item]) -> list[Item]:
    """Mandates of a role that no other one of the role has in its pin."""
    every = [each for each in mandates if role_key(each["payload"]["role"]) == role_key(role)]
    return [each for each in every if not any(each["id"] in history.pin(other) for other in every)]


def same_role(one: Item, other: Item) -> bool:
    return role_key(one["payload"]["role"]) == role_key(other["payload"]["role"])


def role_key(role: str) -> str:
    """5.4.6."""
    nfkc: Callable[[str], str] = lambda text: unicodedata.ucd_3_2_0.normalize("NFKC", text)  # noqa: E731
    return " ".join(each for each in nfkc(nfkc(role).casefold()).split(" ") if each)


def told(there: State) -> dict[str, Any]:
    """What a set means, as the vectors tell it."""
    return {
        "ids": sorted(there.ids),
        "members": sorted(there.members),
        "observers": sorted(there.observers),
        "policies": dict(sorted(there.policies.items())),
        "seats": sorted(there.seats),
        "devices": dict(sorted(there.devices.items())),
        "mandates": sorted(each["id"] for each in there.mandates),
        "in_force": sorted(there.in_force),
        "revoked": dict(sorted(there.revoked.items())),
        "charter": there.charter["id"] if there.charter else None,
    }
