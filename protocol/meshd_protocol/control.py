"""What a front end may ask of a node: how requests and answers stand on the control socket.

A request is one line of JSON, `{"verb", "arguments", "assembly"}`. Answers are lines: any number of
`{"progress": [text, done, total]}`, at least one each second, then one `{"result"}` or `{"error", "hint", "code"}`.
Beside a result `out` says why this home can't take part, where it can't.
Between progress `watch` answers a line for each change (`changes`), until one of the two sides ends it.
`assembly` is the name or id prefix that the person gave, or null.
"""

import json
from collections.abc import Mapping
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


TEXT = Argument(str)
FLAG = Argument(bool)
LIST = Argument(list)
NUMBER = Argument(int)
NAME = Argument(str, optional=False)
SOME = Argument(list, optional=False)
SECRET = Argument(str, any_text=True)
NUMBERS = Argument(list, any_text=True)
"""Numbers, and lists of numbers: whoever answers the verb looks at each."""

Schema = Mapping[str, Argument]
"""What a verb may be given, by name. Each stands beside the function that answers the verb (`meshd.service.verbs`)."""

WATCH = "watch"
LOCK = "lock"
UNLOCK = "unlock"
OF_DAEMONS: Mapping[str, Schema] = {WATCH: {}, LOCK: {}, UNLOCK: {"passphrase": SECRET}}
"""Verbs that only a daemon answers: a watch with lines that go on; one that is locked answers `unlock` and `status`
alone.
"""


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


def read_request(line: bytes, schemas: Mapping[str, Schema]) -> Request:
    """The request of a line, held against the verbs that are answered. Raises BadRequestError."""
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
    if value["verb"] in OF_DAEMONS:
        _check(value["verb"], arguments, OF_DAEMONS[value["verb"]])
    else:
        check_arguments(schemas, value["verb"], arguments)
    return Request(value["verb"], arguments, assembly)


_WORDS = {str: "text in UTF-8", bool: "true or false", list: "texts in UTF-8", int: "a number below 2^53"}


def _is_sound(value: Any) -> bool:
    """Whether texts are UTF-8 and numbers within bounds; JSON and a shell's words allow more."""
    if isinstance(value, list):
        return all(type(each) is str and _is_sound(each) for each in value)
    if isinstance(value, str):
        return all(not "\ud800" <= letter <= "\udfff" for letter in value)
    return not isinstance(value, int) or abs(value) < limits.INTEGER


def check_arguments(schemas: Mapping[str, Schema], verb: str, arguments: dict[str, Any]) -> None:
    """Hold the arguments of a verb that is answered once against its schema. Raises BadRequestError."""
    if verb in OF_DAEMONS:
        raise BadRequestError(f"only a running daemon answers {verb}")
    schema = schemas.get(verb)
    if schema is None:
        raise BadRequestError(f"this meshd knows no verb {verb[:40]!r}: is the daemon of another version?")
    _check(verb, arguments, schema)


def _check(verb: str, arguments: dict[str, Any], schema: Schema) -> None:
    for name, value in arguments.items():
        argument = schema.get(name)
        if argument is None:
            raise BadRequestError(f"{verb} has no argument {name[:40]!r}")
        if value is None and argument.optional:
            continue
        if type(value) is not argument.kind or not (argument.any_text or _is_sound(value)):
            raise BadRequestError(f"the argument {name} of {verb} can't be read: it must be {_WORDS[argument.kind]}")
    for name, argument in schema.items():
        if not argument.optional and name not in arguments:
            raise BadRequestError(f"{verb} needs the argument {name}")
