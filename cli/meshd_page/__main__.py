"""`python -m meshd_page`: what `meshd page` becomes. Serves one home's page until Ctrl-C or SIGTERM."""

import argparse
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import trio

from meshd_page import inviting, server
from meshd_page.room import Room


def main() -> int:
    """Show the page of a home: by the process that serves it already, or by this one."""
    parser = argparse.ArgumentParser(prog="meshd page")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--url", action="store_true")
    parser.add_argument("--room", metavar="HOST:PORT")
    parser.add_argument("--while-input", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    address = inviting.ask(options.home)
    if address is not None and options.room:
        _refuse("a page of this home runs already", "End it, and begin it with --room.", as_json=options.json)
        return 1
    if address is not None:
        if options.port and f":{options.port}/" not in address:
            print("warning: a page of this home runs already, on another port", file=sys.stderr)
        _print(address, as_json=options.json)
        if not options.url:
            _browse(address)
        return 0
    try:
        listeners = _listeners(options.home, options.port, options.room)
    except OSError as error:
        place = options.room or f"port {options.port}"
        hint = (
            "--listen says where the room's screen listens." if options.room else "Without --port a free one is taken."
        )
        _refuse(f"nothing can listen on {place}: {error.strerror or error}", hint, as_json=options.json)
        return 1
    ready = partial(_show, browse=not options.url, as_json=options.json)
    trio.run(_main, options.home, listeners, ready, options.while_input)
    print("stopped", file=sys.stderr)
    return 0


_PORT = "page.port"
"""In a home: where its page listened last. Those that browsers have open send their forms there."""


def _listeners(home: Path, port: int, room: str | None) -> server.Listeners:
    """What the page listens with, and the room's screen where there is one. Raises OSError."""
    page = server.listen(port) if port else _where_it_was(home / _PORT)
    with suppress(OSError):  # a read-only home has a page, too
        (home / _PORT).write_text(f"{page.getsockname()[1]}\n")
    if room is None:
        return server.Listeners(page)
    host, _, number = room.rpartition(":")
    try:
        return server.Listeners(page, server.listen(int(number), host.strip("[]")))
    except OSError:
        page.close()
        raise


def _where_it_was(noted: Path) -> socket.socket:
    """A listening socket at the port of the last time, if that is free; at another one else. Raises OSError."""
    with suppress(OSError, ValueError, OverflowError):
        return server.listen(int(noted.read_text()))
    return server.listen(0)


async def _main(
    home: Path, listeners: server.Listeners, ready: Callable[[str, Room | None], None], while_input: bool
) -> None:
    stopped = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_told, signals, stopped)
            if while_input:
                nursery.start_soon(_until_alone, stopped)
            await server.run(home, listeners, ready, stopped)
            nursery.cancel_scope.cancel()


async def _until_alone(stopped: trio.Event) -> None:
    """Stop once nobody holds the other end of the input any more: the daemon beside which this runs has ended."""
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stream:
        async for _ in stream:
            pass
    stopped.set()


async def _until_told(signals: AsyncIterator[int], stopped: trio.Event) -> None:
    async for _ in signals:
        stopped.set()
        return


def _refuse(text: str, hint: str, *, as_json: bool) -> None:
    """Say why there is no page, as every command says it."""
    if as_json:
        print(json.dumps({"code": 1, "error": text, "hint": hint}), file=sys.stderr)
    else:
        print(f"error: {text}\nhint: {hint}", file=sys.stderr)


def _show(address: str, room: Room | None, *, browse: bool, as_json: bool) -> None:
    """Print an address that lets one browser in, and open it in a browser, which may be one that takes the terminal."""
    if room is not None and as_json:
        print(json.dumps({"url": address, "room": room.address, "pin": room.pin}), flush=True)
    else:
        _print(address, as_json=as_json)
    if room is not None and not as_json:
        print(f"The screen for the room: {room.address} with the PIN {room.pin}", flush=True)
        print("What it shows you choose on the page, under Screen for the room.", file=sys.stderr)
    if browse:
        threading.Thread(target=_browse, args=(address,), daemon=True).start()


def _print(address: str, *, as_json: bool) -> None:
    print(json.dumps({"url": address}) if as_json else address, flush=True)


def _browse(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        print("No browser was found here: open the address above in one. It works once.", file=sys.stderr)


sys.exit(main())
