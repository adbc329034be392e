"""Hashes and derived keys.

Only BLAKE2b lives here (RFC 7693): plain digests of 32 bytes for ids, keyed digests for everything that must tell an
outsider nothing. Which context string belongs to which use is settled in `meshd_protocol.contexts`.
"""

import hashlib

DIGEST_SIZE = 32


def digest(*parts: bytes) -> bytes:
    """BLAKE2b-256 over the parts in order."""
    state = hashlib.blake2b(digest_size=DIGEST_SIZE)
    for part in parts:
        state.update(part)
    return state.digest()


def keyed(key: bytes, data: bytes, size: int = DIGEST_SIZE) -> bytes:
    """Keyed BLAKE2b of `size` bytes over `data`; `key` has 1 to 64 bytes."""
    return hashlib.blake2b(data, key=key, digest_size=size).digest()


def derive(secret: bytes, context: bytes, data: bytes = b"") -> bytes:
    """A 32-byte key for one use: keyed BLAKE2b over the use's context string, a zero byte, and `data`."""
    return keyed(secret, context + b"\x00" + data)
