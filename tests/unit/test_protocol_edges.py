"""Corners of the protocol that no story comes past: each is a line of defence, and is shown to hold."""

import random
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from meshd.service.dispatch import SCHEMAS
from meshd_crypto.hashing import derive, digest
from meshd_crypto.identity import ExchangeKey, SigningKey
from meshd_crypto.noise import XX, Handshake
from meshd_crypto.sealing import lock
from meshd_crypto.signing import sign
from meshd_protocol import beacon, contexts, control, limits
from meshd_protocol.bodies.actions import Mandate
from meshd_protocol.bodies.decisions import Verdict
from meshd_protocol.bodies.membership import Vouch
from meshd_protocol.bodies.talk import Message
from meshd_protocol.bundle import key_name, read_manifest, read_segment, write_segment
from meshd_protocol.chains import Waiting, authentic_tree
from meshd_protocol.decisions.certified import Witnesses
from meshd_protocol.decisions.counting import equal_shares, irv, stv_scottish
from meshd_protocol.decisions.poll import Poll
from meshd_protocol.decisions.question import Question, void
from meshd_protocol.decisions.tally import tally, words
from meshd_protocol.encoding import encode
from meshd_protocol.errors import (
    BadBodyError,
    BadBundleError,
    BadPapersError,
    BadTicketError,
    NewerVersionError,
    SessionError,
)
from meshd_protocol.mandates import Countersigned, recalls_seen
from meshd_protocol.names import text_of
from meshd_protocol.papers.ballots import text_of_file
from meshd_protocol.papers.preflib import read_preflib
from meshd_protocol.policies import DEFAULTS, Policy, void_reason
from meshd_protocol.schema import Body, Field, string
from meshd_protocol.sync import greeting, messages, reconcile
from meshd_protocol.sync.frontier import Claim
from meshd_protocol.sync.messages import write_message
from meshd_protocol.sync.session import Session
from meshd_protocol.tickets import PREFIX, read_ticket
from tests.worlds import Author

SECRET, ASSEMBLY, NONCE = b"s" * 32, b"a" * 32, b"n" * 8
HOUR = 3_600_000


# ---- bodies


def test_a_body_with_words_for_keys_has_no_effect():
    with pytest.raises(BadBodyError, match=r"not integers|is missing"):
        Vouch.read(encode({"0": b"i" * 32, "1": b"i" * 32}))
    with pytest.raises(BadBodyError, match="not a map"):
        Vouch.read(encode([b"i" * 32]))


@dataclass(frozen=True, slots=True)
class _Note(Body):
    """A body that needs nothing."""

    text: str = ""
    FIELDS: ClassVar = (Field(0, "text", string(9), optional=True, default=""),)


def test_a_body_that_needs_nothing_takes_no_words_for_keys_either():
    assert _Note.read(encode({})) == _Note.read(encode({64: 5})) == _Note()
    with pytest.raises(BadBodyError, match="keys of its body are not integers"):
        _Note.read(encode({"x": 1}))
    with pytest.raises(NewerVersionError):
        _Note.read(encode({5: 1}))


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
    assert recalls_seen(seen, Witnesses(frozenset(), {b"d": b"D", b"e": b"E"}), b"H") == {b"m": 3, b"o": 1}
    assert recalls_seen(seen, Witnesses(frozenset(), {b"d": b"D"}), b"D") == {}


def test_equal_shares_where_some_can_give_only_what_they_have():
    """The rich supporter pays more than the even part, since the poor one gave all that she had."""
    ballots = [(1, (0, 1)), (1, (1,)), (1, (0,)), (1, (0,))]
    result = equal_shares.count(ballots, ("A", "B"), costs=(60, 30), budget=100)
    assert set(result.winners) == {0, 1}
    assert len(result.rounds) >= 3


@pytest.mark.parametrize("rivals", [3, 6, 60])
def test_ties_that_make_no_difference_are_none(rivals):
    """Who goes out first among those with one vote each makes no difference, however many they are."""
    names = ("A", *(f"B{n}" for n in range(rivals)))
    result = irv.count([(rivals, ((0,),)), *((1, ((n,),)) for n in range(1, rivals + 1))], names)
    assert (result.winners, result.tied) == ((0,), ())


def test_stv_passes_over_blank_papers_and_ranks_that_are_out():
    ballots = [(5, ((0,),)), (4, ((1,),)), (1, ((2,), (0, 1))), (1, ((2, 3), (4,))), (3, ((4,),)), (7, ())]
    result = stv_scottish.count(ballots, ("A", "B", "C", "D", "E"), 1)
    assert result.winners == (0,)
    later = stv_scottish.count(
        [(3, ((0,), (1, 2), (3,))), (1, ((1,),)), (2, ((2,),)), (4, ((3,),)), (5, ((4,),))],
        ("A", "B", "C", "D", "E"),
        1,
    )
    assert later.winners == (3,)


def test_money_that_nobody_asks_for_buys_nothing():
    question = Question("election", ("A", "B"), "equal-shares", costs=(5, 5), budget=5)
    policy = next(each for each in DEFAULTS if each.name == "election")
    assert tally(question, policy, Poll({(): 3}, 3), 3, text_of).finding == (int(Verdict.FAILED), ())
    blank = Question("election", ("A", "B"), "approval")
    assert tally(blank, policy, Poll({(): 3}, 3), 3, text_of).finding == (int(Verdict.TIE), ())


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
        (b"1: 1,2\n# NUMBER ALTERNATIVES: 2\n", "line 1: a ballot before"),
        (b"# NUMBER ALTERNATIVES: 1\n# ALTERNATIVE NAME 2: Bo\n", "not among the 1"),
        (b"# NUMBER ALTERNATIVES: 2\n# ALTERNATIVE NAME 1: Bo\n# ALTERNATIVE NAME 2: Bo\n", "have one name"),
        (b"# NUMBER ALTERNATIVES: 2\n# NUMBER VOTERS: 2\n1: 1\n", "says number voters 2, and has 1"),
    ],
)
def test_preflib_heads(data, words_):
    with pytest.raises(BadPapersError, match=words_):
        read_preflib(data)


def test_preflib_with_an_empty_brace_skips_a_rank():
    papers = read_preflib(
        b"# NUMBER ALTERNATIVES: 2\n# NUMBER VOTERS: 3\n# NUMBER UNIQUE ORDERS: 2\n# SOMETHING ELSE\n1: {},2\n\n2: 1\n"
    )
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
        control.read_request(line, SCHEMAS)


def test_requests_read_back(monkeypatch):
    line = control.write_line({"verb": "read", "arguments": {"topic": None, "all": True}, "assembly": "Bakery"})
    assert control.read_request(line, SCHEMAS) == ("read", {"topic": None, "all": True}, "Bakery")
    monkeypatch.setattr(limits, "CONTROL_BYTES", 5)
    with pytest.raises(control.BadRequestError, match="too long"):
        control.read_request(line, SCHEMAS)


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


def _manifest_of(value: object, signed: bytes | None = None) -> bytes:
    """A manifest as a member with the network key could write it by hand."""
    device = SigningKey.generate(lambda size: bytes(size))
    body = value if isinstance(value, bytes) else encode(value)
    signature = sign(device, contexts.MANIFEST_SIGNATURE + ASSEMBLY + (body if signed is None else signed))
    key = derive(SECRET, contexts.MANIFEST, ASSEMBLY)
    plain = device.public + signature + body
    return key_name(SECRET) + lock(key, plain, contexts.MANIFEST + ASSEMBLY, lambda size: bytes(size))


GOOD_SEGMENT = [b"h" * 32, 5, 1, [[b"d" * 32, 0, 0, 1, False, b"e" * 32]]]


@pytest.mark.parametrize(
    ("value", "words_"),
    [
        (b"\xff", "canonical|can't|cut|CBOR"),
        ([], "of a later version"),
        ({0: 9}, "of a later version"),
        ({0: 1}, "no manifest that meshd writes"),
        ({0: 1, 1: 0, 2: [5], 3: []}, "no manifest that meshd writes"),
        ({0: 1, 1: -1, 2: [], 3: []}, "no manifest that meshd writes"),
        ({0: 1, 1: 2**52, 2: [], 3: []}, "no manifest that meshd writes"),
        ({0: 1, 1: 0, 2: [[b"short", *GOOD_SEGMENT[1:]]], 3: []}, "no manifest that meshd writes"),
        ({0: 1, 1: 0, 2: [[*GOOD_SEGMENT[:3], [[b"d" * 32, 0, 0, 1, 5, b"e" * 32]]]], 3: []}, "no manifest"),
        ({0: 1, 1: 0, 2: [], 3: [[b"v" * 32, [[b"d" * 32, 0, "x", b"e" * 32]]]]}, "no manifest that meshd writes"),
    ],
)
def test_manifests_that_a_member_wrote_by_hand(value, words_):
    with pytest.raises(BadBundleError, match=words_):
        read_manifest([SECRET], ASSEMBLY, _manifest_of(value))


def test_a_manifest_by_hand_holds_and_must_be_signed():
    place = [[b"v" * 32, [[b"d" * 32, 0, None, b"e" * 32], [b"d" * 32, 1, 4, b"e" * 32]]]]
    value = {0: 1, 1: 7, 2: [GOOD_SEGMENT], 3: place}
    assert read_manifest([SECRET], ASSEMBLY, _manifest_of(value)).counter == 7
    with pytest.raises(BadBundleError, match="signature is wrong"):
        read_manifest([SECRET], ASSEMBLY, _manifest_of(value, signed=b"something else"))


@pytest.mark.parametrize("payload", [b"", b"\xff", encode(5), encode([1]), encode(["1", "a:1"]), encode([1, "a:1", 0])])
def test_a_first_message_with_a_strange_payload(payload):
    ours, theirs = (ExchangeKey.generate(random.Random(seed).randbytes) for seed in (1, 2))
    known = greeting.KnownPsk(greeting.network_psk(SECRET, ASSEMBLY), None)
    handshake = Handshake(
        XX, initiator=True, prologue=contexts.SESSION, ephemeral=ours, static=theirs, psks=(known.psk,)
    )
    first = handshake.write_message(payload)
    with pytest.raises(SessionError, match="can't be read"):
        greeting.answer(first, [known], ours, lambda: theirs, HOUR, ())


def test_a_certificate_of_another_machine_or_of_nobody():
    author = Author(ASSEMBLY, "Ada", 1)
    good = author.certificate()
    assert greeting.read_certificate(good.write(), ASSEMBLY, author.transport.public) == good
    for data, static, words_ in (
        (b"\xa0", author.transport.public, "without a certificate"),
        (good.write(), b"o" * 32, "another machine"),
        (replace(good, person="Eve", covered=b"").write(), author.transport.public, "did not sign"),
    ):
        with pytest.raises(SessionError, match=words_):
            greeting.read_certificate(data, ASSEMBLY, static)


def test_nothing_makes_no_batch_and_a_frontier_has_a_bound(monkeypatch):
    assert list(messages.batches([], 60_000)) == []
    monkeypatch.setattr(limits, "FRONTIER_CHAINS", 1)
    one, two = Session(initiator=True, nonce=b"n" * 16), Session(initiator=False, nonce=b"m" * 16)
    two.hello(bytes(32), 0)
    two.receive(write_message(one.hello(bytes(32), 0)))
    claims = (Claim(b"d" * 32, 0, 5, b"m" * 8), Claim(b"e" * 32, 0, 5, b"m" * 8))
    with pytest.raises(SessionError, match="more than 1 chains"):
        two.receive(write_message(messages.Compare((reconcile.Claims("", claims, False),), False)))


def test_a_chain_with_nothing_waiting_takes_no_room():
    waiting = Waiting()
    waiting.put((b"d" * 32, 0), [])
    assert (waiting.size, waiting.take((b"d" * 32, 0))) == (0, [])


def test_a_record_that_waits_twice_weighs_once():
    record = Author(ASSEMBLY, "Ada", 1).certify()
    waiting = Waiting()
    waiting.put((record.device, 0), [record])
    once = waiting.size
    waiting.put((record.device, 0), [record])
    assert waiting.size == once


def test_only_so_many_failures_are_remembered(monkeypatch):
    monkeypatch.setattr(limits, "PENDING_BYTES", 128)
    author, asked = Author(ASSEMBLY, "Ada", 1), []
    records = [author.certify(), author.ballot(b"p" * 32)]
    verify = Waiting().remembering(lambda each: bool(asked.append(each)))
    for record in records * 2:
        assert not verify(record)
    assert len(asked) == 3


def test_a_valid_tip_authenticates_a_run_and_no_more(monkeypatch):
    monkeypatch.setattr(limits, "RUN", 3)
    author = Author(ASSEMBLY, "Ada", 1)
    records = [author.certify(), *(author.ballot(bytes([n]) * 32) for n in range(5))]
    assert authentic_tree(records, lambda each: each is records[-1]) == {each.id for each in records[-3:]}


def test_what_failed_once_is_not_checked_again():
    author = Author(ASSEMBLY, "Ada", 1)
    record = author.certify()
    asked = []
    verify = Waiting().remembering(lambda each: bool(asked.append(each)))
    assert not verify(record)
    assert not verify(record)
    assert len(asked) == 1
