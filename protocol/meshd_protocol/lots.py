"""The lot: commit, then reveal for one set of commits; no reveal, no lot (specification, section 6.13).

A lot is drawn once every drawer has revealed for the same set of commits, one of each. With one honest drawer it is the
only one, and nobody knew it before. Who reveals last can stop it, at the price of their name.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from meshd_crypto.hashing import digest
from meshd_protocol import contexts

DRAW, COMMIT, REVEAL, STRUCK = "draw", "commit", "reveal", "struck"
"""The rules that forms of a lot name."""

POWER = "draw"
"""What a drawer's mandate grants."""

FEWEST, MOST = 3, 9
"""Drawers of one draw."""

ONE_IN = 5
"""Of so many people one at most is left out as close to the parties."""

STRIKES = 2
"""People whom each side strikes."""


class Commit(NamedTuple):
    """A commit by its entry: whose, and to what."""

    id: bytes
    drawer: bytes
    hash: bytes


class Reveal(NamedTuple):
    """What a drawer opened, their secret, for a set of commits."""

    drawer: bytes
    opened: bytes
    commits: frozenset[bytes]


def commitment(draw: bytes, drawer: bytes, secret: bytes) -> bytes:
    """What a drawer commits to."""
    return digest(contexts.LOT_COMMIT, draw, drawer, secret)


def problem(drawers: Collection[bytes], people: Collection[bytes], left_out: Collection[bytes]) -> str | None:
    """Why nothing is drawn by a draw, in the roster that it pins; None if something may be."""
    if not FEWEST <= len(drawers) <= MOST:
        return f"a lot has {FEWEST} to {MOST} drawers, and here are {len(drawers)}"
    if ONE_IN * len(set(left_out) & set(people)) > len(people):
        return f"it leaves out more than one of {ONE_IN}"
    return None


def seeds(draw: bytes, drawers: Collection[bytes], commits: Iterable[Commit], reveals: Iterable[Reveal]) -> list[bytes]:
    """The seeds that all drawers revealed for one set of commits: none yet, or one, unless all drawers are traitors."""
    known = {each.id: each for each in commits if each.drawer in drawers}
    order = sorted(drawers)
    by_set: dict[frozenset[bytes], dict[bytes, set[bytes]]] = {}
    for each in reveals:
        by_set.setdefault(each.commits, {}).setdefault(each.drawer, set()).add(each.opened)
    found: set[bytes] = set()
    for chosen, revealed in by_set.items():
        mine = {known[each].drawer: known[each].hash for each in chosen if each in known}
        if len(chosen) != len(order) or sorted(mine) != order:
            continue
        fitting = [
            [each for each in sorted(revealed.get(drawer, ())) if commitment(draw, drawer, each) == mine[drawer]]
            for drawer in order
        ]
        found.update(digest(contexts.LOT_SEED, draw, *secrets) for secrets in itertools.product(*fitting))
    return sorted(found)


def listed(seed: bytes, pool: Iterable[bytes]) -> list[bytes]:
    """The pool in the order of the lot."""
    return sorted(pool, key=lambda member: digest(contexts.LOT_PLACE, seed, member))


def panel(order: Iterable[bytes], gone: Collection[bytes], seats: int) -> list[bytes]:
    """Who is on it: the first of the list who were not struck and did not decline."""
    return [each for each in order if each not in gone][:seats]


def chosen_commits(drawers: Collection[bytes], commits: Iterable[Commit]) -> Mapping[bytes, bytes] | None:
    """The first commit of each drawer, in the order in which they came; None while one has none."""
    first: dict[bytes, bytes] = {}
    for each in commits:
        if each.drawer in drawers:
            first.setdefault(each.drawer, each.id)
    return first if len(first) == len(drawers) else None
