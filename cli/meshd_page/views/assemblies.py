"""The assemblies of a home of several: which there are, and in which something waits."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import trio
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from meshd_cli.errors import CommandError
from meshd_cli.homes import folders
from meshd_page.frame import Page, shown


async def assemblies(page: Page) -> Response:
    """All of them; the only one at once."""
    found = await trio.to_thread.run_sync(folders, page.site.home)
    if len(found) == 1:
        return RedirectResponse(f"{page.at}/{found[0]}/", 303)
    return page.render("assemblies.html", who=None, rows=[await _row(page, each) for each in found])


async def _row(page: Page, folder: str) -> dict[str, Any]:
    """An assembly by what its home calls it, and what is to be said of it, where the daemon answers."""
    row: dict[str, Any] = {"folder": folder, "who": None, "waiting": 0}
    with suppress(CommandError):
        inside = replace(page, assembly=folder)
        row["who"] = await inside.ask("whoami")
        home = await inside.ask("home")
        row["waiting"] = len(home["waiting"]) + home["more"]
    return row


ROUTES = [Route("/", shown(assemblies), methods=["GET"])]
