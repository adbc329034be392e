"""What does a daemon at rest take from a small machine? Its resident memory, from the kernel's own count."""

import time
from pathlib import Path

from benchmarks.home import running
from benchmarks.measure import Measure

LIMIT_MB = 60.0


def run(*, quick: bool) -> list[Measure]:
    """Megabytes that the daemon keeps after it has answered some commands and been left alone."""
    with running() as (_, _, pid):
        time.sleep(2 if quick else 10)
        status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    return [Measure("idle", kilobytes / 1000, "MB", LIMIT_MB, 1.0, at_most=True)]
