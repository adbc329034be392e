"""What all makers share: bytes drawn from names, devices that sign, seals with a fixed ephemeral key, and the JSON."""

import json
import struct
import zlib
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import nacl.bindings

from meshd_crypto.hashing import digest
from meshd_crypto.identity import Entropy, ExchangeKey, SigningKey
from meshd_protocol import proof_files
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.kinds import LOG_OF, Kind
from meshd_protocol.proofs import Proof, write_proof
from meshd_protocol.records import Record, make_record
from meshd_protocol.schema import Body

File = Callable[[], dict[str, Any]]
"""Makes what a file holds: `sections`, `about`, and lists of vectors."""

START_MS = 1_780_000_000_000


def drawn(name: str, size: int = 32) -> bytes:
    """Bytes that look random and are the same in every run."""
    return b"".join(digest(name.encode(), bytes([n])) for n in range(-(-size // 32)))[:size]


def stored_file(body: bytes) -> bytes:
    """A proof's file whose body is stored and not made smaller: whatever zlib there is, it is the same."""
    blocks = [body[start : start + 65_535] for start in range(0, len(body), 65_535)] or [b""]
    data = b"\x78\x01"
    for number, block in enumerate(blocks, 1):
        data += struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
    return proof_files.seal(data + struct.pack(">I", zlib.adler32(body)))


def written(proof: Proof) -> bytes:
    """The same of a whole proof."""
    return stored_file(proof_files.unwrap(write_proof(proof)))


def entropy(name: str) -> Entropy:
    """A source of such bytes."""
    count = 0

    def draw(size: int) -> bytes:
        nonlocal count
        count += 1
        return drawn(f"{name} {count}", size)

    return draw


def seal(public: bytes, plain: bytes, name: str) -> bytes:
    """What `crypto_box_seal` makes, with an ephemeral key drawn from a name instead of at random."""
    ephemeral = ExchangeKey.from_secret(drawn(name))
    nonce = blake2b(ephemeral.public + public, digest_size=24).digest()
    return ephemeral.public + nacl.bindings.crypto_box(plain, nonce, public, ephemeral.secret)


class Device:
    """A member's device, with keys drawn from a name; it signs one record after the other."""

    def __init__(self, assembly: bytes, name: str, member: SigningKey | None = None) -> None:
        self.name = name
        self.assembly = assembly
        self.member = member or SigningKey.from_seed(drawn(f"{name} member"))
        self.key = SigningKey.from_seed(drawn(f"{name} device"))
        self.transport = ExchangeKey.from_secret(drawn(f"{name} transport"))
        self.sealing = ExchangeKey.from_secret(drawn(f"{name} sealing"))
        self.heads: dict[int, Record] = {}

    @property
    def certificate(self) -> Certificate:
        """The certificate of this device by its member."""
        return Certificate(
            member=self.member.public, device=self.key.public, transport=self.transport.public,
            sealing=self.sealing.public, label="laptop", scope=0, person=self.name,
        ).signed_by(self.member, self.assembly)  # fmt: skip

    def write(self, kind: int, body: Body | bytes, *, after: Record | None = None, **header: Any) -> Record:
        """The next record of a log; `after` another one than the newest makes a fork."""
        log = header.pop("log", LOG_OF.get(kind, 0))
        head = after or self.heads.get(log)
        self.heads[log] = record = make_record(
            self.assembly, self.key, log=int(log), seq=head.seq + 1 if head else 0, prev=head.id if head else None,
            time_ms=header.pop("time_ms", START_MS), kind=int(kind),
            body=body if isinstance(body, bytes) else body.write(), **header,
        )  # fmt: skip
        return record

    def certify(self) -> Record:
        """Its first record."""
        return self.write(Kind.CERTIFICATE, self.certificate)


def plain(value: Any) -> Any:
    """A value for JSON: bytes in hexadecimal, tuples as arrays."""
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value


def told(value: Any) -> Any:
    """A CBOR value for JSON, so that nothing is lost: bytes as `{"bytes": …}`, maps as `{"map": [[key, value], …]}`."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, list | tuple):
        return [told(item) for item in value]
    if isinstance(value, dict):
        return {"map": [[told(key), told(item)] for key, item in value.items()]}
    return value


def text_of_file(maker: File) -> str:
    """The text of a file of vectors: one line for each vector, so that a change shows which ones it touches."""
    parts = [f"{json.dumps(key)}: {_lines(value)}" for key, value in plain(maker()).items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(value: Any) -> str:
    if not isinstance(value, list) or not any(isinstance(item, dict) for item in value):
        return json.dumps(value)
    return "[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]"
