"""Sections 2 and 3: a record from its bytes, and what of a chain is valid."""

from itertools import pairwise
from typing import Any, NamedTuple

from tests.second import cbor
from tests.second.cbor import RefusedError
from tests.second.keys import CONTEXT, H, verifies

ZERO = bytes(32)


class Record(NamedTuple):
    id: bytes
    device: bytes
    log: int
    seq: int
    prev: bytes | None
    header: bytes
    signed: bytes
    signature: bytes
    body: bytes | None
    fields: list[Any]

    @property
    def authentic_by_itself(self) -> bool:
        return verifies(self.device, self.signed, self.signature)


def _must(holds: bool, rule: str) -> None:
    if not holds:
        raise RefusedError(rule)


def _is_id(value: Any) -> bool:
    return type(value) is bytes and len(value) == 32


def _is_uint(value: Any) -> bool:
    return type(value) is int and value >= 0


def read(assembly: bytes, data: bytes) -> Record:
    """A record of an assembly; a genesis that is read before its assembly is known is read under 32 zero bytes."""
    _must(len(data) <= 16_384, "too large")
    parts = cbor.read(data)
    _must(type(parts) is list and len(parts) == 3, "not three parts")
    header, signature, body = parts
    _must(type(header) is bytes and type(signature) is bytes and type(body) in (bytes, type(None)), "not byte strings")
    _must(len(signature) == 64, "no signature")
    fields = cbor.read(header)
    _must(type(fields) is list and len(fields) >= 7, "no header")
    version, device, log, seq, prev = fields[:5]
    length, body_hash = fields[-2:]
    _must(type(version) is int and version >= 1, "version")
    _must(_is_id(device), "device")
    _must(type(log) is int and log in (0, 1, 2), "log")
    _must(_is_uint(seq), "seq")
    _must(prev is None if seq == 0 else _is_id(prev), "prev")
    _must(body is not None or log in (1, 2), "body missing")
    _must(_is_uint(length) and _is_id(body_hash), "body's length and hash")
    _must(body is None or (len(body) == length and H(body) == body_hash), "another body")
    genesis = False
    if version == 1:
        _must(len(fields) == 10, "ten fields")
        time_ms, kind, deps = fields[5:8]
        _must(_is_uint(time_ms) and _is_uint(kind), "time and kind")
        _must(type(deps) is list and len(deps) <= 16 and all(map(_is_id, deps)), "deps")
        _must(all(one < two for one, two in pairwise(deps)), "deps sorted")
        genesis = kind == 0 and seq == 0
    signed = CONTEXT["RECORD"] + str(version).encode() + b"\x00" + (ZERO if genesis else assembly) + header
    identity = H(signed)
    _must(not genesis or assembly in (ZERO, identity), "the genesis of another assembly")
    return Record(identity, device, log, seq, prev, header, signed, signature, body, fields)


def valid(records: list[Record]) -> set[bytes]:
    """Ids of the valid ones among records of one chain that begins with them."""
    by_id = {record.id: record for record in records}
    authentic: set[bytes] = set()
    for record in records:
        if record.authentic_by_itself:
            current: Record | None = record
            for _ in range(128):
                if current is not None:
                    authentic.add(current.id)
                    current = by_id.get(current.prev or b"")
    found: set[bytes] = set()
    for record in sorted(records, key=lambda record: record.seq):
        before = by_id.get(record.prev or b"")
        follows = record.seq == 0 or (before is not None and before.id in found and before.seq == record.seq - 1)
        if record.id in authentic and follows:
            found.add(record.id)
    return found


def forks(records: list[Record]) -> bool:
    return len({record.seq for record in records}) < len(records)
