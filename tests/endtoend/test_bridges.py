"""What a home that holds both logs carries between a federation and an assembly of it, and what members see of it."""

import base64

import pytest

from meshd.errors import NodeError
from meshd.service import (
    delegation,
    explaining,
    federating,
    federations,
    hearing,
    pieces,
    proposing,
    proving,
    quoting,
    voting,
)
from meshd.service.bridging import cross
from meshd.service.context import Context
from meshd.service.waiting import waiting
from meshd.state.pieces import name_of_file
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol.bodies.decisions import Proposal, Retraction
from meshd_protocol.bodies.delegates import Act, Told
from meshd_protocol.bodies.federation import Piece, Quotation
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from tests.federated import Federated
from tests.unions import NAMES, Union
from tests.worlds import Author, exchange, give, newcomer, propose, state_of


def bridge(union: Union, *names: str):
    """Carry between the federation's log and those of some assemblies, all of them by default."""
    return [cross(union.federation.assembly, union.nodes[name].assembly) for name in names or NAMES]


def joined(union: Union) -> None:
    """All assemblies decide to join, and a bridge carries it; the first one sends Ada."""
    for name in NAMES:
        said = federating.federate(union.nodes[name], {"federation": text_of(union.federation.assembly.id)})["id"]
        union.yes(name, said)
    bridge(union)
    union.mandates("Aragon", "Ada", union.federation.me, "Delegate")
    bridge(union)


def asked(context, *kinds: str) -> list[str]:
    """What waits for somebody, of some kinds."""
    return [row["what"] for row in waiting(context).shown if row["what"] in kinds]


def test_a_bridge_carries_what_was_decided_up_and_open_matters_down_each_once(union):
    joined(union)
    federation, aragon, harbour = union.federation, union.nodes["Aragon"], union.nodes["Harbour"]
    assert federation.state().members == {each.assembly.id for each in union.nodes.values()}
    assert federation.state().member_of(federation.me) == aragon.assembly.id
    matter = propose(federation, "A common warehouse", "significant")
    before = [row.records for row in federation.assembly.store.find(tables.Chain)]
    assert [each.down for each in bridge(union)] == [1, 1, 1]
    assert [row.records for row in federation.assembly.store.find(tables.Chain)] == before
    for context in (aragon, harbour):
        (row,) = [row for row in waiting(context).shown if row["what"] == "matter"]
        assert (row["title"], row["person"], row["command"]) == (
            "A common warehouse", "Valley", f"meshd voice {text_of(matter)[:8]}",
        )  # fmt: skip
        said = federating.voice(context, {"matter": text_of(matter)[:8]})
        assert said["title"] == "What we say on A common warehouse"
        name = "Aragon" if context is aragon else "Harbour"
        union.yes(name, said["id"])
        assert asked(context, "matter") == []
    assert [each.up > 0 for each in bridge(union)] == [True, False, True]
    assert state_of(federation, matter)["outcome"] == "passed"
    assert [each.down for each in bridge(union)] == [1, 0, 0], "Ada tells the result; nobody sits for the others"
    records = [each.assembly.store.count(tables.Kept) for each in (federation, *union.nodes.values())]
    assert all((each.up, each.down) == (0, 0) for each in bridge(union))
    assert [each.assembly.store.count(tables.Kept) for each in (federation, *union.nodes.values())] == records


def test_an_assembly_is_told_what_was_decided_with_the_proof(union):
    joined(union)
    federation, aragon = union.federation, union.nodes["Aragon"]
    matter = propose(federation, "A common warehouse", "significant")
    bridge(union)
    voices = {}
    for name in ("Aragon", "Harbour"):
        voices[name] = federating.voice(union.nodes[name], {"matter": text_of(matter)})["id"]
        union.yes(name, voices[name])
    assert asked(aragon, "unheard") == ["unheard"]
    why = explaining.why(aragon, {"id": voices["Aragon"]})["reasons"]
    assert any("Nobody said here that Valley has it" in each["text"] for each in why)
    bridge(union, "Harbour", "Aragon")
    assert asked(aragon, "unheard") == []
    why = [each["text"] for each in explaining.why(aragon, {"id": voices["Aragon"]})["reasons"]]
    assert "Valley: passed, verified here by 2 assemblies' decisions." in why
    (row,) = [row for row in federations.voices(aragon, {})["matters"] if row["id"] == text_of(matter)]
    assert (row["outcome"], row["says"]) == ("passed", "passed")
    assert row["heard"] == aragon.assembly.people.label(aragon.me)
    assert asked(union.nodes["Bakery"], "matter") == ["matter"], "nobody sits for it who would have told"
    assert asked(union.nodes["Bakery"], "send") == ["send"]


def test_without_its_proof_a_result_is_told_and_not_more(union):
    joined(union)
    federation, aragon = union.federation, union.nodes["Aragon"]
    matter = propose(federation, "A common warehouse", "significant")
    for name in ("Aragon", "Harbour"):
        union.says(name, matter)
    bridge(union, "Harbour", "Aragon")
    store = aragon.assembly.store
    kept = {row.id: store.get(tables.Kept, id=row.id) for row in store.find(tables.Piece)}
    assert kept, "the proof came in pieces"
    with store.transaction():
        for row in store.find(tables.Piece):
            store.delete(tables.Piece, id=row.id)
    aragon.assembly.remembered.files.clear()
    (row,) = [row for row in federations.voices(aragon, {})["matters"] if row["id"] == text_of(matter)]
    assert row["outcome"] is None
    assert "proof not here yet" in row["told"]


def test_pieces_of_a_file_count_by_its_hash_whoever_wrote_which(union):
    aragon, (bo, cy) = union.nodes["Aragon"], union.others["Aragon"]
    data = bytes(range(256)) * 150
    name = name_of_file(data)
    parts = [data[start : start + 15_000] for start in range(0, len(data), 15_000)]
    assert pieces.file_of(aragon, name) is None
    lie = [bo.write(Kind.PIECE, Piece(name, n, len(parts), b"x" + part[1:])) for n, part in enumerate(parts)]
    give(aragon.assembly, *lie)
    assert pieces.file_of(aragon, name) is None, "pieces of another file"
    true = [cy.write(Kind.PIECE, Piece(name, n, len(parts), part)) for n, part in enumerate(parts)]
    twice = cy.write(Kind.PIECE, Piece(name, 0, len(parts), parts[0]))
    give(aragon.assembly, true[0], true[1])
    assert pieces.file_of(aragon, name) is None, "one is missing"
    give(aragon.assembly, true[2], twice)
    assert pieces.file_of(aragon, name) == data


def test_why_goes_one_level_down(union):
    joined(union)
    federation = union.federation
    matter = propose(federation, "A common warehouse", "significant")
    union.says("Aragon", matter)
    bridge(union)
    why = explaining.why(federation, {"id": text_of(matter), "of": "Aragon"})
    texts = [each["text"] for each in why["reasons"]]
    assert why["of"].startswith("Aragon")
    assert "2 yes of the 3 members of the roster that it pins; 2 settle it." in texts
    assert sum(each.startswith("Yes: ") and "Bo·" in each and "Cy·" in each for each in texts) == 1
    assert len(texts) <= 10
    nothing = explaining.why(federation, {"id": text_of(matter), "of": "Harbour"})["reasons"]
    assert ["Nothing is quoted" in each["text"] for each in nothing] == [True]
    with pytest.raises(NodeError, match="no federation"):
        explaining.why(union.nodes["Aragon"], {"id": union.says("Aragon", matter), "of": "Bakery"})


def test_a_recall_goes_up_and_whoever_else_sits_says_that_it_is_heard(union):
    joined(union)
    federation, aragon = union.federation, union.nodes["Aragon"]
    recall = delegation.recall(aragon, {"mandate": "Delegate"})["id"]
    union.yes("Aragon", recall)
    assert asked(aragon, "unheard", "send") == ["unheard", "send"]
    bridge(union)
    assert federation.state().member_of(federation.me) is None
    why = [each["text"] for each in explaining.why(aragon, {"id": recall})["reasons"]]
    assert any("Valley has it: its log is in this home" in each for each in why), (
        "though nobody is sent who could say it"
    )
    assert asked(aragon, "unheard", "send") == ["send"]
    union.mandates("Aragon", "Ada", federation.me, "Second delegate")
    bridge(union)
    assert federation.state().member_of(federation.me) == aragon.assembly.id
    assert asked(aragon, "unheard", "send") == []


def test_what_was_withdrawn_there_waits_for_nobody_here(union):
    joined(union)
    federation, harbour = union.federation, union.nodes["Harbour"]
    matter = propose(federation, "A common warehouse", "significant")
    bridge(union)
    assert asked(harbour, "matter") == ["matter"]
    proposing.withdraw(federation, {"id": text_of(matter), "reason": "not now"})
    bridge(union)
    assert asked(harbour, "matter") == []
    (row,) = [row for row in federations.voices(harbour, {})["matters"] if row["id"] == text_of(matter)]
    assert row["withdrawn"]


def test_what_was_withdrawn_by_another_device_of_its_author(union):
    joined(union)
    federation, harbour = union.federation, union.nodes["Harbour"]
    matters = [propose(federation, title, "significant") for title in ("A common warehouse", "A road")]
    bridge(union)
    second = Author(federation.assembly.id, "Zoe", 900, federation.assembly.keys.member)
    stranger = Author(federation.assembly.id, "Eve", 901)
    give(federation.assembly, second.certify(), second.write(Kind.RETRACTION, Retraction(matters[0], "not now")))
    give(federation.assembly, stranger.certify(), stranger.write(Kind.RETRACTION, Retraction(matters[1], "mine")))
    bridge(union)
    # a forger quotes it herself, with a certificate of the author's device that only she signed
    theft = stranger.certificate(0, device=federation.assembly.keys.device.public)
    forged = [*stranger.history, stranger.write(Kind.CERTIFICATE, theft)]
    parts = tuple(sorted((each.header, each.signature, each.body) for each in forged))
    with harbour.assembly.writing():
        harbour.assembly.write(Kind.QUOTATION, Quotation(federation.assembly.id, parts))
    said = federations.voices(harbour, {})["matters"]
    assert {row["title"]: row["withdrawn"] for row in said if row["put_ms"]} == {
        "A common warehouse": True,
        "A road": False,
    }
    bridge(union)
    assert all((each.up, each.down) == (0, 0) for each in bridge(union)), "told once"


def test_two_homes_that_hold_the_same_logs_carry_twice_at_worst(tmp_path):
    """Both carry before they meet; then neither carries anything again."""
    history = Federated(tmp_path, 3)
    house = history.houses[0]
    other = newcomer(tmp_path / "F", Context(history.nodes[0]), "Bo", seed=70, clock=history.clock).context
    exchange(*history.nodes, other.assembly)
    node = Context(house.nodes[1])
    seat = {"seat": text_of(history.assembly), "seat_key": text_of(other.me)}
    sent = {"title": "Second", "holder": node.assembly.keys.person, "powers": ["speak"]}
    given = delegation.mandate(node, sent | seat)["id"]
    house.meet()
    house.decides(node.proposal(given).id)
    house.meet()
    history.carry(house)
    exchange(*history.nodes, other.assembly)
    assert other.state().member_of(other.me) == house.id
    matter = propose(Context(history.nodes[1]), "A common warehouse")
    exchange(*history.nodes, other.assembly)
    pairs = ((house.delegate, house.nodes[0]), (other.assembly, house.nodes[1]))
    assert all(cross(*pair).down > 0 for pair in pairs), "neither knows of the other"
    house.meet()
    said = federating.voice(node, {"matter": text_of(matter)})["id"]
    house.meet()
    house.decides(node.proposal(said).id)
    house.meet()
    assert all(cross(*pair).up > 0 for pair in pairs)
    exchange(*history.nodes, other.assembly)
    for _ in range(2):
        house.meet()
        exchange(*history.nodes, other.assembly)
        crossed = [cross(*pair) for pair in pairs]
    assert [(each.up, each.down) for each in crossed] == [(0, 0), (0, 0)]
    other.assembly.close()
    history.close()


def test_nothing_crosses_for_those_who_may_not_write_there(union):
    federation, harbour = union.federation, union.nodes["Harbour"]
    assert bridge(union) == [None, None, None], "none of them decided to say anything there"
    federating.federate(harbour, {"federation": text_of(federation.assembly.id)})
    assert bridge(union, "Harbour") == [None], "that is open yet"


def test_a_matter_that_is_not_quoted_is_named_by_whole_ids(union):
    with pytest.raises(NodeError, match="no such matter"):
        federating.voice(union.nodes["Aragon"], {"matter": "abcdefgh"})


def test_a_voice_counts_by_those_who_were_followed_though_others_came_since(union):
    """The proof of a voice brings the yes of those whom the federation follows, where newcomers would do at home."""
    joined(union)
    federation, bakery = union.federation, union.nodes["Bakery"]
    matter = propose(federation, "A common warehouse", "significant")
    said = federating.voice(bakery, {"matter": text_of(matter), "federation": text_of(federation.assembly.id)})["id"]
    voting.vote(bakery, {"id": said, "choices": ["yes"]})
    union.yes("Bakery", said)
    proof = base64.b64decode(proving.prove(bakery, {"id": said})["proof"])
    assert proof
    bridge(union)
    assert state_of(federation, matter)["seen"] == 1
    assert bytes_of(said) in federation.standing().quotations.known(bakery.assembly.id)


def test_who_votes_on_a_voice_reads_the_very_matter(union):
    joined(union)
    aragon = union.nodes["Aragon"]
    matter = propose(union.federation, "A common warehouse", "significant", text="In the old mill.")
    bridge(union)
    said = federating.voice(aragon, {"matter": text_of(matter)})["id"]
    shown = explaining.show(aragon, {"id": said})["matter"]
    assert (shown["title"], shown["text"], shown["federation"]) == ("A common warehouse", "In the old mill.", "Valley")
    assert shown["quoted_by"] == aragon.assembly.people.label(aragon.me)
    unknown = federating.voice(
        aragon, {"matter": text_of(bytes(32)), "federation": text_of(union.federation.assembly.id)}
    )["id"]
    assert explaining.show(aragon, {"id": unknown})["matter"] is None


def test_an_election_comes_with_its_options_and_how_they_are_counted(union):
    joined(union)
    aragon, author = union.nodes["Aragon"], Author(union.federation.assembly.id, "Quinn", 71)
    body = Proposal(
        bytes(32), "election", "Who speaks for us?", options=("Kim", "Lea", "Max"), method="stv-meek", seats=2
    )
    asked = author.write(Kind.PROPOSAL, body)
    with aragon.assembly.writing():
        parts = (asked.header, asked.signature, asked.body)
        aragon.assembly.write(Kind.QUOTATION, Quotation(union.federation.assembly.id, (parts,)))
    said = federating.voice(aragon, {"matter": text_of(asked.id)[:10]})
    shown = explaining.show(aragon, {"id": said["id"]})
    assert (said["policy"], shown["void"]) == ("election", None)
    assert (shown["options"], shown["method"], shown["seats"]) == (["Kim", "Lea", "Max"], "stv-meek", 2)
    with pytest.raises(NodeError, match="put already"):
        federating.voice(aragon, {"matter": text_of(asked.id)[:10]})
    proposing.withdraw(aragon, {"id": said["id"]})
    other = federating.voice(
        aragon, {"matter": text_of(asked.id)[:10], "options": ["Kim", "Lea"], "method": "irv", "seats": 1}
    )
    assert explaining.show(aragon, {"id": other["id"]})["method"] == "irv"
    proposing.withdraw(aragon, {"id": other["id"]})
    with pytest.raises(NodeError, match="no counting method"):
        federating.voice(aragon, {"matter": text_of(asked.id)[:10], "method": "dice"})


def test_what_was_told_without_effect_is_not_told_again_and_again(union, monkeypatch):
    joined(union)
    matter = propose(union.federation, "A common warehouse", "significant")
    for name in ("Aragon", "Harbour"):
        union.says(name, matter)
    monkeypatch.setattr(witness, "act_problem", lambda *_: "by a device that may not act")
    bridge(union)
    bridge(union)
    records = [each.assembly.store.count(tables.Kept) for each in (union.federation, *union.nodes.values())]
    bridge(union)
    assert [each.assembly.store.count(tables.Kept) for each in (union.federation, *union.nodes.values())] == records


def test_a_record_too_large_for_a_quotation_is_refused_and_keeps_nothing_else_back(union, monkeypatch):
    joined(union)
    monkeypatch.setattr(quoting, "fits", lambda record: sum(map(len, record)) <= 1500)
    federation, aragon = union.federation, union.nodes["Aragon"]
    matter = propose(federation, "A common warehouse", "significant")
    asked = {"matter": text_of(matter), "federation": text_of(federation.assembly.id), "text": "y" * 2000}
    large = federating.voice(aragon, asked)["id"]
    union.yes("Aragon", large)
    with pytest.raises(NodeError, match="too large"):
        union.quote("Aragon", large)
    said = union.says("Aragon", matter)
    bridge(union)
    bridge(union)
    known = federation.standing().quotations.known(aragon.assembly.id)
    assert bytes_of(said) in known
    assert bytes_of(large) not in known


def test_lies_about_results_and_other_federations_hide_nothing(union):
    """A delegate tells of a proof that nobody has, and under a mandate for another federation."""
    joined(union)
    federation, aragon = union.federation, union.nodes["Aragon"]
    matter = propose(federation, "A common warehouse", "significant")
    bridge(union)
    elsewhere = bytes(range(32))
    seat = {"seat": text_of(elsewhere), "seat_key": text_of(federation.me)}
    bo = aragon.assembly.people.label(union.others["Aragon"][0].member.public)
    given = delegation.mandate(aragon, {"title": "Elsewhere", "holder": bo, "powers": ["speak"]} | seat)["id"]
    union.yes("Aragon", given)
    author, head = union.others["Aragon"][0], aragon.standing().head
    lies = [Told(elsewhere, matter, None), Told(elsewhere, matter, b"x" * 32)]
    give(
        aragon.assembly, *(author.write(Kind.ACT, Act(head, bytes_of(given), "speak", "x", told=each)) for each in lies)
    )
    assert asked(aragon, "matter") == ["matter"], "it is no word of the Valley"
    second = union.mandates("Aragon", bo, b"k" * 32, "Second delegate")
    lie = Told(federation.assembly.id, matter, b"x" * 32)
    author.write(Kind.ACT, Act(aragon.standing().head, bytes_of(second), "speak", "It failed", told=lie))
    give(aragon.assembly, *author.history)
    for name in ("Aragon", "Harbour"):
        union.says(name, matter)
    bridge(union)
    bridge(union)
    (row,) = [row for row in federations.voices(aragon, {})["matters"] if row["id"] == text_of(matter)]
    assert row["outcome"] == "passed", "Ada's node told it all the same, with the proof"


def test_who_comes_back_after_leaving_needs_a_new_seat(union):
    joined(union)
    federation, harbour = union.federation, union.nodes["Harbour"]
    asked_for = {"federation": text_of(federation.assembly.id)}
    for leave in (True, False):
        said = federating.federate(harbour, asked_for | {"leave": leave})["id"]
        union.yes("Harbour", said)
        bridge(union)
    rows = {row["person"]: row for row in hearing.seated(federation)}
    assert (rows["Harbour"]["joined"], rows["Harbour"]["came_back"]) == (False, True)
    assert (rows["Bakery"]["joined"], rows["Bakery"]["came_back"]) == (True, False)


def test_a_file_brings_a_matter_home_where_nobody_has_both_logs(union):
    joined(union)
    federation, harbour = union.federation, union.nodes["Harbour"]
    matter = propose(federation, "A common warehouse", "significant", text="Behind the quay.")
    file = proving.prove(federation, {"id": text_of(matter), "open": True})["proof"]
    assert asked(harbour, "matter") == []
    brought = quoting.quote(harbour, {"proof": file})
    assert (brought["name"], brought["records"]) == ("Valley", 1), "who asks is known from before"
    assert brought["matters"] == [{"id": text_of(matter), "title": "A common warehouse"}]
    assert quoting.quote(harbour, {"proof": file})["records"] == 0, "each record once"
    assert asked(harbour, "matter") == ["matter"]
    said = federating.voice(harbour, {"matter": text_of(matter)[:8]})["id"]
    assert explaining.show(harbour, {"id": said})["matter"]["text"] == "Behind the quay."
    union.yes("Harbour", said)
    union.quote("Harbour", said)
    union.quote("Aragon", union.says("Aragon", matter))
    proof = proving.prove(federation, {"id": text_of(matter)})["proof"]
    with pytest.raises(NodeError, match="nothing is asked in it any more"):
        quoting.quote(harbour, {"proof": proof})
    with pytest.raises(NodeError, match="nobody is asked any more: it is settled"):
        proving.prove(federation, {"id": text_of(matter), "open": True})
    with pytest.raises(NodeError, match="nothing is asked"):
        quoting.quote(harbour, {"proof": proving.prove(federation, {"id": "roster"})["proof"]})
    with pytest.raises(NodeError, match="nobody else decides"):
        proving.prove(harbour, {"id": said, "open": True})
    with pytest.raises(NodeError, match="this very assembly"):
        quoting.quote(federation, {"proof": proof})


def test_voters_are_told_who_else_sees_what_goes_to_a_federation(union):
    aragon = union.nodes["Aragon"]

    def goes_on(identity: str) -> bool:
        ahead = voting.vote(aragon, {"id": identity, "choices": ["yes"], "preview": True})
        return bool(ahead["carried_on"])

    def given(title: str) -> str:
        return str(delegation.mandate(aragon, {"title": title, "holder": "Ada", "powers": ["bake"]})["id"])

    assert not goes_on(given("Baker"))
    joined(union)
    assert goes_on(given("Second baker")), "a proof of the roster has who said what"
    assert not goes_on(text_of(propose(aragon, "Paint the door", "significant")))
