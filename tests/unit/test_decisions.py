"""Settled outcomes and elections: the rules alone, over every order, with traitors, and with mutants that must die."""

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshd_protocol.bodies.decisions import Form, Say
from meshd_protocol.decisions import elections, settled
from meshd_protocol.decisions.counting import schulze
from meshd_protocol.decisions.outcome import Cast, Electorate
from meshd_protocol.decisions.question import Question, cannot_finish, decide, void
from meshd_protocol.policies import DEFAULTS

POLICIES = {policy.name: policy for policy in DEFAULTS}
SIGNIFICANT = POLICIES["significant"]


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


def test_settled_at_the_threshold_and_not_before():
    casts = [cast(0), cast(1, Say.NO), cast(2, Say.ABSTAIN)]
    before = settled.decide(SIGNIFICANT, casts, electorate(3), naming)
    assert (before.state, before.outcome, before.seen) == ("provisional", None, 3)
    assert before.counts == {"yes": 1, "no": 1, "abstain": 1}
    assert before.leading is None
    after = settled.decide(SIGNIFICANT, [*casts, cast(2)], electorate(3), naming)
    assert (after.state, after.outcome) == ("settled", "passed")
    assert settled.decide(SIGNIFICANT, [], electorate(3), naming).state == "open"


def test_a_member_who_signs_yes_no_and_abstain_counts_once_for_yes():
    """Hard case 4: shown to different nodes, all settle alike after exchange."""
    casts = [cast(0, say, branch=n) for n, say in enumerate((Say.NO, Say.ABSTAIN, Say.YES))] + [cast(1)]
    for order in itertools.permutations(casts):
        outcome = settled.decide(SIGNIFICANT, order, electorate(3), naming)
        assert outcome.counts == {"yes": 2, "no": 0, "abstain": 0}
        assert outcome.state == "settled"
    assert any("signed abstain and yes and no; it counts once, as yes" in reason.text for reason in outcome.reasons)


def test_who_does_not_count():
    revoked = electorate(3, {cast(1).device: 2})
    casts = [cast(9), cast(0, scope=1), cast(1, seq=2)]
    outcome = settled.decide(SIGNIFICANT, casts, revoked, naming)
    assert outcome.seen == 0
    texts = " ".join(reason.text for reason in outcome.reasons)
    assert "m09 is not in the roster" in texts
    assert "m00 voted from a device that may not" in texts
    assert "m01 voted from a device that was revoked" in texts
    assert settled.decide(SIGNIFICANT, [cast(1, seq=1)], revoked, naming).seen == 1


def test_ranks_are_no_answer_to_yes_or_no():
    outcome = settled.decide(SIGNIFICANT, [ranked(0, (1,))], electorate(1), naming)
    assert outcome.state == "open"
    assert any("ranked options" in reason.text for reason in outcome.reasons)


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
    return settled.decide(SIGNIFICANT, casts, electorate(size), naming).state == "settled"


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
    final = settled.decide(SIGNIFICANT, order, electorate(size), naming)
    again = settled.decide(SIGNIFICANT, list(reversed(order)), electorate(size), naming)
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
    texts = [
        [reason.text for reason in settled.decide(SIGNIFICANT, [cast(0), cast(1, say)], electorate(3), naming).reasons]
        for say in Say
    ]
    assert len({tuple(each) for each in texts}) == 3


def test_golden_reasons_of_a_settled_decision():
    outcome = settled.decide(SIGNIFICANT, [cast(0), cast(1), cast(2, Say.NO), cast(8)], electorate(4), naming)
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


# ---- elections


def _tennessee():
    """Capitals of Tennessee: the usual example of a Condorcet winner (Nashville) that plurality misses."""
    memphis, nashville, chattanooga, knoxville = range(4)
    return [
        (42, ((memphis,), (nashville,), (chattanooga,), (knoxville,))),
        (26, ((nashville,), (chattanooga,), (knoxville,), (memphis,))),
        (15, ((chattanooga,), (knoxville,), (nashville,), (memphis,))),
        (17, ((knoxville,), (chattanooga,), (nashville,), (memphis,))),
    ]


def test_schulze_finds_the_condorcet_winner():
    result = schulze.count(_tennessee(), 4)
    assert result.winners == (1,)
    assert result.prefers[1][0] == 58
    assert [result.beaten(option) for option in range(4)] == [0, 3, 2, 1]


def test_schulze_on_the_example_of_its_paper():
    """Schulze 2011, example 1: 45 voters, five candidates, E wins by paths and not by duels."""
    lines = [
        (5, "ACBED"),
        (5, "ADECB"),
        (8, "BEDAC"),
        (3, "CABED"),
        (7, "CAEBD"),
        (2, "CBADE"),
        (7, "DCEBA"),
        (8, "EBADC"),
    ]
    ballots = [(weight, tuple(("ABCDE".index(letter),) for letter in order)) for weight, order in lines]
    result = schulze.count(ballots, 5)
    assert result.winners == (4,)
    assert result.prefers[0] == (0, 20, 26, 30, 22)
    assert result.paths[4] == (25, 28, 28, 31, 0)
    assert [result.beaten(option) for option in range(5)] == [3, 1, 2, 0, 4]


def _by_definition(ballots, options):
    """Schulze by trying every path: slow, and nothing like the code under test."""
    prefers = [[0] * options for _ in range(options)]
    for weight, ranks in ballots:
        place = {option: n for n, rank in enumerate(ranks) for option in rank}
        for a in range(options):
            for b in range(options):
                if place.get(a, 99) < place.get(b, 99):
                    prefers[a][b] += weight

    def strongest(a, b):
        best = 0
        others = [option for option in range(options) if option not in (a, b)]
        for size in range(len(others) + 1):
            for between in itertools.permutations(others, size):
                steps = list(itertools.pairwise((a, *between, b)))
                if all(prefers[x][y] > prefers[y][x] for x, y in steps):
                    best = max(best, min(prefers[x][y] for x, y in steps))
        return best

    return tuple(a for a in range(options) if all(strongest(a, b) >= strongest(b, a) for b in range(options) if b != a))


@given(st.integers(2, 4), st.data())
def test_schulze_against_its_definition(options, data):
    ranks = st.lists(st.sets(st.integers(0, options - 1), min_size=1), max_size=options).map(
        lambda sets: tuple(
            tuple(sorted(s - set().union(*sets[:n]))) for n, s in enumerate(sets) if s - set().union(*sets[:n])
        )
    )
    ballots = data.draw(st.lists(st.tuples(st.integers(1, 3), ranks), max_size=8))
    assert schulze.count(ballots, options).winners == _by_definition(ballots, options)


def test_an_election_says_provisional_and_why():
    casts = [ranked(0, (0,), (1,)), ranked(1, (0,)), ranked(2, (1,))]
    outcome = elections.decide(POLICIES["election"], casts, electorate(4), ["Tea", "Coffee"], naming)
    assert (outcome.state, outcome.outcome, outcome.leading) == ("provisional", None, ["Tea"])
    assert outcome.counts == {"Tea": 1, "Coffee": 0}
    assert [reason.text for reason in outcome.reasons] == [
        "4 members may vote: those of the roster that the proposal pins.",
        "3 of 4 ballots are counted here.",
        "Tea against Coffee: 2 to 1.",
        "By the Schulze method, Tea beats every other option.",
        "Nobody has certified this: the assembly has no witnesses, so later ballots can still change it.",
    ]


def test_a_tie_is_a_tie():
    outcome = elections.decide(
        POLICIES["election"], [ranked(0, (0,)), ranked(1, (1,))], electorate(2), ["A", "B"], naming
    )
    assert outcome.leading == ["A", "B"]
    assert elections.decide(POLICIES["election"], [], electorate(2), ["A", "B"], naming).leading is None


def test_which_ballots_an_election_counts():
    strange = [
        ranked(9, (0,)),
        ranked(0, (5,)),
        cast(1),
        ranked(2, (0,), counter=1),
        ranked(3, (0,)),
        ranked(3, (1,)),
        ranked(4, (0,)),
    ]
    counted, refused = elections.counted_ballots(POLICIES["election"], strange, electorate(5), 2, naming)
    assert set(counted) == {member(4)}
    assert len(refused) == 5
    changeable = replace(POLICIES["election"], changeable=True)
    changed = [ranked(2, (0,)), ranked(2, (1,), counter=1)]
    counted, _ = elections.counted_ballots(changeable, changed, electorate(5), 2, naming)
    assert counted[member(2)].choice == ((1,),)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (Question("significant", (), None, 1, 0), None),
        (Question("election", ("A", "B"), "schulze", 1, 0), None),
        (Question("membership", (), None, 1, 1), None),
        (Question("nonsense", (), None, 1, 0), "no policy of that name"),
        (Question("significant", (), None, 1, 1), "nothing else is"),
        (Question("membership", (), None, 1, 0), "nothing else is"),
        (Question("significant", ("A", "B"), None, 1, 0), "no options"),
        (Question("election", ("A",), "schulze", 1, 0), "two different options"),
        (Question("election", ("A", "A"), "schulze", 1, 0), "two different options"),
        (Question("election", ("A", "B"), "stv", 1, 0), "later version"),
        (Question("election", ("A", "B"), "schulze", 2, 0), "one seat"),
        (Question("standard", (), None, 1, 0), "witnesses"),
        (Question("mandate", (), None, 1, 0), "later version"),
    ],
)
def test_proposals_without_effect(question, words):
    reason = void(question, POLICIES.get(question.policy))
    if words is None:
        assert reason is None
    else:
        assert words in str(reason)
        outcome = decide(question, POLICIES.get(question.policy), [cast(0)], electorate(1), naming)
        assert (outcome.state, outcome.outcome) == ("open", None)
        assert words in outcome.reasons[0].text


def test_which_policies_cannot_finish_yet():
    assert {name for name, policy in POLICIES.items() if cannot_finish(policy)} == {"standard", "consent"}
