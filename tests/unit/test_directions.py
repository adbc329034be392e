"""Names and texts from right to left, on the page and on paper: what stands beside a name stays there."""

from meshd_cli.html import _direction, _isolated

BEGIN, END = "\u2068", "\u2069"


def test_each_of_several_names_keeps_its_number():
    """One isolate around all of them would show the first name beside the last number."""
    said = _isolated("דליה 5, נועה כהן 3, שרה 2 (points)")
    assert said == f"{BEGIN}דליה{END} 5, {BEGIN}נועה כהן{END} 3, {BEGIN}שרה{END} 2 (points)"
    assert _isolated("مريم: 3 to 1") == f"{BEGIN}مريم{END}: 3 to 1"


def test_what_belongs_to_a_word_stays_in_it():
    assert _isolated("see מפתח ב-2027?") == f"see {BEGIN}מפתח ב-2027{END}?"
    assert _isolated("passed: דליה. No") == f"passed: {BEGIN}דליה{END}. No"
    assert _isolated('see ש"ח') == f'see {BEGIN}ש"ח{END}'
    assert _isolated("Bread 5, oven 3") == "Bread 5, oven 3"
    assert "\u202e" not in _isolated("a\u202eb")


def test_the_direction_of_a_text_is_that_of_its_first_letter():
    assert [_direction(text) for text in ("(2026) תנור a", "An תנור", "12", "")] == ["rtl", "ltr", "ltr", "ltr"]
