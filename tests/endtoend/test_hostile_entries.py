"""What a member may write to harm others by entries: templates nobody adopted, forms that fit no rule, sums without end."""

import pytest

from meshd.errors import NodeError
from meshd.service import delegation, entering, figures, institutions, lots, status, voting
from meshd.service.context import Context
from meshd.store import tables
from meshd.upkeep import recount
from meshd_protocol import limits
from meshd_protocol.bodies.institutions import CONFIRM, Entry
from meshd_protocol.entries import read_template
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from tests.worlds import Clock, commune, exchange, give

DRAW = {0: "draw", 2: [1], 3: [[0]], 4: [{0: "what", 1: [0, 20]}, {0: "seats", 1: [1, 0, 9, ""]}], 10: "draw"}
REVEAL = {
    0: "reveal",
    2: ["draw"],
    3: [[0]],
    10: "reveal",
    4: [{0: "secret", 1: [4]}, {0: "commits", 1: [6, "one", 9]}],
}
ONE = {0: "one", 4: [{0: "entry", 1: [2]}]}


def _lot(commit):
    form = {0: "commit", 2: ["draw"], 3: [[0]], 10: "commit", 4: [{0: "hash", 1: commit}]}
    return {0: "Lot", 1: "Draws.", 2: [DRAW, form, REVEAL, ONE]}


@pytest.fixture
def world(tmp_path):
    """Three nodes whose people draw, and Dan, who harms them."""
    nodes, (dan,) = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=3, clock=Clock(), witnesses=3)
    exchange(*nodes)
    contexts = [Context(node) for node in nodes]
    give(nodes[0], dan.certify())
    for name in ("Ada", "Bea", "Cy"):
        given = delegation.mandate(contexts[0], {"title": f"Drawer {name}", "holder": name, "powers": ["draw"]})["id"]
        exchange(*nodes)
        for each in contexts:
            voting.vote(each, {"id": given, "choices": ["yes"]})
            exchange(*nodes)
    yield contexts, dan
    for node in nodes:
        node.close()


def _adopt(contexts, dan, what, *, decided=True):
    design = dan.propose(contexts[0].standing().head, "Adopt", "constitution", what=what)
    give(contexts[0].assembly, design)
    exchange(*(each.assembly for each in contexts))
    for each in contexts if decided else ():
        voting.vote(each, {"id": text_of(design.id), "choices": ["yes"]})
        exchange(*(other.assembly for other in contexts))
    return design.id


def _draw(contexts, dan, design, matter):
    fields = {"what": "x", "seats": 1}
    record = dan.write(Kind.ENTRY, Entry(contexts[0].standing().head, design, "draw", fields, matter))
    give(contexts[0].assembly, record)
    exchange(*(each.assembly for each in contexts))
    return text_of(record.id)


@pytest.mark.parametrize("commit", [[0, 100], [0, 5], [1, 0, 9, ""]])
def test_drawers_write_no_commit_that_fits_no_form(world, commit):
    contexts, dan = world
    design = _adopt(contexts, dan, _lot(commit))
    matter = _adopt(contexts, dan, {0: "A", 1: "B", 2: [{0: "c"}]})
    draw = _draw(contexts, dan, design, matter)
    row = lots.lot(contexts[0], {"id": draw})
    assert row["panel"] == []
    assert contexts[0].assembly.store.count(tables.Entry, form="commit") <= 3, "one of each, at most"


def test_a_template_that_nobody_adopted_draws_nothing_and_blocks_nothing(world):
    contexts, dan = world
    matter = _adopt(contexts, dan, {0: "A", 1: "B", 2: [{0: "c"}]})
    evil = _adopt(contexts, dan, _lot([4]), decided=False)
    draw = _draw(contexts, dan, evil, matter)
    assert lots.lot(contexts[0], {"id": draw})["committed"] == 0
    good = _adopt(contexts, dan, _lot([4]) | {0: "Good lot"})
    fine = _draw(contexts, dan, good, matter)
    row = lots.lot(contexts[1], {"id": fine})
    assert (row["committed"], row["revealed"], len(row["panel"])) == (3, 3, 1)
    assert lots.lot(contexts[1], {"id": draw})["committed"] == 0


def test_a_draw_about_nothing_draws_nothing(world):
    contexts, dan = world
    form = DRAW | {2: []}
    what = _lot([4])
    design = _adopt(contexts, dan, what | {2: [form, *what[2][1:]]})
    draw = _draw(contexts, dan, design, None)
    assert lots.lot(contexts[0], {"id": draw})["problem"] == "it is about no matter"
    assert lots.lot(contexts[0], {"id": draw})["committed"] == 0


def test_a_sum_has_no_end_and_harms_nobody(world):
    contexts, dan = world
    form = {0: "gift", 3: [[0]], 4: [{0: "amount", 1: [1, 0, limits.INTEGER - 1, "kg"]}]}
    design = _adopt(contexts, dan, {0: "A", 1: "B", 2: [form], 6: [{0: "given", 1: 2, 2: "gift"}]})
    head = contexts[0].standing().head
    records = [dan.write(Kind.ENTRY, Entry(head, design, "gift", {"amount": limits.INTEGER - 1})) for _ in range(1100)]
    give(contexts[0].assembly, *records)
    (line,) = figures.lines(contexts[0])
    assert (line["parts"][0]["value"], line["parts"][0]["entries"]) == (limits.INTEGER - 1, 1100)
    store = contexts[0].assembly.store
    before = sorted(store.find(tables.Figure))
    (together,) = store.find(tables.Figure, root=design)
    assert int(together.amount) == 1100 * (limits.INTEGER - 1)
    recount.renew(store, contexts[0].assembly.id)
    assert sorted(store.find(tables.Figure)) == before
    assert status.status(contexts[0], {})["institutions"]


def test_many_draws_on_one_matter_cost_little(world):
    """Work, not time: how often draws are read as one more comes does not grow with how many there are."""
    contexts, dan = world
    matter = _adopt(contexts, dan, {0: "A", 1: "B", 2: [{0: "c"}]})
    design = _adopt(contexts, dan, _lot([4]))
    _draw(contexts, dan, design, matter)
    head, fields = contexts[0].standing().head, {"what": "x", "seats": 1}
    records = [dan.write(Kind.ENTRY, Entry(head, design, "draw", fields, matter)) for _ in range(120)]
    give(contexts[0].assembly, *records)
    commits = contexts[0].assembly.store.find(tables.Entry, form="commit", member=contexts[0].me)
    assert len(commits) == 1, "once for a matter"
    assert len(figures.lines(contexts[0])) <= 60


def test_a_group_looks_at_entries_of_its_own_template_alone(world):
    contexts, dan = world
    alarm = {0: "alarm", 3: [[0]], 4: [{0: "what", 1: [0, 20]}]}
    over = {0: "over", 2: [4], 3: [[3, "alarm"]]}
    first = _adopt(contexts, dan, {0: "First", 1: "B", 2: [alarm]})
    second = _adopt(contexts, dan, {0: "Second", 1: "B", 2: [alarm, over]})
    head = contexts[0].standing().head
    given = dan.write(Kind.ENTRY, Entry(head, first, "alarm", {"what": "x"}))
    give(contexts[0].assembly, given)
    exchange(*(each.assembly for each in contexts))
    entering.confirm(contexts[1], {"id": text_of(given.id)})
    with pytest.raises(NodeError, match="not of those"):
        entering.entry(contexts[1], {"form": "over", "about": text_of(given.id)})
    assert second != first
    assert contexts[1].assembly.store.count(tables.Entry, form=CONFIRM) == 1


def test_what_is_about_something_of_a_later_version_is_asked_for_in_words(world):
    contexts, dan = world
    _adopt(contexts, dan, {0: "A", 1: "B", 2: [{0: "star", 2: [9], 3: [[0]]}]})
    with pytest.raises(NodeError, match="something of a later version"):
        entering.entry(contexts[0], {"form": "star"})
    assert institutions.institutions(contexts[0], {"do": "show", "what": "A"})["forms"][0]["name"] == "star"


def test_figures_of_all_entries_name_forms_that_are_there():
    with pytest.raises(BadBodyError, match="its line names offer"):
        read_template({0: "A", 1: "B", 2: [{0: "c"}], 6: [{0: "x", 1: 0, 2: "offer"}]})
    assert read_template({0: "A", 1: "B", 2: [{0: "c"}, {40: 1}, {41: 1}]}), "two forms of later have no name"


def test_one_s_own_node_signs_nothing_beyond_a_pot_whatever_the_amount_is_called(world):
    contexts, dan = world
    pots = {0: "pots", 4: [{0: "pots", 1: [6, "pot", 5]}]}
    pot = {0: "pot", 4: [{0: "name", 1: [0, 20]}, {0: "most", 1: [1, 0, 99, ""]}]}
    spend = {
        0: "spend", 2: ["pots"], 3: [[0]], 10: "spend",
        4: [{0: "sum", 1: [1, 0, 99, ""]}, {0: "pot", 1: [0, 20]}, {0: "number", 1: [1, 1, 99, ""]}],
    }  # fmt: skip
    _adopt(contexts, dan, {0: "Money", 1: "B", 2: [pots, pot, spend]})
    from meshd.service import proposing

    asked = {"title": "Pots", "policy": "significant", "form": "pots", "fields": ["pots=Flour / 5"]}
    decided = proposing.propose(contexts[0], asked)["id"]
    exchange(*(each.assembly for each in contexts))
    for each in contexts:
        voting.vote(each, {"id": decided, "choices": ["yes"]})
        exchange(*(other.assembly for other in contexts))
    with pytest.raises(NodeError, match="has 5 left of 5"):
        entering.entry(contexts[0], {"form": "spend", "about": decided, "fields": ["sum=50", "pot=Flour", "number=1"]})
    assert entering.entry(
        contexts[0], {"form": "spend", "about": decided, "fields": ["sum=5", "pot=Flour", "number=1"]}
    )
