"""Files on a stick, which anybody may have touched: fixed names, regular files, sizes known before they are read.

No symlink is followed and nothing outside the folder is read. A write is complete or not there: part, fsync, read back,
rename, fsync of the folder.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from meshd.config import sync_folder
from meshd.errors import NodeError

ROOT = "meshd"
SEGMENTS = "segments"
MANIFESTS = ("manifest-a", "manifest-b")
JOIN = "join"
APPLICATION = "application"
ANSWER = "answer"
_PART = ".part"
_HASH = re.compile(r"[a-z2-7]{51}[aq]")  # 256 bits: the last letter holds one
_FOLDER = re.compile(r"[a-z2-7]{32}")


class MediaError(NodeError):
    """The stick can't be read or written."""


def read_file(path: Path, most: int) -> bytes | None:
    """A regular file's bytes; None if there is none, it is something else, or it has more than `most` bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(most + 1)
    except OSError:  # a worn stick
        return None
    finally:
        os.close(descriptor)
    return data if len(data) <= most else None


def size_of(path: Path) -> int | None:
    """The size of a regular file; None if there is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def write_file(path: Path, data: bytes) -> None:
    """Put a file on the stick, whole and checked, or not at all. Raises MediaError."""
    part = path.with_name(path.name + _PART)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if read_file(part, len(data)) != data:
            raise MediaError(f"{path.name} does not read back as it was written", "The stick may be broken.")
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise MediaError(f"cannot write {path}: {error.strerror}", "Is the stick full, or write-protected?") from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it. Raises MediaError where something else has that name."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"cannot make the folder {path}: {error.strerror}") from error
    if path.is_symlink() or not path.is_dir():
        raise MediaError(f"{path} is not a folder")


def is_folder(path: Path) -> bool:
    """Whether there is a folder of that name, not a link to one."""
    return path.is_dir() and not path.is_symlink()


def hash_names(folder: Path) -> Iterator[str]:
    """The names in a folder that are hashes; nothing else there is looked at."""
    if is_folder(folder):
        yield from sorted(name for name in os.listdir(folder) if _HASH.fullmatch(name))  # noqa: PTH208 (names only)


def folder_names(folder: Path) -> Iterator[str]:
    """The names in a folder that can be tags."""
    if is_folder(folder):
        yield from sorted(name for name in os.listdir(folder) if _FOLDER.fullmatch(name))  # noqa: PTH208


def remove(path: Path) -> None:
    """Remove a file of ours; a write-protected stick keeps it."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def remove_parts(folder: Path) -> None:
    """Remove what an interrupted write left."""
    if is_folder(folder):
        for name in os.listdir(folder):  # noqa: PTH208
            if name.endswith(_PART):
                remove(folder / name)
