"""What a front end may ask of a node: verbs, their arguments, and the lines on the control socket.

A request is one line of JSON, `{"verb", "arguments", "assembly"}`. Answers are lines: any number of
`{"progress": [text, done, total]}`, at least one each second, then one `{"result"}` or `{"error", "hint", "code"}`.
Between progress `watch` answers a line for each change (`changes`), until one of the two sides ends it.
`assembly` is the name or id prefix that the person gave, or null.
"""

import json
from typing import Any, NamedTuple

from meshd_protocol import limits
from meshd_protocol.errors import ProtocolError


class Argument(NamedTuple):
    """The type of one argument of a verb, whether it may be left out, and whether any text will do: a passphrase may be
    of letters that are not UTF-8.
    """

    kind: type[Any]
    optional: bool = True
    any_text: bool = False


_TEXT = Argument(str)
_FLAG = Argument(bool)
_NAME = Argument(str, optional=False)
_LIST = Argument(list)
_NUMBER = Argument(int)

VERBS: dict[str, dict[str, Argument]] = {
    "whoami": {"member_key": _FLAG, "passphrase": Argument(str, any_text=True)},
    "members": {"report": _FLAG},
    "invite": {"withdraw": _FLAG},
    "vouch": {"person": _NAME},
    "admit": {"people": Argument(list, optional=False)},
    "remove": {"person": _NAME, "reason": _TEXT},
    "leave": {},
    "devices": {"person": _TEXT},
    "revoke": {"device": _NAME, "reason": _TEXT},
    "ratify": {"roster": _TEXT},
    "follow": {"roster": _NAME},
    "refound": {"id": _TEXT, "without": _LIST},
    "witness": {"word": _TEXT, "names": _LIST, "title": _TEXT, "text": _TEXT},
    "status": {},
    "peers": {},
    "connect": {"address": _NAME, "forget": _FLAG},
    "propose": {
        "title": _NAME,
        "text": _TEXT,
        "policy": _TEXT,
        "options": _LIST,
        "closes_ms": _NUMBER,
        "method": _TEXT,
        "seats": _NUMBER,
        "costs": _LIST,
        "budget": _NUMBER,
        "amends": _TEXT,
        "repeals": _LIST,
    },
    "uphold": {"ids": Argument(list, optional=False)},
    "list": {},
    "show": {"id": _NAME},
    "vote": {"id": _NAME, "choices": Argument(list, optional=False), "late": _FLAG, "reason": _TEXT},
    "why": {"id": _NAME},
    "policies": {},
    "amend": {
        "name": _NAME,
        "finality": _TEXT,
        "method": _TEXT,
        "threshold": _TEXT,
        "quorum": _TEXT,
        "yes_from": _TEXT,
        "changeable": _FLAG,
        "open_for": _NUMBER,
        "grace": _NUMBER,
        "notice": _NUMBER,
        "title": _TEXT,
        "text": _TEXT,
    },
    "charter": {"text": _TEXT, "title": _TEXT},
    "answer": {"id": _NAME, "text": _NAME},
    "mandate": {
        "title": _NAME,
        "holder": _NAME,
        "powers": Argument(list, optional=False),
        "role": _TEXT,
        "ends_ms": _NUMBER,
        "limits": _TEXT,
        "text": _TEXT,
        "again": _FLAG,
    },
    "delegates": {},
    "act": {"mandate": _NAME, "text": _NAME, "power": _NAME, "name": _TEXT, "anyway": _FLAG},
    "recall": {"mandate": _NAME, "reason": _TEXT},
    "handover": {"mandate": _NAME, "to": _NAME, "text": _NAME},
    "minutes": {"id": _TEXT, "title": _TEXT, "text": _TEXT, "held_ms": _NUMBER, "present": _LIST},
    "assent": {"id": _NAME},
    "outcome": {"id": _NAME, "text": _NAME, "tasks": _LIST},
    "todo": {"all": _FLAG},
    "done": {"id": _NAME, "text": _TEXT, "open": _FLAG},
    "prove": {"id": _NAME},
    "say": {"text": _NAME, "topic": _TEXT, "about": _TEXT, "to": _TEXT},
    "read": {"topic": _TEXT, "all": _FLAG},
    "topics": {},
    "export": {"path": _NAME, "file": _FLAG, "since": _NUMBER, "decisions_only": _FLAG, "to": _TEXT},
    "import": {"path": _NAME},
    "check": {"rebuild": _FLAG},
    "log": {"limit": _NUMBER},
    "forks": {},
}
"""Every verb that a node answers once, with a running daemon or without, and its arguments."""

WATCH = "watch"
STREAMS: dict[str, dict[str, Argument]] = {WATCH: {}}
"""Verbs that only a running daemon answers, with lines that go on."""


class BadRequestError(ProtocolError):
    """A line on the control socket that is no request."""


class Request(NamedTuple):
    """What a front end asks."""

    verb: str
    arguments: dict[str, Any]
    assembly: str | None

    def __repr__(self) -> str:
        return f"Request(verb={self.verb!r}, assembly={self.assembly!r})"  # an argument may be a passphrase


def write_line(value: dict[str, Any]) -> bytes:
    """A JSON object as one line."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def read_request(line: bytes) -> Request:
    """The request of a line. Raises BadRequestError."""
    if len(line) > limits.CONTROL_BYTES:
        raise BadRequestError("the request is too long")
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRequestError("the request is no JSON") from error
    if not isinstance(value, dict) or not isinstance(value.get("verb"), str):
        raise BadRequestError("the request names no verb")
    arguments, assembly = value.get("arguments", {}), value.get("assembly")
    if not isinstance(arguments, dict) or not (assembly is None or isinstance(assembly, str)):
        raise BadRequestError("the request's arguments can't be read")
    if value["verb"] in STREAMS:
        _check(value["verb"], arguments, STREAMS[value["verb"]])
    else:
        check_arguments(value["verb"], arguments)
    return Request(value["verb"], arguments, assembly)


_WORDS = {str: "text in UTF-8", bool: "true or false", list: "texts in UTF-8", int: "a number below 2^53"}


def _is_sound(value: Any) -> bool:
    """Whether texts are UTF-8 and numbers within bounds; JSON and a shell's words allow more."""
    if isinstance(value, list):
        return all(type(each) is str and _is_sound(each) for each in value)
    if isinstance(value, str):
        return all(not "\ud800" <= letter <= "\udfff" for letter in value)
    return not isinstance(value, int) or abs(value) < limits.INTEGER


def check_arguments(verb: str, arguments: dict[str, Any]) -> None:
    """Check the arguments of a verb that is answered once. Raises BadRequestError."""
    if verb in STREAMS:
        raise BadRequestError(f"only a running daemon answers {verb}")
    table = VERBS.get(verb)
    if table is None:
        raise BadRequestError(f"this meshd knows no verb {verb[:40]!r}: is the daemon of another version?")
    _check(verb, arguments, table)


def _check(verb: str, arguments: dict[str, Any], table: dict[str, Argument]) -> None:
    for name, value in arguments.items():
        argument = table.get(name)
        if argument is None:
            raise BadRequestError(f"{verb} has no argument {name[:40]!r}")
        if value is None and argument.optional:
            continue
        if type(value) is not argument.kind or not (argument.any_text or _is_sound(value)):
            raise BadRequestError(f"the argument {name} of {verb} can't be read: it must be {_WORDS[argument.kind]}")
    for name, argument in table.items():
        if not argument.optional and name not in arguments:
            raise BadRequestError(f"{verb} needs the argument {name}")
