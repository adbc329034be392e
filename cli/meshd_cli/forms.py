"""A form on the command line: what its fields hold, in words; each asked for on a terminal, and sent as a node takes
it; and what somebody said by one.
"""

import hashlib
import re
import time
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.asking import on_terminal, words
from meshd_cli.client import Where
from meshd_cli.errors import CommandError, UsageError
from meshd_cli.times import moment

_DATE = "date"
"""The unit of a number that is a time, in milliseconds since 1970: people write a date for it, or a span."""


def as_the_node_takes_it(form: dict[str, Any], given: str) -> str:
    """A field as it is sent: a date as a number, a file as its hash."""
    name, equals, value = given.partition("=")
    field = next((each for each in form["fields"] if each["name"] == name.strip()), None)
    if field is None or not equals:
        return given
    if field["unit"] == _DATE and not value.isdecimal():
        return f"{name}={moment(value, int(time.time() * 1000))}"
    if field["type"] == "hash" and _is_file(value):
        return f"{name}={hash_of(Path(value))}"
    return given


def task(words: str, now_ms: int) -> str:
    """A task, `what / who / when`, as the node takes it. Raises UsageError."""
    parts = [part.strip() for part in words.replace("\t", " ").split(" / ")]
    if len(parts) > 3:
        raise UsageError(f"a task has three parts at most: {words}", "'what / who / when'")
    what, who, due = (*parts, "", "")[:3]
    due_ms = str(moment(due, now_ms)) if due else ""
    return f"{what}\t{who}\t{due_ms}"


def _is_file(words: str) -> bool:
    try:
        return Path(words).is_file()
    except (OSError, ValueError):  # longer than any path
        return False


def hash_of(path: Path) -> str:
    """The name of a file: what its bytes hash to. Raises CommandError."""
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=32).hexdigest()
    except OSError as error:
        raise CommandError(f"cannot read the file {path}: {error.strerror}") from error


def asked_for(form: dict[str, Any], given: set[str]) -> list[str]:
    """The fields that are not there, asked for one by one on a terminal."""
    if not on_terminal():
        return []
    fields: list[str] = []
    for field in form["fields"]:
        if field["name"] in given or (field["optional"] and given):
            continue
        bare = ", or nothing" if field["optional"] else ""
        question = f"{field['words'] or field['name']} ({holds_words(field)}{bare}):"
        try:
            said = words(question, f"{form['name']} needs {field['name']}.")
        except UsageError:
            if not field["optional"]:
                raise
            continue
        fields.append(as_the_node_takes_it(form, f"{field['name']}={said}"))
    return fields


def holds_words(field: dict[str, Any]) -> str:
    """What a field holds, as a person writes it."""
    match field["type"]:
        case "number" if field["unit"] == _DATE:
            return "a date, like 3d or 2026-12-01"
        case "number":
            return f"a whole number{' of ' + field['unit'] if field['unit'] else ''}"
        case "choice":
            return " | ".join(field["choices"])
        case "rows":
            return f"rows of {field['choices'][0]}, each as {' / '.join(field['parts'])}"
        case "hash":
            return "a file, or its hash"
        case "later":
            return "something of a later version"
        case other:
            return str({"text": "text", "id": "an id", "person": "a person"}[other])


def value_words(value: Any) -> str:
    """What a field says: a date as people write it, rows one after the other."""
    if isinstance(value, list):
        between = "; " if any(isinstance(each, list | dict) for each in value) else " / "
        return between.join(map(value_words, value))
    if isinstance(value, dict):
        return " / ".join(map(value_words, value.values()))
    text = str(value)
    date = re.fullmatch(rf"(\d+) {_DATE}", text)
    return output.when(int(date[1])) if date is not None else text


def say_fields(fields: dict[str, Any], indent: str) -> None:
    """Each field on a line of its own."""
    for name, value in fields.items():
        output.say(f"{indent}{name}: {value_words(value)}")


def entered(where: Where, answer: dict[str, Any]) -> int:
    """Tell what was entered, and what it lacks."""
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    output.tell(f"Entered: {answer['form']}.{_standing(answer)}")
    output.tell_unsent(answer)
    return 0


def _standing(answer: dict[str, Any]) -> str:
    if answer["stands"]:
        return ""
    missing = answer["needed"] - answer["seconds"]
    if missing > 0:
        return f" It stands once {missing} more confirm it: `meshd confirm {answer['id'][: output.SHORT_ID]}`."
    return " It stands once enough witnesses have countersigned it." if answer["under_mandate"] else ""
