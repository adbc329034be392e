"""Lock-ups are told: who is silent, what can't be decided any more, what helps; and what one is about to lock."""

import shlex

import pytest

from meshd.service import governing, rosters, status, voting, witnessing
from meshd.service.context import Context
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.membership import Offer
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of
from tests.worlds import Clock, commune, exchange, give, propose

DAY = 24 * 3600 * 1000
NAMES = ["Ada", "Bea", "Cy", "Dan", "Eve"]


@pytest.fixture
def assembly_of(tmp_path):
    """An assembly of so many, of whom the first run nodes and the last ones are lost; and what Ada's node says."""
    opened = []

    def make(size, lost=0, days=15, witnesses=0):
        clock = Clock()
        nodes, authors = commune(tmp_path, NAMES[:size], nodes=size - lost, clock=clock, witnesses=witnesses)
        opened.extend(nodes)
        for author in authors:
            record = author.certify()
            for node in nodes:
                give(node, record)
        contexts = [Context(each) for each in nodes]
        pass_days(contexts, days)
        return contexts[0], contexts, authors

    yield make
    for each in opened:
        each.close()


def told(context):
    lines = status.status(context, {})["pending"]
    return [line for line in lines if "Silent" in line or "any more:" in line]


def decide(nodes, authors, identity):
    """Everybody says yes, until it is in effect."""
    exchange(*(each.assembly for each in nodes))
    give(nodes[0].assembly, *(author.ballot(bytes_of(identity)) for author in authors))
    for node in nodes[1:]:
        voting.vote(node, {"id": identity, "choices": ["yes"]})
    exchange(*(each.assembly for each in nodes))
    assert bytes_of(identity) in nodes[0].standing().rosters.ids(nodes[0].standing().head)


def pass_days(nodes, days):
    """Time in which those with nodes go on, and the others are lost."""
    nodes[0].assembly.world.clock.now_ms += days * DAY
    for node in nodes:
        propose(node, "Still here")
    exchange(*(each.assembly for each in nodes))


def label(context, author):
    return context.assembly.people.label(author.member.public)


@pytest.mark.parametrize(("size", "lost"), [(2, 1), (4, 2)])
def test_an_assembly_that_can_settle_nothing_says_so(assembly_of, size, lost):
    ada, _, authors = assembly_of(size, lost)
    (line,) = told(ada)
    for author in authors:
        assert f"{label(ada, author)} for 15 days" in line
    assert f"of {size} {'is' if size - lost == 1 else 'are'} left, and nothing can be settled any more: " in line
    names = " ".join(sorted(label(ada, author) for author in authors))
    assert f"`meshd refound --without {names}`" in line


def test_of_five_with_three_only_what_needs_four_is_locked(assembly_of):
    ada, *_ = assembly_of(5, 2)
    (line,) = told(ada)
    assert "constitution, emergency, membership, removal" in line
    assert "significant" not in line
    assert "`meshd refound --without Dan·" in line, "not even a removal can be decided"


def test_where_a_removal_can_be_decided_it_is_the_way_on(assembly_of):
    ada, nodes, authors = assembly_of(5, 2, days=0)
    decide(nodes, authors, governing.amend(ada, {"name": "removal", "threshold": ">1/2"})["id"])
    pass_days(nodes, 15)
    (line,) = told(ada)
    assert "constitution, emergency, membership" in line
    assert "`meshd remove PERSON --reason TEXT` can still be decided by 3." in line


@pytest.mark.parametrize(("size", "lost", "days"), [(1, 0, 100), (3, 0, 100), (2, 1, 13), (3, 1, 100), (5, 1, 100)])
def test_nothing_is_said_where_nothing_is_locked(assembly_of, size, lost, days):
    ada, *_ = assembly_of(size, lost, days)
    assert told(ada) == []


def test_the_fourteenth_day_is_the_bound(assembly_of):
    ada, *_ = assembly_of(2, 1, 13)
    assert told(ada) == []
    ada.assembly.world.clock.now_ms += DAY
    (line,) = told(ada)
    assert "for 14 days" in line


def test_who_speaks_again_is_not_silent(assembly_of):
    ada, _, (bea,) = assembly_of(2, 1)
    give(ada.assembly, bea.propose(ada.standing().head))  # written when nobody was away: it says nothing of today
    assert len(told(ada)) == 1
    today = Proposal(ada.standing().head, "significant", "Back")
    give(ada.assembly, bea.write(Kind.PROPOSAL, today, time_ms=ada.assembly.world.clock()))
    assert told(ada) == []


def test_a_founder_who_never_wrote_is_silent_since_the_founding(tmp_path):
    clock = Clock()
    (node,), _ = commune(tmp_path, ["Ada", "Bea"], nodes=1, clock=clock)
    clock.now_ms += 20 * DAY
    (line,) = told(Context(node))
    assert "for 20 days" in line
    node.close()


def test_a_name_is_one_word_of_the_command(tmp_path):
    clock = Clock()
    (node,), (bea,) = commune(tmp_path, ["Ada", "Bea $(true) B."], nodes=1, clock=clock)
    give(node, bea.certify())
    clock.now_ms += 20 * DAY
    (line,) = told(Context(node))
    assert shlex.split(line.split("`")[1]) == ["meshd", "refound", "--without", label(Context(node), bea)]
    node.close()


def test_a_committee_can_be_named_where_the_constitution_can_be_amended(assembly_of):
    ada, nodes, authors = assembly_of(5, 1, days=0)
    motion = witnessing.witness(ada, {"word": "committee", "names": ["Eve"]})
    decide(nodes, authors, motion["id"])
    (eve,) = authors
    assert ada.state().witnesses.members == {eve.member.public}
    give(ada.assembly, eve.write(Kind.OFFER, Offer(ada.standing().head, eve.device.public)))
    pass_days(nodes, 15)
    assert eve.device.public in ada.state().witnesses.devices
    (line,) = told(ada)
    assert f"{label(ada, eve)} for 15 days" in line
    assert "Of 1 witness 1 must attest, and 0 can. " in line
    assert "This can't be certified any more: consent, election, standard." in line
    assert "`meshd witness committee PERSON…`" in line


def test_witnesses_without_a_device_are_told_though_nobody_is_silent(assembly_of):
    ada, nodes, authors = assembly_of(5, 0, days=0)
    decide(nodes, authors, witnessing.witness(ada, {"word": "committee", "names": ["Dan", "Eve"]})["id"])
    (line,) = told(ada)
    assert line.startswith("No device attests for Dan·")
    assert "Silent" not in line


def test_what_is_lost_with_witnesses_and_constitution_alike_is_founded_anew(assembly_of):
    ada, *_ = assembly_of(4, 2, witnesses=4)
    settled, certified = told(ada)
    assert "nothing can be settled" in settled
    assert "Of 4 witnesses 3 must attest, and 2 can" in certified
    assert "`meshd refound --without" in certified


# Before it happens.


def test_leaving_an_assembly_of_three_makes_two_of_two(assembly_of):
    ada, *_ = assembly_of(3)
    (warning,) = rosters.leave(ada, {})["warnings"]
    assert "one more lost device locks" in warning
    assert "2 of 2 members must say yes" in warning
    assert "removal" in warning


def test_what_is_close_already_is_not_warned_of_again(assembly_of):
    ada, *_ = assembly_of(4, 1)
    assert rosters.leave(ada, {})["warnings"] == []


def test_naming_one_witness_warns(assembly_of):
    ada, *_ = assembly_of(4, 0, witnesses=4)
    (warning,) = witnessing.witness(ada, {"word": "committee", "names": ["Bea"]})["warnings"]
    assert "one more lost device locks consent, election, standard: 1 of 1 witnesses must attest" in warning


@pytest.mark.parametrize("size", [2, 4, 5])
def test_leaving_others_warns_of_nothing(assembly_of, size):
    ada, *_ = assembly_of(size)
    assert rosters.leave(ada, {})["warnings"] == []


def test_removing_one_of_three_warns(assembly_of):
    ada, *_ = assembly_of(3)
    answer = rosters.remove(ada, {"person": "Cy", "reason": "away"})
    assert "2 of 2 members must say yes" in answer["warnings"][0]


def test_removing_a_silent_one_does_not_warn(assembly_of):
    ada, *_ = assembly_of(5, 1)
    assert rosters.remove(ada, {"person": "Eve", "reason": "lost"})["warnings"] == []


def test_an_amendment_that_the_silent_make_unreachable_warns(assembly_of):
    ada, *_ = assembly_of(5, 2)
    (warning,) = governing.amend(ada, {"name": "significant", "threshold": "4/5"})["warnings"]
    assert "nobody can decide by significant: 4 of 5 members must say yes, and 3 of them were heard" in warning


def test_an_amendment_that_needs_all_who_are_heard_warns(assembly_of):
    ada, *_ = assembly_of(5, 1)
    (warning,) = governing.amend(ada, {"name": "significant", "threshold": "4/5"})["warnings"]
    assert "one more lost device locks significant: 4 of 5 members must say yes" in warning


def test_an_amendment_within_reach_does_not_warn(assembly_of):
    ada, *_ = assembly_of(5)
    assert governing.amend(ada, {"name": "significant", "threshold": "3/5"})["warnings"] == []
