"""Counting methods: against independent libraries, public elections, their own definitions, and by hand. Exact numbers,
every round, ties that decide and ties that don't, bad input."""

import itertools
import json
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshd_protocol.decisions.counting import (
    approval,
    equal_shares,
    irv,
    methods,
    plurality,
    schulze,
    score,
    stv_meek,
    stv_scottish,
)
from meshd_protocol.decisions.counting.result import decimal
from meshd_protocol.papers.ballots import ballots_for
from meshd_protocol.papers.blt import read_blt
from tests.vectors import data_of

ORACLES = json.loads(data_of("oracles.json"))["cases"]
NAMES = tuple("ABCDEFGHIJ")


def names(options):
    return [f"c{n}" for n in range(options)]


def strict_ranks(letters):
    """`BA` is a paper that ranks option 1, then 0."""
    return tuple((NAMES.index(letter),) for letter in letters)


def strict(ballots):
    return [(weight, tuple((option,) for option in order)) for weight, order in ballots]


# ---- independent libraries


def test_there_are_oracles():
    methods_ = {case["method"] for case in ORACLES}
    assert methods_ == {"schulze", "irv", "stv", "equal-shares", "score"}
    assert len(ORACLES) > 200


@pytest.mark.parametrize("number", range(len(ORACLES)))
def test_what_independent_libraries_elect(number):
    case = ORACLES[number]
    options, seats, elected = case["options"], case["seats"], case["elected"]
    method = case["method"]
    if method == "schulze":
        assert list(schulze.duels(strict(case["ballots"]), options).winners) == elected
    elif method == "irv":
        result = irv.count(strict(case["ballots"]), names(options))
        assert list(result.winners) == elected
    elif method == "score":
        result = score.count([(w, tuple(map(tuple, given_))) for w, given_ in case["ballots"]], names(options))
        assert sorted(result.winners or result.tied) == elected
    elif method == "stv":
        result = stv_scottish.count(strict(case["ballots"]), names(options), seats)
        assert sorted(result.winners) == elected
    else:
        ballots = [(weight, tuple(chosen)) for weight, chosen in case["ballots"]]
        result = equal_shares.count(ballots, names(options), seats, complete=False)
        if result.tied:
            assert len(elected) > 1, "the library finds one committee, and this a tie"
        else:
            assert sorted(result.winners) in elected


# ---- public elections, with every round


@pytest.mark.parametrize(
    ("file", "method"),
    [
        ("dundee-2017-ward2.blt", "stv-scottish"),
        ("dundee-2017-ward2.blt", "stv-meek"),
        ("dundee-2017-ward2.blt", "block-approval"),
        ("vegetables.blt", "stv-meek"),
        ("vegetables.blt", "stv-scottish"),
        ("vegetables.blt", "equal-shares"),
    ],
)
def test_public_elections_with_every_round(file, method, golden):
    papers = read_blt(data_of(f"elections/{file}"))
    result = methods.count(method, ballots_for(method, papers), papers.names, papers.seats)
    lines = [f"{file} by {method}, {papers.seats} seats"]
    for each in result.rounds:
        lines.append(each.text)
        lines += [f"    {name}: {votes}" for name, votes in each.votes.items()]
    lines.append(f"elected: {', '.join(papers.names[option] for option in result.winners)}")
    golden(f"{file.removesuffix('.blt')}-{method}.txt", "\n".join(lines) + "\n")


def test_dundee_elected_whom_it_elected():
    """Lochee, 4 May 2017, as the council declared it."""
    papers = read_blt(data_of("elections/dundee-2017-ward2.blt"))
    result = stv_scottish.count(papers.ballots, papers.names, papers.seats)
    assert [papers.names[option].split(" (")[0] for option in result.winners] == [
        "Alan ROSS", "Roisin SMITH", "Charlie MALONE", "Michael MARRA",
    ]  # fmt: skip


# ---- by hand


def test_plurality_and_its_spoilt_ballots():
    result = plurality.count([(3, (0,)), (2, (1,)), (4, ()), (5, (0, 1))], NAMES[:3])
    assert (result.winners, result.figures) == ((0,), (3, 2, 0))
    assert "9 named none, or more than one" in result.rounds[0].text
    assert plurality.count([(3, (0,)), (2, (1,))], NAMES[:3], 2).winners == (0, 1)


def test_approval_for_one_seat_and_for_several():
    ballots = [(3, (0, 1)), (2, (1, 2)), (1, ())]
    assert approval.count(ballots, NAMES[:3]).winners == (1,)
    assert approval.count(ballots, NAMES[:3], 2).winners == (1, 0)
    tie = approval.count([(1, (0,)), (1, (1,))], NAMES[:3])
    assert (tie.winners, tie.tied) == ((), (0, 1))
    both = approval.count([(1, (0,)), (1, (1,))], NAMES[:3], 2)
    assert set(both.winners) == {0, 1}, "a tie within the seats is none"


def test_scores():
    result = score.count([(2, ((0, 5), (1, 6))), (1, ((0, 3),))], NAMES[:2])
    assert (result.winners, result.figures) == ((0,), (13, 12))


def test_a_lot_breaks_a_tie_and_the_order_of_options_never_does():
    ballots = [(1, ((0,),)), (1, ((1,),))]
    for method in (irv, stv_scottish, stv_meek, schulze):
        assert method.count(ballots, NAMES[:2], 1).tied == (0, 1), method.__name__
        assert method.count(ballots, NAMES[:2], 1, lot=[1, 0]).winners == (1,), method.__name__
        assert method.count(ballots, NAMES[:2], 1, lot=[1]).winners == (1,), "whom a lot leaves out stand behind"
        three = [*ballots, (1, ((2,),))]
        assert method.count(three, NAMES[:3], 1, lot=[1]).winners == (1,), method.__name__


SAME_CHOICE = {"plurality": (0,), "approval": (0,), "block-approval": (0,), "score": ((0, 1),), "equal-shares": (0,)}
OTHER_CHOICE = {"plurality": (1,), "approval": (1,), "block-approval": (1,), "score": ((1, 1),), "equal-shares": (1,)}


@pytest.mark.parametrize("method", sorted(methods.METHODS))
def test_a_lot_breaks_the_ties_of_every_method(method):
    one, other = SAME_CHOICE.get(method, ((0,),)), OTHER_CHOICE.get(method, ((1,),))
    ballots = [(2, one), (1, other), (1, other)]
    assert methods.count(method, ballots, NAMES[:2], 1).tied == (0, 1)
    for lot in ((0, 1), (1, 0)):
        result = methods.count(method, ballots, NAMES[:2], 1, lot=lot)
        assert result.winners == lot[:1]
    if method != "schulze":
        assert result.figures == (2, 2), "ballots that say the same add up"
    if method == "equal-shares":
        bought = methods.count(method, ballots, NAMES[:2], 1, costs=(9, 9), budget=10, lot=(1, 0))
        assert bought.winners == (1,), "of what the rest of the money can pay for, too"


def test_those_who_are_left_for_the_seats_are_elected_by_their_votes():
    ballots = [(3, ((2,),)), (2, ((1,),)), (5, ((0,),)), (1, ((3,), (1,)))]
    for method in (stv_scottish, stv_meek):
        assert method.count(ballots, NAMES[:4], 3).winners == (0, 2, 1), method.__name__


def test_a_tie_that_makes_no_difference_is_none():
    ballots = [(5, ((0,),)), (2, ((1,), (0,))), (2, ((2,), (0,)))]
    result = irv.count([(1, ((3,),)), *ballots, (1, ((4,),))], NAMES[:5])
    assert result.winners == (0,)
    small = [(3, ((0,),)), (3, ((1,),)), (1, ((2,), (0,))), (1, ((3,), (0,)))]
    assert irv.count(small, NAMES[:4]).winners == (0,)
    assert any("whichever way they are broken" in each.text for each in irv.count(small, NAMES[:4]).rounds)


def test_the_last_is_found_by_looking_back():
    """C and D are tied when one must go; D stood lower before a transfer."""
    ballots = [(6, ((0,),)), (5, ((1,),)), (3, ((2,),)), (2, ((3,),)), (1, ((4,), (3,)))]
    for count in (irv.count, stv_scottish.count):
        result = count(ballots, NAMES[:5])
        out = [each.text for each in result.rounds if "fewest votes" in each.text]
        assert out[1].startswith("D,") or "D, with" in out[1]


def test_nobody_s_votes_go_together():
    """Options that nobody ranks leave at once, in words of their own number; who is left alone is elected."""
    ballots = [(5, ((0,),)), (4, ((1,),)), (4, ((2,),)), (2, ((3,), (2,)))]
    for method in (stv_scottish, stv_meek):
        texts = [each.text for each in method.count(ballots, NAMES[:6]).rounds]
        assert any(text.startswith("E and F, with the fewest votes, are excluded") for text in texts), method.__name__
        assert any(text.startswith("D, with the fewest votes, is excluded") for text in texts), method.__name__
    blank = irv.count([(1, ())], NAMES[:2], lot=(1, 0))
    assert blank.winners == (1,)
    assert blank.rounds[-1].text == "B is the only one left, and is elected."


def test_irv_divides_equal_first_ranks():
    result = irv.count([(1, ((0, 1),)), (1, ((1,),))], NAMES[:2])
    assert result.winners == (1,)
    assert result.rounds[0].votes == {"A": "0.5", "B": "1.5"}


def test_scottish_numbers_are_cut_off_at_five_decimals():
    ballots = [(7, ((0,), (1,))), (2, ((1,),)), (2, ((2,),))]
    result = stv_scottish.count(ballots, NAMES[:3], 2)
    assert result.rounds[0].text == "The quota is 4."
    transferred = next(each for each in result.rounds if "surplus of A" in each.text)
    assert transferred.votes == {"A": "4", "B": "4.99999", "C": "2"}, "7 papers at 3/7, cut off: 0.42857"
    assert result.winners == (0, 1)


def test_scottish_papers_with_equal_ranks_are_divided():
    result = stv_scottish.count([(2, ((0, 1), (2,))), (1, ((2,),))], NAMES[:3], 1)
    assert result.rounds[0].votes == {"A": "1", "B": "1", "C": "1"}
    thirds = stv_scottish.count([(1, ((0, 1, 2),)), (9, ((3,),))], NAMES[:4], 1)
    assert thirds.rounds[0].votes["A"] == "0.33333"


def _scottish_paper_by_paper(ballots, options, seats):
    """The Order, one paper at a time: the totals of every stage, and the elected; None for them where a lot decides."""

    def give(papers):
        for ranks, value in papers:
            rest = list(ranks)
            while rest:
                there = [each for each in rest.pop(0) if each in running]
                for each in there:
                    others = [tuple(other for other in there if other != each)] if len(there) > 1 else []
                    piles[each].append((others + rest, value // len(there)))
                if there:
                    break

    def totals():
        return [sum(value for _, value in pile) + set_aside[each] for each, pile in enumerate(piles)]

    def furthest(among, sign):
        for stage in reversed(stages):
            edge = max(sign * stage[each] for each in among)
            among = [each for each in among if sign * stage[each] == edge]
        return among

    running, elected, waiting, stages = set(range(options)), [], [], []
    piles, set_aside = [[] for _ in range(options)], [0] * options
    give([(ranks, 100_000) for weight, ranks in ballots for _ in range(weight)])
    quota = (sum(weight for weight, ranks in ballots if ranks) // (seats + 1) + 1) * 100_000
    stages.append(totals())
    while True:
        now = stages[-1]
        fresh = [each for each in running if now[each] >= quota]
        elected += fresh
        running -= set(fresh)
        waiting += [each for each in fresh if now[each] > quota]
        if len(elected) >= seats or len(elected) + len(running) <= seats:
            return stages, set(elected) | (running if len(elected) < seats else set())
        next_ = furthest(waiting, 1) if waiting else furthest(sorted(running), -1)
        if len(next_) > 1:
            return stages, None
        (option,) = next_
        moving, piles[option] = piles[option], []
        if waiting:
            waiting.remove(option)
            set_aside[option] = quota
            moving = [(ranks, (now[option] - quota) * value // now[option]) for ranks, value in moving]
        running.discard(option)
        give(moving)
        stages.append(totals())


EQUAL_RANKS = st.permutations(range(5)).flatmap(
    lambda order: st.lists(st.integers(1, 3), min_size=1, max_size=5).map(
        lambda sizes: tuple(
            tuple(sorted(order[sum(sizes[:n]) : sum(sizes[: n + 1])]))
            for n in range(len(sizes))
            if order[sum(sizes[:n]) : sum(sizes[: n + 1])]
        )
    )
)


@given(st.lists(st.tuples(st.integers(0, 20), EQUAL_RANKS), min_size=2, max_size=12), st.integers(1, 4))
def test_scottish_stages_are_those_of_papers_moved_one_by_one(ballots, seats):
    stages, elected = _scottish_paper_by_paper(ballots, 5, seats)
    result = stv_scottish.count(ballots, NAMES[:5], seats)
    shown = [[*each.votes.values()] for each in result.rounds if each.votes]
    expected = [[decimal(total, 100_000) for total in stage] for stage in stages]
    assert shown[: len(expected)] == expected
    if elected is not None:
        assert set(result.winners) == elected
        assert len(shown) == len(expected)


def test_of_two_surpluses_the_larger_goes_first():
    """A has the larger surplus; were that of B first, its papers would make C what A's come to later."""
    ballots = [(12, ((1,), (0,), (2,))), (17, ((0,), (2,))), (3, ((2,),)), (4, ((3,),))]
    result = stv_scottish.count(ballots, ("A", "B", "C", "D"), 3)
    order = [each.text for each in result.rounds if "surplus" in each.text]
    assert order[:2] == ["The surplus of A is transferred.", "The surplus of B is transferred."]
    assert result.rounds[1].text == "Elected: A and B (reached the quota)."


def test_meek_keeps_a_quota_of_each_elected():
    """Nobody who is elected falls below the quota of the end, and no vote is made up."""
    papers = read_blt(data_of("elections/dundee-2017-ward2.blt"))
    for digits in (None, 9):
        result = stv_meek.count(papers.ballots, papers.names, 4, digits=digits)
        final = {name: Fraction(votes) for name, votes in result.rounds[-1].votes.items()}
        total = sum(final.values())
        assert total <= sum(weight for weight, _ in papers.ballots)
        assert all(final[papers.names[option]] >= total / 5 - Fraction(1, 1000) for option in result.winners)


def _strict_orders(ranks):
    """Every strict order that a paper with shared ranks stands for."""
    return [
        tuple((option,) for order in orders for option in order)
        for orders in itertools.product(*(itertools.permutations(rank) for rank in ranks))
    ]


def _meek_by_definition(ballots, options, seats):
    """Meek in floats, by the book, on strict papers alone: for a check of winners, not of numbers."""
    ballots = [
        (weight / len(orders), order)
        for weight, ranks in ballots
        for orders in [_strict_orders(ranks)]
        for order in orders
    ]
    keep, hopeful, elected = [1.0] * options, set(range(options)), []
    while True:
        for _ in range(500):
            votes = [0.0] * options
            for weight, ranks in ballots:
                left = float(weight)
                for rank in ranks:
                    there = [option for option in rank if keep[option] > 0]
                    reaching = left
                    for option in there:
                        votes[option] += reaching * keep[option] / len(there)
                        left -= reaching * keep[option] / len(there)
            quota = sum(votes) / (seats + 1)
            for option in elected:
                keep[option] = min(1.0, keep[option] * quota / votes[option])
            fresh = [option for option in sorted(hopeful) if votes[option] > quota + 1e-9]
            elected += fresh
            hopeful -= set(fresh)
            if len(elected) >= seats:
                return set(elected)
            if not fresh and sum(max(0.0, votes[option] - quota) for option in elected) < 1e-9:
                break
        if len(hopeful) + len(elected) <= seats:
            return set(elected) | hopeful
        last = sorted(hopeful, key=lambda option: votes[option])
        if votes[last[1]] - votes[last[0]] < 1e-6:
            return None
        hopeful.discard(last[0])
        keep[last[0]] = 0.0


def _reference_meek(ballots, options, seats):
    """The Reference Meek Rule of the PR Foundation in integers of nine digits, paper by paper: votes of each round before
    somebody is excluded, and the elected; None for them where a lot would decide."""
    one, omega = 10**9, 10**3
    keep, hopeful, elected, rounds = [one] * options, set(range(options)), [], []
    while len(elected) < seats and len(elected) + len(hopeful) > seats:
        last = None
        while True:
            votes = [0] * options
            for weight, ranks in ballots:
                left = one
                for (option,) in ranks:
                    kept = -(-left * keep[option] // one)
                    votes[option] += kept * weight
                    left -= kept
            quota = sum(votes) // (seats + 1) + 1
            fresh = sorted((each for each in hopeful if votes[each] >= quota), key=lambda each: -votes[each])
            elected += fresh
            hopeful -= set(fresh)
            surplus = sum(max(0, votes[each] - quota) for each in elected)
            if fresh and (len(elected) >= seats or len(elected) + len(hopeful) <= seats):
                return rounds, set(elected) | (hopeful if len(elected) < seats else set())
            if not fresh and (surplus < omega or (last is not None and surplus >= last)):
                break
            last = None if fresh else surplus
            if not fresh:
                for each in elected:
                    keep[each] = min(one, -(-keep[each] * quota // votes[each]))
        rounds.append({NAMES[each]: decimal(votes[each], one) for each in range(options)})
        least = min(votes[each] for each in hopeful)
        out = [each for each in hopeful if votes[each] <= least + surplus]
        if len(out) > 1:
            return rounds, None
        hopeful.discard(out[0])
        keep[out[0]] = 0
    return rounds, set(elected) | hopeful


RANKS = st.permutations(range(4)).flatmap(
    lambda order: st.integers(1, 4).map(lambda size: tuple((option,) for option in order[:size]))
)


@given(st.lists(st.tuples(st.integers(1, 9), EQUAL_RANKS), min_size=1, max_size=8), st.integers(1, 3))
def test_meek_against_its_definition(ballots, seats):
    """A rank that several share counts as the average of its strict orders."""
    expected = _meek_by_definition(ballots, 5, seats)
    result = stv_meek.count(ballots, NAMES[:5], seats)
    if expected is not None and result.winners:
        assert set(result.winners) == expected


@given(st.lists(st.tuples(st.integers(1, 4), EQUAL_RANKS), min_size=1, max_size=5), st.integers(1, 4))
@example([(1, ((1,),)), (1, ((2,),)), (3, ((0,),)), (8, ((1, 2, 3),))], 3)
def test_meek_takes_a_shared_rank_as_the_average_of_its_orders_exactly(ballots, seats):
    """The same rounds, to the last digit, as when each paper is replaced by all its strict orders, 72 papers for one."""
    spread = []
    for weight, ranks in ballots:
        orders = _strict_orders(ranks)
        spread += [(weight * 72 // len(orders), order) for order in orders]
    one = stv_meek.count([(72 * weight, ranks) for weight, ranks in ballots], NAMES[:5], seats)
    other = stv_meek.count(spread, NAMES[:5], seats)
    assert one == other


def test_what_an_elected_option_passes_on_goes_to_those_who_share_its_rank_first():
    """A keeps two thirds. Of AB, half have A first: a third of those 30 goes to B, and none to C."""
    result = stv_meek.count([(60, ((0, 1), (2,))), (30, ((0,),)), (20, ((2,),)), (10, ((1,),))], NAMES[:3], 2)
    assert [each.text[:34] for each in result.rounds[:2]] == [
        "Elected with the quota of 40: A.",
        "Elected with the quota of 36.66666",
    ]
    assert {name: round(Fraction(votes), 6) for name, votes in result.rounds[1].votes.items()} == {
        "A": 40,
        "B": 50,
        "C": 20,
    }


SIX_RANKS = st.permutations(range(6)).flatmap(
    lambda order: st.integers(1, 6).map(lambda size: tuple((option,) for option in order[:size]))
)


@given(st.lists(st.tuples(st.integers(1, 99), SIX_RANKS), min_size=3, max_size=12), st.integers(1, 4))
@example(
    [(79, strict_ranks("FBE")), (87, strict_ranks("EFCADB")), (54, strict_ranks("DFE")), (70, strict_ranks("ECA"))], 3
)
@example(
    [
        (66, strict_ranks("FA")), (60, strict_ranks("EADB")), (42, strict_ranks("EBCDFA")),
        (72, strict_ranks("DCBFEA")), (83, strict_ranks("DBACFE")),
    ],
    3,
)  # fmt: skip
@example(
    [
        (25, strict_ranks("CAF")), (30, strict_ranks("BF")), (41, strict_ranks("BD")), (50, strict_ranks("EADC")),
        (78, strict_ranks("EAFBD")), (15, strict_ranks("BECAFD")), (61, strict_ranks("BEA")), (26, strict_ranks("FDCB")),
        (70, strict_ranks("BACEF")), (94, strict_ranks("CDE")), (93, strict_ranks("EAD")),
    ],
    3,
)  # fmt: skip
def test_meek_in_nine_digits_is_the_reference_rule_digit_by_digit(ballots, seats):
    """Up to six options for four seats: papers that pass two elected are where roundings meet."""
    rounds, expected = _reference_meek(ballots, 6, seats)
    result = stv_meek.count(ballots, NAMES[:6], seats, digits=9)
    shown = [each.votes for each in result.rounds if "excluded" in each.text]
    if expected is None:
        assert shown[: len(rounds) - 1] == rounds[:-1]
    elif not any("tied" in each.text for each in result.rounds):
        assert shown == rounds
        assert set(result.winners) == expected


@given(st.lists(st.tuples(st.integers(1, 9), RANKS), min_size=1, max_size=8), st.integers(1, 3))
def test_every_method_elects_as_many_as_there_are_seats_or_says_tie(ballots, seats):
    chosen = [(weight, tuple(sorted(option for rank in ranks for option in rank))) for weight, ranks in ballots]
    for result in (
        stv_scottish.count(ballots, NAMES[:4], seats),
        stv_meek.count(ballots, NAMES[:4], seats),
        approval.count(chosen, NAMES[:4], seats),
    ):
        assert len(result.winners) == (0 if result.tied else seats)
        assert len(set(result.winners)) == len(result.winners)
        assert result.rounds


@given(st.lists(st.tuples(st.integers(1, 9), RANKS), min_size=1, max_size=6), st.permutations(range(4)))
def test_the_names_of_options_are_nothing_to_the_count(ballots, order):
    """Options in another order: the same are elected, or the same are tied."""
    moved = [
        (weight, tuple(tuple(sorted(order[option] for option in rank)) for rank in ranks)) for weight, ranks in ballots
    ]
    for method in (schulze, irv, stv_scottish, stv_meek):
        one, other = method.count(ballots, NAMES[:4]), method.count(moved, NAMES[:4])
        assert {order[option] for option in one.winners} == set(other.winners), method.__name__
        assert bool(one.tied) == bool(other.tied)


@given(
    st.lists(st.tuples(st.integers(1, 9), EQUAL_RANKS), min_size=1, max_size=8),
    st.permutations(range(5)),
    st.integers(1, 3),
)
def test_nine_digits_favour_nobody_for_her_place(ballots, order, seats):
    moved = [
        (weight, tuple(tuple(sorted(order[option] for option in rank)) for rank in ranks)) for weight, ranks in ballots
    ]
    one = stv_meek.count(ballots, NAMES[:5], seats, digits=9)
    other = stv_meek.count(moved, NAMES[:5], seats, digits=9)
    assert {order[option] for option in one.winners} == set(other.winners)
    assert bool(one.tied) == bool(other.tied)


def test_equal_shares_of_a_budget():
    """Ten voters and 1000 coins: six want A and B, four want C; everybody's tenth buys her own."""
    ballots = [(6, (0, 1)), (4, (2,))]
    result = equal_shares.count(ballots, NAMES[:3], costs=(300, 300, 400), budget=1000)
    assert set(result.winners) == {0, 1, 2}
    assert "50.00 % of its cost" not in result.rounds[1].text
    majority = equal_shares.count(ballots, NAMES[:3], costs=(600, 600, 400), budget=1000)
    assert set(majority.winners) == {0, 2} or majority.tied == (0, 1)
    left = equal_shares.count([(1, (0,)), (3, (1,))], NAMES[:2], costs=(90, 10), budget=100)
    assert left.winners == (1, 0), "what is left pays for another, by approvals"
    assert "is added" in left.rounds[-1].text
    assert equal_shares.count([], NAMES[:2], 1).winners == ()


@given(
    st.lists(st.tuples(st.integers(1, 5), st.sets(st.integers(0, 3)).map(lambda s: tuple(sorted(s)))), max_size=6),
    st.lists(st.integers(1, 50), min_size=4, max_size=4),
    st.integers(1, 120),
)
def test_equal_shares_never_overspends(ballots, costs, budget):
    for complete in (True, False):
        result = equal_shares.count(ballots, NAMES[:4], costs=costs, budget=budget, complete=complete)
        assert sum(costs[option] for option in result.winners) <= budget
        assert all(result.figures[option] for option in result.winners), "nobody pays for what nobody wants"


# ---- Schulze


def test_schulze_finds_the_condorcet_winner():
    """Capitals of Tennessee: the usual example of a Condorcet winner (Nashville) that plurality misses."""
    ballots = strict([(42, (0, 1, 2, 3)), (26, (1, 2, 3, 0)), (15, (2, 3, 1, 0)), (17, (3, 2, 1, 0))])
    found = schulze.duels(ballots, 4)
    assert found.winners == (1,)
    assert found.prefers[1][0] == 58
    assert schulze.count(ballots, NAMES[:4]).figures == (0, 3, 2, 1)


def test_schulze_on_the_example_of_its_paper():
    """Schulze 2011, example 1: 45 voters, five candidates, E wins by paths and not by duels."""
    lines = [
        (5, "ACBED"),
        (5, "ADECB"),
        (8, "BEDAC"),
        (3, "CABED"),
        (7, "CAEBD"),
        (2, "CBADE"),
        (7, "DCEBA"),
        (8, "EBADC"),
    ]
    ballots = [(weight, tuple(("ABCDE".index(letter),) for letter in order)) for weight, order in lines]
    found = schulze.duels(ballots, 5)
    assert found.winners == (4,)
    assert found.prefers[0] == (0, 20, 26, 30, 22)
    assert found.paths[4] == (25, 28, 28, 31, 0)
    assert [found.beaten(option) for option in range(5)] == [3, 1, 2, 0, 4]
    assert any("strongest path from E" in each.text for each in schulze.count(ballots, NAMES[:5]).rounds)


def _by_definition(ballots, options):
    """Schulze by trying every path: slow, and nothing like the code under test."""
    prefers = [[0] * options for _ in range(options)]
    for weight, ranks in ballots:
        place = {option: n for n, rank in enumerate(ranks) for option in rank}
        for a in range(options):
            for b in range(options):
                if place.get(a, 99) < place.get(b, 99):
                    prefers[a][b] += weight

    def strongest(a, b):
        best = 0
        others = [option for option in range(options) if option not in (a, b)]
        for size in range(len(others) + 1):
            for between in itertools.permutations(others, size):
                steps = list(itertools.pairwise((a, *between, b)))
                if all(prefers[x][y] > prefers[y][x] for x, y in steps):
                    best = max(best, min(prefers[x][y] for x, y in steps))
        return best

    return tuple(a for a in range(options) if all(strongest(a, b) >= strongest(b, a) for b in range(options) if b != a))


@given(st.integers(2, 4), st.data())
def test_schulze_against_its_definition(options, data):
    ranks = st.lists(st.sets(st.integers(0, options - 1), min_size=1), max_size=options).map(
        lambda sets: tuple(
            tuple(sorted(s - set().union(*sets[:n]))) for n, s in enumerate(sets) if s - set().union(*sets[:n])
        )
    )
    ballots = data.draw(st.lists(st.tuples(st.integers(1, 3), ranks), max_size=8))
    assert schulze.duels(ballots, options).winners == _by_definition(ballots, options)


# ---- numbers


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [(5, 1, "5"), (0, 1, "0"), (500_000, 100_000, "5"), (123_456, 100_000, "1.23456"), (Fraction(1, 3), 1, "0.333333333"),
     (Fraction(1, 10**12), 1, "0"), (Fraction(19, 2), 1, "9.5")],
)  # fmt: skip
def test_numbers_for_people(value, scale, text):
    assert decimal(value, scale) == text


# ---- many candidates


def _blt(options, seats, *ballots):
    lines = [f"{options} {seats}", *ballots, "0", *(f'"c{n}"' for n in range(options)), '"t"']
    return read_blt("\n".join(lines).encode())


@pytest.mark.parametrize(
    "method", ["irv", "stv-scottish", "stv-meek", "plurality", "approval", "score", "equal-shares"]
)
def test_a_thousand_candidates(method):
    """Papers for three of them, the rest without a vote: counted; and a tie among many is one."""
    papers = _blt(1000, 1, "5 1 0", "3 2 0", "1 3 1 0")
    result = methods.count(method, ballots_for(method, papers), papers.names, 1)
    assert result.winners == (0,)
    tied = _blt(1000, 1, "1 1=2=3 0")
    result = methods.count(method, ballots_for(method, tied), tied.names, 1)
    assert (result.winners, len(result.tied)) == ((), 1000 if method == "plurality" else 3)
