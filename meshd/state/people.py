"""Who is who: how a member key becomes `Ada·k3fq`, and how what a person types becomes a member key.

A name that two people use is never resolved silently.
"""

import unicodedata
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Mapping

from meshd.errors import NotFoundError
from meshd.store.api import Store
from meshd.store.tables import Acquaintance, Application, Certificate, Vouch
from meshd_protocol.names import DOT, SHORTEST, printable, text_of

DEVICE_LETTERS = 8


class Directory:
    """The people behind the certificates of a log. The same certificates give the same names.

    Who has none yet is called as she was in the assembly that this one was founded anew from, where that is known.
    """

    def __init__(self, certificates: Iterable[Certificate], known: Iterable[Acquaintance] = ()) -> None:
        self._known = {row.member: row.person for row in known}
        self._names: dict[bytes, tuple[bytes, str]] = {}
        self._members: list[bytes] = []
        """Their keys, in order: a key's neighbours are those that begin most like it."""
        self._devices: dict[bytes, bytes] = {}
        self._labels: dict[bytes, str] = {}
        self.add(certificates)

    def add(self, certificates: Iterable[Certificate]) -> None:
        """Take in more of them."""
        for row in certificates:
            first = self._names.get(row.member)
            if first is None:
                insort(self._members, row.member)
            if first is None or row.id < first[0]:
                self._names[row.member] = (row.id, row.person)
            self._labels.setdefault(row.device, row.label)
            held = self._devices.get(row.device)
            self._devices[row.device] = row.member if held is None else min(held, row.member)

    def meet(self, assemblies: Mapping[bytes, str]) -> None:
        """Take in assemblies, which a federation has as members, by their names."""
        for assembly, name in assemblies.items():
            if assembly not in self._names:
                insort(self._members, assembly)
            self._names[assembly] = b"", name

    def label(self, member: bytes) -> str:
        """`Ada·k3fq`, with as much of the key as makes it unique."""
        return f"{self._shown(member)}{DOT}{self._tail(member)}"

    def _shown(self, member: bytes) -> str:
        """The person's name as it is printed."""
        return printable(self.name(member)) or "?"

    def _tail(self, member: bytes) -> str:
        """The shortest beginning of a member's key that no other key shares."""
        key, size = text_of(member), SHORTEST
        if member in self._names:
            at = bisect_left(self._members, member)
            for other in map(text_of, self._members[max(0, at - 1) : at] + self._members[at + 1 : at + 2]):
                while key[:size] == other[:size]:
                    size += 1
        return key[:size]

    def name(self, member: bytes) -> str:
        """The person's name alone, as she gave it."""
        name = self._names.get(member)
        return name[1] if name else self._known.get(member, "")

    def owner(self, device: bytes) -> bytes | None:
        """The member whom a device belongs to."""
        return self._devices.get(device)

    def device_label(self, device: bytes) -> str:
        """Whose device this is, for people."""
        owner = self.owner(device)
        return self.label(owner) if owner else f"?{DOT}{text_of(device)[:SHORTEST]}"

    def device_name(self, device: bytes) -> str:
        """What a device is called, and the beginning of its key."""
        label = self._labels.get(device, "")
        key = text_of(device)[:DEVICE_LETTERS]
        return f"{printable(label)} ({key})" if label else key

    def find(self, words: str, among: Collection[bytes], what: str = "person") -> bytes:
        """The one member among those given whom the words name: a name, its beginning in any case and without signs
        that no keyboard has, a key's beginning, or `name·key`.

        Raises NotFoundError if there is none, or more than one: the first way in which any are meant decides.
        """
        name, dot, tail = words.rpartition(DOT)
        if dot:
            among_ = [member for member in among if text_of(member).startswith(tail.lower())]
            found = [member for member in among_ if name in ("", self.name(member), self._shown(member))]
            found = found or [member for member in among_ if begins(self.name(member), name)]
        else:
            found = [member for member in among if words in (self.name(member), self._shown(member))]
            found = found or [member for member in among if is_called(self.name(member), words)]
            found = found or [member for member in among if self._begins(member, words)]
        if not found:
            known = ", ".join(sorted(self.label(member) for member in among)[:8])
            hint = f"Here are: {known}." if known else "`meshd members` shows who is who."
            raise NotFoundError(f"no such {what}: {printable(words)}", hint)
        if len(found) > 1:
            labels = ", ".join(sorted(self.label(member) for member in found))
            raise NotFoundError(f"{printable(words)} is more than one {what}: {labels}", "Write the name with its key.")
        return found[0]

    def _begins(self, member: bytes, words: str) -> bool:
        """Whether a member's name, or their key, begins so."""
        by_key = len(words) >= SHORTEST and text_of(member).startswith(words.lower())
        return by_key or begins(self.name(member), words)


def vouchers(store: Store, member: bytes) -> set[bytes]:
    """Who vouched for somebody as they came in."""
    applications = store.find(Application, member=member)
    return {vouch.member for each in applications for vouch in store.find(Vouch, application=each.id)}


def folded(name: str) -> str:
    """A name as people type it: small letters and digits, without accents, signs and emoji, single spaces."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(letter if letter.isalnum() else " " if letter.isspace() else "" for letter in plain)
    return " ".join(letters.split())


def begins(name: str, words: str) -> bool:
    """Whether a name begins with what a person types: by its letters, and by its signs where they type no letter."""
    plain = folded if folded(words) else _signs
    return plain(words) != "" and plain(name).startswith(plain(words))


def is_called(name: str, words: str) -> bool:
    """Whether that is all of the name, typed in the same way."""
    plain = folded if folded(words) else _signs
    return plain(name) == plain(words) != ""


def _signs(name: str) -> str:
    """A name without what nobody sees: how wide a sign is drawn differs between the keyboards that write it."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(sign for sign in plain if not sign.isspace() and not _is_variation(sign))


def _is_variation(sign: str) -> bool:
    return "\ufe00" <= sign <= "\ufe0f"


def article(role: str) -> str:
    """`a member`, `an observer`; nobody is `a removed`."""
    return role if role == "removed" else f"{'an' if role[0] in 'aeiou' else 'a'} {role}"
