"""elections.json: small polls, and whom each method elects."""

from typing import Any

from meshd_protocol.decisions.counting.methods import count, problem

_CHOICES = [(5, (0,)), (4, (1, 2)), (3, (1,)), (2, (2,)), (1, ())]
_RANKS = [(9, ((0,), (1,), (2,))), (6, ((1,), (2,), (0,))), (4, ((2,), (1,), (0,))), (2, ((3,), (2,)))]
_CYCLE = [(4, ((0,), (1,), (2,))), (3, ((1,), (2,), (0,))), (2, ((2,), (0,), (1,)))]
_EQUAL = [(5, ((0, 1), (2,))), (4, ((2,), (3,))), (3, ((3,), (1,)))]
_TIE = [(2, ((0,),)), (2, ((1,),))]
_SCORES = [(3, ((0, 10), (1, 6))), (2, ((1, 9), (2, 10))), (1, ())]
_WIDE = [(30, ((0,), (1,), (2,), (3,))), (12, ((1,), (2,))), (10, ((2,), (3,))), (7, ((3,), (4,))), (5, ((4,), (3,)))]

_CASES: list[tuple[str, str, list[Any], int, int]] = [
    ("the most named", "plurality", _CHOICES[:1] + _CHOICES[2:], 3, 1),
    ("two seats", "plurality", _CHOICES[:1] + _CHOICES[2:], 3, 2),
    ("a tie", "plurality", [(2, (0,)), (2, (1,))], 3, 1),
    ("a tie beyond the seats is none", "plurality", [(3, (0,)), (3, (1,)), (1, (2,))], 3, 2),
    ("nobody is named", "plurality", [(2, ())], 2, 1),
    ("the most approved", "approval", _CHOICES, 3, 1),
    ("the two most approved", "block-approval", _CHOICES, 3, 2),
    ("a tie for the last seat", "block-approval", [(3, (0,)), (2, (1,)), (2, (2,))], 3, 2),
    ("sums", "score", _SCORES, 3, 1),
    ("two by sums", "score", _SCORES, 3, 2),
    ("whom nobody beats", "schulze", _RANKS, 4, 1),
    ("a cycle", "schulze", _CYCLE, 3, 1),
    ("a tie", "schulze", _TIE, 2, 1),
    ("equal ranks", "schulze", _EQUAL, 4, 1),
    ("rounds", "irv", _RANKS, 4, 1),
    ("equal ranks in equal parts", "irv", _EQUAL, 4, 1),
    ("a tie at the end", "irv", _TIE, 2, 1),
    ("a tie that an earlier stage breaks", "irv", [(5, ((0,),)), (4, ((1,),)), (3, ((2,),)), (1, ((3,), (2,)))], 4, 1),
    (
        "several ways out of a tie that elect the same",
        "irv",
        [(5, ((0,),)), (1, ((1,), (0,))), (1, ((2,), (0,)))],
        3,
        1,
    ),
    ("a surplus", "stv-scottish", _WIDE, 5, 2),
    ("three seats", "stv-scottish", _WIDE, 5, 3),
    ("equal ranks", "stv-scottish", _EQUAL, 4, 2),
    ("a tie", "stv-scottish", _TIE, 2, 1),
    ("a surplus", "stv-meek", _WIDE, 5, 2),
    ("three seats", "stv-meek", _WIDE, 5, 3),
    ("equal ranks", "stv-meek", _EQUAL, 4, 2),
    ("a tie", "stv-meek", _TIE, 2, 1),
    ("two seats", "equal-shares", _CHOICES, 3, 2),
]
_BUDGETS: list[tuple[str, list[Any], tuple[int, ...], int]] = [
    ("all that can be paid for", _CHOICES, (300, 200, 400), 600),
    ("what is left is spent by approvals", _CHOICES, (500, 500, 500), 1000),
    ("nothing can be paid for", _CHOICES, (900, 900, 900), 600),
    ("a blank ballot has a share", [(2, (1,)), (3, (0, 2)), (1, (0,)), (3, ())], (4, 2, 2), 4),
]
_LEVELS = [(1, (2,)), (2, (3, 4, 5)), (3, (6, 7, 8, 9, 10))]
_PAIRS = [((1, 5),), ((6, 7),), ((3, 5),), ((4, 7),), ((2, 3),), ((0, 4),), ((1, 2),), ((0, 6),)]
_BLANK = [(4, ((3,), (1,), (0,))), (2, ((3,), (2,), (0,))), (1, ((2,), (0,))), (1, ((0,), (2,), (1,))), (5, ())]
_TIES: list[tuple[str, str, list[Any], int, int]] = [
    ("several go as a group", "irv", [(9, ((0,),)), (7, ((1,),)), (1, ((2,), (3,), (1,))), (1, ((3,), (2,)))], 4, 1),
    (
        "whoever stays wins",
        "irv",
        [(5, ((0,),)), (3, ((1,), (2,), (3,))), (2, ((2,), (3,))), (2, ((3,), (2,)))],
        4,
        1,
    ),
    (
        "of equal surpluses the order matters",
        "stv-scottish",
        [(8, ((0,), (4,), (2,))), (8, ((1,), (4,), (3,))), (4, ((4,),)), (1, ((2,),)), (2, ((3,),))],
        5,
        4,
    ),
    (
        "equal surpluses that go together",
        "stv-scottish",
        [(10, ((0,), (2,))), (10, ((1,), (3,))), (5, ((2,),)), (4, ((3,),))],
        4,
        3,
    ),
    (
        "a group whose papers are divided between others, or parts of ranks",
        "stv-scottish",
        [
            (1, ((4,), (0, 6), (5,), (2,), (1,), (7,), (3,))),
            (1, ((4,), (0, 6), (1,), (2,), (5,), (7,), (3,))),
            *((1, ranks) for ranks in _PAIRS),
        ],
        8,
        1,
    ),
    ("blank ballots are in no quota", "stv-scottish", _BLANK, 4, 2),
    (
        "61 ways that elect the same",
        "stv-meek",
        [
            (18, ((0,),)),
            (10, ((1,),)),
            *((level, ((n,),)) for level in (1, 2, 3) for n in range(4 * level - 2, 4 * level + 2)),
        ],
        14,
        2,
    ),
    (
        "64 ways, the beginning among them, and others are left",
        "stv-meek",
        [(15, ((0,),)), (7, ((1,),)), *((votes, ((n,),)) for votes, level in _LEVELS for n in level)],
        11,
        2,
    ),
    (
        "a surplus that stays above the bound for 2,000 steps",
        "stv-meek",
        [(10**9, ((0,), (1,))), (1, ((2,),)), (1, ((3,),))],
        4,
        3,
    ),
    ("nobody of two is short", "equal-shares", [(3, (0, 1)), (3, (1, 2)), (3, (2, 0)), (1, (3,))], 4, 3),
]


def make() -> dict[str, Any]:
    """Polls by method."""
    rows = []
    for name, method, ballots, options, seats in _CASES + _TIES:
        rows.append(_row(name, method, ballots, options, seats))
    for name, ballots, costs, budget in _BUDGETS:
        rows.append(_row(name, "equal-shares", ballots, len(costs), 1, costs, budget))
    return {"about": "Polls, and whom each method elects.", "sections": ["6.7"], "elections": rows}


def _row(
    name: str, method: str, ballots: list[Any], options: int, seats: int, costs: tuple[int, ...] = (),
    budget: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    assert problem(method, options, seats, costs, budget) is None
    found = count(method, ballots, [str(n) for n in range(options)], seats, costs=costs, budget=budget)
    return {
        "name": f"{method}: {name}", "method": method, "options": options, "seats": seats, "costs": costs,
        "budget": budget, "ballots": ballots, "elected": None if found.tied else sorted(found.winners),
    }  # fmt: skip
