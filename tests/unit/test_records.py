"""One record: what is well formed, what is refused, and what a later version may change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshd_crypto.hashing import digest
from meshd_crypto.signing import sign
from meshd_protocol import limits
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadRecordError
from meshd_protocol.kinds import Kind
from meshd_protocol.records import (
    FUTURE_KIND,
    NO_ASSEMBLY,
    body_fits,
    decode_record,
    encode_record,
    is_signed,
    make_record,
    signed_bytes,
    split_record,
    wire,
)
from tests.worlds import START_MS, Author

ASSEMBLY = b"a" * 32
BODY = b"\xa0"
DEVICE = Author(ASSEMBLY, "Ada", 1).device


def _record(**changed):
    fields = {"log": 0, "seq": 3, "prev": b"p" * 32, "time_ms": START_MS, "kind": Kind.BALLOT, "body": BODY}
    return make_record(ASSEMBLY, DEVICE, **(fields | changed))


def _with_header(*, signature: bytes | None = None, body: bytes | None = BODY, **changed) -> bytes:
    """A signed record with a header whose numbered fields are replaced."""
    fields = decode(_record().header)
    for key, value in changed.items():
        fields[int(key[1:])] = value
    header = encode(fields)
    version = fields[0] if type(fields[0]) is int else 1
    return encode_record(header, signature or sign(DEVICE, signed_bytes(ASSEMBLY, header, version)), body)


def test_a_record_reads_back_and_is_signed():
    record = _record()
    again = decode_record(ASSEMBLY, wire(record))
    assert again == record
    assert is_signed(ASSEMBLY, again)
    assert record.id == digest(b"meshd/record/1\x00" + ASSEMBLY + record.header)


def test_the_signature_is_not_part_of_the_id():
    record = _record()
    other = decode_record(ASSEMBLY, encode_record(record.header, bytes(64), record.body))
    assert other.id == record.id
    assert not is_signed(ASSEMBLY, other)


def test_a_record_of_another_assembly_is_not_signed_here():
    """A replay: the assembly's id is bound without being sent."""
    record = decode_record(b"b" * 32, wire(_record()))
    assert record.id != _record().id
    assert not is_signed(b"b" * 32, record)


def test_the_genesis_alone_is_signed_under_no_assembly():
    genesis = make_record(NO_ASSEMBLY, DEVICE, log=0, seq=0, prev=None, time_ms=1, kind=Kind.GENESIS, body=BODY)
    again = decode_record(genesis.id, wire(genesis))
    assert again.id == genesis.id
    assert is_signed(genesis.id, again)


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("no version", {"_0": "1"}),
        ("version 0", {"_0": 0}),
        ("a short device", {"_1": b"d" * 31}),
        ("log 3", {"_2": 3}),
        ("a log of true", {"_2": True}),
        ("a negative seq", {"_3": -1}),
        ("seq 0 with a prev", {"_3": 0}),
        ("no prev", {"_4": None}),
        ("a short prev", {"_4": b"p"}),
        ("a negative time", {"_5": -1}),
        ("a negative kind", {"_6": -1}),
        ("deps that are no ids", {"_7": [b"x"]}),
        ("deps out of order", {"_7": [b"b" * 32, b"a" * 32]}),
        ("the same dep twice", {"_7": [b"a" * 32, b"a" * 32]}),
        ("one dep too many", {"_7": [bytes([n]) * 32 for n in range(limits.DEPS + 1)]}),
        ("another body length", {"_8": 2}),
        ("another body hash", {"_9": b"h" * 32}),
        ("an integer beyond bounds", {"_5": limits.INTEGER}),
    ],
)
def test_bad_headers_are_refused(what, changed):
    with pytest.raises(BadRecordError):
        decode_record(ASSEMBLY, _with_header(**changed))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", encode([b"", b""]), encode([b"", b"", b"", b""]), encode([1, b"s" * 64, b""]), encode([b"\x80", b"s" * 64, b""]),
     encode([_record().header, b"s" * 63, BODY]), encode([_record().header, b"s" * 64, "text"])],
)  # fmt: skip
def test_bad_records_are_refused(data):
    with pytest.raises(BadRecordError):
        decode_record(ASSEMBLY, data)


def test_time_and_kind_are_unsigned():
    for place in (5, 6):
        fields = decode(_record().header)
        for bad in (-1, "now", None, True):
            spoilt = encode([*fields[:place], bad, *fields[place + 1 :]])
            with pytest.raises(BadRecordError, match="unsigned"):
                decode_record(ASSEMBLY, encode_record(spoilt, bytes(64), BODY))


def test_eleven_fields_are_of_no_version_1():
    fields = decode(_record().header)
    with pytest.raises(BadRecordError, match="ten fields"):
        decode_record(ASSEMBLY, encode_record(encode([*fields[:-2], 0, *fields[-2:]]), bytes(64), BODY))
    with pytest.raises(BadRecordError, match="length and hash"):
        decode_record(ASSEMBLY, encode_record(encode([*fields, 0]), bytes(64), BODY))


def test_sixteen_deps_are_taken():
    deps = tuple(bytes([n]) * 32 for n in range(limits.DEPS))
    assert _record(deps=deps).deps == deps


def test_a_record_may_be_as_long_as_the_limit_and_not_longer():
    room = limits.RECORD_BYTES - len(wire(_record(body=b"x" * 1000))) + 1000
    assert len(wire(_record(body=b"x" * room))) == limits.RECORD_BYTES
    with pytest.raises(BadRecordError):
        _record(body=b"x" * (room + 1))


@pytest.mark.parametrize(("log", "taken"), [(0, False), (1, True), (2, True)])
def test_bodies_may_be_missing_in_logs_1_and_2_alone(log, taken):
    record = _record(log=log)
    data = encode_record(record.header, record.signature, None)
    if taken:
        bare = decode_record(ASSEMBLY, data)
        assert bare.id == record.id
        assert body_fits(bare, BODY)
        assert not body_fits(bare, b"\xa1\x00\x00")
    else:
        with pytest.raises(BadRecordError):
            decode_record(ASSEMBLY, data)


def test_a_header_of_version_2_is_checked_and_kept():
    """Hard case 15: fields 0 to 4 and the form of what is signed are fixed for all versions."""
    body = b"not even CBOR"
    fields = [2, DEVICE.public, 0, 3, b"p" * 32, {1: "whatever comes"}, len(body), digest(body)]
    header = encode(fields)
    signature = sign(DEVICE, b"meshd/record/2\x00" + ASSEMBLY + header)
    record = decode_record(ASSEMBLY, encode_record(header, signature, body))
    for other in (b"swapped on the way", None):
        with pytest.raises(BadRecordError):
            decode_record(ASSEMBLY, encode_record(header, signature, other))
    assert (record.version, record.seq, record.kind) == (2, 3, FUTURE_KIND)
    assert is_signed(ASSEMBLY, record)
    assert record.id == digest(b"meshd/record/2\x00" + ASSEMBLY + header)


@pytest.mark.parametrize("size", [0, 1, 22, 23, 24, 25, 255, 256, 257, 60_000, 65_535, 65_536])
def test_a_record_is_split_as_its_encoding_is_decoded(size):
    """Whatever the short way reads is what the long way reads; what it leaves alone the long way judges."""
    parts = [b"h" * size, b"s" * 64, b"b" * (65_536 - size)]
    data = encode(parts)
    assert split_record(data) == (parts if max(map(len, parts)) < 65_536 else None)
    short = encode([b"h", b"s", b"b" * size])
    for each in (
        data[:-1],
        data + b"0",
        short[:-1],
        encode([*parts, b""]),
        encode(parts[:2]),
        encode([b"", b"", None]),
    ):
        assert split_record(each) is None


@given(st.binary(max_size=40), st.integers(0, 600), st.integers(0, 255), st.data())
def test_no_other_bytes_are_split(header, size, byte, chosen):
    data = encode([header, b"s" * 64, b"b" * size])
    at = chosen.draw(st.integers(0, len(data) - 1))
    changed = data[:at] + bytes([byte]) + data[at + 1 :]
    parts = split_record(changed)
    assert parts is None or encode(parts) == changed
