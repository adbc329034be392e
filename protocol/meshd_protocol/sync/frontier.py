"""Frontiers: what a log holds, told in few bytes, and what one side must send the other (design: records, "Sync").

Heights alone hide forks, and unkeyed short hashes can be ground to collide; so a claim carries 8 bytes of a hash of the
head, keyed by both sides' nonces of this session.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from meshd_crypto.hashing import derive, digest, keyed
from meshd_protocol import contexts
from meshd_protocol.chains import ChainKey
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


class Plan(NamedTuple):
    """What to send a peer: chains from a seq on, in order, and chains whose records must be listed first."""

    ranges: list[tuple[ChainKey, int]]
    listings: list[ChainKey]


def frontier_digest(heads: Iterable[Head]) -> bytes:
    """One digest of a whole frontier: equal digests mean equal logs."""
    lines = sorted(
        encode(
            [head.device, head.log, None, head.branches]
            if head.branches
            else [head.device, head.log, head.seq, head.id]
        )
        for head in heads
    )
    return digest(contexts.FRONTIER, *lines)


def branches_digest(ids: Iterable[bytes]) -> bytes:
    """The digest of a forked chain: over all its record ids."""
    return digest(contexts.BRANCHES, *sorted(ids))


def session_key(initiator_nonce: bytes, responder_nonce: bytes) -> bytes:
    """The key of this session's marks."""
    return derive(initiator_nonce + responder_nonce, contexts.HEADS)


def mark(key: bytes, identity: bytes) -> bytes:
    """Eight bytes that stand for an id in one session."""
    return keyed(key, identity, MARK_SIZE)


def claims(heads: Iterable[Head], key: bytes) -> list[Claim]:
    """A frontier as it is told to a peer."""
    return [
        Claim(head.device, head.log, None, mark(key, head.branches))
        if head.branches
        else Claim(head.device, head.log, head.seq, mark(key, head.id))
        for head in heads
    ]


def plan(
    heads: Iterable[Head],
    theirs: Mapping[ChainKey, Claim],
    key: bytes,
    id_at: Callable[[ChainKey, int], bytes | None],
) -> Plan:
    """What a peer with those claims lacks, forks first, then decisions, talk, bulk.

    `id_at` gives the id of an unforked chain's record at a seq.

    Of two sides, the one with the longer chain sees whether the shorter one is its beginning. Where it isn't, the
    chain forks between them, and both list their records.
    """
    out = Plan([], [])
    for head in sorted(heads, key=lambda head: (head.branches is None, head.log, head.device)):
        chain = (head.device, head.log)
        claim = theirs.get(chain)
        if claim is None:
            out.ranges.append((chain, 0))
        elif head.branches is not None or claim.seq is None:
            if head.branches is None or claim.seq is not None or mark(key, head.branches) != claim.mark:
                out.listings.append(chain)
        elif claim.seq <= head.seq:
            ours = head.id if claim.seq == head.seq else id_at(chain, claim.seq)
            if ours is None or mark(key, ours) != claim.mark:
                out.listings.append(chain)
            elif claim.seq < head.seq:
                out.ranges.append((chain, claim.seq + 1))
    return out
