"""The reliable stream over a bad line: whatever is lost or spoiled, the bytes come in order, or the call ends."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshd_protocol.errors import SessionError
from meshd_protocol.sync.arq import HELD, PAYLOAD, Call, Kind, Packet, PacketReader


@given(
    st.binary(max_size=PAYLOAD), st.integers(0, 65535), st.binary(max_size=40).map(lambda b: b.replace(b"\xc0", b""))
)
def test_a_packet_is_found_after_any_noise(data, call, noise):
    reader = PacketReader()
    packets = reader.feed(noise + Packet(Kind.DATA, call, 7, 9, data).write())
    assert [(each.kind, each.call, each.seq, each.ack, each.data) for each in packets] == [
        (Kind.DATA, call, 7, 9, data)
    ]
    assert reader.spoiled == int(bool(noise))


@given(st.binary(max_size=600))
def test_noise_is_no_packet_and_takes_no_memory(noise):
    reader = PacketReader()
    for _ in range(3):
        assert reader.feed(noise) == []
    assert len(reader._buffer) <= 2 * (PAYLOAD + 9)


def test_a_line_that_never_ends_a_packet():
    reader = PacketReader()
    assert reader.feed(b"x" * 10_000) == []
    assert (len(reader._buffer), reader.spoiled) == (0, 1)


def test_a_spoiled_packet_is_dropped():
    good = Packet(Kind.DATA, 1, 1, 0, b"yes").write()
    for at in range(1, len(good) - 1):
        for bit in range(8):
            reader = PacketReader()
            spoiled = bytearray(good)
            spoiled[at] ^= 1 << bit
            assert [each.data for each in reader.feed(bytes(spoiled))] == []
            assert [each.data for each in reader.feed(good)] == [b"yes"], "the next one is found"
    assert PacketReader().feed(b"\xc0" + b"x" * (PAYLOAD + 10) + b"\xc0") == []


def talk(seed: int, loss: float, first: bytes, second: bytes) -> tuple[bytes, bytes]:
    """Both ends send over a line that loses or spoils some packets; what each one got in five minutes."""
    rng = random.Random(seed)
    now = 0.0
    one = Call(5, 1000, now, caller=True)
    two: Call | None = None
    readers = {1: PacketReader(), 2: PacketReader()}
    to_send = {1: first, 2: second}
    while now < 300:
        now += 0.1
        for number, call in ((1, one), (2, two)):
            if call is None or call.ended:
                continue
            while to_send[number] and call.room:
                call.send(to_send[number][:200], now)
                to_send[number] = to_send[number][200:]
            call.tick(now)
            while call.out:
                data = bytearray(call.out.popleft())
                if rng.random() < loss:
                    if rng.random() < 0.5:
                        continue
                    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                for packet in readers[3 - number].feed(bytes(data)):
                    if two is None and packet.kind == Kind.SYN:
                        two = Call(packet.call, 1000, now, caller=False)
                    elif (target := two if number == 1 else one) is not None and packet.call == target.number:
                        target.receive(packet, now)
        if two is not None and not to_send[1] and not to_send[2] and one.settled and two.settled:
            break
    return bytes(one.got), bytes(two.got) if two else b""


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.1, 0.3]), st.binary(max_size=3000), st.binary(max_size=3000))
def test_bytes_come_in_order_over_a_bad_line(seed, loss, first, second):
    assert talk(seed, loss, first, second) == (second, first)


def test_many_packets_wrap_the_numbers():
    data = random.Random(1).randbytes(PAYLOAD * 500)
    assert talk(2, 0.02, data, b"") == (b"", data)


def test_who_does_not_read_is_sent_no_more_until_it_does():
    """What has no room is left on the line, and comes again: nothing is lost, and nothing fills the memory."""
    one, two = Call(1, 10_000, 0.0, caller=True), Call(1, 10_000, 0.0, caller=False)
    readers = {one: PacketReader(), two: PacketReader()}
    data = random.Random(3).randbytes(HELD + 50 * PAYLOAD)
    rest, got = data, bytearray()
    for tenth in range(20_000):
        while rest and one.room:
            one.send(rest[:PAYLOAD], tenth / 10)
            rest = rest[PAYLOAD:]
        for near, far in ((one, two), (two, one)):
            near.tick(tenth / 10)
            while near.out:
                for packet in readers[far].feed(near.out.popleft()):
                    far.receive(packet, tenth / 10)
        assert len(two.got) < HELD + PAYLOAD
        if tenth > 10_000:  # a quarter of an hour later it reads again
            assert got or len(two.got) >= HELD
            got += two.got
            two.got.clear()
    assert bytes(got) == data


def test_a_far_end_that_does_not_answer():
    call = Call(1, 1000, 0.0, caller=True)
    with pytest.raises(SessionError, match="does not answer"):
        for second in range(10_000):
            call.tick(float(second))
    assert len(call.out) < 20, "and it was not shouted at for ever"


def test_a_call_that_was_finished():
    one, two = Call(1, 1000, 0.0, caller=True), Call(1, 1000, 0.0, caller=False)
    for data in two.out:
        for packet in PacketReader().feed(data):
            one.receive(packet, 0.0)
    assert one.open
    one.finish()
    for packet in PacketReader().feed(one.out[-1]):
        two.receive(packet, 0.0)
    assert two.ended
    said = len(two.out)
    two.finish()
    assert len(two.out) == said, "nobody is left to tell"
