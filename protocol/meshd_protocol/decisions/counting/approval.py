"""Approval: each ballot names as many options as it likes; those that most name are elected. With several seats this is
block approval: a majority can fill every seat.
"""

from collections.abc import Sequence

from meshd_protocol.decisions.counting.result import Result, Sheet
from meshd_protocol.decisions.counting.ties import Lot, best, counted_at_once


def count(
    ballots: Sequence[tuple[int, tuple[int, ...]]], names: Sequence[str], seats: int = 1, lot: Sequence[int] = ()
) -> Result:
    """Count `ballots`, each (weight, the options that it approves of). A blank one approves of none."""
    votes = [0] * len(names)
    for weight, chosen in ballots:
        for option in chosen:
            votes[option] += weight
    total = sum(weight for weight, _ in ballots)

    def run(sheet: Sheet, lot: Lot) -> list[int]:
        sheet.note(f"How many of {total} ballots approve of each.", dict(enumerate(votes)))
        winners = best(sheet, votes, seats, lot)
        sheet.note(f"Elected with the most approvals: {sheet.named(winners)}.")
        return winners

    return counted_at_once(names, tuple(votes), run, lot)
