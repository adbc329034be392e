"""What the page does when things are not as they should be: no daemon, a locked one, a form sent twice, two browsers."""

import signal
import threading

from tests.commands.shell import wait
from tests.page.browser import Browser


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
    sent = browser.fill(browser.visit("/machine"), "/lock")
    wait(lambda: "Passphrase" in (locked := browser.get(f"{browser.at}/")).words and locked.status == 503)
    assert sent.status in (200, 503)
    page = browser.get(f"{browser.at}/")
    wrong = browser.fill(page, "/unlock", passphrase="guess")
    assert "guess" not in wrong.text
    assert "Passphrase" in wrong.words
    browser.fill(wrong, "/unlock", passphrase="pw")
    wait(lambda: browser.get(f"{browser.at}/").status == 200)


def test_what_was_typed_is_not_lost_where_the_daemon_is_gone(house):
    browser = house.browser()
    page = browser.visit("/talk")
    house.shell.stop(signal.SIGKILL)
    answer = browser.fill(page, "/talk", text="Long thoughts about flour")
    assert answer.status == 503
    assert "Long thoughts about flour" in answer.words
    house.shell.start()
    assert house.shell.rows("read") == []


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


def test_back_after_voting_shows_what_became_of_it(house):
    browser = house.browser()
    identity = house.shell.ok("propose", "An oven").strip()
    before = browser.visit(f"/decisions/{identity}")
    sure = browser.fill(before, "/vote", say="yes")
    assert browser.fill(sure, "/vote").status == 200
    again = browser.fill(sure, "/vote")
    assert again.status == 200, "the same form leads to the same page"
    other = browser.fill(before, "/vote", say="no")
    assert other.status == 409
    assert "you can't change your vote" in other.words
    assert house.shell.json("show", identity)["counts"]["yes"] == 1


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


def test_killed_it_leaves_nothing_in_the_way(house):
    house.serve()
    house.page.send_signal(signal.SIGKILL)
    house.page.communicate()
    house.page = None
    assert house.browser().visit().status == 200
