"""How new records spread over a mesh: pushed along a tree, told of on all other links (Leitão, Pereira and Rodrigues,
"Epidemic Broadcast Trees", 2007).

Each link is eager or lazy, for both ends. A node that has no eager link makes its first one eager. New records are
pushed over eager links; over lazy ones goes only that they are there. Who hears of something that nobody pushes within
a second asks for it, and makes that link eager; who is pushed what it has makes that link lazy. So the tree follows the
links that are quickest, heals where it breaks, and a record travels little more than once to each node.

What a comparison brought is told of, not pushed: the others may well be comparing, too. Much is not asked for, but
compared: then one at a time sends it (`bulk`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import trio

from meshd.ingest import Report
from meshd.survey import Span
from meshd_protocol import limits
from meshd_protocol.chains import ChainKey

PATIENCE_SECONDS = 0.5
"""How long a push may take that another link told of, at least; at most twice that. Of many nodes that wait for one
record one asks first, and pushes it to the others.
"""

_LONGEST_SECONDS = 5.0
"""How long what is missing waits for a comparison that may bring it."""

_LIVELY_SECONDS = 30.0
"""How long a neighbour that was asked, and over whose link something comes, is waited for before the next is asked."""

MISSING = 10_000
"""Chains that are minded at a time; the periodic comparison finds what is beyond."""


class Neighbour(Protocol):
    """A peer, as gossip sees it."""

    eager: bool

    def steer(self, eager: bool) -> None:
        """Make the link eager or lazy, and tell the other end."""

    def push(self, spans: Iterable[Span]) -> None:
        """Send new records."""

    def tell(self, chains: Iterable[ChainKey]) -> None:
        """Tell of the ends of chains."""

    def ask(self, wanted: dict[ChainKey, int]) -> None:
        """Ask for chains, each from a seq on."""

    def compare(self) -> None:
        """Begin a comparison, or ask for one."""

    def lively(self) -> bool:
        """Whether something came over the link a moment ago."""
        ...


@dataclass
class _Missing:
    """A chain that is longer elsewhere: up to which seq, who has it and who was asked last, and when to ask."""

    until: int
    by: list[Neighbour]
    deadline: float
    since: float
    asked: Neighbour | None = None


@dataclass
class Gossip:
    """One node's links to neighbours that it is in dialogue with.

    `lacking` looks up from which seq chains are missing here that go up to a seq elsewhere. While the node is `busy`
    comparing, what is missing is likely on its way.
    """

    lacking: Callable[[dict[ChainKey, int]], Awaitable[dict[ChainKey, int]]]
    busy: Callable[[], bool]
    chance: Callable[[], float]
    """A random number below 1."""
    neighbours: list[Neighbour] = field(default_factory=list)
    _missing: dict[ChainKey, _Missing] = field(default_factory=dict)
    _wake: trio.Event = field(default_factory=trio.Event)

    def joined(self, neighbour: Neighbour) -> None:
        """A link is ready for new records."""
        self.neighbours.append(neighbour)
        self._have_one()

    def left(self, neighbour: Neighbour) -> None:
        """A link is gone; what it promised is asked of others."""
        if neighbour not in self.neighbours:
            return
        self.neighbours.remove(neighbour)
        for chain, missing in list(self._missing.items()):
            missing.by = [each for each in missing.by if each is not neighbour]
            if not missing.by:
                del self._missing[chain]
        self._have_one()

    def steered(self, neighbour: Neighbour) -> None:
        """A neighbour made a link eager or lazy: if that was the last eager one, make another so, if there is one."""
        if neighbour in self.neighbours and not neighbour.eager:
            self._have_one(last=neighbour)

    def spread(self, spans: list[Span], own: list[Span], source: Neighbour | None, *, pushed: bool) -> None:
        """Hand on what a commit brought; `source` gets this node's own part of it only."""
        for each in self.neighbours:
            news = own if each is source else spans
            if not news:
                continue
            if each.eager and (pushed or news is own):
                each.push(news)
            else:
                each.tell(span.chain for span in news)

    def arrived(self, neighbour: Neighbour, report: Report, *, pushed: bool) -> None:
        """Records came over a link: one that pushes what is here already is not needed for that."""
        for record in report.new:
            missing = self._missing.get((record.device, record.log))
            if missing is not None and record.seq >= missing.until:
                del self._missing[record.device, record.log]
        useless = pushed and report.known and not report.new and not report.waiting
        if useless and neighbour.eager and any(each.eager for each in self.neighbours if each is not neighbour):
            neighbour.steer(False)

    def told(self, neighbour: Neighbour, chains: dict[ChainKey, int]) -> None:
        """A neighbour has these chains up to a seq, and they are shorter here."""
        deadline = trio.current_time() + (0.0 if neighbour.eager else self._patience())
        for chain, until in chains.items():
            known = self._missing.get(chain)
            if known is None:
                if len(self._missing) >= MISSING:
                    break
                self._missing[chain] = _Missing(until, [neighbour], deadline, trio.current_time())
                continue
            known.until = max(known.until, until)
            known.deadline = min(known.deadline, deadline)
            if neighbour not in known.by:
                known.by.append(neighbour)
        self._wake.set()

    async def mind(self) -> None:
        """Ask for what nobody pushes, until cancelled."""
        while True:
            soonest = min((each.deadline for each in self._missing.values()), default=float("inf"))
            self._wake = trio.Event()
            with trio.move_on_at(soonest):
                await self._wake.wait()
                continue
            if self.busy():
                self._postpone()
            await self._ask()

    def _postpone(self) -> None:
        """Wait for a comparison, but not for ever: who says that much comes may be slow, or lie."""
        now = trio.current_time()
        for each in self._missing.values():
            if now - each.since < _LONGEST_SECONDS:
                each.deadline = max(each.deadline, now + self._patience())

    async def _ask(self) -> None:
        """Ask the next who has it, for each chain whose time has come; forget those that nobody else has."""
        now = trio.current_time()
        every = dict(self._missing)
        still = await self.lacking({chain: each.until for chain, each in every.items()})
        if sum(every[chain].until - start + 1 for chain, start in still.items()) > limits.UNASKED:
            self._compare(every)
            return
        due = {chain: each for chain, each in every.items() if each.deadline <= now}
        asked: dict[int, tuple[Neighbour, dict[ChainKey, int]]] = {}
        for chain, each in due.items():
            if chain not in still or not each.by:
                self._missing.pop(chain, None)
                continue
            each.deadline = now + self._patience()
            if each.asked is not None and each.asked.lively() and now - each.since < _LIVELY_SECONDS:
                continue
            neighbour = each.asked = each.by.pop(0)
            asked.setdefault(id(neighbour), (neighbour, {}))[1][chain] = still[chain]
        for neighbour, wanted in asked.values():
            if neighbour in self.neighbours:
                if not neighbour.eager:
                    neighbour.steer(True)
                neighbour.ask(wanted)

    def _compare(self, every: dict[ChainKey, _Missing]) -> None:
        """Compare with who told of most of what is missing, and mind it no longer."""
        told = Counter(id(neighbour) for each in every.values() for neighbour in each.by)
        for chain in every:
            self._missing.pop(chain, None)
        neighbour = max(self.neighbours, key=lambda each: told[id(each)], default=None)
        if neighbour is not None:
            neighbour.compare()

    def _patience(self) -> float:
        return PATIENCE_SECONDS * (1 + self.chance())

    def _have_one(self, last: Neighbour | None = None) -> None:
        """A node without an eager link makes one, `last` if there is no other: else all would come a second late."""
        if self.neighbours and not any(each.eager for each in self.neighbours):
            others = [each for each in self.neighbours if each is not last]
            (others or self.neighbours)[0].steer(True)
