"""Installs the Debian package on bare Debian 12 and 13, decides something, removes it: `python packaging/clean.py`.

As root, with debootstrap. Each Debian is made in a folder of its own, which is removed afterwards. Another architecture
takes an emulator that the kernel knows (`qemu-user-static`, in `/proc/sys/fs/binfmt_misc`), and ten times as long.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from build_deb import MACHINES, build, here

RELEASES = ("bookworm", "trixie")


def main() -> int:
    """Build the package, and try it on each release."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--arch", choices=tuple(MACHINES), default=here())
    arch = parser.parse_args().arch
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        package = build(arch, Path(folder))
        for release in RELEASES:
            root = Path(folder) / release
            _run("debootstrap", f"--arch={arch}", "--variant=minbase", "--include=python3", release, str(root))
            shutil.copy(package, root / "root/meshd.deb")
            _inside(root, "dpkg", "--install", "/root/meshd.deb")
            _inside(root, "meshd", "init", "Bakery", "--as", "Ada")
            identity = _inside(root, "meshd", "propose", "An oven").strip()
            _inside(root, "meshd", "vote", identity[:8], "yes", "--yes")
            said = _inside(root, "dpkg", "--remove", "meshd")
            if "Homes stay" not in said or not list((root / "root/.local/share/meshd").glob("*/log.db")):
                sys.exit(f"{release}: what people have did not stay")
            print(f"{release}, {arch}: installed, decided, removed")
    return 0


def _inside(root: Path, *words: str) -> str:
    """A command in a Debian, without a network."""
    env = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "MESHD_PASSPHRASE=pw"]
    return _run("unshare", "--net", "chroot", str(root), *env, *words)


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 (words of ours)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
