"""Names and texts from right to left, on the page, on paper and on a terminal: what stands beside a name stays there."""

import io

from meshd_cli import output
from meshd_cli.directions import with_isolated, without_isolates
from meshd_cli.html import _direction, _isolated

BEGIN, END = "\u2068", "\u2069"


def test_each_of_several_names_keeps_its_number():
    """One isolate around all of them would show the first name beside the last number."""
    said = _isolated("דליה 5, נועה כהן 3, שרה 2 (points)")
    assert said == f"{BEGIN}דליה{END} 5, {BEGIN}נועה כהן{END} 3, {BEGIN}שרה{END} 2 (points)"
    assert _isolated("مريم: 3 to 1") == f"{BEGIN}مريم{END}: 3 to 1"


def test_a_number_in_a_name_is_of_the_name():
    assert _isolated("admits שרה 7·k3fq, now") == f"admits {BEGIN}שרה 7{END}·k3fq, now"
    assert _isolated("שרה 7, דליה 5") == f"{BEGIN}שרה{END} 7, {BEGIN}דליה{END} 5"


def test_what_belongs_to_a_word_stays_in_it():
    assert _isolated("see מפתח ב-2027?") == f"see {BEGIN}מפתח ב-2027{END}?"
    assert _isolated("passed: דליה. No") == f"passed: {BEGIN}דליה{END}. No"
    assert _isolated('see ש"ח') == f'see {BEGIN}ש"ח{END}'
    assert _isolated("Bread 5, oven 3") == "Bread 5, oven 3"
    assert "\u202e" not in _isolated("a\u202eb")


def test_the_direction_of_a_text_is_that_of_its_first_letter():
    assert [_direction(text) for text in ("(2026) תנור a", "An תנור", "12", "")] == ["rtl", "ltr", "ltr", "ltr"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def put_up(monkeypatch, shown):
    monkeypatch.setattr("sys.stdout", shown)
    monkeypatch.setenv("COLUMNS", "200")
    return shown


def test_a_count_on_a_terminal_stays_beside_its_name(monkeypatch):
    terminal = put_up(monkeypatch, Terminal())
    output.say("  counts    דליה 5, נועה 51, Bo 3 (points)", apart=["דליה 5", "נועה 5", "נועה 51", "Bo 3"])
    assert terminal.getvalue() == f"  counts    {BEGIN}דליה 5{END}, {BEGIN}נועה 51{END}, Bo 3 (points)\n"


def test_a_cell_on_a_terminal_is_one_piece(monkeypatch):
    terminal = put_up(monkeypatch, Terminal())
    output.table(("counts", "title"), [("דליה 5, Bo 3", "תנור, שני"), ("2 yes", "An oven")], "", apart=["דליה 5"])
    _, first, second = terminal.getvalue().splitlines()
    assert first.rstrip() == f"{BEGIN}{BEGIN}דליה 5{END}, Bo 3{END}  {BEGIN}תנור, שני{END}"
    assert second.rstrip() == "2 yes         An oven"


def test_what_goes_to_another_program_has_no_marks(monkeypatch):
    shown = put_up(monkeypatch, io.StringIO())
    output.say("דליה 5", apart=["דליה 5"])
    output.table(("title",), [("תנור",)], "")
    assert shown.getvalue() == "דליה 5\nתנור\n"


def test_marks_come_from_nobody_else(monkeypatch):
    terminal = put_up(monkeypatch, Terminal())
    output.say(f"{BEGIN}a{END}", apart=[f"{BEGIN}a{END}"])
    assert terminal.getvalue() == "\N{REPLACEMENT CHARACTER}a\N{REPLACEMENT CHARACTER}\n"


def test_a_word_that_was_copied_off_a_line_is_the_word():
    assert without_isolates(with_isolated("דליה", ["דליה"])) == "דליה"
