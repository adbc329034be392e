"""The screen for the room: what was chosen, behind a PIN, and nothing else."""

import http.client
import signal
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import pytest

from meshd_page.access import Access
from meshd_page.room import is_own_name, new_room
from tests.page.browser import Answer, Browser


class Screen:
    """A telephone in the room."""

    def __init__(self, address: str) -> None:
        self.host = urlsplit(address).netloc
        self.cookie = ""

    def ask(self, method="GET", path="/", headers=None, body=None):
        connection = http.client.HTTPConnection(self.host, timeout=60)
        connection.request(
            method, path, body, {"Cookie": self.cookie, **(headers or {})} if self.cookie else headers or {}
        )
        answer = connection.getresponse()
        found = Answer(answer.status, answer.headers, answer.read().decode(), path)
        connection.close()
        return found

    def enter(self, pin):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.ask("POST", "/", form, urlencode({"pin": pin}))
        if answer.status == 303:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer


@pytest.fixture
def room(house):
    """Ada's page and the room's screen: a browser, a telephone, the PIN."""
    browser = Browser(house.serve("--room", "--listen", "127.0.0.1:0"))
    return browser, Screen(house.said["room"]), house.said["pin"]


def test_nothing_is_shown_without_the_pin(house, room):
    browser, screen, pin = room
    browser.fill(browser.visit("/room"), "/room/agenda", agenda="The oven\nMoney")
    before = screen.ask()
    assert before.status == 200
    assert "The oven" not in before.text
    assert "PIN" in before.words
    wrong = "000000" if pin != "000000" else "111111"
    assert screen.enter(wrong).status == 403
    assert "not the PIN" in screen.enter(wrong).words
    assert screen.enter(f" {pin[:3]} {pin[3:]} ").status == 303
    assert "The oven" in screen.ask().words


def test_it_shows_what_was_chosen_and_nothing_else(house, room):
    browser, screen, pin = room
    shown = house.shell.ok("propose", "An oven", "--policy", "significant").split()[0]
    house.shell.ok("propose", "A secret plan")
    house.shell.ok("say", "Between us")
    screen.enter(pin)
    assert "Nothing is shown yet" in screen.ask().words
    page = browser.visit("/room")
    assert pin in page.words
    browser.fill(page, "/room/agenda", agenda="The oven\n\nمريم speaks\nMoney")
    browser.fill(browser.visit("/room"), "/room/point", point="1")
    browser.fill(browser.visit("/room"), "/room/speak", name="Bo <b>")
    browser.fill(browser.visit("/room"), "/room/speak", name="Cem")
    browser.fill(browser.visit("/room"), "/room/votes", vote=[shown], missing="1")
    seen = screen.ask()
    for words in (
        "Bakery",
        "▶ مريم speaks",
        "Bo <b> speaks",
        "Cem",
        "An oven",
        "0 of 1 ballots",
        "1 not seen here: Ada",
    ):
        assert words in seen.words
    for words in ("secret plan", "Between us", shown):
        assert words not in seen.text
    assert "<b>" not in seen.text
    assert "<form" not in seen.text
    assert "Everybody who is on this network and has the PIN can see this; 1 screen now" in seen.words
    house.shell.ok("vote", shown, "yes")
    browser.fill(browser.visit("/room"), "/room/votes", vote=[shown])
    done = next(part.partition('"')[0] for part in browser.visit("/room").text.split('name="done" value="')[1:])
    browser.fill(browser.visit("/room"), "/room/speak", done=done)
    browser.fill(browser.visit("/room"), "/room/speak", done=done)
    seen = screen.ask()
    assert "final: passed" in seen.words
    assert "not seen here" not in seen.words
    assert "Bo <b>" not in seen.words
    assert "Cem speaks" in seen.words, "two who press the button mean the same one"
    assert "An oven" in browser.visit("/room").words, "what is over can be shown"


def test_nothing_can_be_done_there(house, room):
    browser, screen, pin = room
    screen.enter(pin)
    for method in ("PUT", "DELETE"):
        assert screen.ask(method).status == 405
    for path in ("/decisions", f"{browser.at}/", "/room", "/static/../room.py", "/enter/x"):
        assert screen.ask(path=path).status == 404
    assert screen.ask(path="/static/page.css").status == 200
    assert screen.ask("POST", "/", {"Content-Length": "5000000"}, "x").status in (400, 413)
    assert "default-src 'none'" in screen.ask().headers["content-security-policy"]
    assert browser.ask("GET", f"{browser.at}/", {"Cookie": screen.cookie}).status == 403, "it opens nothing else"


def test_names_of_sites_show_nothing(room):
    _, screen, pin = room
    screen.enter(pin)
    for host in ("evil.example", "evil.example:8080", ""):
        assert screen.ask(headers={"Host": host}).status in (400, 421)
    for host in ("10.42.0.1:8080", "10.42.0.1", "[fe80::1]:8080", "[::1]", "localhost:1"):
        assert is_own_name(host)
    for host in ("evil.example", "1.2.3.4.evil.example", "local", "x.local", ""):
        assert not is_own_name(host)


def test_a_pin_is_not_guessed():
    now = [0.0]
    room = new_room(Access(bytes), lambda size: b"\x01" * size, lambda: now[0])
    assert len(room.pin) == 6
    for _ in range(20):
        assert room.is_right("nonsense", "10.0.0.7") is False
    assert room.is_right(room.pin, "10.0.0.7") is None, "nobody there is let in for a while"
    assert room.is_right(room.pin, "10.0.0.8") is True, "others are"
    for number in range(500):
        room.is_right("nonsense", f"10.0.1.{number}")
    assert room.is_right(room.pin, "10.0.0.8") is None
    now[0] += 61
    assert room.is_right(room.pin, "10.0.0.7") is True


def test_many_who_come_do_not_push_out_the_beamer(house, room):
    _, screen, pin = room
    screen.enter(pin)
    for _ in range(40):
        assert Screen(f"http://{screen.host}/").enter(pin).status == 303
    assert "The PIN" not in screen.ask().words


@pytest.mark.long
def test_the_daemon_is_asked_once_for_all_screens(house, room):
    browser, screen, pin = room
    identity = house.shell.ok("propose", "An oven").split()[0]
    browser.fill(browser.visit("/room"), "/room/votes", vote=[identity])
    screen.enter(pin)
    house.shell.daemon.send_signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(30) as pool:
            looks = [pool.submit(screen.ask) for _ in range(30)]
            assert browser.get(f"{browser.at}/help").status in (200, 503)
            assert {each.result().status for each in looks} == {200}
    finally:
        house.shell.daemon.send_signal(signal.SIGCONT)
    assert "said nothing" in screen.ask().words or "An oven" in screen.ask().words


def test_a_page_that_runs_has_no_room_later(house):
    house.serve()
    assert "runs already" in house.shell.fails(1, "page", "--room", "--url", "--listen", "127.0.0.1:0")[0]


def test_without_the_option_there_is_no_room(house):
    browser = house.browser()
    refused = browser.get(f"{browser.at}/room")
    assert refused.status == 409
    assert "meshd page --room" in refused.words
    assert "Screen for the room" not in browser.visit().words


def test_where_it_can_t_listen_is_said(house):
    for words in ("nowhere", "0.0.0.0:x", ":80", "0.0.0.0:70000"):
        assert "no address to listen at" in house.shell.fails(2, "page", "--url", "--room", "--listen", words)[0]
    assert "nothing can listen on" in house.shell.fails(1, "page", "--url", "--room", "--listen", "203.0.113.1:8080")[0]
