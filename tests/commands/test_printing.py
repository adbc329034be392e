"""Paper, calendars and spreadsheets: what is on them, what is not, and that it is read back."""

import csv
import io
import json
import re
import subprocess

import pytest

from tests.commands.shell import MESHD, wait
from tests.page.browser import Answer

SCRIPT = '<script>alert(1)</script> & "quotes"'


def _words(html):
    """What a reader sees."""
    return Answer(200, None, re.sub(r"(?s)<style>.*?</style>", "", html), "").words


@pytest.fixture
def band(shells, ada):
    """Ada and Bo, their daemons connected."""
    bo = shells("bo")
    bo.apply(ada.json("invite")["ticket"], "Bo")
    ada.start()
    bo.start("--connect", ada.address)
    wait(lambda: any(row["person"] == "Bo" for row in ada.rows("members")))
    ada.ok("vouch", "Bo")
    ada.ok("admit", "Bo")
    wait(lambda: any(row["me"] and row["role"] == "member" for row in bo.rows("members")))
    return ada, bo


def test_a_notice_says_what_was_decided_and_not_who_said_what(band):
    ada, bo = band
    identity = ada.ok(
        "propose", f"An oven {SCRIPT}", "--text", "-", "--policy", "significant", stdin="It leaks.\n\nمريم"
    )
    identity = identity.split()[0]
    wait(lambda: any(row["id"] == identity for row in bo.rows("list")))
    ada.ok("vote", identity, "yes")
    bo.ok("vote", identity, "yes", "--reason", "It does")
    wait(lambda: ada.json("show", identity)["outcome"] == "passed")
    html = ada.ok("print", identity)
    words = _words(html)
    for said in ("final: passed", "It leaks.", "2 of 2 ballots are in", "How to check this sheet", identity[:8]):
        assert said in words
    assert SCRIPT not in html
    assert not re.search(r"(?:src|href)=|url\(", html), "it needs nothing beside it"
    labels = [row["label"] for row in ada.rows("members")]
    assert not any(label in words for label in labels)
    assert "Bo·" not in words
    named = _words(ada.ok("print", identity, "--names"))
    assert "Proposed by Ada" in named
    assert "Bo·" in named


def test_the_code_holds_what_the_sheet_says(band, tmp_path):
    zxingcpp = pytest.importorskip("zxingcpp")
    import segno
    from PIL import Image

    from meshd_cli.commands import printing

    ada, _ = band
    identity = ada.ok("propose", "An oven").split()[0]
    sheet = ada.json("print", identity)
    drawn = []
    original = segno.make_qr
    segno.make_qr = lambda text, **options: drawn.append(original(text, **options)) or drawn[0]
    try:
        printing._code(sheet, identity, "open")
    finally:
        segno.make_qr = original
    drawn[0].save(str(tmp_path / "code.png"), scale=4)
    (found,) = zxingcpp.read_barcodes(Image.open(tmp_path / "code.png"))
    assert found.text.splitlines() == [
        "meshd 1", f"assembly {ada.json('whoami')['assembly']}", f"id {identity}", "state open",
        f"log {ada.json('status')['digest']}",
    ]  # fmt: skip


def test_minutes_and_trees_are_for_those_who_are_on_them(band):
    ada, _ = band
    minutes = ada.ok("minutes", "Monday", "--text", "-", "--present", "Bo", stdin="We met.").split()[0]
    words = _words(ada.ok("print", minutes))
    assert "We met." in words
    assert "not yet" in words
    tree = _words(ada.ok("print", "tree"))
    assert "Who calls whom" in tree
    for row in ada.rows("members"):
        assert row["person"] in tree
    rows = ada.json("print", "tree")["calls"]
    assert {row["person"] for row in rows} == {row["label"] for row in ada.rows("members")}
    assert all(row["called_by"] for row in rows if not row["begins"])


def test_ballots_are_typed_and_counted(ada, tmp_path):
    options = ["Ada", 'Bo "B" Ek', "مريم", 'Café "Anker"']
    identity = ada.ok("propose", "Who keeps the key", *(f"--option={each}" for each in options)).split()[0]
    html = ada.ok("print", identity, "--ballots", "3")
    assert html.count('class="ballot"') == 3
    blt = (
        html.partition('<pre class="together">')[2].partition("</pre>")[0].replace("&#34;", '"').replace("&quot;", '"')
    )
    blt = blt.replace("\u2068", "").replace("\u2069", "")
    typed = blt.replace("4 1\n0\n", "4 1\n2 4 1 0\n1 2=4 0\n1 2 0\n0\n")
    (tmp_path / "typed.blt").write_text(typed)
    counted = ada.json("count", str(tmp_path / "typed.blt"), "--method", "schulze")
    assert counted["title"] == "Who keeps the key"
    assert counted["winners"] == ['Café "Anker"'], "as it is called, not as a name with a party"
    for method in ("score", "equal-shares"):
        costs = ["--cost=1", "--cost=1", "--budget=1"] if method == "equal-shares" else []
        other = ada.ok("propose", "X", "--option=A", "--option=B", "--policy=election", f"--method={method}", *costs)
        assert "not counted from paper" in ada.fails(2, "print", other.split()[0], "--ballots", "2")[0]
    plain = ada.ok("propose", "An oven").split()[0]
    assert "among options" in ada.fails(2, "print", plain, "--ballots", "2")[0]
    assert "can't be printed" in ada.fails(2, "print", identity, "--ballots", "0")[0]


def test_a_sheet_is_in_utf_8_whatever_the_terminal_s_letters(ada, tmp_path):
    identity = ada.ok("propose", "Кто хранит ключ").split()[0]
    command = [*MESHD, "--home", str(ada.home), "print", identity]
    done = subprocess.run(command, env=ada.env | {"PYTHONIOENCODING": "latin-1"}, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "Кто хранит ключ" in done.stdout.decode("utf-8")


@pytest.mark.long
def test_a_hundred_pages(ada, tmp_path):
    try:
        import weasyprint  # noqa: F401 (it may lack a library of the system)
    except (ImportError, OSError):
        pytest.skip("there is nothing here that makes a PDF")
    text = "\n\n".join(f"{number}. {'Words about flour. ' * 8}" for number in range(70))[:12_000]
    identity = ada.ok("propose", "Long", "--text", "-", stdin=text).split()[0]
    html = ada.ok("print", identity)
    assert text[-50:].strip() in _words(html)
    options = [f"Option {number}" for number in range(64)]
    many = ada.ok("propose", "Many", *(f"--option={each}" for each in options)).split()[0]
    assert ada.ok("print", many, "--ballots", "100").count('class="ballot"') == 100
    ada.ok("print", many, "--ballots", "20", "--pdf", str(tmp_path / "many.pdf"))
    assert (tmp_path / "many.pdf").read_bytes().startswith(b"%PDF")


def test_what_can_t_be_printed_is_said(ada, tmp_path):
    assert "no such decision, minutes or alarm" in ada.fails(4, "print", "nothing")[0]
    identity = ada.ok("propose", "An oven").split()[0]
    assert "is a folder" in ada.fails(2, "print", identity, "--out", str(tmp_path))[0]
    assert "cannot write" in ada.fails(1, "print", identity, "--out", str(tmp_path / "no/where.html"))[0]


def test_dates_for_a_calendar(ada, tmp_path):
    from icalendar import Calendar

    identity = ada.ok("propose", "An oven; and\nmore, مريم", "--closes", "9d").split()[0]
    ada.ok("outcome", identity, "We go on", "--task", "Fetch flour / Ada / 3d")
    ada.ok("export", "--ics", str(tmp_path / "dates.ics"))
    written = (tmp_path / "dates.ics").read_bytes()
    assert all(len(line) <= 75 for line in written.split(b"\r\n"))
    found = Calendar.from_ical(written).walk("VEVENT")
    assert [str(each["summary"]) for each in found] == ["Due: Fetch flour", "Vote ends: An oven; and\nmore, مريم"]
    again = Calendar.from_ical(ada.ok("export", "--ics", "-")).walk("VEVENT")
    assert [each["uid"] for each in again] == [each["uid"] for each in found], "a calendar knows them again"


def test_results_for_a_spreadsheet(ada, tmp_path):
    ada.ok("propose", '=HYPERLINK("http://evil.example")')
    ada.ok("propose", 'Bread, "fresh"\tand more')
    ada.ok("propose", "Who", "--option", "-1", "--option", "مريم")
    gone = ada.ok("propose", "Too early").strip()
    ada.ok("withdraw", gone)
    ada.ok("export", "--csv", str(tmp_path / "results.csv"))
    rows = list(csv.reader(io.StringIO((tmp_path / "results.csv").read_text(encoding="utf-8-sig"))))
    assert rows[0][:2] == ["id", "title"]
    assert [row[1] for row in rows[1:]] == [
        '\'=HYPERLINK("http://evil.example")',
        'Bread, "fresh"\tand more',
        "Who",
        "Too early",
    ]
    assert [row[4] for row in rows[1:]] == ["open", "open", "open", "withdrawn"]
    assert rows[3][6] == "'-1: 0; مريم: 0"
    for words in ([], ["--ics", "a", "--csv", "b"], ["dir", "--csv", "b"]):
        said = ada.fails(2, "export", *words)[0]
        assert ("one place at a time" if words else "say where to") in said


def test_a_sheet_without_names_has_no_word_of_anybody(band):
    """What people are chosen, removed or trusted with is the decision; who said what of it is not on the sheet."""
    ada, bo = band
    labels = {row["person"]: row["label"] for row in ada.rows("members")}
    consent = ada.ok("propose", "Close on Mondays", "--policy", "consent").split()[0]
    wait(lambda: any(row["id"] == consent for row in bo.rows("list")))
    bo.ok("vote", consent, "object", "--reason", "Ada would be alone")
    mandate = ada.ok("mandate", "Flour", "--holder", "Bo", "--power", "buy").split()[0]
    people = ada.ok("propose", "Who speaks", "--option", labels["Ada"], "--option", labels["Bo"]).split()[0]
    ada.ok("vote", people, labels["Ada"], "--yes")
    withdrawn = ada.ok("propose", "Never mind").split()[0]
    ada.ok("withdraw", withdrawn, "--reason", "Bo was right")
    wait(lambda: ada.json("show", consent)["seen"] == 1)
    for identity in (consent, mandate, withdrawn):
        for words in (_words(ada.ok("print", identity)), json.dumps(ada.json("print", identity))):
            assert not any(label in words for label in labels.values()), words
            assert "would be alone" not in words
            assert "Bo was right" not in words
    assert "gives a member the mandate Flour" in _words(ada.ok("print", mandate))
    sheet = _words(ada.ok("print", people))
    assert f"{labels['Ada']} against" in sheet or labels["Ada"] in sheet
    assert "a member against a member" not in sheet


def test_a_decision_with_a_template_is_shown_and_printed(ada):
    adopted = ada.json("institutions", "adopt", "co-op")["id"]
    for words in (["show", adopted], ["print", adopted], ["print", adopted, "--names"]):
        assert "Co-operative" in ada.ok(*words)


def test_the_tree_of_an_alarm(band):
    ada, bo = band
    adopted = ada.json("institutions", "adopt", "union")["id"]
    wait(lambda: any(row["id"] == adopted for row in bo.rows("list")))
    bo.ok("vote", adopted, "yes")
    wait(lambda: ada.json("institutions")["adopted"][0]["state"] == "adopted")
    alarm = ada.ok("alarm", "Eviction at ten", "--where", "Harbour 4", "--asks", "Come").split()[0]
    wait(lambda: bo.rows("entries"))
    of_ada, of_bo = ada.json("print", alarm), bo.json("print", alarm)
    assert of_ada["alarm"] == alarm
    assert of_ada["calls"] == of_bo["calls"], "it is the same on everybody's node"
    words = _words(ada.ok("print", alarm))
    assert f"For the alarm {alarm[:8]}" in words
    assert "(begins)" in words
    pledge = ada.ok("entry", "pledge", "--about", alarm, "what=I come", "by=3d").split()[0]
    assert "nobody is called by it" in ada.fails(1, "print", pledge)[0]
