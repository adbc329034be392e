"""Drills: an assembly of its own, whose roles are drawn and sealed, whose report follows from records, and nothing of
which counts anywhere else.
"""

import base64
from contextlib import closing

import pytest

from meshd.errors import NodeError, UsageError
from meshd.founding.opening import found, found_federation
from meshd.service import (
    carry,
    delegation,
    drills,
    entering,
    federating,
    haste,
    letters,
    membership,
    proving,
    quoting,
    voting,
)
from meshd.service.context import Context
from meshd.store import tables
from meshd_protocol.chains import Waiting
from meshd_protocol.names import text_of
from meshd_protocol.records import encode_record
from meshd_protocol.tickets import read_ticket
from tests.unions import checking_ok
from tests.worlds import Clock, exchange, newcomer, world

MINUTE_MS = 60_000


@pytest.fixture
def street(tmp_path):
    """A drill that Ada began, which Bea, Cy and Dan have joined."""
    clock = Clock()
    ada = Context(found(tmp_path / "ada", "DRILL: Infiltrator", "Ada", "pw", world=world(1, clock)))
    drills.drill(ada, {"do": "begin", "what": "infiltrator"})
    people = [ada]
    for n, name in enumerate(("Bea", "Cy", "Dan")):
        made = newcomer(tmp_path / name, ada, name, seed=n + 2, clock=clock)
        exchange(*(each.assembly for each in people), made.assembly)
        for each in people[:2]:
            membership.vouch(each, {"person": name})
            exchange(*(each.assembly for each in people), made.assembly)
        said = membership.admit(ada, {"people": [name]})["id"]
        decide(people, said)
        people.append(made.context)
        exchange(*(each.assembly for each in people))
    yield people, clock
    for each in people:
        each.assembly.close()


def meet(people):
    exchange(*(each.assembly for each in people))


def decide(people, identity):
    meet(people)
    for each in people:
        row = each.proposal(identity)
        if each.assembly.store.get(tables.Ballot, proposal=row.id, member=each.me) is None:
            voting.vote(each, {"id": identity, "choices": ["yes"], "late": True})
        meet(people)


def letters_of(context):
    opened = (letters.open_letter(context, row) for row in context.assembly.store.find(tables.Letter))
    return [each.text for each in opened if each is not None]


def test_roles_are_drawn_told_by_letter_and_opened_in_the_end(street):
    people, clock = street
    ada, *others = people
    with pytest.raises(NodeError, match="draws and opens"):
        drills.drill(people[1], {"do": "roles"})
    assert drills.drill(ada, {"do": "roles"})["told"] == 1
    meet(people)
    with pytest.raises(NodeError, match="drawn already"):
        drills.drill(ada, {"do": "roles"})
    told = [each for each in others if any("You play: infiltrator" in text for text in letters_of(each))]
    (infiltrator,) = told
    assert drills.drill(infiltrator, {})["cast"] == [], "nobody else sees it"
    clock.now_ms += 30 * MINUTE_MS
    honest = next(each for each in others if each is not infiltrator)
    wrong = next(each for each in others if each not in (infiltrator, honest))
    script = text_of(next(iter(ada.assembly.store.find(tables.Entry, form="script"))).id)
    names = {each.me: each.assembly.people.label(each.me) for each in people}
    entering.entry(honest, {"form": "noticed", "about": script, "fields": [f"who={names[wrong.me]}", "what=a look"]})
    clock.now_ms += 30 * MINUTE_MS
    entering.entry(honest, {"form": "noticed", "about": script, "fields": [f"who={names[infiltrator.me]}", "what=x"]})
    meet(people)
    assert drills.report(ada)["noticed"] == 30, "while roles are sealed, the first that anybody noticed"
    report = drills.drill(ada, {"do": "end"})
    meet(people)
    for each in people:
        shown = drills.drill(each, {})
        assert (shown["over"], shown["fits"]) == (True, True)
        assert [row["role"] for row in shown["cast"]] == ["infiltrator"]
        assert shown["cast"][0]["person"] == names[infiltrator.me]
        assert (shown["noticed"], shown["noticed_by"]) == (60, [names[honest.me]])
    assert report["cast"] == shown["cast"]
    assert checking_ok(ada)


def test_what_was_opened_and_not_sealed_is_seen(street):
    people, _ = street
    ada, *_ = people
    drills.drill(ada, {"do": "roles"})
    script = text_of(next(iter(ada.assembly.store.find(tables.Entry, form="script"))).id)
    entering.entry(ada, {"form": "over", "about": script, "fields": [f"secret={'ab' * 32}"]})
    meet(people)
    shown = drills.report(people[1])
    assert (shown["fits"], shown["cast"]) == (False, [])


def test_the_report_times_an_alarm_from_records_alone(street):
    people, clock = street
    ada, bea, cy, dan = people
    alarm = haste.alarm(ada, {"title": "Fire", "where": "Mill", "asks": "Water"})["id"]
    meet(people)
    clock.now_ms += 2 * MINUTE_MS
    entering.confirm(bea, {"id": alarm})
    clock.now_ms += 3 * MINUTE_MS
    entering.confirm(cy, {"id": alarm})
    meet(people)
    for each in (bea, cy, dan):
        clock.now_ms += 10 * MINUTE_MS
        haste.heard(each, {"alarm": alarm, "person": "Ada"})
        meet(people)
    pledge = haste.pledge(dan, {"alarm": alarm, "what": "A pump", "by_ms": clock.now_ms + 60 * MINUTE_MS})["id"]
    clock.now_ms += 25 * MINUTE_MS
    entering.entry(dan, {"form": "delivery", "about": pledge, "fields": ["what=A pump"]})
    meet(people)
    report = drills.report(bea)
    assert (report["confirmed"], report["heard"], report["delivered"]) == (5, 35, 60)


def test_a_delegate_who_oversteps_and_how_long_it_took(street):
    people, clock = street
    ada, bea, *_ = people
    given = delegation.mandate(ada, {"title": "Talks", "holder": "Bea", "powers": ["talk"]})["id"]
    decide(people, given)
    delegation.act(bea, {"mandate": given, "text": "We agree to leave", "power": "sign", "anyway": True})
    meet(people)
    assert drills.report(ada)["recalled"] is None
    clock.now_ms += 45 * MINUTE_MS
    delegation.recall(ada, {"mandate": given})
    assert drills.report(ada)["recalled"] == 45


def test_nothing_of_a_drill_is_accepted_anywhere_else(street, tmp_path):
    people, clock = street
    ada, *_ = people
    with closing(found(tmp_path / "home", "Street", "Ada", "pw", world=world(9, clock))) as opened:
        real = Context(opened)
        before = real.assembly.store.count(tables.Kept)
        records = [each for batch in ada.assembly.store.walk() for each in batch if each.id != ada.assembly.id]
        report = real.assembly.receive([encode_record(e.header, e.signature, e.body) for e in records], Waiting())
        assert report.new == []
        assert real.assembly.store.count(tables.Kept) == before
        with pytest.raises(NodeError, match="runs in an assembly of its own"):
            drills.drill(real, {"do": "begin", "what": "blackout"})
        proof = proving.prove(ada, {"id": "roster"})["proof"]
        mine = proving.prove(real, {"id": "roster"})["proof"]
        with pytest.raises(NodeError, match="an exercise"):
            quoting.quote(real, {"proof": proof})
        with pytest.raises(NodeError, match="in earnest"):
            quoting.quote(ada, {"proof": mine})
        seatings = [federating.seating_of(base64.b64decode(mine), 1)]
        union = Context(found_federation(tmp_path / "F", "Valley", "Zoe", "pw", seatings, world=world(5, clock)))
        with pytest.raises(NodeError, match="an exercise, and counts in none in earnest"):
            quoting.quote(union, {"proof": proof})
        union.assembly.close()
    (tmp_path / "stick").mkdir()
    steps = carry.export(ada, {"path": str(tmp_path / "stick")})
    assert list(steps) != []
    page = tmp_path / "stick" / "DRILL.txt"
    mine = page.read_text()
    assert "is an exercise" in mine
    other = mine.replace("meshd/", "meshd/another-")
    for before, after in (
        (other, other + mine),
        (mine + other, mine + other),
        ("our fire drill\n", "our fire drill\n"),
    ):
        page.write_text(before)
        list(carry.export(ada, {"path": str(tmp_path / "stick")}))
        assert page.read_text() == after
    ticket = membership.invite(ada, {})["ticket"]
    assert ticket.startswith("DRILL-meshd:")
    assert read_ticket(ticket).assembly == ada.assembly.id
    assert read_ticket(ticket.lower().removeprefix("drill-")).assembly == ada.assembly.id


def test_scripts_are_data_and_what_is_none_is_refused(street):
    people, _ = street
    ada = people[0]
    for name in drills.SCRIPTS:
        played = drills.script(name)
        assert played.steps
        assert sum(role.people for role in played.roles) < played.needs
    for words in ("nothing", "../blackout", ""):
        with pytest.raises(UsageError, match="no script"):
            drills.script(words)
    with pytest.raises(NodeError, match="begun already"):
        drills.drill(ada, {"do": "begin", "what": "blackout"})
    with pytest.raises(UsageError):
        drills.drill(ada, {"do": "dance"})
