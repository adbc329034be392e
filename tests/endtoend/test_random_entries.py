"""Random entries by the forms of the shipped sets, and by broken ones, in random order on two nodes: nothing crashes a node, both
come to the same, and a recount agrees. A failing seed is the test's number."""

import random

import pytest

from meshd.errors import NodeError
from meshd.service import checking, entering, figures, institutions, lots, status, waiting
from meshd.service.context import Context
from meshd.store import tables
from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.delegates import Countersignature
from meshd_protocol.bodies.institutions import CONFIRM, Entry, Figures, Form, Holds, Type
from meshd_protocol.entries import read_template
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from meshd_protocol.template_files import template_of_text
from tests.seeds import seeds
from tests.worlds import commune, exchange, give

ODD = (
    None,
    True,
    5,
    -1,
    "",
    "text",
    b"x",
    b"x" * 32,
    [],
    [5],
    [{}],
    {"a": 1},
    {"who": 5},
    [{"who": 5}],
    [{"entry": "x"}],
)
BROKEN = (
    {0: "A", 1: "B", 2: [{0: "draw", 10: "draw", 3: [[0]], 4: [{0: "seats", 1: [0, 9]}]}, {0: "commit", 2: ["draw"], 3: [[0]], 10: "commit"}]},
    {0: "A", 1: "B", 2: [{0: "alarm", 3: [[0]], 8: True, 10: "spend", 4: [{0: "x", 1: [9]}]}, {0: "heard", 2: ["alarm"], 3: [[4, "alarm", "x"]], 10: "heard"}]},
    {0: "A", 1: "B", 2: [{0: "pots", 4: [{0: "pots", 1: [0, 99]}]}, {0: "spend", 2: ["pots"], 3: [[0]], 10: "spend"}]},
    {0: "A", 1: "B", 2: [{0: "need", 40: 1}]},
    {0: 5},
)  # fmt: skip


class _Bodies:
    def __init__(self, rng, node, people, designs):
        self.rng, self.node, self.people, self.designs = rng, node, people, designs
        self.ids = list(designs)
        self.mandates = []

    def id(self):
        return self.rng.choice(self.ids[-30:]) if self.rng.random() < 0.95 else self.rng.randbytes(32)

    def value(self, template, holds):
        rng = self.rng
        if rng.random() < 0.04 or not isinstance(holds, Holds):
            return rng.choice(ODD)
        match holds.type:
            case Type.TEXT:
                return rng.choice(["flour", "Mill", "x" * holds.most])
            case Type.NUMBER:
                return rng.choice([holds.least, holds.most, min(holds.most, max(holds.least, rng.randint(1, 9)))])
            case Type.CHOICE:
                return rng.choice(holds.names)
            case Type.PERSON:
                return rng.choice(self.people)
            case Type.ROWS:
                form = template.form(holds.names[0])
                return [self.fields(template, form) for _ in range(rng.randint(1, 2))] if form else []
            case _:
                return self.id()

    def fields(self, template, form):
        return {
            each.name: self.value(template, each.holds)
            for each in form.fields
            if not each.optional or self.rng.random() < 0.6
        }

    def about(self, design, form):
        """Mostly something that the form is for."""
        rows = [each.id for each in self.node.store.find(tables.Entry, template=design) if each.form in form.about]
        if form.name == CONFIRM:
            rows = [each.id for each in self.node.store.find(tables.Entry, template=design)]
        if rows and self.rng.random() < 0.9:
            return self.rng.choice(rows)
        return self.id() if form.about else None

    def entry(self):
        rng = self.rng
        design = rng.choice(list(self.designs))
        template = self.designs[design]
        forms = [each for each in template.forms if isinstance(each, Form)] if template else []
        form = template.form(CONFIRM) if template and rng.random() < 0.35 else rng.choice(forms) if forms else None
        if form is None:
            return Entry(self.roster(), design, "need", {"x": rng.choice(ODD)})
        fields = self.fields(template, form)
        if form.name == CONFIRM and rng.random() < 0.8:
            fields["is-so"] = "yes"
        replaces = (self.id(),) if rng.random() < 0.15 else ()
        mandate = rng.choice(self.mandates) if self.mandates and rng.random() < 0.8 else None
        return Entry(self.roster(), design, form.name, fields, self.about(design, form), replaces, mandate)

    def roster(self):
        known = sorted(self.node.standing.rosters.known())
        return self.node.standing.head if self.rng.random() < 0.7 else self.rng.choice(known)

    def any(self):
        rng = self.rng
        if rng.random() < 0.07:
            what = Figures(
                rng.choice(list(self.designs)),
                rng.choice(["pots", "roadmap", "pot"]),
                rng.choice([{}, {"pots": 5}, {"pots": [{"name": "flour", "most": 5}]}]),
            )
            return Kind.PROPOSAL, Proposal(self.roster(), "significant", "Pots", what=what)
        if rng.random() < 0.05:
            return Kind.COUNTERSIGNATURE, Countersignature(self.id())
        return Kind.ENTRY, self.entry()


def _adopted(one, authors, what):
    """A template that all who sign adopt."""
    design = authors[0].propose(one.known.rosters.origin, "Adopt", "constitution", what=what)
    give(one, design, *(each.ballot(design.id) for each in authors))
    return design.id


def _shown(node):
    """What people look at, without what this machine measured, and without what is theirs alone."""
    context = Context(node)
    for verb in (status.status, status.home):
        verb(context, {})
    waiting.waiting(context)
    institutions.institutions(context, {})
    lines = figures.lines(context)
    for line in lines:
        line["here_ms"] = None
        if line["calls"]:
            line["calls"]["call"] = None
        if line["lot"]:
            line["lot"]["refused"] = None
        for part in line["parts"]:
            part["due_ms"] = None
    rows = {}
    for judged in node.store.find(tables.Judged):
        row = entering.entry_row(context, judged) | {"here_ms": None}
        entering.entries(context, {"id": row["id"]})
        try:
            lots.lot(context, {"id": row["id"]})
        except NodeError:
            row["lot"] = None
        rows[row["id"]] = row
    for design in node.store.find(tables.Design):
        institutions.institutions(context, {"do": "show", "what": text_of(design.id)})
    return sorted(lines, key=repr), rows


def _ok(node):
    steps = checking.check(Context(node), {})
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("seed", seeds(5, always=1))
def test_random_entries(tmp_path, seed):
    rng = random.Random(seed)
    (ada, bea), authors = commune(
        tmp_path, ["Ada", "Bea", "Cy", "Dan", "Eve", "Fay"], nodes=2, seed=seed + 1, witnesses=3
    )
    exchange(ada, bea)
    give(ada, *(author.certify() for author in authors))
    designs = {}
    for name in rng.sample(institutions.SETS, 2):
        template = template_of_text(institutions.shipped(name))
        designs[_adopted(ada, authors, template.to_map())] = template
    for what in rng.sample(BROKEN, 2):
        try:
            template = read_template(what)
        except Exception:
            template = None
        designs[_adopted(ada, authors, what)] = template
    people = [author.member.public for author in authors] + [ada.keys.member_public, bea.keys.member_public]
    bodies = _Bodies(rng, ada, people, designs)
    for number, holder in enumerate(people[:4]):
        body = Mandate(f"Post {number}", holder, ("draw", "spend", "ear"))
        given = authors[0].propose(ada.known.rosters.origin, "Give", "mandate", action=(int(Verb.MANDATE), body))
        give(ada, given, *(each.ballot(given.id) for each in authors))
        bodies.mandates.append(given.id)
    exchange(ada, bea)
    for _ in range(150):
        author = rng.choice(authors)
        kind, body = bodies.any()
        record = author.write(kind, body)
        bodies.ids.append(record.id)
        if kind == Kind.PROPOSAL:
            for each in authors:
                each.ballot(record.id)
        for each in rng.sample(authors, rng.randint(1, 4)):
            give(rng.choice([ada, bea]), *each.history)
    exchange(ada, bea)
    for table in (tables.Judged, tables.Second, tables.Figure):
        apart = set(ada.store.find(table)) ^ set(bea.store.find(table))
        assert not apart, sorted(apart)[:4]
    assert _shown(ada) == _shown(bea), "two nodes with the same records show different things"
    for node in (ada, bea):
        found = _ok(node)
        assert found["ok"], found["problems"]
    with_effect = ada.store.count(tables.Judged, reason=None)
    assert with_effect, "some of it has effect"
    for node in (ada, bea):
        node.close()
