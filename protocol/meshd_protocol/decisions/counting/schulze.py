"""The Schulze method (Schulze, "A New Monotonic, Clone-Independent, Reversal Symmetric, and Condorcet-Consistent
Single-Winner Election Method", 2011), with winning votes as the strength of a link. It fills one seat.
"""

from collections.abc import Sequence
from typing import NamedTuple

from meshd_protocol.decisions.counting.result import Pick, Ranks, Result, Sheet, counted


class Duels(NamedTuple):
    """Duels, strongest paths and winners, by option number.

    `prefers[a][b]` is how many ballots rank a above b; `paths[a][b]` the strength of the strongest path from a to b;
    `winners` all options that no other beats: several are a tie.
    """

    prefers: tuple[tuple[int, ...], ...]
    paths: tuple[tuple[int, ...], ...]
    winners: tuple[int, ...]

    def beaten(self, option: int) -> int:
        """How many other options this one beats, by strongest paths."""
        others = (other for other in range(len(self.paths)) if other != option)
        return sum(self.paths[option][other] > self.paths[other][option] for other in others)


def duels(ballots: Sequence[tuple[int, Ranks]], options: int) -> Duels:
    """The duels of `ballots`, each (weight, ranks), over options numbered from 0. A blank ballot prefers nothing."""
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
        through = paths[middle]
        for a in range(options):
            first = paths[a][middle]
            if a == middle or not first:
                continue
            row = paths[a]
            for b, second in enumerate(through):
                reach = min(first, second)
                if reach > row[b] and b not in (a, middle):
                    row[b] = reach
    winners = tuple(a for a in range(options) if all(paths[a][b] >= paths[b][a] for b in range(options)))
    return Duels(tuple(map(tuple, prefers)), tuple(map(tuple, paths)), winners)


def count(
    ballots: Sequence[tuple[int, Ranks]], names: Sequence[str], seats: int = 1, lot: Sequence[int] = ()
) -> Result:
    """Count `ballots`, each (weight, ranks). The figure of an option is how many others it beats."""
    assert seats == 1, "Schulze fills one seat"
    found = duels(ballots, len(names))
    figures = tuple(found.beaten(option) for option in range(len(names)))

    def run(sheet: Sheet, pick: Pick) -> list[int]:
        for leader in found.winners:
            for other in range(len(names)):
                if other != leader:
                    sheet.note(*_duel(found, names, leader, other))
        if len(found.winners) > 1:
            sheet.note(f"By the Schulze method, no option beats {sheet.named(found.winners)}.")
            return [pick(found.winners)]
        sheet.note(f"By the Schulze method, {sheet.named(found.winners)} beats every other option.")
        return list(found.winners)

    return counted(names, figures, run, lot)


def _duel(found: Duels, names: Sequence[str], leader: int, other: int) -> tuple[str, dict[int, int]]:
    """A duel of a leader, and the path that decides where the duel alone doesn't."""
    ahead, behind = found.prefers[leader][other], found.prefers[other][leader]
    text = f"{names[leader]} against {names[other]}: {ahead} to {behind}."
    ours, theirs = found.paths[leader][other], found.paths[other][leader]
    if ahead <= behind and (ours or theirs):
        text += f" The strongest path from {names[leader]} to {names[other]} has {ours} ballots, the way back {theirs}."
    return text, {leader: ahead, other: behind}
