"""One measure: a figure, what the same run measured to hold it against, and the limit of their ratio."""

import json
from collections.abc import Callable
from typing import NamedTuple


class LackingError(Exception):
    """What a benchmark is held against is not installed; the message says what."""


class Measure(NamedTuple):
    """`ratio` is value over reference; it must be at least `reach`, or at most it where smaller is better."""

    name: str
    value: float
    unit: str
    reference: float
    reach: float
    at_most: bool = False

    def line(self) -> str:
        """The measure as one line of JSON."""
        ratio = self.value / self.reference
        ok = ratio <= self.reach if self.at_most else ratio >= self.reach
        return json.dumps(
            {
                "name": self.name,
                "value": round(self.value, 4),
                "unit": self.unit,
                "reference": round(self.reference, 4),
                "ratio": round(ratio, 3),
                "reach": self.reach,
                "ok": ok,
            }
        )


def in_turn(first: Callable[[], float], second: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Two figures, taken in turn: those of the turn whose ratio is the median. A machine that is half as fast for a
    while slows down both of a turn; the medians of each alone would be of different whiles.
    """
    pairs: list[tuple[float, float]] = []
    for turn in range(rounds):
        if turn % 2:
            later = second()
            pairs.append((first(), later))
        else:
            pairs.append((first(), second()))
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]
