"""Mandates with a span, as people see them: not opened, day 2 of 3, over; and what is put under them."""

from meshd.service.context import Context, Result
from meshd.service.results import outcome_of
from meshd.store import tables
from meshd.upkeep import measuring, openings
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.items import Decision
from meshd_protocol.names import text_of

NOT_OPENED, OPEN, OVER = "not opened", "open", "over"


def span_of(context: Context, mandate: bytes) -> Result:
    """How a span is, by what this machine measured: `passed_ms` of `lasts_ms`; and what was put under it."""
    item = context.standing().item(mandate)
    assert isinstance(item, Decision), "it is a mandate"
    assert item.verb == Verb.MANDATE, "it is a mandate"
    heard = openings.openings(context.assembly, mandate)
    passed = measuring.measured(context.assembly) - min(heard) if heard else None
    under = context.assembly.store.find(tables.Proposal, under=mandate)
    final = [row for row in under if outcome_of(context, row).outcome is not None]
    lasts = item.payload.lasts * 1000
    return {
        "id": text_of(mandate),
        "role": item.payload.role,
        "state": NOT_OPENED if passed is None else OPEN if passed <= lasts else OVER,
        "passed_ms": passed,
        "lasts_ms": lasts,
        "present": len(context.state().people),
        "of": len(context.state().members),
        "drafts": len(under) - len(final),
        "decided": len(final),
    }


def open_spans(context: Context) -> list[Result]:
    """The spans of mandates in force that are open, or were not opened yet."""
    state = context.state()
    given = [each for each in state.mandates.values() if each.mandate.lasts and state.in_force(each.id)]
    found = [span_of(context, each.id) for each in given]
    return [each for each in found if each["state"] != OVER or each["drafts"]]
