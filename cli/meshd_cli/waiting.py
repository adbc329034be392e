"""What waits for a person, in words: the codes of the node (`meshd.service.waiting`), for every front end."""

from collections.abc import Callable
from typing import Any

from meshd_cli import output


def waiting_words(row: dict[str, Any]) -> str:
    """`Vote: A new oven · standard, by Ada`."""
    return _WORDS[row["what"]](row)


def ends_words(row: dict[str, Any], now_ms: int) -> str:
    """` · ends 2026-12-01 18:00, in 2 d 5 h`; nothing where it has no end."""
    if row["ends"] is None:
        return ""
    word = "due" if row["what"] in ("task", "card") else "ends"
    left = row["ends"] - now_ms
    return f" · {word} {output.when(row['ends'])}, {f'in {output.span(left)}' if left > 0 else 'that is over'}"


_WHY_ANEW = {
    "split": "its witnesses attested different outcomes",
    "witnesses-gone": "too few of its witnesses are left to certify it",
    "span-over": "the span that it falls into is over",
    "roster-changed": "people have left to whom it was put",
    "witnesses-late": "too many of its witnesses have not attested it in twice its time",
}
_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "line": lambda row: (
        f"The assembly has parted into lines. Another one, of {output.plural(row['members'], 'member')}, decided: "
        f"{row['title']}. Join them"
    ),
    "confirm": lambda row: f"{row['person']} founds the assembly anew, with you: {row['title']}. Confirm it",
    "answer": lambda row: f"Answer a motion about you, by {row['person']}: {row['title']}",
    "vote": lambda row: (
        f"Vote: {row['title']} · {row['policy']}, by {row['person']}"
        f"{'. Some have left to whom it was put' if row.get('late') else ''}"
    ),
    "step": lambda row: f"Decided, and waits for your yes: {row['title']}",
    "rest": lambda row: (
        f"{row['title']} is over, and {row['count'] or 'no'} vote{'' if row['count'] == 1 else 's'} that can wait till "
        "then. Talk it over, and say what it taught"
    ),
    "due": lambda row: (
        f"{row['due']} of {row['form']} {row['title']} is {output.span(row['late_ms'])} late. If it is yours to give"
    ),
    "agenda": lambda row: (
        f"On the agenda: {row['title']}, {row['value']} measured, is beyond {row['bound']}. Once it was talked about"
    ),
    "card": lambda row: (
        f"{row['person']} has a plan, and asks which card we play, go or abort. Put it to everybody here: "
        f"{row['title']}"
    ),
    "matter": lambda row: f"{row['person']} asks what we say. Put it to everybody here: {row['title']}",
    "unheard": lambda row: (
        f"Decided here, last vote {output.when(row['since'])}, and not known to be in {row['person']} yet. "
        f"Take it there: {row['title']}"
    ),
    "send": lambda row: f"Nobody sits for us in {row['title']}. How somebody can",
    "witness": lambda row: f"As a witness, say that this machine's clock is right: {row['title']}",
    "seat": lambda row: "You are a witness, and no device attests for you. Let this one",
    "anew": lambda row: f"Put this vote anew, since {_WHY_ANEW[row['why']]}: {row['title']}",
    "vouch": lambda row: (
        f"{row['title']} asks to join{', invited by ' + row['person'] if row['person'] else ''}. Vouch if you know them"
    ),
    "admit": lambda row: f"{row['title']} was vouched for, and is no member yet. Open the vote",
    "call": lambda row: (
        f"{row['form'].upper()}: {row['title']}{', by ' + row['person'] if row['person'] else ''}. Answer it"
    ),
    "second": lambda row: (
        f"{row['person']} enters, and {row['missing']} must confirm it: {row['form']}, {row['title']}. If you know "
        "that it is so"
    ),
    "act": lambda row: (
        f"Look at what was done as {row['title']}{' by ' + row['person'] if row['person'] else ''}: "
        f"{output.plural(row['count'], 'act')}"
    ),
    "assent": lambda row: f"Sign the minutes of a meeting that you were at: {row['title']}",
    "task": lambda row: f"You took on: {row['title']}",
    "letter": lambda row: f"A letter from {row['person']}",
}
