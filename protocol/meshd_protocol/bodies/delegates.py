"""Bodies of delegates: act, countersignature, handover. The mandate itself is a decision (`actions.Mandate`)."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from meshd_protocol import limits
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.schema import ID, Body, Field, array, string, uint


class Told(NamedTuple):
    """What a delegate carried between her assembly and a federation: the id of a matter of it, with the hash of a proof
    of its result; or without one the id of a decision of her assembly that the federation's log holds now.
    """

    federation: bytes
    about: bytes
    proof: bytes | None


def _told(value: Any) -> Told | None:
    """What was carried. What has another form is nothing, as for those who skip it."""
    if type(value) is not list or len(value) != 3:
        return None
    federation, about, proof = value
    named = (federation, about) if proof is None else (federation, about, proof)
    if any(type(each) is not bytes or len(each) != 32 for each in named):
        return None
    return Told(federation, about, proof)


@dataclass(frozen=True, slots=True)
class Act(Body):
    """What a delegate did: by which mandate and power, in whose name. It pins a roster, whose witnesses count.

    No rule reads `told`, what she carried.
    """

    roster: bytes
    mandate: bytes
    power: str
    text: str
    name: str = ""
    told: Told | None = None

    KIND: ClassVar = Kind.ACT
    FIELDS: ClassVar = (
        Field(0, "roster", ID),
        Field(1, "mandate", ID),
        Field(2, "power", string(limits.NAME_BYTES)),
        Field(3, "text", string(limits.TEXT_BYTES)),
        Field(4, "name", string(limits.TITLE_BYTES, 0), optional=True, default=""),
        Field(64, "told", _told, optional=True),
    )


@dataclass(frozen=True, slots=True)
class Countersignature(Body):
    """A witness's word that the mandate was alive when she saw the act.

    `recalls` states the recall signatures that she had seen: (motion, how many members signed it).
    """

    act: bytes
    recalls: tuple[tuple[bytes, int], ...] = ()

    KIND: ClassVar = Kind.COUNTERSIGNATURE
    FIELDS: ClassVar = (
        Field(0, "act", ID),
        Field(1, "recalls", array(lambda value: _recall(value), limits.REPLACES), optional=True, default=()),
    )


def _recall(value: Any) -> tuple[bytes, int]:
    if type(value) is not list or len(value) != 2:
        raise BadBodyError("not [motion, signatures]")
    return ID(value[0]), uint()(value[1])


@dataclass(frozen=True, slots=True)
class Handover(Body):
    """One holder gives to the next, or the next confirms: what was handed over."""

    mandate: bytes
    successor: bytes
    text: str

    KIND: ClassVar = Kind.HANDOVER
    FIELDS: ClassVar = (
        Field(0, "mandate", ID),
        Field(1, "successor", ID),
        Field(2, "text", string(limits.TEXT_BYTES)),
    )
