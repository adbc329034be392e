"""The second reader agrees with every vector: so the specification's text says what the code does."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import meshd_protocol
from tests.second import (
    cbor,
    comparing,
    counting,
    decisions,
    federation,
    files,
    greeting,
    heads,
    keys,
    landmark,
    lots,
    messages,
    noise,
    proofs,
    records,
    replay,
    rosters,
    slow,
    templates,
)
from tests.second.cbor import RefusedError
from tests.second.cddl import Schema
from tests.second.history import History
from tests.second.keys import CONTEXT, H, K, base32, derive, sign, verifies

HERE = Path(__file__).parent
VECTORS = HERE.parent.parent / "docs" / "spec" / "vectors"


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return found


def rows(name: str, key: str, least: int) -> list[Any]:
    """The vectors under a key, by name; too few of them is a failure and not a silence."""
    found = load(name)[key]
    assert len(found) >= least
    return [pytest.param(each, id=f"{name} {each['name']}") for each in found]


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


RECORDS = Schema((Path(meshd_protocol.__file__).parent / "records.cddl").read_text(encoding="utf-8"))
ASSEMBLY = raw(load("records.json")["assembly"])


def test_it_shares_no_code_with_meshd():
    own = {"tests.second", "tests"}
    for path in HERE.glob("*.py"):
        if path.name.startswith("test_"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.partition(".")[0]
                assert top in sys.stdlib_module_names | {"nacl"} or name.startswith(tuple(own)), f"{path.name}: {name}"
                assert not name.startswith("tests.") or name.startswith("tests.second"), f"{path.name}: {name}"


# section 1


@pytest.mark.parametrize("row", rows("cbor.json", "taken", 20))
def test_encodings_that_are_taken(row):
    value = cbor.read(raw(row["hex"]))
    assert cbor.told(value) == row["value"]
    assert cbor.write(value) == raw(row["hex"])


@pytest.mark.parametrize("row", rows("cbor.json", "refused", 40))
def test_encodings_that_are_refused(row):
    with pytest.raises(RefusedError):
        cbor.read(raw(row["hex"]))


# sections 2 and 3


@pytest.mark.parametrize("row", rows("records.json", "records", 8))
def test_records(row):
    record = records.read(raw(row["assembly"]), raw(row["record"]))
    assert cbor.told(record.fields) == row["fields"]
    assert (record.header, record.signed, record.id, record.signature) == tuple(
        raw(row[key]) for key in ("header", "signed", "id", "signature")
    )
    body = None if row["body"] is None else raw(row["body"])
    assert record.body == body
    assert body is None or H(body) == raw(row["body_hash"])
    assert record.authentic_by_itself
    seeds = {raw(each["device"]): raw(each["seed"]) for each in load("records.json")["keys"]}
    assert sign(seeds[record.device], record.signed) == record.signature
    assert cbor.write([record.header, record.signature, record.body]) == raw(row["record"])


def test_the_genesis_names_the_assembly():
    genesis = load("records.json")["records"][0]
    assert raw(genesis["assembly"]) == bytes(32)
    assert records.read(ASSEMBLY, raw(genesis["record"])).id == ASSEMBLY


@pytest.mark.parametrize("row", rows("records.json", "refused", 30))
def test_refused_records(row):
    with pytest.raises(RefusedError):
        records.read(ASSEMBLY, raw(row["record"]))


@pytest.mark.parametrize("row", rows("records.json", "chains", 10))
def test_chains(row):
    found = [records.read(ASSEMBLY, raw(each)) for each in row["records"]]
    valid = records.valid(found)
    assert valid == set(map(raw, row["valid"]))
    assert {each.id for each in found} - valid == set(map(raw, row["waiting"] + row["never"]))
    assert records.forks([each for each in found if each.id in valid]) == row["fork"]


# section 4


@pytest.mark.parametrize("row", rows("bodies.json", "bodies", 26))
def test_bodies(row):
    body, rule = cbor.read(raw(row["body"])), row["rule"]
    assert cbor.told(body) == row["value"]
    assert greeting.SCHEMA.takes(rule, body)
    assert greeting.SCHEMA.takes(rule, {**body, 64: "a hint"})
    assert not greeting.SCHEMA.takes(rule, {**body, 62: 1})
    for key in body:  # from 64 on keys are hints, which may have any form
        assert greeting.SCHEMA.takes(rule, {**body, key: [[[]]]}) == (key >= 64), key


@pytest.mark.parametrize("row", rows("countersigned.json", "bodies", 8))
def test_second_signatures(row):
    body = cbor.read(raw(row["body"]))
    assert cbor.told(body) == row["value"]
    covered = CONTEXT[row["context"]] + raw(load("countersigned.json")["assembly"])
    covered += cbor.write({key: value for key, value in body.items() if key != 63})
    assert covered == raw(row["signed"])
    assert body[63] == raw(row["signature"])
    assert verifies(raw(row["public"]), covered, body[63]) == row["verifies"]
    assert (sign(raw(row["seed"]), covered) == body[63]) == row["verifies"]


# section 5


@pytest.mark.parametrize("row", rows("rosters.json", "rosters", 4))
def test_roster_ids(row):
    hashed = CONTEXT["ROSTER"] + raw(load("rosters.json")["assembly"]) + b"".join(sorted(map(raw, row["ids"])))
    assert hashed == raw(row["hashed"])
    assert H(hashed) == raw(row["id"])


# what is derived


@pytest.mark.parametrize("row", rows("derivations.json", "derived", 12))
def test_derived(row):
    assert CONTEXT[row["context"]] == raw(row["context_bytes"])
    found = derive(raw(row["secret"]), row["context"], raw(row["data"]))
    assert found == raw(row["derived"])
    assert found.startswith(raw(row["used"]))
    assert row.get("text", base32(raw(row["used"]))) == base32(raw(row["used"]))


@pytest.mark.parametrize("row", rows("derivations.json", "hashed", 2))
def test_hashed(row):
    assert raw(row["hashed"]).startswith(CONTEXT[row["context"]])
    assert H(raw(row["hashed"])) == raw(row["hash"])
    assert row.get("text", base32(raw(row["used"]))) == base32(raw(row["used"]))


@pytest.mark.parametrize("row", rows("derivations.json", "keyed", 1))
def test_keyed(row):
    assert K(raw(row["key"]), raw(row["data"]), 8) == raw(row["hash"])


@pytest.mark.parametrize("row", rows("derivations.json", "tags", 2))
def test_discovery_tags(row):
    key = derive(raw(row["secret"]), "DISCOVERY", raw(load("derivations.json")["assembly"]))
    assert K(key, cbor.write([raw(row["nonce"]), row["hour"], row["address"]]), 8) == raw(row["tag"])


# sections 4 and 10 to 12: boxes, seals, files


@pytest.mark.parametrize("row", rows("boxes.json", "boxes", 3))
def test_boxes(row):
    assert raw(row["box"])[:24] == raw(row["nonce"])
    assert keys.open_box(raw(row["key"]), raw(row["box"]), raw(row["context"])) == raw(row["plain"])
    with pytest.raises(RefusedError):
        keys.open_box(raw(row["key"]), raw(row["box"]), raw(row["context"]) + b"x")


@pytest.mark.parametrize("row", rows("boxes.json", "seals", 2))
def test_seals(row):
    assert keys.open_seal(raw(row["secret"]), raw(row["sealed"])) == raw(row["plain"])
    if "value" in row:
        assert cbor.told(files.welcome(raw(row["secret"]), ASSEMBLY, raw(row["sealed"]))) == row["value"]
    elif "refounded" in row:
        found = files.refounding(raw(row["secret"]), ASSEMBLY, raw(row["sealed"]))
        assert found == (raw(row["refounded"]), raw(row["network_key"]))
    else:
        found = files.rotation(raw(row["secret"]), ASSEMBLY, raw(row["sealed"]))
        assert found == (raw(row["roster"]), raw(row["network_key"]))


@pytest.mark.parametrize("row", rows("boxes.json", "letters", 1))
def test_letters(row):
    for reader in row["readers"]:
        assert cbor.write(files.letter(raw(reader), ASSEMBLY, raw(row["body"]))) == raw(row["plain"])


@pytest.mark.parametrize("row", rows("boxes.json", "key_files", 2))
def test_key_files(row):
    assert keys.stretch(row["passphrase"], raw(row["salt"]), row["passes"], row["kib"]) == raw(row["key"])
    found = files.key_file(raw(row["file"]), row["passphrase"])
    assert cbor.told(found) == row["value"]
    assert cbor.write(found) == raw(row["plain"])
    with pytest.raises(RefusedError):
        files.key_file(raw(row["file"]), row["passphrase"] + "x")


@pytest.mark.parametrize("row", rows("boxes.json", "tickets", 2))
def test_tickets(row):
    assert cbor.told(files.ticket(row["line"])) == row["value"]
    assert files.ticket(row["line"].upper()[:30] + "\n " + row["line"][30:]) == cbor.read(raw(row["body"]))
    data = raw(row["body"])
    assert row["line"] == "meshd:" + base32(data + H(data)[:4])


@pytest.mark.parametrize("row", rows("boxes.json", "segments", 2))
def test_segments(row):
    found = files.segment([raw(row["secret"])], ASSEMBLY, raw(row["file"]))
    assert found == list(map(raw, row["records"]))
    assert raw(row["file"]).startswith(raw(row["key_name"]))
    assert b"".join(len(each).to_bytes(4, "big") + each for each in found) == raw(row["packed"])
    assert row["file_name"] == base32(H(raw(row["file"])))


@pytest.mark.parametrize("row", rows("boxes.json", "manifests", 2))
def test_manifests(row):
    device, value = files.manifest([raw(row["secret"])], ASSEMBLY, raw(row["file"]))
    assert device == raw(row["device"])
    assert cbor.told(value) == row["value"]
    assert raw(row["signed"]) == CONTEXT["MANIFEST_SIGNATURE"] + ASSEMBLY + cbor.write(value)
    assert raw(row["plain"]) == device + raw(row["signature"]) + cbor.write(value)


@pytest.mark.parametrize("row", rows("boxes.json", "joins", 2))
def test_files_of_a_newcomer(row):
    assert files.join_file(row["context"], raw(row["psk"]), ASSEMBLY, raw(row["file"])) == list(
        map(raw, row["records"])
    )
    assert files.join_folder(raw(row["invitation"])) == row["folder"]


@pytest.mark.parametrize("row", rows("boxes.json", "stick_keys", 1))
def test_network_keys_on_a_stick(row):
    for reader in row["readers"]:
        secret = files.stick_key(raw(reader), ASSEMBLY, raw(row["file"]))
        assert secret == raw(row["network_key"])
        assert row["file_name"] == base32(derive(secret, "STICK_KEYS"))
    with pytest.raises(RefusedError):
        files.stick_key(bytes([1]) * 32, ASSEMBLY, raw(row["file"]))


@pytest.mark.parametrize("row", rows("boxes.json", "bundles", 1))
def test_single_files(row):
    assert files.bundle(raw(row["file"])) == list(map(raw, row["segments"]))


@pytest.mark.parametrize("row", rows("boxes.json", "parts", 3))
def test_parts(row):
    assert files.parts(row["given"]) == files.parts(row["parts"]) == raw(row["file"])


@pytest.mark.parametrize("row", rows("boxes.json", "refused", 20))
def test_refused_files(row):
    boxes, data = load("boxes.json"), raw(row["file"])
    secrets = [raw(boxes["segments"][0]["secret"])]
    read = {
        "ticket": lambda: files.ticket(data.decode()),
        "parts": lambda: files.parts([data.decode()]),
        "key file": lambda: files.key_file(data, boxes["key_files"][0]["passphrase"]),
        "segment": lambda: files.segment(secrets, ASSEMBLY, data),
        "manifest": lambda: files.manifest(secrets, ASSEMBLY, data),
    }
    with pytest.raises(RefusedError):
        read[row["by"]]()


# section 7


def refuses(read, *arguments):
    try:
        read(*arguments)
    except RefusedError:
        return True
    return False


@pytest.mark.parametrize("row", rows("handshake.json", "firsts", 7))
def test_first_messages(row):
    refused = refuses(greeting.first, raw(row["psk"]), row["hour"], row["address"], raw(row["noise"]))
    assert refused != row["answered"]


@pytest.mark.parametrize("row", rows("handshake.json", "certificates", 7))
def test_certificates_of_handshakes(row):
    refused = refuses(greeting.certificate, ASSEMBLY, raw(row["static"]), raw(row["body"]))
    assert refused != row["accepted"]


@pytest.mark.parametrize("row", rows("handshake.json", "handshakes", 3))
def test_handshakes(row):
    psk = derive(raw(row["secret"]), row["psk_context"], raw(row["assembly"]))
    assert psk == raw(row["psk"])
    one, two = row["initiator"], row["responder"]
    first, second, third = (raw(each["noise"]) for each in row["messages"])
    assert [noise.unframed(raw(each["wire"])) for each in row["messages"]] == [first, second, third]
    payload = cbor.write([row["hour"], row["address"]])
    own = [raw(one[key]) for key in ("static", "ephemeral")], [raw(two[key]) for key in ("static", "ephemeral")]

    told, answer, static, certificate, hashed, *pair = noise.responder_reads(
        CONTEXT["SESSION"], psk, *own[1], first, raw(two["certificate"]), third
    )
    assert (told, answer, certificate) == (payload, second, raw(one["certificate"]))
    assert cbor.read(certificate)[2] == static == noise.public_of(raw(one["static"]))
    assert hashed == raw(row["hash"])
    assert pair == [raw(row["keys"][who]) for who in ("initiator", "responder")]

    caller = noise.Initiator(CONTEXT["SESSION"], psk, *own[0])
    assert caller.first(payload) == first
    assert caller.second(second) == (noise.public_of(raw(two["static"])), raw(two["certificate"]))
    assert caller.third(raw(one["certificate"])) == third
    assert [cipher.key for cipher in caller.ciphers()] == pair
    with pytest.raises(RefusedError):
        noise.responder_reads(CONTEXT["SESSION"], bytes(32), *own[1], first, b"", third)


@pytest.mark.parametrize("row", rows("handshake.json", "handshakes", 3))
def test_frames(row):
    ciphers = {who: noise.Cipher(raw(key)) for who, key in row["keys"].items()}
    held: dict[tuple[str, int], bytes] = {}
    assert row["frames"]
    for frame in row["frames"]:
        plain = ciphers[frame["from"]].open(noise.unframed(raw(frame["wire"])))
        assert plain == raw(frame["plain"])
        lane, more = divmod(plain[0], 2)
        assert (lane, bool(more)) == (frame["lane"], frame["more"])
        lane_of = frame["from"], lane
        held[lane_of] = held.get(lane_of, b"") + plain[1:]
        assert frame["completes"] == (None if more else held[lane_of].hex())
        if not more:
            messages.read(held.pop(lane_of))
    assert not held


# section 8


@pytest.mark.parametrize("row", rows("frontier.json", "frontiers", 3))
def test_frontiers(row):
    file = load("frontier.json")
    key = comparing.session_key(raw(file["initiator_nonce"]), raw(file["responder_nonce"]))
    assert key == raw(file["key"])
    items = []
    for chain in row["chains"]:
        count = len(chain["ids"])
        seqs = [*range(count - 1), chain["seq"]] if chain["forked"] else range(count)
        items += [
            comparing.Item(raw(chain["device"]), chain["log"], seq, raw(each))
            for seq, each in zip(seqs, chain["ids"], strict=True)
        ]
    log = comparing.Log(items)
    for chain in row["chains"]:
        name = raw(chain["device"]), chain["log"]
        assert log.forks(name) == chain["forked"]
        if chain["forked"]:
            assert CONTEXT["BRANCHES"] + b"".join(sorted(map(raw, chain["ids"]))) == raw(chain["branches_hashed"])
        assert chain["branches"] == (log.branches(name).hex() if chain["forked"] else None)
        assert log.line(name) == raw(chain["line"])
        device, number, seq, mark = log.claim(key, name)
        assert [device.hex(), number, seq, mark.hex()] == chain["claim"]
        assert K(key, raw(chain["claim_mark_of"]), 8) == mark
    assert raw(row["hashed"]) == CONTEXT["FRONTIER"] + b"".join(sorted(map(log.line, log.chains)))
    assert log.digest() == raw(row["digest"])
    assert log.digest()[:16] == raw(row["base"])
    for digits, prints in row["fingerprints"].items():
        assert log.fingerprints(key, digits) == [digits, list(map(raw, prints))]


def test_marks():
    file = load("frontier.json")
    for row in file["marks"]:
        assert K(raw(file["key"]), raw(row["id"]), 8) == raw(row["mark"])


@pytest.mark.parametrize("row", rows("session.json", "messages", 16))
def test_messages(row):
    name, parts = messages.read(raw(row["hex"]))
    assert name == row["name"]
    assert cbor.told(cbor.read(raw(row["hex"]))) == row["value"]


@pytest.mark.parametrize("row", rows("session.json", "refused", 20))
def test_refused_messages(row):
    with pytest.raises(RefusedError):
        messages.read(raw(row["hex"]))


def test_every_message_is_shown():
    shown = {row["name"] for row in load("session.json")["messages"]}
    assert shown == set(messages.NAMES.values()) == set(messages.FORMS)


@pytest.mark.parametrize("row", rows("session.json", "sessions", 11))
def test_sessions(row):
    file = load("session.json")
    known = {raw(each): records.read(ASSEMBLY, raw(data)) for each, data in file["records"].items()}
    assert all(record.id == each for each, record in known.items())
    replay.follow(row, known, ASSEMBLY)


def test_a_session_that_says_something_else_does_not_follow():
    """Each message that is left out of a session is missed."""
    file = load("session.json")
    known = {raw(each): records.read(ASSEMBLY, raw(data)) for each, data in file["records"].items()}
    for session in file["sessions"]:
        for at in range(len(session["messages"])):
            said = session["messages"][:at] + session["messages"][at + 1 :]
            with pytest.raises((AssertionError, TypeError)):
                replay.follow(session | {"messages": said}, known, ASSEMBLY)


# section 8a


def test_packed_records():
    lane = slow.Lane(ASSEMBLY)
    found = load("slow.json")["lane"]
    assert len(found) >= 9
    for row in found:
        assert lane.unpack(raw(row["packed"])) == raw(row["record"]), row["name"]


@pytest.mark.parametrize("row", rows("slow.json", "packets", 7))
def test_packets(row):
    found = slow.packet(raw(row["line"]))
    assert found | {"data": found["data"].hex(), "name": row["name"], "line": row["line"]} == row


@pytest.mark.parametrize("row", rows("slow.json", "refused_packets", 3))
def test_spoiled_packets(row):
    with pytest.raises(RefusedError):
        slow.packet(raw(row["line"]))


# sections 5 and 6


def history(row: dict[str, Any]) -> History:
    found = History(row["genesis"], row["items"], row.get("ballots", []), row.get("attestations", []))
    for ids in row["rosters"]:
        found.reach(frozenset(ids))
    return found


@pytest.mark.parametrize("row", rows("meaning.json", "sets", 35))
def test_what_sets_mean(row):
    known = history(row)
    there = rosters.state(known, row["set"])
    assert rosters.told(there) == row["means"]
    assert sorted(sorted(ids) for ids in known.sets.values() if there.contains(ids)) == row["contains"]


@pytest.mark.parametrize("row", rows("meaning.json", "roles", 20))
def test_names_of_roles(row):
    assert decisions.is_bad_role(row["other"]) != row["allowed"]
    same = rosters.role_key(row["one"]) == rosters.role_key(row["other"])
    assert row["same"] == (same if row["allowed"] else None)


@pytest.mark.parametrize("row", rows("heads.json", "steps", 30))
def test_effective_steps(row):
    known = history(row)
    result = heads.step(known, known.name(frozenset(row["parent"])), row["cites"], row["ratified_by"])
    assert (None if result is None else sorted(known.sets[result])) == row["result"]


@pytest.mark.parametrize("row", rows("heads.json", "heads", 15))
def test_moves_of_heads(row):
    known = history(row)
    head = heads.next_head(
        known, known.name(frozenset(row["head"])), [row["ratified_by"]] if row["ratified_by"] else []
    )
    assert sorted(known.sets[head]) == [row["head"], *row["moves"]][-1]


@pytest.mark.parametrize("row", rows("void.json", "policies", 45))
def test_policies(row):
    assert decisions.is_sound(row["policy"]) == row["sound"]
    assert (row["needed"] is not None) == (row["sound"] and row["policy"]["finality"] == 0)
    if row["needed"] is not None:
        assert [decisions.needed(row["policy"], members) for members in range(1, 13)] == row["needed"]


@pytest.mark.parametrize("row", rows("void.json", "proposals", 60))
def test_void_proposals(row):
    known = history(load("void.json")["histories"][0])
    decision = known.items[row["decision"]]
    assert decisions.is_void(known, decision, rosters.state(known, known.pin(decision))) == row["void"]


@pytest.mark.parametrize("row", rows("templates.json", "templates", 30))
def test_templates(row):
    value = cbor.untold(row["template"])
    assert templates.read(RECORDS, value) == row["read"]
    if row["read"] == "yes":
        assert list(templates.forms_of(value)) == row["forms"]


@pytest.mark.parametrize("row", rows("templates.json", "fields", 25))
def test_fields_of_entries(row):
    found = {each["name"]: cbor.untold(each["template"]) for each in load("templates.json")["templates"]}
    assert templates.fits(found[row["template"]], row["form"], cbor.untold(row["fields"])) == row["fits"]


@pytest.mark.parametrize("row", rows("landmark.json", "plans", 17))
def test_plans(row):
    assert landmark.plan(row["fields"]) == row["plan"]
    assert landmark.is_void(row["fields"]) == row["void"]


@pytest.mark.parametrize("row", rows("landmark.json", "cards", 9))
def test_cards(row):
    assert landmark.counts(row) == row["counts"]


@pytest.mark.parametrize("row", rows("landmark.json", "ends", 7))
def test_landmarks(row):
    assert landmark.final(row) == row["final"]


@pytest.mark.parametrize("row", rows("lots.json", "draws", 10))
def test_lots(row):
    assert lots.seeds(row) == row["seeds"]
    assert [lots.listed(each, row["pool"]) for each in row["seeds"]] == row["lists"]


@pytest.mark.parametrize("row", rows("lots.json", "trees", 4))
def test_trees(row):
    found = lots.calls(row["alarm"], row["giver"], row["members"])
    assert [[each, sorted(found[each])] for each in row["members"]] == row["calls"]


@pytest.mark.parametrize("row", rows("lots.json", "contexts", 5))
def test_contexts_of_lots(row):
    assert CONTEXT[row["name"]].hex() == row["context_bytes"]


@pytest.mark.parametrize("row", rows("force.json", "polls", 20))
def test_what_witnesses_find(row):
    known = history(row)
    assert decisions.finds(known, known.items[row["decision"]]) == row["finds"]


@pytest.mark.parametrize("row", rows("force.json", "forces", 35))
def test_what_is_final_and_in_force(row):
    known = history(row)
    assert decisions.told(known, rosters.state(known, row["head"])) == row["decisions"]


@pytest.mark.parametrize("row", rows("force.json", "recalls", 7))
def test_recalls(row):
    assert decisions.recall_marks(row["members"], row["ballots"]) == (row["notice"], row["suspended"])


@pytest.mark.parametrize("row", rows("force.json", "acts", 8))
def test_acts(row):
    assert decisions.stands(row["seats"], row["devices"], row["holder"], row["countersigned"]) == row["stands"]


@pytest.mark.parametrize("row", rows("elections.json", "elections", 40))
def test_elections(row):
    asked = (row[key] for key in ("method", "ballots", "options", "seats", "costs", "budget"))
    elected = counting.elect(*asked).elected
    assert (None if elected is None else sorted(elected)) == row["elected"]


@pytest.mark.parametrize("row", rows("proofs.json", "proofs", 13))
def test_proofs(row):
    assembly = raw(load("proofs.json")["assembly"])
    assert proofs.verify(raw(row["file"]), assembly, row["knows"]) == row["shows"]
    with pytest.raises(RefusedError):
        proofs.verify(raw(row["file"]), bytes(32), row["knows"])


@pytest.mark.parametrize("row", rows("proofs.json", "refused", 30))
def test_refused_proofs(row):
    with pytest.raises(RefusedError):
        proofs.verify(raw(row["file"]), raw(load("proofs.json")["assembly"]), row["knows"])


@pytest.mark.parametrize("row", rows("federation.json", "proofs", 13))
def test_proofs_of_federations(row):
    assert federation.verify(raw(row["file"])) == row["shows"]
    with pytest.raises(RefusedError):
        federation.verify(raw(row["file"]), bytes(32))
    with pytest.raises(RefusedError):
        proofs.verify(raw(row["file"]))


@pytest.mark.parametrize("row", rows("federation.json", "refused", 15))
def test_refused_proofs_of_federations(row):
    for verify in (federation.verify, proofs.verify):
        with pytest.raises(RefusedError):
            verify(raw(row["file"]))
