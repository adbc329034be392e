"""The fuzzing targets, over bytes that begin as real ones do. `just fuzz` searches longer."""

from hypothesis import given
from hypothesis import strategies as st

from meshd_protocol.records import wire
from meshd_protocol.sync.framing import frame
from meshd_protocol.sync.messages import write_message
from tests.fuzz import READERS, one
from tests.unit.test_sync import EXAMPLES
from tests.worlds import Author

REAL = [write_message(message) for message in EXAMPLES]
REAL += [wire(Author(b"a" * 32, "Ada", 1).ballot(b"q" * 32))]
REAL += [frame(b"\x00" + REAL[0]), b"\x00" + len(REAL[0]).to_bytes(2, "big") + REAL[0]]


@given(st.integers(0, len(READERS) - 1), st.sampled_from(REAL), st.integers(0, 400), st.binary(max_size=60))
def test_spoiled_bytes_are_refused_or_read(reader, real, at, noise):
    one(bytes([reader]) + real[:at] + noise + real[at + len(noise) :])


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_or_read(data):
    one(data)
