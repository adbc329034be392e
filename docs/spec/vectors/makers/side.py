"""One side of a session over a log in memory: what a node says, without its clock."""

from collections.abc import Callable

from makers.common import drawn
from meshd_protocol import limits
from meshd_protocol.chains import ChainKey
from meshd_protocol.records import Record, decode_record, wire
from meshd_protocol.sync import messages, reconcile, session
from meshd_protocol.sync.framing import Lane
from meshd_protocol.sync.frontier import Head, branches_digest, frontier_digest, mark
from meshd_protocol.sync.reconcile import Base, Claims, View

Held = dict[bytes, Record]
"""A log in memory, by id."""

_URGENT, _TURN, _FORKS, _LOGS, _BODIES, _DONE = 0, 1, 2, 3, 7, 8
"""What goes first."""


def heads(held: Held) -> list[Head]:
    """Where the chains of a log end."""
    chains: dict[ChainKey, list[Record]] = {}
    for record in held.values():
        chains.setdefault((record.device, record.log), []).append(record)
    found = []
    for chain, records in chains.items():
        end = max(records, key=lambda record: (record.seq, record.id))
        forked = len({record.seq for record in records}) < len(records)
        branches = branches_digest(record.id for record in records) if forked else None
        found.append(Head(*chain, end.seq, end.id, branches))
    return found


class Side:
    """One side of a session, as a node is: what it holds, what it met, what it writes when a newcomer showed herself."""

    def __init__(
        self, assembly: bytes, records: list[Record], *, initiator: bool, met: list[Record] | None = None,
        guest_answer: Callable[[], list[Record]] | None = None,
    ) -> None:  # fmt: skip
        self.held: Held = {record.id: record for record in records}
        self.assembly = assembly
        self.nonce = drawn(f"{initiator} nonce", messages.NONCE_SIZE)
        self.met = frontier_digest(heads({each.id: each for each in met})) if met else b""
        self.before = {each.id for each in met or ()}
        self.out: list[tuple[int, int, messages.Message]] = []
        self.initiator = initiator
        self._said = 0
        self._machine = session.Session(initiator=initiator, nonce=self.nonce, assembly=assembly)
        self._guest_answer = guest_answer
        self._told_base = False
        self._listed: set[ChainKey] = set()
        self._waiting: list[tuple[int, list[Record]]] = []
        self._closes = False
        self._offered = b""
        if guest_answer is None:
            self._hello()
        else:
            self._say(_URGENT, messages.Wait(everything=False))

    def _hello(self) -> None:
        self._offered = frontier_digest(heads(self.held))
        bases = (self.met[: messages.BASE_SIZE],) if self.met else ()
        self._say(_URGENT, self._machine.hello(self._offered, len(heads(self.held)), bases))

    def _say(self, rank: int, message: messages.Message) -> None:
        self._said += 1
        self.out.append((rank, self._said, message))
        self.out.sort(key=lambda each: each[:2])

    def next(self) -> tuple[Lane, messages.Message] | None:
        """The next message that goes out, if any."""
        if not self.out:
            return None
        rank, _, message = self.out.pop(0)
        if isinstance(message, messages.Done):
            self._machine.done()
            self._settle()
        return Lane.URGENT if rank == _URGENT else Lane.BULK, message

    def hear(self, lane: Lane, data: bytes) -> None:
        """Take a message in."""
        event = self._machine.receive(data, lane)
        match event:
            case session.Greeted():
                self._greeted(event)
            case session.Asked():
                self._send([record for record in self._sorted() if record.log == 0])
            case session.Arrived(batch, _):
                for each in batch:
                    record = decode_record(self.assembly, each)
                    self.held[record.id] = record
                if self._guest_answer is not None:
                    self.held |= {record.id: record for record in self._guest_answer()}
                    self._guest_answer = None
                    self._hello()
            case session.Turned(parts):
                self._turned(parts)
            case session.Listed(chain, marks):
                self._sort_out(chain, marks)
            case session.Announced(records, _):
                if records > limits.UNASKED:
                    self._say(_URGENT, messages.Go())
            case session.Allowed():
                for rank, records in self._waiting:
                    self._send(records, rank)
                self._waiting = []
                if self._closes:
                    self._say(_DONE, messages.Done())
            case session.Finished():
                if self._machine.comparing and not any(isinstance(each, messages.Done) for *_, each in self.out):
                    self._close()
                self._settle()
            case session.Compared(theirs):
                mine = frontier_digest(heads(self.held))
                self._say(_URGENT, messages.Same() if mine == theirs else messages.Digest(mine))
            case session.Wanted(ids):
                found = [(each, self.held[each].body) for each in ids if each in self.held]
                self._say(_BODIES, messages.Bodies(tuple((each, body) for each, body in found if body is not None)))
            case session.Filled(bodies):
                for identity, body in bodies:
                    self.held[identity] = self.held[identity]._replace(body=body)
            case _:
                pass

    def _greeted(self, theirs: session.Greeted) -> None:
        if theirs.digest == self._offered:
            self._want()
        elif self.initiator:
            self._machine.begin()
            turn, lacks = reconcile.first_turn(self._view(next(iter(theirs.bases), None)), theirs.chains)
            self._told_base = bool(lacks.ranges)
            self._say_turn(turn)
            self._give(lacks.ranges)

    def _want(self) -> None:
        missing = [record.id for record in self._sorted() if record.body is None]
        for part in messages.want_messages(missing):
            self._say(_URGENT, part)

    def _view(self, base: bytes | None) -> View:
        def id_at(chain: ChainKey, seq: int) -> bytes | None:
            found = [each.id for each in self.held.values() if (each.device, each.log, each.seq) == (*chain, seq)]
            return found[0] if len(found) == 1 else None

        known = None
        if base is not None and self.met[: messages.BASE_SIZE] == base:
            changed: dict[ChainKey, int] = {}
            for record in self.held.values():
                if record.id not in self.before:
                    chain = record.device, record.log
                    changed[chain] = min(record.seq, changed.get(chain, record.seq))
            known = Base(base, changed, self._told_base)
        return View(heads(self.held), self._machine.key, id_at, known)

    def _turned(self, parts: tuple[reconcile.Part, ...]) -> None:
        scopes = [part.scope for part in parts if isinstance(part, Claims)]
        base = next((scope for scope in scopes if isinstance(scope, bytes)), None)
        turn, lacks = reconcile.answer(self._view(base), parts)
        if turn:
            self._say_turn(turn)
        for chain in lacks.listings:
            self._list(chain)
        self._give(lacks.ranges)
        if reconcile.closes(turn):
            self._close()

    def _close(self) -> None:
        if self._waiting:
            self._closes = True
        else:
            self._say(_DONE, messages.Done())

    def _settle(self) -> None:
        if not self._machine.comparing:
            self._want()
            if self.initiator:
                self._say(_URGENT, messages.Digest(frontier_digest(heads(self.held))))

    def _say_turn(self, turn: list[reconcile.Part]) -> None:
        for part in messages.turn_messages(turn):
            self._say(_TURN, part)

    def _list(self, chain: ChainKey) -> None:
        self._listed.add(chain)
        marks = sorted(mark(self._machine.key, each.id) for each in self._of(chain))
        for part in messages.listing_messages(*chain, marks):
            self._say(_TURN, part)

    def _sort_out(self, chain: ChainKey, marks: frozenset[bytes]) -> None:
        mine = {each.id: mark(self._machine.key, each.id) for each in self._of(chain)}
        self._send([self.held[each] for each, seen in mine.items() if seen not in marks], _FORKS)
        if not marks <= set(mine.values()) and chain not in self._listed:
            self._list(chain)

    def _give(self, ranges: list[tuple[ChainKey, int]]) -> None:
        forked = {(head.device, head.log) for head in heads(self.held) if head.branches is not None}
        found = [(chain, [each for each in self._of(chain) if each.seq >= start]) for chain, start in ranges]
        every = [record for _, records in found for record in records]
        if every:
            self._say(_TURN, messages.Sending(len(every), sum(len(wire(record)) for record in every)))
        for chain, records in found:
            rank = _FORKS if chain in forked else _LOGS + chain[1]
            if len(every) > limits.UNASKED:
                self._waiting.append((rank, records))
            else:
                self._send(records, rank)

    def _send(self, records: list[Record], rank: int = _LOGS) -> None:
        for batch in messages.batches(map(wire, records), 60_000):
            self._say(rank, messages.Records(batch))

    def _of(self, chain: ChainKey) -> list[Record]:
        return [each for each in self._sorted() if (each.device, each.log) == chain]

    def _sorted(self) -> list[Record]:
        return sorted(self.held.values(), key=lambda each: (each.device, each.log, each.seq, each.id))
