"""What a shell offers for the word that is typed: options from the grammar; ids, names and choices from the daemon.

A running daemon is asked, and nothing else: nobody is asked for a passphrase while they press Tab. The shells' side is
argcomplete's: it runs this program with `_ARGCOMPLETE` set, and the line in `COMP_LINE`.
"""

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from meshd_cli import socket_client
from meshd_cli.errors import CommandError, UsageError
from meshd_cli.homes import default_home
from meshd_cli.topics import topics
from meshd_protocol.names import printable

SHELLS = ("bash", "zsh", "fish")
_SHORT = 8
_PATIENCE_SECONDS = 0.9
"""Less than the time after which a daemon tells of progress."""

_Words = dict[str, str]
"""What may be typed, each with what it is."""


def script(shell: str) -> str:
    """What a shell reads to ask this program."""
    from argcomplete.shell_integration import shellcode

    return shellcode(["meshd"], use_defaults=False, shell=shell)


def answer(known: Collection[str], grammar_of: Callable[[list[str]], Any]) -> None:
    """Answer the shell, and end. `known` are the commands, `grammar_of` makes the grammar that some words need."""
    from argcomplete.completers import FilesCompleter, SuppressCompleter
    from argcomplete.finders import CompletionFinder
    from argcomplete.lexers import split_line

    line = os.environ.get("COMP_LINE", "")
    point = int(os.environ.get("COMP_POINT", len(line)))
    _, _, _, words, _ = split_line(line, point)
    verb = next((word for word in words[1:] if word in known), None)
    try:
        grammar = grammar_of([verb] if verb is not None else [])
    except UsageError:
        return
    for name, parser in grammar.verbs.choices.items():
        for action in parser._actions:
            if action.choices is None:
                files = _is_file(action)
                action.completer = FilesCompleter() if files else _of(name, action) or _nothing
    CompletionFinder()(grammar, always_complete_options=False, default_completer=SuppressCompleter())


def _nothing(**_: Any) -> _Words:
    """What completes an argument that nobody knows beforehand. The option itself is completed all the same, which
    argcomplete's own completer that suppresses would hide.
    """
    return {}


def _is_file(action: Any) -> bool:
    return isinstance(action.metavar, str) and any(word in action.metavar for word in ("FILE", "DIR", "FOLDER"))


def _of(verb: str, action: Any) -> Callable[..., _Words] | None:
    """What completes an argument of a command, by the name that its help has for it."""
    option = next((each for each in action.option_strings if each in _SOURCES), None)
    name = option or str(action.metavar or "")
    name = _OF_VERBS.get((verb, name), name)
    found = _SOURCES.get(name)
    if found is None:
        return None
    return lambda prefix, parsed_args, **_: _safely(found, _Asking(parsed_args))


def _safely(source: Callable[["_Asking"], _Words], asking: "_Asking") -> _Words:
    """What a source says; nothing where the daemon is away, locked or slow: a shell has no place for errors. Words come
    from strangers, and shells show them as they are: none steers a terminal.
    """
    try:
        found = source(asking)
    except CommandError:
        return {}
    return {word: printable(what) for word, what in found.items() if printable(word) == word}


class _Asking:
    """The words so far, and the daemon of the home that they name."""

    def __init__(self, words: Any) -> None:
        self.words = words

    def ask(self, verb: str, **arguments: Any) -> Any:
        """The daemon's answer; an empty list where none runs. Raises CommandError."""
        home = Path(self.words.home) if getattr(self.words, "home", None) else default_home()
        connection = socket_client.connect(home)
        if connection is None:
            return []
        connection.settimeout(_PATIENCE_SECONDS)
        with connection:
            return socket_client.ask(connection, verb, arguments, getattr(self.words, "assembly", None), _give_up)


def _give_up(*_: Any) -> None:
    """Who presses Tab does not wait for work that takes so long that progress is told."""
    raise CommandError("it takes too long")


def _titles(rows: Iterable[dict[str, Any]], title: str = "title") -> _Words:
    return {row["id"][:_SHORT]: row[title] for row in rows}


def _proposals(asking: _Asking) -> _Words:
    """What can still be voted on, and where nothing can, everything; the newest first."""
    return _titles(reversed(asking.ask("list", open=True) or asking.ask("list")))


def _all_proposals(asking: _Asking) -> _Words:
    return _titles(reversed(asking.ask("list")))


def _choices(asking: _Asking) -> _Words:
    """What a ballot on the proposal that was named may say."""
    row = next(iter(asking.ask("list", id=asking.words.id)), None)
    if row is None:
        return {}
    if row["options"]:
        end = "=" if row["method"] == "score" else ""
        every = {f"{each}{end}": f"option {number}" for number, each in enumerate(row["options"], 1)}
        return every | {"blank": "none of them"}
    words = ("consent", "object", "stand-aside") if row["consent"] else ("yes", "no", "abstain")
    return dict.fromkeys(words, row["title"])


def _people(asking: _Asking) -> _Words:
    return {row["label"]: row["role"] for row in asking.ask("members") if not row["me"]}


def _mandates(asking: _Asking) -> _Words:
    return _titles(asking.ask("delegates"), "role")


def _powers(asking: _Asking) -> _Words:
    """The powers of the mandate that was named; of all, where none was."""
    named = getattr(asking.words, "mandate", None) or ""
    rows = [row for row in asking.ask("delegates") if row["id"].startswith(named) or row["role"].startswith(named)]
    return {power: row["role"] for row in rows for power in row["powers"]}


def _entries(asking: _Asking) -> _Words:
    return {row["id"][:_SHORT]: f"{row['form']}, by {row['person']}" for row in asking.ask("entries")}


def _forms(asking: _Asking) -> _Words:
    found = asking.ask("institutions")
    return {form: each["name"] for each in found["adopted"] for form in each["forms"]} if found else {}


def _methods(_: _Asking) -> _Words:
    """How an election may be counted."""
    from meshd_protocol.decisions.counting.methods import METHODS

    return {name: f"by {method.figure}" for name, method in METHODS.items()}


def _to_do(asking: _Asking) -> _Words:
    """What may be done with institutions: one of three things; or a name, to see it."""
    return {"adopt": "propose one", "drop": "propose to drop one", "show": "what one says"} | _sets(asking)


def _sets(asking: _Asking) -> _Words:
    """The institutions that come along, and those that are adopted: for `drop` these alone."""
    found = asking.ask("institutions")
    if not found:
        return {}
    adopted = {each["name"]: each["state"] for each in found["adopted"]}
    drops = getattr(asking.words, "do", None) == "drop"
    return adopted if drops else {each["set"]: each["name"] for each in found["sets"]} | adopted


def _newcomers(asking: _Asking) -> _Words:
    """Those who ask to join."""
    rows = asking.ask("members")
    return {row["label"]: row["role"] for row in rows if row["role"] in ("applicant", "observer")}


def _minutes(asking: _Asking) -> _Words:
    return _titles(asking.ask("minutes"))


def _policies(asking: _Asking) -> _Words:
    return {row["name"]: row["rule"] for row in asking.ask("policies")}


def _tasks(asking: _Asking) -> _Words:
    return {f"{row['id'][:_SHORT]}.{row['id'].rpartition('.')[2]}": row["what"] for row in asking.ask("todo")}


_OF_VERBS = {
    ("confirm", "ID"): "ENTRY",
    ("vote", "ID"): "OPEN",
    ("withdraw", "ID"): "OPEN",
    ("answer", "ID"): "OPEN",
    ("print", "ID"): "PRINTED",
    ("prove", "ID"): "PROVED",
    ("vouch", "PERSON"): "NEWCOMER",
    ("admit", "PERSON"): "NEWCOMER",
}
"""What an argument of a command is, where its name says less."""
_SOURCES: dict[str, Callable[[_Asking], _Words]] = {
    "ID": _all_proposals,
    "OPEN": _proposals,
    "ENTRY": _entries,
    "DRAW": _entries,
    "PRINTED": lambda asking: _all_proposals(asking) | _minutes(asking) | {"tree": "who calls whom, by hand"},
    "PROVED": lambda asking: _all_proposals(asking) | {"roster": "who is in now"},
    "NEWCOMER": _newcomers,
    "DO": _to_do,
    "SET": _sets,
    "--method": _methods,
    "ID-OR-FORM": lambda asking: _forms(asking) | _entries(asking),
    "CHOICE": _choices,
    "PERSON": _people,
    "TO": _mandates,
    "MANDATE": _mandates,
    "--power": _powers,
    "--policy": _policies,
    "--topic": lambda asking: {row["topic"]: f"{row['messages']} messages" for row in asking.ask("topics")},
    "POLICY": _policies,
    "MINUTES": _minutes,
    "TITLE-OR-ID": _minutes,
    "TASK": _tasks,
    "FORM": _forms,
    "TOPIC": lambda _: {each.name: each.title for each in topics()},
}
"""What is offered for an argument, by the name that the help has for it."""
