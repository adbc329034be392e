"""What is asked on a terminal: once more where an answer can't be meant, and for the last time with what was understood."""

import pytest

from tests.commands.terminals import on_a_terminal


def test_an_answer_that_can_t_be_meant_is_asked_for_once_more(ada):
    identity = ada.ok("propose", "An oven").split()[0]
    code, shown = on_a_terminal(ada, 80, 40, "vote", identity, typed="maybe\nno\nn\n")
    assert code == 1
    assert shown.count("Your ballot (yes, no or abstain):") == 2
    assert "this is a question of yes, no or abstain" in shown
    assert "Your ballot: no.\n" in shown
    assert shown.endswith("error: nothing was done\n"), "who says no is shown no way around it"
    assert ada.json("show", identity)["seen"] == 0
    code, shown = on_a_terminal(ada, 80, 40, "vote", identity, typed="no\ny\n")
    assert (code, "Your ballot is cast" in shown) == (0, True)
    code, shown = on_a_terminal(ada, 80, 40, "vote", identity, typed="yes\n")
    assert code == 1
    assert "Your ballot (" not in shown, "who has voted is asked for nothing"
    assert "you can't change your vote: no" in shown


@pytest.mark.parametrize("typed", ["Cy 8 > Bea", "Cy 8, Bea", "2,1", '"Cy 8" Bea'])
def test_options_are_separated_as_people_do_it(ada, typed):
    identity = ada.ok("propose", "Names", "--policy", "election", "--option", "Bea", "--option", "Cy 8").split()[0]
    code, shown = on_a_terminal(ada, 80, 40, "vote", identity, typed=f"Zed\n{typed}\ny\n")
    assert code == 0, shown
    assert "Zed is not an option" in shown
    assert "Your ballot: Cy 8 > Bea.\n" in shown
    assert ada.rows("list")[0]["said"] == "Cy 8 > Bea"


def test_an_objection_is_asked_for_its_reason(ada):
    identity = ada.ok("propose", "An oven", "--policy", "consent").split()[0]
    code, shown = on_a_terminal(ada, 80, 40, "vote", identity, typed="object\nIt leaks\n")
    assert code == 0, shown
    assert "Why:" in shown
    assert "It leaks" in ada.ok("why", identity)


def test_what_is_taken_back_is_shown_before(ada):
    said = ada.json("say", "The keys are\nunder the mat")["id"]
    code, shown = on_a_terminal(ada, 80, 40, "forget", "zzzz", typed="y\n")
    assert code == 4
    assert "it can't be undone" not in shown, "nothing is asked about what is not there"
    code, shown = on_a_terminal(ada, 80, 40, "forget", said[:8], typed="n\n")
    assert code == 1
    assert "[general]: The keys are under the mat\n" in shown
    assert "under the mat" in ada.ok("read")


def test_leaving_is_asked_for_once_more(ada):
    code, shown = on_a_terminal(ada, 80, 40, "leave", typed="n\n")
    assert code == 1
    assert "Leaving is for good" in shown
    assert ada.json("whoami")["role"] == "member"


def test_no_option_is_called_as_the_ballot_for_none_is(ada):
    error, _ = ada.fails(2, "propose", "Drinks", "--option", "Tea", "--option", "Blank", "--policy", "election")
    assert "no option can be called blank" in error


def test_a_ticket_that_is_pasted_in_several_lines_is_read_to_its_end(ada, shells):
    ticket = ada.json("invite")["ticket"]
    pasted = f"> {ticket[:70]}\n> {ticket[70:140]}\n> {ticket[140:]}\n"
    code, shown = on_a_terminal(shells("bea"), 100, 24, "join", "-", "--as", "Bea", typed=pasted)
    assert (code, shown.count("Its rest: ")) == (0, 2)
    assert "Your application is written" in shown
    code, shown = on_a_terminal(shells("cy"), 100, 24, "join", "-", "--as", "Cy", typed=f"{ticket[:70]}\n\n")
    assert code != 0
    assert "the ticket is cut or has a mistake in it" in shown
