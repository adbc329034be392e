"""Section 6.7.1: what ties come to. How a count goes from stage to stage is the methods' part."""

import copy
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

MOST_WAYS = 64


class Elected(NamedTuple):
    """The end of a way."""

    options: frozenset[int]


class Tie(NamedTuple):
    """Several options, in the order in which their ways are followed; and which of them are alike (point 7)."""

    options: list[int]
    alike: list[frozenset[int]] = []  # noqa: RUF012  never changed


class Outcome(NamedTuple):
    """Who is elected, or None, and the options of the first tie."""

    elected: frozenset[int] | None
    tied: frozenset[int]


class TiedError(Exception):
    """The finding is a tie."""


class OrderMattersError(Exception):
    """Point 5: the count is done again without points 3 and 4."""


class Count:
    """A count on its way. It has what each option had at each stage, and the stages before which several went together."""

    def __init__(self, together: bool) -> None:
        self.together = together
        self.stages: list[dict[int, Any]] = []
        self.joint: set[int] = set()

    def state(self) -> Hashable:
        """Point 8; None for methods that have none."""
        return None

    def step(self) -> Elected | Tie | None:
        """Go on to the next stage, or say why not."""
        raise NotImplementedError

    def put(self, option: int) -> None:
        """Break the tie that `step` came to."""
        raise NotImplementedError

    def look_back(self, tied: Iterable[int], edge: Any) -> list[int]:
        """Those whom the latest stages at which they differ leave; `edge` is min or max."""
        left = sorted(tied)
        for n in reversed(range(len(self.stages))):
            votes = self.stages[n]
            left = [each for each in left if votes[each] == edge(votes[other] for other in left)]
            if len(left) == 1:
                break
            if n in self.joint and any(votes[each] > self.stages[n - 1][each] for each in left):
                raise OrderMattersError
        return left


class _Search:
    """All ways out of the ties of one count."""

    def __init__(self) -> None:
        self.first: frozenset[int] = frozenset()
        self.found: frozenset[int] | None = None
        self.followed = 1
        self.known: set[Hashable] = set()

    def go(self, count: Count, alike: list[frozenset[int]]) -> None:
        """Follow one way, and all that come of it."""
        while True:
            state = count.state()
            if self.first and state is not None:
                if state in self.known:
                    assert self.found is not None
                    return self.end(self.found, alike)
                self.known.add(state)
            event = count.step()
            if isinstance(event, Elected):
                return self.end(event.options, alike)
            if isinstance(event, Tie):
                break
        self.first = self.first or frozenset(event.options)
        groups = [*alike, *event.alike]
        twins = {each for group in event.alike for each in group if each != min(group)}
        for option in event.options:
            if option in twins:
                continue
            if self.followed == MOST_WAYS:
                raise TiedError
            self.followed += 1
            way = copy.deepcopy(count)
            way.put(option)
            self.go(way, groups)
        return None

    def end(self, elected: frozenset[int], alike: list[frozenset[int]]) -> None:
        if self.found not in (None, elected) or any(group & elected and group - elected for group in alike):
            raise TiedError
        self.found = elected


def settle(start: Count) -> Outcome:
    """Whom a count elects."""
    search = _Search()
    try:
        search.go(copy.deepcopy(start), [])
    except TiedError:
        return Outcome(None, search.first)
    except OrderMattersError:
        start.together = False
        return settle(start)
    return Outcome(search.found, search.first)
