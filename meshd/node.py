"""The node: builds and minds the tasks of one assembly. No logic of its own.

Tasks: one that listens, one for each address that is dialled, one for each peer, one for discovery. What touches the
log goes through the executor, one piece at a time; what a piece committed is then pushed to the peers.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import trio

from meshd import survey
from meshd.assembly import Assembly
from meshd.doors import accept_initiator, accept_responder, entitled, my_psks, open_doors
from meshd.errors import NodeError
from meshd.executor import Executor
from meshd.ingest import Report
from meshd.link import Introduction, Link, LinkClosedError, greet, welcome
from meshd.peering import Peer
from meshd.service.context import article, role_of
from meshd.store import tables
from meshd.survey import Span
from meshd.transports.api import Connection, Transport, UnreachableError
from meshd.witness import keep_time
from meshd_crypto.identity import ExchangeKey
from meshd_protocol import limits
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.errors import SessionError
from meshd_protocol.names import text_of

T = TypeVar("T")

COMPARE_SECONDS = 30.0
MEASURE_SECONDS = 60.0
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 60.0
_REMEMBERED_FIRSTS = 10_000

Discovery = Callable[["Node"], Awaitable[None]]
Note = Callable[[str], None]


@dataclass
class Dialled:
    """An address that this node keeps trying. `problem` says why it is not connected; `connected` to whom it is."""

    address: str
    problem: str = "not tried yet"
    connected: bytes | None = None
    kept: bool = True
    again: trio.Event = field(default_factory=trio.Event)


class Node:
    """A running node. `push` off and `compare_seconds` None leave out one of the two ways in which records travel."""

    def __init__(
        self,
        assembly: Assembly,
        transport: Transport,
        executor: Executor,
        *,
        push: bool = True,
        compare_seconds: float | None = COMPARE_SECONDS,
        note: Note = lambda _: None,
    ) -> None:
        self.assembly = assembly
        self.world = assembly.world
        self.compare_seconds = compare_seconds
        self.note = note
        self.listening: list[str] = []
        self.started = trio.Event()
        self._transport = transport
        self._executor = executor
        self._push = push
        self._peers: list[Peer] = []
        self._dialled: dict[str, Dialled] = {}
        self._news: deque[tuple[list[Span], list[Span]]] = deque()
        self._reviewed: bytes | None = None
        self._role = role_of(assembly, assembly.keys.member_public)
        self._firsts: OrderedDict[bytes, None] = OrderedDict()
        self._greeting: dict[str, int] = {}
        self._nursery: trio.Nursery | None = None
        self.changed = trio.Event()
        """Set, and replaced, whenever records or peers come or go: what a waiting task waits for."""
        self._certificate = b""

    async def run(
        self, *, connect: list[str] | None = None, discovery: Discovery | None = None, listen: bool = True
    ) -> None:
        """Run until cancelled. Raises UnreachableError if the address to listen at can't be had."""
        self.assembly.listeners.append(self._heard)
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._certificate = await self._executor.run(partial(_own_certificate, self.assembly))
                if listen:
                    self.listening = await nursery.start(self._transport.serve, self._answer)
                remembered = await self._executor.run(lambda: self.assembly.store.find(tables.Peer))
                ticket = self.assembly.keys.ticket
                for address in [
                    *(connect or ()),
                    *(ticket.addresses if ticket else ()),
                    *(row.address for row in remembered),
                ]:
                    self.dial(address)
                nursery.start_soon(self._keep_time)
                if discovery is not None:
                    nursery.start_soon(discovery, self)
                self.started.set()
                await trio.sleep_forever()
        finally:
            self._nursery = None
            self.assembly.listeners.remove(self._heard)

    async def _keep_time(self) -> None:
        """Measure time for the votes that this device is to witness, and attest those that are over."""
        while True:
            await self.work(partial(keep_time, self.assembly))
            await trio.sleep(MEASURE_SECONDS)

    async def work(self, function: Callable[[], T], *, source: Peer | None = None) -> T:
        """Run a piece of work on the log, then push what it committed to the peers."""
        result = await self._executor.run(function)
        await self._distribute(source)
        return result

    def dial(self, address: str, *, kept: bool = True) -> Dialled:
        """Keep trying an address: given, remembered, or (not `kept`) found by discovery, which is tried a few times."""
        assert self._nursery is not None, "the node is not running"
        dialled = self._dialled.get(address)
        if dialled is not None:
            dialled.again.set()
            return dialled
        dialled = self._dialled[address] = Dialled(address, kept=kept)
        self._nursery.start_soon(self._keep_dialling, dialled)
        return dialled

    def addresses(self) -> list[str]:
        """See `Live.addresses`."""
        return [address for address in self.listening if not address.startswith(("127.", "[::1]"))] or self.listening

    def peers(self) -> list[dict[str, object]]:
        """See `Live.peers`."""
        people = self.assembly.people
        connected: list[dict[str, object]] = [
            {
                "person": people.label(peer.certificate.member)
                if people.name(peer.certificate.member)
                else peer.certificate.person,
                "member": text_of(peer.certificate.member),
                "device": text_of(peer.certificate.device),
                "address": peer.address,
                "state": "in step" if peer.in_step else "waiting" if not peer.may_read else "exchanging",
                "guest": peer.guest is not None,
                "records_in": peer.records_in,
                "records_out": peer.records_out,
                "to_come": peer.coming,
                "to_send": peer.to_send,
                "since_ms": peer.since_ms,
                "problem": None,
            }
            for peer in self._peers
        ]
        away: list[dict[str, object]] = [
            {"person": None, "address": each.address, "state": "away", "problem": each.problem}
            for each in self._dialled.values()
            if each.connected is None
        ]
        return connected + away

    async def connect_now(self, address: str) -> str:
        """Dial an address, keep it for later starts, and say whom it reached or why nobody."""
        dialled = self.dial(address)
        dialled.kept, dialled.problem = True, ""
        dialled.again.set()
        with trio.move_on_after(limits.HANDSHAKE_SECONDS + 2):
            while dialled.connected is None and not dialled.problem:
                await self.changed.wait()
        return "" if dialled.connected is not None else dialled.problem or "no answer yet"

    def _heard(self, report: Report) -> None:
        """A commit was made, in the executor's thread: note what to push, by the log as it is now."""
        self._news.append(survey.news(self.assembly, report))

    async def _distribute(self, source: Peer | None) -> None:
        told = False
        while self._news:
            everything, own = self._news.popleft()
            told = True
            if self._push:
                for peer in self._peers:
                    peer.push(own if peer is source else everything)
        head = self.assembly.standing.head if self.assembly.standing else None
        if head != self._reviewed:
            self._reviewed = head
            self._tell_role()
            await self._review()
        if told:
            self._tell()

    def _tell_role(self) -> None:
        """Tell the person when she becomes an observer, or a member."""
        role = role_of(self.assembly, self.assembly.keys.member_public)
        if role != self._role and self._role and self.assembly.standing is not None:
            self.note(f"you are {article(role)} of {self.assembly.standing.genesis.name} now")
        self._role = role

    async def _review(self) -> None:
        """Rosters moved: let in who is in now, hang up on who is out."""
        for peer in list(self._peers):
            verdict = entitled(self.assembly, peer.certificate)
            if verdict is True:
                await peer.let_in()
            elif verdict is None:
                peer.stop("it is not in the roster any more")

    def _tell(self) -> None:
        self.changed.set()
        self.changed = trio.Event()

    async def _answer(self, connection: Connection) -> None:
        """Somebody dialled us."""
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
            doors = await self._executor.run(partial(open_doors, self.assembly))
            accept = partial(accept_initiator, self.assembly)
            link, certificate, door = await welcome(connection, doors, self._introduction(), accept, self._fresh)
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
        peer = self._peer(link, certificate, connection.remote, False, door.invitation)
        other = self._session_with(certificate)
        if other is not None:
            if other.initiator and self._prefers_own_call(certificate):
                await link.aclose()
                return
            other.stop("connected anew")
        await self._talk(peer)

    async def _keep_dialling(self, dialled: Dialled) -> None:
        """Dial, talk, wait, again; the waits grow, with jitter, so that nodes that met once don't march in step."""
        wait, attempt = _FIRST_WAIT, 0
        while True:
            try:
                connection = await self._transport.dial(dialled.address)
                if await self._call(connection, dialled, attempt):
                    wait, attempt = _FIRST_WAIT, 0
            except UnreachableError as error:
                dialled.problem = str(error)
            except (SessionError, LinkClosedError, NodeError) as error:
                dialled.problem = self._explain(error)
            except Exception as error:  # a defect of ours ends this call, never the node
                dialled.problem = f"a defect of meshd: {error!r}"
            attempt += 1
            self._tell()
            if not dialled.kept and attempt >= 3:
                del self._dialled[dialled.address]
                return
            jitter = int.from_bytes(self.world.entropy(2), "big") / 65536
            with trio.move_on_after(wait * (0.5 + jitter)):
                await dialled.again.wait()
                wait = _FIRST_WAIT
            dialled.again = trio.Event()
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _call(self, connection: Connection, dialled: Dialled, attempt: int) -> bool:
        """Talk to who answers at an address, until the session ends. False if the far end refused without a word."""
        psks = await self._executor.run(partial(my_psks, self.assembly))
        there: list[Peer] = []

        def accept(certificate: Certificate) -> str | None:
            problem = accept_responder(self.assembly, certificate)
            other = self._session_with(certificate)
            if problem is None and other is not None:  # the same node by another address, or the other way round
                there.append(other)
                return "connected already, by another way"
            return problem

        try:
            link, certificate = await greet(connection, psks[attempt % len(psks)], self._introduction(), accept)
        except SessionError:
            await trio.aclose_forcefully(connection.stream)
            if not there:
                raise
            dialled.connected, dialled.problem = there[0].certificate.device, ""
            self._tell()
            await self._until_gone(there[0])
            dialled.connected, dialled.problem = None, "the session by another way ended"
            return True
        except BaseException:
            await trio.aclose_forcefully(connection.stream)
            raise
        peer = self._peer(link, certificate, dialled.address, True, None)
        told = peer.on_heard

        def heard() -> None:
            told()
            if dialled.kept and self._nursery is not None:
                self._nursery.start_soon(self._executor.run, partial(_remember, self.assembly, dialled.address))
            dialled.connected, dialled.problem = certificate.device, ""
            self._tell()

        peer.on_heard = heard
        try:
            await self._talk(peer)
        finally:
            dialled.connected, dialled.problem = None, peer.ended or "the session ended"
        if not peer.heard:
            raise LinkClosedError(peer.ended)
        return True

    def _peer(self, link: Link, certificate: Certificate, address: str, initiator: bool, guest: bytes | None) -> Peer:
        may_read = initiator or entitled(self.assembly, certificate) is True
        peer = Peer(self, link, certificate, address, initiator, guest, may_read, self.world.clock())
        peer.on_heard = lambda: self.note(f"connected: {certificate.person} at {address}")
        return peer

    async def _talk(self, peer: Peer) -> None:
        """Talk until the session ends."""
        self._peers.append(peer)
        self._tell()
        try:
            await peer.run()
        finally:
            self._peers.remove(peer)
            if peer.heard or not peer.initiator:
                self.note(f"gone: {peer.certificate.person} at {peer.address} ({peer.ended or 'the session ended'})")
            self._tell()

    def _session_with(self, certificate: Certificate) -> Peer | None:
        """The session with the same device of the same member. Another's certificate for it displaces nobody."""
        same = (certificate.device, certificate.member, certificate.transport)
        for peer in self._peers:
            if (peer.certificate.device, peer.certificate.member, peer.certificate.transport) == same:
                return peer
        return None

    def _prefers_own_call(self, certificate: Certificate) -> bool:
        """Where both called each other: the session that the smaller device key dialled stays."""
        return self.assembly.keys.device.public < certificate.device

    async def _until_gone(self, peer: Peer) -> None:
        """Don't dial again while the peer is connected by another way."""
        while peer in self._peers:
            await self.changed.wait()

    def _introduction(self) -> Introduction:
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

    def _explain(self, error: Exception) -> str:
        """Why a call failed, for the person. A far end that refuses says nothing, so this lists what it may be."""
        if not isinstance(error, LinkClosedError):
            return str(error)
        if self.assembly.keys.ticket is not None and self.assembly.standing is None:
            return (
                "the far end hung up without a word: it may belong to another assembly, or not to the inviter, or the "
                "ticket may be spent, withdrawn or expired, or one of the two clocks is off by more than an hour"
            )
        return (
            "the far end hung up without a word: it may belong to another assembly, follow a roster without you, "
            "or one of the two clocks is off by more than an hour"
        )


def _own_certificate(assembly: Assembly) -> bytes:
    """The body of this device's own certificate, to show in handshakes."""
    row = assembly.store.get(tables.Certificate, device=assembly.keys.device.public)
    assert row is not None, "a device's first record is its certificate"
    entry = assembly.store.get(tables.Entry, id=row.id)
    assert entry is not None and entry.body is not None
    return entry.body


def _remember(assembly: Assembly, address: str) -> None:
    with assembly.store.transaction():
        assembly.store.replace(tables.Peer(address, assembly.world.clock()))
