"""Whether a decision that changes the roster is in effect on this node, and if not, what would help: in words.

Final and in effect are two things: a decision is final by the roster that it pins, and in effect by being in the roster
that this node follows, where the members of today must have agreed, too (design: decisions, "Rosters", rule 1).
"""

from meshd import tallies
from meshd.service.context import Context
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.decisions.outcome import PASSED, Outcome, few
from meshd_protocol.decisions.settled import supporters
from meshd_protocol.meaning import Decision, State
from meshd_protocol.names import text_of
from meshd_protocol.policies import Finality
from meshd_protocol.rosters import policies_of, ratification_needed


def in_effect(context: Context, row: tables.Proposal, outcome: Outcome) -> bool | None:
    """Whether a decision that passed is in the roster that this node follows; None where it changes no roster."""
    if not row.verb or outcome.outcome != PASSED:
        return None
    return _is_inside(context, row) and _ended(context, row) is None


def effect_text(context: Context, row: tables.Proposal, outcome: Outcome) -> str | None:
    """The same in words, with what would help; for a motion that is not final, whether there is anything left to do."""
    if not row.verb or not has_effect(context, row.id):
        return None
    if outcome.outcome != PASSED:
        return _moot(context, row) if outcome.outcome is None else None
    if not _is_inside(context, row):
        return f"It is not in effect here. {_missing(context, row)}"
    return _ended(context, row) or "It is in effect: the roster that this node follows holds it."


def has_effect(context: Context, identity: bytes) -> bool:
    """Whether a proposal is not void, and its roster is known: whether anybody's ballot on it counts."""
    row = context.assembly.store.get(tables.Proposal, id=identity)
    return row is not None and tallies.rule_of(context.standing(), row) is not None


def _is_inside(context: Context, row: tables.Proposal) -> bool:
    """Whether the head holds a decision, or what it ratifies."""
    standing = context.standing()
    here = standing.rosters.ids(standing.head)
    return row.id in here if row.verb != Verb.RATIFY else frozenset(tallies.question_of(row).payload) <= here


def short_of(context: Context, identity: bytes) -> str:
    """What a decision of another line lacks to be taken in here, in a clause; empty where that can't be told."""
    row = context.assembly.store.get(tables.Proposal, id=identity)
    if row is None or not context.standing().rosters.knows(row.roster):
        return ""
    return _yes_missing(context, row) or ""


def rivals(context: Context, verb: int, subject: str | None = None) -> list[bytes]:
    """Decisions in effect on one thing that knew nothing of each other, so that none of them holds."""
    standing = context.standing()
    found = standing.rosters.in_place(standing.head, verb, subject)
    return list(found) if len(found) > 1 else []


def _moot(context: Context, row: tables.Proposal) -> str | None:
    """That an open motion asks for what is so already."""
    standing, state = context.standing(), context.state()
    payload = tallies.question_of(row).payload
    match row.verb:
        case Verb.RATIFY:
            done = frozenset(payload) <= standing.rosters.ids(standing.head)
        case Verb.REVOKE:
            done = state.revoked.get(payload[1], limits.INTEGER) <= payload[2][0]
        case Verb.REMOVE:
            done = set(payload) <= state.removed - state.members - state.observers
        case Verb.ADMIT:
            done = _applicants(context, payload) <= state.members
        case Verb.RECALL:
            done = payload in state.recalled
        case _:
            done = False
    return "There is nothing left to decide: what it asks for is so already." if done else None


def _applicants(context: Context, payload: tuple[bytes, ...]) -> set[bytes]:
    found = (context.assembly.store.get(tables.Application, id=each) for each in payload)
    return {each.member if each is not None else b"" for each in found}


def _ended(context: Context, row: tables.Proposal) -> str | None:
    """What became of a decision that is in the roster and holds no more; None while it holds."""
    state, payload = context.state(), tallies.question_of(row).payload
    match row.verb:
        case Verb.ADMIT if not _applicants(context, payload) & state.members:
            return "It was in effect, until whom it admits left or was removed."
        case Verb.REMOVE if set(payload) & (state.members | state.observers):
            return "It was in effect, until whom it removes was let in anew."
        case Verb.MANDATE if row.id in state.recalled:
            return "It was in effect, until the mandate was recalled."
        case Verb.MANDATE if payload.holder not in state.members:
            return "It was in effect, until its holder was no member any more."
        case Verb.POLICY | Verb.WITNESSES | Verb.CHARTER:
            return _followed(context, row)
        case _:
            return None


def _followed(context: Context, row: tables.Proposal) -> str | None:
    """That other decisions took the place of a setting, or contradict it."""
    standing = context.standing()
    subject = tallies.question_of(row).payload[0].name if row.verb == Verb.POLICY else None
    holding = standing.rosters.in_place(standing.head, row.verb, subject)
    if row.id not in holding:
        return "It was in effect, until a later decision took its place."
    if len(holding) == 1:
        return None
    others = ", ".join(text_of(each)[:8] for each in holding if each != row.id)
    return (
        f"It and {others} set the same thing, and knew nothing of each other: what held before both holds. A new "
        "decision names both, and takes their place."
    )


def _missing(context: Context, row: tables.Proposal) -> str:
    """Why a final decision is not in the head."""
    standing = context.standing()
    rosters = standing.rosters
    item = standing.item(row.id)
    if item is None:
        return "What it names is not known here, or is not whose it says."
    if row.verb == Verb.RATIFY:
        added = frozenset(tallies.question_of(row).payload) - rosters.ids(standing.head)
        return _yes_missing(context, row) or f"Why: {rosters.ratification_problem(standing.head, added, row.id)}."
    problem = rosters.problem(standing.head, [row.id])
    if problem is None:
        return "It can be taken in: that is written when somebody needs it."
    return _yes_missing(context, row) or f"Why: {problem.removeprefix('it cites ')}."


def _yes_missing(context: Context, row: tables.Proposal) -> str | None:
    """How many yes of today's members a settled decision lacks, and whose would help."""
    standing, now = context.standing(), context.state()
    pinned = standing.rosters.state(row.roster)
    needed = _needed(context, row, pinned, now)
    if needed is None:
        return None
    casts = standing.casts(row.id)
    said = supporters(casts, now.electorate)
    if len(said) >= needed:
        return None
    label = context.assembly.people.label
    return (
        f"Of the members of now, {needed} must have said yes, and {len(said)} have. A yes of these would help, who may "
        f"vote on it: {few(map(label, now.members - said))}."
    )


def _needed(context: Context, row: tables.Proposal, pinned: State, now: State) -> int | None:
    if row.verb == Verb.RATIFY:
        named = map(context.standing().item, tallies.question_of(row).payload)
        return ratification_needed(now, {row.policy, *policies_of(named)})
    both = [state.policies.get(row.policy) for state in (pinned, now)]
    sound = [each for each in both if each is not None and each.finality == Finality.SETTLED]
    return max(each.needed(len(now.members)) for each in sound) if len(sound) == len(both) else None


def other_admissions(context: Context, motion: bytes) -> list[bytes]:
    """Other admissions that are open: decided side by side by different people, they part an assembly into lines."""
    standing = context.standing()
    return sorted(
        item.id
        for item in standing.uncited()
        if isinstance(item, Decision)
        and item.verb == Verb.ADMIT
        and item.id != motion
        and has_effect(context, item.id)
        and not {each.member for each in item.newcomers} <= context.state().members
    )
