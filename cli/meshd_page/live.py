"""What changes while somebody looks: one watch on the daemon for all browsers of an assembly, none while nobody looks.

Browsers hear that something changed (server-sent events, WHATWG HTML 9.2), not what: they ask for their page again.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import trio
from starlette.types import Receive, Scope, Send

from meshd_cli import socket_client
from meshd_cli.errors import CommandError

_Listeners = set[trio.MemorySendChannel[None]]
_BEGIN = b"retry: 2000\n\n"
"""A browser whose stream ended tries again after so many milliseconds."""
_CHANGE = b"event: change\ndata: \n\n"


class Live:
    """Tells browsers that something changed. The daemon is asked for changes as long as one of them listens."""

    def __init__(self, home: Path, nursery: trio.Nursery) -> None:
        self._home = home
        self._nursery = nursery
        self._watched: dict[str, tuple[socket.socket, _Listeners]] = {}

    @contextmanager
    def listening(self, assembly: str) -> Iterator[trio.MemoryReceiveChannel[None]]:
        """What tells of each change, of several at once as one, and that there may have been one before; it ends when
        the daemon does, at once where none is.
        """
        send, receive = trio.open_memory_channel[None](1)
        if assembly in self._watched:
            send.send_nowait(None)
        else:  # the daemon begins with a change
            connection = socket_client.connect(self._home)
            if connection is None:
                send.close()
                yield receive
                return
            self._watched[assembly] = connection, set()
            self._nursery.start_soon(self._watch, assembly)
        connection, listeners = watched = self._watched[assembly]
        listeners.add(send)
        try:
            yield receive
        finally:
            listeners.discard(send)
            send.close()
            if not listeners:
                self._forget(assembly, watched)
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    async def _watch(self, assembly: str) -> None:
        """Tell all who listen until nobody does, or the daemon ends; then let go of them."""
        connection, listeners = watched = self._watched[assembly]
        try:
            await trio.to_thread.run_sync(_pass_on, connection, assembly, listeners, abandon_on_cancel=True)
        finally:
            self._forget(assembly, watched)
            connection.close()
            for each in listeners:
                each.close()

    def _forget(self, assembly: str, watched: tuple[socket.socket, _Listeners]) -> None:
        """Let nobody join this watch any more. There may be a later one by now."""
        if self._watched.get(assembly) is watched:
            del self._watched[assembly]


def _pass_on(connection: socket.socket, assembly: str, listeners: _Listeners) -> None:
    """Pass on what the daemon tells, in a thread."""
    with suppress(CommandError, OSError):
        for _ in socket_client.watch(connection, assembly):
            trio.from_thread.run_sync(_tell, listeners)


def _tell(listeners: _Listeners) -> None:
    """Tell everybody who has not a change to hear of already."""
    for each in listeners:
        with suppress(trio.WouldBlock, trio.BrokenResourceError):
            each.send_nowait(None)


class Events:
    """The answer that goes on: an event for each change, until one of the two sides ends it."""

    def __init__(self, live: Live, assembly: str) -> None:
        self._live = live
        self._assembly = assembly

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _BEGIN, "more_body": True})
        with self._live.listening(self._assembly) as changes:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
                async for _ in changes:
                    await send({"type": "http.response.body", "body": _CHANGE, "more_body": True})
                nursery.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
