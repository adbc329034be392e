"""lots.json: what is drawn, and by whom it is stopped; who calls whom in an alarm; payments that are marked."""

from typing import Any

from makers.common import drawn
from meshd_protocol import lots
from meshd_protocol.lots import Commit, Reveal
from meshd_protocol.trees import tree

DRAW, ALARM = drawn("a draw"), drawn("an alarm")
DRAWERS = [drawn(f"drawer {n}") for n in range(3)]
POOL = [drawn(f"member {n}") for n in range(7)]


def _commit(drawer: bytes, name: str) -> Commit:
    return Commit(drawn(f"commit {name}"), drawer, lots.commitment(DRAW, drawer, drawn(f"secret {name}")))


def _draws() -> list[tuple[str, list[Commit], list[Reveal]]]:
    commits = [_commit(each, str(n)) for n, each in enumerate(DRAWERS)]
    chosen = frozenset(each.id for each in commits)
    reveals = [Reveal(each, drawn(f"secret {n}"), chosen) for n, each in enumerate(DRAWERS)]
    twice = _commit(DRAWERS[2], "again")
    other = frozenset([commits[0].id, commits[1].id, twice.id])
    again = Reveal(DRAWERS[2], drawn("secret again"), other)
    stranger = _commit(drawn("stranger"), "stranger")
    return [
        ("all have revealed", commits, reveals),
        ("one is silent", commits, reveals[:2]),
        ("nobody has revealed", commits, []),
        ("a commit is missing", commits[:2], reveals),
        ("a secret that fits no commit", commits, [*reveals[:2], reveals[2]._replace(opened=drawn("another"))]),
        (
            "two commits, shown to two halves",
            [*commits, twice],
            [reveals[0], reveals[1]._replace(commits=other), again],
        ),
        ("two commits, and one set for which all reveal", [*commits, twice], [*reveals, again]),
        (
            "all reveal for the other set",
            [*commits, twice],
            [*(each._replace(commits=other) for each in reveals[:2]), again],
        ),
        (
            "a stranger's commit in the set",
            [*commits, stranger],
            [each._replace(commits=chosen | {stranger.id}) for each in reveals],
        ),
        (
            "all drawers are traitors: two sets",
            [*commits, twice],
            [*reveals, *(each._replace(commits=other) for each in reveals[:2]), again],
        ),
    ]


def _draw(name: str, commits: list[Commit], reveals: list[Reveal]) -> dict[str, Any]:
    found = lots.seeds(DRAW, DRAWERS, commits, reveals)
    return {
        "name": name,
        "draw": DRAW,
        "drawers": DRAWERS,
        "pool": POOL,
        "commits": [each._asdict() for each in commits],
        "reveals": [
            {"drawer": each.drawer, "secret": each.opened, "commits": sorted(each.commits)} for each in reveals
        ],
        "seeds": found,
        "lists": [lots.listed(each, POOL) for each in found],
    }


def _tree(count: int) -> dict[str, Any]:
    members = POOL[:count]
    found = tree(ALARM, members, members[0])
    return {
        "name": f"{count} members",
        "alarm": ALARM,
        "giver": members[0],
        "members": members,
        "calls": [[each, sorted(found[each].calls)] for each in members],
    }


def make() -> dict[str, Any]:
    """The file."""
    return {
        "about": "Lots: the seeds and lists that commits and reveals come to. Alarms: who calls whom.",
        "sections": ["6.13"],
        "contexts": [
            {"name": name, "context_bytes": getattr(lots.contexts, name)}
            for name in ("TREE", "LOT_COMMIT", "LOT_SEED", "LOT_PLACE", "LOT_SECRET")
        ],
        "draws": [_draw(*each) for each in _draws()],
        "trees": [_tree(count) for count in (1, 2, 3, 7)],
    }
