"""The screen for the room: what a meeting chose to show, read-only, on a beamer or on phones, behind a PIN.

It listens on the network, so there is nothing private in it: an agenda, who speaks next, and how some votes stand. It
says who can see it. What it shows is in memory, and gone with the page's process.
"""

import hmac
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meshd_cli.errors import CommandError
from meshd_cli.html import render
from meshd_cli.pictures import Bar, shares_of
from meshd_page import node
from meshd_page.access import Access
from meshd_page.guard import add_headers

COOKIE = "meshd-room"
_PIN_DIGITS = 6
_TRIES, _TRIES_OF_ALL = 20, 500
"""Wrong PINs after which nobody at an address, or nobody, is let in for a while: a million are to be guessed."""
SCREENS = 1000
"""Screens that are let in: of more those give way that look no more."""
_SHUT_SECONDS = 60.0
_SEEN_SECONDS = 30.0
"""A screen that asked so lately is there."""
_FRESH_SECONDS = 2.0
"""How old what all screens are shown may be: the daemon is asked once for all of them."""
_FORM_BYTES = 1024


@dataclass(eq=False, repr=False)
class Room:
    """What is shown, who may see it, and who does. `steady` is a clock in seconds."""

    pin: str
    access: Access
    steady: Callable[[], float]
    address: str = ""
    assembly: str = ""
    agenda: list[str] = field(default_factory=list[str])
    at: int = 0
    """The point of the agenda that is talked about."""
    speakers: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """Who wants to speak, each with a number of their own: two who press a button at once mean the same one."""
    spoke: int = 0
    """The last of these numbers."""
    votes: list[str] = field(default_factory=list[str])
    missing: bool = False
    """Whether those are named who have not voted yet."""
    _wrong: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    _seen: dict[int, float] = field(default_factory=dict[int, float])
    _shown: str = ""
    _fresh_until: float = float("-inf")
    _changes: int = 0
    _turn: trio.Lock = field(default_factory=trio.Lock)
    _limiter: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(1))

    def show(self, assembly: str) -> None:
        """Show something of an assembly from now on: of another one nothing stays."""
        if self.assembly != assembly:
            self.agenda, self.at, self.speakers, self.votes = [], 0, [], []
        self.assembly = assembly

    def is_right(self, pin: str, place: str) -> bool | None:
        """Whether a PIN lets in whoever is at an address; None while nobody there is let in."""
        now = self.steady()
        self._wrong = [each for each in self._wrong if now - each[1] < _SHUT_SECONDS]
        if len(self._wrong) >= _TRIES_OF_ALL or sum(each == place for each, _ in self._wrong) >= _TRIES:
            return None
        if hmac.compare_digest(pin.encode("utf-8", "surrogatepass"), self.pin.encode()):
            return True
        self._wrong.append((place, now))
        return False

    def note(self, session: object) -> None:
        """Note that a screen asked."""
        self._seen[id(session)] = self.steady()

    @property
    def screens(self) -> int:
        """How many screens there are now."""
        now = self.steady()
        self._seen = {key: when for key, when in self._seen.items() if now - when < _SEEN_SECONDS}
        return len(self._seen)

    def changed(self) -> None:
        """Have all screens be shown what it is now."""
        self._fresh_until = float("-inf")
        self._changes += 1

    async def html(self, home: Path) -> str:
        """What every screen is shown, as new as it must be. The daemon is asked once for all who wait."""
        async with self._turn:
            if self.steady() >= self._fresh_until:
                before = self._changes
                found = await _looked_up(self, home, self._limiter)
                self._shown = render("meshd_page", "room.html", room=self, **found)
                if before == self._changes:  # else it is asked for anew by the next one
                    self._fresh_until = self.steady() + _FRESH_SECONDS
            return self._shown


async def _looked_up(room: Room, home: Path, limiter: trio.CapacityLimiter) -> dict[str, Any]:
    """The name of the assembly, and how the chosen votes stand; a word where the daemon does not answer. People are
    named where that was chosen alone.
    """
    votes: list[tuple[dict[str, Any], list[Bar], list[str]]] = []
    found: dict[str, Any] = {"name": "", "votes": votes, "problem": "" if room.assembly else "Nothing is shown yet."}
    if not room.assembly:
        return found
    try:
        found["name"] = (await node.ask(home, room.assembly, "whoami", {}, limiter))["name"]
        for identity in list(room.votes):
            why = await node.ask(home, room.assembly, "why", {"id": identity}, limiter)
            missing = [each["text"] for each in why["reasons"] if each["rule"] == "unseen"] if room.missing else []
            votes.append((why | {"waits_for": []}, shares_of(why), missing))
    except CommandError as error:
        found["problem"] = f"{error.error[:1].upper()}{error.error[1:]}."
    return found


def new_room(access: Access, entropy: Callable[[int], bytes], steady: Callable[[], float]) -> Room:
    """A room of which nobody knows the PIN yet."""
    return Room(f"{int.from_bytes(entropy(8)) % 10**_PIN_DIGITS:0{_PIN_DIGITS}}", access, steady)


def application(room: Room, home: Path) -> ASGIApp:
    """The two pages of the room: a field for the PIN, and what is shown."""

    async def look(request: Request) -> Response:
        session = room.access.session(request.cookies.get(COOKIE))
        if session is None:
            return HTMLResponse(render("meshd_page", "pin.html", problem=""), 200)
        room.note(session)
        return HTMLResponse(await room.html(home))

    async def enter(request: Request) -> Response:
        if int(request.headers.get("content-length") or _FORM_BYTES + 1) > _FORM_BYTES:
            return PlainTextResponse("That is too much for a PIN.\n", 413)
        async with request.form(max_files=0, max_fields=4) as form:
            pin = "".join(str(form.get("pin", "")).split())
            right = room.is_right(pin, request.client.host if request.client else "")
        if room.access.session(request.cookies.get(COOKIE)) is not None:
            return RedirectResponse("/", 303)  # it was let in before
        if not right:
            problem = "That is not the PIN." if right is False else "Too many wrong PINs: wait a minute."
            return HTMLResponse(render("meshd_page", "pin.html", problem=problem), 403)
        cookie = room.access.begin()
        response = RedirectResponse("/", 303)
        response.set_cookie(COOKIE, cookie, httponly=True, samesite="lax")
        return response

    static = Mount("/static", StaticFiles(packages=[("meshd_page", "static")]))
    routes = [Route("/", look, methods=["GET"]), Route("/", enter, methods=["POST"]), static]
    return _Door(Starlette(routes=routes))


class _Door:
    """Answers to this machine's addresses and names alone, so that no site points its own name here; adds headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(message)
            await send(message)

        if scope["type"] == "http" and not is_own_name(Request(scope).headers.get("host", "")):
            await PlainTextResponse("Nothing is here under that name.\n", 421)(scope, receive, answer)
        elif scope["type"] != "websocket":
            await self._app(scope, receive, answer)


def is_own_name(host: str) -> bool:
    """Whether a `Host` is an address, or this machine's own name: a site's name is neither."""
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        own = socket.gethostname().partition(".")[0].lower()
        return name.lower() in (own, f"{own}.local", "localhost")
    return True
