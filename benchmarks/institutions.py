"""What do institutions cost? `status` with a set adopted and 10,000 entries on one alarm, over one without; one more
entry in a log of a million records with those entries, over the first ones of an empty log.

The entries and the long log are made of rows, as ingest would have written them; those that are measured are real.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.home import MESHD, daemon
from benchmarks.measure import Measure, in_turn
from meshd.assembly.assembly import Assembly, World
from meshd.founding.opening import found
from meshd.service import haste
from meshd.service.context import Context
from meshd.service.institutions import institutions
from meshd.store import tables
from meshd_crypto.passphrase import Cost
from meshd_protocol.bodies.institutions import Entry
from meshd_protocol.encoding import encode
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of

ENTRIES = 10_000


class _World:
    """An assembly of one, with so many pledges to an alarm and so many records; without any, nothing is adopted yet."""

    def __init__(self, folder: Path, entries: int, records: int, *, adopts: bool) -> None:
        self.assembly: Assembly = found(folder, "Bench", "Ada", "pw", world=World(cost=Cost(1, 8192)))
        self.context = Context(self.assembly)
        self.alarm, self.template = b"", b""
        if adopts:
            self.template = bytes_of(institutions(self.context, {"do": "adopt", "what": "relief"})["id"])
            self.alarm = bytes_of(haste.alarm(self.context, {"title": "Flood", "where": "Mill", "asks": "Come"})["id"])
            with self.assembly.store.transaction():
                alarm = self.assembly.store.get(tables.Judged, id=self.alarm)
                assert alarm is not None
                self.assembly.store.replace(alarm._replace(stands=1, seconds=2))  # confirmed by two who are not here
                self._grow(entries, records)
        self.context = Context(self.assembly)

    def _grow(self, entries: int, records: int) -> None:
        store, me = self.assembly.store, self.assembly.keys
        chain = store.last_chain() + 1
        for start in range(0, records, 10_000):
            ids = [number.to_bytes(32, "little") for number in range(start + 1, min(start + 10_000, records) + 1)]
            store.insert(
                [tables.Kept(i, chain, start + n, 96, 1, b"h" * 150, b"s" * 64, b"b" * 40) for n, i in enumerate(ids)]
            )
        fields = encode({"what": "I come", "by": 5})
        author = me.member_public, me.device.public
        roster = self.assembly.known.head
        for start in range(0, entries, 1000):
            ids = [(number << 200).to_bytes(32, "big") for number in range(start + 1, start + 1001)]
            rows = [
                tables.Entry(each, *author, 5, 0, roster, self.template, "pledge", fields, self.alarm, b"", None, 5)
                for each in ids
            ]
            judged = [
                tables.Judged(
                    each, self.template, "pledge", self.alarm, self.alarm, 1, *author, 5, 5, 0, 1, 0, 0, 0, None, 5
                )
                for each in ids
            ]
            store.insert(rows)
            store.insert(judged)
            for root in (self.alarm, self.template):
                store.replace(tables.Figure(root, "pledge", me.member_public, start + 1000, str(5 * (start + 1000))))
            store.insert([tables.Noticed(each, 5) for each in ids])

    def one_more(self) -> float:
        """Seconds for one more entry of this person."""
        begun = time.perf_counter()
        with self.assembly.writing() as report:
            body = Entry(
                self.assembly.known.head, self.template, "pledge", {"what": "I come", "by": 5}, about=self.alarm
            )
            self.assembly.write(Kind.ENTRY, body)
        took = time.perf_counter() - begun
        assert len(report.own) == 1
        return took


def _status(meshd: list[str]) -> float:
    """Seconds of a whole `meshd status`, with a daemon, for a person who waits for it."""
    begun = time.perf_counter()
    subprocess.run([*meshd, "status"], check=True, capture_output=True)
    return time.perf_counter() - begun


def run(*, quick: bool) -> list[Measure]:
    """Seconds of each, over the other."""
    rounds = 15 if quick else 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        full = _World(folder / "full", ENTRIES, 100_000 if quick else 1_000_000, adopts=True)
        empty = _World(folder / "empty", 0, 0, adopts=True)
        more, first = in_turn(full.one_more, empty.one_more, rounds)
        bare = _World(folder / "bare", 0, 0, adopts=False)
        for each in (full, empty, bare):
            each.assembly.close()
        env = os.environ | {"MESHD_PASSPHRASE": "pw"}
        ours, others = ([*MESHD, "--home", str(folder / each)] for each in ("full", "bare"))
        with daemon(ours, env), daemon(others, env):
            shown, plain = in_turn(lambda: _status(ours), lambda: _status(others), rounds)
    return [
        Measure("institutions-status", shown, "s", plain, 1.5, at_most=True),
        Measure("institutions-entry", more, "s", first, 1.2, at_most=True),
    ]
