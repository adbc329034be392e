"""Who is in a play, and how it is told: people with a home, a command line, and sometimes a daemon."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from meshd_cli import output, socket_client
from meshd_cli.errors import CommandError

PASSPHRASE = "demo"  # noqa: S105 (the homes of a play)
_PATIENCE_SECONDS = 20.0
_MESHD = (sys.executable, "-m", "meshd_cli")
_LISTS = frozenset({"list", "members", "peers", "read"})


class Person:
    """Somebody with a home, a command line, and sometimes a daemon. `assembly` is which of the home's is meant."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        self.assembly: str | None = None
        self.addresses: dict[str, str] = {}
        """By assembly, where the daemon listens."""
        self._daemon: subprocess.Popen[str] | None = None
        self._env = {**os.environ, "MESHD_PASSPHRASE": PASSPHRASE, "PYTHONUNBUFFERED": "1"}
        self._env.pop("MESHD_HOME", None)

    @property
    def address(self) -> str:
        """Where the daemon listens, for the one assembly of this home."""
        return next(iter(self.addresses.values()))

    def at(self, assembly: str) -> Callable[..., Any]:
        """Commands of one assembly of this home, by its name or the beginning of its id."""
        return partial(self._command, assembly)

    def __call__(self, *words: str, quiet: bool = False) -> Any:
        """Run a command, show it, and return its JSON: an object, or a list of them for verbs that list."""
        return self._command(self.assembly, *words, quiet=quiet)

    def _command(self, assembly: str | None, *words: str, quiet: bool = False) -> Any:
        named = () if assembly is None else ("--assembly", assembly)
        if not quiet:
            show(self.name, (*named, *words))
        done = subprocess.run(  # noqa: S603 (our own program)
            [*_MESHD, "--home", str(self.home), "--json", *named, *words],
            env=self._env,
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise CommandError(f"{self.name}'s `meshd {words[0]}` failed: {done.stderr.strip()}")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        return answers if words[0] in _LISTS else answers[0] if answers else None

    def looks(self, verb: str, arguments: dict[str, Any] | None = None, assembly: str | None = None) -> Any:
        """What this person's running daemon answers to somebody who looks on, without a command being typed."""
        connection = socket_client.connect(self.home)
        if connection is None:
            raise CommandError(f"{self.name}'s daemon does not answer")
        with connection:
            return socket_client.ask(connection, verb, arguments or {}, assembly or self.assembly)

    def run(self, *words: str) -> None:
        """Start the daemon on free ports of this machine, and wait until it listens."""
        show(self.name, ("run", *words))
        self._daemon = subprocess.Popen(  # noqa: S603
            [*_MESHD, "--home", str(self.home), "--json", "run", "--no-mdns", "--listen", "127.0.0.1:0", *words],
            env=self._env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._daemon.stdout is not None
        line = self._daemon.stdout.readline()
        if not line:
            raise CommandError(f"{self.name}'s daemon did not start")
        self.addresses = {each["name"]: each["listening"][0] for each in json.loads(line)["assemblies"]}

    def stop(self) -> None:
        """Stop the daemon, as Ctrl-C would."""
        if self._daemon is not None:
            self._daemon.terminate()
            try:
                self._daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
            if self._daemon.stdout is not None:
                self._daemon.stdout.close()
            self._daemon = None


@contextmanager
def stage(*names: str) -> Iterator[tuple[Path, list[Person]]]:
    """A folder with homes for some people. Their daemons stop at the end; after Ctrl-C nothing is left of it."""
    root = Path(tempfile.mkdtemp(prefix="meshd-demo-"))
    people = [Person(name, root / name.lower()) for name in names]
    try:
        yield root, people
    except KeyboardInterrupt:
        _stop(people)
        shutil.rmtree(root, ignore_errors=True)
        raise
    finally:
        _stop(people)


def _stop(people: list[Person]) -> None:
    for person in people:
        person.stop()


def let_in(host: Person, newcomer: Person, vouchers: tuple[Person, ...], voters: tuple[Person, ...]) -> None:
    """Somebody joins with a ticket of the host's, who vouches with others and moves the admission."""
    ticket = host("invite")["ticket"]
    show(newcomer.name, ("join", "meshd:…", "--as", newcomer.name))
    newcomer("join", ticket, "--as", newcomer.name, quiet=True)
    newcomer.run()
    for voucher in vouchers:
        wait(f"{voucher.name} to see the application", partial(_has_role, voucher, newcomer, "applicant"))
        voucher("vouch", newcomer.name)
    wait(f"{newcomer.name} to be let in", partial(_has_role, newcomer, newcomer, "observer"))
    admission = host("admit", newcomer.name)["id"]
    for voter in voters:
        wait(f"{voter.name} to see the vote", partial(sees, voter, admission))
        voter("vote", admission[:8], "yes")
    wait(f"{newcomer.name} to be a member", partial(_has_role, newcomer, newcomer, "member"))


def _has_role(person: Person, about: Person, role: str) -> bool:
    return any(row["person"] == about.name and row["role"] == role for row in _looked(person, "members"))


def sees(person: Person, decision: str) -> bool:
    """Whether somebody's node has a proposal."""
    return any(row["id"] == decision for row in _looked(person, "list"))


def _looked(person: Person, verb: str) -> list[dict[str, Any]]:
    """What a node answers; nothing while a newcomer's has no log yet."""
    try:
        found: list[dict[str, Any]] = person.looks(verb)
    except CommandError:
        return []
    return found


def wait(what: str, holds: Callable[[], bool]) -> None:
    """Wait until something holds. Raises CommandError after a while."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise CommandError(f"waited {_PATIENCE_SECONDS:.0f} seconds for {what}")
        time.sleep(0.02)


def chapter(text: str) -> None:
    """Begin a chapter."""
    output.tell("")
    output.tell(text)


def show(name: str, words: tuple[str, ...]) -> None:
    """Show what somebody types."""
    shown = " ".join(f'"{word}"' if " " in word else word for word in words)
    output.tell(f"  {name:>4} $ meshd {shown}")


def tell(text: str) -> None:
    """Tell what came of it."""
    output.tell(text)


def look_around(homes: list[tuple[Person, str]], root: Path, *, as_json: bool) -> None:
    """Say how to look at what the play left behind: commands, each with the home of somebody."""
    chapter(f"The homes stay. Look around (the passphrase is {PASSPHRASE}):")
    for person, words in homes:
        tell(f"  MESHD_PASSPHRASE={PASSPHRASE} {_as_started()} --home {person.home} {words}")
    if not as_json:
        output.say(f"Done. Everything is in {root}; delete it when you have seen enough.")


def _as_started() -> str:
    """How this program was called, so that the lines can be pasted: `meshd` alone may not be on the path."""
    started = sys.argv[0]
    return "meshd" if shutil.which("meshd") else started if os.access(started, os.X_OK) else " ".join(_MESHD)
