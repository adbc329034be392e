"""Section 6.14: the landmark."""

from typing import Any

_NUMBERS = ("go", "abort", "captured", "cards-until", "begins", "ends")


def plan(fields: Any) -> dict[str, int] | None:
    """The numbers of a plan; nothing of what is none."""
    rows, numbers = fields.get("assemblies"), [fields.get(name) for name in _NUMBERS]
    if not isinstance(rows, list) or not rows:
        return None
    if any(type(each) is not int or not 0 <= each < 2**53 for each in numbers):
        return None
    ids = [row.get("assembly") if isinstance(row, dict) else None for row in rows]
    if any(not isinstance(each, str) or len(each) != 64 for each in ids):
        return None
    return {"n": len(set(ids)), "k": numbers[0], "a": numbers[1], "e": numbers[2]}


def is_void(fields: Any) -> bool:
    """6.14.2, but for the policy."""
    found = plan(fields)
    if found is None:
        return True
    n, k, a, e = (found[name] for name in "nkae")
    numbers = k + a > n + e and e < a <= n and k <= n
    return not (numbers and fields["cards-until"] <= fields["begins"] < fields["ends"])


def _quorum(seats: int) -> int:
    return (seats + max(0, seats - 1) // 3) // 2 + 1


def counts(row: Any) -> bool:
    """6.14.4."""
    pinned, followed = ({each["device"]: each["member"] for each in row[name]} for name in ("pinned", "followed"))
    own = [each for each in row["attested"] if each in pinned]
    both = [each for each in own if each in followed]
    enough = len(own) >= _quorum(len(set(pinned.values())))
    return enough and len(both) >= _quorum(len(set(followed.values())))


def final(row: Any) -> list[str]:
    """6.14.5."""
    found = []
    for card in ("abort", "go"):
        by = {each["assembly"] for each in row["cards"] if each["card"] == card} & set(row["assemblies"])
        found += [card] * (len(by) >= row[card])
    return found
