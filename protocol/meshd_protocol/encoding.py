"""Canonical CBOR, both ways: the one codec of everything that is signed, stored or sent.

RFC 8949 section 4.2.1, narrowed (design: records): integers within ±2⁵³, byte strings, UTF-8 text, arrays, maps whose
keys are all unsigned integers or all text, booleans, null. One value has one encoding: whatever does not re-encode to
itself is refused, so that two nodes never read one signed byte string in two ways.
"""

from typing import Any, TypeAlias

import cbor2

from meshd_protocol import limits
from meshd_protocol.errors import NotCanonicalError

Value: TypeAlias = "int | bytes | str | bool | list[Value] | dict[int, Value] | dict[str, Value] | None"

_TAGS_OF_CBOR2: tuple[int, ...] = (
    0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799,
)  # fmt: skip


def _refuse_tag(*_: object) -> object:
    raise NotCanonicalError("a tag has no place in a record")


_NO_TAGS: dict[int, Any] = dict.fromkeys(_TAGS_OF_CBOR2, _refuse_tag)
"""cbor2's own decoders must never run on strangers' bytes: one of them compiles regular expressions."""


def encode(value: object) -> bytes:
    """The one encoding of `value`; tuples encode as arrays. Only for values that `decode` would return."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes, *, items: int = limits.ITEMS) -> Value:
    """The value that `data` is the one encoding of, of at most `items` items.

    Raises NotCanonicalError, saying what is wrong.
    """
    try:
        value: Value = cbor2.loads(
            data,
            tag_hook=_refuse_tag,
            semantic_decoders=_NO_TAGS,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            max_depth=limits.DEPTH,
        )
        _check(value, items)
        again = cbor2.dumps(value)
    except NotCanonicalError:
        raise
    except Exception as error:  # cbor2's own, and what it makes of ours
        if isinstance(error.__cause__, NotCanonicalError):
            raise error.__cause__ from None
        raise NotCanonicalError(f"not CBOR that meshd reads: {type(error).__name__}") from error
    if again != data:
        raise NotCanonicalError("not the shortest, sorted, complete encoding of its value")
    return value


def _check(root: Value, most: int) -> None:
    """Refuse types, integers, sizes and depths that the narrow form leaves out. A loop: it is on the hot path."""
    containers: list[Any] = [[root]]
    items = seen = 0
    empty = False
    while containers:
        container = containers.pop()
        seen += 1
        if type(container) is dict:
            _check_keys(container)
            items += len(container)
            container = container.values()
        if not container:
            empty = True
        items += len(container)
        for value in container:
            kind = type(value)
            if kind is bytes or kind is str:
                continue
            if kind is int:
                if not -limits.INTEGER < value < limits.INTEGER:
                    raise NotCanonicalError("an integer is beyond 2^53")
            elif kind is list or kind is dict:
                containers.append(value)
            elif kind is not bool and value is not None:
                raise NotCanonicalError(f"a {kind.__name__} has no place in a record")
        if items > most:
            raise NotCanonicalError(f"more than {most} items")
    if empty and seen > limits.DEPTH + 1:
        _check_depth(root)


def _check_depth(root: Value) -> None:
    """Refuse an empty container deeper than others may be: cbor2's own bound lets it through."""
    level: list[Any] = [root]
    for _ in range(limits.DEPTH):
        insides = (each.values() if type(each) is dict else each for each in level if type(each) in (list, dict))
        level = [value for inside in insides for value in inside]
    if any(type(each) in (list, dict) for each in level):
        raise NotCanonicalError(f"more than {limits.DEPTH} containers deep")


def _check_keys(mapping: dict[Any, Value]) -> None:
    """Refuse keys of other kinds, and any but the one order: encoding again would keep the order that it finds."""
    kinds = set(map(type, mapping))
    keys = list(mapping)
    if kinds == _INTEGERS:
        ordered = sorted(keys)
        if ordered[0] < 0 or ordered[-1] >= limits.INTEGER:
            raise NotCanonicalError("a key of a map is negative or beyond 2^53")
    elif kinds <= _TEXTS:
        ordered = sorted(keys, key=_encoded_order)
    else:
        raise NotCanonicalError("the keys of a map must be all unsigned integers or all text")
    if keys != ordered:
        raise NotCanonicalError("the keys of a map are not in their order")


def _encoded_order(key: str) -> tuple[int, bytes]:
    """Where a text stands among others by its encoding, which begins with its length."""
    data = key.encode()
    return len(data), data


_INTEGERS, _TEXTS = {int}, {str}
