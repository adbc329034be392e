"""How the words of `meshd vote` become a ballot where options have several words and somebody forgot the quotes."""

import shlex

import pytest

from meshd.errors import NodeError, UsageError
from meshd.service.voting import choice_of
from meshd_protocol.bodies.decisions import Form
from meshd_protocol.decisions.poll import Ballots

FLOWERS = ("Red Roses", "White Lilies", "Tulips")
TWICE = ("Red Roses", "Roses of May", "Tulips")


def ballot(form, typed, options=FLOWERS, most=None):
    ballots = Ballots(0, form, len(options), True, most)
    return choice_of(ballots, shlex.split(typed), options, "k3fq")[1]


@pytest.mark.parametrize(
    ("form", "typed", "choice"),
    [
        (Form.RANKS, "RED ROSES", ((0,),)),
        (Form.RANKS, "red roses=white lilies", ((0, 1),)),
        (Form.RANKS, "'red roses' tul", ((0,), (2,))),
        (Form.SCORES, "white lilies=5", ((1, 5),)),
        (Form.CHOICES, "White Lilies", (1,)),
        (Form.CHOICES, "White Tulips", (1, 2)),
    ],
)
def test_words_that_are_one_option_mean_it(form, typed, choice):
    assert ballot(form, typed) == choice


@pytest.mark.parametrize(
    ("form", "typed", "quoted"),
    [
        (Form.RANKS, "tulips RED ROSES", "tulips 'RED ROSES'"),
        (Form.RANKS, "red roses white lilies", "'red roses' 'white lilies'"),
        (Form.SCORES, "red roses=5 tulips=3", "'red roses=5' tulips=3"),
        (Form.CHOICES, "white lilies red roses tulips", "'white lilies' 'red roses' tulips"),
    ],
)
def test_words_that_are_several_options_are_answered_with_what_to_type(form, typed, quoted):
    with pytest.raises(NodeError) as refused:
        ballot(form, typed)
    assert f"`meshd vote k3fq {quoted}`" in refused.value.hint
    ballot(form, quoted)


def test_words_that_may_mean_one_option_or_two_are_asked_about():
    with pytest.raises(UsageError, match="is one option, and may mean several") as refused:
        ballot(Form.RANKS, "red roses", TWICE)
    assert "`meshd vote k3fq 'red roses'`" in refused.value.hint
    assert ballot(Form.RANKS, "'red roses'", TWICE) == ((0,),)
    assert ballot(Form.RANKS, "1 2", TWICE) == ((0,), (1,))
    assert ballot(Form.CHOICES, "red roses", TWICE, most=1) == (0,), "two are not allowed"
    both = ("Red", "Roses", "Red Roses")
    assert ballot(Form.RANKS, "red roses", both) == ((0,), (1,)), "each is a whole name"


def test_words_that_no_quotes_help_are_refused_as_before():
    for typed in ("red daisies", "red roses daisies", "red roses RED ROSES"):
        with pytest.raises(NodeError) as refused:
            ballot(Form.RANKS, typed)
        assert "quotes" not in refused.value.hint
        assert "1. Red Roses" in refused.value.hint
