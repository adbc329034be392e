"""Backups: no key of the device in them, read anywhere, flipped and cut anywhere, and somebody who goes on from one."""

import os
from contextlib import closing, suppress

import pytest

from meshd.app import restoring
from meshd.assembly import survey
from meshd.errors import NodeError, PassphraseError
from meshd.founding.opening import open_assembly
from meshd.home import STAGING, assemblies
from meshd.progress import finish as run
from meshd.service import backing_up, carry, listing, status, talk, voting
from meshd.service.context import Context
from meshd.sneakernet import media
from meshd.sneakernet.backup import read_backup, write_backup
from meshd.sneakernet.export import Narrow, export_stick
from meshd_crypto.identity import SigningKey
from meshd_protocol.bundle import FILE_MAGIC
from meshd_protocol.names import text_of
from tests.worlds import commune, exchange, propose, state_of, world


@pytest.fixture
def two(tmp_path):
    nodes, _ = commune(tmp_path, ["Ada", "Bea"], nodes=2)
    exchange(*nodes)
    talk.say(Context(nodes[0]), {"text": "hello"})
    yield nodes
    for node in nodes:
        node.close()


def kept(assembly, folder):
    path = folder / "kept"
    run(write_backup(assembly, path, assembly.lock))
    return path


def restore(home, path, passphrase="pw", member=None, seed=77):
    return run(restoring.restore(home, path, passphrase, "new", member, world(seed)))


def test_somebody_goes_on_as_a_new_device(two, tmp_path):
    ada, bea = two
    question = propose(Context(ada), "Before")
    path = kept(ada, tmp_path)
    propose(Context(ada), "After")
    home = tmp_path / "new"
    done = restore(home, path)
    assert done.whole
    (folder,) = assemblies(home)
    with closing(open_assembly(folder, "pw", world(78))) as again:
        assert again.keys.member_public == ada.keys.member_public
        assert again.keys.device.public != ada.keys.device.public
        voting.vote(Context(again), {"id": text_of(question), "choices": ["yes"], "late": True})
        exchange(again, bea)
        assert state_of(Context(bea), question)["counts"]["yes"] == 1
        exchange(again, ada, bea)
        assert len({survey.digest(each) for each in (again, ada, bea)}) == 1
        assert not ada.has_twin()
        assert not again.has_twin()


def test_no_key_of_the_device_is_in_it(two, tmp_path):
    ada, _ = two
    backup = read_backup(kept(ada, tmp_path), "pw")
    assert backup.member is not None
    told = [backup.member.seed, *(key.secret for key in backup.network)]
    keys = ada.keys
    assert {keys.device.seed, keys.transport.secret, keys.sealing.secret, keys.database}.isdisjoint(told)
    assert repr(backup.member.seed) not in repr(backup)


def test_what_is_written_meanwhile_is_not_in_it(two, tmp_path):
    ada, _ = two
    path = tmp_path / "kept"
    steps = write_backup(ada, path, ada.lock)
    next(steps)
    propose(Context(ada), "Meanwhile")
    run(steps)
    done = run(restoring.try_out(path, "pw", world(5)))
    assert (done.whole, done.taken.records) == (True, done.backup.records)


def test_a_backup_that_is_given_up_leaves_the_one_before(two, tmp_path):
    ada, _ = two
    path = kept(ada, tmp_path)
    before = path.read_bytes()
    steps = write_backup(ada, path, ada.lock)
    next(steps)
    steps.close()
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith("kept")] == ["kept"]


@pytest.mark.long
def test_every_byte_matters(two, tmp_path):
    """One that is flipped or cut anywhere is refused, or told as not whole; it never makes something else of it."""
    ada, _ = two
    good = kept(ada, tmp_path).read_bytes()
    path = tmp_path / "bad"
    step = max(1, len(good) // 60)
    bad = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in (*range(40), *range(40, len(good), step))]
    bad += [good[:at] for at in range(0, len(good), step)]
    for data in bad:
        path.write_bytes(data)
        with suppress(NodeError):
            done = run(restoring.try_out(path, "pw", world(5)))
            assert not done.whole
            assert done.taken.refused == 0
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith(".")) == [], "nothing is left"


def test_who_may_not_is_told_why(two, tmp_path):
    ada, _ = two
    path = kept(ada, tmp_path)
    home = tmp_path / "new"
    with pytest.raises(PassphraseError, match="wrong"):
        restore(home, path, "no")
    stranger = SigningKey.generate(world(9).entropy)
    with pytest.raises(NodeError, match="not the member key"):
        restore(home, path, member=stranger)
    assert assemblies(home) == []
    restore(home, path)
    with pytest.raises(NodeError, match="in that assembly already"):
        restore(home, path)
    (tmp_path / "nothing").write_bytes(b"")
    for other in (tmp_path / "nothing", tmp_path / "missing", tmp_path):
        with pytest.raises(NodeError):
            restore(tmp_path / "third", other)


def test_a_restore_that_is_killed_leaves_no_home_and_is_done_again(two, tmp_path):
    ada, _ = two
    path = kept(ada, tmp_path)
    home = tmp_path / "new"
    steps = restoring.restore(home, path, "pw", "new", None, world(77))
    next(steps)
    assert assemblies(home) == [], "nothing is there before all of it is"
    (home / STAGING / "torn").write_bytes(b"a process that was killed leaves this")
    del steps
    assert restore(home, path).whole
    assert not (home / STAGING).exists()


def test_a_full_disk_leaves_nothing_half_written(two, tmp_path, monkeypatch):
    ada, _ = two

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(media.os, "fsync", full)
        with pytest.raises(media.MediaError, match="No space left"):
            run(write_backup(ada, tmp_path / "kept", ada.lock))
    assert not list(tmp_path.glob("kept*"))


def test_who_has_only_the_keys_of_a_damaged_backup_goes_on_with_others_records(two, tmp_path):
    ada, bea = two
    question = propose(Context(bea), "Before")
    exchange(ada, bea)
    path = kept(ada, tmp_path)
    data = path.read_bytes()
    start = read_backup(path, "pw").start
    for at in (start, start + len(FILE_MAGIC) + 200, len(data) - 1):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        home = tmp_path / f"new{at}"
        done = restore(home, path, seed=at)
        assert not done.whole
        assert done.taken.records == 0
        (folder,) = assemblies(home)
        with closing(open_assembly(folder, "pw", world(at))) as again:
            (pending,) = status.status(Context(again), {})["pending"]
            assert "meshd stick" in pending
            stick = tmp_path / f"stick{at}"
            stick.mkdir()
            run(export_stick(bea, stick, Narrow()))
            run(carry.stick(Context(again), {"path": str(stick)}))
            assert again.standing.head == bea.standing.head
            assert again.store.known([question])
            talk.say(Context(again), {"text": "I am back"})
            assert not again.has_twin()


def test_nothing_else_is_written_over(two, tmp_path):
    ada, _ = two
    (tmp_path / "thesis").write_bytes(b"my thesis")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to(tmp_path / "not there")
    (tmp_path / "alias").symlink_to(tmp_path / "thesis")
    for write in (
        lambda path: backing_up.backup(Context(ada), {"path": path}),
        lambda path: carry.export(Context(ada), {"path": path, "file": True}),
    ):
        for name in ("thesis", "pipe", "nowhere", "alias"):
            with pytest.raises(NodeError, match="stays as it is"):
                run(write(str(tmp_path / name)))
        assert (tmp_path / "pipe").is_fifo()
        assert (tmp_path / "nowhere").is_symlink()
        for _ in range(2):
            assert run(write(str(tmp_path / "ours"))).get("beside") in (True, None), "it is on the home's own disk"
        (tmp_path / "ours").unlink()
    assert (tmp_path / "thesis").read_bytes() == b"my thesis"


def test_who_votes_twice_by_two_machines_is_told_that_none_counts(two, tmp_path):
    """The backup is older than the ballot: the restored home asks for it once more."""
    ada, bea = two
    question, settled = (text_of(propose(Context(bea), "A roof", each)) for each in ("standard", "significant"))
    exchange(ada, bea)
    path = kept(ada, tmp_path)
    for each in (question, settled):
        voting.vote(Context(ada), {"id": each, "choices": ["yes"]})
    exchange(ada, bea)
    home = tmp_path / "new"
    restore(home, path)
    (folder,) = assemblies(home)
    with closing(open_assembly(folder, "pw", world(78))) as again:
        for each in (question, settled):
            voting.vote(Context(again), {"id": each, "choices": ["no"], "late": True})
        exchange(again, bea, ada)
        for node in (again, ada):
            row, other = (listing.list_(Context(node), {"id": each})[0] for each in (question, settled))
            assert row["annulled"] and row["said"] is None
            assert (other["annulled"], other["said"]) == (False, "yes"), "a yes is never taken back"
            assert any("none of yours counts" in each for each in status.status(Context(node), {})["pending"])
        assert [row["said"] for row in listing.list_(Context(bea), {})] == [None, None]
