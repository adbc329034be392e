"""What a node does by itself about a landmark: notes when it first saw GO or ABORT, and plays no card too late."""

from collections.abc import Collection

from meshd.assembly.assembly import Assembly
from meshd.state import landmarks
from meshd.state.votes import Vote
from meshd.store import tables
from meshd.upkeep.measuring import measure
from meshd_protocol.bodies.actions import Verb


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


def is_late(assembly: Assembly, vote: Vote) -> bool:
    """Whether a vote would play a card after its plan's last moment for cards, by this machine's clock."""
    if not vote.policy.once or vote.row.verb != Verb.VOICE:
        return False
    voiced = vote.question.payload
    plan = landmarks.plan_quoted(assembly.store, voiced.federation, voiced.matter)
    return plan is not None and assembly.world.clock() >= plan.cards_until_ms
