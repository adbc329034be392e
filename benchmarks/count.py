"""How long does a real ward take to count? Ten candidates, 5,801 ballots, by Scottish STV, against two libraries.

votekit is not among the packages for development, since it brings half a gigabyte: `pip install votekit` measures it.
pyrankvote, which transfers by whole piles, is quick: against it, it is enough not to be slower.
"""

import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks.measure import LackingError, Measure, in_turn
from meshd_protocol.decisions.counting import stv_scottish
from meshd_protocol.papers.ballots import Papers
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
    return measures


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
