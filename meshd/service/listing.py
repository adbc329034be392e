"""The verb list: everything that is decided by ballots, and what this person said to it."""

from typing import Any

from meshd.service.context import Context, Result
from meshd.service.matters import all_matters
from meshd.service.results import describe
from meshd.service.verbs import verb
from meshd.store import tables
from meshd_protocol.control import FLAG


@verb("list", {"open": FLAG, "mine": FLAG})
def list_(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd list`: by the authors' clocks, the same order on every node. With `open` what is not over alone, with
    `mine` what this person proposed, voted on, or is asked to vote on.
    """
    if context.assembly.standing is None or context.assembly.standing.state is None:
        return []
    matters = {matter.id: matter for matter in all_matters(context)}
    found: list[Result] = []
    for row in sorted(context.assembly.store.find(tables.Proposal), key=lambda row: (row.time_ms, row.id)):
        matter = matters[row.id]
        if arguments.get("open") and not (matter.open or matter.asked):
            continue
        if arguments.get("mine") and not (matter.asked or matter.said or row.member == context.me):
            continue
        found.append(describe(context, row) | {"said": matter.said, "asked": matter.asked})
    return found
