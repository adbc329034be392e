"""A backup: one file with the log and what its person needs to go on as a new device. No key of this device is in it,
so that two machines never write as one.
"""

import struct
from pathlib import Path
from typing import Any, NamedTuple

from meshd.assembly import survey
from meshd.assembly.assembly import Assembly
from meshd.assembly.keystore import NetworkKey
from meshd.errors import NodeError, PassphraseError
from meshd.progress import Steps
from meshd.sneakernet.export import Narrow, Written, write_bundle
from meshd.store.tables import Chain
from meshd_crypto.identity import SigningKey
from meshd_crypto.passphrase import Lock, NotAKeyFileError, open_keys, seal_keys
from meshd_crypto.sealing import CannotOpenError
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import NotCanonicalError

MAGIC = b"meshd/backup/1\x00"
_LENGTH = struct.Struct(">I")
_MOST = 1 << 20
"""Bytes of the sealed part: a few keys."""


class Backup(NamedTuple):
    """Who somebody is, and what was in their log: how many records, with which digest, following which roster (or one
    from which records lead there), when (ms since 1970). `member` is None where its owner keeps the key elsewhere.
    `start` is where the log begins in the file.
    """

    assembly: bytes
    person: str
    member: SigningKey | None
    member_public: bytes
    network: tuple[NetworkKey, ...]
    roster: bytes
    digest: bytes
    records: int
    time_ms: int
    start: int

    def __repr__(self) -> str:
        return f"Backup(assembly={self.assembly.hex()})"


def write_backup(assembly: Assembly, path: Path, lock: Lock) -> Steps[Written]:
    """Write all there is, under the lock of a passphrase. Raises MediaError, NodeError."""
    standing = assembly.standing
    if standing is None or not assembly.keys.network:
        raise NodeError("the assembly's log is not here yet: there is nothing to keep", "Your ticket lets you in anew.")
    keys = assembly.keys
    place = survey.place(assembly)
    plain: dict[str, Any] = {
        "assembly": keys.assembly,
        "person": keys.person,
        "member": keys.member.seed if keys.member is not None else None,
        "member_public": keys.member_public,
        "network": [[key.roster, key.secret] for key in keys.network],
        "roster": standing.recorded(),
        "digest": place.digest,
        "records": sum(chain.records for chain in assembly.store.find(Chain)),
        "time": assembly.world.clock(),
    }
    sealed = seal_keys(lock, encode(plain), assembly.world.entropy)
    return (yield from write_bundle(assembly, path, Narrow(), MAGIC + _LENGTH.pack(len(sealed)) + sealed))


def check_is_backup(path: Path) -> None:
    """Raises NodeError for what is none: nobody is asked for a passphrase then."""
    _sealed(path)


def _sealed(path: Path) -> tuple[bytes, int]:
    """The sealed part of a backup, and where the log begins behind it. Raises NodeError for what is none."""
    try:
        with path.open("rb") as file:
            head = file.read(len(MAGIC) + _LENGTH.size)
            size = _LENGTH.unpack(head[len(MAGIC) :])[0] if len(head) == len(MAGIC) + _LENGTH.size else 0
            sealed = file.read(size) if head.startswith(MAGIC) and size <= _MOST else b""
    except OSError as error:
        raise NodeError(f"cannot read {path}: {error.strerror}") from error
    if not sealed or len(sealed) < size:
        raise NodeError(f"{path} is no backup that meshd wrote", "`meshd import` reads what `meshd export` wrote.")
    return sealed, len(head) + size


def read_backup(path: Path, passphrase: str) -> Backup:
    """What a backup says of itself. Raises PassphraseError, or NodeError for what is none."""
    sealed, start = _sealed(path)
    try:
        _, plain = open_keys(sealed, passphrase)
        found: Any = decode(plain)
        return Backup(
            found["assembly"],
            found["person"],
            SigningKey.from_seed(found["member"]) if found["member"] else None,
            found["member_public"],
            tuple(NetworkKey(roster, secret) for roster, secret in found["network"]),
            found["roster"],
            found["digest"],
            found["records"],
            found["time"],
            start,
        )
    except CannotOpenError as error:
        raise PassphraseError(
            "the passphrase is wrong",
            "It is the one that the home had when the backup was made, or one that was given to it; or it is damaged.",
        ) from error
    except (NotAKeyFileError, NotCanonicalError, KeyError) as error:
        raise NodeError(f"{path} is a backup that this meshd can't read", "A later one may have written it.") from error
