"""Sleep that is announced, and notices: over a real bus, with a machine's services played by this test."""

import os
import shutil
import subprocess
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from jeepney import DBusAddress, HeaderFields, MessageType, message_bus, new_method_return, new_signal
from jeepney.io.trio import Proxy, open_dbus_connection
from jeepney.low_level import Message
from jeepney.wrappers import new_error

from meshd.app import desktop, sticks

LOGIND = "org.freedesktop.login1"


@pytest.fixture
def bus(tmp_path, monkeypatch):
    """A bus of one's own, in the place of the machine's and of the session's."""
    daemon = shutil.which("dbus-daemon")
    if daemon is None:
        pytest.skip("there is no dbus-daemon here")
    where = tmp_path / "bus"
    process = subprocess.Popen(
        [daemon, "--session", "--nofork", "--nopidfile", "--print-address=1", f"--address=unix:path={where}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    address = process.stdout.readline().strip()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    yield process
    process.kill()
    process.communicate()


@asynccontextmanager
async def service(name, answer):
    """Own a name on the bus, and answer what is called there. Yields the connection and what was asked."""
    asked = []
    async with await open_dbus_connection("SESSION", enable_fds=True) as connection:
        async with connection.router() as router:
            await Proxy(message_bus, router).RequestName(name)

        async def serve():
            while True:
                message = await connection.receive()
                if message.header.message_type is MessageType.method_call:
                    asked.append((message.header.fields[HeaderFields.member], message.body))
                    await connection.send(answer(message))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            yield connection, asked
            nursery.cancel_scope.cancel()


async def _until(holds):
    with trio.fail_after(20):
        while not holds():
            await trio.sleep(0.01)


def _going_to_sleep(really: bool) -> Message:
    manager = DBusAddress("/org/freedesktop/login1", interface="org.freedesktop.login1.Manager")
    return new_signal(manager, "PrepareForSleep", "b", (really,))


async def test_it_locks_before_the_machine_sleeps_and_keeps_it_awake_until_then(bus):
    read, write = os.pipe()
    lock = trio.Event()
    logind = service(LOGIND, lambda message: new_method_return(message, "h", (write,)))
    async with logind as (connection, asked), trio.open_nursery() as nursery:
        nursery.start_soon(desktop.lock_before_sleep, lock)
        await _until(lambda: asked)
        assert asked == [("Inhibit", ("sleep", "meshd", "it forgets its keys", "delay"))]
        os.close(write)
        await connection.send(_going_to_sleep(really=False))
        await connection.send(_going_to_sleep(really=True))
        with trio.fail_after(20):
            await lock.wait()
        nursery.cancel_scope.cancel()
    os.set_blocking(read, False)
    with pytest.raises(BlockingIOError):
        os.read(read, 1)  # somebody still holds the other end: the machine waits for the process to end
    os.close(read)


async def test_a_machine_that_does_not_tell_of_sleep_is_no_matter(bus):
    lock = trio.Event()
    with trio.fail_after(20):
        await desktop.lock_before_sleep(lock)  # nobody has that name
        async with service(LOGIND, lambda message: new_error(message, "org.freedesktop.DBus.Error.AccessDenied")):
            await desktop.lock_before_sleep(lock)
    assert not lock.is_set()


async def test_a_stick_that_may_be_pulled_is_told(bus):
    answer = partial(new_method_return, signature="u", body=(7,))
    async with service("org.freedesktop.Notifications", answer) as (_, asked):
        hook = sticks.several(sticks.runs(None), desktop.tell_of_stick)
        for what in ("begin", "done", "failed"):
            await hook(what, Path("/media/ada/STICK"))
        assert [(member, body[0], body[3]) for member, body in asked] == [
            ("Notify", "meshd", "The stick STICK may be pulled now."),
            ("Notify", "meshd", "The stick STICK may be pulled; not all of it could be read or written."),
        ]


async def test_where_there_is_no_bus_nothing_happens(monkeypatch, tmp_path):
    lock = trio.Event()
    for address in (f"unix:path={tmp_path}/none", "nonsense"):
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        with trio.fail_after(20):
            await desktop.lock_before_sleep(lock)
            await desktop.notify("hello")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    await desktop.notify("hello")
    assert not lock.is_set()


async def test_a_bus_that_goes_away_ends_nothing(bus):
    read, write = os.pipe()
    lock = trio.Event()
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            async with service(LOGIND, lambda message: new_method_return(message, "h", (write,))) as (_, asked):
                nursery.start_soon(desktop.lock_before_sleep, lock)
                await _until(lambda: asked)
            bus.kill()
    os.close(write)
    os.close(read)
    assert not lock.is_set()


async def test_run_notify_tells_what_waits(bus, tmp_path):
    """The whole way: the option, the daemon, the bus."""
    from tests.commands.shell import Shell

    ada = Shell(tmp_path / "ada")
    ada.found("Bakery", "Ada")
    answer = partial(new_method_return, signature="u", body=(7,))
    async with service("org.freedesktop.Notifications", answer) as (_, asked):
        await trio.to_thread.run_sync(ada.start, "--notify")
        try:
            await trio.to_thread.run_sync(ada.ok, "propose", "An <b>oven</b>", "--policy", "significant")
            await _until(lambda: asked)
        finally:
            await trio.to_thread.run_sync(ada.stop)
    assert [(member, body[4]) for member, body in asked] == [("Notify", "")]
    assert "Bakery: " in asked[0][1][3]
    assert "Vote: An <b>oven</b>" in asked[0][1][3]
