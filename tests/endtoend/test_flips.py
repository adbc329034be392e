"""One bit flipped, anywhere: in a bundle, in its parts as text, in the key file, in the log. Nothing bad is taken for
good: it is refused, or the same comes out. Backups are in `tests.unit.test_backup`.

`MESHD_FLIPS` says how many places of a log are tried.
"""

import os
import random
import shutil

import pytest

from meshd.assembly import keystore, survey
from meshd.errors import NodeError
from meshd.home import KEYS, LOG
from meshd.progress import finish
from meshd.service import talk
from meshd.service.context import Context
from meshd.sneakernet.export import Narrow, export_file, own_bundle
from meshd.sneakernet.import_ import import_file
from meshd.store import tables
from meshd.store.api import StoreError
from meshd.store.sqlite import SqliteStore
from meshd.upkeep.scrubbing import always
from meshd_protocol.bundle import FILE_MAGIC
from meshd_protocol.errors import BadPartsError
from meshd_protocol.parts import read_parts, write_parts
from tests.worlds import commune, exchange, propose

FLIPS = int(os.environ.get("MESHD_FLIPS", "300"))


@pytest.fixture
def two(tmp_path):
    assemblies, _ = commune(tmp_path, ["Ada", "Bea"], nodes=2)
    exchange(*assemblies)
    yield assemblies
    for each in assemblies:
        each.close()


def _flipped(data, at, rng):
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def test_every_byte_of_a_bundle(two, tmp_path):
    ada, bea = two
    propose(Context(ada), "A second oven")
    path, rng = tmp_path / "bundle", random.Random(1)
    finish(export_file(ada, path, Narrow()))
    good, before = path.read_bytes(), survey.digest(bea)
    length = range(len(FILE_MAGIC), len(FILE_MAGIC) + 4)  # one that says more than there is leaves the part whole
    for at in [each for each in range(len(good)) if each not in length]:
        path.write_bytes(_flipped(good, at, rng))
        with pytest.raises(NodeError):
            finish(import_file(bea, path))
        assert survey.digest(bea) == before
    path.write_bytes(good)
    assert finish(import_file(bea, path)).records == 1


def test_every_byte_of_a_bundle_that_is_shown(two):
    ada, _ = two
    propose(Context(ada), "A second oven")
    data, _ = own_bundle(ada, Narrow())
    (part, *_), rng = write_parts(data, 4000), random.Random(2)
    for at in range(len(part)):
        spoiled = _flipped(part.encode(), at, rng)
        try:
            assert read_parts([spoiled.decode("latin-1")]) == data, "the other case of a letter says the same"
        except BadPartsError:
            continue


def test_every_byte_of_a_key_file(two, tmp_path):
    ada, _ = two
    folder, rng = tmp_path / "keys", random.Random(3)
    folder.mkdir()
    good = (ada.folder / KEYS).read_bytes()
    costly = range(len(b"meshd/keys/1\x00"), len(b"meshd/keys/1\x00") + 8)  # how long it takes to guess: up to 4 GiB
    for at in [each for each in range(len(good)) if each not in costly]:
        (folder / KEYS).write_bytes(_flipped(good, at, rng))
        with pytest.raises(NodeError):
            keystore.load(folder, "pw")
    (folder / KEYS).write_bytes(good)
    assert keystore.load(folder, "pw")[0] == ada.keys


def _all(store):
    return [store.find(table) for table in tables.TABLES]


def test_bytes_of_a_log(two, tmp_path):
    ada, _ = two
    for n in range(20):
        talk.say(Context(ada), {"text": f"words {n}"})
    ada.close()
    path, rng = tmp_path / LOG, random.Random(4)
    shutil.copy(ada.folder / LOG, path)
    good = path.read_bytes()
    store = SqliteStore(path, ada.keys.database, new=False)
    before = _all(store)
    store.close()
    told = 0
    for at in (rng.randrange(len(good)) for _ in range(FLIPS)):
        for each in tmp_path.glob(f"{LOG}*"):
            each.unlink()
        path.write_bytes(_flipped(good, at, rng))
        try:
            store = SqliteStore(path, ada.keys.database, new=False)
            try:
                found, problems = _all(store), store.quick_check(always)
                assert found == before, at
                told += bool(problems)
            finally:
                store.close()
        except StoreError:
            told += 1
    assert told > FLIPS // 2, "each page is under a seal"
