"""What waits for a person: each thing is there once it waits for them, with the command that does it, and gone after."""

import pytest

from meshd.assembly import survey
from meshd.errors import NodeError, UsageError
from meshd.founding.opening import Joining, join
from meshd.service import (
    delegation,
    explaining,
    listing,
    meetings,
    membership,
    proposing,
    rosters,
    talk,
    voting,
    witnessing,
)
from meshd.service.context import Context
from meshd.service.dispatch import answer
from meshd.service.status import home, status
from meshd.service.waiting import waiting
from meshd.store import tables
from meshd.upkeep.witness import keep_time
from meshd_cli.results import state_words
from meshd_cli.waiting import waiting_words
from meshd_protocol.chains import Waiting
from meshd_protocol.control import Request
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.tickets import read_ticket
from tests.worlds import Clock, commune, exchange, founder, give, newcomer, propose, world

DAY = 24 * 3600 * 1000


@pytest.fixture
def three(tmp_path):
    clock = Clock()
    nodes, _ = commune(tmp_path, ["Ada", "Bea", "Cy"], clock=clock)
    exchange(*nodes)
    yield [Context(node) for node in nodes], clock
    for node in nodes:
        node.close()


def meet(contexts):
    exchange(*(context.assembly for context in contexts))


def told(context):
    return [(each["what"], each["title"], each["command"]) for each in waiting(context).shown]


def whats(context):
    return [each["what"] for each in waiting(context).shown]


def do(context, verb, **arguments):
    """A command as the control socket takes it."""
    steps = answer(context, Request(verb, arguments, None))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def short(identity):
    return text_of(identity)[:8]


def test_a_ballot_that_was_not_cast(three):
    (ada, bea, cy), _ = three
    question = propose(ada, "Buy an oven")
    meet(three[0])
    for person in (ada, bea, cy):
        assert told(person) == [("vote", "Buy an oven", f"meshd vote {short(question)}")]
    do(bea, "vote", id=short(question), choices=["no"])
    assert told(bea) == []
    do(ada, "vote", id=short(question), choices=["yes"])
    meet(three[0])
    assert whats(cy) == ["vote"]
    do(cy, "vote", id=short(question), choices=["yes"])
    assert whats(cy) == []
    (row,) = do(cy, "list")
    assert (row["said"], row["asked"], row["outcome"]) == ("yes", None, "passed")


def test_what_is_decided_asks_nobody_any_more(three):
    (ada, bea, cy), _ = three
    question = propose(ada)
    meet(three[0])
    for person in (ada, bea):
        do(person, "vote", id=short(question), choices=["yes"])
    meet(three[0])
    assert whats(cy) == []
    assert do(cy, "list", open=True) == []
    assert do(cy, "list", mine=True) == []
    assert [row["title"] for row in do(bea, "list", mine=True)] == ["A question"]


def test_a_vote_says_when_it_ends(tmp_path):
    clock = Clock()
    (node,), authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=1, clock=clock, witnesses=4)
    ada = Context(node)
    give(node, *(author.certify() for author in authors))
    first = propose(ada, "Slow", "standard")
    clock.now_ms += DAY
    second = propose(ada, "Slower", "standard")
    settled = propose(ada, "When enough agree")
    found = waiting(ada).shown
    assert [each["id"] for each in found] == [text_of(first), text_of(second), text_of(settled)]
    wait = ada.state().policies["standard"].wait * 1000
    begun = node.store.get(tables.Proposal, id=second).time_ms
    assert abs(found[1]["ends"] - begun - wait) < 1000
    assert found[2]["ends"] is None
    clock.now_ms += 30_000
    assert waiting(ada).shown[1]["ends"] == found[1]["ends"], "it does not move while nothing is measured"
    closing = bytes_of(
        proposing.propose(ada, {"title": "Soon", "policy": "significant", "closes_ms": clock() + 5000})["id"]
    )
    assert text_of(closing) in [each["id"] for each in waiting(ada).shown]
    assert do(ada, "list", id=text_of(closing))[0]["late"] is False
    clock.now_ms += 6000
    assert text_of(closing) not in [each["id"] for each in waiting(ada).shown], "`vote` would refuse it"
    assert do(ada, "list", id=text_of(closing))[0]["late"] is True, "but for a ballot that is to be late"
    node.close()


def test_before_a_ballot_is_cast_it_says_what_it_would_do(three):
    (ada, bea, cy), _ = three
    question = propose(ada)
    do(ada, "vote", id=short(question), choices=["yes"])
    meet(three[0])
    ahead = do(bea, "vote", id=short(question), choices=["yes"], preview=True)
    assert (ahead["changeable"], ahead["seen_by"]) == (False, 3)
    assert (ahead["proposal"]["state"], ahead["proposal"]["outcome"]) == ("settled", "passed")
    assert bea.assembly.store.count(tables.Ballot, proposal=question) == 1, "nothing was written"
    assert whats(bea) == ["vote"]
    with pytest.raises(UsageError, match="yes, no or abstain"):
        do(bea, "vote", id=short(question), choices=["perhaps"], preview=True)
    given = delegation.mandate(ada, {"title": "Baker", "holder": "Cy", "powers": ["bake"]})["id"]
    do(ada, "vote", id=given, choices=["yes"])
    meet(three[0])
    ahead = do(bea, "vote", id=given, choices=["yes"], preview=True)["proposal"]
    assert state_words(ahead) == "final: passed", "of three two are enough, and one has said so"


def test_an_applicant_an_observer_and_their_admission(three, tmp_path):
    (ada, bea, cy), clock = three
    dan = newcomer(tmp_path / "dan", ada, "Dan the Van!", seed=9, clock=clock).assembly
    give_applications(dan, ada.assembly)
    meet(three[0])
    label = ada.assembly.people.label(dan.keys.member_public)
    assert told(bea) == [("vouch", label, f"meshd vouch '{label}'")]
    membership.vouch(ada, {"person": label})
    assert whats(ada) == []
    meet(three[0])
    membership.vouch(bea, {"person": label})
    meet(three[0])
    for person in three[0]:
        assert told(person) == [("admit", label, f"meshd admit '{label}'")]
    assert {row["motion"] for row in membership.members(cy, {}) if row["role"] == "observer"} == {None}
    motion = membership.admit(cy, {"people": [label]})["id"]
    meet(three[0])
    for person in three[0]:
        (row,) = [row for row in membership.members(person, {}) if row["role"] == "observer"]
        assert row["motion"] == motion, "nobody opens a second one, or votes without knowing it"
    assert whats(cy) == []
    assert told(ada) == [("vote", f"Admit {label}", f"meshd vote {motion[:8]}")]
    dan.close()


def test_who_needs_one_vouch_more_since_there_are_more_members_hears_of_it(tmp_path):
    clock = Clock()
    ada = founder(tmp_path, clock=clock).context
    bea, cy = (newcomer(tmp_path, ada, name, seed=n, clock=clock).context for n, name in ((8, "Bea"), (9, "Cy")))
    for each in (bea, cy):
        give_applications(each.assembly, ada.assembly)
        membership.vouch(ada, {"person": ada.assembly.people.label(each.me)})
        exchange(ada.assembly, each.assembly)
    assert "You are an observer" in " ".join(status(cy, {})["pending"])
    admitted = membership.admit(ada, {"people": ["Bea"]})
    assert any("2 vouches to read and talk" in each and "Cy" in each for each in admitted["warnings"])
    exchange(ada.assembly, bea.assembly, cy.assembly)
    (told_cy,) = status(cy, {})["pending"]
    assert told_cy.startswith("You ask to join: 1 of 2 members vouch for you")
    membership.vouch(bea, {"person": "Cy"})
    exchange(ada.assembly, bea.assembly, cy.assembly)
    assert "You are an observer" in " ".join(status(cy, {})["pending"])
    for each in (ada, bea, cy):
        each.assembly.close()


def test_many_votes_hide_nothing_else(three):
    (ada, bea, cy), clock = three
    for number in range(20):
        propose(ada, f"Question {number}")
    letter = meetings.minutes(ada, {"title": "Monday", "text": "We met.", "present": ["Bea"]})["id"]
    meet(three[0])
    shown = waiting(bea, 12)
    assert len(shown.shown) == 12
    assert [each["what"] for each in shown.shown].count("vote") == 11
    assert ("assent", letter) in [(each["what"], each["id"]) for each in shown.shown]
    assert shown.more == 9
    assert len(waiting(bea).shown) == 21


def give_applications(newcomer, member):
    records, _ = survey.load(newcomer, survey.own_records(newcomer)[0])
    member.receive(records, Waiting())


def test_an_applicant_whose_ticket_is_over_waits_for_nobody(three, tmp_path):
    (ada, _, _), clock = three
    dan = newcomer(tmp_path / "dan", ada, "Dan", seed=9, clock=clock).assembly
    give_applications(dan, ada.assembly)
    assert whats(ada) == ["vouch"]
    person = Context(dan)
    assert do(person, "whoami")["out"] is None
    clock.now_ms += 8 * DAY
    assert whats(ada) == []
    assert do(person, "whoami")["out"] == do(person, "home")["out"] == do(person, "status")["out"] == "expired"
    (told_there,) = do(person, "home")["pending"]
    assert told_there in do(person, "status")["pending"]
    assert told_there.startswith("Your ticket ran out before anybody let you in. Ask a member for a new ticket")
    assert "`meshd join TICKET --as YOU`" in told_there
    with pytest.raises(NodeError, match="ticket ran out") as refused:
        do(person, "say", text="hello?")
    assert "new ticket" in refused.value.hint
    label = ada.assembly.people.label(person.me)
    do(ada, "vouch", person=label)
    meet(three[0])
    do(three[0][1], "vouch", person=label)
    for member in three[0]:
        exchange(member.assembly, dan)
    assert (do(person, "whoami")["role"], do(person, "whoami")["out"]) == ("observer", None), "an answer still comes"
    dan.close()


def test_a_motion_about_me_asks_for_my_answer(three):
    (ada, bea, cy), _ = three
    motion = rosters.remove(ada, {"person": "Bea", "reason": "never here"})["id"]
    meet(three[0])
    by_ada = ada.assembly.people.label(ada.me)
    assert told(bea)[0] == ("answer", f"Remove {bea.assembly.people.label(bea.me)}", f"meshd answer {motion[:8]}")
    assert waiting(bea).shown[0]["person"] == by_ada
    assert "answer" not in whats(cy)
    do(bea, "answer", id=motion[:8], text="I am here now")
    assert "answer" not in whats(bea)
    mandate = delegation.mandate(cy, {"title": "Treasurer", "holder": "Bea", "powers": ["spend"]})["id"]
    for person in (cy, bea, ada):
        meet(three[0])
        if person.assembly.store.get(tables.Ballot, proposal=bytes_of(mandate), member=person.me) is None:
            voting.vote(person, {"id": mandate, "choices": ["yes"]})
    meet(three[0])
    recall = delegation.recall(cy, {"mandate": "Treasurer"})["id"]
    meet(three[0])
    assert ("answer", recall[:8]) in [(each["what"], each["id"][:8]) for each in waiting(bea).shown]


def test_acts_minutes_tasks_and_letters(three):
    (ada, bea, cy), clock = three
    mandate = delegation.mandate(ada, {"title": "Baker", "holder": "Bea", "powers": ["bake"]})["id"]
    meet(three[0])
    for person in three[0]:
        voting.vote(person, {"id": mandate, "choices": ["yes"]})
        meet(three[0])
    delegation.act(bea, {"mandate": "Baker", "power": "bake", "text": "Forty loaves"})
    notes = meetings.minutes(bea, {"title": "Monday", "text": "We met.", "present": ["Ada", "Bea"]})["id"]
    task = meetings.outcome(bea, {"id": mandate, "text": "Bread", "tasks": [f"buy flour\tAda\t{clock() + DAY}"]})["id"]
    talk.say(cy, {"text": "for you alone", "to": "Ada"})
    meet(three[0])
    assert told(bea) == []
    assert told(ada) == [
        ("act", "Baker", "meshd delegates"),
        ("assent", "Monday", f"meshd assent {notes[:8]}"),
        ("task", "buy flour", f"meshd done {task[:8]}.1"),
        ("letter", cy.assembly.people.device_label(cy.assembly.keys.device.public), "meshd read"),
    ]
    assert waiting(ada).shown[2]["ends"] is not None
    do(ada, "delegates")
    do(ada, "assent", id=notes[:8])
    do(ada, "done", id=f"{task[:8]}.1")
    do(ada, "read")
    assert told(ada) == []
    assert told(cy) == [("act", "Baker", "meshd delegates")]


def test_who_is_out_is_told_so_everywhere(three):
    (ada, bea, cy), _ = three
    rosters.leave(cy, {})
    for verb, arguments in (
        ("say", {"text": "hello"}),
        ("propose", {"title": "x"}),
        ("invite", {}),
        ("minutes", {"title": "Monday", "text": "We met."}),
        ("witness", {"word": "on"}),
    ):
        with pytest.raises(NodeError, match="you left"):
            do(cy, verb, **arguments)
    for verb in ("minutes", "witness"):  # they read, too
        do(cy, verb)
    assert do(cy, "whoami")["out"] == do(cy, "status")["out"] == "left"
    meet(three[0])
    assert cy.me not in ada.state().members
    meet(three[0])
    assert do(cy, "status")["out"] == "left"
    assert any("join TICKET" in line for line in do(cy, "status")["pending"])
    motion = rosters.remove(ada, {"person": "Bea", "reason": "moved"})["id"]
    with pytest.raises(NodeError):
        voting.vote(cy, {"id": motion, "choices": ["yes"]})
    assert do(ada, "whoami")["out"] is None


def test_a_removed_person_and_a_revoked_device(tmp_path):
    nodes, _ = commune(tmp_path, ["Ada", "Bea", "Eve", "Cy", "Dan"])
    exchange(*nodes)
    ada, bea, eve, cy, dan = map(Context, nodes)
    device = text_of(dan.assembly.keys.device.public)
    for verb, arguments, voters in (
        (rosters.remove, {"person": "Cy", "reason": "gone"}, (bea, eve, dan)),
        (rosters.revoke, {"device": device, "reason": "stolen"}, (bea, eve)),
    ):
        motion = verb(ada, arguments)["id"]
        for person in voters:
            exchange(*nodes)
            voting.vote(person, {"id": motion, "choices": ["yes"]})
        if verb is rosters.revoke:
            question = propose(dan, "Hand the keys to me", "significant")
        exchange(*nodes)
    assert explaining.show(ada, {"id": text_of(question)})["by_revoked"]
    assert do(cy, "whoami")["out"] == "removed"
    assert do(dan, "whoami")["out"] == "revoked"
    for person, word in ((cy, "you were removed"), (dan, "this device was revoked")):
        with pytest.raises(NodeError, match=word):
            do(person, "say", text="hello?")
    assert waiting(cy).shown == []
    motion = rosters.remove(ada, {"person": "Dan", "reason": "gone"})["id"]
    for person in (bea, eve):
        exchange(*nodes)
        voting.vote(person, {"id": motion, "choices": ["yes"]})
    exchange(*nodes)
    assert ada.me in ada.state().members
    assert dan.me not in ada.state().members
    assert "anew" not in whats(ada), "what a lost machine asked after its owner said so is nobody's to put anew"
    for node in nodes:
        node.close()


def test_who_left_or_was_removed_asks_nobody_until_they_apply_anew(tmp_path):
    """By the application that let them in nobody is asked, or can, let them in again; by a new one everybody is."""
    ada, bea, cy, dan = people = [Context(node) for node in commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"])[0]]
    meet(people)
    eve = newcomer(tmp_path / "eve", ada, "Eve", seed=9)
    give_applications(eve.assembly, ada.assembly)
    everybody = [*people, eve.context]
    for voucher in (ada, bea):
        membership.vouch(voucher, {"person": "Eve"})
        meet(people)
    with pytest.raises(NodeError, match="already"):
        membership.vouch(bea, {"person": "Eve"})
    membership.admit(ada, {"people": ["Eve"]})
    meet(everybody)
    for voter in (bea, cy):
        membership.admit(voter, {"people": ["Eve"]})
        meet(everybody)
    assert eve.context.me in ada.state().members
    propose(ada, "A question")
    meet(everybody)
    assert "vote" in whats(eve.context)
    rosters.leave(eve.context, {})
    assert waiting(eve.context).shown == [], "nobody takes the ballot of who left"
    meet(everybody)
    label = ada.assembly.people.label(eve.context.me)
    for person in people:
        assert "vouch" not in whats(person)
    assert [row["role"] for row in do(ada, "members") if row["label"] == label] == ["removed"]
    (admission,) = [row for row in do(ada, "list") if row["title"] == f"Admit {label}"]
    assert (admission["outcome"], admission["in_effect"], admission["ended"]) == ("passed", False, True)
    for command in (
        lambda: membership.vouch(ada, {"person": "Eve"}),
        lambda: membership.vouch(cy, {"person": "Eve"}),
        lambda: membership.admit(cy, {"people": ["Eve"]}),
    ):
        with pytest.raises(NodeError, match="has not asked to come back") as refused:
            command()
        assert "meshd invite" in refused.value.hint
    ticket = read_ticket(membership.invite(dan, {})["ticket"])
    key = Joining(member=eve.assembly.keys.member)
    again = join(tmp_path / "again", ticket, "Eve", "pw", how=key, world=world(10))
    give_applications(again, ada.assembly)
    meet(people)
    (row,) = [row for row in do(ada, "members") if row["label"] == label]
    assert (row["role"], row["vouched_by"]) == ("applicant", [])
    for person in people:
        assert ("vouch", label, f"meshd vouch {label}") in told(person)
    said = do(ada, "vouch", person="Eve")
    assert (said["role"], len(said["vouched_by"])) == ("applicant", 1)
    with pytest.raises(NodeError, match="1 of 2") as refused:
        membership.admit(ada, {"people": ["Eve"]})
    assert refused.value.hint.startswith("Somebody else vouches with")
    meet(people)
    assert do(bea, "vouch", person="Eve")["role"] == "observer"
    meet(people)
    assert eve.context.me in ada.state().observers
    for each in (*people, eve.context):
        each.assembly.close()
    again.close()


def test_an_admission_and_a_removal_name_each_other(three, tmp_path):
    (ada, bea, cy), clock = three
    dan = newcomer(tmp_path / "dan", ada, "Dan", seed=9, clock=clock).assembly
    give_applications(dan, ada.assembly)
    membership.vouch(ada, {"person": "Dan"})
    meet(three[0])
    membership.vouch(bea, {"person": "Dan"})
    meet(three[0])
    admission = membership.admit(ada, {"people": ["Dan"]})["id"]
    removal = rosters.remove(bea, {"person": "Cy", "reason": "gone"})["id"]
    meet(three[0])
    (line,) = [each for each in status(ada, {})["pending"] if each.startswith("Open together")]
    assert f"`meshd why {admission[:8]}`" in line
    assert f"`meshd vote {removal[:8]}`" in line
    dan.close()


def test_a_vote_whose_witnesses_are_gone_is_put_anew(tmp_path):
    clock = Clock()
    nodes, _ = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], clock=clock, witnesses=4)
    exchange(*nodes)
    contexts = [Context(node) for node in nodes]
    ada, bea, cy, dan = contexts
    question = propose(ada, "Paint the door", "standard")
    exchange(*nodes)
    assert explaining.show(ada, {"id": text_of(question)})["stuck"] is None
    assert "vote" in whats(bea)
    rosters.leave(cy, {})
    exchange(*nodes)
    rosters.leave(dan, {})
    exchange(*nodes)
    exchange(*nodes)
    assert len(ada.state().members) == 2
    found = explaining.show(ada, {"id": text_of(question)})["stuck"]
    assert (found["why"], found["needed"], found["able"]) == ("witnesses-gone", 3, 2)
    reasons = {each["rule"]: each["text"] for each in explaining.why(ada, {"id": text_of(question)})["reasons"]}
    assert "never be final" in reasons["stuck"]
    command = f"meshd propose --again {short(question)}"
    assert ("anew", "Paint the door", command) in told(ada)
    assert do(bea, "list", id=text_of(question))[0]["late"] is False, "a ballot would come to nothing"
    assert "anew" not in whats(bea), "it is its author's to put anew"
    assert "vote" not in whats(bea), "and a ballot would come to nothing"
    again = do(ada, "propose", again=short(question))["id"]
    row = ada.assembly.store.get(tables.Proposal, id=bytes_of(again))
    assert (row.title, row.policy, row.roster) == ("Paint the door", "standard", ada.standing().head)
    assert "anew" not in whats(ada)
    exchange(*nodes)
    with pytest.raises(NodeError, match="put anew already") as refused:
        do(bea, "propose", again=short(question))
    assert refused.value.hint == f"`meshd vote {again[:8]}` votes on it."
    do(ada, "withdraw", id=again)
    exchange(*nodes)
    do(bea, "propose", again=short(question))
    for node in nodes:
        node.close()


def test_a_vote_that_witnesses_don_t_attest_in_twice_its_time(tmp_path):
    clock = Clock()
    (node,), authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=1, clock=clock, witnesses=4)
    ada = Context(node)
    give(node, *(author.certify() for author in authors))
    question = propose(ada, "Paint the door", "standard")
    wait = ada.state().policies["standard"].wait * 1000
    clock.now_ms += wait + 1000
    keep_time(node)
    assert explaining.show(ada, {"id": text_of(question)})["stuck"] is None
    clock.now_ms += wait + 1000
    keep_time(node)
    assert explaining.show(ada, {"id": text_of(question)})["stuck"]["why"] == "witnesses-late"
    assert "anew" in whats(ada)
    node.close()


def test_a_question_that_was_put_to_people_who_left(three):
    (ada, bea, cy), _ = three
    question = propose(ada, "Buy an oven")
    meet(three[0])
    rosters.leave(cy, {})
    meet(three[0])
    assert told(ada) == [("anew", "Buy an oven", f"meshd propose --again {short(question)}")]
    assert whats(bea) == []
    assert explaining.show(bea, {"id": short(question)})["put_anew"] is None
    again = do(ada, "propose", again=short(question))["id"]
    meet(three[0])
    assert whats(bea) == ["vote"]
    assert explaining.show(bea, {"id": short(question)})["put_anew"] == again


def test_a_vote_whose_members_have_gone_can_still_be_decided_by_those_who_are_left(three):
    """Nodes ask before that, and whoever looks at it is offered it."""
    (ada, bea, cy), _ = three
    question = propose(ada, "Buy an oven")
    meet(three[0])
    assert not do(bea, "list", id=short(question))[0]["late"], "it is asked for as others are"
    rosters.leave(cy, {})
    meet(three[0])
    assert "`meshd vote" in next(
        each["text"] for each in explaining.why(bea, {"id": short(question)})["reasons"] if each["rule"] == "stuck"
    )
    for person in (ada, bea):
        assert do(person, "list", id=short(question))[0]["late"]
        do(person, "vote", id=short(question), choices=["yes"], late=True)
        assert not do(person, "list", id=short(question))[0]["late"], "it was cast"
        meet(three[0])
    assert explaining.show(cy, {"id": short(question)})["outcome"] == "passed"
    assert not do(cy, "list", id=short(question))[0]["late"]


def test_a_vote_is_not_put_anew_where_it_would_come_to_the_same(tmp_path):
    """No seat has a device that attests: a new vote is as stuck as this one."""
    (node,), _ = commune(tmp_path, ["Ada"])
    ada = Context(node)
    question = propose(ada, "Paint the door", "standard")
    found = explaining.show(ada, {"id": text_of(question)})["stuck"]
    assert (found["why"], found["anew"]) == ("witnesses-gone", False)
    reasons = {each["rule"]: each["text"] for each in explaining.why(ada, {"id": text_of(question)})["reasons"]}
    assert "would come to the same" in reasons["stuck"]
    assert "anew" not in whats(ada)
    node.close()


def test_what_is_put_anew_says_what_it_said(three):
    (ada, bea, _), _ = three
    question = propose(ada)
    with pytest.raises(UsageError, match="leave out title"):
        do(ada, "propose", again=short(question), title="Another")
    with pytest.raises(UsageError, match="has a title"):
        do(ada, "propose")
    for person in (ada, bea):
        voting.vote(person, {"id": text_of(question), "choices": ["yes"]})
        meet(three[0])
    with pytest.raises(NodeError, match="is settled"):
        do(ada, "propose", again=short(question))


def test_a_date_before_the_policy_s_time_is_refused(tmp_path):
    clock = Clock()
    (node,), _ = commune(tmp_path, ["Ada"], clock=clock, witnesses=1)
    ada = Context(node)
    with pytest.raises(UsageError, match="can't close before"):
        do(ada, "propose", title="Soon", closes_ms=clock() + 60_000)
    do(ada, "propose", title="Soon", policy="significant", closes_ms=clock() + 60_000)
    policy = ada.state().policies["standard"]
    assert do(ada, "propose", title="In time", closes_ms=clock() + policy.wait * 1000)["warnings"] == []
    (late,) = do(ada, "propose", title="Late", closes_ms=clock() + 2 * policy.wait * 1000)["warnings"]
    assert "a later end has no effect" in late
    node.close()


def test_a_seat_that_lost_its_device(tmp_path):
    nodes, _ = commune(tmp_path, ["Ada", "Bea"], witnesses=2)
    exchange(*nodes)
    ada = Context(nodes[0])
    witnessing.witness(ada, {"word": "off"})
    assert told(ada) == [("seat", "", "meshd witness on")]
    do(ada, "witness", word="on")
    assert told(ada) == []
    for node in nodes:
        node.close()


def test_the_home_screen_tells_what_happened_since(three):
    (ada, bea, cy), _ = three
    assert home(ada, {"look": True})["since"]["since_ms"] is None
    question = propose(bea, "Buy an oven")
    talk.say(cy, {"text": "hello"})
    voting.vote(bea, {"id": text_of(question), "choices": ["yes"]})
    meet(three[0])
    voting.vote(cy, {"id": text_of(question), "choices": ["yes"]})
    rosters.leave(cy, {})
    meet(three[0])
    found = home(ada, {"look": True})["since"]
    assert [each["title"] for each in found["decided"]] == ["Buy an oven"]
    assert [each["title"] for each in found["proposed"]] == ["Buy an oven"]
    assert found["left"] == [ada.assembly.people.label(cy.me)]
    assert found["messages"] == 1
    again = home(ada, {})["since"]
    assert (again["decided"], again["proposed"], again["left"], again["messages"]) == ([], [], [], 0)
    talk.say(bea, {"text": "and now?"})
    meet(three[0])
    talk.read(ada, {"quiet": True})
    assert home(ada, {})["since"]["messages"] == 1
    talk.read(ada, {})
    assert home(ada, {})["since"]["messages"] == 0, "what was read is no news"


def test_what_others_withdrew_is_told_once(three):
    (ada, bea, _), _ = three
    mine, theirs = propose(ada, "A bell"), propose(bea, "Buy an oven")
    meet(three[0])
    home(ada, {"look": True})
    do(ada, "withdraw", id=short(mine))
    do(bea, "withdraw", id=short(theirs))
    meet(three[0])
    found = home(ada, {"look": True})["since"]["withdrawn"]
    assert found == [{"id": text_of(theirs), "title": "Buy an oven", "person": ada.assembly.people.label(bea.me)}]
    assert home(ada, {})["since"]["withdrawn"] == []


def test_what_was_not_sent_is_told(three):
    (ada, bea, _), _ = three
    assert do(ada, "say", text="hello")["sent"] is False
    written = status(ada, {})["unsent"]
    do(ada, "say", text="hello")
    assert status(ada, {})["unsent"] == written + 1
    survey.agree(ada.assembly, bea.assembly.keys.device.public, survey.place(ada.assembly))
    assert status(ada, {})["unsent"] == 0
    (row,) = [row for row in status(ada, {})["reached"] if row["last_ms"]]
    assert row["person"] == ada.assembly.people.label(bea.me)
    do(ada, "say", text="hello again")
    assert status(ada, {})["unsent"] == 1


def test_the_most_pressing_are_on_the_home_screen_and_all_in_status(three):
    (ada, _, _), _ = three
    for number in range(20):
        propose(ada, f"Question {number}")
    shown = home(ada, {})
    assert (len(shown["waiting"]), shown["more"]) == (12, 8)
    assert len(status(ada, {})["waiting"]) == 20
    assert len(listing.list_(ada, {"open": True})) == 20


def test_people_are_found_as_they_are_typed(tmp_path):
    names = ["Émil 🐝 Zola", "Emma", "Émilie", "Bo"]
    (node,), authors = commune(tmp_path, ["Ada", *names], nodes=1)
    give(node, *(author.certify() for author in authors))
    ada = Context(node)
    keys = {author.name: author.member.public for author in authors}
    for words, name in (
        ("emil z", "Émil 🐝 Zola"), ("EMIL ZOLA", "Émil 🐝 Zola"), ("emili", "Émilie"), ("émilie", "Émilie"), ("bo", "Bo"),
        ("b", "Bo"), ("emm", "Emma"), (f"emil·{text_of(keys['Émil 🐝 Zola'])[:6]}", "Émil 🐝 Zola"),
    ):  # fmt: skip
        assert ada.person(words) == keys[name], words
    for words in ("em", "e", "émil", "🐝", "", "zola"):
        with pytest.raises(NodeError):
            ada.person(words)
    node.close()


def test_people_whose_names_have_no_letters_are_found(tmp_path):
    """By the signs themselves, whichever of two keyboards wrote them, or as the screen shows them."""
    names = ["🌻", "🐝🐻", "❤\ufe0f", "❤🐝",
             "\u0301\u0302", "\u202e\u2066", "🦉 Bo"]  # fmt: skip
    (node,), authors = commune(tmp_path, ["Ada", *names], nodes=1)
    give(node, *(author.certify() for author in authors))
    ada = Context(node)
    keys = {author.name: author.member.public for author in authors}
    label = node.people.label
    for words, name in (
        ("🌻", names[0]), ("🐝", names[1]), ("🐝🐻", names[1]),
        ("🐝 🐻", names[1]), ("❤", names[2]), ("\u0301", names[4]),
        ("\ufffd\ufffd", names[5]), ("🦉", names[6]), ("bo", names[6]),
        *((label(key), name) for name, key in keys.items()),
        (f"🐝·{text_of(keys[names[1]])[:4]}", names[1]),
    ):  # fmt: skip
        assert ada.person(words) == keys[name], words
    for words in ("🍯", "🐻", "\ufe0f", f"🍯·{text_of(keys[names[0]])[:6]}"):
        with pytest.raises(NodeError):
            ada.person(words)
    node.close()


def test_a_proposal_that_its_author_withdraws(three):
    (ada, bea, cy), _ = three
    question = propose(ada, "Buy an oven")
    meet(three[0])
    with pytest.raises(NodeError, match="only its author"):
        do(bea, "withdraw", id=short(question))
    do(ada, "withdraw", id=short(question), reason="too dear")
    voting.vote(cy, {"id": text_of(question), "choices": ["yes"]})  # it has not arrived there
    meet(three[0])
    for person in (ada, bea, cy):
        assert whats(person) == []
        assert do(person, "list", open=True) == []
        shown = explaining.show(person, {"id": text_of(question)})
        assert (shown["withdrawn"], shown["waits"]) == (True, "")
    assert do(bea, "home")["since"]["proposed"] == [], "what is withdrawn is no news"
    reasons = {each["rule"]: each["text"] for each in explaining.why(bea, {"id": text_of(question)})["reasons"]}
    assert "too dear" in reasons["withdrawn"]
    with pytest.raises(NodeError, match=rf"withdrawn by its author, Ada·{text_of(ada.me)[:4]}: too dear") as refused:
        do(bea, "vote", id=short(question), choices=["yes"])
    assert f"`meshd vote {short(question)} yes --late`" in refused.value.hint
    assert "your ballot counts" in refused.value.hint
    do(bea, "vote", id=short(question), choices=["yes"], late=True)
    assert explaining.show(bea, {"id": text_of(question)})["outcome"] == "passed", "no rule reads a retraction"
    with pytest.raises(NodeError, match="already"):
        do(ada, "withdraw", id=short(question))
    meet(three[0])
    settled = propose(ada, "Sell it")
    for person in (ada, bea):
        meet(three[0])
        voting.vote(person, {"id": text_of(settled), "choices": ["yes"]})
    with pytest.raises(NodeError, match="final"):
        meet(three[0])
        do(ada, "withdraw", id=short(settled))


def test_a_withdrawn_motion_is_not_joined(three):
    (ada, bea, cy), _ = three
    first = rosters.remove(ada, {"person": "Cy", "reason": "a mistake"})["id"]
    do(ada, "withdraw", id=first[:8])
    meet(three[0])
    assert "answer" not in whats(cy)
    second = rosters.remove(bea, {"person": "Cy", "reason": "no mistake"})["id"]
    assert second != first
    meet(three[0])
    assert "answer" in whats(cy)
    somebody_else = do(bea, "list")
    assert [row["withdrawn"] for row in somebody_else if row["id"] == first] == [True]


def test_what_is_decided_and_lacks_the_yes_of_today_waits_for_it(tmp_path):
    """Two of three settle a question; two come in: it binds nobody until more than half of the five have said yes."""
    clock = Clock()
    nodes, _ = commune(tmp_path, ["Ada", "Bea", "Cy"], clock=clock)
    contexts = [Context(node) for node in nodes]
    ada, bea, cy = contexts
    exchange(*nodes)
    question = propose(ada, "Buy an oven")
    exchange(*nodes)
    for person in (ada, bea):
        voting.vote(person, {"id": text_of(question), "choices": ["yes"]})
    exchange(*nodes)
    assert whats(cy) == []
    rosters.leave(bea, {})
    exchange(*nodes)
    assert len(cy.state().members) == 2
    shown = explaining.show(cy, {"id": text_of(question)})
    assert (shown["outcome"], shown["in_force"], shown["waits_for"]) == (
        "passed", False, [cy.assembly.people.label(cy.me)],
    )  # fmt: skip
    assert told(cy) == [("step", "Buy an oven", f"meshd vote {short(question)} --late")]
    assert [row["id"] for row in do(ada, "list", open=True)] == [text_of(question)], "it waits, though not for her"
    ahead = do(cy, "vote", id=short(question), choices=["yes"], late=True, preview=True)["proposal"]
    assert state_words(ahead) == "final: passed", "it does not wait for the yes that it is"
    ahead = do(cy, "vote", id=short(question), choices=["no"], late=True, preview=True)["proposal"]
    assert "waits for Cy" in state_words(ahead)
    do(cy, "vote", id=short(question), choices=["yes"], late=True)
    assert explaining.show(cy, {"id": text_of(question)})["in_force"] is True
    assert whats(cy) == []
    for node in nodes:
        node.close()


def test_what_was_put_to_somebody_who_left_goes_on_waiting(tmp_path):
    """A vote that can still be final is asked for, with the word that it takes; one that nodes ask about is put anew, by
    anybody where its author is gone.
    """
    clock = Clock()
    nodes, _ = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], clock=clock, witnesses=4)
    exchange(*nodes)
    ada, bea, _, dan = (Context(node) for node in nodes)
    certified = propose(ada, "Paint the door", "standard")
    settled = propose(dan, "Buy an oven")
    exchange(*nodes)
    assert whats(bea) == ["vote", "vote"]
    rosters.leave(dan, {})
    exchange(*nodes)
    exchange(*nodes)
    assert len(bea.state().members) == 3
    assert told(bea) == [
        ("vote", "Paint the door", f"meshd vote {short(certified)} --late"),
        ("anew", "Buy an oven", f"meshd propose --again {short(settled)}"),
    ]
    row = waiting(bea).shown[0]
    assert waiting_words(row).endswith("Some have left to whom it was put")
    do(bea, "vote", id=short(certified), choices=["yes"], late=True)
    do(bea, "propose", again=short(settled))
    exchange(*nodes[:3])
    assert [each for each in whats(ada) if each == "anew"] == []
    assert sorted(whats(ada)) == ["vote", "vote"]
    for node in nodes:
        node.close()
