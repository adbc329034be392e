"""Templates and entries on whole nodes: adopted, entered, confirmed, amended, dropped; in any order; by people who are out."""

import os
import random
from dataclasses import replace

import pytest

from meshd.clock import Reading
from meshd.errors import NodeError
from meshd.founding.opening import open_assembly
from meshd.service import (
    delegation,
    entering,
    explaining,
    figures,
    haste,
    institutions,
    listing,
    meetings,
    posts,
    proposing,
    status,
    voting,
    waiting,
)
from meshd.service.context import Context
from meshd.service.institutions import institutions as institute
from meshd.store import tables
from meshd.upkeep import measuring, recount
from meshd_cli.figures import line_words
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.institutions import CONFIRM, Entry, Figures
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from tests.worlds import Clock, commune, exchange, give, world

DAY_MS = 24 * 3_600_000
SEEDS = int(os.environ.get("MESHD_SEEDS", "6"))

AID = """
name = "Aid"
words = "We help each other, and see what came of it."
line = ["many need as needs"]

[numbers]
goal = "60 kg"

[forms.alarm]
who = ["people"]
seconds = 2
urgent = true
line = ["people pledge of members as pledged", "due pledge as pledge"]
fields = { what = "text 200", where = "text 200", asks = "text 200" }

[forms.pledge]
about = ["alarm"]
who = ["people"]
due = "48 h"
fields = { what = "text 200" }

[forms.over]
about = ["alarm"]
who = ["seconded alarm"]
seconds = 1
from = ["seconded alarm"]
ends = true

[forms.need]
who = ["people"]
line = ["sum gift of amount as promised", "newest gift of goal as last", "many gift where kind=lent as lent"]
fields = { what = "text 200", amount = "number 1..100 kg" }

[forms.gift]
about = ["need"]
who = ["people"]
seconds = 1
from = ["named gift giver"]
fields = { amount = "number 1..100 kg", giver = "person", kind = "choice given | lent" }

[forms.met]
about = ["need"]
who = ["author need"]
ends = true

[forms.spend]
about = ["pots"]
who = ["power pay"]
seconds = 1
from = ["power pay"]
rule = "spend"
fields = { amount = "number cents", pot = "text 20", number = "number" }

[forms.pots]
fields = { pots = "rows pot 5" }
line = ["sum spend as spent"]

[forms.pot]
fields = { name = "text 20", most = "number cents" }
"""


@pytest.fixture
def nodes(tmp_path):
    found, _ = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=3, clock=Clock(), witnesses=3)
    exchange(*found)
    yield [Context(node) for node in found]
    for node in found:
        node.close()


def everywhere(nodes):
    exchange(*(each.assembly for each in nodes))


def adopt(nodes, text=AID):
    """Ada proposes, Bea agrees: two of three."""
    identity = institute(nodes[0], {"do": "adopt", "what": "FILE", "text": text})["id"]
    everywhere(nodes)
    voting.vote(nodes[1], {"id": identity, "choices": ["yes"]})
    everywhere(nodes)
    return identity


def enter(context, form, *fields, **more):
    return entering.entry(context, {"form": form, "fields": list(fields), **more})["id"]


def confirm(context, identity, **more):
    return entering.confirm(context, {"id": identity, **more})


def shown(context, form=None):
    """The lines of one form, as plain figures."""
    rows = [each for each in figures.lines(context) if each["form"] == form]
    return [(each["title"], [(part["words"], part["value"], part["of"]) for part in each["parts"]]) for each in rows]


def judged(context, identity):
    return context.assembly.store.get(tables.Judged, id=bytes_of(identity))


def test_a_template_is_adopted_amended_and_dropped(nodes):
    ada, bea, cy = nodes
    identity = institute(ada, {"do": "adopt", "what": "FILE", "text": AID})["id"]
    everywhere(nodes)
    assert institute(cy, {})["adopted"][0]["state"] == "open"
    with pytest.raises(NodeError, match="no such form"):
        enter(cy, "need", "what=flour", "amount=3")
    with pytest.raises(NodeError, match="proposed already"):
        institute(cy, {"do": "adopt", "what": "FILE", "text": AID})
    voting.vote(bea, {"id": identity, "choices": ["yes"]})
    everywhere(nodes)
    (told,) = institute(cy, {})["adopted"]
    assert (told["state"], told["begins"]) == ("adopted", ["alarm", "need", "pots"]), "a row is filled in by nobody"
    first = enter(cy, "need", "what=flour", "amount=3 kg")
    with pytest.raises(NodeError, match="adopted as it is"):
        institute(cy, {"do": "adopt", "what": "FILE", "text": AID})
    later = AID.replace("number 1..100 kg", "number 1..9 kg").replace('goal = "60 kg"', 'goal = "70 kg"')
    second = adopt(nodes, later)
    assert [each["state"] for each in institute(ada, {})["adopted"]] == ["dropped", "adopted"]
    with pytest.raises(NodeError, match="from 1 to 9"):
        enter(ada, "need", "what=flour", "amount=30")
    everywhere(nodes)
    gift = Entry(
        ada.standing().head,
        bytes_of(identity),
        "gift",
        {"amount": 50, "giver": ada.me, "kind": "lent"},
        bytes_of(first),
    )
    with ada.assembly.writing():
        record = ada.assembly.write(Kind.ENTRY, gift)
    assert judged(ada, text_of(record.id)).reason is None, "an entry goes by the template that it names"
    everywhere(nodes)
    dropped = institute(ada, {"do": "drop", "what": "aid"})["id"]
    everywhere(nodes)
    voting.vote(cy, {"id": dropped, "choices": ["yes"]})
    assert {each["state"] for each in institute(cy, {})["adopted"]} == {"dropped"}
    with pytest.raises(NodeError, match="no such form"):
        enter(cy, "need", "what=flour", "amount=3")
    with pytest.raises(NodeError, match="not in force"):
        institute(cy, {"do": "drop", "what": second})
    assert shown(cy, "need"), "what was entered goes on"


def test_an_alarm_calls_everybody_once_two_others_confirm_it(nodes):
    adopt(nodes)
    ada, bea, cy = nodes
    alarm = haste.alarm(ada, {"title": "Eviction", "where": "Harbour", "asks": "Come"})["id"]
    everywhere(nodes)
    asked = [each for each in waiting.waiting(bea).shown if each["what"] == "second"]
    assert [(each["id"], each["missing"], each["command"]) for each in asked] == [
        (alarm, 2, f"meshd confirm {alarm[:8]}")
    ]
    assert not [each for each in waiting.waiting(ada).shown if each["what"] == "second"], "nobody confirms their own"
    with pytest.raises(NodeError, match="wrote themselves"):
        confirm(ada, alarm)
    assert not confirm(bea, alarm, how="I see it")["stands"]
    with pytest.raises(NodeError, match="already"):
        confirm(bea, alarm)
    everywhere(nodes)
    assert confirm(cy, alarm, no=True)["seconds"] == 1, "a no subtracts nothing, and adds nothing"
    assert confirm(cy, alarm)["stands"]
    everywhere(nodes)
    for each in nodes:
        (line,) = [row for row in figures.lines(each) if row["urgent"]]
        assert (line["title"], line["form"]) == ("Eviction, Harbour", "alarm")
    for each in (bea, cy):
        assert waiting.waiting(each).shown[0]["command"] == f"meshd entry pledge --about {alarm[:8]}"
    assert status.status(bea, {})["institutions"][0]["urgent"]
    enter(bea, "pledge", "what=I come", about=alarm)
    assert waiting.waiting(bea).shown == [], "who has answered is called no more"
    everywhere(nodes)
    assert shown(ada, "alarm") == [("Eviction, Harbour", [("pledged", 1, 3), ("pledge", 1, None)])]
    with pytest.raises(NodeError, match="not of those"):
        enter(ada, "over", about=alarm)
    over = enter(bea, "over", about=alarm)
    everywhere(nodes)
    assert shown(ada, "alarm"), "one alone ends nothing"
    with pytest.raises(NodeError, match="not of those"):
        confirm(ada, over)
    confirm(cy, over)
    everywhere(nodes)
    assert [shown(each, "alarm") for each in nodes] == [[], [], []]
    assert {row["form"] for row in entering.entries(ada, {"id": alarm})} == {"alarm", "pledge", "over", "confirm"}
    assert entering.entries(ada, {}) == []
    assert [row["over"] for row in entering.entries(ada, {"all": True})] == [True]


def test_an_answer_goes_by_the_institution_of_what_it_is_about(nodes):
    """Two have an alarm; one of them is changed, and then dropped, while an alarm by it goes on."""
    ada, bea, cy = nodes
    adopt(nodes)
    watch = AID.replace('name = "Aid"', 'name = "Night watch"').replace(
        'what = "text 200", where', 'what = "text 100", where'
    )
    adopt(nodes, watch)
    alarms = [haste.alarm(ada, {"title": "Eviction", "where": "Harbour", "asks": "Come"})["id"]]
    alarms.append(enter(ada, "night watch/alarm", "what=Fire", "where=Mill", "asks=Water"))
    with pytest.raises(NodeError, match="a form of several: Aid/need, Night watch/need"):
        enter(ada, "need", "what=flour", "amount=3")
    everywhere(nodes)
    for each in alarms:
        confirm(bea, each)
        confirm(cy, each)
    everywhere(nodes)
    asked = {each["command"] for each in waiting.waiting(bea).shown}
    assert {f"meshd entry pledge --about {each[:8]}" for each in alarms} <= asked
    described = [institute(bea, {"do": "form", "what": "alarm", "about": each})["fields"][0]["most"] for each in alarms]
    assert described == [200, 100]
    assert [entering.entries(bea, {"id": each})[0]["words"]["what"] for each in alarms] == ["what", "what"]
    adopt(nodes, AID.replace('goal = "60 kg"', 'goal = "70 kg"'))
    institute(ada, {"do": "drop", "what": "Night watch"})
    everywhere(nodes)
    voting.vote(bea, {"id": next(each["id"] for each in listing.list_(bea, {"open": True})), "choices": ["yes"]})
    everywhere(nodes)
    assert [each["state"] for each in institute(bea, {})["adopted"]] == ["dropped", "dropped", "adopted"]
    for each in alarms:
        enter(bea, "pledge", "what=I come", about=each)
    everywhere(nodes)
    assert sorted(title for title, parts in shown(ada, "alarm") if ("pledged", 1, 3) in parts) == [
        "Eviction, Harbour",
        "Fire, Mill",
    ]
    with pytest.raises(NodeError, match="no such form: night watch/alarm"):
        enter(ada, "night watch/alarm", "what=Fire", "where=Mill", "asks=Water")


def test_a_pool_counts_what_givers_confirm_and_each_entry_once(nodes):
    adopt(nodes)
    ada, bea, cy = nodes
    need = enter(ada, "need", "what=flour", "amount=40")
    everywhere(nodes)
    first = enter(bea, "gift", "amount=10", "giver=Cy", "kind=lent", about=need)
    everywhere(nodes)
    assert shown(ada, "need") == [("flour", [("promised", 0, 40), ("last", None, 60), ("lent", 0, None)])]
    with pytest.raises(NodeError, match="not of those"):
        confirm(ada, first)
    confirm(cy, first)
    second = enter(cy, "gift", "amount=25", "giver=Bea", "kind=given", about=need)
    everywhere(nodes)
    confirm(bea, second)
    assert shown(bea, "need") == [("flour", [("promised", 35, 40), ("last", 25, 60), ("lent", 1, None)])]
    again = enter(bea, "gift", "amount=5", "giver=Cy", "kind=lent", about=need, again=first)
    everywhere(nodes)
    confirm(cy, again)
    everywhere(nodes)
    assert shown(ada, "need")[0][1][0] == ("promised", 30, 40), "a later entry takes the place of the earlier"
    with pytest.raises(NodeError, match="not an entry of yours"):
        enter(cy, "gift", "amount=5", "giver=Cy", "kind=lent", about=need, again=first)
    enter(ada, "met", about=need)
    assert shown(ada, "need") == []


@pytest.mark.parametrize(
    "form, fields, about, why",
    [
        ("need", ["what=x"], None, "amount is missing"),
        ("need", ["what=x", "amount=5 t"], None, "whole number of kg"),
        ("need", ["what=x", "amount=9007199254740992"], None, "from 1 to 100"),
        ("need", ["what=x", "amount=-5"], None, "whole number"),
        ("need", ["what=x", "amount=5", "amount=6"], None, "twice"),
        ("need", ["what=x", "colour=red"], None, "no field"),
        ("need", ["what"], None, "no field"),
        ("need", ["what=" + "x" * 201, "amount=5"], None, "too long"),
        ("need", ["what=x", "amount=5"], "NEED", "nothing else"),
        ("gift", ["amount=5", "giver=Cy", "kind=lent"], None, "is about something"),
        ("gift", ["amount=5", "giver=Zoe", "kind=lent"], "NEED", "no such person"),
        ("gift", ["amount=5", "giver=Cy", "kind=sold"], "NEED", "is one of given, lent"),
        ("gift", ["amount=5", "giver=Cy", "kind="], "NEED", "is one of given, lent"),
        ("gift", ["amount=5", "giver=Cy", "kind=lent"], "ADOPTION", "not what its form is for"),
        ("pledge", ["what=x"], "NEED", "what its form is not for"),
        ("pots", ["pots=Flour / 500"], None, "decided"),
        ("spend", ["amount=5", "pot=x", "number=1"], "ADOPTION", "no pot x"),
        ("need/need", [], None, "no such form"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason_and_leaves_nothing(nodes, form, fields, about, why):
    adoption = adopt(nodes)
    need = enter(nodes[0], "need", "what=flour", "amount=40")
    before = nodes[0].assembly.store.count(tables.Entry)
    named = {"NEED": need, "ADOPTION": adoption}.get(about, about)
    with pytest.raises(NodeError, match=why):
        enter(nodes[0], form, *fields, **({"about": named} if named else {}))
    assert nodes[0].assembly.store.count(tables.Entry) == before


def test_decisions_say_something_with_figures(nodes):
    adopt(nodes)
    ada, bea, cy = nodes
    asked = {"title": "Pots", "policy": "significant", "form": "pots"}
    with pytest.raises(NodeError, match="pots is missing"):
        proposing.propose(ada, asked)
    with pytest.raises(NodeError, match="2 parts: name / most"):
        proposing.propose(ada, asked | {"fields": ["pots=Flour"]})
    with pytest.raises(NodeError, match="whole number"):
        proposing.propose(ada, asked | {"fields": ["pots=Flour / -500"]})
    with pytest.raises(NodeError, match="entered, and not decided"):
        proposing.propose(ada, asked | {"form": "need"})
    with pytest.raises(NodeError, match="go with a form"):
        proposing.propose(ada, {"title": "Pots", "fields": ["a=b"]})
    identity = proposing.propose(ada, asked | {"fields": ["pots=Flour / 500", "pots=Rent / 700 cents"]})["id"]
    everywhere(nodes)
    again = proposing.propose(bea, {"again": identity})["id"]
    first, second = (explaining.show(bea, {"id": each}) for each in (identity, again))
    assert second["fields"] == first["fields"] != {}
    assert second["form"].endswith("/pots")
    proposing.withdraw(bea, {"id": again})
    everywhere(nodes)
    for each in (ada, bea):
        assert shown(each, "pots") == [], "while it is not decided"
        voting.vote(each, {"id": identity, "choices": ["yes"]})
        everywhere(nodes)
    assert shown(cy, "pots") == [("pots", [("spent", 0, None)])]
    assert [each["state"] for each in listing.list_(cy, {}) if not each["withdrawn"]] == ["settled", "settled"]


def test_an_adoption_that_is_put_anew_adopts_the_same(nodes):
    ada, bea, cy = nodes
    first = institute(ada, {"do": "adopt", "what": "FILE", "text": AID})["id"]
    everywhere(nodes)
    again = proposing.propose(bea, {"again": first})["id"]
    everywhere(nodes)
    rows = [cy.assembly.store.get(tables.Proposal, id=bytes_of(each)) for each in (first, again)]
    assert rows[1].what == rows[0].what is not None
    for each in (ada, bea):
        voting.vote(each, {"id": again, "choices": ["yes"]})
        everywhere(nodes)
    assert {each["id"]: each["state"] for each in institute(cy, {})["adopted"]} == {first: "open", again: "adopted"}
    proposing.propose(ada, {"title": "Pots", "policy": "significant", "form": "pots", "fields": ["pots=Flour / 500"]})


def test_what_goes_by_a_form_of_an_institution_that_was_dropped_is_not_put_anew(nodes):
    adopt(nodes)
    ada, bea, _ = nodes
    asked = {"title": "Pots", "policy": "significant", "form": "pots", "fields": ["pots=Flour / 500"]}
    identity = proposing.propose(ada, asked)["id"]
    dropped = institute(ada, {"do": "drop", "what": "Aid"})["id"]
    everywhere(nodes)
    voting.vote(bea, {"id": dropped, "choices": ["yes"]})
    everywhere(nodes)
    with pytest.raises(NodeError, match="not in force any more"):
        proposing.propose(ada, {"again": identity})


def test_a_template_that_is_not_in_force_counts_for_nothing(tmp_path):
    """The founder, expelled long ago, adopts one on the genesis, where a majority of then would do."""
    (one,), (bea, cy, dan) = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=1)
    ada, origin = Context(one), one.known.rosters.origin
    give(one, *(each.certify() for each in (bea, cy, dan)))
    out = bea.remove(origin, cy.member.public, dan.member.public)
    give(one, out, *(each.ballot(out.id) for each in (bea, cy)))
    voting.vote(ada, {"id": text_of(out.id), "choices": ["yes"]})
    assert dan.member.public not in ada.state().members
    text = institutions.template_of_text(AID)
    design = dan.propose(origin, "Adopt", "constitution", what=text.to_map())
    give(one, design, *(each.ballot(design.id) for each in (bea, cy, dan)))
    need = dan.write(Kind.ENTRY, Entry(origin, design.id, "need", {"what": "flour", "amount": 5}))
    give(one, need)
    assert ada.assembly.store.get(tables.Judged, id=need.id).reason is None
    assert institute(ada, {})["adopted"][0]["state"] == "not adopted", "of two members one said yes"
    assert figures.lines(ada) == []
    assert entering.entries(ada, {}) == []
    one.close()


def test_figures_say_who_is_out_and_whom_the_author_brought_in(tmp_path):
    """Hard cases 10 and 11: entries of an expelled member on an old roster inform, and say so."""
    (one,), (bea, cy, dan) = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=1)
    ada, origin = Context(one), one.known.rosters.origin
    give(one, *(each.certify() for each in (bea, cy, dan)))
    design = bea.propose(origin, "Adopt", "constitution", what=institutions.template_of_text(AID).to_map())
    give(one, design, *(each.ballot(design.id) for each in (bea, cy, dan)))
    out = bea.remove(origin, dan.member.public)
    give(one, out, *(each.ballot(out.id) for each in (bea, cy)))
    voting.vote(ada, {"id": text_of(out.id), "choices": ["yes"]})
    fields = {"what": "Fire", "where": "Mill", "asks": "Water"}
    alarm = bea.write(Kind.ENTRY, Entry(origin, design.id, "alarm", fields))
    seconds = [
        each.write(Kind.ENTRY, Entry(origin, design.id, CONFIRM, {"is-so": "yes"}, alarm.id)) for each in (cy, dan)
    ]
    give(one, alarm, *seconds)
    assert one.store.get(tables.Judged, id=alarm.id).stands, "by the roster that they pin"
    pledge = dan.write(Kind.ENTRY, Entry(origin, design.id, "pledge", {"what": "I come"}, alarm.id))
    give(one, pledge)
    (line,) = [each for each in figures.lines(ada) if each["form"] == "alarm"]
    assert line["out"] == 1, "his pledge"
    late = dan.write(Kind.ENTRY, Entry(ada.standing().head, design.id, "pledge", {"what": "And again"}, alarm.id))
    give(one, late)
    assert "not in the roster" in one.store.get(tables.Judged, id=late.id).reason
    (row,) = entering.entries(ada, {"id": text_of(pledge.id)})
    assert row["out"]
    one.close()


def _records(authors, origin, design):
    """Entries that wait for each other in every way: for their template, what they are about, seconds, what they replace."""
    bea, cy, dan = authors

    def entry(who, form, fields, about=None, replaces=()):
        return who.write(
            Kind.ENTRY, Entry(origin, design.id, form, fields, about and about.id, tuple(sorted(replaces)))
        )

    fields = {"what": "Fire", "where": "Mill", "asks": "Water"}
    alarm = entry(bea, "alarm", fields)
    yes = [entry(each, CONFIRM, {"is-so": "yes"}, alarm) for each in (cy, dan)]
    more = entry(cy, CONFIRM, {"is-so": "yes", "how": "again"}, alarm)
    own = entry(bea, CONFIRM, {"is-so": "yes"}, alarm)
    over = entry(cy, "over", {}, alarm)
    end = entry(dan, CONFIRM, {"is-so": "yes"}, over)
    need = entry(dan, "need", {"what": "flour", "amount": 9})
    gift = entry(bea, "gift", {"amount": 3, "giver": cy.member.public, "kind": "lent"}, need)
    given = entry(cy, CONFIRM, {"is-so": "yes"}, gift)
    again = entry(bea, "gift", {"amount": 4, "giver": cy.member.public, "kind": "lent"}, need, [gift.id])
    stolen = entry(cy, "gift", {"amount": 4, "giver": cy.member.public, "kind": "lent"}, need, [gift.id])
    bad = entry(bea, "gift", {"amount": 400, "giver": cy.member.public, "kind": "lent"}, need)
    on_bad = entry(cy, CONFIRM, {"is-so": "yes"}, bad)
    met = entry(cy, "met", {}, need)
    return [alarm, *yes, more, own, over, end, need, gift, given, again, stolen, bad, on_bad, met]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_order_gives_the_same_and_so_does_a_recount(tmp_path, seed):
    rng = random.Random(seed)
    (one, two), authors = commune(tmp_path, ["Ada", "Eve", "Bea", "Cy", "Dan"], nodes=2)
    origin = one.known.rosters.origin
    design = authors[0].fork()
    adoption = None
    chains = [[each.certify()] for each in authors]
    adoption = authors[0].propose(origin, "Adopt", "constitution", what=institutions.template_of_text(AID).to_map())
    _records(authors, origin, adoption)
    del design
    for author, chain in zip(authors, chains, strict=True):
        chain[:] = author.history
    for node in (one, two):
        left = [list(chain) for chain in chains]
        while any(left):
            chain = rng.choice([each for each in left if each])
            take = rng.randint(1, 3)
            give(node, *chain[:take])
            del chain[:take]
    rows = [sorted(node.store.find(tables.Judged)) for node in (one, two)]
    assert rows[0] == rows[1], seed
    assert sorted(one.store.find(tables.Second)) == sorted(two.store.find(tables.Second))
    by = {row.form: row for row in rows[0]}
    assert by["alarm"].stands and by["alarm"].seconds == 2 and by["alarm"].over
    reasons = sorted(str(row.reason) for row in rows[0] if row.reason is not None)
    assert len(reasons) == 4, reasons
    before = sorted(one.store.find(tables.Judged))
    recount.renew(one.store, one.id)
    assert sorted(one.store.find(tables.Judged)) == before, "a recount gives the same"
    one.close()
    two.close()


def test_entries_stay_after_a_restart_with_their_age(tmp_path):
    clock = Clock()
    (one,), _ = commune(tmp_path, ["Ada"], nodes=1, clock=clock)
    ada = Context(one)
    institute(ada, {"do": "adopt", "what": "FILE", "text": AID})
    need = enter(ada, "need", "what=flour", "amount=5")
    folder = one.folder
    one.close()
    clock.now_ms += 3_600_000
    again = open_assembly(folder, "pw", world(9, clock))
    context = Context(again)
    with again.store.transaction():
        measuring.measure(again)
    (row,) = entering.entries(context, {"id": need})
    assert row["here_ms"] >= 3_600_000
    recount.renew(again.store, again.id)
    again.reload()
    assert entering.entries(context, {"id": need})[0]["here_ms"] == row["here_ms"], "a rebuild forgets no age"
    again.close()


def test_a_template_of_next_year_is_shown_as_it_stands(tmp_path):
    (one,), (bea, cy) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=1)
    ada, origin = Context(one), one.known.rosters.origin
    give(one, bea.certify(), cy.certify())
    what = {0: "Stars", 1: "Later.", 2: [{0: "star", 1: "x", 40: 1}, {0: "moon", 3: [[9]]}], 40: {1: [b"x"]}}
    later = bea.propose(origin, "Adopt stars", "constitution", what=what)
    known = bea.propose(
        origin, "Adopt moons", "constitution", what={key: each for key, each in what.items() if key < 40}
    )
    give(one, later, known, *(each.ballot(one_.id) for each in (bea, cy) for one_ in (later, known)))
    rows = {each["id"]: each for each in institute(ada, {})["adopted"]}
    assert [each["state"] for each in rows.values()] == ["adopted", "adopted"]
    assert "later version" in str(rows[text_of(later.id)]["problem"])
    assert institute(ada, {"do": "show", "what": text_of(later.id)})["plain"]["40"] == {"1": [text_of(b"x")]}
    entries = [
        bea.write(Kind.ENTRY, Entry(origin, each.id, form, {"x": [1]} if form == "star" else {}))
        for each in (later, known)
        for form in ("star", "moon")
    ]
    give(one, *entries)
    reasons = [one.store.get(tables.Judged, id=each.id).reason for each in entries]
    assert all("later version" in reason for reason in reasons), reasons
    assert entering.entries(ada, {"id": text_of(entries[0].id)})[0]["fields"] == {"x": [1]}
    assert figures.lines(ada) == []
    one.close()


def test_a_broken_template_in_a_foreign_decision_stops_nothing(tmp_path):
    (one,), (bea, cy) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=1)
    ada, origin = Context(one), one.known.rosters.origin
    give(one, bea.certify(), cy.certify())
    for number, what in enumerate(({0: 5}, {0: "A", 1: "B", 2: [{0: "x", 2: ["y"]}]}, {5: [[[]]]})):
        bad = bea.propose(origin, f"Adopt {number}", "constitution", what=what)
        give(one, bad, bea.ballot(bad.id), cy.ballot(bad.id))
        give(one, bea.write(Kind.ENTRY, Entry(origin, bad.id, "x", {})))
    assert all("can't be read" in each["problem"] for each in institute(ada, {})["adopted"])
    assert all("can't be read" in each.reason for each in one.store.find(tables.Judged))
    with pytest.raises(NodeError, match="can't be used"):
        from meshd.service.templates import find_design, usable

        usable(find_design(ada, text_of(bad.id)))
    assert status.home(ada, {})["institutions"] == []
    one.close()


def test_templates_and_figures_stand_in_decisions_on_texts_alone(tmp_path):
    (one,), (bea,) = commune(tmp_path, ["Ada", "Bea"], nodes=1)
    ada, origin = Context(one), one.known.rosters.origin
    give(one, bea.certify())
    by_majority = bea.propose(origin, "Adopt", "significant", what={0: "A"})
    with_action = bea.write(
        Kind.PROPOSAL, Proposal(origin, "removal", "Out", action=(2, (bea.member.public,)), what={0: "A"})
    )
    give(one, by_majority, with_action)
    voids = [
        proposing.outcome_of(ada, one.store.get(tables.Proposal, id=each.id)) for each in (by_majority, with_action)
    ]
    assert ["constitution" in voids[0].reasons[0].text, "on a text" in voids[1].reasons[0].text] == [True, True]
    one.close()


def test_one_number_on_two_islands_is_marked_and_both_signers_are_named(nodes):
    """Hard case 5; and what one's own node refuses before."""
    adopted = adopt(nodes)
    ada, bea, cy = nodes
    for holder in ("Ada", "Bea", "Cy"):
        given = delegation.mandate(ada, {"title": f"Treasurer {holder}", "holder": holder, "powers": ["pay"]})["id"]
        everywhere(nodes)
        for each in (ada, bea):
            voting.vote(each, {"id": given, "choices": ["yes"]})
            everywhere(nodes)
    asked = {"title": "Pots", "policy": "significant", "form": "pots", "fields": ["pots=Flour / 100", "pots=Rent / 50"]}
    pots = proposing.propose(ada, asked)["id"]

    def pay(context, amount, number, pot="Flour"):
        return enter(context, "spend", f"amount={amount}", f"pot={pot}", f"number={number}", about=pots)

    with pytest.raises(NodeError, match="is not in force here"):
        pay(ada, 5, 1)
    assert entering.answers_to_decision(ada, ada.proposal(pots)) == []
    everywhere(nodes)
    for each in (ada, bea):
        voting.vote(each, {"id": pots, "choices": ["yes"]})
        everywhere(nodes)
    assert entering.answers_to_decision(ada, ada.proposal(pots)) == ["spend"]
    with pytest.raises(NodeError, match="no pot Sugar"):
        pay(ada, 5, 1, "Sugar")
    with pytest.raises(NodeError, match="is number 1"):
        pay(ada, 5, 2)
    with pytest.raises(NodeError, match="has 100 left of 100"):
        pay(ada, 101, 1)
    first = pay(ada, 60, 1)
    everywhere((ada, bea))
    confirm(bea, first)
    other = pay(cy, 70, 1)
    everywhere(nodes)
    with pytest.raises(NodeError, match="payment 1 of Flour is there twice"):
        confirm(ada, other)
    body = Entry(ada.standing().head, ada.proposal(adopted).id, CONFIRM, {"is-so": "yes"}, bytes_of(other))
    with ada.assembly.writing():
        ada.assembly.write(Kind.ENTRY, body)  # as a traitor would
    everywhere(nodes)
    assert [judged(each, identity).stands for each in nodes for identity in (first, other)] == [1] * 6
    for each in nodes:
        (line,) = [row for row in figures.lines(each) if row["form"] == "pots"]
        assert line["parts"][0]["value"] == 130
        beyond, twice = line["marks"]
        assert (beyond["what"], beyond["pot"], beyond["by"]) == ("beyond", "Flour", 30)
        assert (twice["what"], twice["by"], sorted(twice["entries"])) == ("twice", 1, sorted([first, other]))
        assert len(twice["signers"]) == 3
    with pytest.raises(NodeError, match="is number 2"):
        pay(ada, 5, 1)


def test_what_is_paid_out_of_pots_that_nobody_decided_is_marked(nodes):
    adopted = adopt(nodes)
    ada, bea, cy = nodes
    given: list[bytes] = []
    for holder in ("Ada", "Bea"):
        asked = {"title": f"Treasurer {holder}", "holder": holder, "powers": ["pay"]}
        given.append(bytes_of(delegation.mandate(ada, asked)["id"]))
        everywhere(nodes)
        for each in (ada, bea):
            voting.vote(each, {"id": text_of(given[-1]), "choices": ["yes"]})
            everywhere(nodes)
    asked = {"title": "Pots", "policy": "significant", "form": "pots", "fields": ["pots=Flour / 100"]}
    pots = proposing.propose(ada, asked)["id"]
    fields, template = {"amount": 60, "pot": "Flour", "number": 1}, ada.proposal(adopted).id
    body = Entry(ada.standing().head, template, "spend", fields, bytes_of(pots), (), given[0])
    with ada.assembly.writing():  # as a traitor would
        paid = ada.assembly.write(Kind.ENTRY, body).id
    everywhere(nodes)
    with pytest.raises(NodeError, match="is not in force here"):
        confirm(bea, text_of(paid))
    assert "confirm" not in entering.entries(bea, {"id": text_of(paid)})[0]["answers"], (
        "nobody is asked what is refused"
    )
    assert shown(cy, "pots") == [], "while it does not stand"
    with bea.assembly.writing():
        bea.assembly.write(Kind.ENTRY, Entry(bea.standing().head, template, CONFIRM, {"is-so": "yes"}, paid))
    everywhere(nodes)
    (line,) = [row for row in figures.lines(cy) if row["form"] == "pots"]
    (mark,) = line["marks"]
    assert (mark["what"], mark["by"], len(mark["signers"])) == ("undecided", 60, 2)
    for each in (ada, bea):
        voting.vote(each, {"id": pots, "choices": ["yes"]})
        everywhere(nodes)
    (line,) = [row for row in figures.lines(cy) if row["form"] == "pots"]
    assert line["marks"] == [], "it was decided since"


def test_who_is_put_forward_for_one_post_is_no_candidate_for_three(nodes):
    ada, bea, _ = nodes
    identity = institute(ada, {"do": "adopt", "what": "co-op"})["id"]
    everywhere(nodes)
    voting.vote(bea, {"id": identity, "choices": ["yes"]})
    everywhere(nodes)

    def drawers() -> list[list[str]]:
        return [row["candidates"] for row in posts.lines(ada) if row["powers"] == ["draw"]]

    assert drawers() == [[], [], []]
    for holder, forward in (("Cy", [1, 0, 0]), ("Bea", [1, 1, 0])):
        delegation.mandate(ada, {"title": f"{holder} draws", "holder": holder, "powers": ["draw"]})
        assert [len(each) for each in drawers()] == forward


def test_the_tree_of_an_alarm_tells_whom_to_call_and_who_was_reached(nodes):
    ada, bea, cy = nodes
    identity = institute(ada, {"do": "adopt", "what": "relief"})["id"]
    everywhere(nodes)
    voting.vote(bea, {"id": identity, "choices": ["yes"]})
    everywhere(nodes)
    alarm = haste.alarm(ada, {"title": "Flood", "where": "Mill", "asks": "Sandbags"})["id"]
    everywhere(nodes)
    confirm(bea, alarm)
    everywhere(nodes)
    confirm(cy, alarm)
    everywhere(nodes)
    (line,) = [each for each in figures.lines(ada) if each["form"] == "alarm"]
    assert (line["calls"]["heard"], line["calls"]["of"], line["calls"]["orphans"], line["calls"]["call"]) == (
        3,
        3,
        [],
        [],
    )
    enter(bea, "heard", "from=Ada", about=alarm)
    everywhere(nodes)
    assert [each["form"] for each in entering.entries(cy, {"id": "heard"})] == ["heard"]
    (line,) = [each for each in figures.lines(ada) if each["form"] == "alarm"]
    assert line["calls"]["p90_ms"] is not None


def test_a_decision_whose_figures_do_not_fit_is_decided_and_has_no_line(nodes):
    adoption = bytes_of(adopt(nodes))
    ada, bea, _ = nodes
    for what in (Figures(adoption, "pots", {"pots": 5}), Figures(adoption, "lost", {}), Figures(b"x" * 32, "pots", {})):
        with ada.assembly.writing():
            body = Proposal(ada.standing().head, "significant", "Odd", what=what)
            identity = text_of(ada.assembly.write(Kind.PROPOSAL, body).id)
        everywhere(nodes)
        for each in (ada, bea):
            voting.vote(each, {"id": identity, "choices": ["yes"]})
            everywhere(nodes)
        assert listing.list_(ada, {})[-1]["outcome"] == "passed"
    assert shown(ada, "pots") == []


def test_a_clock_that_jumps_a_year_in_the_middle_of_an_alarm(tmp_path):
    clock, steady = Clock(), Clock()
    (one,), (bea, cy) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=1, clock=clock)
    one.world = replace(one.world, steady=lambda: Reading("boot", steady.now_ms))
    ada, origin = Context(one), one.known.rosters.origin
    give(one, bea.certify(), cy.certify())
    design = bea.propose(origin, "Adopt", "constitution", what=institutions.template_of_text(AID).to_map())
    give(one, design, bea.ballot(design.id), cy.ballot(design.id))
    alarm = haste.alarm(ada, {"title": "Fire", "where": "Mill", "asks": "Water"})["id"]
    yes = [
        each.write(Kind.ENTRY, Entry(origin, design.id, CONFIRM, {"is-so": "yes"}, bytes_of(alarm)))
        for each in (bea, cy)
    ]
    give(one, *yes)
    for jump in (365 * DAY_MS, -730 * DAY_MS):
        clock.now_ms += jump
        (line,) = [each for each in figures.lines(ada) if each["form"] == "alarm"]
        assert line["here_ms"] < 1000
        assert line["parts"][1]["due_ms"] > 47 * 3_600_000
        assert "by its word" in line_words(line, clock.now_ms)
    steady.now_ms += 49 * 3_600_000
    with one.store.transaction():
        measuring.measure(one)
    (line,) = [each for each in figures.lines(ada) if each["form"] == "alarm"]
    assert line["parts"][1]["due_ms"] < 0
    assert "pledge overdue by" in line_words(line, clock.now_ms)
    one.close()


def test_an_entry_is_about_a_decision_by_its_own_template(nodes):
    """Somebody else's decision with figures, by a form of the same name, is none that a payment is for."""
    first = bytes_of(adopt(nodes))
    ada = nodes[0]
    other = bytes_of(
        institute(ada, {"do": "adopt", "what": "FILE", "text": AID.replace('name = "Aid"', 'name = "Twin"')})["id"]
    )
    with ada.assembly.writing():
        figure = {"pots": [{"name": "Flour", "most": 5}]}
        body = Proposal(ada.standing().head, "significant", "Pots", what=Figures(other, "pots", figure))
        pots = ada.assembly.write(Kind.PROPOSAL, body).id
        fields = {"amount": 5, "pot": "Flour", "number": 1}
        wrong = ada.assembly.write(Kind.ENTRY, Entry(ada.standing().head, first, "spend", fields, pots)).id
        right = ada.assembly.write(Kind.ENTRY, Entry(ada.standing().head, other, "spend", fields, pots)).id
    assert "not what its form is for" in judged(ada, text_of(wrong)).reason
    assert "those who may write it" in judged(ada, text_of(right)).reason


def test_a_signer_who_is_recalled_meanwhile_counts_by_what_the_witnesses_knew(tmp_path):
    """Hard case 6: three of seven suspend Ada on one island, while four others countersign a payment on another one."""
    names = ["Ada", "Bea", "Cy", "Dan", "Eve", "Fay", "Gus"]
    opened, _ = commune(tmp_path, names, clock=Clock(), witnesses=7)
    exchange(*opened)
    people = [Context(each) for each in opened]
    ada, bea, cy, dan, eve, fay, gus = people

    def all_say(identity):
        everywhere(people)
        for each in people:
            row = each.proposal(identity)
            if each.assembly.store.get(tables.Ballot, proposal=row.id, member=each.me) is None:
                voting.vote(each, {"id": identity, "choices": ["yes"], "late": True})
        everywhere(people)

    all_say(institutions.institutions(ada, {"do": "adopt", "what": "co-op"})["id"])
    mandates = {}
    for holder in ("Ada", "Bea"):
        asked = {"title": f"Treasurer {holder}", "holder": holder, "powers": ["spend"]}
        mandates[holder] = delegation.mandate(cy, asked)["id"]
        all_say(mandates[holder])
    fields = ["time=2027", "whole=500", "pots=repairs / 500"]
    pots = proposing.propose(cy, {"title": "Pots", "form": "pots", "policy": "significant", "fields": fields})["id"]
    all_say(pots)
    motion = delegation.recall(eve, {"mandate": mandates["Ada"]})["id"]
    exchange(eve.assembly, fay.assembly, gus.assembly)
    for each in (fay, gus):
        voting.vote(each, {"id": motion, "choices": ["yes"]})
    exchange(eve.assembly, fay.assembly, gus.assembly)
    here = [each.assembly for each in (ada, bea, cy, dan)]
    paid = haste.spend(ada, {"pots": pots, "pot": "repairs", "amount": "100", "to": "Smith"})["id"]
    exchange(*here)
    entering.confirm(bea, {"id": paid})
    exchange(*here)
    judged = ada.assembly.store.get(tables.Judged, id=bytes_of(paid))
    assert judged.stands, "three who knew of nothing have countersigned it"
    everywhere(people)
    for each in people:
        assert each.assembly.store.get(tables.Judged, id=bytes_of(paid)).stands, "and it stays so"
    again = haste.spend(ada, {"pots": pots, "pot": "repairs", "amount": "50", "to": "Smith"})["id"]
    everywhere(people)
    entering.confirm(bea, {"id": again})
    everywhere(people)
    for each in people:
        assert not each.assembly.store.get(tables.Judged, id=bytes_of(again)).stands, "who knows signs it no more"
        each.assembly.close()


def test_after_an_alarm_only_what_is_urgent_is_offered_until_it_was_talked_over(nodes):
    """Nothing is voided: the others wait for three days, or for the debrief, and whoever wants votes."""
    clock = nodes[0].assembly.world.clock
    adopt(nodes, institutions.shipped("relief"))
    ada, bea, cy = nodes
    alarm = haste.alarm(ada, {"title": "Flood", "where": "Mill", "asks": "Sandbags"})["id"]
    everywhere(nodes)
    for each in (bea, cy):
        entering.confirm(each, {"id": alarm})
    everywhere(nodes)
    plain = proposing.propose(ada, {"title": "A new roof", "policy": "significant"})["id"]
    pressing = proposing.propose(ada, {"title": "Pumps", "policy": "significant", "tags": ["urgent"]})["id"]
    everywhere(nodes)

    def offered(context):
        shown = waiting.waiting(context).shown
        return [each["id"] for each in shown if each["what"] == "vote"], [e for e in shown if e["what"] == "rest"]

    assert offered(bea) == ([plain, pressing], [])
    entering.entry(ada, {"form": "stand-down", "about": alarm})
    everywhere(nodes)
    votes, (rest,) = offered(bea)
    assert votes == [pressing]
    assert (rest["count"], rest["command"]) == (1, f"meshd entry debrief --about {alarm[:8]}")
    assert abs(rest["ends"] - clock() - 72 * 3_600_000) < 60_000
    voting.vote(bea, {"id": plain, "choices": ["yes"]})
    assert offered(bea)[1][0]["count"] == 0
    clock.now_ms += 71 * 3_600_000
    assert offered(cy)[0] == [pressing]
    for each in nodes:
        with each.assembly.store.transaction():
            measuring.measure(each.assembly)
    written = {"title": "Debrief", "text": "Bring lamps", "present": ["Bea"], "held_ms": clock()}
    minutes = meetings.minutes(ada, written)["id"]
    said = entering.entry(ada, {"form": "debrief", "about": alarm, "fields": [f"minutes={minutes}", "came=14"]})["id"]
    everywhere(nodes)
    assert offered(cy)[0] == [pressing], "somebody else confirms it first"
    entering.confirm(bea, {"id": said})
    everywhere(nodes)
    assert offered(cy) == ([plain, pressing], [])


def test_after_three_days_ballots_are_offered_as_ever(nodes):
    clock = nodes[0].assembly.world.clock
    adopt(nodes, institutions.shipped("relief"))
    ada, bea, cy = nodes
    alarm = haste.alarm(ada, {"title": "Flood", "where": "Mill", "asks": "Sandbags"})["id"]
    everywhere(nodes)
    for each in (bea, cy):
        entering.confirm(each, {"id": alarm})
    everywhere(nodes)
    entering.entry(ada, {"form": "stand-down", "about": alarm})
    plain = proposing.propose(ada, {"title": "A new roof", "policy": "significant"})["id"]
    everywhere(nodes)
    assert plain not in [each["id"] for each in waiting.waiting(bea).shown]
    clock.now_ms += 73 * 3_600_000
    for each in nodes:
        with each.assembly.store.transaction():
            measuring.measure(each.assembly)
    assert plain in [each["id"] for each in waiting.waiting(bea).shown]


def test_whoever_has_a_mandate_already_is_said_to(nodes):
    ada, *_ = nodes
    asked = {"title": "Treasurer", "holder": "Bea", "powers": ["pay"]}
    first = delegation.mandate(ada, asked)
    assert first["warnings"] == []
    everywhere(nodes)
    for each in nodes:
        voting.vote(each, {"id": first["id"], "choices": ["yes"], "late": True})
        everywhere(nodes)
    (warning,) = delegation.mandate(ada, asked | {"title": "Cook"})["warnings"]
    assert "has a mandate already: Treasurer" in warning


def test_lenses_name_the_empty_ones_and_a_vow_lists_nobody(nodes):
    adopt(nodes, institutions.shipped("union"))
    ada, bea, cy = nodes
    for each, lens in ((ada, "direct"), (bea, "direct"), (cy, "culture")):
        entering.entry(each, {"form": "action", "fields": ["what=A picket", f"lens={lens}"]})
    asked = {"title": "We stand together", "form": "vow", "policy": "significant", "fields": ["text=We stand together"]}
    vow = proposing.propose(ada, asked)["id"]
    everywhere(nodes)
    for each in nodes:
        voting.vote(each, {"id": vow, "choices": ["yes"], "late": True})
        everywhere(nodes)
    for each in (ada, bea, ada):
        entering.entry(each, {"form": "affirm", "about": vow})
    everywhere(nodes)
    found = {row["title"]: row["parts"] for row in figures.lines(cy)}
    lenses = {
        part["words"]: part["value"] for part in found["Union"] if "of " in part["words"] or "direct" in part["words"]
    }
    assert lenses == {"direct actions in 28 days": 2, "of structure": 0, "of culture": 1, "of spirit": 0}
    (part,) = found["We stand together"]
    assert (part["value"], part["of"]) == (2, 3), "a person counts once"
    assert not [each for each in waiting.waiting(cy).shown if each["id"] == vow], "nobody is asked for it"
