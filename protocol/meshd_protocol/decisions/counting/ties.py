"""Ties: what a lot says, whether a tie decides anything, and what is tried where reasoning ends.

A tie is never broken by a hash, an id or the order of options, which can be ground or chosen: it is broken by a lot
that people drew, or not at all. A tie that makes no difference is none. A method tells first, by reasoning over the
tied, what is the same in whichever order they go (a group that can't reach anybody else goes as a whole). Where that
does not settle it, the ways out of the tie are followed, each from where the tie came up, at most 64 in a count.
"""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

from meshd_protocol.decisions.counting.result import Result, Round, Sheet

_WAYS = 64
"""Ways out of ties that are followed, up to the next tie or the end, before a tie is called one."""

Number = int | Fraction


class UndecidedError(Exception):
    """A tie that nobody has drawn a lot for. `ways` has the options to choose from, in the order they are tried."""

    def __init__(self, tied: Sequence[int], ways: Sequence[int]) -> None:
        super().__init__(tied)
        self.tied = tuple(tied)
        self.ways = tuple(ways)


class PassedOverError(Exception):
    """A tie would be broken by a stage that was passed over, in which the order of options is not known."""


class MetError(Exception):
    """A way has come to where one was before, and goes on as that one did."""


class Lot:
    """What breaks ties in one way through a count: the lot that was drawn; then the choice that this way takes next.

    `together` tells whether groups may go as a whole, and `passed` whether any did. Ways that come out of ties remember
    where they have been: when one comes there again, all that follows was followed before, and elects the same. Where
    ties look back at earlier stages this spares time alone: a tie that splits has looked back at all of them, so that
    no place before it is remembered, and from one that is there goes one way.
    """

    def __init__(self, drawn: Sequence[int] = (), *, together: bool = True) -> None:
        self.order = {option: place for place, option in enumerate(drawn)}
        self.together = together
        self.passed = False
        self.choice: int | None = None
        self.been: set[Hashable] | None = None
        self.trail: list[tuple[int, Hashable]] = []

    def taking(self, choice: int) -> "Lot":
        """The same, for a way that takes `choice` at its next tie."""
        other = Lot(together=self.together)
        other.order, other.passed, other.choice = self.order, self.passed, choice
        if self.been is None:
            self.been = set()
        other.been, other.trail = self.been, list(self.trail)
        return other

    def comes_to(self, place: Hashable, stages: int = 0) -> None:
        """Remember a place: all that the rest of the count depends on, but for what a tie finds at earlier stages than
        the last of `stages`. Raises MetError where one was before."""
        if self.been is None or self.choice is not None:
            return
        if place in self.been:
            raise MetError
        self.been.add(place)
        self.trail.append((stages, place))

    def looks_back(self, stages: int) -> None:
        """A tie looked at the last of the first `stages` stages: what comes after later places depends on more."""
        while self.been is not None and self.trail and self.trail[-1][0] > stages:
            self.been.discard(self.trail.pop()[1])

    def favoured(self, tied: Collection[int]) -> int | None:
        """Which of several tied options the lot puts first; whom it leaves out stand behind."""
        drawn = [option for option in tied if option in self.order]
        return min(drawn, key=self.order.__getitem__) if drawn else None

    def unlucky(self, tied: Collection[int]) -> list[int]:
        """Who is left of the tied, for one to go out, when those that the lot favours stay."""
        left = sorted(tied)
        while len(left) > 1 and (stays := self.favoured(left)) is not None:
            left.remove(stays)
        return left

    def chosen(self) -> int | None:
        """The choice of this way, once."""
        choice, self.choice = self.choice, None
        return choice

    def first(self, tied: Sequence[int]) -> int:
        """Which of several tied options comes first. Raises UndecidedError where nothing says it."""
        found = self.favoured(tied)
        if found is None:
            found = self.chosen()
        if found is None:
            raise UndecidedError(tied, tied)
        return found


class Way(Protocol):
    """One way through a count, as far as it has come."""

    sheet: Sheet
    lot: Lot

    def run(self) -> Sequence[int]:
        """The elected. Raises UndecidedError at a tie, and then stands before it."""
        ...

    def fork(self, choice: int) -> "Way":
        """Another way from here on, which takes `choice` at the tie."""
        ...

    def splits(self, winners: Collection[int]) -> bool:
        """Whether the winners show a tie: options that nobody told apart, of which only some are elected."""
        ...


def counted(
    names: Sequence[str], figures: tuple[int, ...], begin: Callable[[Sheet, Lot], Way], lot: Sequence[int] = ()
) -> Result:
    """Count along every way out of ties that make a difference. `lot` has the favoured options first."""
    try:
        return _follow(figures, begin(Sheet(names), Lot(lot)))
    except PassedOverError:
        return _follow(figures, begin(Sheet(names), Lot(lot, together=False)))


def _follow(figures: tuple[int, ...], begin: Way) -> Result:
    waiting: list[tuple[Way, int | None]] = [(begin, None)]
    done: Result | None = None
    stuck: Result | None = None
    for _ in range(_WAYS):
        way, choice = waiting.pop()
        if choice is not None:
            way = way.fork(choice)
        try:
            winners = tuple(way.run())
        except UndecidedError as tie:
            stuck = stuck or _tie(way.sheet, tie.tied, figures)
            waiting += [(way, each) for each in reversed(tie.ways)]
            continue
        except MetError:
            assert done is not None, "what follows from a place is followed to its ends before another way comes there"
            winners = done.winners
        if stuck is not None and way.splits(winners):
            return stuck
        if done is not None and set(done.winners) != set(winners):
            break
        if done is None:
            rounds = (*way.sheet.rounds(), *([_NO_MATTER] if stuck or way.lot.passed else []))
            done = Result(winners, (), figures, rounds)
        if not waiting:
            return done
    assert stuck is not None, "a count ends, or stops at a tie"
    return stuck


def counted_at_once(
    names: Sequence[str],
    figures: tuple[int, ...],
    run: Callable[[Sheet, Lot], Sequence[int]],
    lot: Sequence[int] = (),
) -> Result:
    """Run a count in which each tie that comes up decides."""
    sheet = Sheet(names)
    try:
        return Result(tuple(run(sheet, Lot(lot))), (), figures, sheet.rounds())
    except UndecidedError as tie:
        return _tie(sheet, tie.tied, figures)


def _tie(sheet: Sheet, tied: tuple[int, ...], figures: tuple[int, ...]) -> Result:
    shown = sheet.copy()
    shown.note(f"{sheet.named(tied)} are tied, and the result depends on it: a lot decides, or a run-off.")
    return Result((), tied, figures, shown.rounds())


_NO_MATTER = Round("There were ties on the way; whichever way they are broken, the same are elected.", {})


def best(sheet: Sheet, figures: Sequence[Number], seats: int, lot: Lot) -> list[int]:
    """The `seats` options with the highest figures, in order. A tie is one only where not all of it have room."""
    left = list(range(len(figures)))
    winners: list[int] = []
    while len(winners) < seats and left:
        most = max(figures[each] for each in left)
        top = tuple(each for each in left if figures[each] == most)
        if len(top) > seats - len(winners):
            winner = lot.first(top)
            winners.append(winner)
            left.remove(winner)
        else:
            winners += top
            left = [each for each in left if each not in top]
    return winners


class Stage(NamedTuple):
    """The votes at one stage. `passed`: before it a group went as a whole, in an order that nobody knows."""

    votes: Mapping[int, Number]
    passed: bool = False


def looked_back(stages: Sequence[Stage], among: Collection[int], lot: Lot, *, highest: bool) -> list[int]:
    """Who of some options stands highest (or lowest) at the latest stage at which they differ; several where at none.

    Raises PassedOverError where that could be a stage that was passed over.
    """
    tied = sorted(among)
    for place in range(len(stages) - 1, -1, -1):
        votes = stages[place].votes
        lot.looks_back(place + 1)
        edge = (max if highest else min)(votes[each] for each in tied)
        tied = [each for each in tied if votes[each] == edge]
        if len(tied) == 1:
            return tied
        if stages[place].passed and any(votes[each] != stages[place - 1].votes[each] for each in tied):
            raise PassedOverError
    return tied


def closed_group(
    votes: Mapping[int, Number],
    room: int,
    most: Callable[[set[int]], Number | None],
    slack: Number = 0,
) -> list[int] | None:
    """The smallest group of last options that all go, whatever the order, before any other does; None for none.

    `votes` are those of the options that continue, `room` how many of them must stay. `most` tells the most votes that
    one of a group can come to while others of it go and nobody else does; None where that can't be told. `slack` is by
    how much votes may differ that are tied.
    """
    edge: Number = min(votes.values()) + slack
    group: set[int] = set()
    while True:
        grown = {option for option, number in votes.items() if number <= edge}
        if grown == group:
            return sorted(group)
        group = grown
        if len(votes) - len(group) < room:
            return None
        reach = most(group)
        if reach is None:
            return None
        edge = max(edge, reach)
