"""A ticket as a person gives it: the line itself, a file or a picture with it, or standard input."""

import sys
from pathlib import Path

from meshd_cli import reading
from meshd_cli.errors import CommandError
from meshd_protocol.errors import BadTicketError
from meshd_protocol.tickets import PREFIX, is_ticket, read_ticket

_CHARACTERS = 8192
"""Of a text that a ticket is looked for in."""


def ticket_of(words: str) -> str:
    """The line, or what stands where it should. Raises CommandError."""
    return _in_letter(_given(words)[:_CHARACTERS])


def _given(words: str) -> str:
    if words == "-":
        if sys.stdin is None:
            raise CommandError("there is no standard input to read the ticket from")
        return _typed() if sys.stdin.isatty() else sys.stdin.read(_CHARACTERS)
    if is_ticket(words) or is_ticket(_in_letter(words)):
        return words
    try:
        return reading.line(words)
    except ValueError as error:  # no path has a zero in it
        raise CommandError(*_NO_TICKET) from error
    except CommandError as error:
        raise error if Path(words).is_file() else CommandError(*_NO_TICKET) from error


def _typed() -> str:
    """What is typed or pasted, in one line or in several: until it is whole, or an empty line comes."""
    print("Ticket: ", end="", file=sys.stderr, flush=True)
    text = ""
    while (line := sys.stdin.readline()).strip() and len(text) < _CHARACTERS:
        text += line
        if PREFIX not in text.lower() or _is_whole(_in_letter(text)):
            break
        print("Its rest: ", end="", file=sys.stderr, flush=True)
    return text


def _in_letter(text: str) -> str:
    """The ticket in a letter, between other words, quoted (`> `) or broken into lines. Where none is whole, the
    last that begins; the text where none does.
    """
    _, *rests = text.lower().split(PREFIX)
    for rest in rests:
        line = PREFIX
        for piece in rest.split():
            line += piece.lstrip(">")
            if _is_whole(line):
                return line
    return PREFIX + rests[-1] if rests else text


def _is_whole(line: str) -> bool:
    try:
        read_ticket(line)
    except BadTicketError:
        return False
    return True


_NO_TICKET = (
    "this is neither a ticket nor a file with one",
    "A ticket is one line starting meshd:, or a picture of its code.",
)
