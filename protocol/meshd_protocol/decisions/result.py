"""One proposal, one outcome: which rule decides it."""

from collections.abc import Collection

from meshd_protocol.decisions import certified, settled
from meshd_protocol.decisions.certified import Witnesses
from meshd_protocol.decisions.outcome import OPEN, VOID, Attested, Electorate, Naming, Outcome, Reason
from meshd_protocol.decisions.poll import Poll
from meshd_protocol.decisions.question import Question, void
from meshd_protocol.policies import Finality, Policy


def decide(
    question: Question,
    policy: Policy | None,
    poll: Poll,
    attestations: Collection[Attested],
    electorate: Electorate,
    witnesses: Witnesses,
    naming: Naming,
) -> Outcome:
    """The outcome of a proposal, from the ballots and attestations that a node holds, in any order."""
    reason = void(question, policy)
    if reason is not None or policy is None:
        return without_effect(str(reason), len(electorate.members))
    if policy.finality == Finality.SETTLED:
        return settled.decide(policy, poll, electorate, naming)
    return certified.decide(question, policy, poll, attestations, electorate, witnesses, naming)


def without_effect(reason: str, electorate: int = 0) -> Outcome:
    """The outcome of a proposal that has no effect here, for that reason."""
    text = f"This proposal has no effect: {reason}."
    return Outcome(OPEN, None, None, {}, electorate, 0, (Reason(VOID, False, text),))
