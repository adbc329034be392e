"""Heads come together by themselves: random islands, on the real rules, with every kind of word and decision.

After everybody has everything all heads are equal, or what differs are decisions that lack the yes of people who can be
named, and with these yes the heads are equal. People have several devices; devices fork; decisions have partial
majorities, and some have too few; pins are stale; those who left still vote.
"""

import os
import random

import pytest

from meshd_protocol import meaning, rosters
from meshd_protocol.bodies.decisions import Form, Say, Verb
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.decisions.outcome import Cast
from meshd_protocol.decisions.question import Question
from meshd_protocol.items import Decision, Departure, DeviceEnd, Endorsement, Newcomer, Offer
from meshd_protocol.meaning import Meaning
from meshd_protocol.rosters import Rosters
from tests.unit.test_rosters import Log, key

HISTORIES = int(os.environ.get("MESHD_SEEDS", "60"))
FOUNDERS = [key(name) for name in "ABCDEFG"]
OUTSIDERS = [key(name) for name in "XYZ"]
LIKELY = [key(name) for name in "EFG"]


class World:
    """Islands that grow apart from one genesis, each with its head and the ids that it knows."""

    def __init__(self, seed: int, islands: int) -> None:
        self.rng = random.Random(seed)
        self.log = Log(FOUNDERS)
        self.rosters = self.log.rosters
        self.heads = [self.rosters.origin] * islands
        self.known: list[set[bytes]] = [set() for _ in range(islands)]
        self.count = 0
        self.seqs: dict[bytes, int] = {}
        self.past = [{self.rosters.origin} for _ in range(islands)]
        self.devices = {person: [person[:31] + b"1", person[:31] + b"2"] for person in FOUNDERS + OUTSIDERS}

    def run(self, rounds: int) -> None:
        for _ in range(rounds):
            island = self.rng.randrange(len(self.heads))
            for _ in range(self.rng.randint(1, 3)):
                self.act(island)
            self.settle(island)
            if self.rng.random() < 0.15 and len(self.heads) > 1:
                one, two = self.rng.sample(range(len(self.heads)), 2)
                self.known[one] |= self.known[two]
                self.settle(one)

    def act(self, island: int) -> None:
        """Somebody writes something, mostly what an honest node would let them."""
        rng = self.rng
        pin = self.heads[island] if rng.random() < 0.8 else rng.choice(sorted(self.past[island]))
        state = self.rosters.state(pin)
        members = sorted(state.members)
        kind = rng.choice(["remove", "admit", "revoke", "offer", "offer", "vouch", "vouch", "leave", "end", "noise"])
        by = rng.choice(members + (sorted(state.removed) + OUTSIDERS if kind == "noise" else []))
        name = f"{self.count}"
        self.count += 1
        if kind in ("remove", "admit", "revoke"):
            self.known[island].add(self.decide(name, kind, pin, members))
            return
        device = rng.choice(self.devices[by])
        seq = self.seqs.get(device, 0) if rng.random() < 0.9 else max(0, self.seqs.get(device, 0) - 1)  # a fork
        self.seqs[device] = seq + 1
        place = key(name), pin, by, device, seq, SCOPE_EVERYTHING
        if kind == "offer" or (kind == "noise" and rng.random() < 0.5):
            replaces = self.rosters.in_place(pin, 0, by) if rng.random() < 0.9 else ()
            word = Offer(*place, device if rng.random() < 0.9 else None, replaces)
        elif kind == "vouch" or kind == "noise":
            word = Endorsement(*place, rng.choice(OUTSIDERS + LIKELY))
        elif kind == "leave":
            if by not in LIKELY or rng.random() < 0.5:
                return
            word = Departure(*place, tuple((each, self.seqs.get(each, 0)) for each in self.devices[by]))
        else:
            word = DeviceEnd(key(name), pin, by, rng.choice(self.devices[by]), rng.randint(0, seq + 1))
        self.log.items[word.id] = word
        self.known[island].add(word.id)

    def decide(self, name: str, kind: str, pin: bytes, members: list[bytes]) -> bytes:
        rng = self.rng
        policy = self.rosters.state(pin).policies["removal"]
        needed = policy.needed(len(members))
        yes = rng.sample(members, min(len(members), rng.randint(needed - 1, len(members))))
        identity = key(name)
        if kind == "remove":
            gone = rng.choice([each for each in members if each in LIKELY + OUTSIDERS] or members)
            decision = Decision(identity, pin, Question("removal", verb=Verb.REMOVE, payload=(gone,)))
        elif kind == "admit":
            who = rng.choice(OUTSIDERS + LIKELY)
            device = rng.choice([None, self.devices[who][0]])
            newcomer = Newcomer(key(f"application {name}"), who, device)
            question = Question("membership", verb=Verb.ADMIT, payload=(newcomer.application,))
            decision = Decision(identity, pin, question, (newcomer,))
        else:
            who = rng.choice(members)
            payload = (who, rng.choice(self.devices[who]), (rng.randint(0, 4), 0, 0))
            decision = Decision(identity, pin, Question("removal", verb=Verb.REVOKE, payload=payload))
        self.log.items[identity] = decision
        self.log.votes[identity] = []
        for voter in yes:
            self.vote(identity, voter)
        return identity

    def vote(self, decision: bytes, voter: bytes) -> None:
        device = self.devices[voter][self.rng.random() < 0.3]
        seq = self.seqs.get(device, 0)
        self.seqs[device] = seq + 1
        mine = self.log.votes[decision]
        mine.append(
            Cast(key(f"{decision!r}{len(mine)}"), voter, device, seq, SCOPE_EVERYTHING, Form.YES_NO, int(Say.YES), 0)
        )

    def settle(self, island: int) -> None:
        """Take everything that qualifies, again and again, as `advance` does."""
        for _ in range(50):
            taken = self.rosters.take(self.heads[island], self.known[island])
            if not taken:
                return
            before = self.heads[island]
            self.heads[island] = self.rosters.learn(before, taken)
            assert self.heads[island] != before, "a step that adds nothing"
            self.past[island].add(self.heads[island])
        raise AssertionError("a head never comes to rest")

    def exchange(self) -> None:
        everything = set().union(*self.known)
        for island in range(len(self.heads)):
            self.known[island] = set(everything)
            self.settle(island)

    def agree(self) -> None:
        """The members of every head say yes to each decision that some head holds and others don't."""
        for _ in range(6):
            if len(set(self.heads)) == 1:
                return
            union = frozenset[bytes]().union(*map(self.rosters.ids, self.heads))
            common = frozenset[bytes].intersection(*map(self.rosters.ids, self.heads))
            open_ = [each for each in sorted(union - common) if isinstance(self.log.items[each], Decision)]
            for each in open_:
                for head in sorted(set(self.heads)):
                    for voter in sorted(self.rosters.state(head).members):
                        self.log.votes[each].append(
                            Cast(key(f"late{self.count}"), voter, key(b"new"), 0, 0, Form.YES_NO, int(Say.YES), 0)
                        )
                        self.count += 1
            self.exchange()


def together(seed: int, islands: int) -> tuple[bool, bool]:
    """Whether a history ends on one head by itself, and with the yes of those who are asked."""
    world = World(seed, islands)
    world.run(5 * islands)
    world.exchange()
    alone = len(set(world.heads)) == 1
    if not alone:
        union = frozenset[bytes]().union(*map(world.rosters.ids, world.heads))
        common = frozenset[bytes].intersection(*map(world.rosters.ids, world.heads))
        differ = [world.log.items[each] for each in union - common]
        assert any(isinstance(item, Decision) for item in differ), f"seed {seed}: own words alone part the heads"
        world.agree()
    return alone, len(set(world.heads)) == 1


@pytest.mark.parametrize("islands", [2, 3, 4])
def test_islands_come_together(islands):
    alone = 0
    for seed in range(HISTORIES):
        by_itself, with_yes = together(seed, islands)
        assert with_yes, f"seed {seed} of {islands} islands: heads differ although nobody's yes is missing"
        alone += by_itself
    assert alone, "some histories need nobody's help"


def _parent_of(monkeypatch):
    """A mutant: own words judged by what their author is in the parent."""
    real, word = Rosters._problem, rosters._word_problem
    parent: list[Meaning] = []

    def problem(self, identity, before, result, ratified):
        parent[:] = [before]
        return real(self, identity, before, result, ratified)

    monkeypatch.setattr(Rosters, "_problem", problem)
    monkeypatch.setattr(rosters, "_word_problem", lambda item, _: word(item, parent[0]))


def _stay(monkeypatch):
    """A mutant: what was ended stays in the set."""
    real = Meaning._is_ended
    kinds = (Offer, Endorsement)
    monkeypatch.setattr(Meaning, "_is_ended", lambda self, item: not isinstance(item, kinds) and real(self, item))


def _first_leave(monkeypatch):
    """A mutant: all leaves of one person count."""
    monkeypatch.setattr(meaning, "_last", lambda _, leaves: leaves[-1].id)


def _filtered(monkeypatch):
    """A mutant: what the head has ended is not looked at, though what ends it may itself be ended."""
    real = Rosters.take

    def take(self, head, candidates, ratified_by=()):
        open_ = [each for each in candidates if not self.is_over(head, self.facts.item(each))]
        return real(self, head, open_, ratified_by)

    monkeypatch.setattr(Rosters, "take", take)


def _strict(monkeypatch):
    """A mutant: a pinned roster is contained only whole."""
    monkeypatch.setattr(rosters, "_contains", lambda result, pinned: pinned.ids <= result.ids)


@pytest.mark.parametrize("mutant", [_parent_of, _first_leave, _filtered, _strict])
def test_wrong_rules_part_the_heads(monkeypatch, mutant):
    """What the test above must catch."""
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        for seed in range(400):
            for islands in (2, 3, 4):
                assert together(seed, islands)[1]


def test_a_flood_of_words_by_the_expelled_adds_nothing():
    _flood()


def test_what_stays_though_it_was_ended_floods_the_heads(monkeypatch):
    """The mutant that the test above must catch."""
    _stay(monkeypatch)
    with pytest.raises(AssertionError):
        _flood()


def _flood() -> None:
    log = Log(FOUNDERS)
    start = log.rosters.origin
    removal = log.decide("removal", Verb.REMOVE, start, [FOUNDERS[4]], FOUNDERS[:5])
    head = log.step(start, removal)
    eve = FOUNDERS[4]
    words = []
    for n in range(60):
        place = key(f"w{n}"), start, eve, eve[:31] + b"1", n, SCOPE_EVERYTHING
        more = [
            Offer(*place, key(f"d{n}"), ()),
            Endorsement(*place, OUTSIDERS[0]),
            Departure(*place),
            DeviceEnd(key(f"w{n}"), start, eve, key(f"d{n}"), 0),
        ]
        word = more[n % 4]
        log.items[word.id] = word
        words.append(word.id)
    assert log.rosters.take(head, words) == frozenset()
    assert log.rosters.ids(log.rosters.learn(head, words)) == {removal}
    assert log.rosters.ids(log.rosters.learn(start, [removal, *words])) == {removal}


def test_a_phone_change_keeps_the_seat():
    """The old phone offers the new one and is then revoked from there on: the new one attests."""
    log = Log(FOUNDERS)
    start, ada = log.rosters.origin, FOUNDERS[0]
    old, new = ada[:31] + b"1", ada[:31] + b"2"
    seats = Decision(key("seats"), start, Question("constitution", verb=Verb.WITNESSES, payload=((ada,), ())))
    log.items[seats.id] = seats
    log.votes[seats.id] = []
    for voter in FOUNDERS:
        log.votes[seats.id].append(
            Cast(key(voter.decode() + "v"), voter, key("dv"), 0, 0, Form.YES_NO, int(Say.YES), 0)
        )
    head = log.step(start, seats.id)
    offer = Offer(key("offer"), head, ada, old, 7, SCOPE_EVERYTHING, new, ())
    end = DeviceEnd(key("end"), head, ada, old, 8)
    log.items |= {offer.id: offer, end.id: end}
    state = log.rosters.state(log.step(head, offer.id, end.id))
    assert (state.witnesses.devices, state.witnesses.seats) == ({new: ada}, 1)
    log.items[end.id] = end._replace(good=7)
    log.rosters = Rosters(b"a" * 32, log.rosters._genesis, log)
    head = log.step(log.rosters.origin, seats.id)
    state = log.rosters.state(log.rosters.learn(head, [offer.id, end.id]))
    assert (state.witnesses.devices, state.witnesses.seats) == ({}, 1), "the seat is empty, and counts"
