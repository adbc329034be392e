"""Random histories of whole nodes, from one seed each: islands where people decide, and traitors who write what they like.

People are devices that sign (`Author`); a few of them have nodes, and what they do goes through the commands. Everything
that is written is in some node's log in the end.
"""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nacl.bindings
import pytest

from meshd.assembly.assembly import Assembly
from meshd.errors import NodeError
from meshd.service import delegation, governing, membership, proposing, rosters, voting, witnessing
from meshd.service.context import Context
from meshd.state import votes
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.api import Store
from meshd.upkeep import witness
from meshd.upkeep.caretaker import ready_to_pin
from meshd_crypto.identity import SigningKey
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Attestation, Ballot, Form, Proposal, Say, Verdict
from meshd_protocol.bodies.delegates import Act
from meshd_protocol.bodies.membership import Application, Leave, Offer, Revocation, RosterStep, Vouch
from meshd_protocol.chains import Waiting
from meshd_protocol.decisions.question import POLICY_OF
from meshd_protocol.force import Forces
from meshd_protocol.items import Decision
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from meshd_protocol.policies import DEFAULTS, Finality, Policy
from meshd_protocol.records import encode_record
from tests.worlds import Author, Clock, commune, exchange, give

DAY_MS = 86_400_000
FOUNDERS = ("Ada", "Bea", "Cy", "Dan", "Eve", "Flo", "Mallory")
TRAITOR = "Mallory"
"""The only one whose devices attest what they did not find."""

AMENDED = (
    Policy("removal", 0, 0, threshold=(1, 2, True)),
    Policy("membership", 0, 0, threshold=(1, 2, True)),
    Policy("constitution", 0, 0, threshold=(1, 2, True)),
    Policy("significant", 0, 0, threshold=(3, 4, False)),
    Policy("mandate", 0, 0, threshold=(2, 3, False)),
    Policy("significant", 0, 1, threshold=(1, 2, True), quorum=(1, 2), open_for=3600),
    Policy("standard", 0, 0, threshold=(1, 2, True)),
)


@contextmanager
def seeded_seals(seed: int) -> Iterator[None]:
    """libsodium draws the key of a seal itself: here it comes from a seed, or no history could be told again."""
    entropy = random.Random(seed).randbytes

    def seal(plain: bytes, public: bytes) -> bytes:
        here, secret = nacl.bindings.crypto_box_seed_keypair(entropy(32))
        nonce = hashlib.blake2b(here + public, digest_size=nacl.bindings.crypto_box_NONCEBYTES).digest()
        return here + nacl.bindings.crypto_box(plain, nonce, public, secret)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nacl.bindings, "crypto_box_seal", seal)
        yield


class History:
    """One history that grows. `nodes` are islands; `people` are all who ever sign, by member key, with their devices."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = Clock()
        self.seed = seed
        self.nodes, founders = commune(
            folder,
            FOUNDERS,
            nodes=self.rng.choice([2, 3]),
            clock=self.clock,
            seed=seed + 1,
            witnesses=self.rng.choice([0, 1, 3, 4, 7, 7]),
        )
        self.assembly = self.nodes[0].id
        self.count = 0
        self.people: dict[bytes, list[Author]] = {}
        for node in self.nodes:
            assert node.keys.member is not None
            self.people[node.keys.member_public] = [self._device(node.keys.person, node.keys.member)]
        for author in founders:
            author.certify()
            self.people[author.member.public] = [author, self._device(author.name, author.member)]
        self.founders = list(self.people)
        self.outsiders = [self._device(name) for name in ("Xu", "Yan", "Zoe")]
        for author in self.outsiders:
            self.people[author.member.public] = [author, self._device(author.name, author.member)]
        self.traitors = {key for key, devices in self.people.items() if devices[0].name == TRAITOR}
        self.scribe = self._device("Dan", self.people[founders[-4].member.public][0].member)
        self.late: dict[bytes, Author] = {}
        self.attested: set[tuple[bytes, bytes]] = set()
        self.told: dict[str, int] = {}
        self.head = b""
        exchange(*self.nodes)
        for n, author in enumerate(self.outsiders):
            self.apply(author, n + 1)
        everybody = [self.scribe, *(device for devices in self.people.values() for device in devices)]
        give(self.nodes[0], *(record for author in everybody for record in author.history))
        exchange(*self.nodes)

    def _device(self, name: str, member: SigningKey | None = None) -> Author:
        self.count += 1
        author = Author(self.assembly, name, self.seed * 10_000 + self.count, member)
        author.certify()
        return author

    def apply(self, author: Author, seed: int) -> None:
        """Ask to join."""
        door = SigningKey.from_seed(bytes([seed]) * 32)
        body = Application(
            invitation=door.public,
            member=author.member.public,
            device=author.device.public,
            witness=self.rng.random() < 0.6,
        )
        author.write(Kind.APPLICATION, body.signed_by(door, self.assembly))

    def grow(self, steps: int, watch: Callable[[Assembly], None]) -> None:
        """So many things happen; `watch` looks at the node after each."""
        kinds: dict[Callable[[Assembly], None], int] = {
            self.decide: 20, self.ask: 10, self.command: 10, self.say_words: 5, self.attest: 6, self.vote: 4,
            self.stale: 5, self.coup: 5, self.flood: 2, self.junk: 2, self.lie: 2, self.fork: 2, self.wait: 3, self.act: 1,
            self.meet_partly: 7,
        }  # fmt: skip
        for _ in range(steps):
            node = self.rng.choice(self.nodes)
            (kind,) = self.rng.choices(list(kinds), list(kinds.values()))
            kind(node)
            watch(node)

    # --- what honest people do, on the head of a node that they meet

    def command(self, node: Assembly) -> None:
        """The person of a node uses it."""
        rng, context = self.rng, Context(node)
        state = context.state()
        people = node.people.label
        rows = [text_of(row.id) for row in node.store.find(tables.Proposal)] or ["00"]
        others = sorted(state.members - {node.keys.member_public}) or [node.keys.member_public]
        waiting = [author.member.public for author in self.outsiders]
        plain = [text_of(row.id) for row in node.store.find(tables.Proposal, verb=0)] or ["00"]
        mandates = sorted(map(text_of, state.mandates)) or ["00"]
        choices: list[tuple[Callable[..., Any], dict[str, Any]]] = [
            (proposing.propose, {"title": "Question", "policy": rng.choice(["significant", "standard", "consent"])}),
            (proposing.propose, {"title": "Instead", "policy": "significant", "repeals": [rng.choice(plain)]}),
            (proposing.propose, {"title": "Once more", "policy": "standard", "repeals": [rng.choice(plain)]}),
            (proposing.uphold, {"ids": [rng.choice(plain)]}),
            (governing.amend, {"name": "removal", "threshold": rng.choice(["1/2", "3/4"])}),
            (governing.amend, {"name": "significant", "threshold": "3/5"}),
            *[(voting.vote, {"id": rng.choice(rows), "choices": ["yes"], "late": True}) for _ in range(6)],
            (voting.vote, {"id": rng.choice(rows), "choices": ["no"], "reason": "why"}),
            (membership.vouch, {"person": people(rng.choice(waiting))}),
            (membership.admit, {"people": [people(rng.choice(waiting))]}),
            (rosters.remove, {"person": people(rng.choice(others)), "reason": "why"}),
            (rosters.revoke, {"device": text_of(rng.choice(self.people[rng.choice(others)]).device.public)}),
            (rosters.revoke, {"device": text_of(self.people[node.keys.member_public][0].device.public)}),
            (rosters.ratify, {}),
            (witnessing.witness, {"word": rng.choice(["on", "off", "everybody"])}),
            (witnessing.witness, {"word": "committee", "names": list(map(people, rng.sample(others, 1)))}),
            (delegation.mandate, {"title": "Cook", "holder": people(rng.choice(others)), "powers": ["a"]}),
            (delegation.recall, {"mandate": rng.choice(mandates)}),
        ]  # fmt: skip
        if rng.random() < 0.05 and node is not self.nodes[0]:
            choices = [(rosters.leave, {})]
        verb, arguments = rng.choice(choices)
        self.do(node, verb, **arguments)

    def do(self, node: Assembly, verb: Callable[..., Any], **arguments: Any) -> None:
        """A command, which may be refused."""
        try:
            verb(Context(node), arguments)
        except NodeError:
            return
        self.note(verb.__name__)

    def decide(self, node: Assembly) -> None:
        """Somebody moves to change the roster, and many say yes."""
        self._move(node, self._head(node))

    def ask(self, node: Assembly) -> None:
        """Somebody asks about a text: something new, or in the place of what was decided."""
        self._ask(node, self._head(node))

    def say_words(self, node: Assembly) -> None:
        """Own words of those who are in."""
        pin = self._head(node)
        state = node.known.rosters.state(pin)
        self._word(node, pin, self.rng.choice(sorted(state.members | state.observers)))

    def vote(self, node: Assembly) -> None:
        """Some members vote on something open."""
        rows = node.store.find(tables.Proposal)
        if rows:
            row = self.rng.choice(rows[-12:])
            voters = sorted(node.known.state.members) if node.known.state else []
            self._ballots(node, row.id, self.rng.sample(voters, self.rng.randint(1, len(voters))))

    def attest(self, node: Assembly) -> None:
        """Witnesses without a node attest what a node would: once, by their one device."""
        for row in self.rng.sample(rows := node.store.find(tables.Proposal), min(len(rows), 12)):
            vote = votes.certified(node.known, row)
            if vote is None:
                continue
            for device in (each for devices in self.people.values() for each in devices):
                owner = vote.state.witnesses.devices.get(device.device.public)
                if owner is None or owner in self.traitors or self.rng.random() < 0.2:
                    continue
                if (device.device.public, row.id) not in self.attested:
                    self.attested.add((device.device.public, row.id))
                    device.write(Kind.ATTESTATION, witness.attestation(node, vote))
                    self._give(node, device)
                    self.note("attested")

    def act(self, node: Assembly) -> None:
        """A holder acts under her mandate."""
        state = node.known.state
        for each in sorted(state.mandates) if state else ():
            device = self._by(state.mandates[each].mandate.holder)
            device.write(Kind.ACT, Act(node.known.head, each, "a", "did"))
            self._give(node, device)

    def wait(self, node: Assembly) -> None:
        """Days pass, and nodes attest what is over."""
        self.clock.now_ms += self.rng.choice([1, 6]) * DAY_MS
        for each in self.nodes:
            witness.keep_time(each)

    def meet_partly(self, node: Assembly) -> None:
        """A node hears something of another: of each chain, all up to some place."""
        other = self.rng.choice([each for each in self.nodes if each is not node])
        chains: dict[int, list[tables.Kept]] = {}
        for kept in (kept for batch in other.store.walk() for kept in batch):
            chains.setdefault(kept.chain, []).append(kept)
        some: list[tables.Kept] = []
        for logged in chains.values():
            some += logged[: self.rng.randint(0, len(logged)) if self.rng.random() < 0.3 else len(logged)]
        node.receive([encode_record(each.header, each.signature, each.body) for each in some], Waiting())

    # --- what traitors and the expelled do

    def stale(self, node: Assembly) -> None:
        """Something honest in form, on a roster of long ago, by anybody: who left still votes."""
        pin = self._earlier(node)
        kind = self.rng.choice([self._move, self._ask, self._word])
        if kind == self._word:
            self._word(node, pin, self.rng.choice(sorted(self.people)))
        else:
            kind(node, pin, everybody=True)

    def coup(self, node: Assembly) -> None:
        """Those of long ago, the expelled first, settle a text on their roster with as few of today's as they need."""
        pin, here = self._earlier(node), node.known.state
        then = node.known.rosters.state(pin)
        policy = then.policies["significant"]
        if here is None or policy.finality != Finality.SETTLED:
            return
        needed = policy.needed(len(then.members))
        voters = sorted(then.members, key=lambda each: (each in here.members, each))[:needed]
        identity = self._write(node, self._by(voters[0]), Kind.PROPOSAL, Proposal(pin, "significant", "Coup"))
        self._ballots(node, identity, voters, yes=True)
        self.note("coup")

    def flood(self, node: Assembly) -> None:
        """The words of one who is out, on all rosters where she was in."""
        out = sorted(node.known.state.removed) if node.known.state else []
        who = self.rng.choice(out or sorted(self.traitors))
        for _ in range(self.rng.randint(3, 12)):
            self._word(node, self._earlier(node), who)

    def junk(self, node: Assembly) -> None:
        """Roster records that name anything."""
        every = [row.id for row in node.store.find(tables.Proposal)] + [row.id for row in node.store.find(tables.Offer)]
        if every:
            cites = tuple(sorted(set(self.rng.choices(every, k=self.rng.randint(1, 4)))))
            by = self.rng.choice([None, None, self.rng.choice(every)])
            self._write(node, self._traitor(), Kind.ROSTER, RosterStep(self._earlier(node), cites, by))

    def lie(self, node: Assembly) -> None:
        """A traitor attests what she likes, here and there."""
        for row in node.store.find(tables.Proposal, verb=0)[-6:]:
            verdict = self.rng.choice([Verdict.PASSED, Verdict.FAILED])
            body = Attestation(row.id, int(verdict), (), (1, 0, 0), b"\x00", bytes(32))
            self._write(self.rng.choice(self.nodes), self._traitor(), Kind.ATTESTATION, body)

    def fork(self, node: Assembly) -> None:
        """One device writes two records in one place, each for another island."""
        author = self.rng.choice([each for devices in self.people.values() for each in devices])
        rows = node.store.find(tables.Proposal)
        if rows:
            twin, question = author.fork(), self.rng.choice(rows[-8:]).id
            twin.write(Kind.BALLOT, Ballot(question, Form.YES_NO, int(self.rng.choice(list(Say)))))
            give(self.rng.choice(self.nodes), *twin.history)
            author.write(Kind.BALLOT, Ballot(question, Form.YES_NO, int(Say.YES), 0, "twin"))
            self._give(node, author)
            self.note("forked")

    # --- after it

    def meet(self) -> None:
        """Everybody has everything, and what can be taken in anywhere is written, until nothing moves."""
        for _ in range(12):
            exchange(*self.nodes)
            before = [node.known.head for node in self.nodes]
            steps = len(self.scribe.history)
            for node in self.nodes:
                self.record(node)
            exchange(*self.nodes)
            if before == [node.known.head for node in self.nodes] and steps == len(self.scribe.history):
                return
        raise AssertionError("the heads never come to rest")

    def record(self, node: Assembly) -> None:
        """Somebody writes the roster records that this node's head, and what qualifies in it, call for."""
        for parent, ids, ratified_by in due(node.store, node.known):
            cites = tuple(sorted(ids))[: limits.CITES]
            self._write(node, self.scribe, Kind.ROSTER, RosterStep(parent, cites, ratified_by))

    def agree(self, followers: Sequence[Assembly]) -> None:
        """The members of every head say yes to each decision that some head holds and others don't."""
        standings = [each.known for each in followers]
        sets = [each.rosters.ids(each.head) for each in standings]
        every = frozenset[bytes]().union(*sets)
        items = {each: standings[0].item(each) for each in every - frozenset.intersection(*sets)}
        open_ = [each for each, item in sorted(items.items()) if isinstance(item, Decision)]
        assert open_, "own words alone part the heads"
        for member in sorted(frozenset[bytes]().union(*(each.state.members for each in standings if each.state))):
            if member not in self.late:
                self.late[member] = self._device("late", self.people[member][0].member)
            for each in open_:
                self.late[member].ballot(each)
            give(self.nodes[0], *self.late[member].history)

    def records(self) -> list[bytes]:
        """All of them, encoded."""
        logged = (kept for batch in self.nodes[0].store.walk() for kept in batch)
        return [encode_record(each.header, each.signature, each.body) for each in logged]

    def close(self) -> None:
        for node in self.nodes:
            node.close()

    # --- pieces

    def _head(self, node: Assembly) -> bytes:
        """The head of a node, written so that others reach it: an honest node pins no other."""
        if node.known.state is not None and node.keys.member_public in node.known.state.members:
            try:
                with node.writing():
                    ready_to_pin(node)
            except NodeError:
                self.note("stuck")
        else:
            self.record(node)
        return node.known.head

    def _earlier(self, node: Assembly) -> bytes:
        return self.rng.choice(sorted(node.known.rosters.known()))

    def _by(self, member: bytes) -> Author:
        devices = self.people[member]
        return devices[0] if self.rng.random() < 0.8 else self.rng.choice(devices)

    def _traitor(self) -> Author:
        return self._by(self.rng.choice(sorted(self.traitors)))

    def _write(self, node: Assembly, author: Author, kind: Kind, body: Any) -> bytes:
        record = author.write(kind, body)
        self._give(node, author)
        return record.id

    @staticmethod
    def _give(node: Assembly, author: Author) -> None:
        give(node, *author.history)

    def note(self, what: str, times: int = 1) -> None:
        """Count what happened, so that a test sees that histories are not empty."""
        self.told[what] = self.told.get(what, 0) + times

    def _move(self, node: Assembly, pin: bytes, *, everybody: bool = False) -> None:
        rng, known = self.rng, node.known.rosters
        members = sorted(known.state(pin).members)
        verb = rng.choice(
            [*Verb, Verb.REMOVE, Verb.REMOVE, Verb.ADMIT, Verb.ADMIT, Verb.MANDATE, Verb.WITNESSES, Verb.RECALL]
        )
        payload = self._payload(node, pin, verb)
        if payload is None:
            return
        policy = POLICY_OF.get(verb) or rng.choice(["significant", "membership"])
        body = Proposal(pin, policy, verb.name, action=(int(verb), payload), keeps=self._keeps(node, pin))
        identity = self._write(node, self._by(rng.choice(members)), Kind.PROPOSAL, body)
        self.note(verb.name)
        here = set(node.known.state.members) if node.known.state else set()
        electors = sorted({*members, *here, *(self.people if everybody else ())})
        rule = known.state(pin).policies.get(policy)
        needed = rule.needed(len(members)) if rule is not None and rule.finality == Finality.SETTLED else 1
        least = max(0, min(len(electors), needed) - 1)
        yes = rng.sample(electors, rng.randint(least, len(electors)) if rng.random() < 0.5 else len(electors))
        self._ballots(node, identity, yes, yes=True)

    def _ask(self, node: Assembly, pin: bytes, *, everybody: bool = False) -> None:
        rng, state = self.rng, node.known.rosters.state(pin)
        policy = rng.choice(["significant", "significant", "standard", "standard", "consent", "election"])
        earlier = [row.id for row in node.store.find(tables.Proposal, policy=policy) if not row.verb]
        repeals = tuple(sorted(set(rng.choices(earlier, k=rng.choice([1, 1, 2])))) if earlier else ())
        more: dict[str, Any] = {"options": ("tea", "coffee"), "method": "plurality"} if policy == "election" else {}
        if repeals and rng.random() < 0.6:
            split = all(self._is_split(node, each) for each in repeals)
            more |= {"repeals": repeals, "anew": split or rng.random() < 0.2}
        if earlier and rng.random() < 0.2:
            more["amends"] = rng.choice(earlier)
        identity = self._write(
            node, self._by(rng.choice(sorted(state.members))), Kind.PROPOSAL, Proposal(pin, policy, "Text", **more)
        )
        self.note("anew" if more.get("anew") else "repeal" if more.get("repeals") else policy)
        electors = sorted({*state.members, *(self.people if everybody else ())})
        voters = electors if rng.random() < 0.5 else rng.sample(electors, rng.randint(1, len(electors)))
        self._ballots(node, identity, voters)

    def _is_split(self, node: Assembly, identity: bytes) -> bool:
        vote = votes.certified(node.known, node.store.get(tables.Proposal, id=identity))
        if vote is None:
            return False
        found = witness.certificates_of(node.known, vote)
        return found.split or len(found.certified) > 1

    def _ballots(self, node: Assembly, question: bytes, voters: Iterable[bytes], *, yes: bool = False) -> None:
        row = node.store.get(tables.Proposal, id=question)
        told: dict[int, list[Author]] = {}
        for member in voters:
            device = self._by(member)
            if row is not None and row.method is not None:
                device.write(Kind.BALLOT, Ballot(question, Form.CHOICES, (self.rng.randint(0, 1),)))
            else:
                say = Say.YES if yes or self.rng.random() < 0.75 else Say.NO
                device.write(Kind.BALLOT, Ballot(question, Form.YES_NO, int(say), 0, "why"))
            where = node if self.rng.random() < 0.95 else self.rng.choice(self.nodes)
            told.setdefault(self.nodes.index(where), []).append(device)
        for number, devices in told.items():
            give(self.nodes[number], *(record for device in devices for record in device.history))

    def _payload(self, node: Assembly, pin: bytes, verb: Verb) -> Any:
        rng, known = self.rng, node.known.rosters
        state = known.state(pin)
        members = sorted(state.members)
        likely = [each for each in members if each not in self.founders[:3]] or members
        plain = [row.id for row in node.store.find(tables.Proposal, verb=0)]
        match verb:
            case Verb.ADMIT:
                if rng.random() < 0.3:  # somebody who was out comes back
                    author = self.people[rng.choice(likely)][0]
                    application = self._write(node, author, Kind.APPLICATION, self._again(author))
                else:
                    found = node.store.find(tables.Application)
                    open_ = [row for row in found if row.member not in state.members] or found
                    application = rng.choice(open_).id
                return (application,)
            case Verb.REMOVE:
                return tuple(sorted(rng.sample(likely if rng.random() < 0.9 else members, 1)))
            case Verb.REVOKE:
                who = rng.choice(members)
                return who, rng.choice(self.people[who]).device.public, (rng.randint(0, 12), 0, 0)
            case Verb.RATIFY:
                missing = sorted(set(known.seen()) - known.ids(node.known.head)) or plain[-1:]
                return tuple(sorted(rng.sample(missing, rng.randint(1, len(missing))))) if missing else None
            case Verb.POLICY:
                policy = rng.choice([*AMENDED, rng.choice(DEFAULTS)])
                return policy, known.in_place(pin, verb, policy.name)
            case Verb.WITNESSES:
                chosen = tuple(sorted(rng.sample(members, rng.randint(0, min(4, len(members))))))
                return chosen, known.in_place(pin, verb)
            case Verb.CHARTER:
                return known.in_place(pin, verb)
            case Verb.MANDATE:
                return Mandate(
                    rng.choice(["Cook", " cook", "Guard"]), rng.choice(members), ("a",), again=rng.random() < 0.5
                )
            case Verb.RECALL:
                return rng.choice(sorted(state.mandates)) if state.mandates else None
            case Verb.UPHOLD:
                return self._named(node, pin, plain) or None

    def _again(self, author: Author) -> Application:
        self.count += 1
        door = SigningKey.from_seed(self.count.to_bytes(32, "big"))
        body = Application(
            invitation=door.public, member=author.member.public, device=author.device.public, witness=True
        )
        return body.signed_by(door, self.assembly)

    def _named(self, node: Assembly, pin: bytes, among: list[bytes]) -> tuple[tuple[bytes, bytes], ...]:
        """Final decisions with whose word makes them so; or anything, with everybody's."""
        standing = node.known
        if self.rng.random() < 0.3:
            return tuple(sorted((each, b"\xff\xff") for each in self.rng.sample(among, min(2, len(among)))))
        named: list[tuple[bytes, bytes]] = []
        for item in map(standing.item, among):
            if isinstance(item, Decision) and standing.forces.finding(item) is not None:
                named.append((item.id, Forces(standing.rosters, standing, item.pin).bits(item)))
        return tuple(sorted(self.rng.sample(named, min(2, len(named)))))

    def _keeps(self, node: Assembly, pin: bytes) -> tuple[tuple[bytes, bytes], ...]:
        """What an honest node names; or a traitor's: everything, with everybody's word."""
        standing = node.known
        rows = node.store.find(tables.Proposal, verb=0)
        if self.rng.random() < 0.1:
            return tuple(sorted((row.id, b"\xff\xff") for row in rows[-5:]))
        items = [item for item in (standing.item(row.id) for row in rows) if isinstance(item, Decision)]
        return tuple(sorted(Forces(standing.rosters, standing, pin).keeps(items, limits.KEEPS)))

    def _word(self, node: Assembly, pin: bytes, who: bytes) -> None:
        rng, known = self.rng, node.known.rosters
        device = self._by(who)
        kind = rng.choice(["offer", "offer", "vouch", "vouch", "vouch", "end", "leave"])
        body: Any
        if kind == "offer":
            replaces = known.in_place(pin, 0, who)[: limits.REPLACES] if rng.random() < 0.9 else ()
            self._write(node, device, Kind.OFFER, Offer(pin, device.device.public, replaces))
        elif kind == "vouch":
            row = rng.choice(node.store.find(tables.Application))
            self._write(node, device, Kind.VOUCH, Vouch(row.id, pin))
        elif kind == "end":
            ended = rng.choice(self.people[who])
            body = Revocation(
                member=who, device=ended.device.public, good=(rng.randint(0, len(ended.history) + 1), 0, 0), roster=pin
            )
            self._write(node, device, Kind.REVOCATION, body.signed_by(device.member, self.assembly))
        elif who not in self.founders[:4] and rng.random() < 0.5:
            good = tuple(sorted((each.device.public, len(each.history)) for each in self.people[who]))
            self._write(node, device, Kind.LEAVE, Leave(pin, good))
        else:
            return
        self.note(kind)


def due(store: Store, standing: Standing) -> list[tuple[bytes, frozenset[bytes], bytes | None]]:
    """The roster records that a node's head lacks, and that what qualifies in it calls for: (parent, cites, ratification)."""
    known = standing.rosters
    found = [(move.parent, known.ids(move.roster) - known.ids(move.parent), None) for move in standing.unrecorded()]
    found = [each for each in found if each[1] and known.problem(each[0], each[1]) is None]
    taken = known.take(standing.head, [item.id for item in standing.uncited()])
    if taken:
        return [*found, (standing.head, taken, None)]
    for row in store.find(tables.Proposal, verb=int(Verb.RATIFY)):
        added = known.ratified(standing.head, row.id)
        if added and known.problem(standing.head, added, row.id) is None:
            return [*found, (standing.head, added, row.id)]
    return found
