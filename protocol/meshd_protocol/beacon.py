"""What a node announces to the neighbourhood, and how friends recognise it (design: security, "Discovery").

An announcement carries a nonce and, for each address, a keyed hash of nonce, hour, address and port. Only holders of a
network key recognise each other; a replay from another address or hour is recognised by nobody.
"""

from collections.abc import Iterable

from meshd_crypto.hashing import derive, keyed
from meshd_protocol import contexts
from meshd_protocol.encoding import encode

NONCE_SIZE = 8
TAG_SIZE = 8
HOUR_MS = 3_600_000
_MOST_TAGS = 16


def tags(secrets: Iterable[bytes], assembly: bytes, nonce: bytes, now_ms: int, places: Iterable[str]) -> bytes:
    """The tags of an announcement: one for each network key and address, joined, at most sixteen."""
    listed = list(places)
    found = [_tag(secret, assembly, nonce, now_ms // HOUR_MS, place) for secret in secrets for place in listed]
    return b"".join(found[:_MOST_TAGS])


def is_friend(
    secrets: Iterable[bytes], assembly: bytes, nonce: bytes, announced: bytes, now_ms: int, place: str
) -> bool:
    """Whether an announcement's tags name that address under a key of ours, in this hour or one beside it."""
    if len(nonce) != NONCE_SIZE or len(announced) % TAG_SIZE or len(announced) > _MOST_TAGS * TAG_SIZE:
        return False
    held = {announced[start : start + TAG_SIZE] for start in range(0, len(announced), TAG_SIZE)}
    hour = now_ms // HOUR_MS
    return any(
        _tag(secret, assembly, nonce, each, place) in held for secret in secrets for each in (hour, hour - 1, hour + 1)
    )


def _tag(secret: bytes, assembly: bytes, nonce: bytes, hour: int, place: str) -> bytes:
    return keyed(derive(secret, contexts.DISCOVERY, assembly), encode([nonce, hour, place]), TAG_SIZE)
