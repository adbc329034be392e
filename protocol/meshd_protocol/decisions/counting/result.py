"""What a count is given and what it returns, and how numbers are shown. Ties are in `ties.py`."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

Ranks = tuple[tuple[int, ...], ...]
"""Ranks, best first, each a set of option numbers; options left out stand below every rank."""


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


Note = tuple[str, Mapping[int, int | Fraction], int]
"""A round before it is shown: text, votes, and how many of their units make one."""


class Sheet:
    """The rounds of one way through a count, as far as it came. Figures become text for those that are shown alone."""

    def __init__(
        self, names: Sequence[str], notes: Sequence[tuple[str, Mapping[int, int | Fraction], int]] = ()
    ) -> None:
        self.names = names
        self.notes = list(notes)

    def copy(self) -> "Sheet":
        """Another one, with the same rounds so far."""
        return Sheet(self.names, self.notes)

    def note(self, text: str, votes: Mapping[int, int | Fraction] | None = None, scale: int = 1) -> None:
        """Add a round. `votes` are in units of 1/scale, and stay as they are."""
        self.notes.append((text, votes or {}, scale))

    def rounds(self) -> tuple[Round, ...]:
        """The rounds, to be shown."""
        return tuple(
            Round(text, {self.names[each]: decimal(value, scale) for each, value in sorted(votes.items())})
            for text, votes, scale in self.notes
        )

    def named(self, options: Sequence[int]) -> str:
        """Option names in a sentence: `A`, `A and B`, `A, B and C`."""
        names = [self.names[each] for each in options]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def decimal(value: int | Fraction, scale: int = 1) -> str:
    """A number as text: exact where nine digits hold it, else cut off there."""
    if isinstance(value, int) and scale == 1:
        return str(value)
    whole, part = divmod(value.numerator * 10**9 // (value.denominator * scale), 10**9)
    if not part:
        return str(whole)
    return f"{whole}.{part:09d}".rstrip("0").rstrip(".")
