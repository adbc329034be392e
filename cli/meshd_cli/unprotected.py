"""A home whose person wants no passphrase: a file beside the keys holds one that nobody types.

It must never be lost while keys are sealed with it. So a new one is written down under another name before it is used,
and takes its place once keys are sealed with it; where that was interrupted, whoever comes next does it. Nothing here
writes over one, or removes one that opens keys.
"""

import os
from contextlib import suppress
from pathlib import Path

from meshd_cli.homes import UNPROTECTED

_NEW = f"{UNPROTECTED}.new"


def words_of(home: Path) -> str | None:
    """The passphrase that lies in a home; None where there is none."""
    if (home / _NEW).exists() and not (home / UNPROTECTED).exists() and _opens(home, (home / _NEW).read_text()):
        with suppress(OSError):  # a read-only disk keeps it where it is
            _keep(home)
            return (home / UNPROTECTED).read_text()
        return (home / _NEW).read_text()
    try:
        return (home / UNPROTECTED).read_text()
    except (OSError, UnicodeDecodeError):
        return None


def begin(home: Path) -> str:
    """The passphrase with which keys of a home are to be sealed that nobody types: the one that lies there, or a new
    one, written down before it is used. Raises OSError.
    """
    words = words_of(home)
    if words is None and (home / _NEW).exists():
        words = (home / _NEW).read_text()  # somebody may be about to use it
    if words is None:
        words = os.urandom(20).hex()
        _write(home / _NEW, words)
    return words


def end(home: Path, words: str, *, used: bool) -> None:
    """Keep a new passphrase if keys are sealed with it by now; else forget it, unless they are."""
    if (home / UNPROTECTED).exists():
        return
    if used or _opens(home, words):
        if not (home / _NEW).exists():
            _write(home / _NEW, words)
        _keep(home)
    else:
        (home / _NEW).unlink(missing_ok=True)


def forget(home: Path) -> None:
    """There is a passphrase again, which people type."""
    (home / UNPROTECTED).unlink(missing_ok=True)


def _opens(home: Path, words: str) -> bool:
    """Whether some keys of a home are sealed with it."""
    from meshd.assembly import keystore
    from meshd.errors import NodeError
    from meshd.home import assemblies

    for folder in assemblies(home):
        with suppress(NodeError):
            keystore.load(folder, words)
            return True
    return False


def _keep(home: Path) -> None:
    from meshd.home import sync_folder

    (home / _NEW).replace(home / UNPROTECTED)
    sync_folder(home)


def _write(path: Path, words: str) -> None:
    from meshd.home import write_durably

    write_durably(path, words.encode())
