"""Which mandate fills which post of a template. One mandate fills one: who pays and who confirms it are two."""

from collections.abc import Sequence

from meshd_protocol.bodies.actions import Mandate
from meshd_protocol.bodies.institutions import Post
from meshd_protocol.mandates import outside
from meshd_protocol.roles import same_role


def filled(expected: Sequence[Post], given: Sequence[Mandate]) -> list[int | None]:
    """For each post the place of the mandate that fills it, each filling one at most: one of that role, else the one
    of the fewest powers that grants all that it needs.
    """
    found: list[int | None] = [None] * len(expected)
    for by_role in (True, False):
        for at, post in enumerate(expected):
            free = [n for n, each in enumerate(given) if n not in found and fits(post, each)]
            free = [n for n in free if not by_role or same_role(post.role, given[n].role)]
            if found[at] is None and free:
                found[at] = min(free, key=lambda n: len(given[n].powers))
    return found


def fits(post: Post, mandate: Mandate) -> bool:
    """Whether a mandate grants all that a post needs."""
    return all(not outside(mandate, power) for power in post.powers)
