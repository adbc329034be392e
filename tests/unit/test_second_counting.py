"""The second reader elects of random polls whom the code elects, and is tied where the code is: section 6.7 says what the
code does. More polls: `just polls`."""

import os
import random

import pytest

from meshd_protocol.bodies.decisions import Form
from meshd_protocol.decisions.counting.methods import METHODS, count, problem
from tests.second import counting

SEEDS = int(os.environ.get("MESHD_SEEDS", "150"))
BY_RANKS = sorted(name for name, method in METHODS.items() if method.form == Form.RANKS)


def ranks(rng, options, shared):
    order = rng.sample(range(options), rng.choice([options, options, rng.randint(0, options)]))
    found = []
    while order:
        size = rng.choice([1, 1, 2, 3]) if shared else 1
        found.append(tuple(sorted(order[:size])))
        order = order[size:]
    return tuple(found)


def choice(rng, method, options, shared):
    form = METHODS[method].form
    if form == Form.RANKS:
        return ranks(rng, options, shared)
    if form == Form.SCORES:
        return tuple((each, rng.choice([0, 1, 1, 5, 10])) for each in range(options) if rng.random() < 0.6)
    most = rng.choice([0, 1, 1]) if method == "plurality" else rng.choice([0, 1, 2, 2, options])
    return tuple(sorted(rng.sample(range(options), min(most, options))))


def turned(chosen, places):
    """The same with options exchanged."""
    return tuple(tuple(sorted(places[each] for each in rank)) for rank in chosen)


def ballots_of(rng, method, options):
    """Few different weights, some ballots blank; of ranks often with options exchanged in a circle, for the ties."""
    shared = rng.random() < 0.4
    weights = rng.choice([[1], [1, 1, 2], [1, 2, 3, 8], [2, 4, 7, 30]])
    if method not in BY_RANKS or rng.random() < 0.5:
        many = rng.randint(0, 2 * options)
        return [(rng.choice(weights), choice(rng, method, options, shared)) for _ in range(many)]
    found = []
    for _ in range(rng.randint(1, 3)):
        weight, chosen = rng.choice(weights), ranks(rng, options, shared)
        circle = rng.sample(range(options), rng.randint(1, options))
        places = {each: each for each in range(options)} | dict(zip(circle, circle[1:] + circle[:1], strict=True))
        for _ in circle:
            found.append((weight, chosen))
            chosen = turned(chosen, places)
    return found


def poll(rng, method):
    options = rng.choice([2, 3, 4, 5, 6, 7 if method == "stv-meek" else 9])
    seats = rng.randint(1, options) if METHODS[method].several else 1
    costs, budget = [], None
    if method == "equal-shares" and rng.random() < 0.6:
        costs, seats = [rng.choice([1, 2, 2, 3, 5]) for _ in range(options)], 1
        budget = rng.randint(1, sum(costs) + 2)
    return ballots_of(rng, method, options), options, seats, costs, budget


def both(method, ballots, options, seats, costs=(), budget=None):
    """What the code says and what the second reader does, in one form."""
    assert problem(method, options, seats, costs, budget) is None
    result = count(method, ballots, [str(n) for n in range(options)], seats, costs=costs, budget=budget)
    there = counting.elect(method, ballots, options, seats, list(costs), budget)
    code = (None, frozenset(result.tied)) if result.tied else (frozenset(result.winners), None)
    return code, (there.elected, there.tied if there.elected is None else None)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_second_reader_elects_the_same(seed):
    rng = random.Random(seed)
    for method in [*METHODS, *BY_RANKS]:
        asked = poll(rng, method)
        code, second = both(method, *asked)
        assert code == second, (seed, method, *asked)


@pytest.mark.long
def test_the_polls_show_what_they_are_for():
    """Ties that decide, and, for methods that follow ways, ties that don't."""
    decided, idle = set(), set()
    for seed in range(150):
        rng = random.Random(seed)
        for method in [*METHODS, *BY_RANKS]:
            found = counting.elect(method, *poll(rng, method))
            if found.elected is None:
                decided.add(method)
            elif found.tied:
                idle.add(method)
    assert decided == set(METHODS)
    assert idle == {"irv", "stv-scottish", "stv-meek", "equal-shares"}


@pytest.mark.parametrize("levels", [(1, 3, 5), (4, 4, 3), (4, 4, 4), (5, 5), (3, 1, 5)])
@pytest.mark.parametrize("votes", [7, 8, 10])
def test_they_follow_as_many_ways(levels, votes):
    """Options without a word on others, tied level by level: about as many ways as are followed."""
    sizes = [level for level, size in enumerate(levels, 1) for _ in range(size)]
    small = [(level, ((number,),)) for number, level in enumerate(sizes, 2)]
    lead = (sum(level for level, _ in small) + votes) // 2 + 1
    code, second = both("stv-meek", [(lead, ((0,),)), (votes, ((1,),)), *small], len(small) + 2, 2)
    assert code == second
