"""Killed at every write, fsync, rename and statement of an export, an import, a backup, a restore, a new passphrase, and
of forgetting: what was there before is there, what was done whole is good, and doing it again comes to the same.

Each run is a process of its own, which ends without a word before or after the call whose turn it is. `MESHD_KILLS`
says how many of the points are tried.
"""

import os
import shutil
import sys
from contextlib import closing
from pathlib import Path

import pytest

from meshd.app import restoring
from meshd.assembly import survey, unprotected
from meshd.errors import NodeError, PassphraseError
from meshd.founding.opening import open_assembly
from meshd.home import BALLAST, assemblies
from meshd.progress import finish
from meshd.service import forgetting, talk
from meshd.service.context import Context
from meshd.sneakernet.backup import write_backup
from meshd.sneakernet.export import Narrow, export_stick
from meshd.sneakernet.import_ import import_stick
from meshd.store import tables
from tests.worlds import commune, exchange, propose, world

KILLS = int(os.environ.get("MESHD_KILLS", "40"))
CALLS = frozenset({"write", "fsync", "replace", "rename", "unlink", "remove", "mkdir", "rmdir", "execute", "flush"})
"""Calls that change what is on a disk, by their names in Python and in C."""


class Place:
    """Two homes, a stick and a backup, all closed, and copied for each run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ada, self.bea, self.stick, self.backup = (
            folder / name for name in ("node0", "node1", "stick", "ada.backup")
        )

    def open(self, home: Path, passphrase: str = "pw", seed: int = 5):
        (at,) = assemblies(home)
        return closing(open_assembly(at, passphrase, world(seed)))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("kills"))
    (ada, bea), _ = commune(place.folder, ["Ada", "Bea"], nodes=2)
    exchange(ada, bea)
    place.stick.mkdir()
    for n in range(6):
        propose(Context(ada), f"Question {n}")
        talk.say(Context(ada), {"text": f"words {n}"})
    finish(export_stick(ada, place.stick, Narrow()))
    finish(import_stick(bea, place.stick))
    finish(write_backup(ada, place.backup, ada.lock))
    for n in range(6):
        propose(Context(ada), f"Later question {n}")
        talk.say(Context(bea), {"text": f"more words {n}"})
    for each in (ada, bea):
        each.close()
        (each.folder / BALLAST).unlink(missing_ok=True)
    return place


def _export(place: Place) -> None:
    with place.open(place.ada) as ada:
        finish(export_stick(ada, place.stick, Narrow()))


def _look_at_export(place: Place, _: bool) -> None:
    with place.open(place.bea) as bea:
        assert not finish(import_stick(bea, place.stick)).damaged
    _export(place)
    with place.open(place.bea) as bea, place.open(place.ada) as ada:
        assert not finish(import_stick(bea, place.stick)).damaged
        assert bea.store.count(tables.Proposal) == ada.store.count(tables.Proposal) == 12
    assert not list(place.stick.rglob("*.part"))


def _import(place: Place) -> None:
    with place.open(place.ada) as ada:
        finish(import_stick(ada, place.stick))


def _fill_import(place: Place) -> None:
    with place.open(place.bea) as bea:
        finish(export_stick(bea, place.stick, Narrow()))


def _look_at_import(place: Place, _: bool) -> None:
    with place.open(place.ada) as ada, place.open(place.bea) as bea:
        assert not ada.has_twin()
        assert not finish(import_stick(ada, place.stick)).damaged
        assert ada.store.known([row.id for row in bea.store.find(tables.Message)]) == {
            row.id for row in bea.store.find(tables.Message)
        }


def _backup(place: Place) -> None:
    with place.open(place.ada) as ada:
        finish(write_backup(ada, place.backup, ada.lock))


def _look_at_backup(place: Place, _: bool) -> None:
    found = finish(restoring.try_out(place.backup, "pw", world(9)))
    assert found.whole, "the old one, or the new one, and never half of one"
    _backup(place)
    after = finish(restoring.try_out(place.backup, "pw", world(9)))
    assert after.whole
    assert after.backup.records >= found.backup.records
    assert not [path for path in place.folder.iterdir() if path.name.endswith(".part")]


def _restore(place: Place) -> None:
    finish(restoring.restore(place.folder / "again", place.backup, "pw", "new", None, world(11)))


def _look_at_restore(place: Place, done: bool) -> None:
    home = place.folder / "again"
    there = assemblies(home) if home.exists() else []
    if done:
        assert there
    if not there:
        _restore(place)
    else:
        with pytest.raises(NodeError, match="already"):
            _restore(place)
    with place.open(home) as again, place.open(place.ada) as ada:
        assert again.store.count(tables.Proposal) == 6
        assert again.keys.device.public != ada.keys.device.public
        exchange(again, ada)
        assert survey.digest(again) == survey.digest(ada)


def _change_key(place: Place) -> None:
    with place.open(place.ada) as ada:
        ada.lock_with("another")


def _look_at_key(place: Place, done: bool) -> None:
    opened = []
    for passphrase in ("pw", "another"):
        try:
            with place.open(place.ada, passphrase) as ada:
                opened.append(passphrase)
                assert ada.store.count(tables.Proposal) == 12
        except PassphraseError:
            continue
    assert len(opened) == 1, "one of the two, and never none"
    assert not done or opened == ["another"]


def _open_key(place: Place) -> None:
    with place.open(place.ada) as ada:
        ada.lock_with(None)


def _look_at_open_key(place: Place, done: bool) -> None:
    (folder,) = assemblies(place.ada)
    words = unprotected.words_in(folder)
    assert words or not done
    with place.open(place.ada, "pw") as ada:
        assert ada.store.count(tables.Proposal) == 12
    is_open = unprotected.is_open(folder)
    assert is_open or not done
    assert unprotected.words_in(folder) == (words[:1] if is_open else [])
    if is_open:
        with place.open(place.ada, ""):
            pass


def _look_at_closed_key(place: Place, done: bool) -> None:
    (folder,) = assemblies(place.ada)
    with place.open(place.ada, "another") as ada:
        assert ada.store.count(tables.Proposal) == 12
    assert not (done and unprotected.is_open(folder))
    if not unprotected.is_open(folder):
        assert unprotected.words_in(folder) == []
        with pytest.raises(PassphraseError):
            place.open(place.ada, "")


def _forget(place: Place) -> None:
    with place.open(place.bea) as bea:
        finish(forgetting.forget(Context(bea), {"before": 1 << 50}))


def _look_at_forget(place: Place, _: bool) -> None:
    _forget(place)
    with place.open(place.bea) as bea:
        assert {row.text.split()[0] for row in bea.store.find(tables.Message)} == {"more"}, "what nobody else has yet"
        assert bea.store.count(tables.Proposal) == 6


WORK = {
    "export": (_export, _look_at_export, None),
    "import": (_import, _look_at_import, _fill_import),
    "backup": (_backup, _look_at_backup, None),
    "restore": (_restore, _look_at_restore, None),
    "passphrase": (_change_key, _look_at_key, None),
    "no passphrase": (_open_key, _look_at_open_key, None),
    "a passphrase again": (_change_key, _look_at_closed_key, _open_key),
    "forget": (_forget, _look_at_forget, None),
}


def _points(work, place: Place, at: int) -> int:
    """Do something in a process of its own, which ends at a point of it; how many points it came to: -1 for `at`."""
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        with os.fdopen(read) as file:
            told = file.read()
        assert os.waitpid(child, 0)[1] == 0, "it ends as it should"
        return int(told)
    count = 0

    def die(number: int) -> None:
        os.write(write, str(number).encode())
        os._exit(0)

    def watch(_, event, what):
        nonlocal count
        if event in ("c_call", "c_return") and getattr(what, "__name__", "") in CALLS:
            if count == at:
                sys.setprofile(None)
                die(-1)
            count += 1

    try:
        sys.setprofile(watch)
        work(place)
        sys.setprofile(None)
        die(count)
    except BaseException as error:
        sys.setprofile(None)
        os.write(2, repr(error).encode())
    os._exit(1)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name not in ("export", "import") else []) for name in WORK]
)
def test_killed_at_any_point(base, tmp_path, name):
    work, look, prepare = WORK[name]

    def fresh(number: object) -> Place:
        place = Place(tmp_path / str(number))
        shutil.copytree(base.folder, place.folder)
        if prepare is not None:
            prepare(place)
        return place

    whole = fresh("whole")
    total = _points(work, whole, -1)
    assert total > 5
    look(whole, True)
    for number in range(min(KILLS, total)):
        at = number * total // min(KILLS, total)
        place = fresh(at)
        assert _points(work, place, at) == -1
        look(place, False)
        shutil.rmtree(place.folder)
