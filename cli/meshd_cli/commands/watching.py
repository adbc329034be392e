"""watch: what is new on the home screen, as it happens."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from meshd_cli import output, socket_client
from meshd_cli.client import Where, ask
from meshd_cli.errors import CommandError, LockedError, UnansweredError
from meshd_cli.homes import typed
from meshd_cli.news import Item, news

_BEGINS_ANEW_SECONDS = 3.0
_TOGETHER_SECONDS = 0.3
"""What comes within so long is told together: a stick brings hundreds of changes."""


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser(
        "watch", parents=[common], help="what is new for you, as it happens, until Ctrl-C or the daemon ends"
    )
    parser.set_defaults(function=watch)


def watch(where: Where, options: Any) -> int:
    """`meshd watch`: the home screen's list, and from then on what is new on it."""
    connection = socket_client.connect(where.home)
    if connection is None:
        raise CommandError("the daemon is not running: there is nothing to watch", "`meshd run` starts it.")
    told: set[str] = set()
    first = True
    with connection, suppress(KeyboardInterrupt):
        for _ in _changes(connection, where.assembly):
            home = ask(where, "home", {"all": True})
            if first and home["since"] is not None and home["since"]["since_ms"] is None:
                ask(where, "home", {"look": True})  # what is new is told from the first look on
            for each in news(home, told):
                _tell(where, each)
            if first and not told and not where.json:
                output.tell("Nothing waits for you. What is new is told here, until Ctrl-C.")
            first = False
            sys.stdout.flush()
        _check_lock(where)
        output.tell("the daemon has stopped")
    return 0


def _check_lock(where: Where) -> None:
    """Raises LockedError where the daemon has locked, and not stopped: its process begins anew then."""
    deadline = time.monotonic() + _BEGINS_ANEW_SECONDS
    while time.monotonic() < deadline:
        with suppress(UnansweredError):
            connection = socket_client.connect(where.home)
            if connection is not None:
                with connection:
                    locked = bool(socket_client.ask(connection, "status", {}, where.assembly).get("locked"))
                if locked:
                    hint = "`meshd unlock` opens it; `meshd watch` then goes on."
                    raise LockedError("the daemon is locked: nothing more is told", hint)
                return
        time.sleep(0.1)


def _changes(connection: socket.socket, assembly: str | None) -> Iterator[None]:
    """Yield whenever something has changed, once for all that comes together; end when the daemon does. Raises
    CommandError.
    """
    woken = threading.Event()
    ends: list[CommandError | None] = []

    def listen() -> None:
        problem = None
        try:
            for _ in socket_client.watch(connection, assembly):
                woken.set()
        except CommandError as error:
            problem = error
        except OSError:
            pass  # whoever watched has left
        ends.append(problem)
        woken.set()

    threading.Thread(target=listen, daemon=True).start()
    while True:
        woken.wait()
        time.sleep(_TOGETHER_SECONDS)
        woken.clear()
        if ends:
            break
        yield
    if ends[0] is not None:
        raise ends[0]


def _tell(where: Where, item: Item) -> None:
    if where.json:
        output.emit({"what": item.key.partition(" ")[0], "text": item.text, "command": item.command})
        return
    output.say(output.beside(time.strftime("%H:%M"), item.text))
    if item.command is not None:
        output.say(f"         {typed(item.command)}")
