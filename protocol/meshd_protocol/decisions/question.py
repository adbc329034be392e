"""What a proposal asks, and why some proposals have no effect."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Form, Verdict
from meshd_protocol.decisions.counting import methods
from meshd_protocol.decisions.outcome import Attested, Finding
from meshd_protocol.decisions.poll import Ballots
from meshd_protocol.policies import (
    CONSTITUTION,
    MANDATE,
    MEMBERSHIP,
    RECALL,
    REMOVAL,
    Finality,
    Method,
    Policy,
    void_reason,
)
from meshd_protocol.roles import role_problem

POLICY_OF: dict[int, str] = {
    Verb.ADMIT: MEMBERSHIP,
    Verb.REMOVE: REMOVAL,
    Verb.REVOKE: REMOVAL,
    Verb.POLICY: CONSTITUTION,
    Verb.WITNESSES: CONSTITUTION,
    Verb.CHARTER: CONSTITUTION,
    Verb.MANDATE: MANDATE,
    Verb.RECALL: RECALL,
    Verb.SEAT: MEMBERSHIP,
}
"""The policy that decides each action."""

BY_ANY_SETTLED: dict[int, str] = {Verb.RATIFY: "a ratification", Verb.UPHOLD: "what upholds decisions"}
"""Actions that any settled policy decides."""

RESERVED = frozenset({MEMBERSHIP, REMOVAL, MANDATE, RECALL})
"""Policies by which nothing but their own actions is decided."""


class Question(NamedTuple):
    """What a proposal asks, as far as rules look at it. `verb` is 0 where a text is decided. `under` is the mandate in
    whose span it falls; it `adopts` a template, or says something with `figures`.
    """

    policy: str
    options: tuple[str, ...] = ()
    method: str | None = None
    seats: int = 1
    verb: int = 0
    payload: Any = None
    costs: tuple[int, ...] = ()
    budget: int | None = None
    under: bytes | None = None
    adopts: bool = False
    figures: bool = False


def _can_be(question: Question, policy: Policy, finding: Finding) -> bool:
    """Whether a finding can be the outcome of that question: anything else that is attested counts for nothing."""
    verdict, winners = finding
    if policy.method != Method.ELECTION:
        return verdict in (Verdict.PASSED, Verdict.FAILED)
    most = question.seats if question.budget is None else len(question.options)
    if verdict == Verdict.WINNERS:
        return 0 < len(winners) <= most and all(option < len(question.options) for option in winners)
    return verdict in (Verdict.FAILED, Verdict.TIE)


def possible(question: Question, policy: Policy, attestations: Iterable[Attested]) -> list[Attested]:
    """The attestations of findings that can be."""
    return [each for each in attestations if _can_be(question, policy, each.finding)]


def void(question: Question, policy: Policy | None) -> str | None:
    """Why a proposal has no effect, by the policy of its pinned roster; None if it has."""
    if policy is None:
        return "the roster that it pins has no policy of that name"
    reason = void_reason(policy)
    if reason is not None:
        return f"its policy is void: {reason}"
    reason = _action_void(question, policy) or _institution_void(question, policy)
    if reason is not None:
        return reason
    if policy.method != Method.ELECTION:
        has_election = question.options or question.method or question.costs or question.budget is not None
        return "yes and no have no options" if has_election or question.seats != 1 else None
    if len(set(question.options)) < len(question.options):
        return "two options are the same"
    return methods.problem(
        question.method or "", len(question.options), question.seats, question.costs, question.budget
    )


def _action_void(question: Question, policy: Policy) -> str | None:
    if not question.verb:
        if question.policy in RESERVED:
            return f"the policy {question.policy} decides its own matters, and no texts"
        return None
    if question.verb in BY_ANY_SETTLED:
        if policy.finality != Finality.SETTLED:
            return f"{BY_ANY_SETTLED[question.verb]} is decided by a settled policy"
    elif question.verb == Verb.VOICE:
        return _voice_void(question)
    elif POLICY_OF.get(question.verb) != question.policy:
        return f"what it does is decided by the policy {POLICY_OF.get(question.verb)}"
    if policy.method == Method.ELECTION:
        return "what changes the roster is decided by yes and no"
    if question.verb == Verb.POLICY:
        reason = void_reason(question.payload[0])
        return f"the policy that it sets is void: {reason}" if reason else None
    return _mandate_void(question.payload) if question.verb == Verb.MANDATE else None


def _mandate_void(mandate: Mandate) -> str | None:
    if mandate.lasts == 0 or (mandate.lasts and mandate.again):
        return "a mandate with a span lasts for some time, and nobody follows themselves in it"
    return role_problem(mandate.role)


def _institution_void(question: Question, policy: Policy) -> str | None:
    if question.verb and (question.adopts or question.figures):
        return "a template is adopted, and figures are decided, by a decision on a text"
    if question.adopts and question.policy != CONSTITUTION:
        return f"a template is adopted by the policy {CONSTITUTION}"
    if question.under is not None and (question.verb or policy.finality != Finality.CERTIFIED):
        return "what falls into the span of a mandate is a text, decided by a certified policy"
    return None


def _voice_void(question: Question) -> str | None:
    """Why a voice is not decided as it may be: by most policies, but joining and leaving by the constitution."""
    voiced = question.payload
    if (voiced.leaves or voiced.matter == voiced.federation) and question.policy != CONSTITUTION:
        return f"by which an assembly joins or leaves a federation is decided by the policy {CONSTITUTION}"
    return f"the policy {question.policy} decides its own matters" if question.policy in RESERVED else None


def ballots_of(question: Question, policy: Policy) -> Ballots:
    """Which ballots a sound proposal takes."""
    if policy.method != Method.ELECTION:
        return Ballots(policy.finality, Form.YES_NO, 0, policy.changeable, objections=policy.method == Method.CONSENT)
    form = methods.METHODS[str(question.method)].form
    most = 1 if question.method == "plurality" else None
    return Ballots(policy.finality, form, len(question.options), policy.changeable, most)
