"""Certified outcomes: final by a quorum of witnesses (design: decisions, "Certified").

Of w witnesses, f may be traitors; q of them for the same finding certify it. Any two quorums share an honest witness,
who attests once, so no second finding is ever certified within that bound. Attestations are never voided, not even
those of one who signs twice: what was certified stays so.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from meshd_protocol.bodies.decisions import Verdict
from meshd_protocol.decisions.outcome import (
    CERTIFIED,
    CONTESTED,
    FAILED,
    OPEN,
    PASSED,
    PROVISIONAL,
    SPLIT,
    TIE,
    Attested,
    Electorate,
    Finding,
    Naming,
    Outcome,
    Reason,
    few,
)
from meshd_protocol.decisions.poll import Poll, electorate_reason, refused_reasons
from meshd_protocol.decisions.question import Question
from meshd_protocol.decisions.settled import unseen
from meshd_protocol.decisions.tally import ballot_reasons, tally
from meshd_protocol.policies import Policy

Witnesses = Mapping[bytes, bytes]
"""A roster's witnesses: each one's device, to the member."""


def bound(witnesses: int) -> int:
    """f: how many of that many witnesses may be traitors."""
    return max(0, witnesses - 1) // 3


def quorum(witnesses: int) -> int:
    """q: how many of that many witnesses certify: any two quorums share more than f. With none, none ever do."""
    return (witnesses + bound(witnesses)) // 2 + 1


class Certificates(NamedTuple):
    """Who attested what: findings to the devices that attested them, and those findings that reached the quorum."""

    attested: Mapping[Finding, frozenset[bytes]]
    certified: tuple[Finding, ...]
    split: bool


def certify(attestations: Iterable[Attested], witnesses: Witnesses) -> Certificates:
    """What a roster's witnesses certified. Attestations by anybody else count for nothing."""
    found: dict[Finding, set[bytes]] = {}
    for each in attestations:
        if each.device in witnesses:
            found.setdefault(each.finding, set()).add(each.device)
    needed = quorum(len(witnesses))
    certified = tuple(sorted(finding for finding, devices in found.items() if len(devices) >= needed))
    silent = len(witnesses) - len(frozenset[bytes]().union(*found.values()))
    best = max((len(devices) for devices in found.values()), default=0)
    split = bool(found) and not certified and best + silent < needed
    return Certificates({finding: frozenset(devices) for finding, devices in found.items()}, certified, split)


def has_passed(attestations: Iterable[Attested], witnesses: Witnesses) -> bool:
    """Whether a decision of yes or no is certified as passed. Once it is, no later record takes that back."""
    return (int(Verdict.PASSED), ()) in certify(attestations, witnesses).certified


def decide(
    question: Question,
    policy: Policy,
    poll: Poll,
    attestations: Collection[Attested],
    electorate: Electorate,
    witnesses: Witnesses,
    naming: Naming,
) -> Outcome:
    """The outcome of a proposal under a certified policy, from the ballots and attestations that a node holds."""
    members = len(electorate.members)
    count = tally(question, policy, poll, members, naming)
    certificates = certify(attestations, witnesses)
    if len(certificates.certified) > 1:
        state = CONTESTED
    elif certificates.certified:
        state = CERTIFIED
    elif certificates.split:
        state = SPLIT
    else:
        state = PROVISIONAL if poll.seen else OPEN
    outcome = next((_word(each, question) for each in certificates.certified), None) if state == CERTIFIED else None
    names = question.options or ("yes", "no", "abstain")
    counts = dict(zip(names, count.counts, strict=True)) if poll.seen or question.options else {}
    reasons = (
        ()
        if not poll.detailed
        else (
            electorate_reason(members),
            *ballot_reasons(question, policy, poll, naming),
            *refused_reasons(poll, naming),
            *unseen(poll, electorate, naming),
            *count.reasons,
            *_witness_reasons(question, poll, attestations, certificates, electorate, witnesses, naming),
            _state_reason(state, certificates, question, witnesses, naming),
        )
    )
    return Outcome(
        state=state,
        outcome=outcome,
        leading=outcome if outcome is not None and isinstance(outcome, list) else count.leading,
        counts=counts,
        electorate=members,
        seen=poll.seen,
        reasons=reasons,
        tied=outcome is None and count.tied,
    )


def _word(finding: Finding, question: Question) -> str | list[str]:
    verdict, winners = finding
    if verdict == Verdict.WINNERS:
        return [
            question.options[option] if option < len(question.options) else f"option {option}" for option in winners
        ]
    return {Verdict.FAILED: FAILED, Verdict.PASSED: PASSED, Verdict.TIE: TIE}[Verdict(verdict)]


def _text(finding: Finding, question: Question) -> str:
    word = _word(finding, question)
    return word if isinstance(word, str) else ", ".join(word)


def _witness_reasons(
    question: Question,
    poll: Poll,
    attestations: Iterable[Attested],
    certificates: Certificates,
    electorate: Electorate,
    witnesses: Witnesses,
    naming: Naming,
) -> list[Reason]:
    """Each witness's finding with her counts; who signed twice; which ballots came too late for all of them."""
    theirs = sorted(
        (each for each in attestations if each.device in witnesses),
        key=lambda each: (naming(witnesses[each.device]), each.finding, each.id),
    )
    names = question.options or ("yes", "no", "abstain")
    reasons: list[Reason] = []
    for each in theirs:
        counts = ", ".join(f"{count} {name}" for name, count in zip(names, each.counts, strict=False))
        text = f"{naming(witnesses[each.device])} attests: {_text(each.finding, question)}"
        text += f" ({counts})." if counts else "."
        reasons.append(Reason("attestation", True, text))
    twice = _double_signers(certificates)
    if twice:
        text = f"Signed two outcomes: {few(naming(witnesses[device]) for device in twice)}."
        reasons.append(Reason("attested-twice", False, text))
    if certificates.certified:
        late = _late(poll, theirs, certificates, electorate)
        if late:
            text = f"Too late for every witness who certified: the ballots of {few(map(naming, late))}."
            reasons.append(Reason("late", False, text))
    return reasons


def _double_signers(certificates: Certificates) -> set[bytes]:
    seen: set[bytes] = set()
    twice: set[bytes] = set()
    for devices in certificates.attested.values():
        twice |= seen & devices
        seen |= devices
    return twice


def _late(
    poll: Poll, attestations: Iterable[Attested], certificates: Certificates, electorate: Electorate
) -> list[bytes]:
    """Members whose ballot is here, and whom no certifying witness counted."""
    order = sorted(electorate.members)
    counted: set[bytes] = set()
    for each in attestations:
        if each.finding in certificates.certified:
            counted |= {member for place, member in enumerate(order) if has_bit(each.counted, place)}
    return [voice.member for voice in poll.voices if voice.choice is not None and voice.member not in counted]


def _state_reason(
    state: str,
    certificates: Certificates,
    question: Question,
    witnesses: Witnesses,
    naming: Naming,
) -> Reason:
    total, needed, traitors = len(witnesses), quorum(len(witnesses)), bound(len(witnesses))
    if not total:
        return Reason(
            "witnesses",
            False,
            "The roster that it pins has no witnesses, so nobody can certify this: `meshd witness on` offers one, "
            "for what is proposed after.",
        )
    if state == CONTESTED:
        outcomes = " and ".join(_text(finding, question) for finding in certificates.certified)
        return Reason(
            "witnesses",
            False,
            f"Two outcomes are certified: {outcomes}. More than {traitors} of {total} witnesses signed both: "
            f"{few(naming(witnesses[device]) for device in _double_signers(certificates))}. Propose it anew.",
        )
    if state == CERTIFIED:
        by = certificates.attested[certificates.certified[0]]
        text = (
            f"{_attesting(len(by), total)} {_text(certificates.certified[0], question)}; "
            f"{needed} certif{'ies' if needed == 1 else 'y'}. No later record changes it, as long as "
        )
        if total <= 3:
            text += "all of them are honest: among so few, one traitor is beyond the bound."
        else:
            text += f"at most {traitors} of them are traitors."
        return Reason("final", True, text)
    if state == SPLIT:
        return Reason(
            "witnesses",
            False,
            f"The witnesses differ, and {needed} of {total} can't agree any more: it is split, and will not be final. "
            "Propose it anew, naming this one: `meshd propose TITLE --repeals ID`.",
        )
    best = max((len(devices) for devices in certificates.attested.values()), default=0)
    silent = sorted(
        naming(member)
        for device, member in witnesses.items()
        if all(device not in devices for devices in certificates.attested.values())
    )
    text = f"{_attesting(best, total)} an outcome; {needed} must. So later ballots can still change this."
    return Reason("witnesses", False, f"{text} Not heard here: {few(silent)}.")


def _attesting(count: int, total: int) -> str:
    """`1 of 1 witness attests`, `2 of 3 witnesses attest`."""
    return f"{count} of {total} witness{'' if total == 1 else 'es'} attest{'s' if count == 1 else ''}"


def bitmap(order: Collection[bytes], counted: Collection[bytes]) -> bytes:
    """One bit for each of `order`, first bit highest: whether it is among the counted. At least one byte."""
    bits = bytearray(max(1, (len(order) + 7) // 8))
    for place, member in enumerate(order):
        if member in counted:
            bits[place // 8] |= 0x80 >> (place % 8)
    return bytes(bits)


def has_bit(bits: bytes, place: int) -> bool:
    """Whether the bit at that place is set; a bitmap that is too short has none there."""
    return place // 8 < len(bits) and bool(bits[place // 8] & (0x80 >> (place % 8)))
