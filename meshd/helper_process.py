"""The helper process: prepares batches that its parent sends it, until its input ends (`helper`).

It is given no key and opens no file. A message either way is four bytes of length and a value in Python's own `marshal`
form, which only these two ends of one program read.
"""

import marshal
import signal
import sys
from typing import Any, BinaryIO

from meshd.intake import Intake, prepare
from meshd.store import tables
from meshd_protocol.records import Record

READY = b"."
"""What the process says first, when it can take work."""

SIZE = 4
"""Bytes of length before each message."""
_FORMAT = 2
"""The form of `marshal` that does not look for objects that occur twice: there are none."""
_SKETCHED: tuple[Any, ...] = (tables.Message, tables.Letter, tables.Ballot)


def pack_task(assembly: bytes, batch: list[bytes]) -> bytes:
    """A batch on its way to the process."""
    return _framed((assembly, batch))


def unpack_intake(data: bytes) -> Intake:
    """What came back of a batch, without its frame."""
    records, refused, checked, rows = marshal.loads(data)  # noqa: S302 (from a process of our own)
    make = [table._make for table in _SKETCHED]
    return Intake(
        list(map(Record._make, records)),
        refused,
        frozenset(checked),
        {row[0]: make[number](row) for number, row in rows},
    )


def size_of(head: bytes) -> int:
    """The length of the message that these bytes of a frame announce."""
    return int.from_bytes(head, "big")


def _pack_intake(intake: Intake) -> bytes:
    rows = [(_SKETCHED.index(type(row)), tuple(row)) for row in intake.sketches.values()]
    return _framed((list(map(tuple, intake.records)), intake.refused, list(intake.checked), rows))


def _framed(value: tuple[Any, ...]) -> bytes:
    data = marshal.dumps(value, _FORMAT)
    return len(data).to_bytes(SIZE, "big") + data


def serve(tasks: BinaryIO, answers: BinaryIO) -> None:
    """Answer one batch after the other until there is nothing more to read."""
    answers.write(READY)
    answers.flush()
    while len(head := tasks.read(SIZE)) == SIZE:
        assembly, batch = marshal.loads(tasks.read(size_of(head)))  # noqa: S302 (from our own parent)
        answers.write(_pack_intake(prepare(assembly, batch)))
        answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes of a terminal: the parent ends this one
    serve(sys.stdin.buffer, sys.stdout.buffer)
