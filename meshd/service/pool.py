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


def _amount(form: Form | None, fields: dict[str, Any]) -> int | None:
    value = fields.get(form.amount.name) if form is not None and form.amount is not None else None
    return value if type(value) is int else None


def _said_yes(context: Context, identity: bytes) -> bool:
    said = context.assembly.store.find(tables.Judged, about=identity, member=context.me, form=CONFIRM)
    rows = [context.assembly.store.get(tables.Entry, id=each.id) for each in said]
    return any(row is not None and decode_fields(row).get("is-so") == "yes" for row in rows)
