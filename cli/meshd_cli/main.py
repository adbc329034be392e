"""The entry point: finds the family of a verb, runs it, turns errors into `error:`, `hint:` and an exit code.

Only the family that is asked for is imported: a command that talks to a daemon starts in the time of a thin client.
"""

import argparse
import io
import itertools
import json
import os
import shlex
import signal
import sys
import textwrap
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from meshd_cli.client import Where
from meshd_cli.directions import without_isolates
from meshd_cli.errors import INTERRUPTED, CommandError, UsageError
from meshd_cli.homes import default_home, mean
from meshd_cli.plain import is_plain

FAMILIES: dict[str, tuple[str, ...]] = {
    "demo": ("demo",),
    "begin": ("init", "join"),
    "home": ("home", "status"),
    "watching": ("watch",),
    "running": ("run", "peers", "connect"),
    "paging": ("page",),
    "helping": ("help", "completion"),
    "serving": ("service", "pi-card"),
    "locking": ("lock", "unlock", "passphrase", "panic"),
    "people": (
        "invite",
        "members",
        "vouch",
        "admit",
        "remove",
        "leave",
        "devices",
        "revoke",
        "ratify",
        "follow",
        "refound",
        "whoami",
    ),
    "deciding": ("propose", "list", "show", "vote", "why", "uphold", "answer", "withdraw"),
    "governing": ("policies", "amend", "charter", "witness"),
    "delegating": ("mandate", "delegates", "act", "recall", "handover"),
    "federating": ("federate", "voice", "voices", "seat", "quote"),
    "meeting": ("minutes", "assent", "outcome", "todo", "done"),
    "instituting": ("institutions", "entry", "confirm", "entries", "lot"),
    "drilling": ("drill", "readiness"),
    "hurrying": ("alarm", "pledge", "heard", "spend", "ready", "card"),
    "talking": ("say", "read", "topics", "forget"),
    "carrying": ("stick", "export", "import"),
    "showing": ("qr",),
    "keeping": ("backup", "restore"),
    "proving": ("prove", "verify", "publish", "count"),
    "printing": ("print",),
    "audit": ("check", "doctor", "log", "forks"),
}
"""Each file of commands, with its verbs."""

THEMES: dict[str, tuple[str, ...]] = {
    "Begin": ("demo", "init", "join", "invite", "home", "watch", "page", "help"),
    "Decide": ("propose", "list", "show", "vote", "why", "answer", "withdraw", "uphold"),
    "Talk": ("say", "read", "topics", "forget"),
    "People": ("members", "whoami", "vouch", "admit", "remove", "leave", "devices", "revoke"),
    "Delegates": ("mandate", "delegates", "act", "recall", "handover"),
    "Federations": ("federate", "voice", "voices", "quote", "seat"),
    "Meetings and tasks": ("minutes", "assent", "outcome", "todo", "done"),
    "Institutions": (
        "institutions",
        "entry",
        "confirm",
        "entries",
        "lot",
        "alarm",
        "pledge",
        "heard",
        "spend",
        "ready",
        "card",
        "drill",
        "readiness",
    ),
    "Rules": ("policies", "amend", "charter", "witness"),
    "Network and sticks": ("run", "status", "peers", "connect", "stick", "export", "import", "qr"),
    "Proofs and paper": ("prove", "verify", "publish", "print", "count"),
    "This machine": ("lock", "unlock", "passphrase", "service", "pi-card", "backup", "restore", "panic", "completion"),
    "When something is wrong": ("doctor", "check", "log", "forks", "ratify", "follow", "refound"),
}
"""What people look for, and the commands for it, in the order of the help text."""


class _PlainHelp(argparse.HelpFormatter):
    """Each argument on a line of its own, with what it means after a colon."""

    def _format_action(self, action: argparse.Action) -> str:
        told = self._expand_help(action) if action.help else ""
        return f"{self._format_action_invocation(action)}: {told}\n"


class Parser(argparse.ArgumentParser):
    """Says usage errors as every other error is said, and takes no abbreviated options: scripts would lean on them."""

    def __init__(self, **options: Any) -> None:
        options["allow_abbrev"] = False
        if is_plain():
            options["formatter_class"] = _PlainHelp
        super().__init__(**options)

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride] (it has several forms)
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """Refuse an option that is given twice and has one value: the first would be forgotten without a word."""
        given = list(itertools.takewhile(lambda word: word != "--", args or ()))
        for action in self._actions:
            if type(action) is argparse._StoreAction and action.option_strings:
                named = [word for word in given if word.partition("=")[0] in action.option_strings]
                if len(named) > 1:
                    self.error(f"{named[1].partition('=')[0]} is given twice")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError. Of words that are missing, it says what the first one is."""
        lacks = message.partition(_LACKS)[2].split(", ")
        first = next((action.help for action in self._actions if lacks[0] in _names(action)), None)
        if first is None:
            raise UsageError(message, f"`{self.prog} --help`")
        raise UsageError(f"missing: {', '.join(lacks)}", f"{lacks[0]}: {first}. `{self.prog} --help`")


def _names(action: argparse.Action) -> list[Any]:
    """What a usage error calls an argument."""
    return ["/".join(action.option_strings)] if action.option_strings else [action.metavar]


class Top(Parser):
    """The grammar as a whole, whose help lists the commands by what people look for."""

    verbs: Any

    def format_help(self) -> str:
        """The usage, the commands by theme, the options that every command has."""
        told = {action.dest: action.help or "" for action in self.verbs.listed()}
        lines = ["usage: meshd [OPTION]… COMMAND …", "", *textwrap.wrap(_ABOUT, 100)]
        line = "{}: {}" if is_plain() else "  {:10} {}"
        for theme, words in THEMES.items():
            lines += ["", f"{theme}:", *(line.format(word, told[word]) for word in words)]
        formatter = self._get_formatter()
        formatter.start_section("Options")
        formatter.add_arguments(action for action in self._actions if action is not self.verbs)
        formatter.end_section()
        return "\n".join([*lines, "", formatter.format_help().rstrip(), "", "`meshd COMMAND --help` tells more.", ""])

    def help_of(self, verb: str) -> str:
        """What a command says of itself."""
        return str(self.verbs.choices[verb].format_help())

    def options_of(self, verb: str) -> list[str]:
        """How the options of a command are written."""
        return list(self.verbs.choices[verb]._option_string_actions)


def run() -> NoReturn:
    """What the installed command calls."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what may be typed
        from meshd_cli import completing

        completing.answer({verb for verbs in FAMILIES.values() for verb in verbs}, build_parser)
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main(list(map(without_isolates, sys.argv[1:]))))


def _end(*_: Any) -> NoReturn:
    """Whoever is told to end leaves no half files behind."""
    sys.exit(128 + signal.SIGTERM)


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    as_json = "--json" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that has not every letter shows the others
            stream.reconfigure(errors="backslashreplace")
    try:
        mean(_chosen_home(arguments), _value(arguments, "--assembly"))  # for what is wrong with the words themselves
        if _verb(arguments) is None and not {"-h", "--help", "--version"}.intersection(arguments):
            arguments = [*arguments, "home"]
        grammar = build_parser(arguments)
        options, unknown = grammar.parse_known_args(arguments)
        rest = getattr(options, "rest", None)  # of words after an option the grammar thinks that it has had them all
        if rest is not None and not any(word.startswith("-") for word in unknown):
            vars(options)[rest], unknown = [*vars(options)[rest], *unknown], []
        if unknown:
            near = _nearest_option(unknown, grammar.options_of(_verb(arguments) or ""))
            raise UsageError(f"unrecognized arguments: {' '.join(unknown)}", near + _quoted(arguments, unknown))
        _refuse_empty(vars(options))
        where = Where(
            Path(options.home) if options.home else default_home(),
            options.assembly,
            options.json,
            options.passphrase_file,
        )
        mean(where.home, where.assembly)
        code: int = options.function(where, options)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        if sys.stderr is not None and sys.stderr.isatty():
            print(file=sys.stderr)  # the prompt that was left stands in its own line
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()  # a reader that has seen enough is no error
        return 0
    except OSError as error:
        _forget_output()
        where_ = f"{error.filename}: " if error.filename else ""
        return _fail(CommandError(f"{where_}{error.strerror or error}"), as_json)
    except UsageError as error:
        verb = _verb(arguments)
        if verb in _ONE_TEXT and any(word[:1] == "-" and word[1:2] not in ("", "-") for word in arguments):
            behind = f"A text that begins with - stands behind --, like `meshd {verb} -- -text`"
            error.hint = f"{behind}; that of an option behind =, like `--as=-text`."
        return _fail(error, as_json)
    except Exception as error:
        if not hasattr(error, "hint") or not hasattr(error, "code"):
            raise
        return _fail(error, as_json)
    return code


def _nearest(verb: str) -> str:
    """The command that somebody most likely meant."""
    near = _near(verb, [word for words in FAMILIES.values() for word in words], 0.6)
    return f"Did you mean `meshd {near}`? " if near else ""


def _nearest_option(words: list[str], known: list[str]) -> str:
    """The option that somebody most likely meant by the first of the words that looks like one."""
    for word in words:
        near = _near(word.partition("=")[0], known, 0.7) if word.startswith("--") else None
        if near:
            return f"Did you mean `{near}`? "
    return ""


def _near(word: str, known: list[str], alike: float) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(word.lower(), known, n=1, cutoff=alike)), None)


def _check_options(arguments: list[str]) -> None:
    """Raise UsageError for an option before the command that no command has: what follows it may be its value."""
    words = iter(arguments)
    for word in words:
        name = word.partition("=")[0]
        if word in _VALUED:
            next(words, None)
        elif name in _VALUED:
            continue  # --home=DIR
        elif not word.startswith("-"):
            return
        elif name not in _FLAGS:
            near = _nearest_option([word], [*_VALUED, *_FLAGS])
            raise UsageError(
                f"there is no option {name} before a command", f"{near}`meshd --help` shows all; others stand after it."
            )


def _quoted(arguments: list[str], unknown: list[str]) -> str:
    """What to type instead of words that a command does not know: a text of several words needs quotes."""
    verb = _verb(arguments)
    at = arguments.index(verb or "")
    before, words = arguments[:at], arguments[at + 1 :]
    if verb in _ONE_TEXT and not any(word.startswith("-") for word in words):
        kept, text = words[: _ONE_TEXT[verb]], " ".join(words[_ONE_TEXT[verb] :])
        return f"In quotes: `meshd {shlex.join([*before, verb, *kept, text])}`"
    if verb in _ONE_TEXT and not any(word.startswith("-") for word in unknown):
        return f"A text of several words needs quotes. `meshd {verb} --help`"
    return f"`meshd {verb} --help`"


_LACKS = "the following arguments are required: "
"""How argparse begins to say what is missing."""
_VALUED = ("--home", "--assembly", "--passphrase-file")
_FLAGS = ("--json", "--version", "--help", "-h")
"""What every command takes, and `meshd` alone: with a value, and without."""
_ONE_TEXT = {"propose": 0, "say": 0, "mandate": 0, "minutes": 0, "answer": 1, "act": 1, "outcome": 1, "init": 0}
"""Commands that take a text after so many words: people forget its quotes."""


def _refuse_empty(options: dict[str, Any]) -> None:
    """No word may be empty: a script's unset variable must not turn a letter into a message to everybody."""
    for name, value in options.items():
        words = value if isinstance(value, list) else [value]
        if any(isinstance(word, str) and not word.strip() for word in words):
            raise UsageError(f"{name.replace('_', ' ')} is empty")


def _forget_output() -> None:
    """Nothing more can be written to stdout: don't let the interpreter try at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def build_parser(arguments: list[str]) -> Top:
    """The grammar: only of the verb's family if there is one among the arguments, else of all. Raises UsageError."""
    _check_options(arguments)
    common = Parser(add_help=False)
    for parser, default in ((common, argparse.SUPPRESS), (top := Top(prog="meshd", description=_ABOUT), None)):
        parser.add_argument(
            "--home", metavar="DIR", default=default, help="the home (default: MESHD_HOME, or your data folder)"
        )
        parser.add_argument(
            "--assembly", metavar="NAME", default=default, help="which assembly, if the home has several"
        )
        parser.add_argument(
            "--json", action="store_true", default=False if default is None else default, help="for scripts"
        )
        parser.add_argument(
            "--passphrase-file", metavar="FILE", default=default, help="read the passphrase from a file"
        )
    top.add_argument("--version", action=_ShowVersion, nargs=0, help="say which meshd this is")
    verbs = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser, action=_Verbs)
    top.verbs = verbs
    verb = _verb(arguments)
    if verb is not None and not any(verb in words for words in FAMILIES.values()):
        raise UsageError(f"there is no command {verb}", f"{_nearest(verb)}`meshd --help` shows all.")
    named = next((family for family, words in FAMILIES.items() if verb in words), None)
    for family in [named] if named else FAMILIES:
        import_module(f"meshd_cli.commands.{family}").register(verbs, common)
    return top


def _verb(arguments: list[str]) -> str | None:
    """The first word that is neither an option nor an option's value."""
    words = iter(arguments)
    for word in words:
        if word in _VALUED:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


def _value(arguments: list[str], option: str) -> str | None:
    """What is given for an option, in words that may not fit the grammar."""
    for word, after in zip(arguments, [*arguments, None][1:], strict=True):
        if word == option:
            return after
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None


def _chosen_home(arguments: list[str]) -> Path:
    home = _value(arguments, "--home")
    return Path(home) if home else default_home()


def given(text: str) -> str:
    """An option's value that says something."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


_ABOUT = "Decide together when the network is gone. Begin with `meshd demo`, or `meshd init NAME --as YOU`."


class _Verbs(argparse._SubParsersAction):  # type: ignore[type-arg]  # pyright: ignore[reportPrivateUsage]
    """Verbs whose own help begins with the sentence that stands beside them in the list of all."""

    def add_parser(self, name: str, **options: Any) -> Any:
        options.setdefault("description", options.get("help"))
        return super().add_parser(name, **options)

    def listed(self) -> list[argparse.Action]:
        """The verbs with their sentences."""
        return list(self._choices_actions)


class _ShowVersion(argparse.Action):
    """The version, looked up only when somebody asks."""

    def __call__(self, *_: Any) -> NoReturn:
        from importlib.metadata import version

        print(f"meshd {version('meshd-assembly')}")
        sys.exit(0)


def _fail(error: Any, as_json: bool) -> int:
    from meshd_cli import output

    if sys.stderr is None:  # nobody listens; and what is printed to nobody would go to stdout
        return int(error.code)
    if as_json:
        print(json.dumps({"code": error.code, "error": str(error.error), "hint": error.hint}), file=sys.stderr)
    else:
        output.tell(f"error: {error.error}")
        if error.hint:
            output.tell(f"hint: {error.hint}")
    return int(error.code)
