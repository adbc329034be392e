"""proofs.json: whole proofs, what each shows to whom, and proofs that are refused."""

from collections.abc import Iterable
from typing import Any

from makers.common import START_MS, Device, drawn, stored_file, written
from meshd_crypto.identity import SigningKey
from meshd_protocol import contexts, proof_files
from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Attestation, Ballot, Form, Proposal, Say, Verdict
from meshd_protocol.bodies.genesis import RULES_VERSION, Genesis
from meshd_protocol.bodies.membership import Application, Offer, Vouch
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadProofError
from meshd_protocol.kinds import Kind
from meshd_protocol.policies import DEFAULTS
from meshd_protocol.proofs import Proof, ProofStep, verify_proof
from meshd_protocol.records import NO_ASSEMBLY, Record, make_record
from meshd_protocol.rosters import roster_id

_PLACES = ("version", "genesis", "subject", "roster", "steps", "records")


class Commune:
    """Three founders, all of them witnesses, and somebody who comes later."""

    def __init__(self) -> None:
        self.people = [Device(NO_ASSEMBLY, name) for name in ("Ada", "Bea", "Cy")]
        pairs = tuple(sorted((each.member.public, each.key.public) for each in self.people))
        founders = tuple(member for member, _ in pairs)
        body = Genesis("Bakery", drawn("nonce", 16), RULES_VERSION, DEFAULTS, founders, witnesses=pairs)
        ada = self.people[0]
        self.genesis = make_record(
            NO_ASSEMBLY, ada.key, log=0, seq=0, prev=None, time_ms=START_MS, kind=Kind.GENESIS, body=body.write()
        )
        ada.heads[0] = self.genesis
        self.origin = roster_id(self.genesis.id, ())
        self.records: list[Record] = []
        self.di = Device(self.genesis.id, "Di")
        for each in (*self.people, self.di):
            each.assembly = self.genesis.id
            self.records.append(each.certify())
        door = SigningKey.from_seed(drawn("door"))
        application = Application(
            invitation=door.public, member=self.di.member.public, device=self.di.key.public, witness=True
        )
        self.application = self.di.write(Kind.APPLICATION, application.signed_by(door, self.genesis.id))
        self.records.append(self.application)

    def write(self, device: Device, kind: Kind, body: Any) -> Record:
        """A record of somebody's that is in every proof from now on."""
        self.records.append(device.write(kind, body))
        return self.records[-1]

    def decide(self, voters: int = 3, **proposal: Any) -> Record:
        """A proposal, with yes by the first so many."""
        fields = {"roster": self.origin, "policy": "significant", "title": "A question"} | proposal
        question = self.write(self.people[0], Kind.PROPOSAL, Proposal(**fields))
        for each in self.people[:voters]:
            self.write(each, Kind.BALLOT, Ballot(question.id, Form.YES_NO, int(Say.YES)))
        return question

    def attest(self, question: Record, verdict: Verdict, *devices: Device) -> None:
        """Attestations of a finding."""
        for each in devices:
            body = Attestation(question.id, int(verdict), (), (2, 1, 0), b"\xe0", drawn("ballots"))
            self.write(each, Kind.ATTESTATION, body)

    def proof(self, subject: Record | None, steps: tuple[ProofStep, ...], roster: bytes) -> Proof:
        """A proof with all records."""
        records = tuple(sorted(map(_parts, self.records)))
        return Proof(_parts(self.genesis), subject.id if subject else None, roster, steps, records)


def _parts(record: Record) -> tuple[bytes, bytes, bytes]:
    assert record.body is not None
    return record.header, record.signature, record.body


def _sealed(body: Any) -> bytes:
    """A body as a whole file, with the right hash."""
    return stored_file(encode(body))


class _History:
    """One commune's decisions, and the proofs of them."""

    def __init__(self) -> None:
        self.commune = commune = Commune()
        action = (int(Verb.ADMIT), (commune.application.id,))
        self.admitted = commune.decide(policy="membership", action=action)
        first = roster_id(commune.genesis.id, [self.admitted.id])
        self.text = commune.decide()
        self.voted = commune.decide(0, policy="standard")
        commune.attest(self.voted, Verdict.FAILED, *commune.people)
        self.open = commune.decide(1)
        treasurer = Mandate("Treasurer", commune.di.member.public, ("pay",))
        self.mandate = commune.decide(policy="mandate", roster=first, action=(int(Verb.MANDATE), treasurer))
        self.vouch = commune.write(commune.people[1], Kind.VOUCH, Vouch(commune.application.id, commune.origin))
        self.first = first
        self.second = roster_id(commune.genesis.id, [self.admitted.id, self.mandate.id])
        self.steps = (
            ProofStep(commune.origin, (self.admitted.id,), None),
            ProofStep(first, (self.mandate.id,), None),
        )

    def proofs(self) -> Iterable[tuple[str, Proof, bytes | None]]:
        """Name, proof, and the roster that the reader remembers."""
        commune, origin = self.commune, self.commune.origin
        alone = commune.proof(None, self.steps, self.second)
        yield "a roster alone", alone, None
        yield "one on a line that the reader knows", alone, self.first
        yield "the genesis", commune.proof(None, (), origin), None
        admission = commune.proof(self.admitted, self.steps[:1], self.first)
        yield "an admission, to somebody who remembers nothing", admission, None
        yield "to somebody who remembers the genesis", admission, origin
        yield "to somebody who remembers the roster with it", admission, self.first
        yield "voted on, and not contained yet", commune.proof(self.admitted, (), origin), origin
        yield "a mandate", commune.proof(self.mandate, self.steps, self.second), self.second
        text = commune.proof(self.text, self.steps, self.second)
        yield "a text, to somebody who remembers nothing", text, None
        yield "to somebody who remembers a later roster", text, self.second
        yield "in its own roster", commune.proof(self.text, (), origin), origin
        mended = {(header, bytes(64), body) for header, _, body in self._said_yes(self.text, 3)}
        records = {*text.records} - self._said_yes(self.text, 3) | mended
        yield (
            "ballots that only later records of their chains make authentic",
            text._replace(records=tuple(sorted(records))),
            self.second,
        )
        yield "what failed", commune.proof(self.voted, self.steps, self.second), self.second

        yield "an offer with all that it replaces", self.offered()[0], None

    def offered(self) -> tuple[Proof, tuple[bytes, bytes, bytes]]:
        """A roster of an offer alone, and one that this offer replaces, and that no roster on the way holds."""
        commune = Commune()
        ada, key = commune.people[0], commune.people[0].key.public

        def offer(*replaces: bytes) -> Record:
            return commune.write(ada, Kind.OFFER, Offer(commune.origin, key, tuple(sorted(replaces))))

        one, two = offer(commune.genesis.id), offer(commune.genesis.id)
        between = offer(one.id, two.id)
        last = offer(commune.genesis.id, between.id)
        both = roster_id(commune.genesis.id, [one.id, two.id])
        steps = (
            ProofStep(commune.origin, tuple(sorted((one.id, two.id))), None),
            ProofStep(both, (last.id,), None),
        )
        return commune.proof(None, steps, roster_id(commune.genesis.id, [last.id])), _parts(between)

    def _said_yes(self, question: Record, count: int) -> set[tuple[bytes, bytes, bytes]]:
        """So many of the ballots on a question."""
        ballots = (each for each in self.commune.records if each.kind == Kind.BALLOT)
        mine = [_parts(each) for each in ballots if Ballot.read(each.body or b"").proposal == question.id]
        return set(mine[:count])

    def refused(self) -> Iterable[tuple[str, bytes, bytes | None]]:
        """Name, file, and the roster that the reader remembers."""
        commune = self.commune
        good = commune.proof(self.text, self.steps, self.second)
        data = written(good)
        inside: list[Any] = decode(proof_files.unwrap(data), items=2_000_000)  # type: ignore[assignment]
        yield "the context flipped", bytes([data[0] ^ 1]) + data[1:], None
        yield "the hash flipped", data[:-1] + bytes([data[-1] ^ 1]), None
        yield "the body flipped", data[:40] + bytes([data[40] ^ 1]) + data[41:], None
        yield "cut", data[:-1], None
        stream = data[len(contexts.PROOF) : -proof_files.HASH]
        yield "its stream cut", proof_files.seal(stream[:-1]), None
        yield "something behind the end of its stream", proof_files.seal(stream + b"\x00"), None
        yield "neither a stream nor an array", proof_files.seal(b"\x80" + proof_files.unwrap(data)), None
        yield "nothing", b"", None

        def changed(place: str, value: Any) -> bytes:
            at = _PLACES.index(place)
            return _sealed([*inside[:at], value, *inside[at + 1 :]])

        def flipped(value: bytes) -> bytes:
            return value[:-1] + bytes([value[-1] ^ 1])

        header, signature, body = inside[1]
        yield "of a later version", changed("version", 3), None
        yield "a federation's version, and nothing that is quoted", changed("version", 2), None
        yield "a version that is no number", changed("version", True), None
        yield "a place too many", _sealed([*inside, None]), None
        yield "the genesis's header flipped", changed("genesis", [flipped(header), signature, body]), None
        yield "the genesis's signature flipped", changed("genesis", [header, flipped(signature), body]), None
        yield "the genesis's body flipped", changed("genesis", [header, signature, flipped(body)]), None
        yield "a subject that is not in it", changed("subject", flipped(inside[2])), None
        yield "a subject that is no id", changed("subject", b"short"), None
        yield "a subject that is no proposal", changed("subject", self.vouch.id), None
        yield "a roster that is not reached", changed("roster", flipped(inside[3])), None
        first, second = inside[4]
        yield "steps out of order", changed("steps", [second, first]), None
        yield "a parent that is not reached", changed("steps", [[flipped(first[0]), *first[1:]], second]), None
        yield "it cites what is not in it", changed("steps", [[first[0], [flipped(first[1][0])], None], second]), None
        yield "a ratification that is not in it", changed("steps", [[*first[:2], drawn("no")], second]), None
        twice = [[first[0], first[1] * 2, None], second]
        yield "it cites one id twice", changed("steps", twice), None
        yield (
            "the first step twice: it adds nothing",
            changed("steps", [first, [self.first, first[1], None], second]),
            None,
        )
        yield "records out of order", changed("records", inside[5][::-1]), None
        yield "a record twice", changed("records", sorted([*inside[5], inside[5][0]])), None
        yield "the genesis among the records", changed("records", sorted([*inside[5], inside[1]])), None
        for name, at in (("header", 0), ("signature", 1), ("body", 2)):
            # the last record of a chain: no later one makes it authentic
            mine = _parts(commune.people[2].heads[0])
            other = [flipped(part) if n == at else part for n, part in enumerate(mine)]
            rest = [each for each in inside[5] if tuple(each) != mine]
            assert len(rest) == len(inside[5]) - 1
            yield f"a record's {name} flipped", changed("records", sorted([*rest, other])), None
        left = [each for each in inside[5] if tuple(each) not in self._said_yes(self.admitted, 2)]
        assert len(left) == len(inside[5]) - 2
        yield "a step without a yes that it needs", changed("records", left), None
        yield "what is not decided", written(commune.proof(self.open, (), commune.origin)), None
        proof = commune.proof(self.mandate, self.steps[:1], commune.origin)
        yield "neither the roster that was voted on nor one with the decision", written(proof), None
        unreached = commune.proof(self.mandate, (), commune.origin)
        yield "the roster that it pins is not reached", written(unreached), None
        yield "it does not lead to the roster that the reader knows", data, drawn("another roster")
        beside = commune.proof(self.text, self.steps, self.first)
        yield "its roster lacks what the reader knows", written(beside), self.second
        proof, between = self.offered()
        left = tuple(each for each in proof.records if each != between)
        three = roster_id(commune.genesis.id, [each for step in proof.steps for each in step.cites])
        yield "an offer without one that it replaces", written(proof._replace(records=left, roster=three)), None


def make() -> dict[str, Any]:
    """What is shown, and what is refused."""
    history = _History()
    assembly = history.commune.genesis.id
    proofs = []
    for name, proof, knows in history.proofs():
        data = written(proof)
        shown = verify_proof(data, assembly, (knows, knows) if knows else None)
        shows = {
            "subject": proof.subject,
            "outcome": shown.outcome,
            "in_force": shown.in_force,
            "members": shown.members,
        }
        proofs.append({"name": name, "file": data, "knows": knows, "shows": shows})
    plain = proof_files.seal(proof_files.unwrap(proofs[0]["file"]))
    proofs.append(proofs[0] | {"name": "the first one, as earlier versions wrote it", "file": plain})
    refused = []
    for name, data, knows in history.refused():
        try:
            verify_proof(data, assembly, (knows, knows) if knows else None)
        except BadProofError as error:
            refused.append({"name": name, "file": data, "knows": knows, "reason": str(error)})
        else:
            raise AssertionError(f"{name} is taken")
    return {
        "about": "Proofs: what each shows to a reader who remembers a roster, or none; and proofs that are refused.",
        "sections": ["6.9"],
        "assembly": assembly,
        "proofs": proofs,
        "refused": refused,
    }
