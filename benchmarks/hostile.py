"""What can one member do to the others, who writes as much as they like? Motions, elections with 64 options, roster
steps, invitations and a fork of many records, by one device and by a hundred.

Everything has arrived already, though pace and quotas stretch it over weeks. Measured is what a neighbour's machine
feels then: how long it takes to take a record in, its daemon's memory, and how long `meshd` and `status` take.
"""

import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Measure
from benchmarks.mesh import Daemon, daemon, found_homes, open_home
from meshd.assembly.assembly import Assembly
from meshd_crypto.identity import ExchangeKey, SigningKey
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING, Certificate, Invitation, Offer, RosterStep
from meshd_protocol.bodies.talk import Message
from meshd_protocol.chains import Waiting
from meshd_protocol.kinds import LOG_OF, Kind
from meshd_protocol.records import Record, make_record, wire
from meshd_protocol.rosters import roster_id
from meshd_protocol.schema import Body

MANY = 10_000
FORKED = 100_000
DEVICES = 100
COMMAND_MS = 5000.0
"""What a command may take that tells of 30,000 open motions."""
BATCH = 1000


class Felt(NamedTuple):
    """A neighbour's machine: µs by record that comes, MB of the daemon, and ms that commands take there."""

    record_us: float
    memory_mb: float
    home_ms: float
    status_ms: float
    list_ms: float


def run(*, quick: bool) -> list[Measure]:
    """Each figure after the flood over the same before, by one device and by a hundred; a tenth of it with `quick`."""
    share = 10 if quick else 1
    measures: list[Measure] = []
    for devices in (1, DEVICES):
        before, after = felt(devices, share)
        name, most = f"hostile-{devices}", COMMAND_MS / share
        measures += [
            Measure(f"{name} record", after.record_us, "us", before.record_us, 10.0, at_most=True),
            Measure(f"{name} memory", after.memory_mb, "MB", before.memory_mb, 3.0, at_most=True),
            Measure(f"{name} home", after.home_ms, "ms", most, 1.0, at_most=True),
            Measure(f"{name} status", after.status_ms, "ms", most, 1.0, at_most=True),
            Measure(f"{name} list", after.list_ms, "ms", most, 1.0, at_most=True),
        ]
    return measures


def felt(devices: int, share: int) -> tuple[Felt, Felt]:
    """A neighbour's machine before a member floods the assembly, and afterwards."""
    with tempfile.TemporaryDirectory() as name:
        neighbour, mallory = found_homes(Path(name), 2)
        assembly = open_home(mallory)
        flood = list(_flood(assembly, devices, share))
        calm = list(_messages(assembly, 3000 // share))
        assembly.close()
        before = _felt(neighbour, calm)
        return before, _felt(neighbour, flood)


def _felt(home: Path, records: list[bytes]) -> Felt:
    assembly = open_home(home)
    waiting = Waiting()
    begun = time.perf_counter()
    for start in range(0, len(records), BATCH):
        assembly.receive(records[start : start + BATCH], waiting)
    took = time.perf_counter() - begun
    assembly.close()
    with daemon(home) as running:
        times = [_milliseconds(running, verb) for verb in ("home", "status", "list")]
        return Felt(1e6 * took / len(records), running.memory_mb("VmHWM"), *times)


def _milliseconds(running: Daemon, verb: str) -> float:
    """The median time of an answer, but for the first."""
    running.ask(verb)
    took: list[float] = []
    for _ in range(5):
        begun = time.perf_counter()
        running.ask(verb)
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took)


class _Pen:
    """A device of Mallory's that signs whatever she wants."""

    def __init__(self, assembly: Assembly, seed: int) -> None:
        rng = random.Random(seed)
        self._assembly = assembly
        self.device = SigningKey.generate(rng.randbytes)
        exchange = ExchangeKey.generate(rng.randbytes)
        self._heads: dict[int, Record] = {}
        keys = assembly.keys
        assert keys.member is not None
        certificate = Certificate(
            member=keys.member_public, device=self.device.public, transport=exchange.public, sealing=exchange.public,
            label="", scope=SCOPE_EVERYTHING, person="Mallory",
        )  # fmt: skip
        self.first = self.write(Kind.CERTIFICATE, certificate.signed_by(keys.member, assembly.id))

    def write(self, kind: Kind, body: Body, after: Record | None = None) -> Record:
        """Sign the next record, or one after another than the last."""
        log = int(LOG_OF[kind])
        head = after or self._heads.get(log)
        record = make_record(
            self._assembly.id, self.device, log=log, seq=head.seq + 1 if head else 0, prev=head.id if head else None,
            time_ms=1_780_000_000_000, kind=kind, body=body.write(),
        )  # fmt: skip
        self._heads[log] = record
        return record


def _messages(assembly: Assembly, many: int) -> Iterator[bytes]:
    """What somebody says who means well."""
    pen = _Pen(assembly, 7)
    yield wire(pen.first)
    for n in range(many):
        yield wire(pen.write(Kind.MESSAGE, Message(bytes(16), "general", f"message {n} of a few words")))


def _flood(assembly: Assembly, devices: int, share: int) -> Iterator[bytes]:
    """Everything at once, by so many devices in turn."""
    pens = [_Pen(assembly, 1000 + n) for n in range(devices)]
    turn = itertools.cycle(pens)
    genesis, me = roster_id(assembly.id, ()), assembly.keys.member_public
    for pen in pens:
        yield wire(pen.first)
    others = sorted(set(assembly.known.genesis.founders) - {me})
    options = tuple(f"option {n}" for n in range(64))
    for n in range(MANY // share):
        yield wire(next(turn).write(Kind.PROPOSAL, Proposal(genesis, "significant", f"A motion {n}")))
        removal = Proposal(genesis, "removal", f"Remove {n}", action=(int(Verb.REMOVE), tuple(others)))
        yield wire(next(turn).write(Kind.PROPOSAL, removal))
        election = Proposal(genesis, "elections", f"Elect {n}", options=options, method="schulze", seats=5)
        yield wire(next(turn).write(Kind.PROPOSAL, election))
    for n in range(MANY // share):
        seed = random.Random(n).randbytes(32)
        yield wire(next(turn).write(Kind.INVITATION, Invitation(seed, seed[:8], bytes(72), 1_790_000_000_000)))
    for _ in range(MANY // share):
        pen = next(turn)
        offer = pen.write(Kind.OFFER, Offer(genesis, pen.device.public, ()))
        yield wire(offer)
        yield wire(pen.write(Kind.ROSTER, RosterStep(genesis, (offer.id,))))
    root = pens[0].write(Kind.MESSAGE, Message(bytes(16), "general", "before the fork"))
    yield wire(root)
    for branch in range(2):
        last = root
        for n in range(FORKED // share // 2):
            last = pens[0].write(Kind.MESSAGE, Message(bytes(16), f"branch {branch}", f"words {n}"), after=last)
            yield wire(last)
