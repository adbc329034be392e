"""What memory does `meshd check` need in a long log? The peak of the whole process, by the kernel's own count."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Measure
from benchmarks.mesh import ENV, MESHD, fill, found_homes

_ALONE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss, used.ru_utime + used.ru_stime)
"""
"""Runs a command, and tells its peak in kB and its seconds. A child begins with its parent's peak, and ours is high."""

FEW, MANY = 30_000, 300_000
MILLION, MILLION_MB = 1_000_000, 150.0


class Taken(NamedTuple):
    """The most resident memory that a command had, and its time on a processor."""

    peak_mb: float
    seconds: float


def run(*, quick: bool) -> list[Measure]:
    """Peaks in the long log over those in the short one, of which it has ten times the records; fewer with `quick`."""
    few, many = (FEW // 2, MANY // 6) if quick else (FEW, MANY)
    short, long = (measured(count) for count in (few, many))
    measures = [
        Measure(name, long[verb].peak_mb, "MB", short[verb].peak_mb, 1.2, at_most=True)
        for name, verb in (("check", "check"), ("check-rebuild", "check --rebuild"), ("check-topics", "topics"))
    ]
    if not quick:
        peak = measured(MILLION, ("check",))["check"].peak_mb
        measures.append(Measure("check-million", peak, "MB", MILLION_MB, 1.0, at_most=True))
    by_record, before = 1e6 * long["check"].seconds / many, 1e6 * short["check"].seconds / few
    return [*measures, Measure("check by the record", by_record, "us", before, 1.5, at_most=True)]


def measured(records: int, verbs: tuple[str, ...] = ("check", "check --rebuild", "topics")) -> dict[str, Taken]:
    """What each command took in a log of so many records."""
    with tempfile.TemporaryDirectory() as folder:
        (home,) = found_homes(Path(folder), 1)
        fill(home, records)
        return {verb: alone(home, verb.split()) for verb in verbs}


def alone(home: Path, words: list[str]) -> Taken:
    """What a command takes that opens the home itself."""
    command = [sys.executable, "-c", _ALONE, *MESHD, "--home", str(home), *words]
    ran = subprocess.run(command, env=ENV, capture_output=True, check=True)
    peak_kb, seconds = ran.stdout.split()
    return Taken(int(peak_kb) / 1000, float(seconds))
