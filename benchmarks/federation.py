"""What does it cost that 30 assemblies of 30 people settle a matter? Over the bare checks of the signatures in it, for
who takes what is quoted from disk, and for a stranger with the proof; and the bytes of one voice. The same where each
has a committee of seven that says so; and what one more quotation costs in a long log, over an empty one.

A stranger's checks run on several cores, the bare loop on one. What is on disk was checked as it came.
"""

import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Measure, in_turn
from benchmarks.verify import Person, parts
from meshd.assembly.assembly import Assembly, World
from meshd.founding.opening import found_federation
from meshd.store import tables
from meshd_crypto.passphrase import Cost
from meshd_crypto.signing import verify
from meshd_protocol.bodies.actions import Verb, Voiced
from meshd_protocol.bodies.decisions import Attestation, Ballot, Form, Proposal, Say, Verdict
from meshd_protocol.bodies.federation import Quotation
from meshd_protocol.bodies.genesis import FEDERAL_RULES, RULES_VERSION, Genesis, Seating
from meshd_protocol.bodies.talk import Message
from meshd_protocol.evidence import read_evidence
from meshd_protocol.items import Decision
from meshd_protocol.kinds import Kind
from meshd_protocol.policies import DEFAULTS, FEDERAL_DEFAULTS, Voices
from meshd_protocol.proofs import Excerpt, Proof, ProofStep, read_proof, verify_proof, write_proof
from meshd_protocol.quoted import FederalFacts, Quotations
from meshd_protocol.records import NO_ASSEMBLY, Record
from meshd_protocol.rosters import Rosters, roster_id
from meshd_protocol.statements import body_of, read_parts, read_quoted, signatures

ASSEMBLIES, PEOPLE = 30, 30
JOIN, MAJORITY = 20, 16
"""Yes that a constitution asks for, and more than half."""
COMMITTEE, QUORUM = 7, 5
LONG = 100_000
_BY_COMMITTEES = tuple(
    replace(policy, voices=Voices.CERTIFIED) if policy.name == "significant" else policy for policy in FEDERAL_DEFAULTS
)


class _Assembly:
    """Thirty founders with one device each."""

    def __init__(self, rng: random.Random, number: int) -> None:
        self.people = [Person(rng) for _ in range(PEOPLE)]
        founders = tuple(sorted(each.member.public for each in self.people))
        seven = tuple(sorted((each.member.public, each.device.public) for each in self.people[:COMMITTEE]))
        body = Genesis(f"A{number}", rng.randbytes(16), RULES_VERSION, DEFAULTS, founders, witnesses=seven)
        self.genesis = self.people[0].write(NO_ASSEMBLY, Kind.GENESIS, body)
        self.id, self.origin = self.genesis.id, roster_id(self.genesis.id, ())
        self.records: list[Record] = [self.genesis, *(each.certify(self.id) for each in self.people[:JOIN])]

    def voice(self, federation: bytes, matter: bytes, policy: str, yes: int) -> Record:
        """A decision on a matter, with so many yes; it returns the decision."""
        body = Proposal(self.origin, policy, "What we say", action=(int(Verb.VOICE), Voiced(federation, matter, False)))
        said = self.people[0].write(self.id, Kind.PROPOSAL, body)
        ballot = Ballot(said.id, Form.YES_NO, int(Say.YES))
        self.records += [said, *(each.write(self.id, Kind.BALLOT, ballot) for each in self.people[:yes])]
        return said

    def certified(self, federation: bytes, matter: bytes) -> None:
        """A decision on a matter that its committee attests."""
        body = Proposal(
            self.origin, "standard", "What we say", action=(int(Verb.VOICE), Voiced(federation, matter, False))
        )
        said = self.people[0].write(self.id, Kind.PROPOSAL, body)
        found = Attestation(said.id, Verdict.PASSED, (), (MAJORITY, 0, 0), b"\xff\xff\x00\x00", bytes(32))
        self.records += [said, *(each.write(self.id, Kind.ATTESTATION, found) for each in self.people[:QUORUM])]


def _proof(*, committees: bool) -> tuple[bytes, int]:
    """The proof of a matter that more than half of the assemblies settled; and the bytes of one voice, quoted."""
    rng = random.Random(1)
    assemblies = [_Assembly(rng, number) for number in range(ASSEMBLIES)]
    convener = Person(rng)
    seatings = tuple(sorted(Seating(each.id, 1, each.origin) for each in assemblies))
    body = Genesis(
        "Valley",
        rng.randbytes(16),
        FEDERAL_RULES,
        _BY_COMMITTEES if committees else FEDERAL_DEFAULTS,
        (convener.member.public,),
        assemblies=seatings,
    )
    genesis = convener.write(NO_ASSEMBLY, Kind.GENESIS, body)
    joins = [each.voice(genesis.id, genesis.id, "constitution", JOIN) for each in assemblies]
    cites = tuple(sorted(each.id for each in joins))
    begun = roster_id(genesis.id, cites)
    certificate = convener.certify(genesis.id)
    matter = convener.write(genesis.id, Kind.PROPOSAL, Proposal(begun, "significant", "A warehouse"))
    first = assemblies[0]
    before = len(first.records)
    for each in assemblies[: ASSEMBLIES // 2 + 1]:
        if committees:
            each.certified(genesis.id, matter.id)
        else:
            each.voice(genesis.id, matter.id, "significant", MAJORITY)
    voice = Quotation(first.id, tuple(sorted(map(parts, first.records[before:]))))
    quoted = tuple(sorted(Excerpt(each.id, tuple(sorted(map(parts, each.records))), ()) for each in assemblies))
    steps = (ProofStep(roster_id(genesis.id, ()), cites, None),)
    records = tuple(sorted(map(parts, (certificate, matter))))
    return write_proof(Proof(parts(genesis), matter.id, begun, steps, records, quoted)), len(voice.write())


def _signatures(proof: Proof) -> list[tuple[bytes, bytes, bytes]]:
    genesis = read_parts(NO_ASSEMBLY, proof.genesis)
    found = signatures(genesis.id, genesis, None)
    for each in proof.records:
        record = read_parts(genesis.id, each)
        found += signatures(genesis.id, record, body_of(record))
    for excerpt in proof.quoted or ():
        for known in read_quoted(excerpt.assembly, excerpt.records, verify=False):
            assert known is not None
            found += signatures(excerpt.assembly, *known)
    return found


class _Log:
    """A federation's log of so many records, most of them quotations."""

    def __init__(self, folder: Path, records: int, rounds: int) -> None:
        self.member = _Assembly(random.Random(1), 0)
        seating = Seating(self.member.id, 1, self.member.origin)
        world = World(cost=Cost(1, 8192))
        self.assembly: Assembly = found_federation(folder, "Bench", "Zoe", "pw", [seating], world=world)
        self._quote(self.member.records)
        self.member.voice(self.assembly.id, self.assembly.id, "constitution", JOIN)
        self._quote(self.member.records[1 + JOIN :])
        with self.assembly.store.transaction():
            self._grow(records)
        self.more = [
            self.member.people[0].write(self.member.id, Kind.MESSAGE, Message(bytes(16), "general", f"Word {number}"))
            for number in range(rounds)
        ]

    def _grow(self, records: int) -> None:
        store = self.assembly.store
        chain = store.last_chain() + 1
        for start in range(0, records, 10_000):
            ids = [number.to_bytes(32, "little") for number in range(start + 1, min(start + 10_000, records) + 1)]
            store.insert(
                [tables.Kept(i, chain, start + n, 128, 1, b"h" * 150, b"s" * 64, b"b" * 400) for n, i in enumerate(ids)]
            )
            store.insert([tables.Quotation(i, self.member.id, b"\x01", i, 1) for i in ids])

    def _quote(self, records: list[Record]) -> None:
        for start in range(0, len(records), 25):
            body = Quotation(self.member.id, tuple(sorted(map(parts, records[start : start + 25]))))
            with self.assembly.writing():
                self.assembly.write(Kind.QUOTATION, body)

    def one_more(self) -> float:
        """Seconds to quote one more record."""
        record = self.more.pop()
        begun = time.perf_counter()
        self._quote([record])
        return time.perf_counter() - begun


def _long(rounds: int) -> Measure:
    with tempfile.TemporaryDirectory() as folder:
        full = _Log(Path(folder) / "full", LONG, rounds)
        empty = _Log(Path(folder) / "empty", 0, rounds)
        ours, plain = in_turn(full.one_more, empty.one_more, rounds)
        full.assembly.close()
        empty.assembly.close()
    return Measure("federation-quotation", ours, "s", plain, 2.0, at_most=True)


def run(*, quick: bool) -> list[Measure]:
    """Seconds, over those to check the signatures, or those in an empty log; bytes, over what they may be."""
    rounds = 3 if quick else 9
    settled, voice = _proof(committees=False)
    attested, committee = _proof(committees=True)
    return [
        *_matter("federation", settled, rounds),
        *_matter("federation-committees", attested, rounds),
        Measure("federation-voice", voice, "bytes", 4500, 1.0, at_most=True),
        Measure("federation-committee-voice", committee, "bytes", 1800, 1.0, at_most=True),
        Measure("federation-proof", len(attested), "bytes", 400_000, 1.0, at_most=True),
        _long(5 * rounds),
    ]


def _matter(name: str, data: bytes, rounds: int) -> list[Measure]:
    """What a proof costs: for who has it on disk, and for a stranger."""
    proof = read_proof(data)
    checks = _signatures(proof)

    def bare() -> float:
        begun = time.perf_counter()
        good = sum(verify(*each) for each in checks)
        took = time.perf_counter() - begun
        assert good == len(checks)
        return took

    def strange() -> float:
        begun = time.perf_counter()
        shown = verify_proof(data)
        took = time.perf_counter() - begun
        assert (shown.outcome, len(shown.members)) == ("passed", ASSEMBLIES)
        return took

    def settled() -> float:
        begun = time.perf_counter()
        genesis = read_parts(NO_ASSEMBLY, proof.genesis)
        quotations = Quotations(genesis.id)
        for each in proof.quoted or ():
            quotations.take(each.assembly, read_quoted(each.assembly, each.records, verify=False), ())
        quotations.settle()
        facts = FederalFacts(read_evidence(genesis, proof.records), quotations)
        rosters = Rosters(genesis.id, Genesis.read(genesis.body or b""), facts, quotations.get)
        for step in proof.steps:
            assert rosters.problem(step.parent, step.cites) is None
            rosters.learn(step.parent, step.cites)
        matter = facts.item(proof.subject or b"")
        assert isinstance(matter, Decision)
        state = rosters.state(matter.pin)
        assert state.weigh(rosters.supporters(matter, state)) == ASSEMBLIES // 2 + 1
        return time.perf_counter() - begun

    settle, reference = in_turn(settled, bare, rounds)
    stranger, bare_again = in_turn(strange, bare, rounds)
    return [
        Measure(f"{name}-settle", settle, "s", reference, 1.3, at_most=True),
        Measure(f"{name}-verify", stranger, "s", bare_again, 1.3, at_most=True),
    ]
