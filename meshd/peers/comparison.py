"""Comparing two logs over one session: turns, listings, digests, and what comes of them.

What the turns say is in `meshd_protocol.sync.reconcile`; here they are asked of the log, and what they show to be
missing is put into the outbox.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

import trio

from meshd.assembly import survey
from meshd.assembly.assembly import Assembly
from meshd.assembly.survey import Place, Span
from meshd.peers.outbox import RANK_OF, Out, Outbox, Rank, without
from meshd.peers.writer import Worker
from meshd.store.api import StoreError
from meshd_protocol import limits
from meshd_protocol.chains import ChainKey
from meshd_protocol.errors import SessionError
from meshd_protocol.kinds import Log
from meshd_protocol.sync import messages, reconcile
from meshd_protocol.sync.messages import Message
from meshd_protocol.sync.reconcile import Claims, Part
from meshd_protocol.sync.session import Greeted, Session

T = TypeVar("T")

AGAIN_SECONDS = 5.0
"""How long after a comparison's beginning the next may begin."""


class Comparison:
    """One side's comparisons with one device, one after the other. `send` sends a message among what is long."""

    def __init__(
        self,
        assembly: Assembly,
        device: bytes,
        session: Session,
        outbox: Outbox,
        work: Worker,
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        self.in_step = False
        self.postponed = False
        """Whether a comparison was due, and too soon after the last one."""
        self._held: dict[ChainKey, tuple[Rank, Out]] = {}
        """What waits for the peer's Go, by chain."""
        self._closes = False
        """Whether our part of the comparison is over when that has been sent."""
        self._assembly = assembly
        self._device = device
        self._session = session
        self._outbox = outbox
        self._work = work
        self._send = send
        self._theirs: Greeted | None = None
        self._offered: Place | None = None
        """What our last digest was about."""
        self._base: bytes | None = None
        """A frontier that both sides once had, until a comparison has used it."""
        self._told_base = False
        """Whether this comparison began by sending everything since the base."""
        self._closing = False
        self._done = True
        """Whether we said that the last comparison is over, and `_peer_done` whether the peer did."""
        self._peer_done = True
        self._awaiting_turn = False
        self._begun_at = float("-inf")
        self._told_listings: set[ChainKey] = set()
        self._heard_listings: set[ChainKey] = set()

    @property
    def under_way(self) -> bool:
        """Whether a comparison is going on: until both sides have said that they are done."""
        return not (self._done and self._peer_done)

    async def hello(self) -> messages.Hello:
        """What we greet with."""
        self._offered = where = await self._work(partial(survey.place, self._assembly))
        bases = await self._work(partial(survey.bases, self._assembly, self._device))
        return self._session.hello(where.digest, where.chains, bases)

    async def open(self, theirs: Greeted) -> None:
        """Both sides have said hello: compare, if that is for us to begin."""
        self._theirs = theirs
        if self._offered is not None and theirs.digest == self._offered.digest:
            await self.matched()
        elif self._session.leads:
            mine = await self._work(partial(survey.bases, self._assembly, self._device))
            self._base = next((each for each in mine if each in theirs.bases), None)
            await self.begin()

    async def begin(self) -> None:
        """Begin a comparison, unless one is under way, or was a moment ago: what differs now is likely on its way."""
        if self.under_way:
            return
        self.postponed = trio.current_time() < self._begun_at + AGAIN_SECONDS
        if self.postponed:
            return
        self._begun_at = trio.current_time()
        self._done = self._peer_done = False
        self._awaiting_turn = True
        self._session.begin()
        self._told_listings.clear()
        self._heard_listings.clear()
        base, self._base = self._base, None
        self._told_base = False
        theirs = self._theirs.chains if self._theirs is not None else 0
        key = self._session.key

        def first() -> tuple[list[Part], list[Span], tuple[int, int]]:
            turn, lacks = reconcile.first_turn(survey.view(self._assembly, key, base), theirs)
            spans = [Span(chain, start, survey.END) for chain, start in lacks.ranges]
            return turn, spans, survey.weigh(self._assembly, spans)

        turn, spans, weight = await self._work(first)
        self._told_base = bool(spans)
        self._put_turn(turn)
        self._put_spans(spans, set(), *weight)

    async def answer(self, parts: tuple[Part, ...]) -> None:
        """The peer's turn is here: answer it, and send what it showed to be missing there."""
        if not self.under_way:
            await trio.sleep_until(self._begun_at + AGAIN_SECONDS)
            self._begun_at = trio.current_time()
            self._done = self._peer_done = False
            self._told_listings.clear()
            self._heard_listings.clear()
        elif not self._awaiting_turn:
            raise SessionError("it took a turn that was not its own")
        key = self._session.key
        base = next((part.scope for part in parts if isinstance(part, Claims) and isinstance(part.scope, bytes)), None)

        def prepared() -> tuple[list[Part], list[Span], set[ChainKey], list[messages.Listing], tuple[int, int]]:
            view = survey.view(self._assembly, key, base, told=self._told_base)
            turn, lacks = reconcile.answer(view, parts)
            spans = [Span(chain, start, survey.END) for chain, start in lacks.ranges]
            listings = [
                part
                for chain in lacks.listings
                for part in _listing(chain, survey.beyond(self._assembly, chain, key, frozenset())[1])
            ]
            self._told_listings.update(lacks.listings)
            return turn, spans, survey.forked(self._assembly), listings, survey.weigh(self._assembly, spans)

        turn, spans, forked, listings, weight = await self._work(prepared)
        if turn:
            self._put_turn(turn)
        for listing in listings:
            self._outbox.put(Rank.TURN, listing)
        self._put_spans(spans, forked, *weight)
        self._awaiting_turn = not reconcile.closes(turn)
        if not self._awaiting_turn:
            self._close()

    def _put_turn(self, turn: list[Part]) -> None:
        for message in messages.turn_messages(turn):
            self._outbox.put(Rank.TURN, message)

    def _put_spans(self, spans: list[Span], forked: set[ChainKey], records: int, size: int) -> None:
        self._outbox.to_send += records
        if records > reconcile.FEW:  # few come at once, and nobody waits for them: a statement is a frame of its own
            self._outbox.put(Rank.TURN, messages.Sending(records, size))
        first = int.from_bytes(self._session.key[:4], "big") % (len(spans) or 1)
        for span in spans[first:] + spans[:first]:  # two peers that send the same at once begin in two places
            rank = Rank.FORKS if span.chain in forked else RANK_OF[Log(span.chain[1])]
            if records <= limits.UNASKED:
                self._outbox.put(rank, Out(span, pushed=False))
            elif span.chain not in self._held or span.start < self._held[span.chain][1].span.start:
                self._held[span.chain] = rank, Out(span, pushed=False)

    @property
    def held(self) -> bool:
        """Whether records wait for the peer's Go."""
        return bool(self._held)

    def go(self) -> None:
        """The peer takes what we stated."""
        held, self._held = self._held, {}
        for rank, out in held.values():
            self._outbox.put(rank, out)
        if self._closes:
            self._closes = False
            self._close()

    def leave_out(self, there: dict[ChainKey, int]) -> None:
        """The peer has these chains by now up to a seq, from others."""
        self._outbox.leave_out(there)
        for chain in there.keys() & self._held.keys():
            rank, out = self._held[chain]
            self._held[chain] = rank, without(out, there)

    def _close(self) -> None:
        """Our part of the comparison is over as soon as what it showed to be missing is sent."""
        self._closes = self.held
        if self._closing or self._closes:
            return
        self._closing = True

        async def done() -> None:
            self._closing, self._done = False, True
            self._outbox.to_send = 0
            await self._send(self._session.done())
            await self._settle()

        self._outbox.put(Rank.DONE, done)

    async def finish(self) -> None:
        """The peer is done; so are we, if it left our last turn unanswered."""
        self._peer_done = True
        if not self._done:
            self._close()
        await self._settle()

    async def _settle(self) -> None:
        """Where both are done: ask for bodies, and see whether the logs are equal now."""
        if self.under_way:
            return
        self.in_step = True
        await self._ask_for_bodies()
        if self._session.leads:
            await self.tell_digest()

    async def tell_digest(self) -> None:
        """Tell the digest of the frontier now: the peer says that it is the same, or asks for a comparison."""
        self._offered = await self._work(partial(survey.place, self._assembly))
        self._outbox.put(Rank.URGENT, messages.Digest(self._offered.digest))

    async def compare(self, theirs: bytes) -> None:
        """The peer told its digest: say that it is ours, or tell ours, or begin a comparison."""
        mine = await self._work(partial(survey.place, self._assembly))
        if mine.digest == theirs:
            self._offered = mine
            self._outbox.put(Rank.URGENT, messages.Same())
            await self.matched()
        elif self._session.leads:
            self.in_step = False
            await self.begin()
        elif not self.under_way:
            self.in_step = False
            self._offered = mine
            self._outbox.put(Rank.URGENT, messages.Digest(mine.digest))

    async def matched(self) -> None:
        """The logs are equal, or were a moment ago."""
        self.in_step = True
        if self._offered is not None:
            with suppress(StoreError):  # where the disk is full, the next meeting takes a few bytes more
                await self._work(partial(survey.agree, self._assembly, self._device, self._offered))
        await self._ask_for_bodies()

    async def sort_out(self, chain: ChainKey, marks: frozenset[bytes]) -> None:
        """Against a chain that the peer listed: send what it lacks, and list ours if it has more.

        One listing of a chain is heard in each comparison. Raises SessionError for too many.
        """
        if chain in self._heard_listings:
            return
        self._heard_listings.add(chain)
        if len(self._heard_listings) > limits.LISTINGS:
            raise SessionError("it lists more chains than fork anywhere")
        found = await self._work(partial(survey.beyond, self._assembly, chain, self._session.key, marks))
        spans, mine, they_have_more = found
        for span in spans:
            self._outbox.put(Rank.FORKS, Out(span, pushed=False))
        if they_have_more and chain not in self._told_listings:
            self._told_listings.add(chain)
            for part in _listing(chain, mine):
                self._outbox.put(Rank.TURN, part)

    async def _ask_for_bodies(self) -> None:
        wanted = await self._work(partial(survey.missing_bodies, self._assembly, 1024))
        for part in messages.want_messages(wanted):
            self._outbox.put(Rank.URGENT, part)

    async def wish(self) -> None:
        """Compare, or ask for it: the peer told of a fork, or of more than is asked for by itself."""
        if not self.under_way:
            await (self.begin() if self._session.leads else self.tell_digest())


def _listing(chain: ChainKey, marks: list[bytes]) -> list[messages.Listing]:
    """A chain's listing; none for one so long that no peer would hear it, which must not keep others from syncing."""
    return messages.listing_messages(*chain, marks) if len(marks) <= limits.LISTED_MARKS else []
