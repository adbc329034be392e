"""A proof as a file: PROOF ‖ its body, deflated (RFC 1950) ‖ H(all before). What the body says is in `proofs`.

The same ids, headers and votes come again and again in it: deflated a federation's takes three fifths. Earlier versions
wrote the body as it is; that is an array, and no zlib stream begins as one does.
"""

import zlib

from meshd_crypto.hashing import digest
from meshd_protocol import contexts, limits
from meshd_protocol.errors import BadProofError

HASH = 32
_ARRAYS = (b"\x86", b"\x87")
_EFFORT = 1
"""Of 9: keys and signatures give nothing, whatever the effort."""


def wrap(body: bytes) -> bytes:
    """The file of a body."""
    return seal(zlib.compress(body, _EFFORT))


def seal(deflated: bytes) -> bytes:
    """The file of a body that somebody deflated."""
    data = contexts.PROOF + deflated
    return data + digest(data)


def unwrap(data: bytes) -> bytes:
    """The body in a file, within the limits of its size and of how far it was deflated. Raises BadProofError."""
    if len(data) > limits.PROOF_BYTES:
        raise BadProofError("it is larger than any proof")
    if not data.startswith(contexts.PROOF):
        raise BadProofError("it is no proof that meshd wrote")
    if len(data) < len(contexts.PROOF) + HASH or digest(data[:-HASH]) != data[-HASH:]:
        raise BadProofError("it is damaged: its hash is another")
    held = data[len(contexts.PROOF) : -HASH]
    if held[:1] in _ARRAYS:
        return held
    stream, most = (
        zlib.decompressobj(),
        min(limits.PROOF_BYTES, max(limits.PROOF_SMALL, limits.PROOF_RATIO * len(held))),
    )
    try:
        body = stream.decompress(held, most)
    except zlib.error as error:
        raise BadProofError("its form is not that of a proof") from error
    if not stream.eof and len(body) == most:
        raise BadProofError("it is larger than any proof")
    if not stream.eof or stream.unused_data:
        raise BadProofError("its form is not that of a proof")
    return body
