"""Sums of ballots, kept as they arrive: one more ballot costs the same on a proposal with ten as with ten thousand.

They follow from the records (`Sum` is a projection), and a recount from scratch must give the same.
"""

from collections.abc import Iterable, Iterator

from meshd.state import entries, votes
from meshd.state.rows import cast_of
from meshd.state.standing import Standing
from meshd.state.votes import Vote
from meshd.store import tables
from meshd.store.added import Added
from meshd.store.api import Store
from meshd_protocol.bodies.decisions import Choice, read_choice
from meshd_protocol.decisions.outcome import Cast, Electorate
from meshd_protocol.decisions.poll import Poll, poll_of, voice_of
from meshd_protocol.encoding import decode, encode
from meshd_protocol.schema import plain

COUNTED = b""
"""The `choice` of the row that says how many members were counted."""

_AT_ONCE = 2000
"""The most ballots that are held in memory to count them."""


def update(
    store: Store,
    standing: Standing,
    added: Added,
    fresh: Iterable[bytes],
    counted: Iterable[bytes] = (),
) -> set[bytes]:
    """Take in rows that were just added, and rosters that became known: ballots here, entries in `entries`. Returns the
    proposals whose sums changed.

    `counted` are those that were just counted as a whole, these rows included.
    """
    changed: set[bytes] = set(counted)
    if standing.quotations is not None:
        changed |= standing.quotations.touched()
    fresh = list(fresh)
    entries.update(store, standing, added, fresh)
    for roster in fresh:
        for proposal in store.find(tables.Proposal, roster=roster):
            changed |= count(store, standing, proposal)
    for proposal in added.of(tables.Proposal):
        changed |= count(store, standing, proposal)
    cast: dict[tuple[bytes, bytes], set[bytes]] = {}
    for ballot in added.of(tables.Ballot):
        cast.setdefault((ballot.proposal, ballot.member), set()).add(ballot.id)
    called: dict[bytes, Vote | None] = {}
    for (identity, member), ids in cast.items():
        if identity in changed:
            continue
        if identity not in called:
            there = store.get(tables.Sum, proposal=identity, choice=COUNTED) is not None
            found = store.get(tables.Proposal, id=identity) if there else None
            vote = votes.of(standing, found) if found else None
            called[identity] = vote if isinstance(vote, Vote) else None
        if (vote := called[identity]) is not None and vote.state.federal is None:
            _add(store, vote, member, ids)
    return changed | {identity for identity, vote in called.items() if vote is not None}


def count(store: Store, standing: Standing, proposal: tables.Proposal) -> set[bytes]:
    """Count all ballots on a proposal whose roster is known."""
    vote = votes.of(standing, proposal)
    if not isinstance(vote, Vote):
        return set()
    if vote.state.federal is not None:
        return {proposal.id}
    sums: dict[Choice, int] = {}
    electorate = vote.state.electorate
    for casts in _casts(store, proposal.id, electorate):
        for choice, members in poll_of(vote.ballots, casts, electorate).sums.items():
            sums[choice] = sums.get(choice, 0) + members
    store.delete(tables.Sum, proposal=proposal.id)
    store.insert([tables.Sum(proposal.id, COUNTED, sum(sums.values()))])
    store.insert([tables.Sum(proposal.id, _key(choice), members) for choice, members in sums.items()])
    return {proposal.id}


def _casts(store: Store, proposal: bytes, electorate: Electorate) -> Iterator[list[Cast]]:
    """The ballots that may count, all of a member together: everybody's at once, or where they are many, one by one."""
    if store.count(tables.Ballot, proposal=proposal) <= _AT_ONCE:
        yield [cast_of(row) for row in store.find(tables.Ballot, proposal=proposal)]
        return
    for member in electorate.members:
        yield [cast_of(row) for row in store.find(tables.Ballot, proposal=proposal, member=member)]


def poll(store: Store, standing: Standing, vote: Vote) -> Poll:
    """What the sums say of a vote, without whose ballots they are. A federation's members are few, and are counted."""
    if vote.state.federal is not None:
        return poll_of(vote.ballots, standing.ballots(vote.row, vote.state), vote.state.electorate)
    sums: dict[Choice, int] = {}
    seen = 0
    for row in store.find(tables.Sum, proposal=vote.row.id):
        if row.choice == COUNTED:
            seen = row.members
        elif row.members:
            sums[read_choice(vote.ballots.form, decode(row.choice))] = row.members
    return Poll(sums, seen)


def _add(store: Store, vote: Vote, member: bytes, fresh: set[bytes]) -> None:
    """Move one member's voice from what it was to what it is."""
    proposal, ballots, electorate = vote.row.id, vote.ballots, vote.state.electorate
    casts = [cast_of(row) for row in store.find(tables.Ballot, proposal=proposal, member=member)]
    before = voice_of(ballots, [cast for cast in casts if cast.id not in fresh], electorate)
    after = voice_of(ballots, casts, electorate)
    was, is_ = before.choice if before else None, after.choice if after else None
    if was == is_:
        return
    for choice, step in ((was, -1), (is_, 1)):
        if choice is None:
            continue
        for key in (_key(choice), COUNTED):
            row = store.get(tables.Sum, proposal=proposal, choice=key) or tables.Sum(proposal, key, 0)
            if row.members + step or key == COUNTED:
                store.replace(row._replace(members=row.members + step))
            else:
                store.delete(tables.Sum, proposal=proposal, choice=key)


def _key(choice: Choice) -> bytes:
    return encode(plain(choice))
