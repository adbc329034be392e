"""The page's process: listens on loopback, lets browsers in, tells another `meshd page` the way, until told to stop."""

import os
import socket
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import ifaddr
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from meshd_cli.errors import NOT_FOUND, CommandError
from meshd_cli.homes import folders
from meshd_cli.html import render
from meshd_page import TEMPLATES
from meshd_page.access import Access
from meshd_page.frame import Site, opened
from meshd_page.guard import COOKIE, ENTER, Guard, TooMuchError
from meshd_page.inviting import keep_inviting
from meshd_page.live import Events, Live
from meshd_page.room import SCREENS, Room, new_room
from meshd_page.room import application as rooms
from meshd_page.views import (
    assemblies,
    decisions,
    delegates,
    helping,
    home,
    institutions,
    machine,
    meetings,
    people,
    rooming,
    talk,
)

HOST = "127.0.0.1"
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 (what a person may say; nothing is bound here)
_LAST_SECONDS = 1.0
_STATIC = Path(__file__).parent / "static"


def listen(port: int, host: str = HOST) -> socket.socket:
    """A listening socket, on loopback unless told elsewhere; port 0 takes a free one. Raises OSError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener


class Listeners(NamedTuple):
    """Listening sockets: the page's own on loopback, and the room's, if there is one."""

    page: socket.socket
    room: socket.socket | None = None


async def run(
    house: Path, listeners: Listeners, ready: Callable[[str, Room | None], None], stopped: trio.Event,
    entropy: Callable[[int], bytes] = os.urandom, steady: Callable[[], float] = time.monotonic,
) -> None:  # fmt: skip
    """Serve until `stopped` is set. `ready` hears an address that lets one browser in, and of the room."""
    host = f"{HOST}:{listeners.page.getsockname()[1]}"
    access = Access(entropy)
    room = new_room(Access(entropy, SCREENS), entropy, steady) if listeners.room is not None else None
    async with trio.open_nursery() as nursery:
        invite = partial(_address, access, host)
        await nursery.start(keep_inviting, house, invite)
        if room is not None and listeners.room is not None:
            place, port = listeners.room.getsockname()[:2]
            place = _reached_at() if place in _EVERYWHERE else f"[{place}]" if ":" in place else place
            room.address = f"http://{place}:{port}/"
            nursery.start_soon(_serve, rooms(room, house), listeners.room, stopped)
        ready(invite(), room)
        await _serve(application(Site(house, access, Live(house, nursery), room), host), listeners.page, stopped)
        nursery.cancel_scope.cancel()


async def _serve(app: Any, listener: socket.socket, stopped: trio.Event) -> None:
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]  # theirs to close from now on
    config.include_server_header = False
    config.graceful_timeout = config.shutdown_timeout = _LAST_SECONDS
    config.errorlog = None
    await serve(app, config, shutdown_trigger=stopped.wait, mode="asgi")


def _reached_at() -> str:
    """The address of this machine on the network that others are on, by the way out of it; loopback where there is
    none. Nothing is sent.
    """
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("192.0.2.1", 9))  # an address of nobody (RFC 5737)
        return str(asked.getsockname()[0])
    found = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    return next((each for each in found if not each.startswith("127.")), HOST)


def _address(access: Access, host: str) -> str:
    return f"http://{host}{ENTER}{access.entrance()}"


def application(site: Site, host: str) -> Guard:
    """The pages behind their guard."""
    views = (home, decisions, talk, people, delegates, meetings, institutions, machine, rooming, helping)
    pages = [route for view in views for route in view.ROUTES]
    routes = [
        Route(f"{ENTER}{{word}}", _enter, methods=["GET"]),
        Mount("/static", StaticFiles(directory=_STATIC)),
        Route(f"/{site.access.path}/{{assembly}}/events", _events, methods=["GET"]),
        Mount(f"/{site.access.path}/{{assembly}}", routes=pages),
        Mount(f"/{site.access.path}", routes=assemblies.ROUTES),
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


async def _events(request: Request) -> Events:
    """What a browser listens to. Raises HTTPException where there is no such assembly."""
    if request.path_params["assembly"] not in folders(request.app.state.site.home):
        raise HTTPException(404)
    return Events(request.app.state.site.live, request.path_params["assembly"])


async def _no_page(request: Request, error: Exception) -> Response:
    """That there is no such page; to a browser that was let in, with the way to others."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 404 and getattr(request.state, "session", None) is not None:
        return await opened(request).fail(CommandError("There is no such page", code=NOT_FOUND))
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
