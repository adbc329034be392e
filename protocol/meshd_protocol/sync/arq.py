"""A reliable stream of bytes over a line that loses and spoils some: packets with a checksum, acknowledged in order.

For serial lines and radios; TCP does this by itself. No IO and no clock: bytes and the time go in, bytes come out.

A packet stands between two END bytes, escaped as in RFC 1055, so that a reader finds the next one after any noise:
type (1 byte), call (2), seq (1), ack (1), at most PAYLOAD bytes, and the CRC-32 of all that. A call is opened by SYN
with a random number and answered by ACK; DATA counts from 1, modulo 256. The receiver takes DATA in order alone, and
acknowledges with the last seq that it took. The sender repeats everything from the first unacknowledged packet
(go-back-N) when nothing was acknowledged for a while. FIN ends a call.
"""

import zlib
from collections import deque
from enum import IntEnum

from meshd_protocol.errors import SessionError

PAYLOAD = 120
WINDOW = 4
"""Packets under way: about half a second of a line of a kilobyte a second."""
HELD = 65_536
"""Bytes that came and that nobody took yet: what comes beyond is left on the line, and comes again."""

_END, _ESC, _ESC_END, _ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD
_MOST = 2 * (PAYLOAD + 9)
_TRIES = 12
_IN_FLIGHT_BYTES = PAYLOAD + 11


class Kind(IntEnum):
    """What a packet is."""

    SYN = 0
    ACK = 1
    DATA = 2
    FIN = 3


class Packet:
    """A packet that came whole."""

    __slots__ = ("ack", "call", "data", "kind", "seq")

    def __init__(self, kind: Kind, call: int, seq: int, ack: int, data: bytes = b"") -> None:
        self.kind, self.call, self.seq, self.ack, self.data = kind, call, seq, ack, data

    def write(self) -> bytes:
        """The packet as it stands on the line."""
        plain = bytes([self.kind]) + self.call.to_bytes(2, "big") + bytes([self.seq, self.ack]) + self.data
        plain += zlib.crc32(plain).to_bytes(4, "big")
        escaped = plain.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        return b"\xc0" + escaped + b"\xc0"


class PacketReader:
    """Finds packets in what a line brings; noise between them, and packets that it spoiled, are dropped and counted."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.spoiled = 0

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that end in these bytes."""
        found: list[Packet] = []
        self._buffer += data
        while (end := self._buffer.find(_END)) >= 0:
            piece = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            packet = _read(piece) if piece else None
            if packet is not None:
                found.append(packet)
            elif piece:
                self.spoiled += 1
        if len(self._buffer) > _MOST:  # longer than any packet: noise
            self._buffer.clear()
            self.spoiled += 1
        return found


def _read(escaped: bytes) -> Packet | None:
    plain = escaped.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
    if not 9 <= len(plain) <= PAYLOAD + 9 or plain[0] > max(Kind):
        return None
    if zlib.crc32(plain[:-4]) != int.from_bytes(plain[-4:], "big"):
        return None
    return Packet(Kind(plain[0]), int.from_bytes(plain[1:3], "big"), plain[3], plain[4], plain[5:-4])


class Call:
    """One side of one call. `send` and `receive` fill `out` with what goes onto the line; `got` is what came over it.

    `rate` is the line's bytes per second. Times are in seconds, on any clock.
    """

    def __init__(self, number: int, rate: float, now: float, *, caller: bool) -> None:
        self.number = number
        self.open = not caller
        self.ended = False
        self.out: deque[bytes] = deque()
        self.got = bytearray()
        self._patience = max(0.6, 3 * WINDOW * _IN_FLIGHT_BYTES / rate)
        self._waiting: deque[bytes] = deque()
        self._flying: deque[Packet] = deque()
        self._next = 1
        self._taken = 0
        self._tries = 0
        self._deadline = now + self._patience
        if caller:
            self._put(Packet(Kind.SYN, number, 0, 0))
        else:
            self._put(Packet(Kind.ACK, number, 0, 0))

    @property
    def room(self) -> bool:
        """Whether more may be sent now without waiting in memory."""
        return len(self._waiting) < WINDOW and self.open

    def send(self, data: bytes, now: float) -> None:
        """Send bytes."""
        self._waiting.extend(data[start : start + PAYLOAD] for start in range(0, len(data), PAYLOAD))
        self._fly(now)

    def receive(self, packet: Packet, now: float) -> None:
        """A packet of this call came."""
        if packet.kind == Kind.FIN:
            self.ended = True
            return
        if packet.kind == Kind.SYN:  # our answer was lost
            self._put(Packet(Kind.ACK, self.number, 0, self._taken))
            return
        self.open, self._tries = True, 0  # it is there, though it may have no room
        self._acknowledged(packet.ack, now)
        if packet.kind == Kind.DATA:
            if packet.seq == (self._taken + 1) % 256 and len(self.got) < HELD:
                self._taken = packet.seq
                self.got += packet.data
            self._put(Packet(Kind.ACK, self.number, 0, self._taken))
        self._fly(now)

    def tick(self, now: float) -> float:
        """Repeat what was not acknowledged in time; returns when to ask again. Raises SessionError after many tries."""
        if self.open and not self._flying:
            return now + self._patience
        if now >= self._deadline:
            self._tries += 1
            if self._tries > _TRIES:
                raise SessionError("the far end of the line does not answer")
            if not self.open:
                self._put(Packet(Kind.SYN, self.number, 0, 0))
            for packet in self._flying:
                packet.ack = self._taken
                self._put(packet)
            self._deadline = now + self._patience * min(8, 1 + self._tries)
        return self._deadline

    def finish(self) -> None:
        """Hang up."""
        if not self.ended:
            self._put(Packet(Kind.FIN, self.number, 0, self._taken))
        self.ended = True

    @property
    def settled(self) -> bool:
        """Whether everything that was sent is acknowledged."""
        return not self._flying and not self._waiting

    def _acknowledged(self, ack: int, now: float) -> None:
        numbers = [packet.seq for packet in self._flying]
        if ack in numbers:
            for _ in range(numbers.index(ack) + 1):
                self._flying.popleft()
            self._deadline = now + self._patience

    def _fly(self, now: float) -> None:
        while self.open and self._waiting and len(self._flying) < WINDOW:
            if not self._flying:
                self._deadline = now + self._patience
            packet = Packet(Kind.DATA, self.number, self._next, self._taken, self._waiting.popleft())
            self._next = (self._next + 1) % 256
            self._flying.append(packet)
            self._put(packet)

    def _put(self, packet: Packet) -> None:
        self.out.append(packet.write())
