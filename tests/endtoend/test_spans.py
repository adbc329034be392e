"""Mandates with a span on whole nodes: who attests under them and until when; and policies by which a device attests once."""

from dataclasses import replace

import pytest

from meshd.clock import Reading
from meshd.errors import NodeError, UsageError
from meshd.service import delegation, explaining, governing, proposing, status, voting, waiting
from meshd.service.context import Context
from meshd.service.spans import span_of
from meshd.store import tables
from meshd.upkeep import openings, witness
from meshd_protocol.bodies.actions import Verb, Voiced
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.delegates import Act
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.policies import DAY
from tests.worlds import Clock, commune, exchange, give, propose

HOUR_MS = 3_600_000


@pytest.fixture
def four(tmp_path):
    """Four nodes, all of them witnesses, each with a clock of its own hands: three certify."""
    clocks = Clock()
    nodes, _ = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=4, clock=clocks, witnesses=4)
    exchange(*nodes)
    yield [Context(node) for node in nodes], clocks
    for node in nodes:
        node.close()


def everywhere(contexts):
    exchange(*(each.assembly for each in contexts))


def convene(contexts, lasts=72 * 3600):
    """Ada chairs, for 72 hours; nothing is opened yet. `quick` is the policy by which is decided there."""
    ada = contexts[0]
    rules = {
        "name": "quick",
        "finality": "certified",
        "threshold": ">1/2",
        "quorum": "1/4",
        "open_for": DAY,
        "grace": 0,
    }
    motion = governing.amend(ada, rules)["id"]
    asked = {"title": "Convergence 7", "holder": "Ada", "powers": ["convene"], "lasts": lasts}
    mandate = delegation.mandate(ada, asked)["id"]
    everywhere(contexts)
    for each in contexts:
        for identity in (motion, mandate):
            if not (each is ada and identity == motion):
                voting.vote(each, {"id": identity, "choices": ["yes"]})
        everywhere(contexts)
    return mandate


def open_it(context, mandate):
    return delegation.act(context, {"mandate": mandate, "text": "We begin", "power": "convene"})["id"]


def pass_time(contexts, clock, hours):
    """A few steps, as nodes measure time."""
    for _ in range(4):
        clock.now_ms += hours * HOUR_MS // 4
        for each in contexts:
            witness.keep_time(each.assembly)


def test_what_falls_into_an_open_span_is_certified_and_what_comes_later_is_not(four):
    contexts, clock = four
    ada, bea, *_ = contexts
    mandate = convene(contexts)
    assert span_of(bea, bytes_of(mandate))["state"] == "not opened"
    early = propose(ada, "Before it begins", "quick", under="Convergence 7")
    everywhere(contexts)
    pass_time(contexts, clock, 30)
    everywhere(contexts)
    assert explaining.show(bea, {"id": text_of(early)})["state"] == "open", "nobody attests what is not opened"
    open_it(ada, mandate)
    everywhere(contexts)
    assert [each["state"] for each in status.home(bea, {})["spans"]] == ["open"]
    first = propose(bea, "March on Monday", "quick", under=mandate[:8])
    everywhere(contexts)
    for each in contexts:
        voting.vote(each, {"id": text_of(first), "choices": ["yes"]})
    everywhere(contexts)
    pass_time(contexts, clock, 1)
    everywhere(contexts)
    assert explaining.show(bea, {"id": text_of(first)})["outcome"] == "passed", "as soon as all have voted"
    late = propose(bea, "Go on", "quick", under=mandate)
    everywhere(contexts)
    for each in contexts[:3]:
        voting.vote(each, {"id": text_of(late), "choices": ["yes"]})
    open_it(ada, mandate)
    everywhere(contexts)
    clock.now_ms += 72 * HOUR_MS
    pass_time(contexts, clock, 1)
    everywhere(contexts)
    shown = explaining.show(bea, {"id": text_of(late)})
    assert shown["state"] == "provisional", "it was over before anybody measured the vote's own time"
    assert shown["stuck"]["why"] == "span-over"
    assert [each["what"] for each in waiting.waiting(bea).shown].count("anew") == 1
    assert any("span" in each["text"] for each in explaining.why(bea, {"id": text_of(late)})["reasons"])
    with pytest.raises(NodeError, match="is over here"):
        propose(bea, "And on", "quick", under="convergence 7")
    again = {"title": "Again", "role": "Convergence 7", "holder": "Ada", "powers": ["convene"], "lasts": 3600}
    with pytest.raises(NodeError, match="follow themselves"):
        delegation.mandate(ada, again)


def test_a_witness_who_hears_of_the_opening_on_day_five_reaches_no_quorum_with_a_traitor(four):
    """Hard case 4: of four one may be a traitor, who attests whenever it suits; the late one makes two, and three certify."""
    contexts, clock = four
    ada, bea, cy, dan = contexts
    mandate = convene(contexts)
    opening = open_it(ada, mandate)
    near = (ada, bea, cy)
    everywhere(near)
    clock.now_ms += 5 * 24 * HOUR_MS
    for each in contexts:
        witness.keep_time(each.assembly)
    everywhere(contexts)
    assert dan.assembly.store.get(tables.Act, id=bytes_of(opening)) is not None
    late = dan.assembly.keys
    assert late is not None
    with dan.assembly.writing():
        body = Proposal(dan.standing().head, "quick", "Long after", under=bytes_of(mandate))
        question = dan.assembly.write(Kind.PROPOSAL, body).id
    everywhere(contexts)
    for each in contexts:
        voting.vote(each, {"id": text_of(question), "choices": ["yes"]})
        everywhere(contexts)
    by = [each.device for each in bea.assembly.store.find(tables.Attestation, proposal=question)]
    assert by == [dan.assembly.keys.device.public], "his own measure began as he heard of it"
    with ada.assembly.writing():  # the traitor
        vote = witness._watched(ada.assembly, question)
        ada.assembly.write(Kind.ATTESTATION, witness.attestation(ada.assembly, vote))
    everywhere(contexts)
    assert explaining.show(dan, {"id": text_of(question)})["state"] == "provisional"


def test_only_the_holder_opens_it_within_their_powers(four):
    contexts, _ = four
    ada, bea, *_ = contexts
    mandate = bytes_of(convene(contexts))
    head = bea.standing().head
    with bea.assembly.writing():
        bea.assembly.write(Kind.ACT, Act(head, mandate, "convene", "I open it"))
    with ada.assembly.writing():
        ada.assembly.write(Kind.ACT, Act(head, mandate, "something else", "I do as I like"))
    everywhere(contexts)
    assert [openings.openings(each.assembly, mandate) for each in contexts] == [[]] * 4
    open_it(ada, text_of(mandate))
    everywhere(contexts)
    assert [len(openings.openings(each.assembly, mandate)) for each in contexts] == [1] * 4


def test_what_is_put_under_no_span_is_refused_with_words(four):
    contexts, _ = four
    ada = contexts[0]
    mandate = convene(contexts)
    with pytest.raises(UsageError, match="follows themselves"):
        delegation.mandate(ada, {"title": "X", "holder": "Bea", "powers": ["p"], "lasts": 60, "again": True})
    with pytest.raises(UsageError, match="certified policy"):
        propose(ada, "X", "significant", under=mandate)
    with pytest.raises(NodeError, match="no such proposal"):
        propose(ada, "X", "quick", under="nothing")
    plain = propose(ada, "X", "quick")
    with pytest.raises(NodeError, match="no mandate in force with a span"):
        propose(ada, "X", "quick", under=text_of(plain))


def test_by_a_policy_that_is_once_a_device_attests_one_card_for_one_matter(four):
    """Two decisions on one matter, shown to everybody: what was chosen first stays, and neither a tie nor nothing is."""
    contexts, clock = four
    ada, *_ = contexts
    with pytest.raises(UsageError, match="locked ballots"):
        governing.amend(ada, {"name": "card", "finality": "certified", "changeable": True, "once": True})
    rules = {
        "name": "card",
        "finality": "certified",
        "method": "election",
        "quorum": "1/4",
        "open_for": DAY,
        "grace": 0,
    }
    motion = governing.amend(ada, rules | {"once": True})["id"]
    everywhere(contexts)
    for each in contexts[1:]:
        voting.vote(each, {"id": motion, "choices": ["yes"]})
        everywhere(contexts)
    matter = Voiced(b"f" * 32, b"m" * 32, False)

    def card(context, title, payload=matter):
        with context.assembly.writing():
            body = Proposal(
                context.standing().head,
                "card",
                title,
                options=("go", "abort"),
                action=(int(Verb.VOICE), payload),
                method="plurality",
            )
            return context.assembly.write(Kind.PROPOSAL, body).id

    def play(question, *words):
        everywhere(contexts)
        for each, word in zip(contexts, words, strict=True):
            voting.vote(each, {"id": text_of(question), "choices": [word]})
        everywhere(contexts)
        pass_time(contexts, clock, 30)
        everywhere(contexts)
        return explaining.show(ada, {"id": text_of(question)})

    tied = play(card(ada, "Tied"), "go", "go", "abort", "abort")
    assert (tied["state"], tied["outcome"]) == ("provisional", None)
    go = play(card(ada, "Again"), "go", "go", "go", "abort")
    assert (go["state"], go["outcome"]) == ("certified", ["go"])
    turned = play(card(contexts[1], "And now not"), "abort", "abort", "abort", "abort")
    assert (turned["state"], turned["outcome"]) == ("provisional", None), "each device has attested one"
    other = play(card(ada, "Another matter", Voiced(b"f" * 32, b"o" * 32, False)), "abort", "abort", "abort", "go")
    assert other["outcome"] == ["abort"]
    assert give(ada.assembly).new == []
    assert proposing.outcome_of(ada, ada.assembly.store.get(tables.Proposal, id=bytes_of(go["id"]))).outcome == ["go"]


def test_a_clock_that_jumps_a_year_opens_and_ends_nothing(tmp_path):
    """In the middle of a convergence, and back: what counts is what the machine measured."""
    clock, steady = Clock(), Clock()
    nodes, _ = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=3, clock=clock, witnesses=3)
    for node in nodes:
        node.world = replace(node.world, steady=lambda: Reading("boot", steady.now_ms))
    exchange(*nodes)
    contexts = [Context(node) for node in nodes]
    mandate = convene(contexts)
    open_it(contexts[0], mandate)
    everywhere(contexts)
    key = bytes_of(mandate)
    year = 365 * 24 * HOUR_MS
    for jump in (year, -2 * year, year):
        clock.now_ms += jump
        assert [openings.is_in_span(node, key) for node in nodes] == [True] * 3
        assert status.home(contexts[0], {})["spans"][0]["state"] == "open"
    question = propose(contexts[0], "March", "quick", under=mandate)
    everywhere(contexts)
    clock.now_ms += year
    for each in contexts:
        voting.vote(each, {"id": text_of(question), "choices": ["yes"]})
        everywhere(contexts)
    assert explaining.show(contexts[1], {"id": text_of(question)})["outcome"] == "passed"
    steady.now_ms += 73 * HOUR_MS
    assert [openings.is_in_span(node, key) for node in nodes] == [False] * 3
    for node in nodes:
        node.close()
