"""What `doctor` found, in words: what was looked at, and what helps where it is not good."""

from collections.abc import Callable
from typing import Any

from meshd_cli import output, outside
from meshd_cli.plain import is_plain
from meshd_protocol import limits


def finding_words(row: dict[str, Any]) -> str:
    """`ok  81.8 GB free on the disk`; with `! ` where something is to be done."""
    good, bad = _WORDS[row["what"]]
    words = (good if row["good"] else bad)(row["value"])
    label = "ok" if row["good"] else "to do" if is_plain() else "!"
    return output.beside(label, words, width=len("ok"))


def _without(free: int) -> str:
    """What so little room keeps this node from."""
    if free < limits.FREE_DISK_OWN:
        return ". Nothing is written"
    taken = "nothing is taken from others"
    return f". {taken.capitalize()}" if free < limits.FREE_DISK_REMOTE else f", or soon {taken}"


_Words = Callable[[Any], str]
_WORDS: dict[str, tuple[_Words, _Words]] = {
    "room": (
        lambda free: f"{output.size(free)} free on the disk",
        lambda free: f"{output.size(free)} free on the disk: make room{_without(free)}",
    ),
    "read-only": (lambda _: "", lambda _: "the disk is read-only: what is there can be read, and nothing is written"),
    "in-memory": (lambda _: "", lambda _: "the home is in memory, and gone at the next start: use another --home"),
    "sync": (
        lambda took: f"the disk takes {took} µs to keep something",
        lambda took: (
            f"the disk says after {took} µs that it kept something, and no disk is that fast: a power cut may take "
            "back what was acknowledged. Use another card, or a disk"
        ),
    ),
    "file": (
        lambda _: "the log's file is sound",
        lambda _: "the log's file is damaged: stop the daemon, then `meshd check --rebuild` saves what can be read",
    ),
    "unread": (lambda _: "", str),
    "damaged-copy": (
        lambda _: "",
        lambda path: f"a damaged log is kept in {path}: once all is back (`meshd check`), remove it",
    ),
    "clock": (
        lambda _: "the clock fits what others wrote",
        lambda behind: (
            f"this machine's clock is {output.span(behind)} behind what others wrote last: set it, or no node shakes "
            "hands with this one"
        ),
    ),
    "clock-of": (
        lambda _: "",
        lambda person: f"the clock of {person} is ahead of yours and of all others': ask them to set it",
    ),
    "private": (
        lambda _: "nobody else on this machine can look into the home",
        lambda path: f"others on this machine can look at {path}: `chmod -R go= ` on the home, as its owner",
    ),
    "passphrase": (
        lambda _: "the keys are under a passphrase",
        lambda _: "the keys have no passphrase: whoever has this disk reads all. `meshd passphrase` sets one",
    ),
    "lost-keys": (
        lambda _: "",
        lambda path: (
            f"the key file {path} is missing, and nothing opens the log beside it. A backup has it: `meshd --home NEW "
            "restore FILE`. So has the member key on paper, with a ticket: `meshd --home NEW join TICKET --as YOU "
            "--member-key -`"
        ),
    ),
    "version": (
        lambda _: "no record is of a later version of meshd",
        lambda later: f"{output.plural(later, 'record is', 'records are')} of a later version: update meshd",
    ),
    "copy": (
        lambda days: f"somebody else, or a backup, had all of it {output.plural(days, 'day')} ago",
        lambda days: (
            (
                "nobody else is known to have this log"
                if days is None
                else "the last copy is dated ahead of this machine's clock"
                if days < 0
                else f"it is {output.plural(days, 'day')} since somebody else had all of it"
            )
            + ": `meshd run`, `meshd stick DIR` or `meshd backup FILE`"
        ),
    ),
    "unsent": (
        lambda _: "all that you wrote is elsewhere, too",
        lambda unsent: (
            f"{output.plural(unsent, 'record')} of yours {'is' if unsent == 1 else 'are'} on this machine alone: "
            "`meshd run`, or `meshd stick DIR`"
        ),
    ),
    "backup": (
        lambda days: f"the last backup is {output.plural(days, 'day')} old",
        lambda days: (
            ("there is no backup" if days is None else "the last backup is dated ahead of this machine's clock")
            + ": `meshd backup FILE`, on another disk. A copy of the home is none"
        ),
    ),
    "taking-part": (
        lambda _: "others take what you write",
        lambda why: outside.WORDS[why],
    ),
}
"""What was looked at, in words: where it is good, and where it is not."""
