"""Ed25519 signatures, by libsodium alone.

Libraries disagree on edge cases, and two verifiers would split an assembly: no other verifier may be used anywhere.
Every signed message starts with a context string of its own (`meshd_protocol.contexts`).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import nacl.bindings
from nacl.exceptions import BadSignatureError

from meshd_crypto.identity import SigningKey

SIGNATURE_SIZE = 64
_open = nacl.bindings.crypto_sign_open


def sign(key: SigningKey, message: bytes) -> bytes:
    """The 64-byte signature of `message` (RFC 8032, pure Ed25519)."""
    return nacl.bindings.crypto_sign(message, key.seed + key.public)[:SIGNATURE_SIZE]


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is `public`'s over `message`, as libsodium says. Wrong sizes are simply false."""
    if len(signature) != SIGNATURE_SIZE or len(public) != 32:
        return False
    try:
        _open(signature + message, public)
    except BadSignatureError:
        return False
    return True


Signed = tuple[bytes, bytes, bytes]
"""(public key, message, signature)."""

_CHUNK = 64
_WORKERS = 4


def verify_all(signed: Sequence[Signed]) -> list[bool]:
    """`verify` for each of many, on several cores: libsodium runs without Python's lock."""
    if len(signed) <= _CHUNK:
        return [verify(*each) for each in signed]
    chunks = [signed[start : start + _CHUNK] for start in range(0, len(signed), _CHUNK)]
    with ThreadPoolExecutor(_WORKERS) as pool:
        return [good for chunk in pool.map(_verify_chunk, chunks) for good in chunk]


def _verify_chunk(chunk: Sequence[Signed]) -> list[bool]:
    return [verify(*each) for each in chunk]
