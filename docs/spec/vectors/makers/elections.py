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
]


def make() -> dict[str, Any]:
    """Polls by method."""
    rows = []
    for name, method, ballots, options, seats in _CASES:
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
