"""lock, unlock, passphrase, panic: who gets at what is in a home."""

import os
import signal
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from meshd_cli import output, socket_client
from meshd_cli.asking import make_sure, on_terminal
from meshd_cli.client import Where, ask, is_running, new_passphrase, passphrase_if_needed
from meshd_cli.errors import NO_HOME, NOT_FOUND, PARTLY, CommandError, UsageError
from meshd_cli.homes import BEFORE, folders, has_open

_LOCKS_SECONDS = 20.0


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
        _warn_where_open(where)
        return 0
    ask(where, "lock")
    deadline = time.monotonic() + _LOCKS_SECONDS
    while time.monotonic() < deadline:  # its process begins anew, and then its socket is there again
        with suppress(CommandError):
            if _is_locked(where):
                _tell(where, {"locked": True, "running": True}, "Locked. `meshd unlock` opens it.")
                _warn_where_open(where)
                return 0
        time.sleep(0.1)
    raise CommandError("the daemon does not say that it is locked", "Stop it: `meshd status` says whether it runs.")


def _warn_where_open(where: Where) -> None:
    if not where.json and has_open(where.home):
        output.warn("keys here have no passphrase: whoever has this disk opens them.")


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
    runs = ask(where, "unlock", {"passphrase": passphrase_if_needed(where)}).get("assembly")
    if not _wait_until_open(where):
        raise CommandError("the daemon does not answer any more: it has ended", "`meshd run` starts it.")
    _check_runs(where)
    shut = _closed(where) if runs is None else []
    _tell(where, {"locked": False, "running": True, "closed": shut}, "Unlocked.")
    if shut and not where.json:
        names = ", ".join(folder[: output.SHORT_ID] for folder in shut)
        output.warn(f"still closed: {names}. `meshd lock`, then `meshd unlock` with the passphrase of that.")
    return PARTLY if shut else 0


def _check_runs(where: Where) -> None:
    """Raises CommandError where an assembly is named that the daemon does not run."""
    connection = socket_client.connect(where.home) if where.assembly is not None else None
    if connection is not None:
        with connection:
            try:
                socket_client.ask(connection, "whoami", {}, where.assembly)
            except CommandError as error:
                if error.code != NOT_FOUND:
                    raise
                hint = "If it is in this home: `meshd lock`, then `meshd unlock` with the passphrase of that."
                problem = f"{where.assembly} stays closed: the daemon does not run it"
                raise CommandError(problem, hint, PARTLY) from error


def _closed(where: Where) -> list[str]:
    """The assemblies of a home that its daemon does not run, though it was to run all."""
    found: list[str] = []
    several = folders(where.home) if where.assembly is None else []
    for folder in several if len(several) > 1 else ():
        connection = socket_client.connect(where.home)
        if connection is not None:
            with connection:
                try:
                    socket_client.ask(connection, "whoami", {}, folder)
                except CommandError as error:
                    if error.code == NOT_FOUND:
                        found.append(folder)
    return found


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
    if not folders(where.home):
        raise CommandError(f"there are no keys in {where.home}: there is nothing to change")
    from meshd.app import alone
    from meshd.errors import PassphraseError

    meant = [where.assembly] if where.assembly is not None else folders(where.home)
    lay_open = has_open(where.home)
    old = passphrase_if_needed(where)
    if lay_open and old and where.assembly is None and not any(alone.opens(where.home, each, old) for each in meant):
        raise PassphraseError("the passphrase is wrong: nothing was changed")
    given = {"none": True} if options.none else {"new": new_passphrase(options.new_file)}
    changed, left = [], []
    for folder in meant:
        try:
            here = where._replace(assembly=folder)
            changed.append(ask(here, "passphrase", {"old": old} | given, words=old)["name"])
        except Exception as error:
            if not hasattr(error, "code"):
                raise
            left.append((folder, f"{error}. {getattr(error, 'hint', '')}".rstrip()))
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
        if lay_open:
            output.tell("Where there was none, what opened them may be in old sectors of a flash card, too.")
        aside = sorted(where.home.glob(f"{BEFORE}*"))
        if aside:
            output.tell(f"So do the keys that were put aside, in {', '.join(path.name for path in aside)}.")
    return 1 if left else 0


def panic(where: Where, options: Any) -> int:
    """`meshd panic`: waits for nothing, and asks no daemon."""
    if where.assembly is not None:
        raise UsageError("nothing was destroyed: panic is about all of a home", "`meshd panic`, without --assembly.")
    if not options.yes and not on_terminal():
        raise CommandError("nothing was destroyed: there is no terminal to ask on", "`meshd panic --yes` asks nothing.")
    from meshd.app.panic import destroy_keys, destroy_rest, folders_of

    folders = folders_of(where.home)
    if not folders and not is_running(where):
        problem = f"NOTHING was destroyed: there is no assembly in {where.home}"
        raise CommandError(problem, "`meshd --home DIR panic` names another home.", NO_HOME)
    what = f"Everything that meshd keeps in {where.home}"
    make_sure(f"{what} will be gone, and nobody can bring it back. Destroy it?", yes=options.yes)
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
    if done.lay_open:
        where_ = "There was no passphrase:" if done.files == 1 else "Where there was no passphrase,"
        output.say(f"{where_} what is left of the key file, and of what opened it, opens for anybody.")
    else:
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
