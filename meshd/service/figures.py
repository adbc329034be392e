"""What is told of institutions: a line for each thing that is open, with figures, and how far these can be trusted.

Everything here informs. A figure is worked out of entries that stand and that nothing took the place of; it says how
many of them are by people who are out by now. Ages are told twice: by the author's clock, and since it came here.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from meshd.service import budgets, landmarks, pool
from meshd.service.agenda import is_beyond, talked
from meshd.service.calling import calling
from meshd.service.context import Context, Result
from meshd.service.effects import is_in_force
from meshd.service.entering import here_ms, is_out
from meshd.service.lots import lot_of
from meshd.service.results import outcome_of
from meshd.service.templates import Design, standing_once
from meshd.state.entries import decode_fields
from meshd.state.people import vouchers
from meshd.store import tables
from meshd_protocol import limits, lots
from meshd_protocol.bodies.institutions import Form, FormField, Given, Holds, Measure, Part, Template, Type
from meshd_protocol.decisions.outcome import PASSED
from meshd_protocol.encoding import decode
from meshd_protocol.entries import misfit
from meshd_protocol.landmark import RULE
from meshd_protocol.names import bytes_of, printable, text_of

_LINES = 50
"""Lines of one form: of more the newest, and how many more there are."""
_ONE_BY_ONE = 500
"""Entries that are looked at for a figure of young ones: of more the last that came."""
_TITLE_FIELDS = 2


class Root(NamedTuple):
    """Something that is open and has a line: an entry, or a decision with figures."""

    id: bytes
    form: Form
    fields: dict[str, Any]
    time_ms: int
    judged: tables.Judged | None


def lines(context: Context) -> list[Result]:
    """A line for each open thing of the templates that are or were in force, the urgent ones first; and one for each
    template that has figures of all its entries.
    """
    told = _open(context, lambda form: bool(form.line) or form.urgent or form.rule == lots.DRAW)
    found = [_line(context, design, root) for design, _, root in told]
    for design in standing_once(context):
        assert isinstance(design.template, Template)
        parts = [each for each in design.template.line if isinstance(each, Part)]
        if parts:
            figures = [_part(context, design, part, None) for part in parts]
            found.append(_bare(design.name) | {"title": design.name, "parts": figures})
    found += [_bare("") | each for each in landmarks.at_home(context)]
    return sorted(found, key=lambda line: not line["urgent"])


def urgent(context: Context) -> list[tuple[Design, Form, Root]]:
    """What calls everybody now: it stands, and nothing has ended it."""
    return list(_open(context, lambda form: form.urgent))


def overdue(context: Context) -> list[tuple[Design, Form, Root, str, int]]:
    """What is expected of somebody about something that is open, and is late: with the form by which it is given, and
    by how long, in ms.
    """
    found: list[tuple[Design, Form, Root, str, int]] = []
    for design, form, root in _open(context, lambda form: any(_parts(form, Measure.DUE))):
        late = [(each.form, _part(context, design, each, root)["due_ms"]) for each in _parts(form, Measure.DUE)]
        found += [(design, form, root, name, -due) for name, due in late if due is not None and due < 0]
    return found


class Beyond(NamedTuple):
    """A figure that went beyond its bound and was not talked about: by which form one says so, of which entry, and how
    much it is of how much.
    """

    talked: str
    entry: bytes
    title: str
    value: int
    bound: int


def beyond(context: Context) -> list[Beyond]:
    """The figures that are on the agenda."""
    found: list[Beyond] = []
    for design, form, root in _open(context, lambda form: any(_parts(form, Measure.NEWEST))):
        for each in _parts(form, Measure.NEWEST):
            told = _part(context, design, each, root)
            if told["agenda"] is not None:
                title, entry = title_of(form, root.fields), bytes_of(told["agenda"])
                assert isinstance(design.template, Template)
                by = talked(design.template, each.form)
                assert by is not None, "else nothing is on the agenda"
                found.append(Beyond(by.name, entry, title, told["value"], told["of"]))
    return found


def _open(context: Context, wanted: Callable[[Form], bool]) -> Iterator[tuple[Design, Form, Root]]:
    """All that is open by certain forms of the templates that are or were in force."""
    for design in standing_once(context):
        assert isinstance(design.template, Template)
        for form in design.template.forms:
            if isinstance(form, Form) and wanted(form):
                yield from ((design, form, root) for root in _roots(context, design, form))


def _parts(form: Form, measure: Measure) -> Iterator[Part]:
    return (each for each in form.line if isinstance(each, Part) and each.measure == measure)


def _bare(template: str) -> Result:
    return {
        "id": None, "template": template, "form": None, "title": "", "urgent": False, "time_ms": None,
        "here_ms": None, "parts": [], "marks": [], "calls": None, "lot": None, "landmark": None, "out": 0,
        "decided": False,
        "brought_in": 0, "offered": [],
    }  # fmt: skip


def _roots(context: Context, design: Design, form: Form) -> Iterator[Root]:
    """What is open by a form: entries that stand, or decisions."""
    store = context.assembly.store
    where = {"template": design.row.id, "form": form.name}
    open_ = store.find(tables.Judged, newest=True, limit=_LINES, over=0, replaced=0, stands=1, **where)
    for judged in reversed(open_):
        row = store.get(tables.Entry, id=judged.id)
        assert row is not None, "what was judged is in the log"
        yield Root(row.id, form, decode_fields(row), row.time_ms, judged)
    if not form.who:
        yield from _decided(context, design, form)


def _decided(context: Context, design: Design, form: Form) -> Iterator[Root]:
    """Decisions with figures by a form that hold, and that nothing has ended; and those that something was paid out of
    though nobody decided it.
    """
    store = context.assembly.store
    for row in store.find(tables.Proposal, template=design.row.id, form=form.name):
        assert row.what is not None, "it says something with figures"
        outcome = outcome_of(context, row)
        template = design.template
        assert isinstance(template, Template)
        if outcome.outcome != PASSED and not _is_paid_out(context, template, row):
            continue
        if outcome.outcome == PASSED and not is_in_force(context, row, outcome):
            continue
        ends = [each.name for each in template.forms if isinstance(each, Form) and each.ends]
        if any(each.stands and each.form in ends for each in store.find(tables.Judged, about=row.id)):
            continue
        fields: Any = decode(row.what)
        if misfit(template, form, fields) is not None:
            continue
        yield Root(row.id, form, fields, row.time_ms, None)


def _is_paid_out(context: Context, template: Template, row: tables.Proposal) -> bool:
    """Whether payments stand that are about a decision on pots."""
    rules = [each.name for each in template.forms if isinstance(each, Form) and each.rule == budgets.RULE]
    return any(each.stands for name in rules for each in budgets.payments(context, row.id, name))


def _line(context: Context, design: Design, root: Root) -> Result:
    parts = [_part(context, design, part, root) for part in root.form.line if isinstance(part, Part)]
    row = context.assembly.store.get(tables.Proposal, id=root.id)
    return _bare(design.name) | {
        "id": text_of(root.id),
        "form": root.form.name,
        "decided": root.judged is None,
        "title": title_of(root.form, root.fields),
        "urgent": root.form.urgent,
        "time_ms": root.time_ms,
        "here_ms": here_ms(context, root.id),
        "parts": parts,
        "marks": _marks(context, design, root),
        "calls": calling(context, design, root.form, root.judged) if root.form.urgent and root.judged else None,
        "lot": lot_of(context, root.id) if root.form.rule == lots.DRAW else None,
        "landmark": landmarks.landmark_row(context, row) if root.form.rule == RULE and row is not None else None,
        "out": int(root.judged is not None and is_out(context, root.judged))
        + max((each["out"] for each in parts), default=0),
        "brought_in": _brought_in(context, root),
        "offered": _offered(context, design, root),
    }


def _offered(context: Context, design: Design, root: Root) -> list[str]:
    assert isinstance(design.template, Template)
    return pool.offered(context, design.template, design.row.id, root.form, root.fields)


def _marks(context: Context, design: Design, root: Root) -> list[Result]:
    """What is wrong with payments about a decision on pots."""
    assert isinstance(design.template, Template)
    rules = [each for each in design.template.forms if isinstance(each, Form) and each.rule == budgets.RULE]
    about = [each for each in rules if root.form.name in each.about]
    return [mark for each in about for mark in budgets.marks(context, root.id, each.name, root.fields)]


def title_of(form: Form, fields: dict[str, Any]) -> str:
    """What an entry is called: its first texts."""
    texts = [each.name for each in form.fields if isinstance(each.holds, Holds) and each.holds.type == Type.TEXT]
    found = [str(fields[name]) for name in texts[:_TITLE_FIELDS] if name in fields]
    return printable(", ".join(found)) or form.name


def _brought_in(context: Context, root: Root) -> int:
    """How many of those who confirmed an entry its author vouched for as they came in."""
    if root.judged is None:
        return 0
    store = context.assembly.store
    brought = 0
    for second in store.find(tables.Second, entry=root.id):
        brought += root.judged.member in vouchers(store, second.member)
    return brought


def _part(context: Context, design: Design, part: Part, root: Root | None) -> Result:
    """One figure of a line, as a code with its numbers."""
    template = design.template
    assert isinstance(template, Template)
    form = template.form(part.form)
    amount = form.amount if form is not None else None
    result: Result = {
        "words": part.words,
        "measure": Measure(part.measure).name.lower() if part.measure in set(Measure) else "later",
        "value": None,
        "of": _held_against(context, template, part, root),
        "unit": _unit(amount) if part.measure in (Measure.SUM, Measure.NEWEST) else "",
        "due_ms": None,
        "entries": 0,
        "newest_ms": None,
        "agenda": None,
        "out": 0,
    }
    if result["measure"] == "later" or form is None:
        return result
    found = _sums(context, design, part, root)
    state = context.state()
    result |= {
        "entries": found.entries,
        "out": sum(each for member, each in found.of.items() if member not in state.people),
    }
    match part.measure:
        case Measure.MANY:
            result["value"] = found.entries
        case Measure.PEOPLE:
            result["value"] = len({state.member_of(member) or member for member in found.of})
        case Measure.SUM:
            result["value"] = min(found.amount, limits.INTEGER - 1)
        case Measure.NEWEST:
            newest = _newest(context, design, part, root)
            if newest is not None:
                result |= {"value": newest.amount, "newest_ms": newest.time_ms}
                result["agenda"] = _agenda(context, template, root, newest, result["of"])
        case _:
            result["value"] = found.entries
            if not found.entries and root is not None and form.due:
                result["due_ms"] = _due_ms(context, design, part, root, form)
    return result


def _agenda(
    context: Context, template: Template, root: Root | None, newest: tables.Judged, bound: int | None
) -> str | None:
    """The newest entry of a figure, where it went beyond its bound and nobody said that it was talked about."""
    by = talked(template, newest.form)
    if by is None or bound is None or root is None or not is_beyond(root.fields, int(newest.amount), bound):
        return None
    said = context.assembly.store.find(tables.Judged, about=newest.id, form=by.name, stands=1)
    return text_of(newest.id) if not said else None


def _due_ms(context: Context, design: Design, part: Part, root: Root, form: Form) -> int | None:
    """How long it is until one is due: since the thing itself came, or since the last one, where one is expected again
    and again (`within`). How long ago a decision is the clock says.
    """
    here = here_ms(context, root.id)
    ages = [] if here is None else [here]
    if root.judged is None:
        ages.append(max(0, context.assembly.world.clock() - root.time_ms))
    if part.within:
        before = _counted(context, design, replace(part, within=0), root)
        ages += [age for each in before if (age := here_ms(context, each.id)) is not None]
    return form.due * 1000 - min(ages) if ages else None


class _Sums(NamedTuple):
    """What a figure rests on: so many entries of each member, and what they come to."""

    of: dict[bytes, int]
    amount: int

    @property
    def entries(self) -> int:
        return sum(self.of.values())


def _sums(context: Context, design: Design, part: Part, root: Root | None) -> _Sums:
    """The entries of a figure: kept as they came, but for what asks for a choice or an age, which is counted now."""
    if not part.where and not part.within:
        rows = context.assembly.store.find(tables.Figure, root=_over(design, root), form=part.form)
        return _Sums({row.member: row.entries for row in rows}, sum(int(row.amount) for row in rows))
    found: dict[bytes, int] = {}
    amount = 0
    for each in _counted(context, design, part, root):
        found[each.member] = found.get(each.member, 0) + 1
        amount += each.amount
    return _Sums(found, amount)


def _over(design: Design, root: Root | None) -> bytes:
    """Under what figures are kept: the thing itself, or all by a template."""
    return design.row.id if root is None else root.id


def _newest(context: Context, design: Design, part: Part, root: Root | None) -> tables.Judged | None:
    """Of the entries of a figure the one that was written last, by the authors' clocks: the same on every node."""
    return max(_counted(context, design, part, root), key=lambda each: (each.time_ms, each.id), default=None)


def _counted(context: Context, design: Design, part: Part, root: Root | None) -> list[tables.Judged]:
    """The entries of a figure that asks for a choice or an age, one by one. What is young here is among the last."""
    store = context.assembly.store
    where: dict[str, Any] = {"form": part.form, "stands": 1, "replaced": 0}
    where |= {"template": design.row.id} if root is None else {"root": root.id}
    rows = store.find(tables.Judged, newest=True, limit=_ONE_BY_ONE if part.within else None, **where)
    if part.within:
        since = [(each, here_ms(context, each.id)) for each in rows]
        rows = [each for each, here in since if here is not None and here <= part.within * 1000]
    if part.where:
        field, value = part.where
        rows = [each for each in rows if _says(context, each.id, field) == value]
    return rows


def _says(context: Context, identity: bytes, field: str) -> Any:
    row = context.assembly.store.get(tables.Entry, id=identity)
    return decode_fields(row).get(field) if row is not None else None


def _held_against(context: Context, template: Template, part: Part, root: Root | None) -> int | None:
    """What a figure is held against: how many members there are, a number of the thing itself, or of the template."""
    if part.of_members:
        return len(context.state().members)
    if not part.against:
        return None
    value = root.fields.get(part.against) if root is not None else None
    given: Given | None = template.number(part.against)
    return value if type(value) is int else given.value if given is not None else None


def _unit(field: FormField | None) -> str:
    return field.holds.unit if field is not None and isinstance(field.holds, Holds) else ""
