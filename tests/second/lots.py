"""Section 6.13: lots, and who calls whom."""

from itertools import product
from typing import Any

from tests.second.keys import CONTEXT, H


def seeds(row: Any) -> list[str]:
    """What a draw comes to, in hexadecimal."""
    draw, drawers = bytes.fromhex(row["draw"]), sorted(row["drawers"])
    commits = {each["id"]: each for each in row["commits"]}
    found = set()
    for chosen in {tuple(sorted(each["commits"])) for each in row["reveals"]}:
        owners = [commits[each]["drawer"] for each in chosen if each in commits]
        if sorted(owners) != drawers or len(chosen) != len(drawers):
            continue
        hashes = {commits[each]["drawer"]: commits[each]["hash"] for each in chosen}
        fitting = [
            [
                bytes.fromhex(each["secret"])
                for each in row["reveals"]
                if each["drawer"] == drawer
                and sorted(each["commits"]) == list(chosen)
                and H(CONTEXT["LOT_COMMIT"], draw, bytes.fromhex(drawer), bytes.fromhex(each["secret"])).hex()
                == hashes[drawer]
            ]
            for drawer in drawers
        ]
        found |= {H(CONTEXT["LOT_SEED"], draw, *secrets).hex() for secrets in product(*fitting)}
    return sorted(found)


def listed(seed: str, pool: list[str]) -> list[str]:
    """The pool in the order of the lot."""
    return sorted(pool, key=lambda member: H(CONTEXT["LOT_PLACE"], bytes.fromhex(seed), bytes.fromhex(member)))


def calls(alarm: str, giver: str, members: list[str]) -> dict[str, set[str]]:
    """Whom each one calls."""
    found: dict[str, set[str]] = {each: set() for each in members}
    for number in (b"\x01", b"\x02"):
        places = {each: H(CONTEXT["TREE"], bytes.fromhex(alarm), number, bytes.fromhex(each)) for each in members}
        order = sorted(members, key=places.__getitem__)
        for place, member in enumerate(order):
            caller = giver if place == 0 else order[(place - 1) // 2]
            if caller != member:
                found[caller].add(member)
    return found
