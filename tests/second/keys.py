"""The preamble and the tables: hashes, derivations, context strings, boxes, seals, signatures, base32."""

import base64
import binascii
import hashlib
import re
from pathlib import Path

import nacl.bindings
import nacl.pwhash.argon2id
from nacl.exceptions import BadSignatureError, CryptoError

from tests.second.cbor import RefusedError

_TABLES = Path(__file__).parent.parent.parent / "docs" / "spec" / "tables.md"


def _contexts() -> dict[str, bytes]:
    """The context strings, out of the specification's table."""
    rows = re.findall(r"^\| ([A-Z_]+) \| `(meshd/[^`]*)` \|", _TABLES.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: text.encode().replace(rb"\x00", b"\x00") for name, text in rows}


CONTEXT = _contexts()


def H(*parts: bytes) -> bytes:
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


def K(key: bytes, data: bytes, size: int) -> bytes:
    return hashlib.blake2b(data, key=key, digest_size=size).digest()


def derive(secret: bytes, context: str, data: bytes = b"") -> bytes:
    return K(secret, CONTEXT[context] + b"\x00" + data, 32)


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        nacl.bindings.crypto_sign_open(signature + message, public)
    except BadSignatureError:
        return False
    return True


def sign(seed: bytes, message: bytes) -> bytes:
    _, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
    return nacl.bindings.crypto_sign(message, secret)[:64]


def open_box(key: bytes, box: bytes, bound: bytes) -> bytes:
    if len(box) < 40:
        raise RefusedError("shorter than any box")
    try:
        return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(box[24:], bound, box[:24], key)
    except CryptoError as error:
        raise RefusedError("a box that does not open") from error


def open_seal(secret: bytes, sealed: bytes) -> bytes:
    public = nacl.bindings.crypto_scalarmult_base(secret)
    try:
        return nacl.bindings.crypto_box_seal_open(sealed, public, secret)
    except CryptoError as error:
        raise RefusedError("a seal that does not open") from error


def stretch(passphrase: str, salt: bytes, passes: int, kib: int) -> bytes:
    return nacl.pwhash.argon2id.kdf(32, passphrase.encode(), salt, opslimit=passes, memlimit=kib * 1024)


def base32(data: bytes) -> str:
    return base64.b32encode(data).decode().lower().rstrip("=")


def from_base32(text: str) -> bytes:
    try:
        data = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except binascii.Error as error:
        raise RefusedError("no base32") from error
    if base32(data) != text:
        raise RefusedError("bits after the end")
    return data
