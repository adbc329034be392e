"""What the witnesses who certified an outcome counted, beside what is held here: ballots may have come after them.

A certified result is shown by their numbers, since it is their count that is final; the ballots that are held here
explain it as far as they are the same.
"""

from collections.abc import Collection

from meshd_protocol.bodies.decisions import Choice
from meshd_protocol.decisions.counting import methods
from meshd_protocol.decisions.outcome import Attested, Electorate, Naming, Reason
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
    order = sorted(electorate.members)
    counted = {member for each in certifying for place, member in enumerate(order) if has_bit(each.counted, place)}
    return [voice.member for voice in poll.voices if voice.choice is not None and voice.member not in counted]


def told(certifying: Collection[Attested], options: int) -> tuple[int, ...] | None:
    """The counts of the certificate: those that most certifying witnesses give; of several, the largest."""
    given = [each.counts for each in certifying if len(each.counts) == options]
    return max(given, key=lambda counts: (given.count(counts), sum(counts), counts), default=None)


def counts_text(question: Question, counts: tuple[int, ...]) -> str:
    """Counts in words: `2 yes, 1 no, 0 abstain`, or `Anna 2, Bo 1 (votes)`."""
    if not question.options:
        return ", ".join(f"{count} {name}" for name, count in zip(WORDS.values(), counts, strict=False))
    figure = methods.METHODS[str(question.method)].figure
    shown = ", ".join(f"{name} {count}" for name, count in zip(question.options, counts, strict=False))
    return f"{shown} ({figure})" if shown else ""


def by_certificate(
    question: Question,
    policy: Policy,
    here: Tally,
    certifying: Collection[Attested],
    members: int,
    naming: Naming,
) -> Tally:
    """A certified result as those who certified it counted it. `here` is the tally of the ballots held here."""
    finding = next(iter(certifying)).finding
    counts = told(certifying, len(here.counts))
    if counts is None or (here.finding, here.counts) == (finding, counts):
        return here
    reasons: list[Reason] = []
    if policy.method != Method.ELECTION:
        sums: dict[Choice, int] = dict(zip(map(int, WORDS), counts, strict=True))
        reasons += tally(question, policy, Poll(sums, sum(counts), detailed=False), members, naming).reasons
    elif here.finding == finding:
        reasons += here.reasons
    else:
        counted = max(sum(byte.bit_count() for byte in each.counted) for each in certifying)
        reasons.append(quorum_reason(policy, min(counted, members), members))
    if here.finding != finding:
        text = (
            f"By the ballots that are held here now it would come to {finding_text(here.finding, question)}. Those who "
            "certified counted what had reached them, and their outcome stays."
        )
        reasons.append(Reason("held", False, text))
    return here._replace(counts=counts, reasons=tuple(reasons), tied=False)
