"""How many records of others this node takes at once. It delays the rest and refuses none: pace decides no validity.

New records of one member, from all her devices, are taken and pushed on at once up to a number and a size a day for
each log, so that a member who talks much still votes at once. Further ones come with the periodic comparison. Records
that comparisons bring are counted by peer: beyond a size a day they are taken slowly.
"""

from dataclasses import dataclass, field
from typing import TypeVar

from meshd.assembly.assembly import Assembly
from meshd.clock import Steady
from meshd.log.intake import Intake
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.chains import ChainKey
from meshd_protocol.kinds import Log
from meshd_protocol.records import Record

T = TypeVar("T")

_DAY_MS = 24 * 3600 * 1000
_LATELY_MS = 60_000
"""Two periodic comparisons: what was delayed before has most likely come since."""
_HEAD = 256
"""Bytes to count for a record beside its body."""


@dataclass
class _Account:
    """What one member or peer used of a day."""

    day: int
    records: int = 0
    size: int = 0
    delayed_ms: int | None = None
    """When a record was last left to the next comparison, on the steady clock."""


_Key = tuple[bytes, int]
"""A member (or a device that nobody certified) and a log."""


@dataclass
class Pace:
    """The accounts of one node. They live as long as it runs. Members' belong to the thread that works on the log,
    peers' (`wait_seconds`) to the event loop.
    """

    steady: Steady
    _members: dict[_Key, _Account] = field(default_factory=dict)
    _peers: dict[bytes, _Account] = field(default_factory=dict)

    def at_once(self, assembly: Assembly, records: list[Record]) -> list[Record]:
        """The new records to push on at once. Counts all of them."""
        return [record for record in records if self._allows(self._key(assembly, record.device, record.log), record)]

    def admit(self, assembly: Assembly, intake: Intake) -> Intake:
        """The pushed records that this node takes at once. Does not count them, since they may be here already."""
        kept = [record for record in intake.records if not self.delays(assembly, (record.device, record.log))]
        return intake._replace(records=kept)

    def delays(self, assembly: Assembly, chain: ChainKey) -> bool:
        """Whether new records of a chain are left to comparisons now."""
        key = self._key(assembly, *chain)
        if not self._is_beyond(key):
            return False
        self._members[key].delayed_ms = self.steady().ms
        return True

    def wait_seconds(self, device: bytes, size: int) -> float:
        """How long to wait before the next batch of a comparison is taken from a peer, after one of that size."""
        account = self._account(self._peers, device)
        account.size += size
        return size / limits.CATCH_UP_RATE if account.size > limits.CATCH_UP_BYTES else 0.0

    def beyond(self) -> list[bytes]:
        """Members (or devices that nobody certified) some of whose records were delayed just now."""
        horizon = self.steady().ms - _LATELY_MS
        late = {
            who for (who, _), each in self._members.items() if each.delayed_ms is not None and each.delayed_ms > horizon
        }
        return sorted(late)

    def _allows(self, key: _Key, record: Record) -> bool:
        account = self._account(self._members, key)
        account.records += 1
        account.size += len(record.body or b"") + _HEAD
        if not self._is_beyond(key):
            return True
        account.delayed_ms = self.steady().ms
        return False

    def _is_beyond(self, key: _Key) -> bool:
        account = self._members.get(key)
        if account is None or account.day != self._today():
            return False
        return account.records > limits.LIVE_RECORDS or account.size > limits.LIVE_BYTES

    def _account(self, accounts: dict[T, _Account], who: T) -> _Account:
        today = self._today()
        account = accounts.get(who)
        if account is None or account.day != today:
            for each in [each for each, other in accounts.items() if other.day != today]:
                del accounts[each]
            accounts[who] = account = _Account(today)
        return account

    def _today(self) -> int:
        return self.steady().ms // _DAY_MS

    def _key(self, assembly: Assembly, device: bytes, log: int) -> _Key:
        """The member whose device it is, and the log; the device, where the log of decisions holds no certificate."""
        chain = assembly.door.chain((device, Log.DECISIONS))
        row = assembly.store.get(tables.Certificate, id=chain.certificate) if chain and chain.certificate else None
        return (row.member if row is not None else device), log
