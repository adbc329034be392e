"""Section 8.1: the form of each message, by its number; from the tables and the limits on lists."""

import re
from pathlib import Path
from typing import Any

from tests.second import cbor
from tests.second.cbor import RefusedError

_TABLES = Path(__file__).parent.parent.parent / "docs" / "spec" / "tables.md"


def _numbers() -> dict[int, str]:
    text = _TABLES.read_text(encoding="utf-8").partition("## Messages of a session")[2].partition("\n## ")[0]
    return {int(number): name for number, name in re.findall(r"^\| (\d+) \| (\w+) \|", text, re.MULTILINE)}


NAMES = _numbers()


def octets(size: int) -> Any:
    return lambda value: type(value) is bytes and len(value) == size


def some_bytes(value: Any) -> bool:
    return type(value) is bytes


def uint(value: Any) -> bool:
    return type(value) is int and value >= 0


def truth(value: Any) -> bool:
    return type(value) is bool


def log(value: Any) -> bool:
    return type(value) is int and value in (0, 1, 2)


def listed(item: Any, most: int) -> Any:
    return lambda value: type(value) is list and len(value) <= most and all(map(item, value))


def row(*items: Any) -> Any:
    return lambda value: (
        type(value) is list
        and len(value) == len(items)
        and all(fits(each) for fits, each in zip(items, value, strict=True))
    )


def either(*forms: Any) -> Any:
    return lambda value: any(fits(value) for fits in forms)


def is_range(most: int) -> Any:
    return lambda value: type(value) is str and re.fullmatch(f"[0-9a-f]{{0,{most}}}", value) is not None


CLAIM = row(octets(32), log, either(uint, lambda value: value is None), octets(8))
CLAIMS = listed(CLAIM, 800)
PRINTS = row(*[either(octets(8), octets(0))] * 16)
PART = either(row(is_range(63), PRINTS), row(either(is_range(64), octets(16)), CLAIMS, truth))
FORMS: dict[str, list[Any]] = {
    "Hello": [listed(uint, 16), listed(uint, 32), octets(16), octets(32), uint, listed(octets(16), 4)],
    "Wait": [truth],
    "Compare": [listed(PART, 800), truth],
    "Sending": [uint, uint],
    "Records": [listed(some_bytes, 128)],
    "Done": [],
    "Digest": [octets(32)],
    "Same": [],
    "Listing": [octets(32), log, listed(octets(8), 4000), truth],
    "Want": [listed(octets(32), 128)],
    "Bodies": [listed(row(octets(32), some_bytes), 128)],
    "Pushed": [listed(some_bytes, 128)],
    "Have": [CLAIMS],
    "Ask": [listed(row(octets(32), log, uint), 800)],
    "Push": [truth],
    "Go": [],
}


def read(data: bytes) -> tuple[str, list[Any]]:
    """The name and the parts of a message."""
    value = cbor.read(data)
    if len(data) > 65_518 or type(value) is not list or not value or not uint(value[0]) or value[0] not in NAMES:
        raise RefusedError("no message")
    name = NAMES[value[0]]
    if not row(*FORMS[name])(value[1:]):
        raise RefusedError(f"no {name}")
    return name, value[1:]
