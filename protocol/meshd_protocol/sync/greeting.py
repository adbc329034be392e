"""The handshake's payloads, and what each side checks before it says more (design: security, "Transport").

Noise XXpsk0. Message 1 carries the hour and the address dialled, so that nobody answers a recording that is replayed
elsewhere or later. A responder rejects an outsider's first message by its psk, before any Diffie-Hellman, and answers
nothing. Messages 2 and 3 carry the sender's device certificate, which must name the static key that Noise has just
authenticated.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from meshd_crypto.hashing import derive
from meshd_crypto.identity import ExchangeKey
from meshd_crypto.noise import XX, Handshake, HandshakeError
from meshd_protocol import contexts
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadBodyError, NotCanonicalError, SessionError

HOUR_MS = 3_600_000
_HOURS_OFF = 1
"""How many hours the clocks of both sides may be apart: a first message of any other hour is refused."""


class KnownPsk(NamedTuple):
    """A psk that a responder answers to, and the public key of the invitation that it belongs to, if any."""

    psk: bytes
    invitation: bytes | None

    def __repr__(self) -> str:
        return f"KnownPsk(invitation={self.invitation.hex() if self.invitation else None})"


def network_psk(secret: bytes, assembly: bytes) -> bytes:
    """The handshake psk of a network key."""
    return derive(secret, contexts.PSK_NETWORK, assembly)


def invitation_psk(psk: bytes, assembly: bytes) -> bytes:
    """The handshake psk of a newcomer."""
    return derive(psk, contexts.PSK_INVITATION, assembly)


def start(
    psk: bytes, static: ExchangeKey, ephemeral: ExchangeKey, now_ms: int, address: str
) -> tuple[Handshake, bytes]:
    """The initiator's machine and its first message."""
    handshake = Handshake(
        XX, initiator=True, prologue=contexts.SESSION, ephemeral=ephemeral, static=static, psks=(psk,)
    )
    return handshake, handshake.write_message(encode([now_ms // HOUR_MS, address]))


def answer(
    first: bytes,
    psks: Iterable[KnownPsk],
    static: ExchangeKey,
    make_ephemeral: Callable[[], ExchangeKey],
    now_ms: int,
    addresses: Sequence[str],
) -> tuple[Handshake, KnownPsk]:
    """The responder's machine after a first message, and the psk under which it came.

    `addresses` are those at which the initiator can have dialled this connection; empty where nobody can tell. Raises
    SessionError for a first message under a psk that is not among `psks`, of another hour, or for another address.
    """
    ephemeral = make_ephemeral()
    for known in psks:
        handshake = Handshake(
            XX, initiator=False, prologue=contexts.SESSION, ephemeral=ephemeral, static=static, psks=(known.psk,)
        )
        try:
            payload = handshake.read_message(first)
        except HandshakeError:
            continue
        _check_first(payload, now_ms, addresses)
        return handshake, known
    raise SessionError("a first message under no key that is known here")


def _check_first(payload: bytes, now_ms: int, addresses: Sequence[str]) -> None:
    try:
        value = decode(payload)
    except NotCanonicalError as error:
        raise SessionError("a first message with a payload that can't be read") from error
    if type(value) is not list or len(value) != 2 or type(value[0]) is not int:
        raise SessionError("a first message with a payload that can't be read")
    if abs(value[0] - now_ms // HOUR_MS) > _HOURS_OFF:
        raise SessionError("a first message of another hour: a recording, or a clock that is far off")
    if addresses and value[1] not in addresses:
        raise SessionError("a first message that was meant for another address")


def read_certificate(payload: bytes, assembly: bytes, static: bytes | None) -> Certificate:
    """The certificate that came with a handshake message. Raises SessionError if it is not the sender's."""
    try:
        certificate = Certificate.read(payload)
    except BadBodyError as error:
        raise SessionError(f"a handshake without a certificate: {error}") from error
    if certificate.transport != static:
        raise SessionError("a certificate of another machine")
    if not certificate.is_signed_by(certificate.member, assembly):
        raise SessionError("a certificate that its member did not sign")
    return certificate
