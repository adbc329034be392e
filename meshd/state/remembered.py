"""What was worked out of the log for each proposal, until something comes that may change it.

A home with thousands of decisions is asked all the time what is open in it: most of the answer is as it was. What is
remembered hangs on rows alone, never on a clock.
"""

from typing import Any

from meshd.store import tables
from meshd.store.added import Added, Row

_OF_A_PROPOSAL: tuple[type[Any], ...] = (tables.Ballot, tables.Attestation, tables.Answer, tables.Retraction)
_OF_NONE: frozenset[type[Row]] = frozenset(
    {
        tables.Message,
        tables.Letter,
        tables.Erasure,
        tables.Minutes,
        tables.Assent,
        tables.Resolution,
        tables.FollowUp,
        tables.Act,
        tables.Countersignature,
        tables.Handover,
        tables.Invitation,
        tables.Welcome,
        tables.Entry,
    }
)
"""Rows that no result hangs on. Any other kind may change all of them."""


Reach = tuple[bytes, int]
"""What results hang on beside rows of their own: the head, and how many rosters are known. A ballot on one decision may
make a roster known that others pin.
"""


class Remembered:
    """Values by name and proposal."""

    def __init__(self) -> None:
        self._values: dict[str, dict[bytes, Any]] = {}
        self._reach: Reach | None = None
        self.files: dict[bytes, Any] = {}
        """What files that came in pieces show, by their hash: nothing changes that."""
        self.proposals: list[bytes] | None = None
        """The ids of all proposals, in the order in which they came; None before somebody asked."""

    def of(self, name: str, reach: Reach) -> dict[bytes, Any]:
        """The values of that name, by proposal, worked out with that reach. Callers read, and add what is missing."""
        if reach != self._reach:
            self._values, self._reach = {}, reach
        return self._values.setdefault(name, {})

    def forget(self, added: Added) -> None:
        """Rows came: forget what they may change."""
        proposals = added.of(tables.Proposal)
        known = {*_OF_NONE, *_OF_A_PROPOSAL, tables.Proposal}
        if any(row.verb for row in proposals) or not added.by_table().keys() <= known:
            self._values.clear()
            self.proposals = None
            return
        for table in _OF_A_PROPOSAL:
            for row in added.of(table):
                self._drop(row.proposal)
        for row in proposals:
            if self.proposals is not None:
                self.proposals.append(row.id)
            for values in self._values.values():
                values.clear() if row.repeals else values.pop(row.id, None)

    def _drop(self, proposal: bytes) -> None:
        for values in self._values.values():
            values.pop(proposal, None)
