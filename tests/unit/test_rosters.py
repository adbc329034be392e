"""The roster rules, run on the real rule code: hard cases 1, 10 and 14, random histories of islands, and mutants."""

import os
import random
from collections.abc import Sequence

import pytest

from meshd_protocol.bodies.decisions import Form, Say, Verb
from meshd_protocol.bodies.genesis import RULES_VERSION, Genesis
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.decisions.question import Question
from meshd_protocol.items import Decision, DeviceEnd, Endorsement, Item, Newcomer, Offer
from meshd_protocol.meaning import Meaning, vouches_needed
from meshd_protocol.policies import DEFAULTS
from meshd_protocol.rosters import Rosters, Step, roster_id

ASSEMBLY = b"a" * 32
SEEDS = int(os.environ.get("MESHD_SEEDS", "60"))


def key(name: object) -> bytes:
    return str(name).encode().ljust(32, b".")[:32]


class Log:
    """Facts by hand: decisions with their yes voters, vouches, revocations."""

    def __init__(self, founders: Sequence[bytes]) -> None:
        self.items: dict[bytes, Item] = {}
        self.votes: dict[bytes, list[Cast]] = {}
        self.attested: dict[bytes, list[Attested]] = {}
        genesis = Genesis("x", b"n" * 16, RULES_VERSION, DEFAULTS, tuple(sorted(founders)))
        self.rosters = Rosters(ASSEMBLY, genesis, self)

    def item(self, identity: bytes) -> Item | None:
        return self.items.get(identity)

    def casts(self, decision: bytes) -> Sequence[Cast]:
        return self.votes.get(decision, [])

    def attestations(self, decision: bytes) -> Sequence[Attested]:
        return self.attested.get(decision, [])

    def put_anew(self, decision: bytes) -> Sequence[Decision]:
        decisions = (item for item in self.items.values() if isinstance(item, Decision))
        return [item for item in decisions if item.anew and decision in item.repeals]

    def decide(
        self,
        name: object,
        verb: Verb,
        pin: bytes,
        people: Sequence[bytes],
        yes: Sequence[bytes],
        policy: str | None = None,
    ) -> bytes:
        identity = key(name)
        newcomers = tuple(Newcomer(key(f"{name}>{n}"), who, None) for n, who in enumerate(people))
        if verb == Verb.ADMIT:
            question = Question(
                policy or "membership", verb=verb, payload=tuple(each.application for each in newcomers)
            )
            self.items[identity] = Decision(identity, pin, question, newcomers)
        else:
            question = Question(policy or "removal", verb=verb, payload=tuple(people))
            self.items[identity] = Decision(identity, pin, question)
        self.votes[identity] = [
            Cast(key(f"{name}/{n}"), who, key(f"device of {who!r}"), 5, 0, Form.YES_NO, int(Say.YES), 0)
            for n, who in enumerate(yes)
        ]
        return identity

    def vouch(self, name: object, pin: bytes, voucher: bytes, member: bytes, scope: int = 0) -> bytes:
        identity = key(name)
        self.items[identity] = Endorsement(identity, pin, voucher, key(f"device of {voucher!r}"), 5, scope, member)
        return identity

    def step(self, parent: bytes, *cites: bytes) -> bytes:
        assert self.rosters.problem(parent, cites) is None
        return self.rosters.learn(parent, cites)


def _people(count: int) -> list[bytes]:
    return [key(f"m{n}") for n in range(count)]


def test_a_roster_is_its_set_and_not_the_path_to_it():
    people = _people(3)
    log = Log(people)
    start = log.rosters.origin
    one = log.decide("one", Verb.ADMIT, start, [key("x")], people)
    two = log.decide("two", Verb.ADMIT, start, [key("y")], people)
    assert log.step(log.step(start, one), two) == log.step(log.step(start, two), one) == roster_id(ASSEMBLY, [one, two])


def test_the_expelled_founder_takes_over_nothing():
    """Hard case 1: the founder pins the genesis, where he was 1 of 1, removes everybody and admits sybils."""
    founder, *others = _people(6)
    log = Log([founder])
    head = log.rosters.origin
    for n, newcomer in enumerate(others):
        voters = [founder, *others[:n]]
        head = log.step(head, log.decide(f"admit {n}", Verb.ADMIT, head, [newcomer], voters))
    head = log.step(head, log.decide("expel", Verb.REMOVE, head, [founder], others))
    assert founder not in log.rosters.state(head).members
    start = log.rosters.origin
    coup = [
        log.decide("coup", Verb.REMOVE, start, others, [founder]),
        log.decide("sybils", Verb.ADMIT, start, [key("s1"), key("s2")], [founder]),
    ]
    assert log.rosters.take(head, coup) == frozenset()
    for each in coup:
        assert log.rosters.problem(head, [each])
    beside = log.rosters.learn(start, coup)  # even where he builds a line of his own from the genesis
    assert log.rosters.advance(head, [Step(start, beside)]) == []


def test_without_rule_1_one_founder_would_rule(monkeypatch):
    """The mutant that the test above must kill: counting in the pinned roster alone."""
    founder, *others = _people(4)
    log = Log([founder])
    head = log.step(log.rosters.origin, log.decide("admit", Verb.ADMIT, log.rosters.origin, others, [founder]))
    coup = log.decide("coup", Verb.REMOVE, log.rosters.origin, others, [founder])
    assert log.rosters.problem(head, [coup])
    real = Rosters._threshold_problem
    origin = Meaning(log.rosters.ground)
    monkeypatch.setattr(Rosters, "_threshold_problem", lambda self, item, _: real(self, item, origin))
    assert log.rosters.problem(head, [coup]) is None


def test_votes_count_up_to_a_revocation_for_all_nodes_alike():
    """Hard case 10: a seized device is revoked while a ballot of its member is still travelling."""
    people = _people(3)
    log = Log(people)
    start = log.rosters.origin
    device = key(f"device of {people[0]!r}")
    end = key("end")
    log.items[end] = DeviceEnd(end, start, people[0], device, 5)
    head = log.step(start, end)
    late = log.decide("late", Verb.ADMIT, start, [key("x")], people[:2])
    assert log.rosters.state(head).revoked == {device: 5}
    assert log.rosters.problem(start, [late]) is None
    assert log.rosters.problem(head, [late])
    log.items[key("lower")] = DeviceEnd(key("lower"), start, people[0], device, 3)
    assert log.rosters.state(log.step(head, key("lower"))).revoked == {device: 3}
    log.items[key("higher")] = DeviceEnd(key("higher"), start, people[0], device, 9)
    assert "was ended" in log.rosters.problem(head, [key("higher")]), "it would say nothing"


def test_a_revocation_by_a_stranger_is_not_citeable():
    log = Log(_people(1))
    log.items[key("end")] = DeviceEnd(key("end"), log.rosters.origin, key("stranger"), key("d"), 0)
    assert log.rosters.problem(log.rosters.origin, [key("end")])


@pytest.mark.parametrize(("members", "needed"), [(1, 1), (2, 2), (3, 2), (100, 2)])
def test_how_many_vouches(members, needed):
    assert vouches_needed(members) == needed


def test_vouches_make_an_observer_by_two_members():
    people = _people(3)
    log = Log(people)
    start, new = log.rosters.origin, key("new")
    one, two = log.vouch("v1", start, people[0], new), log.vouch("v2", start, people[1], new)
    again, stranger = log.vouch("v3", start, people[0], new), log.vouch("v4", start, key("stranger"), new)
    meeting = log.vouch("v5", start, people[2], new, scope=1)
    for bad in (stranger, meeting):
        assert "may not say it" in log.rosters.problem(start, [bad])
    assert log.rosters.state(log.step(start, one, again)).observers == frozenset(), "one person is one voucher"
    head = log.step(start, one, two)
    assert log.rosters.state(head).observers == {new}
    admitted = log.step(head, log.decide("admit", Verb.ADMIT, head, [new], people[:2]))
    assert log.rosters.state(admitted).observers == frozenset()
    assert new in log.rosters.state(admitted).members


def test_one_vouch_is_not_two():
    """Two vouched, and one of the two was removed where nobody knew of the vouches: they are no observer by one."""
    people = _people(4)
    log = Log(people)
    start, new = log.rosters.origin, key("new")
    seen = log.step(start, log.vouch("v1", start, people[0], new), log.vouch("v2", start, people[3], new))
    removal = log.decide("gone", Verb.REMOVE, start, [people[3]], people[:3])
    assert log.rosters.state(log.step(seen, removal)).observers == frozenset()


@pytest.mark.parametrize(
    ("policy", "yes", "citeable"),
    [
        ("membership", 2, True),
        ("membership", 1, False),
        ("significant", 3, False),
        ("standard", 3, False),
        ("none", 3, False),
    ],
)
def test_a_change_of_membership_needs_its_policy_and_its_majority(policy, yes, citeable):
    people = _people(3)
    log = Log(people)
    decision = log.decide("d", Verb.ADMIT, log.rosters.origin, [key("x")], people[:yes], policy)
    assert (log.rosters.problem(log.rosters.origin, [decision]) is None) is citeable


def test_what_is_never_citeable():
    people = _people(3)
    log = Log(people)
    start = log.rosters.origin
    assert [log.rosters.problem(start, [])] == ["it cites nothing new"]
    assert "not known" in str(log.rosters.problem(start, [key("unknown")]))
    nowhere = log.decide("nowhere", Verb.ADMIT, key("no roster"), [key("x")], people)
    assert "not reached" in str(log.rosters.problem(start, [nowhere]))
    other = log.step(start, log.decide("other", Verb.ADMIT, start, [key("y")], people))
    apart = log.decide("apart", Verb.ADMIT, other, [key("x")], people)
    assert "not contained" in str(log.rosters.problem(start, [apart]))
    everybody = log.decide("everybody", Verb.REMOVE, start, people, people)
    assert log.rosters.problem(start, [everybody]) == "it would leave no members"
    assert log.rosters.take(start, [everybody]) == frozenset()


def test_coming_back_takes_an_admission_that_knew_of_the_removal():
    people = _people(4)
    log = Log(people)
    start = log.rosters.origin
    gone = log.step(start, log.decide("remove", Verb.REMOVE, start, [people[3]], people[:3]))
    assert people[3] in log.rosters.state(gone).removed
    unaware = log.decide("unaware", Verb.ADMIT, start, [people[3]], people[:3])
    still = log.step(gone, unaware)
    assert people[3] not in log.rosters.state(still).members
    back = log.step(still, log.decide("aware", Verb.ADMIT, still, [people[3]], people[:3]))
    assert people[3] in log.rosters.state(back).members


def test_vouches_that_a_removal_ended_help_nobody_back():
    people = _people(5)
    log = Log(people)
    start, guest = log.rosters.origin, key("guest")
    seen = log.step(start, log.vouch("v1", start, people[0], guest), log.vouch("v2", start, people[1], guest))
    gone = log.step(seen, log.decide("remove", Verb.REMOVE, seen, [guest], people[:4]))
    assert guest in log.rosters.state(gone).removed
    one = log.vouch("v3", gone, people[2], guest)
    assert guest not in log.rosters.state(log.step(gone, one)).observers
    two = log.vouch("v4", gone, people[3], guest)
    assert guest in log.rosters.state(log.step(gone, one, two)).observers


def test_two_who_remove_each_other():
    """Mutual removals on two islands: where the lines meet, each takes what qualifies in its own head."""
    people = _people(5)
    log = Log(people)
    start = log.rosters.origin
    left = log.decide("left", Verb.REMOVE, start, [people[4]], people[:4])
    right = log.decide("right", Verb.REMOVE, start, [people[0]], people[1:])
    ways = [Step(start, log.step(start, left)), Step(start, log.step(start, right))]
    ends = {(log.rosters.advance(head, ways) or [(head, None)])[-1][0] for _, head, _ in ways}
    assert ends == {log.rosters.advance(start, ways)[-1][0]}
    assert log.rosters.state(ends.pop()).members == frozenset(people[1:4])


def test_two_lines_that_empty_each_other_are_not_joined():
    """Each of two members left the other out, with both their yes. Together nobody would be left: the head stays."""
    ada, bea = _people(2)
    log = Log([ada, bea])
    start = log.rosters.origin
    steps = []
    for gone in (ada, bea):
        motion = log.decide(f"remove {gone!r}", Verb.REMOVE, start, [gone], [ada, bea])
        steps.append(Step(start, log.step(start, motion)))
    assert log.rosters.advance(start, steps) == []
    newcomer = log.decide("admit", Verb.ADMIT, start, [key("x")], [ada, bea])
    steps.append(Step(start, log.step(start, newcomer)))
    (move,) = log.rosters.advance(start, steps)
    assert log.rosters.state(move[0]).members == {key("x")}, "what leaves somebody behind is taken with all of it"


def test_what_empties_an_assembly_holds_up_nothing_else():
    ada, bea = _people(2)
    log = Log([ada, bea])
    start = log.rosters.origin
    every = log.decide("everybody", Verb.REMOVE, start, [ada, bea], [ada, bea])
    end = key("end")
    log.items[end] = DeviceEnd(end, start, ada, key("lost"), 3)
    assert log.rosters.take(start, [every, end]) == {end}


def test_seven_of_ten_admit_two_while_seven_of_ten_remove_one():
    """Hard case 14, last part: one qualifies in the other's head; the other line waits for one yes, and all are one."""
    people = _people(10)
    log = Log(people)
    start = log.rosters.origin
    admit = log.decide("admit", Verb.ADMIT, start, [key("x"), key("y")], people[:7])
    remove = log.decide("remove", Verb.REMOVE, start, [people[9]], people[3:])
    one, two = log.step(start, admit), log.step(start, remove)
    assert log.rosters.problem(one, [remove]), "seven of twelve are not two thirds"
    assert log.rosters.problem(two, [admit]) is None
    ways = [Step(start, one), Step(start, two)]
    together = log.rosters.advance(start, ways)[-1][0]
    assert log.rosters.ids(together) == {admit, remove}
    assert log.rosters.advance(one, ways) == [], "this line waits for one more yes, or a ratification"
    assert log.rosters.advance(two, ways)[-1][0] == together
    log.votes[remove].append(Cast(key("late"), key("x"), key("dx"), 0, 0, Form.YES_NO, int(Say.YES), 0))
    assert log.rosters.advance(one, ways)[-1][0] == together, "the line's own newcomer counts in it"


def test_what_one_line_replaced_is_looked_at_anew_on_another():
    """A person goes over to another line, which lacks what the first one's offer stands on: the offer before it counts."""
    people = _people(10)
    log = Log(people)
    start, ada = log.rosters.origin, people[0]
    more = log.decide("more", Verb.ADMIT, start, [key("x"), key("y")], people[:7])
    place = ada, key("phone")
    log.items[key("first")] = Offer(key("first"), start, *place, 1, 0, key("phone"), ())
    one = log.step(start, key("first"), more)
    log.items[key("second")] = Offer(key("second"), one, *place, 2, 0, key("tablet"), (key("first"),))
    here = log.step(one, key("second"))
    others = log.decide("others", Verb.ADMIT, start, [key(f"z{n}") for n in range(4)], people[3:])
    there = log.step(start, others)
    assert log.rosters.problem(there, [more]), "seven of fourteen"
    ways = [Step(start, one), Step(one, here), Step(start, there)]
    log.rosters.advance(here, ways)
    (move,) = log.rosters.advance(there, ways)
    assert move[1] == {key("first")} == log.rosters.with_facts(log).advance(there, ways)[0][1]


class _Islands:
    """Random histories: islands that admit and remove, stale pins, a minority of traitors, exchanges in any order."""

    def __init__(self, seed: int, people: int, islands: int) -> None:
        self.rng = random.Random(seed)
        self.log = Log(_people(people))
        self.founders = _people(people)
        self.heads = [self.log.rosters.origin] * islands
        self.known: list[set[bytes]] = [set() for _ in range(islands)]
        self.seen = {self.log.rosters.origin}
        self.count = 0

    def run(self, rounds: int) -> None:
        for _ in range(rounds):
            self.decide(self.rng.randrange(len(self.heads)))
            if self.rng.random() < 0.3 and len(self.heads) > 1:
                one, two = self.rng.sample(range(len(self.heads)), 2)
                self.known[one] = self.known[one] | self.known[two]
                self.known[two] = set(self.known[one])
            for island in range(len(self.heads)):
                self.settle(island)

    def decide(self, island: int) -> None:
        rng, rosters = self.rng, self.log.rosters
        self.count += 1
        pin = self.heads[island] if rng.random() > 0.2 else rng.choice(sorted(self.seen))
        voters = sorted(rosters.state(pin).members)
        needed = rosters.state(pin).policies["removal"].needed(len(voters))
        yes = rng.sample(voters, rng.randint(needed, len(voters)))
        if rng.random() < 0.5:
            people = (
                [key(f"n{self.count}.{n}") for n in range(rng.randint(1, 4))]
                if rng.random() < 0.7
                else [rng.choice(self.founders)]
            )
            verb = Verb.ADMIT
        else:
            people, verb = rng.sample(voters, min(len(voters), rng.randint(1, 2))), Verb.REMOVE
        self.known[island].add(self.log.decide(self.count, verb, pin, people, yes))
        if rng.random() < 0.3:
            self.traitors(island)

    def traitors(self, island: int) -> None:
        """A minority of the head's members, pinning anything ever seen, moves nothing."""
        self.count += 1
        now = sorted(self.log.rosters.state(self.heads[island]).members)
        few = self.rng.sample(now, (len(now) - 1) // 3)
        verb = self.rng.choice([Verb.ADMIT, Verb.REMOVE])
        decision = self.log.decide(self.count, verb, self.rng.choice(sorted(self.seen)), [self.rng.choice(now)], few)
        assert self.log.rosters.take(self.heads[island], [decision]) == frozenset(), "a minority moved the line"
        self.known[island].add(decision)

    def settle(self, island: int, known: set[bytes] | None = None) -> None:
        rosters = self.log.rosters
        while taken := rosters.take(self.heads[island], known or self.known[island]):
            before = rosters.ids(self.heads[island])
            self.heads[island] = rosters.learn(self.heads[island], taken)
            assert before < rosters.ids(self.heads[island]), "a head shrank"
            self.seen.add(self.heads[island])

    def ratify(self) -> None:
        """Each line's members ratify what any other line has; each takes it in a step of its own."""
        rosters = self.log.rosters
        union = frozenset[bytes]().union(*(rosters.ids(head) for head in self.heads))
        for island, head in enumerate(self.heads):
            missing = tuple(sorted(union - rosters.ids(head)))
            if not missing:
                continue
            identity = self.log.decide(f"ratify {island}", Verb.REMOVE, head, [], sorted(rosters.state(head).members))
            self.log.items[identity] = Decision(
                identity, head, Question("membership", verb=Verb.RATIFY, payload=missing)
            )
            assert rosters.problem(head, missing, identity) is None
            self.heads[island] = rosters.learn(head, missing)

    def nobody_returned_unknowingly(self) -> None:
        rosters, items = self.log.rosters, self.log.items
        for head in self.heads:
            here = [items[each] for each in rosters.ids(head)]
            for member in rosters.state(head).members:
                removals = {item.id for item in here if member in item.removes}
                aware = (item for item in here if any(each.member == member for each in item.newcomers))
                assert not removals or any(removals <= rosters.ids(item.pin) for item in aware), (
                    "somebody removed is back"
                )


LARGEST = pytest.param(10, 4, 20, marks=pytest.mark.long)


@pytest.mark.parametrize(("people", "islands", "rounds"), [(3, 2, 3), (5, 2, 6), (7, 3, 6), (10, 3, 10), LARGEST])
def test_islands(people, islands, rounds):
    """Hard case 14: nobody comes back, no minority moves a line, nothing is left, a ratification joins what parted."""
    for seed in range(SEEDS):
        world = _Islands(seed, people, islands)
        world.run(rounds)
        everything = set().union(*world.known)
        for island in range(islands):
            world.settle(island, everything)
        try:
            world.nobody_returned_unknowingly()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        qualifies = [world.log.rosters.take(head, everything) for head in world.heads]
        assert not any(qualifies), f"seed {seed}: a head left something behind that qualifies"
        union = frozenset[bytes]().union(*(world.log.rosters.ids(head) for head in world.heads))
        if len(set(world.heads)) > 1 and world.log.rosters.after(world.log.rosters.origin, union).members:
            world.ratify()
            assert len(set(world.heads)) == 1, f"seed {seed}: ratification did not join the lines"
            world.nobody_returned_unknowingly()


def test_some_islands_join_without_asking_anybody():
    """The test above must not be empty: with few rounds, many histories end on one roster by themselves."""
    joined = 0
    for seed in range(60):
        world = _Islands(seed, 5, 2)
        world.run(4)
        everything = set().union(*world.known)
        for island in range(2):
            world.settle(island, everything)
        joined += len(set(world.heads)) == 1
    assert joined >= 20


def test_without_ending_older_admissions_the_removed_come_back(monkeypatch):
    """The mutant that `nobody_returned_unknowingly` must catch."""
    monkeypatch.setattr(Meaning, "lasts", lambda *_: True)
    real = Meaning.state

    def forgiving(self):
        state = real(self)
        admitted = {each.member for item in self.items.values() for each in item.newcomers}
        return state._replace(members=state.members | admitted)

    monkeypatch.setattr(Meaning, "state", forgiving)
    with pytest.raises(AssertionError, match="is back"):
        for seed in range(200):
            world = _Islands(seed, 10, 3)
            world.run(12)
            world.nobody_returned_unknowingly()
