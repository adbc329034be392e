"""Talk: the newest messages and letters, by topic, and something new to say."""

from starlette.datastructures import FormData
from starlette.responses import Response
from starlette.routing import Route

from meshd_cli.talked import SHOWN, are_more
from meshd_page.frame import Page, does, makes, needed, shown, text

_MOST = 3200
"""Messages, and letters, that one page shows at the most."""


async def talk(page: Page) -> Response:
    """The newest messages, those of one topic where the address says which."""
    topic = page.request.query_params.get("topic") or None
    show = page.request.query_params.get("show", "")
    limit = min(max(SHOWN, int(show)), _MOST) if show.isascii() and show.isdecimal() and len(show) < 9 else SHOWN
    rows = await page.ask("read", topic=topic, limit=limit + 1, quiet=not page.looks)
    topics = await page.ask("topics")
    people = [each for each in await page.ask("members") if each["role"] in ("member", "observer") and not each["me"]]
    shown_ = {"rows": rows, "more": are_more(rows, limit), "limit": limit, "most": _MOST}
    return await page.show("talk.html", **shown_, topics=topics, topic=topic, people=people)


async def say(page: Page, form: FormData) -> str:
    """Say something to everybody, or to one person alone."""
    to = text(form, "to")
    topic = None if to else text(form, "topic")
    await page.ask("say", text=needed(form, "text", "there is nothing to say yet"), topic=topic, to=to)
    return "/talk#newest"


async def take_back(page: Page, form: FormData) -> str:
    """Take back one's own message."""
    await page.ask("forget", id=needed(form, "id", "no message was named"))
    return "/talk"


ROUTES = [
    Route("/talk", shown(talk), methods=["GET"]),
    Route("/talk", makes(say, talk), methods=["POST"]),
    Route("/talk/forget", does(take_back, talk), methods=["POST"]),
]
