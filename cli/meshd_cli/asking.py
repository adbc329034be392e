"""Questions to the person at a terminal: what they want, and whether they are sure."""

import sys

from meshd_cli.errors import CommandError, UsageError
from meshd_protocol.names import printable


def on_terminal() -> bool:
    """Whether somebody can be asked: what they type is read, and what is asked is seen."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty())


def words(question: str, hint: str) -> str:
    """A line that somebody types, or that a script pipes in. Raises UsageError where none comes."""
    if on_terminal():
        sys.stderr.write(f"{printable(question)} ")
        sys.stderr.flush()
    typed = sys.stdin.readline() if sys.stdin else ""
    if not typed and on_terminal():
        sys.stderr.write("\n")  # Ctrl-D leaves the prompt as it stood
    line = typed.strip()
    if not line:
        raise UsageError("nothing was said", hint)
    return line


def make_sure(question: str, *, yes: bool) -> None:
    """Ask before something that can't be undone, on a terminal alone; `yes` says so ahead. Raises CommandError."""
    if yes or not on_terminal():
        return
    sys.stderr.write(f"{printable(question)} [y/N] ")
    sys.stderr.flush()
    typed = sys.stdin.readline()
    if not typed:
        sys.stderr.write("\n")  # Ctrl-D leaves the prompt as it stood
    if typed.strip().casefold() not in ("y", "yes"):
        raise CommandError("nothing was done")
