"""The Schulze method (Schulze, "A New Monotonic, Clone-Independent, Reversal Symmetric, and Condorcet-Consistent
Single-Winner Election Method", 2011), with winning votes as the strength of a link.

A ballot is a list of ranks, best first; options in one rank are equal, and options left out stand below every rank.
"""

from collections.abc import Sequence
from typing import NamedTuple

Ranks = Sequence[Sequence[int]]


class SchulzeResult(NamedTuple):
    """Duels, strongest paths and winners, by option number.

    `prefers[a][b]` is how many ballots rank a above b; `paths[a][b]` the strength of the strongest path from a to b;
    `winners` all options that no other beats: several are a tie.
    """

    prefers: tuple[tuple[int, ...], ...]
    paths: tuple[tuple[int, ...], ...]
    winners: tuple[int, ...]

    def beaten(self, option: int) -> int:
        """How many other options this one beats, by strongest paths."""
        return sum(
            self.paths[option][other] > self.paths[other][option] for other in range(len(self.paths)) if other != option
        )


def count(ballots: Sequence[tuple[int, Ranks]], options: int) -> SchulzeResult:
    """Count `ballots`, each (weight, ranks), over options numbered from 0. A blank ballot prefers nothing."""
    prefers = [[0] * options for _ in range(options)]
    for weight, ranks in ballots:
        below = set(range(options))
        for rank in ranks:
            below -= set(rank)
            for better in rank:
                row = prefers[better]
                for worse in below:
                    row[worse] += weight
    paths = [
        [prefers[a][b] if a != b and prefers[a][b] > prefers[b][a] else 0 for b in range(options)]
        for a in range(options)
    ]
    for middle in range(options):
        for a in range(options):
            first = paths[a][middle]
            if a == middle or not first:
                continue
            for b in range(options):
                if b not in (a, middle):
                    paths[a][b] = max(paths[a][b], min(first, paths[middle][b]))
    winners = tuple(a for a in range(options) if all(paths[a][b] >= paths[b][a] for b in range(options)))
    return SchulzeResult(tuple(map(tuple, prefers)), tuple(map(tuple, paths)), winners)
