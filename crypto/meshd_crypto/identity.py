"""Key pairs: how member, device, transport, sealing and invitation keys are made.

Randomness is a parameter (`Entropy`), so that a simulated world is the same in every run. Key pairs show their public
half alone: what is printed ends in logs and in reports of defects.
"""

from collections.abc import Callable
from typing import NamedTuple

import nacl.bindings

Entropy = Callable[[int], bytes]
"""A source of random bytes: called with a size, returns that many."""

KEY_SIZE = 32


class SigningKey(NamedTuple):
    """An Ed25519 key pair (RFC 8032)."""

    seed: bytes
    public: bytes

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()})"

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """The key pair of a 32-byte seed."""
        public, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
        return cls(seed, public)

    @classmethod
    def generate(cls, entropy: Entropy) -> "SigningKey":
        """A new key pair from `entropy`."""
        return cls.from_seed(entropy(KEY_SIZE))


class ExchangeKey(NamedTuple):
    """An X25519 key pair (RFC 7748)."""

    secret: bytes
    public: bytes

    def __repr__(self) -> str:
        return f"ExchangeKey(public={self.public.hex()})"

    @classmethod
    def from_secret(cls, secret: bytes) -> "ExchangeKey":
        """The key pair of a 32-byte secret."""
        return cls(secret, nacl.bindings.crypto_scalarmult_base(secret))

    @classmethod
    def generate(cls, entropy: Entropy) -> "ExchangeKey":
        """A new key pair from `entropy`."""
        return cls.from_secret(entropy(KEY_SIZE))
