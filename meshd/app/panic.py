"""Destroying a home at once: the keys first, whoever uses them, then the rest. It asks for no lock and no passphrase.

Only what meshd puts into a home is touched: whoever names another folder by mistake loses nothing. What was written
over may still be in old sectors of a flash card; there it is as it was in the file, under the passphrase.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from meshd.home import BEFORE, KEYS, LOCK, LOG, SOCKET, STAGING, UNPROTECTED

_OF_THE_PAGE = "page.*"
"""What a home's page keeps beside it."""


class Destroyed(NamedTuple):
    """How many key files were destroyed, which are still there, and whether what opened some lay beside them."""

    files: int
    left: list[Path]
    lay_open: bool


def destroy_keys(home: Path) -> Destroyed:
    """Write over all key files of a home, those that were put aside, too, and remove them."""
    folders = folders_of(home)
    within = [inside for folder in folders for inside in _plain(folder)]
    found = [path for folder in (*folders, *within) for name in (KEYS, UNPROTECTED) for path in folder.glob(f"{name}*")]
    keys = [path for path in found if path.name.startswith(KEYS)]
    left: list[Path] = []
    for path in found:
        try:
            _write_over(path)
            path.unlink()
        except OSError:
            left.append(path)
    return Destroyed(len(set(keys) - set(left)), left, lay_open=len(keys) < len(found))


def destroy_rest(home: Path, folders: list[Path]) -> list[Path]:
    """Remove the folders of a home, as they were found before its keys were gone, and what is beside them; what could
    not be removed.
    """
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    for path in (home / LOCK, home / SOCKET, *home.glob(_OF_THE_PAGE)) if folders else ():
        with suppress(OSError):  # on a read-only disk all is left, and told
            path.unlink(missing_ok=True)
    return sorted(path for folder in folders if folder.exists() for path in folder.rglob("*") if not path.is_dir())


def folders_of(home: Path) -> list[Path]:
    """The folders in which a home keeps assemblies, also those that were put aside or left by a restore."""
    return [folder for folder in _plain(home) if _is_ours(folder)]


def _is_ours(folder: Path) -> bool:
    ours = folder.name == STAGING or folder.name.startswith(BEFORE)
    return any((each / name).exists() for each in (folder, *(_plain(folder) if ours else ())) for name in (KEYS, LOG))


def _plain(folder: Path) -> list[Path]:
    """The folders in a folder, without links."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def _write_over(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        os.write(descriptor, os.urandom(os.fstat(descriptor).st_size))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
