"""The body of the genesis: an assembly's name, founders and first policies. Its record's id is the assembly's."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from meshd_protocol import limits
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.policies import Policy
from meshd_protocol.schema import ID, KEY, Body, Field, array, nested, octets, string, uint

RULES_VERSION = 1
"""The version of the decision rules that a charter asks for. A node that doesn't know it says so."""


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
    """What everything else in an assembly hangs on. `witnesses` are founders with the device that attests for each."""

    name: str
    nonce: bytes
    rules: int
    policies: tuple[Policy, ...]
    founders: tuple[bytes, ...]
    witnesses: tuple[tuple[bytes, bytes], ...] = ()
    origin: Origin | None = None

    KIND: ClassVar = Kind.GENESIS
    FIELDS: ClassVar = (
        Field(0, "name", string(limits.NAME_BYTES)),
        Field(1, "nonce", octets(16)),
        Field(2, "rules", uint()),
        Field(3, "policies", array(nested(Policy), limits.POLICIES, 1)),
        Field(4, "founders", array(KEY, limits.FOUNDERS, 1, distinct=True)),
        Field(6, "witnesses", array(array(KEY, 2, 2), limits.FOUNDERS, distinct=True), optional=True, default=()),
        Field(8, "origin", _origin, optional=True),
    )
