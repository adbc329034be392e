"""Authenticity: one rule, whatever the order and the size of the pieces."""

import random

from meshd_protocol import limits
from meshd_protocol.chains import Waiting, authentic_prefix, settle
from meshd_protocol.kinds import Kind
from meshd_protocol.records import Record, is_signed
from tests.worlds import Author

ASSEMBLY = b"a" * 32


def _chain(length: int, badly_signed=frozenset()) -> list[Record]:
    author = Author(ASSEMBLY, "Ada", 7)
    records = [author.write(Kind.BALLOT, b"\xa0") for _ in range(length)]
    return [record._replace(signature=bytes(64)) if n in badly_signed else record for n, record in enumerate(records)]


class _Counting:
    def __init__(self) -> None:
        self.checks = 0

    def __call__(self, record: Record) -> bool:
        self.checks += 1
        return is_signed(ASSEMBLY, record)


def test_one_signature_authenticates_a_run_of_128():
    verify = _Counting()
    assert authentic_prefix(_chain(limits.RUN), verify) == limits.RUN
    assert verify.checks == 1
    assert authentic_prefix(_chain(limits.RUN + 1), verify) == limits.RUN + 1
    assert verify.checks == 3


def test_a_descendant_authenticates_127_before_it_and_not_one_more():
    bad = frozenset(range(limits.RUN - 1))
    assert authentic_prefix(_chain(limits.RUN, bad), _Counting()) == limits.RUN
    bad = frozenset(range(limits.RUN))
    assert authentic_prefix(_chain(limits.RUN + 1, bad), _Counting()) == 0


def test_a_flipped_last_signature_costs_that_record_alone():
    """Hard case 5, first half: the run is tried backwards."""
    assert authentic_prefix(_chain(10, {9}), _Counting()) == 9


def test_300_bad_signatures_and_one_good():
    """Hard case 6: nothing is valid, since 173 of them have no good signature within reach."""
    records = _chain(301, frozenset(range(300)))
    assert settle(records, {}, _Counting()).valid == []
    assert len(settle(_chain(101, frozenset(range(100))), {}, _Counting()).valid) == 101


def test_pieces_in_any_order_settle_as_the_whole_does():
    rng = random.Random(5)
    for _ in range(20):
        bad = frozenset(rng.sample(range(200), rng.randrange(200)))
        records = _chain(200, bad)
        whole = {record.id for record in settle(records, {}, _Counting()).valid}
        pieces = [records[at : at + rng.randint(1, 60)] for at in range(0, 200, 1)]
        rng.shuffle(pieces)
        waiting, held = Waiting(), {}
        key = (records[0].device, 0)
        for piece in pieces:
            fresh = {r.id: r for r in [*waiting.take(key), *piece] if r.id not in held}
            settled = settle(list(fresh.values()), held, waiting.remembering(_Counting()))
            held.update({record.id: record.seq for record in settled.valid})
            waiting.put(key, settled.waiting)
        assert set(held) == whole, f"bad signatures at {sorted(bad)}"


def test_branches_settle_each_by_its_own_descendants():
    author = Author(ASSEMBLY, "Ada", 8)
    trunk = [author.write(Kind.BALLOT, b"\xa0") for _ in range(3)]
    twin = author.fork()
    left = [author.write(Kind.BALLOT, b"\xa1\x00\x01") for _ in range(2)]
    right = [twin.write(Kind.BALLOT, b"\xa1\x00\x02")._replace(signature=bytes(64))]
    settled = settle([*trunk, *left, *right], {}, _Counting())
    assert {record.id for record in settled.valid} == {record.id for record in [*trunk, *left]}
    assert [record.id for record in settled.waiting] == [right[0].id]


def test_a_record_with_an_impossible_seq_never_becomes_valid():
    author = Author(ASSEMBLY, "Ada", 9)
    first = author.write(Kind.BALLOT, b"\xa0")
    skipped = author.write(Kind.BALLOT, b"\xa0", after=first._replace(seq=5))
    settled = settle([first, skipped], {}, _Counting())
    assert settled.valid == [first]
    assert settled.broken == [skipped]
    assert settle([skipped], {first.id: 0}, _Counting()).broken == [skipped]


def test_a_gap_waits():
    records = _chain(3)
    settled = settle(records[1:], {}, _Counting())
    assert settled.valid == []
    assert settled.waiting == records[1:]


def test_the_buffer_is_bounded_and_forgets_the_oldest_chain():
    waiting = Waiting(capacity=10_000)
    chains = []
    for seed in range(20):
        author = Author(ASSEMBLY, "x", seed)
        record = author.write(Kind.BALLOT, encode_text(800))
        waiting.put((record.device, 0), [record])
        chains.append((record.device, 0))
    assert waiting.size <= 10_000
    assert waiting.dropped > 0
    assert waiting.take(chains[0]) == []
    assert len(waiting.take(chains[-1])) == 1
    assert waiting.size >= 0


def encode_text(size: int) -> bytes:
    from meshd_protocol.encoding import encode

    return encode("x" * size)


def test_a_signature_that_failed_is_not_checked_again():
    verify, waiting = _Counting(), Waiting()
    record = _chain(1, {0})[0]
    remembering = waiting.remembering(verify)
    assert not remembering(record)
    assert not remembering(record)
    assert verify.checks == 1
