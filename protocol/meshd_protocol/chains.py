"""Which records are authentic: the one rule for every path, live, bulk and stick (design: records).

A record is authentic when its own signature verifies, or that of one of its next 127 descendants in its chain: the
author's signature on a later record commits to all before it. A record that is not yet authentic waits here, with its
sender, and nowhere else. Validity is permanent and depends on the record and its chain alone.
"""

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from meshd_protocol import limits
from meshd_protocol.records import Record

Verify = Callable[[Record], bool]

ChainKey = tuple[bytes, int]
"""(device, log)."""


def authentic_prefix(run: Sequence[Record], verify: Verify) -> int:
    """How many leading records of `run` are authentic, each being the parent of the next.

    One signature is checked for each 128 records where all is well; a signature that fails is tried backwards.
    """
    start = 0
    while start < len(run):
        last = min(start + limits.RUN, len(run)) - 1
        while last >= start and not verify(run[last]):
            last -= 1
        if last < start:
            break
        start = last + 1
    return start


def authentic_tree(records: Sequence[Record], verify: Verify) -> set[bytes]:
    """Ids of the authentic ones among records that branch; each one's parent is among them or already valid."""
    by_id = {record.id: record for record in records}
    authentic: set[bytes] = set()
    for record in records:
        if not verify(record):
            continue
        current: Record | None = record
        for _ in range(limits.RUN):
            if current is None:
                break
            authentic.add(current.id)
            current = by_id.get(current.prev) if current.prev else None
    return authentic


class Waiting:
    """Records of one sender that are not yet authentic, or whose parent is not known yet.

    They are never stored, projected, advertised or deduplicated against. The buffer holds `limits.PENDING_BYTES`; what
    comes beyond is dropped, oldest chain first, and can be sent again.
    """

    def __init__(self, capacity: int = limits.PENDING_BYTES) -> None:
        self._chains: dict[ChainKey, dict[bytes, Record]] = {}
        self._failed: set[tuple[bytes, bytes]] = set()
        self._capacity = capacity
        self.size = 0
        self.dropped = 0

    def __len__(self) -> int:
        return sum(len(chain) for chain in self._chains.values())

    def take(self, chain: ChainKey) -> list[Record]:
        """The waiting records of one chain; they wait no longer."""
        records = self._chains.pop(chain, {})
        self.size -= sum(_weight(record) for record in records.values())
        return list(records.values())

    def put(self, chain: ChainKey, records: Iterable[Record]) -> None:
        """Let these records wait."""
        waiting = self._chains.setdefault(chain, {})
        for record in records:
            if record.id not in waiting:
                self.size += _weight(record)
            else:
                self.size += _weight(record) - _weight(waiting[record.id])
            waiting[record.id] = record
        if not waiting:
            del self._chains[chain]
        while self.size > self._capacity and self._chains:
            oldest = next(iter(self._chains))
            self.dropped += len(self.take(oldest))

    def remembering(self, verify: Verify) -> Verify:
        """`verify`, without checking twice a signature that failed before: a bad run must not cost a square."""

        def check(record: Record) -> bool:
            key = (record.id, record.signature)
            if key in self._failed:
                return False
            if verify(record):
                return True
            if len(self._failed) < limits.PENDING_BYTES // 128:
                self._failed.add(key)
            return False

        return check


class Settled(NamedTuple):
    """What became of some records of one chain.

    `valid` ones follow their parents; `waiting` ones may become valid; `broken` ones never will. `signed` holds the ids
    of those whose own signature was seen to verify.
    """

    valid: list[Record]
    waiting: list[Record]
    broken: list[Record]
    signed: set[bytes]


def settle(records: Collection[Record], parents: Mapping[bytes, int], verify: Verify) -> Settled:
    """Sort records of one chain into those that are valid now, those that must wait, and those that can't be.

    `parents` gives the seq of each valid record of this chain that a record here names as the one before it.
    """
    signed: set[bytes] = set()

    def noting(record: Record) -> bool:
        if record.id in signed or verify(record):
            signed.add(record.id)
            return True
        return False

    ordered = sorted(records, key=lambda record: (record.seq, record.id))
    if not ordered:
        return Settled([], [], [], signed)
    if _is_run(ordered):
        first = ordered[0]
        if first.prev is not None and parents.get(first.prev, first.seq - 1) != first.seq - 1:
            return Settled([], [], ordered, signed)
        known = first.prev is None or first.prev in parents
        count = authentic_prefix(ordered, noting) if known else 0
        return Settled(ordered[:count], ordered[count:], [], signed)

    at = dict(parents) | {record.id: record.seq for record in ordered}
    out = Settled([], [], [], signed)
    reached: set[bytes] = set(parents)
    candidates: list[Record] = []
    for record in ordered:
        if record.prev is not None and at.get(record.prev, record.seq - 1) != record.seq - 1:
            out.broken.append(record)
        elif record.prev is None or record.prev in reached:
            reached.add(record.id)
            candidates.append(record)
        else:  # an orphan: no signature is worth checking before its parent is here
            out.waiting.append(record)
    authentic = authentic_tree(candidates, noting)
    valid: set[bytes] = set(parents)
    for record in candidates:
        if record.id in authentic and (record.prev is None or record.prev in valid):
            valid.add(record.id)
            out.valid.append(record)
        else:
            out.waiting.append(record)
    return out


def _is_run(records: Sequence[Record]) -> bool:
    return all(after.prev == before.id and after.seq == before.seq + 1 for before, after in itertools.pairwise(records))


def _weight(record: Record) -> int:
    return len(record.header) + len(record.signature) + len(record.body or b"") + 512
