"""Section 7: Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b (Noise, revision 34), and frames."""

import hmac
from hashlib import blake2b

import nacl.bindings
from nacl.exceptions import CryptoError

from tests.second.cbor import RefusedError

NAME = b"Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b"


def public_of(secret: bytes) -> bytes:
    return nacl.bindings.crypto_scalarmult_base(secret)


class Cipher:
    def __init__(self, key: bytes) -> None:
        self.key, self.count = key, 0

    def _nonce(self) -> bytes:
        self.count += 1
        return bytes(4) + (self.count - 1).to_bytes(8, "little")

    def seal(self, plain: bytes, bound: bytes = b"") -> bytes:
        return nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(plain, bound, self._nonce(), self.key)

    def open(self, data: bytes, bound: bytes = b"") -> bytes:
        try:
            return nacl.bindings.crypto_aead_chacha20poly1305_ietf_decrypt(data, bound, self._nonce(), self.key)
        except CryptoError as error:
            raise RefusedError("a message that does not decrypt") from error


class Symmetric:
    """The state that both sides go through alike."""

    def __init__(self, prologue: bytes, psk: bytes) -> None:
        self.hash = NAME.ljust(64, b"\x00")
        self.chaining = self.hash
        self.cipher = Cipher(bytes(32))
        self.mix_hash(prologue)
        self.chaining, mixed, key = self.expand(psk, 3)
        self.mix_hash(mixed)
        self.cipher = Cipher(key[:32])

    def expand(self, material: bytes, count: int) -> list[bytes]:
        secret = hmac.digest(self.chaining, material, "blake2b")
        blocks = [b""]
        for number in range(1, count + 1):
            blocks.append(hmac.digest(secret, blocks[-1] + bytes([number]), "blake2b"))
        return blocks[1:]

    def mix_hash(self, data: bytes) -> None:
        self.hash = blake2b(self.hash + data).digest()

    def mix_key(self, material: bytes) -> None:
        self.chaining, key = self.expand(material, 2)
        self.cipher = Cipher(key[:32])

    def ephemeral(self, public: bytes) -> bytes:
        self.mix_hash(public)
        self.mix_key(public)
        return public

    def seal(self, plain: bytes) -> bytes:
        data = self.cipher.seal(plain, self.hash)
        self.mix_hash(data)
        return data

    def open(self, data: bytes) -> bytes:
        plain = self.cipher.open(data, self.hash)
        self.mix_hash(data)
        return plain


def shared(secret: bytes, public: bytes) -> bytes:
    return nacl.bindings.crypto_scalarmult(secret, public)


def responder_reads(
    prologue: bytes, psk: bytes, static: bytes, ephemeral: bytes, first: bytes, certificate: bytes, third: bytes
) -> tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]:
    """The responder's side: what message 1 carries, message 2 as it must be, the initiator's static key, what message 3
    carries, the hash, and the keys of both directions, the initiator's first.
    """
    state = Symmetric(prologue, psk)
    e = state.ephemeral(first[:32])
    one = state.open(first[32:])
    second = state.ephemeral(public_of(ephemeral))
    state.mix_key(shared(ephemeral, e))
    second += state.seal(public_of(static))
    state.mix_key(shared(static, e))
    second += state.seal(certificate)
    s = state.open(third[:48])
    state.mix_key(shared(ephemeral, s))
    three = state.open(third[48:])
    keys = state.expand(b"", 2)
    return one, second, s, three, state.hash, keys[0][:32], keys[1][:32]


class Initiator:
    """The initiator's side, message by message."""

    def __init__(self, prologue: bytes, psk: bytes, static: bytes, ephemeral: bytes) -> None:
        self.state, self.static, self.e = Symmetric(prologue, psk), static, ephemeral

    def first(self, payload: bytes) -> bytes:
        return self.state.ephemeral(public_of(self.e)) + self.state.seal(payload)

    def second(self, message: bytes) -> tuple[bytes, bytes]:
        """The responder's static key, and what message 2 carries."""
        self.theirs = self.state.ephemeral(message[:32])
        self.state.mix_key(shared(self.e, self.theirs))
        static = self.state.open(message[32:80])
        self.state.mix_key(shared(self.e, static))
        return static, self.state.open(message[80:])

    def third(self, certificate: bytes) -> bytes:
        sealed = self.state.seal(public_of(self.static))
        self.state.mix_key(shared(self.static, self.theirs))
        return sealed + self.state.seal(certificate)

    def ciphers(self) -> tuple[Cipher, Cipher]:
        """For sending, and for receiving."""
        one, two = self.state.expand(b"", 2)
        return Cipher(one[:32]), Cipher(two[:32])


def unframed(stream: bytes) -> bytes:
    """The one frame's Noise message."""
    size = int.from_bytes(stream[:2], "big")
    if len(stream) != 2 + size:
        raise RefusedError("a frame of another length")
    return stream[2:]
