"""Sends the jobs of one link's outbox, one after the other in each of two lanes.

Also puts into the outbox the chains and bodies that the peer asks for, a bounded number at a time, and tells the peer
where chains end, several in one message. Messages are in `meshd_protocol.sync.messages`, ranks in `outbox`.
"""

from collections.abc import Iterable
from functools import partial

import trio

from meshd.assembly import survey
from meshd.assembly.survey import Span
from meshd.peers.link import Link
from meshd.peers.meter import Meter
from meshd.peers.outbox import RANK_OF, Out, Rank
from meshd.peers.side import Side
from meshd_protocol.chains import ChainKey
from meshd_protocol.errors import SessionError
from meshd_protocol.kinds import Log
from meshd_protocol.sync import messages
from meshd_protocol.sync.compact import Packer
from meshd_protocol.sync.framing import Lane

_WANTS = 64
"""Requests for bodies, and as many for chains, that may wait for an answer: a peer that sends more is dropped."""
_REPLIES = 1000
"""Small messages that may wait to go out: a peer that asks for more and does not read is dropped."""
_BATCH_BYTES = 60_000
_SLOW_BYTES = 2_000
"""Bytes of records in one message on a slow link, so that the peer hears something before it gives up waiting."""
_COALESCE_SECONDS = 0.1
"""How long to collect ends of chains before telling the peer of them in one message."""


class Writer:
    """The writing side of one session. `records` counts what went out; `compact` ones go packed."""

    def __init__(self, side: Side, link: Link, records: Meter) -> None:
        self.compact = False
        self._side = side
        self._outbox = side.outbox
        self._link = link
        self._records = records
        self._packers = {lane: Packer(side.assembly.id) for lane in Lane}
        self._wants = 0
        self._asks = 0
        self._tell: dict[ChainKey, None] = {}
        self._telling = trio.Event()
        self._told = trio.Lock()

    async def write(self, lane: Lane) -> None:
        """Send the jobs of a lane until cancelled. Raises LinkClosedError, SessionError, NodeError."""
        while True:
            rank, job = await self._outbox.next(lane)
            if isinstance(job, Out):
                await self._send_records(lane, rank, job)
            elif callable(job):
                await job()
            else:
                await self._link.send(messages.write_message(job), lane)

    async def send_long(self, message: messages.Message) -> None:
        """Send a message now, in the lane for long messages. Only for jobs, since their turn has come."""
        await self._link.send(messages.write_message(message), Lane.BULK)

    async def _send_records(self, lane: Lane, rank: Rank, job: Out) -> None:
        spans = [each.span for each in (job, *self._outbox.more(rank, job, survey.LOADED - 1))]
        records, rest = await self._side.look(survey.load_some, spans)
        self._outbox.put_back(rank, [Out(span, job.pushed) for span in rest])
        make = messages.Pushed if job.pushed else messages.Records
        if self.compact:
            records = list(map(self._packers[lane].pack, records))
        slow = self._link.most < messages.BYTES
        for batch in messages.batches(records, _SLOW_BYTES if slow else _BATCH_BYTES):
            await self._link.send(messages.write_message(make(batch)), lane)
        self._records.add(len(records))
        if not job.pushed:
            self._outbox.to_send = max(0, self._outbox.to_send - len(records))

    # what the peer asks for

    def check(self) -> None:
        """Raises SessionError if the peer asks for more than it reads."""
        if self._outbox.replies > _REPLIES:
            raise SessionError("it asks for more than it takes")

    def give(self, wanted: Iterable[tuple[ChainKey, int]]) -> None:
        """Send the chains that the peer asks for, each from a seq on. Raises SessionError for too many requests."""
        self._asks += 1
        if self._asks > _WANTS:
            raise SessionError("it asks for more than it takes")
        for chain, seq in wanted:
            self._outbox.put(RANK_OF[Log(chain[1])], Out(Span(chain, seq, survey.END), pushed=True))

        async def given() -> None:
            self._asks -= 1
            await trio.lowlevel.checkpoint()

        self._outbox.put(Rank.BODIES, given)

    def give_bodies(self, ids: tuple[bytes, ...]) -> None:
        """Send the bodies that the peer asks for. Raises SessionError for too many requests at a time."""
        self._wants += 1
        if self._wants > _WANTS:
            raise SessionError("it asks for more than it takes")
        self._outbox.put(Rank.BODIES, partial(self._send_bodies, ids))

    async def _send_bodies(self, ids: tuple[bytes, ...]) -> None:
        found = await self._side.look(survey.bodies, ids)
        while found:
            part: list[tuple[bytes, bytes]] = []
            size = 0
            while found and (not part or size + len(found[0][1]) < messages.BYTES - 8192):
                size += len(found[0][1]) + 40
                part.append(found.pop(0))
            await self.send_long(messages.Bodies(tuple(part)))
        self._wants -= 1

    # what the peer is told of

    def tell(self, chains: Iterable[ChainKey]) -> None:
        """Tell the peer soon where these chains end."""
        self._tell |= dict.fromkeys(chains)
        self._telling.set()

    async def announce(self) -> None:
        """Tell the peer where chains end, several in one message, until cancelled."""
        while True:
            self._telling = trio.Event()
            if not self._tell:
                await self._telling.wait()
            await trio.sleep(_COALESCE_SECONDS)
            await self.tell_now()

    async def tell_now(self) -> None:
        """Tell the peer where the chains of `tell` end, before anything that is put into the outbox after this."""
        async with self._told:
            chains, self._tell = self._tell, {}
            if chains:
                claims = await self._side.look(survey.ends, chains, self._side.session.key)
                for message in messages.have_messages(claims):
                    self._outbox.put(Rank.URGENT, message)
