"""Lines that are wider than a terminal, broken between words: terminals break them in the middle of one.

A command that somebody may copy stays in one line, since half a command is another command.
"""

import os
import re
import textwrap
from typing import TextIO

_COMMAND = re.compile(r"`[^`]*`")
_BARE = re.compile(r"(?:^\s*|: |  )meshd ")
"""A command that is not in backticks stands by itself, in a column or after a colon."""
_KEPT = "\ue000"
"""Stands for a space at which no line is broken."""


def columns(out: TextIO | None) -> int | None:
    """How wide the terminal is that is written to; None where it is none."""
    try:
        return os.get_terminal_size(out.fileno())[0] if out is not None and out.isatty() else None
    except (OSError, ValueError):
        return None


def folded(text: str, width: int | None, indent: int) -> str:
    """A line as lines of at most this width, the later ones indented. What can't be broken well is left as it is: a
    word that is wider, and a command that is not in backticks.
    """
    if width is None or len(text) <= width or indent * 2 > width or _BARE.search(text):
        return text
    kept = _COMMAND.sub(lambda found: found[0].replace(" ", _KEPT), text)
    if any(indent + len(word) > width for word in kept.split()):
        return text
    lines = textwrap.wrap(
        kept, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False, expand_tabs=False
    )
    return "\n".join(lines).replace(_KEPT, " ")
