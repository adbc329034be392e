"""void.json: policies by which something can be decided, and proposals without effect."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from makers import telling
from makers.common import drawn
from makers.history import History, named, person
from meshd_protocol.bodies.actions import Seated, Verb, Voiced
from meshd_protocol.bodies.genesis import Seating
from meshd_protocol.items import Decision
from meshd_protocol.policies import DEFAULTS, Finality, Policy, void_reason

SETTLED = named("significant")
CERTIFIED = named("standard")
CONSENT = named("consent")
ELECTION = named("election")


def _policies() -> Iterable[tuple[str, Policy]]:
    for each in DEFAULTS:
        yield f"the default charter's {each.name}", each
    yield "settled: exactly half", replace(SETTLED, threshold=(1, 2, False))
    yield "settled: less than half", replace(SETTLED, threshold=(49, 100, True))
    yield "settled: all", replace(SETTLED, threshold=(1, 1, False))
    yield "settled: more than all", replace(SETTLED, threshold=(1, 1, True))
    yield "settled: more than there are", replace(SETTLED, threshold=(3, 2, False))
    yield "settled: parts of nothing", replace(SETTLED, threshold=(1, 0, False))
    yield "settled: none of none", replace(SETTLED, threshold=(0, 0, True))
    yield "settled: no threshold", replace(SETTLED, threshold=None)
    yield "settled: with a quorum", replace(SETTLED, quorum=(1, 2))
    yield "settled: ballots may be changed", replace(SETTLED, changeable=True)
    yield "settled: with notice", replace(SETTLED, notice=1)
    yield "settled: open for some time", replace(SETTLED, open_for=1)
    yield "settled: with grace", replace(SETTLED, grace=1)
    yield "settled: with a part that must say yes", replace(SETTLED, yes_from=(1, 2))
    yield "settled: by consent", replace(SETTLED, method=1)
    yield "settled: an election", replace(SETTLED, method=2)
    yield "certified: no quorum", replace(CERTIFIED, quorum=None)
    yield "certified: a quorum of nobody", replace(CERTIFIED, quorum=(0, 1))
    yield "certified: a quorum of parts of nothing", replace(CERTIFIED, quorum=(0, 0))
    yield "certified: a quorum of more than all", replace(CERTIFIED, quorum=(3, 2))
    yield "certified: no open time", replace(CERTIFIED, open_for=0)
    yield "certified: no grace, and notice", replace(CERTIFIED, grace=0, notice=60)
    yield "certified: a small threshold", replace(CERTIFIED, threshold=(1, 100, False))
    yield "certified: a threshold of nothing", replace(CERTIFIED, threshold=(0, 100, False))
    yield "certified: more than all", replace(CERTIFIED, threshold=(2, 2, True))
    yield "certified: no threshold", replace(CERTIFIED, threshold=None)
    yield "settled: once for a matter", replace(SETTLED, once=True)
    yield "certified: once for a matter", replace(CERTIFIED, once=True)
    yield "certified: once for a matter, by ballots that may be changed", replace(CERTIFIED, once=True, changeable=True)
    yield "consent: once for a matter", replace(CONSENT, once=True)
    yield "election: once for a matter", replace(ELECTION, once=True)
    yield "certified: ballots may be changed", replace(CERTIFIED, changeable=True)
    yield "certified: a part must say yes", replace(CERTIFIED, yes_from=(1, 3))
    yield "certified: a part of nobody must", replace(CERTIFIED, yes_from=(0, 3))
    yield "certified: more than all must", replace(CERTIFIED, yes_from=(4, 3))
    yield "consent: with a threshold", replace(CONSENT, threshold=(1, 2, True))
    yield "consent: ballots stay", replace(CONSENT, changeable=False)
    yield "consent: a part must say yes", replace(CONSENT, yes_from=(1, 3))
    yield "election: with a threshold", replace(ELECTION, threshold=(1, 2, True))
    yield "election: ballots may be changed", replace(ELECTION, changeable=True)
    yield "a method that is not known", replace(CONSENT, method=3)
    yield "a finality that is not known", replace(CERTIFIED, finality=2)
    for name in ("constitution", "membership", "removal", "mandate", "recall"):
        yield f"{name}: certified", replace(CERTIFIED, name=name)


def _proposals(history: History) -> Iterable[tuple[str, bytes]]:
    """Proposals that pin a roster with a charter's text, a policy that was set, committees, and mandates."""
    start = history.origin
    every = "Ada Bea Cy Di"
    first = history.amend("an amendment", named("significant", threshold=(2, 3, False)), every)
    text = history.decide("a charter", Verb.CHARTER, (), every)
    seats = history.seats("a committee", "Ada Bea", every)
    other = history.seats("another one beside it", "Cy", every)
    mandate = history.mandate("Ada is treasurer", "Treasurer", "Ada", every)
    cook = history.mandate("Bea cooks", "Cook", "Bea", every, again=True)
    chair = history.mandate("Di chairs", "Chair", "Di", every, lasts=72 * 3600)
    pin = history.step(start, first, text, seats, other, mandate, cook, chair)
    member, policy = person("Eve"), named("significant")
    asked: list[tuple[str, int, Any, dict[str, Any]]] = [
        ("a text", 0, None, {}),
        ("a text by a certified policy", 0, None, {"policy": "standard"}),
        ("a text by a policy that is not there", 0, None, {"policy": "whim"}),
        ("a text by a void policy", 0, None, {"policy": "half"}),
        *((f"a text by {name}", 0, None, {"policy": name}) for name in ("membership", "removal", "mandate", "recall")),
        ("a text by constitution", 0, None, {"policy": "constitution"}),
        ("a removal", Verb.REMOVE, (member,), {}),
        ("a removal by another policy", Verb.REMOVE, (member,), {"policy": "membership"}),
        ("a removal by a certified policy", Verb.REMOVE, (member,), {"policy": "standard"}),
        ("a ratification by any settled policy", Verb.RATIFY, (text,), {"policy": "emergency"}),
        ("a ratification by a certified one", Verb.RATIFY, (text,), {"policy": "standard"}),
        ("a ratification by an election", Verb.RATIFY, (text,), {"policy": "election"}),
        ("an uphold by a settled policy", Verb.UPHOLD, ((text, b"\xff"),), {}),
        ("an uphold by a certified one", Verb.UPHOLD, ((text, b"\xff"),), {"policy": "standard"}),
        ("a text with options", 0, None, {"options": ("yes", "no")}),
        ("a text with a method", 0, None, {"method": "irv"}),
        ("a text with seats", 0, None, {"seats": 2}),
        ("a text with a budget", 0, None, {"budget": 5}),
        ("a removal with costs", Verb.REMOVE, (member,), {"costs": (5,)}),
        ("it sets a void policy", Verb.POLICY, (replace(policy, quorum=(1, 2)), (first,)), {}),
        ("it sets a policy that must be settled", Verb.POLICY, (replace(CERTIFIED, name="recall"), ()), {}),
        ("it sets a policy in the place of what is there", Verb.POLICY, (policy, (first,)), {}),
        ("it sets a policy, and does not name what is there", Verb.POLICY, (policy, ()), {}),
        ("it names what is not there, too", Verb.POLICY, (policy, tuple(sorted([first, text, drawn("no")]))), {}),
        ("it sets another policy", Verb.POLICY, (named("emergency"), ()), {}),
        ("a committee in the place of both", Verb.WITNESSES, ((), tuple(sorted([seats, other]))), {}),
        ("a committee in the place of one", Verb.WITNESSES, ((), (seats,)), {}),
        ("a charter in the place of the other", Verb.CHARTER, (text,), {}),
        ("a charter beside it", Verb.CHARTER, (), {}),
        ("a voice by a settled policy", Verb.VOICE, Voiced(drawn("F"), drawn("X"), False), {}),
        ("a voice by a certified one", Verb.VOICE, Voiced(drawn("F"), drawn("X"), False), {"policy": "standard"}),
        ("a voice by membership", Verb.VOICE, Voiced(drawn("F"), drawn("X"), False), {"policy": "membership"}),
        ("a voice that joins", Verb.VOICE, Voiced(drawn("F"), drawn("F"), False), {"policy": "constitution"}),
        ("a voice that joins by less than the constitution", Verb.VOICE, Voiced(drawn("F"), drawn("F"), False), {}),
        ("a voice that joins, by witnesses", Verb.VOICE, Voiced(drawn("F"), drawn("F"), False), {"policy": "standard"}),
        ("a voice that leaves, by witnesses", Verb.VOICE, Voiced(drawn("F"), drawn("J"), True), {"policy": "standard"}),
        ("a seat, in an assembly of people", Verb.SEAT, Seated((Seating(drawn("A"), 1, drawn("R")),), (), ()), {}),
        ("a text in a span", 0, None, {"policy": "standard", "under": chair}),
        (
            "an election in a span",
            0,
            None,
            {"policy": "election", "options": ("a", "b"), "method": "irv", "under": chair},
        ),
        ("a text in a span, by a settled policy", 0, None, {"under": chair}),
        ("a text in the span of a mandate without one", 0, None, {"policy": "standard", "under": mandate}),
        ("a text in the span of what is no mandate", 0, None, {"policy": "standard", "under": text}),
        (
            "a voice in a span",
            Verb.VOICE,
            Voiced(drawn("F"), drawn("X"), False),
            {"policy": "standard", "under": chair},
        ),
        ("it adopts a template", 0, None, {"policy": "constitution", "adopts": True}),
        ("it adopts a template by another policy", 0, None, {"adopts": True}),
        ("a text with figures", 0, None, {"policy": "standard", "figures": True}),
        ("a removal with figures", Verb.REMOVE, (member,), {"figures": True}),
        ("a charter with a template", Verb.CHARTER, (text,), {"adopts": True}),
        ("a recall", Verb.RECALL, mandate, {}),
        ("a recall of what is no mandate", Verb.RECALL, text, {}),
        ("a recall of nothing", Verb.RECALL, drawn("nothing"), {}),
    ]
    for name, verb, payload, more in asked:
        yield name, history.decide(name, verb, payload, pin=pin, **more)
    for name, role, holder in (
        ("a mandate", "Gardener", "Cy"),
        ("a mandate for a stranger", "Gardener", "Zoe"),
        ("a mandate for who had it before, which may not be", "treasurer", "Ada"),
        ("a mandate for who had it before, which may be", "cook", "Bea"),
        ("a mandate for somebody else", "Treasurer", "Bea"),
        ("a mandate whose role is nothing but a space", " ", "Cy"),
        ("a mandate whose role is in two scripts", "G\u0430rdener", "Cy"),
    ):
        yield name, history.mandate(name, role, holder, "", pin=pin)
    yield "a mandate with a span", history.mandate("s", "Speaker", "Cy", "", lasts=60, pin=pin)
    yield "a mandate with a span of nothing", history.mandate("s0", "Speaker", "Cy", "", lasts=0, pin=pin)
    yield (
        "a mandate with a span that may follow",
        history.mandate("sa", "Speaker", "Cy", "", lasts=60, again=True, pin=pin),
    )
    election = {"policy": "election", "options": ("red", "green", "blue"), "method": "irv"}
    for name, changed in _elections().items():
        yield name, history.decide(name, 0, None, pin=pin, **election | changed)
    yield "an election that removes", history.decide("x", Verb.REMOVE, (member,), pin=pin, **election)
    yield "where the pinned roster lacks the amendment", history.amend("y", policy, "")


def _elections() -> dict[str, dict[str, Any]]:
    shares = {"method": "equal-shares", "costs": (5, 6, 7), "budget": 12}
    return {
        "an election": {},
        "an election by a method that is not there": {"method": "lots"},
        "an election without a method": {"method": None},
        "an election of one option": {"options": ("red",)},
        "an election with two equal options": {"options": ("red", "red")},
        "an election of nobody": {"seats": 0},
        "an election of more than there are": {"method": "stv-meek", "seats": 4},
        "an election of all": {"method": "stv-meek", "seats": 3},
        **{f"two seats by {each}": {"method": each, "seats": 2} for each in ("approval", "irv", "schulze")},
        **{f"two seats by {each}": {"method": each, "seats": 2} for each in ("plurality", "score", "block-approval")},
        "costs for another method": {"costs": (5, 6, 7), "budget": 12},
        "a budget": shares,
        "a budget without costs": shares | {"costs": ()},
        "costs without a budget": shares | {"budget": None},
        "too few costs": shares | {"costs": (5, 6)},
        "something for nothing": shares | {"costs": (5, 6, 0)},
        "a budget of nothing": shares | {"budget": 0},
        "a budget with seats": shares | {"seats": 2},
        "seats by equal shares": {"method": "equal-shares", "seats": 2},
    }


def make() -> dict[str, Any]:
    """Policies with what they need, and one history with all proposals."""
    odd = replace(SETTLED, name="half", threshold=(1, 2, False))
    history = History("Ada Bea Cy Di Eve", "Ada Bea Cy", [*DEFAULTS, odd])
    proposals = list(_proposals(history))
    items = {each.id: each for each in history.decisions()}
    facts = history.facts()
    return {
        "about": "Policies, sound and void; proposals, with and without effect in the roster that they pin.",
        "sections": ["6.1", "6.2"],
        "assembly": history.assembly,
        "policies": [
            {
                "name": name,
                "policy": telling.policy_told(policy),
                "sound": void_reason(policy) is None,
                "needed": [policy.needed(members) for members in range(1, 13)]
                if policy.finality == Finality.SETTLED and void_reason(policy) is None
                else None,
            }
            for name, policy in _policies()
        ],
        "histories": [{"name": "theirs", **{key: facts[key] for key in ("genesis", "items", "rosters")}}],
        "proposals": [
            {"name": name, "decision": each, "void": _is_void(history, items[each])} for name, each in proposals
        ],
    }


def _is_void(history: History, decision: Decision) -> bool:
    return history.rosters.void(decision) is not None
