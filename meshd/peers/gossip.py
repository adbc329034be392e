"""How new records spread over a mesh: pushed along a tree, told of on all other links (Leitão, Pereira and Rodrigues,
"Epidemic Broadcast Trees", 2007).

Each link is eager or lazy, for both ends. A node that has no eager link makes its first one eager. New records are
pushed over eager links; over lazy ones goes only that they are there. Who hears of something that nobody pushes within
a second asks for it, and makes that link eager; who is pushed what it has makes that link lazy. So the tree follows the
links that are quickest, heals where it breaks, and a record travels little more than once to each node.

What a comparison brought is told of, not pushed: the others may well be comparing, too. Much that one neighbour tells
of is not asked for, but compared: then one at a time sends it (`bulk`). Nobody can check what is told before it comes.
So each neighbour's word is kept apart from that of others, and weighs on herself alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import trio

from meshd.assembly.survey import Span
from meshd.log.door import Report
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

MISSING = 1000
"""Chains of which one neighbour's word is kept at a time; the periodic comparison finds what is beyond."""


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
    """A chain that is longer elsewhere: up to which seq by whose word, who was asked, the last one last, and when to
    ask.
    """

    deadline: float
    since: float
    told: dict[Neighbour, int] = field(default_factory=dict)
    asked: list[Neighbour] = field(default_factory=list)

    def note(self, neighbour: Neighbour, until: int) -> None:
        """A neighbour says that the chain goes up to there. She may be asked, again if she was: now she has more."""
        self.told[neighbour] = max(until, self.told.get(neighbour, until))
        if neighbour in self.asked:
            self.asked.remove(neighbour)


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
        self._forget(neighbour)
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
            self._came((record.device, record.log), record.seq)
        useless = pushed and report.known and not report.new and not report.waiting
        if useless and neighbour.eager and any(each.eager for each in self.neighbours if each is not neighbour):
            neighbour.steer(False)

    def told(self, neighbour: Neighbour, chains: dict[ChainKey, int]) -> None:
        """A neighbour has these chains up to a seq, and they are shorter here."""
        now = trio.current_time()
        deadline = now + (0.0 if neighbour.eager else self._patience())
        room = MISSING - sum(neighbour in each.told for each in self._missing.values())
        for chain, until in chains.items():
            missing = self._missing.get(chain)
            if missing is None or neighbour not in missing.told:
                if room <= 0:
                    continue
                room -= 1
            if missing is None:
                missing = self._missing[chain] = _Missing(deadline, now)
            missing.note(neighbour, until)
            missing.deadline = min(missing.deadline, deadline)
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
        """Ask the next who has it, for each chain whose time has come; forget those that nobody else has.

        Who tells of more than is asked for is compared with instead, one such neighbour at a time.
        """
        now = trio.current_time()
        every = dict(self._missing)
        still = await self.lacking({chain: max(each.told.values(), default=-1) for chain, each in every.items()})
        due = {
            chain: each for chain, each in every.items() if each.deadline <= now and self._missing.get(chain) is each
        }
        waiting = {neighbour for each in due.values() for neighbour in each.told}
        much = [neighbour for neighbour in self._tell_of_much(still) if neighbour in waiting]
        asked: dict[Neighbour, dict[ChainKey, int]] = {}
        for chain, each in due.items():
            start = still.get(chain, limits.INTEGER)
            left = [who for who, until in each.told.items() if until >= start and who not in each.asked]
            if not left:
                del self._missing[chain]
                continue
            each.deadline = now + self._patience()
            if each.asked and each.asked[-1].lively() and now - each.since < _LIVELY_SECONDS:
                continue
            neighbour = next((who for who in left if who not in much), None)
            if neighbour is not None:
                each.asked.append(neighbour)
                asked.setdefault(neighbour, {})[chain] = start
        for neighbour, wanted in asked.items():
            if neighbour in self.neighbours:
                if not neighbour.eager:
                    neighbour.steer(True)
                neighbour.ask(wanted)
        self._compare(much)

    def _tell_of_much(self, still: dict[ChainKey, int]) -> list[Neighbour]:
        """The neighbours who tell of more records than are asked for, of what is missing from these seqs on; who told
        first stands first.
        """
        records: dict[Neighbour, int] = {}
        for chain, start in still.items():
            for neighbour, until in self._missing[chain].told.items() if chain in self._missing else ():
                records[neighbour] = records.get(neighbour, 0) + max(0, until - start + 1)
        return [neighbour for neighbour, count in records.items() if count > limits.UNASKED]

    def _compare(self, much: list[Neighbour]) -> None:
        """Compare with the first of those who tell of much, and mind what she told no longer. If she tells of it again,
        truly or not, she stands behind the others.
        """
        for neighbour in much[:1]:
            self._forget(neighbour)
            neighbour.compare()

    def _forget(self, neighbour: Neighbour) -> None:
        """Mind no longer what one neighbour told."""
        for chain, missing in list(self._missing.items()):
            if missing.told.pop(neighbour, None) is not None and not missing.told:
                del self._missing[chain]

    def _came(self, chain: ChainKey, seq: int) -> None:
        """A chain goes up to a seq here now: who told of no more is believed, and done with."""
        missing = self._missing.get(chain)
        if missing is None:
            return
        missing.told = {who: until for who, until in missing.told.items() if until > seq}
        if not missing.told:
            del self._missing[chain]

    def _patience(self) -> float:
        return PATIENCE_SECONDS * (1 + self.chance())

    def _have_one(self, last: Neighbour | None = None) -> None:
        """A node without an eager link makes one, `last` if there is no other: else all would come a second late."""
        if self.neighbours and not any(each.eager for each in self.neighbours):
            others = [each for each in self.neighbours if each is not last]
            (others or self.neighbours)[0].steer(True)
