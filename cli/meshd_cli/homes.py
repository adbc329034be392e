"""Where a home lies, which assemblies it has, and which of them is meant: so that a command that is shown works when it
is typed. In a home of several it names the assembly; whoever prints asks `named` for that, and no text has to.
"""

import os
import re
import shlex
from pathlib import Path

KEYS = "keys.sealed"
UNPROTECTED = "unprotected"
"""Holds the passphrase of a home whose person wants none."""
_SHORT = 8
_SHOWN = re.compile(r"`meshd ([^`]+)`")
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


def mean(home: Path, words: str | None) -> None:
    """Say which assembly commands are about from now on: by its name or the beginning of its id."""
    _meant["now"] = home, words


def named(text: str) -> str:
    """The text, with the assembly in each command in backticks that needs it."""
    if "now" not in _meant or not _SHOWN.search(text):
        return text
    home, words = _meant["now"]
    several = folders(home)
    if len(several) < 2:
        return text
    words = words[:_SHORT] if words in several else words
    option = f"--assembly {shlex.quote(words) if words else 'NAME'}"
    return _SHOWN.sub(lambda found: found[0] if _needs_none(found[1]) else f"`meshd {option} {found[1]}`", text)


def _needs_none(command: str) -> bool:
    words = command.split()
    verb = next((word for word in words if not word.startswith("-")), None)
    return verb is None or verb in _ALONE or not _SAYS_ITSELF.isdisjoint(words)
