"""A socket in the home at which another `meshd page` of the same user asks for an address to enter by.

It is 0600 in a 0700 folder. Who connects is told one address, and that is all.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import trio

SOCKET = "page.sock"
_BYTES = 1024
_PATIENCE_SECONDS = 5.0


async def keep_inviting(
    home: Path, invite: Callable[[], str], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Tell each caller a new address until cancelled; then remove the socket."""

    async def tell(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError), trio.move_on_after(_PATIENCE_SECONDS):
            async with stream:
                await stream.send_all(invite().encode() + b"\n")

    listener = trio.SocketListener(trio.socket.from_stdlib_socket(_bound(home)))
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, tell, [listener])
            task_status.started()
    finally:
        (home / SOCKET).unlink(missing_ok=True)


def ask(home: Path) -> str | None:
    """An address of the page that runs in a home; None if none does."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        folder = os.open(home, os.O_RDONLY)
        try:
            caller.connect(f"/proc/self/fd/{folder}/{SOCKET}")  # a socket's own path may be too long
        finally:
            os.close(folder)
        caller.settimeout(_PATIENCE_SECONDS)
        with caller.makefile("rb") as answer:
            return answer.readline(_BYTES).decode().strip() or None
    return None


def _bound(home: Path) -> socket.socket:
    """The listening socket. One that nobody answers at any more gives way."""
    (home / SOCKET).unlink(missing_ok=True)
    folder = os.open(home, os.O_RDONLY)
    try:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listener.bind(f"/proc/self/fd/{folder}/{SOCKET}")
        finally:
            os.umask(before)
        listener.listen(16)
    finally:
        os.close(folder)
    return listener
