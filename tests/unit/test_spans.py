"""Spans: the rule, modelled with traitors, partitions and several openings; mutants that must be caught."""

from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from meshd_protocol.decisions.certified import bound, quorum
from meshd_protocol.spans import is_open

SPAN_H = 72
HOUR_MS = 3_600_000


def test_a_span_is_open_from_the_first_opening_for_as_long_as_it_lasts():
    assert not is_open([], 5, 72)
    assert not is_open([10], 5, 72), "not before it was stored"
    assert is_open([10], 10, 72)
    assert is_open([10], 72_010, 72)
    assert not is_open([10], 72_011, 72)
    assert not is_open([10, 50_000], 72_011, 72), "a later opening prolongs nothing"
    assert is_open([50_000, 10], 72_010, 72)


class World(NamedTuple):
    """True times in hours, which nobody knows: when each witness stores openings, and attests each result (or never)."""

    witnesses: int
    traitors: set[int]
    openings: list[list[int]]
    results: list[list[int | None]]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    count = draw(st.sampled_from([3, 4, 5, 6, 7, 10]))
    traitors = set(draw(st.lists(st.integers(0, count - 1), max_size=bound(count), unique=True)))
    late = st.sampled_from([0, 0, 1, 5, 30, 60, 100, 130])  # most hear together, some by stick
    openings = [[draw(late) for _ in range(draw(st.integers(1, 2)))] for _ in range(count)]
    results: list[list[int | None]] = []
    for _ in range(draw(st.integers(2, 3))):
        put = draw(st.sampled_from([0, 40, 70, 75, 100, 140]))
        here = draw(st.sets(st.integers(0, count - 1)))  # an island, or everybody
        results.append([put + draw(st.integers(0, 5)) if n in here or len(here) < 2 else None for n in range(count)])
    return World(count, traitors, openings, results)


def _attests(openings: list[int], at: int | None, mutant: str) -> bool:
    if at is None:
        return False
    stored = [each * HOUR_MS for each in openings]
    if mutant == "from the latest opening":
        heard = [each for each in stored if each <= at * HOUR_MS]
        return bool(heard) and at * HOUR_MS - max(heard) <= SPAN_H * HOUR_MS
    if mutant == "before it is opened":
        return at * HOUR_MS - min(stored) <= SPAN_H * HOUR_MS
    return is_open(stored, at * HOUR_MS, SPAN_H * 3600)


def _needed(witnesses: int, mutant: str) -> int:
    if mutant == "as many as an act needs":
        return max(2, bound(witnesses) + 1)
    return witnesses // 2 + 1 if mutant == "a simple majority" else quorum(witnesses)


def _holds(world: World, mutant: str = "") -> bool:
    """Whether the promises of 6.12.3 hold, and how often anything was certified."""
    honest = [n for n in range(world.witnesses) if n not in world.traitors]
    certified: list[dict[int, int]] = []
    for result in world.results:
        by = {n: at for n in honest if (at := result[n]) is not None and _attests(world.openings[n], at, mutant)}
        if len(by) + len(world.traitors) >= _needed(world.witnesses, mutant):
            certified.append(by)
    for one in certified:
        for two in certified:
            both = set(one) & set(two)
            assert both, "two results without an honest witness in common"
            assert all(abs(one[n] - two[n]) <= SPAN_H for n in both), "prolonged"
    ends = sorted(min(world.openings[n]) + SPAN_H for n in honest)
    over = ends[(len(honest) + 1) // 2 - 1]
    for by in certified:
        assert any(at <= over for at in by.values()), "certified after half had measured it out"
    for by in certified:
        assert all(at >= min(world.openings[n]) for n, at in by.items()), "attested before it was opened"
    return bool(certified)


def _campaign(mutant: str = "") -> int:
    seen = [0]

    @settings(
        max_examples=600, deadline=None, database=None, derandomize=True, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(worlds())
    def run(world: World) -> None:
        seen[0] += _holds(world, mutant)

    run()
    return seen[0]


def test_a_span_dissolves_and_nobody_prolongs_it():
    assert _campaign() > 100, "something is certified in many of these worlds"


@pytest.mark.parametrize(
    "mutant", ["from the latest opening", "before it is opened", "as many as an act needs", "a simple majority"]
)
def test_mutants_are_caught(mutant):
    with pytest.raises(AssertionError):
        _campaign(mutant)
