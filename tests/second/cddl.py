"""The part of CDDL (RFC 8610) that the schemas use, held against decoded values.

pycddl takes the syntax at its word, but of a choice within an array it tries the last alternative alone, and it does not
look at texts' patterns there. A wildcard key `uint` stands for keys from 64 up, as the schemas say.
"""

import re
from collections.abc import Callable
from typing import Any

from tests.second import cbor
from tests.second.cbor import RefusedError

Type = Callable[[Any], bool]
Entry = tuple[int, float, Any, Type]
"""At least, at most, what the key must be, what the item must be."""

_TOKEN = re.compile(r';[^\n]*|"[^"]*"|\.\.|\.[a-z]+|-?\d+|[a-zA-Z_][\w-]*|//|=>|[\[\]{}()/,:=?*+]')
_KNOWN: dict[str, Type] = {
    "any": lambda value: True,
    "bool": lambda value: type(value) is bool,
    "null": lambda value: value is None,
    "uint": lambda value: type(value) is int and value >= 0,
    "text": lambda value: type(value) is str,
    "bytes": lambda value: type(value) is bytes,
}


class Schema:
    """Rules by name."""

    def __init__(self, text: str) -> None:
        self._tokens = [token for token in _TOKEN.findall(text) if not token.startswith(";")]
        self._at = 0
        self.rules = dict(_KNOWN)
        while self._at < len(self._tokens):
            name = self._take()
            self._expect("=")
            self.rules[name] = self._type()

    def takes(self, rule: str, value: Any) -> bool:
        return self.rules[rule](value)

    def _peek(self, ahead: int = 0) -> str:
        return self._tokens[self._at + ahead] if self._at + ahead < len(self._tokens) else ""

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, token: str) -> None:
        found = self._take()
        assert found == token, f"{token} is expected, not {found}, before {self._tokens[self._at : self._at + 5]}"

    def _accept(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True

    def _type(self) -> Type:
        choices = [self._controlled()]
        while self._accept("/"):
            choices.append(self._controlled())
        return choices[0] if len(choices) == 1 else lambda value: any(fits(value) for fits in choices)

    def _controlled(self) -> Type:
        first = self._peek()
        inner = self._simple()
        if self._accept(".."):
            low, high = int(first), int(self._take())
            return lambda value: type(value) is int and low <= value <= high
        if self._accept(".size"):
            low, high = self._bounds()
            return lambda value: inner(value) and low <= len(value.encode() if type(value) is str else value) <= high
        if self._accept(".regexp"):
            pattern = re.compile(self._take()[1:-1])
            return lambda value: inner(value) and pattern.fullmatch(value) is not None
        if self._accept(".cbor"):
            within = self._controlled()
            return lambda value: inner(value) and _decodes(value, within)
        return inner

    def _bounds(self) -> tuple[int, int]:
        if not self._accept("("):
            size = int(self._take())
            return size, size
        low = int(self._take())
        self._expect("..")
        high = int(self._take())
        self._expect(")")
        return low, high

    def _simple(self) -> Type:
        token = self._take()
        if token == "(":
            inner = self._type()
            self._expect(")")
            return inner
        if token == "[":
            return _array(self._group("]"))
        if token == "{":
            return _map(self._group("}"))
        if token[0] == '"':
            return lambda value: value == token[1:-1]
        if re.fullmatch(r"-?\d+", token):
            return lambda value: type(value) is int and value == int(token)
        return lambda value: self.rules[token](value)

    def _group(self, end: str) -> list[Entry]:
        found: list[Entry] = []
        while not self._accept(end):
            low, high = self._occurrence()
            key: Any = None
            if self._peek(1) == ":":
                key = self._key_of(self._take())
                self._expect(":")
            wild = self._peek()
            item = self._type()
            if self._accept("=>"):
                key, item = _hints if wild == "uint" else item, self._type()
            found.append((low, high, key, item))
            self._accept(",")
        return found

    def _occurrence(self) -> tuple[int, float]:
        if self._accept("?"):
            return 0, 1
        if self._accept("+"):
            return 1, float("inf")
        if self._accept("*"):
            return 0, float("inf")
        if self._peek().isdigit() and self._peek(1) == "*":
            low = int(self._take())
            self._expect("*")
            return low, int(self._take()) if self._peek().isdigit() else float("inf")
        return 1, 1

    def _key_of(self, token: str) -> Any:
        return token[1:-1] if token[0] == '"' else int(token) if token.isdigit() else token


def _hints(key: Any) -> bool:
    return type(key) is int and key >= 64


def _decodes(data: bytes, within: Type) -> bool:
    try:
        return within(cbor.read(data))
    except RefusedError:
        return False


def _array(entries: list[Entry]) -> Type:
    def fits(value: Any) -> bool:
        if type(value) is not list:
            return False
        at = 0
        for low, high, _, item in entries:
            count = 0
            while count < high and at < len(value) and item(value[at]):
                at, count = at + 1, count + 1
            if count < low:
                return False
        return at == len(value)

    return fits


def _map(entries: list[Entry]) -> Type:
    def fits(value: Any) -> bool:
        if type(value) is not dict:
            return False
        left = dict(value)
        for low, _, key, item in entries:
            if callable(key):
                others = {each: found for each, found in left.items() if not (key(each) and item(found))}
                if len(left) - len(others) < low:
                    return False
                left = others
            elif any(each == key and type(each) is type(key) for each in left):
                if not item(left.pop(key)):
                    return False
            elif low:
                return False
        return not left

    return fits
