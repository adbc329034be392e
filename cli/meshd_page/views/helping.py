"""The how-to pages that come with the program, in the browser."""

import re

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from meshd_cli.topics import text_of, topics
from meshd_page.frame import Page, shown

_LINK = re.compile(r"\[([^\]]+)\]\(([^)#]+)(?:#[^)]*)?\)")
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


async def all_topics(page: Page) -> Response:
    """The list of pages."""
    return await page.show("topics.html", alone=True, topics=topics())


async def topic(page: Page) -> Response:
    """One page. What it links to and does not come along stands there as words."""
    try:
        text = text_of(page.param("topic"))
    except KeyError as error:
        raise HTTPException(404) from error
    known = {each.name for each in topics()}

    def to(found: re.Match[str]) -> str:
        words, name = found[1], found[2].removesuffix(".md")
        return f"[{words}]({page.at}/help/{name})" if name in known else words

    html = _MARKDOWN.render(_LINK.sub(to, text)).replace(
        "<pre>", '<pre tabindex="0">'
    )  # wide ones are scrolled by keys
    html = Markup(html)  # noqa: S704 (a page of ours, and no HTML in it is kept)
    return await page.show("topic.html", alone=True, html=html, title=text.partition("\n")[0].removeprefix("# "))


ROUTES = [
    Route("/help", shown(all_topics), methods=["GET"]),
    Route("/help/{topic}", shown(topic), methods=["GET"]),
]
