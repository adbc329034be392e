"""The verbs by which an assembly governs itself, as a person uses them: stable keys, what they say, what they refuse."""

import json
import shutil
import subprocess

import pytest

from tests.commands.shell import MESHD, Shell, wait
from tests.vectors import FOLDER

ELECTION = str(FOLDER / "elections" / "dundee-2017-ward2.blt")


@pytest.fixture
def baker(ada):
    """A founder with a daemon."""
    ada.start()
    yield ada
    assert ada.stop()[0] == 0


def _id(shell: Shell, *words: str) -> str:
    identity = shell.json(*words)["id"]
    assert isinstance(identity, str)
    return identity


def test_policies_and_their_amendment(baker):
    rows = baker.rows("policies")
    assert [row["name"] for row in rows] == [
        "standard", "significant", "consent", "election", "emergency", "membership", "removal", "constitution", "mandate",
        "recall",
    ]  # fmt: skip
    assert set(rows[0]) == {
        "name", "finality", "method", "threshold", "quorum", "changeable", "notice_s", "open_s", "grace_s", "void", "rule",
        "amended", "rivals", "yes_from", "once", "reserved",
    }  # fmt: skip
    said = baker.run("amend", "standard", "--quorum", "1/3")
    assert said.stderr.startswith("Proposed, with your yes: standard would be certified by witnesses: ")
    assert "quorum 1/3" in said.stderr
    assert baker.rows("policies")[0]["amended"] is True
    assert "this is what standard is already" in baker.fails(2, "amend", "standard", "--quorum", "1/3")[0]
    for words, error in (
        (["standard", "--quorum", "5/3"], "needs a quorum between 0 and 1"),
        (["standard", "--quorum", "x"], "x is no fraction"),
        (["standard", "--threshold", ">0/0"], ""),
        (["standard", "--open", "never"], "never"),
        (["nowhere", "--quorum", "1/3"], "there is no policy nowhere yet"),
        (["standard", "--method", "dice"], "dice"),
    ):
        assert error in baker.fails(2, "amend", *words)[0], words
    baker.ok("amend", "gifts", "--settled", "--threshold", ">1/2")
    assert _id(baker, "propose", "A cake for Bea", "--policy", "gifts")
    assert "no policy" in baker.fails(2, "propose", "Unknown", "--policy", "nowhere")[0]


def test_the_charter(baker, tmp_path):
    assert baker.run("charter").stderr.startswith("There is no charter but the policies")
    text = tmp_path / "charter.txt"
    text.write_text("We bake.\n", encoding="utf-8")
    baker.ok("charter", "--text", str(text))
    assert set(baker.json("charter")) == {"id", "title", "text"}
    assert baker.json("charter")["text"] == "We bake.\n"
    text.write_bytes(b"\xff\xfe")
    assert "UTF-8" in baker.fails(1, "charter", "--text", str(text))[0]
    text.write_text("\n")
    baker.fails(2, "charter", "--text", str(text))


def test_witnesses(baker):
    assert set(baker.json("witness")) == {
        "witnesses",
        "seats",
        "quorum",
        "bound",
        "committee",
        "without_device",
        "here",
    }
    baker.ok("witness", "off")
    assert baker.json("witness")["here"] is False
    question = _id(baker, "propose", "Without anybody to certify it")
    baker.ok("vote", question, "yes")
    assert baker.json("show", question)["state"] == "provisional"
    assert "Of 1 witness 0 had a device that attests" in baker.ok("why", question)
    baker.ok("witness", "on")
    assert baker.json("witness")["here"] is True
    baker.ok("witness", "committee", "Ada")
    assert baker.json("witness")["committee"] is True
    baker.fails(4, "witness", "committee", "Nobody")
    baker.fails(4, "witness", "agree", "zzzz")
    assert "There are: list, on, off" in baker.fails(2, "witness", "nonsense")[1]
    baker.fails(2, "witness", "on", "extra")
    baker.fails(2, "witness", "committee")
    baker.ok("witness", "everybody")
    assert baker.json("witness")["committee"] is False
    baker.fails(2, "witness", "everybody", "Ada")


def test_mandates_acts_recall_and_handing_over(baker):
    assert "No mandate has been given" in baker.run("delegates").stderr
    first = _id(baker, "mandate", "treasurer", "--holder", "Ada", "--power", "spend", "--ends", "90d", "--again")
    baker.fails(4, "act", "treasurer", "too early", "--power", "spend")
    baker.ok("vote", first, "yes")
    (row,) = baker.rows("delegates")
    assert {"id", "role", "holder", "powers", "state", "ends_ms", "acts"} <= set(row)
    assert (row["role"], row["state"], row["acts"]) == ("treasurer", "in force", [])
    act = _id(baker, "act", "treasurer", "Paid the rent", "--power", "spend")
    assert "outside" in baker.fails(1, "act", "treasurer", "Sold the oven", "--power", "sell")[0]
    baker.ok("act", "treasurer", "Sold the oven", "--power", "sell", "--anyway")
    acts = baker.rows("delegates")[0]["acts"]
    assert [(each["id"] == act, each["text"], each["outside"]) for each in acts] == [
        (True, "Paid the rent", False),
        (False, "Sold the oven", True),
    ]
    for words in (
        ["mandate", "cook", "--holder", "Ada"],
        ["mandate", "cook", "--holder", "Ada", "--power", "x", "--ends", "yesterday"],
        ["act", "treasurer", "what"],
    ):
        baker.fails(2, *words)
    for words in (
        ["mandate", "cook", "--holder", "Nobody", "--power", "x"],
        ["act", "nothing", "what", "--power", "x"],
        ["recall", "nothing"],
        ["handover", "treasurer", "nothing", "the keys"],
    ):
        baker.fails(4, *words)
    recall = _id(baker, "recall", "treasurer", "--reason", "too dear")
    assert baker.json("show", recall)["state"] == "settled"
    assert baker.rows("delegates")[0]["state"] == "recalled"
    second = _id(
        baker, "mandate", "treasurer, again", "--role", "treasurer", "--holder", "Ada", "--power", "spend", "--again"
    )
    baker.ok("vote", second, "yes")
    assert [row["state"] for row in baker.rows("delegates")] == ["recalled", "in force"]
    assert "earlier mandate comes first" in baker.fails(2, "handover", second, first, "the keys")[1]
    assert _id(baker, "handover", first, second, "the keys and the cash box")
    assert "the keys and the cash box" in baker.ok("delegates")


def test_nobody_has_a_second_term_unless_the_first_mandate_says_so(baker):
    baker.ok("vote", _id(baker, "mandate", "cook", "--holder", "Ada", "--power", "cook"), "yes")
    error, hint = baker.fails(1, "mandate", "cook", "--holder", "Ada", "--power", "cook", "--again")
    assert "had this role before" in error
    assert "somebody else" in hint


def test_minutes_outcomes_and_what_is_to_do(baker, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("We met again.", encoding="utf-8")
    minutes = json.loads(
        baker.ok("--json", "minutes", "First meeting", "--text", "-", "--present", "Ada", stdin="We met.")
    )["id"]
    baker.ok("assent", minutes[:8])
    (row,) = baker.rows("minutes")
    assert set(row) == {"id", "title", "by", "held_ms", "present", "signed", "others", "open"}
    assert len(row["signed"]) == 1
    assert "We met." in baker.ok("minutes", minutes)
    question = _id(baker, "propose", "Buy flour")
    early = baker.run("outcome", question, "Perhaps.")
    assert (early.returncode, "not a decision in force: it is open" in early.stderr) == (0, True)
    baker.ok("vote", question, "yes")
    baker.ok("outcome", question, "We buy 5 kg.", "--task", "fetch it / Ada / 3d", "--task", "cook")
    rows = baker.rows("todo")
    assert set(rows[0]) == {
        "id", "what", "who", "mine", "due_ms", "overdue", "done", "notes", "proposal", "title", "in_force",
    }  # fmt: skip
    assert [(row["what"], row["mine"], row["done"]) for row in rows] == [
        ("fetch it", True, False),
        ("cook", False, False),
    ]
    baker.ok("done", rows[0]["id"], "two bags")
    assert [row["what"] for row in baker.rows("todo")] == ["cook"]
    assert "two bags" in baker.ok("todo", "--all")
    assert "We buy 5 kg." in baker.ok("show", question)
    baker.fails(4, "assent", "zzzz")
    baker.fails(4, "minutes", "Second", "--text", str(text), "--present", "Nobody")
    assert "longer than" in baker.fails(1, "minutes", "Second", "--text", ELECTION)[0]
    baker.fails(4, "outcome", "zzzz", "x")
    baker.fails(4, "outcome", question, "x", "--task", "a / Nobody")
    baker.fails(2, "outcome", question, "x", "--task", " / Ada")
    baker.fails(2, "outcome", question, "x", "--task", "a / Ada / whenever")
    baker.fails(4, "done", "zzzz.1")


def test_letters_are_for_one_person(baker):
    baker.ok("say", "--to", "Ada", "note to self")
    assert "note to self" in baker.ok("read")
    baker.fails(4, "say", "--to", "Nobody", "x")
    baker.fails(2, "say", "--to", "", "x")


def test_rival_texts_and_repeals(baker):
    question = _id(baker, "propose", "Buy rye")
    rival = _id(baker, "propose", "Buy wheat", "--amends", question)
    assert question[:8] in baker.ok("show", rival)
    baker.ok("vote", question, "yes")
    repeal = _id(baker, "propose", "No rye after all", "--repeals", question)
    baker.ok("vote", repeal, "yes")
    assert "repealed" in baker.ok("show", question) + baker.ok("list")
    baker.fails(4, "propose", "x", "--amends", "zzzz")
    baker.fails(4, "propose", "x", "--repeals", "zzzz")


def test_consent_by_words(baker):
    question = _id(baker, "propose", "Paint it red", "--policy", "consent")
    assert "reason" in baker.fails(2, "vote", question, "object")[0]
    baker.ok("vote", question, "object", "--reason", "too bright")
    assert "Ada" in baker.ok("why", question)
    assert "too bright" in baker.ok("why", question)


def test_a_proof_travels_in_a_file(baker, tmp_path, shells):
    question = _id(baker, "propose", "Buy a generator", "--policy", "significant")
    out = tmp_path / "buy.proof"
    assert "not final" in baker.fails(1, "prove", question, "--out", str(out))[0]
    assert not out.exists()
    baker.ok("vote", question, "yes")
    assert set(baker.json("prove", question, "--out", str(out))) == {"id", "title", "bytes", "file"}
    assembly = baker.json("whoami")["assembly"]
    stranger = shells("stranger", None)
    shown = stranger.json("verify", str(out), "--of", assembly)
    assert {
        *(
            "valid",
            "assembly",
            "id",
            "title",
            "text",
            "mandate",
            "outcome",
            "reasons",
            "members",
            "depth",
            "people",
            "roster",
            "in_force",
            "landmark",
        )
    } == set(shown)
    assert (shown["valid"], shown["assembly"], shown["outcome"]) == (True, assembly, "passed")
    assert not stranger.home.exists(), "checking a proof leaves nothing behind"
    assert stranger.ok("verify", str(out)).startswith("Valid. Buy a generator\n")
    other = stranger.run("verify", str(out), "--of", "ab" * 32)
    assert (other.returncode, other.stdout) == (1, "NOT VALID: it is a proof of another assembly.\n")
    spoilt = bytearray(out.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    out.write_bytes(bytes(spoilt))
    refused = stranger.run("--json", "verify", str(out))
    assert (refused.returncode, json.loads(refused.stdout)["valid"]) == (1, False)
    assert json.loads(refused.stdout)["reasons"] == ["it is damaged: its hash is another"]
    assert "64 hexadecimal digits" in stranger.fails(2, "verify", str(out), "--of", "abc")[0]
    stranger.fails(1, "verify", str(tmp_path / "missing"))
    baker.fails(4, "prove", "zzzz")
    baker.fails(1, "prove", question, "--out", str(tmp_path / "no" / "folder"))
    assert baker.fails(2, "prove", question, "--to", "x")[1] == "`meshd prove --help`"
    piped = subprocess.run(
        [*MESHD, "--home", str(baker.home), "prove", "roster"], env=baker.env, capture_output=True, check=True
    )
    checked = subprocess.run(
        [*MESHD, "verify", "-"], input=piped.stdout, env=stranger.env, capture_output=True, check=True
    )
    assert checked.stdout.startswith(b"Valid. A roster of this assembly\n")


def test_counting_papers(shells, tmp_path):
    nobody = shells("nobody", None)
    shown = nobody.json("count", ELECTION, "--method", "stv-scottish")
    assert {"method", "seats", "winners", "tied", "rounds", "title", "notes"} == set(shown)
    assert (shown["seats"], len(shown["winners"]), shown["tied"]) == (4, 4, [])
    assert set(shown["rounds"][0]) == {"text", "votes"}
    assert "Elected: " in nobody.ok("count", ELECTION, "--method", "irv", "--seats", "1")
    assert not nobody.home.exists()
    for words, code in (
        ([ELECTION, "--method", "dice"], 2),
        ([ELECTION, "--method", "irv"], 1),
        ([ELECTION, "--method", "stv-meek", "--seats", "0"], 1),
        ([ELECTION, "--method", "stv-meek", "--seats", "99"], 1),
        ([ELECTION, "--method", "irv", "--seats", "1", "--lot", "Zoe"], 2),
        ([str(tmp_path), "--method", "irv"], 1),
        ([str(tmp_path / "missing"), "--method", "irv"], 1),
    ):
        nobody.fails(code, "count", *words)
    cut = tmp_path / "cut.blt"
    shutil.copy(ELECTION, cut)
    cut.write_bytes(cut.read_bytes()[:5000])
    error, hint = nobody.fails(1, "count", str(cut), "--method", "stv-scottish")
    assert "line " in error
    assert hint == "Nothing was counted."
    tie = tmp_path / "tie.blt"
    tie.write_text('2 1\n1 1 0\n1 2 0\n0\n"Anna"\n"Bo"\n"T"\n', encoding="utf-8")
    assert nobody.ok("count", str(tie), "--method", "plurality").endswith("Tied: Anna, Bo.\n")
    assert nobody.ok("count", str(tie), "--method", "plurality", "--lot", "Bo", "--lot", "Anna").endswith(
        "Elected: Bo.\n"
    )


def test_removal_answer_leave_and_the_roster(shells, ada):
    bea = shells("bea")
    ada.start()
    bea.apply(ada.json("invite")["ticket"], "Bea")
    bea.start("--connect", ada.address)
    wait(lambda: any(row["person"].startswith("Bea") for row in ada.rows("members")))
    ada.ok("vouch", "Bea")
    ada.ok("admit", "Bea")
    wait(lambda: bea.json("whoami")["role"] == "member")
    motion = _id(ada, "remove", "Bea", "--reason", "never came")
    wait(lambda: motion in [row["id"] for row in bea.rows("list")])
    bea.ok("answer", motion, "I was ill.")
    assert "I was ill." in bea.ok("show", motion)
    assert "about" in ada.fails(1, "answer", motion, "me too")[0]
    bea.ok("vote", motion, "no")
    wait(lambda: ada.json("show", motion)["counts"]["no"] == 1)
    assert ada.json("show", motion)["state"] == "provisional"
    assert "--yes" in bea.fails(2, "leave")[1]
    report = ada.json("members", "--report")
    assert report
    assert len(ada.rows("devices")) == 1
    ada.fails(4, "revoke", "zzzz")
    ada.fails(4, "remove", "Nobody")
    ada.fails(4, "follow", "zzzz")
    assert "no other line" in ada.fails(1, "ratify")[0]
    bea.ok("leave", "--yes")
    wait(lambda: [row["person"] for row in ada.rows("members") if row["role"] == "member"] == ["Ada"])
    for shell in (ada, bea):
        assert shell.stop()[0] == 0


def test_a_log_that_is_lost_leaves_the_member_key(ada, shells):
    """What to do is said, and can be done: a new home, another device of the same person."""
    paper = ada.json("whoami", "--member-key")["member_key"]
    (log,) = ada.home.glob("*/log.db")
    whole = log.read_bytes()
    spoilt = bytearray(whole)
    spoilt[8192:] = bytes(len(spoilt) - 8192)
    for data in (bytes(spoilt), whole[:1000], b"", None):
        log.unlink()
        if data is not None:
            log.write_bytes(data)
        error, hint = ada.fails(1, "list")
        assert "log" in error
        assert "--member-key" in hint
        assert ada.json("whoami", "--member-key")["member_key"] == paper
    log.write_bytes(whole)
    ada.ok("list")
    again = shells("again")
    ada.start()
    again.ok("join", ada.json("invite")["ticket"], "--as", "Ada", "--member-key", "-", stdin=paper)
    again.start("--connect", ada.address)
    wait(lambda: again.json("whoami")["role"] == "member")
    assert again.stop()[0] == ada.stop()[0] == 0


def test_one_damaged_assembly_hides_no_other(ada):
    ada.found("Garden", "Ada")
    ada.fails(2, "list")
    for log in ada.home.glob("*/log.db"):
        name = json.loads(ada.ok("--json", "--assembly", log.parent.name, "whoami"))["name"]
        if name == "Garden":
            log.write_bytes(b"")
            garden = log.parent.name
    assert ada.json("--assembly", "Bakery", "whoami")["name"] == "Bakery"
    ada.fails(1, "--assembly", garden, "list")
    ada.fails(1, "--assembly", "Nothing", "list")


def test_a_device_is_revoked_by_one_motion(shells, ada):
    bea = shells("bea")
    ada.start()
    bea.apply(ada.json("invite")["ticket"], "Bea")
    bea.start("--connect", ada.address)
    wait(lambda: any(row["person"].startswith("Bea") for row in ada.rows("members")))
    ada.ok("vouch", "Bea")
    ada.ok("admit", "Bea")
    wait(lambda: bea.json("whoami")["role"] == "member")
    device = bea.json("whoami")["device"]
    motion = ada.json("revoke", device)
    assert (motion["by"], motion["revoked"]) == ("decision", False)
    assert motion["id"][:8] in ada.fails(1, "revoke", device)[0]
    assert len([row for row in ada.rows("list") if row["title"].startswith("Revoke")]) == 1
    assert bea.stop()[0] == ada.stop()[0] == 0


def test_an_assembly_founded_anew(shells, ada):
    """Cy is lost, with the machine. Ada founds anew, Bea confirms, by a stick; then both decide by network again."""
    people = bea, cy = shells("bea"), shells("cy")
    ada.start()
    for shell, name in zip(people, ("Bea", "Cy"), strict=True):
        shell.apply(ada.json("invite")["ticket"], name)
        shell.start("--connect", ada.address)
    for shell, name in zip(people, ("Bea", "Cy"), strict=True):
        wait(lambda name=name: any(row["person"] == name for row in ada.rows("members")))
        ada.ok("vouch", name)
        if name == "Cy":
            bea_sees = lambda: any(row["person"] == "Cy" for row in bea.rows("members"))  # noqa: E731
            wait(bea_sees)
            bea.ok("vouch", name)
        wait(lambda name=name: _role(ada, name) == "observer")
        motion = ada.json("admit", name)["id"]
        if name == "Cy":
            wait(lambda motion=motion: motion in [row["id"] for row in bea.rows("list")])
            bea.ok("vote", motion, "yes")
        wait(lambda shell=shell: shell.json("whoami")["role"] == "member")
    cy.stop()
    question = _id(ada, "propose", "Buy flour", "--policy", "significant")
    wait(lambda: question in [row["id"] for row in bea.rows("list")])
    for shell in (ada, bea):
        shell.ok("vote", question, "yes")
    wait(lambda: ada.json("show", question)["state"] == "settled")

    assert "while it runs" in ada.fails(1, "refound", "--without", "Cy")[0]
    ada.stop()
    bea.stop()
    for words in (["refound"], ["refound", "abc", "--without", "Cy"]):
        assert "without whom, or which?" in ada.fails(2, *words)[0]
    assert "nobody would be left" in ada.fails(1, "refound", "--without", "Ada", "Bea", "Cy")[0]
    ada.fails(4, "refound", "zzzz")
    done = ada.run("refound", "--without", "Cy")
    assert done.returncode == 0
    new = done.stdout.strip()
    assert done.stderr.startswith("Founded anew, without Cy·")
    (old,) = (each.name for each in bea.home.iterdir() if each.is_dir())
    assert f"`meshd --assembly {old[:8]} refound {new[:8]}`" in done.stderr
    assert (ada.home / new / "keys.sealed").exists()
    assert "several assemblies" in ada.fails(2, "status")[0]
    assert "Has not confirmed: Bea·" in ada.ok("--assembly", new, "status")

    stick = str(shells("stick").home)
    shells("stick").home.mkdir()
    ada.ok("--assembly", old, "export", stick)
    bea.ok("import", stick)
    assert f"`meshd refound {new[:8]}` confirms" in bea.ok("status")
    confirmed = bea.json("refound", new)
    assert set(confirmed) == {"id", "assembly", "folder", "before", "founder", "members", "without", "warnings"}
    assert confirmed["before"] == old

    ada.start("--assembly", new)
    bea.start()
    bea.ok("--assembly", new, "connect", ada.address)
    wait(lambda: "Has not confirmed" not in ada.ok("--assembly", new, "status"))
    bread = _id(bea, "--assembly", new, "propose", "Sell bread", "--policy", "significant")
    wait(lambda: bread in [row["id"] for row in ada.rows("--assembly", new, "list")])
    for shell in (ada, bea):
        shell.ok("--assembly", new, "vote", bread, "yes")
    wait(lambda: bea.json("--assembly", new, "show", bread)["outcome"] == "passed")
    assert [row["title"] for row in bea.rows("--assembly", new, "list")] == ["Sell bread"]
    assert f"`meshd --assembly {old[:8]} list` shows its decisions" in bea.ok("--assembly", new, "status")
    assert bea.json("--assembly", old[:8], "show", question)["outcome"] == "passed"
    for shell in (ada, bea):
        assert shell.stop()[0] == 0


def _role(shell: Shell, person: str) -> str | None:
    return next((row["role"] for row in shell.rows("members") if row["person"] == person), None)
