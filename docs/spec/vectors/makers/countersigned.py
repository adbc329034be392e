"""countersigned.json: the three bodies that carry a second signature."""

from typing import Any

from makers.common import Device, drawn, told
from makers.records import founded
from meshd_crypto.identity import SigningKey
from meshd_crypto.signing import sign
from meshd_protocol.bodies.membership import Application, Certificate, Countersigned, Revocation
from meshd_protocol.encoding import decode, encode


def _row(
    name: str, kind: str, context: str, body: bytes, reader: type[Countersigned], assembly: bytes, key: SigningKey
) -> dict[str, Any]:
    """A body, what of it is signed, and whether its signature verifies."""
    read = reader.read(body)
    return {
        "name": name,
        "kind": kind,
        "context": context,
        "seed": key.seed,
        "public": key.public,
        "value": told(decode(body)),
        "signed": read.unsigned(assembly),
        "signature": read.signature,
        "body": body,
        "verifies": read.is_signed_by(key.public, assembly),
    }


def make() -> dict[str, Any]:
    """The file."""
    genesis, ada = founded()
    assembly, bea = genesis.id, Device(genesis.id, "Bea")
    door = SigningKey.from_seed(drawn("invitation"))
    certificate = bea.certificate
    revocation = Revocation(member=bea.member.public, device=bea.key.public, good=(7, 0, 3)).signed_by(
        bea.member, assembly
    )
    plain = Application(invitation=door.public, member=bea.member.public, device=bea.key.public).signed_by(
        door, assembly
    )
    full = Application(
        invitation=door.public, member=bea.member.public, device=bea.key.public,
        removals=tuple(sorted((drawn("removal 1"), drawn("removal 2")))), witness=True, formerly=ada.member.public,
    ).signed_by(door, assembly)  # fmt: skip

    fields: dict[int, Any] = decode(certificate.write())  # type: ignore[assignment]
    hinted = {**{key: value for key, value in fields.items() if key != 63}, 64: "a hint", 70: [1, 2]}
    covered = Certificate.CONTEXT + assembly + encode(hinted)
    with_hints = encode(hinted | {63: sign(bea.member, covered)})
    stripped = encode({key: value for key, value in {**hinted, 63: sign(bea.member, covered)}.items() if key < 64})
    elsewhere = bea.certificate.signed_by(bea.member, bytes(32))
    spelled: dict[int, Any] = {**decode(plain.write()), 4: False}  # type: ignore[dict-item]
    unsigned = encode({key: value for key, value in spelled.items() if key != 63})
    at_default = encode(spelled | {63: sign(door, Application.CONTEXT + assembly + unsigned)})

    def certified(name: str, body: bytes) -> dict[str, Any]:
        return _row(name, "certificate", "CERTIFICATE", body, Certificate, assembly, bea.member)

    def applied(name: str, body: bytes) -> dict[str, Any]:
        return _row(name, "application", "APPLICATION", body, Application, assembly, door)

    return {
        "about": "Bodies with a second signature at key 63: what it covers, and whether it verifies.",
        "sections": ["4"],
        "assembly": assembly,
        "bodies": [
            certified("a certificate", certificate.write()),
            certified("keys that no reader knows are signed, too", with_hints),
            certified("without them the signature fails", stripped),
            certified("signed for another assembly", elsewhere.write()),
            _row("a revocation", "revocation", "REVOCATION", revocation.write(), Revocation, assembly, bea.member),
            applied("an application", plain.write()),
            applied("one with everything", full.write()),
            applied("a field written out at its default is signed as it stands", at_default),
        ],
    }
