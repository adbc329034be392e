"""Ballots as forms say them: what is cast is what was chosen, whatever the options are called."""

from itertools import product

import pytest
from starlette.datastructures import FormData

from meshd_cli.errors import UsageError
from meshd_page import ballots

NAMES = ["a", "b", "a=b", "1=2", "blank", "2"]


def _row(method="schulze", names=NAMES):
    return {"options": names, "method": method, "consent": False}


def _form(**said):
    return FormData([(name.replace("_", "-"), value) for name, value in said.items()])


def test_ranks_are_numbers_and_ties_stay_together():
    said = ballots.read(_row(), _form(rank_0="2", rank_1="2", rank_2="1", rank_5="9"))
    assert said == ({"numbers": [[2], [0, 1], [5]]}, "a=b > a = b > 2")
    assert ballots.read(_row(), FormData([("blank", "1"), ("rank-0", "1")])).arguments == {"numbers": []}
    for nothing in ({}, {"rank_0": ""}, {"rank_0": "x"}, {"rank_0": "-1"}, {"rank_9": "1"}):
        with pytest.raises(UsageError):
            ballots.read(_row(), _form(**nothing))


def test_choices_and_scores_are_numbers():
    approved = FormData([("say", "4"), ("say", "0"), ("say", "99"), ("say", "x")])
    assert ballots.read(_row("approval"), approved) == ({"numbers": [4, 0]}, "blank, a")
    scores = ballots.read(_row("score"), _form(score_0="5", score_1="", score_3="0"))
    assert scores == ({"numbers": [[0, 5], [3, 0]]}, "a: 5, 1=2: 0")
    with pytest.raises(UsageError):
        ballots.read(_row("score"), _form(score_0="5.5"))
    yes = ballots.read({"options": [], "method": None, "consent": False}, _form(say="yes"))
    assert yes == ({"choices": ["yes"]}, "yes")


def _moved(places, move, names="ABCD"):
    form = FormData([(f"rank-{number}", place) for number, place in enumerate(places)] + [("move", move)])
    query = ballots.moved(_row(names=list(names)), form)
    return None if query is None else dict(part.split("=") for part in query.split("&"))


@pytest.mark.parametrize(
    ("places", "move", "becomes"),
    [
        (("3", "1", "2", ""), "up 2", {"rank-2": "1", "rank-1": "2", "rank-0": "3"}),
        (("1", "1", "2", ""), "up 3", {"rank-0": "1", "rank-1": "1", "rank-2": "2", "rank-3": "3"}),
        (("1", "1", "2", ""), "up 2", {"rank-2": "1", "rank-0": "2", "rank-1": "2"}),
        (("1", "1", "2", ""), "up 1", {"rank-1": "1", "rank-0": "2", "rank-2": "3"}),
        (("1", "1", "2", ""), "down 0", {"rank-1": "1", "rank-0": "2", "rank-2": "3"}),
        (("1", "2", "", ""), "down 1", {"rank-0": "1"}),
        (("1", "", "", ""), "down 0", {"rank-0": ""}),
        (("1", "2", "", ""), "up 0", {"rank-0": "1", "rank-1": "2"}),
        (("", "", "", ""), "down 0", {"rank-0": ""}),
        (("1", "", "", ""), "sideways 0", None),
        (("1", "", "", ""), "up 9", None),
    ],
)
def test_buttons_move_one_option_and_leave_the_others(places, move, becomes):
    assert _moved(places, move) == becomes


def test_no_button_changes_the_order_of_the_others():
    for places in product(["", "1", "2", "3"], repeat=3):
        for word, number in product(("up", "down"), range(3)):
            after = _moved(places, f"{word} {number}", "ABC")
            ranks = [after.get(f"rank-{each}", "") for each in range(3)]
            others = [each for each in range(3) if each != number]
            first, second = others
            both = places[first], places[second]
            now = ranks[first], ranks[second]
            assert [bool(each) for each in both] == [bool(each) for each in now]
            if all(both):
                assert (int(both[0]) > int(both[1])) == (int(now[0]) > int(now[1]))
                assert (both[0] == both[1]) == (now[0] == now[1])


def test_a_button_takes_along_what_was_typed():
    form = FormData([("rank-0", "1"), ("move", "up 1"), ("reason", "It is & old"), ("late", "1")])
    assert ballots.moved(_row(), form) == "rank-0=1&rank-1=2&reason=It+is+%26+old&late=1"
