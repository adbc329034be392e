"""The messages of a session and their bounds. Each is a canonical CBOR array whose first item is its number.

The wire may change until version 1.0: `Hello` tells versions.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from meshd_protocol import limits
from meshd_protocol.chains import ChainKey
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import NotCanonicalError, SessionError
from meshd_protocol.sync.frontier import MARK_SIZE, Claim
from meshd_protocol.sync.reconcile import DIGITS, Claims, Fingerprints, Part

VERSION = 2
NONCE_SIZE = 16
BASE_SIZE = 16
BASES = 4
"""The most bases that one side names: more than one, since the other side may not remember the newest."""

BYTES = limits.FRAME_BYTES - 16 - 1
"""The most that one frame carries: a Noise message without its tag and the frame's own byte."""

COMPACT = 1
"""A feature: records may leave out fields that the far end can work out (`compact`)."""

_CLAIMS = 800
_MARKS = 4000
_WANTED = 128
_FEATURES = 32


class Hello(NamedTuple):
    """The first message of each side that lets the other read: versions and features spoken, a nonce, the digest of its
    frontier and how many chains it has, and the beginnings of digests that both sides once had in common.
    """

    versions: tuple[int, ...]
    features: tuple[int, ...]
    nonce: bytes
    digest: bytes
    chains: int
    bases: tuple[bytes, ...]


class Wait(NamedTuple):
    """Said instead of `Hello` to somebody who is not in the roster here: show who you are, and wait for it.

    `everything` asks for the whole log 0 that may tell so; without it, for the application alone.
    """

    everything: bool


class Compare(NamedTuple):
    """A piece of a turn of a comparison; `more` follow."""

    parts: tuple[Part, ...]
    more: bool


class Sending(NamedTuple):
    """What is about to come: records, and bytes of them. It adds to what was stated before."""

    records: int
    size: int


class Go(NamedTuple):
    """What was stated may come now. More than a few records wait for it: others may be sending the same."""


class Records(NamedTuple):
    """Records that a comparison showed to be missing, each in its exact bytes."""

    batch: tuple[bytes, ...]


class Done(NamedTuple):
    """This side's part of the comparison is over: everything that it showed to be missing has been sent."""


class Digest(NamedTuple):
    """The digest of the frontier now: the periodic comparison."""

    digest: bytes


class Same(NamedTuple):
    """The digest that came last is ours, too."""


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


class Pushed(NamedTuple):
    """New records, as soon as they are here, to a side that wants them so."""

    batch: tuple[bytes, ...]


class Have(NamedTuple):
    """Ends of chains that are new here, to a side that has records pushed to it by others."""

    claims: tuple[Claim, ...]


class Ask(NamedTuple):
    """Chains, and the seq from which they are missing here, after a `Have` that nobody's push followed."""

    wanted: tuple[tuple[bytes, int, int], ...]


class Push(NamedTuple):
    """Whether new records are to be pushed over this link, both ways; else only told of."""

    eager: bool


Message: TypeAlias = (
    Hello
    | Wait
    | Compare
    | Sending
    | Records
    | Done
    | Digest
    | Same
    | Listing
    | Want
    | Bodies
    | Pushed
    | Have
    | Ask
    | Push
    | Go
)


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


def batches(records: Iterable[bytes], most: int) -> Iterator[tuple[bytes, ...]]:
    """Records packed so that each pack fits into a message of about `most` bytes."""
    batch: list[bytes] = []
    size = 0
    for record in records:
        if batch and (size + len(record) > most or len(batch) >= limits.RUN):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(record)
        size += len(record) + 3
    if batch:
        yield tuple(batch)


def turn_messages(parts: Iterable[Part]) -> list[Compare]:
    """A turn in as many messages as it takes, at least one."""
    pieces: list[list[Part]] = [[]]
    room = _CLAIMS
    for part in _pieces(parts):
        weight = 4 if isinstance(part, Fingerprints) else len(part.claims) + 2
        if pieces[-1] and weight > room:
            pieces.append([])
            room = _CLAIMS
        pieces[-1].append(part)
        room -= weight
    return [Compare(tuple(piece), number + 1 < len(pieces)) for number, piece in enumerate(pieces)]


def _pieces(parts: Iterable[Part]) -> Iterator[Part]:
    """Parts of which none holds more claims than fit into one message."""
    for part in parts:
        if isinstance(part, Fingerprints) or len(part.claims) <= _CLAIMS:
            yield part
            continue
        for start in range(0, len(part.claims), _CLAIMS):
            yield part._replace(claims=part.claims[start : start + _CLAIMS])


def listing_messages(device: bytes, log: int, marks: list[bytes]) -> list[Listing]:
    """A listing in as many messages as it takes, at least one."""
    parts = [marks[start : start + _MARKS] for start in range(0, len(marks), _MARKS)] or [[]]
    return [Listing(device, log, tuple(part), number + 1 < len(parts)) for number, part in enumerate(parts)]


def want_messages(ids: list[bytes]) -> list[Want]:
    """Wanted bodies in as many messages as it takes."""
    return [Want(tuple(ids[start : start + _WANTED])) for start in range(0, len(ids), _WANTED)]


def have_messages(claims: list[Claim]) -> list[Have]:
    """Announcements in as many messages as it takes."""
    return [Have(tuple(claims[start : start + _CLAIMS])) for start in range(0, len(claims), _CLAIMS)]


def ask_messages(wanted: list[tuple[ChainKey, int]]) -> list[Ask]:
    """Questions for chains in as many messages as it takes."""
    every = [(*chain, seq) for chain, seq in wanted]
    return [Ask(tuple(every[start : start + _CLAIMS])) for start in range(0, len(every), _CLAIMS)]


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


def _tuple(value: Any, size: int, what: str) -> list[Any]:
    _require(type(value) is list and len(value) == size, f"a bad {what}")
    return list(value)


def _log(value: Any) -> int:
    _require(type(value) is int and value in (0, 1, 2), "a bad log")
    return int(value)


def _hello(versions: Any, features: Any, nonce: Any, digest: Any, chains: Any, bases: Any) -> Hello:
    return Hello(
        tuple(_number(version, "version") for version in _items(versions, 16, "versions")),
        tuple(_number(feature, "feature") for feature in _items(features, _FEATURES, "features")),
        _octets(nonce, NONCE_SIZE, "nonce"),
        _octets(digest, 32, "digest"),
        _number(chains, "number of chains"),
        tuple(_octets(base, BASE_SIZE, "base") for base in _items(bases, BASES, "bases")),
    )


def _claim(value: Any) -> Claim:
    device, log, seq, seen = _tuple(value, 4, "claim")
    height = None if seq is None else _number(seq, "seq")
    return Claim(_octets(device, 32, "device"), _log(log), height, _octets(seen, MARK_SIZE, "mark"))


def _claims(value: Any) -> tuple[Claim, ...]:
    return tuple(map(_claim, _items(value, _CLAIMS, "claims")))


def _prefix(value: Any) -> str:
    _require(type(value) is str and len(value) <= 64 and all(digit in DIGITS for digit in value), "a bad range")
    return str(value)


def _part(value: Any) -> Part:
    _require(type(value) is list and len(value) in (2, 3), "a bad part")
    if len(value) == 2:
        prefix = _prefix(value[0])
        _require(len(prefix) < 64, "a bad range")
        prints = _tuple(value[1], len(DIGITS), "list of fingerprints")
        return Fingerprints(
            prefix, tuple(each if each == b"" else _octets(each, MARK_SIZE, "print") for each in prints)
        )
    scope = _octets(value[0], BASE_SIZE, "base") if type(value[0]) is bytes else _prefix(value[0])
    return Claims(scope, _claims(value[1]), _truth(value[2]))


def _compare(parts: Any, more: Any) -> Compare:
    return Compare(tuple(map(_part, _items(parts, _CLAIMS, "parts"))), _truth(more))


def _batch(batch: Any) -> tuple[bytes, ...]:
    records = _items(batch, limits.RUN, "records")
    _require(all(type(record) is bytes for record in records), "a record that is no byte string")
    return tuple(records)


def _listing(device: Any, log: Any, marks: Any, more: Any) -> Listing:
    seen = tuple(_octets(each, MARK_SIZE, "mark") for each in _items(marks, _MARKS, "marks"))
    return Listing(_octets(device, 32, "device"), _log(log), seen, _truth(more))


def _want(ids: Any) -> Want:
    return Want(tuple(_octets(each, 32, "id") for each in _items(ids, _WANTED, "ids")))


def _bodies(bodies: Any) -> Bodies:
    found: list[tuple[bytes, bytes]] = []
    for pair in _items(bodies, _WANTED, "bodies"):
        identity, body = _tuple(pair, 2, "body")
        _require(type(body) is bytes, "a bad body")
        found.append((_octets(identity, 32, "id"), bytes(body)))
    return Bodies(tuple(found))


def _ask(wanted: Any) -> Ask:
    found: list[tuple[bytes, int, int]] = []
    for each in _items(wanted, _CLAIMS, "chains"):
        device, log, seq = _tuple(each, 3, "chain")
        found.append((_octets(device, 32, "device"), _log(log), _number(seq, "seq")))
    return Ask(tuple(found))


_READERS: dict[int, Callable[..., Message]] = {
    0: _hello,
    1: lambda everything: Wait(_truth(everything)),
    2: _compare,
    3: lambda records, size: Sending(_number(records, "count"), _number(size, "size")),
    4: lambda batch: Records(_batch(batch)),
    5: Done,
    6: lambda digest: Digest(_octets(digest, 32, "digest")),
    7: Same,
    8: _listing,
    9: _want,
    10: _bodies,
    11: lambda batch: Pushed(_batch(batch)),
    12: lambda claims: Have(_claims(claims)),
    13: _ask,
    14: lambda eager: Push(_truth(eager)),
    15: Go,
}
_NUMBERS: dict[type[Any], int] = {
    Hello: 0, Wait: 1, Compare: 2, Sending: 3, Records: 4, Done: 5, Digest: 6, Same: 7, Listing: 8, Want: 9, Bodies: 10,
    Pushed: 11, Have: 12, Ask: 13, Push: 14, Go: 15,
}  # fmt: skip
NAMES = {number: kind.__name__ for kind, number in _NUMBERS.items()}
"""The numbers of messages by name, for the specification."""
