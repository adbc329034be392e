"""The verb list: everything that is decided by ballots, and what this person said to it."""

from typing import Any

from meshd.service.context import Context, Result
from meshd.service.effects import whose_yes_helps
from meshd.service.entering import about_any_decision, answers_to_decision
from meshd.service.matters import Matter, all_matters, ends_ms, matter_of
from meshd.service.proposing import about
from meshd.service.results import describe, outcome_of
from meshd.service.stuck import Why
from meshd.service.verbs import verb
from meshd.service.voting import may_vote_again
from meshd.store import tables
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.control import FLAG, TEXT


@verb("list", {"open": FLAG, "mine": FLAG, "id": TEXT})
def list_(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd list`: by the authors' clocks, the same order on every node. With `open` what is not over, or waits for a
    yes, alone; with `mine` what this person proposed, voted on, or is asked to vote on; with `id` one alone, and
    whether it is theirs, or about them, takes another ballot of theirs, and by which forms they may enter something
    about it.
    """
    if context.assembly.standing is None or context.assembly.standing.state is None:
        return []
    if arguments.get("id"):
        row = context.proposal(arguments["id"])
        to_them = {
            "mine": row.member == context.me,
            "about_me": context.me in about(context, row),
            "again": may_vote_again(context, row),
            "late": _may_vote_late(context, row),
            "recall": row.verb == Verb.RECALL,
            "answers": answers_to_decision(context, row),
            "about_any": about_any_decision(context, row),
        }
        return [_listed(context, row, matter_of(context, row)) | to_them]
    matters = {matter.id: matter for matter in all_matters(context)}
    found: list[Result] = []
    for row in sorted(context.assembly.store.find(tables.Proposal), key=lambda row: (row.time_ms, row.id)):
        matter = matters[row.id]
        if arguments.get("mine") and not (matter.asked or matter.said or matter.annulled or row.member == context.me):
            continue
        if arguments.get("open") and not (matter.open or matter.asked or (matter.final and _lacks_yes(context, row))):
            continue
        found.append(_listed(context, row, matter))
    return found


def _may_vote_late(context: Context, row: tables.Proposal) -> bool:
    """Whether this person's ballot would count on a vote that nodes ask before, since members have gone or its date has
    passed: it was put to them, too, and they said nothing yet.
    """
    matter = matter_of(context, row)
    if matter.asked is not None:
        has_passed = matter.closes_ms is not None and matter.closes_ms < context.assembly.world.clock()
        return matter.stuck in (None, Why.ROSTER) and (matter.late or has_passed)
    if matter.stuck != Why.ROSTER or matter.said is not None or matter.annulled:
        return False
    return context.me in context.standing().rosters.state(row.roster).members & context.state().members


def _lacks_yes(context: Context, row: tables.Proposal) -> bool:
    """Whether what is final waits for somebody's yes."""
    return bool(whose_yes_helps(context, row, outcome_of(context, row)))


def _listed(context: Context, row: tables.Proposal, matter: Matter) -> Result:
    """A proposal, what this person said to it, what they are asked, and when it is over by this machine's measure."""
    ends = ends_ms(context, matter) if matter.open else None
    mine = {"said": matter.said, "annulled": matter.annulled, "asked": matter.asked}
    return describe(context, row) | mine | {"ends_ms": ends}
