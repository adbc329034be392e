"""Witnesses' nodes: when they attest, what they refuse, and that wrong clocks, partitions and held-back proposals change
nothing. Everything is the real stack; only clocks are moved."""

import pytest

from meshd.clock import Reading
from meshd.errors import NodeError, UsageError
from meshd.founding.opening import open_assembly
from meshd.service import checking, explaining, membership, proposing, status, voting, witnessing
from meshd.service.context import Context
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol.bodies.decisions import Attestation, Proposal, Say, Verdict
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.policies import DAY
from tests.worlds import START_MS, Author, Clock, commune, exchange, founder, give, newcomer, propose, state_of, world

DAY_MS = DAY * 1000
STANDARD_MS = 5 * DAY_MS
"""Open for 3 days, grace of 2."""


def ask(assembly, title="Open on Sundays", **more):
    return propose(Context(assembly), title, policy=more.pop("policy", "standard"), **more)


def vote(assembly, question, *words, **more):
    return voting.vote(Context(assembly), {"id": text_of(question), "choices": list(words), **more})


def attestations(assembly, question):
    return assembly.store.find(tables.Attestation, proposal=question)


@pytest.fixture
def three(tmp_path):
    """Three nodes, all witnesses, and two members without a node."""
    clock = Clock()
    nodes, authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan", "Eve"], nodes=3, clock=clock, witnesses=3)
    exchange(*nodes)
    for author in authors:
        give(nodes[0], author.certify())
    exchange(*nodes)
    yield nodes, authors, clock
    for node in nodes:
        node.close()


def test_a_vote_is_certified_when_its_time_has_passed(three):
    (ada, bea, cy), _, clock = three
    question = ask(ada)
    exchange(ada, bea, cy)
    vote(ada, question, "yes")
    vote(bea, question, "yes")
    exchange(ada, bea, cy)
    clock.now_ms += STANDARD_MS - DAY_MS // 2
    assert not any(witness.keep_time(node) for node in (ada, bea, cy))
    assert state_of(Context(ada), question)["state"] == "provisional"
    clock.now_ms += DAY_MS
    assert all(witness.keep_time(node) for node in (ada, bea))
    exchange(ada, bea, cy)
    shown = [state_of(Context(node), question) for node in (ada, bea, cy)]
    assert [(each["state"], each["outcome"]) for each in shown] == [("certified", "passed")] * 3
    assert len(attestations(cy, question)) == 2
    assert witness.keep_time(cy), "the third attests, too"
    assert not witness.keep_time(cy), "and once"
    assert len(attestations(cy, question)) == 3
    assert cy.store.find(tables.Watch) == []
    with_check = list(_steps(checking.check(Context(cy), {})))[-1]
    assert with_check["ok"]


def _steps(steps):
    while True:
        try:
            yield next(steps)
        except StopIteration as end:
            yield end.value
            return


def test_a_vote_is_certified_at_once_when_every_locked_ballot_is_in(three):
    (ada, bea, cy), authors, _ = three
    question, consent = ask(ada), ask(ada, "By consent", policy="consent")
    exchange(ada, bea, cy)
    for each in (question, consent):
        for node in (ada, bea, cy):
            vote(node, each, "yes")
        give(ada, authors[0].ballot(each, Say.NO) if each == question else authors[0].ballot(each))
        exchange(ada, bea, cy)
        assert attestations(ada, each) == []
        give(ada, authors[1].ballot(each))
        exchange(ada, bea, cy)
    assert len(attestations(ada, question)) == 3
    assert state_of(Context(bea), question)["outcome"] == "passed"
    assert attestations(ada, consent) == [], "ballots that may be changed are waited for"


def test_a_proposal_that_was_held_back_gains_nothing(three):
    """Hard case 2: shown on its date, with its ballots attached, it still waits each witness's full time."""
    (ada, bea, cy), (dan, eve), clock = three
    held = dan.propose(Context(ada).standing().head, "Held back", "standard", closes_ms=START_MS)
    ballots = [dan.ballot(held.id), eve.ballot(held.id)]
    clock.now_ms += 30 * DAY_MS
    for node in (ada, bea, cy):
        give(node, held, *ballots)
        assert not witness.keep_time(node)
    clock.now_ms += 2 * DAY_MS
    for node in (ada, bea, cy):
        vote(node, held.id, "no", late=True)
    exchange(ada, bea, cy)
    assert state_of(Context(ada), held.id)["outcome"] == "failed"


def test_laptops_on_one_side_and_pis_on_the_other(tmp_path):
    """Hard case 3: four members with two devices each, on two sides of a partition. One outcome at most."""
    clock = Clock()
    laptops, _ = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=4, clock=clock, witnesses=4)
    exchange(*laptops)
    pis = [
        Author(laptops[0].id, name, 900 + n, member=laptop.keys.member)
        for n, (name, laptop) in enumerate(zip(["Ada", "Bea", "Cy", "Dan"], laptops, strict=True))
    ]
    question = ask(laptops[0])
    exchange(*laptops)
    vote(laptops[0], question, "yes")
    vote(laptops[1], question, "yes")
    exchange(*laptops)
    clock.now_ms += STANDARD_MS + DAY_MS
    for laptop in laptops[:3]:
        witness.keep_time(laptop)
    exchange(*laptops)
    assert state_of(Context(laptops[3]), question)["outcome"] == "passed"
    other = Attestation(question, int(Verdict.FAILED), (), (0, 0, 0), b"\x00", bytes(32))
    for pi in pis:
        give(laptops[3], pi.certify(), pi.write(Kind.ATTESTATION, other))
    shown = state_of(Context(laptops[3]), question)
    assert (shown["state"], shown["outcome"]) == ("certified", "passed")
    found = explaining.why(Context(laptops[3]), {"id": text_of(question)})["reasons"]
    assert sum(reason["rule"] == "attestation" for reason in found) == 3
    for each in laptops:
        each.close()


def test_split_proposed_anew_and_then_a_traitor_signs_both_sides(tmp_path):
    """Hard case 12: a motion put anew that failed takes the place of a split; it does not undo what is certified alone."""
    clock = Clock()
    (ada,), (bea, cy, dan) = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=1, clock=clock, witnesses=4)
    give(ada, *(each.certify() for each in (bea, cy, dan)))
    first = ask(ada, "Paint it blue")

    def attest(author, question, verdict):
        counts = (0, 0, 0)
        return author.write(Kind.ATTESTATION, Attestation(question, int(verdict), (), counts, b"\x00", bytes(32)))

    vote(ada, first, "yes")
    give(ada, attest(bea, first, Verdict.PASSED))
    clock.now_ms += STANDARD_MS + DAY_MS
    witness.keep_time(ada)
    give(ada, attest(cy, first, Verdict.FAILED), attest(dan, first, Verdict.FAILED))
    assert state_of(Context(ada), first)["state"] == "split"
    with pytest.raises(UsageError, match="same policy"):
        ask(ada, "Otherwise", policy="significant", repeals=[text_of(first)])
    second = ask(ada, "Paint it blue, again", repeals=[text_of(first)])
    assert state_of(Context(ada), first)["repealed_by"] == []
    give(ada, *(attest(each, second, Verdict.FAILED) for each in (bea, cy, dan)))
    assert state_of(Context(ada), second)["outcome"] == "failed"
    assert state_of(Context(ada), first)["repealed_by"] == [text_of(second)]
    give(ada, attest(cy, first, Verdict.PASSED))
    turned = state_of(Context(ada), first)
    assert (turned["state"], turned["outcome"], turned["repealed"]) == ("certified", "passed", False)
    reasons = explaining.why(Context(ada), {"id": text_of(first)})["reasons"]
    assert any("Signed two outcomes: Cy" in reason["text"] for reason in reasons)
    ada.close()


@pytest.mark.parametrize("years", [-20, 20])
def test_clocks_wrong_by_years_change_no_outcome(tmp_path, years):
    """Hard case 16: every clock is off, in either direction, and jumps in the middle."""
    clocks = [Clock(START_MS), Clock(START_MS + years * 365 * DAY_MS), Clock(START_MS - years * 180 * DAY_MS)]
    steady = [0, 0, 0]
    nodes, _ = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=3, witnesses=3)
    for place, node in enumerate(nodes):
        object.__setattr__(node.world, "clock", clocks[place])
        object.__setattr__(node.world, "steady", lambda place=place: Reading("boot", steady[place]))
    exchange(*nodes)
    question = ask(nodes[0])
    exchange(*nodes)
    vote(nodes[1], question, "no")
    exchange(*nodes)
    for clock in clocks:
        clock.now_ms += years * 100 * DAY_MS
    assert not any(witness.keep_time(node) for node in nodes), "a jump of years is not time"
    for place in range(3):
        steady[place] += STANDARD_MS + DAY_MS
    for node in nodes:
        witness.keep_time(node)
        if not attestations(node, question):  # its clock is far from the others': its person is asked
            assert any("agree" in text for text in status.status(Context(node), {})["pending"])
            witnessing.witness(Context(node), {"word": "agree", "names": [text_of(question)]})
    exchange(*nodes)
    assert {state_of(Context(node), question)["outcome"] for node in nodes} == {"failed"}
    for node in nodes:
        node.close()


def test_a_clock_far_behind_the_others_asks_first(three):
    (ada, bea, cy), (dan, _), clock = three
    question = ask(ada)
    exchange(ada, bea, cy)
    future = Proposal(Context(ada).standing().head, "significant", "From the future")
    give(ada, dan.write(Kind.PROPOSAL, future, time_ms=clock.now_ms + 400 * DAY_MS))
    clock.now_ms += STANDARD_MS + DAY_MS
    assert witness.clock_doubt(ada, question) is None, "one who is no witness does not matter"
    object.__setattr__(bea.world, "clock", Clock(clock.now_ms + 400 * DAY_MS))
    object.__setattr__(cy.world, "clock", Clock(clock.now_ms + 400 * DAY_MS))
    for node in (bea, cy):
        vote(node, question, "yes")
    exchange(ada, bea, cy)
    assert "behind" in str(witness.clock_doubt(ada, question))
    assert not witness.keep_time(ada)
    (pending,) = status.status(Context(ada), {})["pending"]
    assert f"meshd witness agree {text_of(question)[:8]}" in pending
    assert any(
        reason["rule"] == "witness-here" and "asks first" in reason["text"]
        for reason in explaining.why(Context(ada), {"id": text_of(question)})["reasons"]
    )
    witnessing.witness(Context(ada), {"word": "agree", "names": [text_of(question)]})
    assert len(attestations(ada, question)) == 1


def test_a_witness_refuses_a_roster_that_leaves_out_what_was_decided(three):
    """Ballots on a removal were there before; a proposal that pins the roster before it is not attested."""
    (ada, bea, cy), (dan, eve), clock = three
    start = Context(ada).standing().head
    motion = dan.remove(start, eve.member.public)
    give(ada, motion, dan.ballot(motion.id), eve.ballot(motion.id))
    vote(ada, motion.id, "yes")
    vote(ada, ask(ada, "In between"), "yes")
    stale = dan.propose(start, "On the old roster", "standard")
    give(ada, stale, dan.ballot(stale.id))
    assert ada.store.get(tables.Watch, proposal=stale.id).refused is None, "three of five are not enough yet"
    exchange(ada, bea, cy)
    vote(bea, motion.id, "yes")
    exchange(ada, bea, cy)
    assert eve.member.public not in Context(ada).state().members
    late = dan.propose(start, "On the old roster again", "standard")
    give(ada, late)
    assert "leaves out 1" in ada.store.get(tables.Watch, proposal=late.id).refused
    clock.now_ms += STANDARD_MS + DAY_MS
    witness.keep_time(ada)
    assert attestations(ada, late.id) == []
    assert len(attestations(ada, stale.id)) == 1
    (pending,) = [each for each in status.status(Context(ada), {})["pending"] if "does not attest" in each]
    assert "On the old roster again" in pending
    with pytest.raises(NodeError, match="must not attest"):
        witnessing.witness(Context(ada), {"word": "agree", "names": [text_of(late.id)]})


def test_ballots_that_come_with_a_proposal_were_not_held_before(three):
    (ada, _, cy), (dan, eve), _ = three
    start = Context(ada).standing().head
    motion = dan.remove(start, eve.member.public)
    give(ada, motion, dan.ballot(motion.id), eve.ballot(motion.id))
    stale = dan.propose(start, "Together with the last yes", "standard")
    vote(ada, motion.id, "yes")
    exchange(ada, cy)
    vote(cy, motion.id, "yes")
    exchange(ada, cy)
    assert eve.member.public not in Context(ada).state().members
    give(ada, stale)
    assert ada.store.get(tables.Watch, proposal=stale.id).refused


def test_time_goes_on_over_a_restart(tmp_path):
    clock = Clock()
    (ada,), _ = commune(tmp_path, ["Ada"], nodes=1, clock=clock, witnesses=1)
    give_up = ask(ada)
    folder = ada.folder
    for _ in range(4):
        clock.now_ms += DAY_MS
        ada.close()
        reading = Reading(f"boot {clock.now_ms}", 0)
        place = world(1, clock)
        object.__setattr__(place, "steady", lambda reading=reading: reading)
        ada = open_assembly(folder, "pw", place)
        assert not witness.keep_time(ada)
    clock.now_ms += 100 * DAY_MS
    ada.close()
    place = world(1, clock)
    object.__setattr__(place, "steady", lambda: Reading("last", 0))
    ada = open_assembly(folder, "pw", place)
    assert not witness.keep_time(ada) or state_of(Context(ada), give_up)["outcome"], "off for months is one day"
    object.__setattr__(place, "steady", lambda: Reading("last", DAY_MS))
    witness.keep_time(ada)
    assert state_of(Context(ada), give_up)["outcome"] == "failed"
    ada.close()


def test_witnesses_on_and_off_and_a_committee(three):
    (ada, bea, cy), (dan, eve), _ = three
    context = Context(ada)
    listed = witnessing.witness(context, {})
    assert (len(listed["witnesses"]), listed["quorum"], listed["bound"], listed["here"]) == (3, 2, 0, True)
    with pytest.raises(NodeError, match="already"):
        witnessing.witness(context, {"word": "on"})
    off = witnessing.witness(context, {"word": "off"})
    assert (len(off["witnesses"]), off["seats"], off["quorum"]) == (2, 3, 2), "an empty seat counts"
    assert off["without_device"] == [ada.people.label(ada.keys.member_public)]
    with pytest.raises(NodeError, match="no device attests"):
        witnessing.witness(context, {"word": "off"})
    assert len(witnessing.witness(context, {"word": "on"})["witnesses"]) == 3
    names = [bea.people.label(bea.keys.member_public), cy.people.label(cy.keys.member_public)]
    exchange(ada, bea, cy)
    motion = bytes_of(witnessing.witness(context, {"word": "committee", "names": names})["id"])
    exchange(ada, bea, cy)
    for node in (bea, cy):
        vote(node, motion, "yes")
    exchange(ada, bea, cy)
    assert not witnessing.witness(context, {})["committee"]
    give(ada, dan.ballot(motion))
    exchange(ada, bea, cy)
    listed = witnessing.witness(context, {})
    assert (listed["committee"], len(listed["witnesses"]), listed["here"]) == (True, 2, False)
    question = ask(ada)
    exchange(ada, bea, cy)
    for node in (ada, bea, cy):
        vote(node, question, "yes")
    give(ada, dan.ballot(question), eve.ballot(question))
    exchange(ada, bea, cy)
    assert {row.device for row in attestations(ada, question)} == {bea.keys.device.public, cy.keys.device.public}


def test_of_two_offers_that_know_nothing_of_each_other_none_gives_a_device(tmp_path):
    """The seat is empty, until one names both."""
    (ada,), _ = commune(tmp_path, ["Ada"], nodes=1, witnesses=1)
    pi = Author(ada.id, "Ada", 5, member=ada.keys.member)
    standing = ada.standing
    give(ada, pi.certify())
    from meshd_protocol.bodies.membership import Offer

    tablet = Author(ada.id, "Ada", 6, member=ada.keys.member)
    give(ada, tablet.certify())
    one = pi.write(Kind.OFFER, Offer(standing.head, pi.device.public, (ada.id,)))
    other = tablet.write(Kind.OFFER, Offer(standing.head, tablet.device.public, (ada.id,)))
    give(ada, one)
    assert set(ada.standing.state.witnesses.devices) == {pi.device.public}
    give(ada, other)
    assert (ada.standing.state.witnesses.devices, ada.standing.state.witnesses.seats) == ({}, 1)
    third = pi.write(Kind.OFFER, Offer(ada.standing.head, pi.device.public, tuple(sorted([one.id, other.id]))))
    give(ada, third)
    assert set(ada.standing.state.witnesses.devices) == {pi.device.public}
    foreign = pi.write(Kind.OFFER, Offer(ada.standing.head, tablet.device.public))
    give(ada, foreign)
    assert "another device" in ada.store.get(tables.NoEffect, id=foreign.id).reason
    ada.close()


def test_a_newcomer_offers_her_device_when_she_applies(tmp_path):
    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    bea = newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock)
    exchange(ada.assembly, bea.assembly)
    membership.vouch(ada.context, {"person": "Bea"})
    membership.admit(ada.context, {"people": ["Bea"]})
    assert ada.context.state().witnesses.seats == 1, "worlds' newcomers don't offer"
    exchange(ada.assembly, bea.assembly)
    motion = bytes_of(witnessing.witness(bea.context, {"word": "on"})["id"])
    exchange(ada.assembly, bea.assembly)
    assert ada.context.state().witnesses.seats == 1, "nobody takes a seat"
    vote(ada.assembly, motion, "yes")
    exchange(ada.assembly, bea.assembly)
    witnesses = ada.context.state().witnesses
    assert (witnesses.seats, len(witnesses.devices)) == (2, 2)
    for each in (ada, bea):
        each.assembly.close()


def test_no_witness_of_a_roster_attests_for_it(three):
    """Proposals without witnesses say so when they are proposed, and stay provisional."""
    (ada, *_), _, _ = three
    answer = proposing.propose(Context(ada), {"title": "A question"})
    assert answer["policy"] == "standard"
    assert answer["warnings"] == []


def test_an_assembly_without_witnesses_warns(tmp_path):
    (ada,), _ = commune(tmp_path, ["Ada"], nodes=1)
    answer = proposing.propose(Context(ada), {"title": "A question"})
    assert "no witnesses" in answer["warnings"][0]
    vote(ada, bytes_of(answer["id"]), "yes")
    assert state_of(Context(ada), bytes_of(answer["id"]))["state"] == "provisional"
    ada.close()
