"""Names of roles: when two are one, and which can't be told from others (design: decisions, "Mandates").

Two names that look alike on paper must not be two seats. All of it is by Unicode 3.2, the version that stringprep froze
(RFC 3454), so that no node's answer depends on its Python.
"""

from unicodedata import ucd_3_2_0 as _unicode

_EAST_ASIAN = frozenset({"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"})
"""Scripts that are written together."""

_BLANK = frozenset(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u1806\u2800\u3164\uffa0"
    + "".join(map(chr, range(0xFE00, 0xFE10)))
)
"""Letters and marks that show nothing."""


def role_key(role: str) -> str:
    """What is compared: NFKC, without case, with single spaces."""
    folded = _unicode.normalize("NFKC", _unicode.normalize("NFKC", role).casefold())
    return " ".join(folded.split())


def same_role(one: str, other: str) -> bool:
    """Whether two mandates are for one role."""
    return role_key(one) == role_key(other)


def role_problem(role: str) -> str | None:
    """Why a role can't have that name; None if it can."""
    scripts: set[str] = set()
    for character in _unicode.normalize("NFKC", role):
        category = _unicode.category(character)
        if character in _BLANK or category[0] == "C" or (category[0] == "Z" and character != " "):
            return "its role has invisible or unknown letters"
        if category[0] == "L":
            script = _unicode.name(character).split()[0].split("-")[0]
            scripts.add("EAST ASIAN" if script in _EAST_ASIAN else script)
    if not role_key(role):
        return "its role is empty"
    if len(scripts - {"MODIFIER"}) > 1:
        return "its role mixes the letters of several scripts"
    return None
