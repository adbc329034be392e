"""`forget` as a person types it: with a daemon and without, by two people over a link."""

from tests.commands.shell import wait


def test_somebody_takes_a_message_back(shells):
    ada, bea = shells("ada"), shells("bea")
    ada.found("Bakery", "Ada")
    ada.start()
    bea.apply(ada.json("invite")["ticket"], "Bea")
    bea.start("--connect", ada.address)
    wait(lambda: any(row["role"] == "applicant" for row in ada.rows("members")))
    ada.ok("vouch", "Bea")
    identity = ada.json("say", "what nobody should have said")["id"]
    wait(lambda: "what nobody should have said" in bea.ok("read"))
    assert identity[:8] in ada.ok("forget"), "one's last words, with what names them"
    error, hint = bea.fails(1, "forget", identity, "--yes")
    assert "somebody else said it" in error
    assert "--older" in hint
    ada.ok("forget", identity[:8], "--yes")
    wait(lambda: "nobody should have said" not in bea.ok("read"))
    assert "took a message back" in bea.ok("read")
    assert "taken back already" in ada.fails(1, "forget", identity, "--yes")[0]
    ada.stop()
    assert "nobody should have said" not in ada.ok("read")
    assert ada.json("check")["ok"]


def test_old_talk_goes_by_its_age(ada, tmp_path):
    assert ada.run("forget").stderr == "You have said nothing here.\n"
    ada.ok("say", "hello")
    assert ada.ok("forget", "--older", "1d", "--yes") == "0 messages forgotten on this machine.\n"
    assert "hello" in ada.ok("read")
    assert "there is no terminal to ask on" in ada.fails(1, "forget", "--older", "1d")[0]
    done = ada.run("forget", "--older", "0m", "--yes")
    assert done.stdout == "0 messages forgotten on this machine.\n"
    assert "1 message of yours stayed, since nobody else has them yet" in done.stderr
    assert "hello" in ada.ok("read")
    (tmp_path / "stick").mkdir()
    ada.ok("export", str(tmp_path / "stick"))
    assert "is still to come" in ada.fails(2, "forget", "--older", "2999-01-01")[0]
    assert "a message is named, or an age" in ada.fails(2, "forget", "abc", "--older", "1d")[0]
    assert "no such message" in ada.fails(4, "forget", "zzzz", "--yes")[0]
    assert ada.ok("forget", "--older", "0m", "--yes") == "1 message forgotten on this machine.\n"
    assert "hello" not in ada.ok("read")
    assert "(forgotten on this machine; others may have it)" in ada.ok("forget"), "to be taken back from them, too"
    assert ada.json("check")["ok"]
