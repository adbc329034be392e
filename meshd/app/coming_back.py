"""Who comes back to an assembly that this home was in: what it was there is put aside first, with its keys and its log.

Nothing of it is thrown away: it may hold what nobody else has, and the same member key.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

from meshd.assembly import keystore, reached, unprotected
from meshd.assembly.assembly import Assembly, World, role_of
from meshd.errors import NodeError
from meshd.founding.opening import Joining, open_assembly
from meshd.home import BEFORE, KEYS, folder_of, make_private, only_writer, sync_folder, write_durably
from meshd.service.context import Context
from meshd.service.outside import out
from meshd.store import tables
from meshd.store.api import StoreError
from meshd_crypto.identity import SigningKey
from meshd_crypto.passphrase import new_lock
from meshd_protocol.tickets import Ticket

_ON_THE_WAY = "coming-back"
"""Beside what was put aside: its person is on the way back, and there are no new keys yet."""


class Before(NamedTuple):
    """What a home was in an assembly: where that is now, whether it opens, and how much of it is known to be nowhere
    else.
    """

    aside: Path
    opens: bool
    unsent: int


def was_in(home: Path, assembly: bytes) -> bool:
    """Whether this home has keys in an assembly."""
    return (folder_of(home, assembly) / KEYS).exists()


@contextmanager
def put_aside(
    home: Path, ticket: Ticket, secret: str, how: Joining, world: World, *, anew: bool = False
) -> Iterator[tuple[Joining, Before | None]]:
    """Put aside what this home was in the assembly, if anything, so that its person applies anew there: as another
    device of theirs, which is what they say then. Where that fails, everything is as it was.

    Raises NodeError where they are still in by what the log holds, unless they say that they come `anew`: who was
    removed may never hear of it. Raises PassphraseError where the old keys don't open.
    """
    folder = folder_of(home, ticket.assembly)
    if not was_in(home, ticket.assembly):
        yield how, None
        return
    keys, _ = keystore.load(folder, secret)
    unsent, opens = 0, False
    with suppress(StoreError), closing(open_assembly(folder, secret, world)) as assembly:
        _check_applies(assembly, ticket, anew=anew)
        unsent, opens = reached.unsent(assembly), True
    if how.member is None and how.formerly is None:
        how = how._replace(member=keys.member) if keys.member is not None else how._replace(formerly=keys.member_public)
    number = next(n for n in count(1) if not (home / f"{BEFORE}{n}").exists())
    aside = home / f"{BEFORE}{number}"
    make_private(aside)
    with suppress(OSError):  # a full disk: without it nothing is taken back after a power cut
        write_durably(aside / _ON_THE_WAY, b"")
    folder.rename(aside / folder.name)
    sync_folder(home)
    try:
        yield how, Before(aside, opens, unsent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        _take_back(aside / folder.name, folder)
        raise
    (aside / _ON_THE_WAY).unlink(missing_ok=True)


def undo_broken_off(home: Path) -> None:
    """Take back what was put aside where its person was about to come back, and the machine stopped before the new keys
    were there: without them they would come as somebody else. Raises NodeError where the disk does not let it, or while
    another process is at it.
    """
    if not _broken_off(home):
        return
    with only_writer(home):
        for aside in _broken_off(home):
            shutil.rmtree(home / aside.name, ignore_errors=True)
            try:
                _take_back(aside, home / aside.name)
            except OSError as error:
                problem = f"what this home was in an assembly, {aside}, can't be put back: {error.strerror}"
                raise NodeError(problem, "Make the disk writable, and type it again.") from error


def _take_back(aside: Path, folder: Path) -> None:
    """Put what was put aside back to where it was."""
    aside.rename(folder)
    (aside.parent / _ON_THE_WAY).unlink(missing_ok=True)
    aside.parent.rmdir()
    sync_folder(folder.parent)


def _broken_off(home: Path) -> list[Path]:
    """The folders that were put aside by somebody on the way back, of whose assembly this home has no keys."""
    marks = home.glob(f"{BEFORE}*/{_ON_THE_WAY}")
    found = [folder for mark in marks for folder in mark.parent.iterdir() if (folder / KEYS).is_file()]
    return [folder for folder in found if not (home / folder.name / KEYS).exists()]


def close(folder: Path, secret: str, world: World) -> None:
    """Seal what was put aside with the passphrase of what takes its place, where it had none: it holds the same key."""
    if unprotected.is_open(folder):
        keys, _ = keystore.load(folder, "")

        def seal(words: str) -> None:
            keystore.save(folder, keys, new_lock(words, world.cost, world.entropy), world.entropy)

        keystore.seal_with(folder, secret, seal, world.entropy)


def _check_applies(assembly: Assembly, ticket: Ticket, *, anew: bool) -> None:
    """Raises NodeError where this home is in the assembly, and does not come `anew`; or waits to be let in with this
    very ticket.
    """
    standing = assembly.standing
    known = standing is not None and standing.state is not None
    why = out(Context(assembly)) if known else None
    if why is None and not anew and role_of(assembly, assembly.keys.member_public) in ("member", "observer"):
        raise NodeError(
            "this home is in that assembly already, by what it holds",
            "`meshd` shows what waits for you there. If others told you that you were removed, or this device revoked: "
            "`meshd join TICKET --as YOU --anew` applies all the same.",
        )
    mine = assembly.store.find(tables.Application, member=assembly.keys.member_public)
    if any(row.invitation == SigningKey.from_seed(ticket.seed).public for row in mine):
        raise NodeError("your application with this ticket is written already", "`meshd run` hands it in.")
