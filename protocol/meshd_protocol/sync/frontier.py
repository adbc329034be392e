"""Frontiers: say in few bytes which records a log has (design: records, "Sync").

The height of a chain does not tell a fork from another, and somebody could search for two heads with the same short
hash. So a claim holds 8 bytes of a hash of the head, keyed by both sides' nonces of this session.
"""

from collections.abc import Iterable
from typing import NamedTuple

from meshd_crypto.hashing import derive, digest, keyed
from meshd_protocol import contexts
from meshd_protocol.encoding import encode

MARK_SIZE = 8


class Head(NamedTuple):
    """Where one chain ends. `branches` is the digest of all its record ids if it forks, else None."""

    device: bytes
    log: int
    seq: int
    id: bytes
    branches: bytes | None


class Claim(NamedTuple):
    """A head as a peer is told of it. `seq` is None for a forked chain; `mark` stands for the head or the branches."""

    device: bytes
    log: int
    seq: int | None
    mark: bytes


def line(head: Head) -> bytes:
    """One chain in digests and fingerprints: its end, or all records of a chain that forks."""
    if head.branches is not None:
        return encode([head.device, head.log, None, head.branches])
    return encode([head.device, head.log, head.seq, head.id])


def frontier_digest(heads: Iterable[Head]) -> bytes:
    """One digest of a whole frontier: equal digests mean equal logs."""
    return digest(contexts.FRONTIER, *sorted(map(line, heads)))


def branches_digest(ids: Iterable[bytes]) -> bytes:
    """The digest of a forked chain: over all its record ids."""
    return digest(contexts.BRANCHES, *sorted(ids))


def session_key(initiator_nonce: bytes, responder_nonce: bytes) -> bytes:
    """The key of this session's marks and fingerprints."""
    return derive(initiator_nonce + responder_nonce, contexts.HEADS)


def mark(key: bytes, identity: bytes) -> bytes:
    """Eight bytes that stand for an id in one session."""
    return keyed(key, identity, MARK_SIZE)


def claim(head: Head, key: bytes) -> Claim:
    """The claim that tells a peer of a head."""
    if head.branches is not None:
        return Claim(head.device, head.log, None, mark(key, head.branches))
    return Claim(head.device, head.log, head.seq, mark(key, head.id))
