"""What is mounted on this machine and may be a stick, by the kernel's own table."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_KINDS = frozenset({
    "vfat", "exfat", "msdos", "ntfs", "ntfs3", "fuseblk", "ext2", "ext3", "ext4", "f2fs", "btrfs", "xfs", "udf",
    "hfsplus", "iso9660",
})  # fmt: skip
"""File systems that sticks have."""


class Mount(NamedTuple):
    """Something that is mounted: its number in the kernel's table, and where."""

    number: int
    path: Path


def mounted() -> list[Mount]:
    """What is mounted now and may be a stick."""
    found: list[Mount] = []
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            before, _, after = line.partition(" - ")
            number, _, _, _, path, *_ = before.split()
            if after.split()[0] in _KINDS and path != "/":
                plain = path.encode("utf-8", "surrogateescape").decode("unicode_escape").encode("latin-1")
                found.append(Mount(int(number), Path(plain.decode("utf-8", "surrogateescape"))))
    return found


def is_removable(path: Path) -> bool:
    """Whether something is mounted where desktops and people mount sticks."""
    return any(path.is_relative_to(place) for place in ("/media", "/run/media", "/mnt"))
