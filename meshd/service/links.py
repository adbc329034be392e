"""Verbs about links: peers, connect. A running daemon answers `connect` itself, since it waits for the far end."""

from typing import Any

from meshd.errors import NotFoundError, UsageError
from meshd.service.context import Context, Result
from meshd.service.verbs import verb
from meshd.store import tables
from meshd.transports.addresses import parse_address
from meshd_protocol.control import FLAG, NAME
from meshd_protocol.names import printable


@verb("peers")
def peers(context: Context, _: dict[str, Any]) -> list[Result]:
    """`meshd peers`: who is connected, and the addresses that are tried."""
    if context.live is not None:
        return context.live.peers()
    return [
        {"person": None, "address": row.address, "state": "away", "problem": "the daemon is not running"}
        for row in context.assembly.store.find(tables.Peer)
    ]


def check_address(address: str) -> None:
    """Raises UsageError for what nobody can be reached at."""
    try:
        _, port = parse_address(address)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if not port:
        raise UsageError("nobody can be reached at port 0")


@verb("connect", {"address": NAME, "forget": FLAG})
def connect(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd connect HOST:PORT` without a daemon: remember the address for its next start; or forget it."""
    address = arguments["address"]
    if arguments.get("forget"):
        return _forget(context, address)
    check_address(address)
    with context.assembly.store.transaction():
        context.assembly.store.replace(tables.Peer(address, context.assembly.world.clock()))
    return {"address": printable(address), "connected": False}


def _forget(context: Context, address: str) -> Result:
    """Take an address off those that later starts try; a running daemon then gives it up itself."""
    ticket = context.assembly.keys.ticket
    if ticket is not None and address in ticket.addresses:
        raise UsageError(f"{printable(address)} stands in the ticket: it is tried until the application is answered")
    live = [row for row in context.live.peers() if row["address"] == address] if context.live is not None else []
    if not live and context.assembly.store.get(tables.Peer, address=address) is None:
        raise NotFoundError(f"this node tries no {printable(address)}", "`meshd peers` shows which addresses it tries.")
    with context.assembly.store.transaction():
        context.assembly.store.delete(tables.Peer, address=address)
    return {"address": printable(address), "connected": any(row["state"] != "away" for row in live)}
