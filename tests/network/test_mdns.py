"""Two machines on one cable, each a network namespace of its own, with real sockets and real mDNS."""

import itertools
import os
import subprocess

import pytest

from tests.commands.shell import MESHD, Shell, wait

_NUMBERS = itertools.count()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture(params=["addresses", "nothing configured"])
def cable(request):
    """The names of two namespaces that a cable joins, with addresses, or with those alone that IPv6 gives each link.

    Skips where the kernel doesn't let us make them.
    """
    ends = [f"meshd-{os.getpid()}-{next(_NUMBERS)}" for _ in range(2)]
    made = []
    try:
        for end in ends:
            try:
                _ip("netns", "add", end)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"no network namespaces here: {error}")
            made.append(end)
        _ip("link", "add", "veth0", "netns", ends[0], "type", "veth", "peer", "name", "veth0", "netns", ends[1])
        for number, end in enumerate(ends, 1):
            if request.param == "addresses":
                _ip("-n", end, "addr", "add", f"10.77.0.{number}/24", "dev", "veth0")
            _ip("-n", end, "link", "set", "lo", "up")
            _ip("-n", end, "link", "set", "veth0", "up")
        yield ends
    finally:
        for end in made:
            _ip("netns", "del", end)


class Machine(Shell):
    """A home on a machine of its own."""

    def __init__(self, home, namespace: str) -> None:
        super().__init__(home)
        self.namespace = namespace
        del self.env["PYTHONWARNINGS"]  # zeroconf leaves a socket behind where an address is not ready yet

    def start(self, *words: str) -> None:
        self.daemon = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *MESHD, "--home", str(self.home), "--json", "run", *words],
            env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._listens()


@pytest.mark.long
@pytest.mark.network
def test_joining_and_meeting_over_mdns(cable, tmp_path):
    """A ticket without an address, a newcomer who looks around, and later two members who find each other."""
    ada, bea = Machine(tmp_path / "ada", cable[0]), Machine(tmp_path / "bea", cable[1])
    try:
        ada.found("Bakery", "Ada")
        ticket = ada.json("invite")["ticket"]
        bea.apply(ticket, "Bea")
        ada.start()
        bea.start()
        wait(lambda: any(row["role"] == "applicant" for row in ada.rows("members")))
        ada.ok("vouch", "Bea")
        wait(lambda: any(row["role"] == "observer" for row in bea.rows("members")))
        ada.ok("admit", "Bea")
        wait(lambda: all(row["role"] == "member" for row in bea.rows("members")))
        for machine in (ada, bea):
            code, said = machine.stop()
            assert code == 0
            assert "Traceback" not in said
        ada.ok("propose", "Found again")
        ada.start()
        bea.start()
        wait(lambda: any(row["title"] == "Found again" for row in bea.rows("list")))
    finally:
        for machine in (ada, bea):
            machine.stop()
