"""What a person writes for the fields of a form becomes what the form asks for: an id from its beginning, a person from
their name, a number without its unit.
"""

import re
from collections.abc import Sequence
from typing import Any

from meshd.errors import NotFoundError, UsageError
from meshd.service.context import Context, Result, id_range, identity_of
from meshd.service.templates import readable_fields
from meshd.state.entries import template_of
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.bodies.institutions import Form, FormField, Holds, Later, Template, Type
from meshd_protocol.encoding import decode
from meshd_protocol.names import printable, text_of

_HINT = "`meshd entries` shows what is open."


def fields_of(context: Context, template: Template, form: Form, given: Sequence[str]) -> dict[str, Any]:
    """What a person wrote, `name=value` each, as the form holds it. A field of rows may be there several times."""
    fields: dict[str, Any] = {}
    for words in given:
        name, equals, value = words.partition("=")
        field = form.field(name.strip())
        if not equals or field is None:
            names = ", ".join(each.name for each in form.fields) or "none"
            raise UsageError(f"{printable(words)} is no field of {form.name}", f"Its fields: {names}. Like name=value.")
        read = _value(context, template, field, value)
        if isinstance(field.holds, Holds) and field.holds.type == Type.ROWS:
            fields.setdefault(field.name, []).append(read)
        elif field.name in fields:
            raise UsageError(f"{field.name} is there twice")
        else:
            fields[field.name] = read
    return fields


def _value(context: Context, template: Template, field: FormField, words: str) -> Any:
    holds = field.holds
    if not isinstance(holds, Holds):
        raise UsageError(f"{field.name} is of a later version: this meshd needs an update to write it")
    match holds.type:
        case Type.NUMBER:
            return _number(field, holds, words)
        case Type.ID:
            return named(context, words)
        case Type.PERSON:
            return context.person(words)
        case Type.HASH:
            return identity_of(words, "file")
        case Type.CHOICE:
            return _choice(field, holds, words)
        case Type.ROWS:
            return _row(context, template, field, holds, words)
        case _:
            return words


def _number(field: FormField, holds: Holds, words: str) -> int:
    found = re.fullmatch(r"\s*(\d{1,16})\s*(.*?)\s*", words)
    unit = f" {holds.unit}" if holds.unit else ""
    if found is None or found[2] not in ("", holds.unit):
        raise UsageError(
            f"{field.name} is a whole number{' of' + unit if unit else ''}, and {printable(words)} is none"
        )
    number = int(found[1])
    if number >= limits.INTEGER or not holds.least <= number <= holds.most:
        raise UsageError(f"{field.name} is from {holds.least} to {holds.most}{unit}, and {number} is not")
    return number


def _choice(field: FormField, holds: Holds, words: str) -> str:
    exact = [each for each in holds.names if each.casefold() == words.strip().casefold()]
    found = exact or [each for each in holds.names if each.casefold().startswith(words.strip().casefold())]
    if len(found) != 1 or not words.strip():
        raise UsageError(f"{field.name} is one of {', '.join(holds.names)}, and {printable(words)} is not")
    return found[0]


def _row(context: Context, template: Template, field: FormField, holds: Holds, words: str) -> dict[str, Any]:
    """A row, as `what / who / how much`: the fields of its form in their order."""
    form = template.form(holds.names[0])
    if form is None:
        raise UsageError(f"{field.name} is of a later version: this meshd needs an update to write it")
    parts = [part.strip() for part in words.split(" / ")]
    if len(parts) != len(form.fields):
        names = " / ".join(each.name for each in form.fields)
        raise UsageError(f"a row of {field.name} has {len(form.fields)} parts: {names}")
    return {each.name: _value(context, template, each, part) for each, part in zip(form.fields, parts, strict=True)}


_NAMED: tuple[type[Any], ...] = (tables.Entry, tables.Proposal, tables.Minutes, tables.Act)


def shown_fields(context: Context, template: Template | None, name: str, fields: dict[str, Any]) -> Result:
    """Fields in the order of their form, people and assemblies by their names, numbers with their units; without the
    form, as they stand.
    """
    form = template.form(name) if template is not None else None
    if template is None or form is None:
        return readable_fields(fields)
    return readable_fields(
        {
            field.name: _shown(context, template, field.holds, fields[field.name])
            for field in form.fields
            if field.name in fields
        }
    )


def form_of(context: Context, row: tables.Proposal) -> str | None:
    """The form by which a decision says figures, as whoever uses it calls it; None of one that says none."""
    if row.template is None or not row.form:
        return None
    template = template_of(context.assembly.store, row.template)
    return f"{template.name}/{row.form}" if isinstance(template, Template) else row.form


def figures_shown(context: Context, row: tables.Proposal) -> Result:
    """What a decision says with figures; nothing of one that says none."""
    if row.what is None or row.template is None or not row.form:
        return {}
    template = template_of(context.assembly.store, row.template)
    fields: Any = decode(row.what)
    return shown_fields(context, template if isinstance(template, Template) else None, row.form, fields)


def _shown(context: Context, template: Template, holds: Holds | Later, value: Any) -> Any:
    if not isinstance(holds, Holds):
        return value
    state, label = context.state(), context.assembly.people.label
    if holds.type == Type.PERSON and isinstance(value, bytes):
        return label(value)
    if holds.type == Type.ID and state.federal is not None and isinstance(value, bytes) and value in state.members:
        return label(value)
    if holds.type == Type.NUMBER and holds.unit:
        return f"{value} {holds.unit}"
    if holds.type == Type.ROWS and isinstance(value, list):
        return [shown_fields(context, template, holds.names[0], row) for row in value if isinstance(row, dict)]
    return value


def named(context: Context, words: str) -> bytes:
    """The entry, decision, minutes or act with an id that begins so; in a federation an assembly, by its name, too.

    Raises NotFoundError.
    """
    low, high = id_range(words)
    found = [row.id for table in _NAMED for row in context.assembly.store.between(table, low, high, 2)] if low else []
    if not found and context.state().federal is not None:
        return context.assembly.people.find(words, context.state().members, "entry, decision or assembly")
    if not found:
        raise NotFoundError(f"nothing here has the id {printable(words)}", _HINT)
    if len(found) > 1:
        ids = ", ".join(text_of(each)[: len(words) + 4] for each in found)
        raise NotFoundError(f"{printable(words)} is more than one thing: {ids}", "Write more of the id.")
    identity: bytes = found[0]
    return identity
