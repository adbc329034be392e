"""The clocks, as parameters. Wall time is shown to people and put into headers, and no rule reads it; the steady one
measures how much time went by.
"""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

Clock = Callable[[], int]
"""Milliseconds since 1970, as this machine believes."""


def system_clock() -> int:
    """The machine's own clock."""
    return time.time_ns() // 1_000_000


class Reading(NamedTuple):
    """One reading of a clock that nobody sets: `ms` since some moment of the boot that `boot` names."""

    boot: str
    ms: int


Steady = Callable[[], Reading]


def system_steady() -> Reading:
    """The kernel's clock since boot, sleep included."""
    try:
        return Reading(_boot(), time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)
    except (OSError, AttributeError):  # no such clock here: then each process is a boot of its own
        return Reading(f"process since {_STARTED}", time.monotonic_ns() // 1_000_000)


@cache
def _boot() -> str:
    """The name of this boot: nothing lives longer than it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


_STARTED = time.time_ns()
