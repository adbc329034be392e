"""A ticket as a person gives it: the line itself, a file or a picture with it, or standard input."""

import sys
from pathlib import Path

from meshd_cli import reading
from meshd_cli.errors import CommandError
from meshd_protocol.tickets import is_ticket


def ticket_of(words: str) -> str:
    """The line, or what stands where it should. Raises CommandError."""
    if words == "-":
        if sys.stdin is None:
            raise CommandError("there is no standard input to read the ticket from")
        if sys.stdin.isatty():
            sys.stderr.write("Ticket: ")
        return sys.stdin.readline() if sys.stdin.isatty() else sys.stdin.read(8192)
    if is_ticket(words):
        return words
    try:
        return reading.line(words)[:8192]
    except ValueError as error:  # no path has a zero in it
        raise CommandError(*_NO_TICKET) from error
    except CommandError as error:
        raise error if Path(words).is_file() else CommandError(*_NO_TICKET) from error


_NO_TICKET = (
    "this is neither a ticket nor a file with one",
    "A ticket is one line starting meshd:, or a picture of its code.",
)
