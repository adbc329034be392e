"""Watching: what is new for a person, as it happens; the line at a login; help that needs nothing."""

import json
import signal
import subprocess
from pathlib import Path

from tests.commands.shell import MESHD, wait


def _watch(shell, *words):
    return subprocess.Popen(
        [*MESHD, "--home", str(shell.home), *words, "watch"],
        env=shell.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _lines(process):
    """Its lines of JSON, one after the other."""
    return iter(lambda: json.loads(process.stdout.readline()), None)


def test_it_tells_what_waits_and_what_comes_once_each(shells, ada):
    ada.start()
    bo = shells("bo")
    bo.apply(ada.json("invite")["ticket"], "Bo")
    first = ada.ok("propose", "An oven").split()[0]
    watching = _watch(ada, "--json")
    lines = _lines(watching)
    assert next(lines) == {
        "what": "vote", "text": next_text(ada), "command": f"meshd vote {first[:8]}",
    }  # fmt: skip
    bo.start("--connect", ada.address)
    said = next(lines)
    while said["what"] == "pending":
        said = next(lines)
    assert (said["what"], said["command"][:12]) == ("vouch", "meshd vouch ")
    ada.ok("vote", first, "yes", "--yes")
    second = ada.ok("propose", "Bikes").split()[0]
    assert next(said for said in lines if said["what"] == "vote")["command"] == f"meshd vote {second[:8]}"
    ada.stop()
    out, error = watching.communicate(timeout=300)
    assert "the daemon has stopped" in error
    assert watching.returncode == 0


def next_text(shell):
    from meshd_cli.news import items

    return items(shell.json("home"))[0].text


def test_for_people_it_has_a_time_and_the_command(ada):
    ada.start()
    watching = _watch(ada)
    assert watching.stderr.readline() == "Nothing waits for you. What is new is told here, until Ctrl-C.\n"
    identity = ada.ok("propose", "An oven").split()[0]
    line = watching.stdout.readline()
    assert line[2] == ":"
    assert "Vote: An oven" in line
    assert watching.stdout.readline() == f"         meshd vote {identity[:8]}\n"
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=300)
    assert watching.returncode == 0


def test_without_a_daemon_and_with_a_locked_one_it_says_so(ada):
    assert "nothing to watch" in ada.fails(1, "watch")[0]
    ada.start()
    ada.ok("lock")
    wait(lambda: ada.json("status").get("locked"))
    assert "locked" in ada.fails(11, "watch")[0]


def test_a_line_at_login_is_quick_and_asks_nothing(ada):
    secret = ada.env.pop("MESHD_PASSPHRASE")
    assert ada.ok("home", "--line") == ""
    ada.env["MESHD_PASSPHRASE"] = secret
    ada.start()
    assert ada.ok("home", "--line") == ""
    ada.ok("propose", "An oven")
    line = ada.ok("home", "--line")
    assert line.startswith("Bakery: 1 thing waits for you: Vote: An oven")
    assert line.endswith("`meshd` shows all.\n")
    ada.ok("lock")
    wait(lambda: ada.json("status").get("locked"))
    assert ada.ok("home", "--line") == ""


def test_help_shows_pages_and_commands(ada):
    rows = ada.rows("help")
    assert {"name": "hold-an-election", "title": "Hold an election"} in rows
    assert ada.ok("help", "hold-an-election").startswith("# Hold an election\n")
    assert ada.ok("help", "Election") == ada.ok("help", "hold-an-election")
    assert {row["name"] for row in ada.rows("help", "keep")} == {
        "keep-a-budget", "keep-institutions", "keep-the-roster", "meet-and-follow-up",
    }  # fmt: skip
    assert ada.ok("help", "vote").startswith("usage: meshd vote")
    for words in (["nonsense"], ["../../README"], ["/etc/passwd"]):
        assert "no page and no command" in ada.fails(4, "help", *words)[0]


def test_what_is_plugged_in(ada, tmp_path, monkeypatch):
    """Whatever is mounted here: a stick with records of this assembly is told from one without, and from a disk."""
    from meshd.app import alone
    from meshd.service import carry
    from meshd.sneakernet.mounts import Mount, is_removable
    from meshd_protocol.control import Request

    stick = tmp_path / "stick"
    stick.mkdir()
    ada.ok("export", str(stick))
    plugged = [Mount(1, stick), Mount(2, Path("/media/ada/EMPTY")), Mount(3, Path("/home"))]
    monkeypatch.setattr(carry, "mounted", lambda: plugged)
    found = alone.ask(ada.home, Request("stick", {}, None), lambda: "pw", lambda *_: None)
    assert found == {"plugged": [{"path": str(stick), "ours": True}, {"path": "/media/ada/EMPTY", "ours": False}]}
    assert not is_removable(Path("/mediatheque/x"))


def test_a_daemon_that_locks_has_not_stopped(ada):
    ada.start()
    watching = _watch(ada)
    assert watching.stderr.readline().startswith("Nothing waits")
    ada.ok("lock")
    _, error = watching.communicate(timeout=300)
    assert watching.returncode == 11
    assert "meshd unlock" in error
    ada.stop()
    assert "no program" in ada.fails(2, "run", "--sticks", "--stick-hook", "lamp")[0]
