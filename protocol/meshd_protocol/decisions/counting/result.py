"""What a count is given and what it returns, how ties are dealt with, and how numbers are shown.

A tie is never broken by a hash, an id or the order of options, which can be ground or chosen: it is broken by a lot
that people drew, or not at all. A tie that makes no difference is none: each way out is tried, and where all elect the
same, that is the result.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

Ranks = tuple[tuple[int, ...], ...]
"""Ranks, best first, each a set of option numbers; options left out stand below every rank."""

Pick = Callable[[tuple[int, ...]], int]
"""Which of several tied options is favoured. Raises UndecidedError where nobody drew a lot."""

_WAYS = 64
"""Ways out of ties that are tried before a tie is called one."""


class Round(NamedTuple):
    """One step of a count: what happened, and how the votes stood before it (option to figure, as text)."""

    text: str
    votes: Mapping[str, str]


class Result(NamedTuple):
    """Who is elected, in order; or between whom there is a tie that decides. `figures` has a number for each option."""

    winners: tuple[int, ...]
    tied: tuple[int, ...]
    figures: tuple[int, ...]
    rounds: tuple[Round, ...]


class UndecidedError(Exception):
    """A tie that nobody has drawn a lot for."""

    def __init__(self, tied: tuple[int, ...]) -> None:
        super().__init__(tied)
        self.tied = tied


class Sheet:
    """The rounds of one run of a count, as far as it came."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.rounds: list[Round] = []

    def note(self, text: str, votes: Mapping[int, int | Fraction] | None = None, scale: int = 1) -> None:
        """Add a round. `votes` are in units of 1/scale."""
        shown = {self.names[each]: decimal(value, scale) for each, value in sorted((votes or {}).items())}
        self.rounds.append(Round(text, shown))

    def named(self, options: Sequence[int]) -> str:
        """Option names in a sentence: `A`, `A and B`, `A, B and C`."""
        names = [self.names[each] for each in options]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counted(
    names: Sequence[str],
    figures: tuple[int, ...],
    run: Callable[[Sheet, Pick], Sequence[int]],
    lot: Sequence[int] = (),
) -> Result:
    """Run a count, with every way out of ties that nobody drew a lot for. `lot` has the favoured options first."""
    order = {option: place for place, option in enumerate(lot)}
    waiting: list[tuple[int, ...]] = [()]
    done: Result | None = None
    stuck: Result | None = None
    for _ in range(_WAYS):
        chosen = waiting.pop()
        sheet = Sheet(names)
        try:
            winners = tuple(run(sheet, _picker(order, chosen)))
        except UndecidedError as tie:
            if stuck is None:
                sheet.note(
                    f"{sheet.named(tie.tied)} are tied, and the result depends on it: a lot decides, or a run-off."
                )
                stuck = Result((), tie.tied, figures, tuple(sheet.rounds))
            waiting += [(*chosen, each) for each in reversed(tie.tied)]
            continue
        if done is not None and set(done.winners) != set(winners):
            break
        done = done or Result(winners, (), figures, tuple(sheet.rounds))
        if not waiting:
            return done if stuck is None else done._replace(rounds=(*done.rounds, _NO_MATTER))
    assert stuck is not None, "a count ends, or stops at a tie"
    return stuck


def _picker(order: Mapping[int, int], chosen: Sequence[int]) -> Pick:
    """By the lot, whose options come before all that it leaves out; else as this way out of ties has it."""
    script = list(chosen)

    def pick(tied: tuple[int, ...]) -> int:
        drawn = [option for option in tied if option in order]
        if drawn:
            return min(drawn, key=order.__getitem__)
        if not script:
            raise UndecidedError(tied)
        return script.pop(0)

    return pick


_NO_MATTER = Round("There were ties on the way; whichever way they are broken, the same are elected.", {})


def best(sheet: Sheet, figures: Sequence[int | Fraction], seats: int, pick: Pick) -> list[int]:
    """The `seats` options with the highest figures, in order."""
    left = list(range(len(figures)))
    winners: list[int] = []
    while len(winners) < seats and left:
        most = max(figures[each] for each in left)
        top = tuple(each for each in left if figures[each] == most)
        if len(top) > seats - len(winners):
            winner = pick(top)
            winners.append(winner)
            left.remove(winner)
        else:
            winners += top
            left = [each for each in left if each not in top]
    return winners


def decimal(value: int | Fraction, scale: int = 1) -> str:
    """A number as text: exact where nine digits hold it, else cut off there."""
    number = Fraction(value) / scale
    if number.denominator == 1:
        return str(number.numerator)
    whole, part = divmod(number.numerator * 10**9 // number.denominator, 10**9)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")
