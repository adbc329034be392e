"""How new records spread over a mesh: pushed along a tree, told of on all other links (Leitão, Pereira and Rodrigues,
"Epidemic Broadcast Trees", 2007).

Each link is eager or lazy, for both ends. A node that has no eager link makes its first one eager. A node pushes new
records over eager links, and over lazy links only tells where chains end. A node that hears of a record which nobody
pushes within a second asks for it, and makes that link eager. A node that gets a pushed record which it has already
makes that link lazy. So the tree follows the quickest links and heals where it breaks, and each node gets a record
little more than once.

Records that a comparison brought are told of, not pushed, since the other neighbours may be comparing, too. If one
neighbour tells of many records, the node does not ask for them but compares, and then one neighbour at a time sends
(`bulk`). A node can't check what a neighbour tells of before the records come. So it keeps what each neighbour told
apart, and a false word costs only the neighbour that told it.
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
"""How long to wait for the push of a record that another link told of: so long, or up to twice that by chance. So of
many nodes that wait for a record one asks first, and pushes it to the others.
"""

_LONGEST_SECONDS = 5.0
"""How long to wait for a comparison to bring missing records, before asking for them."""

_LIVELY_SECONDS = 30.0
"""How long to wait for a neighbour that was asked, while something comes over its link, before asking the next."""

MISSING = 1000
"""Missing chains to remember for one neighbour; the periodic comparison finds any others."""


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
    """A chain that is longer elsewhere: the seq up to which each neighbour has it, the neighbours that were asked, in
    order, and when to ask the next.
    """

    deadline: float
    since: float
    told: dict[Neighbour, int] = field(default_factory=dict)
    asked: list[Neighbour] = field(default_factory=list)

    def note(self, neighbour: Neighbour, until: int) -> None:
        """A neighbour has the chain up to a seq. It may be asked, even if it was asked before: it has more now."""
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
        """A link is gone: ask other neighbours for the records that it told of."""
        if neighbour not in self.neighbours:
            return
        self.neighbours.remove(neighbour)
        self._forget(neighbour)
        self._have_one()

    def steered(self, neighbour: Neighbour) -> None:
        """A neighbour made its link eager or lazy. If no link is eager now, make another one eager, if there is one."""
        if neighbour in self.neighbours and not neighbour.eager:
            self._have_one(last=neighbour)

    def spread(self, spans: list[Span], own: list[Span], source: Neighbour | None, *, pushed: bool) -> None:
        """Push or tell of the records of a commit; to `source` only those that this device wrote."""
        for each in self.neighbours:
            news = own if each is source else spans
            if not news:
                continue
            if each.eager and (pushed or news is own):
                each.push(news)
            else:
                each.tell(span.chain for span in news)

    def arrived(self, neighbour: Neighbour, report: Report, *, pushed: bool) -> None:
        """Records came over a link. Make it lazy if it pushes only records that are here already."""
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
        """Ask for records that nobody pushes, until cancelled."""
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
        """Wait for a comparison, but not for ever: a peer that states many records may be slow, or lie."""
        now = trio.current_time()
        for each in self._missing.values():
            if now - each.since < _LONGEST_SECONDS:
                each.deadline = max(each.deadline, now + self._patience())

    async def _ask(self) -> None:
        """For each chain whose time has come, ask the next neighbour that has it; forget chains that no other has.

        Compare with a neighbour that tells of too many records to ask for, one such neighbour at a time.
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
        """The neighbours that tell of too many records to ask for, in the order in which they told. `still` says from
        which seq each chain is missing here.
        """
        records: dict[Neighbour, int] = {}
        for chain, start in still.items():
            for neighbour, until in self._missing[chain].told.items() if chain in self._missing else ():
                records[neighbour] = records.get(neighbour, 0) + max(0, until - start + 1)
        return [neighbour for neighbour, count in records.items() if count > limits.UNASKED]

    def _compare(self, much: list[Neighbour]) -> None:
        """Compare with the first neighbour that tells of many records, and forget what it told. If it tells of them
        again, truly or not, it comes after the others.
        """
        for neighbour in much[:1]:
            self._forget(neighbour)
            neighbour.compare()

    def _forget(self, neighbour: Neighbour) -> None:
        """Forget what one neighbour told."""
        for chain, missing in list(self._missing.items()):
            if missing.told.pop(neighbour, None) is not None and not missing.told:
                del self._missing[chain]

    def _came(self, chain: ChainKey, seq: int) -> None:
        """A chain is here up to a seq now: forget the neighbours that told of no more than that."""
        missing = self._missing.get(chain)
        if missing is None:
            return
        missing.told = {who: until for who, until in missing.told.items() if until > seq}
        if not missing.told:
            del self._missing[chain]

    def _patience(self) -> float:
        return PATIENCE_SECONDS * (1 + self.chance())

    def _have_one(self, last: Neighbour | None = None) -> None:
        """Make a link eager if none is, `last` if there is no other: else every record would come a second late."""
        if self.neighbours and not any(each.eager for each in self.neighbours):
            others = [each for each in self.neighbours if each is not last]
            (others or self.neighbours)[0].steer(True)
