"""A forwarder on loopback that treats connections badly, by a seed: delays, pieces, resets, cuts in the middle of a frame,
connections held back so that a later one comes first. What it spoils is timing and ends, never bytes: TCP has checksums.
"""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio


@dataclass(frozen=True)
class Harm:
    """What happens to a connection. Chances are for each piece; `pause` is in seconds, `piece` in bytes."""

    pause: float = 0.0
    piece: int = 65536
    reset: float = 0.0
    held: float = 0.0
    """The longest that a new connection waits before it is passed on."""


class Proxy:
    """Counts what it did, so that a test knows that it did something."""

    def __init__(self, target: tuple[str, int], seed: int, harm: Harm) -> None:
        self.harm = harm
        self.resets = 0
        self.pieces = 0
        self._target = target
        self._rng = random.Random(seed)

    async def serve(self, near: trio.SocketStream) -> None:
        """Pass one connection on."""
        async with near:
            await trio.sleep(self._rng.random() * self.harm.held)
            try:
                far = await trio.open_tcp_stream(*self._target)
            except OSError:
                return
            async with far, trio.open_nursery() as nursery:
                nursery.start_soon(self._pass, near, far, nursery.cancel_scope)
                nursery.start_soon(self._pass, far, near, nursery.cancel_scope)

    async def _pass(self, source: trio.SocketStream, target: trio.SocketStream, scope: trio.CancelScope) -> None:
        try:
            async for data in source:
                for start in range(0, len(data), self.harm.piece):
                    piece = data[start : start + self.harm.piece]
                    self.pieces += 1
                    await trio.sleep(self._rng.random() * self.harm.pause)
                    if self._rng.random() < self.harm.reset:
                        self.resets += 1
                        await target.send_all(piece[: self._rng.randrange(len(piece) + 1)])
                        scope.cancel()
                        return
                    await target.send_all(piece)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()


@asynccontextmanager
async def proxied(target: str, seed: int, harm: Harm) -> AsyncIterator[tuple[str, Proxy]]:
    """A proxy before an address on loopback, and its own address."""
    host, _, port = target.rpartition(":")
    proxy = Proxy((host, int(port)), seed, harm)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, proxy.serve, [listener])
        yield f"127.0.0.1:{listener.socket.getsockname()[1]}", proxy
        nursery.cancel_scope.cancel()
