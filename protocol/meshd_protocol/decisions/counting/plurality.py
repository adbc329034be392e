"""Plurality: each ballot names one option; the options that most name are elected (for several seats: single
non-transferable vote). A ranked paper names its first option; one with several firsts names none.
"""

from collections.abc import Sequence

from meshd_protocol.decisions.counting.result import Result, Sheet
from meshd_protocol.decisions.counting.ties import Lot, best, counted_at_once


def count(
    ballots: Sequence[tuple[int, tuple[int, ...]]], names: Sequence[str], seats: int = 1, lot: Sequence[int] = ()
) -> Result:
    """Count `ballots`, each (weight, the options that it names); only ballots that name exactly one count."""
    votes = [0] * len(names)
    spoilt = 0
    for weight, chosen in ballots:
        if len(chosen) == 1:
            votes[chosen[0]] += weight
        else:
            spoilt += weight

    def run(sheet: Sheet, lot: Lot) -> list[int]:
        blank = f" {spoilt} named none, or more than one." if spoilt else ""
        sheet.note(f"{sum(votes)} ballots name one option each.{blank}", dict(enumerate(votes)))
        winners = best(sheet, votes, seats, lot)
        sheet.note(f"Elected with the most votes: {sheet.named(winners)}.")
        return winners

    return counted_at_once(names, tuple(votes), run, lot)
