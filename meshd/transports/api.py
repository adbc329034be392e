"""What a transport can do: dial an address, and listen. One contract suite runs against every implementation."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

import trio


class Connection(NamedTuple):
    """A byte stream to somebody. `local` is the address that the other side dialled, `remote` where it is, if known.

    `mtu` is the most bytes that should go at once, on a link that is slow; None elsewhere.
    """

    stream: trio.abc.Stream
    local: str
    remote: str
    mtu: int | None = None


class UnreachableError(Exception):
    """Nobody answers at that address. The argument says why, for a person."""


Handler = Callable[[Connection], Awaitable[None]]
Where = Callable[[], list[str]]
"""The addresses that can be dialled now: interfaces come and go under a socket that listens at all of them."""


class Transport(Protocol):
    """A way to reach other nodes."""

    async def dial(self, address: str) -> Connection:
        """A connection to an address. Raises UnreachableError."""
        ...

    async def serve(self, handler: Handler, *, task_status: trio.TaskStatus[Where] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled, and hand each connection to `handler`. Starts with where that is."""
        ...
