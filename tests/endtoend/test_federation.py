"""Federations of whole nodes: assemblies decide at home, their decisions are quoted, and the federation decides by them."""

import base64
import random

import pytest

from meshd.assembly.assembly import role_of
from meshd.errors import NodeError
from meshd.founding.opening import signed_genesis
from meshd.service import delegation, explaining, federating, proving, quoting, voting, waiting, witnessing
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.upkeep import witness
from meshd_crypto.hashing import digest
from meshd_protocol.bodies.federation import Quotation
from meshd_protocol.bodies.genesis import Genesis, Seating
from meshd_protocol.bodies.membership import RosterStep
from meshd_protocol.encoding import encode
from meshd_protocol.errors import BadProofError
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.policies import FEDERAL_DEFAULTS
from meshd_protocol.proof_files import wrap
from meshd_protocol.proofs import read_proof, verify_proof, write_proof
from meshd_protocol.records import read_record
from meshd_protocol.rosters import roster_id
from tests.unions import NAMES, Union, checking_ok
from tests.worlds import START_MS, Author, exchange, give, newcomer, propose, state_of, world


def test_a_federation_begins_when_all_have_joined_and_decides_by_their_decisions(union):
    federation = union.federation
    assert federation.state().members == frozenset()
    assert federation.state().observers == {federation.me}
    for name in NAMES:
        assert federation.state().members == frozenset(), "nobody begins without the others"
        union.joins(name)
    assert federation.state().members == {each.assembly.id for each in union.nodes.values()}
    assert federation.standing().unrecorded() == [], "a roster record tells of it"


def test_a_delegate_sits_by_her_mandate_and_puts_a_matter_that_assemblies_decide(union):
    federation = union.federation
    for name in NAMES:
        union.joins(name)
    given = delegation.mandate(
        union.nodes["Aragon"],
        {
            "title": "Delegate to Valley",
            "holder": "Ada",
            "powers": ["speak"],
            "seat": text_of(federation.assembly.id),
            "seat_key": text_of(federation.me),
        },
    )["id"]
    union.yes("Aragon", given)
    union.quote("Aragon", given)
    assert federation.state().member_of(federation.me) == union.nodes["Aragon"].assembly.id
    matter = propose(federation, "A common warehouse", "significant")
    assert state_of(federation, matter)["state"] == "open"
    with pytest.raises(NodeError, match="assemblies decide"):
        voting.vote(federation, {"id": text_of(matter), "choices": ["yes"]})
    for name, state in (("Aragon", "provisional"), ("Harbour", "settled")):
        union.quote(name, union.says(name, matter))
        shown = state_of(federation, matter)
        assert shown["state"] == state
    assert shown["outcome"] == "passed"
    why = explaining.why(federation, {"id": text_of(matter)})
    said = federation.assembly.people.label(union.nodes["Harbour"].assembly.id)
    assert any(each["text"].startswith(f"{said} says yes") for each in why["reasons"])
    recall = delegation.recall(union.nodes["Aragon"], {"mandate": "Delegate to Valley"})["id"]
    union.yes("Aragon", recall)
    union.quote("Aragon", recall)
    assert federation.state().member_of(federation.me) is None, "a recall empties the seat"
    assert state_of(federation, matter)["outcome"] == "passed", "what her assembly said stays said"


def test_each_record_is_quoted_once(union):
    said = union.joins("Aragon")
    assert union.quote("Aragon", said) == 0
    assert union.quote("Aragon", "roster") == 0


def test_what_is_no_proof_is_refused(union):
    for bad in ("", "AAAA", "not base64!", base64.b64encode(b"meshd/proof/1\x00" + bytes(40)).decode()):
        with pytest.raises(NodeError, match="no proof"):
            quoting.quote(union.federation, {"proof": bad})
    with pytest.raises(NodeError, match="no federation"):
        quoting.quote(union.nodes["Aragon"], {"proof": union.prove("Bakery", "roster")})


def test_a_federation_opens_again_as_it_was(union):
    for name in NAMES:
        union.joins(name)
    federation = union.federation
    again = Standing.load(federation.assembly.store, federation.assembly.id)
    assert (again.head, again.state.members) == (federation.standing().head, federation.state().members)


def _matter(union: Union) -> bytes:
    """A matter of the federation, put by a delegate of the first assembly, and what two assemblies say on it."""
    federation = union.federation
    for name in NAMES:
        union.joins(name)
    seat = {"seat": text_of(federation.assembly.id), "seat_key": text_of(federation.me)}
    given = delegation.mandate(
        union.nodes["Aragon"], {"title": "Delegate", "holder": "Ada", "powers": ["speak"]} | seat
    )
    union.yes("Aragon", given["id"])
    union.quote("Aragon", given["id"])
    matter = propose(federation, "A common warehouse", "significant")
    for name in ("Aragon", "Harbour"):
        union.quote(name, union.says(name, matter))
    return matter


def test_a_stranger_verifies_what_assemblies_decided_down_to_their_ballots(union):
    federation = union.federation
    matter = _matter(union)
    data = base64.b64decode(proving.prove(federation, {"id": text_of(matter)})["proof"])
    shown = verify_proof(data, federation.assembly.id)
    assert (shown.outcome, shown.subject) == ("passed", matter)
    assert set(shown.members) == {each.assembly.id for each in union.nodes.values()}
    assert sum(rule == "voice" for rule, _ in shown.reasons) == 2
    proof = read_proof(data)
    assert len(proof.quoted) == 3
    for excerpt in proof.quoted:
        voices = [each for each in excerpt.records if read_record(excerpt.assembly, *each).kind == Kind.BALLOT]
        less = excerpt._replace(records=tuple(each for each in excerpt.records if each not in voices))
        quoted = tuple(less if each is excerpt else each for each in proof.quoted)
        with pytest.raises(BadProofError):
            verify_proof(write_proof(proof._replace(quoted=quoted)))
    with pytest.raises(BadProofError, match="quotes its members"):
        verify_proof(write_proof(proof._replace(quoted=None)))


def test_every_flipped_byte_of_a_federations_proof_is_caught(union):
    data = base64.b64decode(proving.prove(union.federation, {"id": text_of(_matter(union))})["proof"])
    rng = random.Random(1)
    body = data[: -len(digest(b""))]
    for place in rng.sample(range(len(body)), 400):
        spoilt = bytearray(body)
        spoilt[place] ^= 1 << rng.randrange(8)
        for whole in (bytes(spoilt) + data[len(body) :], bytes(spoilt) + digest(bytes(spoilt))):
            with pytest.raises(BadProofError):
                verify_proof(whole)


def test_a_proof_by_an_old_meshd_of_a_federation_says_to_update():
    with pytest.raises(BadProofError, match="update"):
        verify_proof(wrap(encode([3, [], None, b"", [], []])))


def test_a_delegate_is_welcomed_on_a_node_of_hers_and_shut_out_by_a_recall(union, tmp_path):
    federation = union.federation
    for name in NAMES:
        union.joins(name)
    di = newcomer(tmp_path, federation, "Di", seed=77, clock=union.clock)
    exchange(federation.assembly, di.assembly)
    assert role_of(federation.assembly, di.context.me) == "applicant"
    union.sends("Bakery", "Di", di.context.me, "Delegate")
    exchange(federation.assembly, di.assembly)
    assert di.assembly.keys.network, "the convener's node let her in"
    assert di.context.state().member_of(di.context.me) == union.nodes["Bakery"].assembly.id
    assert di.context.standing().head == federation.standing().head
    matter = propose(di.context, "A common warehouse", "significant")
    exchange(federation.assembly, di.assembly)
    for name in ("Aragon", "Harbour"):
        union.quote(name, union.says(name, matter))
    exchange(federation.assembly, di.assembly)
    assert state_of(di.context, matter) == state_of(federation, matter)
    assert state_of(di.context, matter)["outcome"] == "passed"
    keys = len(federation.assembly.keys.network)
    recall = delegation.recall(union.nodes["Bakery"], {"mandate": "Delegate"})["id"]
    union.yes("Bakery", recall)
    union.quote("Bakery", recall)
    assert role_of(federation.assembly, di.context.me) == "removed"
    assert len(federation.assembly.keys.network) == keys + 1, "a new network key, which is not for her"
    exchange(federation.assembly, di.assembly)
    assert len(di.assembly.keys.network) == keys
    di.assembly.close()


def test_daily_matters_are_certified_by_delegates_devices_and_count_their_ballots(union, tmp_path):
    """Hard case 3: she votes yes and her assembly says no: no in what is certified."""
    federation = union.federation
    for name in NAMES:
        union.joins(name)
    people = {"Aragon": ("Ada", federation)}
    for n, (name, who) in enumerate((("Bakery", "Di"), ("Harbour", "Gil"))):
        made = newcomer(tmp_path, federation, who, seed=50 + n, clock=union.clock)
        people[name] = who, made.context
    everybody = [context.assembly for _, context in people.values()]
    exchange(*everybody)
    for name, (who, context) in people.items():
        union.sends(name, who, context.me, "Delegate", ("speak", "voice standard"))
    exchange(*everybody)
    for _, context in people.values():
        witnessing.witness(context, {"word": "on"})
        exchange(*everybody)
    assert len(federation.state().witnesses.devices) == 3
    matter = propose(federation, "Open on Sundays", "standard")
    exchange(*everybody)
    for _, context in people.values():
        voting.vote(context, {"id": text_of(matter), "choices": ["yes"]})
    exchange(*everybody)
    assert state_of(federation, matter)["counts"] == {"yes": 3, "no": 0, "abstain": 0}
    union.clock.now_ms += 30 * 86_400_000
    for each in everybody:
        witness.keep_time(each)
    exchange(*everybody)
    for _, context in people.values():
        shown = state_of(context, matter)
        assert (shown["state"], shown["outcome"]) == ("certified", "passed")
    data = base64.b64decode(proving.prove(federation, {"id": text_of(matter)})["proof"])
    assert verify_proof(data, federation.assembly.id).outcome == "passed"
    for _, context in people.values():
        if context is not federation:
            context.assembly.close()


def test_of_a_quotation_the_good_records_count(union):
    """Hard case 11: beside them one forged, one of another assembly, one twice, one of a kind that is to come."""
    federation, aragon = union.federation, union.nodes["Aragon"].assembly
    said = federating.federate(union.nodes["Aragon"], {"federation": text_of(federation.assembly.id)})["id"]
    union.yes("Aragon", said)
    proof = read_proof(base64.b64decode(union.prove("Aragon", said)))
    foreign = read_proof(base64.b64decode(union.prove("Bakery", "roster"))).genesis
    author = union.others["Aragon"][0]
    future = author.write(200, b"\x00", log=0)
    header, _, body = proof.records[0]
    odd = [(header, bytes(64), body), foreign, (future.header, future.signature, future.body)]
    everything = tuple(sorted({*proof.records, proof.genesis, *odd}))
    steps = tuple((step.parent, step.cites, step.ratified_by) for step in proof.steps)
    with federation.assembly.writing():
        for _ in range(2):
            federation.assembly.write(Kind.QUOTATION, Quotation(aragon.id, everything, steps))
    rows = federation.assembly.store.find(tables.Quotation, assembly=aragon.id)
    assert all(row.good.count(0) == 2 for row in rows if len(row.good) == len(everything))
    for name in ("Bakery", "Harbour"):
        union.joins(name)
    assert aragon.id in federation.state().members
    assert checking_ok(federation)


def test_a_federation_of_later_rules_is_kept_and_told_to_need_an_update(tmp_path, union):
    """A node that does not know the rules computes nothing, and loses nothing."""
    body = Genesis(
        "Later", bytes(16), 3, FEDERAL_DEFAULTS, (union.federation.me,), assemblies=(Seating(bytes(32), 1, bytes(32)),)
    )
    assert not body.knows_rules
    assert Genesis.read(body.write()) == body


def test_a_roster_record_that_comes_before_what_it_cites_has_effect_once_that_is_quoted(union):
    federation, author = union.federation, Author(union.federation.assembly.id, "Quinn", 91)
    said = []
    for name in NAMES:
        voice = federating.federate(union.nodes[name], {"federation": text_of(federation.assembly.id)})["id"]
        union.yes(name, voice)
        said.append(voice)
    cites = tuple(sorted(bytes_of(each) for each in said))
    step = RosterStep(federation.standing().rosters.origin, cites)
    give(federation.assembly, author.certify(), author.write(Kind.ROSTER, step))
    for name, voice in zip(NAMES, said, strict=True):
        union.quote(name, voice)
    assert federation.standing().head == roster_id(federation.assembly.id, cites)
    assert not federation.standing().unsettled(), "the record that came first leads there"
    assert checking_ok(federation)


def test_a_second_certificate_takes_nothing_back(union):
    """Somebody certifies her own device anew, for less: what it wrote counts as before, in any order."""
    federation, matter = union.federation, _matter(union)
    assert state_of(federation, matter)["outcome"] == "passed"
    for others in union.others.values():
        for each in others:
            twin = each.fork()
            twin.heads = {}
            less = twin.write(Kind.CERTIFICATE, each.certificate(1), time_ms=START_MS + 1)
            parts = (less.header, less.signature, less.body)
            with federation.assembly.writing():
                federation.assembly.write(Kind.QUOTATION, Quotation(each.assembly, (parts,)))
    assert state_of(federation, matter)["outcome"] == "passed"
    again = Standing.load(federation.assembly.store, federation.assembly.id)
    assert (again.head, again.state.members) == (federation.standing().head, federation.state().members)
    assert checking_ok(federation)


def test_federations_above_each_other_without_end_are_no_load(union):
    for name in NAMES:
        union.joins(name)
    proof = proving.prove(union.federation, {"id": "roster"})["proof"]
    with pytest.raises(NodeError, match="this very assembly"):
        quoting.quote(union.federation, {"proof": proof})
    deep = union.federation.assembly.id
    author = Author(bytes(32), "Quinn", 92)
    for number in range(100):
        seatings = (Seating(deep, 1, roster_id(deep, ())),)
        body = Genesis(f"F{number}", bytes(16), 2, FEDERAL_DEFAULTS, (union.federation.me,), assemblies=seatings)
        genesis = signed_genesis(body, author.device, world(5))
        deep = genesis.id
        with union.federation.assembly.writing():
            parts = (genesis.header, genesis.signature, genesis.body)
            union.federation.assembly.write(Kind.QUOTATION, Quotation(deep, (parts,)))
    assert len(union.federation.state().members) == 3


def _treasurer(union) -> bytes:
    """A mandate that the federation gave."""
    federation = union.federation
    label = federation.assembly.people.label(federation.me)
    given = bytes_of(delegation.mandate(federation, {"title": "Treasurer", "holder": label, "powers": ["pay"]})["id"])
    for name in ("Aragon", "Harbour"):
        union.quote(name, union.says(name, given))
    assert given in federation.state().mandates
    return given


def test_who_sits_signs_a_recall_which_suspends_and_does_not_end(union, tmp_path):
    """A delegate's yes counts for the first two marks; the third asks for assemblies alone."""
    federation = union.federation
    di = newcomer(tmp_path, federation, "Di", seed=78, clock=union.clock).context
    for name in NAMES:
        union.joins(name)
    union.sends("Aragon", "Ada", federation.me, "Delegate", ("speak", "voice recall"))
    union.sends("Bakery", "Di", di.me, "Delegate", ("speak", "Voice Recall"))
    given = _treasurer(union)
    exchange(federation.assembly, di.assembly)
    motion = delegation.recall(federation, {"mandate": "Treasurer"})["id"]
    assert witness.recall_marks(federation.assembly, given).notice, "Ada signs for Aragon"
    assert not witness.recall_marks(federation.assembly, given).suspended
    exchange(federation.assembly, di.assembly)
    assert [each["id"] for each in waiting.waiting(di).shown if each["what"] == "vote"] == [motion]
    shown = voting.vote(di, {"id": motion, "choices": ["yes"]})["proposal"]
    assert (shown["state"], shown["seen"]) == ("open", 0), "it settles nothing"
    assert not [each for each in waiting.waiting(di).shown if each["id"] == motion]
    with pytest.raises(NodeError, match="signed that motion already"):
        delegation.recall(di, {"mandate": "Treasurer"})
    exchange(federation.assembly, di.assembly)
    marks = witness.recall_marks(federation.assembly, given)
    assert (marks.suspended, marks.over) == (True, False)
    assert given not in federation.state().recalled
    # Bakery recalls Di: her signature is hers no more
    gone = delegation.recall(union.nodes["Bakery"], {"mandate": "Delegate"})["id"]
    union.yes("Bakery", gone)
    union.quote("Bakery", gone)
    assert not witness.recall_marks(federation.assembly, given).suspended
    for name in ("Bakery", "Harbour"):
        union.quote(name, union.says(name, bytes_of(motion)))
    assert given in federation.state().recalled
    di.assembly.close()


def test_assemblies_suspend_and_recall_a_delegate_of_the_federation(union):
    """Marks are weights of assemblies that say so; nobody who sits there recalls by herself."""
    federation = union.federation
    for name in NAMES:
        union.joins(name)
    union.sends("Aragon", "Ada", federation.me, "Delegate")
    given = _treasurer(union)
    motion = bytes_of(delegation.recall(federation, {"mandate": "Treasurer"})["id"])
    assert not witness.recall_marks(federation.assembly, given).notice
    union.quote("Bakery", union.says("Bakery", motion))
    assert witness.recall_marks(federation.assembly, given).notice
    assert given not in federation.state().recalled
    union.quote("Harbour", union.says("Harbour", motion))
    assert witness.recall_marks(federation.assembly, given).suspended
    assert given in federation.state().recalled
