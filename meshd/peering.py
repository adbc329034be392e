"""One connected peer: drives a session's states with what the log holds. Reads, writes and ticks, nothing else.

The states and messages are in `meshd_protocol.sync.session`; looking things up is in `survey`. The writer sends from a
queue of spans, so that a slow peer holds back nobody and costs no memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

import trio

from meshd import survey
from meshd.assembly import Assembly, World
from meshd.errors import NodeError
from meshd.ingest import Report
from meshd.link import Link, LinkClosedError
from meshd.survey import Span
from meshd_protocol import limits
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.chains import Waiting
from meshd_protocol.errors import BadRecordError, SessionError
from meshd_protocol.kinds import Kind
from meshd_protocol.records import decode_record
from meshd_protocol.sync import frontier, messages, session
from meshd_protocol.sync.messages import Message

T = TypeVar("T")

_GUEST_RECORDS = 8
_GUEST_KINDS = frozenset({Kind.CERTIFICATE, Kind.APPLICATION})
_PATIENCE = 1000
"""Bad records that a peer may send before it is dropped: an honest one sends none."""
_WANTS = 64
"""Requests for bodies that wait to be answered: whoever asks for more than it takes is dropped."""


_Job: TypeAlias = "Message | Span | session.Wanted"


class Host(Protocol):
    """What a peer needs of the node that it is connected to."""

    assembly: Assembly
    world: World
    compare_seconds: float | None

    async def work(self, function: Callable[[], T], *, source: Peer | None = None) -> T:
        """Run a piece of work on the log; what it commits goes to the peers, but for `source` only this node's own."""
        ...


@dataclass
class Peer:
    """One session with one device, until it ends.

    `guest` is the public key of the invitation through which it came. `may_read` says whether it is in the roster here.
    """

    node: Host
    link: Link
    certificate: Certificate
    address: str
    initiator: bool
    guest: bytes | None
    may_read: bool
    since_ms: int
    records_in: int = 0
    records_out: int = 0
    coming: int = 0
    to_send: int = 0
    in_step: bool = False
    _jobs: deque[_Job] = field(default_factory=deque)
    _wake: trio.Event = field(default_factory=trio.Event)
    _waiting: Waiting = field(default_factory=Waiting)
    _bad: int = 0
    _unread: int = 0
    """Bytes of new records from somebody who may not read yet."""
    _handed_in: int = 0
    _shown: bool = False
    _wants: int = 0
    _answering: bool = False
    _postponed: dict[tuple[bytes, int], frontier.Claim] | None = None
    _told_frontier: bool = False
    _told_listings: set[tuple[bytes, int]] = field(default_factory=set)
    _their_digest: bytes | None = None
    _greeting: bool = False
    _greeted: bool = False
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    heard: bool = False
    """Whether the far end said anything after the handshake: one that hangs up at once has refused us."""
    on_heard: Callable[[], None] = lambda: None
    ended: str = ""

    def __post_init__(self) -> None:
        nonce = self.node.world.entropy(messages.NONCE_SIZE)
        self._session = session.Session(initiator=self.initiator, nonce=nonce)

    @property
    def assembly(self) -> Assembly:
        """The assembly that the session is about."""
        return self.node.assembly

    async def run(self) -> None:
        """Talk until the link ends or `stop`. Raises nothing; `ended` says why."""
        try:
            with self.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    nursery.start_soon(self._tick)
                    await self._greet()
                    await self._read()
                    nursery.cancel_scope.cancel()
        except* (LinkClosedError, SessionError, NodeError) as group:
            self.ended = self.ended or _first(group)
        except* Exception as group:  # a defect of ours ends this session, never the node
            self.ended = f"a defect of meshd: {_first(group)!r}"
        finally:
            with trio.CancelScope(shield=True):
                await self.link.aclose()

    def stop(self, why: str) -> None:
        """End the session."""
        self.ended = self.ended or why
        self.scope.cancel()

    def push(self, spans: list[Span]) -> None:
        """Send what was just committed, unless the peer may not read."""
        if self.may_read and self._greeted:
            for span in spans:
                self._enqueue(span)

    async def let_in(self) -> None:
        """The peer is in the roster now: greet it."""
        if not self.may_read:
            self.may_read = True
            await self._greet()
            if self._their_digest is not None:
                await self._compare(self._their_digest)

    async def _greet(self) -> None:
        if not self.may_read:
            self._enqueue(messages.Wait(everything=self.guest is None))
        elif not self._greeting:
            self._greeting = True
            digest = await self.node.work(partial(survey.digest, self.assembly))
            self._enqueue(self._session.hello(digest))
            self._greeted = True

    async def _read(self) -> None:
        while True:
            patience = limits.IDLE_SECONDS if self.node.compare_seconds else float("inf")
            data: bytes | None = None
            with trio.move_on_after(patience):
                data = await self.link.receive()
            if data is None:
                raise SessionError(f"nothing was heard for {limits.IDLE_SECONDS} seconds")
            if not self.heard:
                self.heard = True
                self.on_heard()
            event = self._session.receive(data)
            if event is not None:
                await self._on(event)

    async def _on(self, event: session.Event) -> None:
        match event:
            case session.Greeted(digest):
                self._their_digest = digest
                if self._in_dialogue():
                    await self._compare(digest)
            case session.Compared(digest):
                if self._in_dialogue():
                    await self._compare(digest)
            case session.Asked(everything):
                await self._show(everything)
            case session.Surveyed(claims):
                if self._in_dialogue():
                    await self._answer(claims)
            case session.Listed(chain, marks):
                if self._in_dialogue():
                    await self._sort_out(chain, marks)
            case session.Announced(records, _):
                self.coming = records
            case session.Arrived(batch):
                await self._take(batch)
            case session.Finished():
                await self._finish()
            case session.Wanted():
                self._wants += 1
                if self._wants > _WANTS:
                    raise SessionError("it asks for more than it takes")
                self._enqueue(event)
            case session.Filled(bodies):
                await self.node.work(partial(_fill, self.assembly, bodies), source=self)

    def _in_dialogue(self) -> bool:
        """Whether both sides let each other read."""
        return self.may_read and self._greeted and self._their_digest is not None

    async def _compare(self, theirs: bytes) -> None:
        mine = await self.node.work(partial(survey.digest, self.assembly))
        self.in_step = mine == theirs
        if self.in_step:
            await self._ask_for_bodies()
        elif not self._told_frontier and not self._answering and not self.coming:
            await self._tell_frontier()

    async def _show(self, everything: bool) -> None:
        """Show who we are to somebody whom we may talk to: the decisions that let us in, or our application."""
        if not self.may_read or self._shown:
            return
        self._shown = True
        spans = survey.decisions if everything else survey.own_records
        for span in await self.node.work(partial(spans, self.assembly)):
            self._enqueue(span)

    async def _tell_frontier(self) -> None:
        self._told_frontier = True
        heads = await self.node.work(partial(survey.heads, self.assembly))
        for part in messages.frontier_messages(frontier.claims(heads, self._session.key)):
            self._enqueue(part)

    async def _answer(self, claims: dict[tuple[bytes, int], frontier.Claim]) -> None:
        """The peer's frontier is here: tell ours if it was not told, and send what it lacks.

        While the answer to an earlier one is under way, the newest waits: what is sent now may be what it lacks.
        """
        if self._answering:
            self._postponed = claims
            return
        self._answering = True
        if not self._told_frontier:
            await self._tell_frontier()
        self._told_frontier = False
        self._told_listings.clear()
        key = self._session.key

        def prepare() -> tuple[list[Span], list[messages.Listing], tuple[int, int]]:
            id_at = partial(survey.id_at, self.assembly)
            plan = frontier.plan(survey.heads(self.assembly), claims, key, id_at)
            spans = [Span(chain, start, limits.INTEGER) for chain, start in plan.ranges]
            listings = [
                part
                for chain in plan.listings
                for part in messages.listing_messages(*chain, survey.beyond(self.assembly, chain, key, frozenset())[1])
            ]
            self._told_listings.update(plan.listings)
            return spans, listings, survey.weigh(self.assembly, spans)

        spans, listings, (records, size) = await self.node.work(prepare)
        for listing in listings:
            self._enqueue(listing)
        if records:
            self.to_send = records
            self._enqueue(messages.Sending(records, size))
        for span in spans:
            self._enqueue(span)
        self._enqueue(messages.Done())

    async def _sort_out(self, chain: tuple[bytes, int], marks: frozenset[bytes]) -> None:
        """Against a chain that the peer listed: send what it lacks, and list ours if it has more."""
        found = await self.node.work(partial(survey.beyond, self.assembly, chain, self._session.key, marks))
        spans, mine, they_have_more = found
        for span in spans:
            self._enqueue(span)
        if they_have_more and chain not in self._told_listings:
            self._told_listings.add(chain)
            for part in messages.listing_messages(*chain, mine):
                self._enqueue(part)

    async def _take(self, batch: tuple[bytes, ...]) -> None:
        if not self.may_read and self.guest is not None:
            batch = self._from_guest(batch)
        if not batch:
            return
        if not self.may_read and self.guest is None:
            batch = tuple(data for data in batch if _is_decision(self.assembly.id, data))
        report = await self.node.work(partial(self.assembly.receive, batch, self._waiting), source=self)
        self.records_in += len(report.new)
        self.coming = max(0, self.coming - len(batch))
        if not self.may_read:
            self._unread += sum(len(record.body or b"") + 256 for record in report.new)
            if self._unread > limits.PENDING_BYTES:
                raise SessionError("it sent much, and nothing that lets it in")
        self._bad += len(report.refused)
        if self._bad > _PATIENCE:
            raise SessionError(f"it sent {self._bad} records that are none: {report.refused[-1]}")

    def _from_guest(self, batch: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """A newcomer hands in her own certificate and application, and nothing else."""
        mine: list[bytes] = []
        for data in batch:
            try:
                record = decode_record(self.assembly.id, data)
            except BadRecordError as error:
                raise SessionError(f"a newcomer sent no record: {error}") from error
            if record.device == self.certificate.device and record.log == 0 and record.kind in _GUEST_KINDS:
                mine.append(data)
        self._handed_in += len(mine)
        if self._handed_in > _GUEST_RECORDS:
            raise SessionError("a newcomer handed in more than an application")
        return tuple(mine)

    async def _finish(self) -> None:
        self.coming = 0
        self.in_step = True
        await self._ask_for_bodies()

    async def _ask_for_bodies(self) -> None:
        wanted = await self.node.work(partial(survey.missing_bodies, self.assembly, 1024))
        for part in messages.want_messages(wanted):
            self._enqueue(part)

    async def _give_bodies(self, ids: tuple[bytes, ...]) -> None:
        found = await self.node.work(partial(survey.bodies, self.assembly, ids))
        while found:
            part: list[tuple[bytes, bytes]] = []
            size = 0
            while found and (not part or size + len(found[0][1]) < messages.BYTES - 8192):
                size += len(found[0][1]) + 40
                part.append(found.pop(0))
            await self.link.send(messages.write_message(messages.Bodies(tuple(part))))

    async def _tick(self) -> None:
        """The periodic comparison, which repairs whatever was lost and shows that the link is alive."""
        while self.node.compare_seconds:
            await trio.sleep(self.node.compare_seconds)
            if self._in_dialogue() and not self._jobs and not self.coming:
                digest = await self.node.work(partial(survey.digest, self.assembly))
                self._enqueue(messages.Digest(digest))

    def _enqueue(self, job: _Job) -> None:
        last = self._jobs[-1] if self._jobs else None
        if (
            isinstance(job, Span)
            and isinstance(last, Span)
            and job.ids is None
            and last.ids is None
            and last.chain == job.chain
            and last.start <= job.start <= last.stop
        ):
            self._jobs[-1] = last._replace(stop=max(last.stop, job.stop))
        else:
            self._jobs.append(job)
        self._wake.set()

    async def _write(self) -> None:
        while True:
            if not self._jobs:
                self._wake = trio.Event()
                await self._wake.wait()
            job = self._jobs.popleft()
            if isinstance(job, session.Wanted):
                await self._give_bodies(job.ids)
                self._wants -= 1
            elif isinstance(job, Span):
                await self._send_span(job)
            else:
                await self.link.send(messages.write_message(job))
                if isinstance(job, messages.Done):
                    await self._answered()

    async def _answered(self) -> None:
        self._answering = False
        if self._postponed is not None:
            claims, self._postponed = self._postponed, None
            await self._answer(claims)

    async def _send_span(self, span: Span) -> None:
        records, rest = await self.node.work(partial(survey.load, self.assembly, span))
        if rest is not None:
            self._jobs.appendleft(rest)
        for batch in messages.batches(records):
            await self.link.send(messages.write_message(batch))
        self.records_out += len(records)
        self.to_send = max(0, self.to_send - len(records))


def _is_decision(assembly: bytes, data: bytes) -> bool:
    """Whether these are the bytes of a log-0 record: all that somebody unknown may hand in."""
    try:
        return decode_record(assembly, data).log == 0
    except BadRecordError:
        return True  # let the door count it


def _fill(assembly: Assembly, bodies: tuple[tuple[bytes, bytes], ...]) -> Report:
    with assembly.writing() as report:
        report.filled += [identity for identity, body in bodies if assembly.door.fill(identity, body)]
    return report


def _first(group: BaseExceptionGroup[Exception]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
