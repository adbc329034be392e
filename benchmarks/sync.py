"""How does a log travel? Whole daemons over loopback against plain loops, and what comparing costs.

`first` holds a first sync against loop V of `plain`; `long` holds its rate for ten times as many records against that;
`memory` is the most that either daemon took meanwhile. `equal`, `known` and `stranger` are bytes of a comparison,
`copies` those of a record in a mesh of a hundred nodes, `ballot` and `serial` how long a ballot takes, `rest` what a
daemon takes that has ten peers and nothing to do. They are held against the figures that the design sets.
"""

import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks import exchange, plain
from benchmarks.measure import Measure
from benchmarks.mesh import Daemon, daemon, fill, found_homes, open_home, wire_of
from meshd.home import LOG

RECORDS = 100_000
MEMORY_MB = 150.0


def run(*, quick: bool) -> list[Measure]:
    """All measures of sync; the quick ones with fewer records, and without a million of them."""
    records = RECORDS // 5 if quick else RECORDS
    rate, loop, memory = first_sync(records)
    resting, cpu = at_rest(10, 10 if quick else 60)
    measures = [
        Measure("sync-first", rate, "records/s", loop, 2.0),
        Measure("sync-memory", memory, "MB", MEMORY_MB, 1.0, at_most=True),
        Measure("sync-equal", exchange.equal_logs(400), "bytes", 300.0, 1.0, at_most=True),
        Measure("sync-known", exchange.known_peer(400, 10), "bytes", 600.0, 1.0, at_most=True),
        Measure("sync-stranger", exchange.stranger(5000), "bytes", 4000.0, 1.0, at_most=True),
        Measure("sync-copies", exchange.copies(100, 5), "copies", 1.3, 1.0, at_most=True),
        Measure("sync-ballot", ballot(5 if quick else 30), "ms", 50.0, 1.0, at_most=True),
        Measure("sync-serial", exchange.serial_ballot(1000), "s", 1.0, 1.0, at_most=True),
        Measure("sync-rest-memory", resting, "MB", 60.0, 1.0, at_most=True),
        Measure("sync-rest-cpu", cpu, "% of a core", 1.0, 1.0, at_most=True),
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
            begun = time.time()
            _until(other, records)
            took = _last_written(taker) - begun
            memory = max(one.memory_mb("VmHWM"), other.memory_mb("VmHWM"))
        verified = 0.0
        if loops:
            source = folder / "log"
            plain.write(source, logged(giver))
            verified = records / plain.copy(identity, source, folder / "copy", every=True)
        return records / took, verified, memory


def logged(home: Path) -> list[bytes]:
    """A log's records, but for the genesis, which alone is signed otherwise."""
    assembly = open_home(home)
    every = [wire_of(kept) for batch in assembly.store.walk() for kept in batch if kept.id != assembly.id]
    assembly.close()
    return every


def _until(daemon: Daemon, records: int) -> None:
    """Wait until a daemon has so many records. It is asked seldom: an answer takes time from what is measured."""
    while sum(peer.get("records_in", 0) for peer in daemon.ask("peers")) < records:
        time.sleep(0.1)


def _last_written(home: Path) -> float:
    """When a home's log was written last, in seconds of the wall clock: a commit is a write to its journal."""
    (journal,) = home.glob(f"*/{LOG}-wal")
    return journal.stat().st_mtime


def ballot(rounds: int) -> float:
    """Median milliseconds from a vote at one daemon's socket until the other daemon's `show` counts it."""
    took: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        one, two = found_homes(Path(name), 2)
        with daemon(one) as giver, daemon(two, giver.address) as taker:
            while not any(peer["state"] == "in step" for peer in taker.ask("peers")):
                time.sleep(0.05)
            for number in range(rounds):
                identity = giver.ask("propose", title=f"Question {number}")["id"]
                while identity not in {row["id"] for row in taker.ask("list")}:
                    time.sleep(0.01)
                begun = time.perf_counter()
                giver.ask("vote", id=identity, choices=["yes"])
                while not taker.ask("show", id=identity)["seen"]:
                    time.sleep(0.001)
                took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took)


def at_rest(peers: int, seconds: float) -> tuple[float, float]:
    """Megabytes and percent of a core that a daemon takes that has so many peers and nothing to do."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        homes = found_homes(Path(name), peers + 1)
        middle = stack.enter_context(daemon(homes[0]))
        for home in homes[1:]:
            stack.enter_context(daemon(home, middle.address))
        while sum(peer["state"] == "in step" for peer in middle.ask("peers")) < peers:
            time.sleep(0.1)
        time.sleep(5)
        before = middle.cpu_seconds()
        time.sleep(seconds)
        return middle.memory_mb(), 100 * (middle.cpu_seconds() - before) / seconds
