"""The grammar of the command line: themes, near misses, words without quotes."""

import pytest

from meshd_cli import main


def run(capsys, *words):
    code = main.main(list(words))
    return code, *capsys.readouterr()


def test_every_command_is_in_one_theme():
    known = [verb for verbs in main.FAMILIES.values() for verb in verbs]
    told = [verb for verbs in main.THEMES.values() for verb in verbs]
    assert sorted(known) == sorted(told)


def test_the_help_lists_every_command_by_theme():
    text = main.build_parser([]).format_help()
    for theme, verbs in main.THEMES.items():
        assert f"\n{theme}:\n" in text
        for verb in verbs:
            assert f"\n  {verb:10} " in text
    assert "--passphrase-file" in text


def test_no_words_at_all_ask_for_the_home_screen(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("MESHD_HOME", str(tmp_path))
    code, _, err = run(capsys)
    assert code == 10
    assert f"there is no assembly in {tmp_path}" in err


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["stauts"], "no command stauts", "`meshd status`"),
        (["xyzzyx"], "no command xyzzyx", "`meshd --help` shows all"),
        (["say", "Hello", "--to", "Ada", "--to", "Bea"], "--to is given twice", ""),
        (["run", "--lock-after", "0m"], "after no time at all", "`meshd lock`"),
        (["propose", "Buy", "an", "oven"], "unrecognized", "`meshd propose 'Buy an oven'`"),
        (["--home", "/x", "propose", "An", "oven"], "unrecognized", "`meshd --home /x propose 'An oven'`"),
        (["say", "it's", "on"], "unrecognized", """`meshd say 'it'"'"'s on'`"""),
        (["answer", "k3fq", "I", "am", "here"], "unrecognized", "`meshd answer k3fq 'I am here'`"),
        (["say", "--to", "Bea", "a", "secret"], "unrecognized", "needs quotes. `meshd say --help`"),
        (["propose", "--policy", "standard", "Buy", "it"], "unrecognized", "needs quotes"),
        (["say", "-hello"], "", "`meshd say -- -text`"),
        (["vote", "k3fq", "yes", "--nonsense"], "unrecognized", "`meshd vote --help`"),
        (["--hom", "x"], "no option --hom", "Did you mean `--home`? `meshd --help`"),
        (["--hom", "x", "list"], "no option --hom", "`--home`"),
        (["--asembly=x", "list"], "no option --asembly", "`--assembly`"),
        (["--jsn"], "no option --jsn", "`--json`"),
        (
            ["--listen", "::1", "run"],
            "no option --listen before a command",
            "`meshd --help` shows all; others stand after it",
        ),
        (["list", "--hom", "x"], "unrecognized", "Did you mean `--home`? `meshd list --help`"),
        (["list", "--opne"], "unrecognized", "Did you mean `--open`? `meshd list --help`"),
        (["say", ""], "text is empty", ""),
    ],
)
def test_what_to_type_instead(capsys, words, error, hint):
    code, out, err = run(capsys, *words)
    assert code == 2
    assert out == ""
    assert error in err
    assert hint in err
