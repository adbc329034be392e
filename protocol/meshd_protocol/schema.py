"""How a body's fields are described: a table of (key, name, check), read both ways.

A body class is a frozen dataclass with a `FIELDS` table. Checks take a decoded value and return what the dataclass
holds, or raise BadBodyError with a reason for a person.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from meshd_protocol import limits
from meshd_protocol.encoding import Value, decode, encode
from meshd_protocol.errors import BadBodyError, NewerVersionError, NotCanonicalError
from meshd_protocol.kinds import Kind

Check = Callable[[Any], Any]

FIRST_IGNORABLE = 64
"""Keys from here up may be skipped by a reader that doesn't know them."""


class Field(NamedTuple):
    """One field of a body. An optional field is left out where its value equals `default`."""

    key: int
    name: str
    check: Check
    optional: bool = False
    default: Any = None


@dataclass(frozen=True, slots=True)
class Body:
    """A body that was read or is about to be written. Its fields are those of the class's table.

    `KIND` is the kind of record that it is the body of; None where it is a part of others.
    """

    KIND: ClassVar[Kind | None] = None
    FIELDS: ClassVar[tuple[Field, ...]] = ()

    @classmethod
    def read(cls, data: bytes) -> Self:
        """The body that `data` encodes. Raises BadBodyError with the reason why it has no effect."""
        try:
            value = decode(data)
        except NotCanonicalError as error:
            raise BadBodyError(f"its body is {error}") from error
        return cls.of(value)

    @classmethod
    def of(cls, value: Value) -> Self:
        """The body of a decoded map. Raises BadBodyError."""
        if type(value) is not dict:
            raise BadBodyError("its body is not a map")
        found: dict[Any, Any] = value
        fields: dict[str, Any] = {}
        known = 0
        for key, name, check, optional, default in cls.FIELDS:
            if key in found:
                known += 1
                try:
                    fields[name] = check(found[key])
                except BadBodyError as error:
                    raise type(error)(f"{name.replace('_', ' ')}: {error}") from error
            elif optional:
                fields[name] = default
            else:
                raise BadBodyError(f"{name.replace('_', ' ')} is missing")
        if known < len(found):
            cls._check_others(found)
        return cls(**fields)

    @classmethod
    def _check_others(cls, found: dict[Any, Any]) -> None:
        """What stands beside the fields of the table must be hints. Raises BadBodyError."""
        for key in found.keys() - {field.key for field in cls.FIELDS}:
            if type(key) is not int:
                raise BadBodyError("the keys of its body are not integers")
            if key < FIRST_IGNORABLE:
                raise NewerVersionError("its body has fields of a later version: this meshd needs an update")

    def to_map(self) -> dict[int, Any]:
        """The map that is encoded: optional fields at their default are left out."""
        out: dict[int, Any] = {}
        for key, name, _, optional, default in self.FIELDS:
            value = getattr(self, name)
            if not (optional and value == default):
                out[key] = plain(value)
        return out

    def write(self) -> bytes:
        """The canonical encoding of the body.

        Raises BadBodyError when a field breaks its bound, so that nobody signs what others would refuse.
        """
        try:
            data = encode(self.to_map())
        except UnicodeEncodeError as error:
            raise BadBodyError("a text in it is not in UTF-8") from error
        assert type(self).read(data) == self, "a body must read back as itself"
        return data


def plain(value: Any) -> Any:
    """What is encoded for a field: bodies as maps, tuples as lists."""
    if isinstance(value, Body):
        return value.to_map()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def uint(most: int = limits.INTEGER - 1) -> Check:
    """An unsigned integer of at most `most`."""

    def check(value: Any) -> int:
        if type(value) is not int or not 0 <= value <= most:
            raise BadBodyError(f"not a number from 0 to {most}")
        return value

    return check


def string(most: int, least: int = 1) -> Check:
    """Text of `least` to `most` bytes of UTF-8."""

    def check(value: Any) -> str:
        if type(value) is not str:
            raise BadBodyError("not text")
        try:
            size = len(value.encode())
        except UnicodeEncodeError as error:
            raise BadBodyError("not text in UTF-8") from error
        if size > most:
            room = (
                "" if value.isascii() else f"; some {len(value) * most // size} of its {len(value)} letters have room"
            )
            raise BadBodyError(f"too long: {size} bytes of at most {most}{room}")
        if size < least:
            raise BadBodyError("empty")
        return value

    return check


def octets(size: int) -> Check:
    """A byte string of exactly `size` bytes: a key, an id, a salt."""

    def check(value: Any) -> bytes:
        if type(value) is not bytes or len(value) != size:
            raise BadBodyError(f"not {size} bytes")
        return value

    return check


def blob(most: int) -> Check:
    """A byte string of 1 to `most` bytes."""

    def check(value: Any) -> bytes:
        if type(value) is not bytes or not 1 <= len(value) <= most:
            raise BadBodyError(f"not 1 to {most} bytes")
        return value

    return check


def truth() -> Check:
    """A boolean."""

    def check(value: Any) -> bool:
        if type(value) is not bool:
            raise BadBodyError("neither true nor false")
        return value

    return check


def array(item: Check, most: int, least: int = 0, *, distinct: bool = False) -> Check:
    """An array of `least` to `most` items; `distinct` ones are sorted, so that a set has one encoding."""

    def check(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or not least <= len(value) <= most:
            raise BadBodyError(f"not a list of {least} to {most} things")
        items = tuple(item(each) for each in value)
        if distinct and any(first >= second for first, second in itertools.pairwise(items)):
            raise BadBodyError("not sorted, or something is in it twice")
        return items

    return check


def nested(body: type[Body]) -> Check:
    """A map with a table of its own."""

    def check(value: Any) -> Body:
        return body.of(value)

    return check


KEY = octets(32)
ID = octets(32)
SIGNATURE = octets(64)
