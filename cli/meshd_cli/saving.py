"""Files that a command leaves for other programs: whole, or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from meshd_cli.errors import CommandError, UsageError


def save(path: Path, data: bytes) -> None:
    """Write a file; what was there before stays where that fails, as on a full disk. A device, a pipe or a link is
    written through. Raises CommandError.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "Say how the file in it is to be called.")
    part = path.with_name(f".{path.name}.part")
    through = os.path.lexists(path) and (path.is_symlink() or not path.is_file())
    try:
        (path if through else part).write_bytes(data)
        if not through:
            part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
