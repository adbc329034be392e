"""The words of `docs/words.md` hold in what is said to people: every text of the node and of the commands."""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("meshd/**/*.py"), *ROOT.glob("cli/**/*.py"), *ROOT.glob("protocol/meshd_protocol/**/*.py")])
AVOIDED = {
    r"\b(she|her|hers|herself|he|him|his|himself)\b": "they",
    r"ballots stay": "you can't change your vote",
    r"\bunsynchroni[sz]ed\b": "not sent yet",
    r"\bre-?propos": "put anew",
}


@functools.cache
def texts(path):
    """The strings of a file that are no docstrings, with their lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    ]


@pytest.mark.parametrize("pattern", AVOIDED)
def test_what_is_not_said(pattern):
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text!r} (say: {AVOIDED[pattern]})"
        for path in FILES
        for line, text in texts(path)
        if re.search(pattern, text, re.IGNORECASE)
    ]
    assert not found, "\n".join(found)


def test_the_page_names_what_the_commands_say():
    page = (ROOT / "docs/words.md").read_text(encoding="utf-8")
    said = "\n".join(text for path in ROOT.glob("cli/**/*.py") for _, text in texts(path))
    for words in ("final: ", "waits for ", "not yet: ", "You can't change "):
        assert words in said
    for words in ("final", "waits for", "not sent yet", "you can't change your vote"):
        assert words in page
