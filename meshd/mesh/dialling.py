"""Addresses that a node keeps trying: given, remembered, or found by discovery, with waits that grow between attempts.

How a link comes about is here; what is talked over it is in `peering`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import trio

from meshd.assembly.assembly import Assembly, World
from meshd.assembly.doors import ITSELF, accept_responder, my_psks
from meshd.errors import NodeError
from meshd.log.executor import Executor
from meshd.peers.link import Introduction, Link, LinkClosedError, greet
from meshd.peers.peer import Peer
from meshd.store import tables
from meshd.transports.api import Connection, Transport, UnreachableError
from meshd_protocol import limits
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.errors import SessionError

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 60.0
_STEADY_SECONDS = 10.0
"""How long a session has to last for the next call to come at once."""
_FOUND_ATTEMPTS = 3
"""How often an address is tried that discovery found: it will find it again."""
_KNOCKS = 8
"""Network keys that are tried one after the other, before a wait: a node that was away knows an older one only."""


@dataclass
class Dialled:
    """An address that this node keeps trying. `problem` says why it is not connected; `connected` to whom it is."""

    address: str
    problem: str = "not tried yet"
    connected: bytes | None = None
    kept: bool = True
    given_up: bool = False
    again: trio.Event = field(default_factory=trio.Event)
    next_try_ms: int | None = None
    """When it is tried again, on the steady clock."""


class Switchboard(Protocol):
    """What dialling needs of the node."""

    assembly: Assembly
    world: World
    executor: Executor

    def introduction(self) -> Introduction:
        """What this node says of itself in a handshake."""
        ...

    def session_with(self, certificate: Certificate) -> Peer | None:
        """The session with a device, if there is one."""
        ...

    async def until_gone(self, peer: Peer) -> None:
        """Wait until a session has ended."""
        ...

    def new_peer(self, link: Link, certificate: Certificate, address: str) -> Peer:
        """A session with somebody whom this node called."""
        ...

    async def talk(self, peer: Peer) -> None:
        """Talk until the session ends."""
        ...

    def tell(self) -> None:
        """Something changed that a person may wait for."""
        ...


class Dialling:
    """The addresses of one node."""

    def __init__(self, node: Switchboard, transport: Transport) -> None:
        self._node = node
        self._transport = transport
        self._dialled: dict[str, Dialled] = {}
        self._nursery: trio.Nursery | None = None

    def start(self, nursery: trio.Nursery) -> None:
        """From here on, calls run in this nursery."""
        self._nursery = nursery

    def stop(self) -> None:
        """No calls any more."""
        self._nursery = None
        self._dialled.clear()

    def dial(self, address: str, *, kept: bool = True) -> Dialled:
        """Keep trying an address; one that is not `kept` is tried a few times."""
        assert self._nursery is not None, "the node is not running"
        dialled = self._dialled.get(address)
        if dialled is not None:
            dialled.kept = dialled.kept or kept
            dialled.again.set()
            return dialled
        dialled = self._dialled[address] = Dialled(address, kept=kept)
        self._nursery.start_soon(self._keep_dialling, dialled)
        return dialled

    def give_up(self, address: str) -> None:
        """Try an address no longer; a session that came about by it goes on."""
        dialled = self._dialled.pop(address, None)
        if dialled is not None:
            dialled.kept = False
            dialled.given_up = True
            dialled.again.set()
            self._node.tell()

    def hurry(self) -> None:
        """Try every address now: the network changed, or this machine slept."""
        for dialled in self._dialled.values():
            dialled.again.set()

    def tries(self, address: str) -> bool:
        """Whether an address is tried, or connected."""
        return address in self._dialled

    def away(self) -> list[Dialled]:
        """Addresses at which nobody is connected."""
        return [each for each in self._dialled.values() if each.connected is None]

    async def _keep_dialling(self, dialled: Dialled) -> None:
        """Dial, talk, wait, again; the waits grow, with jitter, so that nodes that met once don't march in step."""
        wait, attempt = _FIRST_WAIT, 0
        while True:
            dialled.next_try_ms = None
            begun = trio.current_time()
            if await self._try(dialled, attempt) and trio.current_time() - begun > _STEADY_SECONDS:
                wait, attempt = _FIRST_WAIT, 0
            attempt += 1
            if dialled.problem == ITSELF:
                self.give_up(dialled.address)
            if dialled.given_up:
                return
            if not dialled.kept and attempt >= _FOUND_ATTEMPTS:
                del self._dialled[dialled.address]
                self._node.tell()
                return
            pause = wait * (0.5 + self._node.world.chance())
            dialled.next_try_ms = self._node.world.steady().ms + int(pause * 1000)
            self._node.tell()
            with trio.move_on_after(pause):
                await dialled.again.wait()
                wait = _FIRST_WAIT
            if dialled.given_up:
                return
            dialled.again = trio.Event()
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _try(self, dialled: Dialled, attempt: int) -> bool:
        """Call, with one network key after the other while the far end hangs up without a word. True if we talked.

        The best keys come first; where there are many, later attempts go on with the next ones.
        """
        try:
            psks = await self._node.executor.run(partial(my_psks, self._node.assembly))
            batches = [psks[start : start + _KNOCKS] for start in range(0, len(psks), _KNOCKS)]
            for psk in batches[attempt % len(batches)]:
                try:
                    await self._call(await self._transport.dial(dialled.address), dialled, psk)
                    return True
                except LinkClosedError as error:
                    dialled.problem = self._explain(error)
        except UnreachableError as error:
            dialled.problem = str(error)
        except (SessionError, NodeError) as error:
            dialled.problem = str(error)
        except Exception as error:  # a defect of ours ends this call, never the node
            dialled.problem = f"a defect of meshd: {error!r}"
        return False

    async def _call(self, connection: Connection, dialled: Dialled, psk: bytes) -> None:
        """Talk to who answers at an address, until the session ends.

        Raises LinkClosedError if the far end refused without a word, or SessionError.
        """
        node = self._node
        there: list[Peer] = []

        async def accept(certificate: Certificate) -> str | None:
            problem = await node.executor.run(partial(accept_responder, node.assembly, certificate))
            other = node.session_with(certificate)
            if problem is None and other is not None:  # the same node by another address, or the other way round
                there.append(other)
                return "connected already, by another way"
            return problem

        try:
            link, certificate = await greet(connection, psk, node.introduction(), accept)
        except SessionError:
            await trio.aclose_forcefully(connection.stream)
            if not there:
                raise
            dialled.connected, dialled.problem = there[0].certificate.device, ""
            node.tell()
            await node.until_gone(there[0])
            dialled.connected, dialled.problem = None, "the session by another way ended"
            return
        except BaseException:
            await trio.aclose_forcefully(connection.stream)
            raise
        peer = node.new_peer(link, certificate, dialled.address)
        told = peer.on_heard

        def heard() -> None:
            told()
            if dialled.kept and connection.local and self._nursery is not None:  # a line has no address to remember
                self._nursery.start_soon(self._remember, dialled.address)
            dialled.connected, dialled.problem = certificate.device, ""
            node.tell()

        peer.on_heard = heard
        try:
            await node.talk(peer)
        finally:
            dialled.connected, dialled.problem = None, peer.ended or "the session ended"
        if not peer.heard:
            raise LinkClosedError(peer.ended)

    async def _remember(self, address: str) -> None:
        """Keep an address that somebody answered at; where the disk is full, it is looked for anew next time."""
        with suppress(NodeError):
            await self._node.executor.run(partial(_remember, self._node.assembly, address))

    async def connect_now(self, address: str, changed: Callable[[], Awaitable[None]]) -> str:
        """Dial an address, keep it for later starts, and say "" or why nobody was reached. `changed` waits for news."""
        dialled = self.dial(address)
        dialled.problem = ""
        dialled.again.set()
        with trio.move_on_after(limits.HANDSHAKE_SECONDS + 2):
            while dialled.connected is None and not dialled.problem:
                await changed()
        return "" if dialled.connected is not None else dialled.problem or "no answer yet"

    def _explain(self, error: LinkClosedError) -> str:
        """Why a call failed, for the person. A far end that refuses says nothing, so this lists what it may be."""
        assembly = self._node.assembly
        if assembly.keys.ticket is not None and assembly.standing is None:
            return (
                "the far end hung up without a word: it may belong to another assembly, or not to the inviter, or the "
                "ticket may be spent, withdrawn or expired, or one of the two clocks is off by more than an hour"
            )
        return (
            "the far end hung up without a word: it may belong to another assembly, follow a roster without you, be "
            "behind a router that it was not told of (`run --reached-at`), or one of the two clocks is off by more "
            "than an hour"
        )


def remembered(assembly: Assembly) -> list[str]:
    """Addresses that somebody answered at, the last ones first: a port that changes at every start is tried no longer
    than it is likely to be good.
    """
    horizon = assembly.world.clock() - limits.REMEMBERED_DAYS * 24 * 3600 * 1000
    rows = [row for row in assembly.store.find(tables.Peer) if row.last_ms >= horizon]
    rows.sort(key=lambda row: row.last_ms, reverse=True)
    return [row.address for row in rows[: limits.REMEMBERED]]


def _remember(assembly: Assembly, address: str) -> None:
    with assembly.store.transaction():
        assembly.store.replace(tables.Peer(address, assembly.world.clock()))
