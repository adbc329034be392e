"""Bodies by which assemblies decide together: records that are quoted from one log in another, and files in pieces."""

from dataclasses import dataclass
from typing import Any, ClassVar

from meshd_protocol import limits
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.schema import ID, SIGNATURE, Body, Field, array, blob, uint


@dataclass(frozen=True, slots=True)
class Quotation(Body):
    """Records of another assembly: (header, signature, body), which count by their own signatures; and steps from one
    of its rosters to another, (parent, cites, ratified by or None), which count by what they cite.
    """

    assembly: bytes
    records: tuple[tuple[bytes, bytes, bytes], ...] = ()
    steps: tuple[tuple[bytes, tuple[bytes, ...], bytes | None], ...] = ()

    KIND: ClassVar = Kind.QUOTATION
    FIELDS: ClassVar = (
        Field(0, "assembly", ID),
        Field(1, "records", lambda value: _quoted(value), optional=True, default=()),
        Field(2, "steps", lambda value: _steps(value), optional=True, default=()),
    )


def _quoted(value: Any) -> tuple[tuple[bytes, bytes, bytes], ...]:
    records: tuple[tuple[bytes, bytes, bytes], ...] = array(_parts, limits.QUOTED, distinct=True)(value)
    if sum(len(part) for record in records for part in record) > limits.QUOTED_BYTES:
        raise BadBodyError(f"more than {limits.QUOTED_BYTES} bytes of records")
    return records


def _steps(value: Any) -> tuple[tuple[bytes, tuple[bytes, ...], bytes | None], ...]:
    steps: tuple[tuple[bytes, tuple[bytes, ...], bytes | None], ...] = array(_step, limits.QUOTED)(value)
    return steps


def _step(value: Any) -> tuple[bytes, tuple[bytes, ...], bytes | None]:
    if type(value) is not list or len(value) != 3:
        raise BadBodyError("not [parent, cites, ratified by]")
    parent, cites, ratified_by = value
    found: tuple[bytes, ...] = array(ID, limits.CITES, 1, distinct=True)(cites)
    return ID(parent), found, None if ratified_by is None else ID(ratified_by)


def _parts(value: Any) -> tuple[bytes, bytes, bytes]:
    if type(value) is not list or len(value) != 3:
        raise BadBodyError("not [header, signature, body]")
    header, signature, body = value
    return blob(limits.QUOTED_BYTES)(header), SIGNATURE(signature), blob(limits.QUOTED_BYTES)(body)


@dataclass(frozen=True, slots=True)
class Piece(Body):
    """A part of a file, which is known by its hash: a proof, a scan, a report. Nothing hangs on it."""

    file: bytes
    place: int
    pieces: int
    data: bytes

    KIND: ClassVar = Kind.PIECE
    FIELDS: ClassVar = (
        Field(0, "file", ID),
        Field(1, "place", uint(limits.PIECES - 1)),
        Field(2, "pieces", lambda value: _pieces(value)),
        Field(3, "data", blob(limits.PIECE_BYTES)),
    )


def _pieces(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= limits.PIECES:
        raise BadBodyError(f"not a number from 1 to {limits.PIECES}")
    return value
