"""Draws on whole nodes: drawers' nodes commit and reveal by themselves; traitors, lost machines, second draws."""

import pytest

from meshd.errors import NodeError
from meshd.service import delegation, entering, figures, listing, lots, voting
from meshd.service.context import Context
from meshd.service.institutions import institutions, shipped
from meshd.state.lots import draw_of
from meshd.store import tables
from meshd.upkeep import drawing
from meshd_protocol import lots as rule
from meshd_protocol.bodies.institutions import Entry
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from tests.worlds import Clock, commune, exchange, propose

NAMES = ["Ada", "Bea", "Cy", "Dan", "Eve"]


@pytest.fixture
def people(tmp_path):
    """Five people, three of whom draw; the co-operative's set is adopted."""
    nodes, _ = commune(tmp_path, NAMES, nodes=5, clock=Clock(), witnesses=3)
    exchange(*nodes)
    contexts = [Context(node) for node in nodes]
    motions = [institutions(contexts[0], {"do": "adopt", "what": "co-op", "text": shipped("co-op")})["id"]]
    for number, name in enumerate(NAMES[:4]):
        asked = {"title": f"Drawer {number}", "holder": name, "powers": ["draw"]}
        motions.append(delegation.mandate(contexts[0], asked)["id"])
    everywhere(contexts)
    for each in contexts:
        for motion in motions:
            if not (each is contexts[0] and motion == motions[0]):
                voting.vote(each, {"id": motion, "choices": ["yes"]})
    everywhere(contexts)
    yield contexts
    for node in nodes:
        node.close()


def everywhere(contexts):
    exchange(*(each.assembly for each in contexts))


def draw(contexts, *fields, matter=None, by=0):
    """A draw, that two drawers confirm."""
    about = matter or text_of(propose(contexts[0], "Who looks at the oven?"))
    everywhere(contexts)
    given = ["what=Panel for the oven", "seats=2", *fields]
    identity = entering.entry(contexts[by], {"form": "draw", "fields": given, "about": about})["id"]
    everywhere(contexts)
    return identity, about


def confirm(contexts, identity, *who):
    for number in who:
        entering.confirm(contexts[number], {"id": identity})
        everywhere(contexts)


def told(context, identity):
    return lots.lot(context, {"id": identity})


def test_drawers_nodes_draw_by_themselves_and_everybody_sees_the_same(people):
    identity, _ = draw(people, by=4)
    assert told(people[4], identity)["committed"] == 0, "two drawers must confirm it first"
    confirm(people, identity, 0)
    assert told(people[4], identity)["committed"] == 0
    confirm(people, identity, 1)
    rows = [told(each, identity) for each in people]
    assert rows[0]["panel"] == rows[4]["panel"] != []
    assert all(row["list"] == rows[0]["list"] and row["seed"] == rows[0]["seed"] for row in rows)
    assert (rows[0]["committed"], rows[0]["revealed"], len(rows[0]["drawers"]), len(rows[0]["list"])) == (4, 4, 4, 5)
    first = bytes_of(identity)
    assert [each.assembly.store.count(tables.Judged, about=first, form="commit") for each in people] == [4] * 5
    (line,) = [each for each in figures.lines(people[4]) if each["form"] == "draw"]
    assert line["lot"]["panel"] == rows[0]["panel"]
    second = rows[0]["list"][1]
    who = NAMES.index(second.split("·")[0])
    entering.entry(people[who], {"form": "struck", "fields": [f"who={NAMES[who]}"], "about": identity})
    everywhere(people)
    assert told(people[0], identity)["panel"] == [rows[0]["list"][0], rows[0]["list"][2]], "who declines makes room"


def test_what_drawers_nodes_write_is_offered_to_nobody_and_refused_by_hand(people):
    """A second commit would stop the lot, and be its drawer's for good."""
    identity, about = draw(people, by=4)
    confirm(people, identity, 0, 1)
    by_hand = {"form": "commit", "fields": ["hash=" + "ab" * 32], "about": identity}
    with pytest.raises(NodeError, match="by themselves: by hand it would stop the lot"):
        entering.entry(people[0], by_hand)
    for each in people:
        rows = entering.entries(each, {"id": identity})
        assert not {"commit", "reveal"} & {name for row in rows for name in row["answers"]}
        assert rows[0]["lot"]["panel"] == told(people[0], identity)["panel"]
        (decision,) = listing.list_(each, {"id": about})
        assert any(name.endswith("/draw") for name in decision["about_any"])


def test_a_drawer_reveals_and_is_lost_and_a_stick_completes_it(people):
    """Hard case 8."""
    identity, _ = draw(people)
    near, lost = people[:3], people[3]
    for number in (1, 2):
        entering.confirm(people[number], {"id": identity})
    everywhere(people)  # all commit and reveal as they hear of it
    exchange(*(each.assembly for each in near))
    everywhere(people)
    assert told(near[0], identity)["panel"]
    records = lost.assembly.store.count(tables.Kept)
    lost.assembly.reload()
    assert lost.assembly.store.count(tables.Kept) == records
    assert told(lost, identity)["panel"] == told(near[0], identity)["panel"]


def test_one_who_is_silent_stops_it_and_is_named(people):
    """Dan's node never hears of the draw; three have committed, and nobody is drawn until he is back."""
    identity, _ = draw(people[:3])
    near = people[:3]
    confirm(near, identity, 1, 2)
    row = told(people[0], identity)
    assert (row["committed"], row["panel"]) == (3, [])
    assert [each.split("·")[0] for each in row["missing"]] == ["Dan"]
    everywhere(people)
    assert told(people[0], identity)["panel"]


def test_two_commits_shown_to_two_halves_give_at_most_one_list(people):
    """Hard case 7."""
    identity, _ = draw(people)
    eve, dan = people[4], people[3]
    key = bytes_of(identity)
    mandate = next(each.id for each in dan.state().mandates.values() if each.mandate.holder == dan.me)
    design = dan.assembly.store.get(tables.Entry, id=key).template

    def forged(secret):
        fields = {"hash": rule.commitment(key, dan.me, secret)}
        with dan.assembly.writing():
            body = Entry(dan.standing().head, design, "commit", fields, about=key, mandate=mandate)
            return dan.assembly.write(Kind.ENTRY, body)

    forged(b"1" * 32)
    forged(b"2" * 32)
    near = [people[0], people[1], people[2], eve]
    for number in (1, 2):
        entering.confirm(people[number], {"id": identity})
    exchange(*(each.assembly for each in (*near, dan)))
    everywhere(people)
    found = draw_of(eve.assembly.store, eve.standing(), key)
    assert found is not None
    for secret in (b"1" * 32, b"2" * 32):
        for chosen in {each.commits for each in found.reveals}:
            rows = [{"entry": each} for each in sorted(chosen)]
            with dan.assembly.writing():
                body = Entry(
                    dan.standing().head,
                    design,
                    "reveal",
                    {"secret": secret, "commits": rows},
                    about=key,
                    mandate=mandate,
                )
                dan.assembly.write(Kind.ENTRY, body)
    everywhere(people)
    rows = [told(each, identity) for each in people]
    assert len({tuple(row["list"]) for row in rows}) == 1
    assert not any(row["contested"] for row in rows)
    assert [each.split("·")[0] for each in rows[0]["twice"]] == ["Dan"]


def test_a_second_draw_for_one_matter_is_refused_by_honest_drawers(people):
    """Hard case 9; and after one that somebody stopped another is drawn, without them."""
    identity, matter = draw(people)
    confirm(people, identity, 1, 2)
    again, _ = draw(people, matter=matter)
    confirm(people, again, 1, 2)
    assert told(people[1], again)["committed"] == 0
    assert "have committed for another draw" in told(people[1], again)["refused"]
    named, _ = draw(people, f"before={identity}", "without=Dan", matter=matter)
    confirm(people, named, 1, 2)
    assert told(people[1], named)["refused"] == "the draw before it is complete"


def test_after_a_draw_that_was_stopped_the_others_draw_without_who_stopped_it(people):
    near = people[:3]
    identity, matter = draw(near)
    confirm(near, identity, 1, 2)
    wrong, _ = draw(near, f"before={identity}", "without=Cy", matter=matter)
    confirm(near, wrong, 1, 2)
    assert "nobody else" in told(people[0], wrong)["refused"]
    named, _ = draw(near, f"before={identity}", "without=Dan", matter=matter)
    confirm(near, named, 1, 2)
    row = told(people[0], named)
    assert len(row["drawers"]) == 3
    assert row["panel"]
    everywhere(people)
    assert told(people[3], named)["panel"] == row["panel"]
    late = [told(each, identity) for each in people]
    assert [(each["panel"], each["followed"]) for each in late] == [([], named)] * 5, "it counts no more"
    assert {each["revealed"] for each in late} <= {0, 1}, "and nobody who drew again revealed for it"


def test_too_few_drawers_and_too_many_who_are_left_out(people):
    """A person is told before it is written; where another program wrote it, nothing comes of it."""
    with pytest.raises(NodeError, match="nothing would be drawn by this: it leaves out more than one of 5"):
        draw(people, "leaves-out=Ada", "leaves-out=Bea")
    with pytest.raises(NodeError, match="3 to 9 drawers"):
        draw(people, "without=Ada", "without=Bea")
    sound, about = draw(people)
    ada, keys = people[0].assembly, [{"who": each.me} for each in people[:2]]
    row = ada.store.get(tables.Entry, id=bytes_of(sound))
    fields = {"what": "Panel", "seats": 2, "leaves-out": keys}
    with ada.writing():
        record = ada.write(Kind.ENTRY, Entry(row.roster, row.template, "draw", fields, bytes_of(about)))
    identity = text_of(record.id)
    everywhere(people)
    confirm(people, identity, 2, 3)
    assert told(people[4], identity)["problem"] == "it leaves out more than one of 5"
    with pytest.raises(NodeError, match="no draw"):
        told(people[0], entering.entry(people[0], {"form": "struck", "fields": ["who=Ada"], "about": identity})["id"])


def test_the_secret_comes_from_the_device_and_differs_by_draw(people):
    one, other = b"a" * 32, b"b" * 32
    first = drawing.secret_of(people[0].assembly, one)
    assert first == drawing.secret_of(people[0].assembly, one)
    assert len({first, drawing.secret_of(people[0].assembly, other), drawing.secret_of(people[1].assembly, one)}) == 3


def test_two_who_stop_one_draw_after_the_other_are_both_left_out_of_the_third(people):
    given = delegation.mandate(people[0], {"title": "Drawer 4", "holder": "Eve", "powers": ["draw"]})["id"]
    everywhere(people)
    for each in people:
        voting.vote(each, {"id": given, "choices": ["yes"]})
    everywhere(people)
    near = [people[0], people[1], people[2], people[4]]
    first, matter = draw(near)
    confirm(near, first, 1, 2)
    last = near[:3]
    second, _ = draw(last, f"before={first}", "without=Dan", matter=matter)
    confirm(last, second, 1, 2)
    assert [each.split("·")[0] for each in told(people[0], second)["missing"]] == ["Eve"]
    short, _ = draw(last, f"before={second}", "without=Eve", matter=matter)
    confirm(last, short, 1, 2)
    assert "nobody else" in told(people[0], short)["refused"], "Dan would be back"
    third, _ = draw(last, f"before={second}", "without=Dan", "without=Eve", matter=matter)
    confirm(last, third, 1, 2)
    assert told(people[0], third)["panel"]
    everywhere(people)
    for each in people:
        assert [told(each, one)["followed"] for one in (first, second)] == [third, third]
        assert told(each, third)["panel"] == told(people[0], third)["panel"]
