"""One suite for every transport: dial, listen, carry bytes both ways, say when nobody is there."""

import pytest
import trio

from meshd.transports.addresses import parse_address
from meshd.transports.api import UnreachableError
from meshd.transports.memory import MemoryNetwork
from meshd.transports.tcp import TcpTransport, write_address


def _memory():
    network = MemoryNetwork()
    return network.transport("server"), network.transport("client")


def _tcp4():
    return TcpTransport(("127.0.0.1", 0)), TcpTransport()


def _tcp6():
    return TcpTransport(("::1", 0)), TcpTransport()


@pytest.fixture(params=[_memory, _tcp4, _tcp6], ids=["memory", "ipv4", "ipv6"])
def ends(request):
    return request.param()


async def test_bytes_go_both_ways(ends):
    server, client = ends
    heard = []

    async def handler(connection):
        async with connection.stream:
            heard.append(await connection.stream.receive_some(100))
            await connection.stream.send_all(b"and back")

    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            address = (await nursery.start(server.serve, handler))()[0]
            connection = await client.dial(address)
            assert connection.remote == address
            async with connection.stream:
                await connection.stream.send_all(b"there")
                assert await connection.stream.receive_some(100) == b"and back"
            nursery.cancel_scope.cancel()
    assert heard == [b"there"]


async def test_both_ends_name_the_dialled_address_alike(ends):
    server, client = ends
    names = []

    async def handler(connection):
        names.append(connection.local)
        await connection.stream.aclose()

    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            address = (await nursery.start(server.serve, handler))()[0]
            connection = await client.dial(address)
            assert await connection.stream.receive_some(1) == b""
            await connection.stream.aclose()
            nursery.cancel_scope.cancel()
    assert names == [address]


async def test_nobody_there(ends):
    server, client = ends
    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:

            async def handler(connection):
                await connection.stream.aclose()

            address = (await nursery.start(server.serve, handler))()[0]
            nursery.cancel_scope.cancel()
        with pytest.raises(UnreachableError):
            await client.dial(address)


async def test_islands_do_not_reach_each_other():
    network = MemoryNetwork()
    one, two = network.transport("one"), network.transport("two")

    async def handler(connection):
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        await nursery.start(one.serve, handler)
        connection = await two.dial("one")
        await network.part({"one"}, {"two"})
        with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
            await connection.stream.send_all(b"x")
        with pytest.raises(UnreachableError):
            await two.dial("one")
        await network.part()
        await two.dial("one")
        nursery.cancel_scope.cancel()


async def test_an_address_that_is_taken_is_said_so():
    async def handler(connection):
        await connection.stream.aclose()

    async with trio.open_nursery() as nursery:
        address = (await nursery.start(TcpTransport(("127.0.0.1", 0)).serve, handler))()[0]
        with pytest.raises(UnreachableError, match="something else listens there"):
            await TcpTransport(parse_address(address)).serve(handler)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "text", ["", "host", "host:", ":1", "host:x", "host:-1", "host:70000", "::1:80", "[::1]", "[::1]80"]
)
def test_addresses_that_are_none(text):
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "host"), [("a.example:1", "a.example"), ("[::1]:1", "::1"), ("[fe80::1%eth0]:1", "fe80::1%eth0")]
)
def test_addresses(text, host):
    assert parse_address(text) == (host, 1)


def test_link_local_scopes_are_left_out_of_names():
    assert write_address(("fe80::1%eth0", 5, 0, 2)) == "[fe80::1]:5"
