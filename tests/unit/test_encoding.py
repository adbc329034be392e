"""Canonical CBOR: what is taken, and that everything that the design forbids is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshd_protocol import limits
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import NotCanonicalError
from tests.vectors import load

APPENDIX_A = load("cbor-appendix-a.json", 80)

scalars = st.one_of(
    st.integers(-limits.INTEGER + 1, limits.INTEGER - 1),
    st.binary(max_size=40),
    st.text(max_size=20),
    st.booleans(),
    st.none(),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.integers(0, limits.INTEGER - 1), inner, max_size=4),
        st.dictionaries(st.text(max_size=8), inner, max_size=4),
    ),
    max_leaves=12,
).filter(lambda value: _depth(value) <= limits.DEPTH)


def _depth(value):
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 0


@pytest.mark.parametrize(("hexed", "taken"), APPENDIX_A)
def test_appendix_a(hexed, taken):
    data = bytes.fromhex(hexed)
    if taken:
        assert encode(decode(data)) == data
    else:
        with pytest.raises(NotCanonicalError):
            decode(data)


@given(values)
def test_what_is_encoded_reads_back(value):
    assert decode(encode(value)) == value


@given(
    st.one_of(
        st.lists(st.tuples(st.text(max_size=8), scalars), min_size=2, max_size=5, unique_by=lambda item: item[0]),
        st.lists(st.tuples(st.integers(0, 70_000), scalars), min_size=2, max_size=5, unique_by=lambda item: item[0]),
    )
)
def test_the_keys_of_a_map_have_one_order(items):
    written = bytes([0xA0 + len(items)]) + b"".join(encode(key) + encode(value) for key, value in items)
    if written == encode(dict(items)):
        assert list(decode(written).items()) == items
    else:
        with pytest.raises(NotCanonicalError, match="order"):
            decode(written)


@given(st.binary(max_size=200))
def test_bytes_are_refused_or_are_the_one_encoding_of_their_value(data):
    try:
        value = decode(data)
    except NotCanonicalError:
        return
    assert encode(value) == data


@pytest.mark.parametrize(
    ("what", "hexed"),
    [
        ("a float", "f93c00"),
        ("a tag that turns into a list", "d901008101"),
        ("a self-describing tag", "d9d9f700"),
        ("a shared reference", "d81c8100"),
        ("an indefinite array", "9f01ff"),
        ("a duplicate key", "a201020103"),
        ("keys out of order", "a202010102"),
        ("text keys out of order", "a2616201616101"),
        ("keys of two types", "a20102616101"),
        ("a negative key", "a12001"),
        ("a key of bytes", "a1410101"),
        ("a key beyond 2^53", "a11b002000000000000001"),
        ("an integer of 2^53", "1b0020000000000000"),
        ("an integer of -2^53 - 1", "3b0020000000000000"),
        ("a longer integer than needed", "1801"),
        ("a longer length than needed", "580101"),
        ("trailing bytes", "0000"),
        ("nothing", ""),
        ("a cut string", "42ff"),
        ("text that is no UTF-8", "61ff"),
        ("undefined", "f7"),
        ("a simple value", "f0"),
        ("a big integer", "c24101"),
    ],
)
def test_forbidden(what, hexed):
    with pytest.raises(NotCanonicalError):
        decode(bytes.fromhex(hexed))


@pytest.mark.parametrize(
    "hexed",
    [
        "c074323031332d30332d32315432303a30343a30305a",
        "c11a514b67b0",
        "c249010000000000000000",
        "d82303",
        "d823635b612b",
        "d9d9f700",
        "d8ff00",
        "d81c80",
        "d81d00",
    ],
)
def test_no_tag_is_even_looked_at(hexed):
    """Some of them would run a decoder of the library's own, one of which compiles regular expressions."""
    with pytest.raises(NotCanonicalError, match="tag"):
        decode(bytes.fromhex(hexed))


def test_limits_one_past():
    assert decode(encode(limits.INTEGER - 1)) == limits.INTEGER - 1
    with pytest.raises(NotCanonicalError):
        decode(encode(limits.INTEGER))
    deepest: object = 0
    for _ in range(limits.DEPTH):
        deepest = [deepest]
    assert decode(encode(deepest)) == deepest
    with pytest.raises(NotCanonicalError):
        decode(encode([deepest]))
    assert decode(encode(1 - limits.INTEGER)) == 1 - limits.INTEGER
    with pytest.raises(NotCanonicalError, match="beyond"):
        decode(encode(-limits.INTEGER))
    for spread in ([[0] * 100] * 40, [dict.fromkeys(range(50), 0)] * 40):  # 4,041 items, however they are nested
        assert decode(encode(spread)) == spread
        with pytest.raises(NotCanonicalError, match="items"):
            decode(encode([*spread, [0] * 100]))
    many = [0] * (limits.ITEMS - 1)
    assert decode(encode(many)) == many
    with pytest.raises(NotCanonicalError):
        decode(encode([*many, 0]))


def test_an_empty_container_counts_like_a_full_one():
    """cbor2's own bound lets it through one deeper: two readers would disagree on a record."""
    for empty in ([], {}):
        for wrap in (lambda inner: [inner], lambda inner: {0: inner}):
            value: object = empty
            for _ in range(limits.DEPTH - 1):
                value = wrap(value)
            assert decode(encode(value)) == value
            with pytest.raises(NotCanonicalError, match="deep"):
                decode(encode(wrap(value)))
