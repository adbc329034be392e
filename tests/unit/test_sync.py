"""Sync without IO: messages, states, frontiers and plans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshd_protocol import limits
from meshd_protocol.encoding import encode
from meshd_protocol.errors import SessionError
from meshd_protocol.sync import messages, session
from meshd_protocol.sync.framing import FrameReader, frame
from meshd_protocol.sync.frontier import Claim, Head, frontier_digest, mark, session_key
from meshd_protocol.sync.messages import read_message, write_message
from meshd_protocol.sync.reconcile import FULL, Claims, Fingerprints, View, answer, first_turn
from meshd_protocol.sync.session import TRANSITIONS, Phase, Role, Session

KEY = session_key(b"a" * 16, b"b" * 16)
D1, D2 = b"1" * 32, b"2" * 32

HELLO = messages.Hello((messages.VERSION,), (1, 7), b"n" * 16, b"d" * 32, 3, (b"b" * 16,))
EXAMPLES = [
    HELLO,
    messages.Wait(True),
    messages.Compare(
        (
            Fingerprints("3f", (b"", *[b"p" * 8] * 15)),
            Claims("3e", (Claim(D1, 0, 5, b"m" * 8), Claim(D2, 1, None, b"m" * 8)), True),
            Claims(b"b" * 16, (), False),
        ),
        False,
    ),
    messages.Sending(5, 600),
    messages.Records((b"one", b"two")),
    messages.Done(),
    messages.Digest(b"d" * 32),
    messages.Same(),
    messages.Listing(D1, 0, (b"m" * 8,), False),
    messages.Want((b"i" * 32,)),
    messages.Bodies(((b"i" * 32, b"body"),)),
    messages.Pushed((b"three",)),
    messages.Have((Claim(D1, 0, 5, b"m" * 8),)),
    messages.Ask(((D1, 0, 5),)),
    messages.Push(True),
    messages.Go(),
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
        ("want", 9, [b"i" * 32] * 129),
        ("bodies", 10, [[b"i" * 32, b""]] * 129),
        ("pushed", 11, [b"x"] * (limits.RUN + 1)),
        ("have", 12, [[D1, 0, 1, b"m" * 8]] * 801),
        ("ask", 13, [[D1, 0, 1]] * 801),
    ):
        with pytest.raises(SessionError):
            read_message(encode([kind, items])), name
    with pytest.raises(SessionError):
        read_message(encode([2, [["", [[D1, 0, 1, b"m" * 8]] * 801, True]], False]))
    prints = [b""] * 16
    for part in (["f" * 64, prints], ["g", prints], ["", prints[1:]], [b"b" * 15, [], True], ["f" * 65, [], True]):
        with pytest.raises(SessionError):
            read_message(encode([2, [part], False]))
    for hello in ([[2] * 17, [], b"n" * 16, D1, 0, []], [[2], [1] * 33, b"n" * 16, D1, 0, []]):
        with pytest.raises(SessionError):
            read_message(encode([0, *hello]))
    with pytest.raises(SessionError):
        read_message(encode([0, [2], [], b"n" * 16, D1, 0, [b"b" * 16] * 5]))


def test_what_is_sent_fits_into_a_frame():
    most = (Claim(D1, 2, limits.INTEGER - 1, b"m" * 8),) * 2500
    many = [Fingerprints(f"{n:x}", (b"p" * 8,) * 16) for n in range(1000)]
    for turn in ([Claims("", most, False), *many], [], [Claims(f"{n:064x}", most[:1], True) for n in range(3000)]):
        parts = messages.turn_messages(turn)
        assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
        assert sum(len(each.claims) for part in parts for each in part.parts if isinstance(each, Claims)) == sum(
            len(each.claims) for each in turn if isinstance(each, Claims)
        )
        for part in parts:
            assert len(write_message(part)) <= messages.BYTES
            assert read_message(write_message(part)) == part
    for listing in messages.listing_messages(D1, 0, [b"m" * 8] * 9000):
        assert len(write_message(listing)) <= messages.BYTES
        assert read_message(write_message(listing)) == listing
    batches = list(messages.batches([b"x" * limits.RECORD_BYTES] * 10 + [b"y"] * 300, 60_000))
    assert sum(map(len, batches)) == 310
    assert all(len(write_message(messages.Records(batch))) <= messages.BYTES for batch in batches)
    for message in (*messages.have_messages(list(most)), *messages.ask_messages([((D1, 0), 2**52)] * 2500)):
        assert read_message(write_message(message)) == message


def _pair() -> tuple[Session, Session]:
    return Session(initiator=True, nonce=b"1" * 16), Session(initiator=False, nonce=b"2" * 16)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_the_table_of_states(role, phase, message):
    """Every message in every phase, by both roles: it leads where the table says, or ends the session."""
    one = Session(initiator=role is Role.RESPONDER, nonce=b"1" * 16)
    one.hello(b"e" * 32, 5)
    one.receive(write_message(HELLO))
    one.theirs = phase
    allowed = TRANSITIONS[role][phase].get(type(message))
    if allowed is None:
        with pytest.raises(SessionError, match=r"has no place|for us to begin"):
            one.receive(write_message(message))
        assert one.theirs is phase
    else:
        one.receive(write_message(message))
        assert one.theirs is allowed
        begun = phase is Phase.OPEN and type(message) is messages.Compare
        assert one.mine is (Phase.COMPARING if begun else Phase.OPEN)


def test_what_we_say_follows_the_table_too():
    """A driver that errs is stopped before anything is said."""
    one, two = _pair()
    for early in (one.begin, one.done):
        with pytest.raises(AssertionError):
            early()
    two.wait(everything=True)
    assert (two.mine, two.lets_read) == (Phase.WAITING, False)
    two.hello(b"d" * 32, 4)
    for late in (lambda: two.hello(b"d" * 32, 4), two.begin, two.done):
        with pytest.raises(AssertionError):
            late()
    assert two.mine is Phase.OPEN


def test_what_was_read_counts_when_it_is_heard():
    """Reading runs ahead of taking in: a Done changes nothing before the records that came before it are here."""
    one, two = _open()
    one.begin()
    two.receive(write_message(messages.Compare((), False)))
    read = one.read(write_message(two.done()))
    one.done()
    assert one.comparing
    assert one.hear(read) == session.Finished()
    assert not one.comparing


def test_membership_is_proven_once():
    """The first Wait asks for it, once we let the peer read; any other needs no answer."""
    one, _ = _pair()
    wait = write_message(messages.Wait(True))
    assert one.receive(wait) is None
    one.hello(b"e" * 32, 5)
    assert one.receive(wait) == session.Asked(True)
    assert one.receive(wait) is None


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_who_may_not_read_asks_for_nothing(message):
    """Before our own hello, a peer may greet, wait, and hand in records: anything else ends the session."""
    one, other = _pair()
    one.receive(write_message(other.hello(b"d" * 32, 4)))
    if type(message) in (messages.Wait, messages.Records):
        one.receive(write_message(message))
    else:
        with pytest.raises(SessionError):
            one.receive(write_message(message))


def test_listings_are_bounded_over_all_chains():
    one, two = _pair()
    one.hello(b"e" * 32, 5)
    one.receive(write_message(two.hello(b"d" * 32, 4)))
    with pytest.raises(SessionError, match="more records than anybody has"):
        for number in range(200):
            for part in messages.listing_messages(bytes([number]) * 32, 0, [n.to_bytes(8, "big") for n in range(4000)]):
                one.receive(write_message(part._replace(more=True)))


def test_both_sides_derive_one_key():
    one, two = _pair()
    two.receive(write_message(one.hello(b"d" * 32, 4)))
    greeted = one.receive(write_message(two.hello(b"e" * 32, 5, (b"b" * 16,))))
    assert greeted == session.Greeted(frozenset(), b"e" * 32, 5, (b"b" * 16,))
    assert one.key == two.key
    with pytest.raises(SessionError):
        _ = _pair()[0].key


def test_other_versions_are_refused():
    one, _ = _pair()
    with pytest.raises(SessionError, match="update"):
        one.receive(write_message(HELLO._replace(versions=(1, 3))))


def test_features_are_those_that_both_have():
    one = Session(initiator=True, nonce=b"1" * 16, features=(7, 9))
    greeted = one.receive(write_message(HELLO))
    assert isinstance(greeted, session.Greeted)
    assert greeted.features == {7}


def _open() -> tuple[Session, Session]:
    one, two = _pair()
    hello = two.hello(b"d" * 32, 4)
    two.receive(write_message(one.hello(b"e" * 32, 5)))
    one.receive(write_message(hello))
    return one, two


def test_turns_and_listings_come_in_parts():
    _, one = _open()
    first, last = Claims("0", (Claim(D1, 0, 5, b"m" * 8),), False), Claims("1", (Claim(D2, 0, 6, b"n" * 8),), False)
    assert one.receive(write_message(messages.Compare((first,), True))) is None
    assert one.receive(write_message(messages.Compare((last,), False))) == session.Turned((first, last))
    assert one.receive(write_message(messages.Compare((), False))) == session.Turned(())
    assert one.receive(write_message(messages.Listing(D1, 0, (b"m" * 8,), True))) is None
    listed = one.receive(write_message(messages.Listing(D1, 0, (b"n" * 8,), False)))
    assert listed == session.Listed((D1, 0), frozenset({b"m" * 8, b"n" * 8}))


def test_who_begins_and_when():
    """The side that made the link begins; the next comparison waits until both are done."""
    turn = write_message(messages.Compare((), False))
    one, two = _open()
    with pytest.raises(SessionError, match="for us to begin"):
        one.receive(turn)
    one, two = _open()
    one.begin()
    assert one.comparing
    two.receive(turn)
    assert two.comparing
    two.receive(write_message(one.done()))
    assert two.comparing, "we are not done"
    with pytest.raises(SessionError, match="before the last one was over"):
        two.receive(turn)
    one, two = _open()
    one.begin()
    two.receive(turn)
    one.receive(write_message(two.done()))
    two.receive(write_message(one.done()))
    assert not one.comparing
    assert not two.comparing
    one.begin()
    two.receive(turn)


def test_a_comparison_ends():
    _, two = _open()
    with pytest.raises(SessionError, match="does not end"):
        for _ in range(limits.TURNS + 1):
            two.receive(write_message(messages.Compare((), False)))


@pytest.mark.parametrize("ranges", [("", ""), ("3", "3"), ("3", "31"), ("", "f")])
def test_a_turn_speaks_of_each_range_once(ranges):
    parts = tuple(Fingerprints(each, (b"",) * 16) for each in ranges)
    _, two = _open()
    with pytest.raises(SessionError, match="one range twice"):
        two.receive(write_message(messages.Compare(parts, False)))
    mixed = (parts[0], Claims(ranges[1], (), True))
    _, two = _open()
    with pytest.raises(SessionError, match="one range twice"):
        two.receive(write_message(messages.Compare(mixed, False)))


def _plan(mine, theirs, ids=None):
    def id_at(chain, seq):
        return (ids or {}).get((chain, seq))

    told = View(theirs, KEY, id_at).claims("", final=True)
    turn, lacks = answer(View(mine, KEY, id_at), [told])
    assert turn == []
    return lacks


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


def test_how_a_comparison_begins():
    def turn(mine: int, theirs: int):
        heads = [Head(bytes([n // 256, n % 256]) * 16, 0, 0, b"i" * 32, None) for n in range(mine)]
        (part,), _ = first_turn(View(heads, KEY, lambda *_: None), theirs)
        return type(part)

    assert turn(FULL, FULL) is turn(0, 10 * FULL) is turn(FULL, 0) is Claims
    assert turn(FULL + 1, 0) is turn(1, FULL + 1) is Fingerprints


def test_a_frame_as_long_as_it_may_be():
    reader = FrameReader(b"", 300)
    reader.feed(frame(b"x" * 300) + frame(b"x" * 300)[:-1])
    assert reader.next() == b"x" * 300
    assert reader.next() is None
    reader.feed(b"x" + frame(b"x" * 301)[:2])
    assert reader.next() == b"x" * 300
    with pytest.raises(SessionError, match="too long"):
        reader.next()


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
