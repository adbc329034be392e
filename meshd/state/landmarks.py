"""Plans of a landmark in a log: how one stands in its federation, and one that is quoted in a member's log."""

from typing import Any

from meshd.state.quoted import quotation_of, said_in
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.api import Store
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.encoding import decode
from meshd_protocol.items import Decision
from meshd_protocol.landmark import Landmark, Plan, landmark, plan_of, read_plan


def plan_in(federation: bytes, row: tables.Proposal) -> Plan | None:
    """The plan that a decision of a federation puts; None for what is none."""
    if row.what is None or not row.form:
        return None
    fields: Any = decode(row.what)
    return read_plan(federation, row.id, fields)


def landmark_of(standing: Standing, row: tables.Proposal) -> Landmark | None:
    """How a plan of this federation stands, by what is quoted here; None for what is none."""
    plan = plan_in(standing.rosters.assembly, row) if standing.quotations is not None else None
    decision = standing.item(row.id)
    if plan is None or standing.quotations is None or not isinstance(decision, Decision):
        return None
    return landmark(standing.rosters, standing.quotations.get, plan, decision)


def plan_quoted(store: Store, federation: bytes, matter: bytes) -> Plan | None:
    """The plan of a federation that is quoted in the log of a member; None for what is none, or is not quoted."""
    for row in store.find(tables.Quotation, assembly=federation):
        for record, body in said_in(row, quotation_of(store, row)):
            if record.id == matter and isinstance(body, Proposal):
                return plan_of(federation, matter, body)
    return None


def seen(plan: bytes, card: str) -> bytes:
    """Under what this machine notes since when it sees a card's side of a plan as final (`tables.Noticed`)."""
    return plan + card.encode()
