"""The messages of a session and their bounds. Each is a canonical CBOR array whose first item is its number.

The wire may change until version 1.0: `Hello` tells versions.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from meshd_protocol import limits
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import NotCanonicalError, SessionError
from meshd_protocol.sync.frontier import MARK_SIZE, Claim

VERSION = 1
NONCE_SIZE = 16
BYTES = limits.FRAME_BYTES - 16
"""The most that one Noise message carries."""

_BATCH_BYTES = 60_000
_CLAIMS = 800
_MARKS = 4000
_WANTED = 128


class Hello(NamedTuple):
    """The first message of each side that lets the other read: versions spoken, a nonce, the digest of its frontier."""

    versions: tuple[int, ...]
    nonce: bytes
    digest: bytes


class Wait(NamedTuple):
    """Said instead of `Hello` to somebody who is not in the roster here: show who you are, and wait for it.

    `everything` asks for the whole log 0 that may tell so; without it, for the application alone.
    """

    everything: bool


class Frontier(NamedTuple):
    """A part of a frontier; `more` follow."""

    claims: tuple[Claim, ...]
    more: bool


class Sending(NamedTuple):
    """What is about to come: records, and bytes of them."""

    records: int
    size: int


class Records(NamedTuple):
    """Some records, each in its exact bytes."""

    batch: tuple[bytes, ...]


class Done(NamedTuple):
    """Everything that was missing by the last frontier has been sent."""


class Digest(NamedTuple):
    """The digest of the frontier now: the periodic comparison."""

    digest: bytes


class Listing(NamedTuple):
    """Marks of all records of one chain, where the two sides' chains fork."""

    device: bytes
    log: int
    marks: tuple[bytes, ...]
    more: bool


class Want(NamedTuple):
    """Ids of records whose bodies are missing here."""

    ids: tuple[bytes, ...]


class Bodies(NamedTuple):
    """Bodies that were wanted, by record id."""

    bodies: tuple[tuple[bytes, bytes], ...]


Message: TypeAlias = Hello | Wait | Frontier | Sending | Records | Done | Digest | Listing | Want | Bodies


def write_message(message: Message) -> bytes:
    """A message in its bytes."""
    data = encode([_NUMBERS[type(message)], *message])
    assert len(data) <= BYTES, "a message must fit into one frame"
    return data


def read_message(data: bytes) -> Message:
    """A peer's message. Raises SessionError."""
    try:
        value: Any = decode(data)
    except NotCanonicalError as error:
        raise SessionError(f"a message is {error}") from error
    if type(value) is not list or not value or type(value[0]) is not int or value[0] not in _READERS:
        raise SessionError("a message of a number that meshd doesn't know")
    reader = _READERS[value[0]]
    try:
        return reader(*value[1:])
    except TypeError as error:
        raise SessionError("a message with the wrong number of parts") from error


def batches(records: Iterable[bytes]) -> Iterator[Records]:
    """Records packed into messages that fit into frames."""
    batch: list[bytes] = []
    size = 0
    for record in records:
        if batch and (size + len(record) > _BATCH_BYTES or len(batch) >= limits.RUN):
            yield Records(tuple(batch))
            batch, size = [], 0
        batch.append(record)
        size += len(record) + 3
    if batch:
        yield Records(tuple(batch))


def frontier_messages(claims: list[Claim]) -> list[Frontier]:
    """A frontier in as many messages as it takes, at least one."""
    parts = [claims[start : start + _CLAIMS] for start in range(0, len(claims), _CLAIMS)] or [[]]
    return [Frontier(tuple(part), number + 1 < len(parts)) for number, part in enumerate(parts)]


def listing_messages(device: bytes, log: int, marks: list[bytes]) -> list[Listing]:
    """A listing in as many messages as it takes, at least one."""
    parts = [marks[start : start + _MARKS] for start in range(0, len(marks), _MARKS)] or [[]]
    return [Listing(device, log, tuple(part), number + 1 < len(parts)) for number, part in enumerate(parts)]


def want_messages(ids: list[bytes]) -> list[Want]:
    """Wanted bodies in as many messages as it takes."""
    return [Want(tuple(ids[start : start + _WANTED])) for start in range(0, len(ids), _WANTED)]


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise SessionError(f"a message with {what}")


def _octets(value: Any, size: int, what: str) -> bytes:
    _require(type(value) is bytes and len(value) == size, f"a bad {what}")
    return bytes(value)


def _number(value: Any, what: str) -> int:
    _require(type(value) is int and value >= 0, f"a bad {what}")
    return int(value)


def _truth(value: Any) -> bool:
    _require(type(value) is bool, "something neither true nor false")
    return bool(value)


def _items(value: Any, most: int, what: str) -> list[Any]:
    _require(type(value) is list and len(value) <= most, f"bad {what}")
    return list(value)


def _hello(versions: Any, nonce: Any, digest: Any) -> Hello:
    spoken = tuple(_number(version, "version") for version in _items(versions, 16, "versions"))
    return Hello(spoken, _octets(nonce, NONCE_SIZE, "nonce"), _octets(digest, 32, "digest"))


def _claim(value: Any) -> Claim:
    device, log, seq, seen = _items(value, 4, "claim") if type(value) is list and len(value) == 4 else (None,) * 4
    _require(type(log) is int and log in (0, 1, 2), "a bad log")
    height = None if seq is None else _number(seq, "seq")
    return Claim(_octets(device, 32, "device"), int(log or 0), height, _octets(seen, MARK_SIZE, "mark"))


def _frontier(claims: Any, more: Any) -> Frontier:
    return Frontier(tuple(map(_claim, _items(claims, _CLAIMS, "claims"))), _truth(more))


def _records(batch: Any) -> Records:
    records = _items(batch, limits.RUN, "records")
    _require(all(type(record) is bytes for record in records), "a record that is no byte string")
    return Records(tuple(records))


def _listing(device: Any, log: Any, marks: Any, more: Any) -> Listing:
    _require(type(log) is int and log in (0, 1, 2), "a bad log")
    seen = tuple(_octets(each, MARK_SIZE, "mark") for each in _items(marks, _MARKS, "marks"))
    return Listing(_octets(device, 32, "device"), int(log), seen, _truth(more))


def _want(ids: Any) -> Want:
    return Want(tuple(_octets(each, 32, "id") for each in _items(ids, _WANTED, "ids")))


def _bodies(bodies: Any) -> Bodies:
    found: list[tuple[bytes, bytes]] = []
    for pair in _items(bodies, _WANTED, "bodies"):
        identity, body = _items(pair, 2, "body") if type(pair) is list and len(pair) == 2 else (None, None)
        _require(type(body) is bytes, "a bad body")
        found.append((_octets(identity, 32, "id"), bytes(body or b"")))
    return Bodies(tuple(found))


_READERS: dict[int, Callable[..., Message]] = {
    0: _hello,
    1: lambda everything: Wait(_truth(everything)),
    2: _frontier,
    3: lambda records, size: Sending(_number(records, "count"), _number(size, "size")),
    4: _records,
    5: Done,
    6: lambda digest: Digest(_octets(digest, 32, "digest")),
    7: _listing,
    8: _want,
    9: _bodies,
}
_NUMBERS: dict[type[Any], int] = {
    Hello: 0, Wait: 1, Frontier: 2, Sending: 3, Records: 4, Done: 5, Digest: 6, Listing: 7, Want: 8, Bodies: 9,
}  # fmt: skip
NAMES = {number: kind.__name__ for kind, number in _NUMBERS.items()}
"""The numbers of messages by name, for the specification."""
