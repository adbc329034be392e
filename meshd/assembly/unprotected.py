"""An assembly whose person wants no passphrase: a file beside its keys holds one that nobody types.

It must never be lost while keys are sealed with it. So while keys are sealed anew, the file has another name, which
says only that it may open them: whoever opens the keys next tries it, and settles what it is.
"""

from contextlib import suppress
from pathlib import Path

from meshd.home import UNPROTECTED, make_private, sync_folder, write_durably

UNSURE = f"{UNPROTECTED}.unsure"
_WORDS_BYTES = 20


def is_open(folder: Path) -> bool:
    """Whether the keys in a folder open, or may open, with what lies beside them: nobody can be held to know words that
    do.
    """
    return bool(words_in(folder))


def words_in(folder: Path) -> list[str]:
    """What lies in a folder, and opens its keys or may open them."""
    found: list[str] = []
    for name in (UNPROTECTED, UNSURE):
        with suppress(OSError, UnicodeDecodeError):
            found.append((folder / name).read_text())
    return found


def new_words(entropy: bytes) -> str:
    """A passphrase that nobody types."""
    return entropy[:_WORDS_BYTES].hex()


def begin(folder: Path, words: str | None) -> None:
    """The keys in a folder are about to be sealed with these words; None for what somebody types. Raises OSError."""
    if words is not None:
        write_durably(folder / UNSURE, words.encode())
    elif (folder / UNPROTECTED).exists():
        (folder / UNPROTECTED).replace(folder / UNSURE)
        sync_folder(folder)


def settle(folder: Path, opened_by: str | None) -> None:
    """Keep what opened the keys in a folder, if it lies there, and nothing else. A read-only disk keeps all."""
    for name in (UNPROTECTED, UNSURE):
        with suppress(OSError, UnicodeDecodeError):
            if (folder / name).read_text() != opened_by:
                (folder / name).unlink()
            elif name == UNSURE:
                (folder / name).replace(folder / UNPROTECTED)
                sync_folder(folder)


def share(folder: Path, other: Path) -> None:
    """Lay what opens the keys in a folder beside those that another one is about to get under the same lock."""
    words = next(iter(words_in(folder)), None)
    settle(other, words)
    if words is not None:
        make_private(other)
        write_durably(other / UNPROTECTED, words.encode())
