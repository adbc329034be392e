"""What somebody was given: a file as it is, its parts as text, or pictures of QR codes, in any order."""

import sys
from pathlib import Path
from typing import Any

from meshd_cli.errors import CommandError

_TICKET = 4096
_OURS = b"meshd/"
"""How bundles, proofs and backups begin."""
_PICTURE_BYTES = 32 * 1024 * 1024
_PIXELS = 30_000_000
_PICTURES = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "PPM")
_BEGIN = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM", b"P5", b"P6")
_INSTALL = (
    "`pip install 'meshd-assembly[pictures]'`. Or read the code with a phone and paste its text: a file with it, or -."
)


def whole(paths: list[str], most: int) -> bytes:
    """The bytes of a file; or those that several texts and pictures, or one, hold in parts. Beyond `most` bytes it may
    be cut. Raises CommandError.
    """
    first = beginning(paths[0], max(most, _PICTURE_BYTES))
    if len(paths) == 1 and not _holds_text(first) and not _is_picture(first):
        return first
    texts = _texts(paths[0], first)
    for path in paths[1:]:
        texts += _texts(path, beginning(path, _PICTURE_BYTES))
    return _joined(texts)


def line(path: str) -> str:
    """The ticket, or else the first text, in a file or a picture, or on standard input. Raises CommandError."""
    from meshd_protocol.parts import is_parts
    from meshd_protocol.tickets import is_ticket

    texts = _texts(path, beginning(path, _PICTURE_BYTES))
    found = next(filter(is_ticket, texts), texts[0])
    if is_parts(found) and not is_ticket(found):
        raise CommandError(
            f"{path} holds records or a proof, and no ticket", "`meshd import` or `meshd verify` reads it."
        )
    return found


def _joined(texts: list[str]) -> bytes:
    from meshd_protocol.errors import BadPartsError
    from meshd_protocol.parts import read_parts
    from meshd_protocol.tickets import is_ticket

    if any(map(is_ticket, texts)):
        raise CommandError("that is a ticket", "Whoever it is for joins with `meshd join TICKET --as YOU`.")
    try:
        return read_parts(texts)
    except BadPartsError as error:
        raise CommandError(
            f"what is given can't be put together: {error}", "All of it in one command: FILE FILE …, in any order."
        ) from error


def _holds_text(data: bytes) -> bool:
    """Whether a file holds parts or a ticket as text, whatever stands around it."""
    from meshd_protocol.parts import is_parts
    from meshd_protocol.tickets import is_ticket

    if data.startswith(_OURS):
        return False
    text = _decoded(data)
    return is_ticket(text[:_TICKET]) or is_parts(text)


def _decoded(data: bytes) -> str:
    """What is meant stands in ASCII, in whatever letters a mail or a shell wrote the rest."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    return data.decode(encoding, errors="replace")


def _is_picture(data: bytes) -> bool:
    return data.startswith(_BEGIN)


def _texts(path: str, data: bytes) -> list[str]:
    if _holds_text(data):
        return [_decoded(data)]
    if _is_picture(data):
        return _seen(path, data)
    if b"\x00" in data:
        raise CommandError(f"{path} is neither text nor a picture", "A whole bundle or proof is given by itself.")
    return [_decoded(data)]


def _seen(path: str, data: bytes) -> list[str]:
    """The texts of the codes in a picture. Raises CommandError."""
    import io
    import warnings

    try:
        import zxingcpp
        from PIL import Image
    except ImportError as error:
        raise CommandError(f"{path} is a picture, and reading those needs zxing-cpp and Pillow", _INSTALL) from error
    if len(data) > _PICTURE_BYTES:
        raise CommandError(f"{path} is larger than any picture of a code")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which are looked at here
            with Image.open(io.BytesIO(data), formats=_PICTURES) as picture:
                if picture.width * picture.height > _PIXELS:
                    raise CommandError(f"{path} has more points than any picture of a code")
                found: Any = zxingcpp.read_barcodes(picture.convert("L"))
    except CommandError:
        raise
    except Exception as error:  # whatever a damaged picture does to its reader
        raise CommandError(f"{path} is no picture that can be read") from error
    if not found:
        raise CommandError(f"there is no QR code in {path} that can be read", "A sharper picture helps, from nearer.")
    return [each.text for each in found]


def beginning(path: str, most: int) -> bytes:
    """A file's first bytes, or those of standard input: one more than `most` tells that there are more. Raises
    CommandError.
    """
    if path == "-" and sys.stdin is None:
        raise CommandError("there is no standard input to read from")
    try:
        if path == "-":
            return sys.stdin.buffer.read(most + 1)
        with Path(path).open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
