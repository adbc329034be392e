"""What waits for a person, told to their desktop as it comes: once each, in words that the front end gives."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio

from meshd.app import desktop
from meshd.mesh.node import Node
from meshd.service.context import Context
from meshd.service.status import home

_TOGETHER_SECONDS = 2.0
"""What comes within so long is told together: a stick brings hundreds of changes."""

Words = Callable[[dict[str, Any]], list[str]]
"""What is said of a home screen as it is now: what was not said before."""


async def tell_desktop(node: Node, words: Words, notify: Callable[[str], Awaitable[None]] = desktop.notify) -> None:
    """Tell what waits in a node's assembly, at the beginning and after each change, until cancelled."""
    with node.watches.open() as watch:
        while True:
            await watch.next()
            await trio.sleep(_TOGETHER_SECONDS)
            watch.clear()
            for text in words(await node.work(partial(home, Context(node.assembly, node.seen()), {"all": True}))):
                await notify(text)
