"""The second reader makes of random histories what the code makes: sections 5 and 6 say what the code does.

Histories are those of `test_heads`, with decisions and words of every kind, most of them sound. More of them:
`MESHD_SEEDS`.
"""

import os
from dataclasses import replace
from typing import Any

import pytest
from makers import telling
from makers.common import plain

from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Form, Say
from meshd_protocol.bodies.genesis import RULES_VERSION, Genesis
from meshd_protocol.decisions.counted import bitmap
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.decisions.question import POLICY_OF, Question
from meshd_protocol.items import Decision
from meshd_protocol.policies import DEFAULTS
from meshd_protocol.rosters import Rosters, Step
from tests.second import decisions, heads, rosters
from tests.second.history import History
from tests.unit.test_heads import FOUNDERS, World
from tests.unit.test_rosters import ASSEMBLY, key

SEEDS = int(os.environ.get("MESHD_SEEDS", "15"))
ROLES = ["Treasurer", "treasurer", "ＴＲＥＡＳＵＲＥＲ", "Cook"]


class Wide(World):
    """Islands that decide everything that there is to decide."""

    def __init__(self, seed: int, islands: int) -> None:
        super().__init__(seed, islands)
        pairs = tuple((who, self.devices[who][0]) for who in FOUNDERS[:4])
        self.genesis = Genesis("x", b"n" * 16, RULES_VERSION, DEFAULTS, tuple(FOUNDERS), witnesses=pairs)
        self.rosters = self.log.rosters = Rosters(ASSEMBLY, self.genesis, self.log)
        self.steps: list[Step] = []

    def act(self, island: int) -> None:
        if self.rng.random() < 0.45:
            super().act(island)
        else:
            self.known[island].add(self.decide_more(island))

    def decide_more(self, island: int) -> bytes:
        rng = self.rng
        identity = key(f"{self.count}")
        self.count += 1
        pin = self.heads[island] if rng.random() < 0.8 else rng.choice(sorted(self.past[island]))
        state = self.rosters.state(pin)
        texts = sorted(each.id for each in self.decided(0))
        verb = rng.choice([0, 0, 0, 4, 5, 6, 7, 8, 9, 13])
        policy = POLICY_OF.get(verb, rng.choice(["significant", "emergency"]))
        payload: Any = None
        if verb == Verb.POLICY:
            new = replace(rng.choice(DEFAULTS), name=rng.choice(["membership", "significant", "standard"]))
            payload = (new, self.replaced(pin, verb, new.name))
        elif verb == Verb.WITNESSES:
            payload = (tuple(sorted(rng.sample(FOUNDERS, rng.randint(0, 4)))), self.replaced(pin, verb))
        elif verb == Verb.CHARTER:
            payload = self.replaced(pin, verb)
        elif verb == Verb.MANDATE:
            holder = rng.choice(sorted(state.members)[:3])
            payload = Mandate(rng.choice(ROLES), holder, ("pay",), again=rng.random() < 0.7)
        elif verb == Verb.RECALL:
            payload = rng.choice(sorted(state.mandates) or [key("none")])
        elif verb == Verb.RATIFY:
            named = sorted(self.known[island] - self.rosters.ids(self.heads[island]))
            named = [each for each in named if getattr(self.log.items[each], "verb", 1) not in (0, 4)]
            payload = tuple(sorted(rng.sample(named, min(len(named), rng.randint(1, 3)))) or [key("none")])
        elif verb == Verb.UPHOLD:
            one = self.log.items[rng.choice(texts)] if texts else None
            payload = ((one.id, self.bits(one.pin)),) if one else ((key("none"), b"\xff"),)
        if verb == 0:
            policy = rng.choice(["significant", *["standard"] * 6, "consent"])
        keeps = ((rng.choice(texts), self.bits(pin)),) if verb and texts and rng.random() < 0.5 else ()
        repeals = tuple(texts[: rng.choice([1, 1, 2])]) if not verb and rng.random() < 0.6 else ()
        question = Question(policy, verb=verb, payload=payload)
        decision = Decision(identity, pin, question, (), keeps, repeals, bool(repeals) and rng.random() < 0.6)
        self.log.items[identity] = decision
        self.log.votes[identity] = []
        for voter in sorted(state.members):
            if verb == Verb.RATIFY or rng.random() < 0.85:
                self.vote(identity, voter)
        if verb != Verb.RATIFY and rng.random() < 0.15:
            self.ballot(identity, rng.choice(FOUNDERS))
        passed, clear = rng.random() < 0.7, rng.random() < 0.7
        for device in sorted(state.witnesses.devices):
            for _ in range(rng.choice([0, 1, 1, 1, 1, 2])):
                self.attest(identity, device, passed if clear else rng.random() < 0.5)
        return identity

    def decided(self, *verbs: int) -> list[Decision]:
        return [each for each in self.log.items.values() if isinstance(each, Decision) and each.verb in verbs]

    def replaced(self, pin: bytes, verb: int, subject: str | None = None) -> tuple[bytes, ...]:
        named = set(self.rosters.in_place(pin, verb, subject))
        if self.rng.random() < 0.2:
            named |= {self.rng.choice(sorted(self.log.items) or [key("none")])}
        return tuple(sorted(named)) if self.rng.random() < 0.95 else ()

    def bits(self, roster: bytes) -> bytes:
        members = sorted(self.rosters.state(roster).members)
        return bitmap(members, [each for each in members if self.rng.random() < 0.9])

    def ballot(self, decision: bytes, voter: bytes) -> None:
        """An odd one: by a phone, a changed one, a no without a reason."""
        rng = self.rng
        device = rng.choice(self.devices[voter])
        cast = Cast(
            key(f"odd{self.count}"), voter, device, self.seqs.get(device, 0), rng.randint(0, 1), Form.YES_NO,
            int(rng.choice(list(Say))), rng.randint(0, 1),
        )  # fmt: skip
        self.log.votes[decision].append(cast)

    def attest(self, decision: bytes, device: bytes, passed: bool) -> None:
        seq = self.seqs.get(device, 0)
        self.seqs[device] = seq + 1
        attested = Attested(key(f"{decision!r}{device!r}{seq}"), device, int(passed), (), (), b"\0", bytes(32), seq)
        self.log.attested.setdefault(decision, []).append(attested)

    def settle(self, island: int) -> None:
        """As a node, which tries the ratifications that it knows, too."""
        for each in self.decided(Verb.RATIFY):
            head = self.heads[island]
            wanted = frozenset(each.payload) - self.rosters.ids(head)
            if each.id not in self.known[island] or not wanted or not wanted <= self.known[island]:
                continue
            if self.rosters.problem(head, wanted, each.id) is None:
                result = self.rosters.learn(head, wanted)
                self.steps.append(Step(head, result, each.id))
                self.heads[island] = result
                self.past[island].add(result)
        super().settle(island)

    def second(self) -> History:
        """The same history, as the second reader takes it, with all rosters that are known."""
        log = self.log
        history = History(
            plain(telling.genesis_told(ASSEMBLY, self.genesis)),
            [plain(telling.item_told(each)) for each in log.items.values()],
            [plain(telling.ballot_told(each, cast)) for each, casts in log.votes.items() for cast in casts],
            [plain(telling.attestation_told(each, one)) for each, found in log.attested.items() for one in found],
        )
        for roster in self.rosters.known():
            ids = frozenset(each.hex() for each in self.rosters.ids(roster))
            assert history.reach(ids) == roster.hex()
        return history


def wide(seed: int) -> Wide:
    world = Wide(seed, 3)
    world.run(16)
    return world


@pytest.mark.parametrize("seed", range(SEEDS))
def test_sets_mean_the_same(seed):
    world = wide(seed)
    history = world.second()
    for roster in list(world.rosters.known()):
        told = plain(telling.state_told(world.rosters.state(roster), world.rosters.ids(roster)))
        assert rosters.told(rosters.state(history, history.sets[roster.hex()])) == told
    for one in sorted(world.rosters.known()):
        there = rosters.state(history, history.sets[one.hex()])
        for two in sorted(world.rosters.known()):
            assert there.contains(history.sets[two.hex()]) == world.rosters.contains(one, two)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_steps_and_heads_are_the_same(seed):
    world = wide(seed)
    history, rng = world.second(), world.rng
    reached = sorted(world.rosters.known())
    ratifications = [each.id for each in world.decided(Verb.RATIFY)]
    for _ in range(30):
        parent = rng.choice(reached)
        cites = rng.sample(sorted(world.log.items), min(len(world.log.items), rng.randint(1, 4)))
        ratification = rng.choice(ratifications) if ratifications and rng.random() < 0.3 else None
        if ratification is not None:
            cites = sorted(world.log.items[ratification].payload)
        fine = world.rosters.problem(parent, cites, ratification) is None
        result = heads.step(
            history, parent.hex(), [each.hex() for each in cites], ratification.hex() if ratification else None
        )
        assert (result is not None) == fine
        if fine:
            assert result == world.rosters.learn(parent, cites).hex()
    known = sorted({step.ratified_by.hex() for step in world.steps if step.ratified_by})
    sets = dict(history.sets)
    for head in rng.sample(reached, min(len(reached), 5)):
        moves = world.rosters.with_facts(world.log).advance(head, world.steps)
        history.sets = dict(sets)
        assert heads.next_head(history, head.hex(), known) == (moves[-1][0] if moves else head).hex()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_same_is_void_final_and_in_force(seed):
    world = wide(seed)
    history = world.second()
    every = [each for each in world.log.items.values() if isinstance(each, Decision)]
    for each in every:
        assert decisions.outcome(history, history.items[each.id.hex()]) == telling.final_told(
            world.rosters, world.log, each
        ), each
    for head in world.heads:
        told = plain(telling.force_told(world.rosters, world.log, head, every))
        assert decisions.told(history, rosters.state(history, history.sets[head.hex()])) == told


def test_the_histories_show_what_they_are_for():
    """Every verb gets into some head, and decisions are in force by each way."""
    worlds = [wide(seed) for seed in range(30)]
    held = {
        item.verb
        for world in worlds
        for head in world.heads
        for each in world.rosters.ids(head)
        if isinstance(item := world.log.items[each], Decision)
    }
    assert held >= {1, 2, 3, 5, 6, 7, 8, 9, 13}
    assert any(world.steps for world in worlds)
    told = [
        one
        for world in worlds
        for one in telling.force_told(world.rosters, world.log, max(world.heads), world.decided(0))
    ]
    assert {one["final"] for one in told} >= {"passed", "failed", "open", "split", "contested"}
    assert any(one["rivals"] for one in told)
    assert any(one["replaced_by"] for one in told)
