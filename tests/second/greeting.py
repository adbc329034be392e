"""Sections 7.3 and 7.4: what each side of a handshake checks of what the other carries."""

from pathlib import Path
from typing import Any

from tests.second import cbor
from tests.second.cbor import RefusedError
from tests.second.cddl import Schema
from tests.second.keys import CONTEXT, verifies
from tests.second.noise import Symmetric

_SCHEMAS = Path(__file__).parent.parent.parent / "protocol" / "meshd_protocol"
SCHEMA = Schema(
    "".join((_SCHEMAS / f"{name}.cddl").read_text(encoding="utf-8") for name in ("records", "wire", "files"))
)


def first(psk: bytes, hour: int, address: str, message: bytes) -> None:
    """A responder with this psk, at this address in this hour, answers to a first message."""
    state = Symmetric(CONTEXT["SESSION"], psk)
    state.ephemeral(message[:32])
    payload = cbor.read(state.open(message[32:]))
    if not SCHEMA.takes("first-payload", payload) or abs(payload[0] - hour) > 1 or payload[1] != address:
        raise RefusedError("of another hour, or for another address")


def certificate(assembly: bytes, static: bytes, body: bytes) -> dict[int, Any]:
    """The certificate that who has that static key carries."""
    value: dict[int, Any] = cbor.read(body)
    if not SCHEMA.takes("certificate", value):
        raise RefusedError("no certificate")
    covered = cbor.write({key: item for key, item in value.items() if key != 63})
    if value[2] != static or not verifies(value[0], CONTEXT["CERTIFICATE"] + assembly + covered, value[63]):
        raise RefusedError("a certificate of somebody else")
    return value
