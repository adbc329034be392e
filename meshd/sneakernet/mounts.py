"""What is mounted on this machine and may be a stick, by the kernel's own table."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_KINDS = frozenset({
    "vfat", "exfat", "msdos", "ntfs", "ntfs3", "fuseblk", "ext2", "ext3", "ext4", "f2fs", "btrfs", "xfs", "udf",
    "hfsplus", "iso9660",
})  # fmt: skip
"""File systems that sticks have."""


class Mount(NamedTuple):
    """Something that is mounted: its number in the kernel's table, which may be another's a moment later; where; and
    what tells its file system from another one.
    """

    number: int
    path: Path
    what: str = ""


def mounted(table: Path = Path("/proc/self/mountinfo")) -> list[Mount]:
    """What is mounted now and may be a stick. The table is that of proc(5), "mountinfo".

    A file system counts where all of it is mounted: a service has folders mounted over themselves, and then a stick
    below them is in the table twice, of which the later one is seen.
    """
    found: dict[str, Mount] = {}
    with suppress(OSError):
        for line in table.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            before, _, after = line.partition(" - ")
            number, _, device, root, path, *_ = before.split()
            if after.split()[0] in _KINDS and root == "/" and path != "/":
                plain = path.encode("utf-8", "surrogateescape").decode("unicode_escape").encode("latin-1")
                where = Path(plain.decode("utf-8", "surrogateescape"))
                found[path] = Mount(int(number), where, f"{device} {_kind_of(where)}")
    return list(found.values())


def _kind_of(path: Path) -> str:
    """What the kernel calls a file system, by its own number where it has one."""
    try:
        return str(os.statvfs(path).f_fsid)
    except OSError:
        return ""


def is_removable(path: Path) -> bool:
    """Whether something is mounted where desktops and people mount sticks."""
    return any(path.is_relative_to(place) for place in ("/media", "/run/media", "/mnt"))
