"""Destroying a home at once: the keys first, whoever uses them, then the rest. It asks for no lock and no passphrase.

What was written over may still be in old sectors of a flash card; there it is as it was in the file, under the
passphrase.
"""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from meshd.home import KEYS, UNPROTECTED


class Destroyed(NamedTuple):
    """How many key files were destroyed, and which are still there."""

    files: int
    left: list[Path]


def destroy_keys(home: Path) -> Destroyed:
    """Write over all key files of a home, those that were put aside, too, and remove them."""
    found = [path for path in home.rglob("*") if path.name.startswith((KEYS, UNPROTECTED))]
    left: list[Path] = []
    for path in found:
        try:
            _write_over(path)
            path.unlink()
        except OSError:
            left.append(path)
    return Destroyed(len(found) - len(left), left)


def destroy_rest(home: Path) -> list[Path]:
    """Remove everything in a home; what could not be removed."""
    for path in list(home.iterdir()) if home.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return sorted(path for path in home.rglob("*") if not path.is_dir()) if home.is_dir() else []


def _write_over(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        os.write(descriptor, os.urandom(os.fstat(descriptor).st_size))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
