"""The examples of CONTRIBUTING, as they stand there: they touch the files that it says and no others, and all follows."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PARTS = ("cli", "crypto", "protocol", "meshd", "docs", "tests", "pyproject.toml", "CONTRIBUTING.md", "README.md")
KIND, COMMAND = (
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition(title)[2].partition("\n### ")[0]
    for title in ("\n### One more kind", "\n### One more command")
)


def _codes(text: str) -> list[str]:
    """The blocks of code of a part, as they would stand in the first column."""
    return [textwrap.dedent(block) for block in re.findall(r"```\w*\n(.*?) *```", text, re.DOTALL)]


def _files(text: str) -> set[str]:
    """The files of a part's numbered list."""
    return {
        name for line in text.splitlines() if re.match(r"\d\. ", line) for name in re.findall(r"\d\. `([^`]+)`", line)
    }


class Copy:
    """The project with a change on top."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        self.before = self.digests()

    def digests(self) -> dict[str, str]:
        return {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    def changed(self) -> set[str]:
        """Which files are others than when this was asked last."""
        before, self.before = self.before, self.digests()
        return {name for name in before.keys() | self.before.keys() if before.get(name) != self.before.get(name)}

    def put(self, name: str, code: str, *, before: str = "", indent: int = 0) -> None:
        """Put code into a file: before the first place like that, or at the end."""
        text = (self.folder / name).read_text(encoding="utf-8")
        at = re.search(before, text, re.MULTILINE).start() if before else len(text)
        (self.folder / name).write_text(text[:at] + textwrap.indent(code, " " * indent) + text[at:], encoding="utf-8")

    def run(self, *words: str) -> str:
        paths = [str(self.folder / part) for part in ("", "protocol", "crypto", "cli")]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        env.pop("PYTHONPYCACHEPREFIX", None)  # the copy's bytecode goes with the copy
        done = subprocess.run([sys.executable, *words], cwd=self.folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.mark.long
def test_one_more_kind_and_one_more_command(tmp_path):
    copy = Copy(tmp_path)
    number, body, rule, row, table = _codes(KIND)
    copy.put("protocol/meshd_protocol/kinds.py", number, before=r"^    ACT = 64", indent=4)
    copy.put("protocol/meshd_protocol/bodies/meetings.py", f"\n\n{body}")
    copy.put("protocol/meshd_protocol/records.cddl", f"\n{rule}")
    copy.put("meshd/store/tables.py", f"{row}\n\n", before=r"^class NoEffect\(")
    copy.put("meshd/store/tables.py", table, before=r"^    NoEffect: Table", indent=4)
    makers = "docs/spec/vectors/makers/bodies.py"
    (example,) = re.findall(r"with every field: `(.*)`", KIND)
    copy.put(makers, f"{example},\n", before=r"^        Act\(", indent=8)
    copy.put(
        makers, "from meshd_protocol.bodies.meetings import Thanks\n", before=r"^from meshd_protocol.bodies.membership"
    )
    copy.run("docs/generate.py")
    copy.run("docs/spec/vectors/make.py")
    assert copy.changed() == _files(KIND)
    assert len(_files(KIND)) == 7

    handler, words, asking = _codes(COMMAND)
    service, commands = "meshd/service/meetings.py", "cli/meshd_cli/commands/meeting.py"
    copy.put(service, "from meshd_protocol.bodies.meetings import Thanks\n", before=r"^from meshd_protocol.encoding")
    copy.put(service, f"\n\n{handler}")
    copy.put(commands, words, before=r"\n\ndef minutes", indent=4)
    copy.put(commands, f"\n\n{asking}")
    copy.put("cli/meshd_cli/main.py", '"thank", ', before=r'(?<="meeting": \()')
    copy.run("docs/generate.py")
    assert copy.changed() == _files(COMMAND)
    assert len(_files(COMMAND)) == 4

    made = copy.run("-c", "from meshd_protocol.kinds import Kind; from meshd.service.dispatch import HANDLERS, WRITERS; "
                    "print(Kind.THANKS.value, 'thank' in HANDLERS, 'thank' in WRITERS)")  # fmt: skip
    assert made == "63 True True\n"
    copy.run("-m", "pytest", "-p", "no:cacheprovider", "tests/unit/test_kinds.py", "tests/unit/test_verbs.py")

    for name in ("protocol/meshd_protocol/records.cddl", "docs/spec/tables.md"):  # it passes for a reason
        there = (copy.folder / name).read_text(encoding="utf-8")
        shutil.copy(ROOT / name, copy.folder / name)
        with pytest.raises(AssertionError, match="thanks"):
            copy.run("-m", "pytest", "-p", "no:cacheprovider", "tests/unit/test_kinds.py", "-k", "specification")
        (copy.folder / name).write_text(there, encoding="utf-8")
