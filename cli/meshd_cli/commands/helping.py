"""help, completion: the how-to pages, offline, and what `COMMAND --help` says; what a shell reads to complete words."""

import sys
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where
from meshd_cli.completing import SHELLS, script
from meshd_cli.errors import CommandError
from meshd_cli.topics import found_by, text_of, topics


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("help", parents=[common], help="how things are done: pages that come along, offline")
    parser.add_argument("topic", metavar="TOPIC", nargs="*", help="a page, words of its title, or a command")
    parser.set_defaults(function=help_)
    parser = verbs.add_parser("completion", parents=[common], help="have your shell complete commands, ids and names")
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash, zsh or fish")
    parser.set_defaults(function=completion)


def help_(where: Where, options: Any) -> int:
    """`meshd help [TOPIC]`."""
    words = " ".join(options.topic)
    found = found_by(words) if words else topics()
    if words and len(found) == 1:
        _show(where, found[0].name)
        return 0
    if words and not found:
        return _of_command(words)
    if where.json:
        output.emit([each._asdict() for each in found])
        return 0
    output.table(("topic", "page"), found, "")
    output.tell("`meshd help TOPIC` shows a page, `meshd COMMAND --help` the arguments of a command.")
    return 0


def completion(where: Where, options: Any) -> int:
    """`meshd completion SHELL`: what that shell reads at its start."""
    sys.stdout.write(script(options.shell))
    return 0


def _show(where: Where, name: str) -> None:
    text = text_of(name)
    if where.json:
        output.emit({"name": name, "text": text})
    else:
        output.page(text)


def _of_command(words: str) -> int:
    """What a command says of itself. Raises CommandError if it is none."""
    from meshd_cli.main import FAMILIES, build_parser

    if not any(words in verbs for verbs in FAMILIES.values()):
        raise CommandError(f"there is no page and no command {words}", "`meshd help` shows all pages.", 4)
    sys.stdout.write(build_parser([words]).help_of(words))
    return 0
