"""Score: each ballot gives points to options; the highest sums are elected. Options that it leaves out get none."""

from collections.abc import Sequence

from meshd_protocol.decisions.counting.result import Result, Sheet
from meshd_protocol.decisions.counting.ties import Lot, best, counted_at_once


def count(
    ballots: Sequence[tuple[int, tuple[tuple[int, int], ...]]],
    names: Sequence[str],
    seats: int = 1,
    lot: Sequence[int] = (),
) -> Result:
    """Count `ballots`, each (weight, (option, score) pairs)."""
    sums = [0] * len(names)
    for weight, scores in ballots:
        for option, score in scores:
            sums[option] += weight * score
    total = sum(weight for weight, _ in ballots)

    def run(sheet: Sheet, lot: Lot) -> list[int]:
        sheet.note(f"The sums of the scores of {total} ballots.", dict(enumerate(sums)))
        winners = best(sheet, sums, seats, lot)
        sheet.note(f"Elected with the highest sums: {sheet.named(winners)}.")
        return winners

    return counted_at_once(names, tuple(sums), run, lot)
