"""Tables on terminals of any width: whole words, and nothing lost."""

import io
import re

import pytest

from meshd_cli import html, output

COLUMNS = ("id", "state", "counts", "seen", "you", "title")
ROWS = [
    ("k3fqabcd", "final: passed (no effect so far)", "2 yes, 0 no, 1 abstain", "3/3", "yes", "Buy a second oven"),
    ("cd3fqabc", "open: Émilienne leads", "Émilienne 3, Bartholomäus 1 (options beaten)", "4/12", "", "Treasurer"),
    ("ab3fqabc", "open: no objection stands", "0 consent, 0 object", "0/12", "?", "Federate with Riverside 東京 now"),
]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, rows, width):
    terminal = Terminal()
    with monkeypatch.context() as patched:
        patched.setattr("sys.stdout", terminal)
        patched.setenv("COLUMNS", str(width))
        patched.setenv("TERM", "xterm")
        output.table(COLUMNS, rows, "")
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())


@pytest.mark.parametrize("width", [20, 40, 61, 62, 63, 70, 80, 100, 200])
def test_no_word_is_broken_and_none_lost(monkeypatch, width):
    text = shown(monkeypatch, ROWS, width)
    words = [word for row in ROWS for cell in row for word in cell.split()]
    found = text.split()
    assert [word for word in words if found.count(word) < words.count(word)] == []
    is_table = text.split()[: len(COLUMNS)] == list(COLUMNS)
    assert is_table is (width > 60)


def test_a_word_that_is_too_long_is_folded_where_it_stands(monkeypatch):
    word = "ab" * 100
    text = shown(monkeypatch, [("k3fq", "open", "", "0/1", "", word)], 80)
    assert text.split()[: len(COLUMNS)] == list(COLUMNS)
    assert "".join(re.findall("(?:ab)+", text)) == word


def test_a_line_break_in_a_title_is_a_space_and_what_steers_is_marked(capsys):
    output.say("Buy\nan oven\x1b[2J")
    assert capsys.readouterr().out == "Buy an oven\N{REPLACEMENT CHARACTER}[2J\n"


def test_a_command_on_a_page_leads_to_where_the_same_is_done():
    prose = html._environment("meshd_page").filters["prose"]
    assert '<a href="/a/decisions/abcd2345"><code>' in prose("`meshd propose --again abcd2345` puts it anew", "/a")
    assert '<a href="/a/propose">' in prose("`meshd propose TITLE`", "/a")
    assert "<a" not in prose("`meshd propose TITLE --repeals abcd2345`", "/a"), "no empty form knows of what"
    assert prose("with `meshd vouch <Ada>`") == "with <code>meshd vouch &lt;Ada&gt;</code>"
