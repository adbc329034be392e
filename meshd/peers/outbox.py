"""What waits to go out over one link: messages, and spans of the log, whose records are read only when they go out.

Nothing is sent here: `writer` takes one job after the other from each lane. Each link has its own outbox, so that a
slow peer holds up no other.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple, TypeAlias

import trio

from meshd.assembly.survey import Span
from meshd_protocol.chains import ChainKey
from meshd_protocol.kinds import Log
from meshd_protocol.sync.framing import Lane
from meshd_protocol.sync.messages import Message


class Rank(IntEnum):
    """What goes first. `URGENT` has a lane of its own; the others share the lane for long messages."""

    URGENT = 0
    """Small messages, and new decisions."""
    TURN = 1
    """Turns of comparisons, listings, statements of what comes."""
    NEW_TALK = 2
    FORKS = 3
    DECISIONS = 4
    TALK = 5
    BULK = 6
    BODIES = 7
    DONE = 8


RANK_OF = {Log.DECISIONS: Rank.DECISIONS, Log.TALK: Rank.TALK, Log.BULK: Rank.BULK}
"""The rank of a log's records that a comparison showed the peer to lack."""

_LANES = {Lane.URGENT: (Rank.URGENT,), Lane.BULK: tuple(rank for rank in Rank if rank is not Rank.URGENT)}


class Out(NamedTuple):
    """A span to send: `pushed` because it is new, else because a comparison showed that the peer lacks it."""

    span: Span
    pushed: bool


Job: TypeAlias = Message | Out | Callable[[], Awaitable[None]]


class Outbox:
    """The jobs of one link, by rank."""

    def __init__(self) -> None:
        self._jobs: dict[Rank, deque[Job]] = {rank: deque() for rank in Rank}
        self._wake = {lane: trio.Event() for lane in Lane}
        self.to_send = 0
        """Records that a comparison showed the peer to lack, and that were not sent yet."""
        self._there: dict[ChainKey, int] = {}
        """Up to which seq the peer has chains, as it told since a comparison last showed that it lacks some of them."""
        self.replies = 0
        """Small messages that wait; many, if the peer asks for more than it reads."""

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not any(self._jobs.values())

    def put(self, rank: Rank, job: Job) -> None:
        """Add a job behind the others of its rank. A span that continues the last one is joined to it."""
        jobs = self._jobs[rank]
        if isinstance(job, Out) and not job.pushed:
            self._there.pop(job.span.chain, None)
        joined = _joined(jobs[-1], job) if jobs else None
        if joined is not None:
            jobs[-1] = joined
        else:
            jobs.append(job)
            self.replies += rank is Rank.URGENT and not isinstance(job, Out)
        self._wake[Lane.URGENT if rank is Rank.URGENT else Lane.BULK].set()

    def put_back(self, rank: Rank, jobs: Iterable[Job]) -> None:
        """Put what is left before the others of its rank."""
        self._jobs[rank].extendleft(reversed(list(jobs)))

    def leave_out(self, ends: Mapping[ChainKey, int]) -> None:
        """The peer has these chains up to a seq by now: leave those records out when their turn comes."""
        self._there |= ends

    def more(self, rank: Rank, like: Out, most: int) -> list[Out]:
        """Take the next spans of a rank that are pushed or not like this one, to load them in one look at the log."""
        jobs, found = self._jobs[rank], list[Out]()
        while jobs and len(found) < most and isinstance(jobs[0], Out) and jobs[0].pushed == like.pushed:
            job = jobs.popleft()
            assert isinstance(job, Out)
            found.append(without(job, self._there))
        return found

    async def next(self, lane: Lane) -> tuple[Rank, Job]:
        """The next job of a lane, as soon as there is one."""
        while True:
            for rank in _LANES[lane]:
                if self._jobs[rank]:
                    job = self._jobs[rank].popleft()
                    self.replies -= rank is Rank.URGENT and not isinstance(job, Out)
                    return rank, without(job, self._there) if isinstance(job, Out) else job
            self._wake[lane] = trio.Event()
            await self._wake[lane].wait()


def without(job: Out, ends: Mapping[ChainKey, int]) -> Out:
    """A span without the records that `ends` says are there. Pushed spans and those that name ids stay whole."""
    span = job.span
    if job.pushed or span.ids is not None or ends.get(span.chain, -1) < span.start:
        return job
    return Out(span._replace(start=ends[span.chain] + 1, after=b""), job.pushed)


def _joined(last: Job, job: Job) -> Out | None:
    """One job for two spans of a chain, the second going on where the first ends."""
    if not isinstance(last, Out) or not isinstance(job, Out) or last.pushed != job.pushed:
        return None
    one, two = last.span, job.span
    if one.chain != two.chain or one.ids is not None or two.ids is not None or not one.start <= two.start <= one.stop:
        return None
    if one.after and two.start == one.start:
        return None
    return Out(one._replace(stop=max(one.stop, two.stop)), last.pushed)
