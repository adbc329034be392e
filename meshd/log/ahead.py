"""While one batch of a long list is taken in, a helper process reads the next ones: for sticks, files and backups.

A daemon's own batches come from its event loop (`helper`); these come from a piece of work that knows what comes next.
"""

import select
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import IO

from meshd.log.helper import COMMAND, PIPE, WORTH, environment, has_a_core
from meshd.log.helper_process import READY, SIZE, messages_of, pack_batch, size_of, unpack_intake
from meshd.log.intake import Intake, prepare

_AHEAD = 2
"""Batches that are read while one is taken in: with fewer, the process or the log waits for the other."""


def intakes(assembly: bytes, batches: Iterable[list[bytes] | None]) -> Iterator[Intake]:
    """The batches, ready for the log, in their order. Some are asked for before the last one is given out; one that is
    None has to wait until all before it were taken in, and is asked for again.
    """
    ahead: deque[Future[Callable[[], Intake]]] = deque()
    with _Reader() as reader, ThreadPoolExecutor(1) as thread:
        every = _first_in_parts(batches)
        while True:
            try:
                batch = next(every)
            except StopIteration:
                break
            except Exception:  # a stick that was pulled, say: what was read before is taken in
                yield from _ready(ahead, 0)
                raise
            if batch is not None:
                ahead.append(thread.submit(reader.read, assembly, batch))
            yield from _ready(ahead, _AHEAD if batch is not None else 0)
        yield from _ready(ahead, 0)


def _ready(ahead: deque[Future[Callable[[], Intake]]], left: int) -> Iterator[Intake]:
    """The first of those that are read, until so many are left."""
    while len(ahead) > left:
        yield ahead.popleft().result()()


_PART = 4096
"""Records of the first batch that are read together, so that the log has some while the process starts and reads the
others. So many together make it likely that there are more.
"""


def _first_in_parts(batches: Iterable[list[bytes] | None]) -> Iterator[list[bytes] | None]:
    every = iter(batches)
    for batch in every:
        if batch:
            yield from (batch[start : start + _PART] for start in range(0, len(batch), _PART))
            break
        yield batch
    yield from every


class _Reader:
    """The helper process, once it is there, for batches that are worth it. What it can't do is done here."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._sender = ThreadPoolExecutor(1)
        self._is_ready = False
        self._came = False

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._sender.shutdown()

    def read(self, assembly: bytes, batch: list[bytes]) -> Callable[[], Intake]:
        """What gives `intake.prepare` of the batch, worked out by the process where it is there. Unpacking it is left
        to the thread that needs it, so that the process has the next one by then.
        """
        try:
            if len(batch) >= WORTH and (process := self._there(len(batch))) is not None:
                answers = self._asked(process, assembly, batch)
                return lambda: unpack_intake(answers)
        except (OSError, EOFError):  # it could not be started, or was killed: everything works without
            self._end()
        intake = prepare(assembly, batch)
        return lambda: intake

    def _there(self, records: int) -> subprocess.Popen[bytes] | None:
        """The process, if it takes work already. It is started where more is likely to come than a batch of so many."""
        if self._process is None and (self._came or records >= _PART) and has_a_core():
            self._process, self._is_ready = _started(), False
        self._came = True
        if self._process is None or not (self._is_ready or _says(self._process)):
            return None
        if not self._is_ready and _exactly(self._process, len(READY)) != READY:
            raise OSError("the helper process did not start")
        self._is_ready = True
        return self._process

    def _asked(self, process: subprocess.Popen[bytes], assembly: bytes, batch: list[bytes]) -> list[bytes]:
        """The messages with which the process answers. It has the next part while what it said of one is read."""
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
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pipesize=PIPE,
        env=environment(),
    )


def _says(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process said something, or ended."""
    return bool(select.select([_pipe(process.stdout)], [], [], 0)[0])


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
