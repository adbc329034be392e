"""The loops that sync is held against: records from one SQLite file to another over plain TCP, and nothing else.

The receiver decodes each record, checks its body's hash, makes its id and appends it to one table with one index. Loop
V verifies every signature, loop H that of the last record of each run of 100. No encryption, forks, projections, rules.
"""

import multiprocessing
import socket
import sqlite3
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import cbor2

from meshd_crypto.hashing import digest
from meshd_crypto.signing import verify
from meshd_protocol.records import signed_bytes

RUN = 100
BATCH = 1000


def write(path: Path, records: Iterable[bytes]) -> None:
    """The sender's file."""
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE log (number INTEGER PRIMARY KEY, data BLOB)")
    db.executemany("INSERT INTO log (data) VALUES (?)", ((data,) for data in records))
    db.commit()
    db.close()


def copy(assembly: bytes, source: Path, target: Path, *, every: bool) -> float:
    """Seconds from one file to the other; `every` says whether each signature is verified."""
    listener = socket.create_server(("127.0.0.1", 0))
    sender = multiprocessing.get_context("fork").Process(
        target=_send, args=(source, listener.getsockname()), daemon=True
    )
    begun = time.perf_counter()
    sender.start()
    stream, _ = listener.accept()
    _receive(assembly, stream, target, every)
    took = time.perf_counter() - begun
    sender.join()
    listener.close()
    return took


def _send(source: Path, address: tuple[str, int]) -> None:
    db = sqlite3.connect(source)
    with socket.create_connection(address) as stream:
        rows = db.execute("SELECT data FROM log ORDER BY number")
        while batch := rows.fetchmany(BATCH):
            stream.sendall(b"".join(struct.pack(">H", len(data)) + data for (data,) in batch))
        stream.sendall(struct.pack(">H", 0))


def _receive(assembly: bytes, stream: socket.socket, target: Path, every: bool) -> None:
    db = sqlite3.connect(target, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE log (id BLOB PRIMARY KEY, device BLOB, seq INTEGER, header, signature, body)")
    rows: list[tuple[object, ...]] = []
    for number, data in enumerate(_records(stream)):
        header, signature, body = cbor2.loads(data)
        _, device, _, seq, _, _, _, _, _, body_hash = cbor2.loads(header)
        assert digest(body) == body_hash
        signed = signed_bytes(assembly, header)
        if every or number % RUN == RUN - 1:
            assert verify(device, signed, signature)
        rows.append((digest(signed), device, seq, header, signature, body))
        if len(rows) == BATCH:
            _insert(db, rows)
            rows = []
    _insert(db, rows)
    db.close()


def _insert(db: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    db.execute("BEGIN")
    db.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)", rows)
    db.execute("COMMIT")


def _records(stream: socket.socket) -> Iterator[bytes]:
    with stream.makefile("rb") as file:
        while size := struct.unpack(">H", file.read(2))[0]:
            yield file.read(size)
