"""Files that travel in pieces: proofs of what a federation decided. A file is known by its hash, whoever wrote them."""

from meshd.service.context import Context
from meshd.state import pieces
from meshd.state.pieces import name_of_file
from meshd_protocol import limits
from meshd_protocol.bodies.federation import Piece
from meshd_protocol.kinds import Kind


def write_pieces(context: Context, data: bytes) -> None:
    """Write a file into the log, as far as it fits, unless all of it is there. Call inside `writing`."""
    name = name_of_file(data)
    if file_of(context, name) is not None:
        return
    parts = [data[start : start + limits.PIECE_BYTES] for start in range(0, len(data), limits.PIECE_BYTES)]
    for place, part in enumerate(parts):
        context.assembly.write(Kind.PIECE, Piece(name, place, len(parts), part))


def file_of(context: Context, name: bytes) -> bytes | None:
    """A file, once all its pieces are here; None before that."""
    return pieces.file_of(context.assembly.store, context.assembly.id, name)
