"""What stands before every page: which host, origin and cookie a request must have, and the headers of each answer.

The page listens on loopback alone, but every site that a browser has open can send requests there. A name that a site
has pointed at this machine (DNS rebinding) is not the page's own `Host`; a form on another site has another `Origin`;
another program on this machine, at another port, is not sent the cookie, whose path it does not know; and a program of
another user is told by its end of the connection, which the kernel knows: an address that it read somewhere is no use.
"""

from contextlib import suppress

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meshd_cli.html import render
from meshd_page import TEMPLATES
from meshd_page.access import Access
from meshd_page.neighbours import is_own_user
from meshd_page.typed import UNTYPED

COOKIE = "meshd"
ENTER = "/enter/"
STATIC = "/static/"
FORM_BYTES = 1 << 20
"""A form's size: a text has at most 12 kB."""

SHUT = 403
FORM = "application/x-www-form-urlencoded"
"""How every form here is sent."""
_SHUT = "This page is shut to this browser. Type `meshd page` in a terminal: its address lets one browser in, once.\n"
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",  # with "no-referrer" browsers send no Origin with a form
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class TooMuchError(Exception):
    """A form that is larger than any form here."""


class Guard:
    """Lets through what comes from a browser that was let in, and from this page."""

    def __init__(self, app: ASGIApp, access: Access, host: str) -> None:
        self._app = app
        self._access = access
        self._host = host
        """As it stands in the address, with the port."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        if scope["type"] != "http":
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(message)
            await send(message)

        request = Request(scope, _bounded(receive))
        refused = self._refusal(request)
        is_form = request.headers.get("content-type") == FORM
        if refused is not None and refused.status_code == SHUT and is_form and self._is_own(request):
            refused = await _given_back(request)
        if refused is not None:
            await refused(scope, receive, answer)
            return
        await self._app(scope, _bounded(receive), answer)

    def _refusal(self, request: Request) -> Response | None:
        """Why a request goes no further."""
        if request.headers.getlist("host") != [self._host]:
            return PlainTextResponse(f"This page is at http://{self._host} alone.\n", 421)
        path = request.url.path
        if request.method not in ("GET", "HEAD", "POST") or (request.method == "HEAD" and path.startswith(ENTER)):
            return PlainTextResponse("Nothing here takes that.\n", 405)
        if request.client is None or not is_own_user(*request.client):
            return PlainTextResponse("This page is of another user of this machine.\n", 403)
        if request.method != "POST" and path.startswith((STATIC, ENTER)):
            return None
        session = self._access.session(request.cookies.get(COOKIE))
        if session is None or not path.startswith(f"/{self._access.path}/"):
            return PlainTextResponse(_SHUT, SHUT)
        if request.method == "POST" and not self._is_own(request):
            return PlainTextResponse("This form is of another site.\n", 403)
        request.state.session = session
        return None

    def _is_own(self, request: Request) -> bool:
        """Whether a form comes from a page of this host."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        return request.headers.getlist("origin") == [f"http://{self._host}"] and site == "same-origin"


async def _given_back(request: Request) -> Response:
    """What a form of an earlier page of this host says, to whoever sent it: it was typed, and is nowhere else."""
    with suppress(TooMuchError, ClientDisconnect):
        async with request.form() as form:
            said = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        typed = [(name, value) for name, value in said if name not in UNTYPED and value.strip()]
        return HTMLResponse(render(TEMPLATES, "shut.html", kept_words=typed), SHUT)
    return PlainTextResponse(_SHUT, SHUT)


def add_headers(begin: Message) -> None:
    """Say in the beginning of an answer what a browser may do with it."""
    MutableHeaders(scope=begin).update(_HEADERS)


def _bounded(receive: Receive) -> Receive:
    """What is received, up to the size of a form. Raises TooMuchError."""
    got = 0

    async def bounded() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > FORM_BYTES:
            raise TooMuchError
        return message

    return bounded
