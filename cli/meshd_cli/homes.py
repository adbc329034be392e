"""Where a home lies, which assemblies it has, and which of them is meant: so that a command that is shown works when it
is typed. It names the assembly in a home of several, and the home where that was given; whoever prints asks `named` or
`typed` for that, and no text has to.
"""

import os
import re
import shlex
from pathlib import Path

KEYS = "keys.sealed"
UNPROTECTED = "unprotected"
"""Beside a key file: holds the passphrase of keys whose person wants none."""
BEFORE = "before-"
"""How folders of a home begin to which an assembly was put aside, whose person came back to it."""
_SHORT = 8
_SHOWN = re.compile(r"(?<!with )`(meshd(?: [^`]+)?)`")
"""A command for whoever reads it. What others do it *with* is for their homes: it stays as it is."""
_ALONE = frozenset(
    {
        "demo",
        "init",
        "join",
        "home",
        "run",
        "verify",
        "count",
        "stick",
        "restore",
        "lock",
        "unlock",
        "panic",
        "page",
        "help",
        "completion",
        "service",
        "pi-card",
    }
)
"""Commands that need no choice: they make an assembly, run all of a home, or ask none."""
_HOMELESS = frozenset({"demo", "verify", "count", "pi-card", "help", "completion"})
"""Commands that are about no home."""
_SAYS_ITSELF = frozenset({"--assembly", "--home", "--help", "--version"})

_meant: dict[str, tuple[Path, str | None]] = {}
"""Under `now`: the home that this process works in, and the words that choose an assembly there."""


def default_home() -> Path:
    """`MESHD_HOME`, else the platform's data folder."""
    named = os.environ.get("MESHD_HOME")
    return Path(named) if named else platform_home()


def platform_home() -> Path:
    """The home in the platform's data folder: what is meant where nothing is said."""
    from platformdirs import user_data_path

    return user_data_path("meshd", appauthor=False)


def folders(home: Path) -> list[str]:
    """What the assemblies of a home are called in it."""
    return sorted(path.parent.name for path in home.glob(f"*/{KEYS}"))


def are_open(home: Path, words: str | None) -> bool:
    """Whether what opens the keys lies beside them, of the assembly that the words name by its id, or of all."""
    several = folders(home)
    meant = [each for each in several if words is not None and each.startswith(words.lower())] or several
    return bool(meant) and all(any((home / each).glob(f"{UNPROTECTED}*")) for each in meant)


def has_open(home: Path) -> bool:
    """Whether some keys of a home have no passphrase."""
    return any(any((home / each).glob(f"{UNPROTECTED}*")) for each in folders(home))


def mean(home: Path, words: str | None) -> None:
    """Say which assembly commands are about from now on: by its name or the beginning of its id."""
    _meant["now"] = home, words


def named(text: str) -> str:
    """The text, with each command in backticks as it must be typed."""
    return _SHOWN.sub(lambda found: f"`{typed(found[1])}`", text)


def typed(command: str) -> str:
    """A command, with the home and the assembly that it needs here."""
    if "now" not in _meant:
        return command
    home, meant = _meant["now"]
    words = command.split()
    verb = next((word for word in words[1:] if not word.startswith("-")), "home")
    said = _SAYS_ITSELF.intersection(words)
    if verb in _HOMELESS or said - {"--assembly"}:
        return command
    options = []
    if home.absolute() != default_home().absolute():
        options += ["--home", str(home)]
    if not said and verb not in _ALONE and len(several := folders(home)) > 1:
        options += ["--assembly", (meant[:_SHORT] if meant in several else meant) or "NAME"]
    return " ".join(["meshd", *map(shlex.quote, options), *([rest] if (rest := command[6:]) else [])])
