"""How a command reaches a node: the daemon's socket (`socket_client`) if one listens in the home, else the home itself.

What a person at a terminal needs is here, too: a prompt for the passphrase, progress on one line, patience with a home
that another command has locked. Every command runs this: it imports little, and node code only where no daemon runs.
"""

import functools
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from meshd_cli import outside, socket_client, unprotected
from meshd_cli.errors import WRONG_PASSPHRASE, CommandError, LockedError
from meshd_cli.plain import is_plain

LOCK = "lock"
CREDENTIAL = "meshd.passphrase"
"""What a service manager calls the passphrase."""
_TYPED: dict[tuple[Path, str | None], str] = {}
"""What was typed at the prompt: a command that asks a node several things asks its person once."""
_PATIENCE_SECONDS = 5.0
_MOMENT_SECONDS = 0.3
_CARRIES = frozenset({"stick", "export", "import", "backup", "restore"})
"""Verbs whose progress is in bytes."""


class Where(NamedTuple):
    """The options that every command has."""

    home: Path
    assembly: str | None
    json: bool
    passphrase_file: str | None


def ask(
    where: Where, verb: str, arguments: dict[str, Any] | None = None, *, locked: bool = False, words: str | None = None
) -> Any:
    """The answer to a request, by the daemon or without one; a `locked` one a daemon answers by the passphrase alone.
    `words` are the passphrase, where it is known.

    Raises CommandError or a node's error.
    """
    if words is not None:
        return _ask(where, verb, arguments, lambda _: words, locked=locked)
    try:
        return _ask(where, verb, arguments, passphrase, locked=locked)
    except Exception as error:  # of several assemblies one may have a passphrase, though the others have none
        is_wrong = getattr(error, "code", None) == WRONG_PASSPHRASE and not where.passphrase_file
        if not is_wrong or unprotected.words_of(where.home) is None or not _is_said():
            raise
    return _ask(where, verb, arguments, functools.partial(passphrase, typed=True), locked=locked)


def _ask(
    where: Where, verb: str, arguments: dict[str, Any] | None, asked: Callable[[Where], str], *, locked: bool
) -> Any:
    given = _given(arguments or {})
    heed = functools.partial(outside.tell, verb) if not where.json else _ignore
    deadline = time.monotonic() + _PATIENCE_SECONDS
    secret = functools.cache(asked)
    while True:
        if locked and is_running(where, deadline):  # asked for first: a daemon waits for no typing
            given["passphrase"] = secret(where)
        connection = _connect(where.home, deadline)
        if connection is not None:
            with connection, progress(verb) as tell:
                return socket_client.ask(connection, verb, given, where.assembly, tell, heed)
        from meshd.app import alone
        from meshd.errors import BusyError
        from meshd_protocol.control import Request

        request = Request(verb, given, where.assembly)
        try:
            with progress(verb) as tell:
                return alone.ask(where.home, request, lambda: secret(where), tell, heed=heed, patience=_MOMENT_SECONDS)
        except BusyError:  # another command, or a daemon that starts: soon it has its socket
            if time.monotonic() > deadline:
                raise


def is_running(where: Where, deadline: float = 0.0) -> bool:
    """Whether a daemon answers in this home, or one that starts now does before the deadline (`time.monotonic`)."""
    connection = _connect(where.home, deadline)
    if connection is not None:
        connection.close()
    return connection is not None


def _is_said() -> bool:
    """Whether somebody says a passphrase, or can be asked for one."""
    return "MESHD_PASSPHRASE" in os.environ or (sys.stdin is not None and sys.stdin.isatty())


def passphrase_in(file: str) -> str:
    """The passphrase that a file holds. Raises CommandError."""
    try:
        return Path(file).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read the passphrase from {file}") from error


def passphrase(where: Where, *, new: bool = False, typed: bool = False, prompt: str = "Passphrase: ") -> str:
    """The passphrase: from a file, the home itself where its person wants none (but for one that is `typed`), the
    environment, or a prompt (twice for a new one). Raises LockedError.
    """
    if where.passphrase_file:
        words = passphrase_in(where.passphrase_file)
        return _not_empty(words) if new else words
    if not new and not typed and (lying := unprotected.words_of(where.home)) is not None:
        return lying
    named = os.environ.get("MESHD_PASSPHRASE")
    if named is not None:
        return _not_empty(named) if new else named
    with suppress(KeyError, OSError, UnicodeDecodeError):  # systemd.exec: LoadCredential=
        return (Path(os.environ["CREDENTIALS_DIRECTORY"]) / CREDENTIAL).read_text().rstrip("\r\n")
    if sys.stdin is None or not sys.stdin.isatty():
        raise LockedError(
            "a passphrase is needed, and there is no terminal to ask on",
            "Set MESHD_PASSPHRASE, or use --passphrase-file.",
        )
    place = where.home, where.assembly
    if not new and place in _TYPED:
        return _TYPED[place]
    from getpass import getpass

    try:
        words = getpass("New passphrase: " if new else prompt)
        if new and getpass("Once more: ") != _not_empty(words):
            raise CommandError("the two were not the same")
    except EOFError as error:
        raise LockedError("no passphrase was given") from error
    _TYPED[place] = words
    return words


def _not_empty(words: str) -> str:
    if not words:
        raise CommandError("an empty passphrase protects nothing", "Four or more random words are good.")
    return words


def _ignore(_: str) -> None:
    """Scripts are told by `whoami` and `status`."""


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _connect(home: Path, deadline: float) -> socket.socket | None:
    """A connection to the home's daemon. While one starts or stops, wait a little for it."""
    while True:
        connection = socket_client.connect(home)
        if connection is not None or not _is_locked(home) or time.monotonic() > deadline:
            return connection
        time.sleep(0.05)


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
def progress(verb: str) -> Iterator[Any]:
    """Progress on one line of a terminal, with a rate and an estimate of what is left; silence elsewhere."""
    shown = False
    begun = time.monotonic()

    def tell(text: str, done: int, total: int) -> None:
        nonlocal shown
        if sys.stderr is None or not sys.stderr.isatty() or is_plain():
            return
        shown = True
        took = time.monotonic() - begun
        rate = f", {done / took / 1e6:.1f} MB/s" if verb in _CARRIES and done and took else ""
        left = f", {done * 100 // total}%, about {took * (total - done) / done:.0f} s left" if 0 < done <= total else ""
        sys.stderr.write(f"\r\x1b[K{text}{rate}{left}")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
