"""What Meek's method takes from papers: how far each goes among the elected, and what every option keeps of it.

A paper goes on through its ranks until it comes to one with a hopeful option, which keeps all that reaches it; the
elected before keep their part. Papers that go the same way are one here, and ways share their beginnings. A rank that
several share counts as the average of its strict orders.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from math import factorial, lcm, prod
from typing import NamedTuple

from meshd_protocol.decisions.counting.result import Ranks

Path = tuple[tuple[int, ...], ...]
"""The options that a paper comes to, rank by rank; only the last rank may have hopeful ones."""


class Papers:
    """The papers, and the paths that they take among the options that are in."""

    def __init__(self, papers: dict[Ranks, int], options: int) -> None:
        self.papers = list(papers.items())
        longest = max((len(rank) for ranks in papers for rank in ranks), default=1)
        self.unit = lcm(*range(1, longest + 2))  # every part of a vote that equal sharing can come to is whole in it
        self.hopeful = set(range(options))
        self.elected: set[int] = set()
        self.path: list[Path] = [()] * len(self.papers)
        self.place = [-1] * len(self.papers)
        self.held: list[set[int]] = [set() for _ in range(options)]  # papers that end at each hopeful option
        self.paths: dict[Path, int] = {}
        self.grown: list[_Node] | None = None
        for number in range(len(self.papers)):
            self._go_on(number)

    def copy(self) -> "Papers":
        """The same, to go on from."""
        other = Papers({}, 0)
        other.papers, other.unit, other.grown = self.papers, self.unit, self.grown
        other.hopeful, other.elected = set(self.hopeful), set(self.elected)
        other.path, other.place, other.paths = list(self.path), list(self.place), dict(self.paths)
        other.held = [set(held) for held in self.held]
        return other

    def _go_on(self, number: int) -> None:
        """Let a paper go on from the end of its path."""
        ranks, weight = self.papers[number]
        path = list(self.path[number])
        for place in range(self.place[number] + 1, len(ranks)):
            rank = tuple(option for option in ranks[place] if option in self.hopeful or option in self.elected)
            self.place[number] = place
            if rank:
                path.append(rank)
                hopeful = [option for option in rank if option in self.hopeful]
                if hopeful:
                    for option in hopeful:
                        self.held[option].add(number)
                    break
        self.path[number] = tuple(path)
        self.paths[self.path[number]] = self.paths.get(self.path[number], 0) + weight

    def _stop(self, number: int) -> None:
        """Take a paper off its path."""
        path = self.path[number]
        self.paths[path] -= self.papers[number][1]
        if not self.paths[path]:
            del self.paths[path]

    def elect(self, option: int) -> None:
        """An option passes on what it does not keep: its papers go on."""
        self.hopeful.discard(option)
        self.elected.add(option)
        self._move(option, option)

    def exclude(self, option: int) -> None:
        """An option is out, and its papers go on."""
        self.hopeful.discard(option)
        self._move(option, None)

    def _move(self, option: int, stays: int | None) -> None:
        self.grown = None
        for number in self.held[option]:
            self._stop(number)
            *before, last = self.path[number]
            rank = tuple(each for each in last if each != option or each == stays)
            self.path[number] = (*before, rank) if rank else tuple(before)
            if any(each in self.hopeful for each in rank):
                self.paths[self.path[number]] = self.paths.get(self.path[number], 0) + self.papers[number][1]
            else:
                self._go_on(number)
        self.held[option] = set()

    def nodes(self) -> "list[_Node]":
        """All paths as a tree, each node after the one that it hangs on."""
        if self.grown is None:
            places: dict[tuple[int, tuple[int, ...]], int] = {}
            counts: list[int] = []
            powers: list[int] = []
            for path, number in self.paths.items():
                above = -1
                for rank in path:
                    place = places.setdefault((above, rank), len(places))
                    if place == len(counts):
                        counts.append(0)
                        elected = sum(option in self.elected for option in rank)
                        powers.append(elected + (powers[above] if above >= 0 else 0))
                    counts[place] += number
                    above = place
            inner = {above for above, _ in places}
            self.grown = [
                _Node(above, rank, counts[place], powers[place], place in inner)
                for (above, rank), place in places.items()
            ]
        return self.grown

    def exact_votes(self, keep: Sequence[int], one: int) -> tuple[list[int], int]:
        """What each option keeps of all papers, in whole numbers, and how many of those make one vote.

        `keep` are the keep factors, in parts of `one`.
        """
        nodes, options, hopeful = self.nodes(), len(self.held), self.hopeful
        most = max((node.power for node in nodes), default=0)
        rows = [[0] * options for _ in range(most + 1)]  # sums in parts of one ** power
        shared: dict[tuple[int, int], list[int]] = {}  # the same of shared ranks, by power and further divisor
        reaching = [1] * (len(nodes) + 1)  # what comes through each node; the last is the beginning, at -1
        for place, (above, rank, number, power, goes_on) in enumerate(nodes):
            amount = reaching[above]
            if len(rank) == 1:
                option = rank[0]
                if option in hopeful:
                    rows[power][option] += amount * number
                    continue
                rows[power][option] += amount * number * keep[option]
                left = one - keep[option]
            else:
                if not goes_on and hopeful.issuperset(rank):
                    row = shared.get((power, len(rank))) or shared.setdefault((power, len(rank)), [0] * options)
                    amount *= number
                    for option in rank:
                        row[option] += amount
                    continue
                shares, divisor, left = _shares(rank, keep, one, hopeful)
                row = shared.setdefault((power, divisor), [0] * options)
                for option, share in zip(rank, shares, strict=True):
                    row[option] += amount * number * share
            if goes_on:
                reaching[place] = amount * left
        common = lcm(*(divisor for _, divisor in shared))
        votes = [0] * options
        for power, row in enumerate(rows):
            _add(votes, row, one ** (most - power) * common)
        for (power, divisor), row in shared.items():
            _add(votes, row, one ** (most - power) * (common // divisor))
        return votes, one**most * common

    def fixed_votes(self, keep: Sequence[int], one: int) -> list[int]:
        """The same in fixed point, in parts of `one`: what a single option keeps of a paper is rounded up, what each
        of several in one rank keeps is rounded down, so that none has more for being named first."""
        nodes = self.nodes()
        votes = [0] * len(self.held)
        reaching = [one] * (len(nodes) + 1)
        for place, (above, rank, number, _, goes_on) in enumerate(nodes):
            left = reaching[above]
            if not left:
                reaching[place] = 0
            elif len(rank) == 1:
                kept = -(-left * keep[rank[0]] // one)
                votes[rank[0]] += kept * number
                reaching[place] = left - kept
            else:
                shares, divisor, _ = _shares(rank, keep, one, self.hopeful)
                whole = divisor * one ** sum(option not in self.hopeful for option in rank)
                reaching[place] = max(0, left - sum(-(-left * share // whole) for share in shares)) if goes_on else 0
                for option, share in zip(rank, shares, strict=True):
                    votes[option] += left * share // whole * number
        return votes

    def without(self, group: Collection[int]) -> tuple[int, dict[int, int], int]:
        """While nobody is elected: the most that one of a group of hopeful options can come to when the others of it
        go and nobody else does; what the others gain when all of it is gone; and how many of the units of both make a
        vote."""
        among, hopeful, unit = set(group), self.hopeful, self.unit
        reach = dict.fromkeys(among, 0)
        gain = dict.fromkeys(hopeful - among, 0)
        for number in {number for option in among for number in self.held[option]}:
            ranks, weight = self.papers[number]
            weight *= unit
            for place in range(self.place[number], len(ranks)):
                rank = ranks[place]
                if len(rank) == 1:
                    if rank[0] in among:
                        reach[rank[0]] += weight
                    elif rank[0] in hopeful:
                        gain[rank[0]] += weight
                        break
                    continue
                there = [option for option in rank if option in hopeful]
                outside = [option for option in there if option not in among]
                for option in there:
                    if option in among:
                        reach[option] += weight // (1 + len(outside))
                before = weight // len(there) if place == self.place[number] else 0
                for option in outside:
                    gain[option] += weight // len(outside) - before
                if outside:
                    break
        return max(reach.values()), gain, unit


class _Node(NamedTuple):
    """A rank that `number` papers come to after the one at `above` (-1: none). `power` counts the elected so far."""

    above: int
    rank: tuple[int, ...]
    number: int
    power: int
    goes_on: bool


def _add(votes: list[int], row: Sequence[int], scale: int) -> None:
    for option, value in enumerate(row):
        if value:
            votes[option] += value * scale


def _shares(
    rank: Sequence[int], keep: Sequence[int], one: int, hopeful: Collection[int]
) -> tuple[Sequence[int], int, int]:
    """What the options of a shared rank keep of a paper on the average of the rank's strict orders, and what passes on.

    Shares are in parts of `divisor * one ** m`, what passes on in parts of `one ** m`, where m is how many of the
    options are elected.
    """
    if all(option in hopeful for option in rank):
        return (1,) * len(rank), len(rank), 0
    return _average(tuple(None if option in hopeful else keep[option] for option in rank), one)


@lru_cache(maxsize=4096)
def _average(keep: tuple[int | None, ...], one: int) -> tuple[Sequence[int], int, int]:
    """The shares of a rank in which some are elected and keep a part; None is a hopeful one, which keeps all.

    One that keeps k keeps of a paper k times what those before it passed on. A hopeful one passes nothing on. So over
    all orders that is the sum, over which of the other elected come before and nobody else, of the orders of that kind
    times what they pass on. The hopeful ones share equally what is left.
    """
    parts = [factor for factor in keep if factor is not None]
    hopeful = len(keep) - len(parts)
    divisor = factorial(len(keep))
    known: dict[int, int] = {}
    for factor in set(parts):
        others = list(parts)
        others.remove(factor)
        total = 0
        for count, term in enumerate(_symmetric([one - other for other in others])):
            orders = factorial(count) * factorial(len(keep) - 1 - count)  # in which just those come before
            total += term * one ** (len(others) - count) * orders
        known[factor] = factor * total
    if not hopeful:
        return [known[factor] for factor in parts], divisor, prod(one - factor for factor in parts)
    rest = one ** len(parts) * divisor - sum(known[factor] for factor in parts)
    return [rest if factor is None else known[factor] * hopeful for factor in keep], divisor * hopeful, 0


def _symmetric(values: Sequence[int]) -> list[int]:
    """The elementary symmetric polynomials of some numbers, from degree 0."""
    sums = [1] + [0] * len(values)
    for count, value in enumerate(values, 1):
        for degree in range(count, 0, -1):
            sums[degree] += sums[degree - 1] * value
    return sums
