"""Meetings: minutes with who signed them, and what somebody took on to do."""

from starlette.datastructures import FormData
from starlette.responses import Response
from starlette.routing import Route

from meshd_cli.times import since
from meshd_page.frame import Page, does, makes, needed, shown, text, texts


async def meetings(page: Page) -> Response:
    """All minutes, the newest first, and what is to be done."""
    rows = await page.ask("minutes")
    every = await page.ask("todo", all=True)
    tasks, done = ([each for each in every if each["done"] == is_done] for is_done in (False, True))
    people = [each for each in await page.ask("members") if each["role"] == "member" and not each["me"]]
    return await page.show("meetings.html", rows=rows[::-1], tasks=tasks, done=done[::-1], people=people)


async def minutes(page: Page) -> Response:
    """One meeting."""
    row = await page.ask("minutes", id=page.param("id"))
    who = await page.ask("whoami")
    return await page.show("minutes.html", row=row, me=who["label"])


async def write(page: Page, form: FormData) -> str:
    """Write minutes, with the names of who was there."""
    held = text(form, "held")
    made = await page.ask(
        "minutes",
        title=needed(form, "title", "minutes have a title"),
        text=needed(form, "text", "minutes have a text"),
        present=texts(form, "present"),
        held_ms=since(held) if held else None,
    )
    return f"/meetings/{made['id']}"


async def assent(page: Page, _: FormData) -> str:
    """Sign minutes."""
    await page.ask("assent", id=page.param("id"))
    return f"/meetings/{page.param('id')}"


async def done(page: Page, form: FormData) -> str:
    """Say that a task is done, or how far it is."""
    goes_on = bool(form.get("open"))
    note = needed(form, "text", "a note says how far it is") if goes_on else text(form, "text")
    await page.ask("done", id=needed(form, "id", "no task was named"), text=note, open=goes_on)
    return "/meetings#tasks"


ROUTES = [
    Route("/meetings", shown(meetings), methods=["GET"]),
    Route("/meetings", makes(write, meetings), methods=["POST"]),
    Route("/meetings/done", does(done, meetings), methods=["POST"]),
    Route("/meetings/{id}", shown(minutes), methods=["GET"]),
    Route("/meetings/{id}/assent", does(assent, minutes), methods=["POST"]),
]
