"""Verbs that explain one proposal: show, why."""

from typing import Any

from meshd.service import federations, landmarks
from meshd.service.anew import put_anew_as
from meshd.service.context import Context, Result, span
from meshd.service.effects import effect_text, force_of, in_effect, retraction
from meshd.service.fields import figures_shown, form_of
from meshd.service.hearing import heard
from meshd.service.putting import decided_how, is_heard
from meshd.service.results import (
    describe,
    kept,
    mandate_title,
    marks_text,
    outcome_of,
    repealed_by,
    roster_word,
)
from meshd.service.stuck import stuck, stuck_text
from meshd.service.templates import adopted_by
from meshd.service.verbs import verb
from meshd.service.voiced import voiced_reasons
from meshd.state import votes
from meshd.state.rows import split
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.control import NAME, TEXT
from meshd_protocol.decisions.outcome import CONTESTED, SPLIT, Outcome, Reason, people
from meshd_protocol.force import REFUSED
from meshd_protocol.names import text_of


@verb("show", {"id": NAME})
def show(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd show ID`."""
    row = context.proposal(arguments["id"])
    store, label = context.assembly.store, context.assembly.people.label
    outcome = outcome_of(context, row)
    result = describe(context, row, outcome)
    result["text"] = row.text
    result["fields"] = figures_shown(context, row)
    result["form"] = form_of(context, row)
    result["adopts"] = adopted_by(context, row)
    result["landmark"] = landmarks.landmark_row(context, row)
    result["matter"] = federations.matter_of(context, row)
    result["heard"] = heard(context, row)
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
    result["keeps"] = [text_of(named) for named, _ in kept(row)]
    result["repealed_by"] = [text_of(each.id) for each in repealed_by(context, row)]
    result["outcomes"] = [
        {"id": text_of(each.id), "person": label(each.member), "text": each.text}
        for each in sorted(store.find(tables.Resolution, proposal=row.id), key=_by_time)
    ]
    result["effect"] = effect_text(context, row, outcome)
    found = stuck(context, row, outcome)
    result["stuck"] = None if found is None else found._asdict() | {"why": found.why.value}
    open_elsewhere = outcome.outcome is None and not result["withdrawn"] and not is_heard(context, row.id)
    result["elsewhere"] = decided_how(context, row.id) if open_elsewhere else None
    later = put_anew_as(context, row) if found is not None else None
    result["put_anew"] = text_of(later) if later is not None else None
    result["waits_ms"] = None if result["withdrawn"] else witness.left_ms(context.assembly, row.id)
    result["waits"] = span(result["waits_ms"]) if result["waits_ms"] else ""
    return result


def _by_time(row: Any) -> tuple[int, bytes]:
    """By the authors' clocks, then by id: the same on every node."""
    return row.time_ms, row.id


@verb("why", {"id": NAME, "of": TEXT})
def why(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd why ID [--of ASSEMBLY]`: the result, and what each rule said; in a federation how one assembly came to say
    what it says.
    """
    if arguments.get("of"):
        return voiced_reasons(context, arguments["id"], arguments["of"])
    row = context.proposal(arguments["id"])
    outcome = outcome_of(context, row, full=True)
    reasons: list[Result] = [_reason(each) for each in outcome.reasons]
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
    reasons += federations.reasons(context, row)
    reasons += _witness_here(context, row, outcome)
    return describe(context, row, outcome) | {"heard": heard(context, row), "reasons": reasons}


def _reason(reason: Reason) -> Result:
    """A reason; of a round of a count with its figures, by option."""
    figures = {"figures": dict(reason.figures)} if reason.figures else {}
    return {"rule": reason.rule, "holds": reason.holds, "text": reason.text} | figures


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


def _roster_reason(context: Context, row: tables.Proposal) -> Result:
    standing = context.standing()
    word = roster_word(context, row)
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
    if watch is None or vote is None or outcome.outcome is not None or retraction(context, row) is not None:
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
