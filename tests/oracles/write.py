"""Writes `tests/vectors/oracles.json`: what independent libraries elect on random ballots. The tests read the file, so
that nobody needs these libraries (they bring a gigabyte) to run them.

`pip install pyrankvote votekit pref-voting abcvoting`, then `python tests/oracles/write.py`. Cases in which a library
breaks a tie by chance are left out.
"""

import json
import random
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import pyrankvote
from abcvoting import abcrules
from abcvoting.preferences import Profile as ApprovalProfile
from pref_voting import voting_methods
from pref_voting.grade_methods import score_voting
from pref_voting.grade_profiles import GradeProfile
from pref_voting.profiles import Profile
from votekit import elections
from votekit.ballot import RankBallot
from votekit.pref_profile import RankProfile

warnings.simplefilter("ignore")
TARGET = Path(__file__).parent.parent / "vectors" / "oracles.json"
CASES = 40


def complete(rng, options, ballots):
    """Weighted strict rankings of all options."""
    return [(rng.randint(1, 9), rng.sample(range(options), options)) for _ in range(ballots)]


def truncated(rng, options, ballots):
    return [(weight, order[: rng.randint(1, options)]) for weight, order in complete(rng, options, ballots)]


def schulze(ballots, options):
    return sorted(voting_methods.beat_path(Profile([order for _, order in ballots], [weight for weight, _ in ballots])))


def irv(ballots, options):
    """Both libraries, where every way out of ties elects the same."""
    put = voting_methods.instant_runoff_put(Profile([order for _, order in ballots], [weight for weight, _ in ballots]))
    return sorted(put) if len(put) == 1 else None


def pyrankvote_irv(ballots, options):
    people = [pyrankvote.Candidate(str(option)) for option in range(options)]
    papers = [
        pyrankvote.Ballot([people[option] for option in order]) for weight, order in ballots for _ in range(weight)
    ]
    found = {int(pyrankvote.instant_runoff_voting(people, papers).get_winners()[0].name) for _ in range(5)}
    return sorted(found) if len(found) == 1 else None


def stv(ballots, options, seats):
    """Whom votekit elects at once and one by one, and pyrankvote, where all agree: Gregory transfers in variants."""
    profile = RankProfile(
        ballots=tuple(
            RankBallot(ranking=[{f"c{option}"} for option in order], weight=weight) for weight, order in ballots
        ),
        candidates=tuple(f"c{option}" for option in range(options)),
    )
    found = set()
    for simultaneous in (True, False, True, False):
        election = elections.STV(profile, n_seats=seats, simultaneous=simultaneous, tiebreak="random")
        found.add(tuple(sorted(int(name[1:]) for group in election.get_elected() for name in group)))
    people = [pyrankvote.Candidate(str(option)) for option in range(options)]
    papers = [
        pyrankvote.Ballot([people[option] for option in order]) for weight, order in ballots for _ in range(weight)
    ]
    for _ in range(3):
        won = pyrankvote.single_transferable_vote(people, papers, seats).get_winners()
        found.add(tuple(sorted(int(each.name) for each in won)))
    return list(found.pop()) if len(found) == 1 else None


def equal_shares(ballots, options, seats):
    """Every committee that the method may elect, without completion."""
    profile = ApprovalProfile(options)
    for weight, chosen in ballots:
        for _ in range(weight):
            profile.add_voter(set(chosen))
    found = abcrules.compute(
        "equal-shares", profile, committeesize=seats, algorithm="standard-fractions", resolute=False,
        completion=None,
    )  # fmt: skip
    return sorted(sorted(committee) for committee in found)


def scores(ballots, options):
    profile = GradeProfile([dict(given) for _, given in ballots], list(range(11)), [weight for weight, _ in ballots])
    return sorted(int(each) for each in score_voting(profile))


def main():
    rng = random.Random(20261122)
    cases = []

    def note(method, options, seats, ballots, elected):
        if elected is not None:
            cases.append({"method": method, "options": options, "seats": seats, "ballots": ballots, "elected": elected})

    for _ in range(CASES):
        options, many = rng.randint(2, 7), rng.randint(2, 30)
        ballots = complete(rng, options, many)
        note("schulze", options, 1, ballots, schulze(ballots, options))
        note("irv", options, 1, ballots, irv(ballots, options))
        partial = truncated(rng, options, many)
        note("irv", options, 1, partial, pyrankvote_irv(partial, options))
        seats = rng.randint(1, max(1, options - 1))
        note("stv", options, seats, ballots, stv(ballots, options, seats))
        approved = [(rng.randint(1, 5), sorted(rng.sample(range(options), rng.randint(1, options)))) for _ in range(8)]
        note("equal-shares", options, seats, approved, equal_shares(approved, options, seats))
        graded = [(rng.randint(1, 5), [[option, rng.randint(0, 10)] for option in range(options)]) for _ in range(many)]
        note("score", options, 1, graded, scores(graded, options))
    libraries = {name: version(name) for name in ("pyrankvote", "votekit", "pref-voting", "abcvoting")}
    TARGET.write_text(json.dumps({"libraries": libraries, "cases": cases}, separators=(",", ":")) + "\n")
    print(f"{len(cases)} cases in {TARGET}", file=sys.stderr)


if __name__ == "__main__":
    main()
