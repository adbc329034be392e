"""templates.json: templates that are read, of a later version, or broken; and fields that fit a form or don't."""

from typing import Any

from makers.common import drawn, told
from meshd_protocol.bodies.institutions import Form
from meshd_protocol.entries import misfit, read_template
from meshd_protocol.errors import BadBodyError, NewerVersionError

ID = drawn("id")
NEED: dict[int, Any] = {0: "need", 3: [[0]], 4: [{0: "what", 1: [0, 20]}, {0: "amount", 1: [1, 2, 500, "kg"], 2: True}]}
GIFT: dict[int, Any] = {
    0: "gift", 1: "What is given.", 2: ["need", 1], 3: [[1, "give"], [2, "need"]],
    4: [{0: "giver", 1: [5], 3: "Who?"}, {0: "kind", 1: [3, "given", "lent"]}, {0: "bill", 1: [4]}, {0: "of", 1: [2], 2: True}],
    5: 2, 6: [[3, "need"], [4, "gift", "giver"]], 7: True, 8: True, 9: [{0: "given", 1: 2, 2: "gift", 3: "goal"}], 10: "pool", 11: 60,
}  # fmt: skip
POTS: dict[int, Any] = {0: "pots", 4: [{0: "pots", 1: [6, "pot", 2]}]}
POT: dict[int, Any] = {0: "pot", 4: [{0: "name", 1: [0, 5]}, {0: "most", 1: [1, 0, 9, ""]}]}
WHOLE: dict[int, Any] = {
    0: "Aid", 1: "We help.", 2: [NEED, GIFT, POTS, POT], 3: [{0: "goal", 1: 60, 2: "kg"}], 4: [],
    5: [{0: "Pool", 1: ["give"], 2: 5, 3: "Keeps it."}], 6: [{0: "needs", 1: 0, 2: "need", 4: True, 5: ["kind", "lent"], 6: 9}],
}  # fmt: skip
LATER: dict[int, Any] = {
    0: "sung",
    3: [[9, "by starlight"]],
    4: [{0: "x", 1: [9, 1]}],
    9: [{0: "sung", 1: 9, 2: "sung"}],
}


def _with(form: dict[int, Any], **changed: Any) -> dict[int, Any]:
    return WHOLE | {2: [form | {int(key[1:]): value for key, value in changed.items()}, NEED, POT]}


def _templates() -> dict[str, Any]:
    return {
        "whole": WHOLE,
        "one form": {0: "A", 1: "B", 2: [{0: "c"}]},
        "a hint": WHOLE | {64: "hint"},
        "a key of later": WHOLE | {7: 1},
        "a form of later beside others": WHOLE | {2: [NEED | {0: "n", 12: 1}, NEED]},
        "a group, a type and a measure of later": WHOLE | {2: [LATER], 6: []},
        "about something of later": _with(GIFT, _2=[77, "need"]),
        "a number of later": WHOLE | {3: [{5: 1}]},
        "a figure of all entries of a form that is not there": WHOLE | {6: [{0: "x", 1: 0, 2: "offer"}]},
        "two forms of later without a name": WHOLE | {2: [NEED, {40: 1}, {41: 1}], 6: []},
        "no forms": WHOLE | {2: []},
        "no words": {0: "A", 2: [NEED]},
        "two forms of one name": WHOLE | {2: [NEED, NEED]},
        "a form called confirm": _with(NEED, _0="confirm"),
        "two fields of one name": _with(GIFT, _4=[{0: "x", 1: [2]}, {0: "x", 1: [2]}]),
        "about a form that is not there": _with(GIFT, _2=["offer"]),
        "a group of a form that is not there": _with(GIFT, _3=[[2, "offer"]]),
        "seconds of a form that is not there": _with(GIFT, _6=[[3, "offer"]]),
        "no group of seconds": _with(GIFT, _6=[]),
        "a figure of a form that is not there": _with(GIFT, _9=[{0: "x", 1: 0, 2: "offer"}]),
        "a figure of confirmations": _with(GIFT, _9=[{0: "x", 1: 0, 2: "confirm"}]),
        "rows of a form that is not there": _with(GIFT, _4=[{0: "x", 1: [6, "offer", 2]}]),
        "rows of rows": _with(GIFT, _4=[{0: "x", 1: [6, "gift", 2]}]),
        "a number with its least above its most": _with(GIFT, _4=[{0: "x", 1: [1, 3, 2, ""]}]),
        "a number beyond 2^53": _with(GIFT, _4=[{0: "x", 1: [1, 3, 2**53 - 1, ""]}]),
        "a choice of one": _with(GIFT, _4=[{0: "x", 1: [3, "a"]}]),
        "a choice that is there twice": _with(GIFT, _4=[{0: "x", 1: [3, "a", "a"]}]),
        "a text of no bytes": _with(GIFT, _4=[{0: "x", 1: [0, 0]}]),
        "an id with something behind it": _with(GIFT, _4=[{0: "x", 1: [2, 2]}]),
        "a name with a space": _with(GIFT, _0="a gift"),
        "a name with =": _with(GIFT, _4=[{0: "a=b", 1: [2]}]),
        "a name that turns direction": _with(GIFT, _0="a\u202eb"),
        "a name in two scripts": _with(GIFT, _0="g\u0430ft"),
        "too many seconds": _with(GIFT, _5=101),
        "a group that is no list": _with(GIFT, _3=[0]),
    }


def _fields() -> list[tuple[str, str, Any]]:
    gift = {"giver": ID, "kind": "lent", "bill": ID}
    return [
        ("whole", "need", {"what": "flour", "amount": 5}),
        ("whole", "need", {"what": "flour"}),
        ("whole", "need", {"amount": 5}),
        ("whole", "need", {"what": "", "amount": 5}),
        ("whole", "need", {"what": "f" * 21}),
        ("whole", "need", {"what": "\u00fc" * 10}),
        ("whole", "need", {"what": "\u00fc" * 11}),
        ("whole", "need", {"what": "flour", "amount": 1}),
        ("whole", "need", {"what": "flour", "amount": 501}),
        ("whole", "need", {"what": "flour", "amount": True}),
        ("whole", "need", {"what": "flour", "amount": "5"}),
        ("whole", "need", {"what": "flour", "more": 5}),
        ("whole", "gift", gift),
        ("whole", "gift", gift | {"of": ID}),
        ("whole", "gift", gift | {"kind": "sold"}),
        ("whole", "gift", gift | {"giver": ID[:31]}),
        ("whole", "gift", gift | {"bill": "text"}),
        ("whole", "gift", gift | {"of": None}),
        ("whole", "pots", {"pots": [{"name": "flour", "most": 5}]}),
        ("whole", "pots", {"pots": [{"name": "flour", "most": 5}] * 3}),
        ("whole", "pots", {"pots": []}),
        ("whole", "pots", {"pots": [{"name": "flour"}]}),
        ("whole", "pots", {"pots": [5]}),
        ("whole", "confirm", {"is-so": "yes", "how": "I saw it"}),
        ("whole", "confirm", {"is-so": "perhaps"}),
        ("a group, a type and a measure of later", "sung", {"x": [1, {"any": "thing"}]}),
        ("a group, a type and a measure of later", "sung", {}),
    ]


def _read(value: Any) -> tuple[str, list[str]]:
    try:
        template = read_template(value)
    except NewerVersionError:
        return "later", []
    except BadBodyError:
        return "no", []
    return "yes", [form.name for form in template.forms if isinstance(form, Form)]


def _fits(value: Any, name: str, fields: Any) -> bool:
    template = read_template(value)
    form = template.form(name)
    assert form is not None, "it is one of those that are read"
    return misfit(template, form, fields) is None


def make() -> dict[str, Any]:
    """The file."""
    templates = _templates()
    return {
        "about": "Templates, read or not; fields, which fit a form or don't.",
        "sections": ["6.11"],
        "templates": [
            {"name": name, "template": told(value), "read": (found := _read(value))[0], "forms": found[1]}
            for name, value in templates.items()
        ],
        "fields": [
            {
                "name": f"{form} {n}",
                "template": name,
                "form": form,
                "fields": told(fields),
                "fits": _fits(templates[name], form, fields),
            }
            for n, (name, form, fields) in enumerate(_fields())
        ],
    }
