"""Three daemons found an assembly, lose each other, go on deciding, and meet again."""

from functools import partial
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.errors import CommandError
from meshd_cli.plays.people import Person, chapter, let_in, look_around, sees, stage, tell, wait


def play(*, as_json: bool) -> None:
    """Play it. Raises CommandError where a step fails."""
    with stage("Ada", "Bea", "Cy") as (root, people):
        ada, bea, cy = people
        stick = root / "stick"
        stick.mkdir()
        _found(ada, bea, cy)
        during = _blackout(ada, bea, cy)
        _by_stick(bea, cy, stick, during)
        _meet_again(ada, bea, cy)
        during.append(_daily_business((ada, bea, cy)))
        final = _compare((ada, bea, cy), during)
    look_around([(ada, words) for words in ("members", f"why {during[0][:8]}", "log")], root, as_json=as_json)
    if as_json:
        output.emit({"ok": True, "homes": [str(person.home) for person in people], "decisions": final})


def _found(ada: Person, bea: Person, cy: Person) -> None:
    chapter("Ada founds an assembly. Bea and Cy join it with tickets.")
    ada("init", "Riverside Bakery", "--as", "Ada")
    ada.run()
    let_in(ada, bea, vouchers=(ada,), voters=())
    let_in(ada, cy, vouchers=(ada, bea), voters=(bea,))
    tell("Three members, three nodes, no server.")


def _blackout(ada: Person, bea: Person, cy: Person) -> list[str]:
    chapter("The network fails. Cy is cut off; Ada and Bea still reach each other.")
    cy.stop()
    generator = bea("propose", "Buy a generator for the cold store", "--policy", "significant")["id"]
    bea("vote", generator[:8], "yes")
    wait("Ada to see the proposal", partial(sees, ada, generator))
    ada("vote", generator[:8], "yes")
    _state(ada, generator, "settled", "Two of three said yes: settled, in the blackout, and final.")
    oven = cy("propose", "Lend the oven to the relief kitchen", "--policy", "significant")["id"]
    cy("vote", oven[:8], "yes")
    _state(cy, oven, "provisional", "Cy decides alone in the dark; one of three is not enough, and the node says so.")
    return [generator, oven]


def _by_stick(bea: Person, cy: Person, stick: Path, during: list[str]) -> None:
    chapter("A stick is carried from Cy to Bea, and back.")
    cy("export", str(stick))
    bea("import", str(stick))
    bea("vote", during[1][:8], "yes")
    _state(bea, during[1], "settled", "Bea's yes is the second one: settled.")
    bea("export", str(stick))
    cy("import", str(stick))
    _state(cy, during[0], "settled", "Cy learns by stick what Ada and Bea decided without the network …")
    _state(cy, during[1], "settled", "… and that the oven is lent.")


def _meet_again(ada: Person, bea: Person, cy: Person) -> None:
    chapter("The network is back. Cy's node meets the others over a socket.")
    cy.run("--connect", ada.address)
    people = (ada, bea, cy)
    wait("all three logs to be equal", lambda: len({person.looks("status")["digest"] for person in people}) == 1)
    tell("All three nodes hold the same records.")


def _daily_business(people: tuple[Person, ...]) -> str:
    chapter("Daily business: a vote of those who vote. The witnesses' nodes certify it by themselves.")
    ada = people[0]
    sundays: str = ada("propose", "Open on Sundays in December")["id"]
    for person, word in zip(people, ("yes", "yes", "no"), strict=True):
        wait(f"{person.name} to see the proposal", partial(sees, person, sundays))
        person("vote", sundays[:8], word)
    for person in people:
        wait(f"{person.name} to see the certificate", partial(_is_final, person, sundays))
    _state(ada, sundays, "certified", "All ballots are in, so three witnesses need not wait three days.")
    return sundays


def _is_final(person: Person, decision: str) -> bool:
    return bool(person.looks("show", {"id": decision[:8]})["outcome"])


def _compare(people: tuple[Person, ...], during: list[str]) -> list[Any]:
    chapter("Everybody shows the same, and says why.")
    shown = [[_result(row) for row in person("list", quiet=True)] for person in people]
    if any(each != shown[0] for each in shown):
        raise CommandError("the three nodes show different results")
    for row in people[0]("list"):
        tell(f"  {row['state']}: {row['outcome']}  {row['title']}")
    for reason in people[2]("why", during[0][:8])["reasons"]:
        tell(f"  {'+' if reason['holds'] else '-'} {reason['text']}")
    for person in people:
        if not person("check")["ok"]:
            raise CommandError(f"{person.name}'s recount differs from what is shown")
    tell("Each node recounted everything from its own records: the same.")
    return shown[0]


def _result(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("id", "title", "state", "outcome", "counts", "electorate", "seen")}


def _state(person: Person, decision: str, state: str, text: str) -> None:
    row = person("show", decision[:8])
    if row["state"] != state:
        raise CommandError(f"{person.name} shows {row['title']} as {row['state']} instead of {state}")
    tell(f"  {row['title']}: {row['state']} ({row['counts']['yes']} yes of {row['electorate']}). {text}")
