"""Random histories of a federation of whole nodes, from one seed each: three assemblies on islands of their own, whose
people decide; delegates' nodes in the federation, one of them a traitor's; sticks, cuts, recalls, changes of rosters.
And of a federation that has such a one among its members.

To `tests.endtoend.test_histories` it is a history like any other: `nodes` are those in the federation.
"""

import base64
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from meshd.assembly.assembly import Assembly
from meshd.errors import NodeError
from meshd.founding.opening import found_federation
from meshd.service import delegation, federating, proposing, proving, quoting, rosters, voting, witnessing
from meshd.service.bridging import cross
from meshd.service.context import Context
from meshd.service.results import outcome_of
from meshd.store import tables
from meshd.upkeep import witness
from meshd.upkeep.caretaker import ready_to_pin
from meshd_protocol.bodies.actions import Verb, Voiced
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.federation import Quotation
from meshd_protocol.bodies.genesis import Seating
from meshd_protocol.items import Belonging, Decision, Followed
from meshd_protocol.kinds import Kind
from meshd_protocol.meaning import State
from meshd_protocol.names import text_of
from meshd_protocol.proofs import read_proof
from meshd_protocol.records import encode_record
from tests.worlds import Author, Clock, commune, exchange, give, newcomer, world

DAY_MS = 86_400_000
NAMES = {
    "Aragon": ("Ada", "Bo", "Cy", "Dov", "Eli"),
    "Bakery": ("Flo", "Gus", "Hal", "Ivo", "Jo"),
    "Harbour": ("Kim", "Lea", "Max", "Nan", "Oz"),
}
MILL = ("Pia", "Quin", "Rob", "Sue", "Ted")


class House:
    """An assembly: two islands of it, the people who only sign, and its delegate's node in the federation."""

    def __init__(self, name: str, people: Sequence[str], folder: Path, clock: Clock, seed: int) -> None:
        self.name = name
        self.nodes, self.authors = commune(folder / name, people, nodes=2, clock=clock, seed=seed, title=name)
        for author in self.authors:
            author.certify()
        self.late: list[Author] = []
        for n, node in enumerate(self.nodes):
            assert node.keys.member is not None
            self.late.append(Author(node.id, node.keys.person, seed * 1000 + 500 + n, node.keys.member))
            self.late[-1].certify()
        self.meet()
        self.delegate: Assembly | None = None

    @property
    def id(self) -> bytes:
        """Its id."""
        return self.nodes[0].id

    def meet(self) -> None:
        """Both islands have everything."""
        give(self.nodes[0], *(record for each in (*self.authors, *self.late) for record in each.history))
        exchange(*self.nodes)

    def decides(self, decision: bytes) -> None:
        """Everybody says yes who can, at home."""
        context = Context(self.nodes[0])
        if context.assembly.store.get(tables.Ballot, proposal=decision, member=context.me) is None:
            voting.vote(context, {"id": text_of(decision), "choices": ["yes"]})
        give(self.nodes[0], *(author.ballot(decision) for author in self.authors))

    def some_say(self, history: "Federated", node: Assembly, decision: bytes, chance: float) -> None:
        """On an island of it some vote, and some others do whose ballots come from elsewhere."""
        if history.rng.random() < chance:
            choice = history.rng.choice(["yes", "yes", "yes", "no"])
            history.do(node, voting.vote, id=text_of(decision), choices=[choice], reason="why", late=True)
        for author in self.authors:
            if history.rng.random() < chance:
                author.ballot(decision)
                give(node, *author.history)

    def says_late(self, federation: bytes, matter: bytes) -> None:
        """It decides anew what it says, on its first roster, and everybody is for it."""
        origin, voiced = self.nodes[0].known.rosters.origin, Voiced(federation, matter, leaves=False)
        body = Proposal(origin, "significant", "late", action=(int(Verb.VOICE), voiced))
        self.everybody_says(self.late[0].write(Kind.PROPOSAL, body).id)

    def everybody_says(self, decision: bytes) -> None:
        """Everybody is for it, members or not."""
        for author in (*self.authors, *self.late):
            author.ballot(decision)
        self.meet()

    def close(self) -> None:
        """Close its nodes."""
        for node in self.nodes:
            node.close()


class Federated:
    """One history that grows."""

    TITLE = "Valley"
    TRAITOR = "Bakery"
    """Whose delegate withholds what her assembly decided, and quotes what she likes."""

    def __init__(self, folder: Path, seed: int, clock: Clock | None = None) -> None:
        self.rng = random.Random(seed)
        self.clock = clock or Clock()
        self.seed = seed
        self.told: dict[str, int] = {}
        self.head = b""
        self.outcomes: dict[bytes, Any] = {}
        self.houses = self.make_houses(folder)
        self.names = [house.name for house in self.houses]
        weights = [self.rng.choice([1, 1, 2]) for _ in self.houses]
        seatings = [
            Seating(house.id, weight, house.nodes[0].known.head)
            for house, weight in zip(self.houses, weights, strict=True)
        ]
        convener = found_federation(
            folder / "F", self.TITLE, "Zoe", "pw", seatings, world=world(seed * 3 + 99, self.clock)
        )
        self.nodes = [convener]
        self.assembly = convener.id
        for house in self.houses:
            self._joins(house, folder)
        exchange(*self.nodes)
        self.traitors = frozenset(house.id for house in self.houses if house.name == self.TRAITOR)

    def make_houses(self, folder: Path) -> "list[House | Below]":
        """Its members, which have not joined yet."""
        return [
            House(name, people, folder, self.clock, self.seed * 3 + n) for n, (name, people) in enumerate(NAMES.items())
        ]

    # --- what a test of histories asks for

    def grow(self, steps: int, watch: Callable[[Assembly], None]) -> None:
        """So many things happen; `watch` looks at the federation's nodes after each."""
        kinds: dict[Callable[[], None], int] = {
            self.ask: 10, self.say: 24, self.at_home: 6, self.bridge: 12, self.stick: 12, self.ballot: 4, self.junk: 3,
            self.meet_at_home: 6, self.meet_partly: 10, self.wait: 2, self.leave: 1,
        }  # fmt: skip
        for _ in range(steps):
            (kind,) = self.rng.choices(list(kinds), list(kinds.values()))
            kind()
            for node in self.nodes:
                watch(node)

    def meet(self) -> None:
        """Everybody has everything, and what can be taken in anywhere is written, until nothing moves."""
        for _ in range(12):
            before = [(each.known.head, each.store.count(tables.Kept)) for each in self.nodes]
            for house in self.houses:
                house.meet()
                self.carry(house)
            exchange(*self.nodes)
            for node in self.nodes:
                self._take_up(node)
            exchange(*self.nodes)
            if before == [(each.known.head, each.store.count(tables.Kept)) for each in self.nodes]:
                return
        raise AssertionError("the heads never come to rest")

    def agree(self, followers: Sequence[Assembly]) -> None:
        """Everybody says yes to what some head holds and others don't: at home, and so in the federation."""
        standings = [each.known for each in followers]
        sets = [each.rosters.ids(each.head) for each in standings]
        for each in sorted(frozenset[bytes]().union(*sets) - frozenset.intersection(*sets)):
            item = standings[0].item(each)
            if isinstance(item, Decision):
                for house in self.houses:
                    house.says_late(self.assembly, each)
                    self.decided(house)
            elif isinstance(item, Followed | Belonging):
                house = next(house for house in self.houses if house.id == item.assembly)
                house.everybody_says(item.item if isinstance(item, Followed) else item.id)
                self.decided(house)

    def records(self) -> list[bytes]:
        """All of the federation's, encoded."""
        logged = (kept for batch in self.nodes[0].store.walk() for kept in batch)
        return [encode_record(each.header, each.signature, each.body) for each in logged]

    def close(self) -> None:
        """Close every node."""
        for each in (*self.nodes, *self.houses):
            each.close()

    def decided(self, house: "House | Below") -> None:
        """A member decided something: it is carried, and what was worked out before may hold no more."""
        self.outcomes.clear()
        self.carry(house)

    def note(self, what: str, times: int = 1) -> None:
        """Count what happened, so that a test sees that histories are not empty."""
        self.told[what] = self.told.get(what, 0) + times

    # --- what happens

    def ask(self) -> None:
        """Somebody who sits puts a matter: a text, a weight, somebody's end."""
        node, rng = self.rng.choice(self.nodes), self.rng
        verb, arguments = rng.choice(
            [
                *[
                    (
                        proposing.propose,
                        {"title": "A warehouse", "policy": rng.choice(["significant"] * 3 + ["standard"])},
                    )
                ]
                * 6,
                (federating.seat, {"assembly": rng.choice(self.names), "weight": rng.randint(1, 3)}),
                (rosters.remove, {"person": rng.choice(self.names), "reason": "why"}),
                (witnessing.witness, {"word": rng.choice(["on", "off"])}),
                (delegation.mandate, {"title": "Cook", "holder": node.keys.person, "powers": ["a"]}),
            ]
        )
        self.do(node, verb, **arguments)

    def say(self) -> None:
        """An island of an assembly puts a matter to its people, or some of them vote on what is put."""
        house, rng = self.rng.choice(self.houses), self.rng
        node = rng.choice(house.nodes)
        matters = [row.id for row in rng.choice(self.nodes).store.find(tables.Proposal)][-3:]
        if matters and rng.random() < 0.6:
            asked = {"matter": text_of(rng.choice(matters)), "federation": text_of(self.assembly)}
            self.do(node, federating.voice, **asked)
        open_ = [row.id for row in node.store.find(tables.Proposal)][-3:]
        decision = open_[-1] if rng.random() < 0.7 else rng.choice(open_)
        house.some_say(self, node, decision, rng.choice([0.3, 0.9, 1.0, 1.0]))

    def at_home(self) -> None:
        """An assembly changes: somebody goes, a delegate is recalled or sent anew."""
        house, rng = self.rng.choice(self.houses), self.rng
        node = rng.choice(house.nodes)
        delegate = house.delegate
        assert delegate is not None
        state = Context(node).state()
        people = node.people.label
        seat = {"seat": text_of(self.assembly), "seat_key": text_of(delegate.keys.member_public)}
        sent = {"title": f"Sent {rng.randint(0, 99)}", "holder": house.nodes[0].keys.person, "powers": ["speak"]}
        verb, arguments = rng.choice(
            [
                (rosters.remove, {"person": people(rng.choice(sorted(state.members))), "reason": "why"}),
                (delegation.recall, {"mandate": rng.choice([*map(text_of, state.mandates), "00"])}),
                (delegation.mandate, sent | seat),
                (proposing.propose, {"title": "At home", "policy": "significant"}),
            ]
        )
        self.do(node, verb, **arguments)

    def bridge(self) -> None:
        """A delegate's home carries, unless a traitor's, who withholds."""
        house = self.rng.choice(self.houses)
        if house.name != self.TRAITOR or self.rng.random() < 0.1:
            self.carry(house)

    def stick(self) -> None:
        """A proof travels by hand, and whoever meets it quotes it."""
        house, rng = self.rng.choice(self.houses), self.rng
        node = rng.choice(house.nodes)
        rows = [text_of(row.id) for row in node.store.find(tables.Proposal)]
        try:
            proof = proving.prove(Context(node), {"id": rng.choice([*rows[-5:], "roster"])})["proof"]
        except NodeError:
            return
        self.do(rng.choice(self.nodes), quoting.quote, proof=proof)

    def ballot(self) -> None:
        """Somebody who sits votes in their own name, whatever their assembly says."""
        node = self.rng.choice(self.nodes)
        rows = [row.id for row in node.store.find(tables.Proposal)]
        if rows:
            self.do(node, voting.vote, id=text_of(self.rng.choice(rows[-6:])), choices=["yes"])

    def junk(self) -> None:
        """The traitor quotes half of a proof, spoilt records, steps that lead nowhere, and certificates once more."""
        rng, (house,) = self.rng, [each for each in self.houses if each.name == self.TRAITOR]
        delegate = house.delegate
        assert delegate is not None
        of = rng.choice(self.houses)
        proof = read_proof(base64.b64decode(proving.prove(Context(of.nodes[0]), {"id": "roster"})["proof"]))
        of_id, whole, way = of.id, (proof.genesis, *proof.records), proof.steps
        if proof.quoted and rng.random() < 0.5:
            of_id, whole, way = rng.choice(proof.quoted)
        records = [each for each in whole if rng.random() < 0.5]
        records += [(header, bytes(64), body) for header, _, body in records[:2]]
        if isinstance(of, House):
            twin = rng.choice(of.authors).fork()
            twin.heads = {}
            less = twin.write(Kind.CERTIFICATE, twin.certificate(1))
            records.append((less.header, less.signature, less.body or b""))
        steps = tuple(
            (rng.choice([step.parent, rng.randbytes(32)]), step.cites[: rng.randint(1, 3)], step.ratified_by)
            for step in way
        )
        try:
            with delegate.writing():
                delegate.write(Kind.QUOTATION, Quotation(of_id, tuple(sorted(set(records))), steps))
        except NodeError:
            return
        self.note("junk")

    def meet_at_home(self) -> None:
        """The islands of an assembly meet."""
        self.rng.choice(self.houses).meet()

    def meet_partly(self) -> None:
        """Some of those who sit in the federation meet."""
        exchange(*self.rng.sample(self.nodes, 2))

    def wait(self) -> None:
        """Time passes: votes end, witnesses attest."""
        self.clock.now_ms += self.rng.choice([1, 5]) * DAY_MS
        for node in (*self.nodes, *(node for house in self.houses for node in house.nodes)):
            witness.keep_time(node)

    def leave(self) -> None:
        """An assembly is asked to leave."""
        house = self.houses[-1]
        self.do(house.nodes[0], federating.federate, federation=text_of(self.assembly), leave=True)

    # --- pieces

    def _joins(self, house: House, folder: Path) -> None:
        """It decides to join, and sends the person of its first node, who has a node in the federation."""
        node, convener = Context(house.nodes[0]), Context(self.nodes[0])
        said = federating.federate(node, {"federation": text_of(self.assembly)})["id"]
        made = newcomer(folder / "F", convener, node.assembly.keys.person, seed=self.seed * 3 + len(self.nodes) + 50,
                        clock=self.clock)  # fmt: skip
        exchange(convener.assembly, made.assembly)
        seat = {"seat": text_of(self.assembly), "seat_key": text_of(made.context.me)}
        sent = {"title": "Delegate", "holder": node.assembly.keys.person, "powers": ["speak", "voice standard"]}
        given = delegation.mandate(node, sent | seat)["id"]
        for each in (said, given):
            house.decides(node.proposal(each).id)
            quoting.quote(convener, {"proof": proving.prove(node, {"id": each})["proof"]})
        exchange(convener.assembly, made.assembly)
        house.delegate = made.assembly
        self.nodes.append(made.assembly)
        house.meet()

    def carry(self, house: "House | Below") -> None:
        """The home of a member's delegate carries."""
        assert house.delegate is not None
        try:
            crossed = cross(house.delegate, house.nodes[0])
        except NodeError:
            return
        self.note("carried", crossed.up if crossed is not None else 0)

    def _take_up(self, node: Assembly) -> None:
        """Take what qualifies into the head, by whoever may write it."""
        state = node.known.state
        if state is None or node.keys.member_public not in state.people | set(node.known.genesis.founders):
            return
        try:
            with node.writing():
                ready_to_pin(node)
        except NodeError:
            self.note("stuck")

    def do(self, node: Assembly, verb: Callable[..., Any], **arguments: Any) -> None:
        try:
            verb(Context(node), arguments)
        except NodeError:
            return
        self.note(verb.__name__)


class Below:
    """A federation as a member of another one (`House`): those who sit in it have its nodes."""

    def __init__(self, history: Federated) -> None:
        self.history = history
        self.name = history.TITLE
        self.nodes = history.nodes[1:]
        self.delegate: Assembly | None = None

    @property
    def id(self) -> bytes:
        """Its id."""
        return self.history.assembly

    def meet(self) -> None:
        """All of it have everything."""
        self.history.meet()

    def decides(self, decision: bytes) -> None:
        """All its members say yes."""
        for house in self.history.houses:
            asked = {"matter": text_of(decision), "federation": text_of(self.id)}
            said = federating.voice(Context(house.nodes[0]), asked)["id"]
            house.decides(Context(house.nodes[0]).proposal(said).id)
            house.meet()
            self.history.carry(house)
        exchange(*self.history.nodes)

    def some_say(self, history: Federated, node: Assembly, decision: bytes, chance: float) -> None:
        """Some of its members say something on it, and some of that is carried."""
        for house in self.history.houses:
            if history.rng.random() < chance:
                asked = {"matter": text_of(decision), "federation": text_of(self.id)}
                self.history.do(house.nodes[0], federating.voice, **asked)
                (*_, last) = house.nodes[0].store.find(tables.Proposal)
                house.some_say(self.history, house.nodes[0], last.id, chance)
                self.history.carry(house)
        exchange(node, *history.rng.sample(self.history.nodes, 2))

    def says_late(self, federation: bytes, matter: bytes) -> None:
        """It decides anew what it says, on the first roster that it had as one, and all its people are for it."""
        with self.nodes[0].writing():
            ready_to_pin(self.nodes[0])
            voiced = Voiced(federation, matter, leaves=False)
            pin = next(row.roster for row in self.nodes[0].store.find(tables.RosterStep) if row.roster is not None)
            body = Proposal(pin, "significant", "late", action=(int(Verb.VOICE), voiced))
            said = self.nodes[0].write(Kind.PROPOSAL, body).id
        self.everybody_says(said)

    def everybody_says(self, decision: bytes) -> None:
        """All its people are for it."""
        item = self.nodes[0].known.item(decision)
        if isinstance(item, Followed | Belonging):
            house = next(house for house in self.history.houses if house.id == item.assembly)
            house.everybody_says(item.item if isinstance(item, Followed) else item.id)
            self.history.decided(house)
        else:
            for house in self.history.houses:
                house.says_late(self.id, decision)
                self.history.decided(house)
        self.meet()

    def close(self) -> None:
        """Close all of its nodes."""
        self.history.close()


class Tall(Federated):
    """A history of a federation of two: the Valley, of three assemblies, and the Mill."""

    TITLE = "Land"
    TRAITOR = "Mill"

    def make_houses(self, folder: Path) -> list[House | Below]:
        """See `Federated`."""
        self.below = Federated(folder / "Valley", self.seed, self.clock)
        return [Below(self.below), House("Mill", MILL, folder, self.clock, self.seed * 3 + 77)]

    def grow(self, steps: int, watch: Callable[[Assembly], None]) -> None:
        """Below things happen, and above."""
        for _ in range(steps // 14):
            self.below.grow(2, lambda _: None)
            super().grow(3, watch)
            self.press()
            for node in self.nodes:
                watch(node)

    def press(self) -> None:
        """Most of those who sit above want an answer to a matter: it is put below, and voted on there."""
        matters = [row.id for row in self.rng.choice(self.nodes).store.find(tables.Proposal)][-3:]
        if not matters:
            return
        matter = self.rng.choice(matters)
        for house in self.houses:
            node = house.nodes[0]
            if self.rng.random() < 0.7:
                self.do(node, federating.voice, matter=text_of(matter), federation=text_of(self.assembly))
                (*_, last) = node.store.find(tables.Proposal)
                house.some_say(self, node, last.id, 0.95)
                if isinstance(house, Below):
                    exchange(*house.nodes)
                self.carry(house)


def majorities(history: Federated) -> None:
    """The bound, from outside: what is settled has members of more than half of the pinned weight, each of which has a
    decision on it to which more than half of the people said yes whom the pinned roster follows; or of the weight of
    its own members, each of which has one.
    """
    node = history.nodes[0]
    for row in node.store.find(tables.Proposal, verb=0):
        if outcome_of(Context(node), row).state == "settled":
            history.note("settled")
            assert _is_borne_out(history, row.id, node.known.rosters.state(row.roster)), "settled without majorities"


def _is_borne_out(history: Federated, matter: bytes, state: State) -> bool:
    """Whether members of more than half of a state's weight say yes to a matter."""
    assert state.federal is not None
    weight = 0
    for house in history.houses:
        followed = state.federal.followed.get(house.id)
        if house.id not in state.members or followed is None:
            continue
        voices = [
            each.id
            for each in house.nodes[0].store.find(tables.Proposal, verb=int(Verb.VOICE))
            if (item := house.nodes[0].known.item(each.id)) is not None
            and isinstance(item, Decision)
            and item.payload.matter == matter
        ]
        weight += state.federal.weights[house.id] * any(_says_yes(house, voice, followed.state()) for voice in voices)
    return 2 * weight > sum(state.federal.weights.values())


def _says_yes(house: House | Below, voice: bytes, followed: State) -> bool:
    if isinstance(house, Below):
        return _is_borne_out(house.history, voice, followed)
    ballots = house.nodes[0].store.find(tables.Ballot, proposal=voice)
    yes = {each.member for each in ballots if each.choice == b"\x01"} & followed.members
    return 2 * len(yes) > len(followed.members)
