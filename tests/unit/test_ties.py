"""Ties: a tie is one if, and only if, ways of breaking it elect different sets. Held against every order there is: a lot
with all options breaks every tie, and each way out of ties is that of some lot, since whoever loses or wins a tie is in
none after it."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshd_protocol.decisions.counting import (
    approval,
    equal_shares,
    irv,
    methods,
    plurality,
    stv_meek,
    stv_scottish,
    ties,
)

NAMES = tuple("ABCDEFGHIJ")


def outcomes(method, ballots, options, seats, **more):
    """Whom every order of the options elects, as sets."""
    return {
        frozenset(methods.count(method, ballots, NAMES[:options], seats, lot=lot, **more).winners)
        for lot in itertools.permutations(range(options))
    }


def is_as_every_order_has_it(method, ballots, options, seats, **more):
    result = methods.count(method, ballots, NAMES[:options], seats, **more)
    every = outcomes(method, ballots, options, seats, **more)
    if result.tied:
        assert len(every) > 1, "all orders elect the same, and it is called a tie"
    else:
        assert every == {frozenset(result.winners)}


@st.composite
def ranked(draw, options, shared):
    """Papers with few different weights, so that there are many ties."""
    papers = []
    for _ in range(draw(st.integers(1, 7))):
        order = draw(st.permutations(range(options)))
        ranks, place = [], 0
        for size in draw(st.lists(st.integers(1, 3 if shared else 1), min_size=1, max_size=options)):
            if order[place : place + size]:
                ranks.append(tuple(sorted(order[place : place + size])))
            place += size
        papers.append((draw(st.sampled_from([1, 1, 2, 3, 6])), tuple(ranks)))
    return papers


FOUR = st.booleans().flatmap(lambda shared: ranked(4, shared))
FIVE = st.booleans().flatmap(lambda shared: ranked(5, shared))


@given(FOUR)
@example([(2, ((0,),)), (2, ((1,),)), (2, ((2,), (0,)))])
def test_irv_is_as_every_order_has_it(ballots):
    is_as_every_order_has_it("irv", ballots, 4, 1)


@given(FIVE)
def test_irv_of_five_is_as_every_order_has_it(ballots):
    is_as_every_order_has_it("irv", ballots, 5, 1)


@given(FOUR, st.integers(1, 3))
def test_scottish_is_as_every_order_has_it(ballots, seats):
    is_as_every_order_has_it("stv-scottish", ballots, 4, seats)


@given(FIVE, st.integers(1, 4))
def test_scottish_of_five_is_as_every_order_has_it(ballots, seats):
    is_as_every_order_has_it("stv-scottish", ballots, 5, seats)


@given(FOUR, st.integers(1, 3))
def test_meek_is_as_every_order_has_it(ballots, seats):
    is_as_every_order_has_it("stv-meek", ballots, 4, seats)


APPROVED = st.lists(
    st.tuples(st.integers(1, 3), st.sets(st.integers(0, 4)).map(lambda chosen: tuple(sorted(chosen)))), max_size=6
)


@given(APPROVED, st.integers(1, 5))
def test_equal_shares_are_as_every_order_has_them(ballots, seats):
    is_as_every_order_has_it("equal-shares", ballots, 5, seats)


@given(APPROVED, st.lists(st.sampled_from([1, 2, 2, 3, 5]), min_size=5, max_size=5), st.integers(1, 14))
def test_budgets_are_as_every_order_has_them(ballots, costs, budget):
    is_as_every_order_has_it("equal-shares", ballots, 5, 1, costs=costs, budget=budget)


@given(APPROVED, st.integers(1, 4))
def test_the_most_named_are_as_every_order_has_them(ballots, seats):
    is_as_every_order_has_it("block-approval", ballots, 5, seats)
    is_as_every_order_has_it("plurality", [(weight, chosen[:1]) for weight, chosen in ballots], 5, seats)


# ---- many


@pytest.mark.parametrize("projects", [2, 5, 40, 250])
def test_what_all_approve_of_and_the_money_reaches_for_is_paid(projects):
    names = [f"c{n}" for n in range(projects)]
    ballots = [(7, tuple(range(projects)))]
    result = equal_shares.count(ballots, names, costs=[100] * projects, budget=100 * projects)
    assert (set(result.winners), result.tied) == (set(range(projects)), ())
    assert "the money reaches for all" in result.rounds[1].text
    short = equal_shares.count(ballots, names, costs=[100] * projects, budget=100 * projects - 1)
    assert (short.winners, len(short.tied)) == ((), projects), "where one is left out, it is a tie"
    one = equal_shares.count(ballots, names, costs=[100] * projects, budget=100 * projects - 1, lot=range(projects))
    assert set(one.winners) == set(range(projects - 1))


def test_projects_that_share_nobody_who_is_short_are_paid_together():
    """Twelve groups with a project each: in whichever order, all are paid; then a tie over the rest would decide."""
    ballots = [(5, (n,)) for n in range(12)]
    names = [f"c{n}" for n in range(14)]
    result = equal_shares.count([*ballots, (5, ())], names, costs=[100] * 14, budget=1300)
    assert set(result.winners) == set(range(12))
    two = equal_shares.count([*ballots, (5, (12, 13))], names, costs=[100] * 14, budget=1300)
    assert (two.winners, two.tied) == ((), (12, 13))


@pytest.mark.parametrize("method", [irv, stv_scottish, stv_meek])
def test_many_at_the_end_who_reach_nobody_go_as_a_group(method):
    """Forty with a vote each, all for one another after: however they go, A and B are left, and A wins."""
    small = [(1, ((n,), (n % 40 + 3,), (n * 7 % 40 + 3,))) for n in range(3, 43)]
    small = [(weight, tuple(dict.fromkeys(ranks))) for weight, ranks in small]
    names = [f"c{n}" for n in range(43)]
    ballots = [(90, ((0,),)), (80, ((1,),)), (70, ((2,), (1,))), *small]
    result = method.count(ballots, names, 1)
    assert (result.winners, result.tied) == ((1,), ())
    assert any("in whichever order they go" in each.text for each in result.rounds)
    assert "whichever way they are broken" in result.rounds[-1].text


def test_a_group_that_could_reach_another_does_not_go_as_one():
    """C and D are tied for the last place; whoever stays has the other's votes, then B's, and beats A."""
    ballots = [(5, ((0,),)), (3, ((1,), (2,), (3,))), (2, ((2,), (3,))), (2, ((3,), (2,)))]
    for method in (irv, stv_scottish, stv_meek):
        assert method.count(ballots, NAMES[:4], 1).tied == (2, 3), method.__name__
    assert outcomes("irv", ballots, 4, 1) == {frozenset({2}), frozenset({3})}


def test_of_equal_surpluses_the_order_may_matter_or_not():
    """A and B have three votes too many. E needs one: whose surplus goes first elects it, and the other's goes on."""
    ballots = [(8, ((0,), (4,), (2,))), (8, ((1,), (4,), (3,))), (4, ((4,),)), (1, ((2,),)), (2, ((3,),))]
    assert stv_scottish.count(ballots, NAMES[:5], 4).tied == (0, 1)
    is_as_every_order_has_it("stv-scottish", ballots, 5, 4)
    apart = [(10, ((0,), (2,))), (10, ((1,), (3,))), (5, ((2,),)), (4, ((3,),))]
    result = stv_scottish.count(apart, NAMES[:4], 3)
    assert any("The surpluses of A and B are transferred" in each.text for each in result.rounds)
    is_as_every_order_has_it("stv-scottish", apart, 4, 3)


def test_two_hundred_tied_for_one_seat_are_a_tie():
    names = [f"c{n}" for n in range(200)]
    for method in (approval, plurality):
        assert len(method.count([(1, (n,)) for n in range(200)], names).tied) == 200
    for method in (irv, stv_scottish, stv_meek):
        assert len(method.count([(1, ((n,),)) for n in range(200)], names, 1).tied) == 200


# ---- what is remembered


def remembers(lot, place, stages):
    try:
        lot.comes_to(place, stages)
    except ties.MetError:
        return True
    return False


def test_a_way_that_comes_where_one_was_ends_unless_a_tie_looked_back_before_that():
    """A and B are told apart by the second of three stages: what was remembered by then holds, what came later doesn't."""
    lot = ties.Lot().taking(0)
    lot.chosen()
    for stages in (1, 2, 3):
        assert not remembers(lot, f"after {stages}", stages)
    stages = [ties.Stage({0: 1, 1: 1}), ties.Stage({0: 1, 1: 2}), ties.Stage({0: 2, 1: 2})]
    assert ties.looked_back(stages, [0, 1], lot, highest=True) == [1]
    other = lot.taking(1)
    other.chosen()
    assert [remembers(other, f"after {count}", count) for count in (1, 2, 3)] == [True, True, False]


def test_a_group_may_leave_just_as_many_as_there_are_seats():
    """Five without a word on others, and two more than the seats need no one of them: the two are elected."""
    ballots = [(5, ((0,),)), (5, ((1,),)), *((1, ((n,), ((n - 1) % 5 + 2,))) for n in range(2, 7))]
    result = stv_scottish.count(ballots, NAMES[:7], 2)
    assert any("in whichever order they go" in each.text for each in result.rounds)
    assert (set(result.winners), result.tied) == ({0, 1}, ())


def test_a_group_has_those_alone_who_can_be_reached():
    assert ties.closed_group({0: 1, 1: 1, 2: 2}, 1, lambda group: 1) == [0, 1]
    assert ties.closed_group({0: 1, 1: 1, 2: 2, 3: 9}, 1, lambda group: 2) == [0, 1, 2]
    assert ties.closed_group({0: 1, 1: 2, 2: 9}, 1, lambda group: 1, 1) == [0, 1]


def test_counts_in_which_each_tie_decides_say_how_many_named_each():
    found = plurality.count([(2, (0,)), (1, (1,))], NAMES[:2])
    assert (found.winners, found.tied, found.figures) == ((0,), (), (2, 1))
    stuck = plurality.count([(2, (0,)), (2, (1,))], NAMES[:2])
    assert (stuck.winners, stuck.tied, stuck.figures) == ((), (0, 1), (2, 2))
