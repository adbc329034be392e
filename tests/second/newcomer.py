"""Sections 2, 4, 8.11 and 11: somebody with a ticket makes her keys, writes her first two records, and opens the welcome."""

from typing import Any

import nacl.bindings

from tests.second import cbor, files, noise, records
from tests.second.keys import CONTEXT, H, sign

CERTIFICATE, APPLICATION, WELCOME = 1, 5, 7


def _public(seed: bytes) -> bytes:
    public, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
    return public


class Newcomer:
    """Her keys are drawn from a name: nobody else is meant to be safe from whom she is."""

    def __init__(self, line: str, name: str, now_ms: int) -> None:
        self.ticket = files.ticket(line)
        self.assembly: bytes = self.ticket[0]
        self.psk: bytes = self.ticket[2]
        self.member, self.device, self.transport, self.sealing = (H(name.encode(), bytes([n])) for n in range(4))
        self.now_ms = now_ms
        body = {
            0: _public(self.member),
            1: _public(self.device),
            2: noise.public_of(self.transport),
            3: noise.public_of(self.sealing),
            4: "laptop",
            5: 0,
            6: name,
        }
        self.certificate = self._countersigned(body, self.member, "CERTIFICATE")
        door = {0: _public(self.ticket[1]), 1: _public(self.member), 2: _public(self.device)}
        application = self._countersigned(door, self.ticket[1], "APPLICATION")
        first = self._record(0, None, CERTIFICATE, self.certificate)
        self.application = self._record(1, first.id, APPLICATION, application)
        self.held = {
            each.id: cbor.write([each.header, each.signature, each.body]) for each in (first, self.application)
        }

    def _countersigned(self, body: dict[int, Any], seed: bytes, context: str) -> bytes:
        return cbor.write(body | {63: sign(seed, CONTEXT[context] + self.assembly + cbor.write(body))})

    def _record(self, seq: int, prev: bytes | None, kind: int, body: bytes) -> records.Record:
        header = cbor.write([1, _public(self.device), 0, seq, prev, self.now_ms, kind, [], len(body), H(body)])
        signed = CONTEXT["RECORD"] + b"1\x00" + self.assembly + header
        return records.read(self.assembly, cbor.write([header, sign(self.device, signed), body]))

    def welcomed(self) -> Any:
        """The roster to start from and the network keys, out of the welcome that answers her application."""
        for data in self.held.values():
            record = records.read(self.assembly, data)
            body = cbor.read(record.body or b"\xf6")
            if record.fields[6] == WELCOME and body[0] == self.application.id:
                return files.welcome(self.sealing, self.assembly, body[1])
        return None
