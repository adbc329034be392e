"""A machine where nobody sits: sticks are exchanged with as they are mounted, those that are meant and no others."""

import errno
from pathlib import Path

import pytest
import trio

from meshd.app import sticks
from meshd.app.sticks import Mount
from meshd.assembly.assembly import role_of
from meshd.founding.opening import Joining, join
from meshd.progress import finish
from meshd.service import membership, talk
from meshd.service.context import Context
from meshd.sneakernet import media
from meshd.sneakernet.export import Narrow, export_stick
from meshd.sneakernet.import_ import import_stick
from meshd.store import tables
from meshd.transports.memory import MemoryNetwork
from meshd_protocol.tickets import read_ticket
from tests import worlds
from tests.endtoend.harness import Running, running, until
from tests.worlds import commune, exchange, founder, newcomer, propose


class Machine:
    """What is mounted, what was noted, and what the hook heard."""

    def __init__(self) -> None:
        self.mounts: list[Mount] = []
        self.notes: list[str] = []
        self.heard: list[tuple[str, str]] = []

    def look(self) -> list[Mount]:
        return list(self.mounts)

    async def hook(self, what: str, where: Path) -> None:
        self.heard.append((what, where.name))

    def plug(self, path: Path) -> None:
        self.mounts = [*self.mounts, Mount(len(self.heard) + 40 + len(self.mounts), path)]


@pytest.fixture
def world(tmp_path):
    assemblies, _ = commune(tmp_path, ["Ada", "Bea"], nodes=2)
    exchange(*assemblies)
    network = MemoryNetwork()
    nodes = [Running(name, each, network) for name, each in zip(("ada", "bea"), assemblies, strict=True)]
    yield nodes, Machine(), tmp_path
    for each in assemblies:
        each.close()


def folder(tmp_path, name):
    path = tmp_path / name
    path.mkdir()
    return path


def put(assembly, stick):
    for _ in export_stick(assembly, stick, Narrow()):
        pass


async def minding(nursery, node, machine):
    nursery.start_soon(
        sticks.mind, [node.node], machine.notes.append, machine.hook, trio.lowlevel.checkpoint, machine.look
    )


async def test_a_stick_is_exchanged_with_as_it_is_plugged_in(world, autojump_clock):
    (ada, bea), machine, tmp_path = world
    stick = folder(tmp_path, "stick")
    talk.say(Context(bea.assembly), {"text": "a secret that nobody reads here"})
    put(bea.assembly, stick)
    propose(ada.context, "Of Ada")
    async with running([ada]), trio.open_nursery() as nursery:
        await minding(nursery, ada, machine)
        await trio.sleep(5)
        assert machine.heard == []
        machine.plug(stick)
        await until(lambda: len(machine.heard) == 2)
        assert machine.heard == [("begin", "stick"), ("done", "stick")]
        assert "1 record taken" in machine.notes[-1]
        assert "may be pulled now" in machine.notes[-1]
        page = (stick / sticks.READ_ME).read_text()
        assert "taken from it:  1" in page
        assert not any(word in page for word in ("Ada", "Bea", "secret", "Of Ada", "Bakery"))
        await trio.sleep(60)
        assert len(machine.heard) == 2, "once for each time that it is plugged in"
        machine.mounts = []
        await trio.sleep(5)
        machine.plug(stick)
        await until(lambda: len(machine.heard) == 4)
        nursery.cancel_scope.cancel()
    for _ in sticks.carry.stick(Context(bea.assembly), {"path": str(stick)}):
        pass
    assert bea.digest() == ada.digest()


async def test_what_is_not_meant_is_not_touched(world, autojump_clock):
    (ada, bea), machine, tmp_path = world
    photos, asked, other = (folder(tmp_path, name) for name in ("photos", "asked", "other"))
    (photos / "cat.jpg").write_bytes(b"cat")
    (asked / sticks.HERE).touch()
    (other / sticks.HERE).write_text("rm -rf /")
    (other / "meshd").symlink_to(asked)
    async with running([ada]), trio.open_nursery() as nursery:
        for each in (photos, asked, other):
            machine.plug(each)
        await minding(nursery, ada, machine)
        await until(lambda: len(machine.heard) == 2)
        await trio.sleep(20)
        nursery.cancel_scope.cancel()
    assert machine.heard == [("begin", "asked"), ("done", "asked")]
    assert [path.name for path in photos.iterdir()] == ["cat.jpg"]
    assert sorted(path.name for path in other.iterdir()) == ["meshd", sticks.HERE]
    assert (asked / "meshd").is_dir()


async def test_a_stick_that_can_t_be_written_is_told_and_the_node_goes_on(world, autojump_clock):
    (ada, _), machine, tmp_path = world
    bad, good = folder(tmp_path, "bad"), folder(tmp_path, "good")
    for each in (bad, good):
        (each / sticks.HERE).touch()
    (bad / "meshd").write_bytes(b"a file where a folder has to be")
    async with running([ada]), trio.open_nursery() as nursery:
        machine.plug(bad)
        machine.plug(good)
        await minding(nursery, ada, machine)
        await until(lambda: len(machine.heard) == 4)
        nursery.cancel_scope.cancel()
    assert [what for what, _ in machine.heard] == ["begin", "failed", "begin", "done"]
    assert any(note.startswith(f"stick {bad}: {bad}") and note.endswith("is no folder") for note in machine.notes)
    assert "Not all of it" in (bad / sticks.READ_ME).read_text()


async def test_a_stick_that_is_asked_for_later_and_one_that_is_write_protected(world, autojump_clock, monkeypatch):
    (ada, bea), machine, tmp_path = world
    stick = folder(tmp_path, "stick")
    propose(bea.context, "Of Bea")
    async with running([ada]), trio.open_nursery() as nursery:
        machine.plug(stick)
        await minding(nursery, ada, machine)
        await trio.sleep(10)
        assert machine.heard == []

        def protected(*_):
            raise OSError(errno.EROFS, "Read-only file system")

        put(bea.assembly, stick)
        propose(ada.context, "Of Ada")
        with monkeypatch.context() as patch:
            patch.setattr(media.os, "fsync", protected)
            await until(lambda: len(machine.heard) == 2)
        nursery.cancel_scope.cancel()
    assert machine.heard[-1][0] == "failed"
    assert any("1 record taken, 0 brought" in note for note in machine.notes)
    assert any("Read-only" in note for note in machine.notes)


async def test_a_page_that_somebody_else_wrote_stays(world, autojump_clock):
    (ada, _), machine, tmp_path = world
    stick = folder(tmp_path, "stick")
    (stick / sticks.HERE).touch()
    (stick / sticks.READ_ME).write_text("Holiday pictures. Hands off!")
    async with running([ada]), trio.open_nursery() as nursery:
        machine.plug(stick)
        await minding(nursery, ada, machine)
        await until(lambda: len(machine.heard) == 2)
        nursery.cancel_scope.cancel()
    assert (stick / sticks.READ_ME).read_text() == "Holiday pictures. Hands off!"


async def test_a_newcomer_s_application_and_its_answer_are_told_to_the_bearer(tmp_path, autojump_clock):
    """A Pi that was given a ticket and no network: what it leaves on the stick is no record, and matters all the same."""
    ada = founder(tmp_path)
    cellar = newcomer(tmp_path, ada.context, "Cellar", seed=2)
    network = MemoryNetwork()
    nodes = [Running(name, each.assembly, network) for name, each in (("ada", ada), ("cellar", cellar))]
    stick = folder(tmp_path, "stick")
    (stick / sticks.HERE).touch()
    for node, does in ((nodes[1], None), (nodes[0], "vouch"), (nodes[0], None)):
        machine = Machine()
        async with running([node]), trio.open_nursery() as nursery:
            await minding(nursery, node, machine)
            machine.plug(stick)
            await until(lambda machine=machine: len(machine.heard) == 2)
            nursery.cancel_scope.cancel()
        left = "1 left for joining" in " ".join(machine.notes)
        assert left == (does is None)
        assert ("Applications to join, or answers:  1\n" in (stick / sticks.READ_ME).read_text()) == left
        if does == "vouch":
            membership.vouch(ada.context, {"person": "Cellar"})
    for each in (ada, cellar):
        each.assembly.close()


def test_who_brings_all_vouches_together_answers_the_newcomer(tmp_path):
    """The vouches were written on two islands; neither knows of the other, and the newcomer waits on a third."""
    (ada, bea, cy), _ = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=3)
    exchange(ada, bea, cy)
    dan = newcomer(tmp_path / "dan", Context(ada), "Dan", seed=9).assembly
    exchange(ada, bea, cy)
    stick, islands = folder(tmp_path, "stick"), [folder(tmp_path, "one"), folder(tmp_path, "two")]
    put(dan, stick)
    for each in (ada, bea):
        finish(import_stick(each, stick))
    for each, island in zip((ada, bea), islands, strict=True):
        membership.vouch(Context(each), {"person": "Dan"})
        put(each, island)
    for island in islands:
        finish(import_stick(cy, island))
    assert not cy.store.count(tables.Welcome)
    put(cy, stick)
    finish(import_stick(dan, stick))
    assert dan.keys.network
    assert role_of(dan, dan.keys.member_public) == "observer"
    for each in (ada, bea):
        finish(import_stick(each, stick))
        assert each.store.count(tables.Welcome) == 1
    for each in (ada, bea, cy, dan):
        each.close()


def test_an_application_with_a_ticket_that_was_withdrawn_is_told(tmp_path):
    (ada,), _ = commune(tmp_path, ["Ada"], nodes=1)
    dan = newcomer(tmp_path / "dan", Context(ada), "Dan", seed=9).assembly
    stick = folder(tmp_path, "stick")
    put(dan, stick)
    membership.invite(Context(ada), {"withdraw": True})
    told = finish(sticks.carry.import_(Context(ada), {"path": str(stick)}))
    assert (told["late_applications"], told["applicants"]) == (1, [])
    for each in (ada, dan):
        each.close()


def test_an_application_by_a_ticket_of_somebody_whose_records_have_not_come_is_told(tmp_path):
    """And taken in once they have; one that was answered is nobody's news."""
    (ada, bea), _ = commune(tmp_path, ["Ada", "Bea"], nodes=2)
    exchange(ada, bea)
    dan = newcomer(tmp_path / "dan", Context(bea), "Dan", seed=9).assembly
    stick = folder(tmp_path, "stick")
    put(dan, stick)
    told = finish(sticks.carry.import_(Context(ada), {"path": str(stick)}))
    assert (len(told["unknown_applications"]), told["applicants"]) == (1, [])
    exchange(ada, bea)
    told = finish(sticks.carry.import_(Context(ada), {"path": str(stick)}))
    assert told["unknown_applications"] == []
    assert len(told["applicants"]) == 1
    for each in (ada, bea, dan):
        each.close()


def test_an_application_whose_invitation_comes_on_the_same_stick_is_taken_in(tmp_path):
    (ada, bea), _ = commune(tmp_path, ["Ada", "Bea"], nodes=2)
    exchange(ada, bea)
    dan = newcomer(tmp_path / "dan", Context(bea), "Dan", seed=9).assembly
    stick = folder(tmp_path, "stick")
    put(bea, stick)
    put(dan, stick)
    told = finish(sticks.carry.import_(Context(ada), {"path": str(stick)}))
    assert told["unknown_applications"] == []
    assert len(told["applicants"]) == 1
    for each in (ada, bea, dan):
        each.close()


def test_an_application_that_was_too_late_is_told_no_more_once_they_are_in(tmp_path):
    (ada,), _ = commune(tmp_path, ["Ada"], nodes=1)
    dan = newcomer(tmp_path / "dan", Context(ada), "Dan", seed=9).assembly
    stick = folder(tmp_path, "stick")
    put(dan, stick)
    membership.invite(Context(ada), {"withdraw": True})
    ticket = read_ticket(membership.invite(Context(ada), {})["ticket"])
    again = join(tmp_path / "again", ticket, "Dan", "pw", how=Joining(member=dan.keys.member), world=worlds.world(10))
    put(again, stick)
    told = finish(sticks.carry.import_(Context(ada), {"path": str(stick)}))
    assert (told["late_applications"], len(told["applicants"])) == (1, 1)
    membership.vouch(Context(ada), {"person": "Dan"})
    put(ada, stick)
    told = finish(sticks.carry.import_(Context(ada), {"path": str(stick)}))
    assert (told["late_applications"], told["applicants"]) == (0, [])
    for each in (ada, dan, again):
        each.close()


async def test_a_hook_hears_what_happens_and_where_and_may_be_missing(tmp_path):
    await sticks.runs(None)("begin", tmp_path)
    await sticks.runs(str(tmp_path / "missing"))("begin", tmp_path)
    lamp = tmp_path / "lamp"
    lamp.write_text('#!/bin/sh\necho "$@" > "$2/heard"\nexit 3\n')
    lamp.chmod(0o700)
    await sticks.runs(str(lamp))("done", tmp_path)
    assert (tmp_path / "heard").read_text() == f"done {tmp_path}\n"


def test_the_kernel_s_table_is_read_whatever_a_place_is_called():
    assert all(each.path.is_absolute() for each in sticks.mounted())
    assert Path("/") not in [each.path for each in sticks.mounted()]


def test_a_service_sees_a_stick_once_and_no_folder_for_one(tmp_path):
    """As seen in a unit with ReadWritePaths=: the folders are mounted over themselves, and the stick in both places."""
    table = tmp_path / "mountinfo"
    table.write_text(
        "21 1 254:1 / / ro,relatime shared:1 - ext4 /dev/vda rw\n"
        "300 21 254:1 /tmp /tmp rw,relatime - ext4 /dev/vda rw\n"
        "301 21 254:1 /media /media rw,relatime - ext4 /dev/vda rw\n"
        "310 21 7:0 / /media/a\\040stick rw - vfat /dev/loop0 rw\n"
        "311 301 7:0 / /media/a\\040stick rw - vfat /dev/loop0 rw\n"
        "312 301 0:40 / /media/none rw - tmpfs tmpfs rw\n"
    )
    (mount,) = sticks.mounted(table)
    assert mount[:2] == (311, Path("/media/a stick"))
    assert mount.what.startswith("7:0 "), "another stick at the same place is another one"


async def test_another_stick_in_the_place_of_one_is_seen_though_the_kernel_calls_it_the_same(world, autojump_clock):
    (ada, _), machine, tmp_path = world
    one, other = folder(tmp_path, "one"), folder(tmp_path, "other")
    for each in (one, other):
        (each / sticks.HERE).touch()
    async with running([ada]), trio.open_nursery() as nursery:
        await minding(nursery, ada, machine)
        machine.mounts = [Mount(40, one, "8:1 12")]
        await until(lambda: len(machine.heard) == 2)
        machine.mounts = [Mount(40, other, "8:1 13")]
        await until(lambda: len(machine.heard) == 4)
        nursery.cancel_scope.cancel()
    assert (other / "meshd").is_dir()


async def test_a_newcomer_s_machine_takes_the_answer_off_a_stick(world, autojump_clock):
    (ada, bea), machine, tmp_path = world
    dan = newcomer(tmp_path / "dan", ada.context, "Dan", seed=9).assembly
    stick = folder(tmp_path, "stick")
    for _ in sticks.carry.stick(Context(dan), {"path": str(stick)}):
        pass
    for each in (ada, bea):
        for _ in sticks.carry.stick(each.context, {"path": str(stick)}):
            pass
        membership.vouch(each.context, {"person": "Dan"})
        for _ in sticks.carry.stick(each.context, {"path": str(stick)}):
            pass
    node = Running("dan", dan, MemoryNetwork())
    async with running([node]), trio.open_nursery() as nursery:
        machine.plug(stick)
        await minding(nursery, node, machine)
        await until(lambda: len(machine.heard) == 2)
        nursery.cancel_scope.cancel()
    assert dan.keys.network
    dan.close()
