"""How an assembly comes to be open: founded, joined with a ticket, or opened from a home."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from meshd.assembly import keystore, unprotected
from meshd.assembly.assembly import REAL, Assembly, World
from meshd.assembly.keystore import Keys, NetworkKey
from meshd.errors import NodeError
from meshd.home import (
    KEYS,
    LOG,
    drop_ballast,
    folder_of,
    forget_looked,
    keep_private,
    make_private,
    note_looked,
    was_killed,
)
from meshd.progress import Tell, nobody
from meshd.store import tables
from meshd.store.api import DiskFullError, LostLogError, ReadOnlyDiskError, StoreError
from meshd.store.sqlite import SqliteStore
from meshd.upkeep import caretaker, recount
from meshd.upkeep.scrubbing import is_due, look_through
from meshd_crypto.identity import SigningKey
from meshd_crypto.passphrase import Lock, new_lock
from meshd_protocol.bodies.genesis import FEDERAL_RULES, RULES_VERSION, Genesis, Seating
from meshd_protocol.bodies.membership import Application
from meshd_protocol.errors import BadBodyError, BadRecordError
from meshd_protocol.kinds import Kind, Log
from meshd_protocol.policies import DEFAULTS, FEDERAL_DEFAULTS
from meshd_protocol.records import NO_ASSEMBLY, Record, make_record
from meshd_protocol.rosters import roster_id
from meshd_protocol.tickets import Ticket

_LOOKED_THROUGH = 64 << 20
"""Bytes of a log that is looked through when it is opened after a kill, or after long; a daemon looks through longer
ones, beside what else it does.
"""


def genesis_record(
    name: str,
    founders: Iterable[bytes],
    device: SigningKey,
    world: World,
    witnesses: Iterable[tuple[bytes, bytes]] = (),
) -> Record:
    """The first record of a new assembly with the default charter. `witnesses` are (member, device)."""
    body = Genesis(name, world.entropy(16), RULES_VERSION, DEFAULTS, tuple(sorted(founders)), tuple(sorted(witnesses)))
    return signed_genesis(body, device, world)


def signed_genesis(body: Genesis, device: SigningKey, world: World) -> Record:
    """A genesis as the first record of a new assembly, by the device that founds it."""
    return make_record(
        NO_ASSEMBLY, device, log=Log.DECISIONS, seq=0, prev=None, time_ms=world.clock(), kind=Kind.GENESIS,
        body=body.write(),
    )  # fmt: skip


def found(home: Path, name: str, person: str, passphrase: str, *, label: str = "", world: World = REAL) -> Assembly:
    """A new assembly and its founder, on disk. Raises NodeError if a name is too long."""
    keys = Keys.generate(NO_ASSEMBLY, person, world.entropy)
    try:
        witness = (keys.member_public, keys.device.public)
        genesis = genesis_record(name, [keys.member_public], keys.device, world, [witness])
    except (BadBodyError, BadRecordError) as error:
        raise NodeError(f"this assembly can't be founded: {error}") from error
    return _begun(home, keys, genesis, passphrase, label, world)


def _begun(home: Path, keys: Keys, genesis: Record, passphrase: str, label: str, world: World) -> Assembly:
    """A new assembly on disk, with its genesis, its founder's certificate and its first network key."""
    first = NetworkKey(roster_id(genesis.id, ()), world.entropy(32))
    keys = replace(keys, assembly=genesis.id, network=(first,))

    def begin(assembly: Assembly) -> None:
        assembly.plant(genesis)
        assembly.certify(label)

    return create(home, keys, passphrase, begin, world=world)


class Joining(NamedTuple):
    """What a newcomer says beside her name: whether her device may be a witness's, the member key that she brings (one
    more device of a person who is in already), or the one that she lost with everything.
    """

    witness: bool = False
    member: SigningKey | None = None
    formerly: bytes | None = None


def found_federation(
    home: Path,
    name: str,
    person: str,
    passphrase: str,
    seatings: Iterable[Seating],
    *,
    label: str = "",
    world: World = REAL,
) -> Assembly:
    """A new federation of assemblies, and the person who convenes it and decides nothing. Raises NodeError."""
    keys = Keys.generate(NO_ASSEMBLY, person, world.entropy)
    founders = (keys.member_public,)
    try:
        body = Genesis(
            name, world.entropy(16), FEDERAL_RULES, FEDERAL_DEFAULTS, founders, assemblies=tuple(sorted(seatings))
        )
        genesis = signed_genesis(body, keys.device, world)
    except (BadBodyError, BadRecordError) as error:
        raise NodeError(f"this federation can't be founded: {error}") from error
    return _begun(home, keys, genesis, passphrase, label, world)


def join(
    home: Path,
    ticket: Ticket,
    person: str,
    passphrase: str,
    *,
    label: str = "",
    how: Joining = Joining(),  # noqa: B008 (immutable)
    world: World = REAL,
) -> Assembly:
    """A new identity that applies to an assembly with a ticket. Raises NodeError if this home has it already."""
    keys = replace(Keys.generate(ticket.assembly, person, world.entropy), ticket=ticket)
    if how.member is not None:
        keys = replace(keys, member=how.member, member_public=how.member.public)
    if (folder_of(home, ticket.assembly) / KEYS).exists():
        raise NodeError("this home is in that assembly already", "`meshd members` shows how far the application is.")
    invitation = SigningKey.from_seed(ticket.seed)
    application = Application(
        invitation=invitation.public,
        member=keys.member_public,
        device=keys.device.public,
        witness=how.witness,
        formerly=how.formerly,
    )

    def begin(assembly: Assembly) -> None:
        assembly.certify(label)
        assembly.store.insert([tables.Head(1, ticket.roster, b"", b"")])
        assembly.write(Kind.APPLICATION, application.signed_by(invitation, ticket.assembly))

    return create(home, keys, passphrase, begin, world=world)


def create(
    home: Path, keys: Keys, passphrase: str | Lock, begin: Callable[[Assembly], None], *, world: World
) -> Assembly:
    """Put an assembly's folder on disk, with the records that `begin` writes. With the lock of another assembly's key
    file, one passphrase opens both.

    The key file comes last, so that a folder with a key file is complete.
    """
    make_private(home)
    folder = folder_of(home, keys.assembly)
    make_private(folder)
    lock = passphrase if isinstance(passphrase, Lock) else new_lock(passphrase, world.cost, world.entropy)
    if not isinstance(passphrase, Lock):
        unprotected.settle(folder, None)  # what opened a key file that is gone
    for stale in folder.glob(f"{LOG}*"):  # left by a start that never wrote its key file: nothing can open it
        stale.unlink()
    assembly = Assembly(folder, keys, lock, SqliteStore(folder / LOG, keys.database), world, caretaker.CARE)
    try:
        with assembly.store.transaction():
            recount.note_current(assembly.store)
        with assembly.writing():
            begin(assembly)
    except BaseException:
        assembly.close()
        raise
    keystore.save(folder, keys, lock, world.entropy)
    note_looked(folder, world.clock())
    return assembly


def open_assembly(folder: Path, passphrase: str, world: World = REAL, tell: Tell = nobody) -> Assembly:
    """Open an assembly that is on disk; on one that is full or read-only, to read it alone (`Store.refusal`). `tell`
    hears of what takes long after an update.

    Raises PassphraseError, NodeError or StoreError.
    """
    keys, lock = keystore.load(folder, passphrase)
    if not (folder / LOG).is_file():
        raise LostLogError(f"the log {folder / LOG} is missing", hopeless=True)
    keep_private(folder)
    killed = was_killed(folder)
    store = _open_log(folder, keys)
    try:
        if killed and store.refusal is None:
            forget_looked(folder)
        if store.refusal is None and is_due(folder, world.clock()) and _is_short(folder):
            look_through(folder, keys.database, world.clock())
        renewed = not recount.is_current(store)
        if renewed:
            store.check_writable("another meshd wrote what follows from the log, and it has to be counted anew")
            recount.renew(store, keys.assembly, tell)
        assembly = Assembly(folder, keys, lock, store, world, caretaker.CARE)
        if store.refusal is None:
            try:
                caretaker.catch_up(assembly, renewed=renewed)
            except DiskFullError:  # when there is room again, it is opened again
                assembly.reload()
    except BaseException:
        store.close()
        raise
    return assembly


def _is_short(folder: Path) -> bool:
    return (folder / LOG).stat().st_size <= _LOOKED_THROUGH


def _open_log(folder: Path, keys: Keys) -> SqliteStore:
    path = folder / LOG
    try:
        return SqliteStore(path, keys.database, new=False)
    except DiskFullError as error:
        refusal: StoreError = error
        if drop_ballast(folder):
            with suppress(DiskFullError):
                return SqliteStore(path, keys.database, new=False)
    except ReadOnlyDiskError as error:
        refusal = error
    return SqliteStore(path, keys.database, new=False, refusal=refusal)
