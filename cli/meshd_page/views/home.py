"""The home page: what waits for this person, with the page on which it is done; what is new, and who was reached."""

from typing import Any

from starlette.datastructures import FormData
from starlette.responses import Response
from starlette.routing import Route

from meshd_page.frame import Page, does, shown

_PLACES = {
    "vote": "/decisions/{id}#ballot",
    "answer": "/decisions/{id}#talk",
    "step": "/decisions/{id}#ballot",
    "anew": "/decisions/{id}",
    "witness": "/decisions/{id}",
    "vouch": "/people",
    "admit": "/people",
    "act": "/delegates",
    "assent": "/meetings/{id}",
    "task": "/meetings#tasks",
    "letter": "/talk#newest",
    "second": "/institutions/{id}",
    "call": "/institutions/{id}",
    "due": "/institutions/{id}",
    "agenda": "/institutions/{id}",
    "rest": "/institutions/{id}",
    "matter": "/institutions#asked",
    "send": "/institutions#federations",
}
"""Where what waits is done. The rest is done in a terminal, with the command that stands beside it."""


def place_of(row: dict[str, Any]) -> str | None:
    """The page on which something that waits is done, if there is one."""
    place = _PLACES.get(row["what"])
    return place.format(id=row["id"]) if place is not None else None


async def home(page: Page) -> Response:
    """What waits, first of all."""
    found = await page.ask("home", all="all" in page.request.query_params or None)
    if found["since"] is not None and found["since"]["since_ms"] is None:
        await page.ask("home", look=True)  # what is new is told from the first look on
    return await page.show("home.html", home=found, place_of=place_of)


async def look(page: Page, _: FormData) -> str:
    """Note that this person has seen what is new."""
    await page.ask("home", look=True)
    return "/"


ROUTES = [
    Route("/", shown(home), methods=["GET"]),
    Route("/look", does(look, home), methods=["POST"]),
]
