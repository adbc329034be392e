"""The specification's vectors: what the code makes, what the code reads, and that every section with bytes has one."""

import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshd.assembly.keystore import Keys
from meshd_crypto.identity import ExchangeKey
from meshd_crypto.passphrase import open_keys
from meshd_crypto.sealing import unlock, unseal
from meshd_protocol import bundle, contexts
from meshd_protocol.bodies.membership import Application, Certificate, Revocation
from meshd_protocol.chains import settle
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadRecordError, NotCanonicalError, SessionError
from meshd_protocol.parts import read_parts
from meshd_protocol.records import decode_record, is_signed, wire
from meshd_protocol.rosters import roster_id
from meshd_protocol.sync import reconcile
from meshd_protocol.sync.arq import PacketReader
from meshd_protocol.sync.compact import Unpacker
from meshd_protocol.sync.framing import Lane
from meshd_protocol.sync.greeting import HOUR_MS, KnownPsk, answer, read_certificate, start
from meshd_protocol.sync.messages import read_message, write_message
from meshd_protocol.sync.session import Session
from meshd_protocol.tickets import read_ticket
from tests.second import comparing
from tests.unit.test_two_machines import Item, Side, chains, item, logs

SPEC = Path(__file__).parent.parent.parent / "docs" / "spec"
FOLDER = SPEC / "vectors"
FILES: dict[str, dict[str, Any]] = {
    path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
}

NO_BYTES = {
    "6.12": "what witnesses do",
    "6.15": "what is published: files, and no records",
    "7.5": "which key, and which session",
    "8.8": "what ends a session",
    "8.9": "pace",
    "13": "what this test is about",
}
"""Sections that say what to do, and state no bytes."""


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


ASSEMBLY = raw(FILES["records.json"]["assembly"])


def test_the_files_are_what_the_code_makes():
    done = subprocess.run([sys.executable, FOLDER / "make.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_stale_file_is_told_of(tmp_path):
    """The check is no silence: a folder without the files, or with another one, fails it."""
    copy = tmp_path / "vectors"
    copy.mkdir()
    (copy / "make.py").write_text((FOLDER / "make.py").read_text())
    (copy / "makers").symlink_to(FOLDER / "makers")
    for name in FILES:
        (copy / name).write_text((FOLDER / name).read_text())
    (copy / "cbor.json").write_text("{}\n")
    (copy / "of-nobody.json").write_text("{}\n")
    done = subprocess.run([sys.executable, copy / "make.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 2
    assert "cbor.json" in done.stderr
    assert "of-nobody.json" in done.stderr


def test_every_section_with_bytes_has_vectors():
    """Subsections count for themselves; a section that has some, by them."""
    text = (SPEC / "protocol.md").read_text(encoding="utf-8")
    numbers = re.findall(r"^##+ (\d+[a-z]?(?:\.\d+)?)\.? ", text, re.MULTILINE)
    assert len(numbers) == len(set(numbers)) >= 30
    leaves = [one for one, after in pairwise([*numbers, ""]) if not after.startswith(f"{one}.")]
    named = {section for file in FILES.values() for section in file["sections"]}
    assert named <= set(leaves), "a file names a section that is not there"
    assert not named & set(NO_BYTES)
    assert set(leaves) == named | set(NO_BYTES)


def test_the_readme_and_the_specification_tell_of_every_file():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    conformance = (SPEC / "protocol.md").read_text(encoding="utf-8").partition("## 13.")[2]
    for name, file in FILES.items():
        part = readme.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert part, f"the README does not describe {name}"
        assert f"vectors/{name}" in conformance
        for key, value in file.items():
            assert key in ("about", "sections", "assembly") or f"`{key}`" in part, f"{name}: the README lacks {key}"
            fields = (
                {field for each in value if isinstance(each, dict) for field in each} if type(value) is list else set()
            )
            for field in fields - {"name", "about"}:
                assert f"`{field}`" in part, f"{name}, {key}: the README lacks {field}"


def test_every_context_string_is_in_a_vector():
    text = "".join((FOLDER / name).read_text() for name in FILES)
    for name, value in vars(contexts).items():
        if name.isupper():
            assert f'"{name}"' in text or value.hex() in text, f"no vector shows {name}"


# our own code reads them


def test_cbor():
    for row in FILES["cbor.json"]["taken"]:
        assert encode(decode(raw(row["hex"]))) == raw(row["hex"])
    for row in FILES["cbor.json"]["refused"]:
        with pytest.raises(NotCanonicalError):
            decode(raw(row["hex"]))


def test_records_and_chains():
    file = FILES["records.json"]
    for row in file["records"]:
        record = decode_record(ASSEMBLY, raw(row["record"]))
        assert record.id == raw(row["id"])
        assert is_signed(ASSEMBLY, record)
    for row in file["refused"]:
        with pytest.raises(BadRecordError):
            decode_record(ASSEMBLY, raw(row["record"]))
    for row in file["chains"]:
        found = [decode_record(ASSEMBLY, raw(each)) for each in row["records"]]
        settled = settle(found, {}, lambda record: is_signed(ASSEMBLY, record))
        assert {each.id for each in settled.valid} == set(map(raw, row["valid"]))
        assert {each.id for each in settled.waiting} == set(map(raw, row["waiting"]))
        assert {each.id for each in settled.broken} == set(map(raw, row["never"]))


def test_countersigned_and_rosters():
    readers = {"certificate": Certificate, "revocation": Revocation, "application": Application}
    for row in FILES["countersigned.json"]["bodies"]:
        body = readers[row["kind"]].read(raw(row["body"]))
        assert body.unsigned(ASSEMBLY) == raw(row["signed"])
        assert body.is_signed_by(raw(row["public"]), ASSEMBLY) == row["verifies"]
    for row in FILES["rosters.json"]["rosters"]:
        assert roster_id(ASSEMBLY, map(raw, row["ids"])) == raw(row["id"])


def test_boxes():
    file = FILES["boxes.json"]
    for row in file["boxes"]:
        assert unlock(raw(row["key"]), raw(row["box"]), raw(row["context"])) == raw(row["plain"])
    for row in file["seals"]:
        assert unseal(ExchangeKey.from_secret(raw(row["secret"])), raw(row["sealed"])) == raw(row["plain"])
    for row in file["key_files"]:
        _, plain = open_keys(raw(row["file"]), row["passphrase"])
        assert Keys.read(plain).write() == raw(row["plain"])
    for row in file["tickets"]:
        assert read_ticket(row["line"]).write() == raw(row["body"])
    for row in file["segments"]:
        assert bundle.read_segment([raw(row["secret"])], ASSEMBLY, raw(row["file"])) == list(map(raw, row["records"]))
    for row in file["parts"]:
        assert read_parts(row["given"]) == raw(row["file"])
    for row in file["manifests"]:
        assert bundle.read_manifest([raw(row["secret"])], ASSEMBLY, raw(row["file"])).counter > 0
    for row in file["joins"]:
        found = bundle.read_join(getattr(contexts, row["context"]), raw(row["psk"]), ASSEMBLY, raw(row["file"]))
        assert found == list(map(raw, row["records"]))


def test_handshakes():
    for row in FILES["handshake.json"]["handshakes"]:
        one, two = (
            [ExchangeKey.from_secret(raw(row[who][key])) for key in ("static", "ephemeral")]
            for who in ("initiator", "responder")
        )
        first, second, third = (raw(each["noise"]) for each in row["messages"])
        caller, written = start(raw(row["psk"]), *one, row["hour"] * HOUR_MS, row["address"])
        assert written == first
        psks = [KnownPsk(bytes(32), None), KnownPsk(raw(row["psk"]), None)]
        called, known = answer(first, psks, two[0], lambda key=two[1]: key, row["hour"] * HOUR_MS, [row["address"]])
        assert known == psks[1]
        assert called.write_message(raw(row["responder"]["certificate"])) == second
        assert caller.read_message(second) == raw(row["responder"]["certificate"])
        assert caller.write_message(raw(row["initiator"]["certificate"])) == third
        read_certificate(called.read_message(third), ASSEMBLY, called.remote_static)
        ciphers = {"initiator": called.split()[1], "responder": caller.split()[1]}
        for frame in row["frames"]:
            assert ciphers[frame["from"]].decrypt(raw(frame["wire"])[2:]) == raw(frame["plain"])


def test_messages_and_sessions():
    file = FILES["session.json"]
    for row in file["refused"]:
        with pytest.raises(SessionError):
            read_message(raw(row["hex"]))
    for row in file["messages"]:
        assert write_message(read_message(raw(row["hex"]))) == raw(row["hex"])
    for row in file["sessions"]:
        sides = {
            who: Session(initiator=who == "initiator", nonce=raw(row[who]["nonce"]), assembly=ASSEMBLY)
            for who in ("initiator", "responder")
        }
        for said in row["messages"]:
            side = sides[said["from"]]
            message = read_message(raw(said["hex"]))
            if said["message"] == "Hello":
                assert side.hello(message.digest, message.chains, message.bases) == message
            elif said["message"] == "Compare" and said["from"] == "initiator" and not side.comparing:
                side.begin()
            elif said["message"] == "Done":
                side.done()
            other = sides["responder" if said["from"] == "initiator" else "initiator"]
            other.receive(raw(said["hex"]), Lane(said["lane"]))
        assert not any(side.comparing for side in sides.values())


def test_slow_links():
    file = FILES["slow.json"]
    unpacker = Unpacker(ASSEMBLY)
    for row in file["lane"]:
        assert unpacker.unpack(raw(row["packed"])) == raw(row["record"])
    for row in file["packets"]:
        (packet,) = PacketReader().feed(raw(row["line"]))
        assert packet.data == raw(row["data"])
    for row in file["refused_packets"]:
        assert PacketReader().feed(raw(row["line"])) == []
    assert all(decode_record(ASSEMBLY, wire(decode_record(ASSEMBLY, raw(row["record"])))) for row in file["lane"][:-1])


# the second reader's turns are the code's, for any two logs, and at every bound


def _as_parts(parts: list[reconcile.Part]) -> list[Any]:
    return decode(encode([list(part) for part in parts]))


def _log(items: set[Item], before: set[Item] | None) -> comparing.Log:
    def plain(every: set[Item]) -> list[comparing.Item]:
        return [comparing.Item(*chain, seq, identity) for chain, seq, identity in every]

    return comparing.Log(plain(items), None if before is None else plain(before))


def _missing(plan: reconcile.Plan) -> comparing.Missing:
    return comparing.Missing(set(plan.ranges), set(plan.listings))


def _take_the_same_turns(first: set[Item], second: set[Item], *, based: bool) -> list[Any]:
    """Turn for turn, without records in between: what is answered, what is sent, what is listed. All turns."""
    met = None
    if based:
        old = first & second
        met = (_log(old, None).digest()[:16], old)
    one, two = Side(first, initiator=True, met=met), Side(second, initiator=False, met=met)
    one.hear(bytes(two.out))
    two.hear(bytes(one.out))
    key = comparing.session_key(b"\x01" * 16, b"\x00" * 16)
    mine, theirs = (_log(side.items, met[1] if met else None) for side in (one, two))
    base = met[0] if met else None

    turn, plan = reconcile.first_turn(one.view(base), len(two.heads()))
    parts, missing = comparing.first_turn(mine, key, len(theirs.chains), by_base=based)
    assert (_as_parts(turn), _missing(plan)) == (parts, missing)
    one.told = told = bool(missing.sent)
    sides = [(two, theirs, False), (one, mine, told)]
    turns = [parts]
    for number in range(72):
        if reconcile.closes(turn):
            return turns
        side, log, told = sides[number % 2]
        parts, missing = comparing.answer(log, key, _as_parts(turn), told=told)
        turn, plan = reconcile.answer(side.view(base), turn)
        assert (_as_parts(turn), _missing(plan)) == (parts, missing)
        turns.append(parts)
    raise AssertionError("it does not end")


@settings(deadline=None, max_examples=50)
@given(
    st.lists(chains, max_size=12, unique_by=lambda each: each[:2]),
    st.booleans(),
    st.sampled_from([0, 3, 20, 150, 700]),
    st.booleans(),
)
def test_the_second_reader_takes_the_same_turns(shapes, based, crowd, empty):
    common = {item(1000 + n, 0, seq) for n in range(crowd) for seq in range(2)}
    first, second = logs(shapes)
    _take_the_same_turns(set() if empty else common | first, common | second, based=based)


@pytest.mark.parametrize("count", [32, 33])
def test_the_bound_of_few_records_is_that_of_the_text(count):
    common = {item(1, 0, 0), item(2, 0, 0)}
    turns = _take_the_same_turns(common | {item(1, 0, 1 + n) for n in range(count)}, common, based=True)
    assert bool(turns[0][0][1]) == (count == 33)


@pytest.mark.parametrize("count", [128, 129])
def test_the_bound_of_few_chains_is_that_of_the_text(count):
    everything = {item(n, 0, 0) for n in range(count)}
    for first, second in ((everything, {item(0, 0, 0)}), ({item(0, 0, 0)}, everything)):
        assert len(_take_the_same_turns(first, second, based=False)[0][0]) == (3 if count == 128 else 2)


@pytest.mark.parametrize("count", [32, 33])
def test_the_bound_of_a_range_is_that_of_the_text(count):
    """The responder has so many chains of one digit."""
    every = [item(n, 0, 0) for n in range(2000)]
    zeros = [each for each in every if each[0][0].hex()[0] == "0"][:count]
    others = [each for each in every if each[0][0].hex()[0] != "0"][:150]
    turns = _take_the_same_turns({*others, *zeros[1:]}, {*others, *zeros}, based=False)
    (part,) = turns[1]
    assert len(part) == (3 if count == 32 else 2)
