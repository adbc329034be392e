"""Certified outcomes: final by a quorum of witnesses (design: decisions, "Certified").

Of w witnesses, f may be traitors; q of them for the same finding certify it. Any two quorums share an honest witness,
who attests once, so no second finding is ever certified within that bound. Attestations are never voided, not even
those of one who signs twice: what was certified stays so.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from meshd_protocol.decisions.counted import as_certified, counts_text
from meshd_protocol.decisions.outcome import (
    CERTIFIED,
    CONTESTED,
    OPEN,
    PASSED,
    PROVISIONAL,
    SPLIT,
    Attested,
    Electorate,
    Finding,
    Naming,
    Outcome,
    Reason,
    few,
)
from meshd_protocol.decisions.poll import Poll, electorate_reason, refused_reasons
from meshd_protocol.decisions.question import Question, possible
from meshd_protocol.decisions.settled import unseen
from meshd_protocol.decisions.tally import ballot_reasons, finding_text, finding_word, tally
from meshd_protocol.policies import Policy


class Witnesses(NamedTuple):
    """A roster's witnesses: the members who have a seat, and each device that attests for one, to the member.

    A seat without a device counts all the same: nobody makes a quorum smaller by losing one, or by taking one away.
    """

    members: frozenset[bytes]
    devices: Mapping[bytes, bytes]

    @property
    def seats(self) -> int:
        """How many they are: w."""
        return len(self.members)


NOBODY = Witnesses(frozenset(), {})


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


def certify(
    attestations: Iterable[Attested], witnesses: Witnesses, spent: Collection[bytes] = frozenset()
) -> Certificates:
    """What a roster's witnesses certified. Attestations by anybody else count for nothing; `spent` devices are not
    silent, though what they attested can't be.
    """
    found: dict[Finding, set[bytes]] = {}
    for each in attestations:
        if each.device in witnesses.devices:
            found.setdefault(each.finding, set()).add(each.device)
    needed = quorum(witnesses.seats)
    certified = tuple(sorted(finding for finding, devices in found.items() if len(devices) >= needed))
    silent = len(witnesses.devices) - len(frozenset(spent).union(*found.values()))
    best = max((len(devices) for devices in found.values()), default=0)
    split = bool(found) and not certified and best + silent < needed
    return Certificates({finding: frozenset(devices) for finding, devices in found.items()}, certified, split)


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
    members = electorate.total
    theirs = [each for each in attestations if each.device in witnesses.devices]
    able = possible(question, policy, theirs)
    odd = {each.device for each in set(theirs).difference(able)}
    certificates = certify(able, witnesses, odd)
    if len(certificates.certified) > 1:
        state = CONTESTED
    elif certificates.certified:
        state = CERTIFIED
    elif certificates.split:
        state = SPLIT
    else:
        state = PROVISIONAL if poll.seen else OPEN
    outcome, missed = None, list[bytes]()
    if state == CERTIFIED:
        finding = next(iter(certificates.certified))
        certifying = [each for each in able if each.finding == finding]
        count, missed = as_certified(question, policy, poll, certifying, electorate, naming)
        outcome = finding_word(finding, question)
        leading = outcome if isinstance(outcome, list) else "yes" if outcome == PASSED else None
    else:
        count = tally(question, policy, poll, members, naming)
        leading = count.leading
    names = question.options or ("yes", "no", "abstain")
    counts = dict(zip(names, count.counts, strict=True)) if poll.seen or question.options or outcome else {}
    reasons: list[Reason] = []
    if poll.detailed:
        reasons = [
            electorate_reason(electorate),
            *ballot_reasons(question, policy, poll, naming, missed),
            *refused_reasons(poll, naming),
            *unseen(poll, electorate, naming),
            *([_SO_FAR] if outcome is None and poll.seen else []),
            *count.reasons,
            *_witness_reasons(question, able, certificates, witnesses, naming),
            *map(_odd_reason, sorted(naming(witnesses.devices[device]) for device in odd)),
            _state_reason(state, certificates, question, witnesses, odd, naming),
        ]
    return Outcome(state, outcome, leading, counts, members, poll.seen, tuple(reasons), outcome is None and count.tied)


def _odd_reason(name: str) -> Reason:
    text = f"{name} attests what can't be the outcome of such a question; it counts for nothing."
    return Reason("attestation-without-effect", False, text)


_SO_FAR = Reason("so-far", True, "By the ballots that are held here, which is no outcome yet:")


def _witness_reasons(
    question: Question,
    attestations: Iterable[Attested],
    certificates: Certificates,
    witnesses: Witnesses,
    naming: Naming,
) -> list[Reason]:
    """Each witness's finding with her counts, and who signed twice."""
    theirs = sorted(attestations, key=lambda each: (naming(witnesses.devices[each.device]), each.finding, each.id))
    reasons: list[Reason] = []
    for each in theirs:
        counts = counts_text(question, each.counts)
        text = f"{naming(witnesses.devices[each.device])} attests {finding_text(each.finding, question)}"
        text += f": {counts}." if counts else "."
        reasons.append(Reason("attestation", True, text))
    twice = _double_signers(certificates)
    if twice:
        text = f"Signed two outcomes: {few(naming(witnesses.devices[device]) for device in twice)}."
        reasons.append(Reason("attested-twice", False, text))
    return reasons


def _double_signers(certificates: Certificates) -> set[bytes]:
    seen: set[bytes] = set()
    twice: set[bytes] = set()
    for devices in certificates.attested.values():
        twice |= seen & devices
        seen |= devices
    return twice


def _state_reason(
    state: str,
    certificates: Certificates,
    question: Question,
    witnesses: Witnesses,
    odd: Collection[bytes],
    naming: Naming,
) -> Reason:
    total = witnesses.seats
    needed, traitors = quorum(total), bound(total)
    if not total:
        return Reason(
            "witnesses",
            False,
            "The roster that it pins has no witnesses, so nobody can certify this: `meshd witness on` offers one, "
            "for what is proposed after.",
        )
    if state == CONTESTED:
        outcomes = " and ".join(finding_text(finding, question) for finding in certificates.certified)
        both = few(naming(witnesses.devices[device]) for device in _double_signers(certificates))
        text = (
            f"Two outcomes are certified: {outcomes}. At most {traitors} of {total} witnesses may be traitors, and "
            f"more were: {both} signed both."
        )
        return Reason("witnesses", False, text)
    if state == CERTIFIED:
        by = certificates.attested[certificates.certified[0]]
        found = finding_text(certificates.certified[0], question)
        if total <= 3:
            who = f"{len(by)} of {total} witness{'' if total == 1 else 'es'} say{'s' if len(by) == 1 else ''} so"
            text = (
                f"{who}: {found}. No later record changes it, as long as all of them are honest: among so few, one "
                "traitor is beyond the bound."
            )
        else:
            text = (
                f"{_attesting(len(by), total)} {found}; {needed} certify. No later record changes it, as long as at "
                f"most {traitors} of them are traitors."
            )
        return Reason("final", True, text)
    if state == SPLIT:
        return Reason(
            "witnesses",
            False,
            f"The witnesses differ, and {needed} of {total} can't agree any more: it is split, and will not be final.",
        )
    able = len(witnesses.devices)
    if able < needed:
        text = (
            f"Of {total} witness{'' if total == 1 else 'es'} {able} had a device that attests, and {needed} must attest"
        )
        return Reason("witnesses", False, f"{text}: nobody can certify this. Put the matter to a new vote.")
    best = max((len(devices) for devices in certificates.attested.values()), default=0)
    silent = sorted(
        naming(member)
        for device, member in witnesses.devices.items()
        if device not in odd and all(device not in devices for devices in certificates.attested.values())
    )
    text = f"{_attesting(best, total)} an outcome; {needed} must. So later ballots can still change this."
    return Reason("witnesses", False, f"{text} Not heard here: {few(silent)}.")


def _attesting(count: int, total: int) -> str:
    """`1 of 1 witness attests`, `2 of 3 witnesses attest`."""
    return f"{count} of {total} witness{'' if total == 1 else 'es'} attest{'s' if count == 1 else ''}"
