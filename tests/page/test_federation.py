"""The page in a home that holds a federation and its assemblies: who is in it, and that every page opens in each."""

import re

import pytest

from tests.commands.shell import Shell, wait
from tests.page.conftest import House

PLACES = ("/", "/decisions", "/propose", "/people", "/delegates", "/meetings", "/institutions", "/talk", "/machine")


@pytest.fixture
def valley(tmp_path):
    """Two assemblies of one person each, and a federation of them, in one home with a daemon and a page."""
    shell = Shell(tmp_path / "home")
    shell.found_valley(tmp_path)
    made = House(shell)
    shell.start()
    try:
        yield made
    finally:
        made.stop()
        shell.stop()


def test_the_people_of_a_federation_are_its_assemblies(valley):
    browser = valley.browser()
    links = re.findall(r'href="([^"]+)/"><bdi>(\w+)', browser.get(browser.base).text)
    each = {name: at for at, name in links}
    assert sorted(each) == ["Aragon", "Bakery", "Valley"]
    for name, at in each.items():
        for place in PLACES:
            assert browser.get(at + place).status == 200, (name, place)
    people = browser.get(f"{each['Valley']}/people")
    assert "assembly weight 1, 1 member; not joined by what is quoted here" in people.words
    assert "assembly weight 2, 1 member; not joined by what is quoted here" in people.words
    federation = valley.shell.json("--assembly", "Valley", "whoami")["assembly"]
    for name in ("Aragon", "Bakery"):
        valley.shell.ok("--assembly", name, "federate", federation)
    wait(lambda: "weight 2, 1 member; followed up to" in browser.get(f"{each['Valley']}/people").words)
    assert "Make a ticket" not in people.words
    key = valley.shell.json("--assembly", "Valley", "whoami")["member"]
    words = ("mandate", "Delegate", "--holder", "Ada", "--power", "speak", "--seat", federation, key)
    given = valley.shell.json("--assembly", "Aragon", *words)["id"]
    valley.shell.ok("--assembly", "Aragon", "vote", given, "yes", "--yes")
    wait(lambda: "for it sits Zoe" in browser.get(f"{each['Valley']}/people").words)
    matter = valley.shell.json("--assembly", "Valley", "propose", "A warehouse", "--policy", "significant")["id"]
    page = browser.get(f"{each['Valley']}/decisions/{matter}")
    valley = each["Valley"].rpartition("/")[2][:8]
    taken = f"meshd --assembly {valley} prove {matter[:8]} --open --out FILE takes it to the assemblies"
    assert taken in page.words, "it works as it is typed"
    assert "An election among options" not in browser.get(f"{each['Valley']}/propose").words
    assert "An election among options" in browser.get(f"{each['Bakery']}/propose").words
