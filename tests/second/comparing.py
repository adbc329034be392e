"""Sections 8.2 and 8.4 to 8.6: frontiers, turns, and what they show to be missing, over plain sets of records."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.second import cbor
from tests.second.keys import CONTEXT, H, K, derive

Chain = tuple[bytes, int]


class Item(NamedTuple):
    """A record as comparisons see it."""

    device: bytes
    log: int
    seq: int
    id: bytes


class Missing(NamedTuple):
    """What a turn showed that the other side lacks: chains from a seq on, and chains to list."""

    sent: set[tuple[Chain, int]]
    listed: set[Chain]


class Log:
    """The records of one side, with what came since a base."""

    def __init__(self, items: Iterable[Item], before: Iterable[Item] | None = None) -> None:
        self.chains: dict[Chain, list[Item]] = {}
        for item in sorted(items):
            self.chains.setdefault((item.device, item.log), []).append(item)
        self.base = Log(before).digest()[:16] if before is not None else None
        old = set(before or ())
        self.changed = {
            chain: min(item.seq for item in records if item not in old)
            for chain, records in self.chains.items()
            if any(item not in old for item in records)
        }

    def forks(self, chain: Chain) -> bool:
        return len({item.seq for item in self.chains[chain]}) < len(self.chains[chain])

    def branches(self, chain: Chain) -> bytes:
        return H(CONTEXT["BRANCHES"], *sorted(item.id for item in self.chains[chain]))

    def head(self, chain: Chain) -> Item:
        return self.chains[chain][-1]

    def line(self, chain: Chain) -> bytes:
        if self.forks(chain):
            return cbor.write([*chain, None, self.branches(chain)])
        return cbor.write([*chain, self.head(chain).seq, self.head(chain).id])

    def digest(self) -> bytes:
        return H(CONTEXT["FRONTIER"], *sorted(map(self.line, self.chains)))

    def within(self, digits: str) -> list[Chain]:
        return [chain for chain in sorted(self.chains) if chain[0].hex().startswith(digits)]

    def fingerprint(self, key: bytes, digits: str) -> bytes:
        chains = self.within(digits)
        return K(key, b"".join(map(self.line, chains)), 8) if chains else b""

    def fingerprints(self, key: bytes, digits: str) -> list[Any]:
        return [digits, [self.fingerprint(key, digits + digit) for digit in "0123456789abcdef"]]

    def claim(self, key: bytes, chain: Chain) -> list[Any]:
        if self.forks(chain):
            return [*chain, None, K(key, self.branches(chain), 8)]
        return [*chain, self.head(chain).seq, K(key, self.head(chain).id, 8)]

    def claims(self, key: bytes, chains: Iterable[Chain]) -> list[Any]:
        return [self.claim(key, chain) for chain in sorted(chains)]

    @property
    def few(self) -> bool:
        count = sum(self.head(chain).seq - low + 1 for chain, low in self.changed.items())
        return count <= 32 and not any(map(self.forks, self.changed))


def session_key(initiator: bytes, responder: bytes) -> bytes:
    return derive(initiator + responder, "HEADS")


def first_turn(log: Log, key: bytes, theirs: int, *, by_base: bool) -> tuple[list[Any], Missing]:
    if by_base and log.few:
        return [[log.base, [], False]], Missing(set(log.changed.items()), set())
    if by_base:
        return [[log.base, log.claims(key, log.changed), False]], Missing(set(), set())
    if not log.chains or max(len(log.chains), theirs) <= 128:
        return [["", log.claims(key, log.chains), False]], Missing(set(), set())
    return [log.fingerprints(key, "")], Missing(set(), set())


def answer(log: Log, key: bytes, turn: list[Any], *, told: bool) -> tuple[list[Any], Missing]:
    reply: list[Any] = []
    missing = Missing(set(), set())
    theirs: dict[Any, dict[Chain, Any]] = {}
    final: dict[Any, bool] = {}
    for part in turn:
        if len(part) == 2:
            _split(log, key, *part, reply, missing)
        else:
            theirs.setdefault(part[0], {}).update({(claim[0], claim[1]): claim for claim in part[1]})
            final[part[0]] = part[2]
    for scope, claims in theirs.items():
        by_base = type(scope) is bytes
        if by_base and scope != log.base:
            continue
        chains = set(log.changed) if by_base else set(log.within(scope))
        if by_base and not claims and not final[scope] and not log.few:
            reply.append([scope, log.claims(key, chains), False])
            continue
        if not final[scope]:
            reply.append([scope, log.claims(key, chains) if claims else [], True])
        if not (by_base and told):
            for chain in chains:
                _compare(log, key, chain, claims.get(chain), by_base, missing)
    return reply, missing


def _split(log: Log, key: bytes, digits: str, prints: list[bytes], reply: list[Any], missing: Missing) -> None:
    for digit, print_ in zip("0123456789abcdef", prints, strict=True):
        part = digits + digit
        if log.fingerprint(key, part) == print_:
            continue
        if print_ == b"":
            missing.sent.update((chain, 0) for chain in log.within(part))
        elif len(log.within(part)) <= 32 or len(part) == 64:
            reply.append([part, log.claims(key, log.within(part)), False])
        else:
            reply.append(log.fingerprints(key, part))


def _compare(log: Log, key: bytes, chain: Chain, claim: Any, by_base: bool, missing: Missing) -> None:
    if claim is None:
        if not by_base:
            missing.sent.add((chain, 0))
        elif log.forks(chain):
            missing.listed.add(chain)
        else:
            missing.sent.add((chain, log.changed[chain]))
        return
    _, _, seq, mark = claim
    if log.forks(chain) or seq is None:
        if not (log.forks(chain) and seq is None and mark == K(key, log.branches(chain), 8)):
            missing.listed.add(chain)
    elif seq <= log.head(chain).seq:
        (there,) = [item for item in log.chains[chain] if item.seq == seq]
        if K(key, there.id, 8) != mark:
            missing.listed.add(chain)
        elif seq < log.head(chain).seq:
            missing.sent.add((chain, seq + 1))


def needs_answer(turn: list[Any]) -> bool:
    return not all(len(part) == 3 and part[2] for part in turn)
