"""Proofs: what is final is shown to a stranger, who knows the assembly's id and has the file. Nothing false is."""

import base64
import random

import pytest

from meshd.errors import NodeError, NotFoundError
from meshd.service import delegation, governing, membership, prover, proving, rosters, voting, witnessing
from meshd.service.context import Context
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol.bodies.decisions import Attestation, Say, Verdict
from meshd_protocol.bodies.membership import Offer, RosterStep
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadProofError
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.proof_files import unwrap, wrap
from meshd_protocol.proofs import Proof, read_proof, verify_proof, write_proof
from meshd_protocol.records import Record, encode_record, read_record, wire_size
from meshd_protocol.rosters import roster_id
from tests.worlds import Author, Clock, commune, exchange, founder, give, newcomer, propose


@pytest.fixture
def five(tmp_path):
    clock = Clock()
    (ada, bea), authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan", "Eve"], nodes=2, clock=clock, witnesses=4)
    exchange(ada, bea)
    give(ada, *(author.certify() for author in authors))
    yield ada, bea, authors, clock
    for node in (ada, bea):
        node.close()


def _prove(assembly, identity):
    words = identity if isinstance(identity, str) else text_of(identity)
    return base64.b64decode(proving.prove(Context(assembly), {"id": words})["proof"])


def _settled(ada, authors, title="Buy a generator", **more):
    question = propose(Context(ada), title, **more)
    give(ada, *(author.ballot(question) for author in authors))
    return question


def test_a_settled_decision(five):
    ada, _, authors, _ = five
    question = _settled(ada, authors)
    data = _prove(ada, question)
    shown = verify_proof(data, ada.id)
    assert (shown.assembly, shown.subject, shown.proposal.title, shown.outcome) == (
        ada.id,
        question,
        "Buy a generator",
        "passed",
    )
    assert (len(shown.members), shown.depth) == (5, 0)
    assert [text for _, text in shown.reasons][1] == "significant asks for 3 yes; 3 shown: settled."
    proof = read_proof(data)
    assert len(proof.records) == 1 + 3 + 4, "the proposal, three yes, and their authors' certificates: no more"
    with pytest.raises(BadProofError, match="another assembly"):
        verify_proof(data, b"x" * 32)


def test_a_certified_outcome_and_an_election(five):
    ada, _, authors, clock = five
    question = propose(Context(ada), "Open on Sundays", "standard")
    election = propose(Context(ada), "Who?", "election", options=["Cy", "Dan"])
    voting.vote(Context(ada), {"id": text_of(question), "choices": ["no"]})
    voting.vote(Context(ada), {"id": text_of(election), "choices": ["dan"]})
    give(ada, authors[0].rank(election, (1,)))
    clock.now_ms += 30 * 86_400_000
    witness.keep_time(ada)
    with pytest.raises(NodeError, match="not final"):
        _prove(ada, question)
    for each, verdict, winners in ((question, Verdict.FAILED, ()), (election, Verdict.WINNERS, (1,))):
        counts = (0, 1, 0) if each == question else (0, 1)
        for author in authors[:2]:
            body = Attestation(each, int(verdict), winners, counts, b"\x00", bytes(32))
            give(ada, author.write(Kind.ATTESTATION, body))
    assert verify_proof(_prove(ada, question)).outcome == "failed"
    shown = verify_proof(_prove(ada, election), ada.id)
    assert shown.outcome == ["Dan"]
    assert "3 of 4 witnesses attest it; 3 certify" in shown.reasons[1][1]
    assert not any(read_record(ada.id, *each).kind == Kind.BALLOT for each in read_proof(_prove(ada, election)).records)


def test_a_roster_a_mandate_and_its_recall(five):
    ada, bea, authors, _ = five
    motion = bytes_of(rosters.remove(Context(ada), {"person": "Eve", "reason": "moved"})["id"])
    give(ada, *(author.ballot(motion) for author in authors[:3]))
    mandate = bytes_of(
        delegation.mandate(Context(ada), {"title": "treasurer", "holder": "Cy", "powers": ["spend"]})["id"]
    )
    give(ada, *(author.ballot(mandate) for author in authors[:2]))
    voting.vote(Context(ada), {"id": text_of(mandate), "choices": ["yes"]})
    shown = verify_proof(_prove(ada, mandate), ada.id)
    assert "The mandate treasurer of Cy is in force in the roster" in shown.reasons[-1][1]
    assert (len(shown.members), shown.depth) == (4, 2)
    recall = bytes_of(delegation.recall(Context(ada), {"mandate": "treasurer"})["id"])
    give(ada, *(author.ballot(recall) for author in authors[:2]))
    assert "The recall is in effect" in verify_proof(_prove(ada, recall), ada.id).reasons[-1][1]
    assert "is recalled in the roster" in verify_proof(_prove(ada, mandate), ada.id).reasons[-1][1]
    roster = verify_proof(_prove(ada, "roster"), ada.id)
    assert (roster.outcome, roster.subject, len(roster.members)) == (None, Context(ada).standing().head, 4)
    earlier = verify_proof(_prove(ada, ada.standing.rosters.origin), ada.id)
    assert (len(earlier.members), earlier.depth) == (5, 0)
    with pytest.raises(NotFoundError):
        _prove(ada, "zzzz")


def test_admissions_offers_and_policies_in_the_line(tmp_path):
    """A line with vouches, an admission, an offer, an amendment, a revocation and a leave, proved to its end."""

    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    people = [ada]
    for number, name in enumerate(("Bea", "Cy")):
        new = newcomer(tmp_path, ada.context, name, seed=number + 2, clock=clock)
        people.append(new)
        exchange(*(each.assembly for each in people))
        for voucher in people[:-1]:
            membership.vouch(voucher.context, {"person": name})
            exchange(*(each.assembly for each in people))
            if new.context.me in ada.context.state().observers:
                break
        for voter in people[:-1]:
            if new.context.me not in voter.context.state().members:
                membership.admit(voter.context, {"people": [name]})
            exchange(*(each.assembly for each in people))
    bea, cy = people[1:]
    witnessing.witness(bea.context, {"word": "on"})
    exchange(*(each.assembly for each in people))
    motion = governing.amend(ada.context, {"name": "standard", "quorum": "1/3"})["id"]
    exchange(*(each.assembly for each in people))
    voting.vote(bea.context, {"id": motion, "choices": ["yes"]})
    rosters.leave(cy.context, {})
    exchange(*(each.assembly for each in people))
    shown = verify_proof(_prove(ada.assembly, "roster"), ada.assembly.id)
    assert len(shown.members) == 2
    assert set(shown.names.values()) >= {"Ada", "Bea", "Cy"}
    assert verify_proof(_prove(bea.assembly, motion), ada.assembly.id).outcome == "passed"
    for each in people:
        each.assembly.close()


def test_offers_behind_an_offer_that_no_roster_holds(five):
    """An offer may replace others by one that never qualified; a proof brings that, too, and does not count without."""
    ada, _, (cy, *authors), _ = five
    start, other = ada.standing.rosters.origin, Author(ada.id, "Cy", 99, cy.member)

    def offer(by: Author, *replaces: bytes) -> Record:
        return by.write(Kind.OFFER, Offer(start, by.device.public, tuple(sorted(replaces))))

    def step(parent: bytes, *cites: bytes) -> Record:
        return cy.write(Kind.ROSTER, RosterStep(parent, tuple(sorted(cites))))

    beside = [offer(cy, ada.id), offer(cy, ada.id)]
    two = roster_id(ada.id, [each.id for each in beside])
    give(ada, *beside, step(start, *(each.id for each in beside)))
    assert ada.standing.head == two
    certificate, between = other.certify(), offer(other, *(each.id for each in beside))
    last = offer(cy, ada.id, between.id)
    give(ada, last, step(two, last.id))
    assert ada.standing.head == two, "what it replaces is not known here"
    give(ada, certificate, between)
    assert ada.standing.head == roster_id(ada.id, [last.id])
    data = _prove(ada, "roster")
    assert verify_proof(data, ada.id).roster == ada.standing.head
    proof = read_proof(data)
    assert read_record(ada.id, *_parts(between)).id not in {each for one in proof.steps for each in one.cites}
    less = write_proof(proof._replace(records=tuple(each for each in proof.records if each != _parts(between))))
    with pytest.raises(BadProofError, match="not known"):
        verify_proof(less, ada.id)


def test_an_offer_that_replaces_what_is_none_is_unknown(five):
    ada, _, (cy, *_), _ = five
    start = ada.standing.head
    said = cy.propose(start)
    give(ada, said)
    for more, known in (((said.id,), False), ((bytes(32),), False), ((), True)):
        offer = cy.write(Kind.OFFER, Offer(start, cy.device.public, tuple(sorted((ada.id, *more)))))
        give(ada, offer, cy.write(Kind.ROSTER, RosterStep(start, (offer.id,))))
        assert (ada.standing.head == roster_id(ada.id, [offer.id])) == known
        assert known or ada.standing.head == start


def test_every_flipped_byte_makes_it_invalid(five):
    ada, _, authors, _ = five
    data = _prove(ada, _settled(ada, authors))
    rng = random.Random(1)
    for place in sorted({*range(40), *range(len(data) - 40, len(data)), *rng.sample(range(len(data)), 300)}):
        spoilt = bytearray(data)
        spoilt[place] ^= 1 << rng.randrange(8)
        with pytest.raises(BadProofError):
            verify_proof(bytes(spoilt))
    for cut in (0, 1, 20, 100, len(data) - 1):
        with pytest.raises(BadProofError):
            verify_proof(data[:cut])
    with pytest.raises(BadProofError):
        verify_proof(data + b"\x00")


def _parts(record: Record):
    return record.header, record.signature, record.body


def _without(proof, kind, assembly, count=1):
    kept, gone = [], 0
    for each in proof.records:
        if gone < count and read_record(assembly, *each).kind == kind:
            gone += 1
        else:
            kept.append(each)
    return write_proof(proof._replace(records=tuple(kept)))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.BALLOT, "only 2 of the 3 yes"),
        (Kind.CERTIFICATE, "yes that settle it|not in it"),
        (Kind.PROPOSAL, "not in it"),
    ],
)
def test_a_proof_that_lacks_something(five, kind, words):
    ada, _, authors, _ = five
    proof = read_proof(_prove(ada, _settled(ada, authors)))
    with pytest.raises(BadProofError, match=words):
        if kind == Kind.CERTIFICATE:
            verify_proof(_without(proof, kind, ada.id, count=4))
        verify_proof(_without(proof, kind, ada.id))


def test_proofs_of_what_is_not_so(five):
    """A forger who writes every byte by hand, hash included."""
    ada, _, authors, _ = five
    question = _settled(ada, authors)
    proof = read_proof(_prove(ada, question))
    records = [read_record(ada.id, *each) for each in proof.records]
    ballot = next(each for each in records if each.kind == Kind.BALLOT)

    def forged(**changed):
        return write_proof(proof._replace(**changed))

    unsigned = _parts(ballot._replace(signature=bytes(64)))
    swapped = tuple(unsigned if each == _parts(ballot) else each for each in proof.records)
    for data, words in (
        (forged(records=swapped), "is not signed"),
        (forged(records=(*proof.records, (b"n", b"o", b"t"))), "can't be read"),
        (forged(roster=b"r" * 32), "its roster is not reached"),
        (forged(subject=b"q" * 32), "not in it"),
        (forged(genesis=(b"n", b"o", b"t")), "genesis can't be read"),
        (forged(genesis=proof.records[0]), "genesis"),
    ):
        with pytest.raises(BadProofError, match=words):
            verify_proof(data)
    value = decode(unwrap(write_proof(proof)), items=10_000)
    for spoil in (
        lambda v: [2, *v[1:]],
        lambda v: v[:5],
        lambda v: [*v[:4], [[b"p" * 32, [], None]], v[5]],
        lambda v: [*v[:4], [[b"p" * 32, 5, None]], v[5]],
        lambda v: [*v[:4], [[b"p", [], None]], v[5]],
        lambda v: [*v[:5], list(reversed(v[5]))],
        lambda v: [*v[:5], [5]],
    ):
        with pytest.raises(BadProofError):
            verify_proof(wrap(encode(spoil(value))))
    for spoil in (
        lambda v: [*v[:4], b"", v[5]],
        lambda v: [*v[:4], [[v[3], {}, None]], v[5]],
        lambda v: [*v[:5], ""],
    ):
        with pytest.raises(BadProofError, match="form"):
            read_proof(wrap(encode(spoil(value))))


def test_a_step_that_the_rules_don_t_allow(five):
    ada, _, authors, _ = five
    motion = bytes_of(rosters.remove(Context(ada), {"person": "Eve", "reason": "moved"})["id"])
    give(ada, *(author.ballot(motion) for author in authors[:3]))
    proof = read_proof(_prove(ada, "roster"))
    assert verify_proof(write_proof(proof)).depth == 1
    with pytest.raises(BadProofError, match="a step of its line has no effect"):
        verify_proof(_without(proof, Kind.BALLOT, ada.id))
    backwards = proof._replace(steps=(proof.steps[0]._replace(parent=b"p" * 32),))
    with pytest.raises(BadProofError, match="not reached before"):
        verify_proof(write_proof(backwards))


def test_a_badly_signed_ballot_comes_with_its_branch(five):
    ada, _, authors, _ = five
    question = propose(Context(ada))
    ballot = authors[0].ballot(question)
    later = authors[0].write(99, b"\xa0", log=0)
    give(ada, ballot._replace(signature=bytes(64)), later)
    give(ada, authors[1].ballot(question), authors[2].ballot(question))
    assert ada.store.get(tables.Kept, id=ballot.id).verified == 0
    data = _prove(ada, question)
    assert verify_proof(data).outcome == "passed"
    proof = read_proof(data)
    assert _parts(later) in proof.records
    with pytest.raises(BadProofError, match="is not signed"):
        verify_proof(
            write_proof(proof._replace(records=tuple(each for each in proof.records if each != _parts(later))))
        )


def test_one_who_voted_twice_and_a_no_prove_nothing(five):
    ada, _, authors, _ = five
    question = propose(Context(ada))
    for author in authors[:2]:
        give(ada, author.ballot(question), author.ballot(question, Say.NO), author.ballot(question))
    with pytest.raises(NodeError, match="not final"):
        _prove(ada, question)
    with pytest.raises(NodeError, match="too few yes"):
        prover.prove(ada, ada.store.get(tables.Proposal, id=question), Context(ada).standing().head)


def test_what_can_be_written_is_read_back():
    one, other = (b"h", b"s", b"b"), (b"i", b"s", b"b")
    proof = Proof((b"g", b"s", b"b"), None, b"r" * 32, (), (one, other))
    assert read_proof(write_proof(proof)) == proof
    assert write_proof(proof._replace(records=(other, one))) == write_proof(proof)


def test_the_size_of_a_record_is_known_without_writing_it():
    for sizes in ((1, 64, 0), (23, 64, 24), (255, 64, 256), (200, 64, 16_000)):
        parts = tuple(bytes(size) for size in sizes)
        assert wire_size(parts) == len(encode_record(*parts))
