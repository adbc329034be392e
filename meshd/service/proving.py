"""The verb prove: what a stranger can check without a log."""

import base64
from typing import Any

from meshd.errors import NodeError, NotFoundError
from meshd.service.context import Context, Result, id_range
from meshd.service.effects import retraction
from meshd.service.prover import ask
from meshd.service.prover import prove as gather
from meshd.service.results import outcome_of, repealed_by
from meshd.service.verbs import verb
from meshd.store import tables
from meshd.upkeep.caretaker import ready_to_pin
from meshd_protocol.control import FLAG, NAME
from meshd_protocol.decisions.outcome import VOID
from meshd_protocol.names import printable, text_of

ROSTER = "roster"


@verb("prove", {"id": NAME, "open": FLAG})
def prove(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd prove ID [--open]`: the proof of a final decision, or of a roster (`roster`: the one that this node
    follows); or what a federation asks, for its assemblies.
    """
    standing = context.standing()
    words = arguments["id"]
    if arguments.get("open"):
        return _asked(context, context.proposal(words))
    if words == ROSTER:
        if context.me in context.state().people:
            with context.assembly.writing():
                ready_to_pin(context.assembly)
        return _result(gather(context.assembly, None, standing.head), standing.head, "the roster")
    try:
        row = context.proposal(words)
    except NotFoundError:
        low, high = id_range(words)
        found = [each for each in standing.rosters.known() if low and low <= each <= high]
        if len(found) != 1:
            raise NotFoundError(
                f"no such decision or roster: {printable(words)}", "`meshd list` shows all; `meshd prove roster`."
            ) from None
        return _result(gather(context.assembly, None, found[0]), found[0], "the roster")
    outcome = outcome_of(context, row)
    if outcome.outcome is None:
        raise NodeError(f"it is not final: {outcome.state}", "`meshd why ID` says what is missing.")
    roster = row.roster
    if row.verb and row.id not in standing.rosters.ids(standing.head):
        pass  # final where it is pinned, and not in the head: that is all there is to show
    elif row.roster != standing.head:
        if context.me in context.state().people:
            with context.assembly.writing():
                ready_to_pin(context.assembly)
        roster = standing.head
    result = _result(gather(context.assembly, row, roster), row.id, row.title)
    later = repealed_by(context, row)
    if later:
        ids = ", ".join(text_of(each.id)[:8] for each in later)
        result["warning"] = f"It was repealed by {ids}, and its proof does not say so: prove that one."
    return result


def _asked(context: Context, row: tables.Proposal) -> Result:
    """What a federation asks, as a file for its assemblies. Raises NodeError."""
    if context.standing().quotations is None:
        raise NodeError("nobody else decides on it: this is no federation", "`meshd prove ID` proves what is final.")
    outcome = outcome_of(context, row)
    if outcome.outcome is not None or outcome.state == VOID or retraction(context, row) is not None:
        why = "withdrawn" if outcome.outcome is None and outcome.state != VOID else outcome.state
        raise NodeError(f"nobody is asked any more: it is {why}", "`meshd show ID`")
    return _result(ask(context.assembly, row), row.id, row.title)


def _result(data: bytes, identity: bytes, title: str) -> Result:
    proof = base64.b64encode(data).decode()
    return {"id": text_of(identity), "title": title, "bytes": len(data), "proof": proof, "warning": ""}
