"""One record: header, id, signature, body, and nothing about its neighbours (design: records, "One record").

Bytes are kept exactly as they arrived; nothing here re-encodes what somebody signed. Fields 0 to 4, the last two (the
body's length and hash), the signature and the form of `signed` are fixed for all versions: a header of a later version
is checked, stored and relayed like any other, and has no effect.
"""

import itertools
from typing import Any, NamedTuple

from meshd_crypto.hashing import digest
from meshd_crypto.identity import SigningKey
from meshd_crypto.signing import SIGNATURE_SIZE, Signed, sign, verify
from meshd_protocol import contexts, limits
from meshd_protocol.encoding import Value, decode, encode
from meshd_protocol.errors import BadRecordError, NotCanonicalError
from meshd_protocol.kinds import Kind, Log

VERSION = 1
ID_SIZE = 32
NO_ASSEMBLY = bytes(32)
"""The assembly id under which a genesis is signed: its own id is the assembly's."""

_FIELDS = 10


class Record(NamedTuple):
    """A record that passed every check that needs no other record and no signature check.

    `body` is None where a log-1 or log-2 body was not sent or was forgotten. For a header of a later version, `kind`
    is -1 and the fields after `prev` are empty.
    """

    id: bytes
    version: int
    device: bytes
    log: int
    seq: int
    prev: bytes | None
    time_ms: int
    kind: int
    deps: tuple[bytes, ...]
    body_hash: bytes
    header: bytes
    signature: bytes
    body: bytes | None


FUTURE_KIND = -1


def signed_bytes(assembly: bytes, header: bytes, version: int = VERSION) -> bytes:
    """What a record's device signs and what its id is the hash of."""
    return b"%b%d\x00%b%b" % (contexts.RECORD, version, assembly, header)


def encode_record(header: bytes, signature: bytes, body: bytes | None) -> bytes:
    """A record as it stands on the wire and on a stick."""
    return encode([header, signature, body])


def wire_size(parts: tuple[bytes, bytes, bytes]) -> int:
    """The length of `encode_record` of these parts, without encoding them."""
    return 1 + sum(len(part) + (1 if len(part) < 24 else 2 if len(part) < 256 else 3) for part in parts)


def wire(record: Record) -> bytes:
    """The bytes of a record that was read or made."""
    return encode_record(record.header, record.signature, record.body)


def decode_record(assembly: bytes, data: bytes) -> Record:
    """Read a record of one assembly from wire bytes. Its signature is not checked here (`is_signed`).

    Raises BadRecordError, saying what is wrong.
    """
    if len(data) > limits.RECORD_BYTES:
        raise BadRecordError(f"a record of {len(data)} bytes; at most {limits.RECORD_BYTES} are allowed")
    parts = split_record(data) or _decode(data)
    if type(parts) is not list or len(parts) != 3:
        raise BadRecordError("a record is [header, signature, body]")
    header, signature, body = parts
    if type(header) is not bytes or type(signature) is not bytes or (body is not None and type(body) is not bytes):
        raise BadRecordError("header, signature and body are byte strings")
    return read_record(assembly, header, signature, body)


def split_record(data: bytes) -> list[bytes] | None:
    """The header, the signature and the body of a record's canonical encoding; None of one that has another form, or no
    body: `decode` says what it is. A third of the time of that: it is on the hot path of everything that comes in.
    """
    if data[:1] != _ARRAY_OF_THREE:
        return None
    parts: list[bytes] = []
    at, end = 1, len(data)
    try:
        for _ in range(3):
            head = data[at]
            if head == _ONE_BYTE and data[at + 1] >= _ONE_BYTE_LEAST:
                size, at = data[at + 1], at + 2
            elif head == _TWO_BYTES and data[at + 1]:
                size, at = data[at + 1] << 8 | data[at + 2], at + 3
            elif _EMPTY <= head < _ONE_BYTE:
                size, at = head - _EMPTY, at + 1
            else:
                return None
            parts.append(data[at : at + size])
            at += size
    except IndexError:
        return None
    return parts if at == end else None


_ARRAY_OF_THREE = b"\x83"
_EMPTY, _ONE_BYTE, _TWO_BYTES = 0x40, 0x58, 0x59
"""Heads of a byte string: of one without a byte, and of those whose length stands in one byte, or in two."""
_ONE_BYTE_LEAST = 24
"""Shorter ones have their length in the head itself."""


def read_record(assembly: bytes, header: bytes, signature: bytes, body: bytes | None) -> Record:
    """A record from its three parts. Raises BadRecordError."""
    if len(signature) != SIGNATURE_SIZE:
        raise BadRecordError("a signature has 64 bytes")
    fields = _decode(header)
    if type(fields) is not list or len(fields) < 7:
        raise BadRecordError("a header is an array")
    version, device, log, seq, prev = fields[:5]
    if type(version) is not int or version < 1:
        raise BadRecordError("a header begins with its version")
    if type(device) is not bytes or len(device) != 32:
        raise BadRecordError("the device is a key of 32 bytes")
    if type(log) is not int or log not in (0, 1, 2):
        raise BadRecordError("there are logs 0, 1 and 2")
    if type(seq) is not int or seq < 0:
        raise BadRecordError("seq counts from 0")
    if (prev is None) != (seq == 0) or (prev is not None and (type(prev) is not bytes or len(prev) != ID_SIZE)):
        raise BadRecordError("prev is the id of the record before, and null at seq 0 alone")
    if body is None and log == Log.DECISIONS:
        raise BadRecordError("a record of log 0 came without its body")
    body_len, body_hash = fields[-2:]
    if type(body_len) is not int or body_len < 0 or type(body_hash) is not bytes or len(body_hash) != 32:
        raise BadRecordError("the body's length and hash are missing")
    if body is not None and (len(body) != body_len or digest(body) != body_hash):
        raise BadRecordError("the body is not the one that the header names")
    if version != VERSION:
        identity = digest(signed_bytes(assembly, header, version))
        return Record(identity, version, device, log, seq, prev, 0, FUTURE_KIND, (), body_hash, header, signature, body)
    return _read_current(assembly, fields, header, signature, body)


def _read_current(assembly: bytes, fields: list[Any], header: bytes, signature: bytes, body: bytes | None) -> Record:
    """The part of a header that version 1 settles."""
    if len(fields) != _FIELDS:
        raise BadRecordError("a header of version 1 has ten fields")
    _, device, log, seq, prev, time_ms, kind, deps, _, body_hash = fields
    if type(time_ms) is not int or type(kind) is not int or time_ms < 0 or kind < 0:
        raise BadRecordError("time and kind are unsigned integers")
    if type(deps) is not list or len(deps) > limits.DEPS:
        raise BadRecordError(f"deps are at most {limits.DEPS} ids")
    if deps and (any(type(dep) is not bytes or len(dep) != ID_SIZE for dep in deps) or not _ascending(deps)):
        raise BadRecordError("deps are sorted, different ids")
    scope = NO_ASSEMBLY if kind == Kind.GENESIS and seq == 0 else assembly
    identity = digest(signed_bytes(scope, header))
    if scope is NO_ASSEMBLY and assembly not in (NO_ASSEMBLY, identity):
        raise BadRecordError("the genesis of another assembly")
    return Record(
        identity, VERSION, device, log, seq, prev, time_ms, kind, tuple(deps), body_hash, header, signature, body
    )


def signature_of(assembly: bytes, record: Record) -> Signed:
    """What has to be checked for the record's own signature."""
    scope = NO_ASSEMBLY if record.kind == Kind.GENESIS and record.seq == 0 else assembly
    return record.device, signed_bytes(scope, record.header, record.version), record.signature


def is_signed(assembly: bytes, record: Record) -> bool:
    """Whether the record's own signature verifies."""
    return verify(*signature_of(assembly, record))


def body_fits(record: Record, body: bytes) -> bool:
    """Whether `body` is the one that the header names, for a record whose body was missing."""
    return digest(body) == record.body_hash


def make_record(
    assembly: bytes,
    key: SigningKey,
    *,
    log: int,
    seq: int,
    prev: bytes | None,
    time_ms: int,
    kind: int,
    body: bytes,
    deps: tuple[bytes, ...] = (),
) -> Record:
    """Sign a new record. Raises BadRecordError if it would break a bound (the caller's text is too long, say)."""
    header = encode([VERSION, key.public, log, seq, prev, time_ms, kind, sorted(deps), len(body), digest(body)])
    scope = NO_ASSEMBLY if kind == Kind.GENESIS and seq == 0 else assembly
    data = encode_record(header, sign(key, signed_bytes(scope, header)), body)
    return decode_record(assembly, data)


def _decode(data: bytes) -> Value:
    try:
        return decode(data)
    except NotCanonicalError as error:
        raise BadRecordError(str(error)) from error


def _ascending(ids: list[bytes]) -> bool:
    return all(first < second for first, second in itertools.pairwise(ids))
