"""The daemon: one home, a node for each of its assemblies, one control socket, until it is told to stop."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import trio

from meshd.app import desktop, notices, renewing, sticks
from meshd.app.alone import Passphrase
from meshd.app.bridges import bridge_now, keep_bridging
from meshd.app.control_server import Asked, serve_control
from meshd.app.locked import Idle, lock_when_idle
from meshd.assembly.assembly import Assembly
from meshd.clock import system_steady
from meshd.errors import NodeError, UsageError
from meshd.log.executor import ThreadExecutor
from meshd.log.helper import WORTH, Helper, has_a_core
from meshd.mesh import mdns
from meshd.mesh.netwatch import watch
from meshd.mesh.node import Node, own_certificate
from meshd.process import allow_files
from meshd.service.links import check_address
from meshd.transports.addresses import parse_address
from meshd.transports.api import Transport, UnreachableError
from meshd.transports.serial import PREFIX, SerialTransport, parse_line
from meshd.transports.several import SeveralTransports
from meshd.transports.tcp import TcpTransport, local_hosts
from meshd_protocol import limits

_SWITCH_SECONDS = 0.0005
"""How long a thread may compute while another waits for Python's lock: SQLite asks for it after every statement, and at
Python's own five milliseconds a busy link would hold up the log.
"""


class Options(NamedTuple):
    """What `meshd run` was told."""

    listen: str | None
    connect: list[str]
    discover: bool
    announce: bool
    reached_at: list[str]
    lines: list[str]
    lock_after_ms: int = 0
    """Lock after so long without a command, or after sleep; 0 for never."""
    sticks: bool = False
    """Exchange with sticks as they are mounted."""
    stick_hook: str | None = None
    """A command that is told how that goes."""
    notify: Callable[[], notices.Words] | None = None
    """Tell the desktop what waits: makes the words for one assembly."""


class Ready(NamedTuple):
    """An assembly's name (its folder's while its log is not here), and where its node listens."""

    name: str
    listening: list[str]


def run(
    home: Path,
    words: str | None,
    passphrase: Passphrase,
    options: Options,
    ready: Callable[[list[Ready]], None],
    note: Callable[[str], None],
) -> bool:
    """Run until SIGTERM or Ctrl-C, or until it is to lock: then true. `ready` hears where the nodes listen, `note` what
    happens. Raises NodeError.

    Several assemblies of a home run side by side, each with its own keys, log, port and connections.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    allow_files(2 * limits.CONTROL_WAITING)
    listen = _address(options.listen) if options.listen else None
    for address in (*options.connect, *options.reached_at):
        check_address(address)
    for line in options.lines:
        try:
            parse_line(line)
        except ValueError as error:
            raise UsageError(str(error)) from error
    with ExitStack() as stack:
        assemblies = renewing.opened(stack, home, words, passphrase, note)
        for each in assemblies:
            if each.store.refusal is not None:
                raise each.store.refusal
            own_certificate(each)
        told = options.connect or options.reached_at or options.lines or (listen is not None and listen[1])
        if len(assemblies) > 1 and told:
            raise UsageError(
                "this home has several assemblies, each with a port and addresses of its own",
                "Say which one to run with --assembly. `meshd --assembly NAME connect ADDRESS` remembers an address.",
            )
        helper = Helper()
        nodes = [
            Node(
                each,
                _transport(listen, options.lines),
                ThreadExecutor(helper),
                note=_prefixed(each, note) if len(assemblies) > 1 else note,
                reached_at=options.reached_at,
            )
            for each in assemblies
        ]
        try:
            return trio.run(_main, nodes, helper, home, options, ready, note)
        except BaseExceptionGroup as group:  # what is raised in an `except*` comes out in a group on some Pythons
            found, rest = group.split(UnreachableError)
            if found is None or rest is not None:
                raise
            raise NodeError(str(_first(found))) from None


def _transport(listen: tuple[str, int] | None, lines: list[str]) -> Transport:
    network = TcpTransport(listen)
    if not lines:
        return network
    return SeveralTransports(network, [SerialTransport(*parse_line(line), os.urandom) for line in lines])


def _prefixed(assembly: Assembly, note: Callable[[str], None]) -> Callable[[str], None]:
    """Notes that say which assembly they are about."""
    return lambda text: note(f"{assembly.title}: {text}")


async def _main(
    nodes: list[Node],
    helper: Helper,
    home: Path,
    options: Options,
    ready: Callable[[list[Ready]], None],
    note: Callable[[str], None],
) -> bool:
    lock = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            if has_a_core():
                nursery.start_soon(helper.mind)
                if any(node.assembly.keys.ticket is not None for node in nodes):  # who has nothing yet gets much
                    helper.expect(WORTH)
            for node in nodes:
                discovery = mdns.discovery(announce=options.announce) if options.discover else None
                connect = [*options.connect, *(PREFIX + parse_line(line)[0] for line in options.lines)]
                nursery.start_soon(partial(node.run, connect=connect, discovery=discovery))
            for node in nodes:
                await node.started.wait()
            nursery.start_soon(watch, nodes, local_hosts, system_steady)
            bridging = trio.Lock()
            nursery.start_soon(keep_bridging, nodes, bridging)
            idle = Idle(options.lock_after_ms)
            await nursery.start(serve_control, nodes, home, bridging, Asked(idle.heard, lock))
            if options.lock_after_ms:
                nursery.start_soon(lock_when_idle, idle, lock)
                nursery.start_soon(desktop.lock_before_sleep, lock)
            nursery.start_soon(_when_set, lock, nursery.cancel_scope)
            if options.sticks:
                hook = sticks.several(sticks.runs(options.stick_hook), desktop.tell_of_stick)
                nursery.start_soon(sticks.mind, nodes, note, hook, partial(bridge_now, nodes, bridging))
            if options.notify is not None:
                for node in nodes:
                    nursery.start_soon(notices.tell_desktop, node, options.notify())
            ready([Ready(node.assembly.title, node.listening) for node in nodes])
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break
    return lock.is_set()


async def _when_set(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def _address(text: str) -> tuple[str, int]:
    try:
        return parse_address(text)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _first(group: BaseExceptionGroup[UnreachableError]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
