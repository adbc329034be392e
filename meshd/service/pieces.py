"""Files that travel in pieces: proofs of what a federation decided. A file is known by its hash, whoever wrote them."""

from meshd.service.context import Context
from meshd.store import tables
from meshd_crypto.hashing import digest
from meshd_protocol import limits
from meshd_protocol.bodies.federation import Piece
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.records import read_record


def name_of_file(data: bytes) -> bytes:
    """The hash that a file is known by: `b2sum -l 256` shows it, too."""
    return digest(data)


def write_pieces(context: Context, data: bytes) -> None:
    """Write a file into the log, as far as it fits, unless all of it is there. Call inside `writing`."""
    name = name_of_file(data)
    if file_of(context, name) is not None:
        return
    parts = [data[start : start + limits.PIECE_BYTES] for start in range(0, len(data), limits.PIECE_BYTES)]
    for place, part in enumerate(parts):
        context.assembly.write(Kind.PIECE, Piece(name, place, len(parts), part))


def file_of(context: Context, name: bytes) -> bytes | None:
    """A file, once all its pieces are here; None before that.

    Anybody may write pieces under any name: those of each device are a file of their own, and the hash tells which.
    """
    found: dict[tuple[bytes, int], dict[int, bytes]] = {}
    for row in context.assembly.store.find(tables.Piece, file=name):
        device, data = _part(context, row.id)
        if data is not None:
            found.setdefault((device, row.pieces), {}).setdefault(row.place, data)
    for (_, pieces), parts in found.items():
        if len(parts) == pieces:
            data = b"".join(parts[place] for place in sorted(parts))
            if name_of_file(data) == name:
                return data
    return None


def _part(context: Context, identity: bytes) -> tuple[bytes, bytes | None]:
    """The device that wrote a piece, and what is in it; None while its body is not here."""
    kept = context.assembly.store.get(tables.Kept, id=identity)
    assert kept is not None, "it has a row"
    record = read_record(context.assembly.id, kept.header, kept.signature, kept.body)
    try:
        return record.device, Piece.read(kept.body).data if kept.body is not None else None
    except BadBodyError:
        return record.device, None
