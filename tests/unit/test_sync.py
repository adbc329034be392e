"""Sync without IO: messages, states, frontiers and plans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshd_protocol import limits
from meshd_protocol.encoding import encode
from meshd_protocol.errors import SessionError
from meshd_protocol.sync import messages, session
from meshd_protocol.sync.frontier import Claim, Head, claims, frontier_digest, mark, plan, session_key
from meshd_protocol.sync.messages import read_message, write_message
from meshd_protocol.sync.session import TRANSITIONS, Phase, Session

KEY = session_key(b"a" * 16, b"b" * 16)
D1, D2 = b"1" * 32, b"2" * 32

EXAMPLES = [
    messages.Hello((1,), b"n" * 16, b"d" * 32),
    messages.Wait(True),
    messages.Frontier((Claim(D1, 0, 5, b"m" * 8), Claim(D2, 1, None, b"m" * 8)), False),
    messages.Sending(5, 600),
    messages.Records((b"one", b"two")),
    messages.Done(),
    messages.Digest(b"d" * 32),
    messages.Listing(D1, 0, (b"m" * 8,), False),
    messages.Want((b"i" * 32,)),
    messages.Bodies(((b"i" * 32, b"body"),)),
]


def test_every_message_has_an_example_and_reads_back():
    assert {type(each) for each in EXAMPLES} == set(messages._NUMBERS)
    for message in EXAMPLES:
        assert read_message(write_message(message)) == message


@given(st.binary(max_size=300))
def test_garbage_is_refused_and_nothing_else_happens(data):
    try:
        message = read_message(data)
    except SessionError:
        return
    assert write_message(message) == data


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_spoiled_messages_are_refused(number):
    fields = [number, *_plain(EXAMPLES[number])]
    for at in range(1, len(fields)):
        for bad in (None, -1, "x", [[]], 2**60 if number != 3 else -5):
            if fields[at] == bad:
                continue
            spoiled = [*fields[:at], bad, *fields[at + 1 :]]
            with pytest.raises(SessionError):
                read_message(encode(spoiled))
    for wrong in (fields[:-1] if len(fields) > 1 else [99], [*fields, 0]):
        with pytest.raises(SessionError):
            read_message(encode(wrong))


def _plain(value):
    return [_plain(each) if isinstance(each, tuple) else each for each in value]


def test_messages_one_past_their_bounds():
    for name, kind, items in (
        ("records", 4, [b"x"] * (limits.RUN + 1)),
        ("want", 8, [b"i" * 32] * 129),
        ("bodies", 9, [[b"i" * 32, b""]] * 129),
    ):
        with pytest.raises(SessionError):
            read_message(encode([kind, items])), name
    with pytest.raises(SessionError):
        read_message(encode([2, [[D1, 0, 1, b"m" * 8]] * 801, False]))


def test_what_is_sent_fits_into_a_frame():
    most = [Claim(D1, 2, limits.INTEGER - 1, b"m" * 8)] * 2500
    parts = messages.frontier_messages(most)
    assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
    assert sum(len(part.claims) for part in parts) == 2500
    for part in parts:
        assert len(write_message(part)) <= messages.BYTES
        assert read_message(write_message(part)) == part
    for listing in messages.listing_messages(D1, 0, [b"m" * 8] * 9000):
        assert len(write_message(listing)) <= messages.BYTES
        assert read_message(write_message(listing)) == listing
    batches = list(messages.batches([b"x" * limits.RECORD_BYTES] * 10 + [b"y"] * 300))
    assert sum(len(batch.batch) for batch in batches) == 310
    assert all(len(write_message(batch)) <= messages.BYTES for batch in batches)


def _pair() -> tuple[Session, Session]:
    return Session(initiator=True, nonce=b"1" * 16), Session(initiator=False, nonce=b"2" * 16)


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_the_table_of_states(phase, message):
    """Every message in every phase: what the table allows leads where it says, anything else ends the session."""
    one, other = _pair()
    one.hello(b"e" * 32)
    one.receive(write_message(other.hello(b"d" * 32)))
    one.phase = phase
    allowed = TRANSITIONS[phase].get(type(message))
    if allowed is None:
        with pytest.raises(SessionError, match="has no place"):
            one.receive(write_message(message))
    else:
        one.receive(write_message(message))
        assert one.phase is allowed


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_who_may_not_read_asks_for_nothing(message):
    """Before our own hello, a peer may greet, wait, and hand in records: anything else ends the session."""
    one, other = _pair()
    one.receive(write_message(other.hello(b"d" * 32)))
    if type(message) in (messages.Wait, messages.Records):
        one.receive(write_message(message))
    else:
        with pytest.raises(SessionError):
            one.receive(write_message(message))


def test_listings_are_bounded_over_all_chains():
    one, two = _pair()
    one.hello(b"e" * 32)
    one.receive(write_message(two.hello(b"d" * 32)))
    with pytest.raises(SessionError, match="more records than anybody has"):
        for number in range(200):
            for part in messages.listing_messages(bytes([number]) * 32, 0, [n.to_bytes(8, "big") for n in range(4000)]):
                one.receive(write_message(part._replace(more=True)))


def test_both_sides_derive_one_key():
    one, two = _pair()
    two.receive(write_message(one.hello(b"d" * 32)))
    assert one.receive(write_message(two.hello(b"e" * 32))) == session.Greeted(b"e" * 32)
    assert one.key == two.key
    with pytest.raises(SessionError):
        _ = _pair()[0].key


def test_other_versions_are_refused():
    one, _ = _pair()
    with pytest.raises(SessionError, match="update"):
        one.receive(write_message(messages.Hello((2, 3), b"n" * 16, b"d" * 32)))


def test_frontiers_and_listings_come_in_parts():
    one, two = _pair()
    one.hello(b"e" * 32)
    one.receive(write_message(two.hello(b"d" * 32)))
    first, last = Claim(D1, 0, 5, b"m" * 8), Claim(D2, 0, 6, b"n" * 8)
    assert one.receive(write_message(messages.Frontier((first,), True))) is None
    assert one.receive(write_message(messages.Frontier((last,), False))) == session.Surveyed(
        {(D1, 0): first, (D2, 0): last}
    )
    assert one.receive(write_message(messages.Frontier((), False))) == session.Surveyed({})
    assert one.receive(write_message(messages.Listing(D1, 0, (b"m" * 8,), True))) is None
    listed = one.receive(write_message(messages.Listing(D1, 0, (b"n" * 8,), False)))
    assert listed == session.Listed((D1, 0), frozenset({b"m" * 8, b"n" * 8}))


def _plan(mine, theirs, ids=None):
    told = {(claim.device, claim.log): claim for claim in claims(theirs, KEY)}
    return plan(mine, told, KEY, lambda chain, seq: (ids or {}).get((chain, seq)))


def test_plans():
    short, long = Head(D1, 0, 3, b"s" * 32, None), Head(D1, 0, 9, b"l" * 32, None)
    at = {((D1, 0), 3): b"s" * 32}
    assert _plan([long], []) == ([((D1, 0), 0)], [])
    assert _plan([long], [long]) == ([], [])
    assert _plan([long], [short], at) == ([((D1, 0), 4)], [])
    assert _plan([short], [long]) == ([], []), "the shorter side waits"


def test_a_height_alone_hides_forks():
    """Two heads at one height, or a chain that does not begin as ours: both sides list."""
    one, other = Head(D1, 0, 3, b"s" * 32, None), Head(D1, 0, 3, b"t" * 32, None)
    longer = Head(D1, 0, 9, b"l" * 32, None)
    assert _plan([one], [other]) == ([], [(D1, 0)])
    assert _plan([longer], [other], {((D1, 0), 3): b"s" * 32}) == ([], [(D1, 0)])
    forked, same = Head(D1, 0, 9, b"l" * 32, b"b" * 32), Head(D1, 0, 9, b"m" * 32, b"b" * 32)
    assert _plan([forked], [same]) == ([], [])
    assert _plan([forked], [one]) == ([], [(D1, 0)])
    assert _plan([one], [forked]) == ([], [(D1, 0)])
    assert _plan([forked], [forked._replace(branches=b"c" * 32)]) == ([], [(D1, 0)])


def test_decisions_go_before_talk():
    heads = [Head(D1, 1, 0, b"i" * 32, None), Head(D2, 0, 0, b"i" * 32, None), Head(D1, 0, 0, b"i" * 32, None)]
    assert [chain for chain, _ in _plan(heads, []).ranges] == [(D1, 0), (D2, 0), (D1, 1)]


def test_marks_differ_from_session_to_session():
    assert mark(KEY, b"i" * 32) != mark(session_key(b"a" * 16, b"c" * 16), b"i" * 32)
    assert session_key(b"a" * 16, b"b" * 16) != session_key(b"b" * 16, b"a" * 16)


def test_the_digest_covers_every_head_in_any_order():
    heads = [Head(D1, 0, 3, b"s" * 32, None), Head(D2, 1, 4, b"t" * 32, b"b" * 32)]
    digest = frontier_digest(heads)
    assert frontier_digest(reversed(heads)) == digest
    for other in (
        heads[:1],
        [heads[0]._replace(seq=4), heads[1]],
        [heads[0]._replace(id=b"u" * 32), heads[1]],
        [heads[0], heads[1]._replace(branches=b"c" * 32)],
    ):
        assert frontier_digest(other) != digest
    assert frontier_digest([heads[0], heads[1]._replace(id=b"x" * 32, seq=9)]) == digest, (
        "a forked chain has no one end"
    )
