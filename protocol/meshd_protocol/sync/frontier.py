"""Frontiers: what a log holds, told in few bytes (design: records, "Sync").

Heights alone hide forks, and unkeyed short hashes can be ground to collide; so a claim carries 8 bytes of a hash of the
head, keyed by both sides' nonces of this session.
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
    """A head as the peer tells of it. `seq` is None for a forked chain; `mark` hides the head or the branches."""

    device: bytes
    log: int
    seq: int | None
    mark: bytes


def line(head: Head) -> bytes:
    """What digests and fingerprints are made of: one chain's end, or all of a chain that forks."""
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
    """A head as it is told to a peer."""
    if head.branches is not None:
        return Claim(head.device, head.log, None, mark(key, head.branches))
    return Claim(head.device, head.log, head.seq, mark(key, head.id))
