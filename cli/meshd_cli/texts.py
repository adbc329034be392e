"""Texts that a person gives in a file or on standard input: bounded, and in UTF-8."""

import sys
from pathlib import Path

from meshd_cli.errors import CommandError

TEXT_BYTES = 12 * 1024
"""What a text in a record may have (`meshd_protocol.limits`)."""


def text_from(path: str | None) -> str | None:
    """The text of a file, or of standard input for `-`; None for none. Raises CommandError."""
    if path is None:
        return None
    if path == "-" and sys.stdin is None:
        raise CommandError("there is no standard input to read the text from")
    try:
        data = sys.stdin.buffer.read(TEXT_BYTES + 1) if path == "-" else _beginning(Path(path))
    except OSError as error:
        raise CommandError(f"cannot read the text {path}: {error.strerror}") from error
    if len(data) > TEXT_BYTES:
        raise CommandError(f"the text is longer than the {TEXT_BYTES} bytes that a record holds")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"the text {path} is not in UTF-8") from error


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(TEXT_BYTES + 1)
