"""Mandates, acts and recall on whole nodes: given, acted under in the open, suspended, kept, ended, handed over."""

import pytest

from meshd.errors import NodeError, NotFoundError
from meshd.service import delegation, explaining, proposing, rosters, voting
from meshd.service.context import Context
from meshd.store import tables
from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Proposal, Say
from meshd_protocol.bodies.delegates import Act, Countersignature
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from tests.worlds import Clock, commune, exchange, give, propose


@pytest.fixture
def four(tmp_path):
    """Ada and Bea run nodes; Cy and Dan sign. All four are witnesses; Bea will hold the mandate."""
    clock = Clock()
    nodes, authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=2, clock=clock, witnesses=4)
    exchange(*nodes)
    give(nodes[0], *(author.certify() for author in authors))
    exchange(*nodes)
    yield (*nodes, *authors, clock)
    for node in nodes:
        node.close()


def _given(ada, authors, *, holder, role="treasurer", powers=("spend up to 100",), **more):
    """A mandate that three of four gave."""
    answer = delegation.mandate(
        Context(ada), {"title": f"{role} for a year", "role": role, "holder": holder, "powers": list(powers), **more}
    )
    identity = bytes_of(answer["id"])
    voting.vote(Context(ada), {"id": answer["id"], "choices": ["yes"]})
    give(ada, *(author.ballot(identity) for author in authors))
    return identity


def _row(assembly, mandate):
    return next(row for row in delegation.delegates(Context(assembly), {}) if row["id"] == text_of(mandate))


def test_a_mandate_an_act_and_its_countersignatures(four):
    ada, bea, cy, dan, _ = four
    mandate = _given(ada, [cy, dan], holder="Bea", limits="nothing on credit", text="By the books.")
    exchange(ada, bea)
    row = _row(bea, mandate)
    assert (row["state"], row["seat"], row["powers"], row["limits"]) == (
        "in force", "", ["spend up to 100"], "nothing on credit",
    )  # fmt: skip
    acted = delegation.act(
        Context(bea), {"mandate": "treasurer", "text": "Bought flour", "power": "Spend up to 100", "name": "the bakery"}
    )
    assert (acted["act"]["stands"], acted["act"]["needed"], acted["suspended"]) == (False, 2, False)
    assert bea.store.find(tables.Countersignature) == [], "her own node does not countersign"
    exchange(ada, bea)
    (shown,) = _row(bea, mandate)["acts"]
    assert (shown["countersigned"], shown["stands"]) == (1, False)
    give(ada, cy.write(Kind.COUNTERSIGNATURE, Countersignature(bytes_of(acted["id"]))))
    exchange(ada, bea)
    (shown,) = _row(bea, mandate)["acts"]
    assert (shown["countersigned"], shown["stands"], shown["outside"], shown["name"]) == (2, True, False, "the bakery")


def test_acts_that_nobody_gave_power_for(four):
    ada, bea, cy, dan, clock = four
    mandate = _given(ada, [cy, dan], holder="Bea", ends_ms=clock.now_ms + 1000)
    exchange(ada, bea)
    words = {"mandate": text_of(mandate), "text": "Hired a baker", "power": "hire"}
    with pytest.raises(NodeError, match="not a power of that mandate"):
        delegation.act(Context(bea), words)
    delegation.act(Context(bea), words | {"anyway": True})
    with pytest.raises(NodeError, match=r"Bea·\w+'s, and not yours"):
        delegation.act(Context(ada), words)
    forged = dan.write(Kind.ACT, Act(Context(ada).standing().head, mandate, "spend up to 100", "I am Bea"))
    early = dan.write(Kind.ACT, Act(ada.standing.rosters.origin, mandate, "spend up to 100", "Before it was given"))
    give(ada, forged, early)
    exchange(ada, bea)
    acts = {row["text"]: row for row in _row(ada, mandate)["acts"]}
    assert (acts["Hired a baker"]["outside"], acts["Hired a baker"]["countersigned"]) == (True, 0)
    assert acts["I am Bea"]["problem"] == "it is not by the mandate's holder"
    assert acts["Before it was given"]["problem"] == "the roster that it pins does not contain its mandate"
    clock.now_ms += 5000
    assert _row(ada, mandate)["state"] == "ended"
    assert "seat is empty" in _row(ada, mandate)["seat"]
    with pytest.raises(NodeError, match="ended by this machine's clock"):
        delegation.act(Context(bea), words | {"power": "spend up to 100"})
    back_dated = Act(Context(bea).standing().head, mandate, "spend up to 100", "Back-dated")
    with bea.writing():
        bea.write(Kind.ACT, back_dated)
    exchange(ada, bea)
    (shown,) = [row for row in _row(ada, mandate)["acts"] if row["text"] == "Back-dated"]
    assert shown["countersigned"] == 0, "a witness whose clock says it is over does not countersign"


def test_signatures_on_several_motions_suspend_and_end_nothing(four):
    """Three of four signed, on two motions: more than half, and no motion has them."""
    ada, bea, cy, dan, _ = four
    mandate = _given(ada, [cy, dan], holder="Bea")
    exchange(ada, bea)
    action = (int(Verb.RECALL), mandate)
    motions = [author.propose(Context(ada).standing().head, "Recall", "recall", action=action) for author in (cy, dan)]
    give(ada, *motions, cy.ballot(motions[0].id), dan.ballot(motions[1].id))
    answer = delegation.recall(Context(ada), {"mandate": "treasurer"})
    assert bytes_of(answer["id"]) in [motion.id for motion in motions], "she joins one, and opens none"
    assert (answer["over"], answer["suspended"]) == (False, True)
    assert answer["text"] == "3 of 4 members signed to recall on all motions, 0 to keep: suspended."
    assert _row(ada, mandate)["state"] == "suspended"


def test_a_recall_suspends_is_kept_and_ends(tmp_path):
    """Hard case 13 on a node, of thirty: the marks, and the third one in a blackout."""
    names = [f"M{n}" for n in range(30)]
    (ada, holder), authors = commune(tmp_path, names, nodes=2, witnesses=30)
    exchange(ada, holder)
    give(ada, *(author.certify() for author in authors))
    exchange(ada, holder)
    mandate = _given(ada, authors[:16], holder="M1")
    exchange(ada, holder)

    def act(text):
        delegation.act(Context(holder), {"mandate": "treasurer", "text": text, "power": "spend up to 100"})
        exchange(ada, holder)
        return next(row for row in _row(ada, mandate)["acts"] if row["text"] == text)

    motion = bytes_of(delegation.recall(Context(ada), {"mandate": "treasurer", "reason": "He drinks."})["id"])
    signers = iter(authors)

    def sign(many, say=Say.YES):
        give(ada, *(next(signers).ballot(motion, say) for _ in range(many)))
        recall = _row(ada, mandate)["recall"]
        assert recall.pop("mine") == text_of(motion)
        return recall

    assert sign(1) == {
        "signed": 2, "keep": 0, "notice": False, "suspended": False,
        "text": "2 of 30 members signed to recall on all motions, 0 to keep: below the first mark.",
    }  # fmt: skip
    assert sign(4)["notice"] is True
    assert _row(ada, mandate)["state"] == "in force"
    noticed = act("Under notice")
    assert noticed["countersigned"] == 1
    assert noticed["concurrent"] == [{"motion": text_of(motion), "signatures": 6}]
    assert sign(5)["suspended"] is True
    assert _row(ada, mandate)["state"] == "suspended"
    assert act("While suspended")["countersigned"] == 0
    assert delegation.act(Context(holder), {"mandate": "treasurer", "text": "Knowing it", "power": "spend up to 100"})[
        "suspended"
    ]
    kept = sign(16, Say.NO)
    assert (kept["signed"], kept["keep"], kept["suspended"]) == (11, 16, False)
    assert act("Kept")["countersigned"] == 1
    why = explaining.why(Context(ada), {"id": text_of(motion)})["reasons"]
    assert any(reason["rule"] == "recall" and "16 to keep" in reason["text"] for reason in why)
    give(ada, *(author.ballot(motion) for author in authors[10:14]))
    assert _row(ada, mandate)["state"] == "suspended", "who signs both counts for recall: twelve are left to keep"
    give(ada, authors[14].ballot(motion))
    row = _row(ada, mandate)
    assert (row["state"], row["seat"]) == ("recalled", "The seat is empty until a new mandate is given.")
    exchange(ada, holder)
    with pytest.raises(NodeError, match="was recalled"):
        delegation.act(Context(holder), {"mandate": text_of(mandate), "text": "Still", "power": "spend up to 100"})
    with pytest.raises(NodeError, match="recalled already"):
        delegation.recall(Context(ada), {"mandate": text_of(mandate)})
    for each in (ada, holder):
        each.close()


def test_signatures_on_two_motions_count_together(four):
    ada, bea, cy, dan, _ = four
    mandate = _given(ada, [cy, dan], holder="Bea")
    head = Context(ada).standing().head
    other = dan.write(Kind.PROPOSAL, Proposal(head, "recall", "His own words", action=(int(Verb.RECALL), mandate)))
    give(ada, other, dan.ballot(other.id))
    answer = delegation.recall(Context(ada), {"mandate": "treasurer", "reason": "She drinks."})
    assert bytes_of(answer["id"]) == other.id, "it joins the motion that is open"
    assert "She drinks." in {row.reason for row in ada.store.find(tables.Ballot, proposal=other.id)}
    assert (answer["suspended"], answer["over"]) == (True, False)
    with pytest.raises(NodeError, match="signed that motion already"):
        delegation.recall(Context(ada), {"mandate": "treasurer"})
    third = cy.write(Kind.PROPOSAL, Proposal(head, "recall", "A third", action=(int(Verb.RECALL), mandate)))
    give(ada, third, cy.ballot(third.id))
    row = _row(ada, mandate)
    assert (row["recall"]["signed"], row["state"]) == (3, "suspended"), "over takes one motion that is settled"
    give(ada, cy.ballot(other.id))
    assert _row(ada, mandate)["state"] == "recalled"


def test_two_who_recall_each_other(four):
    ada, bea, cy, dan, _ = four
    treasurer = _given(ada, [cy, dan], holder="Bea")
    cook = _given(ada, [cy, dan], holder="Ada", role="cook", powers=["cook"])
    exchange(ada, bea)
    one = bytes_of(delegation.recall(Context(ada), {"mandate": "treasurer"})["id"])
    other = bytes_of(delegation.recall(Context(bea), {"mandate": "cook"})["id"])
    exchange(ada, bea)
    give(ada, cy.ballot(one), dan.ballot(one), cy.ballot(other), dan.ballot(other))
    exchange(ada, bea)
    assert {_row(node, each)["state"] for node in (ada, bea) for each in (treasurer, cook)} == {"recalled"}


def test_no_second_term_in_a_row_and_handing_over(four):
    ada, bea, cy, dan, _ = four
    first = _given(ada, [cy, dan], holder="Bea")
    exchange(ada, bea)
    with pytest.raises(NodeError, match="does not let anybody follow themselves"):
        delegation.mandate(Context(ada), {"title": "treasurer", "holder": "Bea", "powers": ["spend"]})
    question = propose(Context(ada), "Paint the door")
    voting.vote(Context(ada), {"id": text_of(question), "choices": ["yes"]})
    give(ada, *(each.ballot(question) for each in (cy, dan)))  # what is in force goes into an action's record
    for long in (
        {"powers": ["x" * 81]},
        {"powers": list(map(str, range(33)))},
        {"powers": ["cook"], "limits": "x" * 2001},
    ):
        with pytest.raises(NodeError, match=r"action: (powers|bounds): "):
            delegation.mandate(Context(ada), {"title": "baker", "holder": "Bea", **long})
    forged = dan.write(
        Kind.PROPOSAL,
        Proposal(
            Context(ada).standing().head, "mandate", "Again",
            action=(int(Verb.MANDATE), Mandate("Treasurer", bea.keys.member_public, ("spend",))),
        ),
    )  # fmt: skip
    give(ada, forged, dan.ballot(forged.id), cy.ballot(forged.id))
    with pytest.raises(NodeError, match="does not let anybody follow themselves"):
        voting.vote(Context(ada), {"id": text_of(forged.id), "choices": ["yes"]})
    assert forged.id not in Context(ada).state().mandates, "it has no effect where it is pinned"
    second = _given(ada, [cy, dan], holder="Ada", again=True)
    exchange(ada, bea)
    assert _row(ada, first)["state"] == "followed"
    delegation.handover(
        Context(bea), {"mandate": text_of(first), "to": text_of(second), "text": "The keys and 12 coins"}
    )
    exchange(ada, bea)
    (handed,) = _row(ada, first)["handed_over"]
    assert handed["text"] == "The keys and 12 coins"
    with pytest.raises(NodeError, match="not handed over to itself"):
        delegation.handover(Context(bea), {"mandate": text_of(first), "to": text_of(first), "text": "x"})
    _given(ada, [cy, dan], holder="Ada", again=True)
    assert len(Context(ada).state().mandates) == 3


def test_a_seat_is_empty_when_its_holder_is_removed(four):
    ada, bea, cy, dan, _ = four
    mandate = _given(ada, [cy, dan], holder="Bea")
    motion = bytes_of(rosters.remove(Context(ada), {"person": "Bea", "reason": "Left town"})["id"])
    give(ada, cy.ballot(motion), dan.ballot(motion))
    assert _row(ada, mandate)["state"] == "empty"


def test_what_is_no_mandate(four):
    ada, bea, cy, dan, _ = four
    with pytest.raises(NotFoundError, match="no such mandate"):
        delegation.act(Context(ada), {"mandate": "zzzz", "text": "x", "power": "y"})
    question = proposing.propose(Context(ada), {"title": "A question", "policy": "significant"})["id"]
    with pytest.raises(NotFoundError, match="no mandate"):
        delegation.recall(Context(ada), {"mandate": question})
    answer = delegation.mandate(Context(ada), {"title": "cook", "holder": "Bea", "powers": ["cook"]})
    with pytest.raises(NodeError, match="not decided yet"):
        delegation.act(Context(ada), {"mandate": answer["id"], "text": "x", "power": "cook"})
    stranger = Proposal(
        Context(ada).standing().head, "recall", "Recall nothing", action=(int(Verb.RECALL), bytes_of(question))
    )
    motion = dan.write(Kind.PROPOSAL, stranger)
    give(ada, motion, dan.ballot(motion.id), cy.ballot(motion.id))
    with pytest.raises(NodeError, match="does not contain its mandate"):
        voting.vote(Context(ada), {"id": text_of(motion.id), "choices": ["yes"]})
    assert motion.id not in Context(ada).standing().rosters.ids(Context(ada).standing().head)
