"""The installed command line, run as a person runs it: real processes, real homes, real sockets on loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MESHD = [sys.executable, "-m", "meshd_cli"]


class Shell:
    """One person's home and daemon."""

    def __init__(self, home: Path, passphrase: str | None = "pw") -> None:
        self.home = home
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("MESHD_")}
        self.env["PYTHONWARNINGS"] = "error"
        if passphrase is not None:
            self.env["MESHD_PASSPHRASE"] = passphrase
        self.within: list[str] = []
        """Words before each command: what runs it elsewhere than here."""
        self.daemon: subprocess.Popen[str] | None = None
        self.address = ""
        self.places: list[str] = []

    def run(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.within, *MESHD, "--home", str(self.home), *words],
            env=self.env, text=True, capture_output=True, input=stdin, timeout=60, stdin=None if stdin is not None else subprocess.DEVNULL,
        ) if stdin is None else subprocess.run(
            [*self.within, *MESHD, "--home", str(self.home), *words], env=self.env, text=True, capture_output=True, input=stdin, timeout=60
        )  # fmt: skip

    def ok(self, *words: str, stdin: str | None = None) -> str:
        """The answer of a command that must succeed."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def json(self, *words: str) -> Any:
        """The JSON answer: an object, or a list if there are several lines or none."""
        lines = [json.loads(line) for line in self.ok("--json", *words).splitlines()]
        return lines[0] if len(lines) == 1 else lines

    def rows(self, *words: str) -> list[Any]:
        return [json.loads(line) for line in self.ok("--json", *words).splitlines()]

    def fails(self, code: int, *words: str, stdin: str | None = None) -> tuple[str, str]:
        """The (error, hint) of a command that must fail with that code, said alike for people and for scripts."""
        plain = self.run(*words, stdin=stdin)
        assert plain.returncode == code, f"{words} ended with {plain.returncode}: {plain.stdout} {plain.stderr}"
        assert plain.stdout == ""
        assert plain.stderr.startswith("error: "), plain.stderr
        scripted = self.run("--json", *words, stdin=stdin)
        assert (scripted.returncode, scripted.stdout) == (code, "")
        said = json.loads(scripted.stderr)
        assert set(said) == {"code", "error", "hint"}
        assert said["code"] == code
        return said["error"], said["hint"]

    def start(self, *words: str) -> None:
        self.daemon = subprocess.Popen(
            [*self.within, *MESHD, "--home", str(self.home), "--json", "run", "--no-mdns", "--listen", "127.0.0.1:0", *words],
            env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.daemon.stdout is not None
        line = self.daemon.stdout.readline()
        assert line, self.daemon.stderr.read() if self.daemon.stderr else ""
        self.places = json.loads(line)["listening"]
        self.address = self.places[0]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop the daemon: its exit code, and what it said."""
        if self.daemon is None:
            return 0, ""
        daemon, self.daemon = self.daemon, None
        daemon.send_signal(number)
        _, said = daemon.communicate(timeout=20)
        return daemon.returncode, said


def wait(holds: Any, seconds: float = 20) -> None:
    """Poll other processes, which tell nobody when they are done."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
