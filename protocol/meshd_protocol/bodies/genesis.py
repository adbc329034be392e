"""The body of the genesis: an assembly's name, founders and first policies. Its record's id is the assembly's."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from meshd_protocol import limits
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.policies import Policy
from meshd_protocol.schema import ID, KEY, Body, Field, array, nested, octets, string, uint

RULES_VERSION = 1
"""The version of the decision rules that a charter asks for. A node that doesn't know it says so."""

FEDERAL_RULES = 2
"""The version where the members are assemblies."""


class Seating(NamedTuple):
    """An assembly that decides in a federation: its weight, and the roster of it that is followed to begin with."""

    assembly: bytes
    weight: int
    roster: bytes


def read_seatings(value: Any) -> tuple[Seating, ...]:
    """The seatings of a decoded list, sorted by assembly, each of another one. Raises BadBodyError."""
    found: tuple[Seating, ...] = array(_seating, limits.ASSEMBLIES, 1)(value)
    if any(first.assembly >= second.assembly for first, second in pairwise(found)):
        raise BadBodyError("not sorted by assembly, or an assembly is in it twice")
    return found


def _seating(value: Any) -> Seating:
    if type(value) is not list or len(value) != 3:
        raise BadBodyError("not [assembly, weight, roster]")
    assembly, weight, roster = value
    if type(weight) is not int or not 1 <= weight <= limits.WEIGHT:
        raise BadBodyError(f"not a weight from 1 to {limits.WEIGHT}")
    return Seating(ID(assembly), weight, ID(roster))


class Origin(NamedTuple):
    """The assembly that this one was founded anew from: its id, the roster that gave founders and rules, and the text
    of its charter (empty where it had none, or one too long to be taken over).
    """

    assembly: bytes
    roster: bytes
    charter: str


def _origin(value: Any) -> Origin:
    if type(value) is not list or len(value) != 3:
        raise BadBodyError("not [assembly, roster, charter]")
    assembly, roster, charter = value
    return Origin(ID(assembly), ID(roster), string(limits.TEXT_BYTES, 0)(charter))


@dataclass(frozen=True, slots=True)
class Genesis(Body):
    """What everything else in an assembly hangs on. `witnesses` are founders with the device that attests for each.

    `assemblies` found a federation: then the rules are FEDERAL_RULES, and the founders convene it and decide nothing.
    """

    name: str
    nonce: bytes
    rules: int
    policies: tuple[Policy, ...]
    founders: tuple[bytes, ...]
    witnesses: tuple[tuple[bytes, bytes], ...] = ()
    origin: Origin | None = None
    assemblies: tuple[Seating, ...] = ()

    KIND: ClassVar = Kind.GENESIS
    FIELDS: ClassVar = (
        Field(0, "name", string(limits.NAME_BYTES)),
        Field(1, "nonce", octets(16)),
        Field(2, "rules", uint()),
        Field(3, "policies", array(nested(Policy), limits.POLICIES, 1)),
        Field(4, "founders", array(KEY, limits.FOUNDERS, 1, distinct=True)),
        Field(6, "witnesses", array(array(KEY, 2, 2), limits.FOUNDERS, distinct=True), optional=True, default=()),
        Field(7, "assemblies", read_seatings, optional=True, default=()),
        Field(8, "origin", _origin, optional=True),
    )

    @property
    def knows_rules(self) -> bool:
        """Whether this meshd knows the rules that the charter asks for."""
        return self.rules == (FEDERAL_RULES if self.assemblies else RULES_VERSION)
