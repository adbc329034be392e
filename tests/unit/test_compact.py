"""Packed records come out as they went in, whatever they are; what no packer sends ends the session."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshd_protocol.bodies.talk import Message
from meshd_protocol.encoding import encode
from meshd_protocol.errors import SessionError
from meshd_protocol.kinds import Kind
from meshd_protocol.records import encode_record, wire
from meshd_protocol.sync import compact, messages
from meshd_protocol.sync.compact import Packer, Unpacker
from meshd_protocol.sync.framing import Joiner, Lane, pieces
from meshd_protocol.sync.session import Session
from tests.worlds import Author

ASSEMBLY = b"a" * 32


def _records(seed: int, count: int) -> list[bytes]:
    rng = random.Random(seed)
    authors = [Author(ASSEMBLY, f"P{n}", seed * 10 + n) for n in range(3)]
    found = []
    for _ in range(count):
        author = rng.choice(authors)
        kind = rng.choice([Kind.BALLOT, Kind.MESSAGE, Kind.CERTIFICATE, 5000])
        if kind == Kind.BALLOT:
            record = author.ballot(rng.randbytes(32))
        elif kind == Kind.MESSAGE:
            record = author.write(kind, Message(rng.randbytes(16), "general", "hello"), deps=(rng.randbytes(32),))
        else:
            record = author.write(kind, rng.randbytes(rng.randrange(50)), log=0)
        found.append(wire(record))
        if rng.random() < 0.1:
            found.append(encode_record(record.header, record.signature, None))
        if rng.random() < 0.1:
            found.append(b"\x83" + rng.randbytes(39))  # what is in a log begins so: no packed one does
    return found


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 30))
def test_what_goes_in_comes_out(seed, count):
    packer, unpacker = Packer(ASSEMBLY), Unpacker(ASSEMBLY)
    records = _records(seed, count)
    assert [unpacker.unpack(packer.pack(data)) for data in records] == records


def test_a_ballot_is_half_as_long():
    author = Author(ASSEMBLY, "Ada", 1)
    records = [wire(author.ballot(bytes([n]) * 32)) for n in range(20)]
    packer = Packer(ASSEMBLY)
    packed = [packer.pack(data) for data in records]
    assert len(packed[-1]) < 0.6 * len(records[-1])
    assert len(packed[0]) < len(records[0]) - 30


def test_a_dictionary_has_a_bound(monkeypatch):
    monkeypatch.setattr(compact, "AUTHORS", 2)
    packer, unpacker = Packer(ASSEMBLY), Unpacker(ASSEMBLY)
    authors = [Author(ASSEMBLY, f"P{n}", n) for n in range(4)]
    for _ in range(3):
        for author in authors:
            data = wire(author.ballot(b"q" * 32))
            assert unpacker.unpack(packer.pack(data)) == data
    assert (len(unpacker._known.authors), len(unpacker._known.last)) == (2, 2)


@given(st.recursive(st.none() | st.booleans() | st.integers(0, 9) | st.binary(max_size=3), st.lists, max_leaves=12))
def test_nonsense_ends_the_session(value):
    data = encode(value)
    unpacker = Unpacker(ASSEMBLY)
    try:
        assert unpacker.unpack(data) == data or data[0] == 0x89
    except SessionError:
        assert data[0] == 0x89


@pytest.mark.parametrize(
    "parts",
    [
        [0, 0, 0, None, 0, 33, [], b"s" * 64, b""],
        [-1, 0, 0, None, 0, 33, [], b"s" * 64, b""],
        [b"d" * 32, 0, 1, True, 0, 33, [], b"s" * 64, b""],
        [b"d" * 32, 0, 1, None, 0, 33, [], b"s" * 64, None],
        [b"d" * 32, [], 1, True, 0, 33, [], b"s" * 64, b""],
        ["d", 0, 1, None, 0, 33, [], b"s" * 64, b""],
    ],
)
def test_what_no_packer_sends(parts):
    with pytest.raises(SessionError, match="can't be unpacked"):
        Unpacker(ASSEMBLY).unpack(encode(parts))


def test_sessions_unpack_by_lane_where_they_offered_it():
    author = Author(ASSEMBLY, "Ada", 1)
    records = [wire(author.ballot(bytes([n]) * 32)) for n in range(4)]
    for features, whole in (((messages.COMPACT,), True), ((), False)):
        session = Session(initiator=True, nonce=b"n" * 16, assembly=ASSEMBLY, features=features)
        session.hello(bytes(32), 0)
        session.receive(messages.write_message(messages.Hello((2,), (1,), b"m" * 16, bytes(32), 0, ())))
        packers = {lane: Packer(ASSEMBLY) for lane in Lane}
        for lane in Lane:
            for data in records:
                message = messages.write_message(messages.Pushed((packers[lane].pack(data),)))
                event = session.receive(message, lane)
                assert (event.batch == (data,)) is whole


def test_lanes_are_put_together_each_for_itself():
    long, short = b"x" * 1000, b"y" * 150
    one, two = list(pieces(long, Lane.BULK, 100)), list(pieces(short, Lane.URGENT, 100))
    joiner = Joiner()
    found = [joiner.add(piece) for piece in (one[0], two[0], one[1], two[1], *one[2:])]
    assert [each for each in found if each] == [(Lane.URGENT, short), (Lane.BULK, long)]
    for bad in (b"", b"\x04x", b"\xffx"):
        with pytest.raises(SessionError, match="no lane"):
            joiner.add(bad)
    with pytest.raises(SessionError, match="longer than any"):
        for _ in range(700):
            joiner.add(b"\x01" + b"z" * 100)
