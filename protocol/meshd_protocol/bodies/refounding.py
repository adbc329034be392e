"""The body by which members found their assembly anew without some: the new genesis, and its network key in boxes."""

from dataclasses import dataclass
from typing import Any, ClassVar

from meshd_protocol import contexts, limits
from meshd_protocol.bodies.membership import sealed_box
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.schema import SIGNATURE, Body, Field, array, blob

_HEADER_BYTES = 512


@dataclass(frozen=True, slots=True)
class Refounding(Body):
    """A new assembly: its genesis (header, signature, body), and its network key, sealed to founders' devices: (device,
    sealed). More devices than fit take more records.
    """

    genesis: tuple[bytes, bytes, bytes]
    boxes: tuple[tuple[bytes, bytes], ...]

    KIND: ClassVar = Kind.REFOUNDING
    FIELDS: ClassVar = (
        Field(0, "genesis", lambda value: _genesis(value)),
        Field(1, "boxes", array(sealed_box, limits.ROTATED, 1)),
    )


def _genesis(value: Any) -> tuple[bytes, bytes, bytes]:
    if type(value) is not list or len(value) != 3:
        raise BadBodyError("not [header, signature, body]")
    header, signature, body = value
    return blob(_HEADER_BYTES)(header), SIGNATURE(signature), blob(limits.REFOUNDED_BYTES)(body)


def refounding_plain(old: bytes, new: bytes, secret: bytes) -> bytes:
    """What a refounding seals to each device: the ids of both assemblies, and the new one's network secret."""
    return contexts.REFOUNDING + old + new + secret
