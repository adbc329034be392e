"""The verb vote, and how a person's words become a ballot."""

import shlex
from typing import Any

from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.service import federations
from meshd.service.context import Context, Result
from meshd.service.effects import effect_text, retraction, whose_yes_helps
from meshd.service.matters import choice_words
from meshd.service.results import describe, outcome_of
from meshd.service.verbs import verb
from meshd.state import votes
from meshd.state.rows import attested_of
from meshd.state.votes import Void, Vote
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Ballot, Choice, Form, Say
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.control import FLAG, LIST, NAME, NUMBERS, TEXT
from meshd_protocol.decisions.outcome import CERTIFIED, CONTESTED, Cast
from meshd_protocol.decisions.poll import Ballots, poll_of
from meshd_protocol.decisions.result import decide
from meshd_protocol.force import Forces
from meshd_protocol.items import Decision
from meshd_protocol.kinds import Kind
from meshd_protocol.names import printable, text_of
from meshd_protocol.policies import Finality

_YES_NO = {
    "yes": Say.YES,
    "no": Say.NO,
    "abstain": Say.ABSTAIN,
}
_CONSENT = _YES_NO | {"consent": Say.YES, "object": Say.NO, "stand-aside": Say.ABSTAIN}
BLANK = "blank"
"""What somebody votes who is for none of the options."""


@verb(
    "vote",
    {"id": NAME, "choices": LIST, "numbers": NUMBERS, "late": FLAG, "preview": FLAG, "reason": TEXT},
    writes=True,
)
def vote(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd vote ID CHOICE…`: cast this person's ballot. Front ends that know the options give `numbers` instead of
    words, from 0 on: options, `[option, score]`s, or lists of options that share a rank; nothing is a blank ballot.
    """
    row = context.proposal(arguments["id"])
    label = text_of(row.id)[:8]
    called = votes.of(context.standing(), row)
    if isinstance(called, Void):
        if called.state is None:
            raise NodeError(f"{label} pins a roster that this node has not seen", "Meet a node that has, then vote.")
        raise NodeError(f"{label} has no effect: {called.reason}")
    policy, ballots = called.policy, called.ballots
    _hold_to_who_may(context, called, label)
    if "numbers" in arguments and called.question.options:
        form, choice = Form(ballots.form), _by_numbers(ballots, arguments["numbers"], len(called.question.options))
    elif not arguments.get("choices"):
        raise UsageError("the ballot says nothing", f"`meshd vote {label} CHOICE`, or `blank` where there are options.")
    else:
        form, choice = choice_of(ballots, arguments["choices"], called.question.options, label)
    reason = arguments.get("reason") or ""
    if ballots.objections and choice == Say.NO and not reason.strip():
        raise UsageError("an objection needs a reason", f"`meshd vote {label} object --reason TEXT`")
    mine = context.assembly.store.find(tables.Ballot, proposal=row.id, member=context.me)
    if mine and not policy.changeable and not _adds_a_yes(row, mine, choice):
        raise NodeError(f"you have voted on {label} already, and you can't change your vote")
    if not arguments.get("late"):
        anyway = _all_the_same(label, arguments)
        _ask_first(context, row, label, anyway)
        if choice == Say.YES and form == Form.YES_NO:
            _hold_to_what_it_names(context, row, label, anyway)
    counter = max((each.counter for each in mine), default=-1) + 1 if policy.changeable else 0
    if arguments.get("preview"):
        return _preview(context, called, Cast(
            b"", context.me, context.assembly.keys.device.public, limits.INTEGER, SCOPE_EVERYTHING, int(form), choice,
            counter, reason,
        ))  # fmt: skip
    with context.assembly.writing():
        record = context.assembly.write(Kind.BALLOT, Ballot(row.id, form, choice, counter, reason))
    outcome = outcome_of(context, row)
    return {
        "id": text_of(record.id),
        "proposal": describe(context, row, outcome),
        "effect": effect_text(context, row, outcome),
        "warnings": _warnings(context, row),
    }


def _hold_to_who_may(context: Context, called: Vote, label: str) -> None:
    """Who may vote on it: a member of the pinned roster or, where it acts on the roster, of today's. In a federation
    assemblies decide, and those who sit for them say something where policy and mandate let them. Raises NodeError.
    """
    federal, policy = called.state.federal, called.policy
    if federal is None:
        if context.me not in called.state.members and not (called.row.verb and context.me in context.state().members):
            raise NodeError(f"you may not vote on {label}: you were not a member when it was proposed")
        return
    if called.hears(context.me):
        return
    if not policy.hears_seats and called.row.verb != Verb.RECALL:
        there = f"There: meshd voice {text_of(called.row.id)} --in {text_of(context.assembly.id)}"
        raise NodeError(f"assemblies decide {label}, each by a vote of its own", there)
    raise NodeError(
        f"you may not vote on {label}: no mandate of yours grants `voice {policy.name}`",
        "Your assembly gives it, or says something itself: `meshd voice` there.",
    )


def _preview(context: Context, called: Vote, cast: Cast) -> Result:
    """What a ballot would make of the outcome by what is held here, whether it can be changed, who sees it."""
    store, row, state = context.assembly.store, called.row, called.state
    member = state.member_of(context.me) or context.me
    casts = context.standing().ballots(row, state)
    if state.federal is None or called.policy.finality == Finality.CERTIFIED:  # else it settles nothing
        casts = [*casts, cast._replace(member=member)]
    poll = poll_of(called.ballots, casts, state.electorate)
    attestations = [attested_of(each) for each in store.find(tables.Attestation, proposal=row.id)]
    label = context.assembly.people.label
    outcome = decide(called.question, called.policy, poll, attestations, state.electorate, state.witnesses, label)
    shown = describe(context, row, outcome)
    if cast.form == Form.YES_NO and cast.choice == Say.YES and shown["waits_for"]:
        others = whose_yes_helps(context, row, outcome, also=frozenset((context.me,)))
        shown |= {"waits_for": sorted(map(label, others))} | ({} if others else {"in_effect": None, "force": None})
    return {
        "id": text_of(row.id),
        "changeable": called.policy.changeable,
        "ballot": choice_words(cast.form, cast.choice, called.question.options, consent=called.ballots.objections),
        "proposal": shown,
        "seen_by": len(context.state().inside),
        "carried_on": bool(row.verb) and bool(federations.joined(context)),
    }


def may_vote_again(context: Context, row: tables.Proposal) -> bool:
    """Whether this person has voted, and another ballot of theirs would count, too, while the vote is open."""
    called = votes.of(context.standing(), row)
    mine = context.assembly.store.find(tables.Ballot, proposal=row.id, member=context.me)
    if isinstance(called, Void) or not mine or outcome_of(context, row).outcome is not None:
        return False
    return retraction(context, row) is None and (called.policy.changeable or _adds_a_yes(row, mine, Say.YES))


def _adds_a_yes(row: tables.Proposal, mine: list[tables.Ballot], choice: Choice) -> bool:
    """On a motion of recall, who signed to keep may still sign for recall: a yes counts beside a no."""
    return row.verb == Verb.RECALL and choice == Say.YES and all(each.choice == b"\x00" for each in mine)


def _ask_first(context: Context, row: tables.Proposal, label: str, anyway: str) -> None:
    """What an honest node asks its person before it votes; `anyway` is the command that does. Raises NodeError."""
    outcome = outcome_of(context, row)
    if outcome.state in (CERTIFIED, CONTESTED):
        raise NodeError(
            f"{label} is {outcome.state} already: a ballot that comes now counts for nothing",
            f"`meshd propose TITLE --repeals {label}` asks again; `{anyway}` puts your ballot on record all the same.",
        )
    taken_back = retraction(context, row)
    if taken_back is not None:
        by = context.assembly.people.label(row.member)
        raise NodeError(
            f"{label} was withdrawn by its author, {by}{': ' + taken_back.reason if taken_back.reason else ''}",
            f"`{anyway}` votes all the same: a withdrawal undoes nothing, your ballot counts.",
        )
    if row.closes_ms is not None and context.assembly.world.clock() > row.closes_ms:
        raise NodeError(f"the date that {label} was to close at has passed", f"`{anyway}` votes all the same.")
    standing = context.standing()
    pinned = standing.rosters.state(row.roster)
    gone = pinned.members - context.state().members
    if gone and row.roster != standing.head and row.id not in standing.rosters.ids(standing.head):
        names = ", ".join(sorted(map(context.assembly.people.label, gone)))
        raise NodeError(
            f"{label} pins an earlier roster, in which people vote who are not members any more: {names}",
            f"Propose it anew, or `{anyway}` votes all the same.",
        )


def _all_the_same(label: str, arguments: dict[str, Any]) -> str:
    """The command that casts the same ballot without being asked first."""
    reason = arguments.get("reason")
    words = [label, *(arguments.get("choices") or ["CHOICE"]), "--late", *(["--reason", reason] if reason else [])]
    return f"meshd vote {shlex.join(words)}"


def _hold_to_what_it_names(context: Context, row: tables.Proposal, label: str, anyway: str) -> None:
    """A yes to an action keeps in force what it names: not, unless this node sees that it is. Raises NodeError."""
    standing = context.standing()
    item = standing.item(row.id)
    if not isinstance(item, Decision) or not item.verb:
        return
    missing = Forces(standing.rosters, standing, row.roster).unfounded(item)
    if missing:
        ids = ", ".join(text_of(each)[:8] for each in missing[:5])
        raise NodeError(
            f"{label} names decisions as in force that by what this node holds are not: {ids}",
            f"Meet others first: their ballots may be missing here. `{anyway}` votes all the same.",
        )


def _warnings(context: Context, row: tables.Proposal) -> list[str]:
    """That a proposal pins another roster than the one of now, and what this ballot counts for."""
    standing = context.standing()
    pinned, now = standing.rosters.state(row.roster).members, context.state().members
    if context.me not in pinned:
        text = (
            "You were not a member when it was proposed: your yes does not decide it. It counts among those of today's "
            "members, who must have said yes, too, for it to be in effect."
        )
        return [text]
    if pinned == now or row.roster == standing.head or row.id in standing.rosters.ids(standing.head):
        return []
    then = len(pinned)
    return [f"It pins an earlier roster, of {then} members; now there are {len(now)}. Its own {then} vote on it."]


def choice_of(ballots: Ballots, words: list[str], options: tuple[str, ...], label: str) -> tuple[Form, Choice]:
    """What a person's words say, in the form that the proposal called `label` asks for.

    Words that are one option together mean it, if they mean nothing else: people forget its quotes. Raises UsageError
    or NotFoundError.
    """
    form = Form(ballots.form)
    if form == Form.YES_NO:
        return form, _say(words, label, consent=ballots.objections)
    if [word.casefold() for word in words] == [BLANK] and BLANK not in map(str.casefold, options):
        return form, ()
    whole = " ".join(words)
    is_one = len(words) > 1 and _are_whole(form, whole, options)
    try:
        choice = _choice(ballots, words, options)
    except (NotFoundError, UsageError) as error:
        if is_one:
            return form, _choice(ballots, [whole], options)
        quoted = _in_quotes(ballots, words, options)
        if quoted is not None:
            error.hint = f"In quotes: `meshd vote {label} {shlex.join(quoted)}`. {error.hint}"
        raise
    if is_one and not all(_are_whole(form, word, options) for word in words):
        hint = f"`meshd vote {label} {shlex.quote(whole)}` means the one. For several, give whole names or numbers."
        raise UsageError(
            f"{printable(whole)} is one option, and may mean several", f"{hint} Options: {_listed(options)}."
        )
    return form, choice


def _by_numbers(ballots: Ballots, numbers: list[Any], options: int) -> Choice:
    """What numbers say. Raises UsageError."""
    try:
        if ballots.form == Form.RANKS:
            said: Any = tuple(tuple(sorted({_number(each, options) for each in rank})) for rank in numbers)
            named = [each for rank in said for each in rank]
        elif ballots.form == Form.SCORES:
            said = tuple(
                sorted((_number(option, options), _number(score, limits.SCORE + 1)) for option, score in numbers)
            )
            named = [option for option, _ in said]
        else:
            said = tuple(sorted(_number(each, options) for each in numbers))
            named = list(said)
    except (TypeError, ValueError) as error:
        raise UsageError("the numbers of this ballot can't be read") from error
    if len(named) != len(set(named)) or (ballots.form == Form.RANKS and () in said):
        raise UsageError("each option stands on a ballot once at most")
    if ballots.most is not None and ballots.form not in (Form.RANKS, Form.SCORES) and len(named) > ballots.most:
        raise UsageError(f"choose at most {ballots.most} option")
    return said  # type: ignore[no-any-return]


def _number(value: Any, bound: int) -> int:
    if type(value) is not int or not 0 <= value < bound:
        raise ValueError("no such number")
    return value


def _choice(ballots: Ballots, words: list[str], options: tuple[str, ...]) -> Choice:
    """What words say, each for itself."""
    if ballots.form == Form.RANKS:
        return _ranks(words, options)
    if ballots.form == Form.SCORES:
        return _scores(words, options)
    chosen = sorted({_option(word, options) for word in words})
    if ballots.most is not None and len(chosen) > ballots.most:
        raise UsageError(f"name at most {ballots.most} option", f"Options: {_listed(options)}.")
    return tuple(chosen)


def _are_whole(form: Form, word: str, options: tuple[str, ...]) -> bool:
    """Whether a word names its options by their whole names or numbers."""
    names = {option.casefold() for option in options}
    if form == Form.SCORES:
        parts = [word.rpartition("=")[0]]
    else:
        parts = word.split("=") if form == Form.RANKS and word.casefold() not in names else [word]
    return all(part.strip().casefold() in names or part.strip().isdecimal() for part in parts)


def _in_quotes(ballots: Ballots, words: list[str], options: tuple[str, ...]) -> list[str] | None:
    """The same words as options of several words, where there is one way alone to read them so."""
    longest = max(len(option.split()) for option in options)
    ways: list[list[list[str]]] = [[] for _ in words] + [[[]]]
    """From each word on, two of the ways at most."""
    for start in reversed(range(len(words))):
        for size in range(1, min(longest, len(words) - start) + 1):
            group = " ".join(words[start : start + size])
            if _fits(ballots, [group], options) and (size == 1 or _are_whole(Form(ballots.form), group, options)):
                ways[start] += [[group, *rest] for rest in ways[start + size]]
        del ways[start][2:]
    return ways[0][0] if len(ways[0]) == 1 and _fits(ballots, ways[0][0], options) else None


def _fits(ballots: Ballots, words: list[str], options: tuple[str, ...]) -> bool:
    try:
        _choice(ballots, words, options)
    except (NotFoundError, UsageError):
        return False
    return True


def _say(words: list[str], label: str, *, consent: bool) -> int:
    known = _CONSENT if consent else _YES_NO
    if len(words) != 1 or words[0].casefold() not in known:
        asked = "consent, object or stand-aside" if consent else "yes, no or abstain"
        raise UsageError(f"this is a question of {asked}", f"`meshd vote {label} CHOICE`, one of them")
    return int(known[words[0].casefold()])


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
    if len(named) != len(set(named)):
        raise UsageError("rank each option at most once", f"Options: {_listed(options)}.")
    return tuple(ranks)


def _scores(choices: list[str], options: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """`OPTION=SCORE` each."""
    scores: dict[int, int] = {}
    for words in choices:
        name, equals, number = words.rpartition("=")
        if not equals or not number.strip().isdecimal() or int(number) > limits.SCORE:
            raise UsageError(
                f"{printable(words)} gives no score from 0 to {limits.SCORE}", f"Like {shlex.quote(f'{options[0]}=5')}."
            )
        option = _option(name.strip(), options)
        if option in scores:
            raise UsageError("score each option at most once", f"Options: {_listed(options)}.")
        scores[option] = int(number)
    return tuple(sorted(scores.items()))


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
