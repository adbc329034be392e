"""A home that is locked, whose passphrase changes, that is destroyed: by real processes, looked at from outside."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from meshd.app.locked import Idle
from meshd.app.panic import destroy_keys, destroy_rest, folders_of
from meshd.assembly import keystore
from meshd.home import assemblies
from tests.commands.shell import MESHD

SAID = "The canary of the mine said this"
NAME = "Canary Street"


@pytest.fixture
def ada(shells):
    """A home with a daemon, whose commands are processes of their own: it begins anew when it locks."""
    shell = shells("ada")
    shell.found(NAME, "Ada")
    shell.fresh = True
    shell.start()
    return shell


def test_a_locked_daemon_does_nothing_until_it_is_unlocked(ada):
    ada.ok("say", SAID)
    pid, places = ada.daemon.pid, ada.json("status")["addresses"]
    assert ada.json("lock") == {"locked": True, "running": True}
    assert ada.json("lock") == {"locked": True, "running": True}, "once more changes nothing"
    status = ada.json("status")
    assert (status["locked"], status["unlocked"]) == (True, False)
    assert "`meshd unlock`" in ada.ok("status")
    for words in (("read",), ("say", "more"), ("whoami",), ("check",), ()):
        error, hint = ada.fails(11, *words)
        assert "locked" in error
        assert hint == "`meshd unlock` opens it."
    ada.env["MESHD_PASSPHRASE"] = "wrong"
    assert "passphrase is wrong" in ada.fails(12, "unlock")[0]
    assert ada.json("status")["locked"]
    ada.env["MESHD_PASSPHRASE"] = "pw"
    assert ada.json("unlock") == {"locked": False, "running": True}
    assert SAID in ada.ok("read")
    assert ada.daemon.pid == pid, "whoever watches over it sees one process"
    assert ada.json("status")["addresses"] == places, "and others find it where it was"


def test_a_daemon_goes_on_when_its_terminal_is_closed(shells):
    ada = shells("ada")
    ada.found(NAME, "Ada")
    ours, theirs = os.openpty()
    words = [*MESHD, "run", "--no-mdns", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(words, env=ada.env, stdin=theirs, stdout=theirs, stderr=theirs) as daemon:
        os.close(theirs)
        try:
            while b"listening" not in os.read(ours, 4096):
                pass
            os.close(ours)
            ada.ok("lock")
            assert ada.json("status")["locked"]
            ada.ok("unlock")
            ada.ok("say", SAID)
            assert daemon.poll() is None
        finally:
            daemon.terminate()


def _memory(pid: int) -> bytes:
    """All that a process holds and may be read."""
    found: list[bytes] = []
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            place, mode, *_ = line.split()
            if mode.startswith("rw") and "[vvar" not in line:
                low, high = (int(part, 16) for part in place.split("-"))
                try:
                    memory.seek(low)
                    found.append(memory.read(high - low))
                except OSError:  # what can't be read by anybody
                    continue
    return b"".join(found)


def test_nothing_is_left_in_memory(ada):
    """By all that its process holds: keys, passphrase, names, what was said. The same look finds them before."""
    ada.ok("say", SAID)
    ada.ok("read")
    (folder,) = assemblies(ada.home)
    keys, _ = keystore.load(folder, "pw")
    secrets = [keys.device.seed, keys.transport.secret, keys.database, keys.network[0].secret]
    canaries = [*secrets, NAME.encode(), b"MESHD_PASSPHRASE=pw"]
    before = _memory(ada.daemon.pid)
    assert keys.database in before, "the test can see"
    assert NAME.encode() in before
    ada.ok("lock")
    after = _memory(ada.daemon.pid)
    assert len(after) > 1_000_000
    assert [canary for canary in canaries if canary in after] == []
    assert SAID.encode() not in after


def test_a_daemon_without_a_terminal_and_a_passphrase_starts_locked(shells):
    ada = shells("ada")
    ada.found(NAME, "Ada")
    ada.fresh = True
    secret = ada.env.pop("MESHD_PASSPHRASE")
    ada.start()
    assert ada.json("status")["locked"]
    ada.env["MESHD_PASSPHRASE"] = secret
    ada.ok("unlock")
    assert ada.json("status")["person"].startswith("Ada")


def test_a_new_passphrase_opens_and_the_old_one_does_not(ada):
    ada.env["MESHD_NEW_PASSPHRASE"] = "four random words here"
    assert ada.json("passphrase") == {"changed": [NAME], "left": [], "unprotected": False}
    assert SAID not in ada.ok("read"), "the daemon works on"
    ada.ok("lock")
    assert "wrong" in ada.fails(12, "unlock")[0]
    ada.env["MESHD_PASSPHRASE"] = "four random words here"
    ada.ok("unlock")
    ada.env["MESHD_PASSPHRASE"] = "pw"
    refused = ada.run("passphrase")
    assert refused.returncode == 1
    assert "keeps the old one" in refused.stderr
    ada.env["MESHD_NEW_PASSPHRASE"] = ""
    assert "protects nothing" in ada.fails(1, "passphrase")[0]
    del ada.env["MESHD_NEW_PASSPHRASE"]
    assert "no terminal" in ada.fails(11, "passphrase")[0]


def test_no_passphrase_is_told_as_what_it_is(ada):
    assert ada.json("passphrase", "--none")["unprotected"]
    assert "This home has no passphrase" in ada.ok("status"), "whatever the environment says"
    assert "whoever has this disk unlocks it" in ada.run("lock").stderr
    ada.ok("unlock")
    del ada.env["MESHD_PASSPHRASE"]
    assert "This home has no passphrase" in ada.ok("status")
    ada.ok("lock")
    ada.ok("unlock")
    ada.env["MESHD_NEW_PASSPHRASE"] = "words"
    ada.ok("passphrase")
    assert not (ada.home / "unprotected").exists()
    assert "no terminal" in ada.fails(11, "unlock")[0] if ada.ok("lock") else False


def test_none_works_without_a_daemon_too_and_a_second_time_changes_nothing(shells):
    bea = shells("bea")
    bea.found("Garden", "Bea")
    assert bea.json("passphrase", "--none")["changed"] == ["Garden"]
    lying = (bea.home / "unprotected").read_text()
    assert "This home has no passphrase" in bea.ok("status")
    assert bea.json("passphrase", "--none")["changed"] == ["Garden"]
    assert (bea.home / "unprotected").read_text() == lying
    bea.start()
    bea.ok("lock")
    assert "locked" in bea.run("passphrase", "--none").stderr
    assert (bea.home / "unprotected").read_text() == lying
    del bea.env["MESHD_PASSPHRASE"]
    bea.ok("unlock")
    assert sorted(path.name for path in bea.home.iterdir() if path.name.startswith("unp")) == ["unprotected"]


@pytest.mark.parametrize("words", ["wrong", "pw"])
def test_what_is_refused_leaves_the_passphrase_as_it_was(shells, words):
    bea = shells("bea")
    bea.found("Garden", "Bea")
    bea.env["MESHD_PASSPHRASE"] = words
    if words == "pw":
        bea.start()
        bea.ok("lock")
    assert bea.run("passphrase", "--none").returncode == 1
    assert not [path.name for path in bea.home.iterdir() if path.name.startswith("unp")]
    bea.env["MESHD_PASSPHRASE"] = "pw"
    bea.ok("unlock" if words == "pw" else "whoami")


@pytest.mark.parametrize("sealed", [True, False])
def test_none_that_was_interrupted_is_settled_by_the_next_command(shells, sealed):
    """Before the keys were sealed anew the old passphrase opens; after that the one that lies there."""
    bea = shells("bea")
    bea.found("Garden", "Bea")
    bea.ok("passphrase", "--none")
    (bea.home / "unprotected").rename(bea.home / "unprotected.new")
    if not sealed:
        (bea.home / "unprotected.new").write_text("what no key was ever sealed with")
    done = bea.run("whoami")
    assert done.returncode == (0 if sealed else 12)
    names = [path.name for path in bea.home.iterdir() if path.name.startswith("unp")]
    assert names == (["unprotected"] if sealed else ["unprotected.new"]), "nothing is thrown away"


def test_one_assembly_may_have_a_passphrase_where_the_others_have_none(shells):
    bea = shells("bea")
    bea.found("Garden", "Bea")
    bea.env["MESHD_PASSPHRASE"] = "other"
    bea.found("Mill", "Bea")
    bea.env["MESHD_PASSPHRASE"] = "pw"
    done = bea.run("--json", "passphrase", "--none")
    (mill,) = json.loads(done.stdout)["left"]
    bea.env["MESHD_PASSPHRASE"] = "other"
    assert bea.json("--assembly", mill[:8], "whoami")["name"] == "Mill"
    assert bea.json("--assembly", "Garden", "whoami")["name"] == "Garden"


def test_a_new_passphrase_from_a_file_that_is_no_text(ada, tmp_path):
    (tmp_path / "picture").write_bytes(bytes(range(128, 256)))
    assert "cannot read the passphrase" in ada.fails(1, "passphrase", "--new-file", str(tmp_path / "picture"))[0]


def test_panic_destroys_keys_and_ends_a_daemon_that_is_stopped(ada):
    (folder,) = assemblies(ada.home)
    sealed = (folder / "keys.sealed").read_bytes()
    copy = os.open(folder / "keys.sealed", os.O_RDONLY)
    os.kill(ada.daemon.pid, signal.SIGSTOP)
    assert "no terminal" in ada.fails(1, "panic")[0]
    done = ada.json("panic", "--yes")
    assert done == {"keys": 1, "daemon": True, "left": []}
    assert list(ada.home.iterdir()) == []
    assert os.read(copy, len(sealed)) != sealed, "what was in the file was written over"
    os.close(copy)
    assert ada.daemon.wait(timeout=30) == -signal.SIGKILL
    assert "there is no assembly" in ada.fails(10, "status")[0]
    assert ada.json("panic", "--yes") == {"keys": 0, "daemon": False, "left": []}


def test_what_is_meshd_s_is_destroyed_and_nothing_else(tmp_path):
    """Whoever names another folder by mistake loses nothing."""
    home = tmp_path / "home"
    for name in ("one", "before-1/one", "two", "restoring/three"):
        (home / name).mkdir(parents=True)
        (home / name / "keys.sealed").write_bytes(b"secret")
    (home / "two" / "keys.sealed.part").write_bytes(b"secret")
    (home / "photos" / "deep").mkdir(parents=True)
    mine = [home / "photos" / "cat.jpg", home / "photos" / "deep" / "keys.sealed", home / "diary"]
    outside = tmp_path / "outside"
    (outside / "one").mkdir(parents=True)
    mine += [outside / "one" / "keys.sealed"]
    for each in mine:
        each.write_bytes(b"not meshd's")
    (home / "link").symlink_to(outside / "one")
    (home / "one" / "log.db").write_bytes(b"log")
    (home / "lock").touch()
    folders = folders_of(home)
    assert sorted(path.name for path in folders) == ["before-1", "one", "restoring", "two"]
    assert destroy_keys(home).files == 5
    assert destroy_rest(home, folders) == []
    assert sorted(path.name for path in home.iterdir()) == ["diary", "link", "photos"]
    assert all(each.read_bytes() == b"not meshd's" for each in mine)
    for elsewhere in (tmp_path / "nowhere", tmp_path):
        assert (destroy_keys(elsewhere).files, destroy_rest(elsewhere, folders_of(elsewhere))) == (0, [])


def test_when_a_daemon_locks_by_itself():
    awake, asleep = 1_000_000, 0
    idle = Idle(60_000, lambda: awake, lambda: awake + asleep)
    awake += 59_000
    assert not idle.is_over()
    idle.heard()
    awake += 59_999
    assert not idle.is_over()
    awake += 1
    assert idle.is_over()
    idle.heard()
    assert not idle.is_over()
    asleep += 5_000
    assert idle.is_over(), "the machine was asleep"


def test_a_home_of_several_changes_what_opens(shells):
    ada = shells("ada")
    ada.found("One", "Ada")
    ada.env["MESHD_PASSPHRASE"] = "other"
    ada.found("Two", "Ada")
    ada.env["MESHD_NEW_PASSPHRASE"] = "both"
    done = ada.run("--json", "passphrase")
    assert done.returncode == 1
    assert json.loads(done.stdout)["changed"] == ["Two"]
    ada.env["MESHD_PASSPHRASE"] = "pw"
    assert json.loads(ada.run("--json", "passphrase").stdout)["changed"] == ["One"]
    ada.env["MESHD_PASSPHRASE"] = "both"
    assert ada.json("--assembly", "One", "status")["unlocked"]
    assert ada.json("--assembly", "Two", "status")["unlocked"]
