"""Templates: the form language, what is refused, what is of a later version, and the texts that people write."""

from dataclasses import replace
from typing import Any

import pytest

from meshd.service.institutions import SETS, shipped
from meshd_protocol import limits
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.institutions import Form, Group, Holds, Later, Template, Type, Who, read_what
from meshd_protocol.encoding import decode, encode
from meshd_protocol.entries import misfit, read_template
from meshd_protocol.errors import BadBodyError, NewerVersionError
from meshd_protocol.template_files import BadTemplateFileError, template_of_text

ID = b"i" * 32
NEED: dict[int, Any] = {0: "need", 3: [[0]], 4: [{0: "what", 1: [0, 20]}, {0: "amount", 1: [1, 2, 5, "kg"]}]}
AID: dict[int, Any] = {0: "Aid", 1: "We help.", 2: [NEED]}


def with_field(holds: list[Any]) -> Template:
    return read_template(AID | {2: [{0: "need", 4: [{0: "x", 1: holds}]}, {0: "row", 4: [{0: "who", 1: [5]}]}]})


@pytest.mark.parametrize("name", SETS)
def test_shipped_sets_are_read_and_fit_a_record(name):
    template = template_of_text(shipped(name))
    assert template.words.count(" ") > 10, "it says why it is there"
    assert len(encode(template.to_map())) <= limits.TEMPLATE_BYTES
    assert read_template(decode(template.write())) == template
    body = Proposal(ID, "constitution", "Adopt", template.words, what=template.to_map())
    assert Proposal.read(body.write()) == body
    assert all(isinstance(form, Form) and (form.words or not form.who) for form in template.forms)


def test_a_template_has_at_most_twelve_kibibytes():
    room = limits.TEMPLATE_BYTES - len(encode({0: "x" * 80, 1: ""})) - 2
    assert read_what({0: "x" * 80, 1: "y" * room})
    with pytest.raises(BadBodyError, match="12289 bytes of at most 12288"):
        read_what({0: "x" * 80, 1: "y" * (room + 1)})
    for bad in ({}, {"text": 1}, [ID, "need"], [ID, "need", {1: 2}], "template", None):
        with pytest.raises(BadBodyError):
            read_what(bad)


@pytest.mark.parametrize(
    "forms, why",
    [
        ([NEED, NEED], "one name"),
        ([NEED | {0: "confirm"}], "confirm"),
        ([NEED | {2: ["offer"]}], "names offer"),
        ([NEED | {3: [[2, "offer"]]}], "names offer"),
        ([NEED | {9: [{0: "x", 1: 0, 2: "offer"}]}], "names offer"),
        ([NEED | {4: [{0: "x", 1: [6, "need", 3]}]}], "rows themselves"),
        ([NEED | {4: [{0: "x", 1: [2]}, {0: "x", 1: [2]}]}], "one name"),
        ([NEED | {0: "a\u202eb"}], "invisible"),
        ([NEED | {0: "a b"}], "no space"),
        ([NEED | {4: [{0: "a=b", 1: [2]}]}], "no space"),
        ([NEED | {4: [{0: "x", 1: [1, 5, 2, "kg"]}]}], "least"),
        ([NEED | {4: [{0: "x", 1: [1, 0, 2**53, "kg"]}]}], "not a number"),
        ([NEED | {4: [{0: "x", 1: [3, "a", "a"]}]}], "twice"),
        ([NEED | {4: [{0: "x", 1: [3, "a"]}]}], "2 to"),
        ([NEED | {4: [{0: "x", 1: [0, 0]}]}], "no bytes"),
        ([NEED | {4: [{0: "x", 1: [2, 5]}]}], "behind its number"),
        ([NEED | {4: [{0: "x", 1: []}]}], "begins with a number"),
        ([NEED | {5: 101}], "from 0 to 100"),
        ([], "1 to 32"),
    ],
)
def test_what_no_template_is(forms, why):
    with pytest.raises(BadBodyError, match=why):
        read_template(AID | {2: forms})


def test_what_is_of_a_later_version_is_shown_and_never_an_error():
    """A node of today reads a template of next year: it knows what it knows."""
    forms = [
        NEED | {12: "new"},
        NEED | {0: "offer", 3: [[9, "by starlight"]]},
        NEED
        | {
            0: "gift",
            2: [77, "need"],
            4: [{0: "x", 1: [9, "a song"]}],
            9: [{0: "sung", 1: 9, 2: "need"}, {0: "a", 1: 0, 2: "need", 7: 1}],
        },
    ]
    template = read_template(AID | {2: forms, 3: [{0: "n", 1: 5, 9: 1}], 6: [{12: 1}], 64: "a hint"})
    assert template.forms[0] == Later("need")
    assert template.form("need") is None
    offer, gift = template.form("offer"), template.form("gift")
    assert offer is not None and offer.who == (Later(),)
    assert gift is not None and isinstance(gift.fields[0].holds, Later)
    assert misfit(template, gift, {"x": [1, {"any": "thing"}]}) is None, "what is of a later version fits anything"
    assert template.numbers == (Later("n"),)
    with pytest.raises(NewerVersionError):
        read_template(AID | {7: 1})


def test_fields_fit_their_form():
    template = read_template(AID)
    form = template.form("need")
    assert form is not None
    assert misfit(template, form, {"what": "flour", "amount": 3}) is None
    for fields, why in (
        ({"what": "flour"}, "amount is missing"),
        ({"what": "flour", "amount": 1}, "below 2"),
        ({"what": "flour", "amount": 6}, "from 0 to 5"),
        ({"what": "flour", "amount": 2**53}, "from 0 to 5"),
        ({"what": "flour", "amount": -3}, "from 0 to 5"),
        ({"what": "flour", "amount": True}, "from 0 to 5"),
        ({"what": "f" * 21, "amount": 3}, "too long"),
        ({"what": "", "amount": 3}, "empty"),
        ({"what": "flour", "amount": 3, "more": 1}, "no field more"),
        ([], "no fields"),
    ):
        assert why in str(misfit(template, form, fields))


@pytest.mark.parametrize(
    "holds, good, bad",
    [
        ([2], ID, b"short"),
        ([4], ID, "text"),
        ([5], ID, None),
        ([3, "yes", "no"], "yes", "maybe"),
        ([6, "row", 2], [{"who": ID}], [{"who": ID}] * 3),
        ([6, "row", 2], [{"who": ID}], []),
        ([6, "row", 2], [{"who": ID}], [{"who": 5}]),
    ],
)
def test_every_type(holds, good, bad):
    template = with_field(holds)
    form = template.form("need")
    assert form is not None
    assert misfit(template, form, {"x": good}) is None
    assert misfit(template, form, {"x": bad}) is not None


def test_an_optional_field_may_be_left_out():
    template = read_template(AID | {2: [{0: "f", 4: [{0: "x", 1: [2], 2: True}]}]})
    form = template.form("f")
    assert form is not None
    assert misfit(template, form, {}) is None
    assert misfit(template, replace(form, fields=(replace(form.fields[0], optional=False),)), {}) == "x is missing"


TEXT = """
name = "Aid"
words = "We help."
line = ["many need within 28 d as needs"]

[numbers]
cycle = "28 days"

[posts.Treasurer]
powers = ["pay"]
term = "28 d"

[policies.quick]
finality = "certified"
threshold = ">1/2"
quorum = "1/4"
open = "1 d"

[forms.need]
who = ["people", "power pay"]
seconds = 2
from = ["named need witness"]
due = "48 h"
line = ["sum got where kind=whole of amount as received", "people got of members as gave"]
[forms.need.fields]
amount = "number 1..5 kg"
witness = { holds = "optional person", words = "Who saw it?" }
parts = "optional rows part 3"

[forms.part]
fields = { name = "text 20" }

[forms.got]
about = ["need", "minutes"]
who = ["author need", "seconded need"]
ends = true
fields = { amount = "number kg", kind = "choice whole | half", bill = "optional hash", of = "optional id" }
"""


def test_a_text_says_all_that_a_template_can():
    template = template_of_text(TEXT)
    need, got = template.form("need"), template.form("got")
    assert need is not None and got is not None
    assert need.who == (Group(Who.PEOPLE), Group(Who.POWER, "pay"))
    assert need.people == (Group(Who.NAMED, "need", "witness"),)
    assert (need.seconds, need.due, got.ends, got.about) == (2, 48 * 3600, True, ("need", 3))
    assert [each.holds for each in need.fields if isinstance(each.holds, Holds)] == [
        Holds(Type.NUMBER, 1, 5, "kg"),
        Holds(Type.PERSON),
        Holds(Type.ROWS, most=3, names=("part",)),
    ]
    assert [each.words for each in need.fields] == ["", "Who saw it?", ""]
    first, second = need.line
    assert not isinstance(first, Later) and (first.words, first.where, first.against) == (
        "received",
        ("kind", "whole"),
        "amount",
    )
    assert not isinstance(second, Later) and second.of_members
    assert not isinstance(template.line[0], Later) and template.line[0].within == 28 * 86400
    assert not isinstance(template.posts[0], Later) and template.posts[0].term == 28 * 86400
    assert read_template(decode(template.write())) == template


@pytest.mark.parametrize(
    "before, after, why",
    [
        ('name = "Aid"', "name = 5", "no name"),
        ('name = "Aid"', "", "no name"),
        ('name = "Aid"', "name =", "no TOML"),
        ('words = "We help."', 'colour = "red"', "nobody knows"),
        ('"number 1..5 kg"', '"weight 5"', "holds weight"),
        ('"number 1..5 kg"', "5", "says what it holds"),
        ('"people", "power pay"', '"everybody"', "no group everybody"),
        ('term = "28 d"', 'term = "a month"', "no span"),
        ('cycle = "28 days"', 'cycle = "often"', "is none"),
        ('finality = "certified"', 'finality = "settled"', "void"),
        ('finality = "certified"', 'finality = "soon"', "no finality"),
        ('quorum = "1/4"', 'quorum = "most"', "no fraction"),
        ("seconds = 2", "seconds = -2", "no whole number"),
        ('line = ["many', 'line = ["much', "no part of a line"),
        ('about = ["need", "minutes"]', 'about = ["wish"]', "names wish"),
        ("who = [", "whom = [", "nobody knows"),
        ('fields = { name = "text 20" }', "fields = 5", "no table"),
        ('fields = { name = "text 20" }', 'fields = { name = "text 0" }', "no bytes"),
    ],
)
def test_a_wrong_text_says_where(before, after, why):
    assert before in TEXT
    with pytest.raises(BadTemplateFileError, match=why):
        template_of_text(TEXT.replace(before, after, 1))
