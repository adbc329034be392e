"""While one batch of a long list is taken in, a helper process reads the next: for sticks, files and backups.

A daemon's own batches come from its event loop (`helper`); these come from a piece of work that knows what comes next.
"""

import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import IO

from meshd.log.helper import COMMAND, WORTH, environment
from meshd.log.helper_process import READY, SIZE, messages_of, pack_batch, size_of, unpack_intake
from meshd.log.intake import Intake, prepare


def intakes(assembly: bytes, batches: Iterable[list[bytes] | None]) -> Iterator[Intake]:
    """The batches, ready for the log, in their order. The next one is asked for before the last one is given out; where
    that is None, it has to wait until that was taken in, and is asked for again.
    """
    ahead: Future[Callable[[], Intake]] | None = None
    with _Reader() as reader, ThreadPoolExecutor(1) as thread:
        every = iter(batches)
        while True:
            try:
                batch = next(every)
            except StopIteration:
                break
            except Exception:  # a stick that was pulled, say: what was read before is taken in
                if ahead is not None:
                    yield ahead.result()()
                raise
            following = thread.submit(reader.read, assembly, batch) if batch is not None else None
            if ahead is not None:
                yield ahead.result()()
            ahead = following
        if ahead is not None:
            yield ahead.result()()


_MUCH = 8 * WORTH
"""Records after which more is likely to come: the process starts while they are read here."""


class _Reader:
    """The helper process, from the second batch on that is worth it. What it can't do is done here."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._sender = ThreadPoolExecutor(1)
        self._is_ready = False
        self._came = 0

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._sender.shutdown()

    def read(self, assembly: bytes, batch: list[bytes]) -> Callable[[], Intake]:
        """What gives `intake.prepare` of the batch, worked out by the process where it is there. Unpacking it is left
        to the thread that needs it, so that the process has the next one by then.
        """
        self._came += len(batch) >= WORTH
        is_turn = len(batch) >= WORTH and self._came > 1
        try:
            if self._process is None and (is_turn or len(batch) >= _MUCH):
                self._process, self._is_ready = _started(), False
            if is_turn and self._process is not None:
                answers = self._asked(self._process, assembly, batch)
                return lambda: unpack_intake(answers)
        except (OSError, EOFError):  # it could not be started, or was killed: everything works without
            self._end()
        intake = prepare(assembly, batch)
        return lambda: intake

    def _asked(self, process: subprocess.Popen[bytes], assembly: bytes, batch: list[bytes]) -> list[bytes]:
        """The messages with which the process answers. It has the next part while what it said of one is read."""
        if not self._is_ready and _exactly(process, len(READY)) != READY:
            raise OSError("the helper process did not start")
        self._is_ready = True
        sending = self._sender.submit(_send, process, assembly, batch)
        try:
            return [_exactly(process, size_of(_exactly(process, SIZE))) for _ in range(messages_of(batch))]
        except BaseException:
            process.kill()
            raise
        finally:
            wait([sending])

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _started() -> subprocess.Popen[bytes]:
    """A process that says READY as soon as it is. Raises OSError."""
    return subprocess.Popen(  # noqa: S603 (ours)
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
    )


def _send(process: subprocess.Popen[bytes], assembly: bytes, batch: list[bytes]) -> None:
    for message in pack_batch(assembly, batch):
        _pipe(process.stdin).write(message)
        _pipe(process.stdin).flush()


def _exactly(process: subprocess.Popen[bytes], size: int) -> bytes:
    """Raises EOFError if the process ended before it said so much."""
    data = _pipe(process.stdout).read(size)
    if len(data) < size:
        raise EOFError
    return data


def _pipe(end: IO[bytes] | None) -> IO[bytes]:
    assert end is not None, "it was started with two pipes"
    return end
