"""Section 6.11: what a template is, and which fields fit a form. Values are as they are decoded."""

from typing import Any

from tests.second.cddl import Schema
from tests.second.decisions import is_bad_role

_FORM_KEYS = set(range(12))
_PARTS = {3: ("given", {0, 1, 2}), 5: ("post", {0, 1, 2, 3}), 6: ("figure", set(range(7)))}


def _is_later(value: Any, known: set[int]) -> bool:
    return type(value) is dict and any(type(key) is int and key < 64 and key not in known for key in value)


def read(schema: Schema, value: Any) -> str:
    """`yes`, `later` or `no`."""
    if _is_later(value, set(range(7))):
        return "later"
    if not schema.takes("template", value):
        return "no"
    for key, (rule, known) in _PARTS.items():
        if any(not _is_later(each, known) and not schema.takes(rule, each) for each in value.get(key, [])):
            return "no"
    if not all(type(each) is dict for each in value[2]):
        return "no"
    names = [each[0] for each in value[2] if type(each.get(0)) is str and each[0]]
    told = [each[2] for each in value.get(6, []) if not _is_later(each, _PARTS[6][1])]
    if not set(told) <= {*names, "confirm"}:
        return "no"
    if len(set(names)) < len(names) or "confirm" in names:
        return "no"
    return "yes" if all(_is_form(schema, each, value, names) for each in forms_of(value).values()) else "no"


def forms_of(value: Any) -> dict[str, Any]:
    """Those of this version, by their names."""
    return {each.get(0): each for each in value[2] if not _is_later(each, _FORM_KEYS)}


def _is_form(schema: Schema, form: Any, template: Any, names: list[str]) -> bool:
    if not schema.takes("form", form):
        return False
    figures = [each for each in form.get(9, []) if not _is_later(each, _PARTS[6][1])]
    if not all(schema.takes("figure", each) for each in figures):
        return False
    fields = [each[0] for each in form.get(4, [])]
    words = [form[0], *fields, *(each for each in form.get(2, []) if type(each) is str)]
    if len(set(fields)) < len(fields) or any(is_bad_role(each) or " " in each or "=" in each for each in words):
        return False
    groups = [each for each in (*form.get(3, []), *form.get(6, [])) if each[0] in (2, 3, 4)]
    rows = [each[1][1] for each in form.get(4, []) if each[1][0] == 6]
    named = [each for each in form.get(2, []) if type(each) is str]
    named += [*(each[1] for each in groups), *(each[2] for each in figures), *rows]
    if not set(named) <= {*names, "confirm"}:
        return False
    inner = forms_of(template)
    if any(each[1][0] == 6 for row in rows if row in inner for each in inner[row].get(4, [])):
        return False
    return all(_is_type(each[1]) for each in form.get(4, []))


def _is_type(holds: list[Any]) -> bool:
    sizes = {0: 2, 1: 4, 2: 1, 4: 1, 5: 1, 6: 3}
    if holds[0] in sizes and len(holds) != sizes[holds[0]]:
        return False
    if holds[0] == 0:
        return bool(0 < holds[1] <= 12288)
    if holds[0] == 1:
        return bool(holds[1] <= holds[2])
    return holds[0] != 3 or (len(holds) >= 3 and len(set(holds[1:])) == len(holds) - 1)


_CONFIRM = {4: [{0: "is-so", 1: [3, "yes", "no"]}, {0: "how", 1: [0, 2000], 2: True}]}


def fits(template: Any, name: str, fields: Any) -> bool:
    """Whether an entry may hold that."""
    return _fits(template, _CONFIRM if name == "confirm" else forms_of(template)[name], fields)


def _fits(template: Any, form: Any, fields: Any) -> bool:
    if type(fields) is not dict:
        return False
    known = {each[0]: each for each in form.get(4, [])}
    if not fields.keys() <= known.keys():
        return False
    return all(
        _is_of(template, each[1], fields[name]) if name in fields else each.get(2, False)
        for name, each in known.items()
    )


def _is_of(template: Any, holds: list[Any], value: Any) -> bool:
    match holds[0]:
        case 0:
            return type(value) is str and 0 < len(value.encode()) <= holds[1]
        case 1:
            return type(value) is int and holds[1] <= value <= holds[2]
        case 2 | 4 | 5:
            return type(value) is bytes and len(value) == 32
        case 3:
            return value in holds[1:]
        case 6:
            rows = type(value) is list and 0 < len(value) <= holds[2]
            return rows and all(_fits(template, forms_of(template)[holds[1]], each) for each in value)
        case _:
            return True
