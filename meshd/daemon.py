"""The daemon: one home, one node, one control socket, until it is told to stop."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import trio

from meshd.addresses import parse_address
from meshd.alone import Passphrase, opened
from meshd.control_server import serve_control
from meshd.discovery import mdns
from meshd.errors import NodeError, UsageError
from meshd.executor import ThreadExecutor
from meshd.node import Node
from meshd.transports.api import UnreachableError
from meshd.transports.tcp import TcpTransport

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


def run(
    home: Path,
    words: str | None,
    passphrase: Passphrase,
    options: Options,
    ready: Callable[[list[str]], None],
    note: Callable[[str], None],
) -> None:
    """Run until SIGTERM or Ctrl-C. `ready` hears where the node listens, `note` what happens. Raises NodeError."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    listen = _address(options.listen) if options.listen else None
    for address in options.connect:
        _address(address)
    with opened(home, words, passphrase) as assembly:
        node = Node(assembly, TcpTransport(listen), ThreadExecutor(), note=note)
        try:
            trio.run(_main, node, home, options, ready)
        except* UnreachableError as group:
            raise NodeError(str(_first(group))) from None


async def _main(node: Node, home: Path, options: Options, ready: Callable[[list[str]], None]) -> None:
    discovery = mdns.discovery(announce=options.announce) if options.discover else None
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def run_node() -> None:
                await node.run(connect=options.connect, discovery=discovery)

            nursery.start_soon(run_node)
            await node.started.wait()
            await nursery.start(serve_control, node, home)
            ready(node.listening)
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break


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
