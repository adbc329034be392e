"""Full and read-only disks: what is there can be read and carried on, and nothing is written or lost. On a real disk in
memory, mounted for these tests alone; skipped where the kernel refuses that.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from meshd.app import alone
from meshd.home import assemblies
from meshd.service.context import Context
from meshd.store import tables
from meshd_protocol.control import Request
from meshd_protocol.limits import BALLAST_BYTES
from tests.commands.shell import MESHD, PATIENCE, Shell, wait
from tests.worlds import commune, exchange, give, propose

ASKING = """
import json, sys
from pathlib import Path
from meshd.app import alone
from meshd.errors import NodeError
from meshd.home import assemblies
from meshd.service.context import Context
from meshd.service.dispatch import answer
from meshd_protocol.control import Request

def result(steps):
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value
    except NodeError as error:
        return {"error": error.error, "hint": error.hint}

with alone.opened(Path(sys.argv[1]), None, lambda: "pw") as assembly:
    wanted = json.loads(sys.argv[2])
    print(json.dumps([result(answer(Context(assembly), Request(*each, None))) for each in wanted]))
"""
"""Many commands in one process: each start of one there takes half a second."""


class Disk:
    """A small disk, which only commands `within` it see."""

    def __init__(self, folder, megabytes: int) -> None:
        if shutil.which("unshare") is None or shutil.which("nsenter") is None:
            pytest.skip("no unshare and nsenter here")
        folder.mkdir()
        self.folder = folder
        script = 'mount -t tmpfs -o size="$1" tmpfs "$2" && echo mounted && exec cat'
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, "sh", f"{megabytes}m", str(folder)],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != "mounted\n":
            pytest.skip(f"no mounts here: {self._keeper.communicate()[1]}")
        self.within = ["nsenter", "--mount", "--target", str(self._keeper.pid), "--"]

    def run(self, *words: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run([*self.within, *words], env=env, text=True, capture_output=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fill(self) -> None:
        subprocess.run(
            [*self.within, "dd", "if=/dev/zero", f"of={self.folder}/filling", "bs=4k"],
            capture_output=True,
            timeout=PATIENCE,
        )

    def make_room(self) -> None:
        self.run("rm", f"{self.folder}/filling")

    def remount(self, how: str) -> None:
        self.run("mount", "-o", f"remount,{how}", str(self.folder))

    def files(self) -> dict[str, str]:
        """What is in all files but the filling, by name. Of -shm nothing is kept: SQLite makes it anew."""
        found = self.run("find", str(self.folder), "-type", "f", "-exec", "sha256sum", "{}", "+").splitlines()
        rows = (line.split("  ", 1) for line in found)
        return {path: sum_ for sum_, path in rows if not path.endswith(("/filling", "-shm"))}

    def ask(self, home, *requests: tuple[str, dict[str, Any]]) -> list[Any]:
        """What the commands answer, or what is wrong."""
        return json.loads(self.run(sys.executable, "-c", ASKING, str(home), json.dumps(requests), env=Shell(home).env))

    def close(self) -> None:
        self._keeper.kill()
        self._keeper.communicate()


@pytest.fixture
def disk(tmp_path, request):
    made = Disk(tmp_path / "disk", getattr(request, "param", 24))
    yield made
    made.close()


@pytest.fixture
def ada(disk, tmp_path):
    """A founder whose home is on the disk, and who said and proposed something."""
    begun = Shell(tmp_path / "ada")
    begun.found("Bakery", "Ada")
    disk.run("cp", "-a", str(begun.home), str(disk.folder))
    shell = Shell(disk.folder / "ada")
    shell.within = disk.within
    shell.ok("say", "first words")
    yield shell
    if shell.daemon is not None:
        shell.daemon.kill()
        shell.daemon.communicate()


def crash(shell: Shell) -> None:
    """What was written last stands beside the log's file alone."""
    shell.start()
    shell.ok("propose", "A question")
    shell.ok("say", "last words")
    assert shell.daemon is not None
    os.kill(shell.daemon.pid, signal.SIGKILL)
    shell.daemon.communicate()
    shell.daemon = None


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        pytest.param("full", "in order", marks=pytest.mark.long),
        ("full", "by a power cut"),
        pytest.param("read-only", "in order", marks=pytest.mark.long),
        pytest.param("read-only", "by a power cut", marks=pytest.mark.long),
        pytest.param("read-only", "by a power cut, -shm lost", marks=pytest.mark.long),
    ],
)
def test_everything_is_read_and_nothing_written(disk, ada, tmp_path, state, ending):
    if ending == "in order":
        disk.ask(ada.home, ("propose", {"title": "A question"}), ("say", {"text": "last words"}))
        if state == "read-only":
            disk.run("rm", str(ada.home / "lock"))
    else:
        crash(ada)
        assert any(name.endswith("-wal") for name in disk.files())
        if ending.endswith("lost"):
            disk.run("sh", "-c", f"rm {ada.home}/*/log.db-shm")
    if state == "full":
        disk.fill()
        said, hint = "the disk is full", "Make room"
    else:
        disk.remount("ro")
        said, hint = "the disk is read-only", "writable"
    before = disk.files()
    stick = tmp_path / "stick"
    stick.mkdir()
    listed, told, sound, exported, brought, status = disk.ask(
        ada.home, ("list", {}), ("read", {}), ("check", {}), ("export", {"path": str(stick)}),
        ("import", {"path": str(stick)}), ("status", {}),
    )  # fmt: skip
    (question,) = (row["id"] for row in listed)
    assert [row["text"] for row in told] == ["first words", "last words"]
    assert (sound["ok"], sound["problems"]) == (True, [])
    assert exported["records"] == sound["records"] == status["records"] == 5
    assert brought["records"] == 0, "all of it is here"
    assert any(said.capitalize() in each and hint in each for each in status["pending"]), status["pending"]
    more = [("show", {"id": question}), ("why", {"id": question})]
    more += [(verb, {}) for verb in ("peers", "members", "whoami", "policies", "charter", "topics", "log", "forks")]
    more += [(verb, {}) for verb in ("devices", "delegates", "todo")]
    writes = [("say", {"text": "more"}), ("vote", {"id": question, "choices": ["yes"]}), ("invite", {})]
    writes += [("check", {"rebuild": True}), ("connect", {"address": "127.0.0.1:9"})]
    answers = disk.ask(ada.home, *more, *writes)
    for answer in answers[: len(more)]:
        assert "error" not in answer, answer
    for answer in answers[len(more) :]:
        assert said in answer["error"] and hint in answer["hint"], answer
    assert "Ada" in ada.ok("status")
    for words in (["say", "more"], ["run"]):
        error, help_ = ada.fails(1, *words)
        assert said in error and hint in help_, (words, error)
    assert disk.files() == before, "nothing was written"
    if state == "full":
        disk.make_room()
    else:
        disk.remount("rw")
    _, told, sound = disk.ask(ada.home, ("say", {"text": "more words"}), ("read", {}), ("check", {}))
    assert [row["text"] for row in told] == ["first words", "last words", "more words"]
    assert sound["ok"]


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_no_home_is_begun_there(disk, ada, state):
    disk.fill() if state == "full" else disk.remount("ro")
    shell = Shell(disk.folder / "bea")
    shell.within = disk.within
    error, _ = shell.fails(1, "init", "Bakery", "--as", "Bea")
    assert any(words in error for words in ("full", "No space left", "Read-only file system")), error


@pytest.mark.parametrize("disk", [150], indirect=True)
def test_the_ballast_is_given_back(disk, ada):
    """Room for a daemon to start in: it reads, sends and decides nothing new."""
    assert f"{BALLAST_BYTES}" in disk.run("sh", "-c", f"stat -c %s {ada.home}/*/ballast")
    disk.fill()
    assert ada.json("status")["records"] == 3
    assert disk.run("sh", "-c", f"ls {ada.home}/*/").split() == ["keys.sealed", "log.db", "looked-through"]
    error, _ = ada.fails(1, "say", "more words")
    assert "the disk is nearly full" in error
    ada.start()
    assert ada.json("read")["text"] == "first words"
    assert ada.stop()[0] == 0


def test_who_reads_needs_no_room_for_what_the_node_would_do_by_itself(tmp_path):
    """A vote that is over waits for this witness; on a nearly full disk it goes on waiting."""
    (one, two), (cy,) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=2, witnesses=2)
    exchange(one, two)
    give(one, cy.certify())
    question = propose(Context(one), policy="standard")
    exchange(one, two)
    waits = one.store.find(tables.Watch)
    assert [row.proposal for row in waits] == [question]
    home, world = one.folder.parent, one.world
    one.close()
    two.close()
    world.clock.now_ms += 30 * 24 * 3600 * 1000
    full = replace(world, free_disk=lambda _: 0)
    for _ in range(2):
        answer = alone.ask(home, Request("status", {}, None), lambda: "pw", lambda *_: None, world=full)
        assert answer["records"]


def test_who_is_told_to_end_leaves_no_half_file(shells, tmp_path):
    """SIGTERM, as a machine that shuts down sends it: what was poured so far is gone."""
    ada = shells("ada")
    ada.found("Bakery", "Ada")
    process = subprocess.Popen(
        [*MESHD, "import", "-"], env=ada.env | {"TMPDIR": str(tmp_path)}, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdin.write(b"meshd/")
    process.stdin.flush()
    wait(lambda: any(tmp_path.glob("meshd-*")))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not any(tmp_path.glob("meshd-*"))


@pytest.mark.parametrize("place", [".", "/"])
def test_a_folder_is_no_name_for_a_file(shells, place):
    ada = shells("ada")
    ada.found("Bakery", "Ada")
    identity = ada.ok("propose", "An oven").strip()
    for words in (("prove", "roster", "--out"), ("print", identity, "--out"), ("export", "--ics"), ("export", "--csv")):
        error, hint = ada.fails(2, *words, place)
        assert "is a folder" in error
        assert hint == "Say how the file in it is to be called."


def test_a_file_is_no_stick_and_dates_have_no_beginning(shells, tmp_path):
    ada = shells("ada")
    ada.found("Bakery", "Ada")
    (tmp_path / "file").write_text("words")
    for verb in ("stick", "export"):
        assert "is no folder" in ada.fails(1, verb, str(tmp_path / "file"))[0]
        assert "no folder" in ada.fails(1, verb, str(tmp_path / "nowhere"))[0]
    assert "written whole" in ada.fails(2, "export", "--ics", str(tmp_path / "dates"), "--since", "2020-01-01")[0]


@pytest.mark.parametrize("how", ["missing", "empty"])
def test_where_nothing_can_be_saved_the_way_on_is_said_at_once(shells, how):
    ada = shells("ada")
    ada.found("Bakery", "Ada")
    (folder,) = assemblies(ada.home)
    for path in folder.glob("log.db*"):
        path.unlink()
    if how == "empty":
        (folder / "log.db").touch(0o600)
    for words in (("status",), ("check", "--rebuild")):
        _, hint = ada.fails(1, *words)
        assert "restore FILE" in hint
        assert "join TICKET" in hint
        assert "--rebuild" not in hint
