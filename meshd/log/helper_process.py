"""The helper process: reads the batches that its parent sends it, until its input ends (`helper`).

It is given no key and opens no file. A message either way is four bytes of length and a value in Python's own `marshal`
form, which only these two ends of one program read. A batch goes there in parts, and the process answers each, so that
nobody has to hold it all twice; the last answer has the signatures that verify.
"""

import gc
import marshal
import signal
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO

from meshd.log.intake import Intake, check, read
from meshd.store.projections import SKETCHED
from meshd_protocol.records import Record

READY = b"."
"""What the process says first, when it can take work."""
SIZE = 4
"""Bytes of length before each message."""

_PART = 1024
"""Records of a batch that are answered together."""
_FORMAT = 2
"""The form of `marshal` that does not look for objects that occur twice: there are none."""
_SKETCHED: tuple[Any, ...] = tuple(SKETCHED.values())


def pack_batch(assembly: bytes, batch: list[bytes]) -> Iterator[bytes]:
    """The messages in which a batch goes to the process. It answers each."""
    for start in range(0, len(batch), _PART):
        yield _framed((assembly, batch[start : start + _PART]))
    yield _framed(())


def messages_of(batch: list[bytes]) -> int:
    """How many messages a batch is, either way."""
    return -(-len(batch) // _PART) + 1


def size_of(head: bytes) -> int:
    """The length of the message that these bytes announce."""
    return int.from_bytes(head, "big")


def unpack_intake(parts: list[bytes]) -> Intake:
    """What came back of a batch, in messages without their lengths. Each is let go of when it is unpacked."""
    records: list[Record] = []
    refused: list[str] = []
    sketches: dict[bytes, tuple[Any, ...]] = {}
    checked = marshal.loads(parts.pop())  # noqa: S302 (from a process of our own)
    parts.reverse()
    while parts:
        some, bad, *rows = marshal.loads(parts.pop())  # noqa: S302
        records += map(_maker(Record), some)  # whole parts in C: this is done while Python's lock is held
        refused += bad
        for table, of_table in zip(_SKETCHED, rows, strict=True):
            sketches |= {row[0]: row for row in map(_maker(table), of_table)}
    return Intake(records, refused, frozenset(checked), sketches)


def _maker(kind: Any) -> Any:
    """What makes a named tuple of a tuple: its `_make`, without a step in Python."""
    return partial(tuple.__new__, kind)


def serve(tasks: BinaryIO, answers: BinaryIO) -> None:
    """Answer one batch after the other until there is nothing more to read."""
    _write(answers, READY)
    while first := _read(tasks):
        assembly, _ = first
        checked = check(assembly, _answered(first, tasks, answers))
        _write(answers, _framed(tuple(checked)))


def _answered(part: Any, tasks: BinaryIO, answers: BinaryIO) -> Iterator[Record]:
    """The records of a batch, each after its part was answered."""
    while part:
        intake = read(*part)
        _write(answers, _pack_part(intake))
        yield from intake.records
        part = _read(tasks)


def _read(tasks: BinaryIO) -> Any:
    """The next message; nothing at the end of a batch, or of all."""
    head = tasks.read(SIZE)
    return marshal.loads(tasks.read(size_of(head))) if head else ()  # noqa: S302 (from our own parent)


def _write(answers: BinaryIO, data: bytes) -> None:
    answers.write(data)
    answers.flush()


def _pack_part(intake: Intake) -> bytes:
    rows = intake.sketches.values()
    by_table = [[tuple(row) for row in rows if type(row) is table] for table in _SKETCHED]
    return _framed((list(map(tuple, intake.records)), intake.refused, *by_table))


def _framed(value: tuple[Any, ...]) -> bytes:
    data = marshal.dumps(value, _FORMAT)
    return len(data).to_bytes(SIZE, "big") + data


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes of a terminal: the parent ends this one
    gc.disable()  # nothing here is in circles
    serve(sys.stdin.buffer, sys.stdout.buffer)
