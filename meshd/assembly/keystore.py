"""The key file of one assembly: what must never be read without the passphrase (design: security, "Keys at rest").

The file is `keys.sealed` in the assembly's folder. Saving needs no passphrase once it was opened; opening needs none
where its person wants none (`unprotected`).
"""

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from meshd.assembly import unprotected
from meshd.errors import NodeError, NoHomeError, PassphraseError
from meshd.home import KEYS, assemblies, lost_keys, write_durably
from meshd.store.api import DiskFullError
from meshd_crypto.identity import Entropy, ExchangeKey, SigningKey
from meshd_crypto.passphrase import Lock, NotAKeyFileError, open_keys, seal_keys
from meshd_crypto.sealing import CannotOpenError
from meshd_protocol.encoding import decode, encode
from meshd_protocol.tickets import Ticket

WITHOUT_KEYS = (
    "Nothing opens a log without its keys. A backup has them: `meshd --home NEW restore FILE`. So has the member key "
    "on paper, with a ticket: `meshd --home NEW join TICKET --as YOU --member-key -`; the records come from others."
)
"""What helps where keys are lost."""


def found_in(home: Path) -> list[Path]:
    """The folders of a home's assemblies. Raises NoHomeError where there is none, or none whose keys are there."""
    folders = assemblies(home)
    if not folders and (lost := lost_keys(home)):
        raise NoHomeError(f"the key file {lost[0] / KEYS} is missing", WITHOUT_KEYS)
    if not folders:
        raise NoHomeError(
            f"there is no assembly in {home}",
            "`meshd init NAME --as YOU` founds one, `meshd join TICKET --as YOU` joins one, `meshd restore FILE` goes "
            "on from a backup.",
        )
    return folders


@dataclass(frozen=True)
class NetworkKey:
    """A secret that belongs to a roster: whoever holds it may talk to the assembly's nodes and read its sticks."""

    roster: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Keys:
    """Everything secret of one person's device in one assembly.

    `member` is None where its owner keeps it elsewhere. `ticket` is there until the log has been fetched.
    """

    assembly: bytes
    person: str
    device: SigningKey
    transport: ExchangeKey
    sealing: ExchangeKey
    member: SigningKey | None
    member_public: bytes
    database: bytes = field(repr=False)
    network: tuple[NetworkKey, ...] = ()
    ticket: Ticket | None = None

    @classmethod
    def generate(cls, assembly: bytes, person: str, entropy: Entropy) -> Self:
        """A new identity: member, device, transport and sealing keys, fresh for this assembly."""
        member = SigningKey.generate(entropy)
        return cls(
            assembly=assembly,
            person=person,
            device=SigningKey.generate(entropy),
            transport=ExchangeKey.generate(entropy),
            sealing=ExchangeKey.generate(entropy),
            member=member,
            member_public=member.public,
            database=entropy(32),
        )

    def with_network(self, added: list[NetworkKey]) -> Self:
        """The same keys and those network keys that were not there."""
        fresh = [key for key in added if key not in self.network]
        return replace(self, network=(*self.network, *fresh))

    def write(self) -> bytes:
        """The plain bytes that are sealed."""
        fields: dict[str, Any] = {
            "assembly": self.assembly,
            "person": self.person,
            "device": self.device.seed,
            "transport": self.transport.secret,
            "sealing": self.sealing.secret,
            "member": self.member.seed if self.member else None,
            "member_public": self.member_public,
            "database": self.database,
            "network": [[key.roster, key.secret] for key in self.network],
            "ticket": self.ticket.write() if self.ticket else None,
        }
        return encode(fields)

    @classmethod
    def read(cls, plain: bytes) -> Self:
        """The keys that `write` wrote."""
        fields: Any = decode(plain)
        return cls(
            assembly=fields["assembly"],
            person=fields["person"],
            device=SigningKey.from_seed(fields["device"]),
            transport=ExchangeKey.from_secret(fields["transport"]),
            sealing=ExchangeKey.from_secret(fields["sealing"]),
            member=SigningKey.from_seed(fields["member"]) if fields["member"] else None,
            member_public=fields["member_public"],
            database=fields["database"],
            network=tuple(NetworkKey(roster, secret) for roster, secret in fields["network"]),
            ticket=Ticket.read(fields["ticket"]) if fields["ticket"] else None,
        )


def save(folder: Path, keys: Keys, lock: Lock, entropy: Entropy) -> None:
    """Write the key file of an assembly's folder, durably. Raises DiskFullError."""
    with _told_when_full():
        write_durably(folder / KEYS, seal_keys(lock, keys.write(), entropy))


@contextmanager
def _told_when_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise NodeError(f"the keys can't be written: {error.strerror}", "They stay as they were.") from error
        raise DiskFullError("the disk is full: the keys were not written", "Make room, and do it again.") from error


def passphrase_for(folders: Iterable[Path], ask: Callable[[], str]) -> str:
    """The passphrase for the key files in these folders, asked for where one of them needs it; else empty."""
    return ask() if any(map(is_protected, folders)) else ""


def is_protected(folder: Path) -> bool:
    """Whether somebody has to say a passphrase for the key file of a folder: what lies beside it is tried. None opens
    one that is damaged.
    """
    for words in unprotected.words_in(folder):
        try:
            _open(folder, words)
        except PassphraseError:
            continue
        except NodeError:
            pass
        return False
    return True


def opens(folder: Path, passphrase: str) -> bool:
    """Whether a passphrase opens the key file of a folder."""
    try:
        _open(folder, passphrase)
    except NodeError:
        return False
    return True


def load(folder: Path, passphrase: str) -> tuple[Keys, Lock]:
    """Open the key file of an assembly's folder: with what lies beside it, else with the passphrase. Whoever calls
    holds the home's lock. Raises PassphraseError or NodeError.
    """
    for words in unprotected.words_in(folder):
        with suppress(PassphraseError):
            found = _open(folder, words)
            unprotected.settle(folder, words)
            return found
    found = _open(folder, passphrase)
    unprotected.settle(folder, None)
    return found


def seal_with(folder: Path, words: str | None, seal: Callable[[str], None], entropy: Entropy) -> None:
    """Have the key file of a folder sealed anew by `seal`, with these words, or with some that nobody types (None).

    Whenever that is interrupted, the keys open: with the old ones or with the new ones. Raises DiskFullError.
    """
    lying = None
    if words is None:
        lying = words = next(iter(unprotected.words_in(folder)), None) or unprotected.new_words(entropy(32))
    try:
        with _told_when_full():
            unprotected.begin(folder, lying)
            seal(words)
    except BaseException:  # which of both opens the keys now is for them to say
        with suppress(NodeError):
            load(folder, "")
        raise
    unprotected.settle(folder, lying)


def _open(folder: Path, passphrase: str) -> tuple[Keys, Lock]:
    path = folder / KEYS
    try:
        lock, plain = open_keys(path.read_bytes(), passphrase)
    except OSError as error:
        raise NodeError(f"cannot read {path}: {error.strerror}") from error
    except CannotOpenError as error:
        problem = "the passphrase is wrong" if passphrase else "the passphrase is wrong: none was said"
        raise PassphraseError(problem, "Or the key file is damaged; nobody can tell which.") from error
    except NotAKeyFileError as error:
        raise NodeError(f"{path} is damaged, or a later meshd wrote it", WITHOUT_KEYS) from error
    return Keys.read(plain), lock
