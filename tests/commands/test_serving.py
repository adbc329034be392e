"""The daemon as a service: its units, what systemd is asked, the passphrase as a credential; and a card for a Pi."""

import json
import os
import re
import shutil
import subprocess

import pytest

from meshd_cli.services import quoted, unit_text
from tests.commands.shell import MESHD, wait

EXPOSURE = 2.0


@pytest.fixture
def systemd(ada, tmp_path):
    """A systemd that notes what it is asked, and knows of one unit. The home is the default one."""
    asked = tmp_path / "asked"
    asked.touch()
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "systemctl").write_text(f"""#!/bin/sh
echo "systemctl $*" >>{asked}
case "$2" in
is-enabled) echo disabled; exit 1 ;;
is-active) echo inactive; exit 3 ;;
esac
""")
    (tools / "systemd-run").write_text("#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\nexec $1\n")
    (tools / "loginctl").write_text("#!/bin/sh\necho Linger=no\n")
    for each in tools.iterdir():
        each.chmod(0o755)
    ada.env |= {"PATH": f"{tools}:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    ada.fresh = True
    return asked


def test_a_unit_is_installed_told_of_and_removed(ada, systemd, tmp_path):
    unit = tmp_path / "config/systemd/user/meshd.service"
    assert ada.json("service", "status")["unit"] is None
    assert "Not installed" in ada.ok("service", "status")
    found = ada.json("service", "install", "--sticks", "--lock-after", "2h")
    assert found["unit"] == str(unit)
    line = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    assert line.endswith(f"--home {ada.home} run --sticks --lock-after 2h")
    said = systemd.read_text().splitlines()
    assert [each.removeprefix("systemctl --user ") for each in said if "is-" not in each and "show" not in each] == [
        "daemon-reload", "enable meshd.service", "restart meshd.service",
    ]  # fmt: skip
    told = ada.ok("service", "status")
    assert str(unit) in told
    assert "does not answer" in told
    assert "starts at your login" in told
    assert str(ada.home) in ada.ok("service", "remove")
    assert not unit.exists()
    assert ada.home.is_dir()
    assert "no unit" in ada.fails(1, "service", "remove")[0]
    for words in (["remove", "--show"], ["status", "--sticks"]):
        assert "takes no options" in ada.fails(2, "service", *words)[0]
    assert ada.fails(2, "service", "install", "--listen", "nonsense")[0]
    ada.env["MESHD_HOME"] = str(ada.home)
    shown = subprocess.run([*MESHD, "service", "install", "--show"], env=ada.env, capture_output=True, text=True).stdout
    assert f"--home {ada.home} run" in shown, "systemd does not know MESHD_HOME"


def test_where_the_kernel_gives_no_namespaces_the_unit_asks_for_none(ada, systemd, tmp_path):
    assert "PrivateUsers=yes" in ada.ok("service", "install", "--show")
    (tmp_path / "tools/systemd-run").write_text("#!/bin/sh\nexit 1\n")
    assert "PrivateUsers=yes" in ada.ok("service", "install", "--show"), "where nothing can be tried"
    (tmp_path / "tools/systemd-run").write_text("#!/bin/sh\nexit 217\n")
    said = ada.run("service", "install")
    assert said.returncode == 0
    assert "no namespaces" in said.stderr
    unit = (tmp_path / "config/systemd/user/meshd.service").read_text()
    settings = {line.partition("=")[0] for line in unit.splitlines() if "=" in line}
    assert not {each for each in settings if each.startswith(("Private", "Protect", "Capability"))}
    assert {"ExecStart", "NoNewPrivileges", "SystemCallFilter", "WantedBy"} <= settings


def test_a_service_without_a_home_ends_with_a_code_that_systemd_takes_for_final(ada, tmp_path):
    """Else it would begin anew every five seconds, for ever, with a word about a passphrase."""
    for kind in ("user", "system"):
        assert "\nRestartPreventExitStatus=10\n" in unit_text(kind, ["meshd"], [])
    del ada.env["MESHD_PASSPHRASE"]
    done = subprocess.run(
        [*MESHD, "--home", str(tmp_path / "none"), "run"], env=ada.env, capture_output=True, text=True
    )
    assert done.returncode == 10
    assert "there is no assembly" in done.stderr


def test_a_daemon_that_runs_by_hand_is_left_alone(ada, systemd):
    ada.start()
    said = ada.run("service", "install")
    assert said.returncode == 0
    assert "runs here by hand" in said.stderr
    assert "runs now" not in said.stdout
    assert "restart" not in systemd.read_text()
    assert ada.json("service", "status")["running"] is True
    ada.ok("lock")
    wait(lambda: ada.json("service", "status")["locked"])


def test_where_there_is_no_systemd_it_says_so_and_writes_nothing(ada, systemd, tmp_path):
    (tmp_path / "tools/systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    assert "Failed to connect to bus" in ada.fails(1, "service", "install")[0]
    assert not (tmp_path / "config/systemd").exists()
    ada.env["PATH"] = str(tmp_path / "nothing")
    assert "no systemd here" in ada.fails(1, "service", "install")[0]
    assert "systemd does not answer" in ada.ok("service", "status") or "Not installed" in ada.ok("service", "status")


def test_words_of_a_unit_mean_nothing_to_systemd():
    assert quoted("/usr/bin/meshd") == "/usr/bin/meshd"
    assert quoted("a b") == '"a b"'
    assert quoted('%h $X "q" \\') == '"%%h $$X \\"q\\" \\\\"'
    assert quoted("a\nb") == '"a\\nb"'
    assert quoted("") == '""'


@pytest.mark.parametrize("kind", ["user", "system"])
def test_units_are_what_systemd_reads(kind, tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze here")
    unit = tmp_path / "meshd.service"
    unit.write_text(unit_text(kind, [shutil.which("true") or "/bin/true", "--home", "/tmp/a b"], ["--sticks"]))
    checked = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    told = subprocess.run(
        [analyze, "security", "--no-pager", "--offline=yes", str(unit)], capture_output=True, text=True
    )
    found = re.search(r"exposure level for meshd.service: ([\d.]+)", told.stdout)
    assert found is not None, told.stderr
    assert float(found[1]) <= EXPOSURE


def test_the_passphrase_comes_as_a_credential(ada, tmp_path):
    (tmp_path / "meshd.passphrase").write_text(ada.env.pop("MESHD_PASSPHRASE") + "\n")
    ada.fresh = True
    assert "passphrase" in ada.fails(11, "list")[0]
    ada.env["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    assert ada.ok("list") == ""
    ada.env["CREDENTIALS_DIRECTORY"] = str(tmp_path / "nowhere")
    assert "passphrase" in ada.fails(11, "list")[0]


def test_a_folder_that_one_stands_in_runs_nothing(ada, tmp_path):
    """A stick may hold a file called json.py: no part of meshd is looked for where one happens to be."""
    for name in ("json.py", "trio.py", "meshd_page.py", "meshd_cli.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit('ran')\n")
    program = shutil.which("meshd")
    if program is None:
        pytest.skip("meshd is not installed beside these tests")
    ada.start()
    page = subprocess.Popen(
        [program, "--home", str(ada.home), "--json", "page", "--url"], cwd=tmp_path, env=ada.env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert json.loads(page.stdout.readline())["url"].startswith("http://127.0.0.1:")
    page.terminate()
    page.communicate()
    ada.stop()
    daemon = subprocess.Popen(
        [program, "--home", str(ada.home), "--json", "run", "--no-mdns", "--listen", "127.0.0.1:0"], cwd=tmp_path,
        env=ada.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert json.loads(daemon.stdout.readline())["listening"]
    ada.ok("lock")
    assert json.loads(daemon.stdout.readline())["locked"] is True
    daemon.terminate()
    daemon.communicate()
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def boot(tmp_path):
    """A card's boot partition as it is written, and a package."""
    folder = tmp_path / "bootfs"
    folder.mkdir()
    for name in ("config.txt", "cmdline.txt", "meta-data", "network-config"):
        (folder / name).write_text("# as it comes\n")
    (folder / "user-data").write_text("#cloud-config\n# hostname: raspberrypi\n")
    package = tmp_path / "meshd_0.1.0_arm64.deb"
    package.write_bytes(b"!<arch>\ndebian-binary   and so on")
    return folder, package


def test_a_card_has_what_a_pi_needs(ada, boot):
    folder, package = boot
    ticket = ada.json("invite")["ticket"]
    written = ada.json("pi-card", str(folder), "--deb", str(package), "--ticket", ticket, "--as", "Cellar")["written"]
    assert written[-1] == "user-data", "what has it all begin is written last"
    text = (folder / "user-data").read_text()
    assert text.startswith("#cloud-config\n")
    config = json.loads(text.partition("\n")[2])
    assert config == {"hostname": "meshd", "bootcmd": [["sh", "/boot/firmware/meshd/first-start.sh", "arm"]]}
    assert (folder / "meshd/meshd.deb").read_bytes() == package.read_bytes()
    assert (folder / "meshd/ticket").read_text() == f"{ticket}\n"
    assert (folder / "meshd/name").read_text() == "Cellar\n"
    assert "systemd-mount" in (folder / "meshd/sticks.rules").read_text()
    assert (folder / "meta-data").read_text() == "# as it comes\n"
    assert subprocess.run(["sh", "-n", str(folder / "meshd/first-start.sh")]).returncode == 0
    assert not list(folder.rglob("*.new"))
    again = ada.json("pi-card", str(folder), "--deb", str(package), "--hostname", "cellar-2", "--no-sticks")["written"]
    assert again[-1] == "user-data", "its own part is written over"
    assert not (folder / "meshd/ticket").exists(), "what is not asked for any more goes"
    assert not (folder / "meshd/sticks.rules").exists()


def test_what_somebody_has_set_up_on_a_card_stays(ada, boot):
    folder, package = boot
    (folder / "user-data").write_text("#cloud-config\nusers:\n- name: ada\n")
    written = ada.json("pi-card", str(folder), "--deb", str(package))["written"]
    assert written[-1] == "vendor-data"
    assert (folder / "user-data").read_text() == "#cloud-config\nusers:\n- name: ada\n"
    (folder / "user-data").write_text("#cloud-config\nbootcmd:\n- [true]\n")
    assert "bootcmd of its own" in ada.fails(1, "pi-card", str(folder), "--deb", str(package))[0]


def test_what_is_no_card_no_package_and_no_ticket_is_said(ada, boot, tmp_path):
    folder, package = boot
    words = ["pi-card", str(folder), "--deb", str(package)]
    assert "not the boot partition" in ada.fails(1, "pi-card", str(tmp_path), "--deb", str(package))[0]
    assert "cannot read" in ada.fails(1, "pi-card", str(folder), "--deb", str(tmp_path / "no.deb"))[0]
    other = tmp_path / "meshd_0.1.0_amd64.deb"
    other.write_bytes(package.read_bytes())
    assert "no package of meshd for a Pi" in ada.fails(1, "pi-card", str(folder), "--deb", str(other))[0]
    assert "ticket" in ada.fails(1, *words, "--ticket", "nonsense")[0]
    assert "cut" in ada.fails(2, *words, "--ticket", ada.json("invite")["ticket"][:200])[0]
    assert "no name on a network" in ada.fails(2, *words, "--hostname", "a b")[0]
    for name in ("user-data", "meta-data", "network-config"):
        (folder / name).unlink()
    assert "reads no cloud-init" in ada.fails(1, *words)[0]
    assert not (folder / "meshd").exists()
