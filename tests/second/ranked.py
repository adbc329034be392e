"""Section 6.7: counts of ranks by instant run-off, by the Scottish order of 2007, and by Meek."""

import itertools
import math
from collections.abc import Callable, Collection, Hashable, Iterable
from fractions import Fraction
from typing import Any

from tests.second.ways import Count, Elected, Tie

Ballots = list[tuple[int, list[list[int]]]]
Votes = dict[int, Any]

UNIT = 100_000
"""Values of the Scottish order have five decimals."""

FINE = 10**18
LITTLE = Fraction(1, 10**12)
STEPS = 2000


def first_rank(ranks: Iterable[Iterable[int]], among: Collection[int]) -> list[int]:
    """Those of the highest rank with some of them; nobody, where there is none."""
    for rank in ranks:
        if there := [each for each in rank if each in among]:
            return there
    return []


def equal_parts(ballots: Ballots, among: Collection[int]) -> Votes:
    """What each option has where equal ranks count in equal parts."""
    votes = dict.fromkeys(among, Fraction(0))
    for n, ranks in ballots:
        there = first_rank(ranks, among)
        for each in there:
            votes[each] += Fraction(n, len(there))
    return votes


def closed(tied: Iterable[int], votes: Votes, comes_to: Callable[[set[int], set[int]], Any]) -> set[int]:
    """Point 3: the smallest set with the tied, and with everybody who has no more than what its options come to."""
    group = set(tied)
    while True:
        more = {each for each in votes if votes[each] <= comes_to(group, set(votes) - group)} | group
        if more == group:
            return group
        group = more


class Ranked(Count):
    """What the three have in common: options continue, are elected or are excluded."""

    def __init__(self, ballots: Ballots, options: int, seats: int) -> None:
        super().__init__(together=True)
        self.ballots, self.seats = ballots, seats
        self.continuing = set(range(options))
        self.elected: set[int] = set()

    @property
    def seats_left(self) -> int:
        return self.seats - len(self.elected)

    def exclude(self, options: Collection[int]) -> None:
        self.continuing -= set(options)

    def put(self, option: int) -> None:
        self.exclude([option])

    def end(self) -> Elected | None:
        """All are elected whom the seats are enough for."""
        if self.seats_left == 0:
            return Elected(frozenset(self.elected))
        if len(self.continuing) == self.seats_left:
            return Elected(frozenset(self.elected | self.continuing))
        return None

    def group(self, tied: list[int]) -> set[int]:
        """Point 3; the empty set, where there is no group."""
        raise NotImplementedError

    def enough(self, group: set[int]) -> bool:
        return len(self.continuing - group) >= self.seats_left

    def exclude_last(self, last: list[int], votes: Votes) -> Tie | None:
        """Of options that are tied for the last place."""
        if len(last) == 1 or (not any(votes[each] for each in last) and self.enough(set(last))):
            self.exclude(last)
            return None
        tied = self.look_back(last, min)
        if len(tied) == 1:
            self.exclude(tied)
        elif self.together and (group := self.group(tied)):
            self.exclude(group)
            self.joint.add(len(self.stages))
        else:
            return Tie(sorted(tied, reverse=True))
        return None


class InstantRunOff(Ranked):
    """The last goes, until one has more than half of what still counts."""

    def step(self) -> Elected | Tie | None:
        votes = equal_parts(self.ballots, self.continuing)
        self.stages.append(votes)
        if ahead := [each for each in votes if 2 * votes[each] > sum(votes.values())]:
            return Elected(frozenset(ahead))
        least = min(votes.values())
        return self.end() or self.exclude_last([each for each in votes if votes[each] == least], votes)

    def group(self, tied: list[int]) -> set[int]:
        group = run_off_group(self.ballots, tied, self.stages[-1])
        return group if self.enough(group) else set()


def run_off_group(ballots: Ballots, tied: list[int], votes: Votes) -> set[int]:
    """What an option of a group can come to are its votes if just the others and it continued."""
    return closed(tied, votes, lambda group, rest: max(equal_parts(ballots, rest | {each})[each] for each in group))


class Scottish(Ranked):
    """Papers lie with options, each with its value, in units of the fifth decimal."""

    def __init__(self, ballots: Ballots, options: int, seats: int) -> None:
        super().__init__(ballots, options, seats)
        valid = sum(n for n, ranks in ballots if ranks)
        self.quota = (valid // (seats + 1) + 1) * UNIT
        self.papers: dict[int, list[tuple[int, int, Any]]] = {each: [] for each in range(options)}
        self.votes: Votes = dict.fromkeys(range(options), 0)
        self.deal([(n, UNIT, ranks) for n, ranks in ballots])

    def deal(self, papers: Iterable[tuple[int, int, Any]]) -> None:
        """Give papers to the continuing options of the highest rank that has some, in equal parts, cut off."""
        for n, value, ranks in papers:
            there = first_rank(ranks, self.continuing)
            for each in there:
                self.papers[each].append((n, value // len(there), ranks))
                self.votes[each] += n * (value // len(there))

    def step(self) -> Elected | Tie | None:
        self.stages.append(dict(self.votes))
        if reached := {each for each in self.continuing if self.votes[each] >= self.quota}:
            self.elected |= reached
            self.continuing -= reached
        if end := self.end():
            return end
        if most := max((self.votes[each] - self.quota for each in self.elected), default=0):
            return self.transfer_first([each for each in self.elected if self.votes[each] - self.quota == most])
        least = min(self.votes[each] for each in self.continuing)
        return self.exclude_last([each for each in self.continuing if self.votes[each] == least], self.votes)

    def transfer_first(self, largest: list[int]) -> Tie | None:
        first = self.look_back(largest, max)
        if len(first) == 1:
            self.transfer(first)
            return None
        if self.together:
            before = dict(self.votes), {each: list(papers) for each, papers in self.papers.items()}
            self.transfer(first)
            if all(self.votes[each] < self.quota for each in self.continuing):
                self.joint.add(len(self.stages))
                return None
            self.votes, self.papers = before
        return Tie(sorted(first))

    def transfer(self, options: list[int]) -> None:
        """Each paper goes on for what it was worth, times the surplus, by all votes: cut off."""
        for each in options:
            had, surplus = self.votes[each], self.votes[each] - self.quota
            papers, self.papers[each] = self.papers[each], []
            self.votes[each] = self.quota
            self.deal((n, value * surplus // had, ranks) for n, value, ranks in papers)

    def exclude(self, options: Collection[int]) -> None:
        super().exclude(options)
        for each in sorted(options):
            papers, self.papers[each] = self.papers[each], []
            self.votes[each] = 0
            self.deal(papers)

    def put(self, option: int) -> None:
        if option in self.elected:
            self.transfer([option])
        else:
            self.exclude([option])

    def group(self, tied: list[int]) -> set[int]:
        votes = {each: self.votes[each] for each in self.continuing}
        group = closed(tied, votes, self.most_of)
        rest = self.continuing - group
        if not self.enough(group) or any(self.divides(each, group) for each in group):
            return set()
        gone = {each: self.votes[each] for each in rest}
        for n, value, ranks in (paper for each in group for paper in self.papers[each]):
            there = first_rank(ranks, rest)
            for each in there:
                gone[each] += n * (value // len(there))
        return set() if any(count >= self.quota for count in gone.values()) else group

    def most_of(self, group: set[int], rest: set[int]) -> int:
        """What an option of the group can come to; where its papers are divided, there is no group in the end."""
        found = []
        for each in group:
            count = self.votes[each]
            for n, value, ranks in (paper for other in group - {each} for paper in self.papers[other]):
                there = first_rank(ranks, rest | {each})
                count += n * (value // len(there)) if each in there else 0
            found.append(count)
        return max(found)

    def divides(self, holder: int, group: set[int]) -> bool:
        """Whether a paper of the group comes to be divided between options that are not all others."""
        for _, _, ranks in self.papers[holder]:
            for rank in ranks:
                there = {each for each in rank if each in self.continuing and each != holder}
                if len(there) > 1 and there & group:
                    return True
                if there - group:
                    break
        return False


class Meek(Ranked):
    """Each option keeps a part of what comes to it."""

    def __init__(self, ballots: Ballots, options: int, seats: int) -> None:
        super().__init__(ballots, options, seats)
        self.keep = dict.fromkeys(range(options), Fraction(1))

    def state(self) -> Hashable:
        return frozenset(self.continuing), frozenset(self.elected)

    def count(self) -> Votes:
        votes = dict.fromkeys(sorted(self.continuing | self.elected), Fraction(0))
        for n, ranks in self.ballots:
            left = Fraction(n)
            for rank in ranks:
                there = [each for each in rank if each in votes]
                for each in there:
                    votes[each] += left * self.kept(each, [other for other in there if other != each])
                left *= math.prod((1 - self.keep[each] for each in there), start=Fraction(1))
        return votes

    def kept(self, option: int, others: list[int]) -> Fraction:
        """The average over all strict orders of a rank."""
        n = len(others) + 1
        before = Fraction(0)
        for size in range(n):
            weight = Fraction(math.factorial(size) * math.factorial(n - 1 - size), math.factorial(n))
            for some in itertools.combinations(others, size):
                before += weight * math.prod((1 - self.keep[each] for each in some), start=Fraction(1))
        return self.keep[option] * before

    def step(self) -> Elected | Tie | None:
        for left in reversed(range(STEPS)):
            votes = self.count()
            quota = sum(votes.values(), Fraction(0)) / (self.seats + 1)
            reached = {each for each in self.continuing if votes[each] > quota}
            self.elected |= reached
            self.continuing -= reached
            if end := self.end():
                return end
            surplus = sum((votes[each] - quota for each in self.elected), Fraction(0))
            least = min(votes[each] for each in self.continuing)
            last = [each for each in self.continuing if votes[each] <= least + surplus]
            if surplus < LITTLE or not left or (len(last) == 1 and not reached):
                self.votes, self.surplus = votes, surplus
                return self.exclude_last(last, votes)
            for each in self.elected:
                self.keep[each] = Fraction(math.ceil(self.keep[each] * quota / votes[each] * FINE), FINE)
        raise AssertionError("the last step decides")

    def group(self, tied: list[int]) -> set[int]:
        votes = {each: self.votes[each] for each in self.continuing}
        if not self.elected:
            group = run_off_group(self.ballots, tied, votes)
            gone = equal_parts(self.ballots, self.continuing - group)
            quota = sum(gone.values(), Fraction(0)) / (self.seats + 1)
            if self.enough(group) and all(count <= quota for count in gone.values()):
                return group
        group = closed(tied, votes, lambda some, _: sum(votes[each] for each in some) + self.surplus)
        return group if self.enough(group) else set()
