"""Meek's method (Hill, Wichmann and Woodall, "Algorithm 123: Single Transferable Vote by Meek's Method", 1987).

Every elected option keeps the part of each vote that leaves it with just a quota, found by iteration. Here votes are
exact rationals for the keep factors of a step, and factors are rounded up to 18 digits between steps: a candidate is
excluded only where no further step could save her, so that the outcome is that of the endless iteration. Where that
can't be told before the surplus is below 10**-12 votes, the two are tied. `digits` computes the usual fixed-point
variant instead (the Proportional Representation Foundation's Reference Meek Rule, with 9): what an option keeps of a
paper and keep factors are rounded up, and iteration ends below 10**-(digits * 2 // 3), or where it stops to converge.

An option that shares a rank with others takes an equal part of what reaches the rank; in fixed point rounded down, so
that none has more for its place.
"""

from collections.abc import Sequence
from fractions import Fraction

from meshd_protocol.decisions.counting.result import Pick, Ranks, Result, Sheet, counted, decimal

_FACTOR_DIGITS = 18
_CLOSE = Fraction(1, 10**12)
_STEPS = 2000


def count(
    ballots: Sequence[tuple[int, Ranks]],
    names: Sequence[str],
    seats: int = 1,
    lot: Sequence[int] = (),
    *,
    digits: int | None = None,
) -> Result:
    """Count `ballots`, each (weight, ranks). The figure of an option is its first preferences."""
    papers: dict[Ranks, int] = {}
    for weight, ranks in ballots:
        papers[ranks] = papers.get(ranks, 0) + weight
    first = [Fraction(0)] * len(names)
    for ranks, number in papers.items():
        for option in ranks[0] if ranks else ():
            first[option] += Fraction(number, len(ranks[0]))
    figures = tuple(map(int, first))

    def run(sheet: Sheet, pick: Pick) -> list[int]:
        return _Meek(sheet, pick, papers, len(names), seats, digits).run()

    return counted(names, figures, run, lot)


class _Meek:
    """One run of the count."""

    def __init__(
        self, sheet: Sheet, pick: Pick, papers: dict[Ranks, int], options: int, seats: int, digits: int | None
    ) -> None:
        self.sheet = sheet
        self.pick = pick
        self.seats = seats
        self.options = options
        self.tree = _tree(papers)
        self.keep = [Fraction(1)] * options
        self.hopeful = set(range(options))
        self.elected: list[int] = []
        self.grain = Fraction(1, 10**digits) if digits else None
        self.close = Fraction(1, 10 ** (digits * 2 // 3)) if digits else _CLOSE
        self.factor_digits = digits or _FACTOR_DIGITS

    def run(self) -> list[int]:
        """The elected, in order."""
        while True:
            votes, quota, surplus = self.step()
            room = self.seats - len(self.elected)
            if not room:
                return self.elected
            if len(self.hopeful) <= room:
                rest = sorted(self.hopeful, key=lambda each: -votes[each])
                self.note(f"Elected, as all that is left for the seats: {self.sheet.named(rest)}.", votes)
                return [*self.elected, *rest]
            self.exclude(votes, quota, surplus)

    def step(self) -> tuple[list[Fraction], Fraction, Fraction]:
        """Iterate until somebody must be excluded, or the seats are filled."""
        left = _STEPS
        before: Fraction | None = None
        while True:
            left -= 1
            votes = self.votes()
            quota = sum(votes, Fraction(0)) / (self.seats + 1)
            if self.grain is not None:
                quota = (quota // self.grain + 1) * self.grain
            reached = sorted(
                (each for each in self.hopeful if self.reaches(votes[each], quota)), key=lambda each: -votes[each]
            )
            assert len(reached) <= self.seats - len(self.elected), "one more than the seats can't all have a quota"
            if reached:
                self.note(f"Elected with the quota of {decimal(quota)}: {self.sheet.named(reached)}.", votes)
                self.elected += reached
                self.hopeful -= set(reached)
                if len(self.elected) == self.seats:
                    return votes, quota, Fraction(0)
            surplus = sum((votes[each] - quota for each in self.elected if votes[each] > quota), Fraction(0))
            stuck = self.grain is not None and not reached and before is not None and surplus >= before
            before = surplus
            if not left or stuck or surplus < self.close or (not reached and self.is_certain(votes, surplus)):
                return votes, quota, surplus
            for each in self.elected:
                if votes[each] > quota:
                    self.keep[each] = self.factor(self.keep[each] * quota / votes[each])

    def reaches(self, votes: Fraction, quota: Fraction) -> bool:
        """With exact numbers more than a quota elects: just a quota may be one seat too many."""
        return votes >= quota if self.grain is not None else votes > quota

    def is_certain(self, votes: Sequence[Fraction], surplus: Fraction) -> bool:
        """Whether the last option stays the last even if all surplus came to it."""
        ordered = sorted(votes[each] for each in self.hopeful)
        return len(ordered) > 1 and self.grain is None and ordered[0] + surplus < ordered[1]

    def exclude(self, votes: Sequence[Fraction], quota: Fraction, surplus: Fraction) -> None:
        """Exclude the last option."""
        least = min(votes[each] for each in self.hopeful)
        tied = sorted(each for each in self.hopeful if votes[each] <= least + surplus)
        room = self.seats - len(self.elected)
        if any(votes[each] for each in tied) or len(self.hopeful) - len(tied) < room:
            while len(tied) > 1:
                tied.remove(self.pick(tuple(tied)))
        for each in tied:
            self.keep[each] = Fraction(0)
            self.hopeful.discard(each)
        self.note(
            f"{self.sheet.named(tied)}, with the fewest votes, {'is' if len(tied) == 1 else 'are'} excluded "
            f"(the quota was {decimal(quota)}).",
            votes,
        )

    def votes(self) -> list[Fraction]:
        """What each option keeps of all ballots, by the factors of now."""
        votes = [Fraction(0)] * self.options
        stack = [(self.tree, Fraction(1))]
        while stack:
            node, reaching = stack.pop()
            for rank, (number, below) in node.items():
                there = [each for each in rank if self.keep[each]]
                shares = [reaching * self.keep[each] / len(there) for each in there]
                left = max(Fraction(0), reaching - sum(map(self.up, shares)))
                for each, share in zip(there, shares, strict=True):
                    kept = self.up(share) if len(there) == 1 else self.down(share)
                    votes[each] += kept * number
                if left and below:
                    stack.append((below, left))
        return votes

    def up(self, share: Fraction) -> Fraction:
        """What an option keeps of a paper: rounded up in fixed point, exact else."""
        return share if self.grain is None else -(-share // self.grain) * self.grain

    def down(self, share: Fraction) -> Fraction:
        """What each of several in one rank keeps: rounded down, so that none has more for being named first."""
        return share if self.grain is None else share // self.grain * self.grain

    def factor(self, value: Fraction) -> Fraction:
        """Round a keep factor up."""
        return Fraction(-(-value.numerator * 10**self.factor_digits // value.denominator), 10**self.factor_digits)

    def note(self, text: str, votes: Sequence[Fraction]) -> None:
        """Add a round."""
        self.sheet.note(text, dict(enumerate(votes)))


_Tree = dict[tuple[int, ...], tuple[int, "_Tree"]]
"""From a rank to how many papers go there, and where they go on: what many papers share is computed once."""


def _tree(papers: dict[Ranks, int]) -> _Tree:
    """The tree of some papers' ranks. A loop: a paper may rank a thousand."""
    root: _Tree = {}
    waiting: list[tuple[_Tree, dict[Ranks, int]]] = [(root, papers)]
    while waiting:
        node, here = waiting.pop()
        rests: dict[tuple[int, ...], dict[Ranks, int]] = {}
        counts: dict[tuple[int, ...], int] = {}
        for ranks, number in here.items():
            if ranks:
                counts[ranks[0]] = counts.get(ranks[0], 0) + number
                rest = rests.setdefault(ranks[0], {})
                rest[ranks[1:]] = rest.get(ranks[1:], 0) + number
        for rank, rest in rests.items():
            below: _Tree = {}
            node[rank] = (counts[rank], below)
            waiting.append((below, rest))
    return root
