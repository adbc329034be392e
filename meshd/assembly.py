"""One assembly on this machine: keys, log and standing, opened together. No network, no tasks, no event loop.

Everything that reads or writes the log goes through an `Assembly`, by the daemon or by a command alone. It is not
thread-safe: its owner calls it from one place at a time.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from meshd import caretaker, keystore, recount, rotation
from meshd.clock import Clock, system_clock
from meshd.config import KEYS, LOG, folder_of, free_disk, make_private
from meshd.errors import NodeError
from meshd.ingest import Door, Report
from meshd.keystore import Keys, NetworkKey
from meshd.people import Directory
from meshd.standing import Standing
from meshd.stopwatch import Steady, system_steady
from meshd.store import tables
from meshd.store.api import DiskFullError, LostLogError, Store
from meshd.store.sqlite import SqliteStore
from meshd_crypto.identity import Entropy, SigningKey
from meshd_crypto.passphrase import STRONG, Cost, Lock, new_lock
from meshd_protocol import limits
from meshd_protocol.bodies.genesis import RULES_VERSION, Genesis
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING, Application, Certificate
from meshd_protocol.bodies.schema import Body
from meshd_protocol.chains import Waiting
from meshd_protocol.errors import BadBodyError, BadRecordError
from meshd_protocol.kinds import LOG_OF, Kind, Log, name_of
from meshd_protocol.policies import DEFAULTS
from meshd_protocol.records import NO_ASSEMBLY, Record, make_record
from meshd_protocol.rosters import roster_id
from meshd_protocol.tickets import Ticket


@dataclass(frozen=True)
class World:
    """What a test replaces: the clocks, randomness, the cost of a passphrase, the room on the disk."""

    clock: Clock = system_clock
    entropy: Entropy = os.urandom
    cost: Cost = STRONG
    free_disk: Callable[[Path], int] = free_disk
    steady: Steady = system_steady


REAL = World()

Listener = Callable[[Report], None]


class Assembly:
    """An open assembly. Make one with `found`, `join` or `open_assembly`, and close it."""

    def __init__(self, folder: Path, keys: Keys, lock: Lock, store: Store, world: World) -> None:
        self.folder = folder
        self.keys = keys
        self.store = store
        self.world = world
        self._lock = lock
        self.door = Door(store, keys.assembly)
        self.standing = Standing.load(store, keys.assembly)
        self.listeners: list[Listener] = []
        """Called after each commit with what it brought."""
        self.opened_rotations: set[bytes] = set()
        """Rotations that were looked at: each is sealed to this device, or never will be."""
        self._report: Report | None = None
        self._people: Directory | None = None

    @property
    def people(self) -> Directory:
        """Who is who, by the certificates in the log."""
        if self._people is None:
            self._people = Directory(self.store.find(tables.Certificate))
        return self._people

    @property
    def id(self) -> bytes:
        """The assembly's id: that of its genesis."""
        return self.keys.assembly

    @contextmanager
    def writing(self) -> Iterator[Report]:
        """Write records that belong together: all are durable after it, or none is there. Then listeners hear of it."""
        assert self._report is None, "writes do not nest"
        self._report = report = Report()
        try:
            with self.store.transaction():
                yield report
                caretaker.after(self, report)
        except BaseException:
            self.reload()
            raise
        finally:
            self._report = None
            self._people = None
        caretaker.open_welcomes(self)
        rotation.open_rotations(self)
        if report.new or report.filled:
            for listener in self.listeners:
                listener(report)

    def write(self, kind: Kind, body: Body) -> Record:
        """Sign and append a record of this device, inside `writing`.

        Raises NodeError when the text is too long, or when the log proves that this device has a twin elsewhere.
        """
        assert self._report is not None, "write inside `writing`"
        log = LOG_OF[kind]
        if self.has_twin():
            raise NodeError(
                "this device's key was used elsewhere: the log holds records of it that this machine did not write",
                "Nothing more is written by it, or the two would contradict each other. Join anew as another device.",
            )
        if self.world.free_disk(self.folder) < limits.FREE_DISK_OWN:
            raise DiskFullError("the disk is nearly full: nothing new is written", "Make room, and do it again.")
        chain = self.door.chain((self.keys.device.public, log))
        try:
            record = make_record(
                self.id,
                self.keys.device,
                log=log,
                seq=chain.head_seq + 1 if chain else 0,
                prev=chain.head_id if chain else None,
                time_ms=self.world.clock(),
                kind=kind,
                body=body.write(),
            )
        except (BadBodyError, BadRecordError) as error:
            raise NodeError(f"this {name_of(kind)} can't be written: {error}") from error
        self._admit_own(record)
        return record

    def receive(self, batch: Iterable[bytes], waiting: Waiting) -> Report:
        """Take in records from elsewhere, in one transaction."""
        if self.world.free_disk(self.folder) < limits.FREE_DISK_REMOTE:
            raise DiskFullError(
                "the disk is nearly full: no records are taken from others",
                f"Make room: {limits.FREE_DISK_REMOTE >> 20} MiB must be free.",
            )
        with self.writing() as report:
            report.add(self.door.receive(batch, waiting))
        return report

    def has_twin(self) -> bool:
        """Whether the log proves that this device's key writes elsewhere: a fork, or records that are not from here."""
        for log in Log:
            chain = self.door.chain((self.keys.device.public, log))
            own = self.store.get(tables.Own, log=int(log))
            if chain is None and own is None:
                continue
            if chain is None or own is None or chain.forked or (chain.head_seq, chain.head_id) != (own.seq, own.id):
                return True
        return False

    def add_network_keys(self, added: list[NetworkKey]) -> bool:
        """Keep network keys that came in a welcome. True if some are new."""
        keys = self.keys.with_network(added)
        return self._save(keys)

    def drop_ticket(self) -> None:
        """The log is here: the ticket has done its work. Its addresses are remembered."""
        ticket = self.keys.ticket
        with self.store.transaction():
            for address in ticket.addresses if ticket else ():
                self.store.replace(tables.Peer(address, self.world.clock()))
        self._save(replace(self.keys, ticket=None))

    def reload(self) -> None:
        """Forget what was remembered of the log: it was rebuilt."""
        self.door.forget()
        self.standing = Standing.load(self.store, self.id)
        self._people = None

    def close(self) -> None:
        """Let go of the log."""
        self.store.close()

    def _save(self, keys: Keys) -> bool:
        if keys == self.keys:
            return False
        keystore.save(self.folder, keys, self._lock, self.world.entropy)
        self.keys = keys
        return True

    def _admit_own(self, record: Record) -> None:
        """Take an own record through the door, and remember that this machine wrote it."""
        assert self._report is not None
        report = self.door.accept([record], Waiting())
        assert [each.id for each in report.new] == [record.id], "an own record is valid"
        self.store.replace(tables.Own(record.log, record.seq, record.id))
        report.own.append(record)
        self._report.add(report)

    def certify(self, label: str) -> None:
        """Publish this device's certificate, inside `writing`: its first record, or the founder's second."""
        keys = self.keys
        assert keys.member is not None
        certificate = Certificate(
            member=keys.member.public,
            device=keys.device.public,
            transport=keys.transport.public,
            sealing=keys.sealing.public,
            label=label,
            scope=SCOPE_EVERYTHING,
            person=keys.person,
        )
        self.write(Kind.CERTIFICATE, certificate.signed_by(keys.member, self.id))

    def plant(self, genesis: Record) -> None:
        """Take in the genesis that this device signed, inside `writing`."""
        self._admit_own(genesis)
        self.standing = Standing.load(self.store, self.id)


def genesis_record(
    name: str,
    founders: Iterable[bytes],
    device: SigningKey,
    world: World,
    witnesses: Iterable[tuple[bytes, bytes]] = (),
) -> Record:
    """The first record of a new assembly with the default charter. `witnesses` are (member, device)."""
    body = Genesis(name, world.entropy(16), RULES_VERSION, DEFAULTS, tuple(sorted(founders)), tuple(sorted(witnesses)))
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


def create(home: Path, keys: Keys, passphrase: str, begin: Callable[[Assembly], None], *, world: World) -> Assembly:
    """Put an assembly's folder on disk, with the records that `begin` writes.

    The key file comes last, so that a folder with a key file is complete.
    """
    make_private(home)
    folder = folder_of(home, keys.assembly)
    make_private(folder)
    lock = new_lock(passphrase, world.cost, world.entropy)
    for stale in folder.glob(f"{LOG}*"):  # left by a start that never wrote its key file: nothing can open it
        stale.unlink()
    assembly = Assembly(folder, keys, lock, SqliteStore(folder / LOG, keys.database), world)
    try:
        with assembly.store.transaction():
            recount.note_current(assembly.store)
        with assembly.writing():
            begin(assembly)
    except BaseException:
        assembly.close()
        raise
    keystore.save(folder, keys, lock, world.entropy)
    return assembly


def open_assembly(folder: Path, passphrase: str, world: World = REAL) -> Assembly:
    """Open an assembly that is on disk. Raises PassphraseError, NodeError or StoreError."""
    keys, lock = keystore.load(folder, passphrase)
    if not (folder / LOG).is_file():
        raise LostLogError(f"the log {folder / LOG} is missing")
    assembly = Assembly(folder, keys, lock, SqliteStore(folder / LOG, keys.database, new=False), world)
    if not recount.is_current(assembly.store):
        recount.renew(assembly)
    caretaker.catch_up(assembly)
    caretaker.open_welcomes(assembly)
    rotation.open_rotations(assembly)
    return assembly
