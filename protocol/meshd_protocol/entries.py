"""Whether an entry has effect: held against its form, and its author against whom the form asks for.

All of it follows from the entry, the template, the roster that the entry pins, and the entries on the way from it to
what the first one is about; never from a clock, or from what came later (specification, section 6.11).
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from meshd_protocol.bodies.institutions import (
    CONFIRM,
    Figures,
    Form,
    FormField,
    Group,
    Holds,
    Later,
    Part,
    Template,
    Type,
    Who,
)
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.errors import BadBodyError, NewerVersionError
from meshd_protocol.mandates import outside
from meshd_protocol.meaning import State
from meshd_protocol.schema import ID, KEY, string, uint


def read_template(value: Any) -> Template:
    """A template that stands in a decision, with what its parts say of each other. Raises BadBodyError."""
    template = Template.of(value)
    names = [each.name for each in template.forms if each.name]
    if len(set(names)) < len(names) or CONFIRM in names:
        raise BadBodyError(f"two forms have one name, or one is called {CONFIRM}")
    for form in template.forms:
        if isinstance(form, Form):
            _check_form(template, form, frozenset(names))
    _check_named("its line", [each.form for each in template.line if isinstance(each, Part)], names)
    return template


def _check_named(what: str, named: Collection[str], names: Collection[str]) -> None:
    missing = sorted({each for each in named if each not in names and each != CONFIRM})
    if missing:
        raise BadBodyError(f"{what} names {missing[0]}, and there is no such form")


def _check_form(template: Template, form: Form, names: frozenset[str]) -> None:
    fields = [each.name for each in form.fields]
    if len(set(fields)) < len(fields):
        raise BadBodyError(f"two fields of {form.name} have one name")
    named = [each for each in form.about if isinstance(each, str)]
    named += [each.name for each in (*form.who, *form.people) if isinstance(each, Group) and each.who > Who.POWER]
    named += [each.form for each in form.line if not isinstance(each, Later)]
    for field in form.fields:
        if isinstance(field.holds, Holds) and field.holds.type == Type.ROWS:
            (inner,) = field.holds.names
            named.append(inner)
            rows = template.form(inner)
            if rows is not None and any(_has_rows(each) for each in rows.fields):
                raise BadBodyError(f"rows of {inner} have rows themselves")
    _check_named(form.name, named, names)


def _has_rows(field: FormField) -> bool:
    return isinstance(field.holds, Holds) and field.holds.type == Type.ROWS


def misfit(template: Template, form: Form, fields: Any) -> str | None:
    """Why fields do not fit a form; None where they do. What is of a later version fits anything."""
    if type(fields) is not dict:
        return "it has no fields"
    for field in form.fields:
        if field.name not in fields:
            if not field.optional:
                return f"{field.name} is missing"
            continue
        try:
            _check(template, field, fields[field.name])
        except BadBodyError as error:
            return f"{field.name}: {error}"
    unknown = sorted(fields.keys() - {field.name for field in form.fields})
    return f"{form.name} has no field {unknown[0]}" if unknown else None


def _check(template: Template, field: FormField, value: Any) -> None:
    holds = field.holds
    if isinstance(holds, Later):
        return
    match holds.type:
        case Type.TEXT:
            string(holds.most)(value)
        case Type.NUMBER:
            uint(holds.most)(value)
            if value < holds.least:
                raise BadBodyError(f"below {holds.least}")
        case Type.ID | Type.HASH:
            ID(value)
        case Type.PERSON:
            KEY(value)
        case Type.CHOICE:
            if type(value) is not str or value not in holds.names:
                raise BadBodyError(f"none of {', '.join(holds.names)}")
        case _:
            _check_rows(template, holds, value)


def _check_rows(template: Template, holds: Holds, value: Any) -> None:
    if type(value) is not list or not 1 <= len(value) <= holds.most:
        raise BadBodyError(f"not a list of 1 to {holds.most} rows")
    form = template.form(holds.names[0])
    for row in value if form is not None else ():
        problem = misfit(template, form, row) if form is not None else None
        if problem is not None:
            raise BadBodyError(problem)


class Author(NamedTuple):
    """Who wrote an entry, as their certificate and the roster that it pins say."""

    member: bytes
    device: bytes
    seq: int
    scope: int


class Said(NamedTuple):
    """An entry that has effect, on the way from another one to what the first is about."""

    id: bytes
    template: bytes
    form: str
    member: bytes
    fields: Any


Seconds = Callable[[bytes], Collection[bytes]]
"""Who said yes to an entry, by its id: members, in a federation assemblies."""


def outsider(author: Author, state: State) -> str | None:
    """Why nothing that somebody enters has effect in the roster that it pins."""
    if author.member not in state.people:
        return "its author is not in the roster that it pins"
    good = state.revoked.get(author.device)
    if author.scope != SCOPE_EVERYTHING or (good is not None and author.seq >= good):
        return "it is by a device that may not enter anything"
    return None


def is_of(
    groups: Collection[Group | Later],
    author: Author,
    state: State,
    mandate: bytes | None,
    way: Sequence[Said],
    seconds: Seconds,
) -> bool | None:
    """Whether somebody is of one of the groups. None where a group is of a later version, so that nobody here can tell.

    `way` are the entries that lead on, the nearest first.
    """
    found = [_is_in(each, author, state, mandate, way, seconds) for each in groups]
    return True if True in found else None if None in found else False


def _is_in(
    group: Group | Later,
    author: Author,
    state: State,
    mandate: bytes | None,
    way: Sequence[Said],
    seconds: Seconds,
) -> bool | None:
    if isinstance(group, Later):
        return None
    match group.who:
        case Who.PEOPLE:
            return True
        case Who.POWER:
            return holds_power(author.member, state, mandate, group.name)
        case Who.AUTHOR:
            nearest = next((each for each in way if each.form == group.name), None)
            return nearest is not None and nearest.member == author.member
        case Who.SECONDED:
            nearest = next((each for each in way if each.form == group.name), None)
            return nearest is not None and (state.member_of(author.member) or author.member) in seconds(nearest.id)
        case _:
            nearest = next((each for each in way if each.form == group.name), None)
            return nearest is not None and nearest.fields.get(group.field) == author.member


def holds_power(person: bytes, state: State, mandate: bytes | None, power: str) -> bool:
    """Whether somebody has a power by that mandate, in a roster; by any of theirs, where none is named; in a federation
    by that with which they sit there.
    """
    if state.federal is not None and mandate is None:
        seat = {each.strip().casefold() for each in state.federal.powers.get(person, ())}
        if power.strip().casefold() in seat:
            return True
    given = [each for each in state.mandates.values() if mandate in (None, each.id)]
    return any(each.mandate.holder == person and not outside(each.mandate, power) for each in given)


def asks_for_mandate(form: Form) -> bool:
    """Whether an entry is written under a mandate: witnesses countersign it, as an act."""
    return bool(form.who) and all(isinstance(each, Group) and each.who == Who.POWER for each in form.who)


def confirms(fields: Any) -> bool:
    """Whether a confirmation says yes."""
    return bool(fields.get("is-so") == "yes")


def figures_problem(template: Template, figures: Figures) -> str | None:
    """Why what a decision says with figures does not fit the template; None where it does."""
    form = template.form(figures.form)
    if form is None:
        return f"the template has no form {figures.form}"
    return misfit(template, form, figures.fields)


def unread(value: Any) -> str:
    """Why a template can't be read here, in words; empty for one that can."""
    try:
        read_template(value)
    except NewerVersionError:
        return "it is of a later version of meshd: this one shows it as it stands"
    except BadBodyError as error:
        return str(error)
    return ""
