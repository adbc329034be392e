"""Section 6.7: counting. Numbers are exact, and nothing is quick.

Ballots are as the vectors have them: how many people gave each, and what is in it.
"""

from collections.abc import Iterable
from typing import Any

from tests.second.ranked import InstantRunOff, Meek, Scottish
from tests.second.shares import EqualShares
from tests.second.ways import Outcome, settle

Ballots = list[tuple[int, Any]]

NOBODY: frozenset[int] = frozenset()


def elect(method: str, ballots: Ballots, options: int, seats: int, costs: list[int], budget: int | None) -> Outcome:
    """Who is elected; the options of the first tie, where there is one."""
    if method in ("plurality", "approval", "block-approval"):
        return highest([sum(n for n, chosen in ballots if each in chosen) for each in range(options)], seats)
    if method == "score":
        return highest([sum(n * dict(given).get(each, 0) for n, given in ballots) for each in range(options)], seats)
    if method == "schulze":
        best = unbeaten(ballots, options)
        return Outcome(best, NOBODY) if len(best) == 1 else Outcome(None, best)
    if method == "equal-shares":
        if budget is None:
            costs, budget = [1] * options, seats
        return settle(EqualShares(ballots, costs, budget))
    kinds = {"irv": InstantRunOff, "stv-scottish": Scottish, "stv-meek": Meek}
    return settle(kinds[method](ballots, options, seats))


def highest(votes: list[Any], seats: int) -> Outcome:
    """The options with most votes. A tie comes up only where not all of the tied can be elected."""
    elected: frozenset[int] = NOBODY
    for level in sorted(set(votes), reverse=True):
        there = frozenset(each for each, count in enumerate(votes) if count == level)
        if len(elected | there) > seats:
            return Outcome(elected, NOBODY) if len(elected) == seats else Outcome(None, there)
        elected |= there
    return Outcome(elected, NOBODY)


def unbeaten(ballots: Ballots, options: int) -> frozenset[int]:
    """Schulze by winning votes: those whom nobody beats."""
    every = range(options)
    prefer = {
        (a, b): sum(n for n, ranks in ballots if rank_of(a, ranks) < rank_of(b, ranks)) for a in every for b in every
    }
    path = {(a, b): prefer[a, b] if prefer[a, b] > prefer[b, a] else 0 for a in every for b in every}
    for _ in every:
        for a in every:
            for b in every:
                path[a, b] = max(path[a, b], *(min(path[a, c], path[c, b]) for c in every))
    return frozenset(a for a in every if not any(path[b, a] > path[a, b] for b in every))


def rank_of(option: int, ranks: Iterable[Iterable[int]]) -> int:
    """Options that are left out stand below all ranks."""
    for n, rank in enumerate(ranks):
        if option in rank:
            return n
    return 1 << 30
