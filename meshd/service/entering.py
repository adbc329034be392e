"""Verbs of entries: entry, confirm, entries. Entries inform; only decisions bind."""

from typing import Any

from meshd.errors import NodeError, UsageError
from meshd.service import budgets, pool
from meshd.service.context import Context, Result
from meshd.service.fields import fields_of, named, shown_fields
from meshd.service.lots import lot_of
from meshd.service.templates import (
    Design,
    about_word,
    designs,
    find_form,
    group_word,
    standing_once,
)
from meshd.service.verbs import verb
from meshd.state import entries as judging
from meshd.state.entries import decode_fields
from meshd.state.rows import split
from meshd.store import tables
from meshd.upkeep.caretaker import ready_to_pin
from meshd_protocol import limits, lots
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.institutions import (
    CONFIRM,
    About,
    Entry,
    Form,
    FormField,
    Group,
    Holds,
    Template,
    Type,
    Who,
)
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.control import FLAG, LIST, NAME, TEXT
from meshd_protocol.encoding import decode
from meshd_protocol.entries import Author, asks_for_mandate, holds_power, misfit
from meshd_protocol.kinds import Kind
from meshd_protocol.mandates import outside
from meshd_protocol.names import as_word, printable, text_of

_HINT = "`meshd entries` shows what is open."
_SHORT = 8
_SHOWN = 200
"""Entries that one answer holds: of more the newest."""
_BY_NODES = frozenset({lots.COMMIT, lots.REVEAL})
"""Rules of forms that drawers' nodes fill in by themselves: a person who did would stop the lot."""
_WAITING = 20
"""Entries of one form that wait for somebody's word and are shown: of more the newest."""


@verb("entry", {"form": NAME, "about": TEXT, "fields": LIST, "again": TEXT, "mandate": TEXT}, writes=True)
def entry(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd entry FORM [--about ID] field=value…`: enter something by a form of a template in force."""
    context.member_only("enter anything")
    about = named(context, arguments["about"]) if arguments.get("about") else None
    design, form = find_form(context, arguments["form"], about)
    template = design.template
    assert isinstance(template, Template), "only what this version reads has forms"
    if not form.who:
        raise UsageError(
            f"{form.name} is decided, and entered by nobody",
            f"`meshd propose TITLE --form {form.name} --field NAME=VALUE` puts it to a vote.",
        )
    if form.rule in _BY_NODES:
        raise NodeError(
            f"{form.name} is written by the nodes of drawers, by themselves: by hand it would stop the lot",
            "`meshd entries draw` shows how far each is.",
        )
    with context.assembly.writing():
        ready_to_pin(context.assembly)
    _check_about(form, about)
    fields = fields_of(context, template, form, arguments.get("fields") or [])
    problem = misfit(template, form, fields)
    if problem is not None:
        hint = f"`meshd institutions {as_word(design.name)}`"
        raise UsageError(f"this does not fit the form {form.name}: {problem}", hint)
    budgets.check(context, form, about, fields, _decided(context, about))
    replaces = (_own(context, form, arguments["again"]),) if arguments.get("again") else ()
    mandate = _mandate(context, form, arguments.get("mandate"))
    body = Entry(context.standing().head, design.row.id, form.name, fields, about, replaces, mandate)
    return _write(context, body, form)


def _decided(context: Context, about: bytes | None) -> dict[str, Any]:
    """The figures of a decision that an entry is about; nothing of anything else."""
    row = context.assembly.store.get(tables.Proposal, id=about) if about is not None else None
    found: Any = decode(row.what) if row is not None and row.what is not None and row.form else {}
    return found  # type: ignore[no-any-return]


def _write(context: Context, body: Entry, form: Form) -> Result:
    """Write an entry, if it has effect: else nothing is written. Raises NodeError."""
    with context.assembly.writing():
        record = context.assembly.write(Kind.ENTRY, body)
        reason = _reason(context, record.id)
        if reason is not None:
            raise NodeError(f"this can't be entered: {reason}", _who_hint(form))
        lot = lot_of(context, record.id) if form.rule == lots.DRAW else None
        if lot is not None and lot["problem"]:
            raise NodeError(f"nothing would be drawn by this: {lot['problem']}")
    judged = context.assembly.store.get(tables.Judged, id=record.id)
    assert judged is not None, "it was judged in its own transaction"
    return {
        "id": text_of(record.id),
        "form": form.name,
        "stands": bool(judged.stands),
        "seconds": judged.seconds,
        "needed": form.seconds,
        "under_mandate": body.mandate is not None,
    }


def _reason(context: Context, identity: bytes) -> str | None:
    """Why an entry that was just written has no effect, by the rule by which everybody's node judges it."""
    store = context.assembly.store
    row = store.get(tables.Entry, id=identity)
    assert row is not None, "it was just written"
    judging.count(store, context.standing(), [row])
    judged = store.get(tables.Judged, id=identity)
    assert judged is not None, "it was just judged"
    return judged.reason


def _who_hint(form: Form) -> str:
    return f"Who may: {', or '.join(map(group_word, form.who))}." if form.who else ""


def _check_about(form: Form, about: bytes | None) -> None:
    """That an entry says what it is about, where its form is for something. Raises UsageError."""
    kinds = form.about or (int(About.NOTHING),)
    if about is None and About.NOTHING not in kinds:
        what = ", or ".join(each if isinstance(each, str) else about_word(each) for each in kinds)
        raise UsageError(f"{form.name} is about something: {what}", f"`meshd entry {form.name} --about ID …`. {_HINT}")
    if about is not None and kinds == (int(About.NOTHING),):
        raise UsageError(f"{form.name} is about nothing else", "Leave out --about.")


def find_entry(context: Context, words: str) -> tables.Entry:
    """The entry that a person names. Raises NotFoundError."""
    return context.named(tables.Entry, words, "entry", _HINT)


def _own(context: Context, form: Form, words: str) -> bytes:
    row = find_entry(context, words)
    if row.member != context.me or row.form != form.name:
        raise UsageError(f"{text_of(row.id)[:_SHORT]} is not an entry of yours by the form {form.name}")
    return row.id


def _mandate(context: Context, form: Form, words: str | None) -> bytes | None:
    """The mandate under which an entry is written: the one that is named, or the only one of this person that grants
    what the form asks for. In a federation the seat grants it.
    """
    state = context.state()
    powers = [each.name for each in form.who if isinstance(each, Group) and each.who == Who.POWER]
    if not powers or state.federal is not None:
        return None
    mine = [
        each.id
        for each in state.mandates.values()
        if each.mandate.holder == context.me
        and state.in_force(each.id)
        and any(not outside(each.mandate, power) for power in powers)
    ]
    if words:
        row = context.proposal(words)
        if row.verb != Verb.MANDATE or not any(holds_power(context.me, state, row.id, power) for power in powers):
            raise NodeError(f"{printable(words)} is no mandate of yours that grants {' or '.join(powers)}")
        return row.id
    if len(mine) > 1:
        ids = ", ".join(text_of(each)[:_SHORT] for each in sorted(mine))
        raise UsageError(f"several mandates of yours grant that: {ids}", "`--mandate ID` says which.")
    if not mine and asks_for_mandate(form):
        raise NodeError(
            f"no mandate gives you the power {' or '.join(map(printable, powers))}, which {form.name} asks for",
            "`meshd delegates` shows who has.",
        )
    return mine[0] if mine else None


@verb("confirm", {"id": NAME, "no": FLAG, "how": TEXT}, writes=True)
def confirm(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd confirm ID [no]`: say that an entry is so, or is not, and how one knows."""
    context.member_only("confirm entries")
    row = find_entry(context, arguments["id"])
    label = text_of(row.id)[:_SHORT]
    if row.form == CONFIRM:
        raise UsageError(f"{label} is a confirmation itself", "Confirm what it is about.")
    mine = context.assembly.store.find(tables.Judged, about=row.id, member=context.me, form=CONFIRM)
    saying = "no" if arguments.get("no") else "yes"
    before = [context.assembly.store.get(tables.Entry, id=each.id) for each in mine]
    if any(each is not None and decode_fields(each).get("is-so") == saying for each in before):
        raise NodeError(f"you have said {saying} to {label} already")
    fields: dict[str, Any] = {"is-so": saying}
    if (arguments.get("how") or "").strip():
        fields["how"] = arguments["how"]
    template = judging.template_of(context.assembly.store, row.template)
    form = template.form(row.form) if isinstance(template, Template) else None
    if isinstance(template, Template) and form is not None and saying == "yes":
        budgets.check_second(context, form, row, _decided(context, row.about))
        pool.check(context, template, form, row)
    with context.assembly.writing():
        ready_to_pin(context.assembly)
    body = Entry(context.standing().head, row.template, CONFIRM, fields, row.id)
    result = _write(context, body, Form(CONFIRM, who=form.people if form is not None else ()))
    judged = context.assembly.store.get(tables.Judged, id=row.id)
    assert judged is not None, "it was judged as it came"
    needed = form.seconds if form is not None else 0
    return result | {"stands": bool(judged.stands), "seconds": judged.seconds, "needed": needed, "said": saying}


def _form_of(context: Context, row: tables.Entry) -> Form | None:
    template = _template_of(context, row)
    return template.form(row.form) if template is not None else None


def _template_of(context: Context, row: tables.Entry) -> Template | None:
    template = judging.template_of(context.assembly.store, row.template)
    return template if isinstance(template, Template) else None


@verb("entries", {"id": TEXT, "all": FLAG})
def entries(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd entries`: what is open, by the templates of this assembly; with an id, that entry and all that is about
    it; with a form, its entries. With `all`, what is over, or has no effect, too.
    """
    everything = bool(arguments.get("all"))
    words = arguments.get("id")
    if not words:
        rows = [each for design in standing_once(context) for each in _roots(context, design, everything)]
    else:
        rows = _of_form(context, words, everything) or _thread(context, named(context, words))
    return [entry_row(context, each) | {"answers": _answered_by(context, each)} for each in rows[-_SHOWN:]]


def _answered_by(context: Context, judged: tables.Judged) -> list[str]:
    """The forms by which this person may say something about an entry, `confirm` among them, where it stands open."""
    if judged.reason is not None or judged.over or judged.replaced:
        return []
    design = next((each for each in standing_once(context) if each.row.id == judged.template), None)
    row = context.assembly.store.get(tables.Entry, id=judged.id)
    form = _form_of(context, row) if row is not None else None
    if design is None or form is None:
        return []
    able = answers(context, design, form, judged.id)
    return [*([CONFIRM] if _may_confirm(context, form, judged) else []), *able]


def _roots(context: Context, design: Design, everything: bool) -> list[tables.Judged]:
    """The entries by a template that are about no other one."""
    where: dict[str, Any] = {"template": design.row.id, "depth": 0} | ({} if everything else {"over": 0, "replaced": 0})
    found = context.assembly.store.find(tables.Judged, newest=True, limit=_SHOWN, **where)
    return [each for each in reversed(found) if everything or each.reason is None]


def _of_form(context: Context, words: str, everything: bool) -> list[tables.Judged]:
    found: list[tables.Judged] = []
    for design in designs(context):
        form = design.template.form(words) if isinstance(design.template, Template) else None
        if form is not None:
            where: dict[str, Any] = {"template": design.row.id, "form": form.name}
            where |= {} if everything else {"over": 0, "replaced": 0}
            found += reversed(context.assembly.store.find(tables.Judged, newest=True, limit=_SHOWN, **where))
    return [each for each in found if everything or each.reason is None]


def _thread(context: Context, identity: bytes) -> list[tables.Judged]:
    """An entry, and what is about it, and so on: what came first, first."""
    store = context.assembly.store
    own = store.get(tables.Judged, id=identity)
    found = [own] if own is not None else []
    todo = [identity]
    while todo and len(found) < _SHOWN:
        about = store.find(tables.Judged, about=todo.pop(0), limit=_SHOWN)
        found += about
        todo += [each.id for each in about]
    return sorted(found[:_SHOWN], key=lambda each: (each.depth, each.time_ms, each.id))


def entry_row(context: Context, judged: tables.Judged) -> Result:
    """An entry as codes and plain data."""
    store, label = context.assembly.store, context.assembly.people.label
    row = store.get(tables.Entry, id=judged.id)
    assert row is not None, "what was judged is in the log"
    form = _form_of(context, row)
    fields = decode_fields(row)
    return {
        "id": text_of(row.id),
        "form": row.form,
        "person": label(row.member),
        "fields": shown_fields(context, _template_of(context, row), row.form, fields),
        "about": text_of(row.about) if row.about else None,
        "words": {each.name: each.words or each.name for each in form.fields} if form is not None else {},
        "depth": judged.depth,
        "time_ms": row.time_ms,
        "here_ms": here_ms(context, row.id),
        "stands": bool(judged.stands),
        "seconds": judged.seconds,
        "needed": form.seconds if form is not None else 0,
        "replaced": bool(judged.replaced),
        "replaces": [text_of(each) for each in sorted(split(row.replaces))],
        "over": bool(judged.over),
        "waits": bool(judged.waits),
        "problem": judged.reason,
        "out": is_out(context, judged),
        "lot": lot_of(context, row.id) if form is not None and form.rule == lots.DRAW else None,
    }


def is_out(context: Context, judged: tables.Judged) -> bool:
    """Whether its author is out by now, or their device was revoked before: figures say so."""
    state = context.state()
    good = state.revoked.get(judged.device)
    return judged.member not in state.people or (good is not None and judged.seq >= good)


def answers(context: Context, design: Design, form: Form, identity: bytes) -> list[str]:
    """The forms by which this person may enter something about an entry; those that end it last."""
    assert isinstance(design.template, Template)
    forms = [each for each in design.template.forms if isinstance(each, Form) and form.name in each.about]
    forms = [each for each in forms if each.rule not in _BY_NODES]
    able = [each for each in forms if _may(context, design.row.id, each.name, identity)]
    return [each.name for each in sorted(able, key=lambda each: each.ends)]


def begins(context: Context, design: Design) -> list[str]:
    """The forms of a template by which this person may enter something that is about nothing else, or put it to a
    vote.
    """
    assert isinstance(design.template, Template)
    inside = context.me in context.state().people
    forms = [each for each in design.template.forms if isinstance(each, Form)]
    rows = {name for form in forms for field in form.fields for name in _rows_of(field)}
    return [
        form.name
        for form in forms
        if (form.who or form.name not in rows)
        and int(About.NOTHING) in (form.about or (int(About.NOTHING),))
        and (_may(context, design.row.id, form.name, None) if form.who else inside)
    ]


def _rows_of(field: FormField) -> tuple[str, ...]:
    """The form of a field's rows: nobody fills it in by itself."""
    holds = field.holds
    return holds.names if isinstance(holds, Holds) and holds.type == Type.ROWS else ()


def answers_to_decision(context: Context, row: tables.Proposal) -> list[str]:
    """The forms by which this person may enter something about a decision with figures."""
    if not row.form:
        return []
    design = next((each for each in standing_once(context) if each.row.id == row.template), None)
    form = design.template.form(row.form) if design is not None and isinstance(design.template, Template) else None
    if design is None or form is None or not isinstance(design.template, Template):
        return []
    able = answers(context, design, form, row.id)
    if not budgets.is_decided(context, row.id):  # nothing is paid out of it
        able = [each for each in able if (its := design.template.form(each)) is None or its.rule != budgets.RULE]
    return able


def about_any_decision(context: Context, row: tables.Proposal) -> list[str]:
    """The forms, with their template's name, by which this person may enter something about a decision whatever it is
    about.
    """
    return [
        f"{design.name}/{each.name}"
        for design in standing_once(context)
        for each in (design.template.forms if isinstance(design.template, Template) else ())
        if isinstance(each, Form) and int(About.DECISION) in each.about and each.rule not in _BY_NODES
        if _may(context, design.row.id, each.name, row.id)
    ]


def unconfirmed(context: Context) -> list[tuple[Form, tables.Judged]]:
    """Entries that stand once more people confirm them, and that this person may confirm and has not; the newest."""
    found: list[tuple[Form, tables.Judged]] = []
    for design in standing_once(context):
        assert isinstance(design.template, Template)
        for form in design.template.forms:
            if isinstance(form, Form) and form.seconds:
                found += [(form, each) for each in _open(context, design, form)]
    return found


def _open(context: Context, design: Design, form: Form) -> list[tables.Judged]:
    store = context.assembly.store
    where: dict[str, Any] = {"template": design.row.id, "form": form.name, "over": 0, "replaced": 0, "stands": 0}
    rows = store.find(tables.Judged, newest=True, limit=_WAITING, reason=None, **where)
    return [each for each in reversed(rows) if _may_confirm(context, form, each)]


def _may_confirm(context: Context, form: Form, judged: tables.Judged) -> bool:
    """Whether an entry stands once more people confirm it, and this person may and has not."""
    return (
        judged.seconds < form.seconds
        and judged.member != context.me
        and not context.assembly.store.find(tables.Judged, about=judged.id, member=context.me, form=CONFIRM)
        and (form.rule != budgets.RULE or judged.about is None or budgets.is_decided(context, judged.about))
        and _may(context, judged.template, CONFIRM, judged.id)
    )


def _may(context: Context, template: bytes, form: str, about: bytes | None) -> bool:
    """Whether this person may enter something by a form now."""
    device = context.assembly.keys.device.public
    who = Author(context.me, device, limits.INTEGER - 1, SCOPE_EVERYTHING)
    return judging.may(context.assembly.store, context.standing(), who, template, form, about)


def here_ms(context: Context, identity: bytes) -> int | None:
    """For how long this machine has had an entry, by its own measure; None where it did not note that."""
    noticed = context.assembly.store.get(tables.Noticed, id=identity)
    passed = context.assembly.store.get(tables.Passed, n=1)
    return passed.total_ms - noticed.since_ms if noticed is not None and passed is not None else None
