"""Who sends much to this node now: one peer at a time, since the others would send the same.

A peer that has waited for a while is let go on beside the others: theirs may be a slow link, or they may mean us ill.
It is told meanwhile what came from them, and leaves that out.
"""

from collections.abc import Hashable

import trio

from meshd_protocol import limits


class Bulk:
    """The peers of one node that send much to it."""

    def __init__(self) -> None:
        self._senders: set[Hashable] = set()
        self._changed = trio.Event()

    async def turn(self, sender: Hashable) -> None:
        """Wait until nobody else sends much, or for `limits.GO_SECONDS`. It is this one's turn then, until `over`."""
        with trio.move_on_after(limits.GO_SECONDS):
            while self._senders and sender not in self._senders:
                await self._changed.wait()
        self._senders.add(sender)

    def over(self, sender: Hashable) -> None:
        """This one has sent what it had, or is gone."""
        self._senders.discard(sender)
        self._changed.set()
        self._changed = trio.Event()
