"""Words alone for a screen reader; and odd terminals: narrow, without colour, without letters, without a locale."""

import os
import pty
import re
import subprocess
from fcntl import ioctl
from struct import pack
from termios import TIOCSWINSZ

import pytest

from tests.commands.shell import MESHD

NAMES = ["Ада", "مريم", "שרה 7", "美咲"]
"""Names in four scripts, two of them from right to left."""


def on_terminal(shell, *words, columns=80):
    """What a command prints on a terminal of that width."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [*MESHD, "--home", str(shell.home), *words], env={**shell.env, "TERM": "xterm-256color", "COLUMNS": str(columns)},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    printed = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # what Linux says at a terminal's end
            break
        if not chunk:
            break
        printed += chunk
    os.close(ours)
    assert process.wait(300) == 0, printed.decode()
    return printed.decode().replace("\r\n", "\n")


@pytest.fixture
def votes(ada):
    """Something to list: titles and options in many scripts, with what could steer a terminal in them."""
    ada.start()
    found = [ada.ok("propose", f"Oven for {name}", "--policy", "significant").split()[0] for name in NAMES]
    ada.ok("propose", "Who \u202ekeeps\u202c the key \u2067x", *(f"--option={each}" for each in NAMES))
    ada.ok("vote", found[0], "yes", "--yes")
    ada.ok("say", "Who brings flour?")
    return found


def test_plainly_each_fact_has_a_line_of_its_own(ada, votes, tmp_path):
    ada.env["MESHD_PLAIN"] = "1"
    (tmp_path / "papers.blt").write_text('3 1\n2 1 2 0\n2 2 0\n1 3 2 0\n0\n"Ada"\n"Bo"\n"Cem"\n"A chair"\n')
    counted = ["count", str(tmp_path / "papers.blt"), "--method", "irv"]
    for run in (lambda *words: ada.ok(*words), lambda *words: on_terminal(ada, *words)):
        listed = run("list")
        assert f"\nid: {votes[1][:8]}\nstate: open\n" in listed
        assert "title: Oven for مريم" in listed
        for words in (["list"], ["show", votes[0]], ["status"], ["why", votes[0]], ["members"], ["home"], ["policies"],
                      ["peers"], ["help"], ["help", "election"], ["readiness"], ["topics"], ["whoami"], ["read"],
                      ["log"], ["--help"], ["vote", "--help"], counted):  # fmt: skip
            said = run(*words)
            assert "\x1b" not in said, words
            if words[:2] != ["help", "election"]:
                assert not re.search(r"\S {2,}\S|\t", said), words
            assert not re.search("[▁▂▃▄▅▆▇█│─┃━]", said), words
        assert "holds: 1 member may vote" in run("why", votes[0])
        assert "\nmember key: " in run("whoami")
        assert "\nCHOICE: yes, no, abstain" in run("vote", "--help")
        assert "\nvote: cast your ballot\n" in run("--help")
        assert "\nAda: 2\nBo: 2\nCem: 1\n" in run(*counted)
        assert re.search(r"^[\d-]+ [\d:]+: Ada·\w{4}, ", run("read"), re.MULTILINE)
    said = ada.run("doctor").stdout
    assert "ok: " in said
    assert not re.search(r"\S {2,}\S", said)
    ada.env["MESHD_PLAIN"] = "0"
    assert "\t" in ada.ok("list")


def test_what_could_steer_a_terminal_does_not(ada, votes):
    for run in (ada.ok, lambda *words: on_terminal(ada, *words, columns=200)):
        said = run("list")
        assert ("\u2068مريم\u2069 0" in said) is (run != ada.ok), "what keeps a number beside its name is our own"
        for line in said.splitlines():
            assert line.count("\u2068") == line.count("\u2069")
        said = said.replace("\u2068", "").replace("\u2069", "")
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", said)
        assert "Who \N{REPLACEMENT CHARACTER}keeps" in said
        for name in NAMES:
            assert name in said


def test_sixty_columns_are_enough(ada, votes):
    from rich.cells import cell_len

    for words in (["list"], ["members"], ["help"], ["help", "election"]):
        said = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", on_terminal(ada, *words, columns=60))
        wide = [line for line in said.split("\n") if cell_len(line.rstrip()) > 60]
        assert not wide or (words == ["help"] and all(line.startswith("`meshd help") for line in wide)), wide


@pytest.mark.parametrize(
    "env", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LANG": "nonsense"},
            {"PYTHONIOENCODING": "latin-1"}]
)  # fmt: skip
def test_without_a_locale_and_without_letters_everything_is_said(ada, votes, env):
    for name in ("LC_ALL", "LANG", "LC_CTYPE"):
        ada.env.pop(name, None)
    ada.env |= env
    ada.fresh = True
    done = subprocess.run(
        [*MESHD, "--home", str(ada.home), "list"], env=ada.env | {"PYTHONWARNINGS": ""}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode("utf-8", "backslashreplace")
    assert votes[1][:8] in said
    assert "مريم" in said or "\\u0645" in said
