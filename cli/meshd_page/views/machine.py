"""This machine: how the node is, whom it reached and what each lacks, sticks that are plugged in, and the lock."""

from contextlib import suppress

import trio
from starlette.datastructures import FormData
from starlette.responses import Response
from starlette.routing import Route

from meshd_cli.errors import CommandError
from meshd_page.frame import Again, Page, does, needed, shown, text

_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.1


async def machine(page: Page) -> Response:
    """The node and its peers."""
    status = await page.ask("status")
    peers = await page.ask("peers")
    sticks = await page.ask("stick")
    return await page.show("machine.html", status=status, peers=peers, sticks=sticks["plugged"], carried=None)


async def stick(page: Page, form: FormData) -> Response:
    """Exchange with a stick: read what this node lacks, write what others lack."""
    path = needed(form, "path", "no stick was named")
    if path not in {each["path"] for each in (await page.ask("stick"))["plugged"]}:
        raise CommandError(f"{path} is not plugged in any more")
    carried = await page.ask("stick", path=path)
    return await page.show("carried.html", carried=carried)


async def unlock(page: Page, form: FormData) -> str | Again:
    """Open a locked home. What could not be sent while it was locked is shown, to be sent now."""
    await page.ask("unlock", passphrase=text(form, "passphrase") or "")
    await _until(page, locked=False)
    return Again(await page.show("unsent.html", unsent=page.unsent)) if page.unsent is not None else "/"


async def lock(page: Page, _: FormData) -> str:
    """Let the daemon forget its keys."""
    await page.ask("lock")
    await _until(page, locked=True)
    return "/"


async def _until(page: Page, *, locked: bool) -> None:
    """Wait a little while the daemon opens its logs, or begins anew without them: it answers nobody meanwhile."""
    with trio.move_on_after(_PATIENCE_SECONDS):
        while True:
            with suppress(CommandError):
                if bool((await page.ask("status")).get("locked")) == locked:
                    return
            await trio.sleep(_LOOK_SECONDS)


ROUTES = [
    Route("/machine", shown(machine), methods=["GET"]),
    Route("/machine/stick", does(stick, machine), methods=["POST"]),
    Route("/unlock", does(unlock, machine), methods=["POST"]),
    Route("/lock", does(lock, machine), methods=["POST"]),
]
