"""The grammar of `cli.md` on real homes: every verb with its stable keys, exit codes, silence, with and without a daemon."""

import json
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from meshd.app import alone
from meshd.app.alone import opened
from meshd.assembly.assembly import World
from meshd.service import proposing
from meshd.service.context import Context
from meshd.store import tables
from meshd_protocol.bundle import FILE_MAGIC
from tests.commands.forks import Process
from tests.commands.shell import MESHD, PATIENCE, Shell, wait
from tests.worlds import CHEAP

KEYS = {
    "whoami": {"assembly", "name", "member", "device", "person"},
    "members": {"person", "member", "role"},
    "show": {
        "id", "title", "policy", "state", "outcome", "leading", "counts", "electorate", "seen", "roster", "closes_ms",
    },
    "status": {"records", "chains", "digest", "peers", "pending", "forks", "unlocked"},
    "export": {"records", "bytes", "segments", "damaged"},
    "check": {"ok", "records", "problems"},
}  # fmt: skip


def _role(shell: Shell, person: str) -> str | None:
    return next((row["role"] for row in shell.rows("members") if row["person"] == person), None)


def _tour(shell: Shell, tmp_path) -> dict[str, object]:
    """Every verb that one person can use alone, with its keys; what it showed."""
    who = shell.json("whoami")
    assert KEYS["whoami"] <= set(who)
    assert len(who["assembly"]) == 64
    assert all(KEYS["members"] <= set(row) for row in shell.rows("members"))
    text = tmp_path / "text.txt"
    text.write_text("The whole text,\nin two lines.", encoding="utf-8")
    question = shell.json("propose", "Buy flour", "--text", str(text), "--closes", "3d")["id"]
    assert "The whole text," in shell.ok("show", question[:6])
    assert set(shell.json("vote", question[:6], "yes")) == {"id", "sent"}
    shown = shell.json("show", question)
    assert KEYS["show"] <= set(shown)
    assert (shown["state"], shown["outcome"], shown["counts"]) == (
        "certified",
        "passed",
        {"yes": 1, "no": 0, "abstain": 0},
    )
    explained = shell.json("why", question[:6])
    assert KEYS["show"] <= set(explained)
    reasons = explained["reasons"]
    assert all(set(reason) == {"rule", "holds", "text"} for reason in reasons)
    election = shell.json("propose", "Who speaks?", "--policy", "election", "--option", "Bea", "--option", "Cy")["id"]
    shell.ok("vote", election[:8], "cy", "1")
    assert shell.json("show", election)["leading"] == ["Cy"]
    assert "final: Cy" in shell.ok("list")
    assert [row["title"] for row in shell.rows("list")] == ["Buy flour", "Who speaks?"]
    assert all(KEYS["show"] <= set(row) for row in shell.rows("list"))
    assert set(shell.json("say", "in JSON")) == {"id", "sent"}
    said = shell.run("say", "good morning", "--topic", "mornings")
    assert (said.returncode, said.stdout) == (0, "")
    assert shell.rows("read", "--topic", "mornings")[0]["text"] == "good morning"
    assert {"topic": "mornings", "messages": 1} in shell.rows("topics")
    assert KEYS["status"] <= set(shell.json("status"))
    assert shell.rows("forks") == []
    assert "No forks" in shell.run("forks").stderr
    assert {row["kind"] for row in shell.rows("log")} >= {"genesis", "certificate", "proposal", "ballot", "message"}
    stick = tmp_path / "stick"
    stick.mkdir(exist_ok=True)
    assert KEYS["export"] <= set(shell.json("export", str(stick)))
    assert shell.json("export", str(stick))["segments"] == 0
    assert KEYS["export"] <= set(shell.json("import", str(stick)))
    assert shell.json("export", "--file", str(tmp_path / "all.meshd"))["records"] > 5
    assert shell.json("import", str(tmp_path / "all.meshd"))["records"] == 0
    checked = shell.json("check")
    assert KEYS["check"] <= set(checked)
    assert checked["ok"] is True
    assert shell.json("invite")["ticket"].startswith("meshd:")
    assert shell.json("invite", "--withdraw")["withdrawn"] == 1
    return {"list": shell.rows("list"), "members": shell.rows("members"), "topics": shell.rows("topics")}


def test_every_verb_without_a_daemon_and_with_one(ada, tmp_path):
    shown = _tour(ada, tmp_path)
    ada.start()
    assert ada.rows("list") == shown["list"]
    assert ada.rows("members") == shown["members"]
    assert ada.json("status")["running"] is True
    code, said = ada.stop()
    assert (code, said.strip().splitlines()[-1]) == (0, "stopped")


def test_every_verb_with_a_daemon(ada, tmp_path):
    ada.start()
    shown = _tour(ada, tmp_path)
    assert ada.stop()[0] == 0
    assert ada.rows("list") == shown["list"]


def test_joining_deciding_parting_and_a_stick(shells, ada, tmp_path):
    bea = shells("bea")
    ada.start()
    ticket = ada.json("invite")["ticket"]
    path = tmp_path / "ticket"
    path.write_text(ticket + "\n")
    assert {"assembly", "name", "member", "device", "person"} <= set(
        json.loads(bea.ok("--json", "join", "-", "--as", "Bea", stdin=ticket))
    )
    assert bea.json("whoami")["name"] is None
    assert bea.rows("list") == []
    bea.start()
    wait(lambda: _role(ada, "Bea") == "applicant")
    assert _role(bea, "Bea") == "applicant"
    assert "observer" in ada.ok("vouch", "Bea")
    wait(lambda: _role(bea, "Bea") == "observer")
    assert "only members vote" not in bea.fails(1, "propose", "Not mine to ask")[0]
    admitted = ada.run("--json", "admit", "Bea")
    assert {"id", "role", "warnings"} <= set(json.loads(admitted.stdout))
    wait(lambda: _role(bea, "Bea") == "member")
    assert bea.json("whoami")["name"] == "Bakery"
    question = bea.json("propose", "Buy flour", "--policy", "significant")["id"]
    wait(lambda: any(row["id"] == question for row in ada.rows("list")))
    ada.stop()
    ada.ok("vote", question[:6], "yes")
    assert ada.json("show", question)["state"] == "provisional"
    bea.ok("vote", question[:6], "yes")
    stick = tmp_path / "stick"
    stick.mkdir()
    ada.ok("export", str(stick))
    assert "Buy flour: final: passed" in bea.ok("import", str(stick))
    bea.ok("export", str(stick))
    ada.ok("import", str(stick))
    assert ada.json("why", question) == bea.json("why", question) | {"voted": True}
    assert ada.json("status")["digest"] == bea.json("status")["digest"]
    bea.stop()


def test_meeting_at_an_address(shells, ada):
    bea = shells("bea")
    bea.apply(ada.json("invite")["ticket"], "Bea")
    ada.start()
    bea.start()
    assert bea.json("connect", ada.address) == {"address": ada.address, "connected": True}
    assert any(row["state"] == "waiting" for row in ada.rows("peers"))
    error, hint = bea.fails(1, "connect", "127.0.0.1:1")
    assert "nobody listens there" in error
    assert "keeps trying" in hint
    assert bea.ok("connect", "127.0.0.1:1", "--forget") == "127.0.0.1:1 is tried no longer.\n"
    assert "127.0.0.1:1" not in {row["address"] for row in bea.rows("peers")}
    assert "tries no 127.0.0.1:1" in bea.fails(4, "connect", "127.0.0.1:1", "--forget")[0]
    assert "stays so until that link ends" in bea.ok("connect", ada.address, "--forget")
    assert {row["state"] for row in bea.rows("peers")} == {"waiting"}
    error, hint = ada.fails(1, "connect", ada.address)
    assert "that is this node itself" in error
    assert hint == ""
    assert ada.address not in {row["address"] for row in ada.rows("peers")}
    bea.stop()
    assert bea.rows("peers") == [], "nothing of it is remembered"
    assert "next start" in bea.ok("connect", "127.0.0.1:1")
    assert {row["state"] for row in bea.rows("peers")} == {"away"}
    assert "tried no longer" in bea.ok("connect", "127.0.0.1:1", "--forget")
    assert bea.rows("peers") == []


@pytest.fixture
def untouched(ada):
    """Whatever a test does wrong, the log is afterwards what it was before."""
    before = ada.json("status")["digest"]
    yield
    assert ada.json("status")["digest"] == before


def test_unknown_things_have_their_exit_codes(ada, untouched, shells, tmp_path):
    nobody = shells("nobody")
    assert "no assembly" in nobody.fails(10, "list")[0]
    assert "`meshd init NAME --as YOU`" in nobody.fails(10)[1]
    for words in (
        ["nonsense"],
        ["vote"],
        ["propose"],
        ["list", "--nonsense"],
        ["export"],
        ["propose", "x", "--closes", "soon"],
    ):
        ada.fails(2, *words)
    for words in (
        ["show", "zzzz"],
        ["why", "!"],
        ["vote", "zzzz", "yes"],
        ["vouch", "Nobody"],
        ["admit", "Nobody"],
        ["say", "x", "--about", "zzzz"],
    ):
        ada.fails(4, *words)
    ada.fails(4, "--assembly", "Other", "list")
    ada.fails(2, "connect", "nowhere")
    ada.fails(2, "run", "--listen", "nowhere")
    ada.fails(1, "import", str(tmp_path / "missing"))
    ada.fails(1, "export", str(tmp_path / "missing"))
    ada.fails(1, "propose", "x", "--text", str(tmp_path / "missing"))
    ada.fails(1, "propose", "x" * 500)
    assert "at least 1 record" in ada.fails(2, "log", "--limit", "0")[0]
    ada.fails(2, "init", "", "--as", "Ada")
    ada.fails(1, "init", "x" * 100, "--as", "Ada")
    for ticket in ("meshd:abc", "meshd:", str(tmp_path), "no ticket"):
        ada.fails(1, "join", ticket, "--as", "Ada")
    assert ada.run("list").stderr == "Nothing has been proposed yet.\n"


def test_ballots_that_are_refused(shells, ada):
    ada.fails(2, "propose", "Buy flour", "--closes", "2001-01-01")
    with opened(ada.home, None, lambda: "pw") as assembly:
        question = proposing.propose(
            Context(assembly), {"title": "Buy flour", "policy": "significant", "closes_ms": 1}
        )["id"]
    ada.fails(2, "vote", question[:6], "maybe")
    ada.fails(2, "vote", question[:6], "yes", "no")
    assert "--late" in ada.fails(1, "vote", question[:6], "yes")[1]
    ada.ok("vote", question[:6], "yes", "--late")
    before = ada.json("status")["digest"]
    assert "already" in ada.fails(1, "vote", question[:6], "no", "--late")[0]
    assert ada.json("status")["digest"] == before
    election = ada.json(
        "propose", "Who?", "--policy", "election", "--option", "Anna", "--option", "Ann", "--option", "Bob"
    )["id"]
    ada.fails(2, "propose", "Who?", "--policy", "election", "--option", "Bob", "--option", "Bob")
    ada.fails(4, "vote", election[:8], "Zoe")
    ada.fails(4, "vote", election[:8], "9")
    ada.fails(2, "vote", election[:8], "Bob", "Bob")
    ada.ok("vote", election[:8], "Ann=Bob", "Anna")
    assert ada.json("show", election)["outcome"] == "tie"
    assert "Ann and Bob are tied, and the result depends on it" in ada.ok("why", election)


def test_one_more_ballot_changes_why(ada):
    """Each reason is what a rule returned: of a settled decision, and of an election."""
    for words, ballot in (
        (["propose", "Yes?", "--policy", "significant"], "abstain"),
        (["propose", "Who?", "--policy", "election", "--option", "A", "--option", "B"], "A"),
    ):
        question = ada.json(*words)["id"]
        before = [reason["text"] for reason in ada.json("why", question)["reasons"]]
        ada.ok("vote", question, ballot)
        assert [reason["text"] for reason in ada.json("why", question)["reasons"]] != before


def test_an_expired_ticket(ada, shells):
    from dataclasses import replace

    from meshd_protocol.tickets import read_ticket

    old = replace(read_ticket(ada.json("invite")["ticket"]), expires_ms=1).line()
    assert "has expired" in shells("bea").fails(1, "join", old, "--as", "Bea")[0]


@pytest.mark.parametrize("daemon", [False, True])
def test_who_is_not_let_in_is_told_so_and_what_to_do(ada, shells, daemon):
    """An application whose ticket ran out; whoever reads is told in one line, and scripts get the same as ever."""
    from dataclasses import replace

    from meshd_protocol.tickets import read_ticket

    bea = shells("bea")
    ticket = replace(read_ticket(ada.json("invite")["ticket"]), expires_ms=1).line()
    alone.apply(bea.home, ticket, "Bea", lambda _: "pw", "", world=World(cost=CHEAP, clock=lambda: 0))
    if daemon:
        bea.start()
    for words in ([], ["status"], ["whoami"], ["list"], ["read"], ["members"]):
        done = bea.run(*words)
        told = done.stdout + done.stderr
        assert told.count("our ticket ran out before anybody let you in") == 1, words
        assert "`meshd join TICKET --as YOU`" in told
        scripted = bea.run("--json", *words)
        assert (done.returncode, scripted.returncode, scripted.stderr) == (0, 0, "")
    assert bea.json("whoami")["out"] == "expired"
    assert bea.rows("list") == []


@pytest.mark.parametrize("daemon", [False, True])
def test_who_is_out_is_told_so_while_they_read(ada, shells, tmp_path, daemon):
    question = ada.json("propose", "Buy flour")["id"]
    bea, stick = shells("bea"), str(tmp_path)
    bea.apply(ada.json("invite")["ticket"], "Bea")
    for person, words in ((ada, ["vouch", "Bea"]), (ada, ["admit", "Bea"]), (bea, ["leave", "--yes"])):
        bea.ok("export", stick)
        ada.ok("import", stick)
        assert "You left" not in person.run(*words).stderr
        ada.ok("export", stick)
        bea.ok("import", stick)
    if daemon:
        bea.start()
    for words in (["list"], ["members"], ["show", question], ["why", question], ["read"]):
        done = bea.run(*words)
        assert done.returncode == 0
        assert done.stderr.splitlines()[0].startswith("You left: others' nodes take nothing from this one."), words
        assert done.stderr.count("You left") == 1
        assert "You left" not in str(bea.run("--json", *words))
        assert "You left" not in str(ada.run(*words))
    assert "You left" not in bea.run("topics").stdout


def test_what_a_stick_took_along_is_told_as_sent(ada, shells, tmp_path):
    (tmp_path / "stick").mkdir()
    assert "not yet" in ada.ok("status")
    ada.ok("stick", str(tmp_path / "stick"))
    assert re.search(r"sent      all of yours; on a stick or in a file \d{4}-", ada.ok("status"))
    ada.ok("say", "hello")
    assert "not yet: 1 record of yours" in ada.ok("status")
    bea = shells("bea")
    bea.apply(ada.json("invite")["ticket"], "Bea")
    for home, words in ((bea, ["export"]), (ada, ["import"])):
        home.ok(*words, str(tmp_path / "stick"))
    for words in (["vouch", "Bea"], ["admit", "Bea"], ["stick", str(tmp_path / "stick")]):
        ada.ok(*words)
    assert re.search(r"Reached: Bea·\w+ never; all of it was on a stick or in a file \d{4}-", ada.ok())


def test_bad_records_on_a_stick_are_told_and_change_nothing(ada, tmp_path):
    """A bundle under the right key with a replay from another assembly, integers beyond bounds, and plain nonsense in it."""
    import random

    from meshd_protocol import bundle
    from meshd_protocol.encoding import encode
    from tests.worlds import Author

    foreign = Author(b"o" * 32, "Zoe", 1)
    header = encode([1, b"d" * 32, 0, 0, None, 2**60, 33, [], 0, b"h" * 32])
    with opened(ada.home, None, lambda: "pw") as assembly:
        from meshd_protocol.records import wire

        bad = [wire(foreign.certify()), encode([header, bytes(64), b""]), b"nonsense"]
        segment = bundle.write_segment(assembly.keys.network[0].secret, assembly.id, bad, random.Random(1).randbytes)
    path = tmp_path / "bad.meshd"
    path.write_bytes(bundle.FILE_MAGIC + bundle.pack([segment]))
    before = ada.json("status")["digest"]
    done = ada.run("import", str(path))
    assert done.returncode == 0
    assert "not valid, and left out: 2 records" in done.stderr
    assert "left out for now: 1 record" in done.stderr
    assert ada.json("status")["digest"] == before


def test_a_damaged_file_is_told_with_what_it_brought(ada, tmp_path):
    path = tmp_path / "all.meshd"
    ada.ok("export", "--file", str(path))
    path.write_bytes(path.read_bytes() + bytes(8 << 20))
    told = ada.run("import", str(path))
    assert (told.returncode, told.stderr.count("\n")) == (3, 2)
    assert "1 part of the file damaged" in told.stderr
    answer = json.loads(ada.run("--json", "import", str(path)).stdout)
    assert (answer["segments"], answer["damaged"], answer["damaged_segments"]) == (2, 1, [])


def test_a_bundle_for_another_program(ada):
    done = subprocess.run([*MESHD, "export", "--file", "-"], env=ada.env, capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(FILE_MAGIC)
    words = [*MESHD, "import", "-"]
    again = subprocess.run(words, env=ada.env, input=done.stdout, capture_output=True, timeout=PATIENCE)
    assert again.stdout.startswith(b"0 new records (1 segment")


def test_a_file_that_can_t_be_written_is_no_broken_stick(ada, tmp_path):
    for verb in (("export", "--file"), ("backup",)):
        assert "is a folder" in ada.fails(1, *verb, str(tmp_path))[0]
        error, hint = ada.fails(1, *verb, str(tmp_path / "nowhere" / "kept"))
        assert "there is no folder" in error
        assert "stick" not in error + hint


def test_the_doctor_says_what_it_can_of_a_log_that_opens_no_more(ada):
    (log,) = ada.home.glob("*/log.db")
    log.write_bytes(b"")
    told = ada.run("doctor")
    assert told.returncode == 1
    assert f"the log {log} is empty" in told.stdout
    assert "free on the disk" in told.stdout
    assert "restore FILE" in told.stdout


def test_what_is_no_backup_makes_no_home(shells, tmp_path):
    bea = shells("bea")
    (tmp_path / "junk").write_bytes(b"meshd/backup/1\0\0\0")
    assert "no backup" in bea.fails(1, "restore", str(tmp_path / "junk"))[0]
    assert not bea.home.exists()


def test_ambiguous_ids_and_names(ada):
    first = {}
    for number in range(40):
        identity = ada_propose(ada, number)
        if identity[0] in first:
            error, _ = ada.fails(4, "show", identity[0])
            assert "more than one" in error
            return
        first[identity[0]] = identity
    pytest.fail("forty ids begin with forty letters")


def ada_propose(shell: Shell, number: int) -> str:
    return str(shell.json("propose", f"Question {number}")["id"])


def test_passphrases(ada, untouched, shells, tmp_path):
    wrong, none = Shell(ada.home, "wrong"), Shell(ada.home, None)
    assert "wrong" in wrong.fails(12, "list")[0]
    assert "no terminal" in none.fails(11, "list")[0]
    path = tmp_path / "passphrase"
    path.write_text("pw\n")
    none.ok("--passphrase-file", str(path), "list")
    none.fails(1, "--passphrase-file", str(tmp_path / "missing"), "list")
    ada.start()
    none.ok("list")


@pytest.mark.parametrize("daemon", [False, True])
def test_the_member_key_needs_the_passphrase(ada, tmp_path, daemon):
    """Whoever sits down at a machine whose daemon runs has no more than who finds it off."""
    paper = ada.json("whoami", "--member-key")["member_key"]
    wrong, none = Shell(ada.home, "wrong"), Shell(ada.home, None)
    if daemon:
        ada.start()
        assert none.json("whoami")["person"] == "Ada"
    asked = (*MESHD, "--home", str(ada.home), "whoami", "--member-key")
    for shell, code, why in ((none, 11, "no terminal"), (wrong, 12, "wrong"), (Shell(ada.home, ""), 12, "wrong")):
        assert why in shell.fails(code, "whoami", "--member-key")[0]
        assert paper not in str(shell.run("--json", "whoami", "--member-key"))
    path = tmp_path / "passphrase"
    path.write_text("pw\n")
    assert none.json("--passphrase-file", str(path), "whoami", "--member-key")["member_key"] == paper
    assert ada.json("whoami", "--member-key")["member_key"] == paper
    words = [word for word in ada.ok("whoami", "--member-key").split() if not word.isdecimal()]
    assert words == ada.json("whoami", "--member-key")["words"]
    typed = [word for word in _typed(none, asked, "pw").split() if not word.isdecimal()]
    assert " ".join(words) in " ".join(typed)
    assert "the passphrase is wrong" in _typed(none, asked, "pww")


def test_a_motion_against_somebody_says_first_whom_it_is_against(ada, shells):
    """And asks nothing where it could not be done."""
    bea = shells("bea")
    bea.apply(ada.json("invite")["ticket"], "Bea")
    ada.start()
    bea.start("--connect", ada.address)
    wait(lambda: len(ada.rows("members")) == 2)
    ada.ok("vouch", "Bea")
    label = next(row["label"] for row in ada.rows("members") if not row["me"])
    (device,) = (row["device"] for row in ada.rows("devices", "Bea"))
    (own,) = (row["device"] for row in ada.rows("devices"))
    command = (*MESHD, "--home", str(ada.home))
    said = _typed(ada, (*command, "remove", "bea", "--reason", "gone"), "n")
    assert f"This opens a motion to remove {label}, for everybody to see" in said
    assert "nothing was done" in said
    said = _typed(ada, (*command, "revoke", device[:12]), "n")
    assert f"This opens a motion to shut out {label}'s device" in said
    for words, problem in (
        (("remove", "Nobody"), "no such person"),
        (("remove", "Bea"), "a removal says why"),
        (("revoke", own[:12]), "that is this device"),
    ):
        said = _typed(ada, (*command, *words), "n")
        assert problem in said
        assert "[y/N]" not in said
    assert ada.rows("list") == []


def _typed(shell: Shell, words: tuple[str, ...], line: str) -> str:
    """What a command says on a terminal on which somebody types the same line at each prompt."""
    spawn = "import pty, sys; pty.spawn(sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", spawn, *words], env=shell.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as typing:
        said = b""
        while chunk := os.read(typing.stdout.fileno(), 1000):
            said += chunk
            if said.endswith((b": ", b"[y/N] ")):
                typing.stdin.write(line.encode() + b"\n")
                typing.stdin.flush()
    return said.decode()


def test_whoever_comes_back_is_asked_for_the_old_passphrase_once(ada, shells):
    bea = shells("bea")
    bea.apply(ada.json("invite")["ticket"], "Bea")
    none = Shell(bea.home, None)
    words = (*MESHD, "--home", str(bea.home), "join", ada.json("invite")["ticket"], "--as", "Bea")
    assert "the passphrase is wrong" in _typed(none, words, "another")
    said = _typed(none, words, "pw")
    assert "This home has keys of that assembly. Their passphrase: " in said
    assert "Your application is written" in said
    assert said.count("assphrase") == 1
    assert "Once more" not in said


def test_no_request_gets_the_member_key_without_the_passphrase(ada):
    """By hand on the socket: what the daemon says to whoever asks."""
    paper = ada.json("whoami", "--member-key")["member_key"]
    ada.start()
    for words, code in (({}, 11), ({"passphrase": None}, 11), ({"passphrase": "wrong"}, 12), ({"passphrase": ""}, 12)):
        said = _said(ada, "whoami", {"member_key": True, **words})
        assert said["code"] == code
        assert paper not in json.dumps(said)
    assert _said(ada, "whoami", {"member_key": True, "passphrase": "pw"})["result"]["member_key"] == paper
    (sealed,) = ada.home.glob("*/keys.sealed")
    sealed.rename(sealed.with_name("elsewhere"))
    assert "cannot read" in _said(ada, "whoami", {"member_key": True, "passphrase": "pw"})["error"]
    sealed.with_name("elsewhere").rename(sealed)


def _said(shell: Shell, verb: str, arguments: dict[str, object]) -> dict[str, object]:
    """The daemon's last line to a request."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(shell.home / "control.sock"))
        line = json.dumps({"verb": verb, "arguments": arguments, "assembly": None})
        connection.sendall(line.encode() + b"\n")
        return json.loads(connection.makefile("rb").readlines()[-1])


def test_a_passphrase_of_any_bytes_is_asked_for(shells):
    """A terminal's letters need not be UTF-8: such a passphrase opens the key beside a daemon, too."""
    shell = shells("latin")
    shell.env["MESHD_PASSPHRASE"] = b"na\xefve".decode("utf-8", "surrogateescape")
    shell.ok("init", "Bakery", "--as", "Ada")
    paper = shell.json("whoami", "--member-key")["member_key"]
    shell.start()
    assert shell.json("whoami", "--member-key")["member_key"] == paper


@pytest.mark.long
def test_a_home_that_another_process_writes(ada, untouched):
    with opened(ada.home, None, lambda: "pw"):
        error, _ = ada.fails(1, "list")
        assert "another meshd is at work" in error
    ada.ok("list")


def test_a_daemon_that_starts_beside_a_command(ada, tmp_path):
    """Between the command's look for a daemon and its own turn a daemon has taken the home: it answers the command."""
    words = tmp_path / "words"
    os.mkfifo(words)
    command = subprocess.Popen(
        [*MESHD, "--home", str(ada.home), "--json", "--passphrase-file", str(words), "status"], env=ada.env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        with (
            words.open("w") as pipe,  # it has found no daemon by now
            opened(ada.home, None, lambda: "pw"),
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener,
        ):
            listener.bind(str(ada.home / "control.sock"))
            listener.listen()
            listener.settimeout(PATIENCE)
            pipe.write("pw\n")
            pipe.close()
            caller, _ = listener.accept()
            with caller:
                assert json.loads(caller.makefile().readline())["verb"] == "status"
                caller.sendall(b'{"result": {"records": 7}}\n')
                said, _ = command.communicate(timeout=PATIENCE)
        assert (command.returncode, json.loads(said)) == (0, {"records": 7})
    finally:
        command.kill()
        (ada.home / "control.sock").unlink(missing_ok=True)


def test_a_second_daemon_is_refused(ada):
    ada.start()
    assert "another meshd" in ada.fails(1, "run", "--no-mdns")[0]


def test_a_vote_by_somebody_who_is_no_member(shells, ada, tmp_path):
    """An observer, and a member whom the proposal's roster does not know."""
    bea = shells("bea")
    stick = tmp_path / "stick"
    stick.mkdir()
    question = ada.json("propose", "Before Bea")["id"]
    bea.apply(ada.json("invite")["ticket"], "Bea")
    assert "application waits" in bea.fails(1, "say", "too early")[0]
    assert "no answer" in (bea.fails(4, "import", str(stick))[0])
    bea.ok("export", str(stick))
    ada.ok("import", str(stick))
    assert "not vouched for" in ada.fails(1, "admit", "Bea")[0]
    ada.ok("vouch", "Bea")
    assert "observer already" in ada.fails(1, "vouch", "Bea")[0]
    ada.ok("export", str(stick))
    bea.ok("import", str(stick))
    assert "not a member" in bea.fails(1, "vote", question[:6], "yes")[0]
    assert "only members" in bea.fails(1, "invite")[0]
    before = bea.json("status")["digest"]
    ada.ok("admit", "Bea")
    assert "member already" in ada.fails(1, "admit", "Bea")[0]
    assert {"person", "role"} <= set(ada.rows("members")[0])
    ada.ok("export", str(stick))
    bea.ok("import", str(stick))
    assert bea.json("status")["digest"] != before
    assert "you were not a member when" in bea.fails(1, "vote", question[:6], "yes")[0]


def test_an_edited_row_is_found_and_mended(ada):
    question = ada.json("propose", "Buy flour", "--policy", "significant")["id"]
    ada.ok("vote", question[:6], "no")
    with opened(ada.home, None, lambda: "pw") as assembly:
        _, row = assembly.store.find(tables.Sum)
        with assembly.store.transaction():
            assembly.store.delete(tables.Sum, proposal=row.proposal, choice=row.choice)
            assembly.store.insert([row._replace(choice=b"\x01")])
    assert ada.json("show", question)["state"] == "settled"
    done = ada.run("--json", "check")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["ok"] is False
    assert len(found["problems"]) == 2
    assert ada.json("check", "--rebuild")["ok"] is True
    assert ada.json("show", question)["state"] == "provisional"
    assert ada.json("check")["ok"] is True


def test_nothing_acknowledged_is_lost_by_kill_9(ada):
    ada.start()
    ids = [ada_propose(ada, number) for number in range(5)]
    assert ada.daemon is not None
    ada.daemon.kill()
    ada.daemon.communicate()
    ada.daemon = None
    assert {row["id"] for row in ada.rows("list")} == set(ids)
    assert ada.json("check")["ok"] is True
    ada.start()
    ada_propose(ada, 6)


@pytest.mark.long
def test_a_frozen_daemon_is_told_of_soon(ada):
    """It took the request and says nothing: the command ends within seconds, and what was asked may be done later."""
    ada.start()
    ada.daemon.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    done = ada.run("propose", "Bread for all")
    assert time.monotonic() - begun < 60
    assert done.returncode == 1
    assert "said nothing for 10 seconds" in done.stderr
    assert "kill -CONT" in done.stderr
    ada.daemon.send_signal(signal.SIGCONT)
    wait(lambda: [row["title"] for row in ada.rows("list")] == ["Bread for all"])
    assert ada.stop()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_stops_cleanly(ada, number):
    ada.start()
    code, said = ada.stop(number)
    assert code == 0
    assert "Traceback" not in said
    assert not (ada.home / "control.sock").exists()


def test_garbage_on_the_control_socket(ada):
    ada.start()
    path = str(ada.home / "control.sock")
    for garbage in (b"\n", b"nonsense\n", b"{}\n", b'{"verb": 5}\n', b'{"verb": "list", "arguments": {"x": 1}}\n', b"[" * 5000 + b"\n", b"\xff\xfe\n",
                    b'{"verb": "propose", "arguments": {"title": 5}}\n', b'{"verb": "vote", "arguments": {"id": "a", "choices": [1]}}\n'):  # fmt: skip
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(path)
            caller.sendall(garbage)
            answer = json.loads(caller.makefile().readline())
            assert answer["code"] == 2, garbage
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(path)
        caller.sendall(b'{"verb": "li')
    assert ada.rows("list") == []
    assert oct(os.stat(path).st_mode & 0o777) == "0o600"
    assert oct(os.stat(ada.home).st_mode & 0o777) == "0o700"


@pytest.mark.long
def test_garbage_on_the_network(ada):
    """Strangers on the real port: noise, half a frame, silence, a flood. They get no byte, and the daemon goes on."""
    ada.start()
    host, _, port = ada.address.rpartition(":")
    before = ada.json("status")["digest"]
    held = []
    for number in range(40):
        stranger = socket.create_connection((host, int(port)), timeout=PATIENCE)
        try:
            stranger.sendall(
                [b"", b"\x00", b"GET / HTTP/1.1\r\n\r\n", b"\x00\x60" + os.urandom(96), os.urandom(5000)][number % 5]
            )
        except ConnectionError:
            pass
        held.append(stranger)
    for stranger in held:
        try:
            assert stranger.recv(10) == b""
        except ConnectionError:
            pass
        stranger.close()
    assert ada.rows("peers") == []
    assert ada.json("status")["digest"] == before
    code, said = ada.stop()
    assert (code, "Traceback" in said) == (0, False)


def test_no_core_dump_holds_keys(ada):
    ada.start()
    assert ada.daemon is not None
    with open(f"/proc/{ada.daemon.pid}/limits") as limits:
        (line,) = (line for line in limits if line.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"]


def test_names_and_texts_cannot_steer_a_terminal(shells):
    eve = shells("eve")
    eve.ok("init", "Evil\x1b[31m", "--as", "E\u202eve\x07")
    question = eve.json("propose", "Title\x1b]0;owned\x07\nsecond line")["id"]
    eve.ok("say", "text\x1b[2J\rover")
    for words in (
        ["members"],
        ["list"],
        ["show", question],
        ["why", question],
        ["read"],
        ["log"],
        ["status"],
        ["whoami"],
    ):
        shown = eve.run(*words)
        assert shown.returncode == 0
        for sign in "\x1b\x07\u202e\r":
            assert sign not in shown.stdout + shown.stderr, words


def test_a_thin_client_imports_no_node_code(ada):
    """What a command costs that talks to a daemon: neither trio, zeroconf, sqlite_utils nor the store."""
    ada.start()
    script = (
        "import sys; from meshd_cli.main import main; code = main(sys.argv[1:]);"
        "heavy = {'trio', 'zeroconf', 'sqlite_utils', 'sqlcipher3', 'nacl', 'cbor2', 'rich', 'asyncio', 'meshd'} & set(sys.modules);"
        "assert not heavy, heavy; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "--home", str(ada.home), "list"], env=ada.env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_very_long_home(shells, tmp_path):
    home = tmp_path / ("long" * 20) / ("path" * 20)
    shell = Shell(home)
    shell.ok("init", "Bakery", "--as", "Ada")
    shell.start()
    try:
        assert shell.json("status")["running"] is True
    finally:
        shell.stop()


def test_help_for_every_verb():
    from meshd_cli.main import FAMILIES

    overview = subprocess.run([*MESHD, "--help"], capture_output=True, text=True, check=True).stdout
    for verb in (verb for family in FAMILIES.values() for verb in family):
        assert f"\n  {verb} " in overview
    shown = subprocess.run([*MESHD, "vote", "--help"], capture_output=True, text=True, check=True).stdout
    assert "CHOICE" in shown
    assert subprocess.run([*MESHD, "--version"], capture_output=True, text=True, check=True).stdout.startswith(
        "meshd 0."
    )


def test_a_reader_that_has_seen_enough_is_no_error(ada):
    script = f"{' '.join(MESHD)} --home {ada.home} --json log | head -c 10"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {script}"], env=ada.env, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_the_demo(tmp_path):
    """The main job: three daemons, with and without a network. Thirty seconds of two cores are more than it may take."""
    env = {**Shell(tmp_path).env, "TMPDIR": str(tmp_path)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*MESHD, "--json", "demo"], env=env, capture_output=True, text=True, timeout=PATIENCE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert [row["state"] for row in told["decisions"]] == ["settled"] * 4 + ["certified"]
    assert all(os.path.isdir(home) for home in told["homes"])
    for words in ("members", "why", "log"):
        assert f" {words}" in done.stderr


@pytest.mark.long
def test_the_demo_of_a_federation(tmp_path):
    """Nine daemons, three assemblies, parted twice: one decision, which a stranger verifies."""
    env = {**Shell(tmp_path).env, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*MESHD, "--json", "demo", "--federation"], env=env, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["ok"], len(told["homes"]), told["proof"]["outcome"]) == (True, 9, "passed")
    assert sum("says yes by its own decision" in each for each in told["proof"]["reasons"]) == 2
    assert "verified here by 2 assemblies' decisions" in done.stderr


def test_a_demo_that_fails_says_so(tmp_path):
    """A broken program must not play a happy story."""
    broken = tmp_path / "sqlcipher3"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('no store')")
    env = {**Shell(tmp_path).env, "TMPDIR": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([*MESHD, "demo"], env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "error:" in done.stderr


def test_words_that_are_no_text(ada):
    """Bytes that are no UTF-8, numbers beyond bounds, empty words: a message, with a daemon and without."""
    bad = "\udcff"
    for _ in range(2):
        for words in (
            ["say", bad],
            ["propose", bad],
            ["read", "--topic", bad],
            ["log", "--limit", "99999999999999999999"],
            ["show", bad],
        ):
            assert ada.fails(2, *words)[0]
        ada.fails(2, "propose", " ")
        ada.fails(2, "propose", "Who?", "--policy", "election", "--option", "a", "--option", "A")
        ada.fails(1, "propose", "x", "--text", "-", stdin="y" * 20_000)
        assert ada.rows("list") == []
        if ada.daemon is None:
            ada.start()
    ada.stop()
    ada.fails(1, "init", bad, "--as", "Ada")
    ada.fails(2, "init", " ", "--as", "Ada")


def test_addresses_that_nothing_can_be_asked_for(ada):
    ada.ok("connect", "..........:5")
    ada.start()
    assert "no such host" in ada.fails(1, "connect", "x" * 300 + ":5")[0]
    wait(lambda: any(row["problem"] == "no such host" for row in ada.rows("peers")))
    ada.stop()
    assert "cannot listen" in ada.fails(1, "run", "--no-mdns", "--listen", "..:5")[0]


def test_a_home_called_like_a_verb(shells, tmp_path):
    shell = Shell(tmp_path / "list")
    shell.ok("init", "read", "--as", "Ada")
    assert shell.rows("members", "--assembly", "read")[0]["person"] == "Ada"
    done = subprocess.run(
        [*MESHD, "--home", "list", "members"], env=shell.env, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert shell.run("list", "--js").returncode == 2


def test_several_assemblies_in_a_home(ada):
    ada.ok("init", "Orchard", "--as", "Ada")
    for start in (False, True):
        if start:
            ada.start("--assembly", "Bakery")
            assert "the daemon of this home runs" in ada.fails(1, "join", "meshd:any", "--as", "Ada")[0]
        assert "several assemblies" in ada.fails(2, "whoami")[0]
        assert ada.json("--assembly", "Bakery", "whoami")["name"] == "Bakery"
        assert ada.json("--assembly", "bak", "whoami")["name"] == "Bakery", "as people are found"
        assert "Bakery" in "".join(ada.fails(4, "--assembly", "Nothing", "whoami"))
    ada.stop()
    other = Shell(ada.home, "another")
    other.ok("init", "Third", "--as", "Ada")
    assert "2 in this home have another passphrase" in other.fails(4, "--assembly", "Nothing", "list")[1]


def test_what_is_imported_finds_its_assembly(ada, shells, tmp_path):
    bea = shells("bea")
    bea.found("Vault", "Bea")
    ada.found("Orchard", "Ada")
    file, stick, others = tmp_path / "orchard.meshd", tmp_path / "stick", tmp_path / "vault.meshd"
    stick.mkdir()
    bea.ok("export", "--file", str(others))
    ada.ok("--assembly", "Orchard", "export", "--file", str(file))
    ada.ok("--assembly", "Bakery", "export", str(stick))
    for start in (False, True):
        if start:
            ada.start()
        assert ada.ok("import", str(file)).startswith("Orchard:\n")
        assert ada.ok("import", str(stick)).startswith("Bakery:\n")
        assert [row["name"] for row in ada.rows("import", str(file))] == ["Orchard"]
        both = tmp_path / f"both {start}"
        both.mkdir()
        assert {row["name"] for row in ada.rows("export", str(both))} == {"Bakery", "Orchard"}
        assert len(list((both / "meshd").iterdir())) == 2
        assert "several assemblies" in ada.fails(2, "export", "--file", str(tmp_path / "one"))[0]
        assert ada.fails(4, "import", str(others))[0] == f"there is nothing of your assemblies in {others}"
        assert "can't be read" in ada.fails(4, "--assembly", "Orchard", "import", str(others))[0]
    ada.stop()
    Shell(ada.home, "another").found("Third", "Ada")
    done = ada.run("import", str(stick))
    assert (done.returncode, "Bakery:\n" in done.stdout) == (3, True), "another's passphrase is in nobody's way"
    assert "stays closed" in done.stderr


def _choices(ada: Shell, code: int, *words: str) -> list[str]:
    """What a person may choose from, by the hint of a command that didn't know which."""
    return ada.fails(code, *words)[1].partition(": ")[2].removesuffix(".").split("), ")


def test_two_assemblies_of_one_name_are_told_apart_and_each_can_be_chosen(ada, shells):
    ada.found("Bakery", "A.")
    ada.found("Orchard", "Ada")
    bea = shells("bea")
    first, second, third = sorted(each.name[:8] for each in ada.home.iterdir() if each.is_dir())
    Shell(ada.home, "another").found("Vault", "Somebody")
    for start in (False, True):
        if start:
            ada.start()
        bakeries = _choices(ada, 4, "--assembly", "Bakery", "whoami")
        assert [each[8:].rstrip(")") for each in bakeries] == [" (Bakery, 1 member"] * 2
        for each in bakeries:
            assert ada.json("--assembly", each[:8], "whoami")["name"] == "Bakery"
        every = _choices(ada, 2, "whoami")
        assert {first, second, third} <= {each[:8] for each in every}
        assert any("(Orchard, 1 member" in each for each in every)
        assert any("under another passphrase" in each for each in every) is not start
    ada.stop()
    assert "Orchard" not in Shell(ada.home, "neither").fails(2, "whoami")[1]
    bea.apply(ada.json("--assembly", third, "invite")["ticket"], "Bea")
    bea.found("Cellar", "Bea")
    assert any("its log is not here yet" in each for each in _choices(bea, 2, "list"))


def test_commands_that_are_shown_work_in_a_home_of_several(ada):
    """They name the assembly, wherever they stand in what people read; scripts get them as they were."""
    said = ada.run("init", "Orchard", "--as", "Ada")
    first, second = sorted(each.name[:8] for each in ada.home.iterdir() if each.is_dir())
    orchard = next(each for each in (first, second) if ada.json("--assembly", each, "whoami")["name"] == "Orchard")
    bakery = next(each for each in (first, second) if each != orchard)
    assert f"`meshd --assembly {orchard} invite` makes a ticket" in said.stderr
    assert "`meshd run` lets others" in said.stderr, "it runs both"
    home = ada.run().stdout + ada.run().stderr
    for each in (first, second):
        assert f"{each}:\n" in home
        assert f"`meshd --assembly {each} list` shows what was decided" in home
    assert "member of Bakery (1 member)\n" in home
    assert "`meshd --help`" in home
    for chosen in (bakery, "Bakery"):
        proposed = ada.run("--assembly", chosen, "propose", "Buy flour").stderr
        (shown,) = re.findall(r"`meshd ([^`]* vote [^`]*)`", proposed)
        assert shown.startswith(f"--assembly {chosen} vote ")
        ada.ok(*shlex.split(shown), "yes")
        wrong = ("--assembly", chosen, "show", "zzzz")
        assert f"`meshd --assembly {chosen} list` shows all" in ada.run(*wrong).stderr
        assert json.loads(ada.run("--json", *wrong).stderr)["hint"] == "`meshd list` shows all."
        assert f"`meshd --assembly {chosen} status`" in ada.run(f"--assembly={chosen}", "stauts").stderr
    assert "`meshd --assembly NAME status`" in ada.run("stauts").stderr
    assert "`meshd vote --help`" in ada.run("--assembly", bakery, "vote", "k3fq", "yes", "--nonsense").stderr
    ada.ok("--assembly", bakery, "say", "I typed `meshd list` here")
    assert "I typed `meshd list` here" in ada.ok("--assembly", bakery, "read")


def test_commands_that_are_shown_work_where_the_home_was_named(ada, tmp_path):
    """They name it: on the home screen, in answers, in errors; what others type is left for their homes."""
    named = ("--home", str(ada.home.rename(tmp_path / "a home")))
    del ada.env["MESHD_HOME"]
    shown = rf"meshd {re.escape(shlex.join(named))}"
    proposed = ada.run(*named, "propose", "Buy flour").stderr
    (vote,) = re.findall(rf"`{shown} ([^`]*vote [^`]*)`", proposed)
    assert re.search(rf"^      {shown} vote ", ada.ok(*named), re.MULTILINE)
    ada.ok(*named, *shlex.split(vote), "yes")
    assert re.search(rf"`{shown} list` shows", ada.run(*named, "show", "zzzz").stderr)
    assert re.search(rf"`{shown} status`", ada.run(*named, "stauts").stderr)
    minutes = ada.run(*named, "minutes", "Weekly", "--text", "-", "--present", "Ada", stdin="We met.")
    assert "signs with `meshd assent " in minutes.stderr, minutes.stderr
    ada.ok(*named, "init", "Orchard", "--as", "Ada")
    both = ada.ok(*named)
    assert re.search(rf"^      {shown} --assembly \w+ ", both, re.MULTILINE) or "Waits for you" not in both
    ada.env["MESHD_HOME"] = named[1]
    assert "--home" not in (said := ada.run(*named)).stdout + said.stderr, "it is the one that is meant anyhow"


def test_two_assemblies_side_by_side(ada, shells):
    """One daemon runs both, each with a port, peers and records of its own; neither knows of the other."""
    bea = shells("bea")
    ada.found("Orchard", "A.")
    ada.found("Vault", "Somebody")
    ada.start()
    assert len(ada.places) == 3
    for name in ("Bakery", "Orchard"):
        ticket = ada.json("--assembly", name, "invite")["ticket"]
        bea.apply(ticket, f"Bea of {name}")
    for words in (["--connect", ada.address], ["--listen", "127.0.0.1:7001"], ["--reached-at", "192.0.2.1:7001"]):
        assert "a port and addresses of its own" in bea.fails(2, "run", "--no-mdns", *words)[0]
    bea.start()
    for name in ("Bakery", "Orchard"):
        wait(lambda name=name: len(ada.rows("--assembly", name, "members")) == 2)
        ada.ok("--assembly", name, "vouch", f"Bea of {name}")
        ada.ok("--assembly", name, "admit", f"Bea of {name}")
    folders = sorted(each.name for each in bea.home.iterdir() if each.is_dir())
    wait(lambda: all(bea.json("--assembly", each, "status")["members"] == 2 for each in folders))
    (peer,) = (row for row in ada.rows("--assembly", "Orchard", "peers") if row["state"] != "away")
    assert peer["person"].startswith("Bea of Orchard")
    assert [row["title"] for row in ada.rows("--assembly", "Orchard", "list")] == [f"Admit {peer['person']}"]
    assert "several assemblies" in ada.fails(2, "peers")[0]
    assert "runs Bakery, Orchard, Vault, not Cellar" in ada.fails(4, "--assembly", "Cellar", "list")[0]
    bea.stop()
    ada.stop()


def test_what_another_passphrase_locks_stays_closed(ada):
    other = Shell(ada.home, "another")
    other.ok("init", "Third", "--as", "Ada")
    ada.start()
    assert len(ada.places) == 1
    assert ada.json("--assembly", "Bakery", "status")["running"]
    assert "runs Bakery, not Third" in ada.fails(4, "--assembly", "Third", "list")[0]
    assert "stays closed: the passphrase is wrong" in ada.stop()[1]
    assert Shell(ada.home, "neither").fails(12, "run", "--no-mdns")[0].startswith("no assembly of this home")


def test_homes_that_are_none(shells, tmp_path):
    (tmp_path / "file").write_text("a file in the way")
    shell = Shell(tmp_path / "file")
    assert shell.fails(1, "init", "Bakery", "--as", "Ada")[0]
    assert "empty passphrase" in Shell(tmp_path / "empty", "").fails(1, "init", "Bakery", "--as", "Ada")[0]


def test_parallel_commands_wait_for_each_other(ada):
    with ThreadPoolExecutor(8) as eight:
        for done in eight.map(lambda n: ada.run("say", f"{n}"), range(8)):
            assert done.returncode == 0, done.stderr
    assert len(ada.rows("read")) == 8


def test_outputs_that_cannot_be_written(ada):
    for redirect, code in ((">&-", 0), ("> /dev/full", 1)):
        done = subprocess.run(
            ["bash", "-c", f"{' '.join(MESHD)} --home {ada.home} --json whoami {redirect}"],
            env=ada.env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code
        assert "Traceback" not in done.stderr


def test_a_spent_ticket_does_not_look_connected(shells, ada):
    """Used, answered, and used again: the far end says nothing, so the message lists what it may be."""
    bea, eve = shells("bea"), shells("eve")
    ada.start()
    ticket = ada.json("invite")["ticket"]
    bea.apply(ticket, "Bea")
    bea.start()
    wait(lambda: _role(ada, "Bea") == "applicant")
    ada.ok("vouch", "Bea")
    eve.apply(ticket, "Eve")
    assert "stands in the ticket" in eve.fails(2, "connect", ada.address, "--forget")[0]
    records = ada.json("status")["records"]
    eve.start()
    error, _ = eve.fails(1, "connect", ada.address)
    assert "spent, withdrawn or expired" in error
    assert ada.json("status")["records"] == records
    assert _role(ada, "Eve") is None


def test_watching_peers(ada, shells):
    """One line for each change, until interrupted; and a clear word where there is nothing to watch."""
    assert "the daemon is not running" in ada.fails(1, "peers", "--watch")[0]
    ada.start("--connect", "127.0.0.1:1")
    watch = Process(["--home", str(ada.home), "--json", "peers", "--watch"], ada.env)
    row = json.loads(watch.stdout.readline())
    assert (row["state"], row["address"]) == ("away", "127.0.0.1:1")
    watch.send_signal(signal.SIGINT)
    _, said = watch.communicate(timeout=PATIENCE)
    assert (watch.returncode, said) == (0, "")
    again = Process(["--home", str(ada.home), "peers", "--watch"], ada.env)
    assert "127.0.0.1:1" in again.stdout.readline()
    ada.stop()
    _, said = again.communicate(timeout=PATIENCE)
    assert (again.returncode, said) == (0, "the daemon has stopped\n")
