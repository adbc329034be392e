"""What lies in a home is for its owner alone, file by file, whatever the umask."""

import os
import shutil
import stat

import pytest


def _modes(home):
    """What a home holds, by name, and who may do what with it."""
    every = [home, *home.rglob("*")]
    return {str(each.relative_to(home)).rpartition("/")[2]: stat.S_IMODE(each.lstat().st_mode) for each in every}


@pytest.fixture(params=[0o000, 0o022, 0o277])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_every_file_is_its_owners_alone(shells, umask):
    ada = shells("ada")
    ada.fresh = True
    ada.ok("init", "Bakery", "--as", "Ada")
    ada.start()
    ada.ok("say", "hello")
    found = _modes(ada.home)
    wanted = {"lock", "control.sock", "keys.sealed", "log.db", "log.db-wal", "log.db-shm", "ballast"}
    assert wanted <= found.keys()
    assert {name: oct(found[name]) for name in wanted} == dict.fromkeys(wanted, oct(0o600))
    assert {oct(mode) for name, mode in found.items() if name not in wanted} == {oct(0o700)}
    assert ada.stop()[0] == 0


def test_a_home_that_others_may_read_is_closed_to_them(shells):
    """One that an earlier meshd made, after a power cut."""
    ada = shells("ada")
    ada.fresh = True
    ada.ok("init", "Bakery", "--as", "Ada")
    ada.start()
    ada.ok("say", "hello")
    (folder,) = (each for each in ada.home.iterdir() if each.is_dir())
    copies = {each.name: each.read_bytes() for each in folder.iterdir() if each.name.startswith("log.db")}
    assert ada.stop()[0] == 0
    for name, data in copies.items():
        (folder / name).write_bytes(data)
    for each in (*folder.iterdir(), ada.home / "lock"):
        each.chmod(0o644)
    shutil.copy(folder / "keys.sealed", folder / "keys.sealed.part")
    ada.start()
    found = _modes(ada.home)
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}
    assert "hello" in ada.ok("read")
    assert ada.stop()[0] == 0
