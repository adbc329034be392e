"""QR codes: as many as it takes, as large as a terminal holds or as pictures, and what to do where none fits."""

import io
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from meshd_cli import asking, output
from meshd_cli.errors import CommandError, UsageError
from meshd_cli.saving import save

CAPACITY = (
    25, 47, 77, 114, 154, 195, 224, 279, 335, 395, 468, 535, 619, 667, 758, 854, 938, 1046, 1153, 1249, 1352, 1460,
    1588, 1704, 1853, 1990, 2132, 2223, 2369, 2520, 2677, 2840, 3009, 3183, 3351, 3537, 3729, 3927, 4087, 4296,
)  # fmt: skip
"""Letters that a code of version 1, 2, … holds (ISO/IEC 18004, alphanumeric mode, level L)."""

_LEAST, _MOST = 5, 25
"""Versions of parts on a terminal: of less there are too many, and more no camera reads from a screen."""
_PICTURE = 20
_TEXT = 600
"""Letters of a part that is sent as text: three lines of a letter, so that a mistake is soon found."""
_BORDER = 2
_BESIDE = 3
"""Lines beside a code: what it is, what to press, and the prompt afterwards."""


def as_text(data: bytes) -> list[str]:
    """A file as parts to be sent as text."""
    return _parts(data, _TEXT)


def show(data: bytes) -> None:
    """A file as codes on the terminal, one after the other. Raises CommandError where it is too small for them."""
    columns, lines = os.get_terminal_size(sys.stdout.fileno())
    fitting = [each for each in range(_LEAST, _MOST + 1) if _fits(_room(each, sys.stdout), columns, lines)]
    if not fitting:
        width, height = _room(_LEAST, sys.stdout)
        raise CommandError(
            f"this window of {columns} × {lines} is too small for QR codes: the smallest takes {width} × {height}",
            _ELSE,
        )
    show_lines(_parts(data, CAPACITY[fitting[-1] - 1]), sys.stdout)


def show_lines(lines: list[str], out: TextIO) -> None:
    """A code for each line. Raises CommandError where a terminal is too small for one."""
    codes = [_code(line) for line in lines]
    for code in codes if out.isatty() else ():
        _make_sure_it_fits(code, out)
    for number, code in enumerate(codes, 1):
        if len(codes) > 1:
            output.say(f"Part {number} of {len(codes)}", out)
        code.terminal(out=out, border=_BORDER, compact=_has_blocks(out))
        out.flush()
        if number < len(codes) and asking.on_terminal():
            sys.stderr.write("Enter shows the next one. ")
            sys.stderr.flush()
            sys.stdin.readline()


def pictures(data: bytes, path: Path) -> list[Path]:
    """A file as PNG pictures: FILE, or FILE-1-of-3 and so on. Raises CommandError."""
    return draw(_parts(data, CAPACITY[_PICTURE - 1]), path)


def draw(lines: list[str], path: Path) -> list[Path]:
    """A picture for each line. Raises CommandError."""
    if not path.name or path.is_dir():
        raise UsageError(f"{path} is a folder: say what the picture is to be called", f"`--png {path / 'shown.png'}`")
    stem = path.with_suffix("") if path.suffix.lower() == ".png" else path
    several = len(lines) > 1
    paths = [
        stem.with_name(f"{stem.name}{f'-{number}-of-{len(lines)}' if several else ''}.png")
        for number in range(1, len(lines) + 1)
    ]
    for line, each in zip(lines, paths, strict=True):
        picture = io.BytesIO()
        _code(line).save(picture, kind="png", scale=6, border=4)
        save(each, picture.getvalue())
    return paths


_ELSE = "Or as pictures, `--png FILE`; or as text, `--text`."


def _parts(data: bytes, characters: int) -> list[str]:
    from meshd_protocol import limits
    from meshd_protocol.errors import BadPartsError
    from meshd_protocol.parts import write_parts

    try:
        return write_parts(data, characters)
    except BadPartsError as error:
        raise CommandError(
            f"{output.size(len(data))} are too much to be shown here",
            _ELSE if len(data) <= limits.PARTS_BYTES else "It travels on a stick, or as a file.",
        ) from error


def _code(line: str) -> Any:
    import segno

    return segno.make(line.upper(), error="l", micro=False)


def _make_sure_it_fits(code: Any, out: TextIO) -> None:
    columns, lines = os.get_terminal_size(out.fileno())
    version = int(code.version)
    width, height = _room(version, out)
    if not _fits((width, height), columns, lines):
        raise CommandError(
            f"this window of {columns} × {lines} is too small for the QR code: it takes {width} × {height}", _ELSE
        )


def _room(version: int, out: TextIO) -> tuple[int, int]:
    """Columns and lines that a code takes, with what stands beside it."""
    modules = 17 + 4 * version + 2 * _BORDER
    return (modules, (modules + 1) // 2 + _BESIDE) if _has_blocks(out) else (2 * modules, modules + _BESIDE)


def _fits(room: tuple[int, int], columns: int, lines: int) -> bool:
    return room[0] <= columns and room[1] <= lines


def _has_blocks(out: TextIO) -> bool:
    """Whether a terminal has half blocks: two rows of a code in one line."""
    return (out.encoding or "").lower().replace("-", "") == "utf8"
