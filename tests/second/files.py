"""Sections 4 and 10 to 12: seals, letters, sticks, tickets, key files."""

import re
from typing import Any

from tests.second import cbor
from tests.second.cbor import RefusedError
from tests.second.greeting import SCHEMA
from tests.second.keys import CONTEXT, H, base32, derive, from_base32, open_box, open_seal, stretch, verifies

NAME = 8


def cut(data: bytes) -> list[bytes]:
    """What is packed: each after its length in 4 bytes, big-endian."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if at + 4 + size > len(data):
            raise RefusedError("cut")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def segment(secrets: list[bytes], assembly: bytes, file: bytes) -> list[bytes]:
    return cut(_under_network_key(secrets, assembly, file, "SEGMENT"))


def manifest(secrets: list[bytes], assembly: bytes, file: bytes) -> tuple[bytes, dict[int, Any]]:
    """The device that wrote it, and its body."""
    plain = _under_network_key(secrets, assembly, file, "MANIFEST")
    device, signature, body = plain[:32], plain[32:96], plain[96:]
    if not verifies(device, CONTEXT["MANIFEST_SIGNATURE"] + assembly + body, signature):
        raise RefusedError("a manifest that its device did not sign")
    value: dict[int, Any] = cbor.read(body, 2_000_000)
    if not SCHEMA.takes("manifest", value):
        raise RefusedError("a manifest of another version, or none")
    return device, value


def _under_network_key(secrets: list[bytes], assembly: bytes, file: bytes, context: str) -> bytes:
    (secret,) = [each for each in secrets if derive(each, "KEY_NAME")[:NAME] == file[:NAME]]
    return open_box(derive(secret, context, assembly), file[NAME:], CONTEXT[context] + assembly)


def join_file(context: str, psk: bytes, assembly: bytes, file: bytes) -> list[bytes]:
    return cut(open_box(derive(psk, context, assembly), file, CONTEXT[context] + assembly))


def join_folder(invitation: bytes) -> str:
    return base32(H(CONTEXT["JOIN_FOLDER"], invitation)[:20])


def bundle(file: bytes) -> list[bytes]:
    """The segments of a single file."""
    magic = b"meshd/bundle/1\x00"
    if not file.startswith(magic):
        raise RefusedError("no bundle")
    return cut(file[len(magic) :])


def rotation(secret: bytes, assembly: bytes, sealed: bytes) -> tuple[bytes, bytes]:
    """The roster's id and the network key."""
    plain = _sealed(secret, assembly, sealed, "ROTATION")
    if len(plain) != 64:
        raise RefusedError("no rotation")
    return plain[:32], plain[32:]


def refounding(secret: bytes, assembly: bytes, sealed: bytes) -> tuple[bytes, bytes]:
    """The new assembly and its network key."""
    plain = _sealed(secret, assembly, sealed, "REFOUNDING")
    if len(plain) != 64:
        raise RefusedError("no refounding")
    return plain[:32], plain[32:]


def stick_key(secret: bytes, assembly: bytes, file: bytes) -> bytes:
    """The network key out of the boxes of one size, of which one is for this device."""
    size = len(CONTEXT["ROTATION"]) + 32 + 64 + 48
    if len(file) % size:
        raise RefusedError("boxes of another size")
    for at in range(0, len(file), size):
        try:
            return rotation(secret, assembly, file[at : at + size])[1]
        except RefusedError:
            continue
    raise RefusedError("no box for this device")


def welcome(secret: bytes, assembly: bytes, sealed: bytes) -> Any:
    return cbor.read(_sealed(secret, assembly, sealed, "WELCOME"))


def letter(secret: bytes, assembly: bytes, body: bytes) -> Any:
    fields = cbor.read(body)
    salt, seals, box = fields[0], fields[1], fields[2]
    for each in seals:
        try:
            key = _sealed(secret, assembly, each, "LETTER")
        except RefusedError:
            continue
        return cbor.read(open_box(key, box, CONTEXT["LETTER"] + assembly + salt))
    raise RefusedError("a letter to others")


def _sealed(secret: bytes, assembly: bytes, sealed: bytes, context: str) -> bytes:
    plain = open_seal(secret, sealed)
    prefix = CONTEXT[context] + assembly
    if not plain.startswith(prefix):
        raise RefusedError("a seal for another use")
    return plain[len(prefix) :]


def ticket(line: str) -> Any:
    text = re.sub(r"\s", "", line).lower()
    if not text.startswith("meshd:"):
        raise RefusedError("no ticket")
    data = from_base32(text.removeprefix("meshd:"))
    if H(data[:-4])[:4] != data[-4:]:
        raise RefusedError("a mistake in a ticket")
    return cbor.read(data[:-4])


def key_file(file: bytes, passphrase: str) -> Any:
    magic = CONTEXT["KEY_FILE"]
    size = len(magic) + 4 + 4 + 16
    if len(file) < size:
        raise RefusedError("no key file")
    head = file[:size]
    passes, kib = (int.from_bytes(head[at : at + 4], "big") for at in (len(magic), len(magic) + 4))
    if not head.startswith(magic) or not 1 <= passes <= 100 or not 8 <= kib <= 4_194_304:
        raise RefusedError("no key file")
    return cbor.read(open_box(stretch(passphrase, head[-16:], passes, kib), file[size:], head))


def parts(texts: list[str]) -> bytes:
    """The file whose parts stand in texts."""
    found: dict[int, bytes] = {}
    files: set[tuple[str, str]] = set()
    for text in texts:
        plain = "".join(each for each in text.upper() if not each.isspace() and each not in ">|")
        for place in range(len(plain)):
            words = plain[place:].split(".", 5)
            if words[0] != "MESHD" or len(words) < 6:
                continue
            head, (tag, number, of, letters) = plain[place:][: len(".".join(words[:4])) + 1], words[1:5]
            try:
                data = from_base32(letters.lower())
            except RefusedError:
                continue
            if data[-4:] != H(head.encode(), data[:-4])[:4] or number.startswith("0"):
                continue
            files.add((tag, of))
            found[int(number)] = data[:-4]
    if len(files) != 1:
        raise RefusedError("parts of no file, or of several")
    ((tag, of),) = files
    if sorted(found) != list(range(1, int(of) + 1)):
        raise RefusedError("parts are missing")
    file = b"".join(found[number] for number in sorted(found))
    if base32(H(file)[:5]).upper() != tag:
        raise RefusedError("another file")
    return file
