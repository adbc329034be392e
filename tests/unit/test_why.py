"""What `why` says, for each policy and each way it can end: golden files that somebody has read."""

import pytest

from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Form, Say, Verdict
from meshd_protocol.decisions.counted import bitmap
from meshd_protocol.decisions.poll import poll_of
from meshd_protocol.decisions.question import Question, ballots_of
from meshd_protocol.decisions.result import decide
from meshd_protocol.policies import DEFAULTS
from tests.unit.test_certified import attest, cast, choice, electorate, naming, witnesses

POLICIES = {policy.name: policy for policy in DEFAULTS}
PASSED, FAILED, TIE = (int(Verdict.PASSED), ()), (int(Verdict.FAILED), ()), (int(Verdict.TIE), ())
YES3 = [cast(0), cast(1), cast(2)]
SETTLED = ("significant", "emergency", "membership", "removal", "constitution", "mandate", "recall")
VERBS = {"membership": Verb.ADMIT, "removal": Verb.REMOVE, "mandate": Verb.MANDATE, "recall": Verb.RECALL}
COOK = Mandate("cook", bytes(32), ("cook",))


def _shown(question, casts, attestations=(), *, members=4, count=3):
    policy = POLICIES[question.policy]
    poll = poll_of(ballots_of(question, policy), casts, electorate(members))
    result = decide(question, policy, poll, list(attestations), electorate(members), witnesses(count), naming)
    lines = [f"{result.state}: {result.outcome}, {result.leading} leads, {result.counts}, seen {result.seen}"]
    lines += [f"{'+' if each.holds else '-'} [{each.rule}] {each.text}" for each in result.reasons]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", SETTLED)
def test_settled_policies(name, golden):
    question = Question(name, verb=VERBS.get(name, 0), payload=COOK if name == "mandate" else None)
    ways = {
        "open": [],
        "provisional": [cast(0), cast(1, Say.NO)],
        "settled": [*YES3, cast(3, Say.NO)],
        "will not settle": [cast(0), *(cast(n, Say.NO) for n in (1, 2, 3))],
        "a fork and a stranger": [cast(0), cast(0, Say.NO, branch=1), cast(9)],
    }
    golden(f"why-{name}.txt", "\n".join(f"{way}\n{_shown(question, casts)}" for way, casts in ways.items()))


def _counting(counts, who):
    """A finding of failed, by those counts of the first ballots."""
    order = sorted(electorate(4).members)
    return attest(who, FAILED)._replace(counts=counts, counted=bitmap(order, order[: sum(counts)]))


CERTIFIED = {
    "open": ([], []),
    "provisional": (YES3[:2], [attest(0, PASSED)]),
    "certified passed": (YES3, [attest(0, PASSED), attest(1, PASSED)]),
    "certified failed": ([cast(0, Say.NO, reason="too dear")], [attest(0, FAILED), attest(1, FAILED)]),
    "an impossible finding": (YES3[:1], [attest(0, PASSED), attest(1, FAILED), attest(2, TIE)]),
    "certified by other ballots": (YES3, [_counting((1, 2, 0), n) for n in range(2)]),
    "late": ([*YES3, cast(3, Say.NO)], [_counting((0, 0, 0), n) for n in range(2)]),
    "contested": (YES3, [attest(n, each) for n in range(2) for each in (PASSED, FAILED)]),
}


@pytest.mark.parametrize("name", ["standard", "consent"])
def test_certified_policies(name, golden):
    text = [f"{way}\n{_shown(Question(name), *given)}" for way, given in CERTIFIED.items()]
    halves = [attest(n, PASSED if n < 2 else FAILED) for n in range(4)]
    text.append("split\n" + _shown(Question(name), YES3, halves, count=4))
    text.append("without witnesses\n" + _shown(Question(name), YES3, count=0))
    text.append("below the quorum\n" + _shown(Question(name), YES3[:1], members=9))
    golden(f"why-{name}.txt", "\n".join(text))


@pytest.mark.parametrize(
    ("method", "form", "values", "more"),
    [
        ("plurality", Form.CHOICES, [(0,), (1,), (0,), ()], {}),
        ("approval", Form.CHOICES, [(0, 1), (1,), (1, 2), ()], {}),
        ("block-approval", Form.CHOICES, [(0, 1), (1,), (0, 2)], {"seats": 2}),
        ("score", Form.SCORES, [((0, 5), (1, 3)), ((1, 4),), ()], {}),
        ("schulze", Form.RANKS, [((0,), (1,)), ((1, 2),), ((0,),), ()], {}),
        ("irv", Form.RANKS, [((0,), (1,)), ((1,), (0,)), ((2,), (0,)), ((0,),)], {}),
        ("stv-scottish", Form.RANKS, [((0,), (1,)), ((0,), (1,)), ((0,), (1,)), ((2,),)], {"seats": 2}),
        ("stv-meek", Form.RANKS, [((0,), (1,)), ((0,), (1,)), ((0,), (1,)), ((2,),)], {"seats": 2}),
        ("equal-shares", Form.CHOICES, [(0,), (0, 1), (2,), (2,)], {"costs": (50, 60, 40), "budget": 100}),
    ],
)
def test_elections(method, form, values, more, golden):
    question = Question("election", ("Anna", "Bo", "Cy"), method, **more)
    casts = [choice(n, form, value) for n, value in enumerate(values)]
    won = (int(Verdict.WINNERS), (0,) if not more else (0, 1))
    ways = {
        "provisional": (casts, []),
        "certified": (casts, [attest(0, won), attest(1, won)]),
        "a tie": (casts[:1], [attest(0, TIE), attest(1, TIE)]),
        "open": ([], []),
    }
    golden(f"why-election-{method}.txt", "\n".join(f"{way}\n{_shown(question, *given)}" for way, given in ways.items()))


def test_a_tie_among_the_ballots(golden):
    question = Question("election", ("Anna", "Bo"), "schulze")
    casts = [choice(0, Form.RANKS, ((0,),)), choice(1, Form.RANKS, ((1,),))]
    golden("why-election-tie.txt", _shown(question, casts))
