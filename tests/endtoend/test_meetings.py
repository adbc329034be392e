"""Discussion where it belongs: rival texts, minutes with signatures, written outcomes, and who does what by when."""

import pytest

from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.service import explaining, meetings, proposing, talk, voting
from meshd.service.context import Context
from meshd_protocol.bodies.meetings import FollowUp
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from tests.worlds import START_MS, Clock, commune, exchange, give, propose, state_of

DAY_MS = 86_400_000


@pytest.fixture
def two(tmp_path):
    clock = Clock()
    (ada, bea), (cy,) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=2, clock=clock)
    exchange(ada, bea)
    give(ada, cy.certify())
    exchange(ada, bea)
    yield ada, bea, cy, clock
    ada.close()
    bea.close()


def test_a_rival_text_moves_no_ballot(two):
    ada, bea, _, _ = two
    first = propose(Context(ada), "Paint it blue")
    voting.vote(Context(ada), {"id": text_of(first), "choices": ["yes"]})
    second = propose(Context(ada), "Paint it light blue", amends=text_of(first))
    third = propose(Context(ada), "Paint it sky blue", amends=text_of(first))
    exchange(ada, bea)
    assert state_of(Context(bea), second)["seen"] == 0
    assert {each["title"] for each in state_of(Context(bea), first)["rivals"]} == {
        "Paint it light blue", "Paint it sky blue",
    }  # fmt: skip
    assert {each["title"] for each in state_of(Context(bea), third)["rivals"]} == {
        "Paint it light blue", "Paint it blue",
    }  # fmt: skip
    assert state_of(Context(bea), third)["amends"] == text_of(first)
    talk.say(Context(bea), {"text": "Too dark.", "about": text_of(first)})
    assert [each["text"] for each in explaining.show(Context(bea), {"id": text_of(first)})["about"]] == ["Too dark."]


def test_minutes_and_their_signatures(two):
    ada, bea, cy, _ = two
    with pytest.raises(UsageError, match="need a text"):
        meetings.minutes(Context(ada), {"title": "Monday", "text": " "})
    with pytest.raises(NotFoundError):
        meetings.minutes(Context(ada), {"title": "Monday", "text": "x", "present": ["Zoe"]})
    written = meetings.minutes(
        Context(ada), {"title": "Monday", "text": "We met.", "present": ["Ada", "Bea"], "held_ms": START_MS - DAY_MS}
    )
    exchange(ada, bea)
    (row,) = meetings.minutes(Context(bea), {})
    assert (row["title"], row["signed"], len(row["present"])) == ("Monday", [], 2)
    assert [each[:3] for each in row["open"]] == ["Bea"]
    meetings.assent(Context(bea), {"id": written["id"][:8]})
    with pytest.raises(NodeError, match="already"):
        meetings.assent(Context(bea), {"id": written["id"]})
    exchange(ada, bea)
    shown = meetings.minutes(Context(ada), {"id": written["id"][:8]})
    assert (shown["text"], shown["open"]) == ("We met.", [])
    assert [each[:3] for each in shown["signed"]] == ["Bea"]
    with pytest.raises(NotFoundError):
        meetings.minutes(Context(ada), {"id": "zzzz"})


def test_an_outcome_its_tasks_and_their_follow_up(two):
    ada, bea, cy, clock = two
    question = propose(Context(ada), "Buy an oven")
    words = {"id": text_of(question), "text": "We buy the blue one."}
    written = meetings.outcome(
        Context(ada),
        words | {"tasks": [f"Fetch it\tBea\t{clock.now_ms + DAY_MS}", "Clean up\t\t", f"Pay\tAda\t{clock.now_ms + 2 * DAY_MS}"]},
    )  # fmt: skip
    for bad, error in (
        (["no tabs"], UsageError),
        (["\tBea\t"], UsageError),
        (["x\tZoe\t"], NotFoundError),
        (["x\t\tsoon"], UsageError),
    ):
        with pytest.raises(error):
            meetings.outcome(Context(ada), words | {"tasks": bad})
    exchange(ada, bea)
    rows = meetings.todo(Context(bea), {})
    assert [(row["what"], (row["who"] or "?")[:3], row["mine"], row["overdue"]) for row in rows] == [
        ("Fetch it", "Bea", True, False), ("Pay", "Ada", False, False), ("Clean up", "?", False, False),
    ]  # fmt: skip
    clock.now_ms += 3 * DAY_MS // 2
    assert [row["overdue"] for row in meetings.todo(Context(bea), {})] == [True, False, False]
    meetings.done(Context(bea), {"id": f"{written['id'][:8]}.1", "text": "The van broke", "open": True})
    meetings.done(Context(bea), {"id": f"{written['id'][:8]}.1", "text": "Here it is"})
    exchange(ada, bea)
    assert [row["what"] for row in meetings.todo(Context(ada), {})] == ["Pay", "Clean up"]
    finished = meetings.todo(Context(ada), {"all": True})[-1]
    assert finished["done"] is True
    assert [each["text"] for each in finished["notes"]] == ["The van broke", "Here it is"]
    for bad in ("nothing", f"{written['id'][:8]}.9", f"{written['id'][:8]}.0", "zzzz.1", f"{written['id'][:8]}.x"):
        with pytest.raises(NotFoundError):
            meetings.done(Context(ada), {"id": bad})
    give(ada, cy.write(Kind.FOLLOW_UP, FollowUp(bytes_of(written["id"]), 31, "no such task", True)))
    assert len(meetings.todo(Context(ada), {})) == 2
    assert explaining.show(Context(ada), {"id": text_of(question)})["outcomes"][0]["text"] == "We buy the blue one."


def test_observers_only_look(two, tmp_path):
    ada, bea, cy, _ = two
    with pytest.raises(UsageError, match="same policy"):
        first = propose(Context(ada), "One", "significant")
        proposing.propose(Context(ada), {"title": "Two", "policy": "emergency", "repeals": [text_of(first)]})
