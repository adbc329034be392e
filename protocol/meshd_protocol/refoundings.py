"""What a refounding says by itself, whatever else a log holds: which assembly it founds, and from which.

Whether its founders and rules are those of the roster that it names is asked where rosters are known (section 5a).
"""

from typing import NamedTuple

from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.bodies.refounding import Refounding
from meshd_protocol.errors import BadBodyError, BadRecordError
from meshd_protocol.kinds import Kind, Log
from meshd_protocol.records import NO_ASSEMBLY, Record, is_signed, read_record


class Founding(NamedTuple):
    """A new assembly's genesis: the record, and what it says."""

    record: Record
    genesis: Genesis


def founding(old: bytes, device: bytes, member: bytes, body: Refounding) -> Founding:
    """The founding that a device of a member of the old assembly wrote into its log.

    Raises BadBodyError with the reason why it has no effect.
    """
    try:
        record = read_record(NO_ASSEMBLY, *body.genesis)
    except BadRecordError as error:
        raise BadBodyError(f"its genesis is none: {error}") from error
    if (record.kind, record.log, record.seq) != (Kind.GENESIS, Log.DECISIONS, 0):
        raise BadBodyError("its genesis is a record of another kind")
    assert record.body is not None, "a record of log 0 has its body"
    genesis = Genesis.read(record.body)
    if record.device != device:
        raise BadBodyError("its genesis is of another device than the one that publishes it")
    if genesis.origin is None or genesis.origin.assembly != old:
        raise BadBodyError("its genesis does not name this assembly as the one that it comes from")
    if member not in genesis.founders:
        raise BadBodyError("its author is not among the founders")
    if not is_signed(NO_ASSEMBLY, record):
        raise BadBodyError("its genesis is not signed by its device")
    return Founding(record, genesis)
