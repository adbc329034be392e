"""The Schulze method (Schulze, "A New Monotonic, Clone-Independent, Reversal Symmetric, and Condorcet-Consistent
Single-Winner Election Method", 2011), with winning votes as the strength of a link. It fills one seat.
"""

from collections.abc import Sequence
from typing import NamedTuple

from meshd_protocol.decisions.counting.result import Ranks, Result, Sheet
from meshd_protocol.decisions.counting.ties import Lot, counted_at_once


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
    prefers = _preferences(ballots, options)
    paths = _strongest_paths(prefers)
    winners = tuple(a for a in range(options) if all(paths[a][b] >= paths[b][a] for b in range(options)))
    return Duels(tuple(map(tuple, prefers)), tuple(map(tuple, paths)), winners)


def _preferences(ballots: Sequence[tuple[int, Ranks]], options: int) -> list[list[int]]:
    """How many ballots rank a above b, by [a][b].

    A row is one long number with a field for each option, wide enough for all ballots: so a ballot is added to a row in
    one step.
    """
    width = sum(weight for weight, _ in ballots).bit_length() + 1
    field = [1 << (width * option) for option in range(options)]
    rows = [0] * options
    for weight, ranks in ballots:
        below = sum(field)
        for rank in ranks:
            below -= sum(field[option] for option in rank)
            better_than = weight * below
            for better in rank:
                rows[better] += better_than
    mask = (1 << width) - 1
    return [[(row >> (width * option)) & mask for option in range(options)] for row in rows]


def _strongest_paths(prefers: Sequence[Sequence[int]]) -> list[list[int]]:
    """The strength of the strongest path from a to b, by [a][b]; 0 where there is none.

    Links are laid from the strongest down. When one lets a reach b for the first time, the path has its strength.
    """
    options = range(len(prefers))
    paths = [[0] * len(prefers) for _ in options]
    links = [(prefers[a][b], a, b) for a in options for b in options if prefers[a][b] > prefers[b][a]]
    reached = [1 << option for option in options]
    for strength, start, end in sorted(links, reverse=True):
        if reached[start] >> end & 1:
            continue
        for option in options:
            if not reached[option] >> start & 1:
                continue
            fresh = reached[end] & ~reached[option]
            reached[option] |= fresh
            while fresh:
                lowest = fresh & -fresh
                paths[option][lowest.bit_length() - 1] = strength
                fresh ^= lowest
    return paths


def count(
    ballots: Sequence[tuple[int, Ranks]], names: Sequence[str], seats: int = 1, lot: Sequence[int] = ()
) -> Result:
    """Count `ballots`, each (weight, ranks). The figure of an option is how many others it beats."""
    assert seats == 1, "Schulze fills one seat"
    found = duels(ballots, len(names))
    figures = tuple(found.beaten(option) for option in range(len(names)))

    def run(sheet: Sheet, lot: Lot) -> list[int]:
        for leader in found.winners:
            for other in range(len(names)):
                if other != leader:
                    sheet.note(*_duel(found, names, leader, other))
        if len(found.winners) > 1:
            sheet.note(f"By the Schulze method, no option beats {sheet.named(found.winners)}.")
            return [lot.first(found.winners)]
        sheet.note(f"By the Schulze method, {sheet.named(found.winners)} beats every other option.")
        return list(found.winners)

    return counted_at_once(names, figures, run, lot)


def _duel(found: Duels, names: Sequence[str], leader: int, other: int) -> tuple[str, dict[int, int]]:
    """A duel of a leader, and the path that decides where the duel alone doesn't."""
    ahead, behind = found.prefers[leader][other], found.prefers[other][leader]
    text = f"{names[leader]} against {names[other]}: {ahead} to {behind}."
    ours, theirs = found.paths[leader][other], found.paths[other][leader]
    if ahead <= behind and (ours or theirs):
        text += f" The strongest path from {names[leader]} to {names[other]} has {ours} ballots, the way back {theirs}."
    return text, {leader: ahead, other: behind}
