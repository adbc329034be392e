"""What does a daemon at rest take from a small machine? Its resident memory, from the kernel's own count; and how much
more each further assembly takes.
"""

import time

from benchmarks.home import resident, running
from benchmarks.measure import Measure

LIMIT_MB, MORE_MB = 60.0, 6.0
ASSEMBLIES = 4


def run(*, quick: bool) -> list[Measure]:
    """Megabytes that the daemon keeps after it has answered some commands and been left alone."""
    one, four = (_resident(number, quick=quick) for number in (1, ASSEMBLIES))
    return [
        Measure("idle", one, "MB", LIMIT_MB, 1.0, at_most=True),
        Measure("idle-assembly", (four - one) / (ASSEMBLIES - 1), "MB", MORE_MB, 1.0, at_most=True),
    ]


def _resident(assemblies: int, *, quick: bool) -> float:
    with running(assemblies) as (_, _, pid):
        time.sleep(2 if quick else 10)
        return resident(pid)
