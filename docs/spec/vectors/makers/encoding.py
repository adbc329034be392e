"""cbor.json: what the one encoding is, and what is refused."""

from typing import Any

from makers.common import told
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import NotCanonicalError

_NESTED: Any = None
for _ in range(8):
    _NESTED = [_NESTED]

_TAKEN: dict[str, Any] = {
    "zero": 0,
    "the largest number in the first byte": 23,
    "the smallest in one more byte": 24,
    "the largest in one more": 255,
    "the smallest in two more": 256,
    "the smallest in four more": 65_536,
    "the smallest in eight more": 2**32,
    "the largest integer": 2**53 - 1,
    "minus one": -1,
    "minus 24": -24,
    "minus 25": -25,
    "the smallest integer": -(2**53 - 1),
    "no bytes": b"",
    "bytes": bytes(range(24)),
    "no text": "",
    "text in UTF-8, counted in bytes": "Zoë 木 🌳",
    "text is not normalised: this is not the one composed letter": "e\u0301",
    "no items": [],
    "24 items": [0] * 24,
    "an empty map": {},
    "integer keys in the order of numbers": {0: "a", 1: "b", 23: "c", 24: "d", 256: "e"},
    "text keys, the shorter first, then bytewise": {"b": 1, "z": 2, "aa": 3, "ab": 4, "é": 5, "aaa": 6},
    "true, false and null": [True, False, None],
    "eight containers deep": _NESTED,
    "4,096 items with the root": [0] * 4095,
    "the same counted in maps: root, keys, values": [{0: 0}] * 1365,
}

_REFUSED: dict[str, tuple[str, str]] = {
    "nothing": ("", "one value is expected"),
    "a trailing byte": ("0000", "trailing bytes"),
    "cut bytes": ("42ff", "cut"),
    "a cut array": ("8200", "cut"),
    "23 in two bytes": ("1817", "longer than needed"),
    "255 in three bytes": ("1900ff", "longer than needed"),
    "65,535 in five bytes": ("1a0000ffff", "longer than needed"),
    "2^32 - 1 in nine bytes": ("1b00000000ffffffff", "longer than needed"),
    "a length of bytes in two": ("580100", "longer than needed"),
    "a length of an array in two": ("980100", "longer than needed"),
    "2^53": ("1b0020000000000000", "an integer beyond 2^53"),
    "minus 2^53": ("3b001fffffffffffff", "an integer beyond 2^53"),
    "2^64 as a bignum": ("c249010000000000000000", "a tag"),
    "a half float": ("f93c00", "a float"),
    "a single float": ("fa3f800000", "a float"),
    "a double": ("fb3ff0000000000000", "a float"),
    "undefined": ("f7", "another simple value"),
    "simple value 16": ("f0", "another simple value"),
    "simple value 255": ("f8ff", "another simple value"),
    "false in two bytes": ("f814", "another simple value"),
    "a date": ("c11a514b67b0", "a tag"),
    "a regular expression": ("d8236161", "a tag"),
    "self-described CBOR": ("d9d9f700", "a tag"),
    "a tag inside": ("81c000", "a tag"),
    "bytes of indefinite length": ("5f4100ff", "an indefinite length"),
    "text of indefinite length": ("7f6161ff", "an indefinite length"),
    "an array of indefinite length": ("9f00ff", "an indefinite length"),
    "a map of indefinite length": ("bf0000ff", "an indefinite length"),
    "a break alone": ("ff", "no value"),
    "a reserved length": ("1c", "no value"),
    "a key twice": ("a200000001", "a key twice"),
    "a text key twice": ("a2616100616101", "a key twice"),
    "integer keys out of order": ("a201000000", "keys out of order"),
    "text keys out of order": ("a2616200616100", "keys out of order"),
    "a longer text key first": ("a262616100616200", "keys out of order"),
    "a negative key": ("a12000", "a key of another kind"),
    "a byte string as a key": ("a1410000", "a key of another kind"),
    "a boolean as a key": ("a1f500", "a key of another kind"),
    "an array as a key": ("a18000", "a key of another kind"),
    "a key of 2^53": ("a11b002000000000000000", "a key of another kind"),
    "integer and text keys": ("a20000616100", "a key of another kind"),
    "text that is no UTF-8": ("61ff", "not UTF-8"),
    "a surrogate": ("63eda080", "not UTF-8"),
    "an overlong text": ("62c080", "not UTF-8"),
    "nine containers deep": ("81" * 9 + "00", "too deep"),
    "nine containers deep, the last one empty": ("81" * 8 + "80", "too deep"),
    "nine maps deep": ("a100" * 9 + "00", "too deep"),
    "4,097 items with the root": ("991000" + "00" * 4096, "too many items"),
    "more items counted in maps": ("990556" + "a10000" * 1366, "too many items"),
}


def make() -> dict[str, Any]:
    """The encodings that are taken, with their values, and those that are refused."""
    for name, (text, _) in _REFUSED.items():
        try:
            decode(bytes.fromhex(text))
        except NotCanonicalError:
            continue
        raise AssertionError(f"{name} is taken")
    return {
        "about": "Encodings that are taken, with their values, and encodings that are refused, with the reason.",
        "sections": ["1"],
        "taken": [{"name": name, "hex": encode(value), "value": told(value)} for name, value in _TAKEN.items()],
        "refused": [{"name": name, "hex": text, "reason": reason} for name, (text, reason) in _REFUSED.items()],
    }
