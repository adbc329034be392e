"""Institutions from the command line: a template of one's own, entries with dates and files, what goes wrong, JSON."""

TOOLS = """
name = "Tools"
words = "Who has which tool. We lost a drill twice."
[forms.tool]
words = "A tool that others may borrow."
who = ["people"]
line = ["many loan as loans"]
fields = { what = "text 200", worth = "optional number 0..1000 euros", picture = "optional hash" }
[forms.loan]
words = "Until when."
about = ["tool"]
who = ["people"]
fields = { until = "number date", state = "choice whole | worn" }
[forms.plan]
fields = { goal = "number 1..9 tools" }
"""


def test_institutions_from_the_command_line(shells, tmp_path):
    ada = shells("ada")
    ada.ok("init", "Street", "--as", "Ada")
    assert "Nothing is adopted." in ada.run("institutions").stderr
    (tmp_path / "tools.toml").write_text(TOOLS)
    (tmp_path / "broken.toml").write_text(TOOLS.replace("text 200", "texts"))
    (tmp_path / "picture").write_bytes(b"a drill")
    for words, said in (
        (("institutions", "adopt", str(tmp_path / "broken.toml")), "what holds texts"),
        (("institutions", "adopt", "everything"), "there is no set everything"),
        (("institutions", "drop"), "drop what?"),
        (("institutions", "show", "nothing"), "no such template"),
        (("entry", "tool", "what=x"), "no such form"),
        (("confirm", "aaaa"), "no such entry"),
        (("lot", "aaaa"), "no such draw"),
        (("alarm", "Fire", "--where", "here", "--asks", "water"), "no such form: alarm"),
    ):
        failed = ada.run(*words)
        assert failed.returncode != 0
        assert said in failed.stderr, failed.stderr
        assert failed.stdout == ""
    adopted = ada.json("institutions", "adopt", str(tmp_path / "tools.toml"))
    assert adopted["forms"] == ["tool", "loan", "plan"]
    assert "Tools: adopted" in ada.ok("institutions", "tools")
    assert ada.json("institutions")["adopted"][0]["state"] == "adopted"
    tool = ada.json("entry", "tool", "what=a drill", "worth=90 euros", f"picture={tmp_path / 'picture'}")
    assert (tool["form"], tool["stands"]) == ("tool", True)
    loan = ada.json("entry", "loan", "until=3d", "state=who", "--about", tool["id"][:10])
    after = ada.json("entry", "loan", "--about", tool["id"][:10], "until=3d", "state=worn")
    assert after["form"] == "loan", "fields stand behind an option, too"
    assert "unrecognized arguments: --aboot" in ada.run("entry", "loan", "--aboot", "x", "until=3d").stderr
    (row,) = [each for each in ada.rows("entries", tool["id"][:8]) if each["id"] == loan["id"]]
    assert row["fields"]["state"] == "whole"
    assert "tool a drill: 2 loans" in ada.ok("status")
    assert ada.json("status")["institutions"][0]["parts"][0]["value"] == 2
    failed = ada.run("entry", "loan", "until=soon", "state=whole", "--about", tool["id"])
    assert "soon is no time" in failed.stderr
    failed = ada.run("entry", "loan", "state=whole")
    assert failed.returncode == 2
    assert "about something: tool" in failed.stderr
    plan = ada.json("propose", "Nine tools", "--form", "plan", "--field", "goal=9 tools", "--policy", "significant")
    assert ada.ok("show", plan["id"])
    ada.ok("institutions", "drop", "Tools")
    assert "no such form" in ada.run("entry", "tool", "what=x").stderr
    assert "a drill" in ada.ok("entries"), "what was entered stays"
