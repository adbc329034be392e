"""How much of others' records is taken at once. Who is beyond that is delayed, never refused: pace decides no validity.

New records of one member, over all devices, are taken and handed on at once up to a number and a size a day. What is
beyond comes with the periodic comparison. What comparisons bring is paced by peer: beyond a size a day, slowly.
"""

from dataclasses import dataclass, field

from meshd.assembly import Assembly
from meshd.intake import Intake
from meshd.stopwatch import Steady
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.kinds import Log
from meshd_protocol.records import Record

_DAY_MS = 24 * 3600 * 1000
_HEAD = 256
"""Bytes that a record counts beside its body."""


@dataclass
class _Account:
    """What somebody used of a day."""

    day: int
    records: int = 0
    size: int = 0


@dataclass
class Pace:
    """The accounts of one node. They live as long as it runs."""

    steady: Steady
    _members: dict[bytes, _Account] = field(default_factory=dict)
    _peers: dict[bytes, _Account] = field(default_factory=dict)

    def at_once(self, assembly: Assembly, records: list[Record]) -> list[Record]:
        """Those of new records that go on at once; counts them."""
        return [record for record in records if self._allows(self._author(assembly, record), record)]

    def admit(self, assembly: Assembly, intake: Intake) -> Intake:
        """What is taken of records that were pushed; does not count them, since they may be here already."""
        kept = [record for record in intake.records if not self._is_beyond(self._author(assembly, record))]
        return intake._replace(records=kept)

    def wait_seconds(self, device: bytes, size: int) -> float:
        """How long to wait before the next batch of a comparison is taken from a peer, after one of that size."""
        account = self._account(self._peers, device)
        account.size += size
        return size / limits.CATCH_UP_RATE if account.size > limits.CATCH_UP_BYTES else 0.0

    def beyond(self) -> list[bytes]:
        """Members (or devices that nobody certified) whose records are delayed today."""
        return [who for who in self._members if self._is_beyond(who)]

    def _allows(self, who: bytes, record: Record) -> bool:
        account = self._account(self._members, who)
        account.records += 1
        account.size += len(record.body or b"") + _HEAD
        return not self._is_beyond(who)

    def _is_beyond(self, who: bytes) -> bool:
        account = self._members.get(who)
        if account is None or account.day != self._today():
            return False
        return account.records > limits.LIVE_RECORDS or account.size > limits.LIVE_BYTES

    def _account(self, accounts: dict[bytes, _Account], who: bytes) -> _Account:
        today = self._today()
        account = accounts.get(who)
        if account is None or account.day != today:
            for each in [each for each, other in accounts.items() if other.day != today]:
                del accounts[each]
            accounts[who] = account = _Account(today)
        return account

    def _today(self) -> int:
        return self.steady().ms // _DAY_MS

    def _author(self, assembly: Assembly, record: Record) -> bytes:
        """The member who wrote a record; its device, where the log holds no certificate of it."""
        chain = assembly.door.chain((record.device, Log.DECISIONS))
        if chain is None or chain.certificate is None:
            return record.device
        row = assembly.store.get(tables.Certificate, id=chain.certificate)
        return row.member if row is not None else record.device
