"""How a command reaches a node: the daemon's socket if one listens in the home, else the home itself.

This is on the path of every command: it imports little, and node code only where no daemon runs.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from meshd_cli.errors import CommandError, LockedError

SOCKET = "control.sock"
LOCK = "lock"
_PATIENCE_SECONDS = 5.0


class Where(NamedTuple):
    """The options that every command has."""

    home: Path
    assembly: str | None
    json: bool
    passphrase_file: str | None


def default_home() -> Path:
    """`MESHD_HOME`, else the platform's data folder."""
    named = os.environ.get("MESHD_HOME")
    if named:
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("meshd", appauthor=False)


def ask(where: Where, verb: str, arguments: dict[str, Any] | None = None) -> Any:
    """The answer to a request, by the daemon or without one. Raises CommandError or a node's error."""
    line = {"verb": verb, "arguments": _given(arguments or {}), "assembly": where.assembly}
    answer = _from_daemon(where, line)
    if answer is not None:
        return answer["result"]
    from meshd import alone
    from meshd_protocol.control import Request

    request = Request(verb, line["arguments"], where.assembly)  # type: ignore[arg-type]
    with _progress() as tell:
        return alone.ask(where.home, request, lambda: passphrase(where), tell)


def passphrase(where: Where, *, new: bool = False) -> str:
    """The passphrase: from a file, the environment, or a prompt (twice for a new one). Raises LockedError."""
    if where.passphrase_file:
        try:
            return Path(where.passphrase_file).read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read the passphrase from {where.passphrase_file}") from error
    named = os.environ.get("MESHD_PASSPHRASE")
    if named is not None:
        return named
    if not sys.stdin.isatty():
        raise LockedError(
            "a passphrase is needed, and there is no terminal to ask on",
            "Set MESHD_PASSPHRASE, or use --passphrase-file.",
        )
    from getpass import getpass

    words = getpass("New passphrase: " if new else "Passphrase: ")
    if new and not words:
        raise CommandError("an empty passphrase protects nothing", "Four or more random words are good.")
    if new and getpass("Once more: ") != words:
        raise CommandError("the two were not the same")
    return words


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _from_daemon(where: Where, line: dict[str, Any]) -> dict[str, Any] | None:
    """The daemon's answer; None if no daemon runs in this home."""
    connection = _connect(where.home)
    if connection is None:
        return None
    with connection, connection.makefile("rwb") as stream, _progress() as tell:
        stream.write(json.dumps(line).encode() + b"\n")
        stream.flush()
        for reply in stream:
            answer: dict[str, Any] = json.loads(reply)
            if "progress" in answer:
                tell(answer["progress"])
            elif "error" in answer:
                raise CommandError(answer["error"], answer["hint"], answer["code"])
            else:
                return answer
    raise CommandError("the daemon stopped before it answered", "Look at its own output; nothing acknowledged is lost.")


def _connect(home: Path) -> socket.socket | None:
    """A connection to the home's daemon. While one starts or stops, wait a little for it."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        connection = _try_socket(home)
        if connection is not None or not _is_locked(home) or time.monotonic() > deadline:
            return connection
        time.sleep(0.05)


def _try_socket(home: Path) -> socket.socket | None:
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
    return connection


def _is_locked(home: Path) -> bool:
    """Whether another process writes in the home."""
    import fcntl

    try:
        with (home / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@contextmanager
def _progress() -> Iterator[Any]:
    """Progress on one line of a terminal; silence elsewhere."""
    shown = False

    def tell(text: str) -> None:
        nonlocal shown
        if sys.stderr.isatty():
            shown = True
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    try:
        yield tell
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
