"""While one batch of a long list is taken in, a helper process reads the next: for sticks, files and backups.

A daemon's own batches come from its event loop (`helper`); these come from a piece of work that knows what comes next.
"""

import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO

from meshd.log.helper import COMMAND, WORTH, environment
from meshd.log.helper_process import READY, SIZE, pack_batch, size_of, unpack_intake
from meshd.log.intake import Intake, prepare


def intakes(assembly: bytes, batches: Iterable[list[bytes] | None]) -> Iterator[Intake]:
    """The batches, ready for the log, in their order. The next one is asked for before the last one is given out; where
    that is None, it has to wait until that was taken in, and is asked for again.
    """
    ahead: Future[Intake] | None = None
    with _Reader() as reader, ThreadPoolExecutor(1) as thread:
        every = iter(batches)
        while True:
            try:
                batch = next(every)
            except StopIteration:
                break
            except Exception:  # a stick that was pulled, say: what was read before is taken in
                if ahead is not None:
                    yield ahead.result()
                raise
            following = thread.submit(reader.read, assembly, batch) if batch is not None else None
            if ahead is not None:
                yield ahead.result()
            ahead = following
        if ahead is not None:
            yield ahead.result()


class _Reader:
    """The helper process, from the second batch on that is worth it. What it can't do is done here."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._came = 0

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, assembly: bytes, batch: list[bytes]) -> Intake:
        """`intake.prepare`, by the process where it is there."""
        self._came += len(batch) >= WORTH
        if len(batch) < WORTH or self._came < 2:
            return prepare(assembly, batch)
        try:
            if self._process is None:
                self._process = _started()
            return self._asked(self._process, assembly, batch)
        except (OSError, EOFError):  # it could not be started, or was killed: everything works without
            self._end()
            return prepare(assembly, batch)

    @staticmethod
    def _asked(process: subprocess.Popen[bytes], assembly: bytes, batch: list[bytes]) -> Intake:
        answers: list[bytes] = []
        for message in pack_batch(assembly, batch):
            _pipe(process.stdin).write(message)
            _pipe(process.stdin).flush()
            answers.append(_exactly(process, size_of(_exactly(process, SIZE))))
        return unpack_intake(answers)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _killed(process)


def _started() -> subprocess.Popen[bytes]:
    """Raises OSError or EOFError."""
    process = subprocess.Popen(  # noqa: S603 (ours)
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
    )
    try:
        if _exactly(process, len(READY)) != READY:
            raise OSError("the helper process did not start")
    except BaseException:
        _killed(process)
        raise
    return process


def _killed(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _exactly(process: subprocess.Popen[bytes], size: int) -> bytes:
    """Raises EOFError if the process ended before it said so much."""
    data = _pipe(process.stdout).read(size)
    if len(data) < size:
        raise EOFError
    return data


def _pipe(end: IO[bytes] | None) -> IO[bytes]:
    assert end is not None, "it was started with two pipes"
    return end
