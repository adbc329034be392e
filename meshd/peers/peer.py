"""One connected peer: the tasks of a session.

`_read` reads messages, `_prepare` decodes records ahead of the log's turn, `_take_in` hears messages in their order and
acts on them. `_let_come` lets the peer send much when its turn has come, `_mind` watches the time, and `writer` sends.
The session's states are in `meshd_protocol.sync.session`; no task keeps a copy of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

import trio

from meshd.assembly import survey
from meshd.assembly.access import entitled
from meshd.assembly.assembly import Assembly, World
from meshd.assembly.survey import Span
from meshd.errors import NodeError
from meshd.log.door import Report
from meshd.log.executor import Prepared
from meshd.peers.bulk import Bulk
from meshd.peers.comparison import Comparison
from meshd.peers.gossip import Gossip
from meshd.peers.link import Link, LinkClosedError
from meshd.peers.meter import Meter
from meshd.peers.outbox import Out, Outbox, Rank
from meshd.peers.pacing import Pace
from meshd.peers.side import Side
from meshd.peers.strangers import Stranger
from meshd.peers.writer import Writer
from meshd_protocol import limits
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.chains import ChainKey, Waiting
from meshd_protocol.errors import SessionError
from meshd_protocol.kinds import Log
from meshd_protocol.sync import messages, session
from meshd_protocol.sync.framing import Lane
from meshd_protocol.sync.frontier import Claim
from meshd_protocol.sync.messages import Message
from meshd_protocol.sync.session import Session

T = TypeVar("T")

REMOVED = "it is not in the roster any more"

_PATIENCE = 1000
"""Bad records that a peer may send before this node drops it: an honest peer sends none."""
_TOGETHER = 4_096
"""The most records to commit together."""
_READ_AHEAD = 64
"""Messages to read ahead of the one that is being taken in."""
_FAREWELL_SECONDS = 1.0
"""How long somebody who was removed may take over the last records."""
_SILENT_SECONDS = 10
_LIVELY_SECONDS = 1.0
_QUIET_SECONDS = 40
"""A little more than the time between two periodic comparisons."""
_LOOKS = 6
"""Looks at the time between two periodic comparisons."""


class Host(Protocol):
    """What a session needs of this node."""

    assembly: Assembly
    world: World
    compare_seconds: float | None
    gossip: Gossip
    bulk: Bulk
    pace: Pace

    async def work(self, function: Callable[[], T], *, source: Peer | None = None, pushed: bool = True) -> T:
        """Run a piece of work on the log, and tell the peers what it committed; `source` only of our own records."""
        ...

    async def prepare(self, batch: list[bytes]) -> Prepared:
        """Decode, read and check records ahead of the log's turn."""
        ...

    def expect(self, records: int) -> None:
        """So many records are about to come from a peer."""
        ...


class _Heard(NamedTuple):
    """A message in its turn; with records, what is left to do to take them in, if they were prepared ahead."""

    message: Message
    intake: Prepared | None = None


@dataclass(eq=False)
class Peer:
    """One session with one device, until it ends.

    `guest` is the public key of the invitation whose psk the peer used, if any. `may_read` says whether the peer is in
    the roster here, or this node called it.
    """

    node: Host
    link: Link
    certificate: Certificate
    address: str
    initiator: bool
    guest: bytes | None
    may_read: bool
    since_ms: int
    coming: int = 0
    eager: bool = False
    _waiting: Waiting = field(default_factory=Waiting)
    _bad: int = 0
    _greeted: trio.Event = field(default_factory=trio.Event)
    """Set when our hello is in the outbox: long messages go out only after it."""
    _last_records: float = float("-inf")
    _paced: bool = False
    _heard_at: float = 0.0
    _quiet: int = 0
    """For how many seconds the peer has sent nothing."""
    _silent: int = 0
    """For how many seconds no record has come, though some are to come."""
    _over: bool = False
    """Whether the session ended: its tasks are gone."""
    _dismissed: bool = False
    """Whether this person was removed, and has a moment to take in by what: nothing else is told or answered."""
    _stated: trio.Event = field(default_factory=trio.Event)
    """Set while the peer has stated more than it may send without our Go."""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    heard: bool = False
    """Whether the far end said anything after the handshake: one that hangs up at once has refused us."""
    on_heard: Callable[[], None] = lambda: None
    ended: str = ""

    def __post_init__(self) -> None:
        self.records_in = Meter(self.node.world.steady)
        self.records_out = Meter(self.node.world.steady)
        nonce = self.node.world.entropy(messages.NONCE_SIZE)
        features = (messages.COMPACT,) if self._slow else ()
        states = Session(initiator=self.initiator, nonce=nonce, assembly=self.assembly.id, features=features)
        self._side = Side(self.assembly, self.node.work, states, Outbox())
        self._writer = Writer(self._side, self.link, self.records_out)
        self._stranger = Stranger(self.assembly.id, self.certificate.device, guest=self.guest is not None)
        self.comparison = Comparison(self._side, self.certificate.device, self._writer.send_long)

    @property
    def _slow(self) -> bool:
        """Whether this link has small frames."""
        return self.link.most < messages.BYTES

    @property
    def assembly(self) -> Assembly:
        """The assembly that the session is about."""
        return self.node.assembly

    async def run(self) -> None:
        """Talk until the link ends or `stop`. Raises nothing; `ended` says why."""
        self._heard_at = trio.current_time()
        read, ahead = trio.open_memory_channel[Message](_READ_AHEAD)
        ready, taken = trio.open_memory_channel[_Heard](0)
        try:
            with self.scope:
                await self._let_read()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._writer.write, Lane.URGENT)
                    nursery.start_soon(self._write_long)
                    nursery.start_soon(self._mind)
                    nursery.start_soon(self._writer.announce)
                    nursery.start_soon(self._let_come)
                    nursery.start_soon(self._prepare, ahead, ready)
                    nursery.start_soon(self._take_in, taken)
                    await self._greet()
                    await self._read(read)
        except* (LinkClosedError, SessionError, NodeError) as group:
            self.ended = self.ended or _first(group)
        except* Exception as group:  # a defect of ours ends this session, never the node
            self.ended = f"a defect of meshd: {_first(group)!r}"
        finally:
            self._over = True
            self.node.gossip.left(self)
            self.node.bulk.over(self)
            with trio.CancelScope(shield=True):
                await self.link.aclose()

    async def _let_read(self) -> None:
        """Find out whether the peer may read. The node lists it among its peers by now, so it calls `let_in` or `stop`
        when the head moves after this. Raises SessionError if the peer was removed since the handshake.
        """
        verdict = await self._side.look(entitled, self.certificate)
        if verdict is None and self.guest is None:
            raise SessionError(REMOVED)
        self.may_read = self.may_read or bool(verdict)

    async def dismiss(self, why: str, spans: Iterable[Span]) -> None:
        """End the session of somebody who was removed, once they had time to take in these records, by which their node
        sees that they were. They are told of nothing else, and nothing that they ask is answered.
        """
        self.push(spans)
        self._dismissed = True
        await trio.sleep(_FAREWELL_SECONDS)  # what a node has read of a session that ends it takes in no more
        self.stop(why)

    def stop(self, why: str) -> None:
        """End the session."""
        self.ended = self.ended or why
        self.scope.cancel()

    async def probe(self) -> None:
        """End the session if the peer gives no sign of life soon."""
        if self._side.session.in_dialogue and not self.comparison.under_way:
            before = self.link.bytes_in
            await self.comparison.tell_digest()
            await trio.sleep(limits.PROBE_SECONDS)
            if self.link.bytes_in == before:
                self.stop(f"nothing was heard for {limits.PROBE_SECONDS} seconds after the network changed")

    async def let_in(self) -> None:
        """The peer is in the roster now: greet it."""
        if not self.may_read and not self._over:
            self.may_read = True
            await self._greet()

    # what gossip does with a neighbour

    def steer(self, eager: bool) -> None:
        """See `gossip.Neighbour`."""
        self.eager = eager
        self._side.outbox.put(Rank.URGENT, messages.Push(eager))

    def push(self, spans: Iterable[Span]) -> None:
        """See `gossip.Neighbour`."""
        if self._dismissed:
            return
        for span in spans:
            rank = Rank.URGENT if span.chain[1] == Log.DECISIONS else Rank.NEW_TALK
            self._side.outbox.put(rank, Out(span, pushed=True))

    def tell(self, chains: Iterable[ChainKey]) -> None:
        """See `gossip.Neighbour`."""
        if not self._dismissed:
            self._writer.tell(chains)

    def ask(self, wanted: dict[ChainKey, int]) -> None:
        """See `gossip.Neighbour`."""
        for message in messages.ask_messages(list(wanted.items())):
            self._side.outbox.put(Rank.URGENT, message)

    def compare(self) -> None:
        """See `gossip.Neighbour`."""
        self._side.outbox.put(Rank.TURN, self.comparison.wish)

    def lively(self) -> bool:
        """See `gossip.Neighbour`."""
        return trio.current_time() - self._heard_at < _LIVELY_SECONDS

    # reading, in three tasks: bytes to messages, records prepared ahead, everything heard and taken in in its order

    async def _read(self, read: trio.MemorySendChannel[Message]) -> None:
        while True:
            patience = limits.IDLE_SECONDS if self.node.compare_seconds else float("inf")
            heard: tuple[Lane, bytes] | None = None
            with trio.move_on_after(patience):
                heard = await self.link.receive_in_lane()
            if heard is None:
                raise SessionError(f"nothing was heard for {limits.IDLE_SECONDS} seconds")
            if not self.heard:
                self.heard = True
                self.on_heard()
            lane, data = heard
            self._heard_at = trio.current_time()
            await read.send(self._side.session.read(data, lane))

    async def _prepare(self, read: trio.MemoryReceiveChannel[Message], ready: trio.MemorySendChannel[_Heard]) -> None:
        held: Message | None = None
        while True:
            message = held if held is not None else await read.receive()
            held = None
            if not isinstance(message, messages.Records | messages.Pushed) or not self.may_read:
                await ready.send(_Heard(message))
                continue
            batch = list(message.batch)
            while len(batch) < _TOGETHER:
                try:
                    held = read.receive_nowait()
                except trio.WouldBlock:
                    break
                if not isinstance(held, messages.Records | messages.Pushed) or type(held) is not type(message):
                    break
                batch += held.batch
                held = None
            intake = await self.node.prepare(batch)
            await ready.send(_Heard(message._replace(batch=tuple(batch)), intake))

    async def _take_in(self, taken: trio.MemoryReceiveChannel[_Heard]) -> None:
        async for message, intake in taken:
            event = self._side.session.hear(message)
            if isinstance(event, session.Arrived) and intake is not None:
                await self._take(event, intake)
            elif event is not None:
                await self._on(event)

    async def _on(self, event: session.Event) -> None:
        if self._dismissed:
            return
        self._writer.check()
        match event:
            case session.Greeted(features):
                self._writer.compact = messages.COMPACT in features
                await self._open()
            case session.Asked(everything):
                await self._prove(everything)
            case session.Arrived(batch, pushed):
                await self._take_from_stranger(batch, pushed)
            case session.Announced(records, _):
                self.coming += records
                self.node.expect(self.coming)
                self._last_records = trio.current_time()
                if records > limits.UNASKED:
                    self._stated.set()
            case session.Turned(parts):
                await self.comparison.answer(parts)
            case session.Finished():
                self.coming = 0
                if self._stated.is_set():
                    self._stated = trio.Event()
                self.node.bulk.over(self)
                await self.comparison.finish()
            case session.Compared(digest) if self._side.session.in_dialogue:
                await self.comparison.compare(digest)
            case session.Matched():
                await self.comparison.matched()
            case session.Listed(chain, marks):
                await self.comparison.sort_out(chain, marks)
            case session.Wanted(ids):
                self._writer.give_bodies(ids)
            case session.Filled(bodies):
                await self.node.work(partial(_fill, self.assembly, bodies), source=self)
            case session.Told(claims):
                await self._learn(claims)
            case session.Requested(wanted):
                self._writer.give(wanted)
            case session.Steered(eager):
                self.eager = eager
                self.node.gossip.steered(self)
            case session.Allowed():
                self.comparison.go()

    async def _write_long(self) -> None:
        await self._greeted.wait()
        await self._writer.write(Lane.BULK)

    # greeting

    async def _greet(self) -> None:
        if not self.may_read:
            self._side.outbox.put(Rank.URGENT, self._side.session.wait(everything=self.guest is None))
            return
        hello = await self.comparison.hello()
        if hello is not None:
            self._side.outbox.put(Rank.URGENT, hello)
            self._greeted.set()
            await self._open()

    async def _open(self) -> None:
        """Begin the dialogue, if both sides have said hello. Called after each hello, so the second one begins it."""
        theirs = self._side.session.greeted
        if theirs is not None and self._side.session.in_dialogue and not self._over:
            self.node.gossip.joined(self)
            await self.comparison.open(theirs)

    def problem(self) -> str | None:
        """What a person should know of this link, if anything."""
        if self._silent >= _SILENT_SECONDS:
            return f"nothing came for {self._silent} s; dropped at {limits.STALL_SECONDS} s"
        if self._paced:  # before what follows: nothing is heard while nothing is read
            return f"slowed down: it sent more than {limits.CATCH_UP_BYTES >> 20} MiB today"
        if self._quiet > _QUIET_SECONDS:
            return f"nothing was heard for {self._quiet} s; dropped at {limits.IDLE_SECONDS} s"
        if self._stated.is_set():
            return "it waits until another peer has sent what it has"
        if self.comparison.held:
            return "others send to it first"
        if not self.may_read:
            return "an application waits for its answer" if self.guest else "not in the roster that this node follows"
        if self._side.session.lets_read and self._side.session.greeted is None:
            return "it does not let us read: we are not in the roster that it follows"
        return None

    @property
    def to_send(self) -> int:
        """Records that the peer lacks, as a comparison showed, and that were not sent yet."""
        return self._side.outbox.to_send

    @property
    def busy(self) -> bool:
        """Whether a comparison may bring something."""
        return self.coming > 0 or self.comparison.under_way

    @property
    def state(self) -> str:
        """What the session is doing, in a word or two for a person."""
        if not self._side.session.in_dialogue:
            return "waiting"
        if self.coming or self.to_send:
            return "receiving" if self.coming >= self.to_send else "sending"
        if self._quiet > _QUIET_SECONDS:
            return "silent"
        return "in step" if self.comparison.in_step else "comparing"

    async def _prove(self, everything: bool) -> None:
        """Send the records that prove our membership to a peer that has not admitted us yet, or our application."""
        for span in await self._side.look(survey.decisions if everything else survey.own_records):
            self._side.outbox.put(Rank.DECISIONS, Out(span, pushed=False))

    async def _learn(self, claims: tuple[Claim, ...]) -> None:
        """The peer told where chains end: note which ones are shorter here, for gossip to wait for or ask for."""
        if not self._side.session.in_dialogue:
            return
        heard = await self._side.look(survey.hear, claims, self._side.session.key)
        self.node.gossip.told(self, heard.longer)
        self.comparison.leave_out(heard.there)
        if heard.forks:
            await self.comparison.wish()

    # taking in

    async def _take(self, arrived: session.Arrived, intake: Prepared) -> None:
        batch, pushed = arrived
        report = await self.node.work(partial(self._taken, intake, pushed), source=self, pushed=pushed)
        self.records_in.add(len(report.new))
        self._last_records = trio.current_time()
        if not pushed:
            self.coming = max(0, self.coming - len(batch))
        self.node.gossip.arrived(self, report, pushed=pushed)
        self._judge(report)

        if not pushed:
            wait = self.node.pace.wait_seconds(self.certificate.device, sum(map(len, batch)))
            self._paced = wait > 0
            until = trio.current_time() + wait
            while (now := trio.current_time()) < until:  # our own patience is no stall of the peer's
                await trio.sleep(min(_SILENT_SECONDS, until - now))
                self._last_records = trio.current_time()

    def _taken(self, prepared: Prepared, pushed: bool) -> Report:
        """Take records in; of pushed ones, those that are not too many of one member today."""
        intake = prepared()
        admitted = self.node.pace.admit(self.assembly, intake) if pushed else intake
        return self.assembly.take(admitted, self._waiting)

    async def _take_from_stranger(self, batch: tuple[bytes, ...], pushed: bool) -> None:
        batch = self._stranger.filter(batch)
        if batch:
            work = partial(self.assembly.receive, batch, self._waiting)
            report = await self.node.work(work, source=self, pushed=pushed)
            self.records_in.add(len(report.new))
            if not self.may_read:
                self._stranger.charge(report)
            self._judge(report)

    def _judge(self, report: Report) -> None:
        self._bad += len(report.refused)
        if self._bad > _PATIENCE:
            raise SessionError(f"it sent {self._bad} records that are none: {report.refused[-1]}")

    # its turn, and its time

    async def _let_come(self) -> None:
        """Say Go when it is the peer's turn to send much, after telling it what others have sent meanwhile."""
        while True:
            stated = self._stated
            await stated.wait()
            await self.node.bulk.turn(self)
            await self._writer.tell_now()
            if stated is not self._stated:  # it is done already, without what it stated
                self.node.bulk.over(self)
                continue
            self._stated = trio.Event()
            self._last_records = trio.current_time()
            self._side.outbox.put(Rank.URGENT, messages.Go())

    async def _mind(self) -> None:
        """Compare periodically, which repairs losses and shows that the link is alive; drop a peer that stalls."""
        ticks = 0
        while self.node.compare_seconds:
            await trio.sleep(self.node.compare_seconds / _LOOKS)
            ticks += 1
            waits = self._stated.is_set()
            self._silent = int(trio.current_time() - self._last_records) if self.coming and not waits else 0
            self._quiet = int(trio.current_time() - self._heard_at)
            if self._silent >= limits.STALL_SECONDS:
                raise SessionError(f"stalled: {self.coming} records were to come, and none came for {self._silent} s")
            if self.comparison.postponed:
                await self.comparison.begin()
            states = self._side.session
            if ticks % _LOOKS == 0 and states.leads and states.in_dialogue and not states.comparing:
                await self.comparison.tell_digest()


def _fill(assembly: Assembly, bodies: tuple[tuple[bytes, bytes], ...]) -> Report:
    with assembly.writing() as report:
        report.filled += [identity for identity, body in bodies if assembly.door.fill(identity, body)]
    return report


def _first(group: BaseExceptionGroup[Exception]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
