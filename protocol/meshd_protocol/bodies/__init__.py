"""Record bodies: one file per family of kinds, with schema and bounds, and no rules.

A body is a canonical map with unsigned integer keys. Keys 0 to 63 carry meaning: one that this version doesn't know
means that the body is of a later version, and has no effect here. Keys from 64 up may be ignored: they are display
hints that a later version may add without cutting anybody off.
"""

from functools import lru_cache

from meshd_protocol.bodies import (
    decisions,
    delegates,
    federation,
    genesis,
    institutions,
    meetings,
    membership,
    refounding,
    talk,
)
from meshd_protocol.errors import BadBodyError, MissingBodyError, NewerVersionError
from meshd_protocol.kinds import LOG_OF, name_of
from meshd_protocol.records import VERSION, Record
from meshd_protocol.schema import Body

_FILES = (genesis, membership, refounding, decisions, delegates, meetings, talk, federation, institutions)

BODIES: dict[int, type[Body]] = {
    body.KIND: body
    for file in _FILES
    for body in vars(file).values()
    if isinstance(body, type) and issubclass(body, Body) and body.KIND is not None
}
"""The body of every kind."""


def read_body(record: Record) -> Body:
    """The meaning of a record's body.

    Raises BadBodyError (or NewerVersionError) with the reason why the record has no effect.
    """
    if record.version != VERSION:
        raise NewerVersionError(f"a record of version {record.version}: this meshd needs an update")
    body = BODIES.get(record.kind)
    if body is None:
        raise NewerVersionError(f"a record of kind {record.kind}: this meshd needs an update")
    if LOG_OF[record.kind] != record.log:
        raise BadBodyError(f"a {name_of(record.kind)} in log {record.log}, where it has no effect")
    if record.body is None:
        raise MissingBodyError("its body is missing")
    return _read_once(record.kind, record.body) if len(record.body) <= _SHORT else body.read(record.body)


_SHORT = 160
"""Bytes of a ballot or an attestation: those of an assembly on one decision are the same, but for who signed them."""


@lru_cache(maxsize=256)
def _read_once(kind: int, data: bytes) -> Body:
    """What some bytes say, for all records that say the same: a body never changes."""
    return BODIES[kind].read(data)
