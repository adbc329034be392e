"""Verbs that show what is decided: list, show, why."""

from datetime import UTC, datetime
from typing import Any

from meshd.service.context import Context, Result, span
from meshd.service.effects import effect_text, force_of, in_effect, is_in_force, retraction, whose_yes_helps
from meshd.service.stuck import stuck, stuck_text
from meshd.service.verbs import verb
from meshd.state import tallies, votes
from meshd.state.rows import attested_of, question_of, split
from meshd.state.votes import Void
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol.bodies.actions import Verb, Voiced
from meshd_protocol.control import NAME
from meshd_protocol.decisions.counting.methods import METHODS
from meshd_protocol.decisions.outcome import CONTESTED, SPLIT, VOID, Outcome, people
from meshd_protocol.decisions.poll import poll_of
from meshd_protocol.decisions.recall import Marks
from meshd_protocol.decisions.result import decide, without_effect
from meshd_protocol.encoding import decode
from meshd_protocol.force import REFUSED
from meshd_protocol.items import Decision
from meshd_protocol.names import text_of
from meshd_protocol.policies import DAY, HOUR, Finality, Method, void_reason


@verb("show", {"id": NAME})
def show(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd show ID`."""
    row = context.proposal(arguments["id"])
    store, label = context.assembly.store, context.assembly.people.label
    outcome = outcome_of(context, row)
    result = describe(context, row, outcome)
    result["text"] = row.text
    result["about"] = [
        {"person": context.assembly.people.device_label(message.device), "text": message.text}
        for message in sorted(store.find(tables.Message, about=row.id), key=_by_time)
    ]
    result["answers"] = [
        {"person": label(answer.member), "text": answer.text}
        for answer in sorted(store.find(tables.Answer, proposal=row.id), key=_by_time)
    ]
    rivals = list(store.find(tables.Proposal, amends=row.id))
    if row.amends is not None:
        rivals += [each for each in store.find(tables.Proposal, amends=row.amends) if each.id != row.id]
        rivals += store.find(tables.Proposal, id=row.amends)
    result["rivals"] = [{"id": text_of(each.id), "title": each.title} for each in sorted(rivals, key=_by_time)]
    result["amends"] = text_of(row.amends) if row.amends else None
    result["repeals"] = [text_of(each) for each in sorted(split(row.repeals))]
    result["keeps"] = [text_of(named) for named, _ in _kept(row)]
    result["repealed_by"] = [text_of(each.id) for each in repealed_by(context, row)]
    result["outcomes"] = [
        {"id": text_of(each.id), "person": label(each.member), "text": each.text}
        for each in sorted(store.find(tables.Resolution, proposal=row.id), key=_by_time)
    ]
    result["effect"] = effect_text(context, row, outcome)
    found = stuck(context, row, outcome)
    result["stuck"] = None if found is None else found._asdict() | {"why": found.why.value}
    result["waits_ms"] = witness.left_ms(context.assembly, row.id)
    result["waits"] = span(result["waits_ms"]) if result["waits_ms"] else ""
    return result


def _by_time(row: Any) -> tuple[int, bytes]:
    """By the authors' clocks, then by id: the same on every node."""
    return row.time_ms, row.id


@verb("why", {"id": NAME})
def why(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd why ID`: the result, and what each rule said."""
    row = context.proposal(arguments["id"])
    outcome = outcome_of(context, row, full=True)
    reasons = [{"rule": each.rule, "holds": each.holds, "text": each.text} for each in outcome.reasons]
    reasons.append(_roster_reason(context, row))
    text = effect_text(context, row, outcome)
    if text is not None:
        reasons.append({"rule": "in-effect", "holds": in_effect(context, row, outcome) is True, "text": text})
    reasons += (
        [{"rule": "force", "holds": force.holds, "text": force.text}] if (force := force_of(context, row)) else []
    )
    reasons += _withdrawn_reason(context, row)
    reasons += _stuck_reason(context, row, outcome)
    reasons += _repeal_reasons(context, row, outcome)
    reasons += _recall_reasons(context, row)
    reasons += _witness_here(context, row, outcome)
    return describe(context, row, outcome) | {"reasons": reasons}


def _withdrawn_reason(context: Context, row: tables.Proposal) -> list[Result]:
    found = retraction(context, row)
    if found is None:
        return []
    why_ = f": {found.reason}" if found.reason else "."
    text = f"{context.assembly.people.label(row.member)} withdrew it; ballots count as they do without that{why_}"
    return [{"rule": "withdrawn", "holds": False, "text": text}]


def _stuck_reason(context: Context, row: tables.Proposal, outcome: Outcome) -> list[Result]:
    found = stuck(context, row, outcome)
    return [{"rule": "stuck", "holds": False, "text": stuck_text(found, text_of(row.id)[:8])}] if found else []


def describe(context: Context, row: tables.Proposal, outcome: Outcome | None = None) -> Result:
    """The stable keys of `show` and `list`."""
    outcome = outcome or outcome_of(context, row)
    question = question_of(row)
    closes = row.closes_ms
    final = outcome.outcome is not None
    force = force_of(context, row) if final and not row.verb else None
    return {
        "id": text_of(row.id),
        "title": row.title,
        "by": context.assembly.people.label(row.member),
        "policy": row.policy,
        "state": outcome.state,
        "outcome": outcome.outcome,
        "leading": outcome.leading,
        "counts": outcome.counts,
        "counted": METHODS[row.method].figure if row.method in METHODS else "",
        "consent": is_consent(context, row),
        "electorate": outcome.electorate,
        "seen": outcome.seen,
        "roster": _roster_word(context, row),
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
        "in_effect": in_effect(context, row, outcome),
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
    remembered = context.assembly.remembered.of("outcome", context.standing().head)
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


def _kept(row: tables.Proposal) -> list[tuple[bytes, bytes]]:
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
    parts.append("ballots may be changed" if policy.changeable else "nobody can change their vote")
    return f"certified by witnesses: {'; '.join(parts)}"


def _roster_word(context: Context, row: tables.Proposal) -> str:
    standing = context.standing()
    if row.roster == standing.head:
        return "current"
    known = standing.rosters.knows(row.roster)
    return "earlier" if known and standing.rosters.contains(standing.head, row.roster) else "other"


def _roster_reason(context: Context, row: tables.Proposal) -> Result:
    standing = context.standing()
    word = _roster_word(context, row)
    now = len(context.state().members)
    if word == "current":
        text = f"It pins the roster that this node follows, of {people(now)}."
    elif word == "earlier":
        before = standing.rosters.state(row.roster).members
        text = f"It pins an earlier roster, of {people(len(before))}; "
        same = before == context.state().members
        text += "the same people are members now." if same else f"this node follows one of {now}."
    else:
        text = "It pins a roster on another line than the one that this node follows."
    return {"rule": "roster", "holds": word != "other", "text": text}


def _repeal_reasons(context: Context, row: tables.Proposal, outcome: Outcome) -> list[Result]:
    reasons: list[Result] = []
    later = repealed_by(context, row)
    for each in later:
        text = f"{text_of(each.id)[:8]} ({each.title}) is final and takes its place: this one is repealed."
        reasons.append({"rule": "repealed", "holds": False, "text": text})
    if len(later) > 1:
        text = "Several took its place: where they contradict each other, propose once more, repealing each."
        reasons.append({"rule": "repealed", "holds": False, "text": text})
    reasons += _dropped_reasons(context, row, later)
    if not later and outcome.state in (SPLIT, CONTESTED):
        text = f"Propose it anew, naming this one: `meshd propose TITLE --policy {row.policy} --repeals ID`."
        reasons.append({"rule": "anew", "holds": False, "text": text})
    return reasons


def _dropped_reasons(context: Context, row: tables.Proposal, later: list[tables.Proposal]) -> list[Result]:
    """That a decision which took the place of this one is in force no more, so that this one may be again."""
    standing = context.standing()
    reasons: list[Result] = []
    for each in standing.repealing(row.id):
        force = standing.forces.of(each)
        other = context.assembly.store.get(tables.Proposal, id=each.id)
        if force is None or other is None or each.id in {known.id for known in later}:
            continue
        if force.finding[0] not in REFUSED or each.anew:
            text = (
                f"{text_of(each.id)[:8]} ({other.title}) is final and would take its place, and is not in force itself."
            )
            reasons.append({"rule": "repealed", "holds": True, "text": text})
    return reasons


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


def _recall_reasons(context: Context, row: tables.Proposal) -> list[Result]:
    if row.verb != Verb.RECALL or row.subject is None:
        return []
    marks = witness.recall_marks(context.assembly, row.subject)
    text = f"Against the mandate {mandate_title(context, row.subject)}: "
    text += marks_text(context, row.subject, marks)
    return [{"rule": "recall", "holds": marks.notice, "text": text}]


def _witness_here(context: Context, row: tables.Proposal, outcome: Outcome) -> list[Result]:
    """What this machine, as a witness, waits for."""
    watch = context.assembly.store.get(tables.Watch, proposal=row.id)
    vote = votes.certified(context.standing(), row)
    if watch is None or vote is None or outcome.outcome is not None:
        return []
    if context.assembly.keys.device.public not in vote.state.witnesses.devices:
        return []
    if watch.refused:
        text = f"This device is a witness and does not attest it: {watch.refused}."
        return [{"rule": "witness-here", "holds": False, "text": text}]
    left = witness.left_ms(context.assembly, row.id) or 0
    held = witness.held_back(context.assembly, watch)
    if held is not None:
        text = f"This device is a witness and does not attest it now: {held}."
        return [{"rule": "witness-here", "holds": False, "text": text}]
    doubt = witness.clock_doubt(context.assembly, row.id)
    if left == 0 and doubt and not watch.agreed:
        text = f"This device is a witness and asks first: {doubt}. `meshd witness agree {text_of(row.id)[:8]}`."
        return [{"rule": "witness-here", "holds": False, "text": text}]
    text = f"This device is a witness; by its own measure the vote is open for {span(left)} more, grace included."
    return [{"rule": "witness-here", "holds": True, "text": text}]
