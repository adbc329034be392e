"""Certified outcomes and what they are made of: quorums, findings, polls, recall marks, acts. Over every order, with
traitors within bound, and with the tempting variants that must break (the mutants of the design's models)."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshd_protocol.bodies.actions import Mandate
from meshd_protocol.bodies.decisions import Form, Say, Verdict
from meshd_protocol.decisions.certified import NOBODY, Witnesses, bound, certify, decide, quorum
from meshd_protocol.decisions.counted import bitmap, has_bit
from meshd_protocol.decisions.outcome import Attested, Cast, Electorate, few, people
from meshd_protocol.decisions.poll import Poll, poll_of, voice_of
from meshd_protocol.decisions.question import Question, ballots_of
from meshd_protocol.decisions.recall import marks
from meshd_protocol.decisions.result import decide as decide_any
from meshd_protocol.decisions.tally import tally
from meshd_protocol.mandates import Appointment, Countersigned, last_of_role, needed, outside, rotation_problem, stands
from meshd_protocol.policies import DEFAULTS

POLICIES = {policy.name: policy for policy in DEFAULTS}
STANDARD, CONSENT, ELECTION = POLICIES["standard"], POLICIES["consent"], POLICIES["election"]
PASSED, FAILED = (int(Verdict.PASSED), ()), (int(Verdict.FAILED), ())


BOARD = Question("election", ("A", "B", "C"), "stv-scottish", 2)
BUDGET = Question("election", ("A", "B", "C"), "equal-shares", 1, costs=(1, 1, 1), budget=3)


def member(number):
    return bytes([number]) * 32


def device(number):
    return bytes([100 + number]) * 32


def naming(key):
    return f"m{key[0]:02}"


def electorate(size, revoked=None):
    return Electorate(frozenset(map(member, range(size))), revoked or {})


def witnesses(count):
    devices = {device(n): member(n) for n in range(count)}
    return Witnesses(frozenset(devices.values()), devices)


def attest(who, finding, branch=0):
    return Attested(bytes([who, finding[0], branch, *finding[1]]).ljust(32), device(who), *finding, (), b"\xff", b"")


def cast(who, say=Say.YES, *, counter=0, branch=0, reason="", scope=0, device_=None, seq=0):
    identity = bytes([who, int(say), counter, branch]).ljust(32, b"i")
    return Cast(identity, member(who), device_ or device(who), seq, scope, Form.YES_NO, int(say), counter, reason)


def choice(who, form, value, counter=0):
    identity = repr((who, value, counter)).encode().ljust(64)[:64]
    return Cast(identity, member(who), device(who), 0, 0, form, value, counter)


def outcome(casts, attestations=(), *, policy=STANDARD, question=None, members=4, count=3):
    question = question or Question(policy.name)
    poll = poll_of(ballots_of(question, policy), casts, electorate(members))
    return decide(question, policy, poll, list(attestations), electorate(members), witnesses(count), naming)


# ---- quorums


@pytest.mark.parametrize(
    ("count", "traitors", "enough"),
    [(1, 0, 1), (2, 0, 2), (3, 0, 2), (4, 1, 3), (6, 1, 4), (7, 2, 5), (10, 3, 7), (100, 33, 67)],
)
def test_the_quorum(count, traitors, enough):
    assert (bound(count), quorum(count)) == (traitors, enough)


@pytest.mark.parametrize("count", range(1, 200))
def test_any_two_quorums_share_an_honest_witness(count):
    assert 2 * quorum(count) - count > bound(count)
    assert quorum(count) <= count - bound(count), "the honest ones alone reach it"


def test_without_witnesses_nothing_is_certified():
    assert (bound(0), quorum(0)) == (0, 1)
    found = certify([attest(0, PASSED)], NOBODY)
    assert (found.certified, found.split, found.attested) == ((), False, {})
    shown = outcome([cast(0)], count=0)
    assert (shown.state, shown.outcome) == ("provisional", None)
    assert "has no witnesses" in shown.reasons[-1].text


def test_who_is_no_witness_certifies_nothing():
    assert certify([attest(n, PASSED) for n in (7, 8, 9)], witnesses(4)).certified == ()
    assert certify([attest(n, PASSED) for n in (0, 1, 9)], witnesses(4)).certified == ()


# ---- findings: one outcome within bound, in any order


@st.composite
def attestations(draw):
    """Up to ten witnesses, f of them traitors who attest everything; the honest attest once, differently perhaps."""
    count = draw(st.integers(1, 10))
    found = []
    for who in range(count):
        if who < bound(count):
            found += [attest(who, PASSED), attest(who, FAILED)]
        elif draw(st.booleans()):
            found.append(attest(who, draw(st.sampled_from([PASSED, FAILED]))))
    return count, draw(st.permutations(found))


def _unique_and_lasting(rule, count, order):
    """The fault of a rule that certifies two findings, or loses one; None for a sound one."""
    final = frozenset()
    for size in range(len(order) + 1):
        now = frozenset(rule(order[:size], witnesses(count)))
        if len(now) > 1:
            return "two outcomes are final"
        if not final <= now:
            return "what was final is lost"
        final = now
    shuffled = list(order)
    random.Random(7).shuffle(shuffled)
    return None if frozenset(rule(shuffled, witnesses(count))) == final else "the order shows"


def _real(given_, of):
    return certify(given_, of).certified


def _simple_majority(given_, of):
    by = {}
    for each in given_:
        by.setdefault(each.finding, set()).add(each.device)
    return {finding for finding, devices in by.items() if 2 * len(devices) > len(of)}


def _voiding_double_signers(given_, of):
    by, seen = {}, {}
    for each in given_:
        seen.setdefault(each.device, set()).add(each.finding)
    for each in given_:
        if len(seen[each.device]) == 1:
            by.setdefault(each.finding, set()).add(each.device)
    return {finding for finding, devices in by.items() if len(devices) >= quorum(len(of))}


@given(attestations())
def test_one_outcome_is_certified_and_stays(history):
    count, order = history
    assert _unique_and_lasting(_real, count, order) is None


@pytest.mark.parametrize("mutant", [_simple_majority, _voiding_double_signers], ids=lambda f: f.__name__)
def test_tempting_certificates_break(mutant):
    rng = random.Random(3)
    for _ in range(3000):
        count = rng.randint(1, 10)
        order = []
        for who in range(count):
            if who < bound(count):
                order += [attest(who, PASSED), attest(who, FAILED)]
            elif rng.random() < 0.9:
                order.append(attest(who, rng.choice([PASSED, FAILED])))
        rng.shuffle(order)
        if _unique_and_lasting(mutant, count, order):
            return
    pytest.fail("the mutant survived")


def test_split_then_certified_by_a_traitor():
    """Hard case 12, first part: 2:2 of 4 is split; one traitor who signs both sides makes one of them final."""
    four = [attest(0, PASSED), attest(1, PASSED), attest(2, FAILED), attest(3, FAILED)]
    assert certify(four, witnesses(4)).split
    shown = outcome([cast(0)], four, count=4)
    assert (shown.state, shown.outcome) == ("split", None)
    assert "will not be final" in shown.reasons[-1].text
    assert outcome([cast(0)], four[:3], count=4).state == "provisional"
    turned = outcome([cast(0)], [*four, attest(2, PASSED)], count=4)
    assert (turned.state, turned.outcome) == ("certified", "passed")
    assert any("Signed two outcomes: m02." in reason.text for reason in turned.reasons)


def test_contested_names_those_who_signed_both():
    both = [attest(n, finding) for n in range(3) for finding in (PASSED, FAILED)]
    shown = outcome([cast(0)], both, count=4)
    assert (shown.state, shown.outcome) == ("contested", None)
    assert "m00, m01, m02" in shown.reasons[-1].text
    assert (
        "At most 1 of 4 witnesses may be traitors, and more were: m00, m01, m02 signed both" in shown.reasons[-1].text
    )


def test_with_three_witnesses_one_traitor_is_beyond_the_bound_and_why_says_so():
    text = outcome([cast(0)], [attest(0, PASSED), attest(1, PASSED)], count=3).reasons[-1].text
    assert "one traitor is beyond the bound" in text
    assert "beyond" not in outcome([cast(0)], [attest(n, PASSED) for n in range(3)], count=4).reasons[-1].text


def test_counts_differ_and_the_outcome_is_one():
    """Hard case 11: three honest witnesses with different ballots agree on the outcome, not on the counts."""
    three = [attest(n, PASSED)._replace(counts=(n + 2, n, 0), id=bytes([n]) * 32) for n in range(3)]
    shown = outcome([cast(n) for n in range(3)], three)
    assert (shown.state, shown.outcome, shown.counts) == ("certified", "passed", {"yes": 3, "no": 1, "abstain": 0})
    told = [reason.text for reason in shown.reasons if reason.rule == "attestation"]
    assert told == [f"m{n:02} attests passed: {n + 2} yes, {n} no, 0 abstain." for n in range(3)]


def test_what_an_outcome_tells_beside_its_state():
    shown = outcome([cast(0), cast(9)], members=4)
    assert (shown.electorate, shown.seen, shown.tied) == (4, 1, False)
    assert any(reason.text.startswith("m09 is not in the roster") for reason in shown.reasons)
    voided = voice_of(ballots_of(Question("standard"), STANDARD), [cast(0), cast(0, Say.NO, branch=1)], electorate(1))
    assert voided.ids == ()
    single = voice_of(ballots_of(Question("standard"), STANDARD), [cast(0)], electorate(1))
    assert single.signed == (1,)


def test_without_effect_says_what_and_why():
    from meshd_protocol.decisions.result import without_effect

    shown = without_effect("of a reason", 7)
    assert shown[:6] == ("open", None, None, {}, 7, 0)
    assert [each[:3] for each in shown.reasons] == [("effect", False, "This proposal has no effect: of a reason.")]
    assert without_effect("x").electorate == 0


def test_a_ballot_that_no_certifying_witness_counted_is_late():
    order = sorted(map(member, range(4)))
    mine = bitmap(order, {member(0), member(1)})
    two = [attest(n, PASSED)._replace(counted=mine, id=bytes([n]) * 32) for n in range(2)]
    shown = outcome([cast(0), cast(1), cast(3, Say.NO)], two)
    (late,) = [reason.text for reason in shown.reasons if reason.rule == "late"]
    assert late == "m03 says no. Too late for every witness who certified."
    assert shown.outcome == "passed"


def test_late_is_what_none_of_those_who_certified_counted():
    order = sorted(map(member, range(4)))
    two = [attest(n, PASSED)._replace(counted=bitmap(order, {member(n)}), id=bytes([n]) * 32) for n in range(2)] + [
        attest(2, FAILED)._replace(counted=bitmap(order, {member(2)}))
    ]
    shown = outcome([cast(0), cast(1), cast(2, Say.NO)], two)
    (late,) = [each for each in shown.reasons if each.rule == "late"]
    assert (late.holds, late.text) == (False, "m02 says no. Too late for every witness who certified.")


def by_witnesses(finding, counts, counted, count=2, members=4):
    """Attestations of one finding, each with those counts, of those members' ballots."""
    order = sorted(map(member, range(members)))
    mine = bitmap(order, {member(n) for n in counted})
    return [attest(n, finding)._replace(counts=counts, counted=mine, id=bytes([n]) * 32) for n in range(count)]


def rules(shown):
    return {each.rule: (each.holds, each.text) for each in shown.reasons}


def test_a_certified_result_is_told_by_what_was_counted_for_it():
    """Ballots that came after explain nothing: seven members, quorum two, one ballot in time, three late."""
    casts = [cast(0), cast(1), cast(2, Say.NO), cast(3, Say.ABSTAIN)]
    shown = outcome(casts, by_witnesses(FAILED, (1, 0, 0), [0], members=7), members=7)
    assert (shown.outcome, shown.leading, shown.seen) == ("failed", None, 4)
    assert shown.counts == {"yes": 1, "no": 0, "abstain": 0}
    told = rules(shown)
    assert told["quorum"] == (False, "The policy standard asks for ballots of 2 of 7 members; 1 counted.")
    assert told["threshold"] == (True, "It asks for more than 1/2 of yes and no to be yes: 1 of 1 are.")
    assert [each.text for each in shown.reasons if each.rule == "late"] == [
        f"m0{n} says {word}. Too late for every witness who certified."
        for n, word in ((1, "yes"), (2, "no"), (3, "abstain"))
    ]
    assert "held" not in told, "without the late ones it comes to the same here"
    assert "so-far" not in told


def test_a_certificate_that_counted_other_ballots_says_so():
    shown = outcome([cast(0), cast(1)], by_witnesses(FAILED, (1, 2, 0), [0, 1, 2]))
    told = rules(shown)
    assert told["threshold"] == (False, "It asks for more than 1/2 of yes and no to be yes: 1 of 3 are.")
    assert told["held"][1].startswith("By the ballots that are held here now it would come to passed. Those who")
    same = outcome([cast(0), cast(1)], by_witnesses(PASSED, (3, 0, 0), [0, 1, 2]))
    assert rules(same)["quorum"][1].endswith("; 3 counted.")
    assert "held" not in rules(same)
    assert same.leading == "yes"


def test_an_objection_that_was_withdrawn_too_late():
    casts = [cast(0, Say.NO, reason="noise"), cast(0, counter=1), cast(1)]
    shown = outcome(casts, by_witnesses(FAILED, (1, 1, 0), [0, 1]), policy=CONSENT)
    told = rules(shown)
    assert told["consent"] == (False, "An objection stands; only the objector resolves it.")
    assert "it would come to passed" in told["held"][1]


def test_an_election_that_was_certified_with_other_ballots():
    question = Question("election", ("A", "B"), "approval")
    casts = [choice(n, Form.CHOICES, (n % 2,)) for n in range(2)]
    won = (int(Verdict.WINNERS), (0,))
    shown = outcome(casts, by_witnesses(won, (3, 1), [0, 1, 2, 3]), policy=ELECTION, question=question)
    told = rules(shown)
    assert (shown.outcome, shown.counts, shown.leading) == (["A"], {"A": 3, "B": 1}, ["A"])
    assert told["quorum"][1].endswith("; 4 counted.")
    assert "round" not in told
    assert "it would come to tie" in told["held"][1]
    same = outcome(casts[:1], by_witnesses(won, (2, 0), [0, 1]), policy=ELECTION, question=question)
    assert "round" in rules(same)
    assert same.counts == {"A": 2, "B": 0}


def test_counts_that_fit_no_question_are_passed_over():
    strange = by_witnesses(PASSED, (9,), [0])
    assert outcome([cast(0)], strange).counts == {"yes": 1, "no": 0, "abstain": 0}
    most = [*by_witnesses(PASSED, (1, 0, 0), [0]), attest(2, PASSED)._replace(counts=(2, 0, 0))]
    assert outcome([cast(0)], most).counts == {"yes": 1, "no": 0, "abstain": 0}, "the middle one"
    few_ = [each._replace(counts=(n + 1, 0, 0)) for n, each in enumerate(by_witnesses(PASSED, (), [0]))]
    assert outcome([cast(0)], few_).counts == {"yes": 2, "no": 0, "abstain": 0}, "of two, the larger"


def test_a_traitor_among_those_who_certify_does_not_choose_the_numbers():
    """Three honest of four, who held different ballots; the fourth attests the same outcome with counts of his own."""
    honest = [attest(n, PASSED)._replace(counts=counts) for n, counts in enumerate([(3, 0, 0), (3, 1, 0), (4, 0, 0)])]
    casts = [cast(n) for n in range(4)]
    for lie in ((0, 1_000_000, 0), (0, 3, 0), (2, 2, 0), (1,), (5, 0, 0), (1, 0, 0), (4, 0, 0)):
        shown = outcome(casts, [*honest, attest(3, PASSED)._replace(counts=lie)], count=4)
        assert shown.counts["yes"] in (3, 4), lie
        assert shown.counts["no"] in (0, 1), lie
    alike = [each._replace(counts=(4, 0, 0)) for each in honest]
    many = [attest(3, PASSED, branch=n)._replace(counts=(1, 0, n)) for n in range(4)]
    assert outcome(casts, [*alike, *many], count=4).counts == {"yes": 4, "no": 0, "abstain": 0}


def test_a_witness_who_attested_the_impossible_is_not_silent():
    odd = attest(3, (int(Verdict.TIE), ()))
    shown = outcome([cast(0)], [attest(0, PASSED), attest(1, PASSED), attest(2, FAILED), odd], count=4)
    assert shown.state == "split"
    waiting = outcome([cast(0)], [attest(0, PASSED), odd], count=4)
    assert waiting.state == "provisional"
    assert waiting.reasons[-1].text.endswith("Not heard here: m01, m02.")


def test_the_sums_alone_tell_the_same_of_a_certificate():
    casts = [cast(0), cast(1, Say.NO)]
    poll = poll_of(ballots_of(Question("standard"), STANDARD), casts, electorate(7))
    two = by_witnesses(FAILED, (1, 0, 0), [0], members=7)
    full = decide(Question("standard"), STANDARD, poll, two, electorate(7), witnesses(3), naming)
    bare = poll._replace(voices=(), refused=(), electorate=None)
    sums = decide(Question("standard"), STANDARD, bare, two, electorate(7), witnesses(3), naming)
    assert full[:6] == sums[:6]
    assert sums.reasons == ()


def test_what_is_not_final_says_that_it_is_by_the_ballots_so_far():
    shown = [each.rule for each in outcome([cast(0)]).reasons]
    assert shown.index("so-far") == shown.index("quorum") - 1
    assert "so-far" not in [each.rule for each in outcome([]).reasons]


def test_who_leads_so_far():
    assert outcome([cast(0), cast(1, Say.NO), cast(2, Say.NO)]).leading == "no"
    assert outcome([cast(0), cast(1), cast(2, Say.NO)]).leading == "yes"
    assert outcome([cast(0), cast(1, Say.NO)]).leading is None
    assert outcome([]).leading is None


def test_a_poll_without_some_voices():
    ballots = ballots_of(Question("standard"), STANDARD)
    poll = poll_of(ballots, [cast(0), cast(1, Say.NO), cast(2)], electorate(4))
    less = poll.without([member(1), member(2), member(3)])
    assert less == poll_of(ballots, [cast(0)], electorate(4))
    assert poll.without([member(3)]) is poll


def test_several_who_signed_several_outcomes_are_all_named():
    ways = [
        attest(0, (3, (0,))),
        attest(1, (3, (1,))),
        attest(0, (3, (1,))),
        attest(1, (3, (2,))),
        attest(2, (3, (2,))),
    ]
    shown = outcome([], ways, policy=ELECTION, question=BOARD, count=7)
    assert rules(shown)["attested-twice"] == (False, "Signed two outcomes: m00, m01.")
    assert shown.reasons[-1].holds is False


def test_contested_elections_name_the_options_and_three_ways_to_sign():
    question = Question("election", ("Anna", "Bo"), "approval")
    won = [(int(Verdict.WINNERS), (option,)) for option in (0, 1)]
    both = [attest(n, finding) for n in range(3) for finding in won]
    shown = outcome([], both, policy=ELECTION, question=question, count=4)
    assert shown.reasons[-1].text.startswith("Two outcomes are certified: Anna and Bo.")
    ways = [
        attest(0, PASSED),
        attest(0, FAILED),
        attest(1, FAILED),
        attest(1, PASSED, branch=1),
        attest(2, PASSED),
    ]
    twice = [each.text for each in outcome([], ways, count=7).reasons if each.rule == "attested-twice"]
    assert twice == ["Signed two outcomes: m00, m01."]


def test_one_witness_is_called_so_and_four_have_a_bound():
    one = outcome([cast(0)], [attest(0, PASSED)], count=1).reasons[-1].text
    assert one.startswith("1 of 1 witness says so: passed.")
    four = outcome([cast(0)], [attest(n, PASSED) for n in range(3)], count=4).reasons[-1].text
    assert four.endswith("No later record changes it, as long as at most 1 of them are traitors.")


def test_a_tie_is_told_until_it_is_final():
    question = Question("election", ("Anna", "Bo"), "approval")
    casts = [choice(0, Form.CHOICES, (0,)), choice(1, Form.CHOICES, (1,))]
    open_ = outcome(casts, policy=ELECTION, question=question)
    assert (open_.tied, open_.leading) == (True, ["Anna", "Bo"])
    tie = [attest(n, (int(Verdict.TIE), ())) for n in range(2)]
    assert outcome(casts, tie, policy=ELECTION, question=question).tied is False


def test_sums_alone_give_the_result_without_reasons():
    for policy in (STANDARD, POLICIES["significant"]):
        question = Question(policy.name)
        poll = poll_of(ballots_of(question, policy), [cast(0)], electorate(4))._replace(electorate=None)
        shown = decide_any(question, policy, poll, [], electorate(4), witnesses(3), naming)
        assert (shown.seen, shown.counts["yes"], shown.electorate, shown.reasons) == (1, 1, 4, ())
    blank = Poll({Say.NO: 2}, 2)
    assert tally(Question("consent"), CONSENT, blank, 4, naming).reasons[-1].text.startswith("2 objections stand;")


def test_names_in_a_sentence():
    assert few(f"m{n:02}" for n in range(12)) == ", ".join(f"m{n:02}" for n in range(12))
    assert few(f"m{n:02}" for n in range(14)).endswith("m10, m11 and 2 more")
    assert (people(0), people(1), people(2)) == ("0 members", "1 member", "2 members")


def test_objections_in_words():
    casts = [cast(0, Say.NO, reason="too dear."), cast(1, Say.NO, reason=" too late "), cast(2, Say.NO, reason="")]
    shown = outcome(casts, policy=CONSENT)
    text = {each.rule: each.text for each in shown.reasons}
    assert text["consent"] == "2 objections by m00, m01 stand; only the objector resolves it."
    assert [each.text for each in shown.reasons if each.rule == "objection"] == [
        "m00 objects: too dear.",
        "m01 objects: too late.",
    ]
    assert any(each.text.endswith("objected without a reason.") for each in shown.reasons)


def test_two_different_ballots_in_words():
    shown = outcome([cast(1, Say.NO), cast(0), cast(0, Say.NO, branch=1)])
    told = [(each.rule, each.holds, each.text) for each in shown.reasons if "ballot" in each.rule]
    assert told[0] == ("ballot-twice", False, "m00 signed different ballots; none counts.")


def test_a_device_s_voice_goes_by_its_own_member():
    ballots = ballots_of(Question("standard"), STANDARD)
    mixed = voice_of(ballots, [cast(0), cast(0, Say.NO, branch=1)], electorate(2))
    assert mixed.member == member(0)


def test_bitmaps():
    order = [member(n) for n in range(10)]
    bits = bitmap(order, {member(0), member(9)})
    assert bits == b"\x80\x40"
    assert [place for place in range(20) if has_bit(bits, place)] == [0, 9]
    assert bitmap([], set()) == b"\x00"
    eight = bitmap(order[:8], set(order))
    assert eight == b"\xff"
    seventeen = [bytes([n]) * 32 for n in range(17)]
    assert bitmap(seventeen, {seventeen[8], seventeen[16]}) == b"\x00\x80\x80"
    assert not has_bit(b"\xff", 8)
    assert [place for place in range(16) if has_bit(b"\x01\x01", place)] == [7, 15]


# ---- what a witness finds: standard, consent, elections


def found(policy, casts, members=4, question=None):
    question = question or Question(policy.name)
    poll = poll_of(ballots_of(question, policy), casts, electorate(members))
    return tally(question, policy, poll, members, naming)


@pytest.mark.parametrize(
    ("casts", "members", "verdict"),
    [
        ([cast(0)], 4, Verdict.PASSED),
        ([cast(0)], 5, Verdict.FAILED),
        ([cast(0), cast(1, Say.ABSTAIN)], 5, Verdict.PASSED),
        ([cast(0), cast(1, Say.NO)], 4, Verdict.FAILED),
        ([cast(0), cast(1), cast(2, Say.NO)], 4, Verdict.PASSED),
        ([cast(n, Say.ABSTAIN) for n in range(4)], 4, Verdict.FAILED),
        ([], 4, Verdict.FAILED),
    ],
)
def test_standard(casts, members, verdict):
    assert found(STANDARD, casts, members).finding == (verdict, ())


def test_a_threshold_that_is_not_strict_takes_an_exact_fraction():
    exact = replace(STANDARD, threshold=(2, 3, False))
    assert found(exact, [cast(0), cast(1), cast(2, Say.NO)]).finding == PASSED
    assert found(replace(exact, threshold=(2, 3, True)), [cast(0), cast(1), cast(2, Say.NO)]).finding == FAILED
    assert found(exact, [cast(0, Say.ABSTAIN)]).finding == FAILED, "nobody said yes"
    assert "at least 2/3 of yes and no" in found(exact, [cast(0)]).reasons[-1].text
    assert "more than 1/2 of yes and no" in found(STANDARD, [cast(0)]).reasons[-1].text


def test_consent_and_the_resolution_of_an_objection():
    half = [cast(0), cast(1)]
    assert found(CONSENT, half).finding == PASSED
    assert found(CONSENT, half[:1]).finding == FAILED
    objection = cast(2, Say.NO, reason="the floor is rotten")
    blocked = found(CONSENT, [*half, objection])
    assert blocked.finding == FAILED
    assert "only the objector resolves it" in blocked.reasons[-1].text
    assert blocked.leading == "no"
    assert found(CONSENT, [*half, objection, cast(2, counter=1)]).finding == PASSED
    assert found(CONSENT, [*half, objection, cast(1, counter=1)]).finding == FAILED, "nobody else resolves it"
    assert found(CONSENT, [*half, cast(2, Say.NO, reason=" ")]).finding == PASSED, "an objection needs a reason"
    text = [reason.text for reason in outcome([*half, objection], policy=CONSENT).reasons if reason.rule == "objection"]
    assert text == ["m02 objects: the floor is rotten."]


def test_changed_ballots_and_forked_ones():
    changeable = replace(STANDARD, changeable=True)
    ballots = ballots_of(Question("standard"), changeable)
    newest = voice_of(ballots, [cast(0, Say.NO), cast(0, counter=2), cast(0, Say.NO, counter=1)], electorate(1))
    assert newest.choice == Say.YES
    forked = voice_of(ballots, [cast(0, counter=1), cast(0, Say.NO, counter=1)], electorate(1))
    assert (forked.choice, forked.signed) == (None, (0, 1))
    twice = voice_of(ballots, [cast(0, branch=1), cast(0, branch=2)], electorate(1))
    assert (twice.choice, len(twice.ids)) == (Say.YES, 2)
    locked = ballots_of(Question("standard"), STANDARD)
    assert voice_of(locked, [cast(0), cast(0, Say.NO, counter=1)], electorate(1)).choice == Say.YES
    assert voice_of(locked, [cast(0), cast(0, Say.NO, branch=1)], electorate(1)).choice is None
    shown = outcome([cast(0), cast(0, Say.NO, branch=1)])
    assert any("signed different ballots; none counts" in reason.text for reason in shown.reasons)
    assert shown.seen == 0


def test_a_meeting_rooms_device_casts_changeable_ballots_alone():
    changeable = ballots_of(Question("consent"), CONSENT)
    assert voice_of(changeable, [cast(0, scope=1)], electorate(1)).choice == Say.YES
    assert voice_of(ballots_of(Question("standard"), STANDARD), [cast(0, scope=1)], electorate(1)) is None


def test_ballots_that_count_for_nothing():
    question = Question("election", ("A", "B"), "approval")
    ballots = ballots_of(question, ELECTION)
    poll = poll_of(
        ballots,
        [
            choice(0, Form.CHOICES, (0,)),
            choice(1, Form.CHOICES, (2,)),
            choice(2, Form.RANKS, ((0,),)),
            choice(9, Form.CHOICES, (1,)),
            choice(3, Form.CHOICES, (1,), counter=1),
        ],
        electorate(4),
    )
    assert dict(poll.sums) == {(0,): 1}
    assert [why for _, why in poll.refused] == [
        "named an option that the proposal doesn't have",
        "answered in another form than the question has",
        "changed a ballot that stays as it was cast",
        "is not in the roster that the proposal pins",
    ]
    scores = ballots_of(Question("election", ("A", "B"), "score"), ELECTION)
    assert voice_of(scores, [choice(0, Form.SCORES, ((5, 1),))], electorate(1)) is None
    single = ballots_of(Question("election", ("A", "B"), "plurality"), ELECTION)
    assert voice_of(single, [choice(0, Form.CHOICES, (0, 1))], electorate(1)) is None
    assert voice_of(single, [choice(0, Form.CHOICES, ())], electorate(1)).choice == ()


@pytest.mark.parametrize(
    ("method", "form", "values", "finding"),
    [
        ("schulze", Form.RANKS, [((1,), (0,)), ((1,),), ((0,),)], (3, (1,))),
        ("schulze", Form.RANKS, [((1,),), ((0,),)], (2, ())),
        ("irv", Form.RANKS, [((2,), (0,)), ((1,),), ((0,),), ((0,),)], (3, (0,))),
        ("approval", Form.CHOICES, [(0, 1), (1,), ()], (3, (1,))),
        ("plurality", Form.CHOICES, [(0,), (1,), (2,), (2,)], (3, (2,))),
        ("score", Form.SCORES, [((0, 5), (1, 6)), ((0, 2),)], (3, (0,))),
    ],
)
def test_elections(method, form, values, finding):
    question = Question("election", ("A", "B", "C"), method)
    result = found(ELECTION, [choice(n, form, value) for n, value in enumerate(values)], question=question)
    assert result.finding == finding
    assert len(result.counts) == 3


def test_elections_for_several_seats_and_budgets():
    stv = Question("election", ("A", "B", "C"), "stv-scottish", 2)
    casts = [choice(n, Form.RANKS, ((n % 2,),)) for n in range(4)]
    assert found(ELECTION, casts, question=stv).finding == (3, (0, 1))
    budget = Question("election", ("A", "B", "C"), "equal-shares", costs=(50, 50, 100), budget=100)
    casts = [choice(n, Form.CHOICES, (0,) if n < 2 else (1, 2)) for n in range(4)]
    assert found(ELECTION, casts, question=budget).finding == (3, (0, 1))


def test_an_election_without_its_quorum_fails():
    question = Question("election", ("A", "B"), "schulze")
    assert found(ELECTION, [choice(0, Form.RANKS, ((0,),))], 5, question).finding == FAILED
    assert found(ELECTION, [], 5, question).leading is None
    shown = outcome([choice(0, Form.RANKS, ((0,),))], policy=ELECTION, question=question)
    assert (shown.state, shown.leading, shown.counts) == ("provisional", ["A"], {"A": 1, "B": 0})


def test_a_certified_winner_is_named():
    question = Question("election", ("A", "B"), "schulze")
    two = [attest(n, (int(Verdict.WINNERS), (1,))) for n in range(2)]
    shown = outcome([choice(0, Form.RANKS, ((1,),))], two, policy=ELECTION, question=question)
    assert (shown.state, shown.outcome) == ("certified", ["B"])
    tie = [attest(n, (int(Verdict.TIE), ())) for n in range(2)]
    assert outcome([], tie, policy=ELECTION, question=question).outcome == "tie"


@pytest.mark.parametrize(
    ("policy", "question", "possible", "impossible"),
    [
        (STANDARD, Question("standard"), [(0, ()), (1, ())], [(2, ()), (3, (0,))]),
        (ELECTION, BOARD, [(0, ()), (2, ()), (3, (0,)), (3, (1, 2))], [(1, ()), (3, (3,)), (3, (0, 1, 2)), (3, ())]),
        (ELECTION, BUDGET, [(3, (0, 1, 2))], [(3, (0, 1, 2, 3)), (1, ())]),
    ],
)
def test_what_can_not_be_the_outcome_is_never_certified(policy, question, possible, impossible):
    for finding in possible:
        assert (
            outcome([], [attest(n, finding) for n in range(2)], policy=policy, question=question).state == "certified"
        )
    for finding in impossible:
        shown = outcome([], [attest(n, finding) for n in range(2)], policy=policy, question=question)
        assert (shown.state, shown.outcome) == ("open", None)
        odd = [each.text for each in shown.reasons if each.rule == "attestation-without-effect"]
        says = "attests what can't be the outcome of such a question; it counts for nothing."
        assert odd == [f"m00 {says}", f"m01 {says}"]
        assert not any(each.rule == "attestation" for each in shown.reasons)


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(list(Say)), st.integers(0, 2)), max_size=12), st.randoms())
def test_a_poll_kept_ballot_by_ballot_equals_one_counted_at_once(given_, rng):
    ballots = ballots_of(Question("consent"), CONSENT)
    casts = [cast(who, say, counter=counter, branch=n, reason="why") for n, (who, say, counter) in enumerate(given_)]
    rng.shuffle(casts)
    sums = {}
    for place, one in enumerate(casts):
        mine = [each for each in casts[:place] if each.member == one.member]
        before, after = voice_of(ballots, mine, electorate(5)), voice_of(ballots, [*mine, one], electorate(5))
        for voice, step in ((before, -1), (after, 1)):
            if voice is not None and voice.choice is not None:
                sums[voice.choice] = sums.get(voice.choice, 0) + step
    assert {key: number for key, number in sums.items() if number} == dict(poll_of(ballots, casts, electorate(5)).sums)


def test_e_equivocators_add_at_most_e():
    """Whatever a forker signs, she never counts for more than one."""
    rng = random.Random(5)
    for _ in range(300):
        forkers = rng.randint(0, 3)
        casts = [cast(n) for n in range(3, 6)]
        for who in range(forkers):
            casts += [
                cast(who, rng.choice(list(Say)), counter=rng.randint(0, 2), branch=n, reason="x") for n in range(6)
            ]
        for policy in (STANDARD, CONSENT):
            poll = poll_of(ballots_of(Question(policy.name), policy), casts, electorate(6))
            assert sum(poll.sums.values()) <= 3 + forkers


# ---- recall


def sign(who, say=Say.YES):
    return cast(who, say)


@pytest.mark.parametrize(
    ("recall", "keep", "notice", "suspended", "over"),
    [
        (2, 0, False, False, False),
        (3, 0, True, False, False),
        (6, 0, True, False, False),
        (10, 0, True, False, False),
        (11, 0, True, True, False),
        (11, 15, True, True, False),
        (11, 16, True, False, False),
        (15, 0, True, True, False),
        (16, 14, True, True, True),
    ],
)
def test_the_three_marks(recall, keep, notice, suspended, over):
    """Hard case 13: of thirty."""
    casts = [sign(n) for n in range(recall)] + [sign(29 - n, Say.NO) for n in range(keep)]
    found_ = marks(casts, electorate(30))
    assert (found_.notice, found_.suspended, found_.over) == (notice, suspended, over)
    assert found_.kept is (2 * len(found_.keep) > 30)
    assert (len(found_.recall), len(found_.keep)) == (recall, min(keep, 30 - recall))


@pytest.mark.parametrize(
    ("signed", "members", "notice"), [(1, 10, True), (1, 11, False), (2, 20, True), (2, 21, False)]
)
def test_notice_is_a_tenth(signed, members, notice):
    assert marks([sign(n) for n in range(signed)], electorate(members)).notice is notice


def test_who_signs_both_counts_for_recall():
    casts = [sign(n) for n in range(6)] + [sign(n, Say.NO) for n in range(16)]
    found_ = marks(casts, electorate(30))
    assert (len(found_.recall), len(found_.keep)) == (6, 10)
    assert marks([], electorate(5)).notice is False
    assert marks([], electorate(0)).notice is False


def test_two_who_recall_each_other_are_counted_each_by_itself():
    against_one = marks([sign(1), sign(2), sign(3)], electorate(5))
    against_other = marks([sign(0), sign(2), sign(3)], electorate(5))
    assert against_one.over
    assert against_other.over


@given(st.permutations([(n, say) for n in range(6) for say in (Say.YES, Say.NO)]), st.integers(0, 12))
def test_marks_only_grow_but_suspension_may_end(order, size):
    before = marks([sign(*each) for each in order[:size]], electorate(6))
    after = marks([sign(*each) for each in order], electorate(6))
    assert before.recall <= after.recall
    assert after.notice >= before.notice
    assert after.over >= before.over


# ---- mandates and acts


def countersigned(*who):
    return [Countersigned(device(n), ()) for n in who]


@pytest.mark.parametrize(
    ("count", "holder", "enough"), [(2, 0, None), (3, 0, 2), (3, 9, 2), (4, 0, 2), (7, 0, 3), (10, 9, 4), (1, 9, None)]
)
def test_how_many_countersignatures_make_an_act_stand(count, holder, enough):
    assert needed(witnesses(count), member(holder)) == enough


def test_an_act_stands_by_witnesses_other_than_the_holder():
    of = witnesses(4)
    assert not stands(countersigned(0, 1), of, member(0)), "the holder's own does not count"
    assert stands(countersigned(1, 2), of, member(0))
    assert not stands(countersigned(1, 1), of, member(0))
    assert not stands(countersigned(1, 9), of, member(0))
    assert not stands(countersigned(1), witnesses(2), member(0)), "only recorded"


@pytest.mark.parametrize("count", range(3, 40))
def test_traitors_alone_never_make_an_act_stand(count):
    of = witnesses(count)
    traitors = countersigned(*range(1, bound(count) + 1))
    assert not stands(traitors, of, member(0))


def test_without_the_second_signature_traitors_could():
    """The mutant: f+1 alone, without `at least two`, lets one witness of three make an act stand."""
    assert bound(3) + 1 == 1
    assert needed(witnesses(3), member(0)) == 2


def mandate(holder, role="treasurer", again=False):
    return Mandate(role, member(holder), ("spend",), again=again)


def test_nobody_has_a_second_term_in_a_row():
    one = Appointment(b"1", frozenset(), mandate(0))
    assert rotation_problem(mandate(0), [one])
    assert rotation_problem(mandate(0, " Treasurer "), [one]), "the role's capitals make no other"
    assert rotation_problem(mandate(0, "cook"), [one]) is None
    assert rotation_problem(mandate(1), [one]) is None
    two = Appointment(b"2", frozenset({b"1"}), mandate(1))
    assert rotation_problem(mandate(0), [one, two]) is None, "somebody else had it between"
    assert rotation_problem(mandate(1), [one, two])
    assert [each.id for each in last_of_role("treasurer", [one, two])] == [b"2"]
    beside = Appointment(b"3", frozenset({b"1"}), mandate(2))
    assert {each.id for each in last_of_role("treasurer", [one, two, beside])} == {b"2", b"3"}
    lasting = Appointment(b"1", frozenset(), mandate(0, again=True))
    assert rotation_problem(mandate(0), [lasting]) is None


def test_an_act_outside_its_powers():
    given_ = Mandate("treasurer", member(0), ("Spend up to 100", "sign"))
    assert not outside(given_, "spend up to 100 ")
    assert outside(given_, "hire")
