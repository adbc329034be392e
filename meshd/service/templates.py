"""The templates of an assembly: which were adopted, what each says, and whether it still holds.

Institutions are data (specification, section 6.11): a template is adopted by a decision of the constitution, amended
and dropped by another one that repeals it. Entries go by the template that they name, whatever came of it later.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from meshd.errors import NodeError, NotFoundError
from meshd.service.context import Context, Result
from meshd.service.effects import force_of, retraction
from meshd.service.filling import filled
from meshd.service.results import outcome_of, repealed_by
from meshd.state.entries import template_of
from meshd.store import tables
from meshd_protocol.bodies.institutions import (
    About,
    Form,
    FormField,
    Group,
    Holds,
    Later,
    Template,
    Type,
    Who,
)
from meshd_protocol.decisions.outcome import PASSED
from meshd_protocol.encoding import decode
from meshd_protocol.names import printable, text_of
from meshd_protocol.schema import plain

ADOPTED, DROPPED, OPEN, REFUSED = "adopted", "dropped", "open", "not adopted"
"""What a template may be: in force; so once, and repealed since; not decided; or decided otherwise."""


class Design(NamedTuple):
    """A decision on a template, and what came of it. `template` is why it can't be read, where it can't."""

    row: tables.Proposal
    template: Template | str
    state: str

    @property
    def name(self) -> str:
        """What it is called."""
        return self.template.name if isinstance(self.template, Template) else self.row.title


def designs(context: Context) -> list[Design]:
    """Every decision on a template, in the order in which they were proposed."""
    found: list[Design] = []
    for design in context.assembly.store.find(tables.Design):
        row = context.assembly.store.get(tables.Proposal, id=design.id)
        assert row is not None, "it stands beside its proposal"
        template = template_of(context.assembly.store, row.id)
        assert template is not None, "the decision is here"
        found.append(Design(row, template, _state(context, row)))
    return sorted(found, key=lambda each: (each.row.time_ms, each.row.id))


def _state(context: Context, row: tables.Proposal) -> str:
    outcome = outcome_of(context, row)
    if outcome.outcome is None:
        return REFUSED if retraction(context, row) is not None else OPEN
    force = force_of(context, row)
    if outcome.outcome != PASSED or force is None or not force.holds:
        return REFUSED
    return DROPPED if repealed_by(context, row) else ADOPTED


def adopted(context: Context) -> list[Design]:
    """The templates in force that this version reads."""
    return [each for each in designs(context) if each.state == ADOPTED and isinstance(each.template, Template)]


def standing_once(context: Context) -> list[Design]:
    """Those in force, and those that were: what was entered by them goes on."""
    return [
        each for each in designs(context) if each.state in (ADOPTED, DROPPED) and isinstance(each.template, Template)
    ]


def find_form(context: Context, words: str, about: bytes | None = None) -> tuple[Design, Form]:
    """The form that a person names, of the templates in force: `FORM`, or `TEMPLATE/FORM`. An answer goes by the
    template of what it is `about`, also where others have a form of that name, and after it was dropped.

    Raises NotFoundError.
    """
    name, slash, form = words.rpartition("/")

    def named(design: Design, each: Form) -> bool:
        return each.name.casefold() == form.casefold() and (not slash or design.name.casefold() == name.casefold())

    of = _template_of(context, about) if about is not None else None
    own = [(design, each) for design, each in _forms(standing_once(context)) if design.row.id == of]
    found = [each for each in own if named(*each)] or [each for each in _forms(adopted(context)) if named(*each)]
    if not found:
        names = sorted({each.name for _, each in own or _forms(adopted(context)) if each.who})
        hint = f"There are: {', '.join(names)}." if names else "`meshd institutions` shows what can be adopted."
        raise NotFoundError(f"no such form: {printable(words)}", hint)
    if len(found) > 1:
        names = sorted(f"{design.name}/{each.name}" for design, each in found)
        raise NotFoundError(f"{printable(words)} is a form of several: {', '.join(names)}", "Write one of these.")
    return found[0]


def _template_of(context: Context, identity: bytes) -> bytes | None:
    """The template by which an entry, or a decision with figures, was made; None of anything else."""
    store = context.assembly.store
    row = store.get(tables.Entry, id=identity) or store.get(tables.Proposal, id=identity)
    return row.template if row is not None else None


def _forms(designs_: Iterable[Design]) -> Iterator[tuple[Design, Form]]:
    for design in designs_:
        assert isinstance(design.template, Template)
        for form in design.template.forms:
            if isinstance(form, Form):
                yield design, form


def find_design(context: Context, words: str) -> Design:
    """The template that a person names, by its name or its decision's id: one in force first. Raises NotFoundError."""
    every = designs(context)
    named = [each for each in every if each.name.casefold() == words.casefold()]
    named = [each for each in named if each.state == ADOPTED] or named
    if not named:
        row = context.named(tables.Proposal, words, "template", "`meshd institutions` shows all.")
        named = [each for each in every if each.row.id == row.id]
    if not named:
        raise NotFoundError(f"{printable(words)} is a proposal, and adopts no template", "`meshd institutions`")
    return named[-1]


def adopted_by(context: Context, row: tables.Proposal) -> Result | None:
    """The template that a proposal is to adopt, as `described`; None of any other."""
    if row.template != row.id:
        return None
    return described(context, next(each for each in designs(context) if each.row.id == row.id))


def described(context: Context, design: Design) -> Result:
    """A template as codes and plain data; one that this version can't read, as it stands."""
    row, template = design.row, design.template
    result: Result = {
        "id": text_of(row.id),
        "name": design.name,
        "state": design.state,
        "problem": template if isinstance(template, str) else None,
        "words": template.words if isinstance(template, Template) else row.text,
        "forms": [],
        "numbers": [],
        "posts": [],
        "policies": [],
        "plain": _readable(decode(row.what)) if isinstance(template, str) and row.what is not None else None,
    }
    return result | details(context, template) if isinstance(template, Template) else result


def details(context: Context, template: Template) -> Result:
    """What a template has, and whether this assembly has the posts and policies that it expects."""
    state = context.state()
    given = [each.mandate for each in state.mandates.values() if state.in_force(each.id)]
    posts = [each for each in template.posts if not isinstance(each, Later)]
    return {
        "forms": [form_row(each, template) for each in template.forms],
        "numbers": [
            {"name": each.name, "value": each.value, "unit": each.unit}
            for each in template.numbers
            if not isinstance(each, Later)
        ],
        "posts": [
            {
                "role": each.role,
                "powers": list(each.powers),
                "term_s": each.term,
                "words": each.words,
                "filled": by is not None,
            }
            for each, by in zip(posts, filled(posts, given), strict=True)
        ],
        "policies": [
            {"name": each.name, "there": each.name in state.policies}
            for each in template.policies
            if not isinstance(each, Later)
        ],
    }


def form_row(form: Form | Later, template: Template | str) -> Result:
    """A form as plain data: what a front end asks for, field by field."""
    if isinstance(form, Later):
        return {"name": form.name, "later": True}
    return {
        "name": form.name,
        "later": False,
        "words": form.words,
        "about": [each if isinstance(each, str) else about_word(each) for each in form.about],
        "who": [group_word(each) for each in form.who],
        "from": [group_word(each) for each in form.people],
        "seconds": form.seconds,
        "urgent": form.urgent,
        "ends": form.ends,
        "due_s": form.due,
        "rule": form.rule,
        "fields": [field_row(each, template) for each in form.fields],
    }


def about_word(number: int) -> str:
    """What an entry may be about, by its number."""
    return About(number).name.lower() if number in set(About) else f"something of a later version ({number})"


def group_word(group: Group | Later) -> str:
    """A group, as it is written in a template's text."""
    if isinstance(group, Later):
        return "a group of a later version"
    return " ".join(part for part in (Who(group.who).name.lower(), group.name, group.field) if part)


def field_row(field: FormField, template: Template | str) -> Result:
    """A field as plain data; of rows the names of their parts, too."""
    holds = field.holds if isinstance(field.holds, Holds) else None
    of = None
    if holds is not None and holds.type == Type.ROWS and isinstance(template, Template):
        of = template.form(holds.names[0])
    return {
        "name": field.name,
        "type": Type(holds.type).name.lower() if holds else "later",
        "optional": field.optional,
        "words": field.words,
        "least": holds.least if holds else 0,
        "most": holds.most if holds else 0,
        "unit": holds.unit if holds else "",
        "choices": list(holds.names) if holds else [],
        "parts": [each.name for each in of.fields] if of is not None else [],
    }


def _readable(value: Any) -> Any:
    """Decoded CBOR as JSON can have it: bytes as ids, keys as texts."""
    if isinstance(value, bytes):
        return text_of(value)
    if isinstance(value, dict):
        return {str(key): _readable(each) for key, each in value.items()}
    return [_readable(each) for each in value] if isinstance(value, list) else value


def readable_fields(fields: Any) -> dict[str, Any]:
    """The fields of an entry as JSON can have them."""
    found: dict[str, Any] = _readable(plain(fields))
    return found


def usable(design: Design) -> Template:
    """The template of a decision, where entries can be written by it. Raises NodeError."""
    if isinstance(design.template, str):
        raise NodeError(f"{printable(design.name)} can't be used: {design.template}")
    if design.state != ADOPTED:
        hint = f"`meshd why {text_of(design.row.id)[:8]}` says what it lacks." if design.state == OPEN else ""
        raise NodeError(f"{printable(design.name)} is not in force: it is {design.state}", hint)
    return design.template
