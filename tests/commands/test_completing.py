"""What a shell offers: the protocol of the shells' own scripts, and the whole way through a real bash."""

import os
import shutil
import signal
import subprocess

import pytest

from meshd_cli.completing import SHELLS
from tests.commands.shell import MESHD


def _offered(shell, line):
    """What is offered at the end of a line."""
    return [each.partition(":")[0].replace("\\", "").strip() for each in _described(shell, line)]


def _described(shell, line):
    """What is offered, each with what it is."""
    answer = shell.home.parent / "offered"
    answer.unlink(missing_ok=True)
    env = shell.env | {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_SHELL": "zsh", "_ARGCOMPLETE_IFS": "\n", "COMP_TYPE": "9",
        "COMP_LINE": line, "COMP_POINT": str(len(line.encode())), "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "MESHD_HOME": str(shell.home),
    }  # fmt: skip
    env.pop("MESHD_PASSPHRASE", None)  # nothing may need it
    done = subprocess.run(MESHD, env=env, capture_output=True, text=True, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    lines = answer.read_text().split("\n") if answer.exists() else []
    return [each for each in lines if each]


def test_commands_options_and_topics_need_no_daemon(ada):
    assert _offered(ada, "meshd vo") == ["vouch", "vote", "voice", "voices"]
    assert _offered(ada, "meshd propose X --pol") == ["--policy"]
    assert {"--open", "--mine"} <= set(_offered(ada, "meshd list --"))
    assert _offered(ada, "meshd vote k3fq --rea") == ["--reason"]
    assert {"--option", "--closes", "--seats"} <= set(_offered(ada, "meshd propose X --"))
    assert _offered(ada, "meshd propose X --closes ") == []
    assert _offered(ada, "meshd help hold-an") == ["hold-an-election"]
    assert _offered(ada, "meshd completion ") == list(SHELLS)
    assert _offered(ada, "meshd vote ") == []
    assert "vote" in _offered(ada, "meshd nonsense ")
    assert "meshd" not in "".join(_offered(ada, "meshd show k --j"))


def test_ids_names_and_choices_come_from_the_daemon(ada):
    ada.start()
    first = ada.ok("propose", "An oven").split()[0]
    second = ada.ok("propose", "Who keeps the key", "--option", "Ada", "--option", "Bo Ek", "--option", "مريم").split()[
        0
    ]
    ada.ok("say", "Hello", "--topic", "kitchen")
    mandate = ada.ok("mandate", "Buys flour", "--holder", "Ada", "--power", "buy flour").split()[0]
    ada.ok("vote", mandate, "yes", "--yes")
    assert _offered(ada, "meshd vote ") == [second[:8], first[:8]], "what is open, the newest first"
    assert set(_offered(ada, "meshd show ")) == {first[:8], second[:8], mandate[:8]}
    assert _offered(ada, f"meshd vote {first[:8]} ") == ["yes", "no", "abstain"]
    assert _offered(ada, f"meshd vote {second[:8]} ") == ["Ada", "Bo Ek", "مريم", "blank"]
    assert _offered(ada, f"meshd vote {second[:8]} Ada ") == ["Ada", "Bo Ek", "مريم", "blank"]
    assert _offered(ada, "meshd read --topic ") == ["kitchen"]
    assert _offered(ada, f"meshd act {mandate[:8]} Text --power ") == ["buy flour"]
    assert "significant" in _offered(ada, "meshd propose X --policy s")
    assert _offered(ada, "meshd vote nonsense ") == []
    words = ("Supper", "--option", "Soup", "--option", "Rice", "--method", "score", "--policy", "election")
    supper = ada.ok("propose", *words).split()[0]
    assert _offered(ada, f"meshd vote {supper[:8]} ") == ["Soup=", "Rice=", "blank"]
    assert {"schulze", "score"} <= set(_offered(ada, "meshd propose X --method "))
    assert _offered(ada, "meshd amend standard --method ") == ["yes-no", "consent", "election"]
    assert {"adopt", "drop", "show", "co-op"} <= set(_offered(ada, "meshd institutions "))
    assert "co-op" in _offered(ada, "meshd institutions adopt ")
    assert _offered(ada, "meshd institutions drop ") == [], "nothing is adopted yet"
    minutes = ada.ok("minutes", "Monday", "--text", "-", stdin="We met.").split()[0]
    assert minutes[:8] in _offered(ada, "meshd minutes ")
    assert {minutes[:8], "tree", first[:8]} <= set(_offered(ada, "meshd print "))
    assert "roster" in _offered(ada, "meshd prove ")
    assert _offered(ada, "meshd vouch ") == [], "nobody asks to join"
    ada.ok("lock")
    assert _offered(ada, "meshd show ") == [], "a locked one says nothing, and nobody is asked for a passphrase"


def test_what_a_stranger_wrote_steers_no_terminal(ada):
    ada.start()
    identity = ada.ok("propose", "An\noven\x1b[2J", "--option", "a\x1b[2J", "--option", "b", "--policy", "election")
    short = identity.split()[0][:8]
    ada.ok("propose", "Another")
    assert f"{short}:An oven\N{REPLACEMENT CHARACTER}[2J" in _described(ada, "meshd show ")
    assert _offered(ada, f"meshd vote {short} ") == ["b", "blank"]


def test_files_are_completed_where_a_file_is_meant(ada, tmp_path):
    (tmp_path / "ledger.blt").touch()
    assert _offered(ada, f"meshd count {tmp_path}/led") == [f"{tmp_path}/ledger.blt"]
    assert _offered(ada, f"meshd say {tmp_path}/led") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_takes_its_script(ada, shell, tmp_path):
    script = ada.ok("completion", shell)
    assert "_ARGCOMPLETE" in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} here")
    (tmp_path / "script").write_text(script)
    checked = subprocess.run([program, "-n", str(tmp_path / "script")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_bash_completes_a_whole_line(ada, tmp_path):
    ada.start()
    identity = ada.ok("propose", "An oven").split()[0][:8]
    (tmp_path / "meshd").write_text(f'#!/bin/sh\nexec {" ".join(MESHD)} "$@"\n')
    (tmp_path / "meshd").chmod(0o755)
    (tmp_path / "script").write_text(ada.ok("completion", "bash"))
    line = f"meshd --home {ada.home} vote "
    asked = (
        f'. {tmp_path}/script; COMP_LINE="{line}"; COMP_POINT={len(line)}; COMP_TYPE=9; '
        'COMP_WORDS=($COMP_LINE ""); COMP_CWORD=4; _python_argcomplete meshd; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    env = ada.env | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", asked], env=env, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == identity, done.stderr


def test_a_daemon_that_is_stopped_holds_up_nobody(ada):
    ada.start()
    ada.ok("propose", "An oven")
    ada.daemon.send_signal(signal.SIGSTOP)
    try:
        assert _offered(ada, "meshd vote ") == []
    finally:
        ada.daemon.send_signal(signal.SIGCONT)
    assert len(_offered(ada, "meshd vote ")) == 1
