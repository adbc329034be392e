"""What became of proposals, as codes and in words: for every verb that shows them."""

from datetime import UTC, datetime
from typing import Any

from meshd.service.context import Context, Result, span
from meshd.service.effects import (
    by_revoked,
    force_of,
    in_effect,
    is_in_force,
    retraction,
    was_in_effect,
    whose_yes_helps,
)
from meshd.state import tallies, votes
from meshd.state.rows import attested_of, question_of
from meshd.state.votes import Void
from meshd.store import tables
from meshd_protocol.bodies.actions import Verb, Voiced
from meshd_protocol.decisions.counting.methods import METHODS
from meshd_protocol.decisions.outcome import VOID, Outcome, people
from meshd_protocol.decisions.poll import poll_of
from meshd_protocol.decisions.recall import Marks
from meshd_protocol.decisions.result import decide, without_effect
from meshd_protocol.encoding import decode
from meshd_protocol.items import Decision
from meshd_protocol.names import text_of
from meshd_protocol.policies import DAY, HOUR, Finality, Method, void_reason


def describe(context: Context, row: tables.Proposal, outcome: Outcome | None = None) -> Result:
    """The stable keys of `show` and `list`."""
    outcome = outcome or outcome_of(context, row)
    question = question_of(row)
    closes = row.closes_ms
    final = outcome.outcome is not None
    force = force_of(context, row) if final and not row.verb else None
    effect = in_effect(context, row, outcome)
    return {
        "id": text_of(row.id),
        "title": row.title,
        "by": context.assembly.people.label(row.member),
        "by_revoked": by_revoked(context, row.id),
        "policy": row.policy,
        "state": outcome.state,
        "outcome": outcome.outcome,
        "leading": outcome.leading,
        "counts": outcome.counts,
        "counted": METHODS[row.method].figure if row.method in METHODS else "",
        "consent": is_consent(context, row),
        "electorate": outcome.electorate,
        "seen": outcome.seen,
        "roster": roster_word(context, row),
        "closes_ms": closes,
        "overdue": bool(closes and not final and context.assembly.world.clock() > closes),
        "voted": context.assembly.store.get(tables.Ballot, proposal=row.id, member=context.me) is not None,
        "tied": outcome.tied,
        "options": list(question.options),
        "method": row.method,
        "seats": row.seats,
        "costs": list(question.costs),
        "budget": row.budget,
        "action": action_text(context, row),
        "in_effect": effect,
        "ended": effect is False and was_in_effect(context, row),
        "waits_for": sorted(map(context.assembly.people.label, whose_yes_helps(context, row, outcome)))
        if final
        else [],
        "in_force": is_in_force(context, row, outcome),
        "force": force.text if force is not None and not force.holds else None,
        "withdrawn": retraction(context, row) is not None,
        "void": next((each.text for each in outcome.reasons if each.rule == VOID), None),
        "repealed": bool(repealed_by(context, row)),
    }


def outcome_of(context: Context, row: tables.Proposal, *, full: bool = False) -> Outcome:
    """What the rules say of a proposal, by what is in this log; with everybody's ballot in the reasons, if `full`."""
    if full:
        return _worked_out(context, row, full=True)
    remembered = context.assembly.remembered.of("outcome", context.standing().reach)
    if row.id not in remembered:
        remembered[row.id] = _worked_out(context, row, full=False)
    found: Outcome = remembered[row.id]
    return found


def _worked_out(context: Context, row: tables.Proposal, *, full: bool) -> Outcome:
    vote, store = votes.of(context.standing(), row), context.assembly.store
    if isinstance(vote, Void):
        return without_effect(vote.reason, len(vote.state.members) if vote.state is not None else 0)
    state = vote.state
    if full:
        poll = poll_of(vote.ballots, context.standing().ballots(row, state), state.electorate)
    else:
        poll = tallies.poll(store, context.standing(), vote)
    attestations = [attested_of(each) for each in store.find(tables.Attestation, proposal=row.id)]
    label = context.assembly.people.label
    return decide(vote.question, vote.policy, poll, attestations, state.electorate, state.witnesses, label)


def is_consent(context: Context, row: tables.Proposal) -> bool:
    """Whether a no is an objection."""
    rosters = context.standing().rosters
    policy = rosters.state(row.roster).policies.get(row.policy) if rosters.knows(row.roster) else None
    return policy is not None and policy.method == Method.CONSENT


def repealed_by(context: Context, row: tables.Proposal) -> list[tables.Proposal]:
    """The decisions in force that take the place of this one (`Forces.repeals`)."""
    standing = context.standing()
    earlier = standing.item(row.id)
    if not isinstance(earlier, Decision):
        return []
    later = [each for each in standing.repealing(row.id) if standing.forces.repeals(each, earlier)]
    found = (context.assembly.store.get(tables.Proposal, id=each.id) for each in later)
    return [each for each in found if each is not None]


def action_text(context: Context, row: tables.Proposal) -> str | None:
    """What a proposal does beyond itself, in words."""
    payload = question_of(row).payload
    people_, label = context.assembly.people, context.assembly.people.label
    if row.verb == Verb.REMOVE:
        return f"removes {', '.join(map(label, payload))}"
    if row.verb == Verb.ADMIT:
        found = [context.assembly.store.get(tables.Application, id=each) for each in payload]
        return f"admits {', '.join(_applicant(context, each) for each in found)}"
    if row.verb == Verb.REVOKE:
        return f"revokes a device of {label(payload[0])}: {people_.device_name(payload[1])}"
    if row.verb == Verb.RATIFY:
        return f"takes in what another line decided: {_titles(context, payload)}"
    if row.verb == Verb.POLICY:
        void_ = void_reason(payload[0])
        return f"sets the policy {payload[0].name}: {policy_text(payload[0]) if void_ is None else f'void: {void_}'}"
    if row.verb == Verb.WITNESSES:
        return (
            f"makes these the witnesses: {', '.join(map(label, payload[0])) or 'those who got a seat as they came in'}"
        )
    if row.verb == Verb.CHARTER:
        return "sets the charter's text"
    if row.verb == Verb.MANDATE:
        parts = [
            f"gives {label(payload.holder)} the mandate {payload.role}, with the powers: {', '.join(payload.powers)}"
        ]
        if payload.bounds:
            parts.append(f"limits: {payload.bounds}")
        if payload.ends_ms is not None:
            parts.append(f"until {date(payload.ends_ms)}")
        if payload.again:
            parts.append("the holder may follow themselves")
        if payload.lasts:
            parts.append(f"what is put under it is decided {span(1000 * payload.lasts)} after its first act")
        if payload.place is not None:
            parts.append(f"it is a seat in the federation {text_of(payload.place.federation)[:8]}")
        return "; ".join(parts)
    if row.verb == Verb.RECALL:
        return f"recalls the mandate {mandate_title(context, payload)}"
    if row.verb == Verb.VOICE:
        return _voiced(payload)
    if row.verb == Verb.SEAT:
        seated = ", ".join(f"{label(each.assembly)} with the weight {each.weight}" for each in payload.seatings)
        ended = f"; unseats {', '.join(map(label, payload.ends))}" if payload.ends else ""
        return f"seats {seated}{ended}"
    if row.verb == Verb.UPHOLD:
        return f"puts in force what was decided before: {_titles(context, tuple(named for named, _ in payload))}"
    return None


def _voiced(voiced: Voiced) -> str:
    """What an assembly says in a federation, if it passes."""
    federation = text_of(voiced.federation)[:8]
    if voiced.leaves:
        return f"leaves the federation {federation}"
    if voiced.matter == voiced.federation:
        return f"joins the federation {federation}, which then sees the names, keys and ballots that prove it"
    return f"says yes in the federation {federation}, to its matter {text_of(voiced.matter)[:8]}"


def kept(row: tables.Proposal) -> list[tuple[bytes, bytes]]:
    """The decisions that a proposal names as in force, with the bitmaps of those who make them so."""
    keeps: Any = decode(row.keeps) if row.keeps else []
    return [(named, bits) for named, bits in keeps]


def _applicant(context: Context, application: tables.Application | None) -> str:
    if application is None:
        return "somebody not known here"
    label = context.assembly.people.label
    was = f" (who says that they were {label(application.formerly)})" if application.formerly else ""
    return f"{label(application.member)}{was}"


def _titles(context: Context, ids: tuple[bytes, ...]) -> str:
    """The titles of what a ratification names; vouches and the like are counted."""
    rows = [context.assembly.store.get(tables.Proposal, id=each) for each in ids]
    titles = [row.title for row in rows if row is not None]
    rest = len(rows) - len(titles)
    more = [f"{len(titles) - 5} more"] if len(titles) > 5 else []
    more += [f"{rest} of another kind (vouches, offers)"] if rest else []
    return ", ".join([*titles[:5], *more])


def mandate_title(context: Context, mandate: bytes) -> str:
    """A mandate's role and its beginning of an id, for people."""
    found = context.assembly.store.get(tables.Proposal, id=mandate)
    payload = question_of(found).payload if found is not None and found.verb == Verb.MANDATE else None
    return f"{payload.role} ({text_of(mandate)[:8]})" if payload is not None else text_of(mandate)[:8]


def date(time_ms: int) -> str:
    """A day in universal time: nodes in different places say the same."""
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return "a day that no calendar knows"


def _period(seconds: int) -> str:
    """A policy's time, exactly."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}"


_UNITS = ((DAY, "d"), (HOUR, "h"), (60, "min"), (1, "s"))


def policy_text(policy: Any) -> str:
    """A policy's rule in a sentence."""

    if policy.finality == Finality.SETTLED:
        numerator, denominator, strict = policy.threshold
        return f"settled by {'more than' if strict else 'at least'} {numerator}/{denominator} of all members"
    parts = []
    if policy.method == Method.YES_NO:
        numerator, denominator, strict = policy.threshold
        parts.append(f"{'more than' if strict else 'at least'} {numerator}/{denominator} of yes and no")
    elif policy.method == Method.CONSENT:
        parts.append("no unresolved objection")
    else:
        parts.append("among options")
    parts.append(f"quorum {policy.quorum[0]}/{policy.quorum[1]}")
    if policy.yes_from is not None:
        parts.append(f"yes from at least {policy.yes_from[0]}/{policy.yes_from[1]} of all members")
    if policy.notice:
        parts.append(f"notice {_period(policy.notice)} (the vote is open that much longer)")
    parts.append(f"open {_period(policy.open_for)}, grace {_period(policy.grace)}")
    if policy.once:
        parts.append("once for each matter")
    parts.append("ballots may be changed" if policy.changeable else "nobody can change their vote")
    return f"certified by witnesses: {'; '.join(parts)}"


def roster_word(context: Context, row: tables.Proposal) -> str:
    """Whether a proposal pins the roster that this node follows (`current`), an `earlier` one, or an `other` line's."""
    standing = context.standing()
    if row.roster == standing.head:
        return "current"
    known = standing.rosters.knows(row.roster)
    return "earlier" if known and standing.rosters.contains(standing.head, row.roster) else "other"


def marks_text(context: Context, mandate: bytes, marks: Marks) -> str:
    """How far a recall is, in a sentence. Only a motion that is in effect ends the mandate, whatever the sum of all."""
    signed, kept = len(marks.recall), len(marks.keep)
    if mandate in context.state().recalled:
        word = "over"
    elif marks.kept:
        word = "not suspended, since more than half signed to keep it"
    elif marks.suspended:
        word = "suspended"
    else:
        word = "notice to everybody" if marks.notice else "below the first mark"
    total = people(len(context.state().members))
    return f"{signed} of {total} signed to recall on all motions, {kept} to keep: {word}."
