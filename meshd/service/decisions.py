"""Verbs about decisions: propose, list, show, vote, why."""

from typing import Any

from meshd.caretaker import ready_to_pin
from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.service.context import Context, Result
from meshd.standing import cast_of
from meshd.store import tables
from meshd_protocol.bodies.decisions import Ballot, Form, Proposal, Say
from meshd_protocol.decisions.outcome import Electorate, Outcome, people
from meshd_protocol.decisions.question import Question, cannot_finish, decide, void, without_effect
from meshd_protocol.encoding import decode
from meshd_protocol.kinds import Kind
from meshd_protocol.names import printable, text_of
from meshd_protocol.policies import MEMBERSHIP, Finality, Method, Policy

DEFAULT_POLICY = "significant"


def propose(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd propose`: put a question to the members of the roster that this node follows."""
    state = context.member_only("propose")
    name = arguments.get("policy") or DEFAULT_POLICY
    policy = state.policies.get(name)
    if policy is None:
        usable = sorted(each.name for each in state.policies.values() if _usable(each))
        raise UsageError(f"there is no policy {printable(name)}", f"There are: {', '.join(usable)}.")
    if name == MEMBERSHIP:
        raise UsageError("members are admitted with `meshd admit PERSON`")
    if cannot_finish(policy):
        raise UsageError(
            f"{name} decisions become final by witnesses, which this meshd does not have yet",
            "Use significant (more than half of all members), or election to see where a choice stands.",
        )
    options = tuple(arguments.get("options") or ())
    method = "schulze" if policy.method == Method.ELECTION else None
    problem = void(Question(name, options, method, 1, 0), policy)
    if len({option.casefold().strip() for option in options}) < len(options) or not all(map(str.strip, options)):
        problem = "two options can't be told apart, or one is empty"
    if not arguments["title"].strip():
        problem = "its title is empty"
    if problem is not None:
        hint = "Name options with --option, once for each." if method else ""
        hint = "Options go with --policy election." if options and not method else hint
        raise UsageError(f"this can't be proposed: {problem}", hint)
    with context.assembly.writing():
        ready_to_pin(context.assembly)
        body = Proposal(
            roster=context.standing().head,
            policy=name,
            title=arguments["title"],
            text=arguments.get("text") or "",
            options=options,
            closes_ms=arguments.get("closes_ms"),
            method=method,
        )
        record = context.assembly.write(Kind.PROPOSAL, body)
    return {"id": text_of(record.id)}


def _usable(policy: Policy) -> bool:
    """Whether a text can be proposed under a policy now."""
    election = policy.method == Method.ELECTION
    question = Question(policy.name, ("A", "B") if election else (), "schulze" if election else None, 1, 0)
    return void(question, policy) is None and not cannot_finish(policy)


def list_(context: Context, _: dict[str, Any]) -> list[Result]:
    """`meshd list`: everything that is decided by ballots, by the authors' clocks: the same order on every node."""
    if context.assembly.standing is None or context.assembly.standing.state is None:
        return []
    rows = sorted(context.assembly.store.find(tables.Proposal), key=lambda row: (row.time_ms, row.id))
    return [describe(context, row) for row in rows]


def show(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd show ID`."""
    row = context.proposal(arguments["id"])
    result = describe(context, row)
    result["text"] = row.text
    result["about"] = [
        {"person": context.assembly.people.device_label(message.device), "text": message.text}
        for message in context.assembly.store.find(tables.Message, about=row.id)
    ]
    return result


def why(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd why ID`: the result, and what each rule said."""
    row = context.proposal(arguments["id"])
    outcome = outcome_of(context, row)
    reasons = [{"rule": each.rule, "holds": each.holds, "text": each.text} for each in outcome.reasons]
    reasons += [_roster_reason(context, row)]
    return describe(context, row, outcome) | {"reasons": reasons}


def vote(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd vote ID CHOICE…`: cast this person's ballot."""
    row = context.proposal(arguments["id"])
    standing = context.standing()
    label = text_of(row.id)[:8]
    if not standing.rosters.knows(row.roster):
        raise NodeError(f"{label} pins a roster that this node has not seen", "Meet a node that has, then vote.")
    pinned = standing.rosters.state(row.roster)
    question = question_of(row)
    policy = pinned.policies.get(row.policy)
    problem = void(question, policy)
    if problem is not None or policy is None:
        raise NodeError(f"{label} has no effect: {problem}")
    if context.me not in pinned.members:
        raise NodeError(f"you may not vote on {label}: you were not a member when it was proposed")
    form, choice = _choice(policy, arguments["choices"], question.options)
    mine = [each for each in context.assembly.store.find(tables.Ballot, proposal=row.id) if each.member == context.me]
    if mine and not policy.changeable:
        raise NodeError(f"you have voted on {label} already, and {row.policy} ballots stay as they were cast")
    if row.closes_ms is not None and context.assembly.world.clock() > row.closes_ms and not arguments.get("late"):
        raise NodeError(f"the date that {label} was to close at has passed", "`--late` votes all the same.")
    ballot = Ballot(row.id, form, choice, counter=max((each.counter for each in mine), default=-1) + 1)
    with context.assembly.writing():
        record = context.assembly.write(Kind.BALLOT, ballot)
    return {"id": text_of(record.id), "proposal": describe(context, row)}


def describe(context: Context, row: tables.Proposal, outcome: Outcome | None = None) -> Result:
    """The stable keys of `show` and `list`."""
    outcome = outcome or outcome_of(context, row)
    closes = row.closes_ms
    return {
        "id": text_of(row.id),
        "title": row.title,
        "by": context.assembly.people.label(row.member),
        "policy": row.policy,
        "state": outcome.state,
        "outcome": outcome.outcome,
        "leading": outcome.leading,
        "counts": outcome.counts,
        "electorate": outcome.electorate,
        "seen": outcome.seen,
        "roster": _roster_word(context, row),
        "closes_ms": closes,
        "overdue": bool(closes and outcome.outcome is None and context.assembly.world.clock() > closes),
        "voted": any(each.member == context.me for each in context.assembly.store.find(tables.Ballot, proposal=row.id)),
    }


def outcome_of(context: Context, row: tables.Proposal) -> Outcome:
    """What the rules say of a proposal, by the ballots in this log."""
    standing = context.standing()
    if not standing.rosters.knows(row.roster):
        return without_effect("the roster that it pins is not reached from the genesis by what this node has seen")
    state = standing.rosters.state(row.roster)
    casts = [cast_of(ballot) for ballot in context.assembly.store.find(tables.Ballot, proposal=row.id)]
    electorate = Electorate(state.members, state.revoked)
    return decide(question_of(row), state.policies.get(row.policy), casts, electorate, context.assembly.people.label)


def question_of(row: tables.Proposal) -> Question:
    """A proposal's row as the rules take it."""
    options: Any = decode(row.options) if row.options else []
    return Question(row.policy, tuple(options), row.method, row.seats, row.verb)


def _roster_word(context: Context, row: tables.Proposal) -> str:
    standing = context.standing()
    if row.roster == standing.head:
        return "current"
    known = standing.rosters.knows(row.roster)
    return "earlier" if known and standing.rosters.ids(row.roster) <= standing.rosters.ids(standing.head) else "other"


def _roster_reason(context: Context, row: tables.Proposal) -> Result:
    standing = context.standing()
    word = _roster_word(context, row)
    now = len(context.state().members)
    if word == "current":
        text = f"It pins the roster that this node follows, of {people(now)}."
    elif word == "earlier":
        then = len(standing.rosters.state(row.roster).members)
        text = f"It pins an earlier roster, of {people(then)}; this node follows one of {now}."
    else:
        text = "It pins a roster on another line than the one that this node follows."
    return {"rule": "roster", "holds": word != "other", "text": text}


def _choice(
    policy: Policy, choices: list[str], options: tuple[str, ...]
) -> tuple[Form, int | tuple[tuple[int, ...], ...]]:
    """What a person's words say on a proposal under that policy."""
    if policy.finality == Finality.SETTLED:
        return Form.YES_NO, _yes_no(choices)
    return Form.RANKS, _ranks(choices, options)


def _yes_no(choices: list[str]) -> int:
    words = {say.name.lower(): int(say) for say in Say}
    if len(choices) != 1 or choices[0].lower() not in words:
        raise UsageError("this is a question of yes, no or abstain", "`meshd vote ID yes`")
    return words[choices[0].lower()]


def _ranks(choices: list[str], options: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """Options, best first, each a name, the beginning of one, or a number; `A=B` puts several in one rank."""
    ranks: list[tuple[int, ...]] = []
    for words in choices:
        try:
            rank = [_option(words, options)]
        except NotFoundError:
            if "=" not in words:
                raise
            rank = [_option(part.strip(), options) for part in words.split("=")]
        ranks.append(tuple(sorted(set(rank))))
    named = [option for rank in ranks for option in rank]
    if not named or len(named) != len(set(named)):
        raise UsageError("rank each option at most once, and at least one", f"Options: {_listed(options)}.")
    return tuple(ranks)


def _option(words: str, options: tuple[str, ...]) -> int:
    folded = words.casefold()
    exact = [number for number, option in enumerate(options) if option.casefold() == folded]
    begins = [number for number, option in enumerate(options) if folded and option.casefold().startswith(folded)]
    found = exact or ([int(words) - 1] if words.isdecimal() and 0 < int(words) <= len(options) else begins)
    if len(found) != 1:
        what = "more than one option" if found else "not an option"
        raise NotFoundError(f"{printable(words)} is {what}", f"Options: {_listed(options)}.")
    return found[0]


def _listed(options: tuple[str, ...]) -> str:
    return ", ".join(f"{number}. {printable(option)}" for number, option in enumerate(options, 1))
