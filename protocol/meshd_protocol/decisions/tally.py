"""What a poll comes to under a certified policy, as one node counts it: the finding that a witness would attest.

It is no outcome: a later ballot may change it. Only a quorum of witnesses makes it one (`certified`).
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from meshd_protocol.bodies.decisions import Form, Say, Verdict
from meshd_protocol.decisions.counting import methods
from meshd_protocol.decisions.counting.result import Round
from meshd_protocol.decisions.outcome import FAILED, PASSED, TIE, Finding, Naming, Reason, people
from meshd_protocol.decisions.poll import CONSENT_WORDS, WORDS, Poll, Voice, because
from meshd_protocol.decisions.question import Question
from meshd_protocol.policies import Method, Policy


class Tally(NamedTuple):
    """The finding, the counts that go with it (yes, no, abstain, or one for each option), and the reasons."""

    finding: Finding
    counts: tuple[int, ...]
    reasons: tuple[Reason, ...]
    leading: str | list[str] | None
    tied: bool = False


def tally(question: Question, policy: Policy, poll: Poll, members: int, naming: Naming) -> Tally:
    """Count a poll under a certified policy, in a roster of that many members."""
    quorum = quorum_reason(policy, poll.seen, members)
    if policy.method == Method.ELECTION:
        return _election(question, poll, quorum)
    counts = tuple(poll.says(say) for say in WORDS)
    rule = _consent(poll, naming) if policy.method == Method.CONSENT else _threshold(policy, poll, members)
    passed = quorum.holds and rule.holds
    yes, no, _ = counts
    leading = None if yes == no else "yes" if yes > no else "no"
    if policy.method == Method.CONSENT:
        leading = None if not poll.seen else "yes" if rule.holds else "no"
    finding = (int(Verdict.PASSED if passed else Verdict.FAILED), ())
    return Tally(finding, counts, (quorum, rule), leading)


def finding_word(finding: Finding, question: Question) -> str | list[str]:
    """A finding as an outcome is shown: `passed`, `failed`, `tie`, or the winners' names."""
    verdict, winners = finding
    if verdict == Verdict.WINNERS:
        return [question.options[option] for option in winners]
    return {Verdict.FAILED: FAILED, Verdict.PASSED: PASSED, Verdict.TIE: TIE}[Verdict(verdict)]


def finding_text(finding: Finding, question: Question) -> str:
    """The same in a sentence."""
    word = finding_word(finding, question)
    return word if isinstance(word, str) else ", ".join(word)


def ballot_reasons(
    question: Question, policy: Policy, poll: Poll, naming: Naming, late: Collection[bytes] = ()
) -> list[Reason]:
    """Each member's voice in a sentence; of `late` members, that it came too late."""
    reasons: list[Reason] = []
    for voice in sorted(poll.voices, key=lambda voice: naming(voice.member)):
        reason = _ballot_reason(question, policy, voice, naming)
        if voice.member in late:
            reason = Reason("late", False, f"{reason.text} Too late for every witness who certified.")
        reasons.append(reason)
    return reasons


def _ballot_reason(question: Question, policy: Policy, voice: Voice, naming: Naming) -> Reason:
    if voice.choice is None:
        return Reason("ballot-twice", False, f"{naming(voice.member)} signed different ballots; none counts.")
    if policy.method == Method.ELECTION:
        return Reason("ballot", True, f"{naming(voice.member)}: {words(question, voice.choice)}{because(voice)}.")
    assert isinstance(voice.choice, int)
    if policy.method == Method.CONSENT:
        objects = voice.choice == Say.NO
        text = f"{naming(voice.member)} {CONSENT_WORDS[Say(voice.choice)]}{because(voice)}."
        return Reason("objection" if objects else "ballot", not objects, text)
    return Reason("ballot", True, f"{naming(voice.member)} says {WORDS[Say(voice.choice)]}{because(voice)}.")


def words(question: Question, choice: Any) -> str:
    """An election's ballot in words: `A, then B = C`, `A and B`, `A 5, B 3`, `blank`."""
    names = question.options
    if not choice:
        return "blank"
    form = methods.METHODS[str(question.method)].form
    if form == Form.RANKS:
        return ", then ".join(" = ".join(names[option] for option in rank) for rank in choice)
    if form == Form.SCORES:
        return ", ".join(f"{names[option]} {score}" for option, score in choice)
    return " and ".join(names[option] for option in choice)


def quorum_reason(policy: Policy, seen: int, members: int) -> Reason:
    """Whether enough ballots counted."""
    assert policy.quorum is not None
    numerator, denominator = policy.quorum
    needed = -(-members * numerator // denominator)
    text = f"The policy {policy.name} asks for ballots of {needed} of {people(members)}; {seen} counted."
    return Reason("quorum", seen >= needed and seen > 0, text)


def _threshold(policy: Policy, poll: Poll, members: int) -> Reason:
    assert policy.threshold is not None
    numerator, denominator, strict = policy.threshold
    yes, cast = poll.says(Say.YES), poll.says(Say.YES) + poll.says(Say.NO)
    enough = yes * denominator > cast * numerator if strict else yes * denominator >= cast * numerator
    rule = f"{'more than' if strict else 'at least'} {numerator}/{denominator} of yes and no"
    text = f"It asks for {rule} to be yes: {yes} of {cast} are"
    least = policy.yes_needed(members)
    if policy.yes_from is not None:
        text += f"; and for yes of at least {least} of {people(members)}"
    return Reason("threshold", enough and yes >= least, f"{text}.")


def _consent(poll: Poll, naming: Naming) -> Reason:
    objections = poll.says(Say.NO)
    if not objections:
        return Reason("consent", True, "There is no unresolved objection.")
    people_ = sorted(naming(voice.member) for voice in poll.voices if voice.choice == Say.NO)
    by = f" by {', '.join(people_)}" if people_ else ""
    what = "An objection" if objections == 1 else f"{objections} objections"
    return Reason("consent", False, f"{what}{by} stand{'s' if objections == 1 else ''}; only the objector resolves it.")


def _election(question: Question, poll: Poll, quorum: Reason) -> Tally:
    if not poll.seen:
        return Tally((int(Verdict.FAILED), ()), (0,) * len(question.options), (quorum,), None)
    ballots = sorted(((number, choice) for choice, number in poll.sums.items()), key=repr)
    result = methods.count(
        str(question.method), ballots, question.options, question.seats, costs=question.costs, budget=question.budget
    )
    rounds = tuple(Reason("round", True, _round(each), each.votes) for each in result.rounds)
    if not quorum.holds:
        finding: Finding = (int(Verdict.FAILED), ())
    elif result.tied:
        finding = (int(Verdict.TIE), ())
    elif not result.winners:
        finding = (int(Verdict.FAILED), ())
    else:
        finding = (int(Verdict.WINNERS), tuple(sorted(result.winners)))
    leading = [question.options[option] for option in result.tied or sorted(result.winners)]
    return Tally(finding, result.figures, (quorum, *rounds), leading, bool(result.tied))


def _round(each: Round) -> str:
    if not each.votes:
        return each.text
    return f"{each.text} ({', '.join(f'{name} {votes}' for name, votes in each.votes.items())})"
