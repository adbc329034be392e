"""What a proposal comes to be by the roster that it pins: a vote with its question, policy and people, or void.

The one place that works it out: who counts, shows, proves or attests asks here, so that they agree on what may be voted
on.
"""

from typing import NamedTuple

from meshd.state.rows import question_of
from meshd.state.standing import Standing
from meshd.store import tables
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.decisions import question
from meshd_protocol.decisions.poll import Ballots
from meshd_protocol.decisions.question import Question
from meshd_protocol.items import Decision
from meshd_protocol.meaning import State
from meshd_protocol.policies import Finality, Policy
from meshd_protocol.voices import power_to_vote


class Vote(NamedTuple):
    """A proposal that has effect, with what its pinned roster says of it."""

    row: tables.Proposal
    question: Question
    policy: Policy
    state: State

    @property
    def ballots(self) -> Ballots:
        """Which ballots it takes."""
        return question.ballots_of(self.question, self.policy)

    def hears(self, person: bytes) -> bool:
        """Whether a ballot of somebody who sits in a federation is heard: by a policy that hears them, or for the marks
        of a recall, and where a mandate of theirs grants it.
        """
        if self.state.federal is None:
            return False
        granted = power_to_vote(self.policy.name) in self.state.federal.powers.get(person, frozenset())
        return granted and (self.policy.hears_seats or self.row.verb == Verb.RECALL)


class Void(NamedTuple):
    """Why a proposal has no effect. `state` is None while its roster is not known here: it may be a vote once it is."""

    reason: str
    state: State | None


def of(standing: Standing, row: tables.Proposal) -> Vote | Void:
    """The vote that a proposal calls for in the roster that it pins, or why there is none."""
    if not standing.rosters.knows(row.roster):
        return Void("the roster that it pins is not reached from the genesis by what this node has seen", None)
    state = standing.rosters.state(row.roster)
    asked, policy, item = question_of(row), state.policies.get(row.policy), standing.item(row.id)
    reason = standing.rosters.void(item) if isinstance(item, Decision) else question.void(asked, policy)
    if reason is not None:
        return Void(reason, state)
    assert policy is not None, "a proposal under no policy is void"
    return Vote(row, asked, policy, state)


def certified(standing: Standing, row: tables.Proposal | None) -> Vote | None:
    """The vote that witnesses attest; None where a proposal needs none, or is not here."""
    vote = of(standing, row) if row is not None else None
    return vote if isinstance(vote, Vote) and vote.policy.finality == Finality.CERTIFIED else None
