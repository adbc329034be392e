"""Verbs that open a decision on a text, or speak to one: propose, uphold, answer, withdraw. Others open theirs here."""

from typing import Any

from meshd.errors import NodeError, UsageError
from meshd.service import landmarks
from meshd.service.anew import is_uncertain, put_again
from meshd.service.context import Context, Result, short_title, span
from meshd.service.effects import force_of, retraction
from meshd.service.fields import fields_of
from meshd.service.putting import INSTEAD, open_proposal
from meshd.service.results import outcome_of, repealed_by
from meshd.service.spans import OVER, span_of
from meshd.service.templates import find_form, usable
from meshd.service.verbs import verb
from meshd.service.voting import BLANK
from meshd.state.rows import question_of
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Answer, Proposal, Retraction, Say
from meshd_protocol.bodies.institutions import Figures
from meshd_protocol.control import LIST, NAME, NUMBER, SOME, TEXT
from meshd_protocol.decisions.certified import quorum
from meshd_protocol.decisions.counting.methods import METHODS
from meshd_protocol.decisions.outcome import FAILED, TIE
from meshd_protocol.decisions.question import RESERVED
from meshd_protocol.entries import figures_problem
from meshd_protocol.force import REFUSED, Forces
from meshd_protocol.items import Decision
from meshd_protocol.kinds import Kind
from meshd_protocol.landmark import RULE, plan_of
from meshd_protocol.names import as_word, printable, text_of
from meshd_protocol.policies import Finality, Method, Policy
from meshd_protocol.roles import same_role
from meshd_protocol.thresholds import settles

DEFAULT_POLICY = "standard"
_NEARLY_MS = 60_000
"""How far a date may be off from the end that it means."""
DEFAULT_METHOD = "schulze"


@verb(
    "propose",
    {
        "title": TEXT,
        "again": TEXT,
        "text": TEXT,
        "policy": TEXT,
        "options": LIST,
        "closes_ms": NUMBER,
        "method": TEXT,
        "seats": NUMBER,
        "costs": LIST,
        "budget": NUMBER,
        "amends": TEXT,
        "repeals": LIST,
        "form": TEXT,
        "fields": LIST,
        "tags": LIST,
        "under": TEXT,
    },
    writes=True,
)
def propose(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd propose`: put a question to the members of the roster that this node follows."""
    state = context.member_only("propose")
    before: Proposal | None = None
    if arguments.get("again"):
        others = sorted(name for name, value in arguments.items() if value and name != "again")
        if others:
            raise UsageError(f"a proposal that is put anew says what it said: leave out {', '.join(others)}")
        before, arguments = put_again(context, context.proposal(arguments["again"]))
    if not arguments.get("title"):
        raise UsageError("a proposal has a title", "`meshd propose TITLE`")
    options = tuple(arguments.get("options") or ())
    name = arguments.get("policy") or _usual(context, arguments)
    policy = state.policies.get(name)
    usable = sorted(each for each in state.policies if each not in RESERVED)
    if policy is None:
        raise UsageError(f"there is no policy {printable(name)}", f"There are: {', '.join(usable)}.")
    if name in RESERVED and before is None:
        raise UsageError(f"the policy {name} decides its own matters", INSTEAD[name])
    warnings = _check_closes(context, policy, arguments.get("closes_ms"))
    repealed = _repealed(context, name, arguments.get("repeals") or [])
    body = Proposal(
        roster=context.standing().head,
        policy=name,
        title=arguments["title"],
        text=arguments.get("text") or "",
        options=options,
        closes_ms=arguments.get("closes_ms"),
        method=_method(policy, arguments),
        seats=1 if arguments.get("seats") is None else arguments["seats"],
        costs=_costs(arguments),
        budget=arguments.get("budget"),
        amends=context.proposal(arguments["amends"]).id if arguments.get("amends") else None,
        repeals=tuple(sorted(each.id for each in repealed)),
        anew=any(is_uncertain(context, each) for each in repealed),
        what=_figures(context, arguments) if before is None else before.what,
        under=_under(context, arguments.get("under")),
        tags=tuple(dict.fromkeys(arguments.get("tags") or ())),
    )
    _check_options(options)
    plan = plan_of(context.assembly.id, b"", body)
    if plan is not None:
        warnings += landmarks.check(context, plan, policy)
    proposal = open_proposal(context, body)
    witnesses = context.state().witnesses
    if policy.finality == Finality.CERTIFIED and not witnesses.seats:
        warnings.append(
            "This assembly has no witnesses: nobody can certify this. `meshd witness on` asks for a seat; what is "
            "proposed after it is given has a witness."
        )
    elif policy.finality == Finality.CERTIFIED and len(witnesses.devices) < quorum(witnesses.seats):
        warnings.append(
            f"Of {witnesses.seats} witnesses {len(witnesses.devices)} have a device that attests, and "
            f"{quorum(witnesses.seats)} certify: nobody can certify this. `meshd witness` shows who has none."
        )
    if context.standing().apart():
        warnings.append("Another line of this assembly goes on beside the roster that this pins: `meshd status`.")
    return {"id": text_of(proposal), "policy": name, "warnings": warnings}


def _usual(context: Context, arguments: dict[str, Any]) -> str:
    """The policy of a proposal that names none: that of what it takes the place of, else the one for its form."""
    if arguments.get("repeals"):
        return context.proposal(arguments["repeals"][0]).policy
    return "election" if arguments.get("options") else DEFAULT_POLICY


def _under(context: Context, words: str | None) -> bytes | None:
    """The mandate with a span that is named, by its role or its id. Raises NodeError."""
    if not words:
        return None
    state = context.state()
    given = [each for each in state.mandates.values() if each.mandate.lasts and state.in_force(each.id)]
    named = [each.id for each in given if same_role(each.mandate.role, words)]
    if not named:
        row = context.proposal(words)
        named = [each.id for each in given if each.id == row.id]
    if not named:
        raise NodeError(f"{printable(words)} is no mandate in force with a span", "`meshd delegates` shows all.")
    span_ = span_of(context, named[0])
    if span_["state"] == OVER:
        raise NodeError(f"the span of {span_['role']} is over here: its witnesses attest nothing more under it")
    return named[0]


def _figures(context: Context, arguments: dict[str, Any]) -> Figures | None:
    """What a decision says with figures, by a form of a template in force that nobody enters alone."""
    if not arguments.get("form"):
        if arguments.get("fields"):
            raise UsageError("fields go with a form", "`meshd propose TITLE --form FORM --field NAME=VALUE`")
        return None
    design, form = find_form(context, arguments["form"])
    template = usable(design)
    if form.who:
        raise UsageError(f"{form.name} is entered, and not decided", f"`meshd entry {form.name} NAME=VALUE …`")
    fields = fields_of(context, template, form, arguments.get("fields") or [])
    if form.rule == RULE:
        fields = landmarks.fill(context, fields)
    figures = Figures(design.row.id, form.name, fields)
    problem = figures_problem(template, figures)
    if problem is not None:
        hint = f"`meshd institutions {as_word(design.name)}`"
        raise UsageError(f"this does not fit the form {form.name}: {problem}", hint)
    return figures


def _check_closes(context: Context, policy: Policy, closes_ms: int | None) -> list[str]:
    """Witnesses attest a vote after its policy's time, whatever date is wished for: to be warned of. Raises UsageError
    for one that is over by then.
    """
    if closes_ms is None or policy.finality != Finality.CERTIFIED:
        return []
    open_for = span((policy.notice + policy.open_for) * 1000)
    other = f"choose another policy; `meshd amend {policy.name} --open SPAN` changes this one."
    given = closes_ms - context.assembly.world.clock()
    if given < (policy.notice + policy.open_for) * 1000 - _NEARLY_MS:
        raise UsageError(
            f"{policy.name} is open for {open_for}: it can't close before that",
            f"Leave the end out (--closes), or {other}",
        )
    if given > policy.wait * 1000 + _NEARLY_MS:
        over = span(policy.wait * 1000)
        return [f"{policy.name} is over after {over}: a later end has no effect. For more time, {other}"]
    return []


def _method(policy: Policy, arguments: dict[str, Any]) -> str | None:
    method: str | None = arguments.get("method")
    if policy.method != Method.ELECTION:
        if method is not None:
            raise UsageError(f"{policy.name} decisions are yes or no, and need no counting method")
        return None
    if method is not None and method not in METHODS:
        raise UsageError(f"there is no counting method {printable(method)}", f"There are: {', '.join(METHODS)}.")
    if method is None and arguments.get("budget") is not None:
        return "equal-shares"
    return method or ("stv-scottish" if (arguments.get("seats") or 1) > 1 else DEFAULT_METHOD)


def _costs(arguments: dict[str, Any]) -> tuple[int, ...]:
    costs: list[int] = []
    for words in arguments.get("costs") or ():
        if not words.isdecimal():
            raise UsageError(f"{printable(words)} is no cost", "A whole number, in the smallest coin.")
        costs.append(int(words))
    return tuple(costs)


def _check_options(options: tuple[str, ...]) -> None:
    if len({option.casefold().strip() for option in options}) < len(options) or not all(map(str.strip, options)):
        raise UsageError("this can't be proposed: two options can't be told apart, or one is empty")
    if BLANK in map(str.casefold, options):
        raise UsageError(f"no option can be called {BLANK}: that is the ballot for none of them")


def _repealed(context: Context, policy: str, ids: list[str]) -> list[tables.Proposal]:
    """The decisions whose place a new one is to take: all that passed, or all that came to nothing certain."""
    rows = [context.proposal(each) for each in dict.fromkeys(ids)]
    if len(rows) > limits.REPEALS:
        raise UsageError(f"one decision takes the place of at most {limits.REPEALS}")
    for row in rows:
        if row.policy != policy:
            raise UsageError(f"it was decided as {row.policy}: only a decision of the same policy takes its place")
        if row.verb:
            raise UsageError("what changed the roster is not repealed, but undone by its own command", "`meshd --help`")
        outcome = outcome_of(context, row)
        if is_uncertain(context, row):
            continue
        if outcome.outcome in (FAILED, TIE) or repealed_by(context, row):
            raise NodeError("there is nothing to repeal: it did not pass, or was repealed already")
        if outcome.outcome is None:
            raise NodeError(
                f"it is not final yet, but {outcome.state}", "Vote on it; `--amends` proposes a rival text."
            )
    if len({is_uncertain(context, row) for row in rows}) > 1:
        raise UsageError("some of these passed, and some are split", "Put each kind in a proposal of its own.")
    return rows


@verb("uphold", {"ids": SOME}, writes=True)
def uphold(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd uphold ID…`: propose to put in force what was decided before and binds nobody now, and vote yes."""
    context.member_only("uphold decisions")
    standing = context.standing()
    named: dict[bytes, bytes] = {}
    titles: list[str] = []
    for words in arguments["ids"]:
        row = context.proposal(words)
        item = standing.item(row.id)
        if row.verb or not isinstance(item, Decision):
            raise UsageError("what changes the roster is in effect by the roster", "`meshd why ID` says what it lacks.")
        force = standing.forces.of(item)
        if force is None or force.finding[0] in REFUSED:
            raise NodeError(
                f"{text_of(row.id)[:8]} did not pass, so there is nothing to uphold", "`meshd propose` asks anew."
            )
        if force.rivals:
            told = force_of(context, row)
            raise NodeError(told.text if told is not None else "it has a rival")
        if force.holds:
            raise NodeError(f"{text_of(row.id)[:8]} is in force already")
        named[row.id] = Forces(standing.rosters, standing, row.roster).bits(item)
        titles.append(row.title)
    if len(named) > limits.KEEPS:
        raise UsageError(f"one decision upholds at most {limits.KEEPS}")
    action = (int(Verb.UPHOLD), tuple(sorted(named.items())))
    title = short_title(f"Put in force: {', '.join(titles)}")
    body = Proposal(standing.head, _any_settled(context), title, action=action)
    return {"id": text_of(open_proposal(context, body, say=Say.YES)), "decisions": len(named)}


def _any_settled(context: Context) -> str:
    """The settled policy with the lowest threshold: more than half of all members at least."""
    state = context.state()
    able = [each for each in state.policies.values() if settles(each)]
    if not able:
        raise NodeError("this assembly has no settled policy", "`meshd amend POLICY --settled` sets one.")
    return min(able, key=lambda each: (state.needed(each), each.name in RESERVED, each.name)).name


@verb("answer", {"id": NAME, "text": NAME}, writes=True)
def answer(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd answer ID TEXT`: what the person whom a motion is about has to say; it travels with the motion."""
    row = context.proposal(arguments["id"])
    if context.me not in about(context, row):
        raise NodeError("this motion is not about you", "`meshd say TEXT --about ID` says something on any proposal.")
    with context.assembly.writing():
        record = context.assembly.write(Kind.ANSWER, Answer(row.id, arguments["text"]))
    return {"id": text_of(record.id)}


def about(context: Context, row: tables.Proposal) -> frozenset[bytes]:
    """The people whom a motion is about."""
    if row.verb not in (Verb.REMOVE, Verb.REVOKE, Verb.RECALL):
        return frozenset()
    payload = question_of(row).payload
    if row.verb == Verb.REMOVE:
        return frozenset(payload)
    if row.verb == Verb.REVOKE:
        return frozenset((payload[0],))
    given = context.state().mandates.get(payload)
    return frozenset((given.mandate.holder,)) if given else frozenset()


@verb("withdraw", {"id": NAME, "reason": TEXT}, writes=True)
def withdraw(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd withdraw ID`: take back one's own proposal, so that it waits for nobody. No ballot is undone by it."""
    context.member_only("withdraw proposals")
    row = context.proposal(arguments["id"])
    label = text_of(row.id)[:8]
    if row.member != context.me:
        raise NodeError(f"{label} is {context.assembly.people.label(row.member)}'s: only its author withdraws it")
    if retraction(context, row) is not None:
        raise NodeError(f"you have withdrawn {label} already")
    outcome = outcome_of(context, row)
    if outcome.outcome is not None:
        raise NodeError(f"{label} is final: {outcome.state}", "`meshd propose TITLE --repeals ID` takes its place.")
    with context.assembly.writing():
        record = context.assembly.write(Kind.RETRACTION, Retraction(row.id, arguments.get("reason") or ""))
    warnings = [_SIGNED] if row.verb == Verb.RECALL and outcome.seen else []
    return {"id": text_of(record.id), "title": row.title, "seen": outcome.seen, "warnings": warnings}


_SIGNED = "Signatures for a recall go on counting, on whichever motion they stand: nobody takes them back."
