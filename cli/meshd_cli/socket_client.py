"""The control socket, for any front end: connect to a home's daemon, ask with progress, watch for changes.

No terminal, lock or command line here: what a person's shell needs on top is in `client`. Calls block; a front end with
an event loop makes them in a thread. The lines are in `meshd_protocol.control`.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshd_cli.errors import CommandError, UnansweredError

if TYPE_CHECKING:
    from meshd_protocol.changes import Change

SOCKET = "control.sock"
SILENCE_SECONDS = 10.0
"""A daemon at work says so every second."""

Tell = Callable[[str, int, int], None]
"""Hears of progress: a text, how much is done, and of how much (0 where nobody knows)."""

_HUNG_UP = "the daemon hung up before it answered"
_LOST = "Look at its own output; nothing acknowledged is lost."


def connect(home: Path) -> socket.socket | None:
    """A connection to the daemon of a home, for one request; None if no daemon answers there. Close it afterwards."""
    try:
        folder = os.open(home, os.O_RDONLY)
    except OSError:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{SOCKET}")  # a socket's own path may be too long
    except OSError:
        connection.close()
        return None
    finally:
        os.close(folder)
    connection.settimeout(SILENCE_SECONDS)
    return connection


def ask(
    connection: socket.socket,
    verb: str,
    arguments: dict[str, Any],
    assembly: str | None = None,
    tell: Tell = lambda text, done, total: None,
    heed: Callable[[str], None] = lambda code: None,
) -> Any:
    """The result of a request. `assembly` is a name or the beginning of an id, or None where a home has one alone.
    `heed` hears the code of why this home can't take part, if it can't; and `drill` of what is an exercise.

    Raises CommandError with the daemon's own error, hint and code, or where the daemon hangs up or falls silent.
    """
    for reply in _replies(connection, verb, arguments, assembly, heed):
        if "progress" in reply:
            tell(*reply["progress"])
        else:
            if isinstance(reply.get("out"), str):
                heed(reply["out"])
            return reply["result"]
    raise UnansweredError(_HUNG_UP, _LOST)


def watch(connection: socket.socket, assembly: str | None = None) -> Iterator["Change"]:
    """The changes of a node, as they come; the first is `Anything`. A change says what to ask for again.

    Ends when the daemon stops, or after `connection.shutdown(SHUT_WR)` by another thread. Raises as `ask` does.
    """
    from meshd_protocol.changes import BadChangeError, read_change  # no command needs it

    for reply in _replies(connection, "watch", {}, assembly):
        if "result" in reply:
            return
        if "change" in reply:
            try:
                yield read_change(reply)
            except BadChangeError as error:
                raise _unreadable() from error
    raise CommandError(_HUNG_UP, _LOST)


def _replies(
    connection: socket.socket,
    verb: str,
    arguments: dict[str, Any],
    assembly: str | None,
    heed: Callable[[str], None] = lambda code: None,
) -> Iterator[dict[str, Any]]:
    """Send a request and yield the lines of its answer."""
    request = {"verb": verb, "arguments": arguments, "assembly": assembly}
    try:
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as lines:
            for line in lines:
                reply = _read(line)
                if reply.get("drill") is True:
                    heed("drill")
                yield _accepted(reply)
    except TimeoutError as error:
        raise UnansweredError(
            f"the daemon has said nothing for {SILENCE_SECONDS:.0f} seconds: it is stopped or stuck",
            "If it was stopped (Ctrl-Z), `fg` or `kill -CONT` lets it go on; what you asked for may be done then. Else "
            "end it, and start it again: nothing acknowledged is lost.",
        ) from error
    except ConnectionError as error:
        raise UnansweredError(_HUNG_UP, _LOST) from error


def _read(line: bytes) -> dict[str, Any]:
    """One line of an answer. Raises CommandError for what is none."""
    if not line.endswith(b"\n"):
        raise UnansweredError(_HUNG_UP, _LOST)
    try:
        reply: Any = json.loads(line)
    except ValueError as error:
        raise _unreadable() from error
    if type(reply) is not dict:
        raise _unreadable()
    return reply


def _accepted(reply: dict[str, Any]) -> dict[str, Any]:
    """What is no error. Raises CommandError for one that the daemon answers, and for what this version can't read."""
    match reply:
        case {"error": str(problem), "hint": str(hint), "code": int(code)}:
            raise CommandError(problem, hint, code)
        case {"progress": [str(), int(), int()]} | {"result": _} | {"change": _}:
            return reply
        case _:
            raise _unreadable()


def _unreadable() -> CommandError:
    return CommandError("the daemon said what this meshd can't read", "Are the two of one version?")
