"""The verbs of federations, as a person uses them: one home that holds both sides, what is said, what is refused."""

import pytest

from tests.commands.shell import Shell


@pytest.fixture
def valley(tmp_path):
    """A home with two assemblies of one person each, and a federation of them; without a daemon."""
    shell = Shell(tmp_path / "home")
    assert "You decide nothing in it." in shell.found_valley(tmp_path)
    return shell


def _federation(shell: Shell) -> str:
    found = shell.json("--assembly", "Valley", "whoami")["assembly"]
    assert isinstance(found, str)
    return found


def _join(shell: Shell) -> str:
    federation = _federation(shell)
    for name in ("Aragon", "Bakery"):
        shell.ok("--assembly", name, "federate", federation)
    shell.ok("--assembly", "Valley", "quote")
    return federation


def test_a_home_that_holds_both_sides_brings_over_what_was_decided(valley):
    federation = _federation(valley)
    assert valley.json("--assembly", "Aragon", "voices", federation)["matters"] == []
    _join(valley)
    rows = [row for row in valley.json("--assembly", "Valley", "members") if row["role"] == "assembly"]
    assert [(row["person"], row["weight"], row["joined"]) for row in rows] == [("Aragon", 1, True), ("Bakery", 2, True)]
    assert "Nothing new" in valley.ok("--assembly", "Valley", "quote")
    key = valley.json("--assembly", "Valley", "whoami")["member"]
    given = valley.json(
        "--assembly", "Aragon", "mandate", "Delegate", "--holder", "Ada", "--power", "speak", "--seat", federation, key
    )["id"]
    valley.ok("--assembly", "Aragon", "vote", given, "yes", "--yes")
    valley.ok("--assembly", "Valley", "quote")
    matter = valley.json("--assembly", "Valley", "propose", "A warehouse", "--policy", "significant")["id"]
    said = valley.json("--assembly", "Bakery", "voice", matter, "--in", federation)["id"]
    valley.ok("--assembly", "Bakery", "vote", said, "yes", "--yes")
    assert "says yes in the federation" in valley.ok("--assembly", "Bakery", "show", said)
    assert "Bakery to Valley: 2 records quoted" in valley.ok("--assembly", "Valley", "quote")
    shown = valley.json("--assembly", "Valley", "show", matter)
    assert (shown["outcome"], shown["electorate"], shown["seen"]) == ("passed", 3, 2)
    assert "3 assemblies" not in valley.ok("--assembly", "Valley", "why", matter), "they are two, of weight 3"
    assert "2 assemblies of weight 3 may vote" in valley.ok("--assembly", "Valley", "why", matter)


def test_a_stick_takes_along_at_once_what_one_log_has_for_another(valley, tmp_path):
    federation = _join(valley)
    stick = tmp_path / "stick"
    stick.mkdir()
    valley.ok("stick", str(stick))
    matter = "a" * 51 + "q"
    said = valley.json("--assembly", "Bakery", "voice", matter, "--in", federation)["id"]
    valley.ok("--assembly", "Bakery", "vote", said, "yes", "--yes")
    first = valley.ok("stick", str(stick))
    assert "Bakery to Valley: " in first
    assert "Written" in first.partition("Bakery to Valley: ")[2], "on the same trip"
    assert "Written" not in valley.ok("stick", str(stick)), "there is nothing left for the next one"


def test_what_people_do_in_an_assembly_is_refused_in_a_federation_with_the_way_on(valley, tmp_path):
    federation = _join(valley)
    at = ("--assembly", "Valley")
    for words in (("leave", "--yes"), ("federate", federation), ("voice", "a" * 52, "--in", federation)):
        assert valley.fails(1, *at, *words)[0], words
    assert "no proof" in valley.fails(1, *at, "quote", str(tmp_path / "home" / "lock"))[0]
    assert "cannot read" in valley.fails(1, *at, "quote", str(tmp_path / "nowhere"))[0]
    assert "no federation" in valley.fails(1, "--assembly", "Aragon", "quote", str(tmp_path / "Bakery"))[0]
    assert "whole id" in valley.fails(2, "--assembly", "Aragon", "federate", "abc")[0]
    assert "weight" in valley.fails(2, "init", "X", "--as", "Y", "--federation", f"{tmp_path / 'Aragon'}=0")[0]
    twice = [str(tmp_path / "Aragon")] * 2
    assert "one assembly" in valley.fails(2, "init", "X", "--as", "Y", "--federation", *twice)[0]


def test_a_federation_sits_in_another_one(valley, tmp_path):
    """From the command line, with files alone where nobody holds both logs: asked, decided at the foot, why down to it."""
    _join(valley)
    key = valley.json("--assembly", "Valley", "whoami")["member"]
    seat = ("--power", "speak", "--seat", _federation(valley), key)
    given = valley.json("--assembly", "Aragon", "mandate", "Delegate", "--holder", "Ada", *seat)["id"]
    valley.ok("--assembly", "Aragon", "vote", given, "yes", "--yes")
    valley.ok("--assembly", "Valley", "quote")
    proof = str(tmp_path / "valley.proof")
    valley.ok("--assembly", "Valley", "prove", "roster", "--out", proof)
    world = Shell(tmp_path / "world")
    world.ok("init", "World", "--as", "Ora", "--federation", proof)
    world.cheapen()
    above = world.json("whoami")["assembly"]
    told = valley.run("--assembly", "Valley", "federate", above)
    assert "with your yes" not in told.stderr
    error, hint = valley.fails(1, "--assembly", "Valley", "federate", above)
    assert error == "that is open already"
    assert "--open --out FILE` takes it to the assemblies" in hint
    assert "Its assemblies decide it, each at home" in told.stderr
    joins = told.stdout.strip()
    asked = str(tmp_path / "asked")
    assert "the question is in" in valley.ok("--assembly", "Valley", "prove", joins, "--open", "--out", asked)
    for name in ("Aragon", "Bakery"):
        assert valley.ok("--assembly", name, "quote", asked).startswith("Valley asks: Join the federation ")
        said = valley.json("--assembly", name, "voice", joins[:8])["id"]
        valley.ok("--assembly", name, "vote", said, "yes", "--yes")
    valley.ok("--assembly", "Valley", "quote")
    assert "heard     2 of 2 assemblies, weight 3 of 3; 2 settle it" in valley.ok("--assembly", "Valley", "show", joins)
    valley.ok("--assembly", "Valley", "prove", joins, "--out", proof)
    world.ok("quote", proof)
    (row,) = [row for row in world.json("members") if row["role"] == "assembly"]
    assert (row["joined"], row["members"], row["federation"]) == (True, 2, True)
    assert "weight 1, 2 assemblies; followed up to " in world.ok("members")
    why = world.ok("why", joins, "--of", "Aragon")
    assert "Yes: Ada·" in why
    roster = str(tmp_path / "world.proof")
    world.ok("prove", "roster", "--out", roster)
    valley.ok("--assembly", "Valley", "quote", roster)
    error, _ = valley.fails(2, "--assembly", "Valley", "seat", "World")
    assert "a seat in itself" in error
