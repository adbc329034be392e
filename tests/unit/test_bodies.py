"""Bodies: bounds, unknown fields, and the schema in `records.cddl`, which says the same."""

from pathlib import Path

import pytest
from makers.bodies import EXAMPLES
from pycddl import Schema, ValidationError

import meshd_protocol
from meshd_crypto.identity import SigningKey
from meshd_crypto.signing import sign
from meshd_protocol import limits
from meshd_protocol.bodies import BODIES, read_body
from meshd_protocol.bodies.actions import PAYLOADS, Mandate, Place, Seated, Verb, Voiced
from meshd_protocol.bodies.decisions import Attestation, Ballot, Form, Proposal, Say, Verdict
from meshd_protocol.bodies.genesis import Seating
from meshd_protocol.bodies.membership import (
    Application,
    Revocation,
)
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadBodyError, BadTicketError, NewerVersionError
from meshd_protocol.kinds import Kind, name_of
from meshd_protocol.policies import DEFAULTS, Policy, void_reason
from meshd_protocol.schema import string
from meshd_protocol.tickets import Ticket, read_ticket
from tests.worlds import Author

ID, KEY = b"i" * 32, b"k" * 32
ACTIONS = {
    "admit": (Verb.ADMIT, (ID,)),
    "remove": (Verb.REMOVE, (KEY,)),
    "revoke": (Verb.REVOKE, (KEY, KEY, (1, 0, 0))),
    "ratify": (Verb.RATIFY, (ID, b"j" * 32)),
    "policy": (Verb.POLICY, (DEFAULTS[0], (ID,))),
    "witnesses": (Verb.WITNESSES, ((KEY,), ())),
    "charter": (Verb.CHARTER, (ID,)),
    "mandate": (Verb.MANDATE, Mandate("treasurer", KEY, ("spend",), 5, "up to 100", True, Place(ID, KEY))),
    "recall": (Verb.RECALL, ID),
    "voice": (Verb.VOICE, Voiced(ID, KEY, True)),
    "seat": (Verb.SEAT, Seated((Seating(ID, 3, KEY),), (KEY,), (ID,))),
    "uphold": (Verb.UPHOLD, ((ID, b"\xc0"),)),
}
SCHEMA_TEXT = (Path(meshd_protocol.__file__).parent / "records.cddl").read_text()


def _schema(kind: Kind, rule: str | None = None) -> Schema:
    """The schema with a kind's rule as its root: CDDL validates against the first."""
    named = rule or ("ranked-ballot" if kind == Kind.BALLOT else name_of(kind).replace(" ", "-"))
    return Schema(f"root = {named}\n{SCHEMA_TEXT}")


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: name_of(kind))
def test_examples_read_back_and_fit_the_schema(kind):
    body = EXAMPLES[kind]
    data = body.write()
    assert BODIES[kind].read(data) == body
    _schema(kind).validate_cbor(data)


HINTS = 64
"""From this key on what a reader does not know, or can't read, says nothing."""


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: name_of(kind))
def test_a_missing_or_wrong_field_is_refused_by_code_and_schema_alike(kind):
    whole = EXAMPLES[kind].to_map()
    schema = _schema(kind)
    required = {field.key for field in type(EXAMPLES[kind]).FIELDS if not field.optional}
    for key in whole:
        rest = {k: v for k, v in whole.items() if k != key}
        wrong = whole | {key: [[[]]]}
        for changed, bad in ((rest, key in required), (wrong, key < HINTS)):
            data = encode(changed)
            if not bad:
                BODIES[kind].read(data)
                schema.validate_cbor(data)
                continue
            with pytest.raises(BadBodyError):
                BODIES[kind].read(data)
            if (kind, key) in ((Kind.PROPOSAL, 10), (Kind.PROPOSAL, 15)):
                continue  # pycddl takes [[[]]] and {} for a choice
            with pytest.raises(ValidationError):
                schema.validate_cbor(data)


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: name_of(kind))
def test_room_to_grow(kind):
    """A field that carries meaning makes a body newer; one from 64 up is a hint that old nodes skip."""
    fields = EXAMPLES[kind].to_map()
    with pytest.raises(NewerVersionError):
        BODIES[kind].read(encode(fields | {62: 1}))
    plain = BODIES[kind].read(encode({key: value for key, value in fields.items() if key < HINTS}))
    assert BODIES[kind].read(encode(fields | {HINTS: "a hint"})) == plain
    _schema(kind).validate_cbor(encode(fields | {HINTS: "a hint"}))


def test_yes_no_ballots_have_a_rule_of_their_own():
    schema = _schema(Kind.BALLOT, "yes-no-ballot")
    for say in Say:
        schema.validate_cbor(Ballot(ID, Form.YES_NO, int(say)).write())
    for bad in ({0: ID, 1: 0, 2: 3}, {0: ID, 1: 0, 2: [[0]]}, {0: ID, 2: 1}):
        with pytest.raises(ValidationError):
            schema.validate_cbor(encode(bad))
        with pytest.raises(BadBodyError):
            Ballot.read(encode(bad))


def test_choices_and_scores_have_rules_of_their_own():
    for rule, form, sound, bad in (
        ("choices-ballot", Form.CHOICES, ((), (0, 3)), ([3, 0], [0, 0], [64])),
        ("scores-ballot", Form.SCORES, ((), ((0, 10), (2, 0))), ([[1, 1], [0, 1]], [[0, 11]], [[0, 1], [0, 2]])),
    ):
        for choice in sound:
            data = Ballot(ID, form, choice).write()
            _schema(Kind.BALLOT, rule).validate_cbor(data)
            assert Ballot.read(data).choice == choice
        for choice in bad:
            with pytest.raises(BadBodyError):
                Ballot.read(encode({0: ID, 1: int(form), 2: choice}))


def test_every_action_has_an_example_and_a_rule():
    assert {verb for verb, _ in ACTIONS.values()} == set(Verb) == set(PAYLOADS)


@pytest.mark.parametrize("name", ACTIONS)
def test_actions_read_back_and_fit_the_schema(name):
    verb, payload = ACTIONS[name]
    body = Proposal(ID, "membership", "Do it", action=(int(verb), payload))
    assert Proposal.read(body.write()) == body
    plain = decode(body.write())[6]
    schema = Schema(f"root = {name}-action\n{SCHEMA_TEXT}")
    schema.validate_cbor(encode(plain))
    for wrong in ([int(verb), [[[]]]], [int(verb), 5], [int(verb)], [99, plain[1]]):
        with pytest.raises(BadBodyError):
            Proposal.read(encode(body.to_map() | {6: wrong}))
        with pytest.raises(ValidationError):
            schema.validate_cbor(encode(wrong))


def test_an_attestation_has_winners_exactly_where_its_verdict_says_so():
    for verdict, winners in ((Verdict.WINNERS, []), (Verdict.PASSED, [0]), (Verdict.TIE, [0, 1])):
        with pytest.raises(BadBodyError, match="winners"):
            Attestation.read(encode({0: ID, 1: int(verdict), 2: winners, 3: [], 4: b"x", 5: ID}))
    with pytest.raises(NewerVersionError):
        Attestation.read(encode({0: ID, 1: 4, 3: [], 4: b"x", 5: ID}))


def _changed(kind: Kind, key: int, value: object) -> bytes:
    return encode(EXAMPLES[kind].to_map() | {key: value})


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        (Kind.GENESIS, 0, ""),
        (Kind.GENESIS, 0, "x" * (limits.NAME_BYTES + 1)),
        (Kind.GENESIS, 0, "ü" * (limits.NAME_BYTES // 2 + 1)),
        (Kind.GENESIS, 4, []),
        (Kind.GENESIS, 4, [KEY, KEY]),
        (Kind.GENESIS, 4, [b"z" * 32, KEY]),
        (Kind.CERTIFICATE, 1, KEY[:-1]),
        (Kind.CERTIFICATE, 5, -1),
        (Kind.REVOCATION, 2, [1, 2]),
        (Kind.ROSTER, 1, []),
        (Kind.ROSTER, 1, [bytes([n // 256, n % 256]) * 16 for n in range(limits.CITES + 1)]),
        (Kind.PROPOSAL, 2, "x" * (limits.TITLE_BYTES + 1)),
        (Kind.PROPOSAL, 3, "x" * (limits.TEXT_BYTES + 1)),
        (Kind.PROPOSAL, 4, [f"{n}" for n in range(limits.OPTIONS + 1)]),
        (Kind.PROPOSAL, 6, [1, []]),
        (Kind.PROPOSAL, 6, [1, [bytes([n]) * 32 for n in range(limits.APPLICATIONS + 1)]]),
        (Kind.BALLOT, 2, [[]]),
        (Kind.BALLOT, 2, [[0, 0]]),
        (Kind.BALLOT, 2, [[1, 0]]),
        (Kind.BALLOT, 2, [[0], [0]]),
        (Kind.BALLOT, 2, [[limits.OPTIONS]]),
        (Kind.BALLOT, 2, [["0"]]),
        (Kind.MESSAGE, 0, b"s" * 15),
        (Kind.MESSAGE, 2, ""),
        (Kind.MESSAGE, 2, "x" * (limits.TEXT_BYTES + 1)),
    ],
)
def test_bounds_one_past(kind, key, value):
    with pytest.raises(BadBodyError):
        BODIES[kind].read(_changed(kind, key, value))


@pytest.mark.parametrize(
    ("kind", "key", "value"), [(Kind.PROPOSAL, 6, [99, [ID]]), (Kind.BALLOT, 1, 9), (Kind.ROSTER, 61, 1)]
)
def test_what_a_later_version_may_say_asks_for_an_update(kind, key, value):
    with pytest.raises(NewerVersionError):
        BODIES[kind].read(_changed(kind, key, value))
    with pytest.raises(NewerVersionError):
        BODIES[Kind.BALLOT].read(encode({0: ID, 1: Form.YES_NO, 2: 7}))


def test_nobody_writes_what_others_would_refuse():
    with pytest.raises(BadBodyError):
        Proposal(ID, "significant", "x" * 1000).write()


def test_why_a_record_has_no_effect():
    author = Author(b"a" * 32, "Ada", 1)
    unknown = author.write(77, b"\xa0", log=0)
    elsewhere = author.write(Kind.MESSAGE, EXAMPLES[Kind.MESSAGE], log=0)
    broken = author.write(Kind.BALLOT, b"\xa1\x00\xfb")
    for record, error, words in (
        (unknown, NewerVersionError, "kind 77"),
        (elsewhere, BadBodyError, "in log 0"),
        (broken, BadBodyError, "its body is"),
    ):
        with pytest.raises(error, match=words):
            read_body(record)


def test_countersignatures_bind_assembly_and_fields():
    key, assembly = SigningKey.from_seed(b"m" * 32), b"a" * 32
    body = Revocation(member=key.public, device=KEY, good=(1, 0, 0)).signed_by(key, assembly)
    assert body.is_signed_by(key.public, assembly)
    assert not body.is_signed_by(key.public, b"b" * 32)
    assert not Revocation.read(encode(body.to_map() | {2: [2, 0, 0]})).is_signed_by(key.public, assembly)


def test_countersignatures_cover_what_a_later_version_adds():
    """A hint that was signed verifies here; one that was added afterwards does not."""
    key, assembly = SigningKey.from_seed(b"m" * 32), b"a" * 32
    fields = {0: key.public, 1: KEY, 2: [1, 0, 0], 64: "a hint of a later version"}
    signature = sign(key, Revocation.CONTEXT + assembly + encode(fields))
    assert Revocation.read(encode(fields | {63: signature})).is_signed_by(key.public, assembly)
    plain = Revocation(member=key.public, device=KEY, good=(1, 0, 0)).signed_by(key, assembly)
    assert Revocation.read(plain.write()).is_signed_by(key.public, assembly)
    assert not Revocation.read(encode(plain.to_map() | {64: "added"})).is_signed_by(key.public, assembly)
    body = {0: KEY, 1: KEY, 2: KEY, 3: []}
    signed = sign(key, Application.CONTEXT + assembly + encode(body))
    assert Application.read(encode(body | {63: signed})).is_signed_by(key.public, assembly)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({8: 5}, "no quorum"),
        ({5: True}, "no quorum"),
        ({4: [1, 4]}, "no quorum"),
        ({6: 5}, "no quorum"),
        ({3: [1, 2, False]}, "more than half"),
        ({3: [1, 3, True]}, "more than half"),
        ({3: [3, 2, True]}, "between 0 and 1"),
        ({3: [1, 0, True]}, "between 0 and 1"),
        ({3: [0, 1, True]}, "between 0 and 1"),
        ({3: [1, 1, True]}, "never be reached"),
        ({1: 1}, "only yes and no"),
        ({2: 5}, "later version"),
    ],
)
def test_void_policies(changed, words):
    significant = next(policy for policy in DEFAULTS if policy.name == "significant")
    assert void_reason(significant) is None
    assert words in str(void_reason(Policy.of(decode(encode(significant.to_map() | changed)))))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({4: [5, 4]}, "quorum"),
        ({4: [1, 0]}, "quorum"),
        ({3: [2, 1, True]}, "threshold"),
        ({1: 9}, "later version"),
        ({6: 0}, "open for some time"),
        ({0: "constitution"}, "must be settled"),
        ({0: "recall"}, "must be settled"),
    ],
)
def test_void_certified_policies(changed, words):
    standard = next(policy for policy in DEFAULTS if policy.name == "standard")
    assert words in str(void_reason(Policy.of(decode(encode(standard.to_map() | changed)))))


@pytest.mark.parametrize(
    ("name", "members", "needed"),
    [("significant", 1, 1), ("significant", 2, 2), ("significant", 3, 2), ("significant", 30, 16), ("emergency", 4, 3),
     ("emergency", 5, 4), ("constitution", 3, 2), ("constitution", 4, 3), ("membership", 10, 7), ("constitution", 2, 2), ("emergency", 3, 2), ("emergency", 4, 3),
     ("removal", 11, 8)],
)  # fmt: skip
def test_thresholds(name, members, needed):
    assert next(policy for policy in DEFAULTS if policy.name == name).needed(members) == needed


def test_tickets_read_back_however_they_were_pasted():
    ticket = Ticket(ID, b"e" * 32, b"p" * 32, ID, KEY, ("10.0.0.1:1", "[fe80::1]:2"), 5)
    line = ticket.line()
    assert read_ticket(line) == ticket
    assert read_ticket(f"  {line[:40]}\n {line[40:].upper()} ") == ticket


@pytest.mark.parametrize(
    "spoil",
    [lambda t: t[:-1], lambda t: t[:50] + ("a" if t[50] != "a" else "b") + t[51:], lambda t: t.removeprefix("meshd:"),
     lambda t: "meshd:", lambda t: "meshd:!!!", lambda t: "meshd:" + "a" * 5000, lambda t: "", lambda t: "meshd:aaaaaaaa"],
)  # fmt: skip
def test_spoiled_tickets_are_refused(spoil):
    with pytest.raises(BadTicketError):
        read_ticket(spoil(Ticket(ID, b"e" * 32, b"p" * 32, ID, KEY, (), 5).line()))


def test_one_repealed_proposal_may_stand_alone():
    """As it was written before there could be several: the same proposal."""
    old = {0: ID, 1: "standard", 2: "Again", 10: ID}
    body = Proposal.read(encode(old))
    assert body.repeals == (ID,)
    _schema(Kind.PROPOSAL).validate_cbor(encode(old))
    _schema(Kind.PROPOSAL).validate_cbor(body.write())


def test_what_is_too_long_says_how_many_letters_have_room():
    """Bounds are in bytes, and people count letters."""
    with pytest.raises(
        BadBodyError, match=r"^too long: 400 bytes of at most 300; some 150 of its 200 letters have room$"
    ):
        string(300)("م" * 200)
    with pytest.raises(BadBodyError, match=r"^too long: 301 bytes of at most 300$"):
        string(300)("a" * 301)
