"""The pool: who gives says yes to no more than they offered (specification, section 6.13). Two islands that promise one
lorry end with the choice of whoever has it.
"""

from typing import Any

from meshd.errors import NodeError
from meshd.service.context import Context
from meshd.state.entries import decode_fields
from meshd.store import tables
from meshd_protocol.bodies.institutions import CONFIRM, Form, Template
from meshd_protocol.names import text_of

RULE = "allocation"
OFFER = "offer"
"""The form by which people say what they have."""
_WHAT = "what"
_LOOKED_AT = 200
"""Offers, and what was given of them: the last ones that came."""


def check(context: Context, template: Template, form: Form, row: tables.Entry) -> None:
    """Before this person says yes to an allocation of their own offer: all that they said yes to is within it. Raises
    NodeError.
    """
    if form.rule != RULE:
        return
    store = context.assembly.store
    fields = decode_fields(row)
    offer = store.get(tables.Entry, id=fields["offer"]) if type(fields.get("offer")) is bytes else None
    if offer is None or offer.member != context.me or offer.template != row.template:
        return
    whole, amount = _amount(template.form(offer.form), decode_fields(offer)), _amount(form, fields)
    if whole is None or amount is None:
        return
    given = 0
    for judged in store.find(tables.Judged, template=row.template, form=form.name, reason=None, replaced=0):
        other = store.get(tables.Entry, id=judged.id)
        assert other is not None, "what was judged is in the log"
        if judged.id != row.id and decode_fields(other).get("offer") == offer.id and _said_yes(context, judged.id):
            given += judged.amount
    if given + amount > whole:
        raise NodeError(
            f"you offered {whole} ({text_of(offer.id)[:8]}), and gave {given} of it away: {amount} more are beyond it",
            "`meshd confirm ID no` says so; another offer gives more.",
        )


def offered(context: Context, template: Template, adoption: bytes, form: Form, fields: dict[str, Any]) -> list[str]:
    """Who offers what a need asks for, in the same words, and has not given it all away by what is known here."""
    store = context.assembly.store
    gives = [
        each for each in template.forms if isinstance(each, Form) and each.rule == RULE and form.name in each.about
    ]
    offer = template.form(OFFER)
    if not gives or offer is None or not isinstance(fields.get(_WHAT), str):
        return []
    given: dict[bytes, int] = {}
    last: dict[str, Any] = {"newest": True, "limit": _LOOKED_AT, "template": adoption, "stands": 1, "replaced": 0}
    for each in store.find(tables.Judged, form=gives[0].name, **last):
        said = _fields_of(context, each.id).get("offer")
        if type(said) is bytes:
            given[said] = given.get(said, 0) + each.amount
    found: list[str] = []
    for each in store.find(tables.Judged, form=OFFER, over=0, **last):
        what = _fields_of(context, each.id).get(_WHAT)
        if isinstance(what, str) and _same(what, fields[_WHAT]) and given.get(each.id, 0) < each.amount:
            found.append(context.assembly.people.label(each.member))
    return sorted(set(found))


def _same(one: str, other: str) -> bool:
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def _fields_of(context: Context, identity: bytes) -> dict[str, Any]:
    row = context.assembly.store.get(tables.Entry, id=identity)
    return decode_fields(row) if row is not None else {}


def _amount(form: Form | None, fields: dict[str, Any]) -> int | None:
    value = fields.get(form.amount.name) if form is not None and form.amount is not None else None
    return value if type(value) is int else None


def _said_yes(context: Context, identity: bytes) -> bool:
    said = context.assembly.store.find(tables.Judged, about=identity, member=context.me, form=CONFIRM)
    rows = [context.assembly.store.get(tables.Entry, id=each.id) for each in said]
    return any(row is not None and decode_fields(row).get("is-so") == "yes" for row in rows)
