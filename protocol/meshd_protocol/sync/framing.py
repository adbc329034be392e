"""Turns a stream of bytes into messages and back: frames around the encryption, lanes within it. No IO.

A frame is two length bytes and one Noise message. The first byte within a Noise message is twice the number of its
lane, plus one if more of the message follows. So a link with small frames can send a ballot between the pieces of a
long message. On other links one frame holds a whole message.
"""

from collections.abc import Iterator
from enum import IntEnum

from meshd_protocol import limits
from meshd_protocol.errors import SessionError
from meshd_protocol.sync.messages import BYTES

OVERHEAD = 2 + 16 + 1
"""Bytes of a frame beside its piece of a message: length, tag, lane."""


class Lane(IntEnum):
    """Two streams of messages in one link, each in order: small urgent messages, and long ones."""

    URGENT = 0
    BULK = 1


class FrameReader:
    """Cuts a stream into frames, however its bytes arrive."""

    def __init__(self, rest: bytes = b"", most: int = limits.FRAME_BYTES) -> None:
        self._buffer = bytearray(rest)
        self._most = most

    def feed(self, data: bytes | bytearray) -> None:
        """Take in bytes of the stream."""
        self._buffer += data

    def next(self) -> bytes | None:
        """The next whole frame, if it is here. Raises SessionError for one that is too long for its place."""
        if len(self._buffer) < 2:
            return None
        size = int.from_bytes(self._buffer[:2], "big")
        if size > self._most:
            raise SessionError("a frame that is too long for its place")
        if len(self._buffer) < 2 + size:
            return None
        frame = bytes(self._buffer[2 : 2 + size])
        del self._buffer[: 2 + size]
        return frame

    @property
    def rest(self) -> bytes:
        """Bytes that were read and belong to no frame yet."""
        return bytes(self._buffer)


def frame(data: bytes) -> bytes:
    """A Noise message in its frame."""
    return len(data).to_bytes(2, "big") + data


def pieces(message: bytes, lane: Lane, most: int = BYTES) -> Iterator[bytes]:
    """One message cut into the contents of Noise messages, with at most `most` bytes of it in each."""
    for start in range(0, max(1, len(message)), most):
        more = start + most < len(message)
        yield bytes([2 * lane + more]) + message[start : start + most]


class Joiner:
    """Puts messages together again, lane by lane."""

    def __init__(self) -> None:
        self._parts: dict[int, bytearray] = {}

    def add(self, piece: bytes) -> tuple[Lane, bytes] | None:
        """The message that this piece completes, if any, and its lane. Raises SessionError."""
        if not piece or piece[0] > 2 * max(Lane) + 1:
            raise SessionError("a frame of no lane")
        lane, more = divmod(piece[0], 2)
        if not more and lane not in self._parts:
            return Lane(lane), piece[1:]
        held = self._parts.setdefault(lane, bytearray())
        held += piece[1:]
        if len(held) > BYTES:
            raise SessionError("a message that is longer than any")
        if more:
            return None
        return Lane(lane), bytes(self._parts.pop(lane))
