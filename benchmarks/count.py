"""How long does a real ward take to count, and how long what is far beyond one? Ten candidates and 5,801 ballots by
Scottish STV, against two libraries; and 3,000 ballots on 250 options by each method, against ten seconds.

votekit is not among the packages for development, since it brings half a gigabyte: `pip install votekit` measures it.
pyrankvote, which transfers by whole piles, is quick: against it, it is enough not to be slower.
"""

import random
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks.measure import LackingError, Measure, in_turn
from meshd_protocol.decisions.counting import methods, stv_scottish
from meshd_protocol.papers.ballots import Papers, ballots_for
from meshd_protocol.papers.blt import read_blt

WARD = Path(__file__).parent.parent / "tests" / "vectors" / "elections" / "dundee-2017-ward2.blt"


def run(*, quick: bool) -> list[Measure]:
    """Seconds from the papers in memory to the elected, over those of each library from its own."""
    papers = read_blt(WARD.read_bytes())
    try:
        library = import_module("pyrankvote")
    except ImportError as error:
        raise LackingError("this benchmark is held against pyrankvote: `pip install pyrankvote`") from error
    people = [library.Candidate(name) for name in papers.names]
    theirs = [
        library.Ballot([people[option] for (option,) in ranks])
        for weight, ranks in papers.ballots
        for _ in range(weight)
    ]

    def ours() -> float:
        begun = time.perf_counter()
        result = stv_scottish.count(papers.ballots, papers.names, papers.seats)
        took = time.perf_counter() - begun
        assert len(result.winners) == papers.seats
        return took

    def library_s() -> float:
        begun = time.perf_counter()
        library.single_transferable_vote(people, theirs, papers.seats).get_winners()
        return time.perf_counter() - begun

    rounds = 5 if quick else 15
    value, reference = in_turn(ours, library_s, rounds)
    measures = [Measure("count over pyrankvote", value, "s", reference, 1.0, at_most=True)]
    votekit = _votekit(papers)
    if votekit is not None:
        value, reference = in_turn(ours, votekit, 3 if quick else rounds)
        measures.append(Measure("count", value, "s", reference, 0.2, at_most=True))
    return measures + [_many(method, quick=quick) for method in methods.METHODS]


def _many(method: str, *, quick: bool) -> Measure:
    """Seconds of a method for thousands of ballots on 250 options, the slowest of several kinds, over ten."""
    slowest = 0.0
    for kind in (_SHORT,) if quick else (_SHORT, _FULL, _SHARED):
        papers = _papers(kind)
        ballots = ballots_for(method, papers)
        for seats in (1, 10) if methods.METHODS[method].several else (1,):
            begun = time.perf_counter()
            methods.count(method, ballots, papers.names, seats)
            slowest = max(slowest, time.perf_counter() - begun)
    return Measure(f"{method}: 3,000 ballots, 250 options", slowest, "s", 10.0, 1.0, at_most=True)


_SHORT, _FULL, _SHARED = (1, 20, 1), (250, 250, 1), (1, 20, 3)
"""Kinds of papers: at least and at most so many options, and as many in a rank."""


def _papers(kind: tuple[int, int, int]) -> Papers:
    """Papers on which some options are ranked more often than others, and many are tied with few votes."""
    least, most, sharing = kind
    rng = random.Random(250)
    ballots = []
    for _ in range(3000):
        # The weight of an option falls with its number: sorting by a random time over it draws without putting back.
        order = sorted(range(250), key=lambda option: rng.expovariate(1) * (1 + option))
        order = order[: rng.randint(least, most)]
        ranks = []
        while order:
            size = rng.randint(1, sharing)
            ranks.append(tuple(sorted(order[:size])))
            order = order[size:]
        ballots.append((1, tuple(ranks)))
    return Papers("", tuple(f"Option {option}" for option in range(250)), 1, tuple(ballots))


def _votekit(papers: Papers) -> Callable[[], float] | None:
    """Seconds of votekit's STV; None where it is not installed."""
    try:
        elections = import_module("votekit.elections")
        ballot = import_module("votekit.ballot").RankBallot
        profile = import_module("votekit.pref_profile").RankProfile
    except ImportError:
        return None
    theirs = profile(
        ballots=tuple(
            ballot(ranking=[{papers.names[option]} for (option,) in ranks], weight=weight)
            for weight, ranks in papers.ballots
            if ranks
        ),
        candidates=papers.names,
    )

    def timed() -> float:
        begun = time.perf_counter()
        elections.STV(theirs, n_seats=papers.seats).get_elected()
        return time.perf_counter() - begun

    return timed
