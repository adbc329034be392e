"""Meek's method (Hill, Wichmann and Woodall, "Algorithm 123: Single Transferable Vote by Meek's Method", 1987).

Every elected option keeps the part of each vote that leaves it with just a quota, found by iteration. Here votes are
exact rationals for the keep factors of a step, and factors are rounded up to 18 digits between steps: a candidate is
excluded only where no further step could save her, so that the outcome is that of the endless iteration. Where that
can't be told before the surplus is below 10**-12 votes, the two are tied. `digits` computes the usual fixed-point
variant instead (the Proportional Representation Foundation's Reference Meek Rule, with 9): what an option keeps of a
paper and keep factors are rounded up, and iteration ends below 10**-(digits * 2 // 3), or where it stops to converge.

A rank that several share counts as the average of its strict orders, as the Scottish count has it; in fixed point what
each of them keeps is rounded down, so that none has more for its place.
"""

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import NamedTuple

from meshd_protocol.decisions.counting.meek_papers import Papers
from meshd_protocol.decisions.counting.result import Ranks, Result, Sheet, decimal
from meshd_protocol.decisions.counting.ties import Lot, UndecidedError, closed_group, counted

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
    begun = Papers(papers, len(names))

    def begin(sheet: Sheet, drawn: Lot) -> _Meek:
        return _Meek(sheet, drawn, begun.copy(), len(names), seats, digits)

    return counted(names, figures, begin, lot)


class _Step(NamedTuple):
    """What the keep factors of now come to. All but `scale` are in parts of a vote: `scale` of them make one."""

    votes: list[int]
    quota: int
    surplus: int
    scale: int


class _Meek:
    """One way through the count."""

    def __init__(self, sheet: Sheet, lot: Lot, papers: Papers, options: int, seats: int, digits: int | None) -> None:
        self.sheet = sheet
        self.lot = lot
        self.papers = papers
        self.options = options
        self.seats = seats
        self.digits = digits
        self.one = 10 ** (digits or _FACTOR_DIGITS)
        self.keep = [self.one] * options
        self.close = Fraction(1, 10 ** (digits * 2 // 3)) if digits else _CLOSE
        self.elected: list[int] = []
        self.at: _Step | None = None  # where the last iteration came to, as long as nobody was excluded since

    def fork(self, choice: int) -> "_Meek":
        """Another way, which excludes `choice` at the tie."""
        copies = self.sheet.copy(), self.lot.taking(choice), self.papers.copy()
        other = _Meek(*copies, self.options, self.seats, self.digits)
        other.keep, other.elected, other.at = list(self.keep), list(self.elected), self.at
        return other

    def splits(self, winners: Collection[int]) -> bool:
        """Ballots that rank tell options apart."""
        return False

    @property
    def hopeful(self) -> set[int]:
        """Who is neither elected nor excluded."""
        return self.papers.hopeful

    def run(self) -> list[int]:
        """The elected, in order."""
        while True:
            self.lot.comes_to((frozenset(self.hopeful), frozenset(self.elected)))
            if self.at is None:
                self.at = self.iterate()
            room = self.seats - len(self.elected)
            if not room:
                return self.elected
            if len(self.hopeful) <= room:
                votes = self.at.votes
                rest = sorted(sorted(self.hopeful), key=lambda each: -votes[each])
                self.note(f"Elected, as all that is left for the seats: {self.sheet.named(rest)}.", self.at)
                return [*self.elected, *rest]
            self.exclude(self.at)
            self.at = None

    def iterate(self) -> _Step:
        """Go on until somebody must be excluded, or the seats are filled."""
        left = _STEPS
        before: int | None = None
        while True:
            left -= 1
            at = self.step()
            votes, quota = at.votes, at.quota
            reached = [each for each in sorted(self.hopeful) if self.reaches(votes[each], quota)]
            reached.sort(key=lambda each: -votes[each])
            assert len(reached) <= self.seats - len(self.elected), "one more than the seats can't all have a quota"
            if reached:
                shown = decimal(Fraction(quota, at.scale))
                self.note(f"Elected with the quota of {shown}: {self.sheet.named(reached)}.", at)
                self.elected += reached
                for option in reached:
                    self.papers.elect(option)
                if len(self.elected) == self.seats:
                    return at._replace(surplus=0)
            surplus = sum(votes[each] - quota for each in self.elected if votes[each] > quota)
            at = at._replace(surplus=surplus)
            stuck = self.digits is not None and not reached and before is not None and surplus >= before
            before = surplus
            small = surplus * self.close.denominator < at.scale
            if not left or stuck or small or (not reached and self.is_certain(at)):
                return at
            for each in self.elected:
                if votes[each] > quota:
                    self.keep[each] = -(-self.keep[each] * quota // votes[each])

    def step(self) -> _Step:
        """Votes and quota of the keep factors of now."""
        if self.digits is not None:
            votes = self.papers.fixed_votes(self.keep, self.one)
            return _Step(votes, sum(votes) // (self.seats + 1) + 1, 0, self.one)
        votes, scale = self.papers.exact_votes(self.keep, self.one)
        parts = self.seats + 1  # so that the quota is a whole number, too
        return _Step([each * parts for each in votes], sum(votes), 0, scale * parts)

    def reaches(self, votes: int, quota: int) -> bool:
        """With exact numbers more than a quota elects: just a quota may be one seat too many."""
        return votes >= quota if self.digits is not None else votes > quota

    def is_certain(self, at: _Step) -> bool:
        """Whether the last option stays the last even if all surplus came to it."""
        ordered = sorted(at.votes[each] for each in self.hopeful)
        return len(ordered) > 1 and self.digits is None and ordered[0] + at.surplus < ordered[1]

    def exclude(self, at: _Step) -> None:
        """Exclude the last option, or the group that goes with it."""
        out, group = self.last(at)
        for each in out:
            self.keep[each] = 0
            self.papers.exclude(each)
        quota = decimal(Fraction(at.quota, at.scale))
        if group:
            text = f"{self.sheet.named(out)} are excluded: in whichever order they go, they reach nobody else"
        else:
            text = f"{self.sheet.named(out)}, with the fewest votes, {'is' if len(out) == 1 else 'are'} excluded"
        self.note(f"{text} (the quota was {quota}).", at)

    def last(self, at: _Step) -> tuple[list[int], bool]:
        """Who is excluded: the last, or all without votes; and whether they go as a group."""
        votes = at.votes
        least = min(votes[each] for each in self.hopeful)
        tied = sorted(each for each in self.hopeful if votes[each] <= least + at.surplus)
        room = self.seats - len(self.elected)
        if not any(votes[each] for each in tied) and len(self.hopeful) - len(tied) >= room:
            return tied, False
        tied = self.lot.unlucky(tied)
        choice = tied[0] if len(tied) == 1 else self.lot.chosen()
        if choice is not None:
            return [choice], False
        if self.lot.together:
            now = {option: votes[option] for option in self.hopeful}
            group = closed_group(now, room, lambda among: self.most(at, among), at.surplus)
            if group is not None:
                self.lot.passed = True
                return group, True
        raise UndecidedError(tied, tied[::-1])

    def most(self, at: _Step, group: set[int]) -> int | Fraction:
        """The most that one of a group can come to while others of it go and nobody else does: all that the group has
        and all surplus; or less, while nobody is elected and nobody comes to a quota in between."""
        bound = sum(at.votes[each] for each in group) + at.surplus
        if self.elected or self.digits is not None:
            return bound
        reach, gain, unit = self.papers.without(group)
        then = {option: at.votes[option] * unit + more * at.scale for option, more in gain.items()}
        if max(then.values()) * (self.seats + 1) > sum(then.values()):
            return bound
        return min(Fraction(bound), Fraction(reach * at.scale, unit))

    def note(self, text: str, at: _Step) -> None:
        """Add a round."""
        self.sheet.note(text, {option: Fraction(votes, at.scale) for option, votes in enumerate(at.votes)})
