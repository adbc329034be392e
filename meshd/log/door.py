"""The one door for records: decode, authenticate, validate, append, project. Own, live, bulk, stick: all end here.

The door writes inside a transaction that its caller opened, so that what belongs together is committed together.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from meshd.log.intake import Checked, Intake, prepare
from meshd.store import tables
from meshd.store.added import Added, Row
from meshd.store.api import Store
from meshd.store.projections import NO_SKETCHES, Sketches, beside, project
from meshd_protocol.chains import ChainKey, Waiting, settle
from meshd_protocol.kinds import Kind, Log
from meshd_protocol.records import Record, body_fits, is_signed, read_record


@dataclass
class Report:
    """What became of a batch: records that are new here (`own` ones written by this device), and why others are not.

    `rows` are what the new ones mean, as projections.
    """

    new: list[Record] = field(default_factory=list)
    rows: Added = field(default_factory=Added)
    own: list[Record] = field(default_factory=list)
    filled: list[bytes] = field(default_factory=list)
    known: int = 0
    waiting: int = 0
    refused: list[str] = field(default_factory=list)
    forgotten: int = 0
    """How many bodies were let go of with it."""

    def add(self, other: "Report") -> None:
        """Take in the report of another batch of the same transfer."""
        self.new += other.new
        self.rows.add(other.rows)
        self.own += other.own
        self.filled += other.filled
        self.known += other.known
        self.waiting = other.waiting
        self.forgotten += other.forgotten
        self.refused += other.refused


FORGETTABLE = frozenset({Kind.MESSAGE, Kind.LETTER})
"""Kinds of which no rule reads the body."""


def _forgotten(record: Record) -> Row:
    return tables.NoEffect(record.id, record.kind, "it was forgotten on purpose", int(tables.Lacks.A_FORGOTTEN_BODY))


class Door:
    """The door of one assembly's log. It remembers chains and certificates; `forget` after a failed transaction."""

    def __init__(self, store: Store, assembly: bytes, verify: Callable[[bytes, Record], bool] = is_signed) -> None:
        self._store = store
        self._assembly = assembly
        self._verify = verify
        self._chains: dict[ChainKey, tables.Chain] = {}
        self._certificates: dict[bytes, tables.Certificate] = {}
        self._numbers: int | None = None

    def forget(self) -> None:
        """Drop what was remembered: the transaction that it came from was rolled back."""
        self._chains.clear()
        self._certificates.clear()
        self._numbers = None

    def receive(self, batch: Iterable[bytes], waiting: Waiting) -> Report:
        """Take in records as they came from elsewhere. Nothing that they contain raises; the report says it."""
        return self.take(prepare(self._assembly, batch), waiting)

    def take(self, intake: Intake, waiting: Waiting) -> Report:
        """Take in records that were decoded, and partly checked, ahead of the log's turn."""
        report = self.accept(intake.records, waiting, intake.checked, intake.sketches)
        report.refused = intake.refused + report.refused
        return report

    def accept(
        self,
        records: Sequence[Record],
        waiting: Waiting,
        checked: Checked = frozenset(),
        sketches: Sketches = NO_SKETCHES,
    ) -> Report:
        """Take in decoded records, with those that wait for them.

        `checked` signatures are not checked again; what `sketches` tell is not read again.
        """
        report = Report()
        by_chain: dict[ChainKey, dict[bytes, Record]] = {}
        chains = {key: self.chain(key) for key in {(record.device, record.log) for record in records}}
        ends = {key: -1 if chain is None else chain.head_seq for key, chain in chains.items()}
        within = [record.id for record in records if record.seq <= ends[record.device, record.log]]
        known = self._store.known(within)  # what lies beyond the end of its chain here, the log can't hold
        for record in records:
            if record.id in known:
                report.known += 1
                self._mend(record, report)
                continue
            mates = by_chain.setdefault((record.device, record.log), {})
            mate = mates.get(record.id)
            if mate is None or mate.signature == record.signature:
                mates[record.id] = record if mate is None or mate.body is None else mate
            else:  # two copies with different signatures: keep one that verifies, if any does
                mates[record.id] = record if self._verify(self._assembly, record) else mate
        verify = waiting.remembering(
            lambda record: (record.id, record.signature) in checked or self._verify(self._assembly, record)
        )
        logged: list[tables.Kept] = []
        begun: list[tables.Chain] = []
        rows = report.rows
        for key in sorted(by_chain):
            candidates = self._with_waiting(self._not_known(waiting.take(key), report), by_chain[key])
            before = self._chains.get(key)  # what waited may have mended it
            settled = settle(candidates, self._parents(before, candidates), verify)
            if settled.valid:
                chain = before or tables.Chain(self._next_number(), key[0], key[1], -1, b"", 0, None, 0, 0)
                chain = self._append(chain, settled.valid, settled.signed, sketches, logged, rows)
                self._chains[key] = chain
                if before is None:
                    begun.append(chain)
                else:
                    self._store.replace(chain)
                report.new += settled.valid
            waiting.put(key, settled.waiting)
            report.refused += ["a record whose place in its chain is impossible"] * len(settled.broken)
        self._store.insert(begun)
        self._store.insert(logged)
        for table in rows.by_table().values():
            self._store.insert(table)
        report.waiting = len(waiting)
        return report

    def fill(self, identity: bytes, body: bytes) -> bool:
        """Put the missing body of a log-1 or log-2 record in its place. False if it is not wanted, or not the one."""
        kept = self._store.get(tables.Kept, id=identity)
        if kept is None or kept.body is not None or self._store.get(tables.Forgotten, id=identity) is not None:
            return False
        record = read_record(self._assembly, kept.header, kept.signature, None)
        if not body_fits(record, body):
            return False
        self._store.replace(kept._replace(body=body))
        self._weigh(record, len(body))
        self._store.delete(tables.NoEffect, id=identity)
        row = project(self._assembly, record._replace(body=body), None)
        if row is not None:
            self._store.insert([row])
        return True

    def forget_bodies(self, ids: Iterable[bytes]) -> int:
        """Take the bodies of messages and letters out of the log, for good: `fill` does not take them again. What they
        were, and that they were authentic, stays. Returns how many bodies went.
        """
        gone: dict[type[Row], list[bytes]] = {}
        for identity in ids:
            kept = self._store.get(tables.Kept, id=identity)
            if kept is None or kept.kind not in FORGETTABLE:
                continue
            self._store.replace(tables.Forgotten(identity))
            self._store.delete(tables.NoEffect, id=identity)
            record = read_record(self._assembly, kept.header, kept.signature, kept.body)
            if record.body is not None:
                if (row := project(self._assembly, record, None)) is not None:
                    gone.setdefault(type(row), []).append(identity)
                self._store.replace(kept._replace(body=None))
                self._weigh(record, -len(record.body))
            self._store.insert([_forgotten(record)])
        for table, some in gone.items():
            if table is not tables.NoEffect:
                self._store.remove(table, some)
        return sum(map(len, gone.values()))

    def _weigh(self, record: Record, more: int) -> None:
        """A record's chain has so many bytes more."""
        chain = self.chain((record.device, record.log))
        assert chain is not None, "a record has a chain"
        self._chains[record.device, record.log] = chain = chain._replace(size=chain.size + more)
        self._store.replace(chain)

    def chain(self, key: ChainKey) -> tables.Chain | None:
        """The chain of a (device, log), if it has any record."""
        chain = self._chains.get(key)
        if chain is None:
            chain = self._store.get(tables.Chain, device=key[0], log=key[1])
            if chain is not None:
                self._chains[key] = chain
        return chain

    def _not_known(self, held: list[Record], report: Report) -> list[Record]:
        """Records that waited, without those that came in the meantime by another way."""
        known = self._store.known([record.id for record in held]) if held else set[bytes]()
        for record in held:
            if record.id in known:
                self._mend(record, report)
        return [record for record in held if record.id not in known]

    def _with_waiting(self, held: list[Record], fresh: dict[bytes, Record]) -> list[Record]:
        """Fresh records with those that wait, one copy each: of two signatures, one that verifies."""
        together = dict(fresh)
        for record in held:
            mine = together.get(record.id)
            if mine is None or (mine.signature != record.signature and not self._verify(self._assembly, mine)):
                together[record.id] = record
        return list(together.values())

    def _parents(self, chain: tables.Chain | None, candidates: Sequence[Record]) -> dict[bytes, int]:
        """The seq of each valid record that a candidate names as the one before it."""
        if chain is None:
            return {}
        among = {record.id for record in candidates}
        parents: dict[bytes, int] = {}
        for record in candidates:
            if record.prev is None or record.prev in among or record.prev in parents:
                continue
            if record.prev == chain.head_id:
                parents[chain.head_id] = chain.head_seq
                continue
            kept = self._store.get(tables.Kept, id=record.prev)
            if kept is not None:  # one of another chain is no parent: no seq fits it
                parents[kept.id] = kept.seq if kept.chain == chain.number else -2
        return parents

    def _append(
        self,
        chain: tables.Chain,
        valid: list[Record],
        signed: set[bytes],
        sketches: Sketches,
        logged: list[tables.Kept],
        rows: Added,
    ) -> tables.Chain:
        """Add the records and rows of valid records of one chain, each after its parent. Returns the chain with its end
        moved.
        """
        number, head_seq, head_id, forked = chain.number, chain.head_seq, chain.head_id, chain.forked
        added: list[tables.Kept] = []
        size = chain.size
        for identity, _, _, _, seq, prev, _, kind, _, _, header, signature, body in valid:  # names cost more here
            verified = 1 if identity in signed else 0
            added.append(tables.Kept(identity, number, seq, kind, verified, header, signature, body))
            size += len(header) + len(signature) + (len(body) if body is not None else 0)
            if seq == head_seq + 1 and (prev or b"") == head_id:
                head_seq, head_id = seq, identity
            else:
                forked = 1
                if (seq, head_id) > (head_seq, identity):
                    head_seq, head_id = seq, identity
        logged += added
        certificate = chain.certificate
        if chain.log == Log.DECISIONS:
            authors = self._authors(chain, valid, added) if forked else None
            author = self._certificate(certificate)
            for record in valid:
                if authors is not None and record.kind != Kind.CERTIFICATE:
                    author = authors(record)
                row = project(self._assembly, record, author, sketches.get(record.id))
                if row is None:
                    continue
                rows.put(row)
                if type(row) is tables.Ballot:
                    continue
                for each in beside(row):
                    rows.put(each)
                if type(row) is tables.Certificate:
                    self._certificates[row.id] = author = row
                    certificate = certificate or row.id
        else:
            for record in valid:
                row = sketches.get(record.id)
                if record.body is None:
                    is_gone = self._store.get(tables.Forgotten, id=record.id) is not None
                    row = _forgotten(record) if is_gone else project(self._assembly, record, None)
                elif row is None:
                    row = project(self._assembly, record, None)
                if row is not None:
                    rows.put(row)
        records = chain.records + len(added)
        return tables.Chain(number, chain.device, chain.log, head_seq, head_id, forked, certificate, records, size)

    def _authors(
        self, chain: tables.Chain, valid: list[Record], added: list[tables.Kept]
    ) -> Callable[[Record], tables.Certificate | None] | None:
        """Whose the records of a chain are that forks at its certificate: each belongs to its own branch's member.

        None where the chain forks later: then all its branches share one certificate.
        """
        early = {kept.id: kept for kept in (*self._store.span(chain.number, 0, 2), *added) if kept.seq < 2}
        roots = [kept for kept in early.values() if kept.seq == 0]
        seconds = [kept for kept in early.values() if kept.seq == 1]
        if len(roots) == 1 and (roots[0].id != self._assembly or len(seconds) <= 1):
            return None
        of: dict[bytes, tables.Certificate | None] = {}
        here = {record.id: record for record in valid}

        def author(record: Record) -> tables.Certificate | None:
            """The certificate on the record's own branch, found at its root."""
            path: list[bytes] = []
            current: Record | None = record
            found: tables.Certificate | None = None
            while current is not None:
                if current.id in of:
                    found = of[current.id]
                    break
                path.append(current.id)
                found = self._certificate(current.id) if current.kind == Kind.CERTIFICATE else None
                if found is not None or current.prev is None:
                    break
                current = here.get(current.prev) or self._kept(current.prev)
            of.update(dict.fromkeys(path, found))
            return found

        return author

    def _kept(self, identity: bytes) -> Record | None:
        kept = self._store.get(tables.Kept, id=identity)
        return read_record(self._assembly, kept.header, kept.signature, kept.body) if kept else None

    def _next_number(self) -> int:
        if self._numbers is None:
            self._numbers = self._store.last_chain()
        self._numbers += 1
        return self._numbers

    def _certificate(self, identity: bytes | None) -> tables.Certificate | None:
        if identity is None:
            return None
        found = self._certificates.get(identity) or self._store.get(tables.Certificate, id=identity)
        if found is not None:
            self._certificates[identity] = found
        return found

    def _mend(self, record: Record, report: Report) -> None:
        """A second copy of a record that the log holds: take over a body or a good signature that it lacked."""
        kept = self._store.get(tables.Kept, id=record.id)
        if kept is None:
            return
        if kept.body is None and record.body is not None and self.fill(record.id, record.body):
            report.filled.append(record.id)
            kept = self._store.get(tables.Kept, id=record.id) or kept
        if kept.signature == record.signature or kept.verified:
            return
        held = record._replace(signature=kept.signature)
        if self._verify(self._assembly, held):
            self._store.replace(kept._replace(verified=1))
        elif self._verify(self._assembly, record):
            self._store.replace(kept._replace(signature=record.signature, verified=1))
