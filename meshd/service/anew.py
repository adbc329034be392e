"""Putting a vote anew that came to nothing certain: whether that was done, and what such a proposal says."""

from typing import Any

from meshd.errors import NodeError, UsageError
from meshd.service.context import Context
from meshd.service.matters import Matter, all_matters
from meshd.service.putting import INSTEAD
from meshd.service.results import outcome_of
from meshd.service.spans import OVER, span_of
from meshd.service.templates import adopted
from meshd.state.rows import question_of
from meshd.store import tables
from meshd_protocol.bodies import read_body
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.institutions import Figures
from meshd_protocol.decisions.outcome import CONTESTED, SPLIT
from meshd_protocol.items import Decision
from meshd_protocol.names import text_of
from meshd_protocol.records import read_record


def is_uncertain(context: Context, row: tables.Proposal) -> bool:
    """Whether a vote came to nothing certain: it is split or contested, or was put anew beside another one."""
    item = context.standing().item(row.id)
    force = context.standing().forces.of(item) if isinstance(item, Decision) else None
    return outcome_of(context, row).state in (SPLIT, CONTESTED) or (force is not None and bool(force.rivals))


def is_put_anew(context: Context, matter: Matter, everything: list[Matter]) -> bool:
    """Whether a later proposal asks the same: it names this one, or has its title and policy."""
    if context.standing().repealing(matter.id):
        return True
    same = (each for each in everything if (each.title, each.policy) == (matter.title, matter.policy))
    return any(each.time_ms > matter.time_ms and each.id != matter.id for each in same)


def put_anew_as(context: Context, row: tables.Proposal) -> bytes | None:
    """The later vote on the same that may still come to something."""
    for each in all_matters(context):
        same = (each.title, each.policy) == (row.title, row.policy) and each.id != row.id
        if same and each.open and each.stuck is None and each.time_ms >= row.time_ms:
            return each.id
    return None


def put_again(context: Context, row: tables.Proposal) -> tuple[Proposal, dict[str, Any]]:
    """What a proposal said, and the arguments that put it anew: in its place where it came to nothing certain. Raises
    NodeError where it can't be.
    """
    if row.verb:
        own = INSTEAD.get(row.policy, "`meshd --help`")
        raise UsageError("what changes the roster is put anew by its own command", own)
    outcome = outcome_of(context, row)
    if outcome.outcome is not None:
        raise NodeError(f"{text_of(row.id)[:8]} is {outcome.state}", "`meshd propose TITLE --repeals ID` asks again.")
    later = put_anew_as(context, row)
    if later is not None:
        label = text_of(later)[:8]
        raise NodeError(f"it is put anew already, as {label}", f"`meshd vote {label}` votes on it.")
    body = _body_of(context, row)
    if isinstance(body.what, Figures) and body.what.template not in {each.row.id for each in adopted(context)}:
        raise NodeError(
            "the institution whose form it goes by is not in force any more",
            "`meshd propose TITLE --form FORM --field NAME=VALUE` asks it by one that is.",
        )
    question = question_of(row)
    span_is_over = row.under is not None and span_of(context, row.under)["state"] == OVER
    return body, {
        "title": row.title,
        "text": row.text,
        "policy": row.policy,
        "options": list(question.options),
        "method": row.method,
        "seats": row.seats if question.options else None,
        "costs": [str(cost) for cost in question.costs],
        "budget": row.budget,
        "amends": text_of(row.amends) if row.amends is not None else None,
        "under": text_of(row.under) if row.under is not None and not span_is_over else None,
        "repeals": [text_of(row.id)] if is_uncertain(context, row) else [],
        "tags": list(body.tags),
    }


def _body_of(context: Context, row: tables.Proposal) -> Proposal:
    """All that a proposal says, as its author wrote it."""
    kept = context.assembly.store.get(tables.Kept, id=row.id)
    assert kept is not None, "its row comes of a record"
    body = read_body(read_record(context.assembly.id, kept.header, kept.signature, kept.body))
    assert isinstance(body, Proposal), "its row comes of a proposal"
    return body
