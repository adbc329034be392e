"""What a node does by itself about a landmark: notes when it first saw GO or ABORT, and plays no card too late."""

from collections.abc import Collection

from meshd.assembly.assembly import Assembly
from meshd.log.door import Report
from meshd.state import landmarks, pieces
from meshd.state.votes import Vote
from meshd.store import tables
from meshd.upkeep.measuring import measure
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.items import Decision
from meshd_protocol.landmark import Plan, is_card


def notice(assembly: Assembly, changed: Collection[bytes]) -> None:
    """Note since when this machine sees GO, or ABORT, of plans on which something came. Inside `writing`.

    Who holds GO before it begins moves: whether that was so is asked later.
    """
    if assembly.known.quotations is None:
        return
    for identity in sorted(changed):
        row = assembly.store.get(tables.Proposal, id=identity)
        found = landmarks.landmark_of(assembly.known, row) if row is not None else None
        for card in sorted(found.final) if found is not None else ():
            mark = landmarks.seen(identity, card)
            if assembly.store.get(tables.Noticed, id=mark) is None:
                assembly.store.insert([tables.Noticed(mark, measure(assembly))])


def notice_files(assembly: Assembly, report: Report) -> None:
    """Note since when all of a file is here that came in pieces: by such a proof an assembly knows GO. In `writing`."""
    store = assembly.store
    asked = {row.file: row.pieces for row in report.rows.of(tables.Piece)}
    for name, fewest in sorted(asked.items()):
        if store.get(tables.Noticed, id=name) is not None or len(store.find(tables.Piece, file=name)) < fewest:
            continue
        if pieces.file_of(store, assembly.id, name) is not None:
            store.insert([tables.Noticed(name, measure(assembly))])


def is_decoy(assembly: Assembly, vote: Vote) -> bool:
    """Whether a vote would spend what this device attests once for a plan, and play no card."""
    item = assembly.known.item(vote.row.id)
    if _plan_of(assembly, vote) is None or not isinstance(item, Decision):
        return False
    return not is_card(assembly.known.rosters, item)


def is_late(assembly: Assembly, vote: Vote) -> bool:
    """Whether a vote would play a card after its plan's last moment for cards, by this machine's clock."""
    plan = _plan_of(assembly, vote)
    return plan is not None and assembly.world.clock() >= plan.cards_until_ms


def _plan_of(assembly: Assembly, vote: Vote) -> Plan | None:
    """The plan on which a vote says something, once for the matter; None where it is about nothing of the kind."""
    if not vote.policy.once or vote.row.verb != Verb.VOICE:
        return None
    voiced = vote.question.payload
    return landmarks.plan_quoted(assembly.store, voiced.federation, voiced.matter)
