"""Decisions: all of them, one with its ballot, discussion and reasons, and a new one."""

import time
from dataclasses import replace
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from meshd_cli import output
from meshd_cli.errors import NOT_FOUND, CommandError, UsageError
from meshd_cli.forms import task
from meshd_cli.pictures import rounds_of, shares_of
from meshd_cli.results import wished_end
from meshd_page import ballots
from meshd_page.frame import Again, Page, does, later_ms, makes, needed, shown, text
from meshd_protocol import limits

_A_PAGE = 50
LATE = "--late"
"""In a hint: the ballot counts for little or nothing, and can be cast all the same."""
DRAFT = "draft"
"""In an address and a form: the word of a ballot that waits to be confirmed."""


async def decisions(page: Page) -> Response:
    """Everything that is decided by ballots, the newest first, some at a time."""
    which = page.request.query_params.get("which", "open")
    rows = await page.ask("list", open=which == "open" or None, mine=which == "mine" or None)
    rows.reverse()
    number = page.request.query_params.get("page", "1")
    at = int(number) if number.isascii() and number.isdecimal() and len(number) < 9 else 1
    pages = max(1, -(-len(rows) // _A_PAGE))
    at = min(max(1, at), pages)
    shown_ = rows[(at - 1) * _A_PAGE : at * _A_PAGE]
    return await page.show("decisions.html", rows=shown_, which=which, at_page=at, pages=pages, number=len(rows))


async def decision(page: Page) -> Response:
    """One proposal: what it says, how it stands and why, the ballot, the discussion."""
    row = await page.ask("show", id=page.param("id"))
    draft = page.session.kept.get(page.request.query_params.get(DRAFT, ""))
    if isinstance(draft, FormData):
        page = replace(page, said=draft, draft_to=f"/decisions/{row['id']}/vote")
    [mine] = await page.ask("list", id=row["id"])
    why = await page.ask("why", id=row["id"])
    others = [each for each in (row["amends"], *row["repeals"], *row["repealed_by"]) if each]
    titles = {each: await _title(page, each) for each in others}
    late = page.problem is not None and LATE in page.problem.hint and page.sent_to(f"/decisions/{row['id']}/vote")
    late = late or mine["late"]
    return await page.show(
        "decision.html",
        row=row,
        mine=mine,
        titles=titles,
        wished=wished_end(row, int(time.time() * 1000)),
        reasons=why["reasons"],
        rounds=rounds_of(why["reasons"]),
        shares=shares_of(row),
        ballot=bool(mine["asked"]) or late or mine["again"],
        late=late or bool(page.typed(f"/decisions/{row['id']}/vote", "late")),
        kind=ballots.form_of(row),
        ranks=ballots.ranks(row, page.said),
        rank=ballots.RANK,
        score=ballots.SCORE,
        most=limits.SCORE,
    )


async def _title(page: Page, identity: str) -> str:
    """What a proposal is called; the beginning of its id, while it is not here."""
    try:
        return str((await page.ask("show", id=identity))["title"])
    except CommandError as error:
        if error.code != NOT_FOUND:
            raise
        return identity[: output.SHORT_ID]


async def vote(page: Page, form: FormData) -> str | Again:
    """Cast a ballot; one that can't be changed only once that was seen and said. A button beside an option moves it."""
    row = await page.ask("show", id=page.param("id"))
    query = ballots.moved(row, form)
    if query is not None:
        return Again(RedirectResponse(f"{page.at}/decisions/{row['id']}?{query}#ballot", 303))
    ballot = ballots.read(row, form)
    said = ballot.arguments | {"id": row["id"], "reason": text(form, "reason"), "late": bool(form.get("late"))}
    if not form.get("sure"):
        ahead = await page.ask("vote", **said, preview=True)
        if not ahead["changeable"]:
            kept = [(name, value) for name, value in form.multi_items() if name not in ("token", "once")]
            word = page.session.keep(page.site.access.word(), FormData(kept))
            return Again(RedirectResponse(f"{page.at}/decisions/{row['id']}/sure?{DRAFT}={word}", 303))
    await page.ask("vote", **said)
    page.session.kept.pop(text(form, DRAFT) or "", None)
    return f"/decisions/{row['id']}?voted=yes#state"


async def sure(page: Page) -> Response:
    """What a ballot would do that can't be changed; where it was cast, or is kept no longer, the proposal."""
    row = await page.ask("show", id=page.param("id"))
    draft = page.session.kept.get(page.request.query_params.get(DRAFT, ""))
    if not isinstance(draft, FormData):
        return RedirectResponse(f"{page.at}/decisions/{row['id']}#state", 303)
    said = ballots.read(row, draft)
    given = {"reason": text(draft, "reason"), "late": bool(draft.get("late"))}
    try:
        ahead = await page.ask("vote", **said.arguments, id=row["id"], **given, preview=True)
    except CommandError as error:  # it is over meanwhile, say
        async with page.session.turn:  # or was cast just now, while this page brought itself up to date
            is_cast = page.session.kept.get(page.request.query_params[DRAFT]) is not draft
        if is_cast:
            return RedirectResponse(f"{page.at}/decisions/{row['id']}#state", 303)
        return await decision(replace(page, problem=error))
    word = page.request.query_params[DRAFT]
    kept = [*draft.multi_items(), (DRAFT, word)]
    return await page.show("sure.html", ahead=ahead, row=row, kept=kept, words=said.words, draft=word)


async def say(page: Page, form: FormData) -> str:
    """Say something about a proposal."""
    row = await page.ask("show", id=page.param("id"))
    await page.ask("say", text=needed(form, "text", "there is nothing to say yet"), about=row["id"])
    return f"/decisions/{row['id']}#talk"


async def answer(page: Page, form: FormData) -> str:
    """Answer a motion that is about this person."""
    row = await page.ask("show", id=page.param("id"))
    await page.ask("answer", id=row["id"], text=needed(form, "text", "there is no answer yet"))
    return f"/decisions/{row['id']}#talk"


async def withdraw(page: Page, form: FormData) -> str:
    """Take back one's own proposal."""
    row = await page.ask("show", id=page.param("id"))
    await page.ask("withdraw", id=row["id"], reason=text(form, "reason"))
    return f"/decisions/{row['id']}"


async def outcome(page: Page, form: FormData) -> str:
    """Write down what a decision comes to, and who does what by when."""
    row = await page.ask("show", id=page.param("id"))
    lines = (text(form, "tasks") or "").splitlines()
    tasks = [task(line, int(time.time() * 1000)) for line in lines if line.strip()]
    await page.ask("outcome", id=row["id"], text=needed(form, "text", "it says nothing yet"), tasks=tasks or None)
    return "/meetings#tasks" if tasks else f"/decisions/{row['id']}#talk"


async def again(page: Page, _: FormData) -> str:
    """Put a vote anew that came to nothing."""
    row = await page.ask("show", id=page.param("id"))
    new = await page.ask("propose", again=row["id"])
    return f"/decisions/{new['id']}"


async def new(page: Page) -> Response:
    """The form of a proposal. A rival text of another one, or what is to take the place of a decision, names it in the
    address.
    """
    policies = [each for each in await page.ask("policies") if not each["reserved"]]
    how = next((each for each in ("amends", "repeals") if page.said.get(each)), "")
    of = await page.ask("show", id=page.said.get(how)) if how else None
    if of is not None and of["form"]:  # its form asks for what it says
        return RedirectResponse(f"{page.at}/entry?{urlencode({'form': of['form'], how: of['id']})}", 303)
    return await page.show("propose.html", policies=policies, of=of, how=how)


async def propose(page: Page, form: FormData) -> str:
    """Put a question to the members."""
    options = [line.strip() for line in (text(form, "options") or "").splitlines() if line.strip()]
    closes = text(form, "closes")
    costs = [line.strip() for line in (text(form, "costs") or "").splitlines() if line.strip()]
    counted = text(form, "seats") or text(form, "method") or costs
    await _check_rule(page, text(form, "policy"), options, counted=bool(counted))
    proposed = await page.ask(
        "propose",
        title=needed(form, "title", "a proposal has a title"),
        text=text(form, "text"),
        policy=text(form, "policy"),
        options=options or None,
        method=text(form, "method"),
        seats=_number(form, "seats"),
        costs=costs or None,
        budget=_number(form, "budget"),
        closes_ms=later_ms(closes) if closes else None,
        amends=text(form, "amends"),
        repeals=[form["repeals"]] if text(form, "repeals") else None,
        tags=["urgent"] if form.get("urgent") else None,
    )
    return f"/decisions/{proposed['id']}"


async def _check_rule(page: Page, policy: str | None, options: list[str], *, counted: bool) -> None:
    """Raises UsageError where the rule is not one for what is asked."""
    if counted and not options:
        raise UsageError("an election names its options, one on each line")
    row = next((each for each in await page.ask("policies") if each["name"] == policy), None)
    if row is not None and bool(options) != (row["method"] == "election"):
        asks = "asks for yes or no, and options are elected" if options else "elects, and there are no options"
        raise UsageError(f"the rule {policy} {asks}", "Choose another rule, or the usual one.")


def _number(form: FormData, name: str) -> int | None:
    value = text(form, name)
    if value is None:
        return None
    if not (value.strip().isascii() and value.strip().isdecimal() and len(value) < 10):
        raise UsageError(f"{value} is no number")
    return int(value)


ROUTES = [
    Route("/decisions", shown(decisions), methods=["GET"]),
    Route("/propose", shown(new), methods=["GET"]),
    Route("/propose", makes(propose, new), methods=["POST"]),
    Route("/decisions/{id}", shown(decision), methods=["GET"]),
    Route("/decisions/{id}/sure", shown(sure), methods=["GET"]),
    Route("/decisions/{id}/vote", does(vote, decision), methods=["POST"]),
    Route("/decisions/{id}/say", makes(say, decision), methods=["POST"]),
    Route("/decisions/{id}/answer", makes(answer, decision), methods=["POST"]),
    Route("/decisions/{id}/withdraw", does(withdraw, decision), methods=["POST"]),
    Route("/decisions/{id}/outcome", makes(outcome, decision), methods=["POST"]),
    Route("/decisions/{id}/again", does(again, decision), methods=["POST"]),
]
