"""What lies on a stick, over bytes: segments, manifests, join files (design: sneakernet).

A stick is a slow peer that everybody may read: everything is encrypted, and file names are hashes of the files. Nothing
here opens a file; `meshd.sneakernet` does.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from meshd_crypto.hashing import derive, digest
from meshd_crypto.identity import Entropy, SigningKey
from meshd_crypto.sealing import BOX_OVERHEAD, CannotOpenError, lock, unlock
from meshd_crypto.signing import SIGNATURE_SIZE, sign, verify
from meshd_protocol import contexts, limits
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadBundleError, NotCanonicalError, UnknownKeyError
from meshd_protocol.names import text_of

VERSION = 1
KEY_NAME_SIZE = 8
_LENGTH = struct.Struct(">I")
SEGMENT_ROOM = limits.SEGMENT_BYTES - KEY_NAME_SIZE - BOX_OVERHEAD
"""Bytes of records, with their lengths, that one segment holds."""

SEGMENT_LEAST = KEY_NAME_SIZE + BOX_OVERHEAD
"""Bytes of a segment without records: none is shorter."""

FILE_MAGIC = b"meshd/bundle/1\x00"
"""First bytes of a bundle that is a single file; segments follow, each with its length."""

_MANIFEST_ITEMS = 2_000_000
_COUNTERS = 2**52
"""A manifest with a counter beyond is somebody's attempt to make the next one impossible."""


class Stretch(NamedTuple):
    """Part of a chain that a segment holds: start <= seq < stop. `end` is the id of the last record.

    For a forked chain, `forked` is true, `end` the digest of all its branches, and `start` and `stop` count its records
    in the order of seq and id.
    """

    device: bytes
    log: int
    start: int
    stop: int
    forked: bool
    end: bytes


class SegmentInfo(NamedTuple):
    """A segment as the manifest lists it."""

    hash: bytes
    size: int
    records: int
    stretches: tuple[Stretch, ...]


class Place(NamedTuple):
    """How far a visitor has one chain. For a forked one, `seq` is None and `id` the digest of its branches."""

    device: bytes
    log: int
    seq: int | None
    id: bytes


class Manifest(NamedTuple):
    """What a stick holds and whom it has visited. The one with the highest counter counts."""

    counter: int
    segments: tuple[SegmentInfo, ...]
    visitors: dict[bytes, tuple[Place, ...]]


EMPTY = Manifest(0, (), {})


def stick_tag(first_secret: bytes, assembly: bytes) -> str:
    """The name of an assembly's folder on a stick."""
    return text_of(derive(first_secret, contexts.STICK, assembly)[:20])


def join_folder(invitation: bytes) -> str:
    """The name of the folder in which a newcomer leaves her application."""
    return text_of(digest(contexts.JOIN_FOLDER, invitation)[:20])


def key_name(secret: bytes) -> bytes:
    """How a file says which network key opens it."""
    return derive(secret, contexts.KEY_NAME)[:KEY_NAME_SIZE]


def pack(records: Iterable[bytes]) -> bytes:
    """Records one after the other, each with its length."""
    return b"".join(_LENGTH.pack(len(record)) + record for record in records)


def unpack(data: bytes) -> Iterator[bytes]:
    """What `pack` packed. Raises BadBundleError where it is cut, or beyond as many records as a segment holds."""
    at = count = 0
    while at < len(data):
        count += 1
        if count > limits.SEGMENT_RECORDS:
            raise BadBundleError("it holds more records than there is room for")
        if at + _LENGTH.size > len(data):
            raise BadBundleError("it is cut in the middle of a length")
        (size,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if size > limits.SEGMENT_BYTES or at + size > len(data):
            raise BadBundleError("it is cut in the middle of a record")
        yield data[at : at + size]
        at += size


def write_segment(secret: bytes, assembly: bytes, records: Iterable[bytes], entropy: Entropy) -> bytes:
    """A segment file: the key's name, then a box of packed records."""
    key = derive(secret, contexts.SEGMENT, assembly)
    return key_name(secret) + lock(key, pack(records), contexts.SEGMENT + assembly, entropy)


def read_segment(secrets: Iterable[bytes], assembly: bytes, data: bytes) -> list[bytes]:
    """The records of a segment file. Raises BadBundleError if no key opens it or it is damaged."""
    return list(unpack(_open(secrets, assembly, data, contexts.SEGMENT)))


def write_manifest(secret: bytes, assembly: bytes, manifest: Manifest, device: SigningKey, entropy: Entropy) -> bytes:
    """A manifest file: the key's name, then a box of the device, its signature and the manifest."""
    body = encode(
        {
            0: VERSION,
            1: manifest.counter,
            2: [
                [info.hash, info.size, info.records, [list(each) for each in info.stretches]]
                for info in manifest.segments
            ],
            3: [[visitor, [list(place) for place in places]] for visitor, places in sorted(manifest.visitors.items())],
        }
    )
    signature = sign(device, contexts.MANIFEST_SIGNATURE + assembly + body)
    key = derive(secret, contexts.MANIFEST, assembly)
    plain = device.public + signature + body
    return key_name(secret) + lock(key, plain, contexts.MANIFEST + assembly, entropy)


def read_manifest(secrets: Iterable[bytes], assembly: bytes, data: bytes) -> Manifest:
    """The manifest of a file. Raises BadBundleError."""
    plain = _open(secrets, assembly, data, contexts.MANIFEST)
    device, signature, body = plain[:32], plain[32 : 32 + SIGNATURE_SIZE], plain[32 + SIGNATURE_SIZE :]
    if not verify(device, contexts.MANIFEST_SIGNATURE + assembly + body, signature):
        raise BadBundleError("its signature is wrong")
    try:
        fields: Any = decode(body, items=_MANIFEST_ITEMS)
    except NotCanonicalError as error:
        raise BadBundleError(str(error)) from error
    if type(fields) is not dict or type(fields.get(0)) is not int or fields[0] != VERSION:
        raise BadBundleError("it is of a later version: this meshd needs an update")
    try:
        return _manifest(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise BadBundleError("it is no manifest that meshd writes") from error


def write_join(context: bytes, psk: bytes, assembly: bytes, records: Iterable[bytes], entropy: Entropy) -> bytes:
    """An application or an answer under a key from the invitation's psk; `context` says which."""
    return lock(derive(psk, context, assembly), pack(records), context + assembly, entropy)


def read_join(context: bytes, psk: bytes, assembly: bytes, data: bytes) -> list[bytes]:
    """The records of a join file. Raises BadBundleError."""
    try:
        return list(unpack(unlock(derive(psk, context, assembly), data, context + assembly)))
    except CannotOpenError as error:
        raise BadBundleError("it is damaged, or of another invitation") from error


def _manifest(fields: dict[int, Any]) -> Manifest:
    segments = tuple(
        SegmentInfo(
            _id(identity), _uint(size), _uint(records), tuple(_stretch(*_array(each)) for each in _array(stretches))
        )
        for identity, size, records, stretches in map(_array, _array(fields[2]))
    )
    visitors = {
        _id(visitor): tuple(_place(*_array(each)) for each in _array(places))
        for visitor, places in map(_array, _array(fields[3]))
    }
    if len(segments) > limits.SEGMENTS or _uint(fields[1]) >= _COUNTERS:
        raise ValueError
    return Manifest(_uint(fields[1]), segments, visitors)


def _stretch(device: Any, log: Any, start: Any, stop: Any, forked: Any, end: Any) -> Stretch:
    if type(forked) is not bool:
        raise TypeError
    return Stretch(_id(device), _uint(log), _uint(start), _uint(stop), forked, _id(end))


def _place(device: Any, log: Any, seq: Any, identity: Any) -> Place:
    return Place(_id(device), _uint(log), None if seq is None else _uint(seq), _id(identity))


def _array(value: Any) -> list[Any]:
    if type(value) is not list:  # texts, bytes and maps can be gone through, too
        raise TypeError
    return value


def _id(value: Any) -> bytes:
    if type(value) is not bytes or len(value) != 32:
        raise TypeError
    return value


def _uint(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value


def _open(secrets: Iterable[bytes], assembly: bytes, data: bytes, context: bytes) -> bytes:
    for secret in secrets:
        if data[:KEY_NAME_SIZE] != key_name(secret):
            continue
        try:
            return unlock(derive(secret, context, assembly), data[KEY_NAME_SIZE:], context + assembly)
        except CannotOpenError as error:
            raise BadBundleError("it is damaged") from error
    raise UnknownKeyError("no network key of this node opens it")
