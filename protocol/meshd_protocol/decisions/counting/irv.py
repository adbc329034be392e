"""Instant run-off: each ballot counts for the best continuing option that it ranks; while nobody has more than half,
the last one is excluded. A ballot with several options in its best rank counts for each in equal parts.
"""

from collections.abc import Sequence
from fractions import Fraction

from meshd_protocol.decisions.counting.result import Pick, Ranks, Result, Sheet, counted


def count(
    ballots: Sequence[tuple[int, Ranks]], names: Sequence[str], seats: int = 1, lot: Sequence[int] = ()
) -> Result:
    """Count `ballots`, each (weight, ranks), for one seat. The figure of an option is its first preferences."""
    assert seats == 1, "an instant run-off fills one seat"
    piles: dict[Ranks, int] = {}
    for weight, ranks in ballots:
        piles[ranks] = piles.get(ranks, 0) + weight
    first = _votes(piles, set(range(len(names))))
    figures = tuple(int(first[option]) for option in range(len(names)))

    def run(sheet: Sheet, pick: Pick) -> list[int]:
        left = set(range(len(names)))
        stages: list[dict[int, Fraction]] = []
        while True:
            votes = _votes(piles, left)
            stages.append(votes)
            total = sum(votes.values())
            leader = max(left, key=votes.__getitem__)
            if 2 * votes[leader] > total or len(left) == 1:
                share = "has more than half of what still counts" if total else "is the only one left"
                sheet.note(f"{names[leader]} {share}, and is elected.", votes)
                return [leader]
            out = _last(stages, left, pick, len(left))
            sheet.note(f"Nobody has more than half. {sheet.named(out)}, with the fewest votes, is out.", votes)
            left -= set(out)

    return counted(names, figures, run, lot)


def _last(stages: Sequence[dict[int, Fraction]], left: set[int], pick: Pick, continuing: int) -> list[int]:
    """Who is excluded: the last; of several, who was last at the latest stage at which they differed."""
    tied = sorted(left)
    for votes in reversed(stages):
        least = min(votes[each] for each in tied)
        tied = [each for each in tied if votes[each] == least]
        if len(tied) == 1:
            return tied
    if not any(stages[-1][each] for each in tied) and len(tied) < continuing:
        return tied  # nobody's votes move: in whichever order they go, the rest is the same
    favoured: list[int] = []
    while len(tied) > 1:
        favoured.append(pick(tuple(tied)))
        tied.remove(favoured[-1])
    return tied


def _votes(piles: dict[Ranks, int], left: set[int]) -> dict[int, Fraction]:
    votes = dict.fromkeys(sorted(left), Fraction(0))
    for ranks, weight in piles.items():
        for rank in ranks:
            there = [option for option in rank if option in left]
            if there:
                for option in there:
                    votes[option] += Fraction(weight, len(there))
                break
    return votes
