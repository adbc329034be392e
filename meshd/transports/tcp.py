"""TCP over IPv4 and IPv6. Addresses are `HOST:PORT`, IPv6 hosts in brackets, link-local ones with their scope."""

import errno
import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path

import ifaddr
import trio

from meshd.transports.addresses import parse_address
from meshd.transports.api import Connection, Handler, UnreachableError, Where

_NOT_READY = 0x40 | 0x08
"""The kernel's flags for an address that it still asks about, or that somebody else has (tentative, dadfailed)."""
_DIAL_SECONDS = 10
ANY = "0.0.0.0"  # noqa: S104 (a node is there to be reached)


class TcpTransport:
    """Listens at `listen` (host and port; every interface and a free port if None), and dials."""

    def __init__(self, listen: tuple[str, int] | None = None) -> None:
        self._listen = listen

    async def dial(self, address: str) -> Connection:
        """See `Transport.dial`."""
        try:
            host, port = parse_address(address)
        except ValueError as error:
            raise UnreachableError(str(error)) from error
        try:
            with trio.fail_after(_DIAL_SECONDS):
                stream = await trio.open_tcp_stream(host, port)
            remote = stream.socket.getpeername()
        except trio.TooSlowError as error:
            raise UnreachableError(f"no answer within {_DIAL_SECONDS} seconds") from error
        except OSError as error:
            raise UnreachableError(_reason(error)) from error
        except ValueError as error:  # a host that no resolver can be asked for
            raise UnreachableError("no such host") from error
        return Connection(stream, write_address(stream.socket.getsockname()), write_address(remote))

    async def serve(self, handler: Handler, *, task_status: trio.TaskStatus[Where] = trio.TASK_STATUS_IGNORED) -> None:
        """See `Transport.serve`. Raises UnreachableError if the address can't be listened at."""
        try:
            listeners = await self._open()
        except (OSError, ValueError) as error:
            host, port = self._listen or (ANY, 0)
            raise UnreachableError(
                f"cannot listen at {host}:{port}: {_reason(error) if isinstance(error, OSError) else 'no such host'}"
            ) from error

        async def accept(stream: trio.SocketStream) -> None:
            try:
                local, remote = stream.socket.getsockname(), stream.socket.getpeername()
            except OSError:  # gone before it was looked at
                await trio.aclose_forcefully(stream)
                return
            await handler(Connection(stream, write_address(local), write_address(remote)))

        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, accept, listeners)
            names = [listener.socket.getsockname() for listener in listeners]
            task_status.started(lambda: _reachable_at(names))

    async def _open(self) -> list[trio.SocketListener]:
        if self._listen is not None:
            host, port = self._listen
            return await trio.open_tcp_listeners(port, host=host)
        first = await trio.open_tcp_listeners(0, host=ANY)
        port = first[0].socket.getsockname()[1]
        try:
            return [*first, *await trio.open_tcp_listeners(port, host="::")]
        except OSError:  # no IPv6 here, or the port is taken there
            return first


def write_address(name: Sequence[object]) -> str:
    """A socket's name as `HOST:PORT`. Link-local scopes are left out: the two ends number them differently."""
    host, port = str(name[0]).partition("%")[0], name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def local_hosts() -> list[str]:
    """The addresses of this machine's interfaces, loopback last; link-local IPv6 with its scope.

    Without those that the kernel still asks about: nothing can be sent from them, and they count as new when they are
    ready.
    """
    hosts: list[str] = []
    tentative = _tentative()
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if isinstance(ip.ip, str):
                hosts.append(ip.ip)
            else:
                host, _, scope = ip.ip
                if ipaddress.IPv6Address(host).packed in tentative:
                    continue
                hosts.append(f"{host}%{adapter.name}" if scope else host)
    loopback = [host for host in hosts if host.startswith("127.") or host == "::1"]
    return [host for host in hosts if host not in loopback] + loopback


def _tentative() -> set[bytes]:
    """IPv6 addresses that are not to be used yet, or taken by another machine; none where the kernel doesn't say."""
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return set()
    fields = (line.split() for line in lines)
    return {bytes.fromhex(each[0]) for each in fields if int(each[4], 16) & _NOT_READY}


def _reachable_at(names: list[tuple[object, ...]]) -> list[str]:
    """The addresses that a listening socket can be dialled at: for a wildcard, those of all interfaces."""
    addresses: list[str] = []
    for name in names:
        if name[0] == ANY:
            hosts = [host for host in local_hosts() if ":" not in host]
        elif name[0] == "::":
            hosts = [host for host in local_hosts() if ":" in host]
        else:
            hosts = [str(name[0])]
        addresses += [f"[{host}]:{name[1]}" if ":" in host else f"{host}:{name[1]}" for host in hosts]
    return addresses


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host"
    number = error.errno
    if number is None and isinstance(error.__cause__, OSError):
        number = error.__cause__.errno
    words = {
        errno.ECONNREFUSED: "nobody listens there",
        errno.EADDRINUSE: "something else listens there already",
        errno.EADDRNOTAVAIL: "this machine does not have that address",
        errno.EHOSTUNREACH: "no way there",
        errno.ENETUNREACH: "no way there",
    }
    if number in words:
        return words[number]
    if isinstance(error.__cause__, ExceptionGroup):
        return _reason(next((each for each in error.__cause__.exceptions if isinstance(each, OSError)), OSError()))
    return error.strerror or "the connection failed"
