"""Section 8a: packed records of one lane, and packets on a serial line."""

import zlib
from typing import Any

from tests.second import cbor
from tests.second.cbor import RefusedError
from tests.second.keys import CONTEXT, H


class Lane:
    """The receiving end of one lane."""

    def __init__(self, assembly: bytes) -> None:
        self.assembly = assembly
        self.authors: list[bytes] = []
        self.last: dict[tuple[bytes, int], bytes] = {}

    def unpack(self, data: bytes) -> bytes:
        """A record as it was before it was packed."""
        if data[0] != 0x89:
            return data
        author, log, seq, prev, time_ms, kind, deps, signature, body = cbor.read(data)
        device = self.authors[author] if type(author) is int else author
        if prev is True:
            prev = self.last[device, log]
        header = cbor.write([1, device, log, seq, prev, time_ms, kind, deps, len(body), H(body)])
        if device not in self.authors and len(self.authors) < 4096:
            self.authors.append(device)
        if device in self.authors:
            self.last[device, log] = H(CONTEXT["RECORD"] + b"1\x00" + self.assembly + header)
        return cbor.write([header, signature, body])


def packet(line: bytes) -> dict[str, Any]:
    """A packet between two bytes 0xC0."""
    if not (line[:1] == line[-1:] == b"\xc0"):
        raise RefusedError("no packet")
    plain, inside = bytearray(), iter(line[1:-1])
    for byte in inside:
        plain.append({0xDC: 0xC0, 0xDD: 0xDB}[next(inside)] if byte == 0xDB else byte)
    data, check = bytes(plain[:-4]), plain[-4:]
    if zlib.crc32(data).to_bytes(4, "big") != check or not 5 <= len(data) <= 125 or data[0] > 3:
        raise RefusedError("a spoiled packet")
    return {"type": data[0], "call": int.from_bytes(data[1:3], "big"), "seq": data[3], "ack": data[4], "data": data[5:]}
