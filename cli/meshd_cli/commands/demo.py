"""demo: three real daemons found an assembly, lose each other, go on deciding, and meet again.

It drives the installed `meshd` from outside, as a person would, and imports no node code: what it shows is what
everybody gets. A step that fails ends it with exit code 1.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where
from meshd_cli.errors import CommandError

_PATIENCE_SECONDS = 20.0
_PASSPHRASE = "demo"  # noqa: S105 (the homes of a play)
_MESHD = (sys.executable, "-m", "meshd_cli")


def register(verbs: Any, common: Any) -> None:
    """Add the verb of this family."""
    parser = verbs.add_parser("demo", parents=[common], help="watch three nodes decide, with and without a network")
    parser.set_defaults(function=demo)


def demo(where: Where, options: Any) -> int:
    """`meshd demo`."""
    root = Path(tempfile.mkdtemp(prefix="meshd-demo-"))
    stick = root / "stick"
    stick.mkdir()
    ada, bea, cy = (_Person(name, root / name.lower()) for name in ("Ada", "Bea", "Cy"))
    people = (ada, bea, cy)
    try:
        _found(ada, bea, cy)
        during = _blackout(ada, bea, cy)
        _by_stick(bea, cy, stick, during)
        _meet_again(ada, bea, cy)
        during.append(_daily_business(people))
        final = _compare(people, during)
    except KeyboardInterrupt:
        for person in people:
            person.stop()
        shutil.rmtree(root, ignore_errors=True)
        raise
    finally:
        for person in people:
            person.stop()
    _look_around(ada, during[0], where.json)
    if where.json:
        output.emit({"ok": True, "homes": [str(person.home) for person in people], "decisions": final})
    return 0


class _Person:
    """Somebody with a home, a command line, and sometimes a daemon."""

    def __init__(self, name: str, home: Path) -> None:
        self.name = name
        self.home = home
        self.address = ""
        self._daemon: subprocess.Popen[str] | None = None
        self._env = {**os.environ, "MESHD_PASSPHRASE": _PASSPHRASE, "PYTHONUNBUFFERED": "1"}
        self._env.pop("MESHD_HOME", None)

    def __call__(self, *words: str, quiet: bool = False) -> Any:
        """Run a command, show it, and return its JSON: an object, or a list of them for verbs that list."""
        if not quiet:
            _show(self.name, words)
        done = subprocess.run(  # noqa: S603 (our own program)
            [*_MESHD, "--home", str(self.home), "--json", *words],
            env=self._env,
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise CommandError(f"{self.name}'s `meshd {words[0]}` failed: {done.stderr.strip()}")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        return answers if words[0] in ("list", "members", "peers", "read") else answers[0]

    def run(self, *words: str) -> None:
        """Start the daemon on a free port of this machine, and wait until it listens."""
        _show(self.name, ("run", *words))
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
        self.address = json.loads(line)["listening"][0]

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


def _found(ada: _Person, bea: _Person, cy: _Person) -> None:
    _chapter("Ada founds an assembly. Bea and Cy join it with tickets.")
    ada("init", "Riverside Bakery", "--as", "Ada")
    ada.run()
    _let_in(ada, bea, vouchers=(ada,), voters=())
    _let_in(ada, cy, vouchers=(ada, bea), voters=(bea,))
    _tell("Three members, three nodes, no server.")


def _let_in(ada: _Person, newcomer: _Person, vouchers: tuple[_Person, ...], voters: tuple[_Person, ...]) -> None:
    ticket = ada("invite")["ticket"]
    _show(newcomer.name, ("join", "meshd:…", "--as", newcomer.name))
    newcomer("join", ticket, "--as", newcomer.name, quiet=True)
    newcomer.run()
    for voucher in vouchers:
        _wait(f"{voucher.name} to see the application", partial(_has_role, voucher, newcomer, "applicant"))
        voucher("vouch", newcomer.name)
    _wait(f"{newcomer.name} to be let in", partial(_has_role, newcomer, newcomer, "observer"))
    admission = ada("admit", newcomer.name)["id"]
    for voter in voters:
        _wait(f"{voter.name} to see the vote", partial(_sees, voter, admission))
        voter("vote", admission[:8], "yes")
    _wait(f"{newcomer.name} to be a member", partial(_has_role, newcomer, newcomer, "member"))


def _blackout(ada: _Person, bea: _Person, cy: _Person) -> list[str]:
    _chapter("The network fails. Cy is cut off; Ada and Bea still reach each other.")
    cy.stop()
    generator = bea("propose", "Buy a generator for the cold store", "--policy", "significant")["id"]
    bea("vote", generator[:8], "yes")
    _wait("Ada to see the proposal", partial(_sees, ada, generator))
    ada("vote", generator[:8], "yes")
    _state(ada, generator, "settled", "Two of three said yes: settled, in the blackout, and final.")
    oven = cy("propose", "Lend the oven to the relief kitchen", "--policy", "significant")["id"]
    cy("vote", oven[:8], "yes")
    _state(cy, oven, "provisional", "Cy decides alone in the dark; one of three is not enough, and the node says so.")
    return [generator, oven]


def _by_stick(bea: _Person, cy: _Person, stick: Path, during: list[str]) -> None:
    _chapter("A stick is carried from Cy to Bea, and back.")
    cy("export", str(stick))
    bea("import", str(stick))
    bea("vote", during[1][:8], "yes")
    _state(bea, during[1], "settled", "Bea's yes is the second one: settled.")
    bea("export", str(stick))
    cy("import", str(stick))
    _state(cy, during[0], "settled", "Cy learns by stick what Ada and Bea decided without the network …")
    _state(cy, during[1], "settled", "… and that the oven is lent.")


def _meet_again(ada: _Person, bea: _Person, cy: _Person) -> None:
    _chapter("The network is back. Cy's node meets the others over a socket.")
    cy.run("--connect", ada.address)
    people = (ada, bea, cy)
    _wait("all three logs to be equal", lambda: len({person("status", quiet=True)["digest"] for person in people}) == 1)
    _tell("All three nodes hold the same records.")


def _daily_business(people: tuple[_Person, ...]) -> str:
    _chapter("Daily business: a vote of those who vote. The witnesses' nodes certify it by themselves.")
    ada = people[0]
    sundays: str = ada("propose", "Open on Sundays in December")["id"]
    for person, word in zip(people, ("yes", "yes", "no"), strict=True):
        _wait(f"{person.name} to see the proposal", partial(_sees, person, sundays))
        person("vote", sundays[:8], word)
    for person in people:
        _wait(f"{person.name} to see the certificate", partial(_is_final, person, sundays))
    _state(ada, sundays, "certified", "All ballots are in, so three witnesses need not wait three days.")
    return sundays


def _is_final(person: _Person, decision: str) -> bool:
    return bool(person("show", decision[:8], quiet=True)["outcome"])


def _compare(people: tuple[_Person, ...], during: list[str]) -> list[Any]:
    _chapter("Everybody shows the same, and says why.")
    shown = [[_result(row) for row in person("list", quiet=True)] for person in people]
    if any(each != shown[0] for each in shown):
        raise CommandError("the three nodes show different results")
    for row in people[0]("list"):
        _tell(f"  {row['state']}: {row['outcome']}  {row['title']}")
    for reason in people[2]("why", during[0][:8])["reasons"]:
        _tell(f"  {'+' if reason['holds'] else '-'} {reason['text']}")
    for person in people:
        if not person("check")["ok"]:
            raise CommandError(f"{person.name}'s recount differs from what is shown")
    _tell("Each node recounted everything from its own records: the same.")
    return shown[0]


def _look_around(ada: _Person, decision: str, as_json: bool) -> None:
    _chapter("The homes stay. Look around (the passphrase is demo):")
    for words in ("members", f"why {decision[:8]}", "log"):
        _tell(f"  MESHD_PASSPHRASE={_PASSPHRASE} {_as_started()} --home {ada.home} {words}")
    if not as_json:
        output.say(f"Done. Everything is in {ada.home.parent}; delete it when you have seen enough.")


def _as_started() -> str:
    """How this program was called, so that the lines can be pasted: `meshd` alone may not be on the path."""
    started = sys.argv[0]
    return "meshd" if shutil.which("meshd") else started if os.access(started, os.X_OK) else " ".join(_MESHD)


def _result(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("id", "title", "state", "outcome", "counts", "electorate", "seen")}


def _state(person: _Person, decision: str, state: str, text: str) -> None:
    row = person("show", decision[:8])
    if row["state"] != state:
        raise CommandError(f"{person.name} shows {row['title']} as {row['state']} instead of {state}")
    _tell(f"  {row['title']}: {row['state']} ({row['counts']['yes']} yes of {row['electorate']}). {text}")


def _has_role(person: _Person, about: _Person, role: str) -> bool:
    return any(row["person"] == about.name and row["role"] == role for row in person("members", quiet=True))


def _sees(person: _Person, decision: str) -> bool:
    return any(row["id"] == decision for row in person("list", quiet=True))


def _wait(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise CommandError(f"waited {_PATIENCE_SECONDS:.0f} seconds for {what}")
        time.sleep(0.05)


def _chapter(text: str) -> None:
    output.tell("")
    output.tell(text)


def _show(name: str, words: tuple[str, ...]) -> None:
    shown = " ".join(f'"{word}"' if " " in word else word for word in words)
    output.tell(f"  {name:>4} $ meshd {shown}")


def _tell(text: str) -> None:
    output.tell(text)
