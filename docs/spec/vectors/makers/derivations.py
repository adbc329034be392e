"""derivations.json: every key and name that comes out of a context string, and discovery's tags."""

from typing import Any

from makers.common import drawn
from makers.records import founded
from meshd_crypto.hashing import derive, digest, keyed
from meshd_crypto.identity import SigningKey
from meshd_protocol import beacon, bundle, contexts
from meshd_protocol.items import followed_id
from meshd_protocol.names import text_of
from meshd_protocol.sync.frontier import session_key
from meshd_protocol.sync.greeting import invitation_psk, network_psk

_HOUR = 494_444


def _derived(
    name: str, context: str, secret: bytes, data: bytes, made: bytes, *, use: str, **more: Any
) -> dict[str, Any]:
    """`made` is what the code makes: it must be `derive`, cut to its length."""
    value = derive(secret, getattr(contexts, context), data)
    assert value.startswith(made), name
    return {
        "name": name,
        "context": context,
        "context_bytes": getattr(contexts, context),
        "secret": secret,
        "data": data,
        "derived": value,
        "use": use,
        "used": made,
        **more,
    }


def make() -> dict[str, Any]:
    """The file."""
    genesis, _ = founded()
    assembly, secret, psk = genesis.id, drawn("network key"), drawn("invitation psk")
    door = SigningKey.from_seed(drawn("invitation")).public
    nonces = drawn("initiator's nonce", 16) + drawn("responder's nonce", 16)
    tag = derive(secret, contexts.STICK, assembly)[:20]
    folder = digest(contexts.JOIN_FOLDER, door)[:20]
    stick_keys = derive(secret, contexts.STICK_KEYS)
    assert bundle.stick_tag(secret, assembly) == text_of(tag)
    assert bundle.join_folder(door) == text_of(folder)
    ballots = sorted(drawn(f"ballot {n}") for n in range(3))

    def whole(name: str, context: str, secret: bytes, use: str, data: bytes = assembly) -> dict[str, Any]:
        return _derived(name, context, secret, data, derive(secret, getattr(contexts, context), data), use=use)

    nonce, place = drawn("announcement", 8), "192.0.2.7:4711"
    return {
        "about": "What is derived or hashed under a context string. `used` is what of it is used, `text` its base32.",
        "sections": ["4", "7.2", "8.2", "9", "10"],
        "assembly": assembly,
        "derived": [
            _derived("network psk", "PSK_NETWORK", secret, assembly, network_psk(secret, assembly),
                     use="psk of the handshake"),
            _derived("invitation psk", "PSK_INVITATION", psk, assembly, invitation_psk(psk, assembly),
                     use="psk of a newcomer's handshake"),
            _derived("session key", "HEADS", nonces, b"", session_key(nonces[:16], nonces[16:]),
                     use="key of marks and fingerprints; the secret is both nonces, the initiator's first"),
            _derived("key name", "KEY_NAME", secret, b"", bundle.key_name(secret), use="names a network key"),
            whole("invitation box", "INVITATION", secret, "key of the box in an invitation", b""),
            whole("discovery", "DISCOVERY", secret, "key of the tags of announcements"),
            _derived("stick folder", "STICK", secret, assembly, tag, use="name of the assembly's folder",
                     text=bundle.stick_tag(secret, assembly)),
            _derived("stick keys", "STICK_KEYS", secret, b"", stick_keys, use="name of a network key's file",
                     text=text_of(stick_keys)),
            whole("segment", "SEGMENT", secret, "key of segments"),
            whole("manifest", "MANIFEST", secret, "key of manifests"),
            whole("application on a stick", "JOIN_APPLICATION", psk, "key of that file"),
            whole("answer on a stick", "JOIN_ANSWER", psk, "key of that file"),
        ],
        "hashed": [
            {"name": "join folder", "context": "JOIN_FOLDER", "hashed": contexts.JOIN_FOLDER + door,
             "hash": digest(contexts.JOIN_FOLDER, door), "used": folder, "text": bundle.join_folder(door)},
            {"name": "counted ballots of an attestation", "context": "COUNTED",
             "hashed": contexts.COUNTED + b"".join(ballots), "hash": digest(contexts.COUNTED, *ballots),
             "used": digest(contexts.COUNTED, *ballots)},
            {"name": "what is followed of a member of a federation", "context": "FOLLOWED",
             "hashed": contexts.FOLLOWED + assembly + ballots[0], "hash": followed_id(assembly, ballots[0]),
             "used": followed_id(assembly, ballots[0])},
        ],
        "tags": [
            {
                "name": name,
                "secret": secret,
                "nonce": nonce,
                "hour": _HOUR,
                "address": address,
                "tag": beacon.tags([secret], assembly, nonce, _HOUR * beacon.HOUR_MS, [address]),
            }
            for name, address in (("an IPv4 address", place), ("an IPv6 address", "[2001:db8::7]:4711"))
        ],
        "keyed": [
            {"name": "a keyed hash of 8 bytes", "key": secret, "data": b"data", "hash": keyed(secret, b"data", 8)},
        ],
    }  # fmt: skip
