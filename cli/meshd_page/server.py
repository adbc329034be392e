"""The page's process: listens on loopback, lets browsers in, tells another `meshd page` the way, until told to stop."""

import os
import socket
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from meshd_cli.homes import folders
from meshd_cli.html import render
from meshd_page.access import Access
from meshd_page.door import keep_door
from meshd_page.frame import TEMPLATES, Site
from meshd_page.guard import COOKIE, ENTER, Guard, TooMuchError
from meshd_page.live import Events, Live
from meshd_page.views import decisions, delegates, helping, home, institutions, machine, meetings, people, talk

HOST = "127.0.0.1"
_LAST_SECONDS = 1.0
_STATIC = Path(__file__).parent / "static"


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes a free one. Raises OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener


async def run(
    house: Path, listener: socket.socket, ready: Callable[[str], None], stopped: trio.Event,
    entropy: Callable[[int], bytes] = os.urandom,
) -> None:  # fmt: skip
    """Serve until `stopped` is set. `ready` hears an address that lets one browser in."""
    host = f"{HOST}:{listener.getsockname()[1]}"
    access = Access(entropy)
    async with trio.open_nursery() as nursery:
        app = application(Site(house, access, Live(house, nursery)), host)
        config = Config()
        config.bind = [f"fd://{listener.detach()}"]  # theirs to close from now on
        config.include_server_header = False
        config.graceful_timeout = config.shutdown_timeout = _LAST_SECONDS
        config.errorlog = None
        invite = partial(_address, access, host)
        await nursery.start(keep_door, house, invite)
        ready(invite())
        await serve(cast(Any, app), config, shutdown_trigger=stopped.wait, mode="asgi")
        nursery.cancel_scope.cancel()


def _address(access: Access, host: str) -> str:
    return f"http://{host}{ENTER}{access.entrance()}"


def application(site: Site, host: str) -> Guard:
    """The pages behind their guard."""
    views = (home, decisions, talk, people, delegates, meetings, institutions, machine, helping)
    pages = [route for view in views for route in view.ROUTES]
    routes = [
        Route(f"{ENTER}{{word}}", _enter, methods=["GET"]),
        Mount("/static", StaticFiles(directory=_STATIC)),
        Route(f"/{site.access.path}/", _assemblies, methods=["GET"]),
        Route(f"/{site.access.path}/{{assembly}}/events", _events, methods=["GET"]),
        Mount(f"/{site.access.path}/{{assembly}}", routes=pages),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _no_page,
            ClientDisconnect: _gone,
            TooMuchError: _too_much,
            Exception: _defect,
        },
    )
    app.state.site = site
    return Guard(app, site.access, host)


async def _enter(request: Request) -> Response:
    """Let a browser in. It goes on by itself from a page of ours: its cookie is sent for that alone."""
    access: Access = request.app.state.site.access
    cookie = access.enter(request.path_params["word"])
    if cookie is None:
        text = "This address has let a browser in already: it does so once. `meshd page` gives another one.\n"
        return PlainTextResponse(text, 403)
    response = HTMLResponse(render(TEMPLATES, "enter.html", to=f"/{access.path}/"))
    response.set_cookie(COOKIE, cookie, path=f"/{access.path}/", httponly=True, samesite="strict")
    return response


async def _assemblies(request: Request) -> Response:
    """The assemblies of the home; the only one at once."""
    site: Site = request.app.state.site
    found = await trio.to_thread.run_sync(folders, site.home)
    if len(found) == 1:
        return RedirectResponse(f"/{site.access.path}/{quote(found[0])}/", 303)
    return HTMLResponse(render(TEMPLATES, "assemblies.html", at=f"/{site.access.path}", folders=found))


async def _events(request: Request) -> Events:
    """What a browser listens to. Raises HTTPException where there is no such assembly."""
    if request.path_params["assembly"] not in folders(request.app.state.site.home):
        raise HTTPException(404)
    return Events(request.app.state.site.live, request.path_params["assembly"])


async def _no_page(_: Request, error: Exception) -> Response:
    """That there is no such page."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    return PlainTextResponse("There is no such page. Go back, or begin at `meshd page`.\n", status)


async def _gone(_: Request, __: Exception) -> Response:
    """A browser that left before it had said all: nobody is there to be answered."""
    return PlainTextResponse("", 400)


async def _too_much(_: Request, __: Exception) -> Response:
    """A form that is larger than any form here."""
    return PlainTextResponse("That is too much for a form.\n", 413)


async def _defect(_: Request, error: Exception) -> Response:
    """That the page has a fault: whoever runs it sees which, on its standard error."""
    traceback.print_exception(error)
    return PlainTextResponse(f"meshd has a defect: {error!r}\nNothing acknowledged is lost. Go back.\n", 500)
