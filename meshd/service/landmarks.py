"""A landmark as people see it, in its federation and in an assembly that takes part; and what one's own node refuses
before a plan is put (specification, section 6.14).
"""

from collections.abc import Mapping
from typing import Any

from meshd.errors import NodeError, UsageError
from meshd.service import federations
from meshd.service.context import Context, Result, span
from meshd.service.results import outcome_of
from meshd.service.templates import standing_once
from meshd.state import landmarks
from meshd.store import tables
from meshd.upkeep.measuring import measured
from meshd.upkeep.witness import newest
from meshd_protocol.bodies.actions import Voiced
from meshd_protocol.decisions.outcome import PASSED
from meshd_protocol.items import Decision
from meshd_protocol.landmark import ABORT, CARDS, GO, Landmark, Plan, is_card, plan_of, waits_for
from meshd_protocol.names import text_of
from meshd_protocol.policies import Method, Policy

_SHOWN_DAYS = 30
"""A landmark that was over longer ago is shown to nobody."""
_DAY_MS = 24 * 3600 * 1000


def cards(context: Context, plan: Plan) -> list[tables.Proposal]:
    """The votes of this assembly that play a card in a plan, but for what its author withdrew."""
    standing, payload = context.standing(), Voiced(plan.federation, plan.id, False)
    rows = [each.row for each in federations.voices_of(context) if each.voiced == payload]
    items = [(row, standing.item(row.id)) for row in rows]
    return [row for row, item in items if isinstance(item, Decision) and is_card(standing.rosters, item)]


def once(policies: Mapping[str, Policy]) -> list[Policy]:
    """The policies by which a card is played."""
    return [each for _, each in sorted(policies.items()) if each.once and each.method == Method.ELECTION]


def fill(context: Context, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a plan as they are put: where nobody says which assemblies take part, all do."""
    if "assemblies" in fields or context.standing().quotations is None:
        return fields
    return fields | {"assemblies": [{"assembly": each} for each in sorted(context.state().members)]}


def check(context: Context, plan: Plan, policy: Policy) -> list[str]:
    """Whether one's own node puts a plan, and what it warns of. Raises NodeError, UsageError."""
    now = context.assembly.world.clock()
    if context.standing().quotations is None:
        raise UsageError("a landmark is what assemblies do together: this is no federation")
    if plan.void is not None:
        raise UsageError(f"nothing would come of this plan: {plan.void}")
    strangers = plan.assemblies - context.state().members
    if strangers:
        raise UsageError("a plan names members of this federation, and somebody else is among these", "`meshd members`")
    if policy.method == Method.ELECTION or policy.quorum is not None:
        raise UsageError("a plan is settled by the assemblies", "`--policy significant`, or another one that settles.")
    if plan.cards_until_ms <= now:
        raise UsageError("cards on this plan would have ended already, by this machine's clock")
    behind = clock_behind(context)
    if plan.ends_ms - plan.begins_ms < 10 * behind:
        raise NodeError(
            f"this machine's clock is {span(behind)} behind what others wrote: the window is to be ten times as long",
            f"Set the clock, or let it last {span(10 * behind)} at least.",
        )
    return _check_others(context, plan, now)


def _check_others(context: Context, plan: Plan, now: int) -> list[str]:
    warnings: list[str] = []
    for row in _plans(context):
        found = landmarks.landmark_of(context.standing(), row)
        if found is None or not found.settled or not waits_for(found, now):
            continue
        label = text_of(row.id)[:8]
        if row.id == plan.before:
            raise NodeError(
                f"the plan that it comes after, {label}, is not called off, and not over",
                f"A new one waits for ABORT, or until {span(found.plan.ends_ms - now)} from now.",
            )
        warnings.append(
            f"Another landmark is open, {label} ({row.title}). If this one is for the same thing, `meshd withdraw` it: "
            f"a new one waits until the old one is called off or over, and names it: --field before={label}."
        )
    return warnings


def _plans(context: Context) -> list[tables.Proposal]:
    """The plans of this federation, by templates that are or were in force."""
    found: list[tables.Proposal] = []
    for design in standing_once(context):
        rows = context.assembly.store.find(tables.Proposal, template=design.row.id)
        found += [row for row in rows if landmarks.plan_in(context.assembly.id, row) is not None]
    return found


def clock_behind(context: Context) -> int:
    """How far this machine's clock is behind the newest record of another device, in ms; 0 where it is behind none. One
    that is ahead can't be told from others' silence.
    """
    assembly = context.assembly
    others = {row.device for row in assembly.store.find(tables.Certificate)} - {assembly.keys.device.public}
    times = [time_ms for device in others if (time_ms := newest(assembly, device)) is not None]
    return max(0, max(times, default=0) - assembly.world.clock())


def landmark_row(context: Context, row: tables.Proposal) -> Result | None:
    """A landmark in its federation, as codes and names; None for what is no plan."""
    found = landmarks.landmark_of(context.standing(), row)
    if found is None:
        return None
    came = {card: _seen_ms(context, landmarks.seen(row.id, card)) for card in sorted(found.final)}
    return _row(context, found.plan, found, came, context.assembly.people.label)


def at_home(context: Context) -> list[Result]:
    """The landmarks of federations in which this assembly takes part, as far as is known here, while they are not long
    over: lines as `figures` makes them.
    """
    if not federations.joined(context):
        return []
    there, told, now = federations.abroad(context), federations.tellings(context), context.assembly.world.clock()
    found: list[Result] = []
    for each in there.matters.values():
        plan = plan_of(each.federation, each.id, each.body)
        if plan is None or context.assembly.id not in plan.assemblies:
            continue
        if now - plan.ends_ms > _SHOWN_DAYS * _DAY_MS:
            continue
        result = federations.decided(context, told.get((each.federation, each.id), ()))
        stands = result.landmark if result is not None else None
        if result is None or result.outcome != PASSED:
            continue  # what is not settled there is a matter as any other
        final = stands.final if stands is not None else frozenset()
        came = {side: _seen_ms(context, result.file) for side in sorted(final)}
        row = _row(context, plan, stands, came, lambda key: text_of(key)[:8])
        votes = cards(context, plan)
        ours = [outcome_of(context, vote_).outcome for vote_ in votes]
        row["ours"] = next((said[0] for said in ours if isinstance(said, list)), None)
        row["open"] = next((text_of(v.id) for v, said in zip(votes, ours, strict=True) if said is None), None)
        found.append({"id": text_of(each.id), "title": each.body.title, "landmark": row})
    return found


def to_play(context: Context) -> list[tuple[Plan, str, str]]:
    """The plans in which this assembly takes part and has put no card: with their titles and federations' names."""
    found: list[tuple[Plan, str, str]] = []
    there = federations.abroad(context)
    for each in at_home(context):
        matter = next(m for m in there.matters.values() if text_of(m.id) == each["id"])
        plan = plan_of(matter.federation, matter.id, matter.body)
        row = each["landmark"]
        if plan is None or row["ours"] or row["open"] or row["final"] or row["void"]:
            continue
        if context.assembly.world.clock() < plan.cards_until_ms:
            found.append((plan, matter.body.title, there.name(matter.federation)))
    return found


def _seen_ms(context: Context, mark: bytes) -> int | None:
    """When something came to this machine, by its clock of today; None where it did not note that."""
    noticed = context.assembly.store.get(tables.Noticed, id=mark)
    if noticed is None:
        return None
    return context.assembly.world.clock() - (measured(context.assembly) - noticed.since_ms)


def _row(context: Context, plan: Plan, found: Landmark | None, came: dict[str, int | None], label: Any) -> Result:
    cards = {side: found.cards(side) if found is not None else [] for side in CARDS}
    heard = {*cards[GO], *cards[ABORT]}
    both = {
        label(each): len(mine.both) for each, mine in (found.played.items() if found is not None else ()) if mine.both
    }
    return {
        "void": found.void if found is not None else plan.void,
        "settled": found is None or found.settled,
        "go": sorted(map(label, cards[GO])),
        "abort": sorted(map(label, cards[ABORT])),
        "unheard": len(plan.assemblies - heard),
        "of": len(plan.assemblies),
        "go_needs": plan.go,
        "abort_needs": plan.abort,
        "captured": plan.captured,
        "both": [{"assembly": name, "witnesses": count} for name, count in sorted(both.items())],
        "final": sorted(came),
        "seen_ms": min((each for each in came.values() if each is not None), default=None),
        "cards_until_ms": plan.cards_until_ms,
        "begins_ms": plan.begins_ms,
        "ends_ms": plan.ends_ms,
        "behind_ms": clock_behind(context),
        "now_ms": context.assembly.world.clock(),
        "ours": None,
        "open": None,
    }
