"""What a proposal does beyond being decided: its action, `[verb, payload]`, in plain data.

Each verb has one shape of payload (`PAYLOADS`) and one policy that decides it (`meshd_protocol.decisions.question`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

from meshd_protocol import limits
from meshd_protocol.bodies.genesis import Seating, read_seatings
from meshd_protocol.errors import BadBodyError, NewerVersionError
from meshd_protocol.policies import DAY, Policy
from meshd_protocol.schema import ID, KEY, Body, Field, array, blob, nested, string, truth, uint


class Verb(IntEnum):
    """What a decision does to the roster.

    ADMIT applications; REMOVE members; REVOKE a device; RATIFY ids of another line; set a POLICY, the members who are
    WITNESSES, the CHARTER's text; give a MANDATE; RECALL one; UPHOLD decisions that were final and not in force. VOICE
    what an assembly says in a federation; in that, SEAT assemblies.
    """

    ADMIT = 1
    REMOVE = 2
    REVOKE = 3
    RATIFY = 4
    POLICY = 5
    WITNESSES = 6
    CHARTER = 7
    MANDATE = 8
    RECALL = 9
    VOICE = 10
    SEAT = 11
    UPHOLD = 13


class Voiced(NamedTuple):
    """What a voice is on: a proposal of a federation; or the federation itself, to join it. With `leaves` it names the
    voice by which the assembly joined, and ends that.
    """

    federation: bytes
    matter: bytes
    leaves: bool


class Seated(NamedTuple):
    """Assemblies that a federation seats, those that it unseats with the same word, and earlier decisions on the same
    seats that it takes the place of.
    """

    seatings: tuple[Seating, ...]
    ends: tuple[bytes, ...]
    replaces: tuple[bytes, ...]


class Place(NamedTuple):
    """A seat of a federation: which federation, and the holder's member key there."""

    federation: bytes
    member: bytes


def _place(value: Any) -> Place | None:
    """The seat of a hint. What has another form is no seat, as for those who skip it."""
    if type(value) is not list or len(value) != 2 or any(type(each) is not bytes or len(each) != 32 for each in value):
        return None
    return Place(value[0], value[1])


@dataclass(frozen=True, slots=True)
class Mandate(Body):
    """What a delegate may do. `again` says whether the holder may follow herself; no rule reads `ends_ms`. `lasts` says
    for how many seconds after its first act things are decided under it. `place` is the seat of a federation that goes
    with it, which older readers skip.
    """

    role: str
    holder: bytes
    powers: tuple[str, ...]
    ends_ms: int | None = None
    bounds: str = ""
    again: bool = False
    place: Place | None = None
    lasts: int | None = None

    FIELDS: ClassVar = (
        Field(0, "role", string(limits.NAME_BYTES)),
        Field(1, "holder", KEY),
        Field(2, "powers", array(string(limits.NAME_BYTES), limits.POWERS, 1)),
        Field(3, "ends_ms", uint(), optional=True),
        Field(4, "bounds", string(limits.REASON_BYTES, 0), optional=True, default=""),
        Field(5, "again", truth(), optional=True, default=False),
        Field(7, "lasts", uint(10_000 * DAY), optional=True),
        Field(64, "place", _place, optional=True),
    )


def _tuple(*checks: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A list with one check for each place."""

    def check(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(checks):
            raise BadBodyError(f"not a list of {len(checks)} things")
        return tuple(each(item) for each, item in zip(checks, value, strict=True))

    return check


def read_named(value: Any) -> tuple[bytes, bytes]:
    """A decision that another one names as final: its id, and a bitmap of the members whose word makes it so."""
    if type(value) is not list or len(value) != 2:
        raise BadBodyError("not [decision, bitmap]")
    return ID(value[0]), blob(limits.RECORD_BYTES)(value[1])


_REPLACES = array(ID, limits.REPLACES, distinct=True)

PAYLOADS: dict[int, Callable[[Any], Any]] = {
    Verb.ADMIT: array(ID, limits.APPLICATIONS, 1, distinct=True),
    Verb.REMOVE: array(KEY, limits.APPLICATIONS, 1, distinct=True),
    Verb.REVOKE: _tuple(KEY, KEY, array(uint(), 3, 3)),
    Verb.RATIFY: array(ID, limits.CITES, 1, distinct=True),
    Verb.POLICY: _tuple(nested(Policy), _REPLACES),
    Verb.WITNESSES: _tuple(array(KEY, limits.WITNESSES, distinct=True), _REPLACES),
    Verb.CHARTER: _REPLACES,
    Verb.MANDATE: nested(Mandate),
    Verb.RECALL: ID,
    Verb.VOICE: lambda value: Voiced(*_tuple(ID, ID, truth())(value)),
    Verb.SEAT: lambda value: Seated(
        *_tuple(read_seatings, array(ID, limits.ASSEMBLIES, distinct=True), _REPLACES)(value)
    ),
    Verb.UPHOLD: array(read_named, limits.KEEPS, 1),
}
"""What stands beside each verb."""


def read_action(value: Any) -> tuple[int, Any]:
    """The action of a decoded `[verb, payload]`. Raises BadBodyError."""
    if type(value) is not list or len(value) != 2 or type(value[0]) is not int:
        raise BadBodyError("not [verb, payload]")
    check = PAYLOADS.get(value[0])
    if check is None:
        raise NewerVersionError("of a later version: this meshd needs an update")
    return value[0], check(value[1])


def payload_of(verb: int, plain: Any) -> Any:
    """The payload that a row holds in plain data."""
    return PAYLOADS[verb](plain)
