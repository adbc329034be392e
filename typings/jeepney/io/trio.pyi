from contextlib import AbstractAsyncContextManager
from typing import Any

import trio
from jeepney import MatchRule, Message

class DBusRouter:
    async def send_and_get_reply(self, message: Message) -> Message: ...
    def filter(self, rule: MatchRule) -> AbstractAsyncContextManager[trio.MemoryReceiveChannel[Message]]: ...

class Proxy:
    def __init__(self, msggen: Any, router: DBusRouter) -> None: ...
    async def AddMatch(self, rule: MatchRule) -> Any: ...  # noqa: N802

def open_dbus_router(bus: str = "SESSION", *, enable_fds: bool = False) -> AbstractAsyncContextManager[DBusRouter]: ...
