"""Institutions: what is open of each form, one thing with what was said of it, and the federations that one is in."""

from typing import Any

from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from meshd_cli import output
from meshd_cli.errors import CommandError
from meshd_cli.forms import as_the_node_takes_it, holds_words, value_words
from meshd_page.frame import Page, does, makes, needed, shown, text

_FIELD = "field "
"""What the names of a form's fields begin with, so that they are told from everything else."""


async def institutions(page: Page) -> Response:
    """The forms that were adopted, and what is open of them."""
    found = await page.ask("home")
    forms = await page.ask("institutions")
    voices = await page.ask("voices")
    there = {each["name"] for each in forms["adopted"] if each["state"] in ("adopted", "open")}
    sets = [each for each in forms["sets"] if each["name"] not in there]
    return await page.show("institutions.html", home=found, adopted=forms["adopted"], sets=sets, voices=voices)


async def adopt(page: Page, form: FormData) -> str:
    """Propose an institution that comes along."""
    made = await page.ask("institutions", do="adopt", what=needed(form, "set", "none was named"))
    return f"/decisions/{made['id']}"


async def entry(page: Page) -> Response:
    """What is entered by a form: its fields, each as it is typed."""
    name, about = page.said.get("form") or "", page.said.get("about") or None
    form = await page.ask("institutions", do="form", what=name, about=about)
    policies = [] if form["who"] else [each for each in await page.ask("policies") if _decides_forms(each)]
    how = next((each for each in ("amends", "repeals") if page.said.get(each)), "")
    of = await page.ask("show", id=page.said.get(how)) if how else None
    return await page.show(
        "entry.html",
        policies=policies,
        form_of=form,
        name=name,
        about=about,
        of=of,
        before={each["name"]: _as_typed(each, of["fields"]) for each in form["fields"]} if of is not None else {},
        how=how,
        things=await _things(page) if any(each["type"] == "id" for each in form["fields"]) else [],
        field=_FIELD,
        holds=holds_words,
    )


def _as_typed(field: dict[str, Any], said: dict[str, Any]) -> str:
    """What a decision says in a field, as somebody would type it; nothing of what fits no form."""
    value = said.get(field["name"])
    if field["type"] == "rows":
        return "\n".join(map(value_words, value)) if isinstance(value, list) else ""
    if not isinstance(value, str | int) or field["type"] == "hash":
        return ""
    words = value_words(value)
    return words.replace(" ", "T") if field["unit"] == "date" else words


async def _things(page: Page) -> list[tuple[str, str]]:
    """What a field that holds an id may mean, by the beginning of its id: what was entered, and minutes."""
    entered = [
        (row["id"], f"{row['form']}: {next(map(value_words, row['fields'].values()), '')}")
        for row in await page.ask("entries")
    ]
    written = [(row["id"], f"minutes: {row['title']}") for row in await page.ask("minutes")]
    return [(identity[: output.SHORT_ID], words) for identity, words in (*reversed(entered), *reversed(written))]


def _decides_forms(policy: dict[str, Any]) -> bool:
    return not policy["reserved"] and policy["method"] != "election"


async def enter(page: Page, form: FormData) -> str:
    """Enter something by a form; what is decided by one is put to a vote."""
    name, about = needed(form, "form", "no form was named"), text(form, "about")
    described = await page.ask("institutions", do="form", what=name, about=about)
    fields = [
        as_the_node_takes_it(described, f"{field['name']}={line}")
        for field in described["fields"]
        for line in _lines(field, text(form, f"{_FIELD}{field['name']}"))
    ]
    if described["who"]:
        made = await page.ask("entry", form=name, about=about, fields=fields)
        return f"/institutions/{about or made['id']}"
    title = needed(form, "title", "what is put to a vote has a title")
    made = await page.ask(
        "propose",
        title=title,
        form=name,
        fields=fields,
        text=text(form, "text"),
        policy=text(form, "policy"),
        amends=text(form, "amends"),
        repeals=[form["repeals"]] if text(form, "repeals") else None,
    )
    return f"/decisions/{made['id']}"


def _lines(field: dict[str, Any], typed: str | None) -> list[str]:
    """What was typed into a field: of rows each line is one."""
    if typed is None:
        return []
    return [line for line in typed.splitlines() if line.strip()] if field["type"] == "rows" else [typed]


async def voice(page: Page, form: FormData) -> str:
    """Put what a federation asks to this assembly."""
    made = await page.ask("voice", matter=needed(form, "matter", "no matter was named"))
    return f"/decisions/{made['id']}"


async def institution(page: Page) -> Response:
    """One thing: what was entered, and what was said of it since."""
    try:
        rows = await page.ask("entries", id=page.param("id"))
    except CommandError:  # what is decided with figures has a page of its own
        rows = []
    if not rows:
        row = await page.ask("show", id=page.param("id"))
        return RedirectResponse(f"{page.at}/decisions/{row['id']}", 303)
    return await page.show("entries.html", rows=rows, identity=page.param("id"))


async def entries(page: Page) -> Response:
    """What was entered by all forms, with figures or without: what is open, or all of it."""
    everything = bool(page.request.query_params.get("all"))
    rows = await page.ask("entries", all=everything or None)
    return await page.show("all_entries.html", rows=rows[::-1], all=everything)


async def confirm(page: Page, form: FormData) -> str:
    """Say that what somebody entered is so, or that it is not."""
    entry = needed(form, "entry", "nothing was named")
    await page.ask("confirm", id=entry, no=form.get("say") == "no", how=text(form, "how"))
    return f"/institutions/{page.param('id')}"


ROUTES = [
    Route("/institutions", shown(institutions), methods=["GET"]),
    Route("/entries", shown(entries), methods=["GET"]),
    Route("/entry", shown(entry), methods=["GET"]),
    Route("/entry", makes(enter, entry), methods=["POST"]),
    Route("/voice", does(voice, institutions), methods=["POST"]),
    Route("/institutions/adopt", makes(adopt, institutions), methods=["POST"]),
    Route("/institutions/{id}", shown(institution), methods=["GET"]),
    Route("/institutions/{id}/confirm", does(confirm, institution), methods=["POST"]),
]
