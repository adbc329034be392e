"""Federations of federations, on whole nodes: four levels decide by what people decided at the foot, and two that are
members of each other come to an end.
"""

import base64
import random

import pytest

from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.service import (
    delegation,
    explaining,
    federating,
    federations,
    proving,
    quoting,
    results,
    rosters,
    status,
    waiting,
)
from meshd.service.bridging import cross
from meshd.service.context import Context
from meshd.state.standing import Standing
from meshd_protocol import limits
from meshd_protocol.errors import BadProofError
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.proofs import read_proof, verify_proof, write_proof
from tests.towers import HEIGHTS, Tower
from tests.unions import NAMES, checking_ok
from tests.worlds import give, propose, state_of


@pytest.fixture
def tower(tmp_path):
    """Makes one of so many levels."""
    made: list[Tower] = []

    def build(levels: int) -> Tower:
        made.append(Tower(tmp_path, levels))
        return made[0]

    yield build
    for each in made:
        each.close()


def proof_of(context: Context, words: str) -> bytes:
    return base64.b64decode(proving.prove(context, {"id": words})["proof"])


def why(context: Context, matter: str, of: str) -> dict[str, str]:
    return {each["rule"]: each["text"] for each in explaining.why(context, {"id": matter, "of": of})["reasons"]}


def reopens(context: Context) -> bool:
    """Whether the log alone gives what this node follows now, and a recount the same."""
    again = Standing.load(context.assembly.store, context.assembly.id)
    same = (again.head, again.state.members) == (context.standing().head, context.state().members)
    return same and checking_ok(context)


def test_four_levels_decide_by_what_people_decided(tower):
    built = tower(4)
    top = built.levels[-1]
    assert [each.standing().genesis.name for each in built.levels] == list(HEIGHTS)
    matter = built.puts()
    built.millers_say(3, built.voice(3, built.mill, matter))
    assert state_of(top, bytes_of(matter))["state"] == "provisional", "the Mill alone is half of it"
    said = built.voice(3, built.levels[2], matter)
    built.decide(2, said)
    built.quote(3, built.levels[2], said)
    assert state_of(top, bytes_of(matter))["outcome"] == "passed"
    proof = proof_of(top, matter)
    assert verify_proof(proof, top.assembly.id).outcome == "passed"
    assert reopens(top)
    # down to people, one level at a time, as each answer says
    for below in reversed(HEIGHTS[:3]):
        reasons = why(top, matter, below)
        assert "Mill" in reasons["voices"] or below == "Valley"
        matter = reasons["voices"].split("`meshd why ")[1].split()[0]
    reasons = why(top, matter, "Aragon")
    assert reasons["ballots"].startswith("Yes: ") and "Bo" in reasons["ballots"]
    with pytest.raises(NotFoundError):
        explaining.why(top, {"id": matter, "of": "Land"})


def test_no_federation_is_too_high(tower, monkeypatch):
    monkeypatch.setattr(limits, "LEVELS", 3)
    built = tower(3)
    with pytest.raises(NodeError, match="too high"):
        federating.seating_of(proof_of(built.levels[2], "roster"), 1)
    land = built.levels[1]
    monkeypatch.setattr(limits, "LEVELS", 2)
    with pytest.raises(BadProofError):
        verify_proof(proof_of(built.levels[2], "roster"))
    assert federating.seating_of(proof_of(built.levels[0], "roster"), 1).assembly == built.levels[0].assembly.id
    assert land.state().members


def test_without_what_people_decided_nothing_is_proved(tower):
    built = tower(2)
    matter = built.puts()
    built.decide(1, matter)
    proof = proof_of(built.levels[1], matter)
    whole = read_proof(proof)
    for n, each in enumerate(whole.quoted):
        rest = (*whole.quoted[:n], *whole.quoted[n + 1 :])
        with pytest.raises(BadProofError):
            verify_proof(write_proof(whole._replace(quoted=rest)))
        assert each.records
    rng = random.Random(5)
    for place in rng.sample(range(len(proof)), 200):
        with pytest.raises(BadProofError):
            verify_proof(proof[:place] + bytes([proof[place] ^ 1 << rng.randrange(8)]) + proof[place + 1 :])


def test_what_a_federation_says_alone_is_no_voice(tower):
    """Whoever sits in a federation can bring its proposals into another one: that its members decided it is missing."""
    built = tower(2)
    valley, land = built.levels
    matter = built.puts()
    said = built.voice(1, valley, matter)
    for name in ("Aragon", "Bakery"):
        built.union.says(name, bytes_of(said))
    with pytest.raises(NodeError, match="not final"):
        proof_of(valley, said)
    built.union.quote("Aragon", federations_voice(built, "Aragon"))
    with pytest.raises(NodeError, match="not final"):
        proof_of(valley, said)
    built.union.quote("Bakery", federations_voice(built, "Bakery"))
    assert built.quote(1, valley, said) > 0
    reasons = explaining.why(land, {"id": matter})["reasons"]
    assert any(each["text"].startswith("Valley") and "says yes" in each["text"] for each in reasons)


def federations_voice(built: Tower, name: str) -> str:
    """The last decision of an assembly on what it says."""
    return text_of(list(federations.voices_of(built.union.nodes[name]))[-1].row.id)


def test_one_assembly_in_two_federations_is_followed_apart(tower):
    """Hard case 12: the Mill sits in the Land and the Coast, and the Land in the Coast."""
    built = tower(3)
    valley, land, coast = built.levels
    mill = built.mill.assembly.id

    def followed(context: Context) -> dict[bytes, set[bytes]]:
        there = context.state().federal.followed
        return {each: set(meaning.state().members) for each, meaning in there.items()}

    def deep() -> set[bytes]:
        return set(coast.state().federal.followed[land.assembly.id].state().members)

    assert mill in followed(coast) and mill in deep()
    gone = rosters.remove(land, {"person": "Mill", "reason": "It wants to."})["id"]
    said = built.voice(1, valley, gone)
    built.decide(0, said)
    built.quote(1, valley, said)
    built.millers_say(1, built.voice(1, built.mill, gone))
    assert mill not in land.state().members
    built.quote(2, land, "roster")
    assert mill not in deep(), "the Coast sees that the Land has unseated it"
    assert mill in coast.state().members, "and it has a seat in the Coast itself"
    matter = built.puts()
    built.millers_say(2, built.voice(2, built.mill, matter))
    said = built.voice(2, land, matter)
    built.decide(1, said, mill=False)
    built.quote(2, land, said)
    assert state_of(coast, bytes_of(matter))["outcome"] == "passed"
    assert reopens(coast)


def test_no_federation_has_a_seat_in_itself(tower):
    """Hard case 13: what sits in a federation does not seat it, at any depth."""
    built = tower(3)
    for height, above in ((0, 1), (0, 2), (1, 2)):
        built.quote(height, built.levels[above], "roster")
        with pytest.raises(UsageError, match="a seat in itself"):
            federating.seat(built.levels[height], {"assembly": HEIGHTS[above]})


def test_two_federations_that_seat_each_other_unknowing(tower):
    """Hard case 13: each decided before it saw the other's decision. Every count ends, and each goes on."""
    built = tower(1)
    valley, mill = built.levels[0], built.mill
    land = built.found(mill)
    federation = text_of(land.assembly.id)
    built.millers_send(1)
    built.quote(0, land, "roster")
    built.quote(1, valley, "roster")
    up, down = (
        federating.seat(valley, {"assembly": "Land"})["id"],
        federating.seat(land, {"assembly": "Valley"})["id"],
    )
    built.decide(0, up)
    built.millers_say(1, built.voice(1, mill, down))
    joins = federating.federate(valley, {"federation": federation})["id"]
    built.decide(0, joins)
    back = federating.federate(land, {"federation": text_of(valley.assembly.id)})["id"]
    built.millers_say(1, built.voice(1, mill, back))
    for _ in range(3):
        built.quote(0, land, back)
        built.quote(1, valley, joins)
        built.quote(0, land, "roster")
        built.quote(1, valley, "roster")
    assert land.assembly.id in valley.state().federal.seats.keys() - valley.state().members
    assert valley.assembly.id in land.state().federal.seats.keys() - land.state().members
    told = [each for each in status.status(valley, {})["pending"] if "neither counts in the other" in each]
    assert told and "`meshd remove Land·" in told[0]
    matter = text_of(propose(valley, "A common oven"))
    for name in NAMES:
        built.union.quote(name, built.union.says(name, bytes_of(matter)))
    assert state_of(valley, bytes_of(matter))["outcome"] == "passed"
    assert verify_proof(proof_of(valley, matter)).outcome == "passed"
    mine = text_of(propose(land, "A mill of our own"))
    built.millers_say(1, built.voice(1, mill, mine))
    assert state_of(land, bytes_of(mine))["outcome"] == "passed"
    # the Valley gives the Land's seat up, and is a member of it
    built.decide(0, rosters.remove(valley, {"person": "Land", "reason": "One of us is enough."})["id"])
    built.quote(1, valley, "roster")
    assert valley.assembly.id in land.state().members
    asked = text_of(propose(land, "A road"))
    said = built.voice(1, valley, asked)
    built.decide(0, said)
    assert built.quote(1, valley, said) > 0
    heard = explaining.why(land, {"id": asked})["reasons"]
    assert any(each["text"].startswith("Valley") and "says yes" in each["text"] for each in heard)
    assert reopens(valley)
    assert reopens(land)


def test_nobody_puts_a_federation_into_a_circle_that_it_did_not_join(tower):
    """A small member of a member seats the one above, which has no say in that: nobody is put out by it."""
    built = tower(2)
    valley, land = built.levels
    small = built.found(built.mill)
    built.millers_send(2)
    built.quote(0, small, "roster")
    built.decide(0, federating.seat(valley, {"assembly": "Coast"})["id"])
    joins = federating.federate(small, {"federation": text_of(valley.assembly.id)})["id"]
    built.millers_say(2, built.voice(2, built.mill, joins))
    built.quote(0, small, joins)
    assert small.assembly.id in valley.state().members
    built.quote(2, land, "roster")
    built.millers_say(2, built.voice(2, built.mill, federating.seat(small, {"assembly": "Land"})["id"]))
    assert land.assembly.id in small.state().federal.seats
    built.quote(0, small, "roster")
    built.quote(1, valley, "roster")
    deep = land.state().federal.followed[valley.assembly.id].federal.followed[small.assembly.id]
    assert land.assembly.id in deep.federal.seats, "the Land sees that"
    assert land.state().members == {valley.assembly.id, built.mill.assembly.id}
    assert reopens(land)
    assert reopens(valley)


def test_a_bridge_carries_between_federations(tower):
    built = tower(2)
    valley, land = built.levels
    aragon = built.union.nodes["Aragon"]
    assert cross(land.assembly, valley.assembly).down == 1, "the Land tells who it is"
    matter = propose(land, "A harbour for all")
    assert cross(land.assembly, valley.assembly).down == 1
    waits = [each for each in waiting.waiting(valley).shown if each["what"] == "matter"]
    assert [(each["title"], each["person"]) for each in waits] == [("A harbour for all", "Land")]
    said = federating.voice(valley, {"matter": text_of(matter)[:8]})["id"]
    shown = explaining.show(valley, {"id": said})
    assert shown["matter"]["title"] == "A harbour for all"
    assert cross(valley.assembly, aragon.assembly).down >= 1
    assert bytes_of(said) in federations.abroad(aragon).matters, "the people of Aragon hear what the Valley asks"
    for name in ("Aragon", "Bakery"):
        built.union.quote(name, built.union.says(name, bytes_of(said)))
    assert results.outcome_of(valley, valley.proposal(said)).outcome == "passed"
    assert [each["what"] for each in waiting.waiting(valley).shown if each["what"] == "unheard"]
    assert cross(land.assembly, valley.assembly).up > 0
    assert cross(land.assembly, valley.assembly).up == 0, "each record once"
    built.millers_say(1, built.voice(1, built.mill, text_of(matter)))
    assert state_of(land, matter)["outcome"] == "passed"
    with pytest.raises(NodeError, match="nothing is asked in it any more"):
        quoting.quote(valley, {"proof": proving.prove(land, {"id": text_of(matter)})["proof"]})
    assert cross(land.assembly, valley.assembly).down > 0
    rows = [each for each in federations.voices(valley, {})["matters"] if each["title"] == "A harbour for all"]
    assert [(each["says"], each["outcome"]) for each in rows] == [("passed", "passed")]
    assert "verified here" in rows[0]["told"]
    assert not [each for each in waiting.waiting(valley).shown if each["what"] in ("unheard", "matter")]


def test_a_federation_recalls_whom_it_sent(tower):
    built = tower(2)
    valley, land = built.levels
    assert land.state().member_of(land.me) == valley.assembly.id
    recall = delegation.recall(valley, {"mandate": "Delegate"})["id"]
    built.decide(0, recall)
    built.quote(1, valley, recall)
    assert land.state().member_of(land.me) is None


def test_what_changes_at_the_foot_is_followed_at_the_top(tower):
    """Somebody is removed at the foot: federations above follow it, and only then does what was hers count no more."""
    built = tower(3)
    coast, aragon = built.levels[2], built.union.nodes["Aragon"]
    gone = built.union.others["Aragon"][1]

    def at_the_foot() -> set[bytes]:
        there = coast.state()
        for each in (built.levels[1], built.levels[0], aragon):
            there = there.federal.followed[each.assembly.id].state()
        return set(there.members)

    assert gone.member.public in at_the_foot()
    removal = rosters.remove(aragon, {"person": aragon.assembly.people.label(gone.member.public), "reason": "R."})["id"]
    row = aragon.proposal(removal)
    give(aragon.assembly, built.union.others["Aragon"][0].ballot(row.id))
    assert gone.member.public not in aragon.state().members
    for height, of in ((0, aragon), (1, built.levels[0]), (2, built.levels[1])):
        assert gone.member.public in at_the_foot(), height
        built.quote(height, of, "roster")
    assert gone.member.public not in at_the_foot()
    assert reopens(coast)


def test_a_federation_may_not_join_itself(tower):
    built = tower(1)
    federation = text_of(built.levels[0].assembly.id)
    with pytest.raises(NodeError, match="no seat in itself"):
        federating.federate(built.levels[0], {"federation": federation})
    with pytest.raises(NodeError, match="no seat in itself"):
        built.voice(0, built.levels[0], text_of(b"\x01" * 32))
