"""Three machines on two segments that a bridge joins, with real sockets and real mDNS; the bridge goes down and up."""

import itertools
import os
import subprocess

import pytest

from tests.commands.shell import wait
from tests.network.test_mdns import Machine, _ip
from tests.worlds import commune

_NUMBERS = itertools.count()


class Segments:
    """Ada and Bea on one switch, Cy on another, and a cable between the switches. Everything in namespaces of its own."""

    def __init__(self) -> None:
        tag = f"meshd-seg-{os.getpid()}-{next(_NUMBERS)}"
        self.switch = f"{tag}-sw"
        self.hosts = [f"{tag}-{name}" for name in ("ada", "bea", "cy")]
        self.made: list[str] = []

    def build(self) -> None:
        for name in (self.switch, *self.hosts):
            try:
                _ip("netns", "add", name)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"no network namespaces here: {error}")
            self.made.append(name)
        for bridge in ("br1", "br2"):
            try:
                _ip("-n", self.switch, "link", "add", bridge, "type", "bridge")
            except subprocess.CalledProcessError as error:
                pytest.skip(f"no bridges here: {error}")
            _ip("-n", self.switch, "link", "set", bridge, "up")
        _ip("-n", self.switch, "link", "add", "join1", "type", "veth", "peer", "name", "join2")
        for number in (1, 2):
            _ip("-n", self.switch, "link", "set", f"join{number}", "master", f"br{number}")
            _ip("-n", self.switch, "link", "set", f"join{number}", "up")
        for number, (host, bridge) in enumerate(zip(self.hosts, ("br1", "br1", "br2"), strict=True), 1):
            port = f"port{number}"
            _ip("link", "add", "eth0", "netns", host, "type", "veth", "peer", "name", port, "netns", self.switch)
            _ip("-n", self.switch, "link", "set", port, "master", bridge)
            _ip("-n", self.switch, "link", "set", port, "up")
            _ip("-n", host, "addr", "add", f"10.78.0.{number}/24", "dev", "eth0")
            _ip("-n", host, "link", "set", "lo", "up")
            _ip("-n", host, "link", "set", "eth0", "up")

    def bridge(self, state: str) -> None:
        _ip("-n", self.switch, "link", "set", "join1", state)

    def remove(self) -> None:
        for name in self.made:
            _ip("netns", "del", name)


@pytest.fixture
def segments():
    made = Segments()
    try:
        made.build()
        yield made
    finally:
        made.remove()


@pytest.mark.long
@pytest.mark.network
def test_a_bridge_goes_down_and_up(tmp_path, segments):
    """Everybody finds everybody; apart, both sides go on; together again, everything is everywhere."""
    assemblies, _ = commune(tmp_path, ["Ada", "Bea", "Cy"])
    for each in assemblies:
        each.close()
    ada, bea, cy = machines = [
        Machine(each.folder.parent, host) for each, host in zip(assemblies, segments.hosts, strict=True)
    ]
    try:
        for machine in machines:
            machine.start()
        wait(lambda: all(machine.json("status")["peers"] == 2 for machine in machines))
        wait(lambda: _digests(machines) == 1)
        segments.bridge("down")
        ada.ok("propose", "Decided on one side")
        cy.ok("say", "Is anybody there?")
        wait(lambda: _digests([ada, bea]) == 1)
        assert _digests([ada, cy]) == 2
        segments.bridge("up")
        wait(lambda: _digests(machines) == 1)
        assert [row["title"] for row in cy.rows("list")] == ["Decided on one side"]
        assert [row["text"] for row in bea.rows("read")] == ["Is anybody there?"]
        assert _hosts(ada) == {"10.78.0.1"}
        _ip("-n", segments.hosts[0], "addr", "del", "10.78.0.1/24", "dev", "eth0")
        _ip("-n", segments.hosts[0], "addr", "add", "10.79.0.1/24", "dev", "eth0")
        assert _hosts(ada) == {"10.79.0.1"}, "a machine that moved says where it is now"
    finally:
        for machine in machines:
            machine.stop()


def _hosts(machine: Machine) -> set[str]:
    """The IPv4 addresses at which a node says that it can be reached."""
    return {place.rpartition(":")[0] for place in machine.json("status")["addresses"] if not place.startswith("[")}


def _digests(machines: list[Machine]) -> int:
    return len({machine.json("status")["digest"] for machine in machines})
