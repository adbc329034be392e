"""boxes.json: everything that is encrypted at rest or by hand, and the files that hold it."""

from typing import Any

from makers.common import START_MS, Device, drawn, entropy, seal, told
from makers.records import founded
from meshd.assembly.keystore import Keys, NetworkKey
from meshd_crypto.hashing import derive, digest
from meshd_crypto.identity import SigningKey
from meshd_crypto.passphrase import Cost, NotAKeyFileError, new_lock, open_keys, seal_keys
from meshd_crypto.sealing import lock, unlock, unseal
from meshd_crypto.signing import sign
from meshd_protocol import bundle, contexts
from meshd_protocol.bodies.membership import Application, rotation_plain, welcome_plain
from meshd_protocol.bodies.refounding import refounding_plain
from meshd_protocol.bodies.talk import Letter, LetterPlain
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadBundleError, BadPartsError, BadTicketError
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from meshd_protocol.parts import read_parts, write_parts
from meshd_protocol.records import wire
from meshd_protocol.rosters import roster_id
from meshd_protocol.tickets import Ticket, read_ticket

_CHEAP = Cost(1, 8192)


def _key_files(assembly: bytes, ada: Device, ticket: Ticket) -> list[dict[str, Any]]:
    plain = Keys(
        assembly, "Ada", ada.key, ada.transport, ada.sealing, ada.member, ada.member.public, drawn("database"),
        (NetworkKey(roster_id(assembly, ()), drawn("network key")),),
    )  # fmt: skip
    newcomer = Keys(
        assembly, "Zoë", ada.key, ada.transport, ada.sealing, None, ada.member.public, drawn("database"), (), ticket
    )
    rows = []
    for name, keys, passphrase in (
        ("a founder's", plain, "correct horse"),
        ("a newcomer's with her ticket, the member key elsewhere", newcomer, "Zoës Wörter"),
    ):
        made = new_lock(passphrase, _CHEAP, entropy(f"{name} salt"))
        file = seal_keys(made, keys.write(), entropy(f"{name} nonce"))
        assert open_keys(file, passphrase)[1] == keys.write()
        rows.append(
            {
                "name": name,
                "passphrase": passphrase,
                "passes": _CHEAP.passes,
                "kib": _CHEAP.memory >> 10,
                "salt": made.head[-16:],
                "head": made.head,
                "key": made.key,
                "value": told(decode(keys.write())),
                "plain": keys.write(),
                "file": file,
            }
        )
    return rows


def _box(name: str, key: bytes, plain: bytes, context: bytes) -> dict[str, Any]:
    box = lock(key, plain, context, entropy(name))
    return {"name": name, "key": key, "nonce": box[:24], "context": context, "plain": plain, "box": box}


def _sealed(name: str, device: Device, plain: bytes, **more: Any) -> dict[str, Any]:
    sealed = seal(device.sealing.public, plain, name)
    assert unseal(device.sealing, sealed) == plain
    return {"name": name, "secret": device.sealing.secret, "public": device.sealing.public, "plain": plain,
            "sealed": sealed, **more}  # fmt: skip


def _letter(assembly: bytes, ada: Device, bea: Device) -> dict[str, Any]:
    key, salt = drawn("letter key"), drawn("letter salt", 16)
    plain = LetterPlain(bea.member.public, "Come at eight.").write()
    box = lock(key, plain, contexts.LETTER + assembly + salt, entropy("letter"))
    seals = tuple(
        seal(each.sealing.public, contexts.LETTER + assembly + key, f"letter {each.name}") for each in (bea, ada)
    )
    return {
        "name": "a letter to Bea, which Ada can read, too",
        "readers": [each.sealing.secret for each in (bea, ada)],
        "sealed_plain": contexts.LETTER + assembly + key,
        "key": key,
        "context": contexts.LETTER + assembly + salt,
        "plain": plain,
        "body": Letter(salt, seals, box).write(),
    }


def _refused(assembly: bytes, ada: Device, ticket: Ticket, segment: bytes) -> list[dict[str, Any]]:
    """Files that are not read: each a good one with one thing changed. `by` says as what they are read."""
    secret, passphrase = drawn("network key"), "correct horse"
    line = ticket.line()
    head = new_lock(passphrase, _CHEAP, entropy("refused salt")).head

    def under(context: bytes, plain: bytes) -> bytes:
        return bundle.key_name(secret) + lock(
            derive(secret, context, assembly), plain, context + assembly, entropy("refused")
        )

    def manifest(value: object, *, signer: Device = ada) -> bytes:
        body = encode(value)
        signature = sign(signer.key, contexts.MANIFEST_SIGNATURE + assembly + body)
        return under(contexts.MANIFEST, ada.key.public + signature + body)

    def costing(passes: int, kib: int) -> bytes:
        return contexts.KEY_FILE + passes.to_bytes(4, "big") + kib.to_bytes(4, "big") + head[-16:] + bytes(80)

    good: dict[int, Any] = {0: 1, 1: 7, 2: [], 3: []}
    rows: list[tuple[str, str, bytes]] = [
        ("ticket", "a letter changed", (line[:20] + ("a" if line[20] != "a" else "b") + line[21:]).encode()),
        ("ticket", "cut", line[:-1].encode()),
        ("ticket", "another beginning", line.replace("meshd:", "mesh:").encode()),
        ("ticket", "a letter that base32 has not", line.replace(line[30], "1", 1).encode()),
        ("key file", "another beginning", b"meshd/keys/2\x00" + bytes(120)),
        ("key file", "no passes", costing(0, 8)),
        ("key file", "101 passes", costing(101, 8)),
        ("key file", "7 KiB", costing(1, 7)),
        ("key file", "more than 4 GiB", costing(1, 4_194_305)),
        ("key file", "cut", head[:-1]),
        ("segment", "a byte changed", segment[:-1] + bytes([segment[-1] ^ 1])),
        ("segment", "a cut record", under(contexts.SEGMENT, bundle.pack([b"record"])[:-1])),
        ("segment", "a cut length", under(contexts.SEGMENT, b"\x00\x00\x00")),
        ("manifest", "under a segment's key", under(contexts.SEGMENT, bytes(96))),
        ("manifest", "signed by another device", manifest(good, signer=Device(assembly, "Bea"))),
        ("manifest", "version 2", manifest(good | {0: 2})),
        ("manifest", "version true", manifest(good | {0: True})),
        ("manifest", "a counter of 2^52", manifest(good | {1: 2**52})),
        ("manifest", "without visitors", manifest({0: 1, 1: 7, 2: []})),
        ("manifest", "bytes in the place of a list", manifest(good | {2: b""})),
    ]
    file = bytes(range(100))
    parts, others = write_parts(file, 100), write_parts(file[::-1], 100)
    rows += [
        ("parts", name, "\n".join(given).encode())
        for name, given in (
            ("one is missing", parts[1:]),
            ("a letter changed", [parts[0][:60] + ("A" if parts[0][60] != "A" else "B") + parts[0][61:], *parts[1:]]),
            ("two numbers changed", [parts[0].replace(".1.", ".2.", 1), parts[1].replace(".2.", ".1.", 1), *parts[2:]]),
            ("one is cut before the next", [parts[0][:-9], *parts[1:]]),
            ("of two files", parts + others),
            ("a leading zero", [each.replace(".1.", ".01.", 1) for each in parts]),
            ("nothing", ["MESHD."]),
        )
    ]
    readers: dict[str, Any] = {
        "parts": lambda data: read_parts([data.decode()]),
        "ticket": lambda data: read_ticket(data.decode()),
        "key file": lambda data: open_keys(data, passphrase),
        "segment": lambda data: bundle.read_segment([secret], assembly, data),
        "manifest": lambda data: bundle.read_manifest([secret], assembly, data),
    }
    for by, name, data in rows:
        try:
            readers[by](data)
        except (BadTicketError, NotAKeyFileError, BadBundleError, BadPartsError):
            continue
        raise AssertionError(f"{by}: {name} is taken")
    return [{"name": f"{by}: {name}", "by": by, "file": data} for by, name, data in rows]


def _letter_of(parts: list[str]) -> str:
    """Parts as they come in a mail that somebody answered."""
    return "Here it is:\n" + "\nthen\n".join(f"> {part[:30].lower()}\n> {part[30:]}" for part in parts)


def make() -> dict[str, Any]:
    """The file."""
    genesis, ada = founded()
    assembly, origin = genesis.id, roster_id(genesis.id, ())
    secret, newer, psk = drawn("network key"), drawn("newer network key"), drawn("invitation psk")
    later = roster_id(assembly, [drawn("decision 0")])
    bea = Device(assembly, "Bea")
    door = SigningKey.from_seed(drawn("invitation"))
    ticket = Ticket(
        assembly,
        door.seed,
        psk,
        origin,
        ada.member.public,
        ("192.0.2.7:4711", "[2001:db8::7]:4711"),
        START_MS + 86_400_000,
    )
    bare = Ticket(assembly, door.seed, psk, origin, ada.member.public, (), START_MS)
    for each in (ticket, bare):
        assert read_ticket(each.line()) == each

    certificate = ada.certify()
    records = [wire(genesis), wire(certificate)]
    segment = bundle.write_segment(secret, assembly, records, entropy("segment"))
    empty = bundle.write_segment(newer, assembly, [], entropy("empty segment"))
    assert bundle.read_segment([newer, secret], assembly, segment) == records
    stretch = bundle.Stretch(ada.key.public, 0, 0, 2, False, certificate.id)
    forked = bundle.Stretch(bea.key.public, 1, 0, 3, True, drawn("branches"))
    visitors = {
        bea.key.public: (
            bundle.Place(ada.key.public, 0, 1, certificate.id),
            bundle.Place(bea.key.public, 1, None, drawn("branches")),
        ),
        ada.key.public: (bundle.Place(ada.key.public, 0, 1, certificate.id),),
    }
    manifest = bundle.Manifest(7, (bundle.SegmentInfo(digest(segment), len(segment), 2, (stretch, forked)),), visitors)
    files = []
    for name, held in (("a manifest", manifest), ("an empty one", bundle.Manifest(1, (), {}))):
        data = bundle.write_manifest(secret, assembly, held, ada.key, entropy(name))
        assert bundle.read_manifest([secret], assembly, data).counter == held.counter
        plain = unlock(derive(secret, contexts.MANIFEST, assembly), data[8:], contexts.MANIFEST + assembly)
        files.append(
            {
                "name": name,
                "secret": secret,
                "device": plain[:32],
                "signature": plain[32:96],
                "value": told(decode(plain[96:])),
                "signed": contexts.MANIFEST_SIGNATURE + assembly + plain[96:],
                "plain": plain,
                "file": data,
            }
        )

    application = bea.write(
        Kind.APPLICATION,
        Application(invitation=door.public, member=bea.member.public, device=bea.key.public).signed_by(door, assembly),
        after=bea.certify(),
    )
    own = [wire(Device(assembly, "Bea").certify()), wire(application)]
    keys_on_stick = [
        seal(each.sealing.public, rotation_plain(assembly, later, newer), f"stick key {each.name}")
        for each in (ada, bea)
    ]
    welcome = welcome_plain(assembly, later, [(origin, secret), (later, newer)])
    anew = drawn("the assembly founded anew")
    return {
        "about": "Boxes, seals, and the files that hold them.",
        "sections": ["4", "5.8", "10", "11", "12"],
        "assembly": assembly,
        "boxes": [
            _box("a box", drawn("key"), b"words", b"bound to this"),
            _box("an empty one", drawn("key"), b"", b""),
            _box("the psk in an invitation", derive(secret, contexts.INVITATION), psk, assembly + door.public),
        ],
        "seals": [
            _sealed("a welcome", bea, welcome, value=told(decode(welcome[len(contexts.WELCOME) + 32 :]))),
            _sealed("a rotation", bea, rotation_plain(assembly, later, newer), roster=later, network_key=newer),
            _sealed("a refounding", bea, refounding_plain(assembly, anew, newer), refounded=anew, network_key=newer),
        ],
        "letters": [_letter(assembly, ada, bea)],
        "key_files": _key_files(assembly, ada, ticket),
        "tickets": [
            {"name": name, "value": told(decode(each.write())), "body": each.write(), "check": digest(each.write())[:4],
             "line": each.line()}
            for name, each in (("a ticket", ticket), ("one without addresses", bare))
        ],
        "segments": [
            {"name": name, "secret": held, "key_name": bundle.key_name(held), "records": inside,
             "packed": bundle.pack(inside), "file": data, "file_name": text_of(digest(data))}
            for name, held, inside, data in (("two records", secret, records, segment), ("none", newer, [], empty))
        ],
        "manifests": files,
        "parts": [
            {"name": name, "file": data, "parts": write_parts(data, characters), "given": given(write_parts(data, characters))}
            for name, data, characters, given in (
                ("one part", b"words", 100, lambda parts: parts),
                ("the last first, and one twice", bytes(range(100)), 100, lambda parts: [*reversed(parts), parts[0]]),
                ("in a letter", bytes(range(60)), 80, lambda parts: [_letter_of(parts)]),
            )
        ],
        "joins": [
            {"name": name, "context": name_of, "psk": psk, "invitation": door.public, "folder": bundle.join_folder(door.public),
             "records": inside,
             "file": bundle.write_join(getattr(contexts, name_of), psk, assembly, inside, entropy(name))}
            for name, name_of, inside in (
                ("an application", "JOIN_APPLICATION", own), ("an answer", "JOIN_ANSWER", records[1:]),
            )
        ],
        "stick_keys": [
            {"name": "a newer network key for two devices", "readers": [ada.sealing.secret, bea.sealing.secret],
             "plain": rotation_plain(assembly, later, newer), "network_key": newer,
             "file_name": text_of(derive(newer, contexts.STICK_KEYS)), "file": b"".join(keys_on_stick)},
        ],
        "bundles": [
            {"name": "one file with two segments", "segments": [segment, empty],
             "file": bundle.FILE_MAGIC + bundle.pack([segment, empty])},
        ],
        "refused": _refused(assembly, ada, ticket, segment),
    }  # fmt: skip
