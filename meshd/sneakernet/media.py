"""Files on a stick, which anybody may have touched: fixed names, regular files, sizes known before they are read.

No symlink is followed and nothing outside the folder is read. A write is complete or not there: part, fsync, read back,
rename, fsync of the folder.
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from meshd.errors import NodeError, NotFoundError
from meshd.home import sync_folder

ROOT = "meshd"
SEGMENTS = "segments"
KEYS = "keys"
MANIFESTS = ("manifest-a", "manifest-b")
JOIN = "join"
APPLICATION = "application"
ANSWER = "answer"
_PART = ".part"
_HASH = re.compile(r"[a-z2-7]{51}[aq]")  # 256 bits: the last letter holds one
_FOLDER = re.compile(r"[a-z2-7]{32}")


class MediaError(NodeError):
    """The stick can't be read or written."""


class GoneError(MediaError):
    """The stick is not there any more."""


class NothingHereError(NotFoundError):
    """A stick or file has nothing for this assembly's node."""


_READS = "Take another place. A stick that takes nothing is read all the same: `meshd import DIR`."
_CAN_T_WRITE = {
    errno.ENOSPC: "It is full: make room on it, or take another place. What is there stays good.",
    errno.EROFS: f"It is write-protected. {_READS}",
    errno.EACCES: f"Its folder is somebody else's. {_READS}",
    errno.EFBIG: "The stick takes no file of that size: format it anew as exFAT.",
}


def gone(folder: Path) -> GoneError:
    """What is said of a stick that is not there any more."""
    return GoneError(
        f"{folder} is not there any more: the stick was pulled, or another node at work on it took something off",
        "Nothing is lost: what was read is kept, and what was written whole is good. Plug it in, and do it again.",
    )


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


def read_beginning(path: Path, size: int) -> bytes:
    """So many bytes from the beginning of a file; fewer where it has no more, or can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def size_of(path: Path) -> int | None:
    """The size of a regular file; None if there is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def check_folder(path: Path) -> None:
    """Raises NodeError where there is no folder."""
    if path.is_dir():
        return
    if os.path.lexists(path):
        raise NodeError(f"{path} is no folder", "A stick is a folder. `meshd import FILE` reads a file.")
    raise NodeError(f"there is no folder {path}", "Is the stick mounted?")


def check_target(path: Path, magic: bytes) -> None:
    """Raises NodeError where a single file can't be written because of what is there, or is not: only an empty file, or
    one that begins so, is written over.
    """
    size = size_of(path)
    if path.is_dir():
        raise NodeError(f"{path} is a folder", "Say how the file in it is to be called.")
    is_file = size == 0 or (size is not None and read_beginning(path, len(magic)) == magic)
    if not is_file and os.path.lexists(path):  # a device, a pipe, a link: what is renamed over it is not what is meant
        raise NodeError(f"{path} is something else, and stays as it is", "Say how a new file is to be called.")
    if not path.parent.is_dir():
        raise NodeError(f"there is no folder {path.parent}")


def write_file(path: Path, data: bytes) -> None:
    """Put a file on the stick, whole and checked, or not at all. Raises MediaError."""
    write_chunks(path, [data])


def write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """The same for a file that is made piece by piece. Raises MediaError."""
    for _ in write_steps(path, chunks):
        pass


def write_steps(path: Path, chunks: Iterable[bytes]) -> Iterator[None]:
    """The same, with a rest after each piece. One that is given up leaves nothing. Raises MediaError."""
    part = path.with_name(path.name + _PART)
    written = hashlib.blake2b()
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
                written.update(chunk)
                yield
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # or memory is read back, not the stick
        with part.open("rb") as file:
            if hashlib.file_digest(file, "blake2b").digest() != written.digest():
                raise MediaError(f"{path.name} does not read back as it was written", "The stick may be broken.")
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        remove(part)
        if error.errno == errno.ENOENT or not path.parent.exists():
            raise gone(path.parent) from error
        raise MediaError(
            f"cannot write {path}: {error.strerror}", _CAN_T_WRITE.get(error.errno or 0, "The stick may be broken.")
        ) from error
    except BaseException:
        remove(part)
        raise


def stick_of(path: Path) -> Path:
    """The stick that is meant, also where somebody names the folder that meshd made on it."""
    is_ours = path.name == ROOT and path.is_dir() and (folder_names(path) or inside(path, JOIN) is not None)
    return path.parent if is_ours else path


def inside(stick: Path, *names: str) -> Path | None:
    """A folder below a stick's own, if it is there and no part of the way is a link; None otherwise."""
    path = stick
    for name in names:
        path = path / name
        try:
            status = path.lstat()
        except OSError:
            return None
        if not stat.S_ISDIR(status.st_mode):
            return None
    return path


def make_inside(stick: Path, *names: str) -> Path:
    """The same, made where it is not there. Raises MediaError where something else has one of the names."""
    path = stick
    for name in names:
        path = path / name
        try:
            path.mkdir(exist_ok=True)
            is_folder = stat.S_ISDIR(path.lstat().st_mode)
        except FileExistsError:
            is_folder = False
        except OSError as error:
            hint = _CAN_T_WRITE.get(error.errno or 0, "The stick may be broken.")
            raise MediaError(f"cannot make the folder {path}: {error.strerror}", hint) from error
        if not is_folder:
            what = "a link: nothing is written through it" if path.is_symlink() else "no folder"
            raise MediaError(f"{path} is {what}", "Move it away, or take another stick, or an empty folder on it.")
    return path


def hash_names(folder: Path) -> list[str]:
    """The names in a folder that are hashes; nothing else there is looked at. Raises MediaError."""
    return [name for name in _names(folder) if _HASH.fullmatch(name)]


def folder_names(folder: Path) -> list[str]:
    """The names in a folder that can be tags. Raises MediaError."""
    return [name for name in _names(folder) if _FOLDER.fullmatch(name)]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 (names only)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise gone(folder) from error
        raise MediaError(f"cannot read {folder}: {error.strerror}", "The stick may be broken.") from error


def remove(path: Path) -> None:
    """Remove a file of ours; a write-protected stick keeps it."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def remove_parts(folder: Path) -> None:
    """Remove what an interrupted write left."""
    for name in _names(folder):
        if name.endswith(_PART):
            remove(folder / name)
