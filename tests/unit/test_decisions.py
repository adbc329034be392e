"""Settled outcomes: the rules alone, over every order, with traitors, and with mutants that must die."""

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Form, Say
from meshd_protocol.decisions import settled
from meshd_protocol.decisions.certified import NOBODY
from meshd_protocol.decisions.outcome import Cast, Electorate
from meshd_protocol.decisions.poll import poll_of
from meshd_protocol.decisions.question import Question, ballots_of, void
from meshd_protocol.decisions.result import decide
from meshd_protocol.policies import DEFAULTS

POLICIES = {policy.name: policy for policy in DEFAULTS}
SIGNIFICANT = POLICIES["significant"]
VOID = replace(SIGNIFICANT, threshold=(1, 3, True))
ANY = ballots_of(Question("significant"), SIGNIFICANT)


def member(number: int) -> bytes:
    return bytes([number]) * 32


def naming(key: bytes) -> str:
    return f"m{key[0]:02}"


def electorate(size: int, revoked: dict[bytes, int] | None = None) -> Electorate:
    return Electorate(frozenset(map(member, range(size))), revoked or {})


def cast(
    who: int, say: int = Say.YES, *, seq: int = 0, device: int | None = None, scope: int = 0, branch: int = 0
) -> Cast:
    identity = bytes([who, say, seq, device or 0, branch]).ljust(32, b"i")
    return Cast(identity, member(who), bytes([100 + (device or who)]) * 32, seq, scope, Form.YES_NO, int(say), 0)


def ranked(who: int, *ranks: tuple[int, ...], counter: int = 0) -> Cast:
    identity = repr((who, ranks, counter)).encode().ljust(64)[:64]
    return Cast(identity, member(who), member(who), 0, 0, Form.RANKS, ranks, counter)


def decided(casts, who):
    """The outcome under `significant`, by a poll of those ballots."""
    poll = poll_of(ballots_of(Question("significant"), SIGNIFICANT), casts, who)
    return settled.decide(SIGNIFICANT, poll, who, naming)


def test_settled_at_the_threshold_and_not_before():
    casts = [cast(0), cast(1, Say.NO), cast(2, Say.ABSTAIN)]
    before = decided(casts, electorate(3))
    assert (before.state, before.outcome, before.seen) == ("provisional", None, 3)
    assert before.counts == {"yes": 1, "no": 1, "abstain": 1}
    assert before.leading is None
    after = decided([*casts, cast(2)], electorate(3))
    assert (after.state, after.outcome) == ("settled", "passed")
    assert decided([], electorate(3)).state == "open"


def test_a_member_who_signs_yes_no_and_abstain_counts_once_for_yes():
    """Hard case 4: shown to different nodes, all settle alike after exchange."""
    casts = [cast(0, say, branch=n) for n, say in enumerate((Say.NO, Say.ABSTAIN, Say.YES))] + [cast(1)]
    for order in itertools.permutations(casts):
        outcome = decided(order, electorate(3))
        assert outcome.counts == {"yes": 2, "no": 0, "abstain": 0}
        assert outcome.state == "settled"
    assert any("signed abstain and yes and no; it counts once, as yes" in reason.text for reason in outcome.reasons)


def test_who_does_not_count():
    revoked = electorate(3, {cast(1).device: 2})
    casts = [cast(9), cast(0, scope=1), cast(1, seq=2)]
    outcome = decided(casts, revoked)
    assert outcome.seen == 0
    texts = " ".join(reason.text for reason in outcome.reasons)
    assert "m09 is not in the roster" in texts
    assert "m00 voted from a device that may not" in texts
    assert "m01 voted from a device that was revoked" in texts
    assert decided([cast(1, seq=1)], revoked).seen == 1


def test_ranks_are_no_answer_to_yes_or_no():
    outcome = decided([ranked(0, (1,))], electorate(1))
    assert outcome.state == "open"
    assert any("in another form" in reason.text for reason in outcome.reasons)


@st.composite
def histories(draw):
    """Ballots of up to nine members, a third of them traitors who fork, on several devices."""
    size = draw(st.integers(1, 9))
    casts = []
    for who in range(size):
        most = 4 if who < (size - 1) // 3 else 1
        for branch in range(draw(st.integers(0, most))):
            casts.append(cast(who, draw(st.sampled_from(list(Say))), seq=draw(st.integers(0, 2)), branch=branch))
    return size, draw(st.permutations(casts))


def _final_stays(decide_one, size, order) -> bool:
    """Whether a rule keeps what it called final, and says the same for every order."""
    seen, final = [], False
    for each in order:
        seen.append(each)
        now = decide_one(seen, size)
        if final and not now:
            return False
        final = now
    shuffled = list(order)
    random.Random(7).shuffle(shuffled)
    return decide_one(shuffled, size) == final


def _real(casts, size):
    return decided(casts, electorate(size)).state == "settled"


def _voiding_equivocators(casts, size):
    said = {}
    for each in casts:
        said.setdefault(each.member, set()).add(each.choice)
    return sum(choices == {Say.YES} for choices in said.values()) >= size // 2 + 1


def _majority_of_cast(casts, size):
    latest = {each.member: each.choice for each in sorted(casts, key=lambda each: (each.seq, each.id))}
    yes = sum(choice == Say.YES for choice in latest.values())
    return 2 * len(latest) >= size and 2 * yes > len(latest)


def _first_branch_only(casts, size):
    first = {}
    for each in casts:
        first.setdefault((each.member, each.device, each.seq), each)
    return len({each.member for each in first.values() if each.choice == Say.YES}) >= size // 2 + 1


@given(histories())
def test_what_is_settled_stays_settled(history):
    size, order = history
    assert _final_stays(_real, size, order)
    final = decided(order, electorate(size))
    again = decided(list(reversed(order)), electorate(size))
    assert final == again


@pytest.mark.parametrize(
    "mutant", [_voiding_equivocators, _majority_of_cast, _first_branch_only], ids=lambda f: f.__name__
)
def test_tempting_variants_break(mutant):
    rng = random.Random(3)
    for _ in range(3000):
        size = rng.randint(1, 9)
        casts = [
            cast(who, rng.choice(list(Say)), seq=rng.randint(0, 1), branch=branch)
            for who in range(size)
            for branch in range(rng.randint(0, 3) if who < (size - 1) // 3 else rng.randint(0, 1))
        ]
        rng.shuffle(casts)
        if not _final_stays(mutant, size, casts):
            return
    pytest.fail("the mutant survived")


def test_why_changes_with_one_ballot():
    """Each reason is what a rule returned."""
    texts = [[reason.text for reason in decided([cast(0), cast(1, say)], electorate(3)).reasons] for say in Say]
    assert len({tuple(each) for each in texts}) == 3


@pytest.mark.parametrize(
    ("noes", "rest"),
    [
        (2, "more than 1/2 of the roster: 4 of 6. 0 say yes; 4 more would settle it."),
        (4, "only 2 have not voted, so it will not settle unless somebody adds a yes to their ballot."),
        (5, "only 1 has not voted, so it will not settle unless somebody adds a yes to their ballot."),
        (6, "everybody has voted, so it will not settle unless somebody adds a yes to their ballot."),
    ],
)
def test_how_far_it_is_from_settling(noes, rest):
    text = decided([cast(who, Say.NO) for who in range(noes)], electorate(6)).reasons[-1].text
    assert text.endswith(rest)


def test_golden_reasons_of_a_settled_decision():
    outcome = decided([cast(0), cast(1), cast(2, Say.NO), cast(8)], electorate(4))
    assert [(reason.rule, reason.holds, reason.text) for reason in outcome.reasons] == [
        ("electorate", True, "4 members may vote: those of the roster that the proposal pins."),
        ("ballot", True, "m00 says yes."),
        ("ballot", True, "m01 says yes."),
        ("ballot", True, "m02 says no."),
        ("ballot-without-effect", False, "m08 is not in the roster that the proposal pins."),
        ("unseen", False, "1 not seen here: m03."),
        (
            "threshold",
            False,
            "The policy significant asks for more than 1/2 of the roster: 3 of 4. 2 say yes; 1 more would settle it.",
        ),
    ]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (Question("significant"), None),
        (Question("election", ("A", "B"), "schulze"), None),
        (Question("election", ("A", "B", "C"), "stv-scottish", 2), None),
        (Question("election", ("A", "B"), "equal-shares", costs=(1, 2), budget=5), None),
        (Question("membership", verb=Verb.ADMIT, payload=()), None),
        (Question("removal", verb=Verb.REMOVE, payload=()), None),
        (Question("constitution", verb=Verb.POLICY, payload=(SIGNIFICANT, ())), None),
        (Question("constitution"), None),
        (Question("significant", verb=Verb.RATIFY, payload=()), None),
        (Question("standard"), None),
        (Question("consent"), None),
        (Question("nonsense"), "no policy of that name"),
        (Question("significant", verb=Verb.ADMIT), "decided by the policy membership"),
        (Question("membership", verb=Verb.MANDATE), "decided by the policy mandate"),
        (Question("standard", verb=Verb.RATIFY), "by a settled policy"),
        (Question("membership"), "decides its own matters"),
        (Question("mandate"), "decides its own matters"),
        (Question("recall"), "decides its own matters"),
        (Question("significant", ("A", "B")), "no options"),
        (Question("significant", seats=2), "no options"),
        (Question("standard", budget=5), "no options"),
        (Question("election", ("A",), "schulze"), "two different options"),
        (Question("election", ("A", "A"), "schulze"), "the same"),
        (Question("election", ("A", "B"), "stv"), "later version"),
        (Question("election", ("A", "B")), "later version"),
        (Question("election", ("A", "B"), "schulze", 2), "one seat"),
        (Question("election", ("A", "B"), "irv", 0), "no seat"),
        (Question("election", ("A", "B"), "stv-meek", 3), "more than 2 options"),
        (Question("election", ("A", "B"), "schulze", costs=(1, 2), budget=5), "only equal-shares"),
        (Question("election", ("A", "B"), "equal-shares", costs=(1,), budget=5), "cost of each option"),
        (Question("election", ("A", "B"), "equal-shares", costs=(1, 2)), "cost of each option"),
        (Question("election", ("A", "B"), "equal-shares", costs=(1, 0), budget=5), "of nothing"),
        (Question("election", ("A", "B"), "equal-shares", costs=(1, 1), budget=0), "of nothing"),
        (Question("election", ("A", "B"), "equal-shares", 2, costs=(1, 1), budget=3), "no seats"),
        (Question("constitution", verb=Verb.POLICY, payload=(VOID, ())), "the policy that it sets is void"),
    ],
)
def test_proposals_without_effect(question, words):
    policy = POLICIES.get(question.policy)
    reason = void(question, policy)
    if words is None:
        assert reason is None
    else:
        assert words in str(reason)
        outcome = decide(question, policy, poll_of(ANY, [cast(0)], electorate(1)), [], electorate(1), NOBODY, naming)
        assert (outcome.state, outcome.outcome) == ("open", None)
        assert words in outcome.reasons[0].text


def test_what_changes_a_roster_is_decided_by_yes_and_no():
    for name in ("election", "consent", "standard"):
        certified = replace(POLICIES[name], name="removal")
        assert "must be settled" in str(void(Question("removal", verb=Verb.REMOVE), certified))
    assert "decided by a settled policy" in str(void(Question("election", verb=Verb.RATIFY), POLICIES["election"]))
    assert "decided by a settled policy" in str(void(Question("standard", verb=Verb.UPHOLD), POLICIES["standard"]))


def test_every_void_proposal_in_words(golden):
    """What a person may come to read, word by word."""
    marks = test_proposals_without_effect.pytestmark
    questions = [given[0] for mark in marks if mark.name == "parametrize" for given in mark.args[1]]
    lines = [
        f"{question.policy} {question.verb} {question.method}: {void(question, POLICIES.get(question.policy))}"
        for question in questions
    ]
    golden("void-proposals.txt", "\n".join(lines) + "\n")


def test_as_many_seats_as_options_are_fine_and_a_method_alone_is_not():
    assert void(Question("election", ("A", "B"), "stv-meek", 2), POLICIES["election"]) is None
    for odd in (Question("standard", method="irv"), Question("standard", costs=(1,)), Question("standard", ("A",))):
        assert "no options" in str(void(odd, POLICIES["standard"]))


def test_the_ballots_that_make_a_voice():
    poll = poll_of(ANY, [cast(0), cast(0, Say.NO, branch=1), cast(0, branch=2)], electorate(1))
    (voice,) = poll.voices
    assert voice.ids == tuple(sorted([cast(0).id, cast(0, branch=2).id]))
    assert voice.signed == (0, 1)
