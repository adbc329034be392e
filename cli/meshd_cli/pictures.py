"""What is drawn of a result, as numbers: who said what of how many, and the rounds of a count. Templates draw them."""

from typing import Any, NamedTuple

from meshd_cli.results import said_as

_WIDE = 600
"""The width of a picture, in its own units."""


class Bar(NamedTuple):
    """Some of a whole: what it is, how much, where it begins and how wide it is."""

    name: str
    text: str
    begins: float
    width: float


class Round(NamedTuple):
    """One step of a count: what happened, and a bar for each option."""

    text: str
    bars: list[Bar]


def shares_of(row: dict[str, Any]) -> list[Bar]:
    """A question of yes and no: who said what, beside each other, and who was not heard; else a bar for each option."""
    counts = row["counts"]
    if row["options"]:
        most = max(counts.values(), default=0)
        return [_bar(name, str(counts[name]), counts[name], most) for name in sorted(counts, key=lambda o: -counts[o])]
    whole = max(row["electorate"], sum(counts.values()), 1)
    bars: list[Bar] = []
    begins = 0.0
    parts: list[tuple[str, int]] = [*counts.items(), ("not seen", whole - sum(counts.values()))]
    for name, count in parts:
        width = count * _WIDE / whole
        if count:
            bars.append(Bar(said_as(row, name), str(count), round(begins, 1), round(width, 1)))
        begins += width
    return bars


def rounds_of(reasons: list[dict[str, Any]]) -> list[Round]:
    """The rounds of a count, as the reasons of its result give them."""
    rounds: list[Round] = []
    for each in reasons:
        if each["rule"] == "round":
            figures = each.get("figures", {})
            most = max(map(_number, figures.values()), default=0)
            bars = [_bar(name, text, _number(text), most) for name, text in figures.items()]
            rounds.append(Round(each["text"], bars))
    return rounds


def _bar(name: str, text: str, value: float, most: float) -> Bar:
    return Bar(name, text, 0.0, round(value * _WIDE / most, 1) if most > 0 else 0.0)


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
