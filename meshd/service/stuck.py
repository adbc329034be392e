"""Votes that come to nothing as they are: their witnesses can't certify them any more, or don't; or nodes ask before
they vote. All can be put anew.
"""

from enum import Enum
from typing import NamedTuple

from meshd.service.context import Context
from meshd.state import votes
from meshd.state.votes import Vote
from meshd.store import tables
from meshd.upkeep import openings, witness
from meshd_protocol.decisions.certified import bound, quorum
from meshd_protocol.decisions.outcome import Outcome
from meshd_protocol.meaning import State


class Why(Enum):
    """Why a vote comes to nothing. The values are codes for front ends."""

    SPLIT = "split"
    """Its witnesses attested different outcomes, none of them enough."""
    GONE = "witnesses-gone"
    """Of its witnesses too few are left to certify it."""
    ROSTER = "roster-changed"
    """It was put to people who are not members any more, so that nodes ask before they vote on it."""
    SPAN = "span-over"
    """The span of the mandate that it falls into is over."""
    LATE = "witnesses-late"
    """Too many of its witnesses have not attested it in twice its time."""


class Stuck(NamedTuple):
    """A vote that comes to nothing: of `seats` witnesses `needed` certify, and `able` still can, or did; of a settled
    one (`seats` 0), `needed` were members, and `able` still are. `anew` says whether a vote that is put anew can do
    better.
    """

    why: Why
    needed: int
    able: int
    seats: int
    anew: bool = True


def stuck(context: Context, row: tables.Proposal, outcome: Outcome) -> Stuck | None:
    """Why a vote comes to nothing; None while it can be certified, or where no witness is asked."""
    standing, state = context.standing(), context.state()
    if outcome.outcome is not None or not standing.rosters.knows(row.roster):
        return None
    vote = votes.certified(standing, row)
    if vote is None:
        return _on_an_old_roster(context, row)
    found = witness.certificates_of(standing, vote)
    pinned = vote.state.witnesses
    needed = quorum(pinned.seats)
    attested = frozenset[bytes]().union(*found.attested.values())
    here = {device for device, owner in pinned.devices.items() if owner in state.members} - state.revoked.keys()
    best = max(map(len, found.attested.values()), default=0)
    able = best + len(here - attested)
    anew = can_certify(state)
    if found.split or len(found.certified) > 1:
        return Stuck(Why.SPLIT, needed, able, pinned.seats, anew)
    if able < needed:
        return Stuck(Why.GONE, needed, able, pinned.seats, anew)
    if vote.question.under is not None and _is_span_over(context, vote.question.under):
        return Stuck(Why.SPAN, needed, best, pinned.seats, anew)
    if len(here - attested) > bound(pinned.seats) and _is_twice_over(context, vote):
        return Stuck(Why.LATE, needed, best, pinned.seats, anew)
    return None


def can_certify(state: State) -> bool:
    """Whether enough of a roster's witnesses have a device that attests, for a vote that is put to them."""
    return 0 < quorum(state.witnesses.seats) <= len(state.witnesses.devices.keys() - state.revoked.keys())


def _on_an_old_roster(context: Context, row: tables.Proposal) -> Stuck | None:
    """Whether members have gone since a settled proposal was put to them."""
    standing = context.standing()
    then, now = standing.rosters.state(row.roster).members, context.state().members
    if row.verb or then <= now or row.roster == standing.head:
        return None
    return Stuck(Why.ROSTER, len(then), len(then & now), 0)


def _is_span_over(context: Context, mandate: bytes) -> bool:
    """Whether this machine has measured out a span that was opened."""
    return bool(openings.openings(context.assembly, mandate)) and not openings.is_in_span(context.assembly, mandate)


def _is_twice_over(context: Context, vote: Vote) -> bool:
    """Whether this machine has measured twice the time that a vote takes."""
    watched = context.assembly.store.get(tables.Watch, proposal=vote.row.id)
    passed = context.assembly.store.get(tables.Passed, n=1)
    if watched is None or passed is None:  # this device attested it, or never saw it begin
        return context.assembly.world.clock() > vote.row.time_ms + 2000 * vote.policy.wait
    return passed.total_ms - watched.since_ms >= 2000 * vote.policy.wait


_NOT_ANEW = (
    "A new vote by this rule would come to the same: a seat needs a device that attests (`meshd witness`), or the "
    "question a rule without witnesses (`meshd policies`)."
)


def stuck_text(found: Stuck, label: str) -> str:
    """The same in words, with the command that helps."""
    again = f"`meshd propose --again {label}` puts it anew." if found.anew else _NOT_ANEW
    if found.why == Why.SPLIT:
        return f"It is split: its witnesses attested different outcomes, so that none will be certified. {again}"
    if found.why == Why.GONE:
        return (
            f"It will never be final: of its {found.seats} witnesses {found.needed} certify, and {found.able} are left "
            f"who can. {again}"
        )
    if found.why == Why.SPAN:
        return (
            f"The span that it falls into is over here: {found.needed} of its {found.seats} witnesses certify, and "
            f"{found.able} have. `meshd propose TITLE` asks the same outside of it."
        )
    if found.why == Why.ROSTER:
        return (
            f"It was put to {found.needed} members, of whom {found.able} are left: nodes ask before they vote. {again} "
            f"`meshd vote {label} yes --late` says yes to this one all the same, as long as enough of those can."
        )
    return (
        f"Too many of its {found.seats} witnesses have not attested it in twice its time: {found.needed} certify, and "
        f"{found.able} have. It is final once their nodes run and meet. {again}"
    )
