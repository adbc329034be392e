"""A second process for long batches of records, so that a first sync uses more than one core.

Python computes in one thread at a time. Decoding and reading records is half of the work of taking them in; here it is
handed to a process that is there while much comes in, and not otherwise. What it can't do is done without it.
"""

import os
import subprocess
import sys

import trio

from meshd.log.helper_process import READY, SIZE, messages_of, pack_batch, size_of

WORTH = 1000
"""Records that are worth the way to another process."""

_IDLE_SECONDS = 10
_PATIENCE_SECONDS = 15
"""A process that takes longer to start, or over a batch, is stuck."""
_AGAIN_SECONDS = 60
"""How long to do without, after a process did not start or was stuck."""
PIPE = 1 << 20
"""Bytes that a pipe to the process holds: with less than a whole part, both sides would wait for each other's turn."""
COMMAND = [sys.executable, "-P", "-m", "meshd.log.helper_process"]


class Helper:
    """The helper process of a daemon: there when somebody asked for it in the last seconds, and `mind` runs."""

    def __init__(
        self,
        command: list[str] = COMMAND,
        idle_seconds: float = _IDLE_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._command = command
        self._idle_seconds = idle_seconds
        self._patience_seconds = patience_seconds
        self._asked = trio.Event()
        self._process: trio.Process | None = None
        self._busy = False
        self._stuck = False

    async def mind(self) -> None:
        """Start the process when it is needed, and end it when it is not, until cancelled."""
        while True:
            await self._asked.wait()
            try:
                await self._keep()
            except OSError:  # no memory for it, say: everything works without
                await trio.sleep(_AGAIN_SECONDS)
            self._asked = trio.Event()

    def expect(self, records: int) -> None:
        """So many records are about to come: start the process now, if they are worth it."""
        if records >= WORTH:
            self._asked.set()

    async def prepare(self, assembly: bytes, batch: list[bytes]) -> list[bytes] | None:
        """What `unpack_intake` makes an intake of; None where the process is not there, has work, or fails.

        Unpacking is left to the thread that needs it.
        """
        self._asked.set()
        process = self._process
        if process is None or self._busy:
            return None
        self._busy = True
        answer: list[bytes] | None = None
        try:
            with trio.move_on_after(self._patience_seconds) as patience:
                answer = await _exchange(process, assembly, batch)
            self._stuck = patience.cancelled_caught
        finally:
            self._busy = False
            if answer is None:  # whatever happened, the next batch must not get the answer to this one
                self._process = None
                self._asked.set()
        return answer

    @property
    def pid(self) -> int | None:
        """The process's id, while it is there."""
        return self._process.pid if self._process is not None else None

    async def _keep(self) -> None:
        """One process's life. Raises OSError if none can be started, or it got stuck."""
        process = await trio.lowlevel.open_process(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=PIPE,
            env=environment(),
        )
        try:
            said: bytes | None = None
            with trio.move_on_after(self._patience_seconds):
                said = await _read(process, len(READY))
            if said != READY:
                raise OSError("the helper process did not start")
            self._process, self._stuck = process, False
            idle = False
            while self._process is not None and not idle:
                self._asked = trio.Event()
                with trio.move_on_after(self._idle_seconds):
                    await self._asked.wait()
                idle = not self._asked.is_set() and not self._busy
        finally:
            self._process = None
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
                await trio.aclose_forcefully(_stdio(process))
        if self._stuck:
            raise OSError("the helper process was stuck")


def _stdio(process: trio.Process) -> trio.abc.Stream:
    assert process.stdio is not None, "it was started with two pipes"
    return process.stdio


async def _exchange(process: trio.Process, assembly: bytes, batch: list[bytes]) -> list[bytes] | None:
    """The messages with which the process answers; None if it ended."""

    async def send() -> None:
        try:
            for message in pack_batch(assembly, batch):
                await _stdio(process).send_all(message)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            nursery.cancel_scope.cancel()

    answer: list[bytes] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        while len(answer) < messages_of(batch):
            head = await _read(process, SIZE)
            message = await _read(process, size_of(head)) if head is not None else None
            if message is None:
                nursery.cancel_scope.cancel()
                break
            answer.append(message)
    return answer if len(answer) == messages_of(batch) else None


async def _read(process: trio.Process, size: int) -> bytes | None:
    """So many bytes of what the process says; None if it ended before."""
    parts: list[bytes] = []
    while size:
        try:
            part = await _stdio(process).receive_some(min(size, PIPE))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return None
        if not part:
            return None
        parts.append(bytes(part))
        size -= len(part)
    return b"".join(parts)


def has_a_core() -> bool:
    """Whether there is a core for another process."""
    return len(os.sched_getaffinity(0)) > 1


def environment() -> dict[str, str]:
    """This process's, without what the person told meshd alone: her passphrase, say."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MESHD_")}
