"""Templates as people write them: a text in TOML, one line for each field, group and part of a line.

`docs/how-to/keep-institutions.md` shows the form. Only this way round: what stands in a decision is shown by commands.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Any, NoReturn

from meshd_protocol import limits
from meshd_protocol.bodies.institutions import (
    About,
    Form,
    FormField,
    Given,
    Group,
    Holds,
    Measure,
    Part,
    Post,
    Template,
    Type,
    Who,
    read_what,
)
from meshd_protocol.entries import read_template
from meshd_protocol.errors import BadBodyError, ProtocolError
from meshd_protocol.policies import DAY, HOUR, Finality, Method, Policy, void_reason

_SPANS = {"s": 1, "min": 60, "h": HOUR, "d": DAY}
_PART = re.compile(
    r"(?P<measure>\w+) (?P<form>\S+)(?: where (?P<field>[^=\s]+)=(?P<value>.+?))?(?: within (?P<within>\d+ ?\w+))?"
    r"(?: of (?P<against>\S+))? as (?P<words>.+)"
)


class BadTemplateFileError(ProtocolError):
    """A text that makes no template."""


def template_of_text(text: str) -> Template:
    """The template that a text describes. Raises BadTemplateFileError, which says where it is wrong."""
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadTemplateFileError(f"this is no TOML: {error}") from error
    _only(found, "the template", "name", "words", "forms", "numbers", "policies", "posts", "line")
    forms = _table(found, "forms")
    try:
        template = Template(
            name=_text(found, "name", "the template"),
            words=_text(found, "words", "the template").strip(),
            forms=tuple(_form(name, value) for name, value in forms.items()),
            numbers=tuple(_number(name, value) for name, value in _table(found, "numbers").items()),
            policies=tuple(_policy(name, value) for name, value in _table(found, "policies").items()),
            posts=tuple(_post(name, value) for name, value in _table(found, "posts").items()),
            line=tuple(_part(each) for each in _texts(found, "line")),
        )
        template.write()
        return read_template(read_what(template.to_map()))
    except BadBodyError as error:
        raise BadTemplateFileError(str(error)) from error


def _form(name: str, value: Any) -> Form:
    where = f"forms.{name}"
    _only(
        value, where, "words", "about", "who", "fields", "seconds", "from", "ends", "urgent", "line", "rule", "due"
    )  # fmt: skip
    return Form(
        name,
        words=str(value.get("words", "")).strip(),
        about=tuple(_about(each) for each in _texts(value, "about")),
        who=tuple(_group(each) for each in _texts(value, "who")),
        fields=tuple(_field(each, holds) for each, holds in _table(value, "fields").items()),
        seconds=_whole(value, "seconds"),
        people=tuple(_group(each) for each in _texts(value, "from")),
        ends=value.get("ends", False),
        urgent=value.get("urgent", False),
        line=tuple(_part(each) for each in _texts(value, "line")),
        rule=str(value.get("rule", "")),
        due=_span(value.get("due", "0 s")),
    )


def _about(words: str) -> int | str:
    return int(About[words.upper()]) if words.upper() in About.__members__ else words


def _group(words: str) -> Group:
    kind, _, rest = words.partition(" ")
    if kind.upper() not in Who.__members__:
        _bad(f"there is no group {words}: people, power NAME, author FORM, seconded FORM, named FORM FIELD")
    who, rest = Who[kind.upper()], rest.strip()
    if who == Who.NAMED:
        form, _, field = rest.partition(" ")
        return Group(int(who), form, field.strip())
    return Group(int(who), rest)


def _field(name: str, value: Any) -> FormField:
    """`text`, `optional text 200`, `number 0..100 kg`, `id`, `choice a | b`, `hash`, `person`, `rows FORM 10`; or that
    in a table, as `holds`, with `words` for whoever is asked.
    """
    words, asked = (value.get("holds", ""), value.get("words", "")) if isinstance(value, dict) else (value, "")
    if not isinstance(words, str) or not isinstance(asked, str):
        _bad(f"{name} says what it holds in words")
    optional = words.startswith("optional ")
    kind, _, rest = words.removeprefix("optional ").strip().partition(" ")
    if kind.upper() not in Type.__members__:
        _bad(f"{name} holds {kind or 'nothing'}: text, number, id, choice, hash, person or rows")
    return FormField(name, _holds(name, Type[kind.upper()], rest.strip()), optional, asked)


def _holds(name: str, kind: Type, rest: str) -> Holds:
    match kind:
        case Type.TEXT:
            if rest and not rest.isdecimal():
                _bad(f"{name}: how many bytes the text has at most is a number")
            return Holds(int(kind), most=int(rest or limits.REASON_BYTES))
        case Type.NUMBER:
            found = re.fullmatch(r"(?:(\d+)\.\.(\d+)\b)? ?(.*)", rest)
            assert found is not None, "it takes any text"
            low, high, unit = found.groups()
            return Holds(int(kind), int(low or 0), int(high or limits.INTEGER - 1), unit)
        case Type.CHOICE:
            return Holds(int(kind), names=tuple(each.strip() for each in rest.split("|")))
        case Type.ROWS:
            form, _, most = rest.partition(" ")
            if most and not most.isdecimal():
                _bad(f"{name}: how many rows there are at most is a number")
            return Holds(int(kind), most=int(most or limits.ROWS), names=(form,))
        case _:
            return Holds(int(kind))


def _part(words: str) -> Part:
    """`MEASURE FORM [where FIELD=CHOICE] [within SPAN] [of members|NUMBER] as WORDS`."""
    found = _PART.fullmatch(words)
    if found is None or found["measure"].upper() not in Measure.__members__:
        _bad(f"this is no part of a line: {words}. Like `people pledge of members as pledged`")
    against = found["against"] or ""
    return Part(
        found["words"],
        int(Measure[found["measure"].upper()]),
        found["form"],
        "" if against == "members" else against,
        against == "members",
        (found["field"], found["value"]) if found["field"] else (),
        _span(found["within"] or "0 s"),
    )


def _number(name: str, value: Any) -> Given:
    number, _, unit = str(value).partition(" ")
    if not number.isdecimal():
        _bad(f"the number {name} is none: {value}. Like `28 days`")
    return Given(name, int(number), unit.strip())


def _policy(name: str, value: Any) -> Policy:
    where = f"policies.{name}"
    _only(value, where, "finality", "method", "threshold", "quorum", "open", "grace", "notice", "changeable", "once")
    threshold = value.get("threshold")
    policy = Policy(
        name,
        _of(Method, str(value.get("method", "yes-no"))),
        _of(Finality, str(value.get("finality", ""))),
        threshold=_fraction(threshold) if threshold is not None else None,
        quorum=_fraction(value["quorum"])[:2] if "quorum" in value else None,
        changeable=value.get("changeable", False),
        open_for=_span(value.get("open", "0 s")),
        grace=_span(value.get("grace", "0 s")),
        notice=_span(value.get("notice", "0 s")),
        once=value.get("once", False),
    )
    problem = void_reason(policy)
    return policy if problem is None else _bad(f"the policy {name} would be void: {problem}")


def _post(name: str, value: Any) -> Post:
    _only(value, f"posts.{name}", "powers", "term", "words")
    return Post(
        name, tuple(_texts(value, "powers")), _span(value.get("term", "0 s")), str(value.get("words", "")).strip()
    )


def _of(names: Any, word: str) -> int:
    key = word.upper().replace("-", "_")
    return int(names[key]) if key in names.__members__ else _bad(f"there is no {names.__name__.lower()} {word}")


def _fraction(words: Any) -> tuple[int, int, bool]:
    found = re.fullmatch(r"(>?) ?(\d{1,7})/(\d{1,7})", str(words))
    return (int(found[2]), int(found[3]), bool(found[1])) if found else _bad(f"{words} is no fraction: 2/3, or >1/2")


def _span(words: Any) -> int:
    found = re.fullmatch(r"(\d{1,9}) ?(s|min|h|d)", str(words))
    return int(found[1]) * _SPANS[found[2]] if found else _bad(f"{words} is no span: 48 h, 28 d")


def _only(value: Any, where: str, *keys: str) -> None:
    if not isinstance(value, dict):
        _bad(f"{where} is no table")
    unknown = sorted(value.keys() - set(keys))
    if unknown:
        _bad(f"{where} has {unknown[0]}, which nobody knows: it may have {', '.join(keys)}")


def _table(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key, {})
    return found if isinstance(found, dict) else _bad(f"{key} is no table")


def _text(value: Mapping[str, Any], key: str, where: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) and found.strip() else _bad(f"{where} has no {key}")


def _texts(value: Mapping[str, Any], key: str) -> list[str]:
    found = value.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        _bad(f"{key} is no list of texts")
    return list(map(str, found))


def _whole(value: Mapping[str, Any], key: str) -> int:
    found = value.get(key, 0)
    return found if type(found) is int and found >= 0 else _bad(f"{key} is no whole number")


def _bad(text: str) -> NoReturn:
    raise BadTemplateFileError(text)
