"""The command line, run as a person runs it: real processes, real homes, real sockets on loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from meshd.app import alone
from meshd.assembly import keystore
from meshd.assembly.assembly import World
from meshd.home import assemblies
from meshd_crypto.passphrase import SALT_SIZE, new_lock
from tests.commands import forks
from tests.commands.forks import PATIENCE
from tests.worlds import CHEAP

MESHD = [sys.executable, "-m", "meshd_cli"]


class Shell:
    """One person's home and daemon."""

    def __init__(self, home: Path, passphrase: str | None = "pw") -> None:
        self.home = home
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("MESHD_")}
        self.env |= {"PYTHONWARNINGS": "error", "MESHD_HOME": str(home)}
        if passphrase is not None:
            self.env["MESHD_PASSPHRASE"] = passphrase
        self.within: list[str] = []
        """Words before each command: what runs it elsewhere than here."""
        self.fresh = False
        """Whether each command starts from nothing, as a person starts it, and with this process's umask, instead of as
        a fork (`forks`).
        """
        self.daemon: subprocess.Popen[str] | forks.Process | None = None
        self.address = ""
        self.places: list[str] = []

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """What a command says and returns."""
        if not (self.fresh or self.within):
            return forks.run(words, self.env, stdin)
        return subprocess.run(
            [*self.within, *MESHD, *words], env=self.env, text=True, capture_output=True, input=stdin, timeout=PATIENCE
        )

    def found(self, name: str, person: str) -> None:
        """What `init` does, but that a guess at the passphrase costs little: the key file says how much, and everything
        that opens it goes by that.
        """
        alone.init(self.home, name, person, lambda: self.env["MESHD_PASSPHRASE"], "", World(cost=CHEAP))

    def found_valley(self, folder: Path) -> str:
        """Two assemblies of one person each, and a federation of them, in this home: what is said of it."""
        for name in ("Aragon", "Bakery"):
            self.found(name, "Ada")
            self.ok("--assembly", name, "prove", "roster", "--out", str(folder / name))
        weighted = f"{folder / 'Bakery'}=2"
        said = self.ok("init", "Valley", "--as", "Zoe", "--federation", str(folder / "Aragon"), weighted)
        self.cheapen()
        return said

    def cheapen(self) -> None:
        """From now on a guess at the passphrase costs little in this home: what opens it goes by its key files."""
        secret = self.env["MESHD_PASSPHRASE"]
        for folder in assemblies(self.home):
            keys, lock = keystore.load(folder, secret)
            cheap = new_lock(secret, CHEAP, os.urandom)
            if lock.head[:-SALT_SIZE] != cheap.head[:-SALT_SIZE]:
                keystore.save(folder, keys, cheap, os.urandom)

    def apply(self, ticket: str, person: str) -> None:
        """What `join` does, but that a guess at the passphrase costs little."""
        alone.apply(self.home, ticket, person, lambda _: self.env["MESHD_PASSPHRASE"], "", world=World(cost=CHEAP))

    def ok(self, *words: str, stdin: str = "") -> str:
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

    def fails(self, code: int, *words: str, stdin: str = "") -> tuple[str, str]:
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
        words = ("--json", "run", "--no-mdns", "--listen", "127.0.0.1:0", *words)
        if not (self.fresh or self.within):
            self.daemon = forks.Process(words, self.env)
        else:
            self.daemon = subprocess.Popen(
                [*self.within, *MESHD, *words], env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        self._listens()

    def _listens(self) -> None:
        """Wait for the daemon's first line."""
        assert self.daemon is not None
        assert self.daemon.stdout is not None
        line = self.daemon.stdout.readline()
        assert line, self.daemon.communicate()[1]
        self.places = json.loads(line)["listening"]
        self.address = self.places[0] if self.places else ""  # one that is locked listens nowhere

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop the daemon: its exit code, and what it said."""
        if self.daemon is None:
            return 0, ""
        daemon, self.daemon = self.daemon, None
        daemon.send_signal(number)
        _, said = daemon.communicate(timeout=PATIENCE)
        return daemon.returncode, said


def wait(holds: Any, seconds: float = PATIENCE) -> None:
    """Poll other processes, which tell nobody when they are done."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
