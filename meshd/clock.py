"""The clock, as a parameter. Wall time is shown to people and put into headers; no rule reads it."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Milliseconds since 1970, as this machine believes."""


def system_clock() -> int:
    """The machine's own clock."""
    return time.time_ns() // 1_000_000
