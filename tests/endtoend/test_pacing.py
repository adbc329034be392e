"""Floods: delayed, said, and never invalid. Each bound, one past it."""

import errno

import pytest

from meshd import home
from meshd.clock import Reading
from meshd.log.intake import prepare
from meshd.peers.pacing import Pace
from meshd.service import status, talk
from meshd.store.api import DiskFullError
from meshd.transports.memory import MemoryNetwork
from meshd_protocol import limits
from meshd_protocol.bodies.talk import Message
from meshd_protocol.kinds import Kind
from meshd_protocol.records import wire
from tests.endtoend.harness import Running, equal, running, until
from tests.worlds import Author, commune, exchange, founder, give


def _chatter(author: Author, count: int, size: int = 10):
    return [author.write(Kind.MESSAGE, Message(bytes(16), "general", "x" * size)) for _ in range(count)]


def test_a_day_has_so_many_records_and_bytes(tmp_path):
    (one,), (cy, dan) = commune(tmp_path, ["Ada", "Cy", "Dan"], nodes=1)
    give(one, cy.certify(), dan.certify())
    now = [0]
    pace = Pace(lambda: Reading("boot", now[0]))
    many = _chatter(cy, limits.LIVE_RECORDS + 1)
    assert len(pace.at_once(one, many)) == limits.LIVE_RECORDS
    assert pace.beyond() == [cy.member.public]
    assert pace.admit(one, prepare(one.id, [wire(many[0])])).records == []
    assert len(pace.at_once(one, _chatter(dan, 5))) == 5, "others go on"
    now[0] = 24 * 3600 * 1000
    assert pace.beyond() == []
    heavy = _chatter(cy, 100, 12_000)
    kept = pace.at_once(one, heavy)
    assert 80 < len(kept) < 90
    assert pace.beyond() == [cy.member.public]
    one.close()


def test_two_devices_have_one_account(tmp_path):
    (one,), (cy,) = commune(tmp_path, ["Ada", "Cy"], nodes=1)
    other = Author(one.id, "Cy", 99, member=cy.member)
    give(one, cy.certify(), other.certify())
    pace = Pace(one.world.steady)
    assert len(pace.at_once(one, _chatter(cy, 300))) == 300
    assert len(pace.at_once(one, _chatter(other, 300))) == limits.LIVE_RECORDS - 300
    one.close()


def test_a_peer_is_slowed_down_after_a_day_s_bytes():
    now = [0]
    pace = Pace(lambda: Reading("boot", now[0]))
    assert pace.wait_seconds(b"d", limits.CATCH_UP_BYTES) == 0
    assert pace.wait_seconds(b"d", limits.CATCH_UP_RATE) == 1
    assert pace.wait_seconds(b"e", limits.CATCH_UP_RATE) == 0, "each peer for itself"
    now[0] = 24 * 3600 * 1000
    assert pace.wait_seconds(b"d", limits.CATCH_UP_RATE) == 0


async def test_a_flood_comes_later_and_comes(tmp_path, autojump_clock, monkeypatch):
    """What is beyond the day's share is on every node a comparison later, valid as ever, and `status` says why."""
    monkeypatch.setattr(limits, "LIVE_RECORDS", 20)
    assemblies, _ = commune(tmp_path, ["Ada", "Bea", "Cy"])
    exchange(*assemblies)
    network = MemoryNetwork()
    nodes = [Running(name, each, network) for name, each in zip(("ada", "bea", "cy"), assemblies, strict=True)]
    async with running(nodes, {"ada": ["bea"], "bea": ["cy"]}):
        await until(lambda: all(peer["state"] == "in step" for node in nodes for peer in node.node.peers()))
        for number in range(50):
            await nodes[0].do(talk.say, text=f"spam {number}")
        assert len(talk.read(nodes[2].context, {"limit": 100})) < 50
        pending = (await nodes[0].do(status.status))["pending"]
        assert any("wrote more than 20 records" in line for line in pending)
        await until(equal(nodes), seconds=100)
        assert len(talk.read(nodes[2].context, {"limit": 100})) == 50
    for each in assemblies:
        each.close()


def test_a_full_disk_gets_its_ballast_back(tmp_path, monkeypatch):
    ada = founder(tmp_path)
    folder = ada.assembly.folder
    home.lay_ballast(folder)
    assert (folder / home.BALLAST).stat().st_size == limits.BALLAST_BYTES
    home.lay_ballast(folder)

    def full(*_):
        raise DiskFullError("the disk is full: nothing was written")

    with monkeypatch.context() as patch:
        patch.setattr(ada.assembly.store, "insert", full)
        with pytest.raises(DiskFullError):
            talk.say(ada.context, {"text": "hello"})
    assert not (folder / home.BALLAST).exists()
    assert not home.drop_ballast(folder)
    monkeypatch.setattr(home, "free_disk", lambda _: 2 * limits.FREE_DISK_REMOTE - 1)
    home.lay_ballast(folder)
    assert not (folder / home.BALLAST).exists(), "where there is no room, none is taken"
    monkeypatch.setattr(home, "free_disk", lambda _: 1 << 40)

    def no_room(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(home.os, "posix_fallocate", no_room)
    home.lay_ballast(folder)
    assert not (folder / home.BALLAST).exists()
    ada.assembly.close()
