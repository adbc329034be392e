"""The node: starts and ends the tasks of one assembly. No logic of its own.

One task listens, one runs for each address to dial, one for each peer, one for discovery. Each piece of work on the log
goes through the executor, one at a time. It returns what it committed, and the node pushes that to the peers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Generic, NamedTuple, TypeVar, cast

import trio

from meshd.assembly import survey
from meshd.assembly.access import Refusal, accept_initiator, entitled, known_psks
from meshd.assembly.assembly import Assembly, role_of
from meshd.assembly.survey import Span
from meshd.errors import NodeError
from meshd.log.door import Report
from meshd.log.executor import Executor, Prepared
from meshd.mesh import duties
from meshd.mesh.dialling import Dialled, Dialling, remembered
from meshd.mesh.problems import Problem, Trouble
from meshd.mesh.seen import Seen, away, linked
from meshd.mesh.watching import Watches
from meshd.peers.bulk import Bulk
from meshd.peers.gossip import Gossip
from meshd.peers.link import Introduction, Link, LinkClosedError, welcome
from meshd.peers.pacing import Pace
from meshd.peers.peer import REMOVED, Peer
from meshd.progress import Step, Steps, advance
from meshd.state.people import article
from meshd.store import tables
from meshd.transports.api import Connection, Transport, Where
from meshd_crypto.identity import ExchangeKey
from meshd_protocol import limits
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.chains import ChainKey
from meshd_protocol.changes import RECORDS, Anything, Change, HeadMoved, PeerCame, PeerLeft, RecordsCame
from meshd_protocol.errors import SessionError
from meshd_protocol.kinds import Log, name_of
from meshd_protocol.names import text_of
from meshd_protocol.sync.greeting import KnownPsk

T = TypeVar("T")

COMPARE_SECONDS = 30.0
_REMEMBERED_FIRSTS = 10_000

Discovery = Callable[["Node"], Awaitable[None]]
Note = Callable[[str], None]


class _Commit(NamedTuple):
    """What to tell of one commit: peers of its new records, and of those by this device; watchers of the change."""

    spans: list[Span]
    own: list[Span]
    change: Change


class _Moved(NamedTuple):
    """What follows from a moved head: this person's role, if it changed, and whether each peer may still read
    (`access.entitled`).
    """

    head: bytes | None
    role: str | None
    verdicts: list[tuple[Peer, bool | None]]


class _Worked(NamedTuple, Generic[T]):
    """What came of a piece of work: its result or the error that it raised, and what it committed either way."""

    result: T | None
    error: BaseException | None
    commits: list[_Commit]
    moved: _Moved | None


class Node:
    """A running node. Without `push` it only compares logs; without `compare_seconds` it compares them once."""

    def __init__(
        self,
        assembly: Assembly,
        transport: Transport,
        executor: Executor,
        *,
        push: bool = True,
        compare_seconds: float | None = COMPARE_SECONDS,
        note: Note = lambda _: None,
        reached_at: Sequence[str] = (),
    ) -> None:
        self.assembly = assembly
        self.world = assembly.world
        self.compare_seconds = compare_seconds
        self.note = note
        self.reached_at = list(reached_at)
        """Addresses that others dial and a router forwards to this machine."""
        self._where: Where = list
        self.started = trio.Event()
        self._transport = transport
        self.executor = executor
        self.gossip = Gossip(self._lacking, lambda: any(peer.busy for peer in self._peers), self.world.chance)
        self.bulk = Bulk()
        self._dialling = Dialling(self, transport)
        self.watches = Watches()
        self._push = push
        self._peers: list[Peer] = []
        self.pace = Pace(self.world.steady)
        self._reviewed: bytes | None = None
        self._role = role_of(assembly, assembly.keys.member_public)
        self._firsts: OrderedDict[bytes, None] = OrderedDict()
        self._greeting: dict[str, int] = {}
        self._nursery: trio.Nursery | None = None
        self.changed = trio.Event()
        """Set, and replaced, whenever records or peers come or go. A task that waits for either waits for this."""
        self._certificate = b""

    async def run(
        self, *, connect: list[str] | None = None, discovery: Discovery | None = None, listen: bool = True
    ) -> None:
        """Run until cancelled. Raises UnreachableError if the address to listen at can't be had."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._dialling.start(nursery)
                self._certificate = await self.executor.run(partial(own_certificate, self.assembly))
                if listen:
                    self._where = await nursery.start(self._transport.serve, self._answer)
                known = await self.executor.run(partial(remembered, self.assembly))
                ticket = self.assembly.keys.ticket
                for address in [
                    *(connect or ()),
                    *(ticket.addresses if ticket else ()),
                    *known,
                ]:
                    self.dial(address)
                nursery.start_soon(duties.measure, self)
                nursery.start_soon(duties.look, self)
                nursery.start_soon(self.gossip.mind)
                if discovery is not None:
                    nursery.start_soon(discovery, self)
                self.started.set()
                await trio.sleep_forever()
        finally:
            self._nursery = None
            self._dialling.stop()

    async def work(self, function: Callable[[], T], *, source: Peer | None = None, pushed: bool = True) -> T:
        """Run a piece of work on the log, then tell the peers what it committed, even if it failed after that.

        `source` is the peer from which its records came, `pushed` whether they came because they are new.
        """
        worked = await self.executor.run(partial(self._run, function, pushed))
        for each in worked.commits if self._push else ():
            self.gossip.spread(each.spans, each.own, source, pushed=pushed)
        if worked.moved is not None:
            live = worked.commits if pushed else ()  # what came in bulk may say much that is not for who was removed
            spans = [span for each in live for span in each.spans if span.chain[1] == Log.DECISIONS]
            self._review(worked.moved, spans)
        for each in worked.commits:
            self.watches.tell(each.change)
        if worked.commits:
            self.tell()
        if worked.error is not None:
            raise worked.error
        return cast(T, worked.result)

    async def work_through(self, steps: Steps[T], heard: Callable[[Step], Awaitable[None]]) -> T:
        """The result of a long piece of work on the log, of whose steps somebody hears: others' work comes in between.
        What is broken off in the middle tidies up.
        """
        try:
            while True:
                told, result = await self.work(partial(advance, steps))
                if told is None:
                    return cast(T, result)
                await heard(told)
        except NodeError:  # it has ended by itself
            raise
        except BaseException:
            with trio.CancelScope(shield=True):
                await self.work(steps.close)
            raise

    def _run(self, function: Callable[[], T], pushed: bool) -> _Worked[T]:
        """Run a piece of work, in the executor. Pushed records that are too many of one member are not told of."""
        result, error = None, None
        with self.assembly.commits() as commits:
            try:
                result = function()
            except BaseException as raised:
                error = raised
        told: list[_Commit] = []
        for report in commits:
            new = self.pace.at_once(self.assembly, report.new) if pushed else report.new
            own = survey.spans(self.assembly, report.own)
            told.append(_Commit(survey.spans(self.assembly, new), own, change_of(report)))
        return _Worked(result, error, told, self._moved() if error is None or commits else None)

    async def prepare(self, batch: list[bytes]) -> Prepared:
        """See `peer.Host.prepare`."""
        return await self.executor.prepare(self.assembly.id, batch)

    def expect(self, records: int) -> None:
        """See `peer.Host.expect`."""
        self.executor.expect(records)

    def dial(self, address: str, *, kept: bool = True) -> None:
        """Keep trying an address that was given or remembered; a found one (not `kept`) only a few times."""
        self._dialling.dial(address, kept=kept)

    async def connect_now(self, address: str) -> tuple[Problem | None, bool]:
        """Dial an address and keep it for later starts. Returns why nobody was reached, or None if somebody was, and
        whether this node keeps trying.
        """

        async def changed() -> None:
            await self.changed.wait()

        problem = await self._dialling.connect_now(address, changed)
        return problem, self._dialling.tries(address)

    def give_up(self, address: str) -> None:
        """Try an address no longer; a session that came about by it goes on."""
        self._dialling.give_up(address)

    def network_changed(self, why: str) -> None:
        """See `netwatch.Watched`: dial all addresses now, and ask every peer for a sign of life."""
        if self._nursery is None:
            return
        self.note(f"{why}: looking for everybody anew")
        self._dialling.hurry()
        for peer in self._peers:
            self._nursery.start_soon(self._guarded, peer, peer.probe)

    @property
    def listening(self) -> list[str]:
        """The addresses of this machine at which this node listens."""
        return self._where()

    def addresses(self) -> list[str]:
        """Where this node can be reached. On the event loop alone."""
        every = self.listening
        own = [address for address in every if not address.startswith(("127.", "[::1]"))] or every
        return self.reached_at + own

    def seen(self) -> Seen:
        """What commands may know of this node, as it is now. On the event loop alone."""
        connected = {peer.address for peer in self._peers}
        tried = [each for each in self._dialling.away() if each.address not in connected]
        return Seen(
            self.assembly,
            linked(self._peers),
            away(tried, self.world.steady().ms),
            tuple(self.addresses()),
            not connected and any(map(self._is_turned_away, tried)),
            not connected and _hang_up(tried),
            self.pace,
        )

    def _is_turned_away(self, dialled: Dialled) -> bool:
        """Whether this node is a newcomer's, and hears nothing where its ticket says that the inviter is."""
        ticket, problem = self.assembly.keys.ticket, dialled.problem
        if ticket is None or problem is None or dialled.address not in ticket.addresses:
            return False
        return problem.trouble is Trouble.HUNG_UP_ON_NEWCOMER

    def peers(self) -> list[dict[str, object]]:
        """See `Live.peers`. On the event loop alone."""
        return self.seen().peers()

    def _moved(self) -> _Moved | None:
        """What follows from a moved head, read in the executor between two commits; None if the head did not move."""
        standing = self.assembly.standing
        head = standing.head if standing else None
        if head == self._reviewed:
            return None
        verdicts = [(peer, entitled(self.assembly, peer.certificate)) for peer in list(self._peers)]
        before, self._role = self._role, role_of(self.assembly, self.assembly.keys.member_public)
        self._reviewed = head
        return _Moved(head, self._role if self._role != before and before and standing else None, verdicts)

    def _review(self, moved: _Moved, spans: list[Span]) -> None:
        """Tell the person of a new role and watchers of the new head. Hang up on peers that are out of the roster by
        what was just written, `spans`; let those read that are in it now, each in a task of its own.
        """
        if moved.head is not None:
            self.watches.tell(HeadMoved(text_of(moved.head)))
        if moved.role is not None:
            inside = moved.role != "removed"
            now = f"you are {article(moved.role)} of" if inside else "you are no longer in"
            self.note(f"{now} {self.assembly.title}{' now' if inside else ''}")
        for peer, verdict in moved.verdicts:
            if verdict is True and self._nursery is not None:
                self._nursery.start_soon(self._guarded, peer, peer.let_in)
            elif verdict is None and peer.guest is None and self._nursery is not None:
                self._nursery.start_soon(self._guarded, peer, partial(peer.dismiss, REMOVED, spans))

    async def _guarded(self, peer: Peer, function: Callable[[], Awaitable[None]]) -> None:
        """Run a function of a peer beside its own tasks. An error ends its session, never the node."""
        try:
            await function()
        except (NodeError, SessionError, LinkClosedError) as error:
            peer.stop(str(error))
        except Exception as error:  # a defect of ours
            peer.stop(f"a defect of meshd: {error!r}")

    def tell(self) -> None:
        """Wake the tasks that wait for records or peers to come or go."""
        self.changed.set()
        self.changed = trio.Event()

    async def _answer(self, connection: Connection) -> None:
        """Answer a connection that somebody dialled."""
        host = connection.remote.rpartition(":")[0] or connection.remote
        greeting = sum(self._greeting.values())
        if (
            greeting >= limits.UNAUTHENTICATED
            or self._greeting.get(host, 0) >= limits.UNAUTHENTICATED_PER_ADDRESS
            or len(self._peers) + greeting >= limits.CONNECTIONS
        ):
            await trio.aclose_forcefully(connection.stream)
            return
        self._greeting[host] = self._greeting.get(host, 0) + 1
        try:
            psks = await self.executor.run(partial(known_psks, self.assembly))
            link, certificate, known = await welcome(
                connection, psks, self.introduction(), self._accept, self._fresh, self.reached_at
            )
        except (SessionError, LinkClosedError, NodeError):
            await trio.aclose_forcefully(connection.stream)  # whoever it was gets no byte and no line in our log
            return
        except Exception as error:  # a defect of ours must not let a stranger stop the node
            await trio.aclose_forcefully(connection.stream)
            self.note(f"a handshake failed by a defect of meshd: {error!r}")
            return
        finally:
            self._greeting[host] -= 1
            if not self._greeting[host]:
                del self._greeting[host]
        peer = self._peer(link, certificate, connection.remote, False, known.invitation)
        other = self.session_with(certificate)
        if other is not None:
            if other.initiator and self._prefers_own_call(certificate):
                await link.aclose()
                return
            other.stop("connected anew")
        await self.talk(peer)

    async def _accept(self, certificate: Certificate, known: KnownPsk) -> Refusal | None:
        return await self.executor.run(partial(accept_initiator, self.assembly, certificate, known))

    async def _lacking(self, chains: dict[ChainKey, int]) -> dict[ChainKey, int]:
        try:
            return await self.executor.run(partial(self._to_ask_for, chains))
        except NodeError:
            return {}

    def _to_ask_for(self, chains: dict[ChainKey, int]) -> dict[ChainKey, int]:
        """From which seq chains are missing here, without those whose records are left to comparisons today."""
        missing = survey.lacking(self.assembly, chains)
        return {chain: start for chain, start in missing.items() if not self.pace.delays(self.assembly, chain)}

    def new_peer(self, link: Link, certificate: Certificate, address: str) -> Peer:
        """A session over a link that this node dialled."""
        return self._peer(link, certificate, address, True, None)

    def _peer(self, link: Link, certificate: Certificate, address: str, initiator: bool, guest: bytes | None) -> Peer:
        peer = Peer(self, link, certificate, address, initiator, guest, initiator, self.world.clock())
        peer.on_heard = lambda: self.note(f"connected: {certificate.person} at {address}")
        return peer

    async def talk(self, peer: Peer) -> None:
        """Talk until the session ends."""
        self._peers.append(peer)
        self.watches.tell(PeerCame(text_of(peer.certificate.device)))
        self.tell()
        try:
            await peer.run()
        finally:
            self._peers.remove(peer)
            self.watches.tell(PeerLeft(text_of(peer.certificate.device)))
            if peer.heard or not peer.initiator:
                self.note(f"gone: {peer.certificate.person} at {peer.address} ({peer.ended or 'the session ended'})")
            self.tell()

    def session_with(self, certificate: Certificate) -> Peer | None:
        """The session with the same device of the same member; another member may have a certificate for the device."""
        same = (certificate.device, certificate.member, certificate.transport)
        for peer in self._peers:
            if (peer.certificate.device, peer.certificate.member, peer.certificate.transport) == same:
                return peer
        return None

    def _prefers_own_call(self, certificate: Certificate) -> bool:
        """If both nodes dialled each other: keep the session that the node with the smaller device key dialled."""
        return self.assembly.keys.device.public < certificate.device

    async def until_gone(self, peer: Peer) -> None:
        """Wait until a session has ended."""
        while peer in self._peers:
            await self.changed.wait()

    def introduction(self) -> Introduction:
        """What this node shows in a handshake."""
        keys = self.assembly.keys
        make = partial(ExchangeKey.generate, self.world.entropy)
        return Introduction(self.assembly.id, keys.transport, self._certificate, make, self.world.clock())

    def _fresh(self, ephemeral: bytes) -> bool:
        """Whether a first message's ephemeral key was not seen before."""
        if ephemeral in self._firsts:
            return False
        self._firsts[ephemeral] = None
        if len(self._firsts) > _REMEMBERED_FIRSTS:
            self._firsts.popitem(last=False)
        return True


def change_of(report: Report) -> Change:
    """What a commit changed, as watchers hear of it."""
    if len(report.new) + len(report.filled) > RECORDS:
        return Anything()
    new = [(name_of(record.kind), text_of(record.id)) for record in report.new]
    return RecordsCame((*new, *(("body", text_of(identity)) for identity in report.filled)))


def own_certificate(assembly: Assembly) -> bytes:
    """The body of this device's own certificate, to show in handshakes. Raises NodeError where a log has lost it."""
    row = assembly.store.get(tables.Certificate, device=assembly.keys.device.public)
    if row is None:  # which is every device's first record
        raise NodeError(
            "this device's certificate is not in the log, so that no other node can know it: a damaged log lost it",
            "`meshd stick DIR` brings back what others have. Or join anew as another device.",
        )
    kept = assembly.store.get(tables.Kept, id=row.id)
    assert kept is not None and kept.body is not None
    return kept.body


def _hang_up(tried: Iterable[Dialled]) -> bool:
    """Whether somebody answers at these addresses, and everybody who does hangs up on a member without a word."""
    answered = {each.problem.trouble for each in tried if each.problem is not None} - _SILENT
    return answered == {Trouble.HUNG_UP}


_SILENT = {Trouble.NOT_TRIED, Trouble.NO_ANSWER_YET, Trouble.UNREACHABLE}
