"""How long does a stick take? A whole log exported to a folder and imported from it, with all checks.

The reference of the import is loop V of `plain`: it reads, verifies every signature, and inserts. `git` clones from a
bundle of as many commits. What a second export does that has nothing new is counted.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import plain
from benchmarks.measure import LackingError, Measure
from benchmarks.mesh import fill, found_homes, open_home
from benchmarks.sync import logged
from meshd.assembly.assembly import Assembly
from meshd.process import set_up
from meshd.progress import Steps
from meshd.sneakernet.export import Narrow, export_stick
from meshd.sneakernet.import_ import import_stick

RECORDS = 100_000


def run(*, quick: bool) -> list[Measure]:
    """All measures of sticks; the quick ones with fewer records."""
    set_up()  # as every command does
    records = RECORDS // 5 if quick else RECORDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        giver, taker = found_homes(folder, 2)
        assembly = open_home(giver)
        identity = assembly.id
        assembly.close()
        fill(giver, records)
        stick = folder / "stick"
        stick.mkdir()
        raw = logged(giver)
        written = _seconds(giver, lambda assembly: export_stick(assembly, stick, Narrow()))
        size = sum(path.stat().st_size for path in stick.rglob("*") if path.is_file())
        before = {path: path.stat().st_mtime_ns for path in stick.rglob("*")}
        again = _seconds(giver, lambda assembly: export_stick(assembly, stick, Narrow()))
        new = [path for path in stick.rglob("*") if path.is_file() and before.get(path) != path.stat().st_mtime_ns]
        read = _seconds(taker, lambda assembly: import_stick(assembly, stick))
        plain.write(folder / "log", raw)
        loop = plain.copy(identity, folder / "log", folder / "copy", every=True)
        commit = _commit_seconds(folder / "git", records)
    return [
        Measure("stick-import", records / read, "records/s", records / loop, 2.5),
        Measure("stick-git", records / read, "records/s", 1 / commit, 1.0),
        Measure("stick-export", records / written, "records/s", records / read, 2.0),
        Measure("stick-size", size, "bytes", sum(len(each) for each in raw), 1.05, at_most=True),
        Measure("stick-again", again, "s", 1.0, 1.0, at_most=True),
        Measure("stick-again-bytes", sum(path.stat().st_size for path in new), "bytes", 4000.0, 1.0, at_most=True),
    ]


def _seconds(home: Path, work: Callable[[Assembly], Steps[Any]]) -> float:
    """How long a piece of work takes in a home that is open."""
    assembly = open_home(home)
    begun = time.perf_counter()
    for _ in work(assembly):
        pass
    took = time.perf_counter() - begun
    assembly.close()
    return took


def _commit_seconds(folder: Path, commits: int) -> float:
    """Seconds for each commit that git clones from a bundle; each changes one small file."""
    if shutil.which("git") is None:
        raise LackingError("git is not installed")
    folder.mkdir()
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def git(*words: str, stdin: bytes | None = None) -> None:
        subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True, input=stdin)

    git("init", "--quiet", "--initial-branch=main", "from")
    stream = b"".join(
        b"commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 1\nx\nM 100644 inline f%d\ndata 25\n%025d\n"
        % (1_780_000_000 + n, n % 100, n)
        for n in range(commits)
    )
    git("-C", "from", "fast-import", "--quiet", stdin=stream)
    git("-C", "from", "bundle", "create", "../all.bundle", "main")
    begun = time.perf_counter()
    git("clone", "--quiet", "--bare", "all.bundle", "to")
    return (time.perf_counter() - begun) / commits
