"""Lines that are wider than a terminal are broken between words, and commands never."""

import pytest

from meshd_cli.folding import folded


@pytest.mark.parametrize(
    ("text", "indent", "shown"),
    [
        ("as long as it may", 0, "as long as it may"),
        ("it is one word too long", 0, "it is one word too\nlong"),
        ("  by  nobody that is known", 6, "  by  nobody that is\n      known"),
        ("use `meshd stick DIR` for it, say", 0, "use\n`meshd stick DIR`\nfor it, say"),
        ("  meshd vote abcdefgh yes", 2, "  meshd vote abcdefgh yes"),
        ("use: meshd vote abcdefgh", 0, "use: meshd vote abcdefgh"),
        ("a later meshd may have done it", 0, "a later meshd may\nhave done it"),
        ("a ticket: meshd:abcdefghijklmnopqrstuvwxyz", 0, "a ticket: meshd:abcdefghijklmnopqrstuvwxyz"),
        ("`meshd vote abcdefgh yes` or not", 0, "`meshd vote abcdefgh yes` or not"),
        ("far to the right of it", 12, "far to the right of it"),
    ],
    ids=["short", "long", "label", "quoted", "column", "colon", "prose", "ticket", "long-command", "narrow"],
)
def test_a_line_is_broken_between_words_but_not_in_a_command(text, indent, shown):
    assert folded(text, 20, indent) == shown


def test_what_is_no_terminal_gets_lines_as_they_are():
    assert folded("it is one word too long", None, 0) == "it is one word too long"
