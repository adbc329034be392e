"""Readiness: seven figures from records alone, now and over a year; what is a good one; what is none yet."""

import pytest

from meshd.service import delegation, entering, haste, institutions, readiness, status, voting
from meshd.service.context import Context
from meshd.store import tables
from meshd_protocol.policies import DAY
from tests.worlds import Clock, commune, exchange

DAY_MS = 1000 * DAY
MORE = """
name = "Ours"
words = "What we call ready."
[numbers]
ready-last-drill = "10 d"
[forms.note]
words = "A note."
who = ["people"]
"""


@pytest.fixture
def three(tmp_path):
    clock = Clock()
    nodes, _ = commune(tmp_path, ["Ada", "Bea", "Cy"], clock=clock, witnesses=3)
    exchange(*nodes)
    contexts = [Context(node) for node in nodes]
    decide(contexts, institutions.institutions(contexts[0], {"do": "adopt", "what": "relief"})["id"])
    yield contexts, clock
    for node in nodes:
        node.close()


def meet(contexts):
    exchange(*(each.assembly for each in contexts))


def decide(contexts, identity):
    meet(contexts)
    for each in contexts:
        row = each.proposal(identity)
        if each.assembly.store.get(tables.Ballot, proposal=row.id, member=each.me) is None:
            voting.vote(each, {"id": identity, "choices": ["yes"], "late": True})
    meet(contexts)


def figures(context):
    return {row["name"]: row for row in readiness.readiness(context, {})}


def test_what_nobody_has_done_yet_is_no_figure(three):
    contexts, _ = three
    found = figures(contexts[0])
    assert [found[name]["value"] for name in ("last-drill", "heard", "delivery", "to-act")] == [None] * 4
    assert (found["witnesses"]["value"], found["witnesses"]["bound"], found["witnesses"]["ready"]) == (3, 2, True)
    assert (found["seats"]["value"], found["seats"]["ready"]) == (0, False)
    assert (found["silent"]["value"], found["silent"]["ready"]) == (0, True)
    assert all(len(row["over_time"]) == readiness.POINTS for row in found.values())


def test_figures_move_with_what_is_written_and_with_time(three):
    contexts, clock = three
    ada, bea, cy = contexts
    kept = entering.entry(ada, {"form": "drill", "fields": ["script=blackout", "heard=130"]})["id"]
    assert figures(ada)["last-drill"]["value"] is None, "nobody has confirmed it"
    meet(contexts)
    entering.confirm(bea, {"id": kept})
    given = delegation.mandate(ada, {"title": "Minutes", "holder": "Cy", "powers": ["redact"]})["id"]
    decide(contexts, given)
    clock.now_ms += 3 * DAY_MS
    delegation.act(cy, {"mandate": given, "text": "Took them over", "power": "redact"})
    alarm = haste.alarm(ada, {"title": "Flood", "where": "Mill", "asks": "Sandbags"})["id"]
    meet(contexts)
    for each in (bea, cy):
        entering.confirm(each, {"id": alarm})
    meet(contexts)
    clock.now_ms += DAY_MS
    assert figures(ada)["delivery"]["value"] == 24, "none came yet"
    pledge = haste.pledge(bea, {"alarm": alarm, "what": "Sand", "by_ms": clock.now_ms + DAY_MS})["id"]
    entering.entry(bea, {"form": "delivery", "about": pledge, "fields": ["what=Sand"]})
    meet(contexts)
    clock.now_ms += 26 * DAY_MS
    found = {name: row["value"] for name, row in figures(ada).items()}
    assert found == {
        "last-drill": 30, "heard": 130, "delivery": 24, "to-act": 3, "witnesses": 0, "seats": 1, "silent": 27,
    }  # fmt: skip
    before = {name: row["over_time"][-2] for name, row in figures(ada).items()}
    assert before["last-drill"] == 2, "as it was a cycle ago"
    assert before["to-act"] is None
    assert before["witnesses"] == 3
    line = status.status(ada, {})["readiness"]
    assert (line["ready"], line["of"]) == (5, 7)
    assert [row["name"] for row in line["lacks"]] == ["witnesses", "silent"]
    assert figures(ada) == figures(bea) | {"silent": figures(ada)["silent"]}, "the same records, the same figures"


def test_a_template_says_what_is_good(three):
    contexts, clock = three
    ada, bea, _ = contexts
    kept = entering.entry(ada, {"form": "drill", "fields": ["script=blackout"]})["id"]
    meet(contexts)
    entering.confirm(bea, {"id": kept})
    meet(contexts)
    clock.now_ms += 20 * DAY_MS
    assert figures(ada)["last-drill"]["ready"]
    decide(contexts, institutions.institutions(ada, {"do": "adopt", "text": MORE, "what": "x"})["id"])
    row = figures(ada)["last-drill"]
    assert (row["bound"], row["ready"]) == (10, False)
    assert row["over_time"] == figures(bea)["last-drill"]["over_time"]


def test_without_drills_the_status_says_nothing_of_it(tmp_path):
    (node,), _ = commune(tmp_path, ["Ada"])
    assert status.status(Context(node), {})["readiness"] is None
    assert len(readiness.readiness(Context(node), {})) == 7
    node.close()
