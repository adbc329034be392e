"""A week of five people who read nothing but the home screen: real daemons, and only commands that it showed, but for
those that begin something.
"""

import shlex
import shutil

from meshd_cli.homes import folders
from tests.commands.shell import Shell, wait


def waits(person: Shell, what: str) -> list[dict]:
    return [each for each in person.json()["waiting"] if each["what"] == what]


def follow(person: Shell, what: str, stdin: str = "yes\n") -> None:
    """Wait until the home screen shows something of a kind, and type its command."""
    wait(lambda: waits(person, what))
    type_in(person, waits(person, what), stdin)


def type_in(person: Shell, shown: list[dict], stdin: str = "yes\n") -> None:
    """Type the first command that is shown; what others did meanwhile may have made it needless."""
    if shown:
        _, *words = shlex.split(shown[0]["command"])
        person.ok(*words, stdin=stdin)


def is_quiet(*people: Shell) -> bool:
    """Whether nothing waits for anybody."""
    return not any(person.json()["waiting"] for person in people)


def role(person: Shell) -> str:
    return person.json()["role"]


def let_in(newcomer: Shell, members: list[Shell]) -> None:
    """Members find an application on their home screens, and do what these say until the newcomer is in."""
    for member in members[:2]:
        follow(member, "vouch")
    follow(members[0], "admit")
    for member in members[1:]:
        wait(lambda member=member: waits(member, "vote") or role(newcomer) == "member")
        type_in(member, waits(member, "vote"))
    wait(lambda: role(newcomer) == "member")
    wait(lambda: is_quiet(newcomer, *members))


def test_a_week(shells, tmp_path):
    ada, bea, cy, dan, eve = everybody = [shells(name) for name in ("ada", "bea", "cy", "dan", "eve")]

    # Monday: Ada founds, four join
    ada.ok("init", "Riverside Bakery", "--as", "Ada")
    ada.start()
    inside = [ada]
    for person, name in zip(everybody[1:], ("Bea", "Cy", "Dan", "Eve"), strict=True):
        person.ok("join", ada.json("invite")["ticket"], "--as", name)
        person.start()
        let_in(person, inside)
        inside.append(person)
    assert {row["role"] for row in ada.rows("members")} == {"member"}
    assert "member of Riverside Bakery" in dan.ok()

    # Tuesday: a vote, of which everybody is told
    oven = bea.json("propose", "Buy an oven", "--policy", "significant")["id"]
    for person in (ada, cy, eve):
        follow(person, "vote")
    wait(lambda: dan.json("show", oven)["outcome"] == "passed")
    wait(lambda: is_quiet(*everybody))
    assert "decided: Buy an oven" in dan.ok()

    # Wednesday: other rules
    ada.ok("amend", "standard", "--open", "7d")
    for person in (bea, cy, dan):
        follow(person, "vote")
    wait(lambda: "open 7 d" in eve.ok("policies"))

    # Thursday: Dan loses the laptop, and comes back with the paper and a ticket
    paper = tmp_path / "paper"
    paper.write_text(dan.ok("whoami", "--member-key").strip())
    lost = dan.json("whoami")["device"]
    dan.stop()
    shutil.rmtree(dan.home)
    again = shells("dan-again")
    told = again.run("join", ada.json("invite")["ticket"], "--as", "Dan", "--member-key", str(paper))
    assert "`meshd devices`" in told.stderr
    again.start()
    wait(lambda: role(again) == "member")
    again.ok("revoke", lost[:12])
    wait(lambda: lost in [row["device"] for row in ada.rows("devices", "Dan") if row["revoked"]])
    attesting = {row["device"] for row in ada.json("witness")["witnesses"] if row["person"].startswith("Dan")}
    assert len(attesting) == 1, "the new device attests in the place of the lost one"

    # Friday: Cy leaves, and is told so by every command
    cy.ok("leave", "--yes")
    wait(lambda: len([row for row in ada.rows("members") if row["role"] == "member"]) == 4)
    error, hint = cy.fails(1, "say", "are you there?")
    assert "you left" in error
    assert "meshd join TICKET" in hint
    cy.stop()

    # Sunday: Cy comes back, without a network, by the same home and a stick
    stick = tmp_path / "stick"
    stick.mkdir()
    ticket = ada.json("invite")["ticket"]
    assert "before-1" in cy.run("join", ticket, "--as", "Cy").stderr
    cy.ok("export", str(stick))
    ada.ok("import", str(stick))
    members = [ada, bea, again, eve]
    for member in (ada, bea):
        follow(member, "vouch")
    follow(eve, "admit")
    for member in (ada, bea, again):
        wait(lambda member=member: waits(member, "vote") or not waits(member, "admit"))
        if waits(member, "vote"):
            follow(member, "vote")
    wait(lambda: len([row for row in ada.rows("members") if row["role"] == "member"]) == 5)
    ada.ok("export", str(stick))
    cy.ok("import", str(stick))
    assert role(cy) == "member"
    assert cy.json("show", oven)["outcome"] == "passed"
    wait(lambda: is_quiet(*members, cy))


def test_coming_back_over_the_network(shells):
    """Who left, and whose ticket ran out before anybody vouched: `join` with another one does it, from the same home."""
    ada, bea = shells("ada"), shells("bea")
    ada.ok("init", "Bakery", "--as", "Ada")
    ada.start()
    bea.ok("join", ada.json("invite")["ticket"], "--as", "Bea")
    ada.ok("invite", "--withdraw")
    bea.ok("join", ada.json("invite")["ticket"], "--as", "Bea")
    bea.start()
    let_in(bea, [ada])
    assert "in that assembly already" in bea_joins_again(ada, bea)
    assert "once Ada·" in bea.ok("leave", "--yes")
    wait(lambda: [row["role"] for row in ada.rows("members") if row["person"] == "Bea"] == ["removed"])
    for verb in ("whoami", "status", "home"):
        assert ", no longer in " in bea.ok(verb).splitlines()[0]
    bea.stop()
    bea.ok("join", ada.json("invite")["ticket"], "--as", "Bea")
    bea.start()
    let_in(bea, [ada])
    assert [row["role"] for row in ada.rows("members")] == ["member", "member"]


def test_who_never_heard_that_they_were_removed_comes_back_all_the_same(shells, tmp_path):
    """What says so is under a key that is not for them: others tell them by word of mouth."""
    ada, bea, cy = shells("ada"), shells("bea"), shells("cy")
    ada.ok("init", "Bakery", "--as", "Ada")
    ada.start()
    for person, name, inside in ((bea, "Bea", [ada]), (cy, "Cy", [ada, bea])):
        person.ok("join", ada.json("invite")["ticket"], "--as", name)
        person.start()
        let_in(person, inside)
    bea.stop()
    ada.ok("remove", "Bea", "--reason", "the till")
    follow(cy, "vote")
    wait(lambda: [row["role"] for row in ada.rows("members") if row["person"] == "Bea"] == ["removed"])
    stick = tmp_path / "stick"
    stick.mkdir()
    assert "is out" in ada.fails(1, "vouch", "Bea")[0]
    ada.ok("stick", str(stick))
    assert "newer network key" in bea.run("stick", str(stick)).stderr
    for screen in (bea.ok(), bea.ok("status")):
        assert "perhaps you were removed" in screen
        assert "meshd join TICKET --as YOU --anew" in screen
    ticket = ada.json("invite")["ticket"]
    error, hint = bea.fails(1, "join", ticket, "--as", "Bea")
    assert "in that assembly already" in error
    assert "--anew" in hint
    bea.ok("join", ticket, "--as", "Bea", "--anew")
    assert sorted(path.name for path in (bea.home / "before-1").iterdir()) == [*folders(bea.home)]
    bea.ok("export", str(stick))
    assert "Bea·" in ada.ok("import", str(stick)).partition("asks to join")[0]
    bea.start()
    let_in(bea, [ada, cy])
    assert [row["role"] for row in ada.rows("members")] == ["member"] * 3


def bea_joins_again(ada: Shell, bea: Shell) -> str:
    bea.stop()
    error, _ = bea.fails(1, "join", ada.json("invite")["ticket"], "--as", "Bea")
    bea.start()
    return error


def test_a_join_that_fails_takes_nothing_away(shells):
    ada, bea = shells("ada"), shells("bea")
    ada.ok("init", "Bakery", "--as", "Ada")
    bea.ok("join", ada.json("invite")["ticket"], "--as", "Bea")
    before = bea.json("whoami")["member"]
    ticket = ada.json("invite")["ticket"]
    assert "too long" in bea.fails(1, "join", ticket, "--as", "x" * 500)[0]
    assert bea.json("whoami")["member"] == before
    assert [path.name for path in bea.home.iterdir() if path.name.startswith("before")] == []
    bea.ok("join", ticket, "--as", "Bea")
    assert bea.json("whoami")["member"] == before


def test_a_leave_that_nobody_knows_of_is_told_before_coming_back(shells, tmp_path):
    ada, bea = shells("ada"), shells("bea")
    ada.ok("init", "Bakery", "--as", "Ada")
    ada.start()
    bea.ok("join", ada.json("invite")["ticket"], "--as", "Bea")
    bea.start()
    let_in(bea, [ada])
    bea.stop()
    bea.ok("leave", "--yes")
    assert "left" in bea.run("whoami").stderr
    done = bea.run("join", ada.json("invite")["ticket"], "--as", "Bea")
    assert done.returncode == 0
    assert "may not have reached anybody" in done.stderr
    stick = tmp_path / "stick"
    stick.mkdir()
    (kept,) = bea.home.glob("before-*")
    Shell(kept).ok("export", str(stick))
    ada.ok("import", str(stick))
    assert [row["role"] for row in ada.rows("members") if row["person"] == "Bea"] == ["removed"]
