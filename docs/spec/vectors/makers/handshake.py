"""handshake.json: handshakes with fixed ephemeral keys, byte for byte, and the first frames after them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from makers.common import Device, drawn
from makers.records import founded
from meshd_crypto.identity import ExchangeKey
from meshd_protocol import contexts
from meshd_protocol.errors import SessionError
from meshd_protocol.sync.framing import FrameReader, Joiner, Lane, frame, pieces
from meshd_protocol.sync.frontier import frontier_digest
from meshd_protocol.sync.greeting import (
    HOUR_MS,
    KnownPsk,
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
    called, _ = answer(
        first, [KnownPsk(psk, None)], bea.transport, lambda: ephemerals[1], (_HOUR + 1) * HOUR_MS, places
    )
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


def _refused_firsts(psk: bytes, ada: Device, bea: Device) -> list[dict[str, Any]]:
    """First messages to which a responder at one address, in one hour, says nothing; and two that it answers."""
    rows = []
    for name, used, hour, address, answered in (
        ("an hour early", psk, _HOUR - 1, _ADDRESS, True),
        ("an hour late", psk, _HOUR + 1, _ADDRESS, True),
        ("two hours early", psk, _HOUR - 2, _ADDRESS, False),
        ("two hours late", psk, _HOUR + 2, _ADDRESS, False),
        ("for another address", psk, _HOUR, "192.0.2.7:4712", False),
        ("without an address", psk, _HOUR, "", False),
        ("under another key", drawn("another psk"), _HOUR, _ADDRESS, False),
    ):
        ephemeral = ExchangeKey.from_secret(drawn(f"{name} e1"))
        _, first = start(used, ada.transport, ephemeral, hour * HOUR_MS, address)
        own = ExchangeKey.from_secret(drawn(f"{name} e2"))
        try:
            answer(first, [KnownPsk(psk, None)], bea.transport, lambda own=own: own, _HOUR * HOUR_MS, [_ADDRESS])
        except SessionError:
            assert not answered, name
        else:
            assert answered, name
        rows.append(
            {"name": name, "psk": psk, "hour": _HOUR, "address": _ADDRESS, "noise": first, "answered": answered}
        )
    return rows


def _certificates(ada: Device, bea: Device) -> list[dict[str, Any]]:
    """Certificates that messages 2 and 3 may carry, and whether they are the sender's."""
    other = replace(ada.certificate, transport=bea.transport.public).signed_by(ada.member, ada.assembly)
    rows = []
    for name, body, accepted in (
        ("the sender's", ada.certificate.write(), True),
        ("with another transport key than the handshake's", other.write(), False),
        ("of another device", bea.certificate.write(), False),
        ("signed by another member", ada.certificate.signed_by(bea.member, ada.assembly).write(), False),
        ("signed for another assembly", ada.certificate.signed_by(ada.member, bytes(32)).write(), False),
        ("nothing", b"", False),
        ("a map without fields", b"\xa0", False),
    ):
        try:
            read_certificate(body, ada.assembly, ada.transport.public)
        except SessionError:
            assert not accepted, name
        else:
            assert accepted, name
        rows.append({"name": name, "static": ada.transport.public, "body": body, "accepted": accepted})
    return rows


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
        "sections": ["7.1", "7.2", "7.3", "7.4"],
        "assembly": genesis.id,
        "handshakes": [
            _run("two members", network_psk(secret, genesis.id), secret, "PSK_NETWORK", ada, bea, _ADDRESS, members),
            _run("a newcomer calls", invitation_psk(psk, genesis.id), psk, "PSK_INVITATION", bea, ada, _ADDRESS, guest),
            _run("a line without an address, small frames in two lanes", network_psk(secret, genesis.id), secret, "PSK_NETWORK",
                 ada, bea, "", slow),
        ],
        "firsts": _refused_firsts(network_psk(secret, genesis.id), ada, bea),
        "certificates": _certificates(ada, bea),
    }  # fmt: skip
