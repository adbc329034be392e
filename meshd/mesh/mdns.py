"""Discovery by mDNS. Zeroconf runs in its own thread and sends candidates to trio through a bounded channel; when the
channel is full, they are dropped.

A node announces no name, key or assembly: its instance and host labels are random, and the text holds a nonce and
keyed tags (`meshd_protocol.beacon`). A node that has only a ticket can't recognise anybody. It dials a few candidates
with the ticket's psk, and talks only to the inviter's.
"""

import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import trio
import zeroconf
from zeroconf import ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf

from meshd.assembly.access import newest_first
from meshd.assembly.keystore import NetworkKey
from meshd.transports.tcp import local_hosts
from meshd_protocol import limits
from meshd_protocol.beacon import HOUR_MS, NONCE_SIZE, is_friend, tags
from meshd_protocol.names import text_of

if TYPE_CHECKING:
    from meshd.mesh.node import Discovery, Node

SERVICE = "_meshd._tcp.local."
_POLL_SECONDS = 10
_RESOLVE_MS = 3000
_LATE_MS = 20 * 60 * 1000
"""Up to so long after the hour's end names change: two assemblies of one machine don't change theirs at one moment."""


class Candidate:
    """Somebody who announced a service: where, and with what."""

    def __init__(self, name: str, places: list[str], nonce: bytes, announced: bytes) -> None:
        self.name = name
        self.places = places
        self.nonce = nonce
        self.announced = announced


def discovery(*, announce: bool) -> "Discovery":
    """The task that finds nodes nearby and has them dialled. Without `announce` it listens only."""
    return partial(_discover, announce=announce)


async def _discover(node: "Node", *, announce: bool) -> None:
    """Run zeroconf for as long as the interfaces stay as they are; begin anew when they change."""
    while True:
        hosts, keys = local_hosts(), node.assembly.keys.network
        send, receive = trio.open_memory_channel[Candidate](limits.DISCOVERY_CANDIDATES)
        async with trio.open_nursery() as nursery:
            try:
                running = await trio.to_thread.run_sync(partial(_start, send, trio.lowlevel.current_trio_token()))
            except (zeroconf.Error, OSError) as error:
                node.note(f"no discovery on this network: {error}")
                await _until_changed(node, hosts, keys)
                continue
            try:
                if announce:
                    await _try_to_announce(node, running)
                nursery.start_soon(_dial_found, node, receive)
                await _until_changed(node, hosts, keys)
                nursery.cancel_scope.cancel()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(running.close)


async def _until_changed(node: "Node", hosts: list[str], keys: tuple[NetworkKey, ...]) -> None:
    """Until interfaces came or went, which zeroconf does not notice by itself, this node got a network key, or the hour
    ended, by which tags and names are made anew.
    """
    late = int(node.world.chance() * _LATE_MS)
    hour = (node.world.clock() - late) // HOUR_MS
    while (  # noqa: ASYNC110 (nobody tells of any of these)
        local_hosts() == hosts and node.assembly.keys.network == keys and (node.world.clock() - late) // HOUR_MS == hour
    ):
        await trio.sleep(_POLL_SECONDS * (0.5 + node.world.chance()))


def _start(send: trio.MemorySendChannel[Candidate], token: trio.lowlevel.TrioToken) -> Zeroconf:
    running = Zeroconf(interfaces=zeroconf.InterfaceChoice.All, ip_version=zeroconf.IPVersion.All)

    def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Removed:
            return
        info = ServiceInfo(service_type, name)
        if info.request(zeroconf, _RESOLVE_MS):
            candidate = _candidate(info)
            if candidate is not None:
                token.run_sync_soon(_offer, send, candidate)

    # zeroconf calls back in its own loop, where a request would wait for itself: a browser's handlers get a thread
    ServiceBrowser(running, SERVICE, handlers=[_in_thread(changed)])
    return running


def _in_thread(handler: Callable[..., None]) -> Callable[..., None]:
    import threading

    slots = threading.BoundedSemaphore(4)

    def hand_over(**arguments: object) -> None:
        if not slots.acquire(blocking=False):
            return  # a flood of announcements is not worth more threads

        def run() -> None:
            try:
                handler(**arguments)
            finally:
                slots.release()

        threading.Thread(target=run, daemon=True).start()

    return hand_over


def _offer(send: trio.MemorySendChannel[Candidate], candidate: Candidate) -> None:
    try:
        send.send_nowait(candidate)
    except (trio.WouldBlock, trio.BrokenResourceError):
        return


def _candidate(info: ServiceInfo) -> Candidate | None:
    """What an announcement says, as far as it has the right shape; None for anything else."""
    texts = info.properties or {}
    nonce, announced = texts.get(b"n"), texts.get(b"t")
    if not isinstance(nonce, bytes) or not isinstance(announced, bytes) or not info.port:
        return None
    places = [
        f"[{address}]:{info.port}" if ":" in address else f"{address}:{info.port}"
        for address in info.parsed_scoped_addresses()
    ]
    return Candidate(info.name, places[:8], nonce, announced)


async def _try_to_announce(node: "Node", running: Zeroconf) -> None:
    try:
        await _announce(node, running)
    except (zeroconf.Error, OSError) as error:
        node.note(f"not announced on this network: {error}")


async def _announce(node: "Node", running: Zeroconf) -> None:
    """Announce where this node listens, to those who hold a network key. A newcomer's node announces nothing."""
    keys = await node.work(lambda: newest_first(node.assembly))
    ports = {place.rpartition(":")[2] for place in node.listening}
    hosts = [host for host in local_hosts() if not host.startswith("127.") and host != "::1"]
    if not keys or not ports or not hosts:
        return
    entropy = node.world.entropy
    nonce, port = entropy(NONCE_SIZE), int(min(ports))
    places = [_plain(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") for host in hosts]
    announced = tags([key.secret for key in keys], node.assembly.id, nonce, node.world.clock(), places)
    label = text_of(entropy(10))
    info = ServiceInfo(
        SERVICE,
        f"{label}.{SERVICE}",
        port=port,
        properties={b"n": nonce, b"t": announced},
        server=f"{text_of(entropy(10))}.local.",
        addresses=[_packed(host) for host in hosts],
    )
    await trio.to_thread.run_sync(running.register_service, info)


async def _dial_found(node: "Node", receive: trio.MemoryReceiveChannel[Candidate]) -> None:
    """Dial friends; with a ticket, a few strangers. Each address once while it is tried."""
    knocked: set[str] = set()
    async for candidate in receive:
        keys = await node.work(lambda: newest_first(node.assembly))
        secrets = [key.secret for key in keys]
        now = node.world.clock()
        own = {_plain(mine) for mine in node.listening}
        for place in candidate.places:
            if _plain(place) in own:
                break
            if keys:
                if not is_friend(secrets, node.assembly.id, candidate.nonce, candidate.announced, now, _plain(place)):
                    continue
            elif place not in knocked and len(knocked) >= limits.TICKET_CANDIDATES:
                continue
            knocked.add(place)
            node.dial(place, kept=False)
            break


def _plain(place: str) -> str:
    """An address without its scope: the two ends name their interfaces differently."""
    host, _, port = place.rpartition(":")
    return f"{host.partition('%')[0]}{']' if '%' in host else ''}:{port}"


def _packed(host: str) -> bytes:
    plain = host.partition("%")[0]
    return socket.inet_pton(socket.AF_INET6 if ":" in plain else socket.AF_INET, plain)
