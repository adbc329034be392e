"""What the witnesses who certified an outcome counted, beside what is held here: ballots may have come after them.

A certified result is shown by their numbers, since it is their count that is final; the ballots that are held here
explain it as far as they are the same.
"""

from collections.abc import Collection

from meshd_protocol.bodies.decisions import Choice
from meshd_protocol.decisions.counting import methods
from meshd_protocol.decisions.outcome import Attested, Electorate, Finding, Naming, Reason
from meshd_protocol.decisions.poll import WORDS, Poll
from meshd_protocol.decisions.question import Question
from meshd_protocol.decisions.tally import Tally, finding_text, quorum_reason, tally
from meshd_protocol.policies import Method, Policy


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


def late(poll: Poll, certifying: Collection[Attested], electorate: Electorate) -> list[bytes]:
    """Members whose ballot is here, and whom no certifying witness counted."""
    if not poll.voices:
        return []
    order = sorted(electorate.members)
    counted = {member for each in certifying for place, member in enumerate(order) if has_bit(each.counted, place)}
    return [voice.member for voice in poll.voices if voice.choice is not None and voice.member not in counted]


def told(question: Question, policy: Policy, certifying: Collection[Attested], members: int) -> tuple[int, ...] | None:
    """The counts that go with a certificate: the middle one of those that its witnesses give, by their sums.

    Honest counts may differ. Of each device one set counts, and only one that can be: traitors within the bound are
    fewer than half of those who certify, so the middle lies between two honest counts. None where nobody gives one.
    """
    given: dict[bytes, set[tuple[int, ...]]] = {}
    for each in certifying:
        given.setdefault(each.device, set()).add(each.counts)
    finding = next(iter(certifying)).finding
    able = [counts for said in given.values() if len(said) == 1 for counts in said]
    able = sorted((counts for counts in able if _fits(question, policy, counts, finding, members)), key=_by_sum)
    return able[len(able) // 2] if able else None


def _by_sum(counts: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    return sum(counts), counts


def _fits(question: Question, policy: Policy, counts: tuple[int, ...], finding: Finding, members: int) -> bool:
    """Whether counts can lead to a finding. Of an election, that can't be told from them."""
    if policy.method == Method.ELECTION:
        return len(counts) == len(question.options)
    if len(counts) != len(WORDS) or sum(counts) > members:
        return False
    return tally(question, policy, _sums(counts), members, lambda _: "").finding == finding


def _sums(counts: tuple[int, ...]) -> Poll:
    """A poll of yes, no and abstain, without whose they are."""
    sums: dict[Choice, int] = dict(zip(map(int, WORDS), counts, strict=True))
    return Poll(sums, sum(counts))


def counts_text(question: Question, counts: tuple[int, ...]) -> str:
    """Counts in words: `2 yes, 1 no, 0 abstain`, or `Anna 2, Bo 1 (votes)`."""
    if not question.options:
        return ", ".join(f"{count} {name}" for name, count in zip(WORDS.values(), counts, strict=False))
    figure = methods.METHODS[str(question.method)].figure
    shown = ", ".join(f"{name} {count}" for name, count in zip(question.options, counts, strict=False))
    return f"{shown} ({figure})" if shown else ""


def as_certified(
    question: Question,
    policy: Policy,
    poll: Poll,
    certifying: Collection[Attested],
    electorate: Electorate,
    naming: Naming,
) -> tuple[Tally, list[bytes]]:
    """A certified result as those who certified it counted it, and whose ballots came too late for them."""
    members, finding = electorate.total, next(iter(certifying)).finding
    counts = told(question, policy, certifying, members)
    if counts is not None and not poll.detailed:
        return Tally(finding, counts, (), None), []
    missed = late(poll, certifying, electorate)
    here = tally(question, policy, poll.without(missed), members, naming)
    if counts is None or (here.finding, here.counts) == (finding, counts):
        return here, missed
    reasons: list[Reason] = []
    if policy.method != Method.ELECTION:
        reasons += tally(question, policy, _sums(counts), members, naming).reasons
    elif here.finding == finding:
        reasons += here.reasons
        text = "That is by the ballots that are held here. Those who certified counted others, which come to the same."
        reasons.append(Reason("held", True, text))
    else:
        counted = max(sum(byte.bit_count() for byte in each.counted) for each in certifying)
        reasons.append(quorum_reason(policy, min(counted, members), members))
    if here.finding != finding:
        text = (
            f"By the ballots that are held here now it would come to {finding_text(here.finding, question)}. Those who "
            "certified counted what had reached them, and their outcome stays."
        )
        reasons.append(Reason("held", False, text))
    return here._replace(counts=counts, reasons=tuple(reasons)), missed
