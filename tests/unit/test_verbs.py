"""Whatever a verb needs, every verb has: a command that asks it, a page, and a schema of what its function looks at."""

import ast
import inspect
from pathlib import Path

import pytest

from meshd.service import dispatch, verbs
from meshd_cli.main import FAMILIES
from meshd_protocol.control import LOCK, SECRET, UNLOCK

ROOT = Path(__file__).parent.parent.parent
COMMANDS = [verb for family in FAMILIES.values() for verb in family]
WITHOUT_A_NODE = {
    "demo",
    "init",
    "join",
    "run",
    "verify",
    "count",
    "restore",
    "lock",
    "unlock",
    "panic",
    "service",
    "pi-card",
    "watch",
    "page",
    "help",
    "completion",
}
"""Commands that ask no node that is there."""


def _calls(folder: str) -> list[tuple[str, ast.Call | ast.Subscript]]:
    return [
        (path.stem, node)
        for path in sorted((ROOT / folder).glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call | ast.Subscript)
    ]


def test_every_verb_is_asked_by_a_command_of_its_name():
    asked = {
        node.args[1].value
        for _, node in _calls("cli/meshd_cli/commands")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("ask", "_answers")
        and len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
    }  # fmt: skip
    assert asked - {LOCK, UNLOCK} == set(verbs.HANDLERS), "a verb that no command asks, or no function answers"
    assert set(COMMANDS) - WITHOUT_A_NODE == set(verbs.HANDLERS) == set(verbs.SCHEMAS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_page(command):
    assert f"\n## meshd {command}\n" in (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")


def test_functions_look_at_nothing_that_no_schema_names():
    """What a schema does not name never comes."""
    taken = {
        family: {
            name
            for verb, handler in verbs.HANDLERS.items()
            if handler.__module__.endswith(f".{family}")
            for name in verbs.SCHEMAS[verb]
        }
        for family in {handler.__module__.rpartition(".")[2] for handler in verbs.HANDLERS.values()}
    }
    looked: set[tuple[str, str]] = set()
    for family, node in _calls("meshd/service"):
        value, key = (node.value, node.slice) if isinstance(node, ast.Subscript) else (node.func, (*node.args, None)[0])
        value = value.value if isinstance(value, ast.Attribute) and value.attr == "get" else value
        if isinstance(value, ast.Name) and value.id == "arguments" and isinstance(key, ast.Constant):
            looked.add((family, str(key.value)))
    assert len(looked) > 50
    assert [each for each in sorted(looked) if each[1] not in taken.get(each[0], set())] == []


def _given(call: ast.Call) -> tuple[str, set[str]] | None:
    """The verb and the arguments of `page.ask("verb", name=…)` or `ask(where, "verb", {"name": …})`; None of a call whose
    words stand elsewhere.
    """
    match call:
        case ast.Call(func=ast.Attribute(attr="ask"), args=[ast.Constant(value=str(verb))], keywords=given):
            names = [each.arg for each in given]
        case ast.Call(func=ast.Name(id="ask"), args=[_, ast.Constant(value=str(verb))]):
            names = []
        case ast.Call(func=ast.Name(id="ask"), args=[_, ast.Constant(value=str(verb)), ast.Dict(keys=keys)]):
            names = [key.value if isinstance(key, ast.Constant) else None for key in keys]
        case _:
            return None
    return (verb, set(map(str, names))) if None not in names else None


@pytest.mark.parametrize("folder", ["cli/meshd_page/views", "cli/meshd_cli/commands"])
def test_a_front_end_gives_each_verb_what_it_needs_and_nothing_else(folder):
    locks = {LOCK: {}, UNLOCK: {"passphrase": SECRET}}
    calls = [(family, _given(node)) for family, node in _calls(folder) if isinstance(node, ast.Call)]
    asked = [(family, *given) for family, given in calls if given is not None]
    assert len(asked) > 50
    wrong = []
    for family, verb, names in asked:
        schema = (verbs.SCHEMAS | locks)[verb]
        needed = {name for name, each in schema.items() if not each.optional}
        if not needed <= names <= set(schema):
            wrong.append((family, verb, names))
    assert wrong == []


def test_a_verb_that_writes_says_so():
    """Else somebody who is out writes what nobody takes. `leave` refuses by itself, and the other two tell nobody."""
    writing = {verb for verb, handler in verbs.HANDLERS.items() if ".writing()" in inspect.getsource(handler)}
    assert len(writing) > 10
    assert writing - verbs.WRITERS == {"leave", "follow", "prove"}


def test_a_verb_is_answered_by_one_function():
    with pytest.raises(AssertionError, match="two functions answer vote"):
        verbs.verb("vote")
    assert dispatch.HANDLERS is verbs.HANDLERS
