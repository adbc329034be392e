"""Where this node stands: which rosters it knows to be effective, which one it follows, and what the log says of them.

The rules are in `meshd_protocol.rosters`; here they meet the log. A node's head is primary data (`tables.Head`): two
nodes with the same records and the same head show the same.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from meshd.store import tables
from meshd.store.api import Store
from meshd_protocol.bodies.actions import Verb, payload_of
from meshd_protocol.bodies.decisions import read_choice
from meshd_protocol.bodies.genesis import RULES_VERSION, Genesis
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.encoding import decode
from meshd_protocol.errors import BadBodyError
from meshd_protocol.meaning import Decision, Departure, DeviceEnd, Endorsement, Item, Newcomer, Offer, State
from meshd_protocol.rosters import Rosters, Step

ID = 32


class Standing:
    """The rosters of one assembly as one node knows them.

    Without the genesis (a newcomer's log) there is none: `Standing.load` returns None.
    """

    def __init__(self, store: Store, assembly: bytes, genesis: Genesis) -> None:
        self._store = store
        self.genesis = genesis
        self._items: dict[bytes, Item] = {}
        self.rosters = Rosters(assembly, genesis, self)
        self._steps: list[Step] = []
        self._lacking: dict[bytes, bytes] = {}
        heads = store.find(tables.Head)
        self._moves = len(heads)
        self.head = heads[-1].roster if heads else self.rosters.origin
        self._load(heads)
        self.rosters.newly_known()

    @classmethod
    def load(cls, store: Store, assembly: bytes) -> "Standing | None":
        """The standing of a log, or None while it lacks a genesis that this meshd can read."""
        entry = store.get(tables.Entry, id=assembly)
        if entry is None or entry.body is None:
            return None
        try:
            genesis = Genesis.read(entry.body)
        except BadBodyError:
            return None
        return cls(store, assembly, genesis)

    @property
    def knows_rules(self) -> bool:
        """Whether this meshd knows the rules that the charter asks for; else it computes nothing."""
        return self.genesis.rules == RULES_VERSION

    @property
    def state(self) -> State | None:
        """What the head means; None while a newcomer's node has not seen the steps to it."""
        return self.rosters.state(self.head) if self.rosters.knows(self.head) else None

    def refresh(self) -> list[tables.Head]:
        """Take in what has arrived: effective steps, then moves of the head. Call inside a transaction."""
        self._settle_steps()
        if not self.rosters.knows(self.head):
            return []
        return self._note(self.rosters.advance(self.head, self._steps))

    def move(self, added: Iterable[bytes]) -> list[tables.Head]:
        """Move the head by ids that qualify in it (`Rosters.take`). Call inside a transaction."""
        ids = frozenset(added)
        moved = self.rosters.learn(self.rosters.ids(self.head) | ids)
        return self._note([(moved, ids)])

    def newly_known(self) -> list[bytes]:
        """The rosters that became known since this was asked last."""
        return self.rosters.newly_known()

    def unsettled(self) -> bool:
        """Whether there are roster records that are not effective yet."""
        return self._store.get(tables.RosterStep, roster=None) is not None

    def follow(self, roster: bytes) -> list[tables.Head]:
        """Move the head to a known roster that its person chose, of another line perhaps. Call inside a transaction."""
        before = self.head
        self._moves += 1
        self.head = roster
        ids = self.rosters.ids(roster)
        if self.rosters.ids(before) <= ids:
            move = tables.Head(self._moves, roster, before, join(ids - self.rosters.ids(before)))
        else:  # from the genesis on: a rebuild finds the way without the line that was left
            move = tables.Head(self._moves, roster, self.rosters.origin, join(ids))
        self._store.insert([move])
        return [move]

    def bears_out(self, head: tables.Head) -> bool:
        """Whether the records bear out a move of the head: a known step leads there, or what it added qualifies."""
        if not self.rosters.knows(head.parent) or not self.rosters.knows(head.roster):
            return False
        if self.rosters.ids(head.parent) | split(head.cites) != self.rosters.ids(head.roster):
            return False
        if any(step.result == head.roster for step in self._steps):
            return True
        return self.rosters.problem(head.parent, split(head.cites)) is None

    def recorded_way(self, start: bytes, end: bytes) -> bytes:
        """How far the known steps lead from one roster towards a larger one."""
        ids = self.rosters.ids(end)
        while True:
            onward = [
                step.result for step in self._steps if step.parent == start and self.rosters.ids(step.result) <= ids
            ]
            if not onward:
                return start
            start = max(onward, key=lambda each: (len(self.rosters.ids(each)), each))

    def unrecorded(self) -> list[tables.Head]:
        """Moves of the head that no roster record tells of: what must be written before the head can be pinned."""
        told = {step.result for step in self._steps}
        return [head for head in self._store.find(tables.Head) if head.cites and head.roster not in told]

    def apart(self) -> list[bytes]:
        """Known rosters that go on beside the head and that it does not contain: the person has to choose."""
        if not self.rosters.knows(self.head):
            return []
        here = self.rosters.ids(self.head)
        beside = {step.result for step in self._steps if not self.rosters.ids(step.result) <= here}
        return sorted(each for each in beside if self._matters(self.rosters.ids(each) - here))

    def _matters(self, added: Iterable[bytes]) -> bool:
        """Whether what another line adds was decided, or done by somebody who is in the head: the rest is noise."""
        state = self.rosters.state(self.head)
        inside = state.members | state.observers
        for item in map(self.item, added):
            if isinstance(item, Decision):
                return True
            if item is not None and (item.voucher if isinstance(item, Endorsement) else item.member) in inside:
                return True
        return False

    def uncited(self) -> list[Item]:
        """What changes rosters and is not in the head."""
        return self.beyond(self.head)

    def beyond(self, roster: bytes) -> list[Item]:
        """What changes rosters and is not in a known one: decisions, vouches, revocations, offers."""
        here = self.rosters.ids(roster)
        rows: list[bytes] = [
            row.id for verb in Verb for row in self._store.find(tables.Proposal, verb=int(verb)) if row.id not in here
        ]
        rows += [row.id for row in self._store.find(tables.Vouch) if row.id not in here]
        rows += [row.id for row in self._store.find(tables.Revocation) if row.id not in here]
        rows += [row.id for row in self._store.find(tables.Offer) if row.id not in here]
        rows += [row.id for row in self._store.find(tables.Leave) if row.id not in here]
        return [item for item in map(self.item, rows) if item is not None]

    def item(self, identity: bytes) -> Item | None:
        """See `Facts.item`."""
        found = self._items.get(identity) or self._read_item(identity)
        if found is not None:
            self._items[identity] = found
        return found

    def casts(self, decision: bytes) -> Sequence[Cast]:
        """See `Facts.casts`."""
        return [cast_of(row) for row in self._store.find(tables.Ballot, proposal=decision)]

    def attestations(self, decision: bytes) -> Sequence[Attested]:
        """See `Facts.attestations`."""
        return [attested_of(row) for row in self._store.find(tables.Attestation, proposal=decision)]

    def _load(self, heads: list[tables.Head]) -> None:
        """Learn what earlier runs found effective, in an order in which each step's start is known."""
        rows = [row for row in self._store.find(tables.RosterStep) if row.roster is not None]
        open_: list[tuple[bytes, frozenset[bytes], tables.RosterStep | None]] = [
            (row.parent, split(row.cites), row) for row in rows
        ]
        open_ += [(head.parent, split(head.cites), None) for head in heads if head.cites]
        while open_:
            rest = []
            for parent, cites, row in open_:
                if not self.rosters.knows(parent):
                    rest.append((parent, cites, row))
                    continue
                result = self.rosters.learn(self.rosters.ids(parent) | cites)
                if row is not None:
                    self._steps.append(Step(parent, result, row.ratified_by is not None))
            if len(rest) == len(open_):
                break
            open_ = rest

    def _settle_steps(self) -> None:
        """Find the steps that became effective; each may be the start of others."""
        pending = self._not_lacking(self._store.find(tables.RosterStep, roster=None))
        moved = True
        while moved:
            moved = False
            for row in list(pending):
                if not self.rosters.knows(row.parent):
                    continue
                cites = split(row.cites)
                lacking = next((each for each in cites if self.item(each) is None), None)
                if lacking is not None:
                    self._lacking[row.id] = lacking
                    pending.remove(row)
                    continue
                if self.rosters.problem(row.parent, cites, row.ratified_by) is not None:
                    continue
                result = self.rosters.learn(self.rosters.ids(row.parent) | cites)
                self._store.replace(row._replace(roster=result))
                self._steps.append(Step(row.parent, result, row.ratified_by is not None))
                pending.remove(row)
                moved = True

    def _not_lacking(self, steps: list[tables.RosterStep]) -> list[tables.RosterStep]:
        """Those that may be effective by now: a record that one lacked when it was looked at last must be here.

        Somebody who writes steps that name nothing must not make everything else slow.
        """
        here = self._store.known(set(self._lacking.values()))
        return [row for row in steps if row.id not in self._lacking or self._lacking[row.id] in here]

    def _note(self, moves: list[tuple[bytes, frozenset[bytes]]]) -> list[tables.Head]:
        heads: list[tables.Head] = []
        for roster, added in moves:
            self._moves += 1
            heads.append(tables.Head(self._moves, roster, self.head, join(added)))
            self.head = roster
        self._store.insert(heads)
        return heads

    def _read_item(self, identity: bytes) -> Item | None:
        vouch = self._store.get(tables.Vouch, id=identity)
        if vouch is not None:
            application = self._store.get(tables.Application, id=vouch.application)
            if application is None:
                return None
            return Endorsement(
                vouch.id, vouch.roster, vouch.member, vouch.device, vouch.seq, vouch.scope, application.member
            )
        proposal = self._store.get(tables.Proposal, id=identity)
        if proposal is not None:
            return self._read_decision(proposal)
        offer = self._store.get(tables.Offer, id=identity)
        if offer is not None:
            replaces = tuple(sorted(split(offer.replaces)))
            return Offer(offer.id, offer.roster, offer.member, offer.device, offer.by, offer.seq, offer.scope, replaces)
        leave = self._store.get(tables.Leave, id=identity)
        if leave is not None:
            return Departure(leave.id, leave.roster, leave.member, leave.by, leave.seq, leave.scope)
        end = self._store.get(tables.Revocation, id=identity)
        if end is not None and self._is_device_of(end.member, end.device):
            return DeviceEnd(end.id, end.member, end.device, (end.good_decisions, end.good_talk, end.good_bulk))
        return None

    def _is_device_of(self, member: bytes, device: bytes) -> bool:
        return self._store.get(tables.Certificate, device=device, member=member) is not None

    def _read_decision(self, proposal: tables.Proposal) -> Decision | None:
        """A proposal that changes the roster; an admission only once all its applications are here, a revocation only
        where the device is that member's.
        """
        payload = payload_of_row(proposal)
        if payload is None:
            return None
        decision = Decision(proposal.id, proposal.roster, proposal.policy, proposal.verb, payload=payload)
        if proposal.verb == Verb.REMOVE:
            return decision._replace(members=payload)
        if proposal.verb == Verb.REVOKE and not self._is_device_of(payload[0], payload[1]):
            return None
        if proposal.verb != Verb.ADMIT:
            return decision
        newcomers: list[Newcomer] = []
        for subject in payload:
            application = self._store.get(tables.Application, id=subject)
            if application is None:
                return None
            offered = application.device if application.witness else None
            newcomers.append(Newcomer(application.id, application.member, offered))
        return decision._replace(newcomers=tuple(newcomers))


def payload_of_row(proposal: tables.Proposal) -> Any:
    """What a proposal's action is about, by its verb (`actions.PAYLOADS`); None where it has none."""
    if not proposal.verb or proposal.payload is None:
        return None
    return payload_of(proposal.verb, decode(proposal.payload))


def cast_of(row: tables.Ballot) -> Cast:
    """A ballot's row as the rules take it."""
    choice = read_choice(row.form, decode(row.choice))
    return Cast(row.id, row.member, row.device, row.seq, row.scope, row.form, choice, row.counter, row.reason)


def attested_of(row: tables.Attestation) -> Attested:
    """An attestation's row as the rules take it."""
    winners: Any = decode(row.winners)
    counts: Any = decode(row.counts)
    return Attested(row.id, row.device, row.verdict, tuple(winners), tuple(counts), row.counted, row.ballots)


def split(ids: bytes) -> frozenset[bytes]:
    """Ids that were joined into one column."""
    return frozenset(ids[start : start + ID] for start in range(0, len(ids), ID))


def join(ids: Iterable[bytes]) -> bytes:
    """Ids as one column, sorted."""
    return b"".join(sorted(ids))
