"""The communication tree of an alarm: who calls whom, the same on every node (specification, section 6.13).

Two orders of the members, each read as a tree of two branches: so everybody has two who call them, and four at most to
call. One traitor is one path of two.
"""

from collections.abc import Collection
from typing import NamedTuple

from meshd_crypto.hashing import digest
from meshd_protocol import contexts

HEARD = "heard"
"""The rule that a form names by which people say that an alarm reached them."""

ORDERS = (1, 2)
_BRANCHES = 2


class Calls(NamedTuple):
    """Whom one member calls, and who calls them."""

    calls: frozenset[bytes]
    callers: frozenset[bytes]


def tree(alarm: bytes, members: Collection[bytes], giver: bytes) -> dict[bytes, Calls]:
    """For each member whom they call and who calls them. Who gave the alarm calls those at the top."""
    calls: dict[bytes, set[bytes]] = {each: set() for each in members}
    callers: dict[bytes, set[bytes]] = {each: set() for each in members}
    for number in ORDERS:
        places = {each: digest(contexts.TREE, alarm, bytes([number]), each) for each in members}
        order = sorted(members, key=lambda member, places=places: places[member])  # type: ignore[misc]
        for place, member in enumerate(order):
            parent = order[(place - 1) // _BRANCHES] if place else giver
            if parent == member or parent not in calls:
                continue
            calls[parent].add(member)
            callers[member].add(parent)
    return {each: Calls(frozenset(calls[each]), frozenset(callers[each])) for each in members}


def orphans(found: dict[bytes, Calls], heard: Collection[bytes]) -> set[bytes]:
    """Who has not heard, and is called by nobody who has."""
    return {each for each, own in found.items() if each not in heard and not own.callers & set(heard)}
