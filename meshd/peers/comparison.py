"""Comparing two logs over one session: turns, listings, digests, and what comes of them.

`meshd_protocol.sync.reconcile` works out what a turn says, `sync.session` whether a comparison is under way. Here is
what asks the log, and puts into the outbox the records that the peer lacks.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from meshd.assembly import survey
from meshd.assembly.assembly import Assembly
from meshd.assembly.survey import Place, Span
from meshd.peers.outbox import RANK_OF, Out, Rank, without
from meshd.peers.side import Side
from meshd.store.api import StoreError
from meshd_protocol import limits
from meshd_protocol.chains import ChainKey
from meshd_protocol.errors import SessionError
from meshd_protocol.kinds import Log
from meshd_protocol.sync import messages, reconcile
from meshd_protocol.sync.messages import Message
from meshd_protocol.sync.reconcile import Claims, Part
from meshd_protocol.sync.session import Greeted

AGAIN_SECONDS = 5.0
"""How long after a comparison's beginning the next may begin."""


class Comparison:
    """One side's comparisons with one device, one after the other. `send` sends a message in the lane for long ones."""

    def __init__(self, side: Side, device: bytes, send: Callable[[Message], Awaitable[None]]) -> None:
        self.in_step = False
        self.postponed = False
        """Whether a comparison was due too soon after the last one, and is still to begin."""
        self._held: dict[ChainKey, tuple[Rank, Out]] = {}
        """The records that wait for the peer's Go, by chain."""
        self._side = side
        self._session = side.session
        self._outbox = side.outbox
        self._device = device
        self._send = send
        self._offered: Place | None = None
        """The frontier whose digest we told last."""
        self._base: bytes | None = None
        """A frontier that both sides once had in common, until the first comparison has used it."""
        self._told_base = False
        """Whether this comparison began by sending everything since the base."""
        self._closing = False
        """Whether our Done goes out as soon as what waits before it has been sent."""
        self._awaiting_turn = False
        self._begun_at = float("-inf")
        self._told_listings: set[ChainKey] = set()
        self._heard_listings: set[ChainKey] = set()

    @property
    def under_way(self) -> bool:
        """Whether a comparison is going on: until both sides have said that they are done."""
        return self._session.comparing

    async def hello(self) -> messages.Hello | None:
        """Our hello; None if another task said it while this one looked at the log."""
        where = await self._side.look(survey.place)
        bases = await self._side.look(survey.bases, self._device)
        if self._session.lets_read:
            return None
        self._offered = where
        return self._session.hello(where.digest, where.chains, bases)

    async def open(self, theirs: Greeted) -> None:
        """Both sides have said hello: compare, if that is for us to begin."""
        if self._offered is not None and theirs.digest == self._offered.digest:
            await self.matched()
        elif self._session.leads:
            mine = await self._side.look(survey.bases, self._device)
            self._base = next((each for each in mine if each in theirs.bases), None)
            await self.begin()

    async def begin(self) -> None:
        """Begin a comparison, unless one is under way, or began a moment ago: what is missing will likely come."""
        if self.under_way:
            return
        self.postponed = trio.current_time() < self._begun_at + AGAIN_SECONDS
        if self.postponed:
            return
        self._begun_at = trio.current_time()
        self._awaiting_turn = True
        self._session.begin()
        self._told_listings.clear()
        self._heard_listings.clear()
        base, self._base = self._base, None
        self._told_base = False
        theirs = self._session.greeted.chains if self._session.greeted is not None else 0
        key = self._session.key

        def first(assembly: Assembly) -> tuple[list[Part], list[Span], tuple[int, int]]:
            turn, lacks = reconcile.first_turn(survey.view(assembly, key, base), theirs)
            spans = [Span(chain, start, survey.END) for chain, start in lacks.ranges]
            return turn, spans, survey.weigh(assembly, spans)

        turn, spans, weight = await self._side.look(first)
        self._told_base = bool(spans)
        self._put_turn(turn)
        self._put_spans(spans, set(), *weight)

    async def answer(self, parts: tuple[Part, ...]) -> None:
        """The peer's turn is here: answer it, and send the records that it shows the peer to lack."""
        if self._session.turns == 1 and not self._session.leads:  # the peer began
            await trio.sleep_until(self._begun_at + AGAIN_SECONDS)
            self._begun_at = trio.current_time()
            self._told_listings.clear()
            self._heard_listings.clear()
        elif not self._awaiting_turn:
            raise SessionError("it took a turn that was not its own")
        key = self._session.key
        base = next((part.scope for part in parts if isinstance(part, Claims) and isinstance(part.scope, bytes)), None)

        def prepared(
            assembly: Assembly,
        ) -> tuple[list[Part], list[Span], set[ChainKey], list[messages.Listing], tuple[int, int]]:
            view = survey.view(assembly, key, base, told=self._told_base)
            turn, lacks = reconcile.answer(view, parts)
            spans = [Span(chain, start, survey.END) for chain, start in lacks.ranges]
            listings = [
                part
                for chain in lacks.listings
                for part in _listing(chain, survey.beyond(assembly, chain, key, frozenset())[1])
            ]
            self._told_listings.update(lacks.listings)
            return turn, spans, survey.forked(assembly), listings, survey.weigh(assembly, spans)

        turn, spans, forked, listings, weight = await self._side.look(prepared)
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
        if records > reconcile.FEW:  # a few come at once, not worth a frame that states them
            self._outbox.put(Rank.TURN, messages.Sending(records, size))
        first = int.from_bytes(self._session.key[:4], "big") % (len(spans) or 1)
        for span in spans[first:] + spans[:first]:  # two peers that send the same records begin in two places
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
        """The peer said Go: send the records that we stated."""
        held, self._held = self._held, {}
        for rank, out in held.values():
            self._outbox.put(rank, out)
        if held and self._closing:
            self._outbox.put(Rank.DONE, self._say_done)

    def leave_out(self, there: dict[ChainKey, int]) -> None:
        """The peer got these chains up to a seq from others: don't send it those records."""
        self._outbox.leave_out(there)
        for chain in there.keys() & self._held.keys():
            rank, out = self._held[chain]
            self._held[chain] = rank, without(out, there)

    def _close(self) -> None:
        """Say Done as soon as the records that the peer lacks have been sent, also those that wait for its Go."""
        if self._closing:
            return
        self._closing = True
        if not self.held:
            self._outbox.put(Rank.DONE, self._say_done)

    async def _say_done(self) -> None:
        self._closing = False
        self._outbox.to_send = 0
        await self._send(self._session.done())
        await self._settle()

    async def finish(self) -> None:
        """The peer is done; so are we, if it left our last turn unanswered."""
        if not self._session.done_here:
            self._close()
        await self._settle()

    async def _settle(self) -> None:
        """If both sides are done: ask for missing bodies, and find out whether the logs are equal now."""
        if self.under_way:
            return
        self.in_step = True
        await self._ask_for_bodies()
        if self._session.leads:
            await self.tell_digest()

    async def tell_digest(self) -> None:
        """Tell the peer the digest of our frontier: it answers that it has the same, or asks for a comparison."""
        self._offered = await self._side.look(survey.place)
        self._outbox.put(Rank.URGENT, messages.Digest(self._offered.digest))

    async def compare(self, theirs: bytes) -> None:
        """The peer told its digest: answer that ours is the same, or tell ours, or begin a comparison."""
        mine = await self._side.look(survey.place)
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
            with suppress(StoreError):  # on a full disk the next session takes a few bytes more
                await self._side.look(survey.agree, self._device, self._offered)
        await self._ask_for_bodies()

    async def sort_out(self, chain: ChainKey, marks: frozenset[bytes]) -> None:
        """The peer listed a chain: send it the records that it lacks, and list our chain if the peer has more.

        A second listing of a chain in one comparison is passed over. Raises SessionError for too many.
        """
        if chain in self._heard_listings:
            return
        self._heard_listings.add(chain)
        if len(self._heard_listings) > limits.LISTINGS:
            raise SessionError("it lists more chains than fork anywhere")
        found = await self._side.look(survey.beyond, chain, self._session.key, marks)
        spans, mine, they_have_more = found
        for span in spans:
            self._outbox.put(Rank.FORKS, Out(span, pushed=False))
        if they_have_more and chain not in self._told_listings:
            self._told_listings.add(chain)
            for part in _listing(chain, mine):
                self._outbox.put(Rank.TURN, part)

    async def _ask_for_bodies(self) -> None:
        wanted = await self._side.look(survey.missing_bodies, 1024)
        for part in messages.want_messages(wanted):
            self._outbox.put(Rank.URGENT, part)

    async def wish(self) -> None:
        """Begin a comparison or ask for one: the peer told of a fork, or of more records than gossip asks for."""
        if not self.under_way:
            await (self.begin() if self._session.leads else self.tell_digest())


def _listing(chain: ChainKey, marks: list[bytes]) -> list[messages.Listing]:
    """The messages that list a chain; none for a chain so long that a peer would drop us for its listing."""
    return messages.listing_messages(*chain, marks) if len(marks) <= limits.LISTED_MARKS else []
