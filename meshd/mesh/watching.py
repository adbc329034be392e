"""What watchers of a node have yet to hear, each from a queue of its own. Nobody waits for a watcher."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from meshd_protocol.changes import Anything, Change

WAITING = 64
"""Changes that wait for one watcher. When there are more, `Anything` takes the place of all of them."""


class Watch:
    """The changes that one watcher has yet to hear. The first is `Anything`: it knows nothing yet."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque([Anything()])
        self._wake = trio.Event()

    def add(self, change: Change) -> None:
        """Put a change behind the others."""
        if len(self._changes) >= WAITING:
            self._changes.clear()
            change = Anything()
        self._changes.append(change)
        self._wake.set()

    async def next(self) -> Change:
        """The next change, as soon as there is one."""
        while not self._changes:
            self._wake = trio.Event()
            await self._wake.wait()
        return self._changes.popleft()

    def clear(self) -> None:
        """Forget what was not heard yet."""
        self._changes.clear()


class Watches:
    """The watchers of one node."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []

    @contextmanager
    def open(self) -> Iterator[Watch]:
        """A watch that hears of every change inside this block."""
        watch = Watch()
        self._watches.append(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)

    def tell(self, change: Change) -> None:
        """Tell every watcher of a change, without waiting for any."""
        for watch in self._watches:
            watch.add(change)
