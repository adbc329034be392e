"""What the doctor finds: each thing once as it should be, and once as it should not; and words for all of it."""

import pytest

from meshd.assembly import reached
from meshd.home import UNPROTECTED, is_suspect, suspect
from meshd.service import backing_up, doctoring
from meshd.service.context import Context
from meshd.store import tables
from meshd_cli.findings import _WORDS, finding_words
from tests.worlds import Clock, commune, exchange, newcomer, propose

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def two(tmp_path):
    clock = Clock()
    nodes, _ = commune(tmp_path, ["Ada", "Bea"], nodes=2, clock=clock)
    exchange(*nodes)
    for node in nodes:
        node.folder.parent.chmod(0o700)
    yield [Context(node) for node in nodes], clock
    for node in nodes:
        node.close()


def look(context):
    rows = doctoring.doctor(context, {})
    assert all(finding_words(row) for row in rows)
    assert [row["good"] for row in rows] == sorted(row["good"] for row in rows), "what is wrong comes first"
    return {row["what"]: row for row in rows}


def test_a_machine_that_is_well(two, tmp_path, monkeypatch):
    (ada, bea), _ = two
    monkeypatch.setattr(doctoring, "_file_system", lambda _: "ext4")
    monkeypatch.setattr(doctoring, "sync_us", lambda _: 400)
    for _ in backing_up.backup(ada, {"path": str(tmp_path / "kept")}):
        pass
    with ada.assembly.store.transaction():  # a backup is no delivery
        reached.met(ada.assembly, bea.assembly.keys.device.public, ada.assembly.store.position())
    assert [what for what, row in look(ada).items() if not row["good"]] == []
    assert look(ada)["copy"]["value"] == 0


@pytest.mark.parametrize(("microseconds", "good"), [(1, False), (9, False), (10, True), (4000, True)])
def test_a_card_that_only_says_that_it_keeps_things(two, monkeypatch, microseconds, good):
    (ada, _), _ = two
    monkeypatch.setattr(doctoring, "_file_system", lambda _: "vfat")
    now = 0

    def clock():
        nonlocal now
        now += microseconds * 1000
        return now

    assert doctoring.sync_us(ada.assembly.folder, clock) == microseconds
    monkeypatch.setattr(doctoring, "sync_us", lambda _: microseconds)
    assert look(ada)["sync"]["good"] is good
    assert not (ada.assembly.folder / "sync-test").exists()


def test_a_home_in_memory(two, monkeypatch):
    (ada, _), _ = two
    monkeypatch.setattr(doctoring, "_file_system", lambda _: "tmpfs")
    assert not look(ada)["in-memory"]["good"]


def test_what_is_wrong_is_found(two, monkeypatch):
    (ada, bea), clock = two
    propose(bea, "Later")
    before = clock.now_ms
    exchange(ada.assembly, bea.assembly)
    clock.now_ms -= 3 * 3600 * 1000
    assert not look(ada)["clock"]["good"]
    clock.now_ms = before
    assert look(ada)["clock"]["good"]

    suspect(ada.assembly.folder, damaged=True)
    assert look(ada)["file"]["good"], "it is looked at anew"
    assert not is_suspect(ada.assembly.folder)
    (ada.assembly.folder / "log.db.damaged").touch()
    assert not look(ada)["damaged-copy"]["good"]

    (ada.assembly.folder / "keys.sealed").chmod(0o644)
    assert look(ada)["private"]["value"].endswith("keys.sealed")
    (ada.assembly.folder / UNPROTECTED).touch()
    assert not look(ada)["passphrase"]["good"]

    assert look(ada)["copy"]["value"] is None
    with ada.assembly.store.transaction():
        reached.met(ada.assembly, bea.assembly.keys.device.public, ada.assembly.store.position())
    assert look(ada)["copy"]["good"]
    assert look(ada)["unsent"]["good"]
    propose(ada, "New")
    assert look(ada)["unsent"]["value"] == 1
    clock.now_ms += 20 * DAY_MS
    assert (look(ada)["copy"]["good"], look(ada)["copy"]["value"]) == (False, 20)
    assert not look(ada)["backup"]["good"]
    monkeypatch.setattr(doctoring, "free_disk", lambda _: 1 << 20)
    assert not look(ada)["room"]["good"]
    monkeypatch.setattr(doctoring, "is_read_only", lambda _: True)
    found = look(ada)
    assert not found["read-only"]["good"]
    assert "sync" not in found


def test_a_device_whose_end_is_missing_and_one_that_waits_for_its_log(two, tmp_path):
    (ada, bea), clock = two
    with ada.assembly.store.transaction():
        ada.assembly.store.replace(tables.Own(0, 99, b"x" * 32))
    assert look(ada)["taking-part"]["value"] == "behind"
    made = newcomer(tmp_path, bea, "Cy", seed=9, clock=clock)
    assert look(made.context)["taking-part"]["good"]
    made.assembly.close()


def test_every_finding_has_words():
    assert set(_WORDS) >= {"room", "read-only", "in-memory", "sync", "file", "clock", "private", "version", "copy"}
