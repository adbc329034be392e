"""The lot: the rule, modelled with all but one drawer traitors; mutants that must be caught; what a panel costs to bend."""

import itertools
import random

import pytest

from meshd_crypto.hashing import digest
from meshd_protocol import contexts, lots
from meshd_protocol.lots import Commit, Reveal

DRAW = b"d" * 32


def _drawer(n: int) -> bytes:
    return bytes([n]) * 32


class _World:
    """One draw: honest drawers commit once, and reveal once for the first set that they hold; traitors do anything."""

    def __init__(self, seed: int, mutant: str) -> None:
        self.rng, self.mutant = random.Random(seed), mutant
        self.drawers = [_drawer(n) for n in range(self.rng.randint(2, 4))]
        self.traitors = set(self.rng.sample(self.drawers, self.rng.randint(1, len(self.drawers) - 1)))
        self.secrets = {each: [self.rng.randbytes(32) for _ in range(2)] for each in self.drawers}
        self.commits: list[Commit] = []
        self.reveals: list[Reveal] = []
        self.early = mutant == "an honest drawer reveals before all have committed"

    def commit(self, drawer: bytes, number: int) -> Commit:
        commitment = lots.commitment(DRAW, drawer, self.secrets[drawer][number])
        return Commit(digest(drawer, bytes([number])), drawer, commitment)

    def seeds(self, reveals: list[Reveal]) -> set[bytes]:
        if self.mutant == "who is silent is left out":
            found: set[bytes] = set()
            for left in ({each.drawer for each in reveals}, set(self.drawers)):
                found |= set(_without_sets(left, self.commits, reveals))
            return found
        if self.mutant in ("reveals name no set", "an honest drawer reveals before all have committed"):
            return set(_without_sets(set(self.drawers), self.commits, reveals))
        return set(lots.seeds(DRAW, self.drawers, self.commits, reveals))

    def play(self) -> set[bytes]:
        """All seeds between which the traitors can choose, by what they publish at the end."""
        honest = [each for each in self.drawers if each not in self.traitors]
        everybody = [self.commit(each, 0) for each in honest]
        if self.early:
            self.commits = everybody
            firm = [Reveal(each, self.secrets[each][0], frozenset()) for each in honest]
        for traitor in self.traitors:
            everybody += [self.commit(traitor, number) for number in range(self.rng.randint(1, 2))]
        self.commits = everybody
        if not self.early:
            firm = []
            for each in honest:
                seen = self.rng.sample(everybody, len(everybody))
                chosen = lots.chosen_commits(self.drawers, seen)
                assert chosen is not None
                assert each in chosen
                firm.append(Reveal(each, self.secrets[each][0], frozenset(chosen.values())))
        reach = set(self.seeds(firm))
        sets = {each.commits for each in firm}
        options = [
            [None, *range(sum(each.drawer == traitor for each in everybody))] for traitor in sorted(self.traitors)
        ]
        for picks in itertools.product(*options):
            more = [
                Reveal(traitor, self.secrets[traitor][pick], chosen)
                for traitor, pick in zip(sorted(self.traitors), picks, strict=True)
                if pick is not None
                for chosen in sets
            ]
            reach |= self.seeds([*firm, *more])
        return reach


def _without_sets(drawers: set[bytes], commits: list[Commit], reveals: list[Reveal]) -> list[bytes]:
    known = {(each.drawer, each.hash) for each in commits}
    order = sorted(drawers)
    fitting = [
        [
            each.opened
            for each in reveals
            if each.drawer == drawer and (drawer, lots.commitment(DRAW, drawer, each.opened)) in known
        ]
        for drawer in order
    ]
    return [digest(contexts.LOT_SEED, DRAW, *secrets) for secrets in itertools.product(*fitting)]


def _campaign(mutant: str = "") -> list[int]:
    found = [len(_World(seed, mutant).play()) for seed in range(300)]
    assert max(found) <= 1, "the traitors choose between seeds"
    return found


def test_traitors_can_stop_a_lot_and_never_choose_it():
    found = _campaign()
    assert found.count(1) > 50, "many are drawn"
    assert found.count(0) > 20, "and some are stopped"


@pytest.mark.parametrize(
    "mutant", ["reveals name no set", "who is silent is left out", "an honest drawer reveals before all have committed"]
)
def test_mutants_are_caught(mutant):
    with pytest.raises(AssertionError, match="choose between"):
        _campaign(mutant)


def test_what_counts_for_a_lot():
    drawers = [_drawer(n) for n in range(3)]
    secrets = {each: digest(each) for each in drawers}
    commits = [Commit(digest(each, b"c"), each, lots.commitment(DRAW, each, secrets[each])) for each in drawers]
    chosen = frozenset(each.id for each in commits)
    reveals = [Reveal(each, secrets[each], chosen) for each in drawers]
    (seed,) = lots.seeds(DRAW, drawers, commits, reveals)
    assert lots.seeds(DRAW, drawers, reversed(commits), reversed(reveals)) == [seed], "in any order"
    assert lots.seeds(DRAW, drawers, commits, reveals[:2]) == [], "one is silent"
    assert lots.seeds(DRAW, drawers, commits[:2], reveals) == [], "a commit is not here"
    assert lots.seeds(b"e" * 32, drawers, commits, reveals) == [], "for another draw"
    wrong = [*reveals[:2], reveals[2]._replace(opened=b"w" * 32)]
    assert lots.seeds(DRAW, drawers, commits, wrong) == []
    stranger = Commit(b"x" * 32, _drawer(9), b"h" * 32)
    with_stranger = [each._replace(commits=chosen | {stranger.id}) for each in reveals]
    assert lots.seeds(DRAW, drawers, [*commits, stranger], with_stranger) == [], "one of each, and no other"
    twice = Commit(b"y" * 32, drawers[2], lots.commitment(DRAW, drawers[2], b"z" * 32))
    other = frozenset([commits[0].id, commits[1].id, twice.id])
    split = [reveals[0], reveals[1]._replace(commits=other), reveals[2], Reveal(drawers[2], b"z" * 32, other)]
    assert lots.seeds(DRAW, drawers, [*commits, twice], split) == [], "two halves saw two commits: at most one list"


def test_a_panel_is_the_beginning_of_the_list_without_who_is_gone():
    pool = [_drawer(n) for n in range(10)]
    order = lots.listed(b"s" * 32, pool)
    assert sorted(order) == pool
    assert order == lots.listed(b"s" * 32, reversed(pool)) != lots.listed(b"t" * 32, pool)
    assert lots.panel(order, {order[1]}, 3) == [order[0], order[2], order[3]]
    assert lots.panel(order, set(order), 3) == []


@pytest.mark.parametrize(
    "drawers, people, left_out, why",
    [
        (2, 10, 0, "3 to 9 drawers"),
        (10, 20, 0, "3 to 9 drawers"),
        (3, 10, 3, "more than one of 5"),
        (3, 10, 2, None),
        (9, 9, 1, None),
    ],
)
def test_bounds(drawers, people, left_out, why):
    members = [_drawer(n) for n in range(people)]
    found = lots.problem(members[:drawers], members, members[:left_out])
    assert found is None if why is None else why in str(found)


def test_what_vetoes_are_worth():
    """Six of thirty who conspire win a panel of five in four of a hundred draws; each veto adds less than as much again."""
    rng = random.Random(7)

    def share(vetoes: int) -> float:
        hits = sum(
            any(sum(each < 6 for each in rng.sample(range(30), 5)) > 2 for _ in range(vetoes + 1)) for _ in range(4000)
        )
        return hits / 4000

    assert 0.02 < share(0) < 0.06
    assert share(1) < 0.12
