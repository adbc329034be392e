import json
import signal

import pytest

from tests.commands.forks import Process
from tests.commands.shell import Shell, wait
from tests.page.browser import Browser


class House:
    """A home with its page: the daemon that it asks, and the process that serves it."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.page: Process | None = None
        self.said: dict[str, str] = {}
        """What the page said when it began."""

    def serve(self, *words: str) -> str:
        """Start the page: the address that lets one browser in."""
        self.page = Process(["--json", "page", "--url", *words], self.shell.env)
        line = self.page.stdout.readline()
        assert line, self.page.communicate()[1]
        self.said = json.loads(line)
        return str(self.said["url"])

    def address(self) -> str:
        """One more address of the page that runs."""
        return str(self.shell.json("page", "--url")["url"])

    def browser(self) -> Browser:
        """A browser that was let in."""
        return Browser(self.serve() if self.page is None else self.address())

    def stop(self) -> tuple[int, str]:
        """Stop the page: its exit code, and what it said on standard error."""
        if self.page is None:
            return 0, ""
        page, self.page = self.page, None
        page.send_signal(signal.SIGTERM)
        _, said = page.communicate(timeout=60)
        assert page.returncode is not None
        return page.returncode, said


@pytest.fixture
def house(tmp_path):
    """Ada's home, where she is alone, with a daemon."""
    ada = Shell(tmp_path / "ada")
    ada.found("Bakery", "Ada")
    made = House(ada)
    ada.start()
    try:
        yield made
    finally:
        code, said = made.stop()
        ada.stop()
    assert (code, said.replace("stopped\n", "")) == (0, ""), said


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """Three people of one assembly, their daemons connected, the page of the first one served: by name."""
    folder = tmp_path_factory.mktemp("houses")
    people = {name: Shell(folder / name) for name in ("ada", "bo", "cem")}
    ada, bo, cem = people.values()
    try:
        ada.found("Bäckerei", "Ada")
        ada.start()
        for each, name in ((bo, "Bo"), (cem, "مريم 7")):
            each.apply(ada.json("invite")["ticket"], name)
            each.start("--connect", ada.address)
            wait(lambda name=name: any(row["person"] == name for row in ada.rows("members")))
        ada.ok("vouch", "Bo")
        ada.ok("admit", "Bo")
        ada.ok("vouch", "مريم 7")
        wait(lambda: any(row["me"] and row["role"] == "member" for row in bo.rows("members")))
        bo.ok("vouch", "مريم 7")
        bo.ok("admit", "مريم 7")
        wait(lambda: any(row["asked"] for row in ada.rows("list")))
        ada.ok("vote", ada.rows("list")[-1]["id"], "yes")
        wait(lambda: any(row["me"] and row["role"] == "member" for row in cem.rows("members")))
        made = House(ada)
        yield made, bo, cem
        code, said = made.stop()
        assert (code, said.replace("stopped\n", "")) == (0, ""), said
    finally:
        for each in people.values():
            if each.daemon is not None:
                each.daemon.kill()
                each.daemon.communicate()
