"""A network in memory, for many nodes in one process: islands, cuts, and no threads."""

from functools import partial

import trio
from trio.testing import memory_stream_pair

from meshd.transports.api import Connection, Handler, UnreachableError, Where


class MemoryNetwork:
    """Nodes by name. Only nodes of one island reach each other."""

    def __init__(self) -> None:
        self._listening: dict[str, tuple[trio.Nursery, Handler]] = {}
        self._islands: list[set[str]] = []
        self._links: list[tuple[str, str, tuple[trio.abc.Stream, trio.abc.Stream]]] = []

    def transport(self, name: str) -> "MemoryTransport":
        """The transport of the node with that name."""
        return MemoryTransport(self, name)

    async def part(self, *islands: set[str]) -> None:
        """Cut every link between the islands. With none, all are together."""
        self._islands = list(islands)
        links, self._links = self._links, []
        for one, other, streams in links:
            if self.reachable(one, other):
                self._links.append((one, other, streams))
                continue
            for stream in streams:
                await trio.aclose_forcefully(stream)

    def reachable(self, one: str, other: str) -> bool:
        """Whether two nodes are on one island."""
        return not self._islands or any({one, other} <= island for island in self._islands)

    def connect(self, caller: str, name: str) -> trio.abc.Stream:
        """A stream from one node to another that listens. Raises UnreachableError."""
        if name not in self._listening or not self.reachable(caller, name):
            raise UnreachableError("nobody answers there")
        near, far = self.stream_pair()
        nursery, handler = self._listening[name]
        self._links.append((caller, name, (near, far)))
        nursery.start_soon(partial(handler, Connection(far, name, caller)))
        return near

    def stream_pair(self) -> tuple[trio.abc.Stream, trio.abc.Stream]:
        """The two ends of a new link."""
        return memory_stream_pair()

    def listen(self, name: str, nursery: trio.Nursery, handler: Handler) -> None:
        """Take connections to a name."""
        self._listening[name] = (nursery, handler)

    def stop(self, name: str) -> None:
        """Take no more connections to a name."""
        self._listening.pop(name, None)


class MemoryTransport:
    """One node's way into a `MemoryNetwork`."""

    def __init__(self, network: MemoryNetwork, name: str) -> None:
        self._network = network
        self._name = name

    async def dial(self, address: str) -> Connection:
        """See `Transport.dial`."""
        await trio.lowlevel.checkpoint()
        return Connection(self._network.connect(self._name, address), self._name, address)

    async def serve(self, handler: Handler, *, task_status: trio.TaskStatus[Where] = trio.TASK_STATUS_IGNORED) -> None:
        """See `Transport.serve`."""
        async with trio.open_nursery() as nursery:
            self._network.listen(self._name, nursery, handler)
            task_status.started(lambda: [self._name])
            try:
                await trio.sleep_forever()
            finally:
                self._network.stop(self._name)
