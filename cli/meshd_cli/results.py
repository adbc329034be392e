"""What became of a proposal, in words, for every front end: its state, its counts, what a ballot on it says; and of an
act under a mandate.
"""

from typing import Any

from meshd_cli import output

_CONSENT = {"yes": "consent", "no": "object", "abstain": "stand aside"}
_NAMED = 3
"""People whose yes is waited for that are named."""
METHOD_WORDS = {
    "plurality": "one option, or blank",
    "approval": "every option that you approve of, or blank",
    "block-approval": "every option that you approve of, or blank",
    "score": "OPTION=SCORE for each, like A=5 B=3",
    "equal-shares": "every option that you approve of, or blank",
}
"""What a ballot says under a counting method; under any other the options are put in order."""


def said_as(row: dict[str, Any], name: str) -> str:
    """What a count is of: where a no is an objection, a yes is consent."""
    return _CONSENT.get(name, name) if row["consent"] else name


_BY_ROUNDS = frozenset({"irv", "stv-scottish", "stv-meek"})


def state_words(row: dict[str, Any], *, exact: bool = False) -> str:
    """What became of a proposal, plainly; with `exact`, in the words of the rules, too."""
    note = " (repealed)" if row["repealed"] else " (withdrawn)" if row["withdrawn"] else ""
    if row["outcome"] is not None:
        outcome = row["outcome"] if isinstance(row["outcome"], str) else ", ".join(row["outcome"])
        if row["in_effect"] is False or row["force"]:
            lacks = "no longer in effect" if row["ended"] else "no effect so far"
            note += f" ({waits_for(row['waits_for']) if row['waits_for'] else lacks})"
        return f"final: {outcome}{note}{' (' + row['state'] + ')' if exact else ''}"
    if row["void"]:
        return "without effect"
    if row["withdrawn"]:
        return "withdrawn"
    leading = row["leading"]
    if not leading or note:
        return f"{row['state']}{note}"
    if row["consent"]:
        return f"{row['state']}: {'no objection stands' if leading == 'yes' else 'objections stand'}"
    if row["tied"] and row["method"] in _BY_ROUNDS:  # those who are tied may be the last ones
        return f"{row['state']}: it hangs on the tie of {', '.join(leading)}"
    names = leading if isinstance(leading, str) else ", ".join(leading)
    one = isinstance(leading, str) or len(leading) == 1
    return f"{row['state']}: {names} {'are tied' if row['tied'] else 'leads' if one else 'lead'}"


_STUCK = {
    "split": "its witnesses attested different outcomes, so that none will be certified",
    "witnesses-gone": "too few of its witnesses are left to certify it",
    "roster-changed": "it was put to {needed} members, of whom {able} are left: nodes ask before they vote on it",
    "span-over": "the span that it falls into is over",
    "witnesses-late": "too many of its witnesses have not attested it so far",
}


def stuck_words(found: dict[str, Any]) -> str:
    """Why a vote comes to nothing as it is."""
    return _STUCK[found["why"]].format_map(found)


def wished_end(row: dict[str, Any], now_ms: int) -> int | None:
    """When its author would like a vote to be over; None where it is over before, whatever they wish."""
    wished: int | None = row["closes_ms"]
    over = now_ms + row["waits_ms"] if row.get("waits_ms") else None
    return wished if wished and (over is None or wished <= over) else None


def waits_for(people: list[str]) -> str:
    """`waits for Émil·k3fq's yes`, of any of several."""
    if len(people) > _NAMED:
        return f"waits for the yes of more of today's {len(people)} others"
    return f"waits for {' or '.join(people)}'s yes" if len(people) == 1 else f"waits for a yes of {', '.join(people)}"


def counts_words(row: dict[str, Any]) -> str:
    """`2 yes, 0 no, 1 abstain`; `Bo 3, Ada 1 (options beaten)`."""
    if not row["counts"]:
        return "none"
    if row["counted"]:
        best = sorted(row["counts"].items(), key=lambda item: -item[1])
        return f"{', '.join(f'{name} {count}' for name, count in best)} ({row['counted']})"
    words = _CONSENT if row["consent"] else {}
    return ", ".join(f"{count} {words.get(name, name)}" for name, count in row["counts"].items())


def act_words(row: dict[str, Any]) -> str:
    """What everybody's node says of what was done under a mandate: `stands, countersigned by 2`."""
    if row["problem"]:
        return f"without effect: {row['problem']}"
    words = ["OUTSIDE THE MANDATE'S POWERS"] if row["outside"] else []
    if row["needed"] is None:
        words.append("too few other witnesses to countersign")
    elif row["stands"]:
        words.append(f"stands, countersigned by {row['countersigned']}")
    else:
        words.append(f"countersigned by {row['countersigned']} of the {row['needed']} that make it stand")
        if row["suspended"]:
            words.append("the mandate is suspended: witnesses do not countersign")
    signed = max((each["signatures"] for each in row["concurrent"]), default=0)
    if signed:
        words.append(f"{output.plural(signed, 'recall signature')} {'was' if signed == 1 else 'were'} known then")
    return "; ".join(words)
