"""What is final and not in effect, what it lacks, and what people are told about it, on whole nodes."""

import pytest

from meshd.errors import NodeError
from meshd.founding.opening import Joining, join
from meshd.service import (
    delegation,
    effects,
    explaining,
    governing,
    listing,
    meetings,
    membership,
    proposing,
    proving,
    results,
    rosters,
    status,
    voting,
)
from meshd.service.context import Context, span
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Proposal, Say
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.tickets import read_ticket
from tests.worlds import Author, Clock, commune, exchange, founder, give, newcomer, propose, world


@pytest.fixture
def nodes(tmp_path):
    found, _ = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=3, clock=Clock(), witnesses=3)
    exchange(*found)
    yield [Context(node) for node in found]
    for node in found:
        node.close()


def _yes(context, identity, **more):
    return voting.vote(context, {"id": identity, "choices": ["yes"], **more})


def _why(context, identity, rule):
    return [each["text"] for each in explaining.why(context, {"id": identity})["reasons"] if each["rule"] == rule]


def _observers(nodes, *names):
    """Newcomers whom Ada and Bea vouched for, on everybody's node."""
    found = [
        newcomer(nodes[0].assembly.folder.parent / name, nodes[0], name, seed=40 + number)
        for number, name in enumerate(names)
    ]
    everybody = [*(each.assembly for each in nodes), *(each.assembly for each in found)]
    exchange(*everybody)
    for name in names:
        for voucher in nodes[:2]:
            membership.vouch(voucher, {"person": name})
            exchange(*everybody)
    return found


def test_several_are_admitted_in_one_decision(nodes):
    ada, bea, cy = nodes
    found = _observers(nodes, "Dan", "Eve")
    answer = membership.admit(ada, {"people": ["Dan", "Eve"]})
    assert answer["role"] == "observer"
    exchange(*(each.assembly for each in nodes))
    again = membership.admit(bea, {"people": ["Eve", "Dan"]})
    assert (again["id"], again["role"]) == (answer["id"], "member"), "the same decision, joined"
    exchange(*(each.assembly for each in nodes))
    shown = explaining.show(cy, {"id": answer["id"]})
    assert (shown["in_effect"], shown["state"]) == (True, "settled")
    assert _why(cy, answer["id"], "in-effect") == ["It is in effect: the roster that this node follows holds it."]
    for each in found:
        each.assembly.close()


def test_admissions_side_by_side_are_warned_of_and_say_what_they_lack(nodes):
    """Two settle apart; where they meet, each lacks a yes of the other's newcomer, and says whose would help."""
    ada, bea, cy = nodes
    found = _observers(nodes, "Dan", "Eve")
    first = membership.admit(ada, {"people": ["Dan"]})["id"]
    exchange(*(each.assembly for each in nodes))
    second = membership.admit(ada, {"people": ["Eve"]})
    assert first[:8] in second["warnings"][0]
    assert "meshd admit PERSON PERSON" in second["warnings"][0]
    exchange(*(each.assembly for each in nodes), *(each.assembly for each in found))
    _yes(bea, first)
    _yes(cy, second["id"])
    exchange(*(each.assembly for each in nodes))
    (out,) = [each for each in (first, second["id"]) if not explaining.show(ada, {"id": each})["in_effect"]]
    assert explaining.show(ada, {"id": out})["state"] == "settled"
    (text,) = _why(ada, out, "in-effect")
    assert text.startswith("It has no effect here so far. Of the members of now, 3 must have said yes, and 2 have.")
    _, _, names = text.partition("vote on it: ")
    assert ("Dan" in names) != ("Eve" in names), "the newcomer who is in may say yes, too"
    answer = _yes(bea if "Bea" in names else cy, out)
    assert answer["effect"] is not None
    for each in found:
        each.assembly.close()


def test_a_newcomer_s_yes_to_what_she_was_no_elector_of(nodes):
    ada, bea, cy = nodes
    (dan,) = _observers(nodes, "Dan")
    text = governing.charter(ada, {"text": "We bake together."})["id"]
    admit = membership.admit(ada, {"people": ["Dan"]})["id"]
    exchange(*(each.assembly for each in nodes))
    _yes(bea, admit)
    exchange(*(each.assembly for each in nodes), dan.assembly)
    answer = _yes(dan.context, text)
    assert answer["warnings"][0].startswith("You were not a member when it was proposed: your yes does not decide it.")
    assert answer["effect"] is None, "it is not final"
    dan.assembly.close()


def test_two_amendments_that_cancel_each_other_say_so(nodes):
    ada, bea, cy = nodes
    one = governing.amend(ada, {"name": "significant", "threshold": "2/3"})["id"]
    other = governing.amend(bea, {"name": "significant", "threshold": "3/4"})["id"]
    exchange(*(each.assembly for each in nodes))
    _yes(cy, one)
    _yes(cy, other)
    exchange(*(each.assembly for each in nodes))
    _yes(ada, other)
    _yes(bea, one)
    exchange(*(each.assembly for each in nodes))
    (text,) = _why(cy, one, "in-effect")
    assert text.startswith(f"It and {other[:8]} set the same thing, and knew nothing of each other")
    row = next(each for each in governing.policies(cy, {}) if each["name"] == "significant")
    assert set(row["rivals"]) == {one, other}
    third = governing.amend(ada, {"name": "significant", "threshold": "4/5"})["id"]
    exchange(*(each.assembly for each in nodes))
    _yes(bea, third)
    exchange(*(each.assembly for each in nodes))
    _yes(cy, third)
    exchange(*(each.assembly for each in nodes))
    assert _why(ada, one, "in-effect") == ["It was in effect, until a later decision took its place."]
    assert _why(ada, third, "in-effect") == ["It is in effect: the roster that this node follows holds it."]


def test_a_vote_that_came_too_late_is_not_cast_by_accident(nodes):
    ada, bea, cy = nodes
    question = proposing.propose(ada, {"title": "Buy flour"})["id"]
    exchange(*(each.assembly for each in nodes))
    voting.vote(bea, {"id": question, "choices": ["no"]})
    exchange(*(each.assembly for each in nodes))
    ada.assembly.world.clock.now_ms += 6 * 86_400_000
    for each in nodes:
        witness.keep_time(each.assembly)
    exchange(*(each.assembly for each in nodes))
    assert explaining.show(ada, {"id": question})["state"] == "certified"
    with pytest.raises(NodeError, match="certified already"):
        _yes(ada, question)
    answer = _yes(ada, question, late=True)
    assert answer["proposal"]["counts"] == {"yes": 0, "no": 1, "abstain": 0}, "hers is on record, and not counted"
    assert any(text.endswith("Too late for every witness who certified.") for text in _why(ada, question, "late"))


def test_a_decision_that_is_repealed_is_not_proved_or_followed_up_without_a_word(nodes):
    ada, bea, cy = nodes
    first = propose(ada, "Lend the oven")
    exchange(*(each.assembly for each in nodes))
    _yes(ada, text_of(first))
    _yes(bea, text_of(first))
    exchange(*(each.assembly for each in nodes))
    assert proving.prove(ada, {"id": text_of(first)})["warning"] == ""
    second = proposing.propose(ada, {"title": "Keep it", "repeals": [text_of(first)]})["id"]
    assert ada.proposal(second).policy == "significant", "as what it takes the place of"
    exchange(*(each.assembly for each in nodes))
    _yes(ada, second)
    _yes(bea, second)
    exchange(*(each.assembly for each in nodes))
    assert f"repealed by {second[:8]}" in proving.prove(ada, {"id": text_of(first)})["warning"]
    assert meetings.outcome(ada, {"id": text_of(first), "text": "x"})["state"] == "repealed"
    assert meetings.outcome(ada, {"id": second, "text": "x"})["state"] == "final"


def test_a_revocation_that_names_another_s_device_has_no_effect(tmp_path):
    (ada,), (dan, eve) = commune(tmp_path, ["Ada", "Dan", "Eve"], nodes=1, clock=Clock())
    context = Context(ada)
    give(ada, dan.certify(), eve.certify())
    payload = (dan.member.public, eve.device.public, (9, 9, 9))
    motion = dan.propose(context.standing().head, "Revoke", "removal", action=(int(Verb.REVOKE), payload))
    give(ada, motion, dan.ballot(motion.id))
    _yes(context, text_of(motion.id))
    shown = explaining.show(context, {"id": text_of(motion.id)})
    assert (shown["state"], shown["in_effect"]) == ("settled", False)
    assert "is not whose it says" in shown["effect"]
    assert eve.device.public not in context.state().revoked
    own = (eve.member.public, eve.device.public, (9, 9, 9))
    right = dan.propose(context.standing().head, "Revoke", "removal", action=(int(Verb.REVOKE), own))
    give(ada, right, dan.ballot(right.id))
    _yes(context, text_of(right.id))
    assert eve.device.public in context.state().revoked
    moot = dan.propose(context.standing().head, "Again", "removal", action=(int(Verb.REVOKE), own))
    give(ada, moot)
    assert "nothing left to decide" in explaining.show(context, {"id": text_of(moot.id)})["effect"]
    ada.close()


def test_who_came_back_is_told_that_her_old_key_still_votes(tmp_path):
    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    bea = newcomer(tmp_path / "b", ada.context, "Bea", seed=4, clock=clock)
    exchange(ada.assembly, bea.assembly)
    membership.vouch(ada.context, {"person": "Bea"})
    membership.admit(ada.context, {"people": ["Bea"]})
    exchange(ada.assembly, bea.assembly)
    ticket = read_ticket(membership.invite(ada.context, {})["ticket"])
    lost = bea.context.me
    again = join(tmp_path / "c", ticket, "Bea", "pw", how=Joining(formerly=lost), world=world(5, clock))
    exchange(ada.assembly, bea.assembly, again)
    new = ada.assembly.people.label(again.keys.member_public)
    for voucher in (ada.context, bea.context):
        membership.vouch(voucher, {"person": new})
        exchange(ada.assembly, bea.assembly, again)
    motion = membership.admit(ada.context, {"people": [new]})
    assert "who says that they were Bea" in explaining.show(ada.context, {"id": motion["id"]})["action"]
    exchange(ada.assembly, bea.assembly, again)
    done = membership.admit(bea.context, {"people": [new]})
    assert done["role"] == "member"
    (warning,) = done["warnings"]
    assert "whose lost key still counts" in warning
    assert "meshd remove Bea·" in warning
    assert warning in status.status(bea.context, {})["pending"]
    for each in (ada.assembly, bea.assembly, again):
        each.close()


def test_a_removed_person_does_not_stand_in_the_way_of_her_namesake(tmp_path):
    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    first = newcomer(tmp_path / "b", ada.context, "Gus", seed=4, clock=clock)
    exchange(ada.assembly, first.assembly)
    membership.vouch(ada.context, {"person": "Gus"})
    rosters.remove(ada.context, {"person": "Gus", "reason": "noise"})
    again = newcomer(tmp_path / "c", ada.context, "Gus", seed=5, clock=clock)
    exchange(ada.assembly, again.assembly)
    assert membership.vouch(ada.context, {"person": "Gus"})["role"] == "observer"
    assert again.context.me in ada.context.state().observers
    with pytest.raises(NodeError, match="no such applicant"):
        membership.vouch(ada.context, {"person": "Zoe"})
    for each in (ada, first, again):
        each.assembly.close()


def test_status_tells_people_what_is_about_them(nodes):
    ada, bea, cy = nodes
    (dan,) = _observers(nodes, "Dan")
    motion = rosters.remove(ada, {"person": "Cy", "reason": "noise"})["id"]
    mandate = delegation.mandate(ada, {"title": "Treasurer", "holder": "Bea", "powers": ["spend"]})["id"]
    admit = membership.admit(ada, {"people": ["Dan"]})["id"]
    exchange(*(each.assembly for each in nodes), dan.assembly)
    pending = "\n".join(status.status(cy, {})["pending"])
    assert f"A motion to remove you is open: {motion[:8]}. `meshd answer {motion[:8]} TEXT`" in pending
    assert f"You are to be admitted by {admit[:8]}:" in "\n".join(status.status(dan.context, {})["pending"])
    assert "A motion to remove" not in "\n".join(status.status(bea, {})["pending"])
    for each in (ada, cy):
        _yes(each, mandate)
    exchange(*(each.assembly for each in nodes))
    delegation.recall(cy, {"mandate": "Treasurer"})
    exchange(*(each.assembly for each in nodes))
    assert "Recall of Bea" in "\n".join(status.status(ada, {})["pending"])
    dan.assembly.close()


def test_a_motion_that_people_who_left_may_vote_on_is_opened_anew(tmp_path):
    (ada, bea), (dan, eve, fay) = commune(tmp_path, ["Ada", "Bea", "Dan", "Eve", "Fay"], nodes=2, clock=Clock())
    give(ada, dan.certify(), eve.certify(), fay.certify())
    exchange(ada, bea)
    context = Context(ada)
    first = rosters.remove(context, {"person": "Eve", "reason": "noise"})["id"]
    gone = rosters.remove(context, {"person": "Fay", "reason": "noise"})["id"]
    give(ada, dan.ballot(bytes_of(gone)), eve.ballot(bytes_of(gone)), fay.ballot(bytes_of(gone)))
    assert fay.member.public not in context.state().members
    exchange(ada, bea)
    again = rosters.remove(Context(bea), {"person": "Eve", "reason": "noise"})["id"]
    assert again != first, "Fay would have had a say"
    for each in (ada, bea):
        each.close()


def test_a_handover_names_the_mandate_that_is_meant(nodes):
    ada, bea, cy = nodes
    for holder in ("Bea", "Cy"):
        mandate = delegation.mandate(
            ada, {"title": f"For {holder}", "role": "treasurer", "holder": holder, "powers": ["x"]}
        )
        exchange(*(each.assembly for each in nodes))
        _yes(ada, mandate["id"])
        _yes(bea, mandate["id"])
        exchange(*(each.assembly for each in nodes))
    with pytest.raises(NodeError, match="more than one mandate"):
        delegation.handover(cy, {"mandate": "treasurer", "to": "treasurer", "text": "the till"})


def test_who_was_not_there_signs_beside_those_who_were(nodes):
    ada, bea, cy = nodes
    written = meetings.minutes(ada, {"title": "Monday", "text": "We met.", "present": ["Ada", "Bea"]})["id"]
    exchange(*(each.assembly for each in nodes))
    row = meetings.assent(cy, {"id": written})["minutes"]
    assert (row["signed"], row["open"]) == ([], [ada.assembly.people.label(bea.me)])
    assert row["others"] == [ada.assembly.people.label(cy.me)]


def test_the_report_names_who_signed_twice(tmp_path):
    (ada,), (dan,) = commune(tmp_path, ["Ada", "Dan"], nodes=1, clock=Clock())
    give(ada, dan.certify())
    twin: Author = dan.fork()
    question = propose(Context(ada))
    give(ada, dan.ballot(question), twin.ballot(question, Say.NO))
    rows = {row["person"][:3]: row["roles"] for row in membership.members(Context(ada), {"report": True})}
    assert "signed two records in one place" in rows["Dan"]
    assert "signed two records in one place" not in rows["Ada"]
    assert ada.store.get(tables.Chain, forked=1) is not None
    ada.close()


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 min"),
        (1, "1 min"),
        (61_000, "2 min"),
        (3_600_000, "1 h"),
        (5_400_000, "1 h 30 min"),
        (7_200_001, "2 h 1 min"),
        (86_400_000, "1 d"),
        (2 * 86_400_000 + 5 * 3_600_000 + 60_000, "2 d 5 h"),
        (3 * 86_400_000, "3 d"),
    ],
)
def test_a_length_of_time_in_words(milliseconds, text):
    assert span(milliseconds) == text


def test_a_void_motion_neither_catches_a_yes_nor_alarms_anybody(nodes):
    """An observer writes motions under a policy that decides no such thing: nobody's command joins them."""
    ada, bea, cy = nodes
    (dan,) = _observers(nodes, "Dan")
    application = dan.assembly.store.find(tables.Application, member=dan.context.me)[0].id
    head = ada.standing().head
    with dan.assembly.writing():
        traps = [
            dan.assembly.write(Kind.PROPOSAL, Proposal(roster, "standard", "Trap", action=(int(verb), payload))).id
            for roster in (head, b"\x01" * 32)
            for verb, payload in ((Verb.ADMIT, (application,)), (Verb.REMOVE, (cy.me,)))
        ]
    exchange(*(each.assembly for each in nodes), dan.assembly)
    assert "A motion to remove you" not in "\n".join(status.status(cy, {})["pending"])
    assert explaining.show(ada, {"id": text_of(traps[0])})["effect"] is None
    answer = membership.admit(ada, {"people": ["Dan"]})
    assert bytes_of(answer["id"]) not in traps
    assert answer["warnings"] == []
    assert bytes_of(rosters.remove(ada, {"person": "Cy", "reason": "noise"})["id"]) not in traps
    shown = next(row for row in listing.list_(ada, {}) if row["id"] == text_of(traps[0]))
    assert "This proposal has no effect" in shown["void"]
    dan.assembly.close()


def test_what_was_in_effect_and_is_not_any_more(nodes):
    ada, bea, cy = nodes
    (dan,) = _observers(nodes, "Dan")
    admit = membership.admit(ada, {"people": ["Dan"]})["id"]
    mandate = delegation.mandate(ada, {"title": "Treasurer", "holder": "Bea", "powers": ["spend"]})["id"]
    exchange(*(each.assembly for each in nodes))
    for motion in (admit, mandate):
        _yes(cy, motion)
    exchange(*(each.assembly for each in nodes))
    _yes(ada, mandate)
    _yes(bea, mandate)
    exchange(*(each.assembly for each in nodes))
    assert explaining.show(ada, {"id": admit})["in_effect"]
    assert explaining.show(ada, {"id": mandate})["in_effect"]
    removal = rosters.remove(ada, {"person": "Dan", "reason": "moved"})["id"]
    exchange(*(each.assembly for each in nodes))
    for voter in (bea, cy):
        _yes(voter, removal)
        exchange(*(each.assembly for each in nodes))
    for signer in (ada, cy):
        recall = delegation.recall(signer, {"mandate": mandate})
        exchange(*(each.assembly for each in nodes))
    assert recall["over"]
    for motion, words in (
        (admit, "until whom it admits left or was removed"),
        (mandate, "until the mandate was recalled"),
    ):
        shown = explaining.show(ada, {"id": motion})
        assert (shown["in_effect"], words in shown["effect"]) == (False, True)
    assert explaining.show(ada, {"id": removal})["in_effect"]
    dan.assembly.close()


def test_a_revocation_that_takes_more_is_not_moot(tmp_path):
    (ada,), (dan, eve) = commune(tmp_path, ["Ada", "Dan", "Eve"], nodes=1, clock=Clock())
    context = Context(ada)
    give(ada, dan.certify(), eve.certify())
    motions = []
    for good in (900, 1):
        payload = (eve.member.public, eve.device.public, (good, 0, 0))
        motion = dan.propose(context.standing().head, "Revoke", "removal", action=(int(Verb.REVOKE), payload))
        give(ada, motion)
        motions.append(text_of(motion.id))
        if good == 900:
            give(ada, dan.ballot(motion.id))
            _yes(context, motions[0])
    assert context.state().revoked[eve.device.public] == 900
    assert explaining.show(context, {"id": motions[1]})["effect"] is None
    stranger = dan.propose(context.standing().head, "Remove", "removal", action=(int(Verb.REMOVE), (b"\x07" * 32,)))
    give(ada, stranger)
    assert explaining.show(context, {"id": text_of(stranger.id)})["effect"] is None, "nobody of that key was ever in"
    ada.close()


def test_what_failed_is_neither_in_effect_nor_lacks_anything(nodes):
    ada = nodes[0]
    motion = rosters.remove(ada, {"person": "Cy", "reason": "noise"})["id"]
    row = ada.proposal(motion)
    failed = results.outcome_of(ada, row)._replace(state="certified", outcome="failed")
    assert effects.effect_text(ada, row, failed) is None
    assert effects.in_effect(ada, row, failed) is None


def test_names_that_fill_a_title(nodes):
    names = [f"{letter}лександра Николаевна Константинопольская" for letter in "АБВГ"]
    found = _observers(nodes, *names)
    answer = membership.admit(nodes[0], {"people": names})
    title = explaining.show(nodes[0], {"id": answer["id"]})["title"]
    assert title.startswith("Admit Алекс")
    assert title.endswith("and 2 more")
    one = membership.admit(nodes[1], {"people": names[:3]})
    assert len(explaining.show(nodes[1], {"id": one["id"]})["title"].encode()) <= 200
    for each in found:
        each.assembly.close()


def test_anybody_may_claim_to_have_been_somebody_and_nobody_is_told_to_act_on_it(nodes):
    ada, bea, cy = nodes
    ticket = read_ticket(membership.invite(cy, {})["ticket"])
    liar = join(cy.assembly.folder.parent / "liar", ticket, "Cyx", "pw", how=Joining(formerly=ada.me), world=world(77))
    exchange(*(each.assembly for each in nodes), liar)
    assert membership.former_keys(bea) == []
    liar.close()


def test_who_was_removed_comes_back_with_her_new_application(nodes):
    ada, bea, cy = nodes
    (dan,) = _observers(nodes, "Dan")
    removal = rosters.remove(ada, {"person": "Dan", "reason": "noise"})["id"]
    exchange(*(each.assembly for each in nodes))
    _yes(bea, removal)
    exchange(*(each.assembly for each in nodes))
    ticket = read_ticket(membership.invite(ada, {})["ticket"])
    key = dan.assembly.keys.member
    again = join(ada.assembly.folder.parent / "again", ticket, "Dan", "pw", how=Joining(True, key), world=world(78))
    exchange(*(each.assembly for each in nodes), again)
    for voucher in (ada, bea):
        membership.vouch(voucher, {"person": "Dan"})
        exchange(*(each.assembly for each in nodes), again)
    motion = membership.admit(ada, {"people": ["Dan"]})["id"]
    (named,) = ada.standing().item(bytes_of(motion)).newcomers
    assert named.device == again.keys.device.public, "her new device is the one that is offered"
    for each in (dan.assembly, again):
        each.close()
