"""What goes out over one link: the jobs of its outbox, one after the other in each of two lanes.

Here, too, what a peer asks for is put there: chains and bodies, so many at a time; and what it is told of: the ends of
chains, some together. Messages and their order are in `meshd_protocol.sync.session`, ranks in `outbox`.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol, TypeVar

import trio

from meshd.assembly import survey
from meshd.assembly.assembly import Assembly
from meshd.assembly.survey import Span
from meshd.peers.link import Link
from meshd.peers.meter import Meter
from meshd.peers.outbox import RANK_OF, Out, Outbox, Rank
from meshd_protocol.chains import ChainKey
from meshd_protocol.errors import SessionError
from meshd_protocol.kinds import Log
from meshd_protocol.sync import messages
from meshd_protocol.sync.compact import Packer
from meshd_protocol.sync.framing import Lane
from meshd_protocol.sync.session import Session

T = TypeVar("T")

_WANTS = 64
"""Requests for bodies, or for chains, that wait to be answered: whoever asks for more than it takes is dropped."""
_REPLIES = 1000
"""Small messages that wait for a peer that asks and does not read."""
_BATCH_BYTES = 60_000
_SLOW_BYTES = 2_000
"""Records in one message on a slow link: whoever waits for it must not take us for gone."""
_COALESCE_SECONDS = 0.1
"""How long chains' ends wait to be told of, so that many go together."""


class Worker(Protocol):
    """Runs a piece of work on the log."""

    async def __call__(self, function: Callable[[], T]) -> T:
        """Its result."""
        ...


class Writer:
    """The writing side of one session. `records` counts what went out; `compact` ones go packed."""

    def __init__(
        self, assembly: Assembly, link: Link, session: Session, outbox: Outbox, work: Worker, records: Meter
    ) -> None:
        self.compact = False
        self._assembly = assembly
        self._link = link
        self._session = session
        self._outbox = outbox
        self._work = work
        self._records = records
        self._packers = {lane: Packer(assembly.id) for lane in Lane}
        self._wants = 0
        self._asks = 0
        self._tell: dict[ChainKey, None] = {}
        self._telling = trio.Event()
        self._told = trio.Lock()

    async def write(self, lane: Lane) -> None:
        """Do the jobs of a lane until cancelled. Raises LinkClosedError, SessionError, NodeError."""
        while True:
            rank, job = await self._outbox.next(lane)
            if isinstance(job, Out):
                await self._send_records(lane, rank, job)
            elif callable(job):
                await job()
            else:
                await self._link.send(messages.write_message(job), lane)

    async def send_long(self, message: messages.Message) -> None:
        """Send a message now, in the lane of what is long: for jobs alone, which have their turn."""
        await self._link.send(messages.write_message(message), Lane.BULK)

    async def _send_records(self, lane: Lane, rank: Rank, job: Out) -> None:
        spans = [each.span for each in (job, *self._outbox.more(rank, job, survey.LOADED - 1))]
        records, rest = await self._work(partial(survey.load_some, self._assembly, spans))
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
        """Raises SessionError for a peer that asks and does not read."""
        if self._outbox.replies > _REPLIES:
            raise SessionError("it asks for more than it takes")

    def give(self, wanted: Iterable[tuple[ChainKey, int]]) -> None:
        """Send chains that were asked for, each from a seq on. Raises SessionError for too many at a time."""
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
        """Send bodies that were asked for. Raises SessionError for too many at a time."""
        self._wants += 1
        if self._wants > _WANTS:
            raise SessionError("it asks for more than it takes")
        self._outbox.put(Rank.BODIES, partial(self._send_bodies, ids))

    async def _send_bodies(self, ids: tuple[bytes, ...]) -> None:
        found = await self._work(partial(survey.bodies, self._assembly, ids))
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
        """Tell soon where these chains end."""
        self._tell |= dict.fromkeys(chains)
        self._telling.set()

    async def announce(self) -> None:
        """Tell where chains end, some together, until cancelled."""
        while True:
            self._telling = trio.Event()
            if not self._tell:
                await self._telling.wait()
            await trio.sleep(_COALESCE_SECONDS)
            await self.tell_now()

    async def tell_now(self) -> None:
        """Tell where those chains end that are to be told of: what is put into the outbox next comes after it."""
        async with self._told:
            chains, self._tell = self._tell, {}
            if chains:
                claims = await self._work(partial(survey.ends, self._assembly, chains, self._session.key))
                for message in messages.have_messages(claims):
                    self._outbox.put(Rank.URGENT, message)
