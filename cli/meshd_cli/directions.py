"""Texts from right to left among others on a terminal: what belongs together stays together (UAX 9, isolates).

Terminals that order letters by their direction order a whole line: of two Hebrew names with a number each, the first
one would stand beside the second number. Others show what is put around a name as nothing.
"""

import re
from collections.abc import Iterable

from meshd_protocol.names import DOT

_LETTERS = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
"""Those of scripts that are written from right to left, as a range of a regular expression."""
_WORD = f"[{_LETTERS}](?:[^\\sA-Za-z\u00c0-\u058f\u0900-\ufb1c,;:()]*[{_LETTERS}0-9])?"
_WORDS = f"{_WORD}(?: {_WORD})*(?:(?: [0-9]+)+(?={DOT}))?"
"""Words that are written from right to left, one after the other. A number by itself is none: of several names with a
number each, every one stays beside its own. But one before the beginning of a key is of the name.
"""
_ISOLATE, _END = "\u2068", "\u2069"


def isolated(text: str) -> str:
    """A text as one piece of the line that it stands in, where it has letters from right to left."""
    return f"{_ISOLATE}{text}{_END}" if not text.isascii() and re.search(f"[{_LETTERS}]", text) else text


def isolate_words(text: str) -> str:
    """A text whose words from right to left keep what is around them in its place: `3 to 1` stays."""
    return text if text.isascii() else re.sub(_WORDS, lambda found: isolated(found[0]), text)


def words_of(text: str) -> list[str]:
    """The words of a text that are written from right to left, several that follow each other as one."""
    return [] if text.isascii() else re.findall(_WORDS, text)


def with_isolated(text: str, parts: Iterable[str]) -> str:
    """A text in which each of these parts is one piece."""
    for part in dict.fromkeys(parts):
        text = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", lambda found: isolated(found[0]), text)
    return text


def without_isolates(word: str) -> str:
    """A word of a command as it was meant, if it was copied off a line."""
    return word.replace(_ISOLATE, "").replace(_END, "")
