"""A home with a running daemon, for benchmarks that ask from outside."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MESHD = [sys.executable, "-m", "meshd_cli"]


@contextmanager
def running(assemblies: int = 1) -> Iterator[tuple[list[str], dict[str, str], int]]:
    """The beginning of a command to a daemon with a few decisions, its environment, and the daemon's process id. Of
    several assemblies it is about the first.
    """
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "MESHD_PASSPHRASE": "benchmark"}
        meshd = [*MESHD, "--home", str(Path(folder) / "home")]
        for name in ["Bench", *(f"Bench {number}" for number in range(1, assemblies))]:
            subprocess.run([*meshd, "init", name, "--as", "Ada"], env=env, check=True, capture_output=True)
        with daemon(meshd, env) as pid:
            meshd += ["--assembly", "Bench"] if assemblies > 1 else []
            for number in range(5):
                subprocess.run([*meshd, "propose", f"Question {number}"], env=env, check=True, capture_output=True)
            yield meshd, env, pid


@contextmanager
def daemon(meshd: list[str], env: dict[str, str]) -> Iterator[int]:
    """A daemon of a home, as long as this is open: its process id."""
    process = subprocess.Popen(
        [*meshd, "--json", "run", "--no-mdns", "--listen", "127.0.0.1:0"],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        yield process.pid
    finally:
        process.terminate()
        process.communicate()


def resident(pid: int) -> float:
    """Megabytes that a process has in memory, by the kernel's own count."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000
