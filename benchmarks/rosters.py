"""What do one member's roster steps cost? Offers that replace each other, each with a step: by the record, at twice as
many as at once, and all of them in seconds.
"""

import random
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Measure
from meshd.assembly.assembly import Assembly, World
from meshd.founding.opening import found
from meshd_crypto.identity import SigningKey
from meshd_crypto.passphrase import Cost
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING, Certificate, Offer, RosterStep
from meshd_protocol.chains import Waiting
from meshd_protocol.kinds import Kind, Log
from meshd_protocol.records import Record, make_record, wire
from meshd_protocol.rosters import roster_id
from meshd_protocol.schema import Body

MOST = 1600
SECONDS = 2.0


def run(*, quick: bool) -> list[Measure]:
    """Seconds for 1,600 offers and steps of one member, over the limit; and by the record, over half as many."""
    most = MOST // 4 if quick else MOST
    half, whole = _taken(most // 2), _taken(most)
    return [
        Measure("rosters", whole, "s", SECONDS * most / MOST, 1.0, at_most=True),
        Measure("rosters by the record", whole / most, "s", half / (most // 2), 1.3, at_most=True),
    ]


def _taken(records: int) -> float:
    """Seconds in which a node takes so many in: a second device of its own person's writes them."""
    with tempfile.TemporaryDirectory() as folder:
        assembly = found(Path(folder), "Bench", "Ada", "pw", world=World(cost=Cost(1, 8192)))
        batch = [wire(each) for each in _steps(assembly, records)]
        begun = time.perf_counter()
        assembly.receive(batch, Waiting())
        took = time.perf_counter() - begun
        assert assembly.standing is not None
        assert len(assembly.standing.rosters.ids(assembly.standing.head)) == 1, "each replaces the one before"
        assembly.close()
    return took


def _steps(assembly: Assembly, records: int) -> list[Record]:
    device = SigningKey.generate(random.Random(1).randbytes)
    keys, chain = assembly.keys, list[Record]()
    assert keys.member is not None

    def write(kind: Kind, body: Body) -> Record:
        last = chain[-1] if chain else None
        record = make_record(
            assembly.id, device, log=Log.DECISIONS, seq=len(chain), prev=last.id if last else None, time_ms=1,
            kind=kind, body=body.write(),
        )  # fmt: skip
        chain.append(record)
        return record

    certificate = Certificate(
        member=keys.member_public, device=device.public, transport=keys.transport.public, sealing=keys.sealing.public,
        label="phone", scope=SCOPE_EVERYTHING, person="Ada",
    )  # fmt: skip
    write(Kind.CERTIFICATE, certificate.signed_by(keys.member, assembly.id))
    head, before = roster_id(assembly.id, ()), assembly.id
    for _ in range(records // 2):
        offer = write(Kind.OFFER, Offer(head, device.public, (before,)))
        write(Kind.ROSTER, RosterStep(head, (offer.id,)))
        head, before = roster_id(assembly.id, (offer.id,)), offer.id
    return chain
