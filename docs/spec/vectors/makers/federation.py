"""federation.json: whole proofs of a federation's rosters and decisions, what each shows, and proofs that are refused."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from makers.common import START_MS, Device, drawn, written
from meshd_crypto.identity import SigningKey
from meshd_protocol.bodies.actions import Mandate, Place, Seated, Verb, Voiced
from meshd_protocol.bodies.decisions import Attestation, Ballot, Form, Proposal, Say, Verdict
from meshd_protocol.bodies.genesis import FEDERAL_RULES, RULES_VERSION, Genesis, Seating
from meshd_protocol.bodies.membership import Application, RosterStep
from meshd_protocol.errors import BadProofError
from meshd_protocol.evidence import read_evidence
from meshd_protocol.items import followed_id
from meshd_protocol.kinds import Kind
from meshd_protocol.meaning import State
from meshd_protocol.policies import DEFAULTS, FEDERAL_DEFAULTS, Policy, Voices
from meshd_protocol.proofs import Excerpt, Proof, ProofStep, verify_proof
from meshd_protocol.quoted import FederalFacts, Quotations
from meshd_protocol.records import NO_ASSEMBLY, Record, make_record
from meshd_protocol.rosters import Rosters, roster_id
from meshd_protocol.statements import Parts, read_parts, read_quoted


def _parts(record: Record) -> Parts:
    assert record.body is not None
    return record.header, record.signature, record.body


class Commune:
    """An assembly of three people, and what it writes."""

    def __init__(
        self,
        name: str,
        people: Sequence[str],
        seatings: Sequence[Seating] = (),
        policies: tuple[Policy, ...] | None = None,
        *,
        witnesses: bool = False,
    ) -> None:
        self.people = [Device(NO_ASSEMBLY, each) for each in people]
        founders = tuple(sorted(each.member.public for each in self.people))
        devices = tuple(sorted((each.member.public, each.key.public) for each in self.people)) if witnesses else ()
        rules, usual = (FEDERAL_RULES, FEDERAL_DEFAULTS) if seatings else (RULES_VERSION, DEFAULTS)
        body = Genesis(
            name,
            drawn(f"{name} nonce", 16),
            rules,
            policies or usual,
            founders,
            witnesses=devices,
            assemblies=tuple(sorted(seatings)),
        )
        first = self.people[0]
        self.genesis = make_record(
            NO_ASSEMBLY, first.key, log=0, seq=0, prev=None, time_ms=START_MS, kind=Kind.GENESIS, body=body.write()
        )
        first.heads[0] = self.genesis
        self.id = self.genesis.id
        self.origin = roster_id(self.id, ())
        self.records: list[Record] = []
        self.steps: list[ProofStep] = []
        for each in self.people:
            self.join(each)

    def join(self, device: Device) -> None:
        """Somebody's certificate."""
        device.assembly = self.id
        self.records.append(device.certify())

    def write(self, device: Device, kind: Kind, body: Any) -> Record:
        """A record of somebody's."""
        self.records.append(device.write(kind, body))
        return self.records[-1]

    def decide(self, voters: int = 2, **proposal: Any) -> Record:
        """A proposal, with yes by the first so many."""
        fields = {"roster": self.origin, "policy": "significant", "title": "A question"} | proposal
        question = self.write(self.people[0], Kind.PROPOSAL, Proposal(**fields))
        for each in self.people[:voters]:
            self.write(each, Kind.BALLOT, Ballot(question.id, Form.YES_NO, int(Say.YES)))
        return question

    def voice(self, federation: bytes, matter: bytes, voters: int = 2, *, leaves: bool = False, **more: Any) -> Record:
        """What it says in a federation, with so many yes."""
        more = {"policy": "constitution" if leaves or matter == federation else "significant"} | more
        return self.decide(voters, action=(int(Verb.VOICE), Voiced(federation, matter, leaves)), **more)

    def certified(self, federation: bytes, matter: bytes, witnesses: int) -> None:
        """What it says in a federation by a policy that witnesses certify, with so many attestations."""
        said = self.voice(federation, matter, policy="standard")
        found = Attestation(said.id, Verdict.PASSED, (), (2, 0, 0), b"\x06", bytes(32))
        for each in self.people[:witnesses]:
            self.write(each, Kind.ATTESTATION, found)

    @property
    def excerpt(self) -> Excerpt:
        """All of it, as a proof quotes it."""
        records = sorted([_parts(self.genesis), *map(_parts, self.records)])
        return Excerpt(self.id, tuple(records), tuple(self.steps))


class Federation:
    """A federation that one person convened, its line, and what it puts to its members."""

    def __init__(
        self, name: str, convener: str, seatings: Sequence[Seating], policies: tuple[Policy, ...] | None = None
    ) -> None:
        self.federation = Commune(name, (convener,), seatings, policies)
        self.convener = self.federation.people[0]
        self.ids = {self.federation.origin: frozenset[bytes]()}

    def step(self, parent: bytes, *cites: bytes) -> bytes:
        """A step of the federation's line, and the roster that it leads to."""
        ids = self.ids[parent] | {*cites}
        roster = roster_id(self.federation.id, ids)
        self.ids[roster] = ids
        self.federation.steps.append(ProofStep(parent, tuple(sorted(cites)), None))
        return roster

    def propose(self, roster: bytes, **more: Any) -> Record:
        """A matter of the federation."""
        fields = {"roster": roster, "policy": "significant", "title": "A warehouse"} | more
        return self.federation.write(self.convener, Kind.PROPOSAL, Proposal(**fields))

    def shown(self, subject: Record | None, roster: bytes, others: Iterable[Commune]) -> Proof:
        """A proof with everything."""
        records = tuple(sorted(map(_parts, self.federation.records)))
        quoted = tuple(sorted(each.excerpt for each in others))
        steps = tuple(self.federation.steps)
        return Proof(_parts(self.federation.genesis), subject.id if subject else None, roster, steps, records, quoted)


class Valley(Federation):
    """A federation of three assemblies, one of weight 2; a delegate; matters; a fourth assembly; somebody who comes."""

    def __init__(self) -> None:
        self.mill = Commune("Mill", ("Ada", "Bea", "Cy"))
        self.dairy = Commune("Dairy", ("Di", "Eve", "Flo"))
        self.press = Commune("Press", ("Gil", "Hal", "Ivo"))
        self.quarry = Commune("Quarry", ("Jo", "Kai", "Lu"))
        self.members = (self.mill, self.dairy, self.press)
        seatings = [Seating(each.id, 2 if each is self.press else 1, each.origin) for each in self.members]
        super().__init__("Valley", "Zoe", seatings)
        self.joins = [each.voice(self.federation.id, self.federation.id) for each in self.members]
        self.begun = self.step(self.federation.origin, *(each.id for each in self.joins))
        place = Place(self.federation.id, self.convener.member.public)
        mandate = Mandate("Delegate", self.mill.people[0].member.public, ("speak",), place=place)
        given = self.mill.decide(policy="mandate", action=(int(Verb.MANDATE), mandate))
        self.mill.steps.append(ProofStep(self.mill.origin, (given.id,), None))
        self.sent = self.step(self.begun, followed_id(self.mill.id, given.id))

    def proof(self, subject: Record | None, roster: bytes, *others: Commune) -> Proof:
        """A proof with everything."""
        return self.shown(subject, roster, (*self.members, *others))


class Land(Federation):
    """A federation of the Valley and of an assembly of people."""

    def __init__(self) -> None:
        self.valley = Valley()
        self.quarry = self.valley.quarry
        seatings = [
            Seating(self.valley.federation.id, 1, self.valley.sent),
            Seating(self.quarry.id, 1, self.quarry.origin),
        ]
        super().__init__("Land", "Ora", seatings)
        joins = [
            self.valley_says(self.federation.id, policy="constitution"),
            self.quarry.voice(self.federation.id, self.federation.id),
        ]
        self.begun = self.step(self.federation.origin, *(each.id for each in joins))

    def valley_says(self, matter: bytes, *, heard: Sequence[str] = ("mill", "press"), **more: Any) -> Record:
        """What the Valley says in the Land, and which of its own members said so."""
        action = (int(Verb.VOICE), Voiced(self.federation.id, matter, leaves=False))
        said = self.valley.propose(self.valley.sent, action=action, **more)
        for each in heard:
            getattr(self.valley, each).voice(self.valley.federation.id, said.id)
        return said

    def proof(self, subject: Record | None, roster: bytes) -> Proof:
        """A proof with everything, down to people."""
        return self.shown(subject, roster, (self.valley.federation, *self.valley.members, self.quarry))


def _proofs() -> Iterable[tuple[str, Proof]]:
    valley = Valley()
    yield "a federation that has begun, with a delegate", valley.proof(None, valley.sent)
    yield "before she was sent", valley.proof(None, valley.begun)
    yield "before anybody joined", valley.proof(None, valley.federation.origin)
    matter = valley.propose(valley.sent)
    valley.mill.voice(valley.federation.id, matter.id)
    valley.press.voice(valley.federation.id, matter.id)
    yield "a matter that weight 3 of 4 settle", valley.proof(matter, valley.sent)
    seat = valley.propose(
        valley.sent, policy="membership",
        action=(int(Verb.SEAT), Seated((Seating(valley.quarry.id, 1, valley.quarry.origin),), (valley.dairy.id,), ())),
    )  # fmt: skip
    for each in valley.members:
        each.voice(valley.federation.id, seat.id)
    joins = valley.quarry.voice(valley.federation.id, valley.federation.id)
    later = valley.step(valley.sent, seat.id, joins.id)
    valley.ids[later] = valley.ids[valley.sent] | {seat.id, joins.id}
    without = valley.ids[later] - {valley.joins[1].id}
    yield (
        "one is seated in the place of another",
        valley.proof(seat, roster_id(valley.federation.id, without), valley.quarry),
    )
    away = Valley()
    leaving = away.dairy.voice(away.federation.id, away.joins[1].id, leaves=True)
    away.federation.steps.append(ProofStep(away.sent, (leaving.id,), None))
    left = away.ids[away.sent] - {away.joins[1].id} | {leaving.id}
    yield "one left", away.proof(None, roster_id(away.federation.id, left))
    coming = Valley()
    door = SigningKey.from_seed(drawn("a ticket"))
    moss = Device(coming.dairy.id, "Moss")
    coming.dairy.records.append(moss.certify())
    application = Application(invitation=door.public, member=moss.member.public, device=moss.key.public)
    coming.dairy.records.append(moss.write(Kind.APPLICATION, application.signed_by(door, coming.dairy.id)))
    applied = coming.dairy.records[-1]
    admitted = coming.dairy.decide(policy="membership", action=(int(Verb.ADMIT), (applied.id,)))
    coming.dairy.steps.append(ProofStep(coming.dairy.origin, (admitted.id,), None))
    yield (
        "somebody comes to one",
        coming.proof(None, coming.step(coming.sent, followed_id(coming.dairy.id, admitted.id))),
    )


class Pair(Federation):
    """Two assemblies with witnesses, in a federation that hears what they certify by some of its policies."""

    def __init__(self, voices: int) -> None:
        self.members = [Commune(name, people, witnesses=True) for name, people in _PAIR]
        policies = tuple(
            replace(each, voices=voices) if each.name == "significant" else each for each in FEDERAL_DEFAULTS
        )
        super().__init__("Pair", "Una", [Seating(each.id, 1, each.origin) for each in self.members], policies)
        joins = (each.voice(self.federation.id, self.federation.id) for each in self.members)
        self.begun = self.step(self.federation.origin, *(each.id for each in joins))

    def asked(self, witnesses: int) -> Proof:
        """A matter to which both say yes, by so many attestations each."""
        matter = self.propose(self.begun)
        for each in self.members:
            each.certified(self.federation.id, matter.id, witnesses)
        return self.shown(matter, self.begun, self.members)


_PAIR = (("Weir", ("Val", "Wes", "Xia")), ("Loom", ("Yan", "Zed", "Abe")))


def _seats() -> Iterable[tuple[str, Proof]]:
    yield "a matter that assemblies certified, where the policy hears that", Pair(Voices.CERTIFIED).asked(2)
    valley = Valley()
    read = Mandate(
        "Reader", valley.dairy.people[1].member.public, ("read",), place=Place(valley.federation.id, drawn("a reader"))
    )
    given = valley.dairy.decide(policy="mandate", action=(int(Verb.MANDATE), read))
    valley.dairy.steps.append(ProofStep(valley.dairy.origin, (given.id,), None))
    yield (
        "somebody who may read alone sits for nobody",
        valley.proof(None, valley.step(valley.sent, followed_id(valley.dairy.id, given.id))),
    )
    again = Valley()
    gone = again.propose(again.sent, policy="removal", action=(int(Verb.REMOVE), (again.dairy.id,)), text="It asked.")
    back = again.propose(
        again.sent, policy="membership",
        action=(int(Verb.SEAT), Seated((Seating(again.dairy.id, 3, again.dairy.origin),), (), ())),
    )  # fmt: skip
    for each in again.members:
        _says(again, each, gone, back)
    removed = again.ids[again.sent] | {gone.id, back.id}
    roster = roster_id(again.federation.id, removed - {again.joins[1].id})
    again.federation.steps.append(ProofStep(again.sent, tuple(sorted((gone.id, back.id))), None))
    yield (
        "removed and seated beside each other: the removal, which the seat did not know of, holds",
        again.proof(None, roster),
    )


def _says(valley: Valley, commune: Commune, *matters: Record) -> None:
    """What an assembly says to several matters."""
    for each in matters:
        commune.voice(valley.federation.id, each.id)


def _towers() -> Iterable[tuple[str, Proof]]:
    land = Land()
    yield "a federation of a federation", land.proof(None, land.begun)
    matter = land.propose(land.begun)
    land.valley_says(matter.id)
    land.quarry.voice(land.federation.id, matter.id)
    yield "a matter that people decided two levels below", land.proof(matter, land.begun)
    changed = Land()
    mill, valley = changed.valley.mill, changed.valley
    gone = (mill.people[2].member.public,)
    removed = mill.decide(
        roster=mill.steps[-1].parent, policy="removal", text="He moved.", action=(int(Verb.REMOVE), gone)
    )
    mill.steps.append(ProofStep(_reached(mill), (removed.id,), None))
    below = followed_id(mill.id, removed.id)
    valley.step(valley.sent, below)
    yield (
        "somebody was removed two levels below",
        changed.proof(None, changed.step(changed.begun, followed_id(valley.federation.id, below))),
    )


def _reached(commune: Commune) -> bytes:
    """The roster that an assembly's line leads to."""
    ids: set[bytes] = set()
    for each in commune.steps:
        ids.update(each.cites)
    return roster_id(commune.id, ids)


def _refused() -> Iterable[tuple[str, bytes]]:
    valley = Valley()
    whole = valley.proof(None, valley.sent)
    assert whole.quoted is not None
    yield "without what is quoted", written(whole._replace(quoted=None))
    for place, name in enumerate(("the first", "the second", "the third")):
        rest = (*whole.quoted[:place], *whole.quoted[place + 1 :])
        yield f"without what is quoted of {name} assembly", written(whole._replace(quoted=rest))
    one = whole.quoted[0]
    header, _, body = one.records[0]
    spoilt = (header, bytes(64), body)
    broken = one._replace(records=tuple(sorted((spoilt, *one.records[1:]))))
    yield "a quoted record that nobody signed", written(whole._replace(quoted=(broken, *whole.quoted[1:])))
    idle = one._replace(steps=(*one.steps, ProofStep(roster_id(one.assembly, ()), (drawn("nothing"),), None)))
    yield "a quoted step without effect", written(whole._replace(quoted=(idle, *whole.quoted[1:])))
    yield (
        "two of three join",
        written(
            whole._replace(
                steps=(ProofStep(valley.federation.origin, tuple(sorted(each.id for each in valley.joins[:2])), None),),
                roster=roster_id(valley.federation.id, [each.id for each in valley.joins[:2]]),
            )
        ),
    )
    matter = valley.propose(valley.sent)
    valley.press.voice(valley.federation.id, matter.id)
    valley.mill.voice(valley.federation.id, matter.id, 1)
    yield (
        "weight 2 of 4 is not more than half, and one of three is no voice",
        written(valley.proof(matter, valley.sent)),
    )
    land = Land()
    asked = land.propose(land.begun)
    land.valley_says(asked.id, heard=("press",))
    land.quarry.voice(land.federation.id, asked.id)
    yield "what a federation says that its own members did not decide", written(land.proof(asked, land.begun))
    whole = land.proof(None, land.begun)
    assert whole.quoted is not None
    for name, commune in (
        ("a federation among its members", land.valley.federation),
        ("their people", land.valley.mill),
    ):
        rest = tuple(each for each in whole.quoted if each.assembly != commune.id)
        yield f"without what is quoted of {name}", written(whole._replace(quoted=rest))
    circle = Land()
    seat = circle.valley.propose(
        circle.valley.sent, policy="membership",
        action=(int(Verb.SEAT), Seated((Seating(circle.federation.id, 1, circle.begun),), (), ())),
    )  # fmt: skip
    for each in circle.valley.members:
        each.voice(circle.valley.federation.id, seat.id)
    everything = (circle.federation, circle.valley.federation, circle.quarry)
    yield (
        "a federation seats one that has seated it",
        written(circle.valley.proof(seat, circle.valley.sent, *everything)),
    )
    yield (
        "what assemblies certified, where the policy hears what people settled",
        written(Pair(Voices.SETTLED).asked(2)),
    )
    yield "certified by one of three witnesses", written(Pair(Voices.CERTIFIED).asked(1))
    certified = Valley()
    asked = certified.propose(certified.sent)
    for each in certified.members:
        each.voice(certified.federation.id, asked.id, policy="standard")
    yield "voices that their members did not settle", written(certified.proof(asked, certified.sent))


def _state(proof: Proof) -> State:
    """What the roster means that a proof leads to."""
    genesis = read_parts(NO_ASSEMBLY, proof.genesis)
    quotations = Quotations(genesis.id)
    for each in proof.quoted or ():
        quotations.take(
            each.assembly, read_quoted(each.assembly, each.records), (RosterStep(*step) for step in each.steps)
        )
    quotations.settle()
    facts = FederalFacts(read_evidence(genesis, proof.records), quotations)
    rosters = Rosters(genesis.id, Genesis.read(genesis.body or b""), facts, quotations.get)
    for step in proof.steps:
        rosters.learn(step.parent, step.cites)
    return rosters.state(proof.roster)


def make() -> dict[str, Any]:
    """What is shown, and what is refused."""
    proofs = []
    for name, proof in (*_proofs(), *_seats(), *_towers()):
        shown = verify_proof(written(proof))
        state = _state(proof)
        assert state.federal is not None
        proofs.append({
            "name": name,
            "file": written(proof),
            "shows": {
                "subject": proof.subject,
                "outcome": shown.outcome,
                "weights": sorted(state.federal.weights.items()),
                "followed": sorted((each, sorted(state.federal.followed[each].state().members)) for each in state.members),
                "people": sorted(state.federal.sits.items()),
            },
        })  # fmt: skip
    refused = []
    for name, data in _refused():
        try:
            verify_proof(data)
        except BadProofError as error:
            refused.append({"name": name, "file": data, "reason": str(error)})
        else:
            raise AssertionError(f"{name} is taken")
    return {
        "about": "Proofs of a federation: what its rosters mean, what its assemblies decided; and proofs that are refused.",
        "sections": ["5.9", "6.10"],
        "proofs": proofs,
        "refused": refused,
    }
