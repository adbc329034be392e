"""Final and in force are two things: who decided it then, and whether it binds the people of today. On whole nodes."""

import base64
from dataclasses import replace

import pytest

from meshd.errors import NodeError
from meshd.service import (
    checking,
    delegation,
    explaining,
    listing,
    meetings,
    membership,
    proposing,
    proving,
    rosters,
    status,
    voting,
    witnessing,
)
from meshd.service.context import Context
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Attestation, Ballot, Form, Proposal, Say, Verdict
from meshd_protocol.bodies.membership import Offer, RosterStep
from meshd_protocol.kinds import Kind
from meshd_protocol.names import beginning_of, bytes_of, text_of
from meshd_protocol.policies import DEFAULTS
from meshd_protocol.proofs import verify_proof
from meshd_protocol.rosters import roster_id
from tests.endtoend.test_infiltrators import _one, _two, _yes
from tests.worlds import Clock, commune, exchange, founder, give, newcomer, propose, state_of

DAY_MS = 86_400_000
STANDARD_MS = 5 * DAY_MS


def attest(author, question, verdict):
    counts = (1, 0, 0) if verdict == Verdict.PASSED else (0, 1, 0)
    return author.write(Kind.ATTESTATION, Attestation(question, int(verdict), (), counts, b"\x00", bytes(32)))


@pytest.fixture
def three(tmp_path):
    """Ada founded alone, let Bea in, and both let Cy in: three nodes, and rosters of one, two and three."""
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
    yield ada, bea, cy
    for node in nodes:
        node.close()


def _coup(founder_, **more):
    """What a founder settles by herself, on the roster of one."""
    with founder_.assembly.writing():
        origin = founder_.assembly.standing.rosters.origin
        coup = founder_.assembly.write(Kind.PROPOSAL, Proposal(origin, "significant", "Sell the oven to Ada", **more))
        founder_.assembly.write(Kind.BALLOT, Ballot(coup.id, Form.YES_NO, int(Say.YES)))
    return coup.id


def _expel(bea, cy, person, *nodes):
    motion = bytes_of(rosters.remove(bea.context, {"person": person, "reason": "she rules"})["id"])
    exchange(*nodes)
    _yes(cy.assembly, motion)
    exchange(*nodes)


def test_what_an_expelled_founder_settles_alone_binds_nobody(three):
    ada, bea, cy = three
    nodes = [each.assembly for each in three]
    _expel(bea, cy, "Ada", *nodes)
    coup = _coup(ada)
    exchange(*nodes)
    shown = state_of(bea.context, coup)
    assert (shown["state"], shown["outcome"], shown["in_force"]) == ("settled", "passed", False)
    assert shown["force"].startswith("It was decided by those of then (1 member); it is not in force: 2 of today's yes")
    listed = {row["id"]: row for row in listing.list_(cy.context, {})}
    assert listed[text_of(coup)]["in_force"] is False
    reasons = explaining.why(cy.context, {"id": text_of(coup)})["reasons"]
    assert [each["holds"] for each in reasons if each["rule"] == "force"] == [False]
    noted = meetings.outcome(bea.context, {"id": text_of(coup), "text": "Sold", "tasks": ["hand it over\t\t"]})
    assert noted["state"] == "final, and not in force"
    assert [row["in_force"] for row in meetings.todo(bea.context, {})] == [False]
    data = base64.b64decode(proving.prove(bea.context, {"id": text_of(coup)})["proof"])
    head = bea.assembly.standing.head
    held = verify_proof(data, knows=(head, head))
    assert (held.outcome, held.in_force, len(held.members)) == ("passed", False, 1)
    alone = verify_proof(base64.b64decode(proving.prove(ada.context, {"id": text_of(coup)})["proof"]))
    assert alone.in_force is None
    assert not any("is in force among" in text and "if that is" not in text for _, text in alone.reasons)


def test_the_yes_of_today_s_members_puts_it_in_force(three):
    ada, bea, cy = three
    nodes = [each.assembly for each in three]
    coup = _coup(ada)
    exchange(*nodes)
    assert state_of(bea.context, coup)["in_force"] is False
    with bea.assembly.writing():
        bea.assembly.write(Kind.BALLOT, Ballot(coup, Form.YES_NO, int(Say.YES)))
    exchange(*nodes)
    assert [state_of(each.context, coup)["in_force"] for each in three] == [True] * 3


def test_the_expelled_repeal_nothing(three):
    """Hard case 18."""
    ada, bea, cy = three
    nodes = [each.assembly for each in three]
    important = propose(cy.context, "Important")
    exchange(*nodes)
    for node in nodes[1:]:
        _yes(node, important)
    exchange(*nodes)
    _expel(bea, cy, "Ada", *nodes)
    _coup(ada, repeals=(important,))
    exchange(*nodes)
    assert [state_of(each.context, important)["repealed"] for each in three] == [False] * 3
    assert state_of(bea.context, important)["in_force"] is True


def test_what_is_decided_stays_in_force_when_its_voters_go(three):
    """The removal names it: two of three had said yes, and one of the two is gone."""
    ada, bea, cy = three
    nodes = [each.assembly for each in three]
    kept, late = propose(ada.context, "Kept"), propose(ada.context, "Decided too late")
    exchange(*nodes)
    for node in nodes[:2]:
        _yes(node, kept)
    exchange(*nodes)
    motion = bytes_of(rosters.remove(bea.context, {"person": "Ada", "reason": "moved"})["id"])
    exchange(*nodes)
    assert state_of(cy.context, motion)["keeps"] == [text_of(kept)]
    for node in nodes[:2]:
        _yes(node, late)
    exchange(*nodes)
    assert state_of(cy.context, late)["in_force"] is True
    _yes(cy.assembly, motion)
    exchange(*nodes)
    assert ada.context.me not in cy.context.state().members
    assert state_of(cy.context, kept)["in_force"] is True
    why = explaining.why(cy.context, {"id": text_of(kept)})["reasons"]
    assert any(f"{text_of(motion)[:8]} named it" in each["text"] for each in why)
    shown = state_of(cy.context, late)
    assert (shown["outcome"], shown["in_force"]) == ("passed", False), "it came after the removal was put"
    assert "1 of today's yes are missing" in shown["force"]
    for each, in_force in ((kept, True), (late, False)):
        data = base64.b64decode(proving.prove(cy.context, {"id": text_of(each)})["proof"])
        head = cy.assembly.standing.head
        assert verify_proof(data, cy.assembly.id, (head, head)).in_force is in_force
    upheld = bytes_of(proposing.uphold(cy.context, {"ids": [text_of(late)]})["id"])
    exchange(*nodes)
    assert "puts in force what was decided before: Decided too late" in state_of(bea.context, upheld)["action"]
    _yes(bea.assembly, upheld)
    exchange(*nodes)
    assert [state_of(each.context, late)["in_force"] for each in (bea, cy)] == [True, True]
    data = base64.b64decode(proving.prove(cy.context, {"id": text_of(late)})["proof"])
    head = cy.assembly.standing.head
    assert verify_proof(data, knows=beginning_of(text_of(head)[:12])).in_force is True


def test_nobody_says_yes_to_what_names_too_much(three):
    """An action that names an open vote as in force: an honest node asks first, and nothing comes of it."""
    ada, bea, cy = three
    nodes = [each.assembly for each in three]
    open_ = propose(ada.context, "Open still")
    exchange(*nodes)
    head = bea.assembly.standing.head
    with bea.assembly.writing():
        action = (int(Verb.REMOVE), (ada.context.me,))
        body = Proposal(head, "removal", "Remove Ada", action=action, keeps=((open_, b"\xe0"),))
        motion = bea.assembly.write(Kind.PROPOSAL, body)
        bea.assembly.write(Kind.BALLOT, Ballot(motion.id, Form.YES_NO, int(Say.YES)))
    exchange(*nodes)
    with pytest.raises(NodeError, match="names decisions as in force"):
        _yes(cy.assembly, motion.id)
    voting.vote(cy.context, {"id": text_of(motion.id), "choices": ["yes"], "late": True})
    exchange(*nodes)
    voting.vote(bea.context, {"id": text_of(open_), "choices": ["no"], "late": True})
    with ada.assembly.writing():
        ada.assembly.write(Kind.BALLOT, Ballot(open_, Form.YES_NO, int(Say.YES)))
    exchange(*nodes)
    shown = state_of(cy.context, open_)
    assert (shown["outcome"], shown["in_force"]) == (None, None), "one yes of three"


def test_a_revoked_device_s_yes_binds_nobody(tmp_path):
    ada, (bea, cy) = _one(tmp_path, "Bea", "Cy")
    start = ada.standing.head
    motion = bea.propose(start, "Revoke", "removal", action=(int(Verb.REVOKE), (
        cy.member.public, cy.device.public, (len(cy.history), 0, 0))))  # fmt: skip
    give(ada, motion, bea.ballot(motion.id))
    _yes(ada, motion.id)
    assert cy.device.public in ada.standing.state.revoked
    old = cy.propose(start, "On the roster before")
    give(ada, old, cy.ballot(old.id), bea.ballot(old.id))
    shown = state_of(Context(ada), old.id)
    assert (shown["outcome"], shown["in_force"]) == ("passed", False), "one of its two yes is by a revoked device"
    ada.close()


def test_two_colluders_and_their_own_offers_certify_nothing(tmp_path):
    """Twelve members, ten witnesses: a side roster of two offers has the witnesses that were voted for."""
    ada, bea, m = _two(tmp_path, *(f"M{n}" for n in range(10)), witnesses=10)
    start = ada.standing.head
    good = propose(Context(ada), "Honest", "standard")
    exchange(ada, bea)
    give(ada, *(author.ballot(good) for author in m))
    for node in (ada, bea):
        _yes(node, good)
    give(ada, *(attest(author, good, Verdict.PASSED) for author in m[:7]))
    exchange(ada, bea)
    assert state_of(Context(ada), good)["in_force"] is True
    offers = [each.write(Kind.OFFER, Offer(start, each.device.public, ())) for each in m[8:]]
    side = roster_id(ada.id, [each.id for each in offers])
    step = m[8].write(Kind.ROSTER, RosterStep(start, tuple(sorted(each.id for each in offers))))
    coup = m[8].propose(side, "Repeal it", "standard", repeals=(good,))
    give(ada, *offers, step, coup, *(each.ballot(coup.id) for each in m[8:]))
    give(ada, *(each.ballot(coup.id, Say.NO) for each in m[:8]))
    give(ada, *(attest(each, coup.id, Verdict.PASSED) for each in m[8:]))
    exchange(ada, bea)
    for node in (ada, bea):
        witnesses = node.standing.rosters.state(side).witnesses
        assert (witnesses.seats, witnesses.devices.keys() & {each.device.public for each in m[8:]}) == (10, set())
        assert state_of(Context(node), coup.id)["outcome"] is None
        assert not state_of(Context(node), good)["repealed"]
        node.close()


def test_one_member_and_her_device_expel_nobody(tmp_path):
    """`membership` made certified, no witnesses at the genesis: no such policy decides anything."""
    ada, m = _one(tmp_path, *(f"M{n}" for n in range(9)))
    for name in ("membership", "removal"):
        certified = replace(DEFAULTS[0], name=name)
        action = (int(Verb.POLICY), (certified, ()))
        amend = m[0].propose(ada.standing.head, "Soft", "constitution", action=action)
        give(ada, amend, *(author.ballot(amend.id) for author in m))
        assert ada.standing.state.policies[name].finality == 0
    head = ada.standing.head
    offer = m[0].write(Kind.OFFER, Offer(head, m[0].device.public))
    step = m[0].write(Kind.ROSTER, RosterStep(head, (offer.id,)))
    give(ada, offer, step)
    gone = m[0].remove(ada.standing.head, *(author.member.public for author in m[1:]))
    give(ada, gone, m[0].ballot(gone.id), attest(m[0], gone.id, Verdict.PASSED))
    assert len(ada.standing.state.members) == 10
    assert ada.standing.state.witnesses.seats == 0
    ada.close()


def test_six_of_eleven_expel_nobody_and_change_no_constitution(tmp_path):
    """Hard case 21."""
    ada, m = _one(tmp_path, *(f"M{n}" for n in range(10)))
    motion = m[0].remove(ada.standing.head, *(author.member.public for author in m[5:]))
    give(ada, motion, *(author.ballot(motion.id) for author in m[:5]))
    _yes(ada, motion.id)
    assert len(ada.standing.state.members) == 11
    give(ada, m[5].ballot(motion.id), m[6].ballot(motion.id))
    assert len(ada.standing.state.members) == 6, "eight of eleven may"
    ada.close()


def test_a_motion_anew_that_loses_repeals_nothing(tmp_path):
    """Hard case 17: put while the first vote is still open."""
    ada, (bea, cy, dan) = _one(tmp_path, "Bea", "Cy", "Dan", witnesses=1)
    good = propose(Context(ada), "Good", "standard")
    motion = dan.propose(Context(ada).standing().head, "Repeal it", "standard", repeals=(good,), anew=True)
    give(ada, motion)
    _yes(ada, good)
    give(ada, *(author.ballot(good) for author in (bea, cy, dan)))
    assert state_of(Context(ada), good)["outcome"] == "passed"
    give(ada, dan.ballot(motion.id), bea.ballot(motion.id, Say.NO), cy.ballot(motion.id, Say.NO))
    _yes(ada, motion.id, "no")
    assert not state_of(Context(ada), good)["repealed"]
    watched = ada.store.get(tables.Watch, proposal=motion.id)
    assert "is not split here" in witness.held_back(ada, watched)
    why = explaining.why(Context(ada), {"id": text_of(motion.id)})["reasons"]
    assert any("does not attest it now" in each["text"] for each in why)
    ada.close()


def test_a_witness_attests_anew_when_the_split_arrives(tmp_path):
    """However late: the motion's time is over, and then the attestations come that split the first vote."""
    clock = Clock()
    (ada,), (bea, cy, dan) = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=1, clock=clock, witnesses=4)
    give(ada, *(each.certify() for each in (bea, cy, dan)))
    first = propose(Context(ada), "Paint it", "standard")
    anew = dan.propose(ada.standing.head, "Paint it, again", "standard", repeals=(first,), anew=True)
    give(ada, anew, dan.ballot(anew.id))
    _yes(ada, anew.id)
    clock.now_ms += STANDARD_MS + DAY_MS
    witness.keep_time(ada)
    assert [row.proposal for row in ada.store.find(tables.Attestation)] == [first], "the vote that is over, and no more"
    give(ada, attest(bea, first, Verdict.PASSED), attest(cy, first, Verdict.PASSED))
    assert state_of(Context(ada), first)["state"] == "open"
    give(ada, attest(dan, first, Verdict.FAILED))
    assert state_of(Context(ada), first)["state"] == "split"
    assert witness.keep_time(ada)
    (mine,) = ada.store.find(tables.Attestation, proposal=anew.id)
    assert mine.verdict == Verdict.PASSED
    ada.close()


def test_of_several_put_anew_that_differ_none_is_in_force(tmp_path):
    """Until one names them all."""
    clock = Clock()
    (ada,), (bea, cy, dan) = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=1, clock=clock, witnesses=4)
    give(ada, *(each.certify() for each in (bea, cy, dan)))
    first = propose(Context(ada), "Paint it", "standard")
    halves = [(bea, Verdict.PASSED), (cy, Verdict.PASSED), (dan, Verdict.FAILED)]
    give(ada, *(attest(author, first, verdict) for author, verdict in halves))
    clock.now_ms += STANDARD_MS + DAY_MS
    witness.keep_time(ada)
    assert state_of(Context(ada), first)["state"] == "split"
    rivals = []
    for author, verdict in ((bea, Verdict.PASSED), (cy, Verdict.FAILED)):
        again = author.propose(ada.standing.head, f"Again by {author.name}", "standard", repeals=(first,), anew=True)
        give(ada, again, *(attest(each, again.id, verdict) for each in (bea, cy, dan)))
        rivals.append(again.id)
    passed = state_of(Context(ada), rivals[0])
    assert (passed["outcome"], passed["in_force"]) == ("passed", False)
    assert "none is in force, until one more names them all" in passed["force"]
    assert state_of(Context(ada), first)["repealed_by"] == []
    ids = [text_of(each) for each in (first, *rivals)]
    last = propose(Context(ada), "For good", "standard", repeals=ids)
    assert ada.store.get(tables.Proposal, id=last).anew
    give(ada, *(attest(each, last, Verdict.PASSED) for each in (bea, cy, dan)))
    assert state_of(Context(ada), last)["in_force"] is True
    assert state_of(Context(ada), first)["repealed_by"] == [text_of(last)]
    assert [state_of(Context(ada), each)["repealed"] for each in rivals] == [True, True]
    ada.close()


def test_a_motion_anew_that_fails_does_not_put_another_out_of_force(tmp_path):
    """It names what it would replace; that it fails makes it no rival, whoever attested it."""
    clock = Clock()
    (ada,), (bea, cy, dan) = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=1, clock=clock, witnesses=4)
    give(ada, *(each.certify() for each in (bea, cy, dan)))
    first = propose(Context(ada), "Paint it", "standard")
    halves = [(bea, Verdict.PASSED), (cy, Verdict.PASSED), (dan, Verdict.FAILED)]
    give(ada, *(attest(author, first, verdict) for author, verdict in halves))
    clock.now_ms += STANDARD_MS + DAY_MS
    witness.keep_time(ada)
    again = bea.propose(ada.standing.head, "Again", "standard", repeals=(first,), anew=True)
    give(ada, again, *(attest(each, again.id, Verdict.PASSED) for each in (bea, cy, dan)))
    assert state_of(Context(ada), again.id)["in_force"] is True
    both = tuple(sorted((first, again.id)))
    spoiler = cy.propose(ada.standing.head, "Not at all", "standard", repeals=both, anew=True)
    give(ada, spoiler, *(attest(each, spoiler.id, Verdict.FAILED) for each in (bea, cy, dan)))
    assert state_of(Context(ada), spoiler.id)["outcome"] == "failed"
    shown = state_of(Context(ada), again.id)
    assert (shown["in_force"], shown["repealed"]) == (True, False)
    ada.close()


def test_the_time_of_a_vote_begins_with_its_roster(tmp_path):
    """Hard case 20: the roster is withheld until the wait is over, with prepared ballots."""
    clock = Clock()
    (ada,), (bea, cy, eve) = commune(tmp_path, ["Ada", "Bea", "Cy", "Eve"], nodes=1, clock=clock, witnesses=1)
    give(ada, *(each.certify() for each in (bea, cy, eve)))
    offer = eve.write(Kind.OFFER, Offer(ada.standing.head, eve.device.public))
    step = cy.write(Kind.ROSTER, RosterStep(ada.standing.head, (offer.id,)))
    held = eve.propose(roster_id(ada.id, (offer.id,)), "Sneaky", "standard")
    ballots = [eve.ballot(held.id)]
    give(ada, offer, held)
    clock.now_ms += 30 * DAY_MS
    witness.keep_time(ada)
    give(ada, step, *ballots)
    assert not witness.keep_time(ada)
    assert state_of(Context(ada), held.id)["outcome"] is None
    clock.now_ms += STANDARD_MS - DAY_MS
    assert not witness.keep_time(ada)
    give(ada, bea.ballot(held.id, Say.NO), cy.ballot(held.id, Say.NO))
    clock.now_ms += 2 * DAY_MS
    assert witness.keep_time(ada)
    assert state_of(Context(ada), held.id)["outcome"] == "failed"
    ada.close()


def test_a_removed_person_parts_no_heads(tmp_path):
    """Hard case 19: her offer reaches one island before her removal, and the other one after it."""
    ada, bea, m = _two(tmp_path, "Eve", "M1", "M2", "M3")
    eve = m[0]
    head = ada.standing.head
    offer = eve.write(Kind.OFFER, Offer(roster=head, device=eve.device.public))
    step = eve.write(Kind.ROSTER, RosterStep(head, (offer.id,)))
    removal = m[1].remove(head, eve.member.public)
    votes = [a.ballot(removal.id) for a in m[1:]]
    give(ada, offer, step)
    give(bea, removal, *votes)
    _yes(bea, removal.id)
    exchange(ada, bea)
    assert eve.member.public not in ada.standing.state.members
    assert ada.standing.head == bea.standing.head
    assert not [text for text in status.status(Context(ada), {})["pending"] if "Another line" in text]
    for node in (ada, bea):
        node.close()


def test_seats_are_given_by_vote(tmp_path):
    ada, (bea, cy, dan) = _one(tmp_path, "Bea", "Cy", "Dan", witnesses=1)
    context = Context(ada)
    with pytest.raises(NodeError, match="already"):
        witnessing.witness(context, {"word": "on"})
    off = witnessing.witness(context, {"word": "off"})
    assert (off["seats"], off["witnesses"], off["quorum"]) == (1, [], 1)
    answer = proposing.propose(context, {"title": "A question"})
    assert "Of 1 witnesses 0 have a device" in answer["warnings"][0]
    assert witnessing.witness(context, {"word": "on"})["here"] is True, "her own seat is hers"
    ada.close()


def test_who_comes_back_from_the_same_home_revokes_once_more(tmp_path):
    """Her removal ended her word on a stolen device; let in again, her node says it anew by itself."""
    ada, bea, (cy, dan, eve) = _two(tmp_path, "Cy", "Dan", "Eve")
    from tests.worlds import Author

    phone = Author(ada.id, "Bea", 99, member=bea.keys.member)
    give(ada, phone.certify())
    exchange(ada, bea)
    start = ada.standing.head
    rosters.revoke(Context(bea), {"device": text_of(phone.device.public)})
    removal = cy.remove(start, bea.keys.member_public)
    give(ada, removal, *(each.ballot(removal.id) for each in (cy, dan, eve)))
    _yes(ada, removal.id)
    exchange(ada, bea)
    for node in (ada, bea):
        assert bea.keys.member_public not in node.standing.state.members
        assert phone.device.public not in node.standing.state.revoked
    from tests.endtoend.test_infiltrators import _applies

    proxy = Author(ada.id, "Bea", 98, member=bea.keys.member)
    applied = (proxy.certify(), _applies(proxy, 81))
    give(ada, *applied)
    head = ada.standing.head
    back = cy.admit(head, applied[1].id)
    give(ada, back, *(each.ballot(back.id) for each in (cy, dan, eve)))
    _yes(ada, back.id)
    exchange(ada, bea)
    exchange(ada, bea)
    assert bea.keys.member_public in ada.standing.state.members
    assert phone.device.public in bea.standing.state.revoked, "said anew, by herself"
    exchange(ada, bea)
    assert ada.standing.head == bea.standing.head
    for node in (ada, bea):
        node.close()


def test_an_act_by_somebody_who_is_out_says_so(tmp_path):
    from meshd_protocol.bodies.delegates import Act

    ada, bea, (cy, dan, eve) = _two(tmp_path, "Cy", "Dan", "Eve", witnesses=4)
    mandate = bytes_of(
        delegation.mandate(Context(ada), {"title": "treasurer", "holder": "Cy", "powers": ["spend"]})["id"]
    )
    give(ada, *(each.ballot(mandate) for each in (cy, dan)))
    _yes(ada, mandate)
    give(ada, cy.write(Kind.ACT, Act(ada.standing.head, mandate, "spend", "flour")))
    removal = dan.remove(ada.standing.head, cy.member.public)
    give(ada, removal, *(each.ballot(removal.id) for each in (cy, dan, eve)))
    _yes(ada, removal.id)
    (row,) = delegation.delegates(Context(ada), {})
    assert [act["out"] for act in row["acts"]] == [True]
    for node in (ada, bea):
        node.close()


def test_where_an_earlier_meshd_went_and_today_s_rules_do_not(tmp_path):
    """Its head goes back to the last roster that the records lead to, and on from there; and it says so."""
    from meshd.founding.opening import open_assembly
    from tests.worlds import world

    ada = founder(tmp_path, clock=Clock())
    bea = newcomer(tmp_path, ada.context, "Bea", seed=2)
    exchange(ada.assembly, bea.assembly)
    membership.vouch(ada.context, {"person": "Bea"})
    membership.admit(ada.context, {"people": ["Bea"]})
    exchange(ada.assembly, bea.assembly)
    head = bea.assembly.standing.head
    (last,) = bea.assembly.store.find(tables.Head)[-1:]
    with bea.assembly.store.transaction():
        bea.assembly.store.insert([tables.Head(last.n + 1, b"o" * 32, head, last.cites[:32])])
        bea.assembly.store.insert([tables.Head(last.n + 2, b"p" * 32, b"o" * 32, last.cites[:32])])
    bea.assembly.close()
    again = open_assembly(bea.assembly.folder, "pw", world(2))
    assert again.standing.head == head
    (pending,) = [text for text in status.status(Context(again), {})["pending"] if "earlier meshd" in text]
    assert "proposed once more" in pending
    question = propose(Context(again), "Goes on")
    again.close()
    again = open_assembly(bea.assembly.folder, "pw", world(2))
    assert state_of(Context(again), question)["roster"] == "current"
    steps = checking.check(Context(again), {})
    while True:
        try:
            next(steps)
        except StopIteration as end:
            assert end.value["ok"], end.value["problems"]
            break
    for each in (ada.assembly, again):
        each.close()
