"""What the page asks of the daemon: each request on a connection of its own, in a thread (`socket_client`)."""

from pathlib import Path
from typing import Any

import trio

from meshd_cli import socket_client
from meshd_cli.errors import CommandError


class AwayError(CommandError):
    """No daemon runs in the home."""

    def __init__(self) -> None:
        super().__init__("The daemon is not running", "`meshd run` starts it. Then load this page again.")


async def ask(
    home: Path, assembly: str | None, verb: str, arguments: dict[str, Any], limiter: trio.CapacityLimiter | None = None
) -> Any:
    """The daemon's answer. Raises CommandError with its error, AwayError where none runs. A `limiter` of one's own
    keeps many who wait from holding up others.
    """
    return await trio.to_thread.run_sync(_ask, home, assembly, verb, arguments, abandon_on_cancel=True, limiter=limiter)


def _ask(home: Path, assembly: str | None, verb: str, arguments: dict[str, Any]) -> Any:
    connection = socket_client.connect(home)
    if connection is None:
        raise AwayError
    with connection:
        return socket_client.ask(connection, verb, arguments, assembly)
