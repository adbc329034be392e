"""What each proposal is to this person: whether their ballot is asked for, until when, and what they said.

Most of it is remembered from one question to the next (`state.remembered`), since a home may hold thousands of them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from meshd.service.context import Context
from meshd.service.effects import moot, retraction, whose_yes_helps
from meshd.service.results import outcome_of
from meshd.service.stuck import Why, stuck
from meshd.state import votes
from meshd.state.rows import cast_of, question_of
from meshd.state.votes import Vote
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Form, Say
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.decisions.outcome import OPEN, PROVISIONAL, Outcome
from meshd_protocol.policies import Finality, Method

VOTE = "vote"
STEP = "step"
"""It is decided, and waits for the yes of more of today's members, this person's too."""


class Matter(NamedTuple):
    """A proposal as this person meets it. `asked` is VOTE, STEP or None; `said` their own ballot in words, or None.

    `wait_s` is how long its policy lets people vote, in seconds; None where it is over once enough have said yes.
    `late` says that nodes ask before they vote on it, so that `vote` has to be told to. `stuck` says why it comes to
    nothing, but for witnesses who are late: that a clock says.

    `annulled` says that this person's last ballots differ, cast on two machines, say: then none counts, and `said` is
    None.
    """

    id: bytes
    title: str
    policy: str
    author: bytes
    time_ms: int
    closes_ms: int | None
    wait_s: int | None
    open: bool
    final: bool
    asked: str | None
    said: str | None
    annulled: bool
    late: bool
    stuck: Why | None


def all_matters(context: Context) -> list[Matter]:
    """Every proposal, in the order in which they came here. Raises NodeError."""
    assembly = context.assembly
    remembered = assembly.remembered.of("matter", context.standing().reach)
    if assembly.remembered.proposals is None:
        assembly.remembered.proposals = [row.id for row in assembly.store.find(tables.Proposal)]
    found: list[Matter] = []
    for identity in assembly.remembered.proposals:
        matter: Matter | None = remembered.get(identity)
        if matter is None:
            row = assembly.store.get(tables.Proposal, id=identity)
            assert row is not None, "what is remembered is in the log"
            matter = matter_of(context, row)
            if row.verb != Verb.UPHOLD:  # that hangs on ballots for others
                remembered[identity] = matter
        found.append(matter)
    return found


def asked_now(context: Context) -> Iterator[Matter]:
    """The matters in which this person's ballot is asked for and can still be cast."""
    now = context.assembly.world.clock()
    for matter in all_matters(context):
        over = matter.closes_ms is not None and matter.closes_ms < now
        if matter.stuck is not None and matter.asked == VOTE:
            continue  # it comes to nothing, whatever is said
        if matter.asked == STEP or (matter.asked is not None and not over):
            yield matter._replace(late=matter.late or over)


def ends_ms(context: Context, matter: Matter) -> int | None:
    """When a vote is over, by this machine's clock and measure; None where it is over once enough have said yes."""
    if matter.wait_s is None:
        return matter.closes_ms
    over = witness.over_ms(context.assembly, matter.id)
    if over is None:
        over = matter.time_ms + matter.wait_s * 1000
    return over if matter.closes_ms is None else min(over, matter.closes_ms)


def matter_of(context: Context, row: tables.Proposal) -> Matter:
    """What a proposal is to this person now."""
    outcome, vote = outcome_of(context, row), votes.of(context.standing(), row)
    sound = isinstance(vote, Vote) and retraction(context, row) is None
    certified = isinstance(vote, Vote) and vote.policy.finality == Finality.CERTIFIED
    found = stuck(context, row, outcome) if sound else None
    said = _said(context, row)
    return Matter(
        row.id,
        row.title,
        row.policy,
        row.member,
        row.time_ms,
        row.closes_ms,
        vote.policy.wait if isinstance(vote, Vote) and certified else None,
        sound and outcome.state in (OPEN, PROVISIONAL) and outcome.outcome is None,
        outcome.outcome is not None,
        _asked(context, vote, outcome) if sound and isinstance(vote, Vote) else None,
        said[0] if len(said) == 1 else None,
        len(said) > 1,
        isinstance(vote, Vote) and _is_late(context, vote),
        found.why if found is not None and found.why != Why.LATE else None,
    )


def _asked(context: Context, vote: Vote, outcome: Outcome) -> str | None:
    """Why this person's ballot is asked for; None where it is not, or would count for nothing."""
    now, row, then = context.state(), vote.row, vote.state.members
    inside = context.me in now.members or vote.hears(context.me)
    if not inside or not _may_sign(context, changeable=vote.policy.changeable):
        return None
    if context.me not in then and not row.verb and not vote.hears(context.me):
        return None
    if context.assembly.store.get(tables.Ballot, proposal=row.id, member=context.me) is not None:
        return None
    if outcome.outcome is not None:
        return STEP if context.me in whose_yes_helps(context, row, outcome) else None
    if outcome.state not in (OPEN, PROVISIONAL) or (row.verb and moot(context, row) is not None):
        return None
    anew = vote.policy.finality == Finality.SETTLED and not row.verb  # nodes ask before that, so it is put anew
    return None if anew and _is_late(context, vote) else VOTE


def _is_late(context: Context, vote: Vote) -> bool:
    """Whether people were to vote on it who are not members any more."""
    standing, row = context.standing(), vote.row
    if row.roster == standing.head or row.id in standing.rosters.ids(standing.head):
        return False
    return not vote.state.members <= context.state().members


def _may_sign(context: Context, *, changeable: bool) -> bool:
    """Whether this device may cast such a ballot: one that several people use casts only those that can be changed."""
    device = context.assembly.keys.device.public
    if device in context.state().revoked:
        return False
    own = context.assembly.store.get(tables.Certificate, device=device)
    return own is None or own.scope == SCOPE_EVERYTHING or changeable


def _said(context: Context, row: tables.Proposal) -> list[str]:
    """This person's last ballot, in words: several where two devices of theirs, say, cast some that differ, and none
    counts. Under a settled policy one does: a yes, else a no.
    """
    casts = list(map(cast_of, context.assembly.store.find(tables.Ballot, proposal=row.id, member=context.me)))
    latest = max((cast.counter for cast in casts), default=0)
    last = {(cast.form, cast.choice) for cast in casts if cast.counter == latest}
    standing = context.standing()
    policies = standing.rosters.state(row.roster).policies if standing.rosters.knows(row.roster) else {}
    policy = policies.get(row.policy)
    consent = policy is not None and policy.method == Method.CONSENT
    options = question_of(row).options
    if policy is not None and policy.finality == Finality.SETTLED:
        said = {cast.choice for cast in casts}
        last = {(int(Form.YES_NO), each) for each in [each for each in _STRONGEST if each in said][:1]}
    return [choice_words(form, choice, options, consent=consent) for form, choice in last]


_STRONGEST = (Say.YES, Say.NO, Say.ABSTAIN)


def choice_words(form: int, choice: Any, options: tuple[str, ...], *, consent: bool) -> str:
    """A ballot's choice in the words that cast it."""
    if form == Form.YES_NO:
        said = Say(choice)
        return _CONSENT[said] if consent else said.name.lower()
    if not choice:
        return "blank"
    if form == Form.RANKS:
        return " > ".join("=".join(_option(each, options) for each in rank) for rank in choice)
    if form == Form.SCORES:
        return ", ".join(f"{_option(option, options)}={score}" for option, score in choice)
    return ", ".join(_option(each, options) for each in choice)


def _option(number: int, options: tuple[str, ...]) -> str:
    return options[number] if number < len(options) else f"option {number + 1}"


_CONSENT = {Say.YES: "consent", Say.NO: "object", Say.ABSTAIN: "stand-aside"}
