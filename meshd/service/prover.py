"""Gathers a proof: the smallest set of records that shows a stranger that something is final (`proofs`)."""

from collections.abc import Collection, Iterable, Sequence

from meshd.assembly.assembly import Assembly
from meshd.errors import NodeError
from meshd.service.excerpts import excerpts
from meshd.state import votes
from meshd.state.rows import question_of
from meshd.state.standing import Standing
from meshd.state.votes import Void
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Say
from meshd_protocol.decisions.certified import certify
from meshd_protocol.decisions.outcome import Attested, Cast, Electorate, Finding, reach
from meshd_protocol.decisions.question import possible
from meshd_protocol.force import Forces
from meshd_protocol.items import Decision, DeviceEnd, Endorsement, Item, Offer, Quoted, pin_of
from meshd_protocol.meaning import State
from meshd_protocol.policies import Finality, Policy
from meshd_protocol.proofs import Proof, ProofStep, write_proof
from meshd_protocol.records import is_signed, read_record
from meshd_protocol.statements import Parts
from meshd_protocol.thresholds import policies_asked, policies_of, ratification_needed, settled_needed


def prove(assembly: Assembly, proposal: tables.Proposal | None, roster: bytes) -> bytes:
    """The proof of a final decision, and of what it comes to in `roster`; of the roster itself, without one.

    Raises NodeError.
    """
    standing = assembly.known
    gathered = _Gathered(assembly, standing)
    if proposal is not None:
        gathered.decision(proposal)
    gathered.line(roster)
    if proposal is not None and not proposal.verb and roster != proposal.roster:
        gathered.force(proposal, roster)
    return _written(assembly, gathered, proposal, roster)


def ask(assembly: Assembly, proposal: tables.Proposal) -> bytes:
    """The proof of the roster that an open proposal pins, which holds the proposal, too: those whom a federation asks
    know the very question by it. Raises NodeError.
    """
    gathered = _Gathered(assembly, assembly.known)
    gathered.line(proposal.roster)
    gathered.add(proposal.id, proposal.member)
    return _written(assembly, gathered, None, proposal.roster)


def _written(assembly: Assembly, gathered: "_Gathered", proposal: tables.Proposal | None, roster: bytes) -> bytes:
    genesis = assembly.store.get(tables.Kept, id=assembly.id)
    assert genesis is not None
    return write_proof(
        Proof(
            _parts(genesis),
            proposal.id if proposal else None,
            roster,
            tuple(gathered.steps),
            gathered.records(),
            excerpts(assembly.known, proposal, gathered.steps),
        )
    )


_WHY = "`meshd why ID` says what is missing."


class _Gathered:
    """What a proof needs so far."""

    def __init__(self, assembly: Assembly, standing: Standing) -> None:
        self._assembly = assembly
        self._store = assembly.store
        self._standing = standing
        self._rosters: set[bytes] = {standing.rosters.origin}
        self._records: set[bytes] = set()
        self.steps: list[ProofStep] = []

    def records(self) -> tuple[Parts, ...]:
        """The records' parts, each with its branch up to the first good signature, and its device's certificate."""
        found: dict[bytes, Parts] = {}
        for identity in sorted(self._records):
            for kept in self._signed(identity):
                found[kept.id] = _parts(kept)
        return tuple(found.values())

    def add(self, identity: bytes, member: bytes | None = None) -> None:
        """Put a record in, with the certificate of its device: the member's, where several certified it."""
        if identity in self._records or identity == self._assembly.id:
            return
        self._records.add(identity)
        kept = self._kept(identity)
        record = read_record(self._assembly.id, kept.header, kept.signature, kept.body)
        self.certificate(record.device, member)

    def certificate(self, device: bytes, member: bytes | None = None) -> None:
        """Put a device's certificate in."""
        rows = self._store.find(tables.Certificate, device=device)
        if rows:
            self._records.add(next((row.id for row in rows if row.member == member), rows[0].id))

    def _is_shared(self, device: bytes) -> bool:
        """Whether several members certified a device: a proof can hold but one of them."""
        return len({row.member for row in self._store.find(tables.Certificate, device=device)}) > 1

    def decision(self, row: tables.Proposal) -> None:
        """Put in what makes a proposal final in the roster that it pins. Raises NodeError if it is not."""
        vote = votes.of(self._standing, row)
        if isinstance(vote, Void):
            if vote.state is None:
                raise NodeError("the roster that it pins is not known here, so nothing can be proved")
            raise NodeError(f"it has no effect: {vote.reason}")
        state, policy = vote.state, vote.policy
        self.line(row.roster)
        self.add(row.id, row.member)
        if policy.finality == Finality.SETTLED:
            self._settled(row.id, [state], [state.needed(policy)])
            if row.verb == Verb.VOICE:
                self._everywhere(row, state)
        else:
            found = certify(self._attested(row, policy), state.witnesses)
            if len(found.certified) != 1:
                raise NodeError(
                    "it is not final: no single outcome is certified", "`meshd why ID` says what is missing."
                )
            self._attestations(row, policy, found.certified[0], frozenset(state.witnesses.devices.values()))

    def force(self, row: tables.Proposal, roster: bytes) -> None:
        """Put in what makes a final decision on a text in force in a roster, if it is; the line there is in already."""
        decision = self._standing.item(row.id)
        assert isinstance(decision, Decision)
        force = Forces(self._standing.rosters, self._standing, roster).of(decision)
        if force is None or not force.holds:
            return
        policy = self._standing.rosters.state(row.roster).policies[row.policy]
        people = force.support.people if force.named is None else force.named.people
        if policy.finality == Finality.CERTIFIED:
            self._attestations(row, policy, force.finding, people)
            return
        where = roster if force.named is None else force.named.roster
        pinned = self._standing.rosters.ids(row.roster)
        there = self._standing.rosters.state(where)
        if there.federal is not None:
            return  # whose voices are among the excerpts
        electorate = there.electorate_of(pinned)
        self._yes(row.id, [electorate._replace(members=people)], [len(people)])

    def _attested(self, row: tables.Proposal, policy: Policy) -> list[Attested]:
        return possible(question_of(row), policy, self._standing.attestations(row.id))

    def _attestations(self, row: tables.Proposal, policy: Policy, finding: Finding, people: Collection[bytes]) -> None:
        """Put in one attestation of a finding by each of some witnesses of the pinned roster, as many as certify."""
        owners = self._standing.rosters.state(row.roster).witnesses.devices
        first: dict[bytes, bytes] = {}
        for each in sorted(self._attested(row, policy)):
            if each.finding == finding and owners.get(each.device) in people:
                first.setdefault(each.device, each.id)
        for device, identity in first.items():
            self.add(identity, owners[device])

    def line(self, roster: bytes) -> None:
        """Put in the steps from the genesis to a roster, and what they rest on."""
        if roster in self._rosters:
            return
        way = self._way(roster)
        for step in way:
            for identity in (*step.cites, *([step.ratified_by] if step.ratified_by else [])):
                item = self._standing.item(identity)
                pin = pin_of(item) if item is not None else None
                if pin is not None:
                    self.line(pin)
            parent = step.parent
            identity = self._standing.rosters.learn(parent, step.cites)
            if identity in self._rosters:
                continue
            self._rosters.add(identity)
            self.steps.append(step)
            for each in step.cites:
                item = self._standing.item(each)
                assert item is not None
                self._item(item, parent, ratified=step.ratified_by is not None)
            if step.ratified_by is not None:
                self._ratification(step, parent)

    def _way(self, roster: bytes) -> list[ProofStep]:
        """The recorded steps that lead to a roster, from one that is in already."""
        way: list[ProofStep] = []
        current = roster
        while current not in self._rosters:
            rows: list[tables.RosterStep | tables.Head] = [
                *self._store.find(tables.RosterStep, roster=current),
                *(each for each in self._store.find(tables.Head) if each.roster == current and each.cites),
            ]
            known = [row for row in rows if self._standing.rosters.knows(row.parent)]
            if not known:
                raise NodeError(
                    "no roster record leads to that roster yet", "It is written when somebody proposes or vouches next."
                )
            row = max(known, key=lambda each: (len(self._standing.rosters.ids(each.parent)), each.parent))
            here = self._standing.rosters.ids(row.parent)
            cites = tuple(sorted(self._standing.rosters.ids(current) - here))
            way.append(ProofStep(row.parent, cites, row.ratified_by if isinstance(row, tables.RosterStep) else None))
            current = row.parent
        return way[::-1]

    def _item(self, item: Item, parent: bytes, *, ratified: bool) -> None:
        """Put in what makes one id of a step qualify."""
        if isinstance(item, Quoted):
            return  # it is among the excerpts
        self.add(item.id, self._author(item))
        if isinstance(item, Endorsement):
            vouch = self._store.get(tables.Vouch, id=item.id)
            assert vouch is not None
            self.add(vouch.application)
        elif isinstance(item, Offer):
            self._behind(item)
        elif isinstance(item, DeviceEnd):
            self.certificate(item.ended, item.author)
        elif isinstance(item, Decision):
            for each in item.newcomers:
                self.add(each.application)
            if item.verb == Verb.REVOKE:
                self.certificate(item.payload[1], item.payload[0])
            if not ratified:
                states = [self._standing.rosters.state(item.pin), self._standing.rosters.state(parent)]
                policies = policies_asked(states[0], states[1], item.policy)
                needed = [settled_needed(policies, state) or 0 for state in states]
                self._settled(item.id, states, needed)

    def _behind(self, offer: Offer) -> None:
        """Put in what an offer replaces, directly or by others."""
        waiting = list(offer.replaces)
        while waiting:
            each = waiting.pop()
            if each in self._records:
                continue
            item = self._standing.item(each)
            self.add(each, item.author if isinstance(item, Offer) else None)
            waiting += item.replaces if isinstance(item, Offer) else ()

    def _settled(self, identity: bytes, states: Sequence[State], needed: Sequence[int]) -> None:
        """Put in what settles a decision in each of some rosters. What assemblies say is in the excerpts."""
        item = self._standing.item(identity)
        assert isinstance(item, Decision)
        rosters = self._standing.rosters
        if self._standing.quotations is None:
            pinned = rosters.ids(item.pin)
            self._yes(item.id, [state.electorate_of(pinned) for state in states], needed)
            return
        said = [state.weigh(rosters.supporters(item, state)) for state in states]
        if any(weight < count for weight, count in zip(said, needed, strict=True)):
            raise NodeError("it is not final: too few say yes by what is quoted here", _WHY)

    def _everywhere(self, row: tables.Proposal, pinned: State) -> None:
        """Put in what settles a voice in each roster on the way here, as far as it does: a federation follows any."""
        states = [self._standing.rosters.state(each) for each in sorted(self._rosters)]
        needed = [
            settled_needed(policies_asked(pinned, state, row.policy), state) or len(state.members) for state in states
        ]
        ids = self._standing.rosters.ids(row.roster)
        self._yes(row.id, [state.electorate_of(ids) for state in states], needed, all_=False)

    def _author(self, item: Item) -> bytes | None:
        if isinstance(item, Decision):
            proposal = self._store.get(tables.Proposal, id=item.id)
            return proposal.member if proposal else None
        return None if isinstance(item, Quoted) else item.author

    def _ratification(self, step: ProofStep, parent: bytes) -> None:
        assert step.ratified_by is not None
        item = self._standing.item(step.ratified_by)
        assert isinstance(item, Decision)
        self.add(item.id)
        names = {item.policy, *policies_of(map(self._standing.item, item.payload))}
        for named in item.payload:
            self._named(named)
        states = [self._standing.rosters.state(roster) for roster in (item.pin, parent)]
        self._settled(item.id, states, [ratification_needed(state, names) for state in states])

    def _named(self, identity: bytes) -> None:
        """Put in what a ratification names, whether or not its step still cites it."""
        item = self._standing.item(identity)
        pin = pin_of(item) if item is not None else None
        if item is not None and pin is not None:
            self._item(item, pin, ratified=True)

    def _yes(
        self, decision: bytes, electorates: Sequence[Electorate], needed: Sequence[int], *, all_: bool = True
    ) -> None:
        """Put in as few yes ballots as settle in each electorate; those that count in all of them first.

        Raises NodeError where one lacks some, if `all_` have to settle.
        """
        casts = self._standing.casts(decision)
        able: dict[bytes, Cast] = {}
        for cast in sorted(casts):
            if cast.choice == Say.YES and any(reach(cast, each) is None for each in electorates):
                held = able.get(cast.member)
                if held is None or _counts(cast, electorates) > _counts(held, electorates):
                    able[cast.member] = cast
        ordered = sorted(
            able.values(), key=lambda cast: (self._is_shared(cast.device), -_counts(cast, electorates), cast.id)
        )
        chosen = {cast.id for cast in ordered if cast.id in self._records}
        for electorate, count in zip(electorates, needed, strict=True):
            mine = [cast for cast in ordered if reach(cast, electorate) is None]
            if len(mine) < count and all_:
                raise NodeError("it is not final: too few yes are here", "`meshd why ID` says what is missing.")
            have = sum(cast.id in chosen for cast in mine)
            for cast in mine:
                if have >= count:
                    break
                if cast.id not in chosen:
                    chosen.add(cast.id)
                    have += 1
        for cast in ordered:
            if cast.id in chosen:
                self.add(cast.id, cast.member)

    def _signed(self, identity: bytes) -> list[tables.Kept]:
        """A record, and if its own signature fails its branch up to the first one that verifies."""
        kept = self._kept(identity)
        found = [kept]
        while not self._verifies(found[-1]):
            following = self._store.span(kept.chain, found[-1].seq + 1, found[-1].seq + 2)
            onward = [each for each in following if self._prev(each) == found[-1].id]
            if not onward or len(found) > limits.RUN:
                raise NodeError("a record that it rests on has no good signature here", "A peer may have a good copy.")
            found.append(onward[0])
        return found

    def _verifies(self, kept: tables.Kept) -> bool:
        record = read_record(self._assembly.id, kept.header, kept.signature, kept.body)
        return bool(kept.verified) or is_signed(self._assembly.id, record)

    def _prev(self, kept: tables.Kept) -> bytes | None:
        return read_record(self._assembly.id, kept.header, kept.signature, kept.body).prev

    def _kept(self, identity: bytes) -> tables.Kept:
        kept = self._store.get(tables.Kept, id=identity)
        assert kept is not None, "what a result rests on is in the log"
        return kept


def _parts(kept: tables.Kept) -> Parts:
    assert kept.body is not None, "log 0 has bodies"
    return kept.header, kept.signature, kept.body


def _counts(cast: Cast, electorates: Iterable[Electorate]) -> int:
    return sum(reach(cast, each) is None for each in electorates)
