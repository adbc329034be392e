"""Where this node stands: which rosters it knows to be effective, which one it follows, and what the log says of them.

The rules are in `meshd_protocol.rosters`; here they meet the log. A node's head is primary data (`tables.Head`): two
nodes with the same records and the same head show the same.
"""

from collections.abc import Iterable, Sequence

from meshd.state import rows
from meshd.state.quoted import take_up
from meshd.state.rows import join, split
from meshd.store import tables
from meshd.store.added import Added
from meshd.store.api import Store
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.errors import BadBodyError
from meshd_protocol.force import Forces
from meshd_protocol.items import Decision, Item, Offer, Quoted, pin_of
from meshd_protocol.meaning import State
from meshd_protocol.offers import is_whole
from meshd_protocol.quoted import Quotations
from meshd_protocol.rosters import Rosters, Step
from meshd_protocol.voices import nobody, signatures

_Learnt = tuple[bytes, frozenset[bytes], tables.RosterStep | None]
"""A roster that was learnt: its start, what was added, and the record that told of it; a move of the head has none."""
_WORDS = (tables.Vouch, tables.Revocation, tables.Offer, tables.Leave)


LEFT_BEHIND = "left behind"
"""The setting that says that an earlier meshd went where today's rules do not lead."""


class Standing:
    """The rosters of one assembly as one node knows them.

    Without the genesis (a newcomer's log) there is none: `Standing.load` returns None.
    """

    def __init__(self, store: Store, assembly: bytes, genesis: Genesis) -> None:
        self._store = store
        self._assembly = assembly
        self.genesis = genesis
        self._items: dict[bytes, Item] = {}
        self.quotations = Quotations(assembly) if genesis.assemblies else None
        """What a federation's log quotes of its members."""
        if self.quotations is not None:
            take_up(store, self.quotations, store.find(tables.Quotation))
        self.rosters = Rosters(assembly, genesis, self, self.quotations.get if self.quotations else nobody)
        self._steps: list[Step] = []
        self._waiting: dict[bytes, list[_Learnt]] = {}
        """What earlier runs learnt and a recount must wait with, by a roster that is not known yet."""
        self._told: set[bytes] = set()
        """The rosters that some effective step leads to."""
        self._lacking: dict[bytes, bytes] = {}
        heads = store.find(tables.Head)
        self._heads = {head.n: head for head in heads if head.cites}
        """The moves of the head that no step tells of yet, and perhaps others."""
        self._moves = heads[-1].n if heads else 0
        self.head = heads[-1].roster if heads else self.rosters.origin
        self._forces: Forces | None = None
        self._absent: set[bytes] = {assembly}
        """Ids that nothing in the log has, until something more arrives."""
        self._open: dict[bytes, None] | None = None
        """What is in the log and not in the head, as far as it would add something to it."""
        self._enders: object = None
        self._load(heads)
        self._lost = self._find_lost(heads)
        """Moves that an earlier meshd made, by other rules: today's records don't lead where they went."""
        self.rosters.newly_known()

    @classmethod
    def load(cls, store: Store, assembly: bytes) -> "Standing | None":
        """The standing of a log, or None while it lacks a genesis that this meshd can read."""
        kept = store.get(tables.Kept, id=assembly)
        if kept is None or kept.body is None:
            return None
        try:
            genesis = Genesis.read(kept.body)
        except BadBodyError:
            return None
        return cls(store, assembly, genesis)

    @property
    def knows_rules(self) -> bool:
        """Whether this meshd knows the rules that the charter asks for; else it computes nothing."""
        return self.genesis.knows_rules

    @property
    def state(self) -> State | None:
        """What the head means; None while a newcomer's node has not seen the steps to it."""
        return self.rosters.state(self.head) if self.rosters.knows(self.head) else None

    @property
    def reach(self) -> tuple[bytes, int]:
        """The head, and how many rosters are known: what is remembered of other proposals holds with this reach."""
        return self.head, len(self.rosters.known())

    def refresh(self) -> list[tables.Head]:
        """Take in what has arrived: effective steps, then moves of the head, while either lets the other go on. Call
        inside a transaction.
        """
        for n in self._lost:
            self._store.delete(tables.Head, n=n)
            self._store.replace(tables.Setting(LEFT_BEHIND, "1"))
        self._lost = []
        self._forces = None
        moves: list[tables.Head] = []
        known = 0
        while known < len(self.rosters.known()):
            known = len(self.rosters.known())
            self._settle_steps()
            for each in [each for each in self._waiting if self.rosters.knows(each)]:
                self._take_up(self._waiting.pop(each))
            if self.rosters.knows(self.head):
                moves += self._note(self.rosters.advance(self.head, self._steps))
        return moves

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
        self._forces = None
        ids = self.rosters.ids(roster)
        if self.rosters.contains(roster, before):
            move = tables.Head(self._moves, roster, before, join(ids - self.rosters.ids(before)))
        else:  # from the genesis on: a rebuild finds the way without the line that was left
            move = tables.Head(self._moves, roster, self.rosters.origin, join(ids))
        self._store.insert([move])
        self._heads[move.n] = move
        return [move]

    def bears_out(self, head: tables.Head) -> bool:
        """Whether the records bear out a move of the head: known steps lead there, or what it added qualifies."""
        if not self.rosters.knows(head.parent) or not self.rosters.knows(head.roster):
            return False
        if not self.rosters.leads_to(head.parent, split(head.cites), head.roster):
            return False
        if head.roster in self._told:
            return True
        ratified_by = {step.ratified_by for step in self._steps if step.ratified_by is not None}
        return self.rosters.take(head.parent, split(head.cites), ratified_by) == split(head.cites)

    def recorded_way(self, start: bytes, end: bytes) -> bytes:
        """How far the known steps lead from one roster towards a larger one."""
        while True:
            onward = [
                step.result
                for step in self._steps
                if step.parent == start and step.result != start and self.rosters.contains(end, step.result)
            ]
            if not onward:
                return start
            start = max(onward, key=lambda each: (len(self.rosters.ids(each)), each))

    def unrecorded(self) -> list[tables.Head]:
        """Moves of the head that no roster record tells of: what must be written before the head can be pinned."""
        self._heads = {n: head for n, head in self._heads.items() if head.roster not in self._told}
        return list(self._heads.values())

    def recorded(self) -> bytes:
        """The last roster on the head's way to which the records lead everybody, and from which it moves by itself."""
        moves = {head.roster: head.parent for head in self.unrecorded()}
        roster = self.head
        while roster in moves:
            roster = moves[roster]
        return roster

    def apart(self) -> list[bytes]:
        """Known rosters that go on beside the head and that it does not contain: the person has to choose."""
        if not self.rosters.knows(self.head):
            return []
        here = self.rosters.ids(self.head)
        if all(each in here or self._is_over(each) for each in self.rosters.seen()):
            return []
        beside = {step.result for step in self._steps if not self.rosters.ids(step.result) <= here}
        return sorted(each for each in beside if self._matters(self.rosters.ids(each) - here))

    def _matters(self, added: Iterable[bytes]) -> bool:
        """Whether what another line adds was decided, or said by somebody who is in the head: the rest is noise."""
        state = self.rosters.state(self.head)
        inside = state.inside
        for item in map(self.item, added):
            if item is None or self.rosters.is_over(self.head, item):
                continue
            if isinstance(item, Decision | Quoted) or item.author in inside:
                return True
        return False

    def _is_over(self, identity: bytes) -> bool:
        item = self.item(identity)
        return item is not None and self.rosters.is_over(self.head, item)

    def arrived(self, added: Added) -> None:
        """Rows were added: what they bring may be cited, and what was not known may be now."""
        self._absent.clear()
        if self.quotations is not None and take_up(self._store, self.quotations, added.of(tables.Quotation)):
            self._open = None
            self.rosters.forget()
        if self._open is not None:
            self._open.update(dict.fromkeys(added.ids(*_WORDS)))
            self._open.update(dict.fromkeys(row.id for row in added.of(tables.Proposal) if row.verb))

    def uncited(self) -> list[Item]:
        """What may change the head and is not in it. Of one person's words the earliest: the others wait their turn."""
        enders = self.rosters.enders(self.head)
        if self._open is None or self._enders != enders:
            self._open, self._enders = dict.fromkeys(self._citable()), enders
        found: list[Item] = []
        open_: dict[bytes, int] = {}
        for item in [item for item in map(self.item, list(self._open)) if item is not None]:
            if self.rosters.is_over(self.head, item):
                del self._open[item.id]
                continue
            if not isinstance(item, Decision | Quoted):
                open_[item.author] = open_.get(item.author, 0) + 1
                if open_[item.author] > limits.OWN_WORDS:
                    continue
            found.append(item)
        return found

    def beyond(self, roster: bytes) -> list[Item]:
        """What may change a known roster and is not in it: decisions and words that nothing in it has ended."""
        items = (item for item in map(self.item, self._citable()) if item is not None)
        return [item for item in items if not self.rosters.is_over(roster, item)]

    def _citable(self) -> Iterable[bytes]:
        """Everything in the log that rosters are made of, in the order in which it came."""
        for verb in sorted(set(Verb) - {Verb.VOICE}):  # which is heard elsewhere, and changes nothing here
            yield from (row.id for row in self._store.find(tables.Proposal, verb=int(verb)))
        for table in _WORDS:
            yield from (row.id for row in self._store.find(table))  # type: ignore[attr-defined]
        if self.quotations is not None:
            yield from self.quotations.ids()

    def forget(self, changed: Iterable[bytes]) -> None:
        """Ask anew what is in force: ballots or attestations have come."""
        if any(True for _ in changed):
            self._forces = None

    @property
    def forces(self) -> Forces:
        """What is in force in the head. Made anew where it, or what is held of anything, may have changed."""
        if self._forces is None:
            self._forces = Forces(self.rosters, self, self.head)
        return self._forces

    def item(self, identity: bytes) -> Item | None:
        """See `Facts.item`."""
        found = self._items.get(identity)
        if found is None and identity not in self._absent:
            found = rows.item_of(self._store, self.rosters.origin, identity)
            if found is None or (isinstance(found, Offer) and not self._is_whole(found)):
                found = self.quotations.item(identity) if self.quotations is not None else None
            if found is None:
                self._absent.add(identity)
            else:
                self._items[identity] = found
        return found

    def _is_whole(self, offer: Offer) -> bool:
        """Whether all that an offer replaces is known: a roster learnt before it came would be taken for another."""

        def is_first(identity: bytes) -> bool:
            return identity == self._assembly or self._store.get(tables.Application, id=identity) is not None

        def known(identity: bytes) -> Item | None:
            return rows.item_of(self._store, self.rosters.origin, identity)

        return is_whole(offer, known, is_first, self._items)

    def ballots(self, row: tables.Proposal, state: State) -> Sequence[Cast]:
        """What counts as ballots on a proposal in a state: people's, or what the members of a federation say, and those
        who sit there still.
        """
        decision = self.item(row.id)
        if not isinstance(decision, Decision) or not self.rosters.knows(decision.pin):
            return self.casts(row.id)
        return self.rosters.casts(decision, state, self.state)

    def signatures(self, row: tables.Proposal, state: State) -> Sequence[Cast]:
        """What counts for the marks of a recall in a state: ballots, and in a federation beside what its members say
        those of people who sit for them.
        """
        said = self.ballots(row, state)
        return said if state.federal is None else [*said, *signatures(state, row.policy, self.casts(row.id))]

    def put_anew(self, decision: bytes) -> Sequence[Decision]:
        """See `Facts.put_anew`."""
        return [each for each in self.repealing(decision) if each.anew]

    def repealing(self, decision: bytes) -> list[Decision]:
        """The decisions that are to take the place of that one."""
        later = (self.item(row.later) for row in self._store.find(tables.Repeal, earlier=decision))
        return [item for item in later if isinstance(item, Decision)]

    def seating(self) -> Iterable[Decision]:
        """The decisions that seat assemblies, final or not."""
        items = (self.item(row.id) for row in self._store.find(tables.Proposal, verb=int(Verb.SEAT)))
        return (item for item in items if isinstance(item, Decision))

    def proposal(self, identity: bytes) -> tables.Proposal | None:
        """A proposal's row."""
        return self._store.get(tables.Proposal, id=identity)

    def casts(self, decision: bytes) -> Sequence[Cast]:
        """See `Facts.casts`."""
        return [rows.cast_of(row) for row in self._store.find(tables.Ballot, proposal=decision)]

    def attestations(self, decision: bytes) -> Sequence[Attested]:
        """See `Facts.attestations`."""
        return [rows.attested_of(row) for row in self._store.find(tables.Attestation, proposal=decision)]

    def _load(self, heads: list[tables.Head]) -> None:
        """Learn what earlier runs found effective, and how the head moved."""
        found: list[_Learnt] = [
            (row.parent, split(row.cites), row) for row in self._store.find(tables.RosterStep) if row.roster is not None
        ]
        self._take_up(found + [(head.parent, split(head.cites), None) for head in heads if head.cites])

    def _take_up(self, ready: list[_Learnt]) -> None:
        """Learn rosters again, each once its start and all that its words and decisions pin are known: what these mean
        hangs on what they pin.
        """
        while ready:
            parent, cites, step = ready.pop()
            pins = [pin for item in map(self.item, cites) if item is not None and (pin := pin_of(item)) is not None]
            missing = next((each for each in (parent, *pins) if not self.rosters.knows(each)), None)
            if missing is not None:
                self._waiting.setdefault(missing, []).append((parent, cites, step))
                continue
            result = self.rosters.learn(parent, cites)
            if step is not None:
                self._add_step(Step(parent, result, step.ratified_by))
            ready += self._waiting.pop(result, ())

    def _find_lost(self, heads: list[tables.Head]) -> list[int]:
        """The moves from the first one on that no longer leads to a known roster; the head goes back before them.

        A newcomer's first head is known as soon as its steps arrive.
        """
        moved = [head for head in heads if head.cites]
        known = [self.rosters.knows(head.roster) for head in moved]
        if all(known) or not self.rosters.knows(moved[0].parent):
            return []
        first = known.index(False)
        self.head = moved[first].parent if self.rosters.knows(moved[first].parent) else moved[0].parent
        for head in moved[first:]:
            del self._heads[head.n]
        return [head.n for head in moved[first:]]

    def _add_step(self, step: Step) -> None:
        self._steps.append(step)
        self._told.add(step.result)

    def _settle_steps(self) -> None:
        """Find the steps that became effective; each may be the start of others."""
        waiting: dict[bytes, list[tables.RosterStep]] = {}
        for row in self._not_lacking(self._store.find(tables.RosterStep, roster=None)):
            waiting.setdefault(row.parent, []).append(row)
        ready = [each for each in waiting if self.rosters.knows(each)]
        while ready:
            for row in waiting.pop(ready.pop(), ()):
                cites = split(row.cites)
                lacking = next((each for each in cites if self.item(each) is None), None)
                if lacking is not None:
                    self._lacking[row.id] = lacking
                elif self.rosters.problem(row.parent, cites, row.ratified_by) is None:
                    result = self.rosters.learn(row.parent, cites)
                    self._store.replace(row._replace(roster=result))
                    self._add_step(Step(row.parent, result, row.ratified_by))
                    ready.append(result)

    def _not_lacking(self, steps: list[tables.RosterStep]) -> list[tables.RosterStep]:
        """Those that may be effective by now: a record that one lacked when it was looked at last must be here.

        Somebody who writes steps that name nothing must not make everything else slow.
        """
        here = self._store.known(set(self._lacking.values()))
        if self.quotations is not None:  # what is followed of members is no record of this log
            here |= {each for each in self._lacking.values() if self.quotations.item(each) is not None}
        return [row for row in steps if row.id not in self._lacking or self._lacking[row.id] in here]

    def _note(self, moves: list[tuple[bytes, frozenset[bytes]]]) -> list[tables.Head]:
        heads: list[tables.Head] = []
        for roster, added in moves:
            self._moves += 1
            heads.append(tables.Head(self._moves, roster, self.head, join(added)))
            self.head = roster
        self._heads |= {head.n: head for head in heads}
        self._store.insert(heads)
        return heads
