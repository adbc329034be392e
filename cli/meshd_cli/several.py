"""A command that is about every assembly of a home: one after the other, and on where one can't be opened."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from meshd_cli import output
from meshd_cli.client import Where
from meshd_cli.homes import folders, mean

T = TypeVar("T")


def of_each(where: Where, asked: Callable[[Where], T]) -> Iterator[tuple[str, T | Exception]]:
    """The label of each assembly of a home, and what it answers, or why it does not: another one may be sound, or open.
    What is printed meanwhile is about that one.
    """
    for folder in folders(where.home):
        label = folder[: output.SHORT_ID]
        mean(where.home, label)
        try:
            answer = asked(where._replace(assembly=label))
        except Exception as error:
            if not hasattr(error, "code"):
                raise
            yield label, error
        else:
            yield label, answer


def tell_left_out(label: str, why: Exception) -> None:
    """Warn that one did not answer."""
    output.warn(f"{label} is left out: {why}. {getattr(why, 'hint', '')}".rstrip())
