"""handshake.json: handshakes with fixed ephemeral keys, byte for byte, and the first frames after them."""

from collections.abc import Iterable
from typing import Any

from makers.common import Device, drawn
from makers.records import founded
from meshd_crypto.identity import ExchangeKey
from meshd_protocol import contexts
from meshd_protocol.sync.framing import FrameReader, Joiner, Lane, frame, pieces
from meshd_protocol.sync.frontier import frontier_digest
from meshd_protocol.sync.greeting import (
    HOUR_MS,
    Door,
    answer,
    invitation_psk,
    network_psk,
    read_certificate,
    start,
)
from meshd_protocol.sync.messages import Digest, Hello, Message, Same, Wait, write_message

_HOUR = 494_444
_ADDRESS = "192.0.2.7:4711"

Said = tuple[str, Message, Lane, int]
"""Who says what in which lane, in frames that carry so much."""


def _hello(name: str) -> Hello:
    return Hello((2,), (1,), drawn(f"{name} nonce", 16), frontier_digest([]), 0, ())


def _run(
    name: str, psk: bytes, secret: bytes, context: str, ada: Device, bea: Device, address: str, said: list[Said]
) -> Any:
    """Ada calls Bea."""
    ephemerals = ExchangeKey.from_secret(drawn(f"{name} e1")), ExchangeKey.from_secret(drawn(f"{name} e2"))
    caller, first = start(psk, ada.transport, ephemerals[0], _HOUR * HOUR_MS + 5, address)
    places = [address] if address else []
    called, _ = answer(first, [Door(psk, None)], bea.transport, lambda: ephemerals[1], (_HOUR + 1) * HOUR_MS, places)
    second = called.write_message(bea.certificate.write())
    read_certificate(caller.read_message(second), ada.assembly, caller.remote_static)
    third = caller.write_message(ada.certificate.write())
    read_certificate(called.read_message(third), ada.assembly, called.remote_static)
    sides = {"initiator": caller.split(), "responder": called.split()}
    return {
        "name": name,
        "assembly": ada.assembly,
        "secret": secret,
        "psk_context": context,
        "psk": psk,
        "prologue": contexts.SESSION,
        "hour": _HOUR,
        "address": address,
        "initiator": {
            "static": ada.transport.secret,
            "ephemeral": ephemerals[0].secret,
            "certificate": ada.certificate.write(),
        },
        "responder": {
            "static": bea.transport.secret,
            "ephemeral": ephemerals[1].secret,
            "certificate": bea.certificate.write(),
        },
        "messages": [
            {"from": who, "noise": message, "wire": frame(message)}
            for who, message in (("initiator", first), ("responder", second), ("initiator", third))
        ],
        "hash": caller.hash,
        "keys": {"initiator": sides["initiator"][0].key, "responder": sides["responder"][0].key},
        "frames": list(_frames(sides, said)),
    }


def _frames(sides: dict[str, Any], said: list[Said]) -> Iterable[dict[str, Any]]:
    """Frames as they stand on the wire; those of one side's two lanes come in turns."""
    waiting = {
        (who, number): list(pieces(write_message(message), lane, most))
        for number, (who, message, lane, most) in enumerate(said)
    }
    joiners = {who: Joiner() for who in sides}
    while waiting:
        for key in list(waiting):
            who, _ = key
            piece = waiting[key].pop(0)
            data = frame(sides[who][0].encrypt(piece))
            reader = FrameReader()
            reader.feed(data)
            other = "responder" if who == "initiator" else "initiator"
            plain = sides[other][1].decrypt(reader.next() or b"")
            done = joiners[who].add(plain)
            yield {
                "from": who,
                "wire": data,
                "plain": plain,
                "lane": plain[0] // 2,
                "more": bool(plain[0] % 2),
                "completes": done[1] if done else None,
            }
            if not waiting[key]:
                del waiting[key]


def make() -> dict[str, Any]:
    """The file."""
    genesis, ada = founded()
    bea = Device(genesis.id, "Bea")
    secret, psk = drawn("network key"), drawn("invitation psk")
    whole, small = 65_518, 30
    members: list[Said] = [
        ("initiator", _hello("one"), Lane.URGENT, whole),
        ("responder", _hello("two"), Lane.URGENT, whole),
        ("initiator", Digest(drawn("digest")), Lane.URGENT, whole),
        ("responder", Same(), Lane.URGENT, whole),
    ]
    slow: list[Said] = [
        ("initiator", _hello("one"), Lane.BULK, small),
        ("initiator", Digest(drawn("digest")), Lane.URGENT, small),
    ]
    guest: list[Said] = [
        ("initiator", _hello("one"), Lane.URGENT, whole),
        ("responder", Wait(False), Lane.URGENT, whole),
    ]
    return {
        "about": "XXpsk0 between two devices with fixed ephemeral keys, and frames after it.",
        "sections": ["7.1", "7.2"],
        "handshakes": [
            _run("two members", network_psk(secret, genesis.id), secret, "PSK_NETWORK", ada, bea, _ADDRESS, members),
            _run("a newcomer calls", invitation_psk(psk, genesis.id), psk, "PSK_INVITATION", bea, ada, _ADDRESS, guest),
            _run("a line without an address, small frames in two lanes", network_psk(secret, genesis.id), secret, "PSK_NETWORK",
                 ada, bea, "", slow),
        ],
    }  # fmt: skip
