"""Instant run-off: each ballot counts for the best continuing option that it ranks; while nobody has more than half,
the last one is excluded. A ballot with several options in its best rank counts for each in equal parts.
"""

from collections.abc import Collection, Sequence
from fractions import Fraction

from meshd_protocol.decisions.counting.result import Ranks, Result, Sheet
from meshd_protocol.decisions.counting.ties import (
    Lot,
    Number,
    Stage,
    UndecidedError,
    closed_group,
    counted,
    looked_back,
)


def count(
    ballots: Sequence[tuple[int, Ranks]], names: Sequence[str], seats: int = 1, lot: Sequence[int] = ()
) -> Result:
    """Count `ballots`, each (weight, ranks), for one seat. The figure of an option is its first preferences."""
    assert seats == 1, "an instant run-off fills one seat"
    piles: dict[Ranks, int] = {}
    for weight, ranks in ballots:
        piles[ranks] = piles.get(ranks, 0) + weight
    first = _Votes(tuple(piles.items()), len(names))
    figures = tuple(int(first.now[option]) for option in range(len(names)))
    return counted(names, figures, lambda sheet, drawn: _Runoff(sheet, drawn, first.copy(), [Stage(first.now)]), lot)


class _Votes:
    """Where each pile of equal ballots counts. `now` has the votes of those that continue."""

    def __init__(self, piles: Sequence[tuple[Ranks, int]], options: int) -> None:
        self.piles = piles
        self.at = [0] * len(piles)
        self.held: dict[int, set[int]] = {option: set() for option in range(options)}
        self.now: dict[int, Number] = dict.fromkeys(range(options), 0)
        for number in range(len(piles)):
            self._give(number)

    def copy(self) -> "_Votes":
        """The same, to go on from."""
        other = _Votes((), 0)
        other.piles, other.at, other.now = self.piles, list(self.at), self.now
        other.held = {option: set(held) for option, held in self.held.items()}
        return other

    def _give(self, number: int) -> None:
        """Count a pile for its best rank that continues."""
        ranks, weight = self.piles[number]
        now = self.now
        for place in range(self.at[number], len(ranks)):
            rank = ranks[place]
            if len(rank) == 1 and rank[0] not in now:
                continue
            there = [option for option in rank if option in now]
            if there:
                self.at[number] = place
                for option in there:
                    self.held[option].add(number)
                    self.now[option] += _part(weight, len(there))
                return
        self.at[number] = len(ranks)

    def exclude(self, out: Collection[int]) -> None:
        """Let those ballots go on that count for some options."""
        moving = sorted({number for option in out for number in self.held[option]})
        gone = set(out)
        now = {option: votes for option, votes in self.now.items() if option not in gone}
        for number in moving:
            ranks, weight = self.piles[number]
            there = [option for option in ranks[self.at[number]] if option in self.now]
            for option in there:
                if option in now:
                    now[option] -= _part(weight, len(there))
                    self.held[option].discard(number)
        self.now = now
        for option in out:
            self.held[option] = set()
        for number in moving:
            self._give(number)

    def most(self, group: set[int]) -> Number:
        """The most that one of a group can come to while the others of it go and nobody else does: all ballots that
        rank it above everybody outside; where it shares a rank with some of those, its part."""
        now = self.now
        reach: dict[int, Number] = dict.fromkeys(group, 0)
        for number in {number for option in group for number in self.held[option]}:
            ranks, weight = self.piles[number]
            for place in range(self.at[number], len(ranks)):
                rank = ranks[place]
                if len(rank) == 1:
                    if rank[0] in group:
                        reach[rank[0]] += weight
                    elif rank[0] in now:
                        break
                    continue
                there = [option for option in rank if option in now]
                outside = sum(option not in group for option in there)
                for option in there:
                    if option in group:
                        reach[option] += _part(weight, 1 + outside)
                if outside:
                    break
        return max(reach.values())


def _part(weight: int, sharers: int) -> Number:
    return weight if sharers == 1 else Fraction(weight, sharers)


class _Runoff:
    """One way through the count."""

    def __init__(self, sheet: Sheet, lot: Lot, votes: _Votes, stages: Sequence[Stage]) -> None:
        self.sheet = sheet
        self.lot = lot
        self.votes = votes
        self.stages = list(stages)

    def fork(self, choice: int) -> "_Runoff":
        """Another way, which excludes `choice` at the tie."""
        return _Runoff(self.sheet.copy(), self.lot.taking(choice), self.votes.copy(), self.stages)

    def splits(self, winners: Collection[int]) -> bool:
        """Ballots that rank tell options apart."""
        return False

    def run(self) -> list[int]:
        """The elected."""
        while True:
            now = self.votes.now
            self.lot.comes_to(frozenset(now), len(self.stages))
            total = sum(now.values())
            leader = max(now, key=now.__getitem__)
            if 2 * now[leader] > total or len(now) == 1:
                share = "has more than half of what still counts" if total else "is the only one left"
                self.sheet.note(f"{self.sheet.names[leader]} {share}, and is elected.", now)
                return [leader]
            out, group = self.last()
            self.sheet.note(self._told(out, group), now)
            self.votes.exclude(out)
            self.stages.append(Stage(self.votes.now, group))

    def _told(self, out: Sequence[int], group: bool) -> str:
        if group:
            return f"{self.sheet.named(out)} are out: in whichever order they go, they reach nobody else."
        return f"Nobody has more than half. {self.sheet.named(out)}, with the fewest votes, is out."

    def last(self) -> tuple[list[int], bool]:
        """Who is excluded: the last; of several, who was last at the latest stage at which they differed. And whether
        they go as a group."""
        now = self.votes.now
        tied = looked_back(self.stages, now, self.lot, highest=False)
        if len(tied) == 1 or (not any(now[each] for each in tied) and len(tied) < len(now)):
            return tied, False  # of several without votes nobody's votes move, in whichever order they go
        tied = self.lot.unlucky(tied)
        choice = tied[0] if len(tied) == 1 else self.lot.chosen()
        if choice is not None:
            return [choice], False
        group = closed_group(now, 1, self.votes.most) if self.lot.together else None
        if group is None:
            raise UndecidedError(tied, tied[::-1])
        self.lot.passed = True
        return group, True
