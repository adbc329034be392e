"""The one door: hard cases 4, 5, 6, 7, 8, 10 and 15 on real logs, in any order, and nothing for bad records."""

import random

import pytest

from meshd.assembly import survey
from meshd.errors import NodeError
from meshd.service import audit, checking, explaining, status, talk
from meshd.service.context import Context
from meshd.store import tables
from meshd.store.projections import project, sketch
from meshd_crypto.hashing import digest
from meshd_crypto.signing import sign
from meshd_protocol.bodies.decisions import Ballot, Form, Say
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.bodies.talk import Message
from meshd_protocol.chains import Waiting
from meshd_protocol.encoding import decode, encode
from meshd_protocol.kinds import Kind
from meshd_protocol.records import decode_record, encode_record, wire
from tests.worlds import Author, commune, exchange, give, propose, state_of


@pytest.fixture
def two(tmp_path):
    """Two nodes and three members who only sign, five founders in all."""
    assemblies, authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan", "Eve"], nodes=2)
    for author in authors:
        certificate = author.certify()
        for assembly in assemblies:
            give(assembly, certificate)
    exchange(*assemblies)
    yield assemblies, authors
    for assembly in assemblies:
        assembly.close()


def _exhausted(steps):
    """The result of a long piece of work."""
    yield (yield from steps)


def _rows(assembly):
    """Everything shown, without what depends on the order of arrival."""
    return {table: set(map(checking.comparable, assembly.store.find(table))) for table in tables.PROJECTIONS}


def _digest(assembly):
    return survey.digest(assembly)


def test_a_forker_counts_once_on_every_node(two):
    """Hard case 4: yes, no and abstain at one seq, shown to different nodes."""
    (ada, bea), (cy, dan, eve) = two
    question = propose(Context(ada))
    exchange(ada, bea)
    twins = [cy, cy.fork(), cy.fork()]
    ballots = [twin.ballot(question, say) for twin, say in zip(twins, (Say.YES, Say.NO, Say.ABSTAIN), strict=True)]
    give(ada, ballots[1], dan.ballot(question))
    give(bea, ballots[2], ballots[0], eve.ballot(question))
    assert state_of(Context(ada), question)["counts"] == {"yes": 1, "no": 1, "abstain": 0}
    exchange(ada, bea)
    for assembly in (ada, bea):
        shown = state_of(Context(assembly), question)
        assert (shown["state"], shown["counts"]["yes"]) == ("settled", 3)
        (fork,) = audit.forks(Context(assembly), {})
        assert len(fork["records"]) == 3
        assert fork["person"].startswith("Cy·")
    assert _digest(ada) == _digest(bea)
    assert _rows(ada) == _rows(bea)


def test_a_relay_flips_the_last_signature(two):
    """Hard case 5: the good copy from elsewhere counts, and the bad one blocked nothing."""
    (ada, _), (cy, dan, _) = two
    question = propose(Context(ada))
    first, last = cy.write(Kind.BALLOT, Ballot(b"x" * 32, Form.YES_NO, 1)), cy.ballot(question)
    flipped = last._replace(signature=bytes(64))
    report = give(ada, first, flipped, dan.ballot(question))
    assert len(report.new) == 2
    assert report.waiting == 1
    assert state_of(Context(ada), question)["seen"] == 1
    assert len(give(ada, last).new) == 1
    assert state_of(Context(ada), question)["seen"] == 2


def test_a_bad_signature_inside_is_mended_by_a_good_copy(two):
    (ada, _), (cy, *_) = two
    middle, last = cy.ballot(b"x" * 32), cy.ballot(b"y" * 32)
    give(ada, middle._replace(signature=bytes(64)), last)
    held = ada.store.get(tables.Kept, id=middle.id)
    assert (held.signature, held.verified) == (bytes(64), 0)
    assert give(ada, middle).new == []
    held = ada.store.get(tables.Kept, id=middle.id)
    assert (held.signature, held.verified) == (middle.signature, 1)
    give(ada, middle._replace(signature=b"z" * 64))
    assert ada.store.get(tables.Kept, id=middle.id).signature == middle.signature


@pytest.mark.parametrize(("bad", "valid"), [(100, 101), (127, 128), (128, 0), (300, 0)])
def test_badly_signed_on_purpose_ends_alike_on_every_path(two, bad, valid):
    """Hard case 6: bulk in one batch, live one by one, and shuffled: the same set everywhere."""
    (ada, bea), (cy, *_) = two
    records = [cy.ballot(bytes([n % 256, n // 256]) * 16)._replace(signature=bytes(64)) for n in range(bad)]
    records.append(cy.ballot(b"last" * 8))
    give(ada, *records)
    waiting = Waiting()
    for record in records:
        bea.receive([wire(record)], waiting)
    chains = [assembly.door.chain((cy.device.public, 0)) for assembly in (ada, bea)]
    assert [chain.head_seq for chain in chains] == [valid, valid]
    assert _digest(ada) == _digest(bea)


def test_a_ballot_without_its_body_is_no_record(two):
    """Hard case 7: it is not taken, so the frontiers differ and it is asked for elsewhere."""
    (ada, bea), (cy, *_) = two
    question = propose(Context(ada))
    ballot = cy.ballot(question)
    before = _digest(ada)
    report = ada.receive([encode_record(ballot.header, ballot.signature, None)], Waiting())
    assert report.new == []
    assert "without its body" in report.refused[0]
    assert _digest(ada) == before
    give(bea, ballot)
    assert _digest(bea) != _digest(ada)
    exchange(ada, bea)
    assert state_of(Context(ada), question)["seen"] == 1


def test_deps_are_hints_that_nothing_waits_for(two):
    """Hard case 8: a ballot whose deps cite a withheld record, or a talk record, counts at once."""
    (ada, _), (cy, *_) = two
    question = propose(Context(ada))
    talk_id = talk.say(Context(ada), {"text": "hello"})
    assert talk_id["id"]
    ballot = cy.write(Kind.BALLOT, Ballot(question, Form.YES_NO, 1), deps=tuple(sorted([b"w" * 32, b"v" * 32])))
    give(ada, ballot)
    assert state_of(Context(ada), question)["seen"] == 1


def test_a_record_from_the_future_in_the_middle_of_a_chain(two):
    """Hard case 15: kept, passed on, without effect, and its author's later ballots count."""
    (ada, bea), (cy, *_) = two
    question = propose(Context(ada))
    unknown = cy.write(200, b"\xa0", log=0)
    fields = decode(unknown.header)
    header = encode([2, cy.device.public, 0, unknown.seq + 1, unknown.id, "anything", 1, digest(b"?")])
    later = decode_record(ada.id, encode_record(header, sign(cy.device, b"meshd/record/2\x00" + ada.id + header), b"?"))
    cy.heads[0] = later
    ballot = cy.ballot(question)
    assert fields[0] == 1
    assert len(give(ada, unknown, later, ballot).new) == 3
    assert state_of(Context(ada), question)["seen"] == 1
    assert any("needs an update" in text for text in status.status(Context(ada), {})["pending"])
    reasons = [row["reason"] for row in audit.log(Context(ada), {}) if not row["effect"]]
    assert len(reasons) == 2
    exchange(ada, bea)
    assert _digest(ada) == _digest(bea)
    assert _rows(ada) == _rows(bea)


def test_a_seized_device_counts_alike_everywhere(two):
    """Hard case 10 on logs: the revocation and the ballot arrive in both orders; the pinned roster decides."""
    from meshd_protocol.bodies.membership import Revocation

    (ada, bea), (cy, dan, eve) = two
    question = propose(Context(ada))
    exchange(ada, bea)
    ballot = cy.ballot(question)
    again = Author(ada.id, "Cy", 77, member=cy.member)
    certificate = again.certify()
    revocation = Revocation(member=cy.member.public, device=cy.device.public, good=(1, 0, 0)).signed_by(
        cy.member, ada.id
    )
    told = again.write(Kind.REVOCATION, revocation)
    give(ada, certificate, told, ballot, dan.ballot(question), eve.ballot(question))
    give(bea, ballot, certificate, told)
    exchange(ada, bea)
    for assembly in (ada, bea):
        shown = state_of(Context(assembly), question)
        assert (shown["state"], shown["counts"]["yes"]) == ("settled", 3)
    with ada.writing():
        from meshd.upkeep import caretaker

        caretaker.ready_to_pin(ada)
    exchange(ada, bea)
    assert ada.standing.head == bea.standing.head
    assert ada.standing.state.revoked == {cy.device.public: 1}
    later = propose(Context(ada), "Later")
    give(ada, cy.ballot(later), again.ballot(later))
    shown = explaining.why(Context(ada), {"id": state_of(Context(ada), later)["id"]})
    assert shown["counts"]["yes"] == 1
    assert any("revoked before" in reason["text"] for reason in shown["reasons"])


def test_any_order_of_arrival_shows_the_same(two, tmp_path):
    """Certificates after ballots, ballots before proposals, forks at the root, talk before its author is known."""
    (ada, bea), (cy, dan, eve) = two
    question = propose(Context(ada))
    exchange(ada, bea)
    ghost = Author(ada.id, "Ghost", 50)
    one, other = ghost.fork(), ghost.fork()
    other.member = dan.member
    roots = [one.certify(), other.certify()]
    records = [
        *roots,
        one.ballot(question),
        other.ballot(question, Say.NO),
        ghost.write(Kind.MESSAGE, Message(b"s" * 16, "general", "boo")),
        cy.ballot(question),
        dan.write(99, b"\xa0", log=0),
        eve.write(Kind.BALLOT, b"\xa1\x00\x00"),
    ]
    rng = random.Random(11)
    views = []
    for number in range(4):
        (fresh,), _ = commune(tmp_path / f"view{number}", ["Ada", "Bea", "Cy", "Dan", "Eve"], nodes=1)
        everything = [encode_record(e.header, e.signature, e.body) for batch in ada.store.walk() for e in batch]
        everything += [wire(record) for record in records]
        rng.shuffle(everything)
        waiting = Waiting()
        for at in range(0, len(everything), 3):
            fresh.receive(everything[at : at + 3], waiting)
        views.append(_rows(fresh))
        assert list(_exhausted(checking.check(Context(fresh), {})))[-1]["ok"]
        fresh.close()
    assert all(view == views[0] for view in views), "the order of arrival shows (seed 11)"
    members = {row.member for row in views[0][tables.Ballot]}
    assert dan.member.public in members


def test_bad_records_have_no_effect_on_the_log(two):
    (ada, bea), (cy, *_) = two
    before = (_digest(ada), _rows(ada))
    stranger, elsewhere = Author(ada.id, "X", 60), Author(b"o" * 32, "Y", 61)
    ballot = cy.ballot(b"q" * 32)
    cy.ballot(b"r" * 32)
    gap = cy.ballot(b"s" * 32)
    bad = [
        b"",
        b"\x80",
        b"\xff" * 100,
        wire(ballot._replace(signature=bytes(64))),
        wire(gap),
        wire(elsewhere.certify()),
        encode_record(ballot.header, ballot.signature, b"\xa0"),
        b"x" * 20_000,
    ]
    report = ada.receive(bad, Waiting())
    assert report.new == []
    assert (_digest(ada), _rows(ada)) == before
    assert len(give(ada, stranger.write(Kind.BALLOT, Ballot(b"q" * 32, Form.YES_NO, 1))).new) == 1
    (row,) = ada.store.find(tables.NoEffect)
    assert "no member certified" in row.reason


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("another's", "another device published"),
        ("unsigned", "did not sign"),
        ("second", "not its device's first"),
        ("scope", "later version"),
    ],
)
def test_certificates_without_effect(two, what, words):
    (ada, _), (cy, *_) = two
    author = Author(ada.id, "New", 70)
    body: Certificate = author.certificate()
    if what == "another's":
        body = author.certificate(device=cy.device.public)
    elif what == "unsigned":
        body = author.certificate().signed_by(cy.member, ada.id)
    elif what == "scope":
        body = author.certificate(scope=9)
    elif what == "second":
        author.write(Kind.BALLOT, Ballot(b"q" * 32, Form.YES_NO, 1))
        give(ada, author.heads[0])
    record = author.write(Kind.CERTIFICATE, body)
    assert len(give(ada, record).new) == 1
    assert words in ada.store.get(tables.NoEffect, id=record.id).reason
    assert ada.store.get(tables.Certificate, id=record.id) is None


def test_the_genesis_of_another_assembly_is_refused(two, tmp_path):
    (ada, _), _ = two
    (other,), _ = commune(tmp_path / "other", ["Zoe"], seed=9)
    genesis = other.store.get(tables.Kept, id=other.id)
    before = survey.digest(ada)
    report = ada.receive([encode_record(genesis.header, genesis.signature, genesis.body)], Waiting())
    assert "another assembly" in report.refused[0]
    assert survey.digest(ada) == before
    other.close()


@pytest.mark.parametrize("order", [(True, False), (False, True), (True, False, True)])
def test_copies_with_and_without_their_body_in_one_batch(two, order):
    """The body is kept, whichever comes first, and what is shown stands once."""
    (ada, _), (cy, *_) = two
    said = cy.write(Kind.MESSAGE, Message(bytes(16), "general", "hello"))
    copies = [wire(said if whole else said._replace(body=None)) for whole in order]
    ada.receive(copies, Waiting())
    assert ada.store.get(tables.Kept, id=said.id).body == said.body
    assert survey.missing_bodies(ada, 10) == []
    ada.receive([wire(said)], Waiting())
    assert len(ada.store.find(tables.Message)) == 1


def test_a_sketch_of_a_copy_with_its_body_is_no_row_of_one_without(two):
    (ada, _), (cy, *_) = two
    said = cy.write(Kind.MESSAGE, Message(bytes(16), "general", "hello"))
    row = project(ada.id, said._replace(body=None), None, sketch(said))
    assert isinstance(row, tables.NoEffect)


def test_missing_texts_are_filled(two):
    (ada, _), (cy, *_) = two
    message = cy.write(Kind.MESSAGE, Message(b"s" * 16, "general", "hello"))
    ada.receive([encode_record(message.header, message.signature, None)], Waiting())
    assert talk.read(Context(ada), {}) == []
    assert survey.missing_bodies(ada, 10) == [message.id]
    with ada.writing():
        assert not ada.door.fill(message.id, b"\xa0")
        assert ada.door.fill(message.id, message.body)
        assert not ada.door.fill(message.id, message.body)
    assert [row["text"] for row in talk.read(Context(ada), {})] == ["hello"]
    assert survey.missing_bodies(ada, 10) == []


def test_a_twin_of_this_device_stops_it_from_writing(two):
    """A copied home would fork its own chain: whoever learns of the other's records stops, and says so."""
    (ada, bea), _ = two
    device = ada.keys.device
    twin = Author(ada.id, "Ada", 1)
    twin.device = device
    chain = ada.door.chain((device.public, 0))
    head = ada.store.get(tables.Kept, id=chain.head_id)
    twin.heads[0] = decode_record(ada.id, encode_record(head.header, head.signature, head.body))
    elsewhere = twin.write(Kind.BALLOT, Ballot(b"q" * 32, Form.YES_NO, 1))
    give(ada, elsewhere)
    with pytest.raises(NodeError, match="used elsewhere"):
        propose(Context(ada))
    assert ada.door.chain((device.public, 0)).head_seq == elsewhere.seq


def test_nothing_of_a_failed_command_remains(two):
    (ada, _), _ = two
    before = _digest(ada)
    with pytest.raises(ZeroDivisionError), ada.writing():
        ada.write(Kind.BALLOT, Ballot(b"q" * 32, Form.YES_NO, 1))
        raise ZeroDivisionError
    assert _digest(ada) == before
    propose(Context(ada))
    assert _digest(ada) != before


def test_ballots_may_arrive_before_their_proposal(two):
    (ada, bea), (cy, dan, eve) = two
    question = propose(Context(bea))
    proposal = bea.store.get(tables.Kept, id=question)
    records = [
        encode_record(kept.header, kept.signature, kept.body)
        for kept in bea.store.span(proposal.chain, 0, 99)
        if kept.id not in ada.store.known([kept.id])
    ]
    ballots = [wire(author.ballot(question)) for author in (cy, dan, eve)]
    ada.receive([*reversed(ballots), *reversed(records)], Waiting())
    assert state_of(Context(ada), question)["state"] == "settled"
