"""The hard cases of federations, each on whole nodes, and what a federation is given that is not good.

Cases 3 and 11 are in `test_federation`, 9 is in `tests/unit/test_federation`, in every order.
"""

import base64

import pytest

from meshd.errors import NodeError
from meshd.peers.pacing import Pace
from meshd.service import (
    delegation,
    explaining,
    federating,
    federations,
    hearing,
    membership,
    proving,
    quoting,
    results,
    rosters,
    status,
    voting,
    witnessing,
)
from meshd.service.bridging import cross
from meshd.service.context import Context
from meshd.service.pieces import write_pieces
from meshd.state.pieces import name_of_file
from meshd.store import tables
from meshd.upkeep import witness
from meshd.upkeep.caretaker import ready_to_pin
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb, Voiced
from meshd_protocol.bodies.decisions import Proposal, Say
from meshd_protocol.bodies.delegates import Act, Countersignature, Told
from meshd_protocol.bodies.federation import Quotation
from meshd_protocol.bodies.membership import Leave, Revocation, RosterStep
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from tests.unions import NAMES, Union
from tests.worlds import Author, commune, exchange, give, newcomer, propose, state_of

DAY_MS = 86_400_000


@pytest.fixture
def delegates(union, tmp_path):
    """The federation's nodes: by assembly, of whoever sits for it. The first is the convener's."""
    made = {"Aragon": union.federation}
    for n, (name, who) in enumerate((("Bakery", "Di"), ("Harbour", "Gil"))):
        made[name] = newcomer(tmp_path, union.federation, who, seed=60 + n, clock=union.clock).context
    for name in NAMES:
        union.joins(name)
    exchange(*(each.assembly for each in made.values()))
    for name, who in (("Aragon", "Ada"), ("Bakery", "Di"), ("Harbour", "Gil")):
        union.sends(name, who, made[name].me, "Delegate", ("speak", "voice standard"))
    exchange(*(each.assembly for each in made.values()))
    yield made
    for name in ("Bakery", "Harbour"):
        made[name].assembly.close()


def bring(union: Union, name: str, words: str, to: Context) -> int:
    """A proof by an assembly is quoted on somebody's node in the federation."""
    return quoting.quote(to, {"proof": union.prove(name, words)})["records"]


def says_no(union: Union, name: str, said: str) -> None:
    """Others of an assembly vote no."""
    row = union.nodes[name].proposal(said)
    give(union.nodes[name].assembly, *(each.ballot(row.id, Say.NO) for each in union.others[name]))


def test_case_1_neither_side_of_a_partition_settles_what_the_exchange_unsettles(union, delegates):
    one, other = delegates["Bakery"], delegates["Harbour"]
    matter = propose(one, "A common warehouse", "significant")
    exchange(one.assembly, other.assembly)
    bring(union, "Bakery", union.says("Bakery", matter), one)
    bring(union, "Harbour", union.says("Harbour", matter), other)
    assert [state_of(each, matter)["state"] for each in (one, other)] == ["provisional", "provisional"]
    exchange(one.assembly, other.assembly)
    assert [state_of(each, matter)["outcome"] for each in (one, other)] == ["passed", "passed"]


def _rota(union: Union, delegates) -> bytes:
    """A daily matter, which all delegates vote yes on, and which their devices witness."""
    everybody = [each.assembly for each in delegates.values()]
    for each in delegates.values():
        witnessing.witness(each, {"word": "on"})
        exchange(*everybody)
    matter = propose(delegates["Aragon"], "Open on Sundays", "standard")
    exchange(*everybody)
    for each in delegates.values():
        voting.vote(each, {"id": text_of(matter), "choices": ["yes"]})
    exchange(*everybody)
    return matter


def test_case_2_a_ballot_counts_if_witnesses_attested_before_they_knew_of_the_recall(union, delegates):
    """And what her assembly decided counts whatever becomes of her."""
    matter = _rota(union, delegates)
    everybody = [each.assembly for each in delegates.values()]
    said = union.says("Bakery", propose(union.federation, "A common warehouse", "significant"))
    recall = delegation.recall(union.nodes["Bakery"], {"mandate": "Delegate"})["id"]
    union.yes("Bakery", recall)
    bring(union, "Bakery", recall, delegates["Harbour"])
    assert state_of(delegates["Harbour"], matter)["counts"]["yes"] == 2, "who knows of it leaves her out"
    assert state_of(delegates["Aragon"], matter)["counts"]["yes"] == 3
    exchange(*everybody)
    union.clock.now_ms += 30 * DAY_MS
    for each in everybody:
        witness.keep_time(each)
    exchange(*everybody)
    shown = state_of(union.federation, matter)
    assert (shown["outcome"], shown["counts"]["yes"]) == ("passed", 2)
    warehouse = next(row.id for row in union.federation.assembly.store.find(tables.Proposal) if "ware" in row.title)
    bring(union, "Bakery", said, delegates["Harbour"])
    assert state_of(delegates["Harbour"], warehouse)["seen"] == 1


def test_case_2_what_was_attested_before_stays(union, delegates):
    matter = _rota(union, delegates)
    everybody = [each.assembly for each in delegates.values()]
    union.clock.now_ms += 30 * DAY_MS
    for each in everybody:
        witness.keep_time(each)
    exchange(*everybody)
    recall = delegation.recall(union.nodes["Bakery"], {"mandate": "Delegate"})["id"]
    union.yes("Bakery", recall)
    bring(union, "Bakery", recall, delegates["Harbour"])
    exchange(*everybody)
    assert state_of(union.federation, matter)["outcome"] == "passed"
    assert union.federation.state().member_of(delegates["Bakery"].me) is None


@pytest.mark.parametrize("first", ["yes", "no"])
def test_case_4_settled_policies_count_a_yes_whatever_else_an_assembly_decides(union, delegates, first):
    federation = union.federation
    matter = propose(federation, "A common warehouse", "significant")
    yes = union.says("Aragon", matter)
    asked = {"matter": text_of(matter), "federation": text_of(federation.assembly.id), "title": "Rather not"}
    no = federating.voice(union.nodes["Aragon"], asked)["id"]
    says_no(union, "Aragon", no)
    for each in (yes, no) if first == "yes" else (no, yes):
        row = union.nodes["Aragon"].proposal(each)
        if results.outcome_of(union.nodes["Aragon"], row).outcome is not None:
            bring(union, "Aragon", each, federation)
    assert state_of(federation, matter)["counts"]["yes"] == 1


def _voice_by(authors, pin: bytes, union: Union, matter: bytes, *, name: str) -> bytes:
    """What some people of an assembly decide to say, by themselves, on a roster that they like."""
    body = Proposal(
        pin, "significant", "Ours", action=(int(Verb.VOICE), Voiced(union.federation.assembly.id, matter, leaves=False))
    )
    record = authors[0].write(Kind.PROPOSAL, body)
    ballots = [each.ballot(record.id) for each in authors]
    give(union.nodes[name].assembly, record, *ballots)
    parts = [(each.header, each.signature, each.body) for each in (record, *ballots)]
    parts += [(each.header, each.signature, each.body) for author in authors for each in author.history[:1]]
    with union.federation.assembly.writing():
        union.federation.assembly.write(
            Kind.QUOTATION, Quotation(union.nodes[name].assembly.id, tuple(sorted(set(parts))))
        )
    return record.id


def test_case_5_expelled_founders_speak_for_nobody(union, delegates):
    """Two of three were expelled; on the first roster they would be a majority."""
    aragon, (bo, cy) = union.nodes["Aragon"], union.others["Aragon"]
    origin = aragon.standing().rosters.origin
    for author in (bo, cy):
        label = aragon.assembly.people.label(author.member.public)
        motion = rosters.remove(aragon, {"person": label, "reason": "why"})["id"]
        give(aragon.assembly, *(each.ballot(bytes_of(motion)) for each in (bo, cy)))
    assert aragon.state().members == {aragon.me}
    bring(union, "Aragon", "roster", union.federation)
    matter = propose(union.federation, "A common warehouse", "significant")
    assert len(union.federation.state().federal.followed[aragon.assembly.id].state().members) == 1
    _voice_by([bo, cy], origin, union, matter, name="Aragon")
    assert state_of(union.federation, matter)["seen"] == 0
    why = [
        each["text"] for each in explaining.why(union.federation, {"id": text_of(matter), "of": "Aragon"})["reasons"]
    ]
    assert any("does not count" in each for each in why)


def test_case_6_where_most_have_left_the_matter_is_put_anew_on_a_newer_roster(union, delegates):
    aragon, (bo, cy) = union.nodes["Aragon"], union.others["Aragon"]
    federation = union.federation
    matter = propose(federation, "A common warehouse", "significant")
    for author in (bo, cy):
        give(aragon.assembly, author.write(Kind.LEAVE, Leave(aragon.standing().head, ((author.device.public, 9),))))
    with aragon.assembly.writing():
        ready_to_pin(aragon.assembly)
    assert aragon.state().members == {aragon.me}
    said = federating.voice(aragon, {"matter": text_of(matter), "federation": text_of(federation.assembly.id)})["id"]
    voting.vote(aragon, {"id": said, "choices": ["yes"]})
    bring(union, "Aragon", said, federation)
    assert state_of(federation, matter)["seen"] == 0, "one of three whom the matter's roster follows"
    anew = propose(federation, "A common warehouse, put anew", "significant")
    said = federating.voice(aragon, {"matter": text_of(anew), "federation": text_of(federation.assembly.id)})["id"]
    voting.vote(aragon, {"id": said, "choices": ["yes"]})
    bring(union, "Aragon", said, federation)
    assert state_of(federation, anew)["seen"] == 1


def test_case_7_an_assembly_whose_line_parts_speaks_by_the_majority_that_is_followed(union, delegates, tmp_path):
    """Two islands of three of five each expel somebody of the other; the matter is open meanwhile."""
    federation, aragon = union.federation, union.nodes["Aragon"]
    matter = propose(federation, "A common warehouse", "significant")
    bo, cy = union.others["Aragon"]
    label = aragon.assembly.people.label
    here = rosters.remove(aragon, {"person": label(cy.member.public), "reason": "why"})["id"]
    origin = aragon.standing().rosters.origin
    give(aragon.assembly, bo.ballot(bytes_of(here)))
    assert aragon.state().members == {aragon.me, bo.member.public}
    said = union.says("Aragon", matter, 1)
    voting.vote(aragon, {"id": said, "choices": ["yes"]})
    there = cy.remove(origin, aragon.me)
    parts = [(each.header, each.signature, each.body) for each in (there, cy.ballot(there.id), bo.ballot(there.id))]
    parts += [(each.header, each.signature, each.body) for each in (bo.history[0], cy.history[0])]
    step = RosterStep(origin, (there.id,))
    body = Quotation(aragon.assembly.id, tuple(sorted(parts)), ((step.parent, step.cites, step.ratified_by),))
    with federation.assembly.writing():
        federation.assembly.write(Kind.QUOTATION, body)
    bring(union, "Aragon", "roster", federation)
    bring(union, "Aragon", said, federation)
    assert state_of(federation, matter)["seen"] == 1, "two of the three whom the matter's roster follows said yes"
    (row,) = [each for each in membership.members(federation, {}) if each["label"].startswith("Aragon")]
    assert row["parted"] == [2, 2], "each without one whom the other has"
    assert any("has parted" in each for each in status.status(federation, {})["pending"])


def test_case_8_an_assembly_that_divides_counts_once_in_every_roster(union, delegates, tmp_path):
    federation = union.federation
    (half,), _ = commune(tmp_path / "half", ["Gil"], seed=31, nodes=1, clock=union.clock, title="Upper harbour")
    upper = Context(half)
    quoting.quote(federation, {"proof": proving.prove(upper, {"id": "roster"})["proof"]})
    motion = federating.seat(federation, {"assembly": "Upper", "instead": ["Harbour"]})["id"]
    joins = federating.federate(upper, {"federation": text_of(federation.assembly.id)})["id"]
    quoting.quote(federation, {"proof": proving.prove(upper, {"id": joins})["proof"]})
    for name in ("Aragon", "Bakery"):
        bring(union, name, union.says(name, bytes_of(motion)), federation)
    assert half.id in federation.state().members
    assert union.nodes["Harbour"].assembly.id not in federation.state().members
    half.close()


def test_case_10_a_delegate_withholds_and_another_assemblys_delegate_brings_the_proof(union, delegates):
    federation, harbour = union.federation, delegates["Harbour"]
    matter = propose(federation, "A common warehouse", "significant")
    exchange(federation.assembly, harbour.assembly)
    said = union.says("Bakery", matter)
    assert bring(union, "Bakery", said, harbour) > 0
    assert state_of(harbour, matter)["seen"] == 1
    recall = delegation.recall(union.nodes["Bakery"], {"mandate": "Delegate"})["id"]
    union.yes("Bakery", recall)
    bring(union, "Bakery", recall, harbour)
    flo = hearing.seated(harbour)
    assert [row["sits"] for row in flo if row["person"] == "Bakery"] == [[]]


def test_case_14_a_stick_brings_the_last_voice_after_two_months(union, delegates):
    federation = union.federation
    closes = union.clock.now_ms + 7 * DAY_MS
    matter = propose(federation, "A common warehouse", "significant", closes_ms=closes)
    bring(union, "Aragon", union.says("Aragon", matter), federation)
    said = union.says("Harbour", matter)
    union.clock.now_ms += 60 * DAY_MS
    assert state_of(federation, matter)["overdue"]
    bring(union, "Harbour", said, federation)
    shown = state_of(federation, matter)
    assert (shown["state"], shown["outcome"], shown["overdue"]) == ("settled", "passed", False)


def test_case_15_a_seat_that_floods_is_paced_and_named_and_gates_nothing(union, delegates):
    federation, gil = union.federation, delegates["Harbour"]
    before = federation.standing().head
    author = Author(bytes(32), "Nobody", 44)
    records = []
    for number in range(limits.LIVE_RECORDS + 5):
        junk = author.write(200, number.to_bytes(2, "big"), log=0)
        body = Quotation(author.assembly, ((junk.header, junk.signature, junk.body),))
        with gil.assembly.writing():
            records.append(gil.assembly.write(Kind.QUOTATION, body))
    pace = Pace(federation.assembly.world.steady)
    assert len(pace.at_once(federation.assembly, records)) <= limits.LIVE_RECORDS
    assert pace.beyond() == [gil.me], "by name"
    exchange(gil.assembly, federation.assembly)
    assert federation.standing().head == before
    matter = propose(federation, "A common warehouse", "significant")
    bring(union, "Aragon", union.says("Aragon", matter), federation)
    assert state_of(federation, matter)["seen"] == 1


def test_case_16_what_yesterdays_rulers_settle_is_shown_as_earlier_and_changes_no_roster(union, delegates):
    """A federation's matter on an old roster of it: it pins what was followed then."""
    federation, aragon = union.federation, union.nodes["Aragon"]
    matter = propose(federation, "A common warehouse", "significant")
    bo, cy = union.others["Aragon"]
    for author in (bo, cy):
        motion = rosters.remove(aragon, {"person": aragon.assembly.people.label(author.member.public), "reason": "x"})
        give(aragon.assembly, *(each.ballot(bytes_of(motion["id"])) for each in (bo, cy)))
    bring(union, "Aragon", "roster", federation)
    propose(federation, "Something else", "significant")
    head = federation.standing().head
    _voice_by([bo, cy], aragon.standing().rosters.origin, union, matter, name="Aragon")
    bring(union, "Harbour", union.says("Harbour", matter), federation)
    shown = state_of(federation, matter)
    assert (shown["outcome"], shown["roster"]) == ("passed", "earlier")
    assert shown["force"] is not None, "it binds nobody whom the federation follows today"
    assert federation.standing().head == head
    sits, harbour = delegates["Harbour"], union.nodes["Harbour"]
    exchange(federation.assembly, sits.assembly)
    cross(sits.assembly, harbour.assembly)
    assert (federation.assembly.id, matter) not in federations.tellings(harbour), "bridges wait"
    bring(union, "Bakery", union.says("Bakery", matter), federation)
    assert state_of(federation, matter)["force"] is None
    exchange(federation.assembly, sits.assembly)
    cross(sits.assembly, harbour.assembly)
    assert (federation.assembly.id, matter) in federations.tellings(harbour)


def test_what_revoked_devices_attested_in_a_federation_is_not_in_force(union, delegates):
    matter = _rota(union, delegates)
    everybody = [each.assembly for each in delegates.values()]
    union.clock.now_ms += 30 * DAY_MS
    for _ in range(2):
        for each in delegates.values():
            witness.keep_time(each.assembly)
        exchange(*everybody)
    federation = union.federation
    forces = federation.standing().forces.of(federation.standing().item(matter))
    assert forces is not None and forces.holds
    for name in ("Bakery", "Harbour"):
        keys = delegates[name].assembly.keys
        ended = Revocation(
            member=keys.member_public,
            device=keys.device.public,
            good=(0, 0, 0),
            roster=federation.standing().head,
        )
        author = Author(federation.assembly.id, name, 700 + len(name), keys.member)
        signed = ended.signed_by(keys.member, federation.assembly.id)
        give(federation.assembly, author.certify(), author.write(Kind.REVOCATION, signed))
    with federation.assembly.writing():
        ready_to_pin(federation.assembly)
    assert len(federation.state().revoked) == 2
    forces = federation.standing().forces.of(federation.standing().item(matter))
    assert forces is not None and not forces.holds


def test_a_quotation_holds_no_more_than_its_bytes():
    """One byte past the bound, and at it."""
    at = ((bytes(15_900 - 64 - 1), bytes(64), b"x"),)
    assert Quotation.read(Quotation(bytes(32), at).write()).records == at
    past = ((bytes(15_901 - 64 - 1), bytes(64), b"x"),)
    with pytest.raises(BadBodyError, match="15900 bytes"):
        Quotation.read(Quotation(bytes(32), past).write())


def test_two_assemblies_of_one_name_are_told_apart(union, tmp_path):
    federation = union.federation
    (twin,), _ = commune(tmp_path / "twin", ["Eva"], seed=41, nodes=1, clock=union.clock, title="Aragon")
    for name in NAMES:
        union.joins(name)
    quoting.quote(federation, {"proof": proving.prove(Context(twin), {"id": "roster"})["proof"]})
    union.sends("Bakery", "Di", federation.me, "Delegate")
    with pytest.raises(NodeError, match="more than one assembly"):
        federating.seat(federation, {"assembly": "Aragon"})
    label = federation.assembly.people.label(twin.id)
    assert federating.seat(federation, {"assembly": label})["id"]
    twin.close()


def test_a_proof_of_another_file_in_pieces_is_told_as_what_it_is(union, delegates):
    """A delegate tells a result with the proof of another matter."""
    federation, aragon = union.federation, union.nodes["Aragon"]
    matter = propose(federation, "A common warehouse", "significant")
    other = propose(federation, "A common oven", "significant")
    for name in ("Aragon", "Harbour"):
        bring(union, name, union.says(name, matter), federation)
    cross(federation.assembly, aragon.assembly)
    data = base64.b64decode(proving.prove(federation, {"id": text_of(matter)})["proof"])
    (mandate,) = federations.sends(aragon, federation.assembly.id)
    with aragon.assembly.writing():
        write_pieces(aragon, data)
        told = Told(federation.assembly.id, other, name_of_file(data))
        aragon.assembly.write(Kind.ACT, Act(aragon.standing().head, mandate, "speak", "It passed", told=told))
    rows = {row["id"]: row for row in federations.voices(aragon, {})["matters"]}
    assert rows[text_of(matter)]["outcome"] == "passed"
    assert rows[text_of(other)]["outcome"] is None
    assert "it proves something else" in rows[text_of(other)]["told"]


def test_whoever_acts_for_the_federation_is_not_countersigned_by_their_own_assembly(union, delegates):
    """The holder's device, a witness for the assembly that sent the holder, says nothing of the holder's own acts."""
    federation = union.federation
    for each in delegates.values():
        witnessing.witness(each, {"word": "on"})
        exchange(*(each.assembly for each in delegates.values()))
    label = federation.assembly.people.label(federation.me)
    given = delegation.mandate(federation, {"title": "Cook", "holder": label, "powers": ["cook"]})["id"]
    for name in ("Aragon", "Bakery"):
        bring(union, name, union.says(name, bytes_of(given)), federation)
    assert federation.state().in_force(bytes_of(given))
    act = delegation.act(federation, {"mandate": "Cook", "text": "Soup", "power": "cook"})["id"]
    with federation.assembly.writing():
        federation.assembly.write(Kind.COUNTERSIGNATURE, Countersignature(bytes_of(act), ()))

    def shown() -> dict:
        (row,) = [each for each in delegation.delegates(federation, {}) if each["id"] == given]
        return row["acts"][0]

    assert (shown()["countersigned"], shown()["needed"], shown()["stands"]) == (0, 2, False)
    for each in delegates.values():
        exchange(*(every.assembly for every in delegates.values()))
        witness.keep_time(each.assembly)
    exchange(*(each.assembly for each in delegates.values()))
    assert (shown()["countersigned"], shown()["stands"]) == (2, True)
