"""Lines of institutions in words: a thing that is open, how old it is by both clocks, and its figures."""

import shlex
from collections.abc import Callable
from typing import Any

from meshd_cli import output
from meshd_cli.plain import is_plain

_MINUTE_MS = 60_000


def line_words(row: dict[str, Any], now_ms: int) -> str:
    """`ALARM Harbour, eviction: T+31 h by its word, 29 h here: 7 of 9 pledged, 4 delivered`."""
    head = row["form"].upper() + " " if row["urgent"] else f"{row['form']} " if row["form"] else ""
    text = f"{head}{row['title']}"
    if row["urgent"]:
        here = f", {output.span(row['here_ms'])} here" if row["here_ms"] is not None else ""
        age = max(0, now_ms - row["time_ms"])
        text += f": {f'T+{output.span(age)}' if age >= _MINUTE_MS else 'given just now'} by its word{here}"
    parts = ", ".join(part for part in map(_part, row["parts"]) if part)
    text += f": {parts}" if parts else ""
    text += f"; offered by {' and '.join(row['offered'][:2])}" if row["offered"] else ""
    text += f": {lot_words(row['lot'])}" if row["lot"] else ""
    text += f": {landmark_words(row['landmark'])}" if row["landmark"] else ""
    text += f"\n  {calls_words(row['calls'])}" if row["calls"] else ""
    notes = [f"{row['out']} by people who are out since"] if row["out"] else []
    notes += (
        [f"{row['brought_in']} of those who confirmed it came in by its author's vouch"] if row["brought_in"] else []
    )
    text = f"{text} ({'; '.join(notes)})" if notes else text
    return "".join(
        [
            text,
            *(f"\n  ! {_MARKS[mark['what']](mark)}, signed by {', '.join(mark['signers'])}" for mark in row["marks"]),
        ]
    )


_MARKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "undecided": lambda mark: f"{mark['by']} paid out of pots that nobody decided",
    "beyond": lambda mark: f"{mark['pot']} is overspent by {mark['by']}",
    "twice": lambda mark: f"payment {mark['by']} of {mark['pot']} was made twice",
    "unknown": lambda mark: f"there is no pot {mark['pot']}",
}


def _part(part: dict[str, Any]) -> str:
    """`7 of 9 pledged`, `40 of 60 kg promised`, `finding in 6 d`."""
    if part["measure"] == "later":
        return ""
    if part["measure"] == "due":
        if part["value"]:
            return f"{part['words']} given"
        if part["due_ms"] is None:
            return f"no {part['words']} yet"
        late = part["due_ms"] < 0
        return f"{part['words']} {'overdue by' if late else 'in'} {output.span(abs(part['due_ms']))}"
    value = "no" if part["value"] is None else part["value"]
    of = f" of {part['of']}" if part["of"] is not None else ""
    unit = f" {part['unit']}" if part["unit"] else ""
    agenda = ": on the agenda" if part["agenda"] is not None else ""
    return f"{value}{of}{unit} {part['words']}{agenda}"


_DAY_MS = 24 * 3600 * 1000


def span_words(span: dict[str, Any]) -> str:
    """`day 2 of 3, 14 of 19 here, 3 drafts, 1 decided`."""
    days = -(-span["lasts_ms"] // _DAY_MS)
    if span["passed_ms"] is None:
        text = f"not opened, for {output.span(span['lasts_ms'])} from its first act on"
    elif span["state"] == "over":
        text = f"over, by {output.span(span['passed_ms'] - span['lasts_ms'])}"
    else:
        day = min(days, span["passed_ms"] // _DAY_MS + 1)
        text = f"day {day} of {days}, {output.span(span['lasts_ms'] - span['passed_ms'])} left"
    drafts = f", {output.plural(span['drafts'], 'draft')}" if span["drafts"] else ""
    decided = f", {span['decided']} decided" if span["decided"] else ""
    return f"{text}{drafts}{decided}"


def lot_words(lot: dict[str, Any]) -> str:
    """`4 of 5 drawers revealed, Bo is missing`; `drawn: Ada, Cem`."""
    if lot["problem"]:
        return f"nothing is drawn: {lot['problem']}"
    if lot["contested"]:
        return "all drawers are traitors: several lists fit what they revealed"
    if lot["followed"]:
        return f"somebody stopped it, and another one was drawn: {lot['followed'][: output.SHORT_ID]}"
    if lot["panel"]:
        return f"drawn: {', '.join(lot['panel'])}"
    if not lot["stands"]:
        return "two drawers must confirm it first"
    count, total = lot["committed"], len(lot["drawers"])
    done, word = (lot["revealed"], "revealed") if count == total else (count, "committed")
    missing = f", missing: {', '.join(lot['missing'])}" if lot["missing"] else ""
    twice = f"; committed twice, and stopped it: {', '.join(lot['twice'])}" if lot["twice"] else ""
    return f"{done} of {total} drawers {word}{missing}{twice}"


def landmark_words(row: dict[str, Any]) -> str:
    """`6 go, 1 abort, 3 unheard; GO needs 8, ABORT 4: not yet, stay`; and who signed both."""
    if row["void"]:
        return f"nothing comes of it: {row['void']}"
    if not row["settled"]:
        return "not settled yet"
    cards = f"{len(row['go'])} go, {len(row['abort'])} abort, {row['unheard']} unheard; "
    needs = f"GO needs {row['go_needs']}, ABORT {row['abort_needs']}: "
    told = "" if row["go"] or row["abort"] or row["final"] else f"of {row['of']} assemblies, "
    text = (told or cards) + needs + _come_to(row)
    ours = f"; our card: {row['ours']}" if row["ours"] else ""
    ours = f"; our card is put to a vote: `meshd vote {row['open'][: output.SHORT_ID]} go`" if row["open"] else ours
    behind = ""
    if row["behind_ms"] and row["now_ms"] < row["ends_ms"]:
        behind = f"\n  ! this machine's clock is {output.span(row['behind_ms'])} behind what others wrote: set it"
    both = "".join(f"\n  ! {each['assembly']} played both: {each['witnesses']} signed both" for each in row["both"])
    return f"{text}{ours}{behind}{both}"


def _come_to(row: dict[str, Any]) -> str:
    """What the cards come to by now, and what to do."""
    now_ms = row["now_ms"]
    begins, over = output.when(row["begins_ms"]), now_ms >= row["ends_ms"]
    if len(row["final"]) > 1:
        return "GO and ABORT are both final: more assemblies are captured than it was made for. Stay"
    if "abort" in row["final"]:
        return "ABORT, nobody moves"
    if "go" in row["final"]:
        late = row["seen_ms"] is None or row["seen_ms"] >= row["begins_ms"]
        if now_ms < row["begins_ms"]:
            return f"GO, move at {begins}, in {output.span(row['begins_ms'] - now_ms)}"
        if late:
            return f"GO, but it came here after it had begun ({begins}): stay"
        return "GO, it is over" if over else f"GO, it began {begins}"
    if over:
        return "neither, it is over: nobody moved"
    if now_ms >= row["begins_ms"]:
        return f"not by {begins}, when it began: stay"
    left = row["cards_until_ms"] - now_ms
    return f"not yet, stay; cards {f'end in {output.span(left)}' if left > 0 else 'have ended'}"


_SPARKS = "▁▂▃▄▅▆▇█"
_READY = {
    "last-drill": "since the last drill",
    "heard": "until nine of ten had heard, in it",
    "delivery": "from the last alarm to its first delivery",
    "to-act": "from a mandate to the first act under it",
    "witnesses": "witnesses heard in two weeks",
    "seats": "mandates that somebody has",
    "silent": "since the most silent one was heard",
}


def readiness_words(row: dict[str, Any]) -> str:
    """`12 d since the last drill (at most 90)`; `nothing` where there is no figure."""
    unit = f" {row['unit']}" if row["unit"] else ""
    words = _READY.get(row["name"], row["name"])
    value = "nothing" if row["value"] is None else f"{row['value']}{unit}"
    bound = f" ({'at least' if row['more'] else 'at most'} {row['bound']})" if row["bound"] is not None else ""
    return f"{value} {words}{bound}"


def silent_words(row: dict[str, Any]) -> str:
    """`; most silent is Dan (Bo can go)`."""
    if row["silent"] is None:
        return ""
    can_go = f" ({' or '.join(row['can_go'])} can go)" if row["can_go"] else ""
    return f"; most silent is {row['silent']}{can_go}"


def post_lines(rows: list[dict[str, Any]]) -> list[str]:
    """`Treasurer: Ada, day 31 of 28, no candidate`, with the command that puts somebody forward. Those that nobody ever
    had are told in one line.
    """
    never = [row for row in rows if row["holder"] is None and not row["candidates"]]
    lines = [_post(row) for row in rows if row not in never]
    if never:
        lines.append(f"No candidate yet for {', '.join(row['role'] for row in never)}: {_puts_forward(never[0])}")
    return lines


def _post(row: dict[str, Any]) -> str:
    who = "nobody" if row["holder"] is None else row["holder"] if row["held"] else f"nobody since {row['holder']}"
    of = f" of {row['of']}" if row["of"] is not None else ""
    day = f", day {row['day']}{of}" if row["day"] is not None else ""
    if row["candidates"]:
        return f"{row['role']}: {who}{day}, put forward: {', '.join(row['candidates'])}"
    return f"{row['role']}: {who}{day}, no candidate: {_puts_forward(row)}"


def _puts_forward(row: dict[str, Any]) -> str:
    powers = " ".join(f"--power {shlex.quote(power)}" for power in row["powers"])
    return f"`meshd mandate {shlex.quote(row['role'])} --holder PERSON {powers}`"


def spark(values: list[int | None]) -> str:
    """A figure over time as a line of blocks; a point where there was none. Plainly as numbers."""
    if is_plain():
        return " ".join("none" if each is None else str(each) for each in values)
    told = [each for each in values if each is not None]
    most = max([*told, 1])
    return "".join("·" if each is None else _SPARKS[each * (len(_SPARKS) - 1) // most] for each in values)


def calls_words(calls: dict[str, Any]) -> str:
    """`Call Bo and Cem; 8 of 11 have heard, nine of ten of them within 2 h 10 min; reached by nobody: Dan`."""
    text = f"Call {' and '.join(calls['call'])}; " if calls["call"] else ""
    text += f"{calls['heard']} of {calls['of']} have heard"
    text += f", nine of ten of them within {output.span(calls['p90_ms'])}" if calls["p90_ms"] is not None else ""
    more = f" and {calls['more']} more" if calls["more"] else ""
    return f"{text}; reached by nobody: {', '.join(calls['orphans'])}{more}" if calls["orphans"] else text
