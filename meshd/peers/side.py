"""One side of one session: what its tasks share. It has no tasks and no state of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from meshd.assembly.assembly import Assembly
from meshd.peers.outbox import Outbox
from meshd_protocol.sync.session import Session

T = TypeVar("T")
P = ParamSpec("P")


class Worker(Protocol):
    """Runs a piece of work on the log."""

    async def __call__(self, function: Callable[[], T]) -> T:
        """Its result."""
        ...


@dataclass(frozen=True)
class Side:
    """The log that a session is about, what runs work on it, the session's states, and what waits to go out."""

    assembly: Assembly
    work: Worker
    session: Session
    outbox: Outbox

    async def look(self, question: Callable[Concatenate[Assembly, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """What a function of the assembly says (`survey`), as one piece of work. Raises what it raises."""
        return await self.work(lambda: question(self.assembly, *arguments, **named))
