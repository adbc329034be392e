"""Where blocking work runs: in worker threads and a helper process for a daemon, inline under a virtual clock.

All work on one log goes through one executor, one piece at a time.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

import trio

from meshd.log.helper import WORTH, Helper
from meshd.log.helper_process import unpack_intake
from meshd.log.intake import Intake, prepare

T = TypeVar("T")

_SOLO = 32

GoOn = Callable[[], bool]
"""Whether somebody still waits for what a long work comes to."""

Prepared = Callable[[], Intake]
"""An intake, or what is left to do to have it: quick, but not for the event loop."""


class Executor(Protocol):
    """Runs a blocking function without blocking the event loop, or pretends to."""

    async def run(self, function: Callable[[], T]) -> T:
        """The function's result; its exceptions are raised here."""
        ...

    async def prepare(self, assembly: bytes, batch: list[bytes]) -> Prepared:
        """`intake.prepare`, beside what runs on the log."""
        ...

    def expect(self, records: int) -> None:
        """So many records are about to come, to be prepared."""
        ...

    async def beside(self, function: Callable[[GoOn], T]) -> T:
        """The result of a long work that touches no open log, beside what runs on it. It asks now and then whether to
        go on, and is to end where it is not.
        """
        ...


class InlineExecutor:
    """Runs everything at once: a simulated world has no threads."""

    async def run(self, function: Callable[[], T]) -> T:
        """See `Executor.run`."""
        await trio.lowlevel.checkpoint()
        return function()

    async def prepare(self, assembly: bytes, batch: list[bytes]) -> Prepared:
        """See `Executor.prepare`."""
        intake = await self.run(partial(prepare, assembly, batch))
        return lambda: intake

    def expect(self, records: int) -> None:
        """See `Executor.expect`."""

    async def beside(self, function: Callable[[GoOn], T]) -> T:
        """See `Executor.beside`."""
        return await self.run(partial(function, lambda: True))


class ThreadExecutor:
    """Runs one function at a time in a worker thread, and finishes what it began even when cancelled."""

    def __init__(self, helper: Helper | None = None) -> None:
        self._turn = trio.Lock()
        self._helper = helper

    async def run(self, function: Callable[[], T]) -> T:
        """See `Executor.run`."""
        async with self._turn:
            return await trio.to_thread.run_sync(function)

    async def prepare(self, assembly: bytes, batch: list[bytes]) -> Prepared:
        """See `Executor.prepare`. A few records are not worth a thread of their own, many are worth a process."""
        if len(batch) >= WORTH and self._helper is not None:
            answer = await self._helper.prepare(assembly, batch)
            if answer is not None:
                return partial(unpack_intake, answer)
        work = partial(prepare, assembly, batch)
        intake = work() if len(batch) <= _SOLO else await trio.to_thread.run_sync(work)
        return lambda: intake

    def expect(self, records: int) -> None:
        """See `Executor.expect`."""
        if self._helper is not None:
            self._helper.expect(records)

    async def beside(self, function: Callable[[GoOn], T]) -> T:
        """See `Executor.beside`."""
        return await trio.to_thread.run_sync(partial(function, _is_wanted))


def _is_wanted() -> bool:
    """Whether the task that waits for this thread was not cancelled."""
    try:
        trio.from_thread.check_cancelled()
    except trio.Cancelled:
        return False
    return True
