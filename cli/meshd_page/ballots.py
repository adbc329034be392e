"""What a form of a ballot says, in the words that `vote` takes; and ranks as they are moved up and down by buttons."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.datastructures import FormData

from meshd_cli.errors import UsageError

RANK = "rank-"
SCORE = "score-"
ONE = "one"
SOME = "some"
RANKED = "ranks"
SCORED = "scores"
YES_NO = "yes-no"
_FORMS = {"plurality": ONE, "approval": SOME, "block-approval": SOME, "equal-shares": SOME, "score": SCORED}


class Rank(NamedTuple):
    """An option, its number among all from 0 on, and its place on the ballot; None while it has none."""

    number: int
    name: str
    place: int | None


def form_of(row: dict[str, Any]) -> str:
    """How the ballot of a proposal looks."""
    return _FORMS.get(row["method"], RANKED) if row["options"] else YES_NO


def choices(row: dict[str, Any], form: FormData) -> list[str]:
    """What a form says. Raises UsageError for one that says nothing."""
    if form.get("blank"):
        return ["blank"]
    kind = form_of(row)
    if kind == RANKED:
        said = _by_place(ranks(row, form))
    elif kind == SCORED:
        scores = [(name, str(form.get(f"{SCORE}{number}", "")).strip()) for number, name in enumerate(row["options"])]
        said = [f"{name}={score}" for name, score in scores if score]
    else:
        said = [str(each) for each in form.getlist("say") if each]
    if not said:
        raise UsageError("the ballot says nothing yet", "Choose something, or send a blank ballot where there is one.")
    return said


def ranks(row: dict[str, Any], said: Mapping[str, Any]) -> list[Rank]:
    """The options in the order of the ballot, those without a place last."""
    found = [Rank(number, name, _place(said, number)) for number, name in enumerate(row["options"])]
    return sorted(found, key=lambda each: (each.place is None, each.place or 0, each.number))


def moved(row: dict[str, Any], form: FormData) -> str | None:
    """The ballot as a query, once the option whose button was pressed has moved up or down; None if none was."""
    word, _, number = str(form.get("move", "")).partition(" ")
    order = ranks(row, form)
    at = next((place for place, each in enumerate(order) if str(each.number) == number), None)
    if at is None or word not in ("up", "down"):
        return None
    ranked = [each.number for each in order if each.place is not None]
    moving = order[at].number
    if moving not in ranked:
        ranked = [*ranked, moving] if word == "up" else ranked
    else:
        to = at - 1 if word == "up" else at + 1
        ranked.remove(moving)
        if to <= len(ranked):  # below the last one it has no place any more
            ranked.insert(max(0, to), moving)
    return "&".join(f"{RANK}{number}={place}" for place, number in enumerate(ranked, 1)) or f"{RANK}0="


def _place(said: Mapping[str, Any], number: int) -> int | None:
    given = str(said.get(f"{RANK}{number}", "")).strip()
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 6 else None


def _by_place(order: list[Rank]) -> list[str]:
    """Options, best first; those of one place joined. A name that has the joint in it stands by its number there."""
    places: dict[int, list[Rank]] = {}
    for each in order:
        if each.place is not None:
            places.setdefault(each.place, []).append(each)
    return [
        group[0].name
        if len(group) == 1
        else "=".join(str(each.number + 1) if "=" in each.name else each.name for each in group)
        for _, group in sorted(places.items())
    ]
