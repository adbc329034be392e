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
    few,
    reach,
)
from meshd_protocol.decisions.poll import WORDS, Poll, Voice, because, electorate_reason, refused_reasons
from meshd_protocol.policies import Policy


def supporters(casts: Iterable[Cast], electorate: Electorate, say: int = Say.YES) -> set[bytes]:
    """The members with at least one ballot that says so and counts."""
    return {
        cast.member
        for cast in casts
        if cast.form == Form.YES_NO and cast.choice == say and reach(cast, electorate) is None
    }


def decide(policy: Policy, poll: Poll, electorate: Electorate, naming: Naming) -> Outcome:
    """The outcome of a proposal under a settled policy, from what counts of everybody's ballots."""
    counts = {word: poll.says(say) for say, word in WORDS.items()}
    total, yes = electorate.total, counts["yes"]
    needed = electorate.needed(policy)
    reached = yes >= needed
    leading = None if yes == counts["no"] else max(("yes", "no"), key=counts.__getitem__)
    return Outcome(
        state=SETTLED if reached else PROVISIONAL if poll.seen else OPEN,
        outcome=PASSED if reached else None,
        leading="yes" if reached else leading,
        counts=counts,
        electorate=total,
        seen=poll.seen,
        reasons=tuple(_reasons(policy, poll, electorate, naming)) if poll.detailed else (),
    )


def _reasons(policy: Policy, poll: Poll, electorate: Electorate, naming: Naming) -> list[Reason]:
    """Who may vote, every ballot, who is missing, and how far the threshold is."""
    total, yes = electorate.total, poll.says(Say.YES)
    needed = electorate.needed(policy)
    voices = sorted(poll.voices, key=lambda voice: naming(voice.member))
    reasons = [
        electorate_reason(electorate),
        *(_ballot_reason(voice, naming) for voice in voices),
        *refused_reasons(poll, naming),
        *unseen(poll, electorate, naming),
        _threshold_reason(policy, yes, needed, total, poll.seen),
    ]
    if yes >= needed:
        reasons.append(
            Reason("final", True, "A yes is never taken back, so no record that arrives later changes this.")
        )
    return reasons


def _ballot_reason(voice: Voice, naming: Naming) -> Reason:
    assert isinstance(voice.choice, int)
    word = WORDS[Say(voice.choice)]
    if len(voice.signed) == 1:
        return Reason("ballot", True, f"{naming(voice.member)} says {word}{because(voice)}.")
    signed = " and ".join(WORDS[Say(int(each))] for each in reversed(voice.signed))  # type: ignore[arg-type]
    return Reason("ballot-twice", True, f"{naming(voice.member)} signed {signed}; it counts once, as {word}.")


def unseen(poll: Poll, electorate: Electorate, naming: Naming) -> list[Reason]:
    """Whose ballots are not here."""
    missing = electorate.members - {voice.member for voice in poll.voices}
    if not missing:
        return []
    return [Reason("unseen", False, f"{len(missing)} not seen here: {few(map(naming, missing))}.")]


def _threshold_reason(policy: Policy, yes: int, needed: int, total: int, seen: int) -> Reason:
    numerator, denominator, strict = policy.threshold or (1, 2, True)
    rule = f"{'more than' if strict else 'at least'} {numerator}/{denominator} of the roster"
    text = f"The policy {policy.name} asks for {rule}: {needed} of {total}. {yes} say{'s' if yes == 1 else ''} yes"
    if yes >= needed:
        return Reason("threshold", True, f"{text}.")
    left = total - seen
    if yes + left >= needed:
        return Reason("threshold", False, f"{text}; {needed - yes} more would settle it.")
    rest = "everybody has voted" if left == 0 else f"only {left} {'has' if left == 1 else 'have'} not voted"
    return Reason(
        "threshold", False, f"{text}; {rest}, so it will not settle unless somebody adds a yes to their ballot."
    )
