"""What the screen in the room shows: chosen here, by whoever runs the meeting."""

from starlette.datastructures import FormData
from starlette.responses import Response
from starlette.routing import Route

from meshd_cli.errors import CommandError
from meshd_page.frame import Page, does, needed, shown, text, texts
from meshd_page.room import Room

_OVER = 10
"""Votes that are over and can be shown: the last ones, and those that are shown already."""
_NAME = 100
"""Letters of a speaker's name."""
_MOST = 200
"""Points of an agenda, speakers and votes that are shown."""


def _room(page: Page) -> Room:
    if page.site.room is None:
        raise CommandError("there is no screen for the room", "`meshd page --room` begins the page with one.")
    return page.site.room


async def room(page: Page) -> Response:
    """What is shown now, and what can be."""
    shown_ = _room(page)
    rows = (await page.ask("list"))[::-1]
    over = [row["id"] for row in rows if row["outcome"] is not None][:_OVER]
    can_be = {row["id"] for row in rows if row["outcome"] is None and not row["withdrawn"]}
    rows = [row for row in rows if row["id"] in can_be.union(over, shown_.votes)]
    return await page.show("rooming.html", room=shown_, rows=rows)


async def agenda(page: Page, form: FormData) -> str:
    """Write the agenda, one point on each line."""
    found = _room(page)
    found.show(page.assembly)
    found.agenda = [line.strip() for line in (text(form, "agenda") or "").splitlines() if line.strip()][:_MOST]
    found.at = min(found.at, max(0, len(found.agenda) - 1))
    found.changed()
    return "/room"


async def point(page: Page, form: FormData) -> str:
    """Go to another point of the agenda."""
    found = _room(page)
    number = needed(form, "point", "no point was named")
    if not number.isdecimal() or int(number) >= len(found.agenda):
        raise CommandError("there is no such point on the agenda")
    found.at = int(number)
    found.changed()
    return "/room"


async def speak(page: Page, form: FormData) -> str:
    """Put somebody at the end of the speakers, or take away whoever has spoken."""
    found = _room(page)
    found.show(page.assembly)
    name, done = text(form, "name"), text(form, "done")
    if done is not None:
        found.speakers = [each for each in found.speakers if str(each[0]) != done]
    elif name is not None and len(found.speakers) < _MOST:
        found.spoke += 1
        found.speakers.append((found.spoke, name.strip()[:_NAME]))
    found.changed()
    return "/room#speakers"


async def votes(page: Page, form: FormData) -> str:
    """Choose the votes whose count is shown, and whether those are named who have not voted."""
    found = _room(page)
    found.show(page.assembly)
    known = {row["id"] for row in await page.ask("list")}
    found.votes = [each for each in texts(form, "vote") if each in known][:_MOST]
    found.missing = bool(form.get("missing"))
    found.changed()
    return "/room#votes"


ROUTES = [
    Route("/room", shown(room), methods=["GET"]),
    Route("/room/agenda", does(agenda, room), methods=["POST"]),
    Route("/room/point", does(point, room), methods=["POST"]),
    Route("/room/speak", does(speak, room), methods=["POST"]),
    Route("/room/votes", does(votes, room), methods=["POST"]),
]
