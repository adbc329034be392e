"""What is around the daemon on its machine, over D-Bus, where there is any: sleep that is about to come, and notices.

Nothing here is needed: where no bus answers, nothing is said, and a machine that slept is locked as it wakes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

_PATIENCE_SECONDS = 5.0
_MANAGER = "org.freedesktop.login1.Manager"
_LOGIND = "/org/freedesktop/login1"
_NOTICES = "org.freedesktop.Notifications"


async def lock_before_sleep(lock: trio.Event) -> None:
    """Say that it is time to lock as soon as the machine wants to sleep; it waits until that is done (logind, "delay").

    Returns where nobody tells of sleep.
    """
    with _no_bus():
        from jeepney import DBusAddress, MatchRule, MessageType, message_bus, new_method_call
        from jeepney.io.trio import Proxy, open_dbus_router

        logind = DBusAddress(_LOGIND, bus_name="org.freedesktop.login1", interface=_MANAGER)
        ask = new_method_call(logind, "Inhibit", "ssss", ("sleep", "meshd", "it forgets its keys", "delay"))
        rule = MatchRule(type="signal", interface=_MANAGER, member="PrepareForSleep", path=_LOGIND)
        async with open_dbus_router("SYSTEM", enable_fds=True) as router:
            with trio.fail_after(_PATIENCE_SECONDS):
                await Proxy(message_bus, router).AddMatch(rule)
                reply = await router.send_and_get_reply(ask)
            if reply.header.message_type is not MessageType.method_return:
                return
            reply.body[0].to_raw_fd()  # open until this process ends or begins anew: the machine sleeps after that
            async with router.filter(rule) as told:
                async for message in told:
                    if message.body[0]:
                        lock.set()


async def tell_of_stick(what: str, where: Path) -> None:
    """A notice on the desktop of whoever started the daemon, once a stick may be pulled."""
    if what != "begin":
        ready = "may be pulled now" if what == "done" else "may be pulled; not all of it could be read or written"
        await notify(f"The stick {where.name} {ready}.")


async def notify(text: str) -> None:
    """A notice on the desktop of whoever started the daemon; nothing where there is none. The text is its
    summary, which is plain: a body may have markup, and people write titles.
    """
    with _no_bus(), trio.move_on_after(_PATIENCE_SECONDS):
        from jeepney import DBusAddress, new_method_call
        from jeepney.io.trio import open_dbus_router

        notices = DBusAddress("/org/freedesktop/Notifications", bus_name=_NOTICES, interface=_NOTICES)
        hints: dict[str, Any] = {}
        words = ("meshd", 0, "", text, "", list[str](), hints, -1)
        async with open_dbus_router("SESSION") as router:
            await router.send_and_get_reply(new_method_call(notices, "Notify", "susssasa{sv}i", words))


@contextmanager
def _no_bus() -> Iterator[None]:
    """Whatever goes wrong with a bus is the end of talking to it, and of nothing else."""
    try:
        yield
    except* Exception:  # noqa: S110 (what buses answer is beyond us)
        pass
