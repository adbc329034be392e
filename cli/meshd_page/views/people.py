"""People: who is in and how they came in, who asks to join, tickets, and who certifies."""

from starlette.datastructures import FormData
from starlette.responses import Response
from starlette.routing import Route

from meshd_page.frame import Page, does, needed, shown


async def people(page: Page) -> Response:
    """Everybody, with who brought whom."""
    rows = await page.ask("members")
    report = {each["member"]: each for each in await page.ask("members", report=True)}
    return await page.show("people.html", rows=rows, report=report, ticket=None)


async def vouch(page: Page, form: FormData) -> str:
    """Vouch for somebody who asks to join."""
    await page.ask("vouch", person=needed(form, "person", "nobody was named"))
    return "/people"


async def admit(page: Page, form: FormData) -> str:
    """Open the vote that makes an observer a member, with a yes."""
    made = await page.ask("admit", people=[needed(form, "person", "nobody was named")])
    return f"/decisions/{made['id']}"


async def invite(page: Page, _: FormData) -> Response:
    """A ticket, shown once: it stands in no address."""
    made = await page.ask("invite")
    return await page.show("ticket.html", ticket=made["ticket"], expires_ms=made["expires_ms"])


ROUTES = [
    Route("/people", shown(people), methods=["GET"]),
    Route("/people/vouch", does(vouch, people), methods=["POST"]),
    Route("/people/admit", does(admit, people), methods=["POST"]),
    Route("/people/invite", does(invite, people), methods=["POST"]),
]
