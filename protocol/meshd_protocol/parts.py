"""A small file as text: numbered parts for QR codes, a letter, a chat or dictation, read in any order.

A part is `MESHD.` tag `.` its number `.` of how many `.` letters `.`, in the letters that a QR code packs densest
(ISO/IEC 18004, alphanumeric mode). The letters are base32 of some bytes of the file and a check, so that whoever copies
by hand is told which part has the mistake. What the file is, and whether it is good, the file says itself.
"""

import re
from collections.abc import Iterable

from meshd_crypto.hashing import digest
from meshd_protocol import limits
from meshd_protocol.errors import BadPartsError
from meshd_protocol.names import bytes_of, text_of

_TAG = 8
_CHECK = 4
_PART = re.compile(r"(?=MESHD\.([A-Z2-7]{8})\.([1-9][0-9]{0,2})\.([1-9][0-9]{0,2})\.([A-Z2-7]*)\.)")
"""Looked for everywhere: a part that was cut must not take the beginning of the next one for its end."""
_QUOTED = re.compile(r"[\s>|]+")
"""White space, and what mail programs put in front of lines that they quote."""

FRAME = len(f"MESHD.{'A' * _TAG}.999.999..") + 8
"""Characters of a part beside those of the file's bytes, at most."""


def write_parts(data: bytes, characters: int) -> list[str]:
    """A file as parts of so many characters at most. Raises BadPartsError if they would be too many."""
    room = (characters - FRAME) * 5 // 8
    if room < 1 or not 0 < len(data) <= min(limits.PARTS_BYTES, limits.PARTS * room):
        raise BadPartsError(f"{len(data)} bytes are too much for parts of {characters} characters")
    count = -(-len(data) // room)
    each = -(-len(data) // count)
    tag = text_of(digest(data)[:5]).upper()
    return [_part(tag, n + 1, count, data[n * each : (n + 1) * each]) for n in range(count)]


def _part(tag: str, number: int, count: int, chunk: bytes) -> str:
    head = f"MESHD.{tag}.{number}.{count}."
    return f"{head}{text_of(chunk + _check(head, chunk)).upper()}."


def _check(head: str, chunk: bytes) -> bytes:
    return digest(head.encode(), chunk)[:_CHECK]


def is_parts(text: str) -> bool:
    """Whether there is a part in a text, good or not."""
    return "MESHD." in _plain(text)


def read_parts(texts: Iterable[str]) -> bytes:
    """The file whose parts stand in some texts, in any order, each as often as it likes, with anything between them.

    Raises BadPartsError that says which parts are missing or have a mistake in them, or that they are of several files.
    """
    found: dict[tuple[str, int, int], bytes] = {}
    damaged: set[tuple[str, int, int]] = set()
    is_ours = False
    for text in map(_plain, texts):
        is_ours = is_ours or "MESHD." in text
        for tag, number, count, letters in _PART.findall(text):
            key = tag, int(number), int(count)
            chunk = _chunk(f"MESHD.{tag}.{number}.{count}.", letters)
            if chunk is not None and key[1] <= key[2] <= limits.PARTS:
                found[key] = chunk
            else:
                damaged.add(key)
    files = {(tag, count) for tag, _, count in found}  # one that was cut in two ways has one tag
    whole = {(tag, count) for tag, count in files if all((tag, n, count) in found for n in range(1, count + 1))}
    if len({tag for tag, _ in files}) > 1:
        raise BadPartsError("these are parts of several files: give those of each showing by themselves")
    if not files:
        why = "it is cut, or has mistakes in it" if is_ours else "it is nothing that meshd showed"
        raise BadPartsError(f"there is no whole part in it: {why}")
    tag, count = max(whole or files, key=lambda each: sum(key[0] == each[0] and key[2] == each[1] for key in found))
    missing = [number for number in range(1, count + 1) if (tag, number, count) not in found]
    if missing:
        wrong = [number for number in missing if any(each[:2] == (tag, number) for each in damaged)]
        raise BadPartsError("; ".join(_told(count, wrong, [each for each in missing if each not in wrong])))
    data = b"".join(found[tag, number, count] for number in range(1, count + 1))
    if len(data) > limits.PARTS_BYTES or text_of(digest(data)[:5]).upper() != tag:
        raise BadPartsError("these parts make no file together: one of them is of another")
    return data


def _told(count: int, wrong: list[int], missing: list[int]) -> Iterable[str]:
    for numbers, what in ((wrong, "have a mistake"), (missing, "are missing")):
        if numbers:
            named = ", ".join(map(str, numbers[:10])) + (" and more" if len(numbers) > 10 else "")
            yield f"of {count} parts these {what}: {named}"


def _chunk(head: str, letters: str) -> bytes | None:
    try:
        data = bytes_of(letters.lower())
    except ValueError:
        return None
    chunk = data[:-_CHECK]
    return chunk if chunk and data[-_CHECK:] == _check(head, chunk) else None


def _plain(text: str) -> str:
    return _QUOTED.sub("", text).upper()
