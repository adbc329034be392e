"""What does a stranger pay to verify a proof? A decision of 500 members, over the bare checks of its signatures.

Of the 500, 430 are founders, and 70 were vouched for and admitted in two decisions. The verifier checks signatures on
several cores, the bare loop on one: where there is one core alone, the ratio is about 1.4.
"""

import random
import time
from collections.abc import Iterable

from benchmarks.measure import Measure, in_turn
from meshd_crypto.identity import ExchangeKey, SigningKey
from meshd_crypto.signing import verify
from meshd_protocol.bodies import read_body
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Ballot, Form, Proposal, Say
from meshd_protocol.bodies.genesis import RULES_VERSION, Genesis
from meshd_protocol.bodies.membership import Application, Certificate, Vouch
from meshd_protocol.kinds import LOG_OF, Kind
from meshd_protocol.policies import DEFAULTS, MEMBERSHIP
from meshd_protocol.proofs import Proof, ProofStep, read_proof, verify_proof, write_proof
from meshd_protocol.records import NO_ASSEMBLY, Record, make_record, read_record, signed_bytes
from meshd_protocol.rosters import roster_id
from meshd_protocol.schema import Body

FOUNDERS, ADMITTED = 430, 70


class Person:
    """A member with one device."""

    def __init__(self, rng: random.Random) -> None:
        self.member, self.device = SigningKey.generate(rng.randbytes), SigningKey.generate(rng.randbytes)
        self._exchange = ExchangeKey.generate(rng.randbytes)
        self._seq = 0
        self._prev: bytes | None = None

    def write(self, assembly: bytes, kind: Kind, body: Body) -> Record:
        """The next record of the device."""
        record = make_record(
            assembly, self.device, log=LOG_OF[kind], seq=self._seq, prev=self._prev, time_ms=5, kind=kind,
            body=body.write(),
        )  # fmt: skip
        self._seq, self._prev = self._seq + 1, record.id
        return record

    def certify(self, assembly: bytes) -> Record:
        """Its first record."""
        body = Certificate(
            member=self.member.public, device=self.device.public, transport=self._exchange.public,
            sealing=self._exchange.public, label="", scope=0, person="Member",
        )  # fmt: skip
        return self.write(assembly, Kind.CERTIFICATE, body.signed_by(self.member, assembly))


_MEMBERSHIP = next(policy for policy in DEFAULTS if policy.name == MEMBERSHIP)


def _proof() -> bytes:
    rng = random.Random(1)
    founders = [Person(rng) for _ in range(FOUNDERS)]
    keys = tuple(sorted(each.member.public for each in founders))
    charter = Genesis("Bench", rng.randbytes(16), RULES_VERSION, DEFAULTS, keys)
    genesis = founders[0].write(NO_ASSEMBLY, Kind.GENESIS, charter)
    assembly = genesis.id
    records = [each.certify(assembly) for each in founders]
    newcomers = [Person(rng) for _ in range(ADMITTED)]
    records += [each.certify(assembly) for each in newcomers]
    door = SigningKey.generate(rng.randbytes)
    applications = [
        each.write(
            assembly,
            Kind.APPLICATION,
            Application(invitation=door.public, member=each.member.public, device=each.device.public).signed_by(
                door, assembly
            ),
        )
        for each in newcomers
    ]
    roster: set[bytes] = set()
    steps: list[ProofStep] = []

    def step(added: Iterable[bytes]) -> None:
        cites = tuple(sorted(added))
        steps.append(ProofStep(roster_id(assembly, roster), cites, None))
        roster.update(cites)

    def decide(body: Proposal, voters: list[Person], needed: int) -> Record:
        proposal = voters[0].write(assembly, Kind.PROPOSAL, body)
        records.append(proposal)
        for each in voters[:needed]:
            records.append(each.write(assembly, Kind.BALLOT, Ballot(proposal.id, Form.YES_NO, int(Say.YES))))
        return proposal

    origin = roster_id(assembly, ())
    vouches = [
        voucher.write(assembly, Kind.VOUCH, Vouch(each.id, origin)) for each in applications for voucher in founders[:2]
    ]
    records += applications + vouches
    step(each.id for each in vouches)
    for start in range(0, ADMITTED, 64):
        named = tuple(sorted(each.id for each in applications[start : start + 64]))
        body = Proposal(roster_id(assembly, roster), "membership", "Admit", action=(int(Verb.ADMIT), named))
        people = FOUNDERS + start
        step([decide(body, [*founders, *newcomers[:start]], _MEMBERSHIP.needed(people)).id])
    everybody = founders + newcomers
    question = decide(
        Proposal(roster_id(assembly, roster), "significant", "Buy a mill"), everybody, len(everybody) // 2 + 1
    )
    return write_proof(
        Proof(parts(genesis), question.id, roster_id(assembly, roster), tuple(steps), tuple(map(parts, records)))
    )


def parts(record: Record) -> tuple[bytes, bytes, bytes]:
    """A record as a proof holds it."""
    assert record.body is not None
    return record.header, record.signature, record.body


def _signatures(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Every signature that verifying checks: (key, message, signature)."""
    proof = read_proof(data)
    genesis = read_record(NO_ASSEMBLY, *proof.genesis)
    found = [(genesis.device, signed_bytes(NO_ASSEMBLY, genesis.header), genesis.signature)]
    for each in proof.records:
        record = read_record(genesis.id, *each)
        found.append((record.device, signed_bytes(genesis.id, record.header), record.signature))
        body = read_body(record)
        if isinstance(body, Certificate):
            found.append((body.member, body.unsigned(genesis.id), body.signature))
        elif isinstance(body, Application):
            found.append((body.invitation, body.unsigned(genesis.id), body.signature))
    return found


def run(*, quick: bool) -> list[Measure]:
    """Seconds to verify the proof, over those to check its signatures."""
    data = _proof()
    signatures = _signatures(data)

    def ours() -> float:
        begun = time.perf_counter()
        shown = verify_proof(data)
        took = time.perf_counter() - begun
        assert (shown.outcome, len(shown.members)) == ("passed", FOUNDERS + ADMITTED)
        return took

    def bare() -> float:
        begun = time.perf_counter()
        good = sum(verify(*each) for each in signatures)
        took = time.perf_counter() - begun
        assert good == len(signatures)
        return took

    value, reference = in_turn(ours, bare, 5 if quick else 15)
    return [Measure("verify", value, "s", reference, 1.3, at_most=True)]
