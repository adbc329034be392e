"""Compares two logs in few bytes. The sides take turns, until each knows which records the other lacks.

A turn has parts, each about a range of chains. Its name is the hexadecimal digits with which the keys of its devices
begin; "" is everything. A part is either sixteen keyed fingerprints, of the ranges with one more digit, or the claims
of all chains in a range, or the claims of chains that changed since a frontier that both sides once had in common
(`base`). One turn answers another, and leaves out the ranges whose fingerprints agree. No IO: heads in, parts and plans
out.
"""

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from meshd_crypto.hashing import keyed
from meshd_protocol.chains import ChainKey
from meshd_protocol.sync.frontier import MARK_SIZE, Claim, Head, claim, line, mark

DIGITS = "0123456789abcdef"
LEAF = 32
"""Chains in a range below which claims cost less than another round trip."""

FULL = 128
"""Chains of a log below which its whole frontier is told at once."""


class Fingerprints(NamedTuple):
    """Keyed hashes of the sixteen parts of a range; an empty part has an empty one."""

    prefix: str
    prints: tuple[bytes, ...]


class Claims(NamedTuple):
    """All chains of a range (`scope` is text), or those that changed since a base (`scope` is its digest's beginning).

    `final` ones answer the other side's claims of the same scope, and are not answered.
    """

    scope: str | bytes
    claims: tuple[Claim, ...]
    final: bool


Part: TypeAlias = Fingerprints | Claims


class Plan(NamedTuple):
    """What to send a peer: chains from a seq on, in order, and chains whose records must be listed first."""

    ranges: list[tuple[ChainKey, int]]
    listings: list[ChainKey]


FEW = 32
"""So many records since a base are sent without asking, since claims would take as many bytes."""


class Base(NamedTuple):
    """A frontier that both sides once had: the beginning of its digest, and what changed here since.

    `changed` gives for each changed chain the lowest seq that came since. `told` says that everything since was sent.
    """

    name: bytes
    changed: Mapping[ChainKey, int]
    told: bool = False


IdAt: TypeAlias = Callable[[ChainKey, int], bytes | None]
"""The id of an unforked chain's record at a seq."""


class View:
    """A log's heads as one comparison sees them, sorted by device, with the session's key."""

    def __init__(self, heads: Iterable[Head], key: bytes, id_at: IdAt, base: Base | None = None) -> None:
        self._heads = sorted(heads, key=lambda head: (head.device, head.log))
        self._devices = [head.device for head in self._heads]
        self.key = key
        self.id_at = id_at
        self.base = base

    def __len__(self) -> int:
        return len(self._heads)

    def within(self, prefix: str) -> Sequence[Head]:
        """The heads of a range."""
        low = bytes.fromhex(prefix.ljust(64, "0"))
        high = bytes.fromhex(prefix.ljust(64, "f"))
        return self._heads[bisect.bisect_left(self._devices, low) : bisect.bisect_right(self._devices, high)]

    def changed(self) -> list[Head]:
        """The heads of chains that changed since the base."""
        assert self.base is not None
        return [head for head in self._heads if (head.device, head.log) in self.base.changed]

    @property
    def has_few(self) -> bool:
        """Whether so few records came since the base that they are sent without asking."""
        assert self.base is not None
        heads = self.changed()
        records = sum(head.seq - self.base.changed[head.device, head.log] + 1 for head in heads)
        return records <= FEW and all(head.branches is None for head in heads)

    def since(self) -> list[tuple[ChainKey, int]]:
        """All records since the base, as ranges."""
        assert self.base is not None
        return list(self.base.changed.items())

    def fingerprint(self, heads: Sequence[Head]) -> bytes:
        """The keyed hash of a range; empty for an empty one."""
        return keyed(self.key, b"".join(map(line, heads)), MARK_SIZE) if heads else b""

    def fingerprints(self, prefix: str) -> Fingerprints:
        """The sixteen fingerprints of a range's parts."""
        return Fingerprints(prefix, tuple(self.fingerprint(self.within(prefix + digit)) for digit in DIGITS))

    def claims(self, prefix: str, *, final: bool) -> Claims:
        """The claims of a range."""
        return Claims(prefix, tuple(claim(head, self.key) for head in self.within(prefix)), final)

    def delta(self, *, final: bool) -> Claims:
        """The claims of what changed since the base."""
        assert self.base is not None
        return Claims(self.base.name, tuple(claim(head, self.key) for head in self.changed()), final)


def first_turn(view: View, theirs: int) -> tuple[list[Part], Plan]:
    """The turn that begins a comparison with a peer that has `theirs` chains, and the records to send with it.

    With a base: the records since, if they are few, else the claims of chains that changed. Without: all claims, if the
    chains are few, else fingerprints.
    """
    if view.base is not None:
        if view.has_few:
            return [Claims(view.base.name, (), final=False)], Plan(view.since(), [])
        return [view.delta(final=False)], Plan([], [])
    if not len(view) or max(len(view), theirs) <= FULL:
        return [view.claims("", final=False)], Plan([], [])
    return [view.fingerprints("")], Plan([], [])


def answer(view: View, parts: Iterable[Part]) -> tuple[list[Part], Plan]:
    """Our turn after the peer's, and the records that the peer lacks: of forked chains first, then logs 0, 1, 2.

    A turn without parts, or with final ones alone, is the last.
    """
    turn: list[Part] = []
    lacks = Plan([], [])
    told: dict[str | bytes, dict[ChainKey, Claim]] = {}
    final: dict[str | bytes, bool] = {}
    for part in parts:
        if isinstance(part, Fingerprints):
            _split(view, part, turn, lacks)
        else:
            told.setdefault(part.scope, {}).update({(each.device, each.log): each for each in part.claims})
            final[part.scope] = part.final
    for scope, claims in told.items():
        if isinstance(scope, bytes):
            _since_base(view, scope, claims, final[scope], turn, lacks)
            continue
        if not final[scope]:  # a peer without chains there learns nothing from our claims
            turn.append(view.claims(scope, final=True) if claims else Claims(scope, (), final=True))
        _plan(view.within(scope), claims, view, None, lacks)
    forked = {(head.device, head.log) for head in view.within("") if head.branches is not None} if lacks.ranges else ()
    lacks.ranges.sort(key=lambda each: (each[0] not in forked, each[0][1], each[0][0]))
    return turn, lacks


def closes(turn: Iterable[Part]) -> bool:
    """Whether a turn needs no answer."""
    return all(isinstance(part, Claims) and part.final for part in turn)


def _split(view: View, part: Fingerprints, turn: list[Part], lacks: Plan) -> None:
    """Answer a peer's fingerprints: split ranges that differ, or tell the claims of small ones."""
    for digit, theirs in zip(DIGITS, part.prints, strict=True):
        prefix = part.prefix + digit
        heads = view.within(prefix)
        if view.fingerprint(heads) == theirs:
            continue
        if not theirs:
            lacks.ranges.extend(((head.device, head.log), 0) for head in heads)
        elif len(heads) <= LEAF or len(prefix) == 64:
            turn.append(view.claims(prefix, final=False))
        else:
            turn.append(view.fingerprints(prefix))


def _since_base(
    view: View, base: bytes, claims: Mapping[ChainKey, Claim], final: bool, turn: list[Part], lacks: Plan
) -> None:
    """Answer a peer's claims since a base. A peer that sent its few records instead gets our few records, or claims."""
    if view.base is None or base != view.base.name:
        return
    if not claims and not final and not view.has_few:
        turn.append(view.delta(final=False))  # much came here: what of it does the peer have?
        return
    if not final:
        turn.append(view.delta(final=True) if claims else Claims(base, (), final=True))
    if not view.base.told:
        _plan(view.changed(), claims, view, view.base.changed, lacks)


def _plan(
    heads: Iterable[Head],
    theirs: Mapping[ChainKey, Claim],
    view: View,
    since: Mapping[ChainKey, int] | None,
    lacks: Plan,
) -> None:
    """Add to `lacks` what a peer with those claims lacks of these chains.

    The side with the longer chain sees whether the other side's chain is the beginning of it. If not, the chain forks
    between them, and both list their records. Of a chain that the peer does not mention, it has the records before
    `since`; without `since`, none.
    """
    for head in heads:
        chain = (head.device, head.log)
        claimed = theirs.get(chain)
        if claimed is None:
            if since is None:
                lacks.ranges.append((chain, 0))
            elif head.branches is not None:
                lacks.listings.append(chain)
            else:
                lacks.ranges.append((chain, since[chain]))
        elif head.branches is not None or claimed.seq is None:
            if head.branches is None or claimed.seq is not None or mark(view.key, head.branches) != claimed.mark:
                lacks.listings.append(chain)
        elif claimed.seq <= head.seq:
            ours = head.id if claimed.seq == head.seq else view.id_at(chain, claimed.seq)
            if ours is None or mark(view.key, ours) != claimed.mark:
                lacks.listings.append(chain)
            elif claimed.seq < head.seq:
                lacks.ranges.append((chain, claimed.seq + 1))
