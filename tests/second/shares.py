"""Section 6.7: equal shares, with cost utilities."""

from collections.abc import Hashable
from fractions import Fraction
from typing import Any

from tests.second.ways import Count, Elected, Tie


class EqualShares(Count):
    """Everybody has an equal share of the budget, and pays with others who approve of the same."""

    def __init__(self, ballots: list[tuple[int, Any]], costs: list[int], budget: int) -> None:
        super().__init__(together=True)
        self.ballots, self.costs = ballots, costs
        people = sum(n for n, _ in ballots)
        self.left = [Fraction(budget, people) for _ in ballots]
        self.elected: frozenset[int] = frozenset()
        self.spent = 0
        self.budget = budget

    @property
    def money(self) -> int:
        return self.budget - self.spent

    def approve(self, option: int) -> list[int]:
        """The numbers of the ballots that approve of it."""
        return [n for n, (_, chosen) in enumerate(self.ballots) if option in chosen]

    def approvals(self, option: int) -> int:
        return sum(self.ballots[n][0] for n in self.approve(option))

    def state(self) -> Hashable:
        return self.elected, tuple(self.left)

    def open(self) -> list[int]:
        """Those who are not taken, and whom a ballot approves of."""
        return [each for each in range(len(self.costs)) if each not in self.elected and self.approvals(each)]

    def part(self, option: int) -> Fraction | None:
        """The least part of the cost that nobody has to exceed; None where those who approve can't pay."""
        cost, payers = Fraction(self.costs[option]), sorted(self.approve(option), key=lambda n: self.left[n])
        if sum(self.ballots[n][0] * self.left[n] for n in payers) < cost:
            return None
        while True:
            each = cost / sum(self.ballots[n][0] for n in payers)
            if self.left[payers[0]] >= each:
                return each / self.costs[option]
            cost -= self.ballots[payers[0]][0] * self.left[payers[0]]
            payers = payers[1:]

    def pay(self, options: list[int], part: Fraction) -> None:
        for option in options:
            for n in self.approve(option):
                self.left[n] -= min(self.left[n], part * self.costs[option])
            self.spent += self.costs[option]
        self.elected |= set(options)

    def step(self) -> Elected | Tie | None:
        parts = {each: part for each in self.open() if (part := self.part(each)) is not None}
        if not parts:
            return self.by_approvals()
        least = min(parts.values())
        tied = [each for each in parts if parts[each] == least]
        if len(tied) == 1:
            self.pay(tied, least)
        elif self.money >= sum(self.costs[each] for each in self.open()):
            return Elected(self.elected | set(self.open()))
        elif together := [each for each in tied if self.is_short_of_nobody(each, tied, least)]:
            self.pay(together, least)
        else:
            return self.tie(tied)
        return None

    def is_short_of_nobody(self, option: int, tied: list[int], part: Fraction) -> bool:
        for n in self.approve(option):
            both = [each for each in tied if n in self.approve(each)]
            if len(both) > 1 and self.left[n] and self.left[n] < sum(part * self.costs[each] for each in both):
                return False
        return True

    def by_approvals(self) -> Elected | Tie | None:
        able = [each for each in self.open() if self.costs[each] <= self.money]
        if not able:
            return Elected(self.elected)
        most = max(map(self.approvals, able))
        tied = [each for each in able if self.approvals(each) == most]
        if sum(self.costs[each] for each in tied) > self.money:
            return self.tie(tied)
        self.elected |= set(tied)
        self.spent += sum(self.costs[each] for each in tied)
        return None

    def tie(self, tied: list[int]) -> Tie:
        kinds: dict[Hashable, set[int]] = {}
        for each in tied:
            kinds.setdefault((self.costs[each], tuple(self.approve(each))), set()).add(each)
        return Tie(tied, [frozenset(kind) for kind in kinds.values() if len(kind) > 1])

    def put(self, option: int) -> None:
        part = self.part(option)
        if part is not None:
            self.pay([option], part)
        else:
            self.elected |= {option}
            self.spent += self.costs[option]
