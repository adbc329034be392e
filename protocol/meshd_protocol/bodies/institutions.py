"""Bodies of institutions: an entry, and what a decision adopts: a template, its forms, and the fields of these.

What an entry may say is data that an assembly adopts. A reader of today takes what a template of next year says of a
form that it knows, and shows the rest as it stands: a form, a type, a group of people or a figure of a later version is
`Later`, and never an error (specification, section 6.11).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

from meshd_protocol import limits
from meshd_protocol.encoding import encode
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.policies import DAY, Policy
from meshd_protocol.roles import role_problem
from meshd_protocol.schema import FIRST_IGNORABLE, ID, Body, Check, Field, array, nested, string, truth, uint

CONFIRM = "confirm"
"""The form that every template has: somebody else's yes or no to an entry, and how they know."""


class Later(NamedTuple):
    """Something of a later version, by its name where it has one."""

    name: str = ""


class About(IntEnum):
    """What an entry may be about, beside entries of named forms."""

    NOTHING = 0
    DECISION = 1
    MANDATE = 2
    MINUTES = 3
    ENTRY = 4
    ACT = 5


class Who(IntEnum):
    """A group of people, seen from an entry: all who decide (in a federation those who sit there); who holds a POWER.
    Of the nearest entry of a form, on the way from it to what the first one is about: its AUTHOR, who SECONDED it, whom
    a field of it NAMED.
    """

    PEOPLE = 0
    POWER = 1
    AUTHOR = 2
    SECONDED = 3
    NAMED = 4


class Group(NamedTuple):
    """A `Who`, with a power; or with a form; or with a form and its field."""

    who: int
    name: str = ""
    field: str = ""


class Type(IntEnum):
    """What a field holds: a TEXT of at most so many bytes; a whole NUMBER between two bounds, with a unit; the ID of
    something; one CHOICE of several; the HASH of a file; a PERSON; ROWS of another form's fields.
    """

    TEXT = 0
    NUMBER = 1
    ID = 2
    CHOICE = 3
    HASH = 4
    PERSON = 5
    ROWS = 6


class Holds(NamedTuple):
    """A `Type` with what goes with it: see there."""

    type: int
    least: int = 0
    most: int = 0
    unit: str = ""
    names: tuple[str, ...] = ()


class Measure(IntEnum):
    """What a part of a line tells of entries: how MANY there are; how many PEOPLE wrote them (in a federation:
    assemblies); the SUM of their first numbers; that number of the NEWEST; whether one is there, or when it is DUE.
    """

    MANY = 0
    PEOPLE = 1
    SUM = 2
    NEWEST = 3
    DUE = 4


def _word(value: Any) -> str:
    """A name that people type: without spaces, and not to be taken for another one."""
    name: str = string(limits.NAME_BYTES)(value)
    problem = role_problem(name)
    if problem is not None:
        raise BadBodyError(problem.replace("role", "name"))
    if " " in name or "=" in name:
        raise BadBodyError("a name of a form or a field has no space and no =")
    return name


def _numbered(value: Any) -> tuple[int, list[Any]]:
    """A list that begins with a number."""
    if type(value) is not list or not value or type(value[0]) is not int or value[0] < 0:
        raise BadBodyError("not a list that begins with a number")
    return value[0], value[1:]


def _taken(parts: list[Any], *checks: Check) -> list[Any]:
    if len(parts) != len(checks):
        raise BadBodyError(f"not {len(checks)} things behind its number")
    return [check(part) for check, part in zip(checks, parts, strict=True)]


def _group(value: Any) -> Group | Later:
    who, parts = _numbered(value)
    if who == Who.PEOPLE:
        _taken(parts)
        return Group(who)
    if who == Who.POWER:
        return Group(who, *_taken(parts, string(limits.NAME_BYTES)))
    if who in (Who.AUTHOR, Who.SECONDED):
        return Group(who, *_taken(parts, _word))
    if who == Who.NAMED:
        return Group(who, *_taken(parts, _word, _word))
    return Later()


def _holds(value: Any) -> Holds | Later:
    kind, parts = _numbered(value)
    match kind:
        case Type.TEXT:
            (most,) = _taken(parts, uint(limits.TEXT_BYTES))
            if not most:
                raise BadBodyError("a text of no bytes")
            return Holds(kind, most=most)
        case Type.NUMBER:
            least, most, unit = _taken(parts, uint(), uint(), string(limits.UNIT_BYTES, 0))
            if least > most:
                raise BadBodyError("a number that is below its least, or above its most")
            return Holds(kind, least, most, unit)
        case Type.ID | Type.HASH | Type.PERSON:
            _taken(parts)
            return Holds(kind)
        case Type.CHOICE:
            names = array(string(limits.NAME_BYTES), limits.OPTIONS, 2)(parts)
            if len(set(names)) < len(names):
                raise BadBodyError("a choice is there twice")
            return Holds(kind, names=names)
        case Type.ROWS:
            form, most = _taken(parts, _word, uint(limits.ROWS))
            return Holds(kind, most=most, names=(form,))
        case _:
            return Later()


def _about(value: Any) -> int | str:
    """A number of `About` (or of a later version), or a form's name."""
    return value if type(value) is int and value >= 0 else _word(value)


@dataclass(frozen=True, slots=True)
class FormField(Body):
    """One field of a form: its name, what it holds, whether it may be left out, and what is asked in words."""

    name: str
    holds: Holds | Later
    optional: bool = False
    words: str = ""

    FIELDS: ClassVar = (
        Field(0, "name", _word),
        Field(1, "holds", _holds),
        Field(2, "optional", truth(), optional=True, default=False),
        Field(3, "words", string(limits.TITLE_BYTES, 0), optional=True, default=""),
    )

    def to_map(self) -> dict[int, Any]:
        """The map that is encoded."""
        return super(FormField, self).to_map() | {1: _plain_holds(self.holds)}


def _plain_holds(holds: Holds | Later) -> list[Any]:
    assert isinstance(holds, Holds), "what is of a later version is never written"
    match holds.type:
        case Type.TEXT:
            return [holds.type, holds.most]
        case Type.NUMBER:
            return [holds.type, holds.least, holds.most, holds.unit]
        case Type.ROWS:
            return [holds.type, holds.names[0], holds.most]
        case _:
            return [holds.type, *holds.names]


@dataclass(frozen=True, slots=True)
class Part(Body):
    """A part of a line: what it tells of the entries of a form.

    `against` is what it is held against: a number of the template, or a number field of what the line is about; with
    `of_members` how many members there are. `where` counts those alone with that choice in that field, `within` those
    that came here in the last so many seconds.
    """

    words: str
    measure: int
    form: str
    against: str = ""
    of_members: bool = False
    where: tuple[str, ...] = ()
    within: int = 0

    FIELDS: ClassVar = (
        Field(0, "words", string(limits.NAME_BYTES)),
        Field(1, "measure", uint()),
        Field(2, "form", _word),
        Field(3, "against", string(limits.NAME_BYTES, 0), optional=True, default=""),
        Field(4, "of_members", truth(), optional=True, default=False),
        Field(5, "where", array(string(limits.NAME_BYTES), 2, 2), optional=True, default=()),
        Field(6, "within", uint(10_000 * DAY), optional=True, default=0),
    )


def _or_later(body: type[Body]) -> Check:
    """A body; or `Later`, where it has a field that this version does not know."""

    known = {field.key for field in body.FIELDS}

    def check(value: Any) -> Any:
        if type(value) is dict and any(
            type(key) is int and key < FIRST_IGNORABLE and key not in known for key in value
        ):
            name = value.get(0)
            return Later(name if type(name) is str else "")
        return body.of(value)

    return check


@dataclass(frozen=True, slots=True)
class Form(Body):
    """What somebody may enter.

    `about` is what an entry may be about (nothing, if empty), `who` may write it (nobody alone, if empty: it is
    decided, or rows of another one), `seconds` how many others of `people` confirm it before it stands. One that `ends`
    what it is about closes it, once it stands; one that is `urgent` calls everybody while it stands. `line` is how one
    is told of; `rule` a rule that programs know by that name. `due` is within how many seconds one is expected.
    """

    name: str
    words: str = ""
    about: tuple[int | str, ...] = ()
    who: tuple[Group | Later, ...] = ()
    fields: tuple[FormField, ...] = ()
    seconds: int = 0
    people: tuple[Group | Later, ...] = ()
    ends: bool = False
    urgent: bool = False
    line: tuple[Part | Later, ...] = ()
    rule: str = ""
    due: int = 0

    FIELDS: ClassVar = (
        Field(0, "name", _word),
        Field(1, "words", string(limits.REASON_BYTES, 0), optional=True, default=""),
        Field(2, "about", array(_about, limits.GROUPS), optional=True, default=()),
        Field(3, "who", array(_group, limits.GROUPS), optional=True, default=()),
        Field(4, "fields", array(nested(FormField), limits.FORM_FIELDS), optional=True, default=()),
        Field(5, "seconds", uint(limits.SECONDS), optional=True, default=0),
        Field(6, "people", array(_group, limits.GROUPS, 1), optional=True, default=()),
        Field(7, "ends", truth(), optional=True, default=False),
        Field(8, "urgent", truth(), optional=True, default=False),
        Field(9, "line", array(_or_later(Part), limits.GROUPS), optional=True, default=()),
        Field(10, "rule", string(limits.NAME_BYTES, 0), optional=True, default=""),
        Field(11, "due", uint(10_000 * DAY), optional=True, default=0),
    )

    def field(self, name: str) -> FormField | None:
        """The field of that name."""
        return next((each for each in self.fields if each.name == name), None)

    @property
    def amount(self) -> FormField | None:
        """The first number: what sums add up."""
        numbers = (each for each in self.fields if isinstance(each.holds, Holds) and each.holds.type == Type.NUMBER)
        return next(numbers, None)

    def to_map(self) -> dict[int, Any]:
        """The map that is encoded."""
        groups = ((3, self.who), (6, self.people))
        written = {key: [_plain_group(each) for each in found] for key, found in groups if found}
        return super(Form, self).to_map() | written


def _plain_group(group: Group | Later) -> list[Any]:
    assert isinstance(group, Group), "what is of a later version is never written"
    return [group.who, *([group.name] if group.name else []), *([group.field] if group.field else [])]


@dataclass(frozen=True, slots=True)
class Post(Body):
    """A mandate that a template expects: its role and powers, and how many seconds one term lasts; 0 for as given."""

    role: str
    powers: tuple[str, ...]
    term: int = 0
    words: str = ""

    FIELDS: ClassVar = (
        Field(0, "role", string(limits.NAME_BYTES)),
        Field(1, "powers", array(string(limits.NAME_BYTES), limits.POWERS, 1)),
        Field(2, "term", uint(10_000 * DAY), optional=True, default=0),
        Field(3, "words", string(limits.REASON_BYTES, 0), optional=True, default=""),
    )


@dataclass(frozen=True, slots=True)
class Given(Body):
    """A number of a template, by its name, with its unit."""

    name: str
    value: int
    unit: str = ""

    FIELDS: ClassVar = (
        Field(0, "name", _word),
        Field(1, "value", uint()),
        Field(2, "unit", string(limits.UNIT_BYTES, 0), optional=True, default=""),
    )


@dataclass(frozen=True, slots=True)
class Template(Body):
    """Institutions as data: forms, and the numbers, policies and posts that go with them. `line` is told of all entries
    together.
    """

    name: str
    words: str
    forms: tuple[Form | Later, ...]
    numbers: tuple[Given | Later, ...] = ()
    policies: tuple[Policy | Later, ...] = ()
    posts: tuple[Post | Later, ...] = ()
    line: tuple[Part | Later, ...] = ()

    FIELDS: ClassVar = (
        Field(0, "name", string(limits.NAME_BYTES)),
        Field(1, "words", string(limits.TEXT_BYTES)),
        Field(2, "forms", array(_or_later(Form), limits.FORMS, 1)),
        Field(3, "numbers", array(_or_later(Given), limits.FORM_FIELDS), optional=True, default=()),
        Field(4, "policies", array(_or_later(Policy), limits.GROUPS), optional=True, default=()),
        Field(5, "posts", array(_or_later(Post), limits.GROUPS), optional=True, default=()),
        Field(6, "line", array(_or_later(Part), limits.GROUPS), optional=True, default=()),
    )

    def form(self, name: str) -> Form | None:
        """The form of that name; what every template has, too. None for one that it lacks, or of a later version."""
        if name == CONFIRM:
            return CONFIRMATION
        return next((each for each in self.forms if isinstance(each, Form) and each.name == name), None)

    def number(self, name: str) -> Given | None:
        """The number of that name."""
        return next((each for each in self.numbers if isinstance(each, Given) and each.name == name), None)


CONFIRMATION = Form(
    CONFIRM,
    "Whether it is so, and how you know.",
    (int(About.ENTRY),),
    (Group(Who.PEOPLE),),
    (
        FormField("is-so", Holds(Type.CHOICE, names=("yes", "no"))),
        FormField("how", Holds(Type.TEXT, most=limits.REASON_BYTES), optional=True),
    ),
)
"""Who may confirm what is said by the form that is confirmed."""


class Figures(NamedTuple):
    """What a decision says with figures: by the form of a template, which an earlier decision adopted."""

    template: bytes
    form: str
    fields: Any


def _fields(value: Any) -> Any:
    """Fields by name; what they hold is held against a form, and else against nothing."""
    if type(value) is not dict or any(type(key) is not str for key in value):
        raise BadBodyError("not fields by their names")
    return value


def read_what(value: Any) -> Any:
    """A template as it stands, read or not: a dict; or `Figures`. Raises BadBodyError."""
    if type(value) is list:
        if len(value) != 3:
            raise BadBodyError("not [template, form, fields]")
        value = Figures(ID(value[0]), string(limits.NAME_BYTES)(value[1]), _fields(value[2]))
    elif type(value) is not dict or not value or any(type(key) is not int for key in value):
        raise BadBodyError("neither a template nor figures")
    size = len(encode(value))
    if size > limits.TEMPLATE_BYTES:
        raise BadBodyError(f"too long: {size} bytes of at most {limits.TEMPLATE_BYTES}")
    return value


@dataclass(frozen=True, slots=True)
class Entry(Body):
    """What somebody enters by a form of a template, which is named by the decision that adopted it.

    It pins a roster, of whose people the author must be. `about` is a record, `replaces` are earlier entries of theirs
    by the same form; `mandate` is the one under which it is written, where the form asks for one.
    """

    roster: bytes
    template: bytes
    form: str
    fields: Any
    about: bytes | None = None
    replaces: tuple[bytes, ...] = ()
    mandate: bytes | None = None

    KIND: ClassVar = Kind.ENTRY
    FIELDS: ClassVar = (
        Field(0, "roster", ID),
        Field(1, "template", ID),
        Field(2, "form", string(limits.NAME_BYTES)),
        Field(3, "fields", _fields),
        Field(4, "about", ID, optional=True),
        Field(5, "replaces", array(ID, limits.REPLACES, distinct=True), optional=True, default=()),
        Field(6, "mandate", ID, optional=True),
    )
