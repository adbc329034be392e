"""HTML, for the page and for paper: the templates' filters. Nothing that came from a record stands there raw."""

import re
import unicodedata
from functools import cache
from html import unescape
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from meshd_cli import figures, output
from meshd_cli.designs import field_words, form_words
from meshd_cli.directions import isolate_words
from meshd_cli.forms import value_words
from meshd_cli.homes import typed
from meshd_cli.results import act_words, counts_words, state_words, stuck_words
from meshd_cli.seats import seat_words
from meshd_cli.waiting import ends_words, waiting_words
from meshd_protocol.names import DOT, printable

_COMMAND = re.compile(r"(with )?`([^`]+)`")
"""A command; what others do *with* one is for their homes."""


class Exact(str):
    """What a form sends back as it stands: escaped, and otherwise not changed by a letter."""


def render(package: str, template: str, **values: Any) -> str:
    """The text of a template of a package, which may use those that stand beside this file."""
    return _template(package, template).render(**values)


@cache
def _template(package: str, name: str) -> Template:
    return _environment(package).get_template(name)


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("meshd_cli")]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_plain,
    )
    environment.filters.update(
        exact=Exact,
        alone=_alone,
        direction=_direction,
        when=output.when,
        span=output.span,
        size=output.size,
        short=_short,
        prose=_prose,
        sentence=_sentence,
        person=_person,
        state=state_words,
        stuck=stuck_words,
        lot=figures.lot_words,
        act=act_words,
        form=form_words,
        field=field_words,
        counts=counts_words,
        waiting=waiting_words,
        ends=ends_words,
        line=figures.line_words,
        posts=figures.post_lines,
        ready=figures.readiness_words,
        silent=figures.silent_words,
        days=figures.span_words,
        plural=output.plural,
        seat=seat_words,
        value=value_words,
        typed=_typed,
    )
    return environment


def _plain(value: Any) -> Any:
    """Text without what could reorder a line or hide something in it."""
    if value is None:
        return ""
    return _isolated(value) if isinstance(value, str) and not isinstance(value, Markup | Exact) else value


def _isolated(text: str) -> str:
    """Text whose words from right to left keep what is around them in its place (UAX 9, isolates): `3 to 1` stays."""
    return isolate_words(printable(text, lines=True))


def _alone(text: str) -> Exact:
    """Text that fills an element, whose direction is its own (`direction`)."""
    return Exact(printable(text, lines=True))


@pass_context
def _typed(_: Context, command: str) -> str:
    """A command as it must be typed here. It goes by which assembly a page is of, so no template may know it before."""
    return typed(command)


def _direction(text: str) -> str:
    """The direction of a text by its first letter (UAX 9, P2), for what reads no `dir=auto`, as makers of PDFs."""
    strong = (unicodedata.bidirectional(letter) for letter in text)
    return next(("ltr" if kind == "L" else "rtl" for kind in strong if kind in ("L", "R", "AL")), "ltr")


def _short(identity: str) -> str:
    return identity[: output.SHORT_ID]


def _sentence(text: str) -> str:
    """Words of an error as a sentence. An id at its beginning stays as it is typed."""
    first = text if _AN_ID.match(text) else f"{text[:1].upper()}{text[1:]}"
    return f"{first}{'' if text.endswith(('.', '?', '!')) or not text else '.'}"


def _prose(text: str, at: str = "") -> Markup:
    """A text with its commands set off; on a page whose addresses begin `at` something, as links to where the same is
    seen or done.
    """

    def command(found: re.Match[str]) -> str:
        theirs, text = found[1] or "", found[2]
        words = text.split()
        place = _place(words) if at else None
        if place is not None:
            return f'{theirs}<a href="{at}{place}"><code>{text}</code></a>'
        is_typed = at and not theirs and words[:1] == ["meshd"]  # paper is for others
        return f"{theirs}<code>{escape(typed(unescape(text))) if is_typed else text}</code>"

    plain = str(escape(_isolated(text)))
    return Markup(_COMMAND.sub(command, plain))  # noqa: S704 (escaped above)


def _place(words: list[str]) -> str | None:
    """Where a page shows or does what a command does."""
    place = _PLACES.get(words[1]) if len(words) > 1 and words[0] == "meshd" else None
    if words[1:3] == ["propose", "--again"] and len(words) > 3:
        return f"/decisions/{words[3]}" if _ID.fullmatch(words[3]) else None
    if place is None or _NOT_EMPTY.intersection(words):
        return None
    if not place.endswith("/"):
        return place
    return f"{place}{words[2]}" if len(words) > 2 and _ID.fullmatch(words[2]) else None


_NOT_EMPTY = frozenset({"--repeals", "--amends", "--form"})
"""What an empty form does not know."""
_ID = re.compile("[a-z2-7]{4,52}")
_AN_ID = re.compile(r"(?=\w*[2-7])[a-z2-7]{8}(?:[a-z2-7]{44})?\b")
_PLACES = (
    dict.fromkeys(("show", "why", "vote", "answer", "withdraw"), "/decisions/")
    | dict.fromkeys(("members", "vouch", "admit", "invite"), "/people")
    | dict.fromkeys(("delegates", "recall", "act"), "/delegates")
    | dict.fromkeys(("minutes", "todo", "done", "assent"), "/meetings")
    | dict.fromkeys(("entries", "institutions"), "/institutions")
    | dict.fromkeys(("status", "peers", "stick"), "/machine")
    | dict.fromkeys(("read", "say", "topics"), "/talk")
    | {"list": "/decisions", "propose": "/propose", "mandate": "/mandate"}
)
"""Where a page shows or does what a command does; below a place that ends in a slash, the thing that it names."""


def _person(label: str | None) -> Markup:
    """A name as it is written, whatever its direction, with the beginning of its key small beside it."""
    name, dot, key = printable(label or "").rpartition(DOT)
    if not dot:
        return Markup("<bdi>{}</bdi>").format(key)
    return Markup("<bdi>{}</bdi><small class=key>{}{}</small>").format(name, dot, key)
