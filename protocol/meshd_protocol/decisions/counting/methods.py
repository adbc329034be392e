"""The table of counting methods: what a ballot looks like to each, how many seats it fills, which function counts."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from meshd_protocol.bodies.decisions import Form
from meshd_protocol.decisions.counting import (
    approval,
    equal_shares,
    irv,
    plurality,
    schulze,
    score,
    stv_meek,
    stv_scottish,
)
from meshd_protocol.decisions.counting.result import Result


class CountingMethod(NamedTuple):
    """`figure` says in words what an option's figure is. `several` tells whether it can fill several seats."""

    form: Form
    several: bool
    figure: str
    run: Callable[..., Result]


METHODS: dict[str, CountingMethod] = {
    "plurality": CountingMethod(Form.CHOICES, True, "votes", plurality.count),
    "approval": CountingMethod(Form.CHOICES, False, "approvals", approval.count),
    "block-approval": CountingMethod(Form.CHOICES, True, "approvals", approval.count),
    "score": CountingMethod(Form.SCORES, True, "points", score.count),
    "irv": CountingMethod(Form.RANKS, False, "first preferences", irv.count),
    "schulze": CountingMethod(Form.RANKS, False, "options beaten", schulze.count),
    "stv-scottish": CountingMethod(Form.RANKS, True, "first preferences", stv_scottish.count),
    "stv-meek": CountingMethod(Form.RANKS, True, "first preferences", stv_meek.count),
    "equal-shares": CountingMethod(Form.CHOICES, True, "approvals", equal_shares.count),
}
"""Every method by its name, as `meshd count --method` and a proposal's `method` give it."""


def problem(method: str, options: int, seats: int, costs: Sequence[int] = (), budget: int | None = None) -> str | None:
    """Why nothing can be counted so, or None."""
    found = METHODS.get(method)
    if found is None:
        return "its counting method is of a later version: this meshd needs an update"
    if options < 2:
        return "an election needs two different options or more"
    if seats < 1:
        return "nobody can be elected to no seat"
    if seats > 1 and not found.several:
        return f"{method} fills one seat"
    if (costs or budget is not None) and method != "equal-shares":
        return "only equal-shares spends a budget"
    if costs or budget is not None:
        if budget is None or len(costs) != options:
            return "a budget needs its sum, and the cost of each option"
        if not budget or not all(costs):
            return "a cost or a budget of nothing"
        if seats != 1:
            return "a budget has no seats"
        return None
    return f"{seats} seats are more than {options} options" if seats > options else None


def count(
    method: str,
    ballots: Sequence[tuple[int, Any]],
    names: Sequence[str],
    seats: int,
    *,
    costs: Sequence[int] = (),
    budget: int | None = None,
    lot: Sequence[int] = (),
) -> Result:
    """Count `ballots`, each (weight, choice in the method's form), by a method that has no `problem` with it."""
    if method == "equal-shares":
        return equal_shares.count(ballots, names, seats, lot, costs=costs, budget=budget)
    return METHODS[method].run(ballots, names, seats, lot)
