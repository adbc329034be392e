"""Several transports as one: TCP, and the serial lines that a person named. An address says which it is for."""

from collections.abc import Sequence

import trio

from meshd.transports.api import Connection, Handler, Transport, Where
from meshd.transports.serial import PREFIX, SerialTransport


class SeveralTransports:
    """The network, and serial lines beside it."""

    def __init__(self, network: Transport, lines: Sequence[SerialTransport]) -> None:
        self._network = network
        self._lines = {line.address: line for line in lines}

    async def dial(self, address: str) -> Connection:
        """See `Transport.dial`."""
        line = self._lines.get(address) if address.startswith(PREFIX) else None
        return await (line or self._network).dial(address)

    async def serve(self, handler: Handler, *, task_status: trio.TaskStatus[Where] = trio.TASK_STATUS_IGNORED) -> None:
        """See `Transport.serve`: every one of them listens."""
        async with trio.open_nursery() as nursery:
            where: Where = await nursery.start(self._network.serve, handler)
            for line in self._lines.values():
                await nursery.start(line.serve, handler)
            task_status.started(where)
