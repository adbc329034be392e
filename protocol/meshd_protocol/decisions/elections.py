"""Elections before they are final: who leads by the ballots seen so far, and why that can still change.

An election becomes final by its witnesses' certificate alone. Until then, and for an assembly without witnesses, a node
says `provisional` whatever it has seen.
"""

from collections.abc import Iterable, Sequence

from meshd_protocol.bodies.decisions import Form
from meshd_protocol.decisions.counting import schulze
from meshd_protocol.decisions.outcome import (
    OPEN,
    PROVISIONAL,
    Cast,
    Electorate,
    Naming,
    Outcome,
    Reason,
    people,
    reach,
)
from meshd_protocol.policies import Policy

METHODS = ("schulze",)
"""The counting methods that this version can count an election by."""


def counted_ballots(
    policy: Policy, casts: Iterable[Cast], electorate: Electorate, options: int, naming: Naming
) -> tuple[dict[bytes, Cast], list[Reason]]:
    """The one ballot of each member that counts, and why others don't.

    The highest counter counts; one counter with two choices voids that member's ballot (design: decisions).
    """
    by_member: dict[bytes, list[Cast]] = {}
    refused: list[Reason] = []
    for cast in sorted(set(casts)):
        why = _reach(policy, cast, electorate, options)
        if why is None:
            by_member.setdefault(cast.member, []).append(cast)
        else:
            refused.append(Reason("ballot-without-effect", False, f"{naming(cast.member)} {why}."))
    counted: dict[bytes, Cast] = {}
    for member, theirs in by_member.items():
        newest = max(cast.counter for cast in theirs)
        latest = [cast for cast in theirs if cast.counter == newest]
        if len({cast.choice for cast in latest}) > 1:
            text = f"{naming(member)} signed different ballots; neither counts."
            refused.append(Reason("ballot-twice", False, text))
        else:
            counted[member] = latest[0]
    return counted, refused


def decide(
    policy: Policy, casts: Iterable[Cast], electorate: Electorate, options: Sequence[str], naming: Naming
) -> Outcome:
    """How an election by Schulze stands, from the ballots that a node holds, in any order."""
    counted, refused = counted_ballots(policy, casts, electorate, len(options), naming)
    result = schulze.count([(1, cast.choice) for cast in counted.values()], len(options))  # type: ignore[misc]
    total, seen = len(electorate.members), len(counted)
    leading = [options[winner] for winner in result.winners] if seen else None
    reasons = [
        Reason("electorate", True, f"{people(total)} may vote: those of the roster that the proposal pins."),
        Reason("seen", True, f"{seen} of {total} ballots are counted here."),
        *refused,
        *(_duel_reasons(result, options) if seen else ()),
        Reason(
            "witnesses",
            False,
            "Nobody has certified this: the assembly has no witnesses, so later ballots can still change it.",
        ),
    ]
    return Outcome(
        state=PROVISIONAL if seen else OPEN,
        outcome=None,
        leading=leading,
        counts={option: result.beaten(number) if seen else 0 for number, option in enumerate(options)},
        electorate=total,
        seen=seen,
        reasons=tuple(reasons),
    )


def _reach(policy: Policy, cast: Cast, electorate: Electorate, options: int) -> str | None:
    if cast.form != Form.RANKS:
        return "did not rank options"
    if any(option >= options for rank in cast.choice for option in rank):  # type: ignore[union-attr]
        return "ranked an option that the proposal doesn't have"
    if cast.counter and not policy.changeable:
        return "changed a ballot that stays as it was cast"
    return reach(cast, electorate)


def _duel_reasons(result: schulze.SchulzeResult, options: Sequence[str]) -> list[Reason]:
    """Each duel of the leader (or leaders), and the path that decides where the duel alone doesn't."""
    reasons: list[Reason] = []
    for leader in result.winners:
        for other, name in enumerate(options):
            if other == leader:
                continue
            ahead, behind = result.prefers[leader][other], result.prefers[other][leader]
            reasons.append(Reason("duel", ahead > behind, f"{options[leader]} against {name}: {ahead} to {behind}."))
            ours, theirs = result.paths[leader][other], result.paths[other][leader]
            if ahead <= behind and (ours or theirs):
                text = f"The strongest path from {options[leader]} to {name} has {ours} ballots, the way back {theirs}."
                reasons.append(Reason("path", ours > theirs, text))
    names = ", ".join(options[winner] for winner in result.winners)
    beats = "beats every other option" if len(result.winners) == 1 else "are tied: no option beats them"
    return [*reasons, Reason("schulze", len(result.winners) == 1, f"By the Schulze method, {names} {beats}.")]
