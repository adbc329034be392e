"""Dates for a calendar (iCalendar, RFC 5545): when votes end, tasks are due, mandates end, spans are over."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from meshd_cli.homes import typed


class Date(NamedTuple):
    """A moment, what it is, and what more there is to say. `key` is the same whenever it is written."""

    key: str
    time_ms: int
    text: str
    more: str = ""


def dates(home: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> list[Date]:
    """The dates that a home screen, `list`, `todo` and `delegates` tell of, in their order in time; what no calendar
    knows is left out."""
    found = [
        Date(f"vote-{row['id']}", row["ends"], f"Vote ends: {row['title']}", typed(row["command"]))
        for row in home["waiting"]
        if row["what"] == "vote" and row["ends"] is not None
    ]
    known = {each.key for each in found}
    found += [
        Date(f"vote-{row['id']}", row["ends_ms"], f"Vote ends: {row['title']}", typed(f"meshd show {row['id'][:8]}"))
        for row in rows["list"]
        if row["ends_ms"] and row["outcome"] is None and f"vote-{row['id']}" not in known
    ]
    found += [
        Date(
            f"task-{row['id']}",
            row["due_ms"],
            f"Due: {row['what']}",
            " · ".join(filter(None, [row["who"], row["title"]])),
        )
        for row in rows["todo"]
        if row["due_ms"]
    ]
    found += [
        Date(f"mandate-{row['id']}", row["ends_ms"], f"Mandate ends: {row['role']}", row["holder"])
        for row in rows["delegates"]
        if row["ends_ms"] and row["state"] in ("in force", "suspended")
    ]
    told = [each for each in found if _moment(each.time_ms) is not None]
    return sorted(told, key=lambda each: (each.time_ms, each.key))


def _moment(time_ms: int) -> datetime | None:
    """A moment as calendars have it; None for one that none knows."""
    try:
        return datetime.fromtimestamp(time_ms // 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def calendar(name: str, assembly: str, found: list[Date], now_ms: int) -> bytes:
    """The dates as a file that calendars read."""
    from icalendar import Calendar, Event

    written = Calendar()
    written.add("prodid", "-//meshd//meshd//EN")
    written.add("version", "2.0")
    written.add("x-wr-calname", name)
    for each in found:
        when = _moment(each.time_ms)
        event = Event()
        event.add("uid", f"{each.key}@{assembly[:16]}.meshd")
        event.add("dtstamp", datetime.fromtimestamp(now_ms // 1000, UTC))
        event.add("dtstart", when)
        event.add("summary", each.text)
        if each.more:
            event.add("description", each.more)
        written.add_component(event)
    data: bytes = written.to_ical()
    return data
