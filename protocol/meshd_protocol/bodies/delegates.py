"""Bodies of delegates: act, countersignature, handover. The mandate itself is a decision (`actions.Mandate`)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from meshd_protocol import limits
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.schema import ID, Body, Field, array, string, uint


@dataclass(frozen=True, slots=True)
class Act(Body):
    """What a delegate did: by which mandate and power, in whose name. It pins a roster, whose witnesses count."""

    roster: bytes
    mandate: bytes
    power: str
    text: str
    name: str = ""

    KIND: ClassVar = Kind.ACT
    FIELDS: ClassVar = (
        Field(0, "roster", ID),
        Field(1, "mandate", ID),
        Field(2, "power", string(limits.NAME_BYTES)),
        Field(3, "text", string(limits.TEXT_BYTES)),
        Field(4, "name", string(limits.TITLE_BYTES, 0), optional=True, default=""),
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
