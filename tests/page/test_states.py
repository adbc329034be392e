"""What the page does when things are not as they should be: no daemon, a locked one, a form sent twice, two browsers."""

import signal
import socket
import subprocess
import sys
import threading

import pytest

from meshd_cli.homes import folders
from tests.commands.shell import MESHD, wait
from tests.page.browser import Browser

FORM = "application/x-www-form-urlencoded"


def test_without_a_daemon_it_says_so_and_goes_on_by_itself(house):
    browser = house.browser()
    house.shell.stop()
    answer = browser.get(f"{browser.at}/")
    assert answer.status == 503
    assert "The daemon is not running" in answer.words
    assert "meshd run" in answer.words
    house.shell.start()
    assert browser.visit().status == 200


def test_it_begins_without_a_daemon(house):
    house.shell.stop()
    browser = house.browser()
    assert browser.get(f"{browser.at}/").status == 503
    code, said = house.stop()
    assert code == 0
    assert "the daemon is not running" in said
    house.shell.start()


def test_a_locked_home_asks_for_the_passphrase(house):
    browser = house.browser()
    page = browser.fill(browser.visit("/machine"), "/lock")
    assert page.status == 503
    assert "Passphrase" in page.words
    assert browser.get(f"{browser.at}/help/install").status == 200, "help needs no daemon"
    wrong = browser.fill(page, "/unlock", passphrase="guess")
    assert "guess" not in wrong.text
    assert "Passphrase" in wrong.words
    home = browser.fill(wrong, "/unlock", passphrase="pw")
    assert home.status == 200
    assert "What waits for you" in home.words, "not that no daemon runs, while it opens its logs"


def test_what_was_typed_is_not_lost_where_the_daemon_is_gone(house):
    browser = house.browser()
    page = browser.visit("/talk")
    house.shell.stop(signal.SIGKILL)
    answer = browser.fill(page, "/talk", text="Long thoughts about flour")
    assert answer.status == 503
    assert "Long thoughts about flour" in answer.words
    house.shell.start()
    assert house.shell.rows("read") == []
    assert browser.fill(answer, "/talk").status == 200
    assert [row["text"] for row in house.shell.rows("read")] == ["Long thoughts about flour"]


def test_a_form_sent_twice_is_done_once(house):
    browser = house.browser()
    fields = browser.visit("/talk").form("/talk") | {"text": ["Once"]}
    answers = []

    def send():
        answers.append(browser.send("/talk", fields))

    both = [threading.Thread(target=send) for _ in range(4)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert [each.status for each in answers] == [303] * 4
    assert len({each.headers["location"] for each in answers}) == 1
    assert [row["text"] for row in house.shell.rows("read")] == ["Once"]
    other = browser.send("/talk", fields | {"text": ["Twice"]})
    assert other.status == 409
    assert "sent before" in other.words
    assert "Twice" in other.form("/talk")["text"][0]
    assert browser.fill(other, "/talk").status == 200
    assert [row["text"] for row in house.shell.rows("read")] == ["Once", "Twice"]


@pytest.mark.parametrize(
    ("place", "action", "said"),
    [
        ("/propose", "/propose", {"title": "An oven"}),
        ("/talk", "/talk", {"text": "Who brings flour?"}),
        ("/meetings", "/meetings", {"title": "Monday", "text": "We met."}),
    ],
)
def test_who_goes_back_and_sends_the_same_form_again_is_asked(house, place, action, said):
    """The browser loads the page anew, and puts in what was typed: to the form it is a new one."""
    browser = house.browser()
    assert browser.fill(browser.visit(place), action, **said).status == 200
    twice = browser.fill(browser.visit(place), action, **said)
    assert twice.status == 409
    assert "it was done" in twice.words
    verb = {"/propose": "list", "/talk": "read", "/meetings": "minutes"}[place]
    assert len(house.shell.rows(verb)) == 1
    assert browser.fill(twice, action).status == 200
    assert len(house.shell.rows(verb)) == 2, "who means it does it"
    first = next(iter(said))
    assert browser.fill(browser.visit(place), action, **said | {first: "Something else"}).status == 200


def test_a_ballot_that_one_goes_back_from_is_still_filled_in(house):
    browser = house.browser()
    identity = house.shell.ok("propose", "An oven").strip()
    sure = browser.fill(browser.visit(f"/decisions/{identity}"), "/vote", say="no", reason="It leaks")
    back = browser.get(sure.link("Back, without a ballot").partition("#")[0])
    fields = back.form("/vote")
    assert (fields["say"], fields["reason"]) == (["no"], ["It leaks"])
    assert "late" not in fields
    assert house.shell.json("show", identity)["seen"] == 0


def test_back_after_voting_shows_what_became_of_it(house):
    browser = house.browser()
    identity = house.shell.ok("propose", "An oven").strip()
    before = browser.visit(f"/decisions/{identity}")
    sure = browser.fill(before, "/vote", say="yes")
    assert browser.fill(sure, "/vote").status == 200
    again = browser.fill(sure, "/vote")
    assert again.status == 200, "the same form leads to the same page"
    back = browser.get(sure.path)
    assert (back.status, back.headers["location"]) == (303, f"{browser.at}/decisions/{identity}#state"), (
        "no form to send"
    )
    other = browser.fill(before, "/vote", say="no")
    assert other.status == 409
    assert "you can't change your vote" in other.words
    assert house.shell.json("show", identity)["counts"]["yes"] == 1


def test_what_is_copied_off_a_page_is_sent_as_it_was_written(house):
    """A page puts marks around words from right to left."""
    browser = house.browser()
    said = browser.fill(browser.visit("/talk"), "/talk", text="\u0645\u0631\u062d\u0628\u0627 and bread")
    assert "\u2068\u0645\u0631\u062d\u0628\u0627\u2069" in said.text
    browser.fill(browser.visit("/talk"), "/talk", text="\u2068\u0645\u0631\u062d\u0628\u0627\u2069 again")
    assert house.shell.rows("read")[-1]["text"] == "\u0645\u0631\u062d\u0628\u0627 again"


def test_who_thinks_too_long_before_a_ballot_is_told(house):
    browser = house.browser()
    identity = house.shell.ok("propose", "An oven").strip()
    sure = browser.fill(browser.visit(f"/decisions/{identity}"), "/vote", say="yes", reason="It leaks")
    assert browser.get(sure.path).words == sure.words, "it can be loaded again"
    house.shell.ok("vote", identity, "no", "--yes")
    later = browser.get(sure.path)
    assert later.status == 409
    assert "you can't change your vote" in later.words
    assert "How it stands" in later.words
    assert "all the same" not in later.words, "what can't be done is not offered"
    assert "What you typed" in later.words
    assert "It leaks" in later.words
    other = Browser(house.address())
    lost = other.get(f"{other.at}{sure.path.removeprefix(browser.at)}")
    assert (lost.status, lost.headers["location"]) == (303, f"{other.at}/decisions/{identity}#state"), "it is another's"


def test_what_the_node_warns_of_is_told_and_stays_while_one_looks(house):
    browser = house.browser()
    page = browser.visit("/propose")
    made = browser.fill(page, "/propose", title="An oven", policy="standard", closes="2099-01-01T10:00")
    assert "a later end has no effect" in made.words
    assert "a later end has no effect" in browser.get(made.path).words
    assert "a later end has no effect" not in browser.get(made.path.partition("?")[0]).words


def test_two_browsers_at_once(house):
    first, second = house.browser(), Browser(house.address())
    first.fill(first.visit("/talk"), "/talk", text="From one")
    assert "From one" in second.visit("/talk").words
    second.fill(second.visit("/talk"), "/talk", text="From the other")
    assert "From the other" in first.visit("/talk").words
    assert first.cookie != second.cookie


def test_it_is_told_of_changes_while_somebody_looks(house):
    """Server-sent events: one for each change; the daemon is watched only as long as a browser listens."""
    import http.client

    browser = house.browser()
    connection = http.client.HTTPConnection(browser.host, timeout=60)
    connection.request("GET", f"{browser.at}/events", headers={"Cookie": browser.cookie})
    events = connection.getresponse()
    assert events.headers["content-type"] == "text/event-stream"
    lines = [events.readline() for _ in range(5)]
    assert lines == [b"retry: 2000\n", b"\n", b"event: change\n", b"data: \n", b"\n"]
    house.shell.ok("say", "Something new")
    assert events.readline() == b"event: change\n"
    other = http.client.HTTPConnection(browser.host, timeout=60)
    other.request("GET", f"{browser.at}/events", headers={"Cookie": browser.cookie})
    joined = other.getresponse()
    lines = [joined.readline() for _ in range(5)]
    assert lines[2] == b"event: change\n", "whoever joins later may have missed one"
    other.close()
    house.shell.stop()
    assert b"" in iter(events.readline, None), "it ends with the daemon"
    connection.close()
    house.shell.start()


def test_a_home_of_several_assemblies(house):
    house.shell.stop()
    house.shell.found("Garden", "Ada")
    house.shell.start()
    browser = house.browser()
    page = browser.get(browser.base)
    assert page.status == 200
    places = [part.partition('"')[0] for part in page.text.split('href="')[1:] if part.startswith(browser.base)]
    names = {browser.get(place).words.partition(" Ada")[0].rpartition(" ")[2] for place in places}
    assert names == {"Bakery", "Garden"}
    for place in places:
        folder = place.rstrip("/").rpartition("/")[2]
        machine = browser.get(f"{place.rstrip('/')}/machine")
        assert f"meshd --assembly {folder[:8]} leave" in machine.words, "each page is about its own assembly"
    assert "wait" not in page.words
    house.shell.ok("--assembly", "Garden", "propose", "Beans")
    page = browser.get(browser.base)
    assert page.words.count("1 thing waits for you") == 1
    assert f'href="{browser.base}"' in browser.get(places[0]).text, "and back again"
    house.shell.ok("lock")
    wait(lambda: house.shell.json("status").get("locked"))
    words = browser.get(browser.base).words
    assert all(each[:8] in words for each in folders(house.shell.home)), "a locked home tells no names"


def test_an_address_where_there_is_no_page_leads_on(house):
    browser = house.browser()
    for address in (f"{browser.at}/nosuch", f"{browser.at}/decisions/a/b/c/d"):
        page = browser.get(address)
        assert page.status == 404
        assert "There is no such page" in page.words
        assert f'href="{browser.at}/decisions"' in page.text
    page = browser.get(f"{browser.base}nosuch/nosuch")
    assert page.status == 404
    assert "Other assemblies" not in page.words


def test_killed_it_leaves_nothing_in_the_way(house):
    house.serve()
    house.page.send_signal(signal.SIGKILL)
    house.page.communicate()
    house.page = None
    assert house.browser().visit().status == 200


def test_what_was_sent_to_a_page_that_was_begun_anew_is_given_back(house):
    """At the same place, where browsers send what they have open; to nobody else."""
    browser = house.browser()
    fields = browser.visit("/talk").form("/talk") | {"text": ["Long thoughts <b>about</b> flour"]}
    house.stop()
    anew = house.browser()
    assert anew.host == browser.host
    given_back = browser.send("/talk", fields)
    assert given_back.status == 403
    assert "Long thoughts <b>about</b> flour" in given_back.words
    assert "<b>about" not in given_back.text
    assert fields["token"][0] not in given_back.text
    assert house.shell.rows("read") == []
    foreign = {"Cookie": browser.cookie, "Origin": "http://elsewhere.example", "Content-Type": FORM}
    refused = browser.ask("POST", f"{browser.at}/talk", foreign, b"text=words")
    assert (refused.status, "words" in refused.text) == (403, False)
    much = browser.send("/talk", fields | {"text": ["a" * (1 << 21)]})
    assert much.status == 403
    assert len(much.text) < 1000
    own = {"Cookie": browser.cookie, "Origin": f"http://{browser.host}", "Content-Type": "multipart/form-data"}
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        odd = browser.ask("POST", f"{browser.at}/talk", own | {"Content-Type": kind}, b"--x\r\nno form\r\n\r\n--")
        assert odd.status == 403
        assert odd.headers["content-security-policy"]
    assert house.browser().visit("/talk").status == 200


def test_a_port_that_is_taken_gives_way_to_another_one(house):
    port = house.browser().host.rpartition(":")[2]
    house.stop()
    with socket.create_server(("127.0.0.1", int(port))):
        assert house.browser().host.rpartition(":")[2] != port
        house.stop()
    (house.shell.home / "page.port").write_text("nonsense")
    assert house.browser().visit("/").status == 200


def test_what_was_sent_to_a_locked_home_stands_on_the_page(house):
    browser = house.browser()
    page = browser.visit("/propose")
    house.shell.ok("lock")
    wait(lambda: house.shell.json("status").get("locked"))
    answer = browser.fill(page, "/propose", title="An oven", text="Many words about it")
    assert answer.status == 503
    assert "Passphrase" in answer.words
    assert "Many words about it" in answer.words
    wrong = browser.fill(answer, "/unlock", passphrase="guess")
    assert "Many words about it" in wrong.words
    unlocked = browser.fill(wrong, "/unlock", passphrase="pw")
    assert "Many words about it" in unlocked.words
    assert house.shell.rows("list") == [], "nothing is sent that nobody sends"
    decision = browser.fill(unlocked, "/propose")
    assert decision.status == 200
    (row,) = house.shell.rows("list")
    assert (row["title"], house.shell.json("show", row["id"])["text"]) == ("An oven", "Many words about it")


def test_nothing_is_sent_elsewhere_by_what_was_held(house):
    browser = house.browser()
    fields = browser.fill(browser.visit("/machine"), "/lock").form("/unlock")
    held = {"passphrase": ["pw"], "held-to": ["https://elsewhere.example/"], "held": ["text=words"]}
    answer = browser.send("/unlock", fields | held)
    assert "elsewhere" not in answer.text


@pytest.mark.long
def test_where_nobody_knows_whether_it_was_done_that_is_said(house):
    """A daemon that is stopped (Ctrl-Z) answers nothing: the form may be done once it goes on."""
    browser = house.browser()
    fields = browser.visit("/talk").form("/talk") | {"text": ["Hello"]}
    house.shell.daemon.send_signal(signal.SIGSTOP)
    try:
        silent = browser.send("/talk", fields)
    finally:
        house.shell.daemon.send_signal(signal.SIGCONT)
    assert silent.status == 503
    assert "Hello" in silent.words
    wait(lambda: house.shell.rows("read"))
    again = browser.send("/talk", fields)
    assert again.status == 409
    assert "nobody knows whether it was done" in again.words
    assert [row["text"] for row in house.shell.rows("read")] == ["Hello"]
    assert browser.fill(again, "/talk").status == 200
    assert [row["text"] for row in house.shell.rows("read")] == ["Hello", "Hello"], "with the form that was shown then"


def test_a_browser_in_the_terminal_is_served(house, tmp_path):
    """One that runs in the foreground until its person ends it."""
    seen = tmp_path / "seen"
    program = tmp_path / "browser"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c \'import sys, urllib.request; open(sys.argv[2], "w").write('
        f'urllib.request.urlopen(sys.argv[1]).read().decode())\' "$1" {seen}\n'
    )
    program.chmod(0o755)
    house.shell.env["BROWSER"] = f"{program} %s"
    page = subprocess.Popen(
        [*MESHD, "--home", str(house.shell.home), "page"], env=house.shell.env, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    wait(lambda: seen.exists() and "Go on" in seen.read_text())
    page.send_signal(signal.SIGINT)
    page.communicate(timeout=60)
    assert page.returncode == 0


def test_a_daemon_serves_the_page_beside_itself(house):
    house.shell.stop()
    house.shell.start("--page")
    wait(lambda: (house.shell.home / "page.sock").exists())
    address = house.shell.json("page", "--url")["url"]
    browser = Browser(address)
    assert browser.visit().status == 200
    house.shell.ok("lock")
    wait(lambda: browser.get(f"{browser.at}/").status == 503)
    assert "Passphrase" in browser.get(f"{browser.at}/").words, "it stays while the daemon begins anew"
    house.shell.stop()
    wait(lambda: not (house.shell.home / "page.sock").exists())
    with pytest.raises(OSError):
        browser.get(f"{browser.at}/")


def test_what_was_typed_is_shown_though_its_form_is_gone(house):
    browser = house.browser()
    assert "Nothing." in browser.visit("/entries").words
    identity = house.shell.ok("propose", "An oven").strip()
    page = browser.visit(f"/decisions/{identity}")
    house.shell.ok("withdraw", identity)
    refused = browser.fill(page, "/withdraw", reason='Too dear, said <the> "baker"')
    assert refused.status == 409
    assert 'Too dear, said <the> "baker"' in refused.words
    assert "What you typed" in refused.words
    page = browser.visit("/meetings")
    again = browser.fill(page, "/meetings", title="", text="We met.")
    assert again.form("/meetings")["text"] == ["We met."]
    assert "What you typed" not in again.words, "it stands in the form"
