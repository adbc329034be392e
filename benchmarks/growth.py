"""What does a long log cost a person on a small machine? Whole commands without a daemon, and the start of one."""

import tempfile
import time
from pathlib import Path

from benchmarks.check import alone
from benchmarks.measure import Measure
from benchmarks.mesh import daemon, fill, found_homes, open_home
from meshd.progress import finish
from meshd.service.context import Context
from meshd.service.dispatch import answer
from meshd.store import tables
from meshd_protocol.control import Request
from meshd_protocol.names import text_of

FEW, MANY = 1000, 1_000_000
PROPOSALS = 20
START_SECONDS = 2.0
EXPORT_MB = 150.0


def run(*, quick: bool) -> list[Measure]:
    """Processor seconds in the long log over those in the short one; seconds to a daemon that listens; memory."""
    with tempfile.TemporaryDirectory() as name:
        short, long = (_home(Path(name) / str(count), count) for count in (FEW, MANY // 10 if quick else MANY))
        identity = _proposal(short), _proposal(long)
        measures: list[Measure] = []
        for verb in ("status", "list", "show", "topics", "read"):
            few, many = (
                min(alone(home, [verb, each] if verb == "show" else [verb]).seconds for _ in range(3))
                for home, each in zip((short, long), identity, strict=True)
            )
            measures.append(Measure(f"growth-{verb}", many, "s", few, 1.5, at_most=True))
        written = alone(long, ["export", "--file", str(Path(name) / "out.meshd")])
        begun = time.perf_counter()
        with daemon(long):
            measures.append(Measure("growth-start", time.perf_counter() - begun, "s", START_SECONDS, 1.0, at_most=True))
        return [*measures, Measure("growth-export-file", written.peak_mb, "MB", EXPORT_MB, 1.0, at_most=True)]


def _home(folder: Path, records: int) -> Path:
    """A home with so many records, the same few proposals among them, the last ones."""
    folder.mkdir()
    (home,) = found_homes(folder, 1)
    fill(home, records)
    assembly = open_home(home)
    for number in range(PROPOSALS):
        finish(answer(Context(assembly), Request("propose", {"title": f"Question {number}"}, None)))
    assembly.close()
    return home


def _proposal(home: Path) -> str:
    assembly = open_home(home)
    (row,) = assembly.store.find(tables.Proposal, newest=True, limit=1)
    assembly.close()
    return text_of(row.id)
