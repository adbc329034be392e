"""What became of a proposal in words, and how errors become sentences."""

import pytest

from meshd_cli.html import _sentence
from meshd_cli.results import state_words

_ROW = {
    "repealed": False, "withdrawn": False, "outcome": None, "void": None, "consent": False, "state": "provisional",
    "leading": ["B", "D"], "tied": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("plurality", "provisional: B, D are tied"),
        ("irv", "provisional: it hangs on the tie of B, D"),
        ("stv-scottish", "provisional: it hangs on the tie of B, D"),
    ],
)
def test_those_who_are_tied_need_not_be_the_first_ones(method, words):
    assert state_words(_ROW | {"method": method}) == words


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("edr2hpbi pins an earlier roster", "edr2hpbi pins an earlier roster."),
        ("proposal is over", "Proposal is over."),
        ("", ""),
        ("is it?", "Is it?"),
        (f"{'a2' * 26} is no record", f"{'a2' * 26} is no record."),
    ],
)
def test_an_id_at_the_beginning_of_a_sentence_stays_as_it_is_typed(text, sentence):
    assert _sentence(text) == sentence
