"""Files that travel in pieces, read from the log: one is known by its hash, whoever wrote its parts."""

from meshd.store import tables
from meshd.store.api import Store
from meshd_crypto.hashing import digest
from meshd_protocol.bodies.federation import Piece
from meshd_protocol.errors import BadBodyError
from meshd_protocol.records import read_record


def name_of_file(data: bytes) -> bytes:
    """The hash that a file is known by: `b2sum -l 256` shows it, too."""
    return digest(data)


def file_of(store: Store, assembly: bytes, name: bytes) -> bytes | None:
    """A file, once all its pieces are here; None before that.

    Anybody may write pieces under any name: those of each device are a file of their own, and the hash tells which.
    """
    found: dict[tuple[bytes, int], dict[int, bytes]] = {}
    for row in store.find(tables.Piece, file=name):
        device, data = _part(store, assembly, row.id)
        if data is not None:
            found.setdefault((device, row.pieces), {}).setdefault(row.place, data)
    for (_, pieces), parts in found.items():
        if len(parts) == pieces:
            data = b"".join(parts[place] for place in sorted(parts))
            if name_of_file(data) == name:
                return data
    return None


def _part(store: Store, assembly: bytes, identity: bytes) -> tuple[bytes, bytes | None]:
    """The device that wrote a piece, and what is in it; None while its body is not here."""
    kept = store.get(tables.Kept, id=identity)
    assert kept is not None, "it has a row"
    record = read_record(assembly, kept.header, kept.signature, kept.body)
    try:
        return record.device, Piece.read(kept.body).data if kept.body is not None else None
    except BadBodyError:
        return record.device, None
