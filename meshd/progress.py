"""How far a long piece of work is: what it yields between its transactions."""

from collections.abc import Callable, Generator
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Step(NamedTuple):
    """What was done, in words and in numbers. `total` is 0 where nobody knows it; both count the same thing."""

    text: str
    done: int = 0
    total: int = 0


Tell = Callable[[str, int, int], None]
"""Hears of steps."""


def nobody(text: str, done: int, total: int) -> None:
    """Hears of nothing."""


Steps = Generator[Step, None, T]
"""A long piece of work: yields steps, returns its result."""


def advance(steps: Steps[T]) -> tuple[Step, None] | tuple[None, T]:
    """One step of a long piece of work; None and the result when it is done."""
    try:
        return next(steps), None
    except StopIteration as end:
        result: T = end.value
        return None, result


def finish(steps: Steps[T], tell: Tell = nobody) -> T:
    """The result of a long piece of work, of whose steps somebody hears."""
    while True:
        try:
            tell(*next(steps))
        except StopIteration as end:
            result: T = end.value
            return result
