"""Proofs by a forger who signs what he likes with keys of his own, and writes every byte by hand."""

import random
import zlib

import pytest

from meshd_protocol import limits
from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Attestation, Verdict
from meshd_protocol.bodies.genesis import RULES_VERSION, Genesis
from meshd_protocol.bodies.membership import Offer, Revocation, Vouch
from meshd_protocol.decisions.question import POLICY_OF
from meshd_protocol.errors import BadProofError
from meshd_protocol.kinds import Kind
from meshd_protocol.policies import DEFAULTS
from meshd_protocol.proof_files import seal, unwrap, wrap
from meshd_protocol.proofs import Proof, ProofStep, verify_proof, write_proof
from meshd_protocol.records import NO_ASSEMBLY, Record
from meshd_protocol.rosters import roster_id
from meshd_protocol.statements import Parts
from tests.worlds import Author


class Commune:
    """Three founders, two of them witnesses, and proofs about what they wrote."""

    def __init__(self, rules: int = RULES_VERSION, kind: int = Kind.GENESIS) -> None:
        self.authors = [Author(NO_ASSEMBLY, name, seed) for seed, name in enumerate(("Ada", "Bea", "Cy"), 1)]
        pairs = sorted((author.member.public, author.device.public) for author in self.authors[:2])
        body = Genesis(
            "Commune",
            b"n" * 16,
            rules,
            DEFAULTS,
            tuple(sorted(author.member.public for author in self.authors)),
            witnesses=tuple(pairs),
        )
        root = Author(NO_ASSEMBLY, "root", 9)
        self.genesis = root.write(kind, body, log=0)
        self.origin = roster_id(self.genesis.id, ())
        for author in self.authors:
            author.assembly = self.genesis.id
        self.records = [author.certify() for author in self.authors]

    def note(self, *records: Record) -> None:
        self.records += records

    def decide(self, voters: int = 3, **proposal: object) -> Record:
        """A proposal of the first founder, with yes by the first `voters`."""
        question = self.authors[0].propose(proposal.pop("roster", self.origin), **proposal)
        self.note(question, *(author.ballot(question.id) for author in self.authors[:voters]))
        return question

    def proof(self, subject: bytes | None = None, **changed: object) -> Proof:
        proof = Proof(parts(self.genesis), subject, self.origin, (), tuple(sorted(map(parts, self.records))))
        return proof._replace(**changed)


def parts(record: Record) -> Parts:
    assert record.body is not None
    return record.header, record.signature, record.body


@pytest.fixture
def commune():
    return Commune()


def test_by_hand_it_holds(commune):
    question = commune.decide()
    assert verify_proof(write_proof(commune.proof(question.id))).outcome == "passed"


def _refused(proof: Proof) -> str:
    with pytest.raises(BadProofError) as caught:
        verify_proof(write_proof(proof))
    return str(caught.value)


def test_a_file_larger_than_any_proof(commune, monkeypatch):
    monkeypatch.setattr(limits, "PROOF_BYTES", 500)
    assert _refused(commune.proof()) == "it is larger than any proof"


def test_a_record_larger_than_any_record(commune):
    huge = (b"h", b"s", bytes(limits.RECORD_BYTES))
    words = _refused(commune.proof(records=(huge, *commune.proof().records)))
    assert words == f"a record in it can't be read: a record of more than {limits.RECORD_BYTES} bytes"


def test_a_genesis_that_is_none():
    assert _refused(Commune(kind=Kind.PROPOSAL).proof()) == "it does not begin with a genesis"
    newer = Commune(rules=RULES_VERSION + 1)
    assert "decides by rules that this meshd doesn't know" in _refused(newer.proof())
    commune = Commune()
    commune.genesis = commune.genesis._replace(signature=bytes(64))
    assert _refused(commune.proof()) == "its genesis is not signed"


def test_a_decision_on_a_roster_from_nowhere(commune):
    question = commune.authors[0].propose(b"r" * 32)
    commune.note(question)
    assert "pins is not reached from the genesis" in _refused(commune.proof(question.id))


def _policy(verb: Verb) -> str:
    return POLICY_OF[verb]


def _remove(commune: Commune, author: Author) -> Record:
    return commune.decide(policy="removal", action=(int(Verb.REMOVE), (author.member.public,)))


def test_a_roster_that_has_nothing_to_do_with_the_decision(commune):
    removal, other = _remove(commune, commune.authors[2]), commune.decide()
    after = roster_id(commune.genesis.id, [removal.id])
    steps = (ProofStep(commune.origin, (removal.id,), None),)
    shown = verify_proof(write_proof(commune.proof(removal.id, steps=steps, roster=after)))
    assert (shown.depth, len(shown.members)) == (1, 2)
    assert "neither the one that was voted on" in _refused(
        commune.proof(_remove(commune, commune.authors[1]).id, steps=steps, roster=after)
    )
    dressed = verify_proof(write_proof(commune.proof(other.id, steps=steps, roster=after)))
    assert (len(dressed.members), dressed.in_force) == (3, None), "it shows the roster that voted, and claims no more"
    assert "if that is the one that the assembly follows" in dressed.reasons[-1][1]
    held = verify_proof(write_proof(commune.proof(other.id, steps=steps, roster=after)), knows=(after, after))
    assert held.in_force
    with pytest.raises(BadProofError, match="the roster that you know"):
        verify_proof(write_proof(commune.proof(other.id)), knows=(after, after))


def test_a_decision_that_has_no_effect(commune):
    question = commune.decide(policy="nowhere")
    assert "the decision has no effect" in _refused(commune.proof(question.id))


def test_too_few_witnesses_or_an_option_that_is_not_there(commune):
    election = commune.decide(voters=0, policy="election", options=("A", "B"), method="plurality")
    assert "no outcome, or more than one, is certified" in _refused(commune.proof(election.id))
    for author in commune.authors[:2]:
        commune.note(
            author.write(Kind.ATTESTATION, Attestation(election.id, int(Verdict.WINNERS), (2,), (0, 3), b"\x00"))
        )
    assert "no outcome, or more than one, is certified" in _refused(commune.proof(election.id))


def test_a_mandate_that_its_roster_does_not_hold(commune):
    body = Mandate("cook", commune.authors[1].member.public, ("cook",))
    mandate = commune.decide(policy=_policy(Verb.MANDATE), action=(int(Verb.MANDATE), body))
    shown = verify_proof(write_proof(commune.proof(mandate.id)))
    assert "is not contained in the roster" in shown.reasons[-1][1]


def test_certificates_that_certify_nothing(commune):
    """One for another device, one of a later scope, one that is not a device's first record: their ballots are nobody's."""
    stray = [Author(commune.genesis.id, "Cy", seed, commune.authors[2].member) for seed in (21, 22, 23)]
    commune.note(stray[0].write(Kind.CERTIFICATE, stray[1].certificate()))
    commune.note(stray[1].certify(scope=9))
    stray[2].ballot(b"p" * 32)
    commune.note(*stray[2].history, stray[2].certify())
    question = commune.decide(voters=1)
    commune.note(*(author.ballot(question.id) for author in stray))
    assert "only 1 of the 2 yes" in _refused(commune.proof(question.id))


def test_one_device_of_two_members(commune):
    thief = Author(commune.genesis.id, "Eve", 31)
    twin = thief.fork()
    twin.member = commune.authors[0].member
    commune.note(thief.certify(), twin.certify())
    assert _refused(commune.proof()) == "one device in it belongs to two members"


def test_what_names_things_that_are_not_there(commune):
    """A vouch without its application, an offer of somebody else's device, a revocation of a device that nobody knows, an
    admission of nobody: they state nothing, and a step that cites them has no effect."""
    ada, bea, cy = commune.authors
    revocation = Revocation(member=cy.member.public, device=b"d" * 32, good=(0, 0, 0)).signed_by(
        cy.member, commune.genesis.id
    )
    for record in (
        ada.write(Kind.VOUCH, Vouch(b"i" * 32, commune.origin)),
        bea.write(Kind.OFFER, Offer(commune.origin, cy.device.public, ())),
        cy.write(Kind.REVOCATION, revocation),
        commune.decide(policy="membership", action=(int(Verb.ADMIT), (b"i" * 32,))),
    ):
        if record not in commune.records:
            commune.note(record)
        step = ProofStep(commune.origin, (record.id,), None)
        assert "cites something that is not known here" in _refused(commune.proof(steps=(step,)))


def test_a_revocation_in_the_line(commune):
    """The yes of a device that its member ended do not count in the roster after."""
    cy = commune.authors[2]
    body = Revocation(member=cy.member.public, device=cy.device.public, good=(1, 0, 0))
    record = cy.write(Kind.REVOCATION, body.signed_by(cy.member, commune.genesis.id))
    commune.note(record)
    after = roster_id(commune.genesis.id, [record.id])
    steps = (ProofStep(commune.origin, (record.id,), None),)
    assert verify_proof(write_proof(commune.proof(steps=steps, roster=after))).depth == 1
    question = cy.propose(after)
    commune.note(question, *(author.ballot(question.id) for author in commune.authors[1:]))
    assert "only 1 of the 2 yes" in _refused(commune.proof(question.id, steps=steps, roster=after))


def test_forms_that_only_a_forger_writes(commune):
    """Random damage below a right hash: a refusal, or, where a later record of the same device vouches for a spoilt
    signature, the same result."""
    rng = random.Random(5)
    question = commune.decide()
    good = write_proof(commune.proof(question.id))
    body, shown = unwrap(good), verify_proof(good)
    refused = 0
    for _ in range(300):
        spoilt = bytearray(body)
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        try:
            assert verify_proof(wrap(bytes(spoilt))) == shown
        except BadProofError:
            refused += 1
    assert refused > 200


def test_the_genesis_stands_in_front_and_nowhere_else(commune):
    question = commune.decide()
    commune.note(commune.genesis)
    assert _refused(commune.proof(question.id)) == "the genesis is in it twice"


def test_a_version_that_is_true_and_not_one(commune):
    body = unwrap(write_proof(commune.proof(commune.decide().id)))
    assert body[1] == 1
    with pytest.raises(BadProofError, match="later version"):
        verify_proof(wrap(body[:1] + b"\xf5" + body[2:]))


def test_what_is_no_deflated_body(commune, monkeypatch):
    body = unwrap(write_proof(commune.proof(commune.decide().id)))
    deflated = zlib.compress(body)
    assert unwrap(seal(deflated)) == body
    assert unwrap(seal(body)) == body, "as earlier versions wrote it"
    for damaged in (deflated[:-1], deflated + b"x", body[1:], b"", zlib.compress(body)[2:], deflated + deflated):
        with pytest.raises(BadProofError, match="form is not that of a proof"):
            unwrap(seal(damaged))
    monkeypatch.setattr(limits, "PROOF_BYTES", len(body))
    assert unwrap(wrap(body)) == body
    bomb = wrap(bytes(len(body) + 1))
    assert len(bomb) < 1000
    with pytest.raises(BadProofError, match="larger than any proof"):
        unwrap(bomb)


def _in_line(commune, decision):
    after = roster_id(commune.genesis.id, [decision.id])
    return {"steps": (ProofStep(commune.origin, (decision.id,), None),), "roster": after}


def test_a_revocation_by_decision_names_the_owner(commune):
    """One that names another member states nothing; nor does one of a device that nobody certified."""
    ada, bea, cy = commune.authors
    for member, device in ((ada, cy.device.public), (cy, b"d" * 32)):
        payload = (member.member.public, device, (1, 0, 0))
        wrong = commune.decide(policy="removal", action=(int(Verb.REVOKE), payload))
        words = _refused(commune.proof(wrong.id, **_in_line(commune, wrong)))
        assert "cites something that is not known here" in words
    payload = (cy.member.public, cy.device.public, (1, 0, 0))
    right = commune.decide(policy="removal", action=(int(Verb.REVOKE), payload))
    assert verify_proof(write_proof(commune.proof(right.id, **_in_line(commune, right)))).depth == 1


def test_what_a_mandate_says_and_whether_it_is_in_force(commune):
    cy = commune.authors[2]
    body = Mandate("cook", cy.member.public, ("cook", "buy"), 7, "no meat", again=True)
    mandate = commune.decide(policy="mandate", action=(int(Verb.MANDATE), body))
    line = _in_line(commune, mandate)
    shown = verify_proof(write_proof(commune.proof(mandate.id, **line)))
    assert shown.mandate == body
    assert "The mandate cook of Cy is in force until its end date in the roster" in shown.reasons[-1][1]
    removal = commune.decide(policy="removal", action=(int(Verb.REMOVE), (cy.member.public,)))
    both = roster_id(commune.genesis.id, [mandate.id, removal.id])
    steps = (*line["steps"], ProofStep(line["roster"], (removal.id,), None))
    gone = verify_proof(write_proof(commune.proof(mandate.id, steps=steps, roster=both)))
    assert "is without its holder, who is no member, in the roster" in gone.reasons[-1][1]
    recall = commune.decide(roster=line["roster"], policy="recall", action=(int(Verb.RECALL), mandate.id))
    over = roster_id(commune.genesis.id, [mandate.id, recall.id])
    steps = (*line["steps"], ProofStep(line["roster"], (recall.id,), None))
    ended = verify_proof(write_proof(commune.proof(mandate.id, steps=steps, roster=over)))
    assert "The mandate cook of Cy is recalled in the roster" in ended.reasons[-1][1]
    assert verify_proof(write_proof(commune.proof())).mandate is None
    assert verify_proof(write_proof(commune.proof(removal.id))).mandate is None


@pytest.mark.parametrize(
    ("counts", "words"), [((1, 2, 0), ["The middle one of their counts: 1 yes, 2 no, 0 abstain."]), ((1, 2), [])]
)
def test_what_those_who_certified_counted(commune, counts, words):
    question = commune.decide(voters=0, policy="standard")
    for author in commune.authors[:2]:
        body = Attestation(question.id, int(Verdict.FAILED), (), counts, b"\xe0", b"h" * 32)
        commune.note(author.write(Kind.ATTESTATION, body))
    shown = verify_proof(write_proof(commune.proof(question.id)))
    assert shown.outcome == "failed"
    assert [text for rule, text in shown.reasons if rule == "counts"] == words


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_certificates_of_one_device_the_largest_scope_counts(commune, first):
    """Whichever record sorts first: the yes of a device that was also certified for less is not shown."""
    dan = Author(commune.genesis.id, "Cy", 50 + first, commune.authors[2].member)
    twin = dan.fork()
    commune.note(dan.certify(scope=first), twin.certify(scope=1 - first))
    question = commune.decide(voters=1)
    commune.note(dan.ballot(question.id), twin.ballot(question.id))
    assert "only 1 of the 2 yes" in _refused(commune.proof(question.id))
