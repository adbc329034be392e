"""`wire.cddl` and `files.cddl` against the code: what one takes, the other takes, for every change of every part."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pycddl import Schema as Syntax

import meshd_protocol
from meshd.assembly.keystore import Keys
from meshd_crypto.hashing import derive
from meshd_crypto.identity import SigningKey
from meshd_crypto.sealing import lock
from meshd_crypto.signing import sign
from meshd_protocol import bundle, contexts
from meshd_protocol.bodies.membership import WelcomePlain, rotation_plain
from meshd_protocol.bodies.talk import LetterPlain
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadBodyError, BadBundleError, BadProofError, SessionError
from meshd_protocol.proof_files import wrap
from meshd_protocol.proofs import read_proof
from meshd_protocol.sync.compact import Unpacker
from meshd_protocol.sync.greeting import HOUR_MS, _check_first
from meshd_protocol.sync.messages import NAMES, read_message
from meshd_protocol.tickets import Ticket
from tests.second.cddl import Schema

FOLDER = Path(meshd_protocol.__file__).parent
RECORDS, WIRE, FILES = ((FOLDER / f"{name}.cddl").read_text() for name in ("records", "wire", "files"))
SCHEMA = Schema(RECORDS + WIRE + FILES)
VECTORS = Path(__file__).parent.parent.parent / "docs" / "spec" / "vectors"
ASSEMBLY, ID, SECRET = b"a" * 32, b"i" * 32, b"s" * 32
DEVICE = SigningKey.from_seed(SECRET)

OTHERS: tuple[Any, ...] = (
    None, True, -1, 0, 2, 3, 2**53 - 1, b"", b"8" * 8, b"x" * 16, ID, b"y" * 33, "", "0f", "0g", "A", "f" * 63, "f" * 64,
    "f" * 65, [], [[]], [0], {}, {0: 0},
)  # fmt: skip
"""What is put in the place of each part, one after the other."""


def _changed(value: Any) -> Iterator[Any]:
    """The value with one thing changed: another in its place, one left out, one too many; at every depth."""
    yield from OTHERS
    if isinstance(value, list):
        for at, item in enumerate(value[:10]):
            yield [*value[:at], *value[at + 1 :]]
            for other in _changed(item):
                yield [*value[:at], other, *value[at + 1 :]]
        for other in (*value[-1:], None, 0):
            yield [*value, other]
    if isinstance(value, dict):
        for key, item in value.items():
            yield {k: v for k, v in value.items() if k != key}
            for other in _changed(item):
                yield value | {key: other}
        yield value | ({"more": 1} if "person" in value else {60: 1})
        yield value | ({} if "person" in value else {64: "a hint"})


def _holds(rule: str, value: Any, read: Callable[[Any], bool]) -> None:
    """Code and schema agree on a value, which both take, and on all that is near it."""
    assert read(value)
    assert SCHEMA.takes(rule, value)
    refused = 0
    for other in _changed(value):
        taken = read(other)
        assert SCHEMA.takes(rule, other) == taken, other
        refused += not taken
    assert refused >= 10


def _tried(read: Callable[[Any], object], *errors: type[Exception]) -> Callable[[Any], bool]:
    def tried(value: Any) -> bool:
        try:
            read(value)
        except errors:
            return False
        return True

    return tried


MESSAGES: list[Any] = [
    decode(bytes.fromhex(row["hex"])) for row in json.loads((VECTORS / "session.json").read_text())["messages"]
]


def test_every_message_has_an_example():
    assert {each[0] for each in MESSAGES} == set(NAMES)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda each: NAMES[each[0]])
def test_messages(message):
    read = _tried(lambda value: read_message(encode(value)), SessionError)
    _holds("session-message", message, read)


CLAIM = [ID, 0, 5, b"8" * 8]


@pytest.mark.parametrize(
    ("number", "before", "item", "after", "most"),
    [
        (0, [], 2, [[], b"n" * 16, ID, 0, []], 16),
        (0, [[2]], 7, [b"n" * 16, ID, 0, []], 32),
        (0, [[2], [], b"n" * 16, ID, 0], b"b" * 16, [], 4),
        (2, [], ["", [], True], [False], 800),
        (4, [], b"", [], 128),
        (9, [], ID, [], 128),
        (10, [], [ID, b""], [], 128),
        (11, [], b"", [], 128),
        (13, [], [ID, 0, 0], [], 800),
        (12, [], CLAIM, [], 800),
        (8, [ID, 0], b"8" * 8, [False], 4000),
    ],
)
def test_the_lengths_of_lists_in_messages(number, before, item, after, most):
    for count, good in ((most, True), (most + 1, False)):
        value = [number, *before, [item] * count, *after]
        assert _tried(lambda value: read_message(encode(value)), SessionError)(value) == good
        assert SCHEMA.takes("session-message", value) == good


def test_first_payload():
    def read(value: Any) -> None:
        hour = value[0] if type(value) is list and value and type(value[0]) is int else 0
        _check_first(encode(value), hour * HOUR_MS, [])

    good = [494_444, "192.0.2.7:4711"]
    assert SCHEMA.takes("first-payload", good)
    assert _tried(read, SessionError)(good)
    for other in _changed(good):
        if SCHEMA.takes(
            "first-payload", other
        ):  # the schema says more than is checked: what an address is not is in no list of addresses
            assert _tried(read, SessionError)(other)


def test_packed_records():
    good = [ID, 0, 3, True, 5, 33, [], b"s" * 64, b"body"]
    slow = json.loads((VECTORS / "slow.json").read_text())
    packed = [bytes.fromhex(row["packed"]) for row in slow["lane"] if row["packed"].startswith("89")]
    assert packed
    assert all(SCHEMA.takes("packed-record", decode(data)) for data in packed)

    def read(value: Any) -> None:
        unpacker = Unpacker(ASSEMBLY)
        unpacker.unpack(encode([ID, 0, 0, None, 5, 33, [], b"s" * 64, b"body"]))
        unpacker.unpack(encode(value))

    assert SCHEMA.takes("packed-record", good)
    assert _tried(read, SessionError)(good)
    for at in range(len(good)):
        for other in OTHERS:
            value = [*good[:at], other, *good[at + 1 :]]
            if not SCHEMA.takes("packed-record", value):
                with pytest.raises((SessionError, AssertionError)):
                    read(value)
                    raise AssertionError(value) if at not in (0, 1) else SessionError


def test_tickets():
    good = {0: ID, 1: SECRET, 2: SECRET, 3: ID, 4: ID, 5: ["a", "b"], 6: 7}
    _holds("ticket", good, _tried(lambda value: Ticket.read(encode(value)), BadBodyError))
    assert not SCHEMA.takes("ticket", good | {5: ["a"] * 9})


def test_what_a_welcome_and_a_letter_hold():
    welcome = {0: ID, 1: [[ID, SECRET]]}
    _holds("welcome-plain", welcome, _tried(lambda value: WelcomePlain.read(encode(value)), BadBodyError))
    letter = {0: ID, 1: "text"}
    _holds("letter-plain", letter, _tried(lambda value: LetterPlain.read(encode(value)), BadBodyError))


def test_what_a_rotation_seals():
    assert SCHEMA.takes("rotation-plain", rotation_plain(ASSEMBLY, ID, SECRET))


def test_manifests():
    stretch, place = [ID, 0, 0, 5, False, ID], [ID, 1, None, ID]
    good = {0: 1, 1: 7, 2: [[ID, 9, 5, [stretch]]], 3: [[ID, [place, [ID, 0, 3, ID]]]]}

    def read(value: Any) -> None:
        body = encode(value)
        plain = DEVICE.public + sign(DEVICE, contexts.MANIFEST_SIGNATURE + ASSEMBLY + body) + body
        key = derive(SECRET, contexts.MANIFEST, ASSEMBLY)
        box = lock(key, plain, contexts.MANIFEST + ASSEMBLY, lambda size: bytes(size))
        bundle.read_manifest([SECRET], ASSEMBLY, bundle.key_name(SECRET) + box)

    _holds("manifest", good, _tried(read, BadBundleError))
    for counter in (2**52 - 1, 2**52):
        changed = good | {1: counter}
        assert SCHEMA.takes("manifest", changed) == _tried(read, BadBundleError)(changed) == (counter < 2**52)
    for count in (4096, 4097):
        changed = good | {2: [[ID, 9, 5, []]] * count}
        assert SCHEMA.takes("manifest", changed) == _tried(read, BadBundleError)(changed) == (count == 4096)


def test_proofs():
    parts = [b"header", b"signature", b"body"]
    good = [1, parts, ID, ID, [[ID, [ID], None]], [parts]]

    def read(value: Any) -> None:
        read_proof(wrap(encode(value)))

    reads = _tried(read, BadProofError)
    assert reads(good)
    assert SCHEMA.takes("proof", good)
    for other in _changed(good):
        if SCHEMA.takes("proof", other):
            lists = [step[1] for step in other[4]] + [other[5]]
            ordered = all(one < two for each in lists for one, two in pairwise(each))
            assert reads(other) == ordered, other


def test_key_files():
    """What is written fits; a reader of its own file is not asked to doubt it."""
    rows = json.loads((VECTORS / "boxes.json").read_text())["key_files"]
    assert len(rows) >= 2
    for row in rows:
        plain = bytes.fromhex(row["plain"])
        value: Any = decode(plain)
        assert SCHEMA.takes("key-file", value)
        for key in value:
            assert not SCHEMA.takes("key-file", {k: v for k, v in value.items() if k != key})
            assert not SCHEMA.takes("key-file", value | {key: [[[]]]})
        assert Keys.read(plain).write() == plain


def test_the_vectors_fit():
    boxes = json.loads((VECTORS / "boxes.json").read_text())
    handshakes = json.loads((VECTORS / "handshake.json").read_text())["handshakes"]
    records = json.loads((VECTORS / "records.json").read_text())["records"]
    for rule, datas in (
        ("ticket", [row["body"] for row in boxes["tickets"]]),
        ("manifest", [row["plain"][2 * 96 :] for row in boxes["manifests"]]),
        ("letter-plain", [row["plain"] for row in boxes["letters"]]),
        ("certificate-payload", [row["initiator"]["certificate"] for row in handshakes]),
        ("record", [row["record"] for row in records if "version 2" not in row["name"]]),
    ):
        assert datas
        assert all(SCHEMA.takes(rule, decode(bytes.fromhex(data))) for data in datas), rule


def test_the_syntax_is_that_of_cddl():
    for rule, text in (("session-message", WIRE), ("ticket", FILES)):
        Syntax(f"root = {rule}\n{RECORDS}{text}")


def test_the_schema_reader_reads():
    """Every rule is reached by a test above, or used by one that is; and what it takes it takes for a reason."""
    schema = Schema('a = [1, b / null, 0*2 "x"] c = {0: text .size (1..2), ? 1: 0..3, * uint => any} b = bytes .size 2')
    assert all(schema.takes("a", each) for each in ([1, b"12"], [1, None, "x", "x"]))
    assert not any(
        schema.takes("a", each) for each in ([1], [2, None], [1, b"1"], [1, None, "x", "x", "x"], [1, None, 0])
    )
    assert all(schema.takes("c", each) for each in ({0: "é"}, {0: "a", 1: 3}, {0: "a", 64: None}))
    assert not any(
        schema.takes("c", each) for each in ({}, {0: "éa"}, {0: "a", 1: 4}, {0: "a", 63: None}, {False: "a"})
    )
