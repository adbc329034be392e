"""The Debian package, built and installed for real: in a root of its own over this machine's, without a network.

Skipped where this is no Debian, or the kernel gives no such root. `just deb-clean` does the same on bare Debian 12 and 13.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import MEMORY, has_room

ROOT = Path(__file__).parents[2]
PATIENCE = 600


def _is_able():
    return (
        os.geteuid() == 0
        and all(shutil.which(each) for each in ("dpkg-deb", "dpkg", "unshare", "mount"))
        and Path("/usr/bin/python3").exists()
    )


pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not _is_able(), reason="this is no Debian on which a package can be installed as root"),
]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    out = tmp_path_factory.mktemp("deb")
    done = subprocess.run(
        [sys.executable, str(ROOT / "packaging/build_deb.py"), "--out", str(out)],
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


_INSIDE = 'mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'


class Box:
    """A root of its own over this machine's: what is written there is thrown away. Commands run without a network."""

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "root"
        for name in ("upper", "work", "root"):
            (folder / name).mkdir()
        where = f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work"
        done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", where, str(self.root)], capture_output=True)
        if done.returncode:
            pytest.skip("the kernel gives no overlay here")

    def run(self, *words, ok=True):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", "MESHD_PASSPHRASE": "pw"}
        done = subprocess.run(
            ["unshare", "--net", "--mount", "--pid", "--fork", "sh", "-c", _INSIDE, str(self.root), *words],
            env=env, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert not ok or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def close(self):
        subprocess.run(["umount", str(self.root)], check=True)


@pytest.fixture
def box():
    folder = (MEMORY if has_room(MEMORY) else Path("/var/tmp")) / f"meshd-deb-{os.getpid()}"
    folder.mkdir()
    made = None
    try:
        made = Box(folder)
        yield made
    finally:
        if made is not None:
            made.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_what_is_in_it(package):
    names = subprocess.run(["dpkg-deb", "--contents", str(package)], capture_output=True, text=True).stdout
    for place in ("./usr/bin/meshd", "./usr/lib/systemd/user/meshd.service", "./usr/lib/systemd/system/meshd.service",
                  "./usr/share/man/man1/meshd.1.gz", "./usr/share/bash-completion/completions/meshd"):  # fmt: skip
        assert place in names
    for python in ("cp311", "cp313"):
        assert f"sqlcipher3-0.6.4-{python}" in names or f"-{python}-" in names
    control = subprocess.run(["dpkg-deb", "--field", str(package)], capture_output=True, text=True).stdout
    assert "Depends: python3 (>= 3.11)" in control
    assert "@" not in control.replace("meshd@localhost", "")


def test_it_installs_decides_upgrades_and_goes(package, box):
    """Without a network; what people have stays through all of it."""
    (box.root / "var/tmp/meshd.deb").write_bytes(package.read_bytes())
    box.run("dpkg", "--install", "/var/tmp/meshd.deb")
    assert box.run("meshd", "--version").stdout.startswith("meshd ")
    commands = [
        ["meshd", "init", "Bakery", "--as", "Ada"],
        ["meshd", "propose", "An oven"],
    ]
    box.run(*commands[0])
    identity = box.run(*commands[1]).stdout.strip()
    voted = box.run("meshd", "vote", identity[:8], "yes", "--yes")
    assert "Your ballot is cast" in voted.stdout
    assert len(commands) + 2 <= 5, "commands from the package to the first vote"
    assert "ExecStart=/usr/bin/meshd run" in box.run("meshd", "service", "install", "--show").stdout
    first = os.readlink(box.root / "opt/meshd/venv")
    evil = box.root / "tmp/evil"
    evil.mkdir()
    (evil / "json.py").write_text("raise SystemExit('run from here')")
    said = box.run("sh", "-c", "cd /tmp/evil && PYTHONPATH=/tmp/evil meshd list").stdout
    assert "An oven" in said
    box.run("dpkg", "--install", "/var/tmp/meshd.deb")
    assert os.readlink(box.root / "opt/meshd/venv") != first
    assert {each.name for each in (box.root / "opt/meshd").glob("venv-*")} == {
        first, os.readlink(box.root / "opt/meshd/venv"),
    }, "of the one before people's daemons may still need something"  # fmt: skip
    assert "An oven" in box.run("meshd", "list").stdout
    removed = box.run("dpkg", "--remove", "meshd")
    assert "Homes stay" in removed.stdout
    assert not (box.root / "opt/meshd").exists()
    assert not (box.root / "usr/bin/meshd").exists()
    assert list((box.root / "root/.local/share/meshd").glob("*/log.db"))
    box.run("dpkg", "--install", "/var/tmp/meshd.deb")
    assert "An oven" in box.run("meshd", "list").stdout


def test_killed_in_the_middle_and_on_a_full_disk_the_old_one_stays(package, box):
    (box.root / "var/tmp/meshd.deb").write_bytes(package.read_bytes())
    box.run("dpkg", "--install", "/var/tmp/meshd.deb")
    box.run("meshd", "init", "Bakery", "--as", "Ada")
    first = os.readlink(box.root / "opt/meshd/venv")
    upgrade = subprocess.Popen(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "chroot", str(box.root), "dpkg", "--install",
         "/var/tmp/meshd.deb"],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while len(list((box.root / "opt/meshd").glob("venv-*"))) < 2:
        assert time.monotonic() < deadline
        assert upgrade.poll() is None, "it was over before it was killed"
        time.sleep(0.01)
    upgrade.send_signal(signal.SIGKILL)
    upgrade.wait()
    assert os.readlink(box.root / "opt/meshd/venv") == first
    assert "Bakery" in box.run("meshd", "whoami").stdout
    box.run("dpkg", "--configure", "--pending")
    assert len(list((box.root / "opt/meshd").glob("venv-*"))) == 2, "half an environment is taken away"
    assert "Bakery" in box.run("meshd", "whoami").stdout


def test_on_a_full_disk_the_old_one_stays(package, box):
    (box.root / "var/tmp/meshd.deb").write_bytes(package.read_bytes())
    opt = box.root / "opt"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(opt)], check=True)
    try:
        box.run("dpkg", "--install", "/var/tmp/meshd.deb")
        box.run("meshd", "init", "Bakery", "--as", "Ada")
        before = os.readlink(opt / "meshd/venv")
        used = shutil.disk_usage(opt).used // 1024 + 8 * 1024
        subprocess.run(["mount", "-o", f"remount,size={used}k", str(opt)], check=True)
        broken = box.run("dpkg", "--install", "/var/tmp/meshd.deb", ok=False)
        assert broken.returncode != 0
        assert "No space left" in broken.stdout + broken.stderr
        assert os.readlink(opt / "meshd/venv") == before
        assert "Bakery" in box.run("meshd", "whoami").stdout
        subprocess.run(["mount", "-o", "remount,size=400m", str(opt)], check=True)
        box.run("dpkg", "--install", "/var/tmp/meshd.deb")
        assert {each.name for each in (opt / "meshd").glob("venv-*")} == {before, os.readlink(opt / "meshd/venv")}
    finally:
        subprocess.run(["umount", str(opt)], check=True)


def test_a_fresh_pi_applies_and_starts_by_itself(package, box, tmp_path):
    """What the card has a Pi do at its first start, twice, as after a power cut; systemd is played."""
    from tests.commands.shell import Shell

    ada = Shell(tmp_path / "ada")
    ada.found("Bakery", "Ada")
    folder = box.root / "boot/firmware"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.txt", "cmdline.txt", "meta-data"):
        (folder / name).touch()
    named = tmp_path / "meshd_0.1.0_arm64.deb"
    named.write_bytes(package.read_bytes())
    ada.ok("pi-card", str(folder), "--deb", str(named), "--ticket", ada.json("invite")["ticket"], "--as", "Cellar")
    for name in ("systemctl", "udevadm"):
        (box.root / "usr/local/sbin" / name).write_text(f"#!/bin/sh\necho {name} $* >>/var/tmp/asked\n")
        (box.root / "usr/local/sbin" / name).chmod(0o755)
    first = ["env", "-u", "MESHD_PASSPHRASE", "PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "sh",
             "/boot/firmware/meshd/first-start.sh"]  # fmt: skip
    box.run(*first, "arm")
    unit = (box.root / "etc/systemd/system/meshd-first-start.service").read_text()
    assert "ExecStart=/bin/sh /boot/firmware/meshd/first-start.sh\n" in unit
    box.run(*first)
    assert not (folder / "meshd/ticket").exists(), "a ticket is used up"
    secret = box.root / "etc/credstore/meshd.passphrase"
    assert (secret.stat().st_mode & 0o777, secret.stat().st_uid) == (0o600, 0)
    passphrase = secret.read_text()
    (keys,) = (box.root / "var/lib/meshd").glob("*/keys.sealed")
    assert keys.stat().st_uid == (box.root / "var/lib/meshd").stat().st_uid != 0
    asked = (box.root / "var/tmp/asked").read_text()
    assert "systemctl enable --now meshd.service" in asked
    assert asked.endswith("systemctl disable meshd-first-start.service\n")
    box.run(*first, "arm")
    assert (box.root / "var/tmp/asked").read_text() == asked, "it is done"
    box.run(*first)
    assert secret.read_text() == passphrase
    said = box.run("sh", "-c", "MESHD_PASSPHRASE=$(cat /etc/credstore/meshd.passphrase) runuser -u meshd -- "
                   "env MESHD_HOME=/var/lib/meshd meshd --json whoami")  # fmt: skip
    assert '"person": "Cellar"' in said.stdout
