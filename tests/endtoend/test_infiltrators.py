"""What members, former members and strangers tried who know the rules: each failed to move anything, or does now."""

import base64
import itertools
from dataclasses import replace

import pytest

from meshd.assembly.access import newest_first
from meshd.errors import NodeError
from meshd.founding.opening import join
from meshd.service import checking, delegation, explaining, membership, proving, rosters, status, voting
from meshd.service.context import Context
from meshd.store import tables
from meshd.upkeep import witness
from meshd_crypto.identity import SigningKey
from meshd_crypto.sealing import seal
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Ballot, Form, Proposal, Say
from meshd_protocol.bodies.delegates import Act
from meshd_protocol.bodies.membership import (
    Application,
    Invitation,
    NetworkKeys,
    Offer,
    RosterStep,
    Vouch,
    Welcome,
    rotation_plain,
    welcome_plain,
)
from meshd_protocol.chains import Waiting
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.policies import Policy
from meshd_protocol.proofs import read_proof, verify_proof, write_proof
from meshd_protocol.records import encode_record, wire
from meshd_protocol.rosters import roster_id
from meshd_protocol.succession import holding
from meshd_protocol.tickets import read_ticket
from tests.worlds import START_MS, Author, Clock, commune, exchange, founder, give, newcomer, propose, state_of, world


def _one(tmp_path, *names, **more):
    (ada,), authors = commune(tmp_path, ["Ada", *names], nodes=1, clock=Clock(), **more)
    give(ada, *(author.certify() for author in authors))
    return ada, authors


def _two(tmp_path, *names, **more):
    (ada, bea), authors = commune(tmp_path, ["Ada", "Bea", *names], nodes=2, clock=Clock(), **more)
    exchange(ada, bea)
    give(ada, *(author.certify() for author in authors))
    exchange(ada, bea)
    return ada, bea, authors


def _yes(assembly, identity, word="yes"):
    voting.vote(Context(assembly), {"id": text_of(identity), "choices": [word]})


def _ok(assembly):
    steps = checking.check(Context(assembly), {})
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value["ok"]


def _applies(author, seed):
    door = SigningKey.from_seed(bytes([seed]) * 32)
    body = Application(invitation=door.public, member=author.member.public, device=author.device.public)
    return author.write(Kind.APPLICATION, body.signed_by(door, author.assembly))


def test_an_expelled_founder_repeals_nothing(tmp_path):
    """Hard case 1, by way of `repeals`: on the genesis, where she was one of one, everything is settled."""
    ada = founder(tmp_path, clock=Clock())
    bea = newcomer(tmp_path, ada.context, "Bea", seed=2)
    cy = newcomer(tmp_path, ada.context, "Cy", seed=3)
    nodes = [ada.assembly, bea.assembly, cy.assembly]
    exchange(*nodes[:2])
    membership.vouch(ada.context, {"person": "Bea"})
    membership.admit(ada.context, {"people": ["Bea"]})
    exchange(*nodes)
    for voucher in (ada, bea):
        membership.vouch(voucher.context, {"person": "Cy"})
        exchange(*nodes)
    for voter in (ada, bea):
        membership.admit(voter.context, {"people": ["Cy"]})
        exchange(*nodes)
    important = propose(cy.context, "Important")
    exchange(*nodes)
    for node in nodes[1:]:
        _yes(node, important)
    motion = bytes_of(rosters.remove(bea.context, {"person": "Ada", "reason": "she rules"})["id"])
    exchange(*nodes)
    _yes(cy.assembly, motion)
    exchange(*nodes)
    with ada.assembly.writing():
        origin = ada.assembly.standing.rosters.origin
        coup = ada.assembly.write(Kind.PROPOSAL, Proposal(origin, "significant", "No", repeals=(important,)))
        ada.assembly.write(Kind.BALLOT, Ballot(coup.id, Form.YES_NO, int(Say.YES)))
    exchange(*nodes)
    assert state_of(bea.context, coup.id)["state"] == "settled", "in a roster of one"
    assert not state_of(bea.context, important)["repealed"]
    for node in nodes:
        node.close()


def test_a_rejected_motion_repeals_nothing(tmp_path):
    ada, (bea, cy, dan) = _one(tmp_path, "Bea", "Cy", "Dan", witnesses=1)
    good = propose(Context(ada), "Good", "standard")
    _yes(ada, good)
    give(ada, *(author.ballot(good) for author in (bea, cy, dan)))
    for anew in (False, True):
        motion = dan.propose(Context(ada).standing().head, "Repeal it", "standard", repeals=(good,), anew=anew)
        give(ada, motion, dan.ballot(motion.id), bea.ballot(motion.id, Say.NO), cy.ballot(motion.id, Say.NO))
        _yes(ada, motion.id, "no")
        watched = ada.store.get(tables.Watch, proposal=motion.id)
        assert state_of(Context(ada), motion.id)["outcome"] == (None if anew else "failed")
        held = watched is not None and "put anew" in str(witness.held_back(ada, watched))
        assert held is anew, "witnesses know that it is no split"
    assert not state_of(Context(ada), good)["repealed"]
    passed = dan.propose(Context(ada).standing().head, "Repeal it well", "standard", repeals=(good,))
    give(ada, passed, *(author.ballot(passed.id) for author in (bea, cy, dan)))
    _yes(ada, passed.id)
    assert state_of(Context(ada), good)["repealed"]
    ada.close()


@pytest.mark.parametrize("policy", ["significant", "nonexistent", "constitution"])
def test_a_majority_does_not_ratify_the_constitution_away(tmp_path, policy):
    ada, m = _one(tmp_path, *(f"M{n}" for n in range(9)))
    head = ada.standing.head
    soft = Policy("constitution", 0, 0, threshold=(501, 1000, False))
    amendment = m[0].propose(head, "x", policy, action=(int(Verb.POLICY), (soft, ())))
    ratify = m[0].propose(head, "r", "membership", action=(int(Verb.RATIFY), (amendment.id,)))
    give(ada, amendment, ratify, *(author.ballot(ratify.id) for author in m[:6]))
    give(ada, m[0].write(Kind.ROSTER, RosterStep(head, (amendment.id,), ratify.id)))
    assert Context(ada).state().policies["constitution"].threshold == (2, 3, False)
    ada.close()


def test_a_ratification_without_effect_has_none_in_any_order(tmp_path):
    ada, bea, m = _two(tmp_path, *(f"M{n}" for n in range(5)))
    head = ada.standing.head
    motion = m[0].remove(head, m[4].member.public)
    ratify = m[0].propose(head, "r", "nonexistent", action=(int(Verb.RATIFY), (motion.id,)))
    step = m[1].write(Kind.ROSTER, RosterStep(head, (motion.id,), ratify.id))
    ballots = [author.ballot(ratify.id) for author in m[:4]]
    give(ada, motion, ratify, step)
    give(ada, *ballots)
    give(bea, motion, ratify, step, *ballots)
    assert ada.standing.head == bea.standing.head == head
    assert _ok(ada)
    assert _ok(bea)
    for each in (ada, bea):
        each.close()


def test_a_stolen_device_gets_no_new_key(tmp_path):
    """Revoked, it invites itself as its member, and applies: nobody's node answers it."""
    ada, bea, _ = _two(tmp_path, "Cy", "Dan")
    phone = Author(ada.id, "Ada", 99, member=ada.keys.member)
    give(ada, phone.certify())
    rosters.revoke(Context(ada), {"device": text_of(phone.device.public)})
    assert len(ada.keys.network) == 2
    door = SigningKey.from_seed(b"d" * 32)
    invitation = phone.write(Kind.INVITATION, Invitation(door.public, b"n" * 32, b"b" * 64, START_MS + 10**9))
    body = Application(invitation=door.public, member=phone.member.public, device=phone.device.public)
    application = phone.write(Kind.APPLICATION, body.signed_by(door, ada.id))
    give(ada, invitation, application)
    exchange(ada, bea)
    assert ada.store.find(tables.Welcome, application=application.id) == []
    for each in (ada, bea):
        each.close()


def test_nobody_writes_under_a_key_of_the_removed(tmp_path):
    """A larger roster beside the line, of offers that need no vote, and a network key for it."""
    ada, bea, (cy, dan, eve) = _two(tmp_path, "Cy", "Dan", "Eve")
    start = ada.standing.head
    motion = bytes_of(rosters.remove(Context(ada), {"person": "Eve", "reason": "x"})["id"])
    give(ada, cy.ballot(motion), dan.ballot(motion), eve.ballot(motion))
    exchange(ada, bea)
    offers = [eve.write(Kind.OFFER, Offer(start, eve.device.public)) for _ in range(3)]
    ids = tuple(sorted(each.id for each in offers))
    side = roster_id(ada.id, ids)
    plain = rotation_plain(ada.id, side, b"x" * 32)
    boxes = tuple((node.keys.device.public, seal(node.keys.sealing.public, plain)) for node in (ada, bea))
    give(
        ada,
        *offers,
        eve.write(Kind.ROSTER, RosterStep(start, ids)),
        eve.write(Kind.NETWORK_KEYS, NetworkKeys(side, boxes)),
    )
    exchange(ada, bea)
    for node in (ada, bea):
        assert newest_first(node)[0].roster == node.standing.head
        assert newest_first(node)[0].secret != b"x" * 32
        assert not [text for text in status.status(Context(node), {})["pending"] if "Another line" in text], "noise"
    for each in (ada, bea):
        each.close()


def test_a_newcomer_believes_no_stranger_s_welcome(tmp_path):
    ada = founder(tmp_path, clock=Clock())
    ticket = read_ticket(membership.invite(ada.context, {})["ticket"])
    bea = join(tmp_path / "bea", ticket, "Bea", "pw", world=world(7))
    (application,) = bea.store.find(tables.Application)
    ghost = Author(ada.assembly.id, "Ghost", 77)
    sealed = seal(bea.keys.sealing.public, welcome_plain(bea.id, ticket.roster, [(ticket.roster, b"x" * 32)]))
    give(bea, ghost.certify(), ghost.write(Kind.WELCOME, Welcome(application.id, sealed)))
    assert bea.keys.network == ()
    exchange(ada.assembly, bea)
    membership.vouch(ada.context, {"person": "Bea"})
    exchange(ada.assembly, bea)
    assert bea.keys.network == ada.assembly.keys.network
    assert bea.keys.ticket is None
    for each in (ada.assembly, bea):
        each.close()


def test_a_proposal_whose_roster_comes_late_is_judged_then(tmp_path):
    ada, (bea, cy, dan, eve) = _one(tmp_path, "Bea", "Cy", "Dan", "Eve", witnesses=1)
    start = ada.standing.head
    motion = bea.remove(start, eve.member.public)
    give(ada, motion, *(author.ballot(motion.id) for author in (bea, cy, dan)))
    _yes(ada, motion.id)
    offer = eve.write(Kind.OFFER, Offer(start, eve.device.public))
    held = eve.propose(roster_id(ada.id, (offer.id,)), "Sneaky", "standard")
    late = eve.propose(roster_id(ada.id, (offer.id,)), "Not certified at all", "significant")
    give(ada, offer, held, late)
    assert ada.store.get(tables.Watch, proposal=held.id) is None, "its time has not begun"
    give(ada, eve.write(Kind.ROSTER, RosterStep(start, (offer.id,))))
    assert "leaves out" in ada.store.get(tables.Watch, proposal=held.id).refused
    assert ada.store.get(tables.Watch, proposal=late.id) is None
    ada.close()


def test_ballots_that_come_with_a_late_genesis_count_once(tmp_path):
    ada, (bea, cy, dan) = _one(tmp_path, "Bea", "Cy", "Dan")
    ticket = read_ticket(membership.invite(Context(ada), {})["ticket"])
    new = join(tmp_path / "new", ticket, "New", "pw", world=world(44))
    question = bea.propose(ada.standing.head, "Q")
    ballots = [bea.ballot(question.id), cy.ballot(question.id)]
    give(new, bea.history[0], question, cy.history[0])
    genesis = ada.store.get(tables.Kept, id=ada.id)
    new.receive([encode_record(genesis.header, genesis.signature, genesis.body), *map(wire, ballots)], Waiting())
    shown = state_of(Context(new), question.id)
    assert (shown["state"], shown["counts"]["yes"], shown["seen"]) == ("provisional", 2, 2)
    assert dan is not None
    for each in (ada, new):
        each.close()


def test_many_motions_of_recall_stop_no_witness(tmp_path):
    ada, bea, (cy, dan) = _two(tmp_path, "Cy", "Dan", witnesses=4)
    answer = delegation.mandate(Context(ada), {"title": "treasurer", "holder": "Bea", "powers": ["spend"]})
    mandate = bytes_of(answer["id"])
    _yes(ada, mandate)
    give(ada, cy.ballot(mandate), dan.ballot(mandate))
    exchange(ada, bea)
    for number in range(65):
        body = Proposal(ada.standing.head, "recall", f"No {number}", action=(int(Verb.RECALL), mandate))
        motion = dan.write(Kind.PROPOSAL, body)
        give(ada, motion, dan.ballot(motion.id))
    with bea.writing():
        bea.write(Kind.ACT, Act(bea.standing.head, mandate, "spend", "flour"))
    exchange(ada, bea)
    assert len(ada.store.find(tables.Countersignature)) == 1
    for each in (ada, bea):
        each.close()


def test_what_waited_in_one_session_and_came_by_another(tmp_path):
    ada, _ = _one(tmp_path)
    bea = Author(ada.id, "Bea", 50)
    certificate = bea.certify()
    one, two, three = (bea.propose(ada.standing.head, str(number)) for number in range(3))
    first, second = Waiting(), Waiting()
    ada.receive([wire(two)], first)
    ada.receive([wire(certificate), wire(one), wire(two)], second)
    report = ada.receive([wire(three)], first)
    assert [record.id for record in report.new] == [three.id]
    ada.close()


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_sack_of_vouches_stops_nobody(tmp_path, seed):
    ada, (bea, eve) = _one(tmp_path, "Bea", "Eve", seed=seed)
    new = Author(ada.id, "X", 70)
    application = (new.certify(), _applies(new, 80))[1]
    give(ada, new.history[0], application)
    head = ada.standing.head
    give(ada, *(eve.write(Kind.VOUCH, Vouch(application.id, head)) for _ in range(450)))
    give(ada, bea.write(Kind.VOUCH, Vouch(application.id, head)))
    propose(Context(ada), "anything")
    assert new.member.public in Context(ada).state().observers
    ada.close()


def test_a_void_policy_can_be_shown(tmp_path):
    ada, (eve,) = _one(tmp_path, "Eve")
    void = Policy("standard", 0, 1)
    motion = eve.propose(ada.standing.head, "x", "constitution", action=(int(Verb.POLICY), (void, ())))
    give(ada, motion)
    assert "void" in explaining.show(Context(ada), {"id": text_of(motion.id)})["action"]
    ada.close()


def test_every_order_of_amendments_holds_the_same():
    links = {b"a": (b"b", b"c"), b"c": (b"b",), b"b": (b"d",), b"d": (), b"e": (b"c",), b"f": (b"d",)}
    assert {holding({each: links[each] for each in order}) for order in itertools.permutations(links)} == {b"d"}


def test_a_proof_shows_the_roster_that_voted(tmp_path):
    """A decision of five does not become one of ten by naming the roster of now."""
    ada, m = _one(tmp_path, *(f"M{n}" for n in range(4)))
    origin = ada.standing.head
    decided = m[0].propose(origin, "Pay M0")
    give(ada, decided, *(author.ballot(decided.id) for author in m[:3]))
    removal = m[0].remove(origin, m[3].member.public)
    give(ada, removal, *(author.ballot(removal.id) for author in m))
    propose(Context(ada), "This pins the roster of now")
    data = base64.b64decode(proving.prove(Context(ada), {"id": text_of(decided.id)})["proof"])
    assert (len(verify_proof(data).members), verify_proof(data).depth) == (5, 0)
    line = read_proof(base64.b64decode(proving.prove(Context(ada), {"id": "roster"})["proof"]))
    proof = read_proof(data)
    records = tuple(sorted({*proof.records, *line.records}))
    dressed = replace_(proof, roster=line.roster, steps=line.steps, records=records)
    shown = verify_proof(write_proof(dressed))
    assert (len(shown.members), shown.depth, shown.in_force) == (5, 0, None), "five decided it, and nobody says of four"
    ada.close()


def replace_(proof, **changed):
    return proof._replace(**changed)


def test_a_device_with_two_certificates_does_not_stop_a_proof(tmp_path):
    (ada,), (bea, cy) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=1, clock=Clock())
    ghost = SigningKey.from_seed(b"g" * 32)
    body = replace(cy.certificate(), member=ghost.public, person="Ghost").signed_by(ghost, ada.id)
    give(ada, cy.fork().write(Kind.CERTIFICATE, body))
    give(ada, bea.certify(), cy.certify())
    question = propose(Context(ada), "Q")
    give(ada, bea.ballot(question), cy.ballot(question))
    data = proving.prove(Context(ada), {"id": text_of(question)})["proof"]
    assert verify_proof(base64.b64decode(data)).outcome == "passed"
    ada.close()


def test_a_head_that_no_record_can_lead_to_is_told_before_anything_pins_it(tmp_path):
    """Two lines taken together from one head: the record starts where both did."""
    ada, bea, m = _two(tmp_path, *(f"M{n}" for n in range(9)))
    head = ada.standing.head
    left, right = m[0].remove(head, m[5].member.public), m[1].remove(head, m[6].member.public)
    give(ada, left, right, *(a.ballot(left.id) for a in (*m[:5], m[7], m[8])))
    give(ada, *(a.ballot(right.id) for a in (*m[:5], m[7], m[8])))
    _yes(ada, left.id)
    voting.vote(Context(ada), {"id": text_of(right.id), "choices": ["yes"], "late": True})
    try:
        question = propose(Context(ada), "On both")
    except NodeError as error:
        assert "no roster record can lead" in error.error
    else:
        exchange(ada, bea)
        assert state_of(Context(bea), question)["electorate"] == 9
    for each in (ada, bea):
        each.close()
