"""landmark.json: which plans are void, and what cards come to."""

from typing import Any

from makers.common import drawn
from meshd_protocol.decisions.certified import Witnesses
from meshd_protocol.landmark import ABORT, CARDS, GO, Plan, certifies, reached, read_plan

DAY_MS = 86_400_000
_HOUSES = [drawn(f"assembly {n}") for n in range(5)]


def _fields(houses: int, go: int, abort: int, captured: int, **more: Any) -> dict[str, Any]:
    dates = {"cards-until": DAY_MS, "begins": 3 * DAY_MS, "ends": 4 * DAY_MS}
    named = [{"assembly": each} for each in _HOUSES[:houses]]
    return {"assemblies": named, "go": go, "abort": abort, "captured": captured, **dates} | more


def _plans() -> list[tuple[str, dict[str, Any]]]:
    good = _fields(4, 4, 2, 1)
    return [
        ("sound", good),
        ("k + a = n + e", _fields(4, 3, 2, 1)),
        ("k + a = n", _fields(4, 2, 2, 0)),
        ("a = e", _fields(4, 4, 1, 1)),
        ("e = 0 and a = 1", _fields(4, 4, 1, 0)),
        ("k above n", _fields(4, 5, 1, 0)),
        ("a above n", _fields(4, 4, 5, 0)),
        ("one assembly", _fields(1, 1, 1, 0)),
        ("one is named twice", good | {"assemblies": [*good["assemblies"], good["assemblies"][0]]}),
        ("cards end as it begins", good | {"cards-until": 3 * DAY_MS}),
        ("cards end after it begins", good | {"cards-until": 3 * DAY_MS + 1}),
        ("it ends as it begins", good | {"ends": 3 * DAY_MS}),
        ("with other fields, and after another one", good | {"what": "a walk", "before": drawn("another plan")}),
        ("no assemblies", good | {"assemblies": []}),
        ("a field is missing", {key: each for key, each in good.items() if key != "captured"}),
        ("a number is a text", good | {"go": "4"}),
        ("an assembly is no id", good | {"assemblies": [{"assembly": b"short"}]}),
    ]


def _plan(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    read = read_plan(b"", b"", fields)
    numbers = None
    if read is not None:
        numbers = {"n": len(read.assemblies), "k": read.go, "a": read.abort, "e": read.captured}
    return {"name": name, "fields": fields, "plan": numbers, "void": read is None or read.void is not None}


def _four(*devices: str) -> dict[str, str]:
    return {device: device.rstrip("'") for device in devices}


_BOOK = _four("ada", "bo", "cy", "dan")
_WORLDS: list[tuple[str, dict[str, str], dict[str, str], list[str]]] = [
    ("three of four, on one roster", _BOOK, _BOOK, ["ada", "bo", "cy"]),
    ("two of four", _BOOK, _BOOK, ["ada", "bo"]),
    ("a stranger counts for nobody", _BOOK, _BOOK, ["ada", "bo", "eve"]),
    ("on the card's roster alone", _four("ada", "x", "y", "z"), _BOOK, ["ada", "x", "y", "z"]),
    ("on what the plan follows alone", _four(*_BOOK, "x", "y", "z"), _BOOK, ["ada", "bo", "cy"]),
    ("on both", _four(*_BOOK, "x"), _BOOK, ["ada", "bo", "cy", "x"]),
    ("a new device of a witness", _four("ada", "bo", "cy'", "dan"), _BOOK, ["ada", "bo", "cy'"]),
    ("a new device, and three others", _four("ada", "bo", "cy'", "dan"), _BOOK, ["ada", "bo", "cy'", "dan"]),
    ("no witnesses", {}, {}, []),
]


def _card(name: str, pinned: dict[str, str], followed: dict[str, str], attested: list[str]) -> dict[str, Any]:
    keyed = [{drawn(device): drawn(person) for device, person in each.items()} for each in (pinned, followed)]
    counts = certifies({drawn(each) for each in attested}, *(Witnesses(frozenset(e.values()), e) for e in keyed))
    seats = {"pinned": keyed[0], "followed": keyed[1]}
    return {
        "name": name,
        **{key: [{"device": d, "member": m} for d, m in sorted(each.items())] for key, each in seats.items()},
        "attested": sorted(drawn(each) for each in attested),
        "counts": counts,
    }


def _ends() -> list[tuple[str, Plan, dict[bytes, tuple[str, ...]]]]:
    plan = Plan(b"", b"", frozenset(_HOUSES[:4]), 4, 2, 1, 0, 1, 2, None)
    a, b, c, d, other = _HOUSES
    go, abort, both = (GO,), (ABORT,), CARDS
    return [
        ("nobody has played", plan, {}),
        ("four go", plan, {a: go, b: go, c: go, d: go}),
        ("three go", plan, {a: go, b: go, c: go}),
        ("one that takes no part", plan, {a: go, b: go, c: go, other: go}),
        ("two abort", plan, {a: abort, b: abort, c: go, d: go}),
        ("one is captured", plan, {a: both, b: go, c: go, d: go}),
        ("two are captured", plan, {a: both, b: both, c: go, d: go}),
    ]


def _end(name: str, plan: Plan, cards: dict[bytes, tuple[str, ...]]) -> dict[str, Any]:
    return {
        "name": name,
        "assemblies": sorted(plan.assemblies),
        "go": plan.go,
        "abort": plan.abort,
        "cards": [{"assembly": each, "card": card} for each, mine in sorted(cards.items()) for card in mine],
        "final": sorted(reached(plan, cards)),
    }


def make() -> dict[str, Any]:
    """The file."""
    return {
        "about": "The landmark: which plans are void, which cards count, and what they come to.",
        "sections": ["6.14"],
        "plans": [_plan(*each) for each in _plans()],
        "cards": [_card(*each) for each in _WORLDS],
        "ends": [_end(*each) for each in _ends()],
    }
