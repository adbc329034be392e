"""Delegates: each mandate with its holder, what was done under it, and how far a recall is."""

from starlette.datastructures import FormData
from starlette.responses import Response
from starlette.routing import Route

from meshd_cli.times import seconds
from meshd_page.frame import Page, does, later_ms, makes, needed, shown, text


async def delegates(page: Page) -> Response:
    """All mandates, those in force first."""
    rows = await page.ask("delegates", quiet=not page.looks)
    who = await page.ask("whoami")
    rows.sort(key=lambda row: row["state"] not in ("in force", "suspended"))
    return await page.show("delegates.html", rows=rows, me=who["member"])


async def act(page: Page, form: FormData) -> str:
    """Put on record what was done under a mandate."""
    await page.ask(
        "act",
        mandate=page.param("id"),
        text=needed(form, "text", "it says nothing of what was done"),
        power=needed(form, "power", "no power was chosen"),
    )
    return f"/delegates#{page.param('id')}"


async def recall(page: Page, form: FormData) -> str:
    """Open the motion to recall a mandate, or join it, and sign it."""
    made = await page.ask("recall", mandate=page.param("id"), reason=text(form, "reason"))
    return f"/decisions/{made['id']}"


async def mandate(page: Page, form: FormData) -> str:
    """Propose to give somebody a mandate."""
    powers = [line.strip() for line in (text(form, "powers") or "").splitlines() if line.strip()]
    made = await page.ask(
        "mandate",
        title=needed(form, "title", "a mandate has a title"),
        holder=needed(form, "holder", "nobody was named who would have it"),
        powers=powers,
        role=text(form, "role"),
        limits=text(form, "limits"),
        ends_ms=later_ms(ends) if (ends := text(form, "ends")) else None,
        text=text(form, "text"),
        lasts=seconds(text(form, "lasts")),
        again=bool(form.get("again")),
    )
    return f"/decisions/{made['id']}"


async def new(page: Page) -> Response:
    """The form of a mandate."""
    people = [each for each in await page.ask("members") if each["role"] == "member"]
    return await page.show("mandate.html", people=people)


ROUTES = [
    Route("/delegates", shown(delegates), methods=["GET"]),
    Route("/mandate", shown(new), methods=["GET"]),
    Route("/mandate", makes(mandate, new), methods=["POST"]),
    Route("/delegates/{id}/act", makes(act, delegates), methods=["POST"]),
    Route("/delegates/{id}/recall", does(recall, delegates), methods=["POST"]),
]
