"""frontier.json: lines, digests, branches, marks, claims, fingerprints."""

from typing import Any

from makers.common import drawn
from meshd_crypto.hashing import digest
from meshd_protocol import contexts
from meshd_protocol.sync.frontier import Head, branches_digest, claim, frontier_digest, line, mark, session_key
from meshd_protocol.sync.reconcile import View

_ADA, _BEA = digest(b"device Ada"), digest(b"device Bea")


def _chain(head: Head, ids: list[bytes], key: bytes) -> dict[str, Any]:
    return {
        "device": head.device,
        "log": head.log,
        "seq": head.seq,
        "ids": ids,
        "forked": head.branches is not None,
        "branches_hashed": contexts.BRANCHES + b"".join(sorted(ids)) if head.branches else None,
        "branches": head.branches,
        "line": line(head),
        "claim": claim(head, key),
        "claim_mark_of": head.branches or head.id,
    }


def _frontier(name: str, chains: list[tuple[Head, list[bytes]]], key: bytes) -> dict[str, Any]:
    heads = [head for head, _ in chains]
    view = View(heads, key, lambda *_: None)
    return {
        "name": name,
        "chains": [_chain(head, ids, key) for head, ids in chains],
        "hashed": contexts.FRONTIER + b"".join(sorted(map(line, heads))),
        "digest": frontier_digest(heads),
        "base": frontier_digest(heads)[:16],
        "fingerprints": {prefix: view.fingerprints(prefix).prints for prefix in ("", _ADA.hex()[0], _BEA.hex()[:2])},
    }


def make() -> dict[str, Any]:
    """The file."""
    nonces = drawn("initiator's nonce", 16), drawn("responder's nonce", 16)
    key = session_key(*nonces)

    def chain(device: bytes, log: int, count: int) -> tuple[Head, list[bytes]]:
        ids = [digest(device, bytes([log, seq])) for seq in range(count)]
        return Head(device, log, count - 1, ids[-1], None), ids

    def fork(device: bytes, log: int, count: int) -> tuple[Head, list[bytes]]:
        head, ids = chain(device, log, count)
        every = [*ids, digest(device, b"twin")]
        return head._replace(branches=branches_digest(every)), every

    plain = [chain(_BEA, 1, 1), chain(_ADA, 0, 200), chain(_BEA, 0, 25)]
    return {
        "about": "Frontiers: what is hashed, and what of it is told in one session.",
        "sections": ["8.2"],
        "initiator_nonce": nonces[0],
        "responder_nonce": nonces[1],
        "key": key,
        "marks": [{"id": each, "mark": mark(key, each)} for each in (_ADA, _BEA, bytes(32))],
        "frontiers": [
            _frontier("no chains", [], key),
            _frontier("three chains of two devices", plain, key),
            _frontier("the same with a fork", [*plain[:2], fork(_BEA, 0, 25)], key),
        ],
    }
