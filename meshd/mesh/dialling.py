"""Addresses that a node keeps trying: given, remembered, or found by discovery, with waits that grow between attempts.

How a link comes about is here; what the two sides say over it is in `peers`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import trio

from meshd.assembly.access import Refusal, accept_responder, my_psks
from meshd.assembly.assembly import Assembly, World
from meshd.errors import NodeError
from meshd.log.executor import Executor
from meshd.mesh.problems import Problem, Trouble
from meshd.peers.link import Introduction, Link, LinkClosedError, RefusedError, greet
from meshd.peers.peer import Peer
from meshd.store import tables
from meshd.transports.api import Connection, Transport, UnreachableError
from meshd_protocol import limits
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.errors import SessionError

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 60.0
_STEADY_SECONDS = 10.0
"""How long a session has to last for the next call to come at once; after a shorter one it comes in about as long."""
_FOUND_ATTEMPTS = 3
"""How often to try an address that discovery found: discovery will find it again."""
_KNOCKS = 8
"""Network keys to try one after the other before a wait: the far end may have been away and know only older ones."""


@dataclass
class Dialled:
    """An address that this node keeps trying: the device that is connected by it, else the problem, if one is known."""

    address: str
    problem: Problem | None = field(default=Problem(Trouble.NOT_TRIED))
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
        """What this node shows in a handshake."""
        ...

    def session_with(self, certificate: Certificate) -> Peer | None:
        """The session with a device, if there is one."""
        ...

    async def until_gone(self, peer: Peer) -> None:
        """Wait until a session has ended."""
        ...

    def new_peer(self, link: Link, certificate: Certificate, address: str) -> Peer:
        """A session over a link that this node dialled."""
        ...

    async def talk(self, peer: Peer) -> None:
        """Talk until the session ends."""
        ...

    def tell(self) -> None:
        """Wake the tasks that wait for something to change."""
        ...


class Dialling:
    """The addresses of one node."""

    def __init__(self, node: Switchboard, transport: Transport) -> None:
        self._node = node
        self._transport = transport
        self._dialled: dict[str, Dialled] = {}
        self._nursery: trio.Nursery | None = None

    def start(self, nursery: trio.Nursery) -> None:
        """Make calls in this nursery from now on."""
        self._nursery = nursery

    def stop(self) -> None:
        """Make no more calls."""
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
        """Stop trying an address. A session that began by it goes on."""
        dialled = self._dialled.pop(address, None)
        if dialled is not None:
            dialled.kept = False
            dialled.given_up = True
            dialled.again.set()
            self._node.tell()

    def hurry(self) -> None:
        """Try every address now, since the network changed or this machine slept."""
        for dialled in self._dialled.values():
            dialled.again.set()

    def tries(self, address: str) -> bool:
        """Whether an address is tried, or connected."""
        return address in self._dialled

    def away(self) -> list[Dialled]:
        """The addresses by which nobody is connected."""
        return [each for each in self._dialled.values() if each.connected is None]

    async def _keep_dialling(self, dialled: Dialled) -> None:
        """Dial, talk, wait, begin again. Waits grow, with jitter, so that nodes don't call each other in step."""
        wait, attempt = _FIRST_WAIT, 0
        while True:
            dialled.next_try_ms = None
            begun = trio.current_time()
            if await self._try(dialled, attempt):
                wait = min(wait, _STEADY_SECONDS)  # somebody is there: waits grow with absence, not with short sessions
                if trio.current_time() - begun > _STEADY_SECONDS:
                    wait, attempt = _FIRST_WAIT, 0
            attempt += 1
            if dialled.problem is not None and dialled.problem.refusal is Refusal.ITSELF:
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
        """Call with one network key after the other, until the far end does more than hang up. True if it talked to us.

        The best keys come first; where there are many, later attempts go on with the next ones.
        """
        try:
            psks = await self._node.executor.run(partial(my_psks, self._node.assembly))
            batches = [psks[start : start + _KNOCKS] for start in range(0, len(psks), _KNOCKS)]
            for psk in batches[attempt % len(batches)]:
                try:
                    await self._call(await self._transport.dial(dialled.address), dialled, psk)
                    return True
                except LinkClosedError:
                    dialled.problem = self._hung_up()
        except UnreachableError as error:
            dialled.problem = Problem(Trouble.UNREACHABLE, str(error))
        except RefusedError as error:
            dialled.problem = Problem(Trouble.REFUSED, refusal=error.refusal)
        except (SessionError, NodeError) as error:
            dialled.problem = Problem(Trouble.FAILED, str(error))
        except Exception as error:  # a defect of ours ends this call, never the node
            dialled.problem = Problem(Trouble.DEFECT, repr(error))
        return False

    async def _call(self, connection: Connection, dialled: Dialled, psk: bytes) -> None:
        """Talk to the node that answers at an address, until the session ends.

        Raises LinkClosedError if the far end refused without a word, or SessionError.
        """
        node = self._node
        there: list[Peer] = []

        async def accept(certificate: Certificate) -> Refusal | None:
            refusal = await node.executor.run(partial(accept_responder, node.assembly, certificate))
            other = node.session_with(certificate)
            if refusal is None and other is not None:  # the same node by another address, or the other way round
                there.append(other)
                return Refusal.CONNECTED
            return refusal

        try:
            link, certificate = await greet(connection, psk, node.introduction(), accept)
        except SessionError:
            await trio.aclose_forcefully(connection.stream)
            if not there:
                raise
            dialled.connected, dialled.problem = there[0].certificate.device, None
            node.tell()
            await node.until_gone(there[0])
            dialled.connected, dialled.problem = None, Problem(Trouble.OTHER_WAY_ENDED)
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
            dialled.connected, dialled.problem = certificate.device, None
            node.tell()

        peer.on_heard = heard
        try:
            await node.talk(peer)
        finally:
            dialled.connected, dialled.problem = None, Problem(Trouble.ENDED, peer.ended)
        if not peer.heard:
            raise LinkClosedError(peer.ended)

    async def _remember(self, address: str) -> None:
        """Remember an address at which somebody answered. On a full disk it is forgotten, and found anew next time."""
        with suppress(NodeError):
            await self._node.executor.run(partial(_remember, self._node.assembly, address))

    async def connect_now(self, address: str, changed: Callable[[], Awaitable[None]]) -> Problem | None:
        """Dial an address, keep it for later starts, and return why nobody was reached; None if somebody was.

        `changed` waits until something changed on this node.
        """
        dialled = self.dial(address)
        dialled.problem = None
        dialled.again.set()
        with trio.move_on_after(limits.HANDSHAKE_SECONDS + 2):
            while dialled.connected is None and dialled.problem is None:
                await changed()
        return None if dialled.connected is not None else dialled.problem or Problem(Trouble.NO_ANSWER_YET)

    def _hung_up(self) -> Problem:
        """The far end hung up without a word, on a member or on a newcomer."""
        assembly = self._node.assembly
        newcomer = assembly.keys.ticket is not None and assembly.standing is None
        return Problem(Trouble.HUNG_UP_ON_NEWCOMER if newcomer else Trouble.HUNG_UP)


def remembered(assembly: Assembly) -> list[str]:
    """Addresses at which somebody answered lately, the latest first: a port may change at every start."""
    horizon = assembly.world.clock() - limits.REMEMBERED_DAYS * 24 * 3600 * 1000
    rows = [row for row in assembly.store.find(tables.Peer) if row.last_ms >= horizon]
    rows.sort(key=lambda row: row.last_ms, reverse=True)
    return [row.address for row in rows[: limits.REMEMBERED]]


def _remember(assembly: Assembly, address: str) -> None:
    with assembly.store.transaction():
        assembly.store.replace(tables.Peer(address, assembly.world.clock()))
