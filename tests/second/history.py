"""What sections 5 and 6 are functions of: a genesis, items, ballots and attestations, told as the vectors tell them.

Byte strings are hexadecimal text, which sorts as the bytes do. An item is a dict; the README of the vectors says what
its fields are.
"""

from collections import defaultdict
from functools import cached_property
from typing import Any

from tests.second.keys import CONTEXT, H

Item = dict[str, Any]
Set = frozenset[str]
NOTHING: Set = frozenset()


class History:
    """What is known, and the rosters that were reached, by id."""

    def __init__(
        self,
        genesis: dict[str, Any],
        items: list[Item] = [],  # noqa: B006  never changed
        ballots: list[Item] = [],  # noqa: B006
        attestations: list[Item] = [],  # noqa: B006
    ) -> None:
        self.assembly: str = genesis["assembly"]
        self.founders: list[str] = genesis["founders"]
        self.witnesses: dict[str, str] = dict(genesis["witnesses"])
        self.policies: dict[str, Item] = {each["name"]: each for each in genesis["policies"]}
        self.items: dict[str, Item] = {each["id"]: each for each in items}
        self.ballots = _by_decision(ballots)
        self.attestations = _by_decision(attestations)
        self.sets: dict[str, Set] = {}
        self.states: dict[Set, Any] = {}
        self.origin = self.reach(NOTHING)

    def reach(self, ids: Set) -> str:
        """5.1.2: the id of a set, which is reached from now on."""
        name = self.name(ids)
        self.sets[name] = ids
        return name

    def name(self, ids: Set) -> str:
        return H(CONTEXT["ROSTER"], bytes.fromhex(self.assembly), *map(bytes.fromhex, sorted(ids))).hex()

    def pin(self, item: Item) -> Set:
        """The set that an item pins; nothing where that is not reached, and the item qualifies nowhere."""
        return self.sets.get(item["pin"], NOTHING)

    @cached_property
    def decisions(self) -> list[Item]:
        return [each for each in self.items.values() if each["kind"] == "decision"]


def _by_decision(every: list[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = defaultdict(list)
    for each in every:
        found[each["decision"]].append(each)
    return found
