"""records.json: records with every intermediate, records that are refused, and chains with what is valid of them."""

from typing import Any

from makers.common import START_MS, Device, drawn, told
from meshd_crypto.hashing import digest
from meshd_crypto.identity import SigningKey
from meshd_crypto.signing import sign
from meshd_protocol.bodies.decisions import Ballot, Form
from meshd_protocol.bodies.genesis import RULES_VERSION, Genesis
from meshd_protocol.bodies.talk import Message
from meshd_protocol.chains import settle
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadRecordError
from meshd_protocol.kinds import Kind
from meshd_protocol.policies import DEFAULTS
from meshd_protocol.records import (
    NO_ASSEMBLY,
    Record,
    decode_record,
    encode_record,
    is_signed,
    make_record,
    read_record,
    signed_bytes,
    wire,
)

ADA = "Ada"


def founded() -> tuple[Record, Device]:
    """A genesis and the founder's device, for all files."""
    key = SigningKey.from_seed(drawn(f"{ADA} device"))
    member = SigningKey.from_seed(drawn(f"{ADA} member"))
    body = Genesis("Bakery", drawn("nonce", 16), RULES_VERSION, DEFAULTS, (member.public,))
    genesis = make_record(
        NO_ASSEMBLY, key, log=0, seq=0, prev=None, time_ms=START_MS, kind=Kind.GENESIS, body=body.write()
    )
    device = Device(genesis.id, ADA)
    device.heads[0] = genesis
    return genesis, device


def _whole(name: str, assembly: bytes, record: Record) -> dict[str, Any]:
    """A record with everything between its fields and its bytes."""
    assert is_signed(assembly, record)
    scope = NO_ASSEMBLY if record.kind == Kind.GENESIS else assembly
    return {
        "name": name,
        "assembly": scope,
        "fields": told(decode(record.header)),
        "header": record.header,
        "body": record.body,
        "body_hash": record.body_hash,
        "signed": signed_bytes(scope, record.header, record.version),
        "id": record.id,
        "signature": record.signature,
        "record": wire(record),
    }


def _later_version(device: Device, *fields: object) -> Record:
    """A record under a header of version 2: seven fields at least, the first five and the last two as ever."""
    body = b"whatever"
    header = encode([2, device.key.public, 2, 0, None, *fields, len(body), digest(body)])
    signature = sign(device.key, signed_bytes(device.assembly, header, 2))
    return read_record(device.assembly, header, signature, body)


def _refused(device: Device, genesis: Record) -> list[dict[str, Any]]:
    """One record for each rule: bytes that differ from a good record in one thing, signed anew."""
    good = device.write(Kind.BALLOT, Ballot(drawn("question"), Form.YES_NO, 1))
    fields: list[Any] = decode(good.header)  # type: ignore[assignment]
    body = good.body or b""

    def changed(at: int, value: object, body: bytes | None = body) -> bytes:
        return signed([*fields[:at], value, *fields[at + 1 :]], body)

    def signed(header: list[Any], body: bytes | None = body) -> bytes:
        data = encode(header)
        return encode_record(data, sign(device.key, signed_bytes(device.assembly, data, header[0])), body)

    large = bytes(16_384 - len(encode_record(good.header, good.signature, b"")))
    ids = sorted(drawn(f"dep {n}") for n in range(17))
    other = Genesis("Mill", drawn("other nonce", 16), RULES_VERSION, DEFAULTS, (device.member.public,)).write()
    foreign = make_record(
        NO_ASSEMBLY, device.key, log=0, seq=0, prev=None, time_ms=START_MS, kind=Kind.GENESIS, body=other
    )
    rows: list[tuple[str, bytes]] = [
        ("more than 16,384 bytes", signed([*fields[:8], len(large), digest(large)], large)),
        ("a trailing byte", wire(good) + b"\x00"),
        ("two parts", encode([good.header, good.signature])),
        ("four parts", encode([good.header, good.signature, body, body])),
        ("a map", encode({0: good.header, 1: good.signature, 2: body})),
        ("a header that is no byte string", encode([fields, good.signature, body])),
        ("a body that is text", encode([good.header, good.signature, "body"])),
        ("a signature of 63 bytes", encode([good.header, good.signature[:63], body])),
        ("a signature of 65 bytes", encode([good.header, good.signature + b"\x00", body])),
        ("a body missing in log 0", encode_record(good.header, good.signature, None)),
        ("a header in a longer form than needed", encode_record(b"\x98\x0a" + good.header[1:], good.signature, body)),
        ("a header that is a map", encode_record(encode(dict(enumerate(fields))), good.signature, body)),
        ("version 0", changed(0, 0)),
        ("version true", encode_record(encode([True, *fields[1:]]), good.signature, body)),
        ("a device of 31 bytes", changed(1, fields[1][:31])),
        ("log 3", changed(2, 3)),
        ("log false", changed(2, False)),
        ("a negative seq", changed(3, -1)),
        ("no prev at seq 1", changed(4, None)),
        ("a prev at seq 0", changed(3, 0)),
        ("a prev of 31 bytes", changed(4, fields[4][:31])),
        ("a negative time", changed(5, -1)),
        ("a kind that is text", changed(6, "ballot")),
        ("deps that are no array", changed(7, None)),
        ("17 deps", changed(7, ids)),
        ("deps out of order", changed(7, [ids[1], ids[0]])),
        ("a dep twice", changed(7, [ids[0], ids[0]])),
        ("a dep of 31 bytes", changed(7, [ids[0][:31]])),
        ("a body of another length", changed(8, len(body) + 1)),
        ("a body of another hash", changed(9, digest(b"another"))),
        ("nine fields", signed([*fields[:7], *fields[8:]])),
        ("eleven fields", signed([*fields[:8], 0, *fields[8:]])),
        ("version 2 with six fields", signed([2, *fields[1:4], *fields[8:]])),
        ("version 2 in log 3", signed([2, fields[1], 3, *fields[3:]])),
        ("version 2 with a body of another hash", signed([2, *fields[1:9], digest(b"another")])),
        ("version 2 without a body in log 0", signed([2, *fields[1:]], None)),
        ("the genesis of another assembly", wire(foreign)),
    ]
    for name, data in rows:
        try:
            decode_record(genesis.id, data)
        except BadRecordError:
            continue
        raise AssertionError(f"{name} is taken")
    return [{"name": name, "record": data} for name, data in rows]


def _chain(name: str, assembly: bytes, records: list[Record]) -> dict[str, Any]:
    """Records of one chain, in the order in which they come, and what becomes of them."""
    settled = settle(records, {}, lambda record: is_signed(assembly, record))
    heights = [record.seq for record in settled.valid]
    return {
        "name": name,
        "records": list(map(wire, records)),
        "valid": sorted(record.id for record in settled.valid),
        "waiting": sorted(record.id for record in settled.waiting),
        "never": sorted(record.id for record in settled.broken),
        "fork": len(set(heights)) < len(heights),
    }


def _unsigned(record: Record) -> Record:
    return record._replace(signature=bytes(64))


def _chains(assembly: bytes) -> list[dict[str, Any]]:
    def run(name: str, count: int) -> tuple[Device, list[Record]]:
        device = Device(assembly, name)
        first = device.certify()
        return device, [first, *(device.write(5000, bytes([n])) for n in range(1, count))]

    _, plain = run("Bea", 3)
    _, late = run("Cy", 4)
    _, long = run("Dan", 130)
    forker, forked = run("Eve", 3)
    twin = forker.write(5000, b"other", after=forked[1])
    _, gap = run("Fay", 3)
    _, odd = run("Gil", 2)
    skips = Device(assembly, "Gil")
    skips.heads[0] = odd[0]._replace(seq=1)
    return [
        _chain("every signature verifies", assembly, plain),
        _chain("the last two do not, and are not authentic", assembly, plain[:1] + list(map(_unsigned, plain[1:]))),
        _chain("one later signature stands for those before", assembly, [*map(_unsigned, late[:3]), late[3]]),
        _chain("they may come in any order", assembly, [late[3], *map(_unsigned, reversed(late[:3]))]),
        _chain("the next 127 only: the first two of 129 wait", assembly, [*map(_unsigned, long[:128]), long[128]]),
        _chain("128 in a row are authentic by the last", assembly, [*map(_unsigned, long[:127]), long[127]]),
        _chain("two with one seq: a fork, both valid", assembly, [*forked, twin]),
        _chain(
            "a branch's signature stands for its own ancestors",
            assembly,
            [*map(_unsigned, forked), twin],
        ),
        _chain("without the record before, a record waits", assembly, [gap[0], gap[2]]),
        _chain("a seq that does not follow that of prev", assembly, [odd[0], skips.write(5000, b"x")]),
    ]


def make() -> dict[str, Any]:
    """The file."""
    genesis, ada = founded()
    certificate = ada.certify()
    question, deps = drawn("question"), (drawn("dep 1"), drawn("dep 2"))
    ballot = ada.write(Kind.BALLOT, Ballot(question, Form.YES_NO, 1), deps=deps, time_ms=START_MS + 60_000)
    talk = ada.write(Kind.MESSAGE, Message(drawn("salt", 16), "general", "Bread is ready."))
    unknown = Device(genesis.id, "Bea").write(5000, b"of a kind that nobody knows", log=2)
    later = _later_version(Device(genesis.id, "Cy"))
    later_more = _later_version(Device(genesis.id, "Dan"), "anything", [1, 2])
    forgotten = talk._replace(body=None)
    return {
        "about": "Records with each step from fields to bytes; records that are refused; chains and what is valid there.",
        "sections": ["2", "3"],
        "keys": [
            {"name": each.name, "seed": each.key.seed, "device": each.key.public}
            for each in (ada, Device(genesis.id, "Bea"), Device(genesis.id, "Cy"), Device(genesis.id, "Dan"))
        ],
        "assembly": genesis.id,
        "records": [
            _whole("the genesis: its id is the assembly's", genesis.id, genesis),
            _whole("the founder's certificate", genesis.id, certificate),
            _whole("a ballot with deps", genesis.id, ballot),
            _whole("a message in log 1", genesis.id, talk),
            _whole("the same without its body", genesis.id, forgotten),
            _whole("a kind that nobody knows, in log 2", genesis.id, unknown),
            _whole("a header of version 2 with seven fields", genesis.id, later),
            _whole("a header of version 2 with nine", genesis.id, later_more),
        ],
        "refused": _refused(ada, genesis),
        "chains": _chains(genesis.id),
    }
