"""`python -m meshd_page`: what `meshd page` becomes. Serves one home's page until Ctrl-C or SIGTERM."""

import argparse
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import trio

from meshd_page import door, server


def main() -> int:
    """Show the page of a home: by the process that serves it already, or by this one."""
    parser = argparse.ArgumentParser(prog="meshd page")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--url", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    address = door.ask(options.home)
    if address is not None:
        _show(address, browse=not options.url, as_json=options.json)
        return 0
    try:
        listener = server.listen(options.port)
    except OSError as error:
        _refuse(f"nothing can listen on port {options.port}: {error.strerror}", as_json=options.json)
        return 1
    with listener:
        ready = partial(_show, browse=not options.url, as_json=options.json)
        trio.run(_main, options.home, listener, ready)
    print("stopped", file=sys.stderr)
    return 0


async def _main(home: Path, listener: socket.socket, ready: Callable[[str], None]) -> None:
    stopped = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_told, signals, stopped)
            await server.run(home, listener, ready, stopped)
            nursery.cancel_scope.cancel()


async def _until_told(signals: AsyncIterator[int], stopped: trio.Event) -> None:
    async for _ in signals:
        stopped.set()
        return


def _refuse(text: str, *, as_json: bool) -> None:
    """Say why there is no page, as every command says it."""
    hint = "Without --port a free one is taken."
    if as_json:
        print(json.dumps({"code": 1, "error": text, "hint": hint}), file=sys.stderr)
    else:
        print(f"error: {text}\nhint: {hint}", file=sys.stderr)


def _show(address: str, *, browse: bool, as_json: bool) -> None:
    """Print an address that lets one browser in, and open it in the browser of this desktop."""
    print(json.dumps({"url": address}) if as_json else address, flush=True)
    if not browse:
        return
    import webbrowser

    if not webbrowser.open(address):
        print("No browser was found here: open the address above in one. It works once.", file=sys.stderr)


sys.exit(main())
