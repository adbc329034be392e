"""Settled outcomes: thresholds of the whole roster, final at once and for ever (design: decisions, "Settled").

A member counts for yes as soon as one authentic yes of hers exists, whatever else she signed. So the count only grows,
and a result that was reached can't be undone by any later record. It never fails: it waits.
"""

from collections.abc import Iterable

from meshd_protocol.bodies.decisions import Form, Say
from meshd_protocol.decisions.outcome import (
    OPEN,
    PASSED,
    PROVISIONAL,
    SETTLED,
    Cast,
    Electorate,
    Naming,
    Outcome,
    Reason,
    people,
    reach,
)
from meshd_protocol.policies import Policy

_WORDS = {Say.YES: "yes", Say.NO: "no", Say.ABSTAIN: "abstain"}


def supporters(casts: Iterable[Cast], electorate: Electorate) -> set[bytes]:
    """The members with at least one yes that counts."""
    return {
        cast.member
        for cast in casts
        if cast.form == Form.YES_NO and cast.choice == Say.YES and reach(cast, electorate) is None
    }


def decide(policy: Policy, casts: Iterable[Cast], electorate: Electorate, naming: Naming) -> Outcome:
    """The outcome of a proposal under a settled policy, from the ballots that a node holds, in any order."""
    said: dict[bytes, set[int]] = {}
    refused: list[Reason] = []
    for cast in sorted(set(casts)):
        why = reach(cast, electorate) if cast.form == Form.YES_NO else "ranked options where the question is yes or no"
        if why is None:
            said.setdefault(cast.member, set()).add(int(cast.choice))  # type: ignore[arg-type]
        else:
            refused.append(Reason("ballot-without-effect", False, f"{naming(cast.member)} {why}."))
    counted = {member: _counts_as(choices) for member, choices in said.items()}
    counts = {word: sum(1 for choice in counted.values() if choice == say) for say, word in _WORDS.items()}
    total, needed, yes = len(electorate.members), policy.needed(len(electorate.members)), counts["yes"]
    reached = yes >= needed
    reasons = [
        Reason("electorate", True, f"{people(total)} may vote: those of the roster that the proposal pins."),
        *(_ballot_reason(member, counted[member], said[member], naming) for member in sorted(counted, key=naming)),
        *refused,
        *_unseen(electorate, counted, naming),
        _threshold_reason(policy, yes, needed, total, len(counted)),
    ]
    if reached:
        reasons.append(
            Reason("final", True, "A yes is never taken back, so no record that arrives later changes this.")
        )
    leading = None if yes == counts["no"] else max(("yes", "no"), key=counts.__getitem__)
    return Outcome(
        state=SETTLED if reached else PROVISIONAL if counted else OPEN,
        outcome=PASSED if reached else None,
        leading="yes" if reached else leading,
        counts=counts,
        electorate=total,
        seen=len(counted),
        reasons=tuple(reasons),
    )


def _counts_as(choices: set[int]) -> int:
    """One yes makes a member count for yes; else a no is a no."""
    return next(choice for choice in (Say.YES, Say.NO, Say.ABSTAIN) if choice in choices)


def _ballot_reason(member: bytes, choice: int, choices: set[int], naming: Naming) -> Reason:
    word = _WORDS[Say(choice)]
    if len(choices) == 1:
        return Reason("ballot", True, f"{naming(member)} says {word}.")
    signed = " and ".join(_WORDS[Say(each)] for each in sorted(choices, reverse=True))
    return Reason("ballot-twice", True, f"{naming(member)} signed {signed}; it counts once, as {word}.")


def _unseen(electorate: Electorate, counted: dict[bytes, int], naming: Naming) -> list[Reason]:
    missing = sorted(naming(member) for member in electorate.members - counted.keys())
    if not missing:
        return []
    shown = ", ".join(missing[:12]) + (f" and {len(missing) - 12} more" if len(missing) > 12 else "")
    return [Reason("unseen", False, f"{len(missing)} not seen here: {shown}.")]


def _threshold_reason(policy: Policy, yes: int, needed: int, total: int, seen: int) -> Reason:
    numerator, denominator, strict = policy.threshold or (1, 2, True)
    rule = f"{'more than' if strict else 'at least'} {numerator}/{denominator} of the roster"
    text = f"The policy {policy.name} asks for {rule}: {needed} of {total}. {yes} say{'s' if yes == 1 else ''} yes"
    if yes >= needed:
        return Reason("threshold", True, f"{text}.")
    left = total - seen
    if yes + left >= needed:
        return Reason("threshold", False, f"{text}; {needed - yes} more would settle it.")
    few = "everybody has voted" if left == 0 else f"only {left} have not voted"
    return Reason("threshold", False, f"{text}; {few}, so it will not settle.")
