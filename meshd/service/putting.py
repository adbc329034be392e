"""Puts a proposal into the log, with this person's yes where one goes with it, and says how an open one is decided."""

from dataclasses import replace

from meshd.errors import NodeError, UsageError
from meshd.service.context import Context
from meshd.state import votes
from meshd.store import tables
from meshd.upkeep.caretaker import ready_to_pin
from meshd_protocol import limits
from meshd_protocol.bodies.decisions import Ballot, Form, Proposal, Say
from meshd_protocol.errors import BadBodyError
from meshd_protocol.items import Decision
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from meshd_protocol.statements import decision_of

_HEADER_BYTES = 512
"""Room for what a record has beside its body."""

INSTEAD = {
    "membership": "`meshd admit PERSON` admits a member.",
    "removal": "`meshd remove PERSON` removes a member.",
    "mandate": "`meshd mandate` gives a mandate.",
    "recall": "`meshd recall MANDATE` recalls one.",
}
"""The commands that open what a policy decides alone."""


def open_proposal(context: Context, body: Proposal, *, say: Say | None = None) -> bytes:
    """Write a proposal that pins the head, and with `say` this person's ballot on it. Raises NodeError."""
    if not body.title.strip():
        raise UsageError("this can't be proposed: its title is empty")
    with context.assembly.writing():
        ready_to_pin(context.assembly)
        body = replace(body, roster=context.standing().head)
        try:
            if body.action is not None:
                body = replace(body, keeps=_keeps(context, body))
            problem = context.standing().rosters.void(decision_of(b"", body))
        except BadBodyError as error:
            problem = str(error)
        if problem is not None:
            elects = body.options and body.method is None and not body.repeals
            hint = "Options go with --policy election." if elects else ""
            hint = "Name options with --option, once for each." if body.method and not body.options else hint
            raise UsageError(f"this can't be proposed: {problem}", hint)
        record = context.assembly.write(Kind.PROPOSAL, body)
        if say is not None and is_heard(context, record.id):
            context.assembly.write(Kind.BALLOT, Ballot(record.id, Form.YES_NO, int(say)))
    return record.id


def sign(context: Context, motion: bytes, reason: str = "") -> None:
    """Say yes to an open motion, and why. Raises NodeError where assemblies alone say something on it."""
    if not is_heard(context, motion):
        raise NodeError(
            f"that is open already, as {text_of(motion)[:8]}, and assemblies decide it", decided_how(context, motion)
        )
    with context.assembly.writing():
        context.assembly.write(Kind.BALLOT, Ballot(motion, Form.YES_NO, int(Say.YES), reason=reason))


def decided_how(context: Context, proposal: bytes) -> str:
    """The command that goes on with an open proposal."""
    short = text_of(proposal)[:8]
    if is_heard(context, proposal):
        return f"`meshd vote {short}` votes on it."
    return f"`meshd prove {short} --open --out FILE` takes it to the assemblies, which decide it, each at home."


def is_heard(context: Context, proposal: bytes) -> bool:
    """Whether this person's ballot counts for anything: in a federation assemblies say it, but for a recall's marks."""
    row = context.assembly.store.get(tables.Proposal, id=proposal)
    vote = votes.of(context.standing(), row) if row is not None else None
    return context.standing().quotations is None or (isinstance(vote, votes.Vote) and vote.hears(context.me))


def _keeps(context: Context, body: Proposal) -> tuple[tuple[bytes, bytes], ...]:
    """What is in force before an action, as much as its record has room for: the earliest first."""
    standing = context.standing()
    rows = context.assembly.store.find(tables.Proposal, verb=0)
    decisions = [item for item in (standing.item(row.id) for row in rows) if isinstance(item, Decision)]
    kept = standing.forces.keeps(decisions, limits.KEEPS)
    while kept and len(replace(body, keeps=tuple(sorted(kept))).write()) > limits.RECORD_BYTES - _HEADER_BYTES:
        kept.pop()
    return tuple(sorted(kept))
