"""What does one more ballot cost? On a proposal with 10,000 ballots in a log of a million records, over an empty log.

The cost is that of receiving the signed ballot and showing the proposal. The long log is made of rows, as ingest would
have written them; the ballots that are measured are real ones, and so is everything that happens to them.
"""

import random
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Measure, in_turn
from meshd.assembly.assembly import Assembly, World
from meshd.founding.opening import found
from meshd.service import explaining, proposing
from meshd.service.context import Context
from meshd.state import tallies
from meshd.store import tables
from meshd_crypto.identity import ExchangeKey, SigningKey
from meshd_crypto.passphrase import Cost
from meshd_protocol.bodies.decisions import Ballot, Form, Say
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.chains import Waiting
from meshd_protocol.kinds import Kind, Log
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.records import make_record, wire

MEMBERS = 20_000


class _Voter:
    """Somebody whose next ballot is ready to be received."""

    def __init__(self, assembly: bytes, question: bytes, rng: random.Random) -> None:
        self.member, self.device = SigningKey.generate(rng.randbytes), SigningKey.generate(rng.randbytes)
        exchange = ExchangeKey.generate(rng.randbytes)
        certificate = Certificate(
            member=self.member.public, device=self.device.public, transport=exchange.public, sealing=exchange.public,
            label="", scope=0, person="Voter",
        ).signed_by(self.member, assembly)  # fmt: skip
        first = make_record(
            assembly, self.device, log=Log.DECISIONS, seq=0, prev=None, time_ms=1, kind=Kind.CERTIFICATE,
            body=certificate.write(),
        )  # fmt: skip
        ballot = make_record(
            assembly, self.device, log=Log.DECISIONS, seq=1, prev=first.id, time_ms=2, kind=Kind.BALLOT,
            body=Ballot(question, Form.YES_NO, int(Say.YES)).write(),
        )  # fmt: skip
        self.certificate, self.ballot = wire(first), wire(ballot)


class _World:
    """An assembly with one open proposal, so many ballots on it, and so many records."""

    def __init__(self, folder: Path, ballots: int, records: int, voters: int) -> None:
        rng = random.Random(1)
        self.assembly: Assembly = found(folder, "Bench", "Ada", "pw", world=World(cost=Cost(1, 8192)))
        self.context = Context(self.assembly)
        self.question = bytes_of(proposing.propose(self.context, {"title": "One more?"})["id"])
        self.voters = [_Voter(self.assembly.id, self.question, rng) for _ in range(voters)]
        standing = self.assembly.standing
        assert standing is not None
        assert standing.state is not None
        names = frozenset(number.to_bytes(32, "big") for number in range(MEMBERS))
        state = standing.state._replace(members=names | {each.member.public for each in self.voters})
        standing.rosters._meaning(standing.head)._state = state  # 20,000 members without 20,000 admissions
        for voter in self.voters:
            self.assembly.receive([voter.certificate], Waiting())
        with self.assembly.store.transaction():
            self._grow(sorted(names), ballots, records)
        self.cast = 0

    def _grow(self, members: list[bytes], ballots: int, records: int) -> None:
        store = self.assembly.store
        chain = store.last_chain() + 1
        for start in range(0, records, 10_000):
            ids = [number.to_bytes(32, "little") for number in range(start + 1, min(start + 10_000, records) + 1)]
            store.insert(
                [tables.Kept(i, chain, start + n, 96, 1, b"h" * 150, b"s" * 64, b"b" * 40) for n, i in enumerate(ids)]
            )
        rows = [
            tables.Ballot(each, self.question, each, each, 1, 0, Form.YES_NO, b"\x01", 0, "")
            for each in members[:ballots]
        ]
        store.insert(rows)
        proposal = store.get(tables.Proposal, id=self.question)
        assert proposal is not None
        assert self.assembly.standing is not None
        tallies.count(store, self.assembly.standing, proposal)

    def one_more(self) -> float:
        """Seconds for the next voter's ballot, and for showing where the proposal stands."""
        voter = self.voters[self.cast]
        self.cast += 1
        begun = time.perf_counter()
        report = self.assembly.receive([voter.ballot], Waiting())
        shown = explaining.show(self.context, {"id": text_of(self.question)})
        took = time.perf_counter() - begun
        assert len(report.new) == 1
        assert shown["seen"] >= self.cast
        return took


def run(*, quick: bool) -> list[Measure]:
    """Seconds in the long log, over those in the empty one."""
    rounds = 15 if quick else 60
    with tempfile.TemporaryDirectory() as folder:
        full = _World(Path(folder) / "full", 10_000, 100_000 if quick else 1_000_000, rounds)
        empty = _World(Path(folder) / "empty", 0, 0, rounds)
        ours, plain = in_turn(full.one_more, empty.one_more, rounds)
        full.assembly.close()
        empty.assembly.close()
    return [Measure("tally", ours, "s", plain, 2.0, at_most=True)]
