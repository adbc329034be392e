"""Where things lie on this machine (design: house, "Homes"): one home, in it one folder per assembly.

A folder is named by a piece of the assembly's id: the name of the assembly is for those who hold the keys.
"""

import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meshd.errors import BusyError
from meshd_protocol import limits
from meshd_protocol.names import text_of

LOG = "log.db"
KEYS = "keys.sealed"
LOCK = "lock"
SOCKET = "control.sock"
BALLAST = "ballast"
BEFORE = "before-"
"""How a folder is called to which an assembly was put aside, whose person came back to it."""
STAGING = "restoring"
"""A folder of the home, where a backup is until all of it is there."""
SUSPECT = "suspect"
"""Beside a log: its file was found to be damaged, and nothing is written to it."""
LOOKED = "looked-through"
"""Beside a log: its time says when all of the file was read last."""
UNPROTECTED = "unprotected"
"""Beside a key file: holds its passphrase, where its person wants none. Whoever has the disk opens it."""

_FOLDER_BYTES = 10
_PRIVATE = 0o600
_FULL_BYTES = 256 * 1024
_PATIENCE_SECONDS = 5.0


def folder_of(home: Path, assembly: bytes) -> Path:
    """The folder of one assembly."""
    return home / text_of(assembly[:_FOLDER_BYTES])


def assemblies(home: Path) -> list[Path]:
    """The folders of all assemblies in a home."""
    if not home.is_dir():
        return []
    return sorted(folder for folder in home.iterdir() if (folder / KEYS).is_file())


def lost_keys(home: Path) -> list[Path]:
    """The folders of a home that have a log, and no key file any more: not those whose making was interrupted."""
    if not home.is_dir():
        return []
    made = [folder for folder in home.iterdir() if (folder / LOG).is_file() and not (folder / KEYS).is_file()]
    return sorted(folder for folder in made if any((folder / name).exists() for name in (LOOKED, BALLAST)))


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != 0o700:  # a read-only disk would refuse even what changes nothing
        folder.chmod(0o700)


def keep_private(folder: Path) -> None:
    """Leave the files in a folder to their owner alone, whoever made them; on a read-only disk they stay."""
    for path in folder.iterdir():
        with suppress(OSError):
            if stat.S_ISREG(path.lstat().st_mode) and stat.S_IMODE(path.lstat().st_mode) != _PRIVATE:
                path.chmod(_PRIVATE)


def open_private(path: Path, flags: int) -> int:
    """The descriptor of a file that its owner alone may read and write, whatever the umask and whoever made it."""
    descriptor = os.open(path, flags, _PRIVATE)
    try:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != _PRIVATE:
            os.fchmod(descriptor, _PRIVATE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file so that a power cut leaves the old one or the new one, readable by its owner alone."""
    part = path.with_name(path.name + ".part")
    descriptor = open_private(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with os.fdopen(descriptor, "wb") as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            part.unlink(missing_ok=True)
            raise
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def was_killed(folder: Path) -> bool:
    """Whether whoever had a log open last did not close it: a power cut, say."""
    try:
        return (folder / f"{LOG}-wal").stat().st_size > 0
    except OSError:
        return False


def suspect(folder: Path, *, damaged: bool) -> None:
    """Note that a log's file is damaged, or that it is not. A disk that takes nothing keeps what is noted."""
    with suppress(OSError):
        if damaged:
            (folder / SUSPECT).touch(mode=_PRIVATE)
        else:
            (folder / SUSPECT).unlink(missing_ok=True)


def is_suspect(folder: Path) -> bool:
    """Whether a log's file was found to be damaged."""
    return (folder / SUSPECT).exists()


def note_looked(folder: Path, now_ms: int) -> None:
    """Note that all of a log's file was read now. A disk that takes nothing keeps what is noted."""
    with suppress(OSError):
        (folder / LOOKED).touch(mode=_PRIVATE)
        os.utime(folder / LOOKED, ns=(now_ms * 1_000_000, now_ms * 1_000_000))


def forget_looked(folder: Path) -> None:
    """All of a log's file is to be read soon, whenever that was done last."""
    with suppress(OSError):
        (folder / LOOKED).unlink(missing_ok=True)


def looked_ms(folder: Path) -> int | None:
    """When all of a log's file was read last; None if it is not known."""
    try:
        return (folder / LOOKED).stat().st_mtime_ns // 1_000_000
    except OSError:
        return None


def lay_ballast(folder: Path) -> None:
    """Keep some room for the time when the disk is full, unless it nearly is. Never an error."""
    path = folder / BALLAST
    try:
        if path.exists() or free_disk(folder) < 2 * limits.FREE_DISK_REMOTE:
            return
        with os.fdopen(open_private(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            os.posix_fallocate(file.fileno(), 0, limits.BALLAST_BYTES)
    except OSError:
        path.unlink(missing_ok=True)


def drop_ballast(folder: Path) -> bool:
    """Give that room back. False if it was given back before."""
    try:
        (folder / BALLAST).unlink()
    except OSError:
        return False
    return True


def free_disk(folder: Path) -> int:
    """Bytes that may still be written to the disk of a folder."""
    return shutil.disk_usage(folder).free


def is_full(folder: Path) -> bool:
    """Whether there is less room on the disk of a folder than SQLite needs to do anything."""
    return free_disk(folder) < _FULL_BYTES


def is_read_only(folder: Path) -> bool:
    """Whether nothing can be written in a folder, by its disk or by its mode."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY) or not os.access(folder, os.W_OK)


@contextmanager
def only_writer(home: Path, patience: float = _PATIENCE_SECONDS) -> Iterator[None]:
    """Hold the home's lock: one process writes at a time. Raises BusyError if another keeps it too long.

    Where the lock's file can't be made or written, it is held all the same, to read in peace.
    """
    make_private(home)
    descriptor = _open_lock(home)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise BusyError(
                        f"another meshd is at work in {home}",
                        "If it is the daemon, stop it first; if it is a command, wait for it. Or use another --home.",
                    ) from error
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _open_lock(home: Path) -> int:
    try:
        return open_private(home / LOCK, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT):
            raise
        there = (home / LOCK).exists()
        return os.open(home / LOCK if there else home, os.O_RDONLY)  # without one, nobody has written here
