"""How far a long piece of work is: what it yields between its transactions."""

from collections.abc import Generator
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Step(NamedTuple):
    """What was done, in words and in numbers. `total` is 0 where nobody knows it; both count the same thing."""

    text: str
    done: int = 0
    total: int = 0


Steps = Generator[Step, None, T]
"""A long piece of work: yields steps, returns its result."""
