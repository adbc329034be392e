"""Whether a decision that changes the roster is in effect on this node, and if not, what would help: in words.

Final and in effect are two things: a decision is final by the roster that it pins, and in effect by being in the roster
that this node follows, where the members of today must have agreed, too (design: decisions, "Rosters", rule 1).
"""

from typing import NamedTuple

from meshd.service.context import Context
from meshd.state import votes
from meshd.state.rows import question_of
from meshd.state.votes import Vote
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.decisions.outcome import PASSED, Outcome, few, people
from meshd_protocol.force import REFUSED
from meshd_protocol.items import Decision
from meshd_protocol.mandates import last_of_role
from meshd_protocol.meaning import State
from meshd_protocol.names import text_of
from meshd_protocol.policies import Finality
from meshd_protocol.thresholds import policies_asked, policies_of, ratification_needed, settled_needed


def in_effect(context: Context, row: tables.Proposal, outcome: Outcome) -> bool | None:
    """Whether a decision that passed is in the roster that this node follows; None where it changes no roster."""
    if not row.verb or outcome.outcome != PASSED:
        return None
    return _is_inside(context, row) and _ended(context, row) is None


def was_in_effect(context: Context, row: tables.Proposal) -> bool:
    """Whether a decision that passed, and is not in effect, was so before."""
    return _is_inside(context, row)


class InForce(NamedTuple):
    """Whether a final decision on a text binds the people of today, in words."""

    holds: bool
    text: str


def force_of(context: Context, row: tables.Proposal) -> InForce | None:
    """Whether a decision on a text that passed is in force in the roster that this node follows, repeals left aside."""
    standing = context.standing()
    item = standing.item(row.id)
    force = standing.forces.of(item) if isinstance(item, Decision) and not row.verb else None
    if force is None or (force.finding[0] in REFUSED and not (force.rivals or row.anew)):
        return None
    then = len(standing.rosters.state(row.roster).members)
    if force.rivals:
        others = ", ".join(text_of(each)[:8] for each in force.rivals)
        text = (
            f"It and {others} were put anew in the place of one vote, and came to different things: none is in force, "
        )
        return InForce(False, text + "until one more names them all (`meshd propose TITLE --repeals ID --repeals ID`).")
    if force.named is not None:
        return InForce(True, f"It is in force: {text_of(force.named.action)[:8]} named it before the roster changed.")
    if force.holds:
        return InForce(True, "It is in force: it is final among the people of today, too.")
    missing = force.support.needed - len(force.support.people)
    settled = standing.rosters.state(row.roster).policies[row.policy].finality == Finality.SETTLED
    whose = "of today's yes" if settled else "of today's witnesses"
    text = f"It was decided by those of then ({people(then)}); it is not in force: {missing} {whose} are missing. "
    able = standing.rosters.state(standing.head).members - force.support.people
    if settled and able:
        text += f"A yes of these would help: {few(map(context.assembly.people.label, able))}; or "
    return InForce(False, f"{text}`meshd uphold {text_of(row.id)[:8]}` asks everybody to take it up again.")


def is_in_force(context: Context, row: tables.Proposal, outcome: Outcome) -> bool | None:
    """Whether a decision that passed binds the people of today; None where nothing has passed."""
    if row.verb or outcome.outcome is None:
        return in_effect(context, row, outcome)
    standing = context.standing()
    item = standing.item(row.id)
    force = force_of(context, row)
    if force is None or not isinstance(item, Decision):
        return None
    return force.holds and not any(standing.forces.repeals(each, item) for each in standing.repealing(row.id))


def effect_text(context: Context, row: tables.Proposal, outcome: Outcome) -> str | None:
    """The same in words, with what would help; for a motion that is not final, whether there is anything left to do."""
    if not row.verb or not has_effect(context, row.id):
        return None
    if outcome.outcome != PASSED:
        return moot(context, row) if outcome.outcome is None else None
    if row.verb == Verb.VOICE:
        return _voice_text(context, row)
    if not _is_inside(context, row):
        return f"It has no effect here so far. {_missing(context, row)}"
    return _ended(context, row) or "It is in effect: the roster that this node follows holds it."


def _voice_text(context: Context, row: tables.Proposal) -> str:
    """What becomes of what this assembly says in a federation."""
    if not _is_inside(context, row):
        missing = _yes_missing(context, row)
        return f"It was decided by those of then. {missing or 'Enough of the members of today have not said so.'}"
    carry = f"`meshd prove {text_of(row.id)[:8]} --out FILE` makes the file that anybody quotes there."
    return f"It is what this assembly says; the federation hears it once its proof is quoted there. {carry}"


def has_effect(context: Context, identity: bytes) -> bool:
    """Whether a proposal is not void, and its roster is known: whether anybody's ballot on it counts."""
    row = context.assembly.store.get(tables.Proposal, id=identity)
    return row is not None and isinstance(votes.of(context.standing(), row), Vote)


def _is_inside(context: Context, row: tables.Proposal) -> bool:
    """Whether the head holds a decision, or what it ratifies."""
    standing = context.standing()
    here = standing.rosters.ids(standing.head)
    if row.verb == Verb.VOICE:
        item = standing.item(row.id)
        return isinstance(item, Decision) and standing.rosters.final_in(item, standing.head)
    if row.verb != Verb.RATIFY:
        return row.id in here
    return not standing.rosters.ratified(standing.head, row.id)


def short_of(context: Context, identity: bytes) -> str:
    """What a decision of another line lacks to be taken in here, in a clause; empty where that can't be told."""
    row = context.assembly.store.get(tables.Proposal, id=identity)
    if row is None or not context.standing().rosters.knows(row.roster):
        return ""
    return _yes_missing(context, row) or ""


def retraction(context: Context, row: tables.Proposal) -> tables.Retraction | None:
    """By which record the author of a proposal withdrew it; None if they did not. No rule reads it."""
    found = context.assembly.store.find(tables.Retraction, proposal=row.id)
    return next((each for each in found if each.member == row.member), None)


def is_withdrawn(context: Context, identity: bytes) -> bool:
    """Whether the author of a proposal withdrew it."""
    row = context.assembly.store.get(tables.Proposal, id=identity)
    return row is not None and retraction(context, row) is not None


def rivals(context: Context, verb: int, subject: str | None = None) -> list[bytes]:
    """Decisions in effect on one thing that knew nothing of each other, so that none of them holds."""
    standing = context.standing()
    found = standing.rosters.in_place(standing.head, verb, subject)
    return list(found) if len(found) > 1 else []


def moot(context: Context, row: tables.Proposal) -> str | None:
    """That an open motion asks for what is so already."""
    standing, state = context.standing(), context.state()
    payload = question_of(row).payload
    match row.verb:
        case Verb.RATIFY:
            done = not standing.rosters.ratified(standing.head, row.id)
        case Verb.UPHOLD:
            items = (standing.item(named) for named, _ in payload)
            found = [standing.forces.of(item) for item in items if isinstance(item, Decision)]
            done = len(found) == len(payload) and all(force is not None and force.holds for force in found)
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
    state, payload = context.state(), question_of(row).payload
    match row.verb:
        case Verb.ADMIT if not _applicants(context, payload) & state.members:
            return "It was in effect, until whom it admits left or was removed."
        case Verb.REMOVE if set(payload) & state.inside:
            return "It was in effect, until whom it removes was let in anew."
        case Verb.MANDATE if row.id in state.recalled:
            return "It was in effect, until the mandate was recalled."
        case Verb.MANDATE if payload.holder not in state.people:
            return "It was in effect, until its holder was no member any more."
        case Verb.MANDATE if state.in_force(row.id) is None:
            return _other_mandate(context, row)
        case Verb.POLICY | Verb.WITNESSES | Verb.CHARTER:
            return _followed(context, row)
        case _:
            return None


def _other_mandate(context: Context, row: tables.Proposal) -> str:
    """That a role has one mandate at a time."""
    state, payload = context.state(), question_of(row).payload
    last = [each.id for each in last_of_role(payload.role, state.mandates.values()) if each.id not in state.recalled]
    if row.id not in last:
        return "It was in effect, until another mandate for its role was given."
    others = ", ".join(text_of(each)[:8] for each in last if each != row.id)
    return (
        f"It and {others} give one role, and knew nothing of each other: neither is in force. A new mandate for the "
        "role takes the place of both."
    )


def _followed(context: Context, row: tables.Proposal) -> str | None:
    """That other decisions took the place of a setting, or contradict it."""
    standing = context.standing()
    subject = question_of(row).payload[0].name if row.verb == Verb.POLICY else None
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
        added = rosters.ratified(standing.head, row.id)
        return _yes_missing(context, row) or f"Why: {rosters.problem(standing.head, added, row.id)}."
    problem = rosters.problem(standing.head, [row.id])
    if problem is None:
        return "It can be taken in: that is written when somebody needs it."
    return _yes_missing(context, row) or f"Why: {problem.removeprefix('it cites ')}."


def _yes_missing(context: Context, row: tables.Proposal) -> str | None:
    """How many yes of today's members a settled decision lacks, and whose would help."""
    found = _lacking(context, row)
    if found is None:
        return None
    label = context.assembly.people.label
    return (
        f"Of the members of now, {found.needed} must have said yes, and {found.said} have. A yes of these would help, "
        f"who may vote on it: {few(map(label, found.helps))}."
    )


class _Lacking(NamedTuple):
    """How many of today's members must say yes to a settled decision, how many did, and whose yes would help."""

    needed: int
    said: int
    helps: frozenset[bytes]


def _lacking(context: Context, row: tables.Proposal, also: frozenset[bytes] = frozenset()) -> _Lacking | None:
    """What a settled decision lacks among today's members, if these say yes; None where that is not what it lacks."""
    standing, now = context.standing(), context.state()
    pinned = standing.rosters.state(row.roster)
    needed = _needed(context, row, pinned, now)
    if needed is None:
        return None
    item = standing.item(row.id)
    said = standing.rosters.supporters(item, now) if isinstance(item, Decision) else frozenset[bytes]()
    said |= also & now.members
    return None if now.weigh(said) >= needed else _Lacking(needed, now.weigh(said), frozenset(now.members - said))


def whose_yes_helps(
    context: Context, row: tables.Proposal, outcome: Outcome, also: frozenset[bytes] = frozenset()
) -> frozenset[bytes]:
    """The members of today whose yes would put a decision that passed in effect, or in force, if these said yes, too;
    nobody, where it is.
    """
    standing = context.standing()
    if row.verb:
        if outcome.outcome != PASSED or _is_inside(context, row) or standing.item(row.id) is None:
            return frozenset()
        found = _lacking(context, row, also)
        return found.helps if found is not None else frozenset()
    item = standing.item(row.id)
    force = standing.forces.of(item) if isinstance(item, Decision) else None
    if force is None or force.holds or force.rivals or force.finding[0] in REFUSED:
        return frozenset()
    if standing.rosters.state(row.roster).policies[row.policy].finality != Finality.SETTLED:
        return frozenset()
    able = context.state().members & standing.rosters.state(row.roster).members
    support = force.support.people | (also & able)
    return frozenset() if force.support.enough(support) else frozenset(able - support)


def _needed(context: Context, row: tables.Proposal, pinned: State, now: State) -> int | None:
    if row.verb == Verb.RATIFY:
        named = map(context.standing().item, question_of(row).payload)
        return ratification_needed(now, {row.policy, *policies_of(named)})
    return settled_needed(policies_asked(pinned, now, row.policy), now)


def other_admissions(context: Context, motion: bytes) -> list[bytes]:
    """Other admissions that are open: decided side by side by different people, they part an assembly into lines."""
    return sorted(item.id for item in open_admissions(context) if item.id != motion)


def open_admissions(context: Context) -> list[Decision]:
    """Admissions that are not in effect, and may be; not those that were withdrawn."""
    return [
        item
        for item in context.standing().uncited()
        if isinstance(item, Decision)
        and item.verb == Verb.ADMIT
        and has_effect(context, item.id)
        and not is_withdrawn(context, item.id)
        and not {each.member for each in item.newcomers} <= context.state().members
    ]


def by_revoked(context: Context, identity: bytes) -> bool:
    """Whether a record was written by a device after the last that was good of it, as a revocation in the head says."""
    revoked, store = context.state().revoked, context.assembly.store
    kept = store.get(tables.Kept, id=identity) if revoked else None
    chain = store.get(tables.Chain, number=kept.chain) if kept is not None else None
    good = revoked.get(chain.device) if chain is not None else None
    return kept is not None and good is not None and kept.seq >= good
