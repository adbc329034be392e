"""The documents: their examples are run as they stand, their links lead somewhere, their generated pages are fresh."""

import importlib.util
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import forks
from tests.commands.shell import PATIENCE, Shell

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
WITH_EXAMPLES = [page for page in PAGES if "```console" in page.read_text(encoding="utf-8")]
SETTLE_SECONDS = PATIENCE


def _examples(page: Path, folder: Path) -> list[tuple[str, str, list[str]]]:
    """Who runs what, and what it must print; what a page has in /tmp is in the folder."""
    found: list[tuple[str, str, list[str]]] = []
    text = page.read_text(encoding="utf-8").replace("/tmp/", f"{folder}/")
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            prompt = re.match(r"(\w+)\$ (.*)", line)
            if prompt:
                found.append((prompt[1], prompt[2], []))
            elif line.strip():
                found[-1][2].append(line)
    return found


def _prints(expected: list[str], printed: str) -> bool:
    """Whether the lines stand in the output, in order; `…` stands for anything."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    patterns = [re.escape(" ".join(line.split())).replace("…", ".*") for line in expected]
    return all(any(re.fullmatch(pattern, line) for line in lines) for pattern in patterns)


def _marks(page: Path) -> list[pytest.MarkDecorator]:
    return [pytest.mark.long] if page.name in ("tutorial-landmark.md", "decide-together.md") else []


def test_there_are_examples(tmp_path):
    assert len(WITH_EXAMPLES) >= 4
    assert sum(len(_examples(page, tmp_path)) for page in WITH_EXAMPLES) >= 30


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name, marks=_marks(page)) for page in WITH_EXAMPLES])
def test_examples_do_what_they_say(page, tmp_path):
    people: dict[str, Shell] = {}
    variables: dict[str, str] = {}
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "meshd").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m meshd_cli "$@"\n')
    (bin_folder / "meshd").chmod(0o755)
    for name, text in re.findall(r"```toml\n# (\S+)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    try:
        for name, words, expected in _examples(page, tmp_path):
            shell = people.setdefault(name, Shell(tmp_path / name))
            env = {**shell.env, **variables, "MESHD_HOME": str(shell.home)}
            env["PATH"] = f"{bin_folder}:{env['PATH']}"
            if words.endswith("&"):
                shell.start()
                continue
            variable = re.fullmatch(r"(\w+)=\$\((.*)\)(; echo \$\w+)?", words)
            command = variable[2] if variable else words
            deadline = time.monotonic() + SETTLE_SECONDS
            while True:
                done = _run(command, env, tmp_path)
                good = done.returncode == 0 and _prints(expected, done.stdout)
                if good or time.monotonic() > deadline:
                    break
                time.sleep(0.1)  # the others' daemons take a moment, which a reader takes, too
            assert good, f"{name}$ {words}\n{done.stdout}{done.stderr}"
            if re.match(r"meshd (init|join) ", command):
                shell.cheapen()  # that they cost what they cost is held by `test_private`
            if variable:
                variables[variable[1]] = done.stdout.strip()
    finally:
        for shell in people.values():
            shell.stop()


def _run(command: str, env: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """What a line of a document does: a fork's work where it is `meshd` alone, else a shell's."""
    try:
        first, *words = shlex.split(command)
    except ValueError:
        first, words = "", []
    if first != "meshd" or re.search(r"[|;&<>`(*?\\]", command):
        return subprocess.run(["bash", "-c", command], env=env, cwd=folder, capture_output=True, text=True)
    return forks.run([re.sub(r"\$(\w+)", lambda found: env[found[1]], word) for word in words], env, "", folder)


def test_generated_pages_are_fresh():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec and spec.loader
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    pages = {"reference/commands.md": generate.commands(), "spec/tables.md": generate.tables()}
    for name, text in (pages | {"man/meshd.1": generate.manual()}).items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, "run `python docs/generate.py`"


def test_every_context_string_is_used_once():
    from meshd_crypto import passphrase
    from meshd_protocol import contexts

    assert contexts.KEY_FILE == passphrase.MAGIC
    values = [value for name, value in vars(contexts).items() if name.isupper()]
    assert len(values) >= 20
    assert len(set(values)) == len(values)
    assert not any(one != other and one.startswith(other) for one in values for other in values)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_dependency_says_why_it_is_there():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for requirement in project["dependencies"]:
        name = re.split(r"[><=\[]", requirement)[0]
        assert f"| `{name}` |" in text


def test_the_readme_s_test_command_is_the_one_that_ci_runs():
    readme, ci = (ROOT / "README.md").read_text(encoding="utf-8"), (ROOT / ".ci" / "run").read_text()
    for command in (".venv/bin/pip install -q -e '.[dev]'", ".venv/bin/pytest"):
        assert command in readme
        assert command in ci


def test_the_licences_are_whole_and_told():
    """Letter by letter as gnu.org and creativecommons.org have them."""
    import hashlib
    import tomllib

    for path, told in (
        ("LICENSE", "0d96a4ff68ad6d4b6f1f30f713b18d5184912ba8dd389f86aa7710db079abcb0"),
        ("docs/spec/LICENSE", "a2010f343487d3f7618affe54f789f5487602331c0a8d03f49e9a7c547cf0499"),
    ):
        assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == told, path
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "AGPL-3.0-or-later AND CC0-1.0"
    assert {"LICENSE", "docs/spec/LICENSE"} == set(project["license-files"])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"({path})" in readme for path in project["license-files"])
    for schema in (ROOT / "protocol" / "meshd_protocol").glob("*.cddl"):
        assert schema.read_text(encoding="utf-8").startswith("; SPDX-License-Identifier: CC0-1.0\n"), schema.name


def test_what_contributing_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:protocol|meshd|cli|docs|tests)/[\w./-]+)`", text)
    assert len(set(named)) >= 15
    assert [path for path in named if not (ROOT / path).exists()] == []
    tasks = (ROOT / "justfile").read_text()
    for task in re.findall(r"^just (\w+)", text, re.MULTILINE):
        assert f"\n{task}" in tasks, task
