"""Corners of the protocol that no story comes past: each is a line of defence, and is shown to hold."""

from dataclasses import replace

import pytest

from meshd_crypto.hashing import digest
from meshd_protocol import beacon, contexts, control, limits
from meshd_protocol.bodies.actions import Mandate
from meshd_protocol.bodies.membership import Vouch
from meshd_protocol.bodies.talk import Message
from meshd_protocol.bundle import read_manifest, read_segment, write_segment
from meshd_protocol.chains import Waiting
from meshd_protocol.decisions.counting import equal_shares
from meshd_protocol.decisions.question import Question, void
from meshd_protocol.decisions.tally import words
from meshd_protocol.encoding import encode
from meshd_protocol.errors import BadBodyError, BadBundleError, BadPapersError, BadTicketError
from meshd_protocol.mandates import Countersigned, recalls_seen
from meshd_protocol.names import text_of
from meshd_protocol.papers.ballots import text_of_file
from meshd_protocol.papers.preflib import read_preflib
from meshd_protocol.policies import DEFAULTS, Policy, void_reason
from meshd_protocol.tickets import PREFIX, read_ticket

SECRET, ASSEMBLY, NONCE = b"s" * 32, b"a" * 32, b"n" * 8
HOUR = 3_600_000


# ---- bodies


def test_a_body_with_words_for_keys_has_no_effect():
    with pytest.raises(BadBodyError, match=r"not integers|is missing"):
        Vouch.read(encode({"0": b"i" * 32, "1": b"i" * 32}))
    with pytest.raises(BadBodyError, match="not a map"):
        Vouch.read(encode([b"i" * 32]))


def test_text_that_is_no_utf8_is_never_written():
    with pytest.raises(BadBodyError, match="UTF-8"):
        Message(b"s" * 16, "general", "\udcff").write()
    with pytest.raises(BadBodyError, match="UTF-8"):
        Message.of({0: b"s" * 16, 1: "general", 2: "\udcff"})


def test_a_mandate_needs_a_power():
    with pytest.raises(BadBodyError):
        Mandate.of({0: "cook", 1: b"k" * 32, 2: []})


# ---- policies and questions


@pytest.mark.parametrize("threshold", [5, [1, 2], [1, 2, 3], ["1", 2, True]])
def test_a_threshold_is_three_things(threshold):
    with pytest.raises(BadBodyError):
        Policy.of({0: "x", 1: 0, 2: 0, 3: threshold})


def test_only_yes_and_no_have_a_threshold():
    consent = next(policy for policy in DEFAULTS if policy.name == "consent")
    assert "only yes and no" in str(void_reason(replace(consent, threshold=(1, 2, True))))
    assert "only yes and no can be settled" in str(void_reason(Policy("x", 1, 0, threshold=(1, 2, True))))
    assert "its policy is void" in str(void(Question("consent"), replace(consent, quorum=None)))


def test_ballots_in_words():
    options = ("A", "B", "C")
    assert words(Question("election", options, "schulze"), ((1,), (0, 2))) == "B, then A = C"
    assert words(Question("election", options, "score"), ((0, 5), (2, 1))) == "A 5, C 1"
    assert words(Question("election", options, "approval"), (0, 2)) == "A and C"
    assert words(Question("election", options, "approval"), ()) == "blank"


def test_what_a_witness_saw_counts_only_from_witnesses():
    seen = [
        Countersigned(b"d", ((b"m", 3), (b"o", 1))),
        Countersigned(b"e", ((b"m", 2),)),
        Countersigned(b"x", ((b"m", 99),)),
    ]
    assert recalls_seen(seen, {b"d": b"D", b"e": b"E"}, b"H") == {b"m": 3, b"o": 1}
    assert recalls_seen(seen, {b"d": b"D"}, b"D") == {}


def test_equal_shares_where_some_can_give_only_what_they_have():
    """The rich supporter pays more than the even part, since the poor one gave all that she had."""
    ballots = [(1, (0, 1)), (1, (1,)), (1, (0,)), (1, (0,))]
    result = equal_shares.count(ballots, ("A", "B"), costs=(60, 30), budget=100)
    assert set(result.winners) == {0, 1}
    assert len(result.rounds) >= 3


# ---- papers


def test_a_file_of_papers_has_a_bound(monkeypatch):
    monkeypatch.setattr(limits, "PAPER_BYTES", 10)
    with pytest.raises(BadPapersError, match="MiB of ballots"):
        text_of_file(b"x" * 11)


@pytest.mark.parametrize(
    ("data", "words_"),
    [
        (b"# NUMBER ALTERNATIVES: 99999\n", "alternatives; 1 to"),
        (b"# TITLE: no number\n", "is this a PrefLib file"),
        (b"# NUMBER ALTERNATIVES: many\n", "no number that fits"),
    ],
)
def test_preflib_heads(data, words_):
    with pytest.raises(BadPapersError, match=words_):
        read_preflib(data)


def test_preflib_with_an_empty_brace_skips_a_rank():
    papers = read_preflib(b"# NUMBER ALTERNATIVES: 2\n# SOMETHING ELSE\n1: {},2\n\n2: 1\n")
    assert papers.ballots == ((1, ((1,),)), (2, ((0,),)))


# ---- beacon, control, tickets, bundles, chains


def test_friends_recognise_an_announcement_in_its_hour_and_place():
    told = beacon.tags([SECRET], ASSEMBLY, NONCE, 5 * HOUR, ["10.0.0.1:5", "[fe80::1]:5"])
    assert len(told) == 16
    for now in (4 * HOUR, 5 * HOUR, 6 * HOUR):
        assert beacon.is_friend([b"x" * 32, SECRET], ASSEMBLY, NONCE, told, now, "10.0.0.1:5")
    assert not beacon.is_friend([SECRET], ASSEMBLY, NONCE, told, 8 * HOUR, "10.0.0.1:5")
    assert not beacon.is_friend([SECRET], ASSEMBLY, NONCE, told, 5 * HOUR, "10.0.0.2:5")
    assert not beacon.is_friend([SECRET], ASSEMBLY, b"short", told, 5 * HOUR, "10.0.0.1:5")
    assert not beacon.is_friend([SECRET], ASSEMBLY, NONCE, told[:-1], 5 * HOUR, "10.0.0.1:5")
    assert not beacon.is_friend([SECRET], ASSEMBLY, NONCE, told * 9, 5 * HOUR, "10.0.0.1:5")
    assert len(beacon.tags([SECRET] * 20, ASSEMBLY, NONCE, 0, ["10.0.0.1:5"])) == 16 * 8


@pytest.mark.parametrize(
    ("line", "words_"),
    [
        (b"nonsense", "no JSON"),
        (b"[]", "names no verb"),
        (b'{"verb": 5}', "names no verb"),
        (b'{"verb": "list", "arguments": []}', "arguments can't be read"),
        (b'{"verb": "list", "assembly": 5}', "arguments can't be read"),
        (b'{"verb": "dance"}', "knows no verb 'dance'"),
        (b'{"verb": "list", "arguments": {"x": 1}}', "has no argument 'x'"),
        (b'{"verb": "show"}', "needs the argument id"),
        (b'{"verb": "show", "arguments": {"id": 5}}', "must be text in UTF-8"),
        (b'{"verb": "show", "arguments": {"id": "\\udcff"}}', "must be text in UTF-8"),
        (b'{"verb": "log", "arguments": {"limit": 99999999999999999999}}', "below 2\\^53"),
        (b'{"verb": "vote", "arguments": {"id": "a", "choices": [5]}}', "texts in UTF-8"),
    ],
)
def test_lines_that_are_no_requests(line, words_):
    with pytest.raises(control.BadRequestError, match=words_):
        control.read_request(line)


def test_requests_read_back(monkeypatch):
    line = control.write_line({"verb": "read", "arguments": {"topic": None, "all": True}, "assembly": "Bakery"})
    assert control.read_request(line) == ("read", {"topic": None, "all": True}, "Bakery")
    monkeypatch.setattr(limits, "CONTROL_BYTES", 5)
    with pytest.raises(control.BadRequestError, match="too long"):
        control.read_request(line)


def test_a_ticket_whose_check_is_right_and_whose_body_is_none():
    body = encode({0: 1})
    line = PREFIX + text_of(body + digest(body)[:4])
    with pytest.raises(BadTicketError):
        read_ticket(line)


def test_files_under_a_key_that_nobody_has():
    data = write_segment(SECRET, ASSEMBLY, [b"record"], lambda size: bytes(size))
    assert read_segment([b"x" * 32, SECRET], ASSEMBLY, data) == [b"record"]
    for reader in (read_segment, read_manifest):
        with pytest.raises(BadBundleError):
            reader([b"x" * 32], ASSEMBLY, data)
        with pytest.raises(BadBundleError):
            reader([SECRET], ASSEMBLY, data[:-1])
    assert contexts.SEGMENT != contexts.MANIFEST


def test_what_failed_once_is_not_checked_again():
    from tests.worlds import Author

    author = Author(ASSEMBLY, "Ada", 1)
    record = author.certify()
    asked = []
    verify = Waiting().remembering(lambda each: bool(asked.append(each)))
    assert not verify(record)
    assert not verify(record)
    assert len(asked) == 1
