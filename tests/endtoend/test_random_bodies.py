"""Well-formed records of every kind with random contents, by members, in random order: nothing crashes a node, two nodes with
the same records show the same, and a recount agrees. A failing seed is the test's number."""

import base64
import random

import pytest
from makers.bodies import EXAMPLES

from meshd.errors import NodeError
from meshd.founding.opening import signed_genesis
from meshd.service import (
    audit,
    checking,
    delegation,
    explaining,
    governing,
    listing,
    meetings,
    membership,
    proving,
    rosters,
    status,
    talk,
    waiting,
    witnessing,
)
from meshd.service.context import Context
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol.bodies.actions import Mandate, Seated, Verb, Voiced
from meshd_protocol.bodies.decisions import Answer, Attestation, Ballot, Proposal
from meshd_protocol.bodies.delegates import Act, Countersignature, Handover
from meshd_protocol.bodies.federation import Piece, Quotation
from meshd_protocol.bodies.genesis import Genesis, Origin, Seating
from meshd_protocol.bodies.meetings import Assent, FollowUp, Minutes, Resolution, Task
from meshd_protocol.bodies.membership import Leave, Offer, RosterStep, Vouch
from meshd_protocol.bodies.refounding import Refounding
from meshd_protocol.decisions.counting.methods import METHODS
from meshd_protocol.decisions.question import POLICY_OF
from meshd_protocol.encoding import encode
from meshd_protocol.kinds import LOG_OF, Kind
from meshd_protocol.policies import DEFAULTS, Policy
from meshd_protocol.proofs import verify_proof
from tests.seeds import seeds
from tests.worlds import Clock, commune, exchange, give

HUGE = 2**53 - 1


class Bodies:
    """Random bodies that name what is there, mostly."""

    def __init__(self, rng, node, members):
        self.rng, self.node, self.members = rng, node, members
        self.ids = [node.id]

    def id(self):
        return self.rng.choice(self.ids[-40:]) if self.rng.random() < 0.93 else self.rng.randbytes(32)

    def few(self, most):
        return tuple(sorted({self.id() for _ in range(self.rng.randint(0, most))}))

    def roster(self):
        known = sorted(self.node.standing.rosters.known())
        return self.node.standing.head if self.rng.random() < 0.7 else self.rng.choice([*known, self.id()])

    def policy(self):
        rng = self.rng
        if rng.random() < 0.5:
            return rng.choice(DEFAULTS)
        threshold = rng.choice([None, (1, 2, True), (0, 1, False), (1, 0, True), (2, 3, False), (1, 1, True)])
        quorum = rng.choice([None, (1, 4), (0, 1), (1, 0)])
        return Policy(rng.choice(["standard", "membership", "removal", "new"]), rng.choice([0, 1, 2, 9]), rng.choice([0, 1, 7]),
                      threshold, quorum, rng.random() < 0.3, rng.choice([0, 3600]))  # fmt: skip

    def action(self):
        rng = self.rng
        verb = rng.choice(list(Verb))
        people = tuple(sorted(set(rng.choices(self.members, k=2))))
        payload = {
            Verb.ADMIT: self.few(2) or (self.id(),),
            Verb.REMOVE: people,
            Verb.REVOKE: (people[0], self.id(), (rng.randint(0, 9), 0, 0)),
            Verb.RATIFY: self.few(3) or (self.id(),),
            Verb.POLICY: (self.policy(), self.few(2)),
            Verb.WITNESSES: (people, self.few(2)),
            Verb.CHARTER: self.few(2),
            Verb.MANDATE: Mandate(rng.choice(["cook", " Cook"]), people[0], ("a",), rng.choice([None, 0, HUGE])),
            Verb.RECALL: self.id(),
            Verb.VOICE: Voiced(self.id(), self.id(), rng.random() < 0.3),
            Verb.SEAT: Seated((Seating(self.id(), 1, self.id()),), self.few(1), self.few(1)),
            Verb.UPHOLD: self.named(2) or ((self.id(), b"\xff"),),
        }[verb]
        return int(verb), payload

    def named(self, most):
        rng = self.rng
        return tuple(sorted((each, rng.choice([b"\x00", b"\xff", b"\xff" * 40])) for each in self.few(most)))

    def proposal(self):
        rng = self.rng
        action = self.action() if rng.random() < 0.7 else None
        names = ["standard", "significant", "consent", "election", "membership", "nowhere"]
        policy = POLICY_OF.get(action[0], "membership") if action and rng.random() < 0.85 else rng.choice(names)
        more = {}
        if rng.random() < 0.3:
            more = {
                "options": tuple(f"o{n}" for n in range(rng.choice([0, 1, 2, 5]))),
                "method": rng.choice([*METHODS, "none", None]),
                "seats": rng.choice([0, 1, 2, 64]),
                "budget": rng.choice([None, 0, 7]),
                "costs": tuple(rng.choice([0, 5]) for _ in range(rng.choice([0, 2]))),
            }
        return Proposal(self.roster(), policy, "T", action=action, anew=rng.random() < 0.3,
                        repeals=rng.choice([(), (self.id(),), tuple(sorted({self.id(), self.id()}))]), amends=rng.choice([None, self.id()]), keeps=self.named(2), **more)  # fmt: skip

    def ballot(self):
        rng = self.rng
        form = rng.choice([0, 0, 0, 1, 2, 3])
        some = sorted(rng.sample(range(6), rng.randint(0, 3)))
        choice = (
            rng.choice([0, 1, 1, 1, 2]), tuple((each,) for each in some), tuple(some), tuple((each, 3) for each in some),
        )[form]  # fmt: skip
        return Ballot(self.id(), form, choice, rng.choice([0, 0, 1, HUGE]), rng.choice(["", " ", "why"]))

    def refounding(self, author):
        """A founding that may be what it says: its genesis is signed, and names this assembly, mostly."""
        rng, node = self.rng, self.node
        origin = Origin(rng.choice([node.id, node.id, self.id()]), self.roster(), "")
        founders = tuple(sorted({author.member.public, *rng.sample(self.members, rng.randint(0, 3))}))
        genesis = Genesis("Commune", bytes(16), 1, rng.choice([DEFAULTS, tuple(sorted(DEFAULTS, key=lambda each: each.name))]),
                          founders, (), origin)  # fmt: skip
        record = signed_genesis(genesis, author.device, node.world)
        signature = record.signature if rng.random() < 0.8 else rng.randbytes(64)
        return Refounding((record.header, signature, record.body), ((author.device.public, b"box"),))

    def quotation(self, author):
        """Records of this assembly or another one, some of them with a signature of nobody's."""
        rng = self.rng
        records = [each for each in rng.sample(author.history, min(3, len(author.history))) if each.body]
        parts = {(each.header, each.signature if rng.random() < 0.7 else bytes(64), each.body) for each in records}
        steps = ((self.roster(), self.few(3) or (self.id(),), rng.choice([None, self.id()])),)
        return Quotation(rng.choice([self.node.id, self.id()]), tuple(sorted(parts)), steps[: rng.randint(0, 1)])

    def like(self, kind):
        """The example of a kind, with other ids and keys in it: a kind that has no line in `any` is written so, too."""

        def changed(value):
            if isinstance(value, list):
                return [changed(each) for each in value]
            if type(value) is bytes and len(value) == 32:
                return self.rng.choice([self.id(), self.roster(), self.rng.choice(self.members)])
            return value

        return encode({key: changed(item) for key, item in EXAMPLES[kind].to_map().items()})

    def any(self, author):
        rng, device = self.rng, author.device.public
        verdict, kind = rng.choice([0, 1, 1, 2, 3]), rng.choice(list(Kind))
        return rng.choice([
            (Kind.PROPOSAL, self.proposal()), (Kind.PROPOSAL, self.proposal()), (Kind.PROPOSAL, self.proposal()),
            (Kind.BALLOT, self.ballot()), (Kind.BALLOT, self.ballot()), (Kind.BALLOT, self.ballot()),
            (Kind.ATTESTATION, Attestation(self.id(), verdict, (1, 63) if verdict == 3 else (),
                                           tuple(rng.choices([0, HUGE], k=rng.choice([0, 3, 64]))), b"\xff", bytes(32))),
            (Kind.VOUCH, Vouch(self.id(), self.roster())),
            (Kind.OFFER, Offer(self.roster(), rng.choice([None, device]), self.few(2))),
            (Kind.LEAVE, Leave(self.roster(), rng.choice([(), ((device, rng.choice([0, 3, HUGE])),)]))) if rng.random() < 0.1 else (Kind.ASSENT, Assent(self.id())),
            (Kind.ROSTER, RosterStep(self.roster(), self.few(3) or (self.id(),), rng.choice([None, self.id()]))),
            (Kind.ACT, Act(self.roster(), self.id(), rng.choice(["a", "z"]), "did")),
            (Kind.COUNTERSIGNATURE, Countersignature(self.id(), ((self.id(), HUGE),))),
            (Kind.HANDOVER, Handover(self.id(), self.id(), "x")),
            (Kind.ANSWER, Answer(self.id(), "x")),
            (Kind.REFOUNDING, self.refounding(author)),
            (Kind.QUOTATION, self.quotation(author)),
            (Kind.PIECE, Piece(self.id(), rng.randrange(4096), 4096, b"a part")),
            (Kind.MINUTES, Minutes("a", "b", HUGE, tuple(sorted(set(self.members[:2]))))),
            (Kind.RESOLUTION, Resolution(self.id(), "t", (Task("w", None, HUGE),))),
            (Kind.FOLLOW_UP, FollowUp(self.id(), 31, "", True)),
            (kind, self.like(kind)), (kind, self.like(kind)),
            (rng.choice(list(Kind)), rng.choice([b"\xa0", b"\x80", b"", b"\xa1\x00\x00"])),
        ])  # fmt: skip


def _views(node):
    """Everything that a person can look at."""
    context = Context(node)
    shown = {row["id"]: row for row in listing.list_(context, {})}
    for identity, row in shown.items():
        explaining.show(context, {"id": identity})
        reasons = explaining.why(context, {"id": identity})["reasons"]
        row["reasons"] = [each for each in reasons if each["rule"] != "witness-here"]
        for own in ("voted", "said", "asked", "ends_ms"):
            row.pop(own)
    waiting.waiting(context)
    for verb in (status.status, status.home, audit.log, audit.forks, talk.read, rosters.devices, governing.charter):
        verb(context, {})
    membership.members(context, {"report": True})
    people = [{key: value for key, value in row.items() if key != "me"} for row in membership.members(context, {})]
    tasks = [
        {key: value for key, value in row.items() if key != "mine"} for row in meetings.todo(context, {"all": True})
    ]
    watched = {key: value for key, value in witnessing.witness(context, {}).items() if key != "here"}
    return shown, people, tasks, watched, delegation.delegates(context, {}), governing.policies(context, {})


def _ok(node):
    steps = checking.check(Context(node), {})
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("seed", seeds(5, always=2))
def test_random_bodies(tmp_path, seed):
    rng = random.Random(seed)
    clock = Clock()
    (ada, bea), authors = commune(
        tmp_path,
        ["Ada", "Bea", "Cy", "Dan", "Eve"],
        nodes=2,
        clock=clock,
        seed=seed + 1,
        witnesses=rng.choice([1, 3, 5]),
    )
    exchange(ada, bea)
    give(ada, *(author.certify() for author in authors))
    exchange(ada, bea)
    members = [author.member.public for author in authors] + [ada.keys.member_public, bea.keys.member_public, b"z" * 32]
    bodies = Bodies(rng, ada, members)
    for _ in range(150):
        author = rng.choice(authors)
        kind, body = bodies.any(author)
        if rng.random() < 0.05:
            author = author.fork()
        record = author.write(kind, body, log=LOG_OF[kind])
        bodies.ids.append(record.id)
        give(rng.choice([ada, bea]), *author.history)
        if rng.random() < 0.1:
            exchange(ada, bea)
        if rng.random() < 0.05:
            clock.now_ms += 86_400_000
            witness.keep_time(ada)
    exchange(ada, bea)
    if ada.standing.head == bea.standing.head:
        assert _views(ada) == _views(bea), "two nodes with the same records show different things"
    for node in (ada, bea):
        found = _ok(node)
        assert found["ok"], found["problems"]
    for row in listing.list_(Context(ada), {}):
        if row["outcome"] is None:
            continue
        try:
            proof = proving.prove(Context(ada), {"id": row["id"]})["proof"]
        except NodeError as error:
            assert "roster" in error.error, error
            continue
        assert verify_proof(base64.b64decode(proof), ada.id).outcome == row["outcome"]
    assert ada.store.count(tables.Kept) > 60, "most of what was written was taken"
    for node in (ada, bea):
        node.close()
