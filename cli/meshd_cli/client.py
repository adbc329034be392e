"""How a command reaches a node: the daemon's socket (`socket_client`) if one listens in the home, else the home itself.

What a person at a terminal needs is here, too: a prompt for the passphrase, progress on one line, patience with a home
that another command has locked. Every command runs this: it imports little, and node code only where no daemon runs.
"""

import functools
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from meshd_cli import outside, socket_client
from meshd_cli.errors import CommandError, LockedError
from meshd_cli.homes import are_open, folders
from meshd_cli.plain import is_plain

LOCK = "lock"
CREDENTIAL = "meshd.passphrase"
"""What a service manager calls the passphrase."""
_PROMPT = "Passphrase: "
NEW = "MESHD_NEW_PASSPHRASE"
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
    given = _given(arguments or {})
    heed = functools.partial(outside.tell, verb) if not where.json else _ignore
    deadline = time.monotonic() + _PATIENCE_SECONDS
    secret = functools.cache(lambda: passphrase(where) if words is None else words)
    while True:
        if locked and is_running(where, deadline):  # asked for first: a daemon waits for no typing
            given["passphrase"] = passphrase_if_needed(where) if are_open(where.home, where.assembly) else secret()
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
                return alone.ask(where.home, request, secret, tell, heed=heed, patience=_MOMENT_SECONDS)
        except BusyError:  # another command, or a daemon that starts: soon it has its socket
            if time.monotonic() > deadline:
                raise


def is_running(where: Where, deadline: float = 0.0) -> bool:
    """Whether a daemon answers in this home, or one that starts now does before the deadline (`time.monotonic`)."""
    connection = _connect(where.home, deadline)
    if connection is not None:
        connection.close()
    return connection is not None


def passphrase_in(file: str) -> str:
    """The passphrase that a file holds. Raises CommandError."""
    try:
        return Path(file).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read the passphrase from {file}") from error


def passphrase(where: Where, *, new: bool = False, prompt: str = _PROMPT) -> str:
    """The passphrase: from a file, the environment, or a prompt (twice for a new one). Raises LockedError."""
    if where.passphrase_file:
        words = passphrase_in(where.passphrase_file)
        return _sound(words) if new else words
    named = os.environ.get("MESHD_PASSPHRASE")
    if named is not None:
        return _sound(named) if new else named
    with suppress(KeyError, OSError, UnicodeDecodeError):  # systemd.exec: LoadCredential=
        words = (Path(os.environ["CREDENTIALS_DIRECTORY"]) / CREDENTIAL).read_text().rstrip("\r\n")
        if words:
            return words
    if sys.stdin is None or not sys.stdin.isatty():
        raise LockedError(
            "a passphrase is needed, and there is no terminal to ask on",
            "Set MESHD_PASSPHRASE, or use --passphrase-file.",
        )
    place = where.home, where.assembly
    if not new and (typed := _typed_before(where)) is not None:
        return typed
    if where.assembly and prompt == _PROMPT and len(folders(where.home)) > 1:
        prompt = f"Passphrase of {where.assembly}: "
    words = _typed_twice("New passphrase: ") if new else _typed(prompt)
    _TYPED[place] = words
    return words


def _typed_before(where: Where) -> str | None:
    """What was typed for this assembly, or for another one of the home, if it opens this one, too."""
    if (where.home, where.assembly) in _TYPED:
        return _TYPED[where.home, where.assembly]
    others = {words for (home, _), words in _TYPED.items() if home == where.home}
    if where.assembly is None or not others:
        return None
    from meshd.app import alone

    name = where.assembly
    return next((words for words in others if alone.opens(where.home, name, words)), None)


def passphrase_if_needed(where: Where) -> str:
    """The passphrase; empty where nobody needs one, or where none can be asked for and some keys open without. Raises
    LockedError.
    """
    from meshd.app import alone

    try:
        return alone.passphrase_for(where.home, where.assembly, lambda: passphrase(where))
    except LockedError:
        if where.assembly is not None or not alone.opens_without(where.home):
            raise
        return ""


def new_passphrase(file: str | None, prompt: str = "New passphrase: ") -> str:
    """One for what has another one, or none: from a file, the environment, or a prompt, twice. Raises CommandError."""
    if file is not None:
        return _sound(passphrase_in(file))
    if NEW in os.environ:
        return _sound(os.environ[NEW])
    if sys.stdin is None or not sys.stdin.isatty():
        raise LockedError(
            "a new passphrase is needed, and there is no terminal to ask on", f"Set {NEW}, or use --new-file."
        )
    return _typed_twice(prompt)


def _typed_twice(prompt: str) -> str:
    """What somebody types, and types once more. Raises CommandError."""
    words = _sound(_typed(prompt))
    if _typed("Once more: ") != words:
        raise CommandError("the two were not the same")
    return words


def _typed(prompt: str) -> str:
    from getpass import getpass

    try:
        return getpass(prompt)
    except EOFError as error:
        raise LockedError("no passphrase was given") from error


def _sound(words: str) -> str:
    if not words:
        raise CommandError("an empty passphrase protects nothing", "Four or more random words are good.")
    if "\n" in words or "\r" in words:
        raise CommandError("a passphrase is one line: nobody could type this one")
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
