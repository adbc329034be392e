"""Two session machines and nothing else: any two logs become one, however the bytes between them are cut."""

import functools
from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from meshd_crypto.hashing import digest
from meshd_protocol.sync import messages, reconcile, session
from meshd_protocol.sync.framing import FrameReader, Joiner, Lane, frame, pieces
from meshd_protocol.sync.frontier import Head, branches_digest, frontier_digest, mark
from meshd_protocol.sync.reconcile import Base, View
from meshd_protocol.sync.session import Session

Item = tuple[tuple[bytes, int], int, bytes]
"""(chain, seq, id)."""


@functools.cache
def item(device: int, log: int, seq: int, branch: int = 0) -> Item:
    chain = (digest(bytes([device // 256, device % 256])), log)
    return chain, seq, digest(chain[0], bytes([log, branch]), seq.to_bytes(4, "big"))


class Side:
    """A log of items without contents, and one side of a session about it."""

    def __init__(self, items: set[Item], *, initiator: bool, met: tuple[bytes, set[Item]] | None = None) -> None:
        self.items = set(items)
        self.met = met
        self.sent: list[Item] = []
        self.out = bytearray()
        self.written = 0
        self.turns = 0
        self.told = False
        self._session = Session(initiator=initiator, nonce=bytes([initiator]) * 16)
        self._reader, self._joiner = FrameReader(), Joiner()
        self._pending: deque[messages.Message] = deque()
        self._theirs: session.Greeted | None = None
        bases = (met[0],) if met else ()
        self.say(self._session.hello(frontier_digest(self.heads()), len(self.heads()), bases))

    def heads(self) -> list[Head]:
        chains: dict[tuple[bytes, int], list[Item]] = {}
        for each in self.items:
            chains.setdefault(each[0], []).append(each)
        heads = []
        for chain, items in chains.items():
            seqs = [seq for _, seq, _ in items]
            end = max(items, key=lambda each: (each[1], each[2]))
            forked = len(set(seqs)) < len(seqs)
            branches = branches_digest(identity for _, _, identity in items) if forked else None
            heads.append(Head(*chain, end[1], end[2], branches))
        return heads

    def view(self, base: bytes | None) -> View:
        def id_at(chain, seq):
            found = [each[2] for each in self.items if each[:2] == (chain, seq)]
            return found[0] if len(found) == 1 else None

        known = None
        if base is not None and self.met is not None and self.met[0] == base:
            changed: dict[tuple[bytes, int], int] = {}
            for chain, seq, _ in self.items - self.met[1]:
                changed[chain] = min(seq, changed.get(chain, seq))
            known = Base(base, changed, self.told)
        return View(self.heads(), self._session.key, id_at, known)

    def say(self, message: messages.Message, lane: Lane = Lane.BULK) -> None:
        data = messages.write_message(message)
        for piece in pieces(data, lane, 100):
            self.out += frame(piece)
        self.written += len(data) + 19

    def hear(self, data: bytes) -> None:
        self._reader.feed(data)
        while (piece := self._reader.next()) is not None:
            found = self._joiner.add(piece)
            event = self._session.receive(found[1], found[0]) if found is not None else None
            if event is not None:
                self.on(event)

    def on(self, event: session.Event) -> None:
        match event:
            case session.Greeted():
                self._theirs = event
                if self._session.leads and event.digest != frontier_digest(self.heads()):
                    self._session.begin()
                    base = self.met[0] if self.met and self.met[0] in event.bases else None
                    turn, lacks = reconcile.first_turn(self.view(base), event.chains)
                    self.told = bool(lacks.ranges)
                    self.turn(turn)
                    self.send_from(lacks.ranges)
            case session.Turned(parts):
                scopes = [part.scope for part in parts if isinstance(part, reconcile.Claims)]
                base = next((scope for scope in scopes if isinstance(scope, bytes)), None)
                turn, lacks = reconcile.answer(self.view(base), parts)
                if turn:
                    self.turn(turn)
                for chain in lacks.listings:
                    self.list(chain)
                self.send_from(lacks.ranges)
                if reconcile.closes(turn):
                    self.say(self._session.done())
            case session.Listed(chain, marks):
                mine = {each: mark(self._session.key, each[2]) for each in self.items if each[0] == chain}
                self.send(each for each, seen in mine.items() if seen not in marks)
                if not marks <= set(mine.values()) and chain not in self.listed:
                    self.list(chain)
            case session.Arrived(batch, _):
                for data in batch:
                    self.items.add(((data[:32], data[32]), int.from_bytes(data[33:37], "big"), data[37:]))
            case session.Finished():
                if self._session.comparing:
                    self.say(self._session.done())

    def turn(self, parts: list[reconcile.Part]) -> None:
        self.turns += 1
        self.listed: set[tuple[bytes, int]] = set()
        for message in messages.turn_messages(parts):
            self.say(message)

    def list(self, chain: tuple[bytes, int]) -> None:
        self.listed.add(chain)
        marks = [mark(self._session.key, each[2]) for each in self.items if each[0] == chain]
        for message in messages.listing_messages(*chain, marks):
            self.say(message)

    def send_from(self, ranges) -> None:
        chains: dict[tuple[bytes, int], list[Item]] = {}
        for each in self.items:
            chains.setdefault(each[0], []).append(each)
        for chain, start in ranges:
            self.send(each for each in chains.get(chain, ()) if each[1] >= start)

    def send(self, items) -> None:
        chosen = sorted(items, key=lambda each: (each[1], each[2]))
        self.sent += chosen
        for (device, log), seq, identity in chosen:
            self.say(messages.Records((device + bytes([log]) + seq.to_bytes(4, "big") + identity,)))


def talk(one: Side, two: Side, cuts: list[int]) -> None:
    """Carry bytes both ways, in chunks as they are given, until nothing is left."""
    sizes = deque(cuts)
    while one.out or two.out:
        for source, target in ((one, two), (two, one)):
            size = sizes[0] if sizes else 65536
            sizes.rotate(-1)
            chunk, source.out = bytes(source.out[:size]), source.out[size:]
            target.hear(chunk)


chains = st.tuples(st.integers(0, 400), st.integers(0, 2), st.integers(0, 6), st.integers(0, 6), st.integers(0, 9))


def logs(shapes: list[tuple[int, int, int, int, int]]) -> tuple[set[Item], set[Item]]:
    """Two logs by chains: how long each one's is, and (below 2) where the second's forks from the first's."""
    one, two = set[Item](), set[Item]()
    for device, log, first, second, fork in shapes:
        one |= {item(device, log, seq) for seq in range(first)}
        two |= {
            item(device, log, seq, int(seq >= fork)) if fork < 2 else item(device, log, seq) for seq in range(second)
        }
    return one, two


@settings(deadline=None)
@given(st.lists(chains, max_size=40, unique_by=lambda each: each[:2]), st.lists(st.integers(1, 300), max_size=8))
def test_any_two_logs_become_one(shapes, cuts):
    first, second = logs(shapes)
    one, two = Side(first, initiator=True), Side(second, initiator=False)
    talk(one, two, cuts)
    assert one.items == two.items == first | second
    assert not one._session.comparing
    assert not two._session.comparing
    assert set(one.sent) == first - second, "nothing is sent that the other has"
    assert set(two.sent) == second - first
    assert len(one.sent) == len(set(one.sent))


@settings(deadline=None, max_examples=25)
@given(st.sets(st.integers(0, 900), max_size=12), st.sets(st.integers(0, 900), max_size=12), st.booleans())
def test_many_chains_are_compared_by_ranges(lacking, missing, empty):
    """Above a few hundred chains fingerprints go first; what comes of it is the same."""
    everything = {item(device, 0, seq) for device in range(900) for seq in range(2)}
    first = {each for each in everything if each not in {item(n, 0, 1) for n in lacking}}
    second = set[Item]() if empty else {each for each in everything if each not in {item(n, 0, 1) for n in missing}}
    one, two = Side(first, initiator=True), Side(second, initiator=False)
    talk(one, two, [])
    assert one.items == two.items == first | second
    assert set(one.sent) == first - second
    assert set(two.sent) == second - first


def test_a_range_that_one_side_has_nothing_of_is_sent_whole():
    everything = {item(device, 0, 0) for device in range(900)}
    some = {each for each in everything if each[0][0][0] >> 4 != 7}
    for first, second in ((some, everything), (everything, some)):
        one, two = Side(first, initiator=True), Side(second, initiator=False)
        talk(one, two, [])
        assert one.items == two.items == everything
        assert len(one.sent) + len(two.sent) == len(everything) - len(some)


@settings(deadline=None)
@given(
    st.lists(chains, max_size=30, unique_by=lambda each: each[:2]),
    st.lists(chains, max_size=10, unique_by=lambda each: each[:2]),
)
def test_two_that_met_before_compare_what_changed(old, new):
    common, _ = logs(old)
    first, second = logs(new)
    base = b"b" * 16
    one = Side(common | first, initiator=True, met=(base, common))
    two = Side(common | second, initiator=False, met=(base, common))
    talk(one, two, [])
    assert one.items == two.items == common | first | second


def test_what_a_comparison_costs():
    """Bytes and turns, beside the records themselves (issue: at most 300, 600 and 4,000 bytes)."""
    equal = {item(device, 0, 0) for device in range(400)}
    one, two = Side(equal, initiator=True), Side(equal, initiator=False)
    talk(one, two, [])
    assert (one.turns, two.turns) == (0, 0)
    assert one.written + two.written <= 300

    more = equal | {item(7, 0, seq) for seq in range(1, 6)} | {item(9, 1, seq) for seq in range(5)}
    one = Side(more, initiator=True, met=(b"b" * 16, equal))
    two = Side(equal, initiator=False, met=(b"b" * 16, equal))
    talk(one, two, [])
    records = 10 * (69 + 4 + 19)
    assert len(one.sent) == 10
    assert one.written + two.written - records <= 600

    many = {item(device, 0, 0) for device in range(5000)}
    one, two = Side(many, initiator=True), Side(many | {item(77, 0, 1)}, initiator=False)
    talk(one, two, [])
    assert len(two.sent) == 1
    assert one.written + two.written <= 4000
    assert one.turns + two.turns <= 4, "a round trip of hellos, and two of turns"


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([0, 5, 200]), st.sampled_from([0, 5, 200]), st.booleans())
def test_a_little_is_sent_and_much_is_asked_for(mine, theirs, shared):
    """Since a base: few records go without asking; of many, only those that the other lacks."""
    common, base = {item(device, 0, 0) for device in range(50)}, b"b" * 16
    first = {item(device % 50, 0, 1 + device // 50) for device in range(mine)}
    second = {item(device % 50, 1, device // 50) for device in range(theirs)} | (first if shared else set())
    one = Side(common | first, initiator=True, met=(base, common))
    two = Side(common | second, initiator=False, met=(base, common))
    talk(one, two, [])
    assert one.items == two.items == common | first | second
    again = len(set(one.sent) & second) + len(set(two.sent) & first)
    assert again <= 2 * reconcile.FEW
    assert not one._session.comparing
    assert not two._session.comparing


def test_a_base_that_is_not_known_here_settles_nothing():
    """The other side names a frontier that this one forgot: no answer, so that the comparison ends."""
    two = Side({item(1, 0, 0)}, initiator=False)
    two.hear(bytes(Side({item(2, 0, 0)}, initiator=True).out))
    turn, lacks = reconcile.answer(two.view(b"c" * 16), [reconcile.Claims(b"c" * 16, (), False)])
    assert (turn, lacks) == ([], reconcile.Plan([], []))
