"""What somebody is told whose home can't take part, by the code that the node gives: while they read, too, since what
they see may be old, and nobody takes what they write.
"""

from meshd_cli import output

_JOIN = "`meshd join TICKET --as YOU`"
WORDS = {
    "left": "You left: others' nodes take nothing from this one. `meshd status` says how to come back.",
    "removed": "You were removed: others' nodes take nothing from this one. `meshd status` says how to come back.",
    "revoked": "This device was revoked: others' nodes take nothing from it. `meshd status` says what helps.",
    "twin": "This device's key was used elsewhere, too: it writes nothing any more. `meshd status` says what helps.",
    "behind": "The end of what this device wrote is missing here: it writes nothing until others bring it back.",
    "expired": f"Your ticket ran out before anybody let you in. Ask for a new one: {_JOIN}.",
    "turned-away": (
        "The inviter's node hangs up on you: most likely your ticket was withdrawn, or somebody else used it. Ask for "
        f"a new one: {_JOIN}."
    ),
}
_READING = frozenset({
    "list", "show", "why", "read", "topics", "members", "devices", "delegates", "todo", "minutes", "policies",
})  # fmt: skip
"""Verbs that show what the assembly says. `home`, `status` and `whoami` tell by themselves who is out."""


def who_words(label: str, role: str, name: str | None, code: str | None) -> str:
    """Who somebody is: what they are in an assembly, or that they are no longer in it."""
    named = name or "an assembly whose log is not here yet"
    return f"{label}, no longer in {named}" if code in ("left", "removed") else f"{label}, {role} of {named}"


def tell(verb: str, code: str) -> None:
    """Say so in one line beside the answer to a verb that reads; a code of a later meshd says nothing. What comes of an
    exercise says that it is one, line by line.
    """
    if code == "drill":
        output.mark_drill()
    if verb in _READING and code in WORDS:
        output.tell(WORDS[code])
