"""What is on the agenda by itself: a figure that went beyond its bound, until people say that it was talked about."""

from typing import Any

from meshd_protocol.bodies.institutions import Form, Template

RULE = "agenda"
"""What a form names by which people say that an entry that went beyond its bound was talked about."""

_BEYOND, _BELOW = "beyond", "below"
"""The field of what has the bound, and its value where less is what one talks about."""


def talked(template: Template, form: str) -> Form | None:
    """The form by which people say that an entry by a form was talked about; None where there is none."""
    forms = (each for each in template.forms if isinstance(each, Form))
    return next((each for each in forms if each.rule == RULE and form in each.about), None)


def is_beyond(fields: dict[str, Any], value: int, bound: int) -> bool:
    """Whether a figure went beyond its bound: above it, or below, where what has the bound says so."""
    return value < bound if fields.get(_BEYOND) == _BELOW else value > bound
