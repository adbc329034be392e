"""How ids and people are written down: lower-case base32, short prefixes, `Ada·k3fq` (design: cli).

Here also lives the one function that makes text from elsewhere safe to print.
"""

import base64
import binascii
import shlex
import unicodedata

SHORTEST = 4
DOT = "·"
"""Between a person's name and the beginning of their key."""
DRILL = "DRILL"
"""What the name of an exercise begins with: nothing of it counts anywhere else, and every line of it says so."""

_JOINERS = "\u200c\u200d"
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def is_drill(name: str) -> bool:
    """Whether an assembly of that name is an exercise."""
    return name.startswith(DRILL)


def text_of(data: bytes) -> str:
    """Bytes as lower-case base32 (RFC 4648) without padding: fits file names, survives being read aloud."""
    return base64.b32encode(data).decode().rstrip("=").lower()


def bytes_of(text: str) -> bytes:
    """The bytes that `text_of` wrote. Raises ValueError for anything else."""
    padded = text.upper() + "=" * (-len(text) % 8)
    try:
        data = base64.b32decode(padded)
    except binascii.Error as error:
        raise ValueError("not base32") from error
    if text_of(data) != text:
        raise ValueError("not base32 as meshd writes it")
    return data


_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def beginning_of(prefix: str) -> tuple[bytes, bytes]:
    """The ids of 32 bytes that begin so in `text_of`, as the first and the last of them. Raises ValueError."""
    text = prefix.lower()
    if not text or len(text) > 52 or any(letter not in _ALPHABET for letter in text):
        raise ValueError("not the beginning of an id")
    value = 0
    for letter in text:
        value = value * 32 + _ALPHABET.index(letter)
    bits = len(text) * 5
    if bits > 256:
        value >>= bits - 256
        bits = 256
    rest = 256 - bits
    return (value << rest).to_bytes(32, "big"), ((value << rest) | ((1 << rest) - 1)).to_bytes(32, "big")


def printable(text: str, *, lines: bool = False) -> str:
    """`text` with everything that could steer a terminal or reorder a line replaced by `\N{REPLACEMENT CHARACTER}`.

    With `lines`, line breaks stay, else they become spaces, as tabs do. The joiners that Persian, Indic scripts and
    emoji need stay. Names and texts come from strangers: nothing is printed without this.
    """
    text = text.replace("\r\n", "\n").expandtabs(4)
    text = text if lines else text.replace("\n", " ")
    return "".join(
        character
        if character == "\n" or character in _JOINERS or unicodedata.category(character) not in _INVISIBLE
        else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def as_word(label: str) -> str:
    """A label as one word of a command, whatever somebody calls themselves: a person may copy the line into a shell."""
    if label.startswith("-"):
        return f"-- {shlex.quote(label)}"
    return label if all(letter.isalnum() or letter == DOT for letter in label) else shlex.quote(label)
