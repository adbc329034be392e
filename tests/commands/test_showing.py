"""From screen to screen: what somebody wrote, a proof, a ticket, as pictures and as text, and back."""

import os
import re
import subprocess

import pytest

from tests.commands.terminals import on_a_terminal


@pytest.fixture
def both(shells, tmp_path):
    """Ada and Bea, who met once by stick."""
    ada, bea = shells("ada"), shells("bea")
    ada.found("Bakery", "Ada")
    bea.apply(ada.json("invite")["ticket"], "Bea")
    stick = tmp_path / "stick"
    stick.mkdir()
    for shell, words in ((bea, ["export"]), (ada, ["import"]), (None, None), (ada, ["export"]), (bea, ["import"])):
        if shell is None:
            ada.ok("vouch", "Bea")
            ada.ok("admit", "Bea")
        else:
            shell.ok(*words, str(stick))
    return ada, bea


def test_a_ballot_goes_from_screen_to_screen(both, tmp_path):
    ada, bea = both
    identity = ada.json("propose", "A second oven")["id"]
    one, other = tmp_path / "one.png", tmp_path / "other"
    ada.ok("qr", "--png", str(one))
    assert "1 new record" in bea.ok("import", str(one))
    bea.ok("vote", identity, "yes", "--yes")
    said = bea.ok("qr", "--png", str(other))
    assert said == f"1 record: in {other}.png.\n"
    assert "1 new record" in ada.ok("import", f"{other}.png")
    assert ada.json("show", identity)["counts"]["yes"] == 1
    assert "0 new records" in ada.ok("import", f"{other}.png"), "again changes nothing"
    text = bea.ok("qr", "--text")
    assert "0 new records" in ada.ok("import", "-", stdin=f"Hello,\n> {text}")


def test_many_pictures_are_read_in_any_order_and_what_is_missing_is_named(both, tmp_path):
    ada, bea = both
    for n in range(12):
        ada.ok("say", f"Words of some length, so that it takes a few codes to carry them all: {n}")
    ada.ok("qr", "--png", str(tmp_path / "talk.png"))
    pictures = sorted(map(str, tmp_path.glob("talk-*.png")))
    assert len(pictures) > 2
    error, hint = bea.fails(1, "import", *pictures[1:])
    assert f"of {len(pictures)} parts these are missing: 1" in error
    assert "one command" in hint
    assert "12 new records" in bea.ok("import", *reversed(pictures))


def test_a_whole_bundle_comes_through_a_pipe(both, tmp_path):
    ada, bea = both
    for n in range(30):
        ada.ok("say", f"words {n}")
    ada.ok("export", "--file", str(tmp_path / "bundle"))
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cp", str(tmp_path / "bundle"), str(tmp_path / "pipe")]):
        assert "30 new records" in bea.ok("import", str(tmp_path / "pipe"))


def test_only_what_is_new_is_shown_unless_somebody_asks_for_more(both, tmp_path):
    ada, _ = both
    error, hint = ada.fails(1, "qr")
    assert error == "others have all that you wrote"
    assert "--since" in hint
    (part,) = ada.json("qr", "--since", "1h", "--decisions-only")["parts"][:1]
    assert re.match(r"MESHD\.[A-Z2-7]{8}\.1\.\d+\.", part)
    assert "is still to come" in ada.fails(2, "qr", "--since", "2999-01-01")[0]
    assert "are about what you wrote" in ada.fails(2, "qr", "file", "--since", "1h")[0]
    for n in range(8):
        ada.ok("say", "x" * 11_000 + str(n))
    error, hint = ada.fails(1, "qr")
    assert "64 kB" in error
    assert "--decisions-only" in hint


def test_a_proof_and_a_ticket(both, shells, tmp_path):
    ada, bea = both
    ada.ok("prove", "roster", "--out", str(tmp_path / "proof"))
    ada.ok("qr", str(tmp_path / "proof"), "--png", str(tmp_path / "shown.png"))
    pictures = [str(path) for path in tmp_path.glob("shown*.png")]
    assert bea.ok("verify", *pictures) == bea.ok("verify", str(tmp_path / "proof"))
    text = ada.ok("qr", str(tmp_path / "proof"), "--text")
    assert bea.ok("verify", "-", stdin=text).startswith("Valid.")
    error, hint = bea.fails(1, "import", *pictures)
    assert "is a proof" in error
    assert "meshd verify" in hint
    (tmp_path / "ticket").write_text(ada.ok("invite"))
    ada.ok("qr", str(tmp_path / "ticket"), "--png", str(tmp_path / "ticket.png"))
    assert "is a ticket" in bea.fails(1, "import", str(tmp_path / "ticket.png"))[0]
    zoe, yan = shells("zoe"), shells("yan")
    assert "Your application is written" in zoe.ok("join", str(tmp_path / "ticket.png"), "--as", "Zoe")
    ticket = ada.ok("invite").split()[0]
    letter = (
        f"> Hi, for meshd: here it is:\n>\n>> {ticket[:60]}\n>>  {ticket[60:100]}\n> {ticket[100:]}\n> Yours, Ada\n"
    )
    (tmp_path / "letter").write_text(letter.replace(ticket[100:], ticket[100:-4]))
    assert "cut" in yan.fails(1, "join", str(tmp_path / "letter"), "--as", "Yan")[0]
    (tmp_path / "letter").write_text(letter)
    assert "Your application is written" in yan.ok("join", str(tmp_path / "letter"), "--as", "Yan")
    assert zoe.fails(1, "qr")[0] == "an application is not shown: it travels by the network or a stick"


def test_what_is_none_of_these_is_refused(ada, tmp_path):
    other = tmp_path / "other"
    other.write_text("MESHD.")
    assert "is no proof, ticket or file of records" in ada.fails(1, "qr", str(other))[0]
    assert "No such file" in ada.fails(1, "qr", str(tmp_path / "missing"))[0]
    assert "no whole part" in ada.fails(1, "import", str(other))[0]
    other.write_text("nothing")
    assert "is not a bundle that meshd wrote" in ada.fails(1, "import", str(other))[0]
    assert "there is no folder or file" in ada.fails(1, "import", str(tmp_path / "missing"))[0]
    assert "neither a ticket nor a file with one" in ada.fails(1, "join", "nothing", "--as", "Ada")[0]
    assert "No such file" in ada.fails(1, "qr", "--png", str(tmp_path / "no" / "where.png"))[0]
    for folder in (str(tmp_path), "/", "."):
        assert "is a folder" in ada.fails(2, "qr", "--png", folder)[0]
    assert ada.fails(1, "import", "-")[0] == "nothing came in"
    assert "a folder is imported by itself" in ada.fails(2, "import", str(tmp_path), str(tmp_path))[0]
    ticket = tmp_path / "ticket"
    ticket.write_text(ada.ok("invite"))
    assert "is a ticket" in ada.fails(1, "import", str(ticket))[0]


def test_a_window_shows_as_many_codes_as_it_takes_or_says_that_it_is_too_small(ada):
    ada.ok("propose", "A second oven")
    code, large = on_a_terminal(ada, 120, 60, "qr", typed="\n" * 50)
    assert (code, "█" in large) == (0, True)
    code, small = on_a_terminal(ada, 80, 24, "qr", typed="\n" * 50)
    assert code == 0
    assert small.count("Part ") > large.count("Part ")
    assert max(len(line) for line in small.split("\n") if "█" in line) <= 80, "no line of a code is broken"
    code, none = on_a_terminal(ada, 40, 20, "qr")
    assert code == 1
    assert "too small for QR codes" in " ".join(none.split())
    assert "--png FILE" in none
    code, ticket = on_a_terminal(ada, 80, 24, "invite", "--qr")
    assert code == 0
    assert "too small for the QR code" in ticket
    assert "meshd:" in ticket
