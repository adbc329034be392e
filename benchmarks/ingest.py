"""How fast do records go from bytes to committed rows with projections?

The reference is a plain loop over the same bytes: the same strict decode of record, header and body, the same rows into
the same tables with the same indexes in the same batches, SQLCipher, FULL; and it verifies every signature. The door
verifies one signature for each run, and has chains, forks and rosters to mind beside.
"""

import tempfile
import time
from pathlib import Path

from benchmarks.measure import Measure, in_turn
from benchmarks.mesh import chains
from meshd.log.door import Door
from meshd.store import tables
from meshd.store.projections import project
from meshd.store.sqlite import SqliteStore
from meshd_protocol.chains import Waiting
from meshd_protocol.records import decode_record, is_signed

ASSEMBLY = b"a" * 32
CHAIN = 100
BATCH = 1000


def run(*, quick: bool) -> list[Measure]:
    """Records per second by the door, over those of the loop."""
    batches = _batches(20 if quick else 100)
    count = sum(map(len, batches))
    ours, plain = in_turn(lambda: count / _by_door(batches), lambda: count / _by_loop(batches), 3 if quick else 5)
    return [Measure("ingest", ours, "records/s", plain, 2.0)]


def _batches(devices: int) -> list[list[bytes]]:
    """Chains of 100, two for each device."""
    records = list(chains(ASSEMBLY, 2 * CHAIN * devices, CHAIN))
    return [records[start : start + BATCH] for start in range(0, len(records), BATCH)]


def _by_door(batches: list[list[bytes]]) -> float:
    """Seconds for all batches through the one door."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "log.db", bytes(32))
        door, waiting = Door(store, ASSEMBLY), Waiting()
        begun = time.perf_counter()
        for batch in batches:
            with store.transaction():
                report = door.receive(batch, waiting)
            assert len(report.new) == len(batch)
        took = time.perf_counter() - begun
        store.close()
    return took


def _by_loop(batches: list[list[bytes]]) -> float:
    """Seconds for the same decoding and the same inserts, with every signature verified."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "log.db", bytes(32))
        authors: dict[bytes, tables.Certificate] = {}
        begun = time.perf_counter()
        for batch in batches:
            rows: dict[type[tuple[object, ...]], list[tuple[object, ...]]] = {}
            for data in batch:
                record = decode_record(ASSEMBLY, data)
                assert is_signed(ASSEMBLY, record)
                row = project(ASSEMBLY, record, authors.get(record.device))
                if isinstance(row, tables.Certificate):
                    authors[row.device] = row
                kept = tables.Kept(
                    record.id, 1, record.seq, record.kind, 1, record.header, record.signature, record.body
                )
                rows.setdefault(tables.Kept, []).append(kept)
                if row is not None:
                    rows.setdefault(type(row), []).append(row)
            with store.transaction():
                for table in rows.values():
                    store.insert(table)
        took = time.perf_counter() - begun
        store.close()
    return took
