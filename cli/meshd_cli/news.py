"""What is new on the home screen since it was told of last: for whoever watches, a desktop, a line at login."""

from collections.abc import Callable
from typing import Any, NamedTuple

from meshd_cli import output
from meshd_cli.waiting import ends_words, waiting_words

_AT_ONCE = 3
"""Notices that a desktop shows one by one."""


class Item(NamedTuple):
    """One line of the home screen. `key` is the same as long as it is the same thing."""

    key: str
    text: str
    command: str | None = None


def items(home: dict[str, Any]) -> list[Item]:
    """Everything that a home screen tells: what waits, then what to know, then what happened since the last look."""
    found = [
        Item(
            f"{row['what']} {row['id']} {row.get('count', '')}".rstrip(),
            f"{waiting_words(row)}{ends_words(row, home['now_ms'])}",
            row["command"],
        )
        for row in home["waiting"]
    ]
    found += [Item(f"pending {each}", each) for each in home["pending"]]
    since = home["since"] or {}
    mark = since.get("since_ms")  # what is told of one look is no news of the next
    for each in since.get("decided", ()):
        found.append(
            Item(f"decided {each['id']} {mark}", f"Decided: {each['title']}", f"meshd why {_short(each['id'])}")
        )
    found += [Item(key, f"{person} is a member now") for key, person in _joined(since)]
    found += [Item(f"left {each} {mark}", f"{each} is no member any more") for each in since.get("left", ())]
    for each in since.get("proposed", ()):
        said = f"{each['person']} proposed: {each['title']}"
        found.append(Item(f"proposed {each['id']} {mark}", said, f"meshd show {_short(each['id'])}"))
    for each in since.get("withdrawn", ()):
        said = f"{each['person']} withdrew: {each['title']}"
        found.append(Item(f"withdrawn {each['id']} {mark}", said, f"meshd show {_short(each['id'])}"))
    if since.get("messages"):
        said = f"{output.plural(since['messages'], 'message')} since you last looked"
        found.append(Item(f"messages {since['messages']} {mark}", said, "meshd read"))
    return found


def news(home: dict[str, Any], told: set[str]) -> list[Item]:
    """What was not told yet; from now on it is, once. A proposal that waits for one's ballot is told as that alone."""
    now = items(home) + _gone_again(home, told)
    asked = {each.key.partition(" ")[2] for each in now if each.key.startswith("vote ")}
    fresh = [each for each in now if each.key not in told and _is_told_once(each, asked)]
    told -= {key for key in told if key.startswith("messages ")}  # a number that is reached once more tells of others
    told |= {each.key for each in now}
    return fresh


def _joined(since: dict[str, Any]) -> list[tuple[str, str]]:
    """Who is a member since the last look, each with a key: by their own key, since labels change."""
    people = zip(since.get("joined_ids", ()), since.get("joined", ()), strict=True)
    return [(f"joined {identity} {since['since_ms']} {label}", label) for identity, label in people]


def _gone_again(home: dict[str, Any], told: set[str]) -> list[Item]:
    """Who came since the last look and was told of, and is no member any more: the look itself knows of neither."""
    since = home["since"] or {}
    here = {key.split(" ")[1] for key, _ in _joined(since)}
    came = [key for key in told if key.startswith("joined ") and key.split(" ")[2] == str(since.get("since_ms"))]
    gone = sorted(key for key in came if key.split(" ")[1] not in here)
    told -= set(gone)
    people = [key.split(" ", 3)[1::2] for key in gone]
    return [Item(f"left {each} {since['since_ms']}", f"{label} is no member any more") for each, label in people]


def notices() -> Callable[[dict[str, Any]], list[str]]:
    """What a desktop is told as a home screen changes: what waits, each thing once; of much at once, how much."""
    told: set[str] = set()

    def words(home: dict[str, Any]) -> list[str]:
        begins = not told
        waiting = {"waiting": home["waiting"], "now_ms": home["now_ms"], "pending": [], "since": None}
        fresh = news(waiting, told)
        if begins or len(fresh) > _AT_ONCE:
            told.add("begun")
            return [line] if fresh and (line := digest(home)) is not None else []
        return [f"{home['name']}: {each.text}" for each in fresh]

    return words


def _is_told_once(item: Item, asked: set[str]) -> bool:
    what, identity, *_ = [*item.key.split(" "), ""]
    return what != "proposed" or identity not in asked


def digest(home: dict[str, Any]) -> str | None:
    """What waits, in a line: `Bakery: 3 things wait for you: Vote: A new oven · standard, by Ada`; None where nothing
    does.
    """
    count = len(home["waiting"]) + home["more"]
    if not count:
        return None
    waits = f"{output.plural(count, 'thing waits', 'things wait')} for you"
    more = f" and {count - 1} more" if count > 1 else ""
    return f"{home['name']}: {waits}: {waiting_words(home['waiting'][0])}{more}"


def _short(identity: str) -> str:
    return identity[: output.SHORT_ID]
