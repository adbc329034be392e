"""What lets a browser in, and what does not: one test for each way that somebody else's page, program or name could
come between.
"""

import os
import re
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from meshd_page.access import Access
from meshd_page.neighbours import is_own_user
from tests.commands.shell import Shell
from tests.page.browser import Browser


def test_an_address_lets_one_browser_in_once(house):
    address = house.serve()
    browser = Browser(address)
    assert "What waits for you" in browser.visit().text
    again = browser.ask("GET", address.removeprefix(f"http://{browser.host}"))
    assert again.status == 403
    assert "set-cookie" not in again.headers
    assert "meshd page" in again.text


def test_the_cookie_is_for_this_page_alone(house):
    browser = house.browser()
    assert browser.attributes.casefold().split("; ") == ["httponly", f"path={browser.base}", "samesite=strict"]
    assert re.fullmatch(r"/[a-z2-7]{26}/", browser.base), "a path that nobody guesses"
    for path in (browser.base, f"{browser.at}/", f"{browser.at}/decisions", f"{browser.at}/events"):
        assert browser.ask("GET", path).status == 403, "without the cookie"
        assert browser.ask("GET", path, {"Cookie": "meshd=abcdefghijklmnopqrstuvwxyz"}).status == 403
    assert browser.get("/").status == 403
    assert browser.get("/another/kgo5l32w/decisions").status == 403


def test_another_name_for_this_machine_shows_nothing(house):
    """DNS rebinding: a site has its own name point here, and asks in the browser's name."""
    address = house.serve()
    browser = Browser(address)
    for host in ("evil.example", "evil.example:80", f"localhost:{browser.host.partition(':')[2]}", "127.0.0.1", ""):
        answer = browser.ask("GET", f"{browser.at}/", {"Host": host, "Cookie": browser.cookie})
        assert answer.status in (400, 421), host
        assert "Bakery" not in answer.text
        fresh = house.address().removeprefix(f"http://{browser.host}")
        assert browser.ask("GET", fresh, {"Host": host}).status in (400, 421)
        assert browser.ask("GET", fresh).status == 200, "it was not spent by that"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:1", "https://HOST"]
)
def test_a_form_of_another_site_does_nothing(house, origin):
    browser = house.browser()
    fields = browser.visit("/talk").form("/talk")
    body = f"token={fields['token'][0]}&once={fields['once'][0]}&text=evil".encode()
    headers = {
        "Cookie": browser.cookie,
        "Origin": origin.replace("HOST", browser.host),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert browser.ask("POST", f"{browser.at}/talk", headers, body).status == 403
    headers |= {"Origin": f"http://{browser.host}", "Sec-Fetch-Site": "cross-site"}
    assert browser.ask("POST", f"{browser.at}/talk", headers, body).status == 403
    assert house.shell.rows("read") == []


def _changes():
    """The address of every form, with something in each place of it."""
    from meshd_page.views import (
        decisions,
        delegates,
        helping,
        home,
        institutions,
        machine,
        meetings,
        people,
        rooming,
        talk,
    )

    views = (decisions, delegates, helping, home, institutions, machine, meetings, people, rooming, talk)
    return sorted(route.path for view in views for route in view.ROUTES if "POST" in route.methods)


def test_every_change_needs_the_token_of_this_browser(house):
    browser, other = house.browser(), house.browser()
    theirs = other.visit("/talk").form("/talk")["token"]
    assert len(_changes()) > 15
    for path in _changes():
        place = path.replace("{id}", "abcd")
        for fields in ({}, {"token": [""]}, {"token": ["guess"]}, {"token": theirs}):
            answer = browser.send(place, fields | {"text": ["evil"], "once": ["1"]})
            assert answer.status == 403, (path, fields)
        assert browser.get(f"{browser.at}{place}").status in (200, 404, 405), "a link changes nothing"
    assert house.shell.rows("read") == []


def test_every_answer_says_what_a_browser_may_do_with_it(house):
    browser = house.browser()
    answers = [browser.visit(), browser.get("/static/page.css"), browser.get("/nothing"), browser.get("/static/../x")]
    answers += [browser.ask("GET", f"{browser.at}/"), browser.send("/talk", {}), browser.get(f"{browser.at}/nothing")]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers
    for answer in answers:
        assert not re.search(r"<script(?![^>]*src=\"/static/)|\son\w+=|\sstyle=|javascript:", answer.text)
        assert not re.search(r"(?:src|href)=\"(?!/)(?!#)", answer.text), "no byte from elsewhere"


def test_what_is_no_request_harms_nobody(house):
    browser = house.browser()
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
        assert browser.ask(method, f"{browser.at}/", {"Cookie": browser.cookie}).status == 405
    for path in ("/static/../showing.py", "/static/%2e%2e/showing.py", "/static//etc/passwd", "/static/"):
        assert browser.get(path).status == 404
    large = {"token": browser.visit("/talk").form("/talk")["token"], "text": ["x" * (1 << 21)]}
    assert browser.send("/talk", large).status == 413
    for place in ("/decisions?page=9999999999999", "/decisions?page=%00", "/decisions?which=%ff", "/talk?topic=%f0%28"):
        assert browser.get(f"{browser.at}{place}").status == 200
    assert browser.get(f"{browser.at}/decisions/%00%ff").status == 404
    assert browser.get(f"{browser.base}nothing/").status in (404, 409)
    with socket.create_connection(("127.0.0.1", int(browser.host.partition(":")[2])), 30) as raw:
        raw.sendall(b"\x16\x03\x01 nonsense \r\n\r\n")
        raw.recv(100)
    assert browser.visit().status == 200


def test_only_this_user_is_told_the_way(house):
    house.serve()
    door = house.shell.home / "page.sock"
    assert stat.S_IMODE(door.stat().st_mode) == 0o600
    assert stat.S_IMODE(house.shell.home.stat().st_mode) == 0o700
    assert house.address() != house.address()
    assert house.stop()[0] == 0
    assert not door.exists()


def test_the_page_listens_on_loopback_alone(house):
    port = house.browser().host.partition(":")[2]
    rows = Path("/proc/net/tcp").read_text().splitlines()
    listening = [line.split()[1] for line in rows if line.split()[3] == "0A"]
    assert [each for each in listening if int(each.partition(":")[2], 16) == int(port)] == [f"0100007F:{int(port):04X}"]


def test_old_addresses_and_sessions_give_way():
    count = iter(range(10**6))
    access = Access(lambda size: next(count).to_bytes(size, "big"))
    words = [access.entrance() for _ in range(9)]
    assert access.enter(words[0]) is None, "more than eight wait"
    cookies = [access.enter(word) for word in words[1:]]
    assert all(access.session(each) is not None for each in cookies)
    for _ in range(30):
        access.enter(access.entrance())
    assert access.session(cookies[0]) is None
    assert access.session(cookies[-1]) is not None
    assert access.session(None) is None
    assert access.session("") is None


def test_a_port_that_is_taken_and_a_home_that_is_none_are_said(house, tmp_path):
    port = house.browser().host.partition(":")[2]
    house.stop()
    with socket.create_server(("127.0.0.1", int(port))):
        assert f"port {port}" in house.shell.fails(1, "page", "--url", "--port", port)[0]
    assert "no port" in house.shell.fails(2, "page", "--url", "--port", "70000")[0]
    assert "no home" in Shell(tmp_path / "nowhere").fails(10, "page", "--url")[0]


def test_a_program_of_another_user_is_shown_nothing(house):
    """Whoever reads an address in a list of processes can't use it."""
    if os.geteuid() != 0:
        pytest.skip("only the administrator can be another user")
    address = house.serve()
    code = f"import urllib.request, urllib.error\ntry:\n urllib.request.urlopen({address!r})\n print('in')\nexcept urllib.error.HTTPError as e:\n print(e.code, e.read().decode())"
    done = subprocess.run(["/usr/bin/python3", "-c", code], user=65534, capture_output=True, text=True, cwd="/")
    assert done.stdout.startswith("403 This page is of another user"), done.stderr
    assert Browser(address).visit().status == 200, "it was not spent by that"


def test_whose_end_it_is_is_looked_up_in_the_kernels_table(tmp_path):
    table = tmp_path / "tcp"
    row = " 0: 0100007F:{port:04X} 0100007F:1F40 01 00000000:00000000 00:00000000 00000000 {uid} 0 1\n"
    table.write_text("head\n" + row.format(port=4000, uid=os.getuid()) + row.format(port=4001, uid=os.getuid() + 7))
    assert is_own_user("127.0.0.1", 4000, table)
    assert not is_own_user("127.0.0.1", 4001, table)
    assert not is_own_user("127.0.0.1", 4002, table)
    assert is_own_user("127.0.0.1", 4002, tmp_path / "none"), "where nobody knows"


def test_odd_requests_have_an_answer_and_every_answer_its_headers(house):
    browser = house.browser()
    fresh = house.address().removeprefix(f"http://{browser.host}")
    assert browser.ask("HEAD", fresh).status == 405
    assert browser.ask("GET", fresh).status == 200, "it was not spent by that"
    for place in (f"/help/{'a' * 300}", "/nosuch", "/decisions/x/y/z"):
        answer = browser.get(f"{browser.at}{place}")
        assert answer.status == 404
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert browser.get(f"{browser.base}nosuch/events").status == 404
    upgrade = {"Cookie": browser.cookie, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "x" * 22 + "=="}  # fmt: skip
    assert browser.ask("GET", f"{browser.at}/", upgrade).status in (400, 403)
    with socket.create_connection(("127.0.0.1", int(browser.host.partition(":")[2])), 30) as raw:
        head = f"POST {browser.at}/talk HTTP/1.1\r\nHost: {browser.host}\r\nOrigin: http://{browser.host}\r\nCookie: {browser.cookie}\r\n"
        raw.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nto".encode())
    assert browser.visit().status == 200


def test_a_stick_that_is_not_plugged_in_is_not_written(house, tmp_path):
    browser = house.browser()
    fields = browser.visit("/machine").form("/lock") | {"path": [str(tmp_path)]}
    refused = browser.send("/machine/stick", fields)
    assert refused.status == 409
    assert "not plugged in" in refused.words
    assert not list(tmp_path.glob("meshd"))
