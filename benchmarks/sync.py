"""How does a log travel? Whole daemons over loopback against plain loops, and what comparing costs.

`first` holds a first sync against loop V of `plain`; `long` holds its rate for ten times as many records against that;
`memory` is the most that either daemon took meanwhile.
"""

import tempfile
import time
from pathlib import Path

from benchmarks import plain
from benchmarks.measure import Measure
from benchmarks.mesh import Daemon, daemon, fill, found_homes, open_home, wire_of

RECORDS = 100_000
MEMORY_MB = 150.0


def run(*, quick: bool) -> list[Measure]:
    """All measures of sync; the quick ones with fewer records, and without a million of them."""
    records = RECORDS // 5 if quick else RECORDS
    rate, loop, memory = first_sync(records)
    measures = [
        Measure("sync-first", rate, "records/s", loop, 2.0),
        Measure("sync-memory", memory, "MB", MEMORY_MB, 1.0, at_most=True),
    ]
    if not quick:
        long, _, memory = first_sync(10 * records, loops=False)
        measures += [
            Measure("sync-long", long, "records/s", rate, 0.7),
            Measure("sync-long-memory", memory, "MB", MEMORY_MB, 1.0, at_most=True),
        ]
    return measures


def first_sync(records: int, *, loops: bool = True) -> tuple[float, float, float]:
    """Records per second into an empty log, those of loop V, and the most megabytes that a daemon took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        giver, taker = found_homes(folder, 2)
        assembly = open_home(giver)
        identity = assembly.id
        assembly.close()
        fill(giver, records)
        with daemon(giver) as one, daemon(taker, one.address) as other:
            begun = time.perf_counter()
            _until(other, records)
            took = time.perf_counter() - begun
            memory = max(one.memory_mb("VmHWM"), other.memory_mb("VmHWM"))
        verified = 0.0
        if loops:
            source = folder / "log"
            plain.write(source, _logged(giver))
            verified = records / plain.copy(identity, source, folder / "copy", every=True)
        return records / took, verified, memory


def _logged(home: Path) -> list[bytes]:
    """A log's records, but for the genesis, which alone is signed otherwise."""
    assembly = open_home(home)
    every = [wire_of(entry) for batch in assembly.store.walk() for entry in batch if entry.id != assembly.id]
    assembly.close()
    return every


def _until(daemon: Daemon, records: int) -> None:
    """Wait until a daemon has so many records."""
    while sum(peer.get("records_in", 0) for peer in daemon.ask("peers")) < records:
        time.sleep(0.1)
