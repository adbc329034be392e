"""One open assembly on this machine: keys, log and standing together. No network, no tasks, no event loop.

Everything that reads or writes the log goes through an `Assembly`, by the daemon or by a command alone. It is not
thread-safe: its owner calls it from one place at a time. How to open one is in `founding`.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from meshd.assembly import keystore
from meshd.assembly.keystore import Keys, NetworkKey
from meshd.clock import Clock, Steady, system_clock, system_steady
from meshd.errors import NodeError
from meshd.home import drop_ballast, free_disk, is_suspect
from meshd.log.door import Door, Report
from meshd.log.intake import Intake, prepare
from meshd.state.people import Directory
from meshd.state.remembered import Remembered
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.api import DiskFullError, Store, StoreError
from meshd_crypto.identity import Entropy
from meshd_crypto.passphrase import STRONG, Cost, Lock, new_lock
from meshd_protocol import limits
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING, Certificate
from meshd_protocol.chains import Waiting
from meshd_protocol.errors import BadBodyError, BadRecordError
from meshd_protocol.kinds import LOG_OF, Kind, Log, name_of
from meshd_protocol.records import Record, make_record
from meshd_protocol.schema import Body
from meshd_protocol.sync.frontier import Head


@dataclass(frozen=True)
class World:
    """What a test replaces: the clocks, randomness, the cost of a passphrase, free space on the disk."""

    clock: Clock = system_clock
    entropy: Entropy = os.urandom
    cost: Cost = STRONG
    free_disk: Callable[[Path], int] = free_disk
    steady: Steady = system_steady

    def chance(self) -> float:
        """A random number below 1."""
        return int.from_bytes(self.entropy(4), "big") / 2**32


REAL = World()


class Care(NamedTuple):
    """What an open assembly does by itself (`upkeep.caretaker`)."""

    before_commit: "Callable[[Assembly, Report], None]"
    """Writes the records that follow from new ones, in the same transaction."""
    after_commit: "Callable[[Assembly], None]"
    """Opens what new records have sealed to this device."""


DAMAGED = "With the daemon stopped, `meshd check --rebuild` saves what can be read; the rest comes from others."


class Assembly:
    """An open assembly. Make one with `opening.found`, `join` or `open_assembly`, and close it."""

    def __init__(self, folder: Path, keys: Keys, lock: Lock, store: Store, world: World, care: Care) -> None:
        self.folder = folder
        self.keys = keys
        self.store = store
        self.world = world
        self._care = care
        self.lock = lock
        self.door = Door(store, keys.assembly)
        self.standing = Standing.load(store, keys.assembly)
        self.opened_rotations: set[bytes] = set()
        """Rotations that this node has looked at; none needs a second look."""
        self.frontier: tuple[list[Head], bytes] | None = None
        """The heads of all chains and their digest, if `survey` worked them out since the last commit."""
        self.remembered = Remembered()
        """What was worked out of the log for each proposal."""
        self._report: Report | None = None
        self._commits: list[Report] | None = None
        """Where commits are noted while somebody asks for them (`commits`)."""
        self._people: Directory | None = None

    @property
    def people(self) -> Directory:
        """Who is who, by the certificates in the log."""
        if self._people is None:
            self._people = Directory(self.store.find(tables.Certificate), self.store.find(tables.Acquaintance))
            if self.standing is not None and self.standing.quotations is not None:
                self._people.meet(self.standing.quotations.names())
        return self._people

    @property
    def id(self) -> bytes:
        """The assembly's id: that of its genesis."""
        return self.keys.assembly

    @property
    def title(self) -> str:
        """The assembly's name; the name of its folder while the log is not here."""
        return self.standing.genesis.name if self.standing is not None else self.folder.name

    @property
    def known(self) -> Standing:
        """The standing, for callers that know that the genesis is here."""
        assert self.standing is not None
        return self.standing

    @contextmanager
    def commits(self) -> Iterator[list[Report]]:
        """Note what each `writing` inside this block committed, in order; also where the block itself fails later."""
        assert self._commits is None, "nobody else is asking"
        self._commits = noted = list[Report]()
        try:
            yield noted
        finally:
            self._commits = None

    @contextmanager
    def writing(self) -> Iterator[Report]:
        """Write records that belong together: afterwards all of them are durable, or none is in the log."""
        assert self._report is None, "writes do not nest"
        self._report = report = Report()
        try:
            with self.store.transaction():
                yield report
                self._care.before_commit(self, report)
        except BaseException as error:
            self.reload()
            if isinstance(error, DiskFullError):
                drop_ballast(self.folder)
            raise
        finally:
            self._report = None
            self.frontier = None
        if report.rows.of(tables.Quotation):
            self._people = None
        if self._people is not None:
            self._people.add(report.rows.of(tables.Certificate))
        self.remembered.forget(report.rows)
        self._care.after_commit(self)
        if self._commits is not None and (report.new or report.filled):
            self._commits.append(report)
        if report.forgotten:
            with suppress(StoreError):  # what is committed is committed; the journal goes with a later checkpoint then
                self.store.cut_journal()

    def write(self, kind: Kind, body: Body) -> Record:
        """Sign and append a record of this device, inside `writing`.

        Raises NodeError when the text is too long, or when the log proves that this device has a twin elsewhere.
        """
        assert self._report is not None, "write inside `writing`"
        log = LOG_OF[kind]
        if is_suspect(self.folder):
            raise StoreError("the log's file is damaged: nothing new is written to it", DAMAGED)
        if self.has_twin():
            if self.lacks_own():
                raise NodeError(
                    "the end of what this device wrote is missing here: it would contradict itself",
                    "It comes from whoever has it: `meshd run`, `meshd stick DIR`. Or join anew as another device.",
                )
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
            name = name_of(kind)
            these = "these" if name.endswith("s") else "this"
            raise NodeError(f"{these} {name} can't be written: {error}") from error
        self._admit_own(record)
        return record

    def receive(self, batch: Iterable[bytes], waiting: Waiting) -> Report:
        """Take in records from elsewhere, in one transaction."""
        return self.take(prepare(self.id, batch), waiting)

    def take(self, intake: Intake, waiting: Waiting) -> Report:
        """`receive`, for records that were prepared ahead."""
        if self.store.refusal is not None:
            raise self.store.refusal
        if self.world.free_disk(self.folder) < limits.FREE_DISK_REMOTE:
            raise DiskFullError(
                "the disk is nearly full: no records are taken from others",
                f"Make room: {limits.FREE_DISK_REMOTE >> 20} MiB must be free.",
            )
        with self.writing() as report:
            report.add(self.door.take(intake, waiting))
        return report

    def has_twin(self) -> bool:
        """Whether the log proves that another machine writes with this device's key: by a fork, or by its records."""
        for log in Log:
            chain = self.door.chain((self.keys.device.public, log))
            own = self.store.get(tables.Own, log=int(log))
            if chain is None and own is None:
                continue
            if chain is None or own is None or chain.forked or (chain.head_seq, chain.head_id) != (own.seq, own.id):
                return True
        return False

    def lacks_own(self) -> bool:
        """Whether the last record that this device wrote in some log is not here: the log was damaged, or is old."""
        return any(not self.store.known([own.id]) for own in self.store.find(tables.Own))

    def add_network_keys(self, added: list[NetworkKey]) -> bool:
        """Keep network keys that came in a welcome. True if some are new."""
        keys = self.keys.with_network(added)
        return self._save(keys)

    def drop_ticket(self) -> None:
        """Delete the ticket, since the log is here, and remember its addresses."""
        ticket = self.keys.ticket
        with self.store.transaction():
            for address in ticket.addresses if ticket else ():
                self.store.replace(tables.Peer(address, self.world.clock()))
        self._save(replace(self.keys, ticket=None))

    def reload(self) -> None:
        """Forget everything that was read from the log, which was rebuilt or rolled back."""
        self.door.forget()
        self.standing = Standing.load(self.store, self.id)
        self._people = None
        self.remembered = Remembered()
        self.frontier = None

    def close(self) -> None:
        """Close the log."""
        self.store.close()

    def lock_with(self, words: str | None) -> None:
        """Seal the keys anew: they open with another passphrase from now on, or without one (None). Raises
        DiskFullError.
        """

        def seal(words: str) -> None:
            lock = new_lock(words, self.world.cost, self.world.entropy)
            keystore.save(self.folder, self.keys, lock, self.world.entropy)
            self.lock = lock

        keystore.seal_with(self.folder, words, seal, self.world.entropy)

    def _save(self, keys: Keys) -> bool:
        if keys == self.keys:
            return False
        keystore.save(self.folder, keys, self.lock, self.world.entropy)
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
        if self.standing is not None:
            self.standing.arrived(report.rows)

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
        """Take in the genesis, inside `writing`: this device's own, or that of whoever founds with this person."""
        assert self._report is not None
        if genesis.device == self.keys.device.public:
            self._admit_own(genesis)
        else:
            self._report.add(self.door.accept([genesis], Waiting()))
        self.standing = Standing.load(self.store, self.id)


def role_of(assembly: Assembly, member: bytes) -> str:
    """`member`, `observer`, `removed` or `applicant`, by the head."""
    state = assembly.standing.state if assembly.standing else None
    if state is None:
        return "applicant"
    if member in state.people:
        return "member"
    if member in state.observers:
        return "observer"
    return "removed" if member in state.removed else "applicant"
