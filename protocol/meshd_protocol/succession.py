"""Which of several decisions on one thing holds: a policy, the charter, the witnesses, a member's witness device.

Each names what it takes the place of. While several are left that nothing replaces, the last one that is common to all
holds (design: decisions, "Rosters"): two lines that amended one thing each in its own way go back to where they parted,
until a decision names both.
"""

from collections.abc import Collection, Mapping


def holding(entries: Mapping[bytes, Collection[bytes]]) -> bytes | None:
    """The id that holds among `entries` (id to the ids that it replaces); None: what was there before all of them.

    Ids that are not among the entries are passed over. A record can only name older ones, so there is no cycle.
    """
    every: dict[bytes, frozenset[bytes]] = {}
    parents = {each: frozenset(replaces) & entries.keys() - {each} for each, replaces in entries.items()}
    waiting = set(entries)
    while ready := [each for each in waiting if parents[each] <= every.keys()]:  # older ones first
        for each in ready:
            every[each] = parents[each].union(*(every[parent] for parent in parents[each]))
        waiting.difference_update(ready)
    assert not waiting, "a record names only older ones"
    left = _unreplaced(set(entries), every)
    while len(left) > 1:
        common = frozenset[bytes].intersection(*(every[each] for each in left))
        left = _unreplaced(set(common), every)
    return next(iter(left), None)


def _unreplaced(among: set[bytes], ancestors: Mapping[bytes, frozenset[bytes]]) -> set[bytes]:
    return among - frozenset[bytes]().union(*(ancestors[each] for each in among))
