"""One measure: a figure, what the same run measured to hold it against, and the limit of their ratio."""

import json
import statistics
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
    """The medians of two figures, taken in turn: a machine that slows down slows down both."""
    pairs = [(first(), second()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)
