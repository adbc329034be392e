"""Records without what the far end can work out, for slow links: a dictionary of authors, and of what came last.

A packed record is the array `[author, log, seq, prev, time_ms, kind, deps, signature, body]`. The author is a device's
key the first time, then its number in order of appearance; `prev` is `true` where it is the id of the chain's record
that came before it in this lane. The rest of the header follows, since it is canonical. A record of another version,
without a body, or that is none goes as it is: it begins with the head of an array of three, a packed one with that of
nine.

Each lane has a packer at one end and an unpacker at the other, which see the same records in the same order.
"""

from typing import Any

from meshd_crypto.hashing import digest
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadRecordError, NotCanonicalError, SessionError
from meshd_protocol.kinds import Kind
from meshd_protocol.records import VERSION, decode_record, encode_record, signed_bytes

AUTHORS = 4096
"""Authors that a dictionary holds; later ones are named in full each time."""

_PACKED = 0x89
_Chain = tuple[bytes, int]


class _Dictionary:
    """What both ends remember of one lane."""

    def __init__(self, assembly: bytes) -> None:
        self.assembly = assembly
        self.authors: list[bytes] = []
        self.numbers: dict[bytes, int] = {}
        self.last: dict[_Chain, bytes] = {}

    def note(self, device: bytes, log: int, header: bytes) -> None:
        """A packed record went by."""
        if device not in self.numbers and len(self.authors) < AUTHORS:
            self.numbers[device] = len(self.authors)
            self.authors.append(device)
        if device in self.numbers:
            self.last[device, log] = digest(signed_bytes(self.assembly, header))


class Packer:
    """The sending end of one lane."""

    def __init__(self, assembly: bytes) -> None:
        self._known = _Dictionary(assembly)

    def pack(self, data: bytes) -> bytes:
        """A record's bytes for the link."""
        try:
            record = decode_record(self._known.assembly, data)
        except BadRecordError:
            return data
        if record.version != VERSION or record.body is None or record.kind == Kind.GENESIS:
            return data
        device, log = record.device, record.log
        deps = list(record.deps)
        header = encode(
            [VERSION, device, log, record.seq, record.prev, record.time_ms, record.kind, deps, len(record.body),
             digest(record.body)]
        )  # fmt: skip
        author: Any = self._known.numbers.get(device, device)
        follows = record.prev is not None and self._known.last.get((device, log)) == record.prev
        prev: Any = True if follows else record.prev
        self._known.note(device, log, header)
        return encode([author, log, record.seq, prev, record.time_ms, record.kind, deps, record.signature, record.body])


class Unpacker:
    """The receiving end of one lane."""

    def __init__(self, assembly: bytes) -> None:
        self._known = _Dictionary(assembly)

    def unpack(self, data: bytes) -> bytes:
        """A record's own bytes. Raises SessionError for what no packer sends."""
        if not data or data[0] != _PACKED:
            return data
        try:
            author, log, seq, prev, time_ms, kind, deps, signature, body = _parts(decode(data))
            device = self._known.authors[author] if type(author) is int else author
            parent = self._known.last[device, log] if prev is True else prev
            header = encode(
                [VERSION, device, log, seq, parent, time_ms, kind, deps, len(body), digest(body)],
            )
            whole = encode_record(header, signature, body)
        except (NotCanonicalError, LookupError, TypeError) as error:
            raise SessionError("a packed record that can't be unpacked") from error
        self._known.note(device, log, header)
        return whole


def _parts(value: Any) -> list[Any]:
    author, log, _, _, _, _, _, signature, body = value
    if type(author) is int and author < 0:
        raise LookupError("no such author")
    if type(author) not in (int, bytes) or type(log) is not int or {type(signature), type(body)} != {bytes}:
        raise TypeError("parts of other types")
    return list(value)
