"""The page in a real browser: what a screen reader finds, small screens, the keyboard alone, and what scripts add.

Skipped where there is no Chromium.
"""

import re
import shutil
from importlib import resources

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.commands.shell import wait

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.long, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")]
PLACES = (
    "/", "/decisions?which=all", "/propose", "/talk", "/people", "/delegates", "/mandate", "/meetings",
    "/institutions", "/machine", "/room", "/help", "/help/hold-an-election",
)  # fmt: skip
PATIENCE = 60_000


@pytest.fixture(scope="module")
def chromium():
    options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
               "--disable-component-update", "--disable-sync", "--no-first-run"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, houses):
    """A window that was let in: its page, and what every address of the assembly begins with."""
    contexts = []

    def window(**options):
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        problems = []
        page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.problems = problems
        house = houses[0]
        page.goto(house.serve("--room", "--listen", "127.0.0.1:0") if house.page is None else house.address())
        page.wait_for_url(re.compile(r"/[a-z2-7]{26}/[^/]+/$"))
        return page, page.url.rstrip("/")

    yield window
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def filled(houses):
    """Something on every page: ids by what they are."""
    house, bo, _ = houses
    ada = house.shell
    found = {
        "yes-no": ada.ok("propose", "Buy the oven", "--text", "-", "--policy", "significant", stdin="It leaks."),
        "consent": ada.ok("propose", "Close on Mondays", "--policy", "consent"),
        "ranks": ada.ok("propose", "Who keeps the key", *(f"--option={each}" for each in ("Ada", "Bo", "مريم"))),
        "scores": ada.ok(
            "propose", "Garden or bread", "--option=Garden", "--option=Bread", "--policy=election", "--method=score"
        ),
        "some": ada.ok("propose", "Which", "--option=A", "--option=B", "--policy=election", "--method=approval"),
        "mandate": ada.ok("mandate", "Bo buys flour", "--holder", "Bo", "--power", "buy flour"),
    }
    found = {name: text.split()[0] for name, text in found.items()}
    ada.ok("vote", found["mandate"], "yes")
    ada.ok("say", "What does it need?", "--about", found["yes-no"])
    wait(lambda: len(bo.rows("list")) >= len(ada.rows("list")))
    bo.ok("vote", found["mandate"], "yes")
    bo.ok("vote", found["ranks"], "Ada", "Bo=مريم")
    bo.ok("say", "Who brings flour?", "--topic", "kitchen")
    wait(lambda: any(row["state"] == "in force" for row in bo.rows("delegates")))
    bo.ok("act", found["mandate"], "40 kg", "--power", "buy flour")
    found["minutes"] = ada.ok("minutes", "Monday", "--text", "-", "--present", "Bo", stdin="We met.").split()[0]
    ada.ok("outcome", found["mandate"], "It goes on", "--task", "Fetch flour / Ada / 3d")
    return found


def all_places(filled):
    decisions = [f"/decisions/{identity}" for name, identity in filled.items() if name != "minutes"]
    return [*PLACES, *decisions, f"/meetings/{filled['minutes']}", "/decisions/nothing"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screen_reader_finds_its_way(opened, filled, scheme):
    """axe-core finds nothing wrong on any page, in the light and in the dark."""
    script = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    page, at = opened(color_scheme=scheme, bypass_csp=True)
    found = {}
    for place in all_places(filled):
        page.goto(f"{at}{place}")
        page.evaluate(script)
        result = page.evaluate("axe.run()")
        assert result["passes"], "it looked"
        wrong = [f"{each['id']}: {[node['html'][:90] for node in each['nodes']][:3]}" for each in result["violations"]]
        if wrong:
            found[place] = wrong
    assert not found, found


def test_it_reads_at_320_pixels(opened, filled):
    page, at = opened(viewport={"width": 320, "height": 640})
    wide = {}
    for place in all_places(filled):
        page.goto(f"{at}{place}")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            wide[place] = width
    assert not wide, wide


def test_nothing_is_asked_of_elsewhere_and_nothing_is_refused(opened, filled):
    page, at = opened()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for place in all_places(filled)[:-1]:
        page.goto(f"{at}{place}")
    host = at.partition("//")[2].partition("/")[0]
    assert {url.partition("//")[2].partition("/")[0] for url in asked} == {host}
    assert page.problems == []


def test_a_home_weighs_little(opened, filled):
    page, at = opened()
    asked = set()
    page.on("request", lambda request: asked.add(request.url))
    page.goto(f"{at}/", wait_until="load")
    page.wait_for_timeout(0)
    parts = {url for url in asked if not url.endswith("/events")} | {f"{at}/"}
    weight = sum(len(page.request.get(url).body()) for url in parts)
    assert len(parts) >= 3
    assert weight <= 60_000


def test_a_life_by_keyboard_alone(opened, filled, houses):
    """From home to a ballot, by Tab, arrows, Space and Enter; nothing needs a mouse, and focus is always seen."""
    page, at = opened()
    keys = page.keyboard

    def to(text):
        """Press Tab until what has the focus says so."""
        for _ in range(120):
            keys.press("Tab")
            said = page.evaluate(
                "(() => { const e = document.activeElement; return (e.getAttribute('aria-label') || "
                "(e.labels && e.labels[0] && e.labels[0].innerText) || e.innerText || '').trim(); })()"
            )
            if text in said:
                return
        raise AssertionError(f"no way to {text} by Tab")

    page.goto(f"{at}/")
    keys.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "To the content"
    keys.press("Enter")
    to("Propose something")
    keys.press("Enter")
    page.wait_for_url("**/propose")
    to("The question, in a line")
    keys.type("A shelf for the key")
    to("An election among options")
    keys.press("Enter")
    to("The options")
    keys.type("Oak\nPine\nAsh")
    to("Propose it")
    keys.press("Enter")
    page.wait_for_url("**/decisions/*")
    expect(page.locator("h1")).to_have_text("A shelf for the key")
    to("Pine: up")
    keys.press("Enter")
    assert [page.locator(".ranks select").nth(each).input_value() for each in range(3)] == ["1", "", ""]
    assert page.locator(".ranks label").first.inner_text() == "Pine"
    to("Ash: up")
    keys.press("Space")
    to_vote = page.locator("#ballot button", has_text=re.compile("^Vote$"))
    to("Vote")
    keys.press("Enter")
    expect(page.locator("h1")).to_have_text("Cast this ballot?")
    to("Cast it")
    keys.press("Enter")
    page.wait_for_url("**voted=yes*")
    expect(page.locator("#state .state")).to_contain_text("you said: Pine > Ash")
    assert to_vote.count() == 0
    to("Say something about it")
    keys.type("Who has a saw?")
    to("Say it")
    keys.press("Enter")
    expect(page.locator("#talk")).to_contain_text("Who has a saw?")
    assert page.problems == []


def test_it_shows_what_changes_by_itself_and_loses_nothing_typed(opened, filled, houses):
    page, at = opened()
    bo = houses[1]
    page.goto(f"{at}/talk")
    bo.ok("say", "The dough is ready")
    expect(page.locator("main")).to_contain_text("The dough is ready", timeout=PATIENCE)
    page.locator("#text").fill("I am on my way, and")
    bo.ok("say", "And the oven is hot")
    expect(page.locator("#news")).to_contain_text("Something may have changed", timeout=PATIENCE)
    assert page.locator("#text").input_value() == "I am on my way, and"
    assert "oven is hot" not in page.locator("main").inner_text()
    houses[0].shell.stop()
    expect(page.locator("#news")).to_contain_text("The daemon does not answer", timeout=PATIENCE)
    assert page.locator("#text").input_value() == "I am on my way, and"
    houses[0].shell.start("--connect", bo.address)  # it listens elsewhere now
    expect(page.locator("#news")).to_contain_text("The daemon is back", timeout=PATIENCE)


def test_ranks_are_dragged_as_an_extra(opened, filled):
    page, at = opened()
    page.goto(f"{at}/decisions/{filled['ranks']}")
    rows = page.locator(".ranks li")
    rows.nth(2).drag_to(rows.nth(0), target_position={"x": 20, "y": 3})
    assert page.locator(".ranks select").first.input_value() == "1"
    assert "مريم" in rows.first.locator("label").inner_text()


def test_a_rank_that_is_being_dragged_stays_in_the_hand(opened, filled, houses):
    page, at = opened()
    page.goto(f"{at}/decisions/{filled['ranks']}")
    rows = page.locator(".ranks li")
    rows.nth(2).hover()
    page.mouse.down()
    rows.nth(1).hover()
    expect(page.locator(".held")).to_have_count(1)
    houses[0].shell.ok("say", "Look at this", "--about", filled["ranks"])
    expect(page.locator("#news")).to_contain_text("may have changed", timeout=PATIENCE)
    rows.nth(0).hover(position={"x": 20, "y": 3})
    page.mouse.up()
    expect(page.locator(".ranks select").first).to_have_value("1")
    assert "Look at this" not in page.locator("main").inner_text()


def test_without_scripts_the_same_ballot_is_cast(opened, filled):
    page, at = opened(java_script_enabled=False)
    page.goto(f"{at}/decisions/{filled['scores']}")
    page.fill("#score-1", "5")
    page.click("#ballot button:text-is('Vote') >> nth=1")
    page.click("text=Cast it")
    page.wait_for_url("**voted=yes*")
    assert "you said: Bread=5" in page.locator("#state").inner_text()


def test_back_after_a_ballot_leads_to_what_became_of_it(opened, houses):
    """Nothing is sent again, and the browser asks for nothing to be."""
    house, _, _ = houses
    page, at = opened()
    identity = house.shell.ok("propose", "Mend the roof", "--policy", "significant").split()[0]
    page.goto(f"{at}/decisions/{identity}")
    page.check("input[value=yes]")
    page.click("#ballot button:text-is('Vote') >> nth=1")
    page.click("text=Cast it")
    page.wait_for_url("**voted=yes*")
    assert "you said: yes" in page.inner_text("#state")
    page.go_back()
    assert "you said: yes" in page.inner_text("#state")
    page.go_back()
    assert "you said: yes" in page.inner_text("#state")


def test_it_prints(opened, filled):
    page, at = opened()
    page.emulate_media(media="print")
    page.goto(f"{at}/decisions/{filled['ranks']}")
    assert not page.locator("nav").first.is_visible()
    assert not page.locator("#ballot form").is_visible()
    assert page.locator("#why").is_visible()


def test_a_form_that_was_refused_stays_as_it_is(opened, filled, houses):
    page, at = opened()
    page.goto(f"{at}/propose")
    page.fill("#title", "An oven")
    page.fill("#text", "A long text")
    page.fill("#closes", "2020-01-01T10:00")
    page.click("button:text-is('Propose it')")
    expect(page.locator("#problem")).to_contain_text("has passed")
    other = page.context.new_page()
    other.goto(f"{at}/talk")
    houses[1].ok("say", "Something new")
    expect(other.locator("main")).to_contain_text("Something new", timeout=PATIENCE)
    page.wait_for_timeout(1500)  # longer than a page takes to bring itself up to date
    assert page.input_value("#text") == "A long text"
    expect(page.locator("#problem")).to_contain_text("has passed")


def test_a_draft_that_the_browser_brings_back_stays(opened, filled, houses):
    page, at = opened()
    page.goto(f"{at}/talk")
    page.fill("#text", "A draft")
    page.goto(f"{at}/people")
    page.go_back()
    if page.input_value("#text") != "A draft":
        page.fill("#text", "A draft")  # this browser brings nothing back
    houses[1].ok("say", "Something else")
    expect(page.locator("#news")).to_contain_text("may have changed", timeout=PATIENCE)
    assert page.input_value("#text") == "A draft"


def test_enter_in_a_field_votes_and_moves_nothing(opened, filled):
    page, at = opened()
    page.goto(f"{at}/decisions/{filled['ranks']}")
    page.select_option("#rank-1", "1")
    page.fill("#reason", "Why not")
    page.press("#reason", "Enter")
    expect(page.locator("h1")).to_have_text("Cast this ballot?")
    expect(page.locator("main")).to_contain_text("you say: Bo.")


def test_buttons_go_by_the_numbers_that_were_chosen(opened, filled):
    page, at = opened()
    page.goto(f"{at}/decisions/{filled['ranks']}")
    for number, place in (("0", "3"), ("1", "1"), ("2", "2")):
        page.select_option(f"#rank-{number}", place)
    page.click("[aria-label*='مريم'][aria-label$='up']")
    assert [page.input_value(f"#rank-{number}") for number in range(3)] == ["3", "2", "1"]
    page.select_option("#rank-0", "1")
    page.click("[aria-label='Bo: up']")
    assert page.input_value("#rank-0") == page.input_value("#rank-2"), "side by side stays side by side"


def test_many_tabs_do_not_starve_each_other(opened, filled):
    page, at = opened()
    for _ in range(9):
        tab = page.context.new_page()
        tab.goto(f"{at}/decisions", timeout=PATIENCE)
        assert "Decisions" in tab.title()


def test_it_listens_again_where_it_was_refused(opened, filled, houses):
    """A browser tries again by itself only where a stream had begun."""
    page, at = opened()
    page.route("**/events", lambda route: route.fulfill(status=503), times=1)
    with page.expect_response(lambda answer: "meshd-quiet" in answer.request.headers):  # once, for what it missed
        page.goto(f"{at}/talk")
    houses[0].shell.ok("say", "Heard all the same")
    expect(page.locator("main")).to_contain_text("Heard all the same", timeout=PATIENCE)


def test_the_focus_stays_where_it_was(opened, filled, houses):
    page, at = opened()
    page.goto(f"{at}/decisions?which=all")
    link = page.locator("ul.cards a").nth(2)
    address = link.get_attribute("href")
    link.focus()
    houses[1].ok("propose", "One more thing", "--policy", "significant")
    expect(page.locator("main")).to_contain_text("One more thing", timeout=PATIENCE)
    assert page.evaluate("document.activeElement.getAttribute('href')") == address
    expect(page.locator("#news")).to_contain_text("brought up to date")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_room_reads_on_a_telephone_and_by_screen_reader(opened, filled, houses, scheme):
    script = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    page, at = opened(color_scheme=scheme, bypass_csp=True, viewport={"width": 320, "height": 640})
    page.goto(f"{at}/room")
    page.fill("#agenda", "Minutes\nThe oven: which one\nمريم: the garden")
    page.click("button:text-is('Show this agenda')")
    page.check(f"input[value='{filled['ranks']}']")
    page.click("button:text-is('Show these')")
    said = houses[0].said
    for step in ("pin", "room"):
        page.goto(said["room"])
        if step == "room":
            page.fill("#pin", said["pin"])
            page.click("button")
            expect(page.locator("main")).to_contain_text("The oven: which one")
        page.evaluate(script)
        assert page.evaluate("axe.run()")["violations"] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_room_shows_what_changes_by_itself(opened, filled, houses):
    page, at = opened()
    said = houses[0].said
    screen = page.context.new_page()
    screen.goto(said["room"])
    screen.fill("#pin", said["pin"])
    screen.click("button")
    page.goto(f"{at}/room")
    page.fill("#agenda", "Something else now")
    page.click("button:text-is('Show this agenda')")
    expect(screen.locator("main")).to_contain_text("Something else now", timeout=PATIENCE)


def test_sending_one_form_keeps_what_stands_in_another(opened, filled):
    page, at = opened()
    page.goto(f"{at}/decisions/{filled['ranks']}")
    page.fill("#say", "Half a thought")
    page.fill("#reason", "Because")
    page.click("#ballot button:text-is('Blank ballot')")
    expect(page.locator("h1")).not_to_have_text("Who keeps the key")
    page.click("a:text-is('Back, without a ballot')")
    expect(page.locator("#say")).to_have_value("Half a thought")
    page.select_option("#rank-1", "2")
    page.fill("#reason", "Because of that")
    page.click("button:text-is('Say it')")
    expect(page.locator("#talk")).to_contain_text("Half a thought")
    expect(page.locator("#say")).to_have_value("")
    expect(page.locator("#reason")).to_have_value("Because of that")
    expect(page.locator("#rank-1")).to_have_value("2")
    page.goto(f"{at}/decisions/{filled['ranks']}")
    expect(page.locator("#reason")).to_have_value("")
    assert page.problems == []


def test_what_could_not_be_sent_stays_until_it_is(opened, filled, houses):
    """Also where the node is unlocked elsewhere meanwhile."""
    script = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    page, at = opened(bypass_csp=True)
    page.goto(f"{at}/talk")
    page.fill("textarea[name=text]", "Long thoughts about flour")
    houses[0].shell.ok("lock")
    page.click("button:text-is('Say it')")
    for heading in ("Locked", "Unlocked"):
        expect(page.locator("h1")).to_have_text(heading)
        expect(page.locator("main")).to_contain_text("Long thoughts about flour")
        page.evaluate(script)
        assert page.evaluate("axe.run()")["violations"] == []
        if heading == "Locked":
            houses[0].shell.ok("unlock")
            page.fill("#passphrase", "pw")
            page.click("button:text-is('Unlock')")
    page.click("button:text-is('Send it now')")
    expect(page.locator("main")).to_contain_text("Long thoughts about flour")
    expect(page.locator("h1")).not_to_have_text("Unlocked")


def test_a_lock_is_seen_in_every_window_and_so_is_its_end(opened, filled, houses):
    page, at = opened()
    page.goto(f"{at}/people")
    other = page.context.new_page()
    other.goto(f"{at}/")
    title = page.title()
    houses[0].shell.ok("lock")
    for each in (page, other):
        expect(each.locator("main")).to_contain_text("Passphrase", timeout=PATIENCE)
        expect(each.locator("nav")).to_have_count(0)
    houses[0].shell.ok("unlock")
    for each in (page, other):
        expect(each.locator("nav")).to_be_visible(timeout=PATIENCE)
    assert page.title() == title
