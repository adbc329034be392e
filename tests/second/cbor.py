"""Section 1: the one encoding of each value, read and written."""

from typing import Any

BOUND = 2**53


class RefusedError(Exception):
    """The bytes are not what the specification takes."""


def read(data: bytes, items: int = 4096) -> Any:
    """The value of these bytes."""
    reader = _Reader(data, items)
    value = reader.item(1)
    if reader.at != len(data):
        raise RefusedError("trailing bytes")
    return value


class _Reader:
    def __init__(self, data: bytes, items: int) -> None:
        self.data, self.at, self.left = data, 0, items

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise RefusedError("cut")
        self.at += size
        return self.data[self.at - size : self.at]

    def argument(self, low: int) -> int:
        if low < 24:
            return low
        if low > 27:
            raise RefusedError("an indefinite or reserved length")
        size = 1 << (low - 24)
        value = int.from_bytes(self.take(size), "big")
        if value < (24, 1 << 8, 1 << 16, 1 << 32)[low - 24]:
            raise RefusedError("longer than needed")
        return value

    def item(self, depth: int) -> Any:
        self.left -= 1
        if self.left < 0:
            raise RefusedError("too many items")
        (first,) = self.take(1)
        major, low = divmod(first, 32)
        if major == 7:
            if first not in (0xF4, 0xF5, 0xF6):
                raise RefusedError("a float or another simple value")
            return {0xF4: False, 0xF5: True, 0xF6: None}[first]
        if major == 6:
            raise RefusedError("a tag")
        argument = self.argument(low)
        if major < 2:
            if argument + major >= BOUND:
                raise RefusedError("an integer beyond 2^53")
            return -1 - argument if major else argument
        if major == 2:
            return self.take(argument)
        if major == 3:
            try:
                return self.take(argument).decode("utf-8")
            except UnicodeDecodeError as error:
                raise RefusedError("not UTF-8") from error
        if depth > 8:
            raise RefusedError("too deep")
        if major == 4:
            return [self.item(depth + 1) for _ in range(argument)]
        return self.pairs(argument, depth)

    def pairs(self, count: int, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        last, kind = b"", None
        for _ in range(count):
            start = self.at
            key = self.item(depth + 1)
            written = self.data[start : self.at]
            if type(key) not in (int, str) or (type(key) is int and key < 0) or kind not in (None, type(key)):
                raise RefusedError("a key of another kind")
            if found and written <= last:
                raise RefusedError("keys out of order, or one twice")
            last, kind = written, type(key)
            found[key] = self.item(depth + 1)
        return found


def write(value: Any) -> bytes:
    """The encoding of a value."""
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        pairs = sorted((write(key), write(item)) for key, item in value.items())
        return _head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
    return _head(4, len(value)) + b"".join(map(write, value))


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([32 * major + argument])
    for low, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << (8 * size):
            return bytes([32 * major + low]) + argument.to_bytes(size, "big")
    raise RefusedError("beyond eight bytes")


def told(value: Any) -> Any:
    """A value as the vectors tell it in JSON: see their README."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, list):
        return [told(item) for item in value]
    if isinstance(value, dict):
        return {"map": [[told(key), told(item)] for key, item in value.items()]}
    return value


def untold(value: Any) -> Any:
    """What `told` wrote, as it was."""
    if type(value) is dict:
        return bytes.fromhex(value["bytes"]) if "bytes" in value else {untold(k): untold(v) for k, v in value["map"]}
    return [untold(each) for each in value] if type(value) is list else value
