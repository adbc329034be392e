"""Membership for the long run: removal with a hearing, leaving, revocation, lost devices, new network keys, lines that part
and join again, letters."""

import pytest

from meshd.assembly import paper
from meshd.assembly.access import newest_first
from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.founding.opening import Joining, join
from meshd.service import checking, explaining, governing, membership, proposing, rosters, status, talk, voting
from meshd.service.context import Context
from meshd.sneakernet.export import Narrow, export_file, export_stick
from meshd.sneakernet.import_ import import_file, import_stick
from meshd.store import tables
from meshd_crypto.sealing import seal
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Answer, Proposal
from meshd_protocol.bodies.membership import NetworkKeys, RosterStep, rotation_plain
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.rosters import roster_id
from meshd_protocol.tickets import read_ticket
from tests.worlds import Clock, commune, exchange, founder, give, newcomer, propose, state_of, world


@pytest.fixture
def five(tmp_path):
    nodes, authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan", "Eve"], nodes=3, clock=Clock())
    exchange(*nodes)
    give(nodes[0], *(author.certify() for author in authors))
    exchange(*nodes)
    yield nodes, authors
    for node in nodes:
        node.close()


def _yes(assembly, *ids):
    for each in ids:
        voting.vote(Context(assembly), {"id": text_of(each) if isinstance(each, bytes) else each, "choices": ["yes"]})


def _run(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_a_removal_says_why_and_is_answered(five):
    (ada, bea, cy), (dan, eve) = five
    with pytest.raises(UsageError, match="says why"):
        rosters.remove(Context(ada), {"person": "Cy"})
    with pytest.raises(NodeError, match="that is you"):
        rosters.remove(Context(ada), {"person": "Ada", "reason": "x"})
    with pytest.raises(NotFoundError):
        rosters.remove(Context(ada), {"person": "Zoe", "reason": "x"})
    motion = rosters.remove(Context(ada), {"person": "Cy", "reason": "Sold the oven"})
    assert motion["removed"] is False
    exchange(ada, bea, cy)
    assert rosters.remove(Context(bea), {"person": "Cy", "reason": "The same"})["id"] == motion["id"], "it joins"
    with pytest.raises(NodeError, match="not about you"):
        proposing.answer(Context(bea), {"id": motion["id"], "text": "x"})
    proposing.answer(Context(cy), {"id": motion["id"], "text": "It was mine."})
    exchange(ada, bea, cy)
    shown = explaining.show(Context(bea), {"id": motion["id"]})
    assert shown["text"] == "Sold the oven"
    assert [each["text"] for each in shown["answers"]] == ["It was mine."]
    assert shown["action"].startswith("removes Cy·")
    give(bea, dan.ballot(bytes_of(motion["id"])), eve.ballot(bytes_of(motion["id"])))
    assert cy.keys.member_public in Context(bea).state().removed
    assert dan.write(Kind.ANSWER, Answer(bytes_of(motion["id"]), "Not his to answer")) is not None


def test_a_removal_makes_a_new_network_key_that_the_removed_never_gets(five):
    """Hard case 9, one rotation: who was away gets the key by record; the removed doesn't."""
    (ada, bea, cy), (dan, eve) = five
    motion = bytes_of(rosters.remove(Context(ada), {"person": "Cy", "reason": "Sold the oven"})["id"])
    give(ada, dan.ballot(motion), eve.ballot(motion))
    exchange(ada, bea, cy)
    _yes(bea, motion)
    exchange(ada, bea)
    assert len(ada.keys.network) == 2
    newest = newest_first(ada)[0]
    assert newest.roster == Context(ada).standing().head
    exchange(ada, bea, cy)
    assert newest_first(bea)[0] == newest
    assert len(cy.keys.network) == 1
    forged = rotation_plain(ada.id, newest.roster, b"x" * 32)
    boxes = ((bea.keys.device.public, seal(bea.keys.sealing.public, forged)),)
    with cy.writing():
        cy.write(Kind.NETWORK_KEYS, NetworkKeys(newest.roster, boxes))
    exchange(bea, cy)
    assert newest_first(bea)[0] == newest, "a key by somebody who is not in its roster is none"
    give(bea, dan.write(Kind.NETWORK_KEYS, NetworkKeys(newest.roster, ((bea.keys.device.public, b"garbage"),))))
    assert len(bea.keys.network) == 2


def test_two_rotations_while_somebody_was_away_by_stick(five, tmp_path):
    """Hard case 9 by stick: the segments are under a key that she has never seen; the stick holds it for her."""
    (ada, bea, cy), authors = five
    _remove_two(ada, cy, authors)
    assert len(ada.keys.network) == 3
    stick = tmp_path / "stick"
    stick.mkdir()
    _run(export_stick(ada, stick, Narrow()))
    (folder,) = [each for each in (stick / "meshd").iterdir() if each.name != "join"]
    assert len(list((folder / "keys").iterdir())) == 2
    assert len(bea.keys.network) == 1
    taken = _run(import_stick(bea, stick))
    assert taken.unreadable == 0
    assert bea.keys.network and newest_first(bea)[0] == newest_first(ada)[0]
    assert Context(bea).standing().head == Context(ada).standing().head
    _run(export_stick(bea, stick, Narrow()))
    assert len(list((folder / "keys").iterdir())) == 2, "the same keys are the same files"
    for spoilt in (folder / "keys").iterdir():
        spoilt.write_bytes(b"not boxes at all")
    assert _run(import_stick(ada, stick)).damaged == []


def _remove_two(ada, cy, authors):
    """Dan and Eve are out; Ada and Cy know it. There are two new keys."""
    dan, eve = authors
    for person in ("Dan", "Eve"):
        motion = bytes_of(rosters.remove(Context(ada), {"person": person, "reason": "moved away"})["id"])
        exchange(ada, cy)
        _yes(cy, motion)
        give(cy, *(each.ballot(motion) for each in (dan, eve)))
        exchange(ada, cy)


@pytest.mark.parametrize("visited", [False, True], ids=["a fresh stick", "one that both have been at"])
def test_who_lacks_a_key_takes_nothing_off_a_stick(five, tmp_path, visited):
    """Bea was away at two changes of the key. Her visit, and then Cy's export, leave what Ada put there."""
    (ada, bea, cy), authors = five
    stick = tmp_path / "stick"
    stick.mkdir()
    if visited:
        for each in (ada, bea, cy):
            _run(export_stick(each, stick, Narrow()))
            _run(import_stick(each, stick))
    _remove_two(ada, cy, authors)
    words = talk.say(Context(ada), {"text": "The yeast is here"})["id"]
    _run(export_stick(ada, stick, Narrow()))
    (folder,) = [each for each in (stick / "meshd").iterdir() if each.name != "join"]
    for each in (folder / "keys").iterdir():
        each.unlink()  # as for somebody who was removed: none of them is hers
    before = {each.name for each in (folder / "segments").iterdir()}
    taken = _run(import_stick(bea, stick))
    assert taken.unreadable > 0
    assert {each.name for each in (folder / "segments").iterdir()} == before
    _run(export_stick(bea, stick, Narrow()))
    _run(export_stick(cy, stick, Narrow()))
    _run(import_stick(cy, stick))
    assert cy.store.get(tables.Message, id=bytes_of(words)) is not None
    _run(export_stick(cy, stick, Narrow()))
    _run(import_stick(bea, stick))
    assert bea.store.get(tables.Message, id=bytes_of(words)) is not None


@pytest.mark.parametrize("damage", ["cut", "another's", "older"])
def test_a_key_that_is_damaged_on_a_stick_is_written_anew(five, tmp_path, damage):
    (ada, bea, cy), authors = five
    _remove_two(ada, cy, authors)
    stick = tmp_path / "stick"
    stick.mkdir()
    _run(export_stick(ada, stick, Narrow()))
    (keys,) = stick.glob("meshd/*/keys")
    for each in keys.iterdir():
        data = each.read_bytes()
        size = len(data) // 3  # of a box for each device
        ends = {"cut": data[:size], "another's": data[size:] + data[:size][::-1], "older": data[: 2 * size]}
        each.write_bytes(ends[damage])
    _run(export_stick(cy, stick, Narrow()))
    _run(export_stick(ada, stick, Narrow()))
    assert _run(import_stick(bea, stick)).unreadable == 0
    assert newest_first(bea)[0] == newest_first(ada)[0]
    written = {each: each.read_bytes() for each in keys.iterdir()}
    _run(export_stick(cy, stick, Narrow()))
    assert {each: each.read_bytes() for each in keys.iterdir()} == written, "a good one is written once"


def test_a_file_under_a_key_that_is_not_here_is_not_told_as_damaged(five, tmp_path):
    (ada, bea, cy), authors = five
    _remove_two(ada, cy, authors)
    _run(export_file(ada, tmp_path / "all.meshd", Narrow()))
    with pytest.raises(NodeError, match="with the network keys that this node has") as refused:
        _run(import_file(bea, tmp_path / "all.meshd"))
    assert "made while you were away" in refused.value.hint


def test_leaving(five):
    (ada, bea, cy), _ = five
    rosters.leave(Context(cy), {})
    assert cy.keys.member_public in Context(cy).state().members, "her own node must not make the new key"
    exchange(ada, bea, cy)
    for node in (ada, bea):
        proposing.propose(Context(node), {"title": "Without Cy", "policy": "significant"})
        exchange(ada, bea, cy)
    for node in (ada, bea, cy):
        assert cy.keys.member_public in Context(node).state().removed
        assert [row["label"] for row in membership.members(Context(node), {}) if row.get("left")] == [
            Context(node).assembly.people.label(cy.keys.member_public)
        ]
    assert len(newest_first(ada)) == 2
    assert len(cy.keys.network) == 1
    with pytest.raises(NodeError, match="not in the roster"):
        rosters.leave(Context(cy), {})


def test_nobody_leaves_an_assembly_without_members(tmp_path):
    ada = founder(tmp_path)
    with pytest.raises(NodeError, match="only member"):
        rosters.leave(ada.context, {})
    ada.assembly.close()


def test_a_lost_device_is_replaced_with_the_member_key(tmp_path):
    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    bea = newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock)
    exchange(ada.assembly, bea.assembly)
    membership.vouch(ada.context, {"person": "Bea"})
    membership.admit(ada.context, {"people": ["Bea"]})
    exchange(ada.assembly, bea.assembly)
    words = membership.whoami(bea.context, {"member_key": True, "passphrase": "pw"})["member_key"]
    spaced = " ".join(words[start : start + 4] for start in range(0, len(words), 4)).upper()
    key = paper.member_key(spaced)
    for bad in ("nonsense", words[:-2], words + "aa"):
        with pytest.raises(UsageError, match="no member key"):
            paper.member_key(bad)
    ticket = read_ticket(membership.invite(ada.context, {})["ticket"])
    again = join(tmp_path / "new", ticket, "Bea", "pw", how=Joining(witness=True, member=key), world=world(9, clock))
    exchange(ada.assembly, again)
    ada.assembly.store.find(tables.Welcome)
    exchange(ada.assembly, again)
    assert again.keys.network == ada.assembly.keys.network
    assert Context(again).me == bea.context.me
    lost = text_of(bea.assembly.keys.device.public)
    listed = rosters.devices(Context(again), {})
    assert {row["device"]: (row["here"], row["revoked"]) for row in listed} == {
        lost: (False, False),
        text_of(again.keys.device.public): (True, False),
    }
    with pytest.raises(NodeError, match="this device"):
        rosters.revoke(Context(again), {"device": text_of(again.keys.device.public)})
    with pytest.raises(NotFoundError):
        rosters.revoke(Context(again), {"device": "zzzz"})
    revoked = rosters.revoke(Context(again), {"device": lost[:10]})
    assert (revoked["by"], revoked["revoked"]) == ("member key", True)
    exchange(ada.assembly, again)
    assert bea.assembly.keys.device.public in ada.context.state().revoked
    assert newest_first(ada.assembly)[0] == newest_first(again)[0]
    with pytest.raises(NodeError, match="already"):
        rosters.revoke(Context(again), {"device": lost[:10]})
    question = propose(ada.context)
    exchange(ada.assembly, again, bea.assembly)
    _yes(bea.assembly, question)
    exchange(ada.assembly, bea.assembly)
    assert state_of(ada.context, question)["seen"] == 0, "what a revoked device signs counts for nothing"
    for each in (ada.assembly, bea.assembly, again):
        each.close()


def test_a_device_is_revoked_by_decision(five):
    (ada, bea, cy), (dan, eve) = five
    device = text_of(dan.device.public)
    motion = rosters.revoke(Context(ada), {"device": device, "reason": "seized"})
    assert (motion["by"], motion["revoked"]) == ("decision", False)
    give(ada, dan.ballot(bytes_of(motion["id"])), eve.ballot(bytes_of(motion["id"])))
    exchange(ada, bea)
    _yes(bea, motion["id"])
    exchange(ada, bea)
    assert dan.device.public in Context(ada).state().revoked
    assert explaining.show(Context(ada), {"id": motion["id"]})["action"].startswith("revokes a device of Dan")
    question = propose(Context(ada))
    give(ada, dan.ballot(question), eve.ballot(question))
    assert state_of(Context(ada), question)["seen"] == 1


def test_somebody_who_lost_everything_comes_back_by_fresh_vouches(tmp_path):
    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    ticket = read_ticket(membership.invite(ada.context, {})["ticket"])
    again = join(tmp_path / "b", ticket, "Bea", "pw", how=Joining(formerly=ada.context.me), world=world(4, clock))
    exchange(ada.assembly, again)
    (row,) = [row for row in membership.members(ada.context, {}) if row["role"] == "applicant"]
    assert row["formerly"] == [ada.assembly.people.label(ada.context.me)]
    for each in (ada.assembly, again):
        each.close()


def test_two_lines_that_do_not_qualify_mutually(tmp_path):
    """Hard case 14, with doubt: `status` says so; a ratification on each line joins them on one roster."""
    (ada, bea, cy), m = commune(tmp_path, ["Ada", "Bea", "Cy", *[f"M{n}" for n in range(7)]], nodes=3)
    exchange(ada, bea, cy)
    give(ada, *(author.certify() for author in m))
    exchange(ada, bea, cy)
    head = Context(ada).standing().head
    one = m[0].remove(head, m[5].member.public, m[6].member.public)
    two = m[6].remove(head, m[0].member.public, m[1].member.public)
    give(ada, one, *(author.ballot(one.id) for author in m[:6]))
    _yes(ada, one.id)
    give(bea, two, m[6].ballot(two.id))
    for author in m[2:6]:
        author.ballot(two.id)
        give(bea, *author.history)
    _yes(bea, two.id)
    exchange(bea, cy)
    _yes(cy, two.id)
    exchange(bea, cy)
    assert m[0].member.public not in Context(bea).state().members
    exchange(ada, bea)
    heads = {Context(node).standing().head for node in (ada, bea)}
    assert len(heads) == 2
    (pending,) = [each for each in status.status(Context(ada), {})["pending"] if "Another line" in each]
    assert "meshd ratify" in pending
    with pytest.raises(NotFoundError):
        rosters.follow(Context(ada), {"roster": "zzzz"})
    for node, voters in ((ada, m[0:5]), (bea, m[2:7])):
        answer = rosters.ratify(Context(node), {})
        assert answer["done"] is False
        votes = []
        for author in voters:
            give(node, *author.history)
            votes.append(author.ballot(bytes_of(answer["id"])))
        give(node, *votes)
    exchange(ada, bea)
    assert Context(ada).standing().head == Context(bea).standing().head
    gone = {m[each].member.public for each in (0, 1, 5, 6)}
    assert not gone & Context(ada).state().members
    with pytest.raises(NodeError, match="no other line"):
        rosters.ratify(Context(ada), {})
    assert _run(checking.check(Context(ada), {}))["ok"]
    for each in (ada, bea, cy):
        each.close()


def test_follow_goes_over_to_another_line(five):
    (ada, bea, cy), (dan, eve) = five
    head = Context(ada).standing().head
    assert head == roster_id(ada.id, ())
    motion = dan.remove(head, eve.member.public)
    give(ada, motion, dan.ballot(motion.id), eve.ballot(motion.id))
    _yes(ada, motion.id)
    before = Context(bea).standing().head
    exchange(ada, bea)
    _yes(bea, motion.id)
    exchange(ada, bea)
    with pytest.raises(NodeError, match="already"):
        rosters.follow(Context(bea), {"roster": text_of(Context(bea).standing().head)})
    with pytest.raises(NodeError, match="only goes forward"):
        rosters.follow(Context(bea), {"roster": text_of(before)})
    with cy.writing():
        cy.write(Kind.ROSTER, RosterStep(head, (motion.id,)))
    assert Context(cy).standing().head == head, "a step that its own node can't check has no effect"
    exchange(ada, cy)
    assert Context(cy).standing().head == Context(ada).standing().head


def test_concurrent_amendments_fall_back_to_what_is_common(five):
    (ada, bea, cy), (dan, eve) = five
    first = governing.amend(Context(ada), {"name": "standard", "quorum": "1/3"})
    second = governing.amend(Context(bea), {"name": "standard", "quorum": "1/2"})
    exchange(ada, bea, cy)
    for motion in (first, second):
        for author in (dan, eve):
            give(ada, author.ballot(bytes_of(motion["id"])))
    _yes(ada, second["id"])
    _yes(bea, first["id"])
    exchange(ada, bea, cy)
    for node in (ada, bea, cy):
        assert Context(node).state().policies["standard"].quorum == (1, 4), "the last common one"
    third = governing.amend(Context(ada), {"name": "standard", "quorum": "1/5"})
    replaced = ada.standing.item(bytes_of(third["id"])).payload[1]
    assert set(replaced) == {bytes_of(first["id"]), bytes_of(second["id"])}
    exchange(ada, bea, cy)
    for author in (dan, eve):
        give(ada, author.ballot(bytes_of(third["id"])))
    exchange(ada, bea, cy)
    _yes(bea, third["id"])
    exchange(ada, bea, cy)
    assert Context(cy).state().policies["standard"].quorum == (1, 5)
    rows = {row["name"]: row for row in governing.policies(Context(cy), {})}
    assert rows["standard"]["amended"] is True
    assert "quorum 1/5" in rows["standard"]["rule"]
    with pytest.raises(UsageError, match="already"):
        governing.amend(Context(cy), {"name": "standard", "quorum": "1/5"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "standard", "quorum": "5/4"}, "quorum between 0 and 1"),
        ({"name": "standard", "quorum": "half"}, "no fraction"),
        ({"name": "standard", "quorum": ">1/4"}, "at least a fraction"),
        ({"name": "standard", "threshold": "1/0"}, "between 0 and 1"),
        ({"name": "standard", "threshold": "9999999/2"}, "above a million"),
        ({"name": "standard", "open_for": 0}, "open for some time"),
        ({"name": "significant", "quorum": "1/4"}, "no quorum"),
        ({"name": "significant", "threshold": "1/3"}, "more than half"),
        ({"name": "constitution", "finality": "certified"}, "must be settled"),
        ({"name": "membership", "finality": "certified"}, "must be settled"),
        ({"name": "standard", "yes_from": "5/4"}, "what must be yes"),
        ({"name": "significant", "yes_from": "1/4"}, "no other number"),
        ({"name": "consent", "changeable": False}, "changeable ballots"),
        ({"name": "new"}, "no policy new yet"),
        ({"name": "new", "finality": "guessed"}, "no way to become final"),
    ],
)
def test_impossible_policies_are_refused_when_proposed(tmp_path, given, words):
    (ada,), _ = commune(tmp_path, ["Ada"], nodes=1)
    before = ada.store.count(tables.Kept)
    with pytest.raises(UsageError, match=words):
        governing.amend(Context(ada), given)
    assert ada.store.count(tables.Kept) == before
    ada.close()


def test_a_new_policy_and_a_charter(five):
    (ada, bea, cy), (dan, eve) = five
    motion = governing.amend(
        Context(ada), {"name": "kitchen", "finality": "certified", "method": "consent", "changeable": True}
    )
    text = governing.charter(Context(ada), {"text": "We bake together."})
    for each in (motion, text):
        give(ada, *(author.ballot(bytes_of(each["id"])) for author in (dan, eve)))
    exchange(ada, bea, cy)
    _yes(bea, motion["id"], text["id"])
    exchange(ada, bea, cy)
    assert Context(cy).state().policies["kitchen"].method == 1
    assert governing.charter(Context(cy), {})["text"] == "We bake together."
    assert state_of(Context(cy), propose(Context(cy), "Tea", "kitchen"))["policy"] == "kitchen"


def test_what_pins_an_old_roster_is_asked_about(five):
    (ada, bea, cy), (dan, eve) = five
    old = propose(Context(ada), "Asked before")
    exchange(ada, bea, cy)
    motion = bytes_of(rosters.remove(Context(ada), {"person": "Dan", "reason": "moved"})["id"])
    give(ada, eve.ballot(motion), dan.ballot(motion))
    exchange(ada, bea, cy)
    _yes(bea, motion)
    exchange(ada, bea, cy)
    with pytest.raises(NodeError, match=r"not members any more: Dan"):
        _yes(cy, old)
    answer = voting.vote(Context(cy), {"id": text_of(old), "choices": ["yes"], "late": True})
    assert answer["warnings"][0] == "It pins an earlier roster, of 5 members; now there are 4. Its own 5 vote on it."
    assert explaining.show(Context(cy), {"id": text_of(old)})["roster"] == "earlier"


def test_letters_are_for_one_person(five):
    (ada, bea, cy), _ = five
    answer = talk.say(Context(ada), {"text": "Between us", "to": "Bea"})
    assert answer["to"].startswith("Bea·")
    talk.say(Context(ada), {"text": "For all"})
    with pytest.raises(UsageError, match="no topic"):
        talk.say(Context(ada), {"text": "x", "to": "Bea", "topic": "y"})
    with pytest.raises(NotFoundError):
        talk.say(Context(ada), {"text": "x", "to": "Zoe"})
    exchange(ada, bea, cy)
    assert [row["text"] for row in talk.read(Context(bea), {})] == ["Between us", "For all"]
    assert [row["text"] for row in talk.read(Context(ada), {})] == ["Between us", "For all"]
    assert [row["text"] for row in talk.read(Context(cy), {})] == ["For all"]
    assert talk.read(Context(bea), {})[0]["to"].startswith("Bea·")
    (letter,) = cy.store.find(tables.Letter)
    body = cy.store.get(tables.Kept, id=letter.id).body
    assert b"Between us" not in body
    assert bea.keys.member_public not in body, "whom it is for is nobody's business"


def test_the_report(five):
    (ada, bea, cy), _ = five
    rows = membership.members(Context(ada), {"report": True})
    assert len(rows) == 5
    assert {row["role"] for row in rows} == {"member"}
    assert all(row["brought_by"] == [] for row in rows)


def test_a_foreign_proposal_of_a_void_policy_has_no_effect(five):
    (ada, *_), (dan, eve) = five
    from dataclasses import replace

    void = replace(Context(ada).state().policies["standard"], quorum=(5, 4))
    body = Proposal(Context(ada).standing().head, "constitution", "Nonsense", action=(int(Verb.POLICY), (void, ())))
    motion = dan.write(Kind.PROPOSAL, body)
    give(ada, motion, dan.ballot(motion.id), eve.ballot(motion.id))
    shown = explaining.why(Context(ada), {"id": text_of(motion.id)})
    assert (shown["state"], shown["outcome"]) == ("open", None)
    assert "void" in shown["reasons"][0]["text"]
