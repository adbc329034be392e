"""A home that is locked, whose passphrase changes, that is destroyed: by real processes, looked at from outside."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from meshd.app import alone
from meshd.app.locked import Idle
from meshd.app.panic import destroy_keys, destroy_rest, folders_of
from meshd.assembly import keystore
from meshd.assembly.assembly import World
from meshd.errors import NodeError
from meshd.founding.opening import open_assembly
from meshd.home import assemblies
from meshd.progress import finish
from meshd.service import backing_up
from meshd.service.context import Context
from meshd.store.api import DiskFullError
from tests.commands.shell import MESHD
from tests.commands.terminals import on_a_terminal
from tests.worlds import CHEAP

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
    assert ada.json("unlock") == {"locked": False, "running": True, "closed": []}
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
    assert "These keys have no passphrase" in ada.ok("status"), "whatever the environment says"
    assert "whoever has this disk opens them" in ada.run("lock").stderr
    ada.ok("unlock")
    del ada.env["MESHD_PASSPHRASE"]
    assert "These keys have no passphrase" in ada.ok("status")
    ada.ok("lock")
    ada.ok("unlock")
    ada.env["MESHD_NEW_PASSPHRASE"] = "words"
    ada.ok("passphrase")
    assert _lying(ada) == []
    assert "no terminal" in ada.fails(11, "unlock")[0] if ada.ok("lock") else False


def test_none_works_without_a_daemon_too_and_a_second_time_changes_nothing(shells):
    bea = shells("bea")
    bea.found("Garden", "Bea")
    assert bea.json("passphrase", "--none")["changed"] == ["Garden"]
    (folder,) = assemblies(bea.home)
    lying = (folder / "unprotected").read_text()
    assert "These keys have no passphrase" in bea.ok("status")
    assert bea.json("passphrase", "--none")["changed"] == ["Garden"]
    assert (folder / "unprotected").read_text() == lying
    bea.start()
    bea.ok("lock")
    assert "locked" in bea.run("passphrase", "--none").stderr
    assert (folder / "unprotected").read_text() == lying
    del bea.env["MESHD_PASSPHRASE"]
    bea.ok("unlock")
    assert _lying(bea) == ["unprotected"]


@pytest.mark.parametrize("words", ["wrong", "pw"])
def test_what_is_refused_leaves_the_passphrase_as_it_was(shells, words):
    bea = shells("bea")
    bea.found("Garden", "Bea")
    bea.env["MESHD_PASSPHRASE"] = words
    if words == "pw":
        bea.start()
        bea.ok("lock")
    assert bea.run("passphrase", "--none").returncode == 1
    assert _lying(bea) == []
    bea.env["MESHD_PASSPHRASE"] = "pw"
    bea.ok("unlock" if words == "pw" else "whoami")


@pytest.mark.parametrize("sealed", [True, False])
def test_none_that_was_interrupted_is_settled_by_the_next_command(shells, sealed):
    """Before the keys were sealed anew the old passphrase opens; after that the one that lies there."""
    bea = shells("bea")
    bea.found("Garden", "Bea")
    bea.env["MESHD_NEW_PASSPHRASE"] = "pw"
    bea.ok("passphrase", "--none")
    (folder,) = assemblies(bea.home)
    if sealed:
        (folder / "unprotected").rename(folder / "unprotected.unsure")
    else:
        bea.ok("passphrase")
        (folder / "unprotected.unsure").write_text("what no key was ever sealed with")
    secret = bea.env.pop("MESHD_PASSPHRASE")
    assert bea.run("whoami").returncode == (0 if sealed else 11)
    assert _lying(bea) == (["unprotected"] if sealed else ["unprotected.unsure"]), "nothing is thrown away unseen"
    bea.env["MESHD_PASSPHRASE"] = secret
    bea.ok("whoami")
    assert _lying(bea) == (["unprotected"] if sealed else [])


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
    assert "NOTHING was destroyed" in ada.fails(10, "panic", "--yes")[0]


def _lying(shell) -> list[str]:
    """What lies beside the keys of a home's one assembly, for whoever wants no passphrase."""
    (folder,) = assemblies(shell.home)
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("unp"))


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


def test_what_was_put_aside_opens_with_what_lies_beside_it(shells):
    bea = shells("bea")
    bea.found("Garden", "Bea")
    bea.ok("passphrase", "--none")
    del bea.env["MESHD_PASSPHRASE"]
    (folder,) = assemblies(bea.home)
    (bea.home / "before-1").mkdir()
    folder.rename(bea.home / "before-1" / folder.name)
    assert bea.ok("--home", str(bea.home / "before-1"), "list") == ""


@pytest.fixture
def mixed(shells):
    """A home of two assemblies, of which Garden has no passphrase; the shell says none."""
    bea = shells("bea")
    for name in ("Garden", "Mill"):
        bea.found(name, "Bea")
    assert bea.json("--assembly", "Garden", "passphrase", "--none")["changed"] == ["Garden"]
    return bea


def _folder(shell, name: str) -> Path:
    """The folder of the assembly of this name."""
    (found,) = (each for each in assemblies(shell.home) if _titled(shell, each) == name)
    return found


def _titled(shell, folder: Path) -> str:
    return str(shell.json("--assembly", folder.name, "whoami")["name"])


def test_of_two_assemblies_one_may_have_no_passphrase(mixed):
    """Whoever says the other one's passphrase gets both; whoever says none gets what has none, and is told."""
    assert "no passphrase" in mixed.ok("--assembly", "Garden", "status")
    assert "no passphrase" not in mixed.ok("--assembly", "Mill", "status")
    garden = _folder(mixed, "Garden").name
    secret = mixed.env.pop("MESHD_PASSPHRASE")
    assert mixed.json("--assembly", garden, "whoami")["name"] == "Garden"
    assert mixed.json("--assembly", "Garden", "whoami")["name"] == "Garden", "by its name, too"
    assert "passphrase is needed" in mixed.fails(11, "--assembly", "Mill", "whoami")[0]
    done = mixed.run()
    assert done.returncode == 3
    assert "Bea" in done.stdout
    assert "is left out: a passphrase is needed" in done.stderr
    mixed.start()
    assert mixed.json("--assembly", "Garden", "status")["unlocked"]
    mixed.ok("lock")
    mixed.env["MESHD_PASSPHRASE"] = "wrong"
    assert "wrong" in mixed.fails(12, "unlock")[0]
    mixed.env["MESHD_PASSPHRASE"] = secret
    assert mixed.json("unlock")["closed"] == []
    assert mixed.json("--assembly", "Mill", "status")["unlocked"]


def test_who_unlocks_hears_what_stays_closed(mixed):
    mixed.env["MESHD_NEW_PASSPHRASE"] = "another"
    mixed.ok("--assembly", "Garden", "passphrase")
    mixed.start()
    done = mixed.run("unlock")
    assert done.returncode == 3
    assert "still closed" in done.stderr


def test_a_backup_of_keys_without_a_passphrase_gets_one_of_its_own(mixed, tmp_path):
    """What lies beside the keys is on that disk alone: what it seals would be lost with the disk."""
    kept, new = tmp_path / "kept", tmp_path / "new"
    assert "no terminal" in mixed.fails(11, "--assembly", "Garden", "backup", str(kept))[0]
    assert not kept.exists()
    mixed.env["MESHD_NEW_PASSPHRASE"] = "elsewhere"
    assert "the passphrase that you gave it" in mixed.run("--assembly", "Garden", "backup", str(kept)).stderr
    assert "is wrong" in mixed.fails(12, "--home", str(new), "restore", str(kept))[0]
    mixed.env["MESHD_PASSPHRASE"] = "elsewhere"
    mixed.ok("backup", "--test", str(kept))
    mixed.ok("--home", str(new), "restore", str(kept))
    assert mixed.json("--home", str(new), "whoami")["name"] == "Garden"
    mixed.env["MESHD_PASSPHRASE"] = "pw"
    assert "these keys have now" in mixed.run("--assembly", "Mill", "backup", str(tmp_path / "mill")).stderr
    mixed.ok("backup", "--test", str(tmp_path / "mill"))


def test_what_is_founded_beside_keys_without_a_passphrase_has_one(mixed):
    mixed.found("Shop", "Bea")
    assert not (_folder(mixed, "Shop") / "unprotected").exists()
    mixed.env.pop("MESHD_PASSPHRASE")
    assert "passphrase is needed" in mixed.fails(11, "--assembly", "Shop", "whoami")[0]


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_key_file_stops_its_own_assembly_alone(mixed, damage):
    mixed.env["MESHD_NEW_PASSPHRASE"] = "pw"
    mixed.ok("passphrase")
    path = _folder(mixed, "Mill") / "keys.sealed"
    sealed = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(sealed[:20] if damage == "cut" else sealed[:-1] + bytes([sealed[-1] ^ 1]))
    done = mixed.run()
    assert "Bea" in done.stdout
    if damage == "gone":
        assert f"The key file {path} is missing" in done.stdout.replace("\n", " ")
        found = [json.loads(line) for line in mixed.run("--json", "doctor").stdout.splitlines()]
        assert "lost-keys" in {row["what"] for row in found if not row["good"]}
        return
    assert done.returncode == 3
    assert "is left out" in done.stderr
    stick = mixed.home.parent / "stick"
    stick.mkdir()
    done = mixed.run("stick", str(stick))
    assert done.returncode == 3
    assert "Written" in done.stdout
    mixed.start()
    assert mixed.json("--assembly", "Garden", "status")["unlocked"]


def test_what_lies_beside_keys_and_does_not_open_them_locks_nobody_out(mixed):
    """An older copy of the key file was put back, say."""
    folder = _folder(mixed, "Garden")
    open_ = (folder / "keys.sealed").read_bytes()
    mixed.env["MESHD_NEW_PASSPHRASE"] = "pw"
    words = (folder / "unprotected").read_text()
    mixed.ok("passphrase")
    (folder / "unprotected").write_text(words)
    secret = mixed.env.pop("MESHD_PASSPHRASE")
    assert "passphrase is needed" in mixed.fails(11, "--assembly", folder.name, "whoami")[0]
    mixed.env["MESHD_PASSPHRASE"] = secret
    mixed.ok("--assembly", folder.name, "whoami")
    assert not (folder / "unprotected").exists(), "it is of no use any more"
    assert (folder / "keys.sealed").read_bytes() != open_


def test_who_joins_where_a_key_file_was_lost_is_in_under_their_passphrase(shells):
    ada, bea = shells("ada"), shells("bea")
    ada.found("Garden", "Ada")
    bea.apply(ada.json("invite")["ticket"], "Bea")
    bea.ok("passphrase", "--none")
    (folder,) = assemblies(bea.home)
    (folder / "keys.sealed").unlink()
    bea.env["MESHD_PASSPHRASE"] = "another"
    bea.apply(ada.json("invite")["ticket"], "Bea")
    bea.ok("whoami")
    bea.env["MESHD_PASSPHRASE"] = "guess"
    assert "wrong" in bea.fails(12, "whoami")[0]


def test_what_is_put_aside_gets_the_passphrase_of_what_takes_its_place(shells):
    """It holds the same member key."""
    ada, bea = shells("ada"), shells("bea")
    ada.found("Garden", "Ada")
    bea.apply(ada.json("invite")["ticket"], "Bea")
    bea.ok("passphrase", "--none")
    bea.env["MESHD_PASSPHRASE"] = "strong"
    bea.apply(ada.json("invite")["ticket"], "Bea")
    aside = str(bea.home / "before-1")
    assert bea.json("--home", aside, "whoami", "--member-key")["member_key"]
    bea.env["MESHD_PASSPHRASE"] = "guess"
    assert "wrong" in bea.fails(12, "--home", aside, "whoami", "--member-key")[0]


def test_who_is_killed_while_they_come_back_is_nobody_else(shells):
    """A power cut after the old keys were put aside, and before the new ones were there. A home that comes back leaves a
    mark until they are.
    """
    ada, bea = shells("ada"), shells("bea")
    ada.found("Garden", "Ada")
    bea.apply(ada.json("invite")["ticket"], "Bea")
    member = bea.json("whoami")["member"]
    (folder,) = assemblies(bea.home)
    for number in (1, 2):
        (bea.home / f"before-{number}").mkdir()
        shutil.copytree(folder, bea.home / f"before-{number}" / folder.name)
    shutil.rmtree(folder)
    assert "there is no assembly" in bea.fails(10, "whoami")[0], "whoever removes it means it"
    (bea.home / "before-1" / folder.name / "keys.sealed").write_bytes(b"older")
    (bea.home / "before-2" / "coming-back").touch()
    folder.mkdir()
    (folder / "log.db").write_bytes(b"half")
    assert bea.json("whoami")["member"] == member
    assert not (bea.home / "before-2").exists()
    (folder / "keys.sealed").unlink()
    (folder / "looked-through").touch()
    assert "missing" in bea.fails(10, "whoami")[0], "a key file that was lost is no such thing"
    looked = [json.loads(line) for line in bea.run("--json", "doctor").stdout.splitlines()]
    assert "missing" in looked[0]["value"]
    assert {"unread", "room"} <= {row["what"] for row in looked}, "and how the machine is"


def test_a_full_disk_between_joining_and_that_is_no_failure(shells, monkeypatch):
    """The application is written then, and what it is told of has no passphrase yet."""
    ada, bea = shells("ada"), shells("bea")
    ada.found("Garden", "Ada")
    bea.apply(ada.json("invite")["ticket"], "Bea")
    bea.ok("passphrase", "--none")
    ticket = ada.json("invite")["ticket"]

    def full(*_: object) -> None:
        raise DiskFullError("the disk is full: nothing was written")

    monkeypatch.setattr(keystore, "seal_with", full)
    told = alone.apply(bea.home, ticket, "Bea", lambda _: "strong", "", world=World(cost=CHEAP))
    assert (told["before_opens"], told["before_protected"]) == (True, False)
    bea.env["MESHD_PASSPHRASE"] = "strong"
    bea.ok("whoami")


def test_keys_without_a_passphrase_are_shown_and_saved_without_one(shells):
    bea = shells("bea")
    bea.found("Garden", "Bea")
    bea.ok("passphrase", "--none")
    del bea.env["MESHD_PASSPHRASE"]
    assert bea.json("whoami", "--member-key")["member_key"]
    (folder,) = assemblies(bea.home)
    with (folder / "log.db").open("r+b") as log:
        log.seek(4096 * 3)
        log.write(os.urandom(4096))
    assert "no terminal" not in bea.run("check", "--rebuild").stderr
    done = bea.json("panic", "--yes")
    assert done["keys"] == 1


def test_a_backup_while_nobody_knows_whether_there_is_a_passphrase_asks_for_one(mixed, tmp_path):
    """On a disk that takes nothing what was interrupted is not settled."""
    folder = _folder(mixed, "Garden")
    with closing(open_assembly(folder, "", World(cost=CHEAP))) as assembly:
        (folder / "unprotected").rename(folder / "unprotected.unsure")
        with pytest.raises(NodeError, match="one of its own"):
            finish(backing_up.backup(Context(assembly), {"path": str(tmp_path / "kept")}))
    mixed.env["MESHD_NEW_PASSPHRASE"] = "elsewhere"
    mixed.ok("--assembly", "Garden", "backup", str(tmp_path / "kept"))
    mixed.env["MESHD_PASSPHRASE"] = "elsewhere"
    mixed.ok("backup", "--test", str(tmp_path / "kept"))


def test_a_stick_serves_what_is_open_where_nobody_can_be_asked(mixed, tmp_path):
    garden = _folder(mixed, "Garden").name
    del mixed.env["MESHD_PASSPHRASE"]
    (tmp_path / "stick").mkdir()
    done = mixed.run("stick", str(tmp_path / "stick"))
    assert done.returncode == 3
    assert "can be pulled now" in done.stderr
    mixed.start("--locked")
    assert mixed.run("unlock").returncode == 3, "what needs none is open, and the rest is told"
    assert mixed.json("--assembly", garden, "status")["unlocked"]


def test_panic_says_where_there_is_nothing(shells, tmp_path):
    """Who names the wrong home must not believe that it is done."""
    bea = shells("bea")
    error, hint = bea.fails(10, "panic", "--yes")
    assert error == f"NOTHING was destroyed: there is no assembly in {bea.home}"
    assert "--home" in hint
    bea.found("Garden", "Bea")
    bea.ok("panic", "--yes")
    bea.fails(10, "panic", "--yes")


def test_panic_says_so_where_there_was_no_passphrase(shells):
    bea = shells("bea")
    bea.found("Garden", "Bea")
    bea.ok("passphrase", "--none")
    said = bea.ok("panic", "--yes")
    assert "Destroyed: 1 key file." in said
    assert "There was no passphrase" in said


def test_one_passphrase_for_a_home_of_several_is_typed_once(shells):
    bea = shells("bea")
    for name in ("Garden", "Mill"):
        bea.found(name, "Bea")
    del bea.env["MESHD_PASSPHRASE"]
    code, shown = on_a_terminal(bea, 200, 40, passphrase="pw")
    assert code == 0
    assert shown.count("Passphrase of") == 1
    assert "Garden" in shown
    assert "Mill" in shown


def test_two_passphrases_of_a_home_are_asked_for_by_name(mixed):
    """The one that needs none is not asked for."""
    mill = _folder(mixed, "Mill").name
    del mixed.env["MESHD_PASSPHRASE"]
    code, shown = on_a_terminal(mixed, 200, 40, passphrase="pw")
    assert code == 0
    assert shown.count("Passphrase of") == 1
    assert f"Passphrase of {mill[:8]}: " in shown
    code, shown = on_a_terminal(mixed, 200, 40, passphrase="wrong")
    assert code == 3
    assert "is left out: the passphrase is wrong" in shown


@pytest.mark.parametrize("open_too", [False, True])
def test_a_locked_daemon_of_one_assembly_is_opened_by_its_own_passphrase_alone(shells, open_too):
    """Another assembly's would have it begin, find nothing that it is to run, and end."""
    bea = shells("bea")
    bea.found("Garden", "Bea")
    bea.env["MESHD_PASSPHRASE"] = "other"
    bea.found("Mill", "Bea")
    if open_too:
        bea.ok("--assembly", "Mill", "passphrase", "--none")
    bea.start("--assembly", "garden", "--locked")
    bea.fails(12 if open_too else 4, "unlock")
    assert bea.json("status")["locked"]
    bea.env["MESHD_PASSPHRASE"] = "pw"
    assert bea.json("unlock")["closed"] == [], "it was never to open the other one"
    assert bea.json("--assembly", "Garden", "status")["name"] == "Garden"


def test_who_unlocks_one_assembly_hears_whether_it_is_open(shells):
    bea = shells("bea")
    bea.found("Garden", "Bea")
    bea.env["MESHD_PASSPHRASE"] = "other"
    bea.found("Mill", "Bea")
    bea.start()
    for name in ("Garden", "Nonsense"):
        assert "stays closed" in bea.fails(3, "--assembly", name, "unlock")[0]
    assert bea.json("--assembly", "Mill", "unlock")["closed"] == []
    bea.ok("lock")
    assert "stays closed" in bea.fails(3, "--assembly", "Garden", "unlock")[0]
    assert bea.json("--assembly", "Mill", "status")["unlocked"], "which that passphrase opens"


def test_panic_is_about_all_of_a_home(mixed):
    """Whoever names one assembly does not mean the others."""
    for name in ("Mill", "Nonsense"):
        assert "nothing was destroyed" in mixed.fails(2, "--assembly", name, "panic", "--yes")[0]
    assert len(assemblies(mixed.home)) == 2
    assert "Where there was no passphrase, what is left" in mixed.ok("panic", "--yes")


def test_a_wrong_passphrase_changes_nothing_of_what_needs_none(mixed):
    mixed.env["MESHD_NEW_PASSPHRASE"] = "another"
    mixed.env["MESHD_PASSPHRASE"] = "wrong"
    assert "nothing was changed" in mixed.fails(12, "passphrase")[0]
    del mixed.env["MESHD_PASSPHRASE"]
    assert mixed.json("--assembly", "Garden", "whoami")["name"] == "Garden"


@pytest.mark.parametrize("words", ["two\nlines", "pw\n", "\r"])
def test_a_new_passphrase_is_one_line(ada, words):
    ada.env["MESHD_NEW_PASSPHRASE"] = words
    assert "one line" in ada.fails(1, "passphrase")[0]


def test_a_backup_with_a_passphrase_of_its_own_is_read_by_it(ada, tmp_path):
    (tmp_path / "words").write_text("elsewhere\n")
    kept, words = str(tmp_path / "kept"), ("--new-file", str(tmp_path / "words"))
    ada.ok("backup", kept, *words)
    assert "wrong" in ada.fails(12, "backup", "--test", kept)[0]
    ada.ok("backup", "--test", kept, *words)
