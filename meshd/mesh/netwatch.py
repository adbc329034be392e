"""Notices that a running node is on another network: interfaces came or went, or the machine slept.

Neither the kernel nor trio tells, so this looks every few seconds. After a sleep the steady clock, which counts the
sleep, is ahead of the event loop's clock, which does not.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import trio

from meshd.clock import Steady

POLL_SECONDS = 5.0
_SLEPT_SECONDS = 20.0


class Watched(Protocol):
    """A node, as far as this module tells it something."""

    def network_changed(self, why: str) -> None:
        """Check links, which may be dead, and try addresses again, which may answer now."""


async def watch(nodes: Sequence[Watched], hosts: Callable[[], list[str]], steady: Steady) -> None:
    """Look until cancelled. `hosts` gives the machine's addresses."""
    before = set(hosts())
    slept = _Slept(steady)
    while True:
        await trio.sleep(POLL_SECONDS)
        now = set(hosts())
        why = "the machine slept" if slept.look() else "addresses changed" if now != before else ""
        before = now
        if why:
            for node in nodes:
                node.network_changed(why)


class _Slept:
    """Compares the two clocks."""

    def __init__(self, steady: Steady) -> None:
        self._steady = steady
        self._last = self._gap()

    def look(self) -> bool:
        """Whether the machine slept since the last look."""
        gap, last = self._gap(), self._last
        self._last = gap
        return gap - last > _SLEPT_SECONDS

    def _gap(self) -> float:
        return self._steady().ms / 1000 - trio.current_time()
