"""lock, unlock, passphrase, panic: who gets at what is in a home."""

import os
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from meshd_cli import output, socket_client, unprotected
from meshd_cli.asking import make_sure, on_terminal
from meshd_cli.client import Where, ask, is_running, passphrase, passphrase_in
from meshd_cli.errors import CommandError, LockedError, UsageError
from meshd_cli.homes import UNPROTECTED, folders

_LOCKS_SECONDS = 20.0
NEW = "MESHD_NEW_PASSPHRASE"


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("lock", parents=[common], help="have the daemon forget all keys, until `unlock`")
    parser.set_defaults(function=lock)
    parser = verbs.add_parser("unlock", parents=[common], help="let a locked daemon work again")
    parser.set_defaults(function=unlock)
    parser = verbs.add_parser("passphrase", parents=[common], help="change the passphrase of this home")
    parser.add_argument("--new-file", metavar="FILE", help="read the new one from a file")
    parser.add_argument(
        "--none", action="store_true", help="none from now on: the keys lie open, for a machine that nobody can reach"
    )
    parser.set_defaults(function=change)
    parser = verbs.add_parser("panic", parents=[common], help="destroy this home's keys at once, then all of it")
    parser.add_argument("--yes", action="store_true", help="don't ask")
    parser.set_defaults(function=panic)


def lock(where: Where, options: Any) -> int:
    """`meshd lock`."""
    if not is_running(where):
        _tell(where, {"locked": True, "running": False}, "No daemon is running: nothing is unlocked.")
        return 0
    ask(where, "lock")
    deadline = time.monotonic() + _LOCKS_SECONDS
    while time.monotonic() < deadline:  # its process begins anew, and then its socket is there again
        with suppress(CommandError):
            if _is_locked(where):
                _tell(where, {"locked": True, "running": True}, "Locked. `meshd unlock` opens it.")
                if not where.json and (where.home / UNPROTECTED).exists():
                    output.warn(
                        "this home has no passphrase: whoever has this disk unlocks it. `meshd passphrase` sets one."
                    )
                return 0
        time.sleep(0.1)
    raise CommandError("the daemon does not say that it is locked", "Stop it: `meshd status` says whether it runs.")


def _is_locked(where: Where) -> bool:
    """What the daemon itself says; not what a command would without one, while there is none for a moment."""
    connection = socket_client.connect(where.home)
    if connection is None:
        return False
    with connection:
        return bool(socket_client.ask(connection, "lock", {}, where.assembly).get("locked"))


def unlock(where: Where, options: Any) -> int:
    """`meshd unlock`."""
    if not is_running(where):
        raise CommandError("no daemon is running: there is nothing to unlock", "`meshd run` starts one.")
    ask(where, "unlock", {"passphrase": passphrase(where)})
    if not _wait_until_open(where):
        raise CommandError("the daemon does not answer any more: it has ended", "`meshd run` starts it.")
    _tell(where, {"locked": False, "running": True}, "Unlocked.")
    return 0


def _wait_until_open(where: Where) -> bool:
    """Wait a little while the daemon opens its logs: it answers nobody meanwhile. False where it is gone."""
    deadline = time.monotonic() + _LOCKS_SECONDS
    while time.monotonic() < deadline:
        with suppress(CommandError):
            connection = socket_client.connect(where.home)
            if connection is not None and _is_open(connection, where.assembly):
                return True
        time.sleep(0.1)
    return is_running(where)


def _is_open(connection: socket.socket, assembly: str | None) -> bool:
    with connection:
        try:
            return not socket_client.ask(connection, "status", {}, assembly).get("locked")
        except CommandError as error:
            if error.code != UsageError.code:  # of several assemblies it asks which one, and so is open
                raise
            return True


def _tell(where: Where, answer: dict[str, Any], text: str) -> None:
    if where.json:
        output.emit(answer)
    else:
        output.say(text)


def change(where: Where, options: Any) -> int:
    """`meshd passphrase`: of every assembly of the home that the old one opens, unless one is named."""
    old = passphrase(where)
    new = unprotected.begin(where.home) if options.none else _new(options.new_file)
    changed, left = [], []
    for folder in [where.assembly] if where.assembly is not None else folders(where.home):
        try:
            here = where._replace(assembly=folder)
            changed.append(ask(here, "passphrase", {"old": old, "new": new}, words=old)["name"])
        except Exception as error:
            if not hasattr(error, "code"):
                raise
            left.append((folder, f"{error}. {getattr(error, 'hint', '')}".rstrip()))
    if options.none:
        unprotected.end(where.home, new, used=bool(changed))
    elif not left:
        unprotected.forget(where.home)
    if where.json:
        output.emit({"changed": changed, "left": [folder for folder, _ in left], "unprotected": options.none})
        return 1 if left else 0
    for name in changed:
        output.say(f"{name}: {'no passphrase any more' if options.none else 'a new passphrase from now on'}.")
    for folder, why in left:
        output.warn(f"{str(folder)[: output.SHORT_ID]} keeps the old one: {why}")
    if not changed:
        return 1
    if options.none:
        output.tell("Whoever has this machine, or its disk, reads everything and writes in your name.")
    else:
        output.tell("Old copies of the key file (backups, old sectors of a flash card) still open with the old one.")
    return 1 if left else 0


def _new(file: str | None) -> str:
    """The new passphrase: from a file, the environment, or a prompt, twice."""
    if file is not None:
        words = passphrase_in(file)
    elif NEW in os.environ:
        words = os.environ[NEW]
    elif sys.stdin is None or not sys.stdin.isatty():
        raise LockedError(
            "a new passphrase is needed, and there is no terminal to ask on", f"Set {NEW}, or use --new-file."
        )
    else:
        from getpass import getpass

        words = getpass("New passphrase: ")
        if words and getpass("Once more: ") != words:
            raise CommandError("the two were not the same")
    if not words:
        raise CommandError("an empty passphrase protects nothing", "Four or more random words are good.")
    return words


def panic(where: Where, options: Any) -> int:
    """`meshd panic`: waits for nothing, and asks no daemon."""
    if not options.yes and not on_terminal():
        raise CommandError("nothing was destroyed: there is no terminal to ask on", "`meshd panic --yes` asks nothing.")
    make_sure(f"Everything in {where.home} will be gone, and nobody can bring it back. Destroy it?", yes=options.yes)
    from meshd.app.panic import destroy_keys, destroy_rest, folders_of

    folders = folders_of(where.home)
    done = destroy_keys(where.home)
    killed = _end_daemon(where.home)
    destroy_keys(where.home)  # which it may have written while it ended
    left = destroy_rest(where.home, folders)
    if where.json:
        output.emit({"keys": done.files, "daemon": killed, "left": [str(path) for path in left]})
        return 1 if left else 0
    if left and not done.files:
        output.say("NOTHING was destroyed: the keys are still there. Pull the disk, and destroy that.")
        return 1
    output.say(f"Destroyed: {output.plural(done.files, 'key file')}{', and the daemon was ended' if killed else ''}.")
    for path in left:
        output.warn(f"{path} is still there")
    output.say("Not reached: old sectors of a flash card or an SSD, swap, backups, sticks, papers, what others have.")
    output.say("What is left of the key file opens with the passphrase alone.")
    output.say("From another machine this device is shut out with `meshd revoke DEVICE`.")
    return 1 if left else 0


def _end_daemon(home: Path) -> bool:
    """Kill whoever listens on the home's socket, stopped or stuck as they may be."""
    connection = socket_client.connect(home)
    if connection is None:
        return False
    with connection:
        size = struct.calcsize("3i")
        pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return True
