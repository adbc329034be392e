"""Score: each ballot gives points to options; the highest sums are elected. Options that it leaves out get none."""

from collections.abc import Sequence

from meshd_protocol.decisions.counting.result import Pick, Result, Sheet, best, counted


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

    def run(sheet: Sheet, pick: Pick) -> list[int]:
        sheet.note(f"The sums of the scores of {total} ballots.", dict(enumerate(sums)))
        winners = best(sheet, sums, seats, pick)
        sheet.note(f"Elected with the highest sums: {sheet.named(winners)}.")
        return winners

    return counted(names, tuple(sums), run, lot)
