"""Who sends much to this node now: one peer at a time, since the others would send the same.

One that takes long holds up the next for a while only: theirs may be a slow link, or they may mean us ill. The next is
told meanwhile what came from others, and leaves that out.
"""

from collections.abc import Hashable

import trio

from meshd_protocol import limits


class Bulk:
    """The peers of one node that send much to it."""

    def __init__(self) -> None:
        self._senders: dict[Hashable, float] = {}
        """Since when each may."""
        self._changed = trio.Event()
        self._queue = trio.Lock()

    async def turn(self, sender: Hashable) -> None:
        """Wait until nobody sends much, or the last one that may has had `limits.GO_SECONDS`; first come, first served.

        It is this one's turn then, until `over`.
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
        """This one has sent what it had, or is gone."""
        self._senders.pop(sender, None)
        self._changed.set()
        self._changed = trio.Event()
