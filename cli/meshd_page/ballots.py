"""What a form of a ballot says, as `vote` takes it: by the options' numbers, so that no name can be taken for another;
and ranks as they are moved up and down by buttons.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

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
_KEPT = ("reason", "late")
"""What a button that moves an option takes along."""


class Rank(NamedTuple):
    """An option, its number among all from 0 on, and its place on the ballot; None while it has none."""

    number: int
    name: str
    place: int | None


class Said(NamedTuple):
    """A ballot: as `vote` takes it, and in words."""

    arguments: dict[str, Any]
    words: str


def form_of(row: dict[str, Any]) -> str:
    """How the ballot of a proposal looks."""
    return _FORMS.get(row["method"], RANKED) if row["options"] else YES_NO


def read(row: dict[str, Any], form: FormData) -> Said:
    """What a form says. Raises UsageError for one that says nothing."""
    names, kind = row["options"], form_of(row)
    if kind == YES_NO:
        choices = [str(each) for each in form.getlist("say") if each]
        return Said({"choices": _something(choices)}, ", ".join(choices))
    if form.get("blank"):
        return Said({"numbers": []}, "a blank ballot")
    if kind == RANKED:
        groups = _something(_groups(ranks(row, form)))
        return Said({"numbers": groups}, " > ".join(" = ".join(names[each] for each in group) for group in groups))
    if kind == SCORED:
        typed = [(number, str(form.get(f"{SCORE}{number}", "")).strip()) for number in range(len(names))]
        scores = _something([[number, _number(score)] for number, score in typed if score])
        return Said({"numbers": scores}, ", ".join(f"{names[number]}: {score}" for number, score in scores))
    chosen = _something(
        [each for each in (_option(value, len(names)) for value in form.getlist("say")) if each is not None]
    )
    return Said({"numbers": chosen}, ", ".join(names[each] for each in chosen))


def ranks(row: dict[str, Any], said: Mapping[str, Any]) -> list[Rank]:
    """The options in the order of the ballot, those without a place last."""
    found = [Rank(number, name, _place(said, number)) for number, name in enumerate(row["options"])]
    return sorted(found, key=lambda each: (each.place is None, each.place or 0, each.number))


def moved(row: dict[str, Any], form: FormData) -> str | None:
    """The ballot as a query, once the option whose button was pressed has moved up or down; None if none was. One that
    stands beside others steps out of them, one alone goes beyond its neighbours; others stay as they are.
    """
    word, _, said = str(form.get("move", "")).partition(" ")
    number = _option(said, len(row["options"]))
    if number is None or word not in ("up", "down"):
        return None
    groups = _groups(ranks(row, form))
    at = next((place for place, group in enumerate(groups) if number in group), None)
    if at is None:
        groups += [[number]] if word == "up" else []
    elif len(groups[at]) > 1:
        groups[at].remove(number)
        groups.insert(at if word == "up" else at + 1, [number])
    elif word == "up":
        groups.insert(max(0, at - 1), groups.pop(at))
    else:
        alone = groups.pop(at)
        if at < len(groups):  # below the last one it has no place any more
            groups.insert(at + 1, alone)
    query = [(f"{RANK}{each}", str(place)) for place, group in enumerate(groups, 1) for each in group]
    kept = [(name, str(form.get(name))) for name in _KEPT if form.get(name)]
    return urlencode([*query, *kept] or [(f"{RANK}0", "")])


def _groups(order: list[Rank]) -> list[list[int]]:
    """The numbers of options, best first, those of one place together."""
    places: dict[int, list[int]] = {}
    for each in order:
        if each.place is not None:
            places.setdefault(each.place, []).append(each.number)
    return [group for _, group in sorted(places.items())]


def _place(said: Mapping[str, Any], number: int) -> int | None:
    given = str(said.get(f"{RANK}{number}", "")).strip()
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 6 else None


def _option(value: Any, count: int) -> int | None:
    """The number of an option; None for anything else."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 and int(text) < count else None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6):
        raise UsageError(f"{text} is no score", "Scores are whole numbers.")
    return int(text)


def _something(said: list[Any]) -> list[Any]:
    """What was said. Raises UsageError where it is nothing."""
    if not said:
        raise UsageError("the ballot says nothing yet", "Choose something, or send a blank ballot where there is one.")
    return said
