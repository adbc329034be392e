"""The Noise protocol framework, revision 34, for 25519, ChaChaPoly and BLAKE2b: a machine without IO.

meshd speaks one pattern, XXpsk0. The machine is driven by the table `PATTERNS`, so that the public vectors of other
patterns run through the same code: what is checked there is what meshd uses. A handshake is `write_message` and
`read_message` in turn until `finished`, then `split` gives the two directions' ciphers.
"""

import hmac
from hashlib import blake2b

import nacl.bindings
from nacl.exceptions import CryptoError

from meshd_crypto.identity import ExchangeKey

HASH_SIZE = 64
TAG_SIZE = 16
MESSAGE_LIMIT = 65535
"""Most bytes in one Noise message (section 3)."""

XX = "XXpsk0"
PATTERNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # name: (whose static key is known beforehand, tokens of each message)
    "NN": ((), ("e", "e ee")),
    "NK": (("responder",), ("e es", "e ee")),
    "KK": (("initiator", "responder"), ("e es ss", "e ee se")),
    "XK": (("responder",), ("e es", "e ee", "s se")),
    "IK": (("responder",), ("e es s ss", "e ee se")),
    "XX": ((), ("e", "e ee s es", "s se")),
}


class HandshakeError(Exception):
    """The peer's message does not fit the handshake: wrong key, damage, or nonsense."""


class CipherState:
    """One direction's key and counter (section 5.1). With no key, bytes pass through."""

    def __init__(self, key: bytes | None = None) -> None:
        self.key = key
        self.nonce = 0

    def encrypt(self, plain: bytes, context: bytes = b"") -> bytes:
        """Encrypt under the next nonce."""
        if self.key is None:
            return plain
        return nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(plain, context, self._next(), self.key)

    def decrypt(self, data: bytes, context: bytes = b"") -> bytes:
        """Decrypt under the next nonce. Raises HandshakeError; the counter moves only on success."""
        if self.key is None:
            return data
        if len(data) < TAG_SIZE:
            raise HandshakeError("message too short")
        nonce = self._next()
        try:
            return nacl.bindings.crypto_aead_chacha20poly1305_ietf_decrypt(data, context, nonce, self.key)
        except CryptoError as error:
            self.nonce -= 1
            raise HandshakeError("message does not decrypt") from error

    def _next(self) -> bytes:
        nonce = bytes(4) + self.nonce.to_bytes(8, "little")
        self.nonce += 1
        return nonce


class Handshake:
    """One side of one handshake (section 5.3).

    `pattern` is a name of `PATTERNS` with psk modifiers ("XXpsk0"); `psks` are taken in the order of their positions.
    `ephemeral` is a parameter: callers make a fresh one for each handshake.
    """

    def __init__(
        self,
        pattern: str,
        *,
        initiator: bool,
        prologue: bytes,
        ephemeral: ExchangeKey,
        static: ExchangeKey | None = None,
        remote_static: bytes | None = None,
        psks: tuple[bytes, ...] = (),
    ) -> None:
        base, _, modifiers = pattern.partition("psk")
        known, messages = PATTERNS[base]
        positions = [int(position) for position in modifiers.split("+psk")] if modifiers else []
        self._messages = [_with_psk(tokens.split(), number, positions) for number, tokens in enumerate(messages)]
        self._uses_psk = bool(positions)
        self._initiator = initiator
        self._ephemeral = ephemeral
        self._static = static
        self._psks = list(psks)
        self._turn = 0
        self.remote_static = remote_static
        self._remote_ephemeral: bytes | None = None

        name = f"Noise_{pattern}_25519_ChaChaPoly_BLAKE2b".encode()
        self.hash = name.ljust(HASH_SIZE, b"\x00") if len(name) <= HASH_SIZE else blake2b(name).digest()
        self._chaining_key = self.hash
        self._cipher = CipherState()
        self._mix_hash(prologue)
        for owner in known:
            ours = (owner == "initiator") == initiator
            self._mix_hash(self._own_static().public if ours else self._peer_static())

    @property
    def finished(self) -> bool:
        """Whether all messages have been written and read."""
        return self._turn == len(self._messages)

    @property
    def writes_next(self) -> bool:
        """Whether the next message is ours to write."""
        return not self.finished and (self._turn % 2 == 0) == self._initiator

    def write_message(self, payload: bytes = b"") -> bytes:
        """The next handshake message, carrying `payload`."""
        assert self.writes_next, "it is the peer's turn"
        out = bytearray()
        for token in self._messages[self._turn]:
            if token == "e":  # noqa: S105 (a token of the pattern)
                out += self._ephemeral.public
                self._mix_ephemeral(self._ephemeral.public)
            elif token == "s":  # noqa: S105
                out += self._encrypt_and_hash(self._own_static().public)
            else:
                self._mix_token(token)
        out += self._encrypt_and_hash(payload)
        self._turn += 1
        return bytes(out)

    def read_message(self, message: bytes) -> bytes:
        """The payload of the peer's next message.

        Raises HandshakeError. After that the machine is spent, except that a refused first message of a psk0 pattern
        has cost no Diffie-Hellman.
        """
        assert not self.finished and not self.writes_next, "it is our turn"
        if len(message) > MESSAGE_LIMIT:
            raise HandshakeError("message too long")
        for token in self._messages[self._turn]:
            if token == "e":  # noqa: S105
                self._remote_ephemeral, message = _take(message, 32)
                self._mix_ephemeral(self._remote_ephemeral)
            elif token == "s":  # noqa: S105
                sealed, message = _take(message, 32 + (TAG_SIZE if self._cipher.key else 0))
                self.remote_static = self._decrypt_and_hash(sealed)
            else:
                self._mix_token(token)
        payload = self._decrypt_and_hash(message)
        self._turn += 1
        return payload

    def split(self) -> tuple[CipherState, CipherState]:
        """The ciphers for (sending, receiving) once the handshake is finished."""
        assert self.finished
        first, second = self._hkdf(b"", 2)
        ours, theirs = CipherState(first[:32]), CipherState(second[:32])
        return (ours, theirs) if self._initiator else (theirs, ours)

    def _mix_token(self, token: str) -> None:
        if token == "psk":  # noqa: S105
            self._mix_key_and_hash(self._psks.pop(0))
            return
        initiators, responders = token[0], token[1]
        mine, theirs = (initiators, responders) if self._initiator else (responders, initiators)
        key = self._ephemeral if mine == "e" else self._own_static()
        public = self._remote_ephemeral if theirs == "e" else self._peer_static()
        assert public is not None
        try:
            shared = nacl.bindings.crypto_scalarmult(key.secret, public)
        except (RuntimeError, CryptoError) as error:  # libsodium refuses points of low order
            raise HandshakeError("low-order point") from error
        self._mix_key(shared)

    def _own_static(self) -> ExchangeKey:
        assert self._static is not None, "this pattern needs our static key"
        return self._static

    def _peer_static(self) -> bytes:
        assert self.remote_static is not None, "this pattern needs the peer's static key"
        return self.remote_static

    def _mix_ephemeral(self, public: bytes) -> None:
        self._mix_hash(public)
        if self._uses_psk:
            self._mix_key(public)

    def _mix_hash(self, data: bytes) -> None:
        self.hash = blake2b(self.hash + data).digest()

    def _mix_key(self, material: bytes) -> None:
        self._chaining_key, key = self._hkdf(material, 2)
        self._cipher = CipherState(key[:32])

    def _mix_key_and_hash(self, material: bytes) -> None:
        self._chaining_key, mixed, key = self._hkdf(material, 3)
        self._mix_hash(mixed)
        self._cipher = CipherState(key[:32])

    def _encrypt_and_hash(self, plain: bytes) -> bytes:
        out = self._cipher.encrypt(plain, self.hash)
        self._mix_hash(out)
        return out

    def _decrypt_and_hash(self, data: bytes) -> bytes:
        plain = self._cipher.decrypt(data, self.hash)
        self._mix_hash(data)
        return plain

    def _hkdf(self, material: bytes, outputs: int) -> list[bytes]:
        """HKDF of section 4.3, chained on the chaining key."""
        key = hmac.digest(self._chaining_key, material, "blake2b")
        results: list[bytes] = []
        block = b""
        for number in range(1, outputs + 1):
            block = hmac.digest(key, block + bytes([number]), "blake2b")
            results.append(block)
        return results


def _with_psk(tokens: list[str], number: int, positions: list[int]) -> list[str]:
    """Tokens of message `number` with the psk modifiers' tokens in place (section 9.4)."""
    if number == 0 and 0 in positions:
        tokens = ["psk", *tokens]
    return [*tokens, "psk"] if number + 1 in positions else tokens


def _take(message: bytes, size: int) -> tuple[bytes, bytes]:
    if len(message) < size:
        raise HandshakeError("message too short")
    return message[:size], message[size:]
