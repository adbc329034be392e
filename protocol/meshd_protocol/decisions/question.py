"""One question and its answer: which rule decides a proposal, and why some proposals have no effect."""

from collections.abc import Iterable
from typing import NamedTuple

from meshd_protocol.decisions import elections, settled
from meshd_protocol.decisions.outcome import OPEN, Cast, Electorate, Naming, Outcome, Reason
from meshd_protocol.policies import MEMBERSHIP, Finality, Method, Policy, void_reason

LATER = frozenset({"mandate", "recall"})
"""Policies whose subject is still to come: what would be decided by them has no record kind yet."""


class Question(NamedTuple):
    """What a proposal asks, as far as rules look at it. `verb` is 0 where a text is decided."""

    policy: str
    options: tuple[str, ...]
    method: str | None
    seats: int
    verb: int


def void(question: Question, policy: Policy | None) -> str | None:
    """Why a proposal has no effect, by the policy of its pinned roster; None if it has."""
    if policy is None:
        return "the roster that it pins has no policy of that name"
    reason = void_reason(policy)
    if reason is not None:
        return f"its policy is void: {reason}"
    if (question.verb != 0) != (question.policy == MEMBERSHIP):
        return "admissions and removals are decided by the policy membership, and nothing else is"
    if question.policy in LATER:
        return "delegates are of a later version: this meshd needs an update"
    if policy.finality == Finality.SETTLED:
        return "yes and no have no options" if question.options or question.method else None
    if policy.method != Method.ELECTION:
        return "its policy becomes final by witnesses, which this meshd doesn't know yet: it needs an update"
    if question.method not in elections.METHODS:
        return "its counting method is of a later version: this meshd needs an update"
    if len(question.options) < 2 or len(set(question.options)) < len(question.options):
        return "an election needs two different options or more"
    return None if question.seats == 1 else "this method fills one seat"


def cannot_finish(policy: Policy) -> bool:
    """Whether this version can't bring a sound proposal under that policy to an end. Elections stay provisional."""
    return policy.finality != Finality.SETTLED and policy.method != Method.ELECTION


def decide(
    question: Question, policy: Policy | None, casts: Iterable[Cast], electorate: Electorate, naming: Naming
) -> Outcome:
    """The outcome of a proposal, from the ballots that a node holds, in any order."""
    reason = void(question, policy)
    if reason is not None or policy is None:
        return without_effect(str(reason), len(electorate.members))
    if policy.finality == Finality.SETTLED:
        return settled.decide(policy, casts, electorate, naming)
    return elections.decide(policy, casts, electorate, question.options, naming)


def without_effect(reason: str, electorate: int = 0) -> Outcome:
    """The outcome of a proposal that has no effect here, for that reason."""
    text = f"This proposal has no effect: {reason}."
    return Outcome(OPEN, None, None, {}, electorate, 0, (Reason("effect", False, text),))
