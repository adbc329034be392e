"""Where blocking work runs: in a worker thread for a daemon, inline for a test under a virtual clock.

All work on one log goes through one executor, one piece at a time.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")


class Executor(Protocol):
    """Runs a blocking function without blocking the event loop, or pretends to."""

    async def run(self, function: Callable[[], T]) -> T:
        """The function's result; its exceptions are raised here."""
        ...

    async def aside(self, function: Callable[[], T]) -> T:
        """The same for a function that does not touch the log: it may run beside others."""
        ...


class InlineExecutor:
    """Runs everything at once: a simulated world has no threads."""

    async def run(self, function: Callable[[], T]) -> T:
        """See `Executor.run`."""
        await trio.lowlevel.checkpoint()
        return function()

    async def aside(self, function: Callable[[], T]) -> T:
        """See `Executor.aside`."""
        return await self.run(function)


class ThreadExecutor:
    """Runs one function at a time in a worker thread, and finishes what it began even when cancelled."""

    def __init__(self) -> None:
        self._turn = trio.Lock()

    async def run(self, function: Callable[[], T]) -> T:
        """See `Executor.run`."""
        async with self._turn:
            return await trio.to_thread.run_sync(function)

    async def aside(self, function: Callable[[], T]) -> T:
        """See `Executor.aside`."""
        return await trio.to_thread.run_sync(function)
