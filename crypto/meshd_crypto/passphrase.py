"""The key file: secrets under a passphrase, by Argon2id (RFC 9106) and XChaCha20-Poly1305.

The parameters travel in the file, so that a file sealed on a strong machine opens on a weak one and the other way
round. They are bounded, so that a swapped file can't make the machine run out of memory.
"""

import struct
from typing import NamedTuple

import nacl.exceptions
import nacl.pwhash.argon2id

from meshd_crypto import sealing
from meshd_crypto.identity import Entropy
from meshd_crypto.sealing import CannotOpenError

MAGIC = b"meshd/keys/1\x00"
SALT_SIZE = 16
_PARAMETERS = struct.Struct(">II")
_HEAD = len(MAGIC) + _PARAMETERS.size + SALT_SIZE
_MAX_PASSES = 100
_MAX_MEMORY = 4 << 30


class Cost(NamedTuple):
    """What one guess at the passphrase costs: passes over memory, and its size in bytes."""

    passes: int
    memory: int


STRONG = Cost(passes=3, memory=64 << 20)
"""The default of every home. 64 MiB is what a Raspberry Pi with 1 GiB can spare while it works."""


class NotAKeyFileError(Exception):
    """The bytes are not a key file of a version that this program reads."""


class Lock(NamedTuple):
    """A stretched passphrase and the head of the file that it opens: enough to seal again without asking."""

    head: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"Lock(head={self.head.hex()})"


def new_lock(passphrase: str, cost: Cost, entropy: Entropy) -> Lock:
    """Stretch a passphrase for a new key file. Its head is: magic, passes, memory in KiB, salt."""
    salt = entropy(SALT_SIZE)
    return Lock(MAGIC + _PARAMETERS.pack(cost.passes, cost.memory >> 10) + salt, _stretch(passphrase, salt, cost))


def seal_keys(lock: Lock, plain: bytes, entropy: Entropy) -> bytes:
    """A key file: the lock's head, then a box."""
    return lock.head + sealing.lock(lock.key, plain, lock.head, entropy)


def open_keys(sealed: bytes, passphrase: str) -> tuple[Lock, bytes]:
    """The lock of a key file, and what `seal_keys` was given.

    Raises NotAKeyFileError for foreign bytes, CannotOpenError for a wrong passphrase or damage (nobody can tell
    which).
    """
    if not sealed.startswith(MAGIC) or len(sealed) < _HEAD:
        raise NotAKeyFileError
    head = sealed[:_HEAD]
    passes, kibibytes = _PARAMETERS.unpack_from(head, len(MAGIC))
    cost = Cost(passes, kibibytes << 10)
    if not (1 <= cost.passes <= _MAX_PASSES and 8192 <= cost.memory <= _MAX_MEMORY):
        raise NotAKeyFileError
    lock = Lock(head, _stretch(passphrase, head[-SALT_SIZE:], cost))
    return lock, sealing.unlock(lock.key, sealed[_HEAD:], head)


def _stretch(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    try:
        return nacl.pwhash.argon2id.kdf(
            32, passphrase.encode("utf-8", "surrogateescape"), salt, opslimit=cost.passes, memlimit=cost.memory
        )
    except (nacl.exceptions.CryptoError, RuntimeError) as error:
        raise CannotOpenError from error
