"""What lies in a home is for its owner alone, file by file, whatever the umask."""

import base64
import os
import shutil
import signal
import stat

import pytest

from meshd.assembly import keystore
from meshd.home import assemblies
from meshd_protocol.names import text_of
from tests.commands.shell import wait


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
    wanted = {"lock", "control.sock", "keys.sealed", "log.db", "log.db-wal", "log.db-shm", "ballast", "looked-through"}
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


CANARIES = ("Canary Lane Collective", "Adalinde the founder", "Beatrix the second", "zwitscher in a title",
    "zwitscher in a text", "zwitscher in a message", "zwitscher in a letter", "zwitscher in a topic",
    "zwitscher for a reason", "zwitscher of a mandate", "zwitscher of the passphrase")  # fmt: skip


def _ways(words):
    """How words may lie in a file."""
    plain = words.encode()
    ways = [plain, words.encode("utf-16-le"), words.lower().encode(), plain.hex().encode(), plain[::-1]]
    for encode in (base64.b32encode, base64.b64encode):
        ways.append(encode(plain)[:-8])  # its end hangs on what follows
    return ways


def test_no_word_lies_in_any_file_in_the_clear(shells, tmp_path):
    """Names, texts, ballots' reasons, letters, keys and the passphrase: looked for in all that is left on a disk by
    daemons that are killed, sticks, bundles, backups, QR texts, and what checks and restores leave.
    """
    name, one, other, title, text, message, letter, topic, reason, role, passphrase = CANARIES
    ada, bea = shells("ada", passphrase), shells("bea", passphrase)
    for shell in (ada, bea):
        shell.env["TMPDIR"] = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    stick = tmp_path / "stick"
    stick.mkdir()
    (texts := tmp_path.parent / f"{tmp_path.name}-texts").write_text(text)
    ada.found(name, one)
    ada.start()
    bea.apply(ada.json("invite")["ticket"], other)
    bea.start("--connect", ada.address)
    wait(lambda: any(row["role"] == "applicant" for row in ada.rows("members")))
    ada.ok("vouch", other.split()[0])
    ada.ok("admit", other.split()[0])
    wait(lambda: bea.json("whoami")["role"] == "member")
    identity = ada.json("propose", title, "--text", str(texts))["id"]
    ada.ok("vote", identity, "yes", "--yes", "--reason", reason)
    ada.ok("mandate", role, "--holder", other.split()[0], "--power", "keys")
    ada.ok("say", message, "--topic", topic)
    ada.ok("say", letter, "--to", other.split()[0])
    wait(lambda: message in bea.ok("read"))
    ada.ok("check")
    ada.ok("stick", str(stick))
    ada.ok("export", "--file", str(tmp_path / "bundle"))
    ada.ok("backup", str(tmp_path / "backup"))
    ada.ok("backup", "--test", str(tmp_path / "backup"))
    (tmp_path / "qr").write_text(ada.ok("qr", "--since", "1h", "--text"))
    ada.run("doctor")
    for shell in (ada, bea):
        shell.stop(signal.SIGKILL)
    (folder,) = assemblies(ada.home)
    keys, _ = keystore.load(folder, passphrase)
    assert keys.member is not None
    secrets = (keys.device.seed, keys.member.seed, keys.transport.secret, keys.sealing.secret, keys.database)
    wanted = {way: words for words in CANARIES for way in _ways(words)}
    wanted |= {way: "a key" for key in secrets for way in (key, key.hex().encode(), text_of(key).encode())}
    looked = 0
    for path in tmp_path.rglob("*"):
        assert not any(words.split()[0].lower() in path.name.lower() for words in CANARIES)
        if path.is_file():
            data = path.read_bytes()
            looked += 1
            assert [words for way, words in wanted.items() if way in data] == [], path
    assert looked > 10
    assert any(each.name.endswith("-wal") for each in folder.iterdir()), "what a killed daemon leaves is among it"
