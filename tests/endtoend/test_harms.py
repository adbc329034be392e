"""What harms an institution, and what comes of it: a traitor, a lazy majority, a partition, a stick that comes late.

One row of the table for each that has no tests of its own: landmark, lot, convergence, budget and publication have.
"""

import pytest

from meshd.errors import NodeError
from meshd.service import (
    delegation,
    entering,
    figures,
    haste,
    listing,
    meetings,
    membership,
    posts,
    proposing,
    readiness,
    status,
    voting,
    waiting,
)
from meshd.service import institutions as institute
from meshd.service.context import Context
from meshd.store import tables
from meshd.upkeep import measuring
from meshd_cli.figures import line_words, post_lines, silent_words
from meshd_protocol.names import bytes_of, text_of
from meshd_protocol.policies import DAY
from tests.worlds import Clock, commune, exchange, newcomer

DAY_MS = 1000 * DAY


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def four(tmp_path, clock):
    nodes, _ = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], clock=clock, witnesses=4)
    contexts = [Context(node) for node in nodes]
    meet(*contexts)
    yield contexts
    for node in nodes:
        node.close()


def meet(*contexts):
    exchange(*(each.assembly for each in contexts))


def decide(contexts, identity):
    for each in contexts:
        meet(*contexts)
        row = each.proposal(identity)
        if each.assembly.store.get(tables.Ballot, proposal=row.id, member=each.me) is None:
            voting.vote(each, {"id": identity, "choices": ["yes"], "late": True})
    meet(*contexts)


def adopt(contexts, what):
    decide(contexts, institute.institutions(contexts[0], {"do": "adopt", "what": what})["id"])


def enter(context, form, *fields, about=None):
    return entering.entry(context, {"form": form, "fields": list(fields), "about": about})["id"]


def confirm(context, identity):
    return entering.confirm(context, {"id": identity})["stands"]


def line(context, form):
    (row,) = [each for each in figures.lines(context) if each["form"] == form]
    return {part["words"]: part["value"] for part in row["parts"]}


def words(context, form, entry=None):
    (row,) = [each for each in figures.lines(context) if each["form"] == form and entry in (None, each["id"])]
    return line_words(row, context.assembly.world.clock())


def waits(context, what):
    return [each for each in waiting.waiting(context).shown if each["what"] == what]


# --- Indicators and roadmaps: a false measure needs others; the majority sleeps; an island has older figures ---


def test_a_figure_beyond_its_bound_is_on_everybodys_agenda_until_it_was_talked_about(four):
    ada, bea, cy, dan = four
    adopt(four, "co-op")
    prices = enter(ada, "indicator", "what=food prices", "bound=110")
    meet(*four)
    false = enter(dan, "measured", "value=300", "source=I say so", about=prices)
    meet(*four)
    assert [line(each, "indicator")["measured"] for each in four] == [None] * 4, "nobody confirmed it"
    assert waits(ada, "agenda") == []
    entering.confirm(ada, {"id": false, "no": True})
    within = enter(bea, "measured", "value=110", "source=The shop", about=prices)
    meet(*four)
    confirm(cy, within)
    meet(*four)
    assert waits(ada, "agenda") == [], "not beyond it yet"
    high = enter(bea, "measured", "value=113", "source=The shop", about=prices)
    meet(ada, bea)
    confirm(ada, high)
    assert "113 of 110 measured: on the agenda" in words(ada, "indicator")
    assert line(cy, "indicator")["measured"] == 110, "an island has the older figure"
    meet(*four)
    for each in four:
        (row,) = waits(each, "agenda")
        assert (row["title"], row["value"], row["bound"]) == ("food prices", 113, 110)
        assert row["command"] == f"meshd entry talked --about {high[:8]}"
    written = {"title": "Prices", "text": "We buy together", "present": [], "held_ms": ada.assembly.world.clock()}
    minutes = meetings.minutes(ada, written)["id"]
    talked = enter(ada, "talked", f"minutes={minutes}", about=high)
    meet(*four)
    assert waits(dan, "agenda"), "one alone takes nothing from the agenda"
    confirm(dan, talked)
    meet(*four)
    assert [waits(each, "agenda") for each in four] == [[]] * 4
    assert words(cy, "indicator").endswith("113 of 110 measured")
    higher = enter(cy, "measured", "value=120", "source=The shop", about=prices)
    meet(*four)
    confirm(bea, higher)
    meet(*four)
    assert waits(ada, "agenda"), "what comes later is talked about anew"


def test_an_indicator_may_have_its_bound_below(four):
    ada, bea, *_ = four
    adopt(four, "tenants")
    reserve = enter(ada, "indicator", "what=months of rent in reserve", "bound=3", "beyond=below")
    meet(*four)
    for value, beyond in ((4, False), (3, False), (2, True)):
        measured = enter(ada, "measured", f"value={value}", "source=The book", about=reserve)
        meet(*four)
        confirm(bea, measured)
        meet(*four)
        assert bool(waits(bea, "agenda")) is beyond


def test_a_roadmap_moves_by_what_others_confirm_and_decides_nothing(allies):
    """A false measure is no figure; a late stick moves figures, and no decision."""
    allies.adopt()
    seat, other, third = (allies.seats[name] for name in ("Aragon", "Bakery", "Harbour"))
    fields = ["phase=Spring", "indicator=loaves", "target=900"]
    asked = {"title": "Spring", "form": "roadmap", "policy": "significant", "fields": fields}
    road = text_of(seat.proposal(proposing.propose(seat, asked)["id"]).id)
    allies.meet()
    allies.decide(bytes_of(road))
    false = enter(third, "reached", "value=9000", "method=none", about=road)
    allies.meet()
    confirm(other, false)
    assert line(other, "roadmap")["reached"] is None, "one more is missing"
    true = enter(seat, "reached", "value=400", "method=The book", about=road)
    meet(seat, other)
    before = listing.list_(third, {})
    confirm(other, true)
    assert line(third, "roadmap")["reached"] is None, "an island has older figures"
    allies.meet()
    assert confirm(third, true)
    allies.meet()
    assert [line(each, "roadmap")["reached"] for each in (seat, other, third)] == [400] * 3
    assert listing.list_(third, {}) == before


def test_domains_count_what_two_others_confirm_and_add_nothing_up(four):
    ada, bea, cy, dan = four
    adopt(four, "relief")
    food = enter(ada, "domain", "what=Food", "functions=7")
    meet(*four)
    claims = ["function=Bread", "decides=we", "people=412"]
    bread = enter(ada, "control", *claims, about=food)
    false = enter(dan, "control", "function=Water", "decides=we", "people=9000", about=food)
    meet(*four)
    assert line(bea, "domain") == {"ours": 0, "shared": 0}
    assert not confirm(bea, bread)
    meet(*four)
    assert confirm(cy, bread)
    meet(bea, cy)
    assert (line(cy, "domain")["ours"], line(ada, "domain")["ours"]) == (1, 0), "an island has older figures"
    meet(*four)
    assert [line(each, "domain") for each in four] == [{"ours": 1, "shared": 0}] * 4
    assert not entering.entry_row(ada, ada.assembly.store.get(tables.Judged, id=bytes_of(false)))["stands"]


# --- Pact and pool: a false call, nobody who comes, two islands, an old call on a stick ---


def test_a_call_that_comes_late_on_a_stick_tells_both_its_ages(four, clock):
    ada, bea, cy, dan = four
    adopt(four, "relief")
    alarm = haste.alarm(ada, {"title": "Flood", "where": "Mill", "asks": "Sandbags"})["id"]
    meet(ada, bea, cy)
    confirm(bea, alarm)
    meet(ada, bea, cy)
    confirm(cy, alarm)
    haste.pledge(bea, {"alarm": alarm, "what": "Sand", "by_ms": clock.now_ms + DAY_MS})
    clock.now_ms += 5 * DAY_MS
    for each in four:
        with each.assembly.store.transaction():
            measuring.measure(each.assembly)
    meet(*four)
    assert "T+5 d by its word, less than a minute here" in words(dan, "alarm")
    assert "1 of 4 pledged, 0 delivered, 0 received" in words(dan, "alarm"), "words alone are told as such"
    assert waits(dan, "call"), "it is a call all the same"


def test_an_alarm_that_somebody_must_confirm_stands_before_all_votes(four):
    ada, bea, *_ = four
    adopt(four, "relief")
    for number in range(15):
        proposing.propose(ada, {"title": f"Question {number}", "policy": "significant"})
    alarm = haste.alarm(ada, {"title": "Flood", "where": "Mill", "asks": "Sandbags"})["id"]
    meet(*four)
    first = waiting.waiting(bea, 12).shown[0]
    assert (first["what"], first["id"]) == ("second", alarm)


def test_a_false_alarm_needs_three_and_names_them(four):
    *_, dan = four
    adopt(four, "relief")
    false = haste.alarm(dan, {"title": "Nothing", "where": "Nowhere", "asks": "All"})["id"]
    meet(*four)
    assert not any(row["urgent"] for row in figures.lines(four[0]))
    assert waits(four[0], "call") == []
    for each in four[1:3]:
        confirm(each, false)
        meet(*four)
    people = {row["person"] for row in entering.entries(four[0], {"id": false})}
    assert people == {each.assembly.people.label(each.me) for each in four[1:]}


def test_of_two_islands_that_promise_one_lorry_the_giver_chooses(four):
    ada, bea, cy, dan = four
    adopt(four, "relief")
    lorry = enter(dan, "offer", "what=Trips", "amount=1")
    mill, harbour = enter(ada, "need", "what=trips", "amount=1"), enter(bea, "need", "what=trips", "amount=1")
    meet(*four)
    assert words(ada, "need", mill).endswith(f"; offered by {_label(ada, 'Dan')}"), "in the same words"
    giver = f"giver={dan.assembly.people.label(dan.me)}"
    one = enter(ada, "allocation", "amount=1", giver, f"offer={lorry}", about=mill)
    two = enter(bea, "allocation", "amount=1", giver, f"offer={lorry}", about=harbour)
    meet(*four)
    assert {row["id"] for row in waits(dan, "second")} == {one, two}
    assert waits(cy, "second") == [], "nobody else gives it away"
    assert confirm(dan, two)
    with pytest.raises(NodeError, match="gave 1 of it away: 1 more are beyond it"):
        confirm(dan, one)
    entering.confirm(dan, {"id": one, "no": True})
    meet(*four)
    assert "offered" not in words(ada, "need", mill), "it is given away"
    promised = {
        row["title"] + row["id"]: row["parts"][0]["value"] for row in figures.lines(ada) if row["form"] == "need"
    }
    assert promised == {"trips" + mill: 0, "trips" + harbour: 1}
    enter(bea, "got", "amount=1", about=harbour)
    enter(bea, "met", about=harbour)
    meet(*four)
    assert [row["id"] for row in figures.lines(ada) if row["form"] == "need"] == [mill], "needs stay open"


# --- Minutes, lenses and vows: nobody signs, two write, each island its own ---


def test_minutes_of_two_are_both_kept_and_none_stands_without_assent(four):
    ada, bea, cy, _ = four
    label = [each.assembly.people.label(each.me) for each in (ada, bea, cy)]
    held = ada.assembly.world.clock()
    first = meetings.minutes(ada, {"title": "A", "text": "We said yes", "present": label, "held_ms": held})["id"]
    second = meetings.minutes(bea, {"title": "B", "text": "We said no", "present": label, "held_ms": held})["id"]
    meet(*four)
    assert {row["id"] for row in waits(cy, "assent")} == {first, second}
    meetings.assent(cy, {"id": second})
    meet(*four)
    kept = {row["id"]: row["signed"] for row in meetings.minutes(ada, {})}
    assert [len(kept[first]), len(kept[second])] == [0, 1], "both are kept, and one has a signature"


def test_lenses_and_vows_count_on_each_island_and_together_after(four):
    ada, bea, cy, dan = four
    adopt(four, "union")
    enter(ada, "action", "what=A picket", "lens=direct")
    enter(dan, "action", "what=A song", "lens=culture")
    meet(ada, bea)
    meet(cy, dan)

    def counted(context):
        (row,) = [each for each in figures.lines(context) if each["title"] == "Union"]
        return {part["words"]: part["value"] for part in row["parts"] if part["words"].startswith(("of ", "direct"))}

    assert (counted(ada)["of culture"], counted(cy)["direct actions in 28 days"]) == (0, 0)
    meet(*four)
    assert [counted(each) for each in four] == [
        {"direct actions in 28 days": 1, "of structure": 0, "of culture": 1, "of spirit": 0}
    ] * 4


# --- Rotation: a term that is over, an empty seat, one person behind most, two islands ---


def test_posts_say_who_has_them_how_long_and_that_nobody_is_put_forward(four, clock):
    ada, *_ = four
    adopt(four, "union")
    (told,) = post_lines(posts.lines(ada))
    assert told.startswith("No candidate yet for Treasurer, Second treasurer, Ear one")
    assert "`meshd mandate Treasurer --holder PERSON --power spend`" in told
    ends = clock.now_ms + 28 * DAY_MS
    asked = {"title": "Treasurer", "holder": "Bea", "powers": ["spend"], "ends_ms": ends}
    given = delegation.mandate(ada, asked)["id"]
    meet(*four)
    (row, *others) = posts.lines(four[2])
    assert (row["role"], row["holder"], len(row["candidates"])) == ("Treasurer", None, 1)
    assert "Treasurer" not in {each["role"] for each in others}
    assert row["candidates"][0].startswith("Bea")
    decide(four, given)
    assert "Treasurer" not in {each["role"] for each in posts.lines(ada)}, "the term is young"
    clock.now_ms += 22 * DAY_MS
    (told, *_) = post_lines(posts.lines(ada))
    assert told.startswith(f"Treasurer: {_label(ada, 'Bea')}, day 22 of 28, no candidate: `meshd mandate")
    clock.now_ms += 9 * DAY_MS
    (told, *_) = post_lines(posts.lines(ada))
    assert told.startswith(f"Treasurer: nobody since {_label(ada, 'Bea')}, day 31 of 28, no candidate: ")
    assert status.home(ada, {"look": False})["posts"] == posts.lines(ada)


def _label(context, name):
    return context.assembly.people.label(context.person(name))


def test_one_mandate_fills_one_post_and_one_person_behind_most_is_named(four, tmp_path):
    ada, bea, cy, _ = four
    adopt(four, "union")
    made = [newcomer(tmp_path, ada, name, seed=40 + n) for n, name in enumerate(("Eve", "Fay"))]
    meet(*four, *(each.context for each in made))
    for each, role, other in zip(made, ("Drawer one", "Drawer two"), (bea, cy), strict=True):
        holder = ada.assembly.people.label(each.context.me)
        for voucher in (ada, other):
            membership.vouch(voucher, {"person": holder})
            meet(*four)
        decide(four, membership.admit(ada, {"people": [holder]})["id"])
        decide(four, delegation.mandate(ada, {"title": role, "holder": holder, "powers": ["draw"]})["id"])
    empty = next(row for row in posts.lines(ada) if row["role"].startswith("Drawer"))
    assert empty["role"] == "Drawer three", "one mandate fills one post"
    row = posts.cluster(ada)
    assert (row["seats"], row["of"]) == (2, 2)
    assert row["person"] == ada.assembly.people.label(ada.me)
    for each in made:
        each.assembly.close()


# --- Readiness: old figures with their age, and who can go ---


def test_who_is_silent_is_named_with_those_who_vouched_for_them(four, tmp_path, clock):
    ada, bea, *_ = four
    adopt(four, "relief")
    assert readiness.line(ada)["silent"] is None
    clock.now_ms += 19 * DAY_MS
    for each in four[:3]:
        enter(each, "need", "what=bread", "amount=1")
    meet(*four[:3])
    row = readiness.line(ada)
    assert row["silent"] == _label(ada, "Dan")
    assert silent_words(row).startswith(f"; most silent is {_label(ada, 'Dan')}")
    assert any(each["name"] == "silent" and each["value"] == 19 for each in row["lacks"])
