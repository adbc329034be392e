"""Verb card: which card an assembly plays in a federation's landmark is decided at home, by a vote of its own."""

from typing import Any

from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.service import federations
from meshd.service.context import Context, Result, short_title, span
from meshd.service.landmarks import cards, once
from meshd.service.putting import open_proposal
from meshd.service.results import outcome_of
from meshd.service.verbs import verb
from meshd_protocol.bodies.actions import Verb, Voiced
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.control import NAME
from meshd_protocol.landmark import CARDS, Landmark, Plan, plan_of, waits_for
from meshd_protocol.names import printable, text_of

_METHOD = "plurality"
_NO_POLICY = "`meshd amend card --certified --method election --once` sets one."


@verb("card", {"plan": NAME}, writes=True)
def card(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd card PLAN`: put to this assembly which card it plays in a federation's plan, unless that is done."""
    plan, body = _plan_here(context, arguments["plan"])
    votes = cards(context, plan)
    outcomes = [(row, outcome_of(context, row).outcome) for row in votes]
    for row, outcome in outcomes:
        if isinstance(outcome, list):
            raise NodeError(f"this assembly has played its card: {outcome[0]}", f"`meshd why {text_of(row.id)[:8]}`")
    put = next((row for row, outcome in outcomes if outcome is None), None)
    warnings = _check_time(context, plan) if put is None else []
    identity = _put(context, plan, body) if put is None else put.id
    return {"id": text_of(identity), "put": put is None, "title": body.title, "warnings": warnings}


def _plan_here(context: Context, words: str) -> tuple[Plan, Proposal]:
    """The plan of a federation that is quoted here and that the words name, if this assembly plays a card in it."""
    context.member_only("decide which card the assembly plays")
    known = federations.matter_named(federations.abroad(context), words)
    if known is None:
        if context.standing().quotations is not None:
            raise NodeError("assemblies play their cards at home: each by its own vote", "There: `meshd card PLAN`")
        raise NotFoundError(
            f"no such matter is quoted here: {printable(words)}", "`meshd voices` shows those that are."
        )
    plan = plan_of(known.federation, known.id, known.body)
    if plan is None:
        raise UsageError(
            f"{printable(known.body.title)} is no plan of a landmark", "`meshd voice ID` puts it to a vote."
        )
    if plan.void is not None:
        raise NodeError(f"nothing comes of this plan: {plan.void}")
    if context.assembly.id not in plan.assemblies:
        raise NodeError("this assembly is none of those that take part in it")
    return plan, known.body


def _check_time(context: Context, plan: Plan) -> list[str]:
    """Whether it is time for a card: not too late, and after the plan that this one comes after. Raises NodeError."""
    now = context.assembly.world.clock()
    if now >= plan.cards_until_ms:
        raise NodeError("cards on that plan have ended, by this machine's clock: whoever plays none stays")
    earlier = _earlier(context, plan)
    if earlier is not None and waits_for(earlier, now):
        raise NodeError("the plan that it comes after is not called off, and not over: until then this one waits")
    policies = once(dict(context.state().policies))
    wait = min((each.wait for each in policies), default=0) * 1000
    if now + wait <= plan.cards_until_ms:
        return []
    left = span(plan.cards_until_ms - now)
    return [f"Cards end in {left}, before this vote is over by itself: it counts only if everybody's ballot is in."]


def _earlier(context: Context, plan: Plan) -> Landmark | None:
    """How the plan stands that another one comes after, as far as that is known here."""
    if plan.before is None:
        return None
    there = federations.abroad(context).matters.get(plan.before)
    before = plan_of(plan.federation, plan.before, there.body) if there is not None else None
    if before is None:
        return None
    told = federations.decided(context, federations.tellings(context).get((plan.federation, plan.before), ()))
    return told.landmark if told is not None and told.landmark is not None else Landmark(before, before.void, False, {})


def _put(context: Context, plan: Plan, matter: Proposal) -> bytes:
    policies = once(dict(context.state().policies))
    if not policies:
        raise NodeError(
            "this assembly has no policy by which a card counts: an election, once for a matter",
            _NO_POLICY,
        )
    title = short_title(f"Our card: {matter.title}")
    action = (int(Verb.VOICE), Voiced(plan.federation, plan.id, False))
    body = Proposal(
        context.standing().head, policies[0].name, title, options=CARDS, method=_METHOD, seats=1, action=action
    )
    return open_proposal(context, body)
