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
    error, hint = bea.fails(1, "forget", identity)
    assert "somebody else said it" in error
    assert "--older" in hint
    ada.ok("forget", identity[:8], "--yes")
    wait(lambda: "nobody should have said" not in bea.ok("read"))
    assert "took a message back" in bea.ok("read")
    assert "taken back already" in ada.fails(1, "forget", identity)[0]
    ada.stop()
    assert "nobody should have said" not in ada.ok("read")
    assert ada.json("check")["ok"]


def test_old_talk_goes_by_its_age(ada):
    assert ada.run("forget").stderr == "You have said nothing here.\n"
    ada.ok("say", "hello")
    assert ada.ok("forget", "--older", "1d") == "0 messages forgotten on this machine.\n"
    assert "hello" in ada.ok("read")
    assert "is still to come" in ada.fails(2, "forget", "--older", "2999-01-01")[0]
    assert "a message is named, or an age" in ada.fails(2, "forget", "abc", "--older", "1d")[0]
    assert "no such message" in ada.fails(4, "forget", "zzzz")[0]
    assert ada.ok("forget", "--older", "0m", "--yes") == "1 message forgotten on this machine.\n"
    assert "hello" not in ada.ok("read")
    assert ada.json("check")["ok"]
