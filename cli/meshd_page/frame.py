"""How a page is made: what it is given, how it is shown, and what a form must have before the node is asked."""

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

import trio
from markupsafe import escape
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from meshd_cli import output
from meshd_cli.directions import without_isolates
from meshd_cli.errors import NOT_FOUND, CommandError, LockedError, UnansweredError, UsageError
from meshd_cli.homes import are_open, folders, mean
from meshd_cli.html import render
from meshd_cli.times import moment
from meshd_page import TEMPLATES, node
from meshd_page.access import Access, Session
from meshd_page.live import Live
from meshd_page.room import Room
from meshd_page.typed import AGAIN, HELD, HELD_TO, OF_ALL_FORMS, SECRET, UNTYPED, Unsent


@dataclass(frozen=True)
class Site:
    """What all pages of one process share."""

    home: Path
    access: Access
    live: Live
    room: Room | None = None


@dataclass(frozen=True)
class Page:
    """One request by a browser that was let in. `problem` is why the form before could not be done, `said` what it
    said: it is shown once more, so that nobody types it twice.
    """

    request: Request
    site: Site
    session: Session
    assembly: str
    problem: CommandError | None = None
    said: Mapping[str, Any] = field(default_factory=dict[str, Any])
    warnings: list[str] = field(default_factory=list[str])
    """What the node warned of while it did what a form asks for."""
    draft_to: str = ""
    """Where a form would be sent that somebody has begun, and that `said` is of."""

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """The daemon's answer; arguments that are None are left out. Raises CommandError."""
        given = {name: value for name, value in arguments.items() if value is not None}
        answer = await node.ask(self.site.home, self.assembly, verb, given)
        if isinstance(answer, dict) and not arguments.get("preview"):
            self.warnings.extend(answer.get("warnings", ()))
        return answer

    @property
    def at(self) -> str:
        """What the addresses of this assembly begin with."""
        return f"{self.above}/{self.assembly}" if self.assembly else self.above

    @property
    def above(self) -> str:
        """What all addresses begin with that a browser is let in for."""
        return f"/{self.site.access.path}"

    @property
    def has_others(self) -> bool:
        """Whether the home has several assemblies."""
        return len(folders(self.site.home)) > 1

    def param(self, name: str) -> str:
        """A part of the address."""
        return str(self.request.path_params[name])

    def sent_to(self, action: str) -> bool:
        """Whether this page is shown because a form that is sent to `action` could not be done, or was left."""
        return self.draft_to == action or (self.request.method == "POST" and self.request.url.path == self.at + action)

    def typed(self, action: str, name: str, default: str = "") -> str:
        """What stands in a field of the form that is sent to `action`: what was typed, where that could not be done, or
        what the address of the page says.
        """
        if (self.draft_to or self.request.method == "POST") and not self.sent_to(action):
            return default
        value = self.said.get(name, default)
        return value if isinstance(value, str) else default

    def chosen(self, action: str, name: str) -> list[str]:
        """All that was chosen under a name, of the same form."""
        if not self.sent_to(action) or not isinstance(self.said, FormData):
            return []
        return [value for value in self.said.getlist(name) if isinstance(value, str)]

    @property
    def looks(self) -> bool:
        """Whether a person looks at this page now, and it is not only brought up to date behind their back."""
        return self.request.headers.get(QUIET) is None

    async def show(self, template: str, *, alone: bool = False, **values: Any) -> Response:
        """The page of a template; what needs nothing of the daemon stands `alone` where it does not answer."""
        try:
            who = await self.ask("whoami")
        except CommandError:
            if not alone:
                raise
            who = None
        return self.render(template, 200 if self.problem is None else 409, who=who, **values)

    def render(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """A template, with what stands on every page; `who` is this person in the assembly, if there is one. What was
        typed, and has no place on the page any more, is told in words.
        """
        said = self.unsent.fields if self.unsent is not None else self._said_items()
        kept = [(name, value) for name, value in said if name not in UNTYPED and value.strip()]
        if self.problem is not None:
            without = self._rendered(template, [], values)
            kept = [(name, value) for name, value in kept if str(escape(value)) not in without]
        return HTMLResponse(self._rendered(template, kept, values), status)

    def _rendered(self, template: str, kept: list[tuple[str, str]], values: Mapping[str, Any]) -> str:
        mean(self.site.home, self.assembly or None)  # what commands on this page are about
        return render(
            TEMPLATES,
            template,
            page=self,
            at=self.at,
            token=self.session.token,
            once=self.site.access.word,
            problem=self.problem,
            said=self.said,
            kept_words=kept,
            told=self.session.kept.get(self.request.query_params.get(TOLD, ""), ()),
            **values,
        )

    async def ask_again(self, made: Response) -> Response:
        """The page that asks whether a form is meant that says the same as one a short while ago."""
        kept = self.unsent.fields if self.unsent is not None else []
        who = await self.ask("whoami")
        return self.render("twice.html", 409, who=who, made=made.headers.get("location"), kept=kept)

    @property
    def unsent(self) -> Unsent | None:
        """The form that is sent, or that was when the node was found locked; None where it says nothing."""
        to = text(self.said, HELD_TO) if isinstance(self.said, FormData) else None
        if to is not None:
            held = parse_qsl(text(self.said, HELD) or "", keep_blank_values=True, errors="surrogatepass")
            return Unsent(to, held) if to.startswith(f"{self.above}/") else None
        fields = [(name, value) for name, value in self._said_items() if name not in SECRET]
        return Unsent(self.request.url.path, fields) if fields else None

    def _said_items(self) -> list[tuple[str, str]]:
        every = self.said.multi_items() if isinstance(self.said, FormData) else ()
        return [(name, value) for name, value in every if isinstance(value, str)]

    async def fail(self, error: CommandError) -> Response:
        """The page that says why there is none; what a form said stands on it, so that it is not lost."""
        page = replace(self, problem=None)
        if error.code == LockedError.code:
            return page.render(
                "locked.html",
                503,
                problem_=self.problem,
                who=None,
                is_open=are_open(self.site.home, None),
                unsent=self.unsent,
            )
        gone = isinstance(error, node.AwayError | UnansweredError)
        status = 503 if gone else 404 if error.code == NOT_FOUND else 409
        who = None
        with suppress(CommandError):
            who = None if gone or not self.assembly else await self.ask("whoami")
        unsent = self.unsent if isinstance(error, node.AwayError) else None
        return page.render("failed.html", status, error=error, who=who, unsent=unsent)


class Again(NamedTuple):
    """A page that asks once more: nothing is done yet, and the form may be sent again."""

    page: Response


View: TypeAlias = Callable[[Page], Awaitable[Response]]
Act: TypeAlias = Callable[[Page, FormData], Awaitable[str | Response | Again]]
"""Does what a form asks for: where the browser goes then, or what it is shown. Raises CommandError."""
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
TOLD = "told"
"""In an address: the word of what the page tells beside what it shows."""
QUIET = "meshd-quiet"
"""A header of what a page asks for by itself, while nobody has clicked on anything."""


def opened(request: Request) -> Page:
    """The page that a request is for."""
    return Page(request, request.app.state.site, request.state.session, str(request.path_params.get("assembly", "")))


def shown(view: View) -> Endpoint:
    """An endpoint that shows a page. What the address says beside the path stands in its forms."""

    async def endpoint(request: Request) -> Response:
        page = replace(opened(request), said=request.query_params)
        return await _shown(view, page)

    return endpoint


async def _shown(view: View, page: Page) -> Response:
    try:
        return await view(page)
    except CommandError as error:
        return await page.fail(error)


def makes(act: Act, back: View) -> Endpoint:
    """As `does`, where doing it twice makes two things: who goes back to a form, and sends it again as it was, is asked
    whether they mean it.
    """
    return does(act, back, new=True)


def does(act: Act, back: View, *, new: bool = False) -> Endpoint:
    """An endpoint that does what a form asks for, once, and goes on; `back` is the page of the form, shown again with
    what was typed where it could not be done.
    """

    async def endpoint(request: Request) -> Response:
        page = opened(request)
        async with request.form(max_files=0, max_fields=1000) as sent:
            form = _as_typed(sent)
            if form.get("token") != page.session.token:
                return PlainTextResponse("This form is of another site, or of a page before this one began.\n", 403)
            page = replace(page, said=form)
            async with page.session.turn:
                return await _done(page, form, act, back, new=new)

    return endpoint


def _as_typed(form: FormData) -> FormData:
    """A form without the marks that a page puts around words from right to left: what was copied off one has them."""
    return FormData([(name, without_isolates(value)) for name, value in form.multi_items() if isinstance(value, str)])


async def _done(page: Page, form: FormData, act: Act, back: View, *, new: bool) -> Response:
    once, said = str(form.get("once", "")), _digest(form, page.request.url.path)
    before = page.session.spent.get(once)
    try:
        if before is not None:
            return _sent_before(*before, said)
        made = page.session.made_lately(said, trio.current_time()) if new and not form.get(AGAIN) else None
        if made is not None:
            return await page.ask_again(made)
        to = await act(page, form)
    except UnansweredError as error:
        page.session.spend(once, said, None)
        return await page.fail(error)
    except CommandError as error:
        return await _shown(back, replace(page, problem=error))
    if isinstance(to, Again):
        return to.page
    answer = to if isinstance(to, Response) else RedirectResponse(f"{page.at}{_telling(page, to)}", 303)
    page.session.spend(once, said, answer)
    if new:
        page.session.make(said, trio.current_time(), answer)
    return answer


def _telling(page: Page, to: str) -> str:
    """The address of a page that shows what was warned of, too."""
    if not page.warnings:
        return to
    word = page.session.keep(page.site.access.word(), tuple(page.warnings))
    address, sign, part = to.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{TOLD}={word}{sign}{part}"


def _sent_before(before: bytes, answer: Response | None, said: bytes) -> Response:
    """What a form that was sent before led to. Raises CommandError if it says something else now, or nobody knows."""
    if answer is None:
        raise CommandError(
            "This form was sent before, and the daemon gave no answer: nobody knows whether it was done",
            "Look whether it was. If not, send it once more: what you typed stands below.",
        )
    if before != said:
        raise CommandError(
            "This form was sent before, and done then; nothing was done now",
            "What you have typed since stands below: send it once more if you mean it.",
        )
    return answer


def _digest(form: FormData, to: str) -> bytes:
    """What a form says and where it goes, but for what stands in every form."""
    said = [to, *(f"{name}={value}" for name, value in form.multi_items() if name not in OF_ALL_FORMS)]
    return hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).digest()


def text(form: Mapping[str, Any], name: str) -> str | None:
    """What was typed into a field; None if nothing was."""
    value = form.get(name)
    return value.replace("\r\n", "\n") if isinstance(value, str) and value.strip() else None


def texts(form: FormData, name: str) -> list[str]:
    """All that was chosen or typed under a name."""
    return [value for value in form.getlist(name) if isinstance(value, str) and value.strip()]


def needed(form: FormData, name: str, problem: str) -> str:
    """What was typed into a field. Raises CommandError where nothing was."""
    value = text(form, name)
    if value is None:
        raise CommandError(problem)
    return value


def later_ms(words: str) -> int:
    """A date that is still to come, in ms since 1970. Raises UsageError."""
    now = int(time.time() * 1000)
    when = moment(words, now)
    if when <= now:
        raise UsageError(f"{output.when(when)} has passed")
    return when
