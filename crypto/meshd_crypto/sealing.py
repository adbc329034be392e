"""Encryption of things at rest and in transit by hand: boxes under a shared key, and seals to one device.

Boxes are XChaCha20-Poly1305 with a random nonce in front (large enough to be drawn at random for ever). Seals are
libsodium's sealed boxes (X25519, XSalsa20-Poly1305).
"""

import nacl.bindings
from nacl.exceptions import CryptoError

from meshd_crypto.identity import Entropy, ExchangeKey

NONCE_SIZE = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
BOX_OVERHEAD = NONCE_SIZE + nacl.bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES

SEALED_OVERHEAD = nacl.bindings.crypto_box_SEALBYTES


class CannotOpenError(Exception):
    """The box or seal does not open with this key: it is damaged, or meant for somebody else."""


def lock(key: bytes, plain: bytes, context: bytes, entropy: Entropy) -> bytes:
    """`plain` encrypted under the 32-byte `key`; `context` is authenticated and not stored."""
    nonce = entropy(NONCE_SIZE)
    return nonce + nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, context, nonce, key)


def unlock(key: bytes, box: bytes, context: bytes) -> bytes:
    """The plain bytes of a box that `lock` made.

    Raises CannotOpenError when the key, the context or a single bit is wrong.
    """
    if len(box) < BOX_OVERHEAD:
        raise CannotOpenError
    try:
        return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            box[NONCE_SIZE:], context, box[:NONCE_SIZE], key
        )
    except CryptoError as error:
        raise CannotOpenError from error


def seal(public: bytes, plain: bytes) -> bytes:
    """`plain` for the holder of the X25519 key `public` alone. The sender stays anonymous: sign around it.

    libsodium draws the ephemeral key itself, so seals differ from run to run even in a simulated world; nothing may
    depend on their bytes. Raises CannotOpenError for a public key of low order.
    """
    try:
        return nacl.bindings.crypto_box_seal(plain, public)
    except (CryptoError, RuntimeError) as error:
        raise CannotOpenError from error


def unseal(key: ExchangeKey, sealed: bytes) -> bytes:
    """The plain bytes of a seal made to `key`. Raises CannotOpenError for anything else."""
    try:
        return nacl.bindings.crypto_box_seal_open(sealed, key.public, key.secret)
    except (CryptoError, RuntimeError, ValueError, TypeError) as error:
        raise CannotOpenError from error
