"""Records on their way in, before it is the log's turn: decoded, hashed, read, and signatures checked ahead.

Pure functions. What is found here changes no rule: the door asks for the same signatures and the same rows, and finds
most of them done already.
"""

from collections.abc import Iterable
from typing import NamedTuple

from meshd.store.projections import NO_SKETCHES, Sketches, sketch
from meshd_crypto.signing import verify_all
from meshd_protocol import limits
from meshd_protocol.chains import ChainKey
from meshd_protocol.errors import BadRecordError
from meshd_protocol.records import Record, decode_record, signature_of

Checked = frozenset[tuple[bytes, bytes]]
"""Pairs of (record's id, signature) that were seen to verify."""


class Intake(NamedTuple):
    """A batch that is ready for the log: records, what is wrong with the others, signatures that verify, and what the
    records mean as far as it can be told without their authors.
    """

    records: list[Record]
    refused: list[str]
    checked: Checked = frozenset()
    sketches: Sketches = NO_SKETCHES


def prepare(assembly: bytes, batch: Iterable[bytes]) -> Intake:
    """Decode and read records as they came, and check those signatures that the door will most likely ask for."""
    intake = read(assembly, batch)
    return intake._replace(checked=check(assembly, intake.records))


def read(assembly: bytes, batch: Iterable[bytes]) -> Intake:
    """`prepare` without signatures: what can be done with each record by itself."""
    records: list[Record] = []
    refused: list[str] = []
    for data in batch:
        try:
            records.append(decode_record(assembly, data))
        except BadRecordError as error:
            refused.append(str(error))
    sketches = {record.id: row for record in records if (row := sketch(record)) is not None}
    return Intake(records, refused, frozenset(), sketches)


def check(assembly: bytes, records: Iterable[Record]) -> Checked:
    """Check the signatures that the door will most likely ask for, and return those that verify."""
    ends = _ends(records)
    good = verify_all([signature_of(assembly, record) for record in ends])
    return frozenset((record.id, record.signature) for record, holds in zip(ends, good, strict=True) if holds)


def _ends(records: Iterable[Record]) -> list[Record]:
    """The last record of each run: consecutive records of one branch, as many as one signature may authenticate."""
    ends: list[Record] = []
    open_runs: dict[ChainKey, tuple[Record, int]] = {}
    for record in records:
        chain = (record.device, record.log)
        last, length = open_runs.get(chain, (None, 0))
        if last is not None and record.prev != last.id:
            ends.append(last)
            length = 0
        if length + 1 == limits.RUN:
            ends.append(record)
            open_runs.pop(chain, None)
        else:
            open_runs[chain] = (record, length + 1)
    return ends + [record for record, _ in open_runs.values()]
