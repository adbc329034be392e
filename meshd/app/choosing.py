"""Which assembly of a home somebody means, in words that tell those of one name apart."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from meshd.assembly.assembly import Assembly
from meshd.errors import NotFoundError, PassphraseError, UsageError
from meshd_protocol.names import text_of

_SHORT = 8
_HEX = 64


def as_id(words: str) -> str:
    """Words that may be the beginning of an assembly's id, as its folder is called: also a whole id in hex."""
    with suppress(ValueError):
        return text_of(bytes.fromhex(words)) if len(words) == _HEX else words.lower()
    return words.lower()


def is_called(folder: Path, words: str) -> bool:
    """Whether words are the beginning of an assembly's id, of which its folder's name is one."""
    named = as_id(words)
    return named != "" and (folder.name.startswith(named) or named.startswith(folder.name[:-1]))


def meant(folders: list[Path], words: str | None) -> list[Path]:
    """Those that words may mean: all, where only a look tells which has this name."""
    return [folder for folder in folders if words is None or is_called(folder, words)] or folders


def begins(assembly: Assembly, words: str) -> bool:
    """Whether an assembly's name begins with these words, in whatever case."""
    return bool(words.strip()) and assembly.title.casefold().startswith(words.casefold())


def several(listed: str) -> UsageError:
    """What to say to somebody who did not choose."""
    return UsageError("this home has several assemblies", f"Say which with --assembly, by its name or id: {listed}.")


def more_than_one(words: str, listed: str) -> NotFoundError:
    """What to say to somebody whose choice fits more than one."""
    return NotFoundError(f"more than one assembly here is called {words}", f"Say which by its id: {listed}.")


def told(assembly: Assembly) -> str:
    """`k3fqabcd (Bakery, 3 members)`: the id that chooses it, and what a person knows it by."""
    standing, short = assembly.standing, assembly.folder.name[:_SHORT]
    if standing is None:
        return f"{short} (its log is not here yet)"
    count = len(standing.state.members) if standing.state is not None else 0
    members = f", {count} member{'' if count == 1 else 's'}" if count else ""
    return f"{short} ({standing.genesis.name}{members})"


def closed(folder: Path, why: Exception) -> str:
    """The same of one that could not be opened."""
    locked = isinstance(why, PassphraseError)
    return f"{folder.name[:_SHORT]} ({'under another passphrase' if locked else 'it does not open'})"


def listed(each: Iterable[str]) -> str:
    """Several of them in a row, the same way each time."""
    return ", ".join(sorted(each))
