"""What strangers' bytes are fed to, for Atheris (`just fuzz`); `tests/unit/test_fuzz.py` holds it to run at all.

A reader may refuse with its own error. Anything else that it raises, a hang, or a message that does not read back as it
was written is a defect.
"""

import sys

from meshd_protocol.errors import BadRecordError, SessionError
from meshd_protocol.records import decode_record, wire
from meshd_protocol.sync import messages
from meshd_protocol.sync.arq import PacketReader
from meshd_protocol.sync.compact import Unpacker
from meshd_protocol.sync.framing import FrameReader, Joiner, Lane
from meshd_protocol.sync.session import Session

ASSEMBLY = b"a" * 32


def one(data: bytes) -> None:
    """Feed the bytes to one reader; the first byte says which."""
    if data:
        READERS[data[0] % len(READERS)](data[1:])


def _message(data: bytes) -> None:
    try:
        message = messages.read_message(data)
    except SessionError:
        return
    assert messages.write_message(message) == data


def _record(data: bytes) -> None:
    try:
        record = decode_record(ASSEMBLY, data)
    except BadRecordError:
        return
    assert wire(record) == data


def _frames(data: bytes) -> None:
    reader, joiner = FrameReader(), Joiner()
    try:
        for start in range(0, len(data), 7):
            reader.feed(data[start : start + 7])
            while (piece := reader.next()) is not None:
                joiner.add(piece)
    except SessionError:
        return


def _session(data: bytes) -> None:
    """Messages after each other, each after its length, in a session that said hello."""
    session = Session(
        initiator=bool(data[:1] > b"\x7f"), nonce=bytes(16), assembly=ASSEMBLY, features=(messages.COMPACT,)
    )
    session.hello(bytes(32), 0)
    try:
        session.receive(messages.write_message(messages.Hello((messages.VERSION,), (1,), b"n" * 16, bytes(32), 0, ())))
        at = 1
        while at + 2 <= len(data):
            size = int.from_bytes(data[at : at + 2], "big")
            session.receive(data[at + 2 : at + 2 + size], Lane(data[at] % 2))
            at += 2 + size
    except SessionError:
        return


def _packets(data: bytes) -> None:
    reader = PacketReader()
    for start in range(0, len(data), 11):
        for packet in reader.feed(data[start : start + 11]):
            assert [each.data for each in PacketReader().feed(packet.write())] == [packet.data]


def _packed(data: bytes) -> None:
    unpacker = Unpacker(ASSEMBLY)
    try:
        unpacker.unpack(b"\x89" + data)
        unpacker.unpack(data)
    except SessionError:
        return


READERS = (_message, _record, _frames, _session, _packets, _packed)

if __name__ == "__main__":
    import atheris  # type: ignore[import-not-found]

    atheris.instrument_all()
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
