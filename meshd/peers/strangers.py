"""What this node takes from a peer that may not read here yet: from a newcomer her application, from a holder of a
network key the decisions that may prove its membership. Both within bounds.
"""

from meshd.log.door import Report
from meshd_protocol import limits
from meshd_protocol.errors import BadRecordError, SessionError
from meshd_protocol.kinds import Kind, Log
from meshd_protocol.records import decode_record

_GUEST_RECORDS = 8
_GUEST_KINDS = frozenset({Kind.CERTIFICATE, Kind.APPLICATION})
_WEIGHT = 256
"""Bytes to count for a record beside its body."""


class Stranger:
    """What one session handed in so far. `guest` says whether the peer came by an invitation."""

    def __init__(self, assembly: bytes, device: bytes, *, guest: bool) -> None:
        self._assembly = assembly
        self._device = device
        self._guest = guest
        self._handed_in = 0
        self._bytes = 0

    def filter(self, batch: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """The records of a batch that this node takes. Raises SessionError for more than anybody needs to send."""
        return self._from_guest(batch) if self._guest else tuple(data for data in batch if self._is_decision(data))

    def charge(self, report: Report) -> None:
        """Count the new records of a report. Raises SessionError beyond the bound."""
        self._bytes += sum(len(record.body or b"") + _WEIGHT for record in report.new)
        if self._bytes > limits.PENDING_BYTES:
            raise SessionError("it sent much, and nothing that lets it in")

    def _from_guest(self, batch: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """A newcomer's own certificate and application, and nothing else."""
        mine: list[bytes] = []
        for data in batch:
            try:
                record = decode_record(self._assembly, data)
            except BadRecordError as error:
                raise SessionError(f"a newcomer sent no record: {error}") from error
            if record.device == self._device and record.log == Log.DECISIONS and record.kind in _GUEST_KINDS:
                mine.append(data)
        self._handed_in += len(mine)
        if self._handed_in > _GUEST_RECORDS:
            raise SessionError("a newcomer handed in more than an application")
        return tuple(mine)

    def _is_decision(self, data: bytes) -> bool:
        try:
            return decode_record(self._assembly, data).log == Log.DECISIONS
        except BadRecordError:
            return True  # let the door count it
