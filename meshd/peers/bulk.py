"""Lets one peer at a time send many records to this node, since the others would send the same records.

A peer that takes long, over a slow link or on purpose, holds up the next one for `limits.GO_SECONDS` only. Before the
next one begins, it hears which records came from others, and leaves them out.
"""

from collections.abc import Hashable

import trio

from meshd_protocol import limits


class Bulk:
    """The peers that send many records to this node."""

    def __init__(self) -> None:
        self._senders: dict[Hashable, float] = {}
        """When each sender's turn began."""
        self._changed = trio.Event()
        self._queue = trio.Lock()

    async def turn(self, sender: Hashable) -> None:
        """Wait until no other sender has its turn, or the latest of them has had it for `limits.GO_SECONDS`.

        First come, first served. Then it is this sender's turn, until `over`.
        """
        if sender in self._senders:
            return
        async with self._queue:
            while (
                until := max(self._senders.values(), default=float("-inf")) + limits.GO_SECONDS
            ) > trio.current_time():
                with trio.move_on_at(until):
                    await self._changed.wait()
            self._senders[sender] = trio.current_time()

    def over(self, sender: Hashable) -> None:
        """A sender has sent all that it had, or is gone."""
        self._senders.pop(sender, None)
        self._changed.set()
        self._changed = trio.Event()
