"""An encrypted link: the handshake over a stream, then frames of two length bytes and one Noise message."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import trio

from meshd.assembly.access import Refusal
from meshd.transports.api import Connection
from meshd_crypto.identity import ExchangeKey
from meshd_crypto.noise import CipherState, Handshake, HandshakeError
from meshd_protocol import limits
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.errors import SessionError
from meshd_protocol.sync.framing import OVERHEAD, FrameReader, Joiner, Lane, frame, pieces
from meshd_protocol.sync.greeting import KnownPsk, answer, read_certificate, start
from meshd_protocol.sync.messages import BYTES

_HANDSHAKE_BYTES = 1024
"""The longest message of a handshake, so that a stranger can't make this node hold more."""


class LinkClosedError(Exception):
    """The other side is gone."""


class RefusedError(SessionError):
    """This node does not talk to the peer, because of who it is."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class Introduction(NamedTuple):
    """What this node shows in a handshake: its transport key and its device's certificate."""

    assembly: bytes
    static: ExchangeKey
    certificate: bytes
    make_ephemeral: Callable[[], ExchangeKey]
    now_ms: int


class Link:
    """Messages to and from one authenticated peer. One task reads; each lane has one task that writes."""

    def __init__(
        self, stream: trio.abc.Stream, rest: bytes, sending: CipherState, receiving: CipherState, most: int = BYTES
    ) -> None:
        self._frames = Frames(stream, rest)
        self._sending = sending
        self._receiving = receiving
        self._joiner = Joiner()
        self._turn = trio.Lock()
        self.most = most
        """Bytes that one frame carries: few on a slow link, so that urgent messages need not wait long."""
        self.bytes_in = 0
        self.bytes_out = 0

    async def send(self, message: bytes, lane: Lane = Lane.URGENT) -> None:
        """Send one message. Raises LinkClosedError, or SessionError if the peer takes nothing for too long."""
        for piece in pieces(message, lane, self.most):
            with trio.move_on_after(limits.IDLE_SECONDS) as scope:
                async with self._turn:
                    data = self._sending.encrypt(piece)
                    await self._frames.send(data)
                    self.bytes_out += len(data) + 2
            if scope.cancelled_caught:
                raise SessionError("the peer takes nothing any more")

    async def receive(self) -> bytes:
        """The next message. Raises as `receive_in_lane` does."""
        _, message = await self.receive_in_lane()
        return message

    async def receive_in_lane(self) -> tuple[Lane, bytes]:
        """The next message and its lane. Raises LinkClosedError, or SessionError for bytes that no peer would send."""
        while True:
            data = await self._frames.receive()
            self.bytes_in += len(data) + 2
            try:
                piece = self._receiving.decrypt(data)
            except HandshakeError as error:
                raise SessionError("a frame that does not decrypt") from error
            found = self._joiner.add(piece)
            if found is not None:
                return found

    async def aclose(self) -> None:
        """Close the stream."""
        await self._frames.aclose()


class Frames:
    """Frames over a stream."""

    def __init__(self, stream: trio.abc.Stream, rest: bytes = b"", most: int = limits.FRAME_BYTES) -> None:
        self._stream = stream
        self._reader = FrameReader(rest, most)
        self._most = most

    async def send(self, data: bytes) -> None:
        """Send one frame."""
        try:
            await self._stream.send_all(frame(data))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise LinkClosedError("the connection broke") from error

    async def receive(self) -> bytes:
        """The next whole frame. Raises LinkClosedError at the end of the stream, SessionError for too long a frame."""
        while True:
            data = self._reader.next()
            if data is not None:
                return data
            try:
                chunk = await self._stream.receive_some(self._most)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise LinkClosedError("the connection broke") from error
            if not chunk:
                raise LinkClosedError("the other side hung up")
            self._reader.feed(chunk)

    @property
    def rest(self) -> bytes:
        """Bytes that were read and belong to no frame yet."""
        return self._reader.rest

    async def aclose(self) -> None:
        """Close the stream."""
        await trio.aclose_forcefully(self._stream)


async def greet(
    connection: Connection, psk: bytes, me: Introduction, accept: Callable[[Certificate], Awaitable[Refusal | None]]
) -> tuple[Link, Certificate]:
    """The initiator's handshake. `accept` says why not to talk to the responder, before it sees our certificate.

    Raises RefusedError, another SessionError, or LinkClosedError.
    """
    frames = Frames(connection.stream, most=_HANDSHAKE_BYTES)
    address = connection.remote if connection.local else ""  # how this machine names a line is nobody's business
    handshake, first = start(psk, me.static, me.make_ephemeral(), me.now_ms, address)
    with _in_time():
        await frames.send(first)
        payload = _read(handshake, await frames.receive())
        certificate = read_certificate(payload, me.assembly, handshake.remote_static)
        refusal = await accept(certificate)
        if refusal is not None:
            raise RefusedError(refusal)
        await frames.send(_write(handshake, me.certificate))
    return _link(connection, frames, handshake), certificate


async def welcome(
    connection: Connection,
    psks: Iterable[KnownPsk],
    me: Introduction,
    accept: Callable[[Certificate, KnownPsk], Awaitable[Refusal | None]],
    fresh: Callable[[bytes], bool],
    reached_at: Sequence[str] = (),
) -> tuple[Link, Certificate, KnownPsk]:
    """The responder's handshake, which sends an outsider no byte.

    `fresh` says whether a first message was not seen before. `reached_at` are addresses that others dial and from which
    a forwarder brings them here. Raises RefusedError, another SessionError, or LinkClosedError.
    """
    frames = Frames(connection.stream, most=_HANDSHAKE_BYTES)
    with _in_time():
        first = await frames.receive()
        dialled = [connection.local, *reached_at] if connection.local else []
        handshake, known = answer(first, psks, me.static, me.make_ephemeral, me.now_ms, dialled)
        if not fresh(first[:32]):
            raise SessionError("a first message that was here before")
        await frames.send(_write(handshake, me.certificate))
        payload = _read(handshake, await frames.receive())
        certificate = read_certificate(payload, me.assembly, handshake.remote_static)
    refusal = await accept(certificate, known)
    if refusal is not None:
        raise RefusedError(refusal)
    return _link(connection, frames, handshake), certificate, known


def _read(handshake: Handshake, frame: bytes) -> bytes:
    try:
        return handshake.read_message(frame)
    except HandshakeError as error:
        raise SessionError(f"the handshake failed: {error}") from error


def _write(handshake: Handshake, payload: bytes) -> bytes:
    """Our next message. It fails, too, where the peer's key is a point of low order."""
    try:
        return handshake.write_message(payload)
    except HandshakeError as error:
        raise SessionError(f"the handshake failed: {error}") from error


def _link(connection: Connection, frames: Frames, handshake: Handshake) -> Link:
    sending, receiving = handshake.split()
    most = connection.mtu - OVERHEAD if connection.mtu else BYTES
    return Link(connection.stream, frames.rest, sending, receiving, most)


@contextmanager
def _in_time() -> Iterator[None]:
    """A handshake's time limit, as the error that every failed handshake is."""
    with trio.move_on_after(limits.HANDSHAKE_SECONDS) as scope:
        yield
    if scope.cancelled_caught:
        raise SessionError(
            f"no handshake within {limits.HANDSHAKE_SECONDS} seconds: what answers may be no node of this assembly"
        )
