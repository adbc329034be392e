"""Two session machines over two real logs, carried by hand: of more than a few records none comes that was not stated.

Who waits for records knows by the statement that some are to come, and drops a peer that then sends none.
"""

from collections import deque

import pytest

from meshd.assembly import survey
from meshd.peers.comparison import Comparison
from meshd.peers.outbox import Out, Outbox, Rank
from meshd.peers.side import Side
from meshd.service.context import Context
from meshd_protocol import limits
from meshd_protocol.bodies.decisions import Say
from meshd_protocol.bodies.talk import Message
from meshd_protocol.chains import Waiting
from meshd_protocol.kinds import Kind
from meshd_protocol.sync import messages, reconcile, session
from meshd_protocol.sync.framing import Lane
from meshd_protocol.sync.session import Session
from tests.worlds import commune, exchange, give, propose


class End:
    """One side: its machine, its comparisons, and what it was told that comes."""

    def __init__(self, assembly, *, initiator, nonce):
        self.assembly = assembly
        self.session = Session(initiator=initiator, nonce=nonce)
        self.outbox = Outbox()
        self.wire = deque()
        self.coming = 0
        self.stated = []
        self.got = 0
        self.listed = False
        self.comparison = None

    async def begin(self, other):
        side = Side(self.assembly, self._work, self.session, self.outbox)
        self.comparison = Comparison(side, other.assembly.keys.device.public, self._say)
        await self._say(await self.comparison.hello())

    async def _work(self, function):
        return function()

    async def _say(self, message):
        self.wire.append(messages.write_message(message))

    async def work(self):
        """Do what waits in the outbox, in its order."""
        while not self.outbox.idle:
            lane = Lane.URGENT if self.outbox._jobs[Rank.URGENT] else Lane.BULK
            _, job = await self.outbox.next(lane)
            if isinstance(job, Out):
                records, rest = survey.load_some(self.assembly, [job.span])
                assert not rest
                for batch in messages.batches(records, 60_000):
                    await self._say(messages.Records(batch))
            elif callable(job):
                await job()
            else:
                await self._say(job)

    async def hear(self, data):
        match self.session.receive(data):
            case session.Greeted() as theirs:
                await self.comparison.open(theirs)
            case session.Turned(parts):
                await self.comparison.answer(parts)
            case session.Announced(records, size):
                assert records > 0
                assert size > 0
                self.stated.append(records)
                self.coming += records
                if records > limits.UNASKED:
                    await self._say(messages.Go())
            case session.Allowed():
                self.comparison.go()
            case session.Arrived(batch, False):
                self.got += len(batch)
                self.coming -= len(batch)
                assert self.coming >= -reconcile.FEW or self.listed, "much comes, and nobody said so"
                self.assembly.receive(list(batch), Waiting())
            case session.Listed(chain, marks):
                self.listed = True
                await self.comparison.sort_out(chain, marks)
            case session.Finished():
                assert self.coming <= 0 or self.listed
                self.coming = 0
                await self.comparison.finish()
            case session.Compared(digest):
                await self.comparison.compare(digest)
            case session.Matched():
                await self.comparison.matched()
            case other:
                raise AssertionError(other)


async def _meet(one, two, number) -> tuple[End, End]:
    """One session, until both have nothing to say."""
    ends = (
        End(one, initiator=True, nonce=b"i" * 15 + bytes([number])),
        End(two, initiator=False, nonce=b"r" * 15 + bytes([number])),
    )
    await ends[0].begin(ends[1])
    await ends[1].begin(ends[0])
    while any(end.wire or not end.outbox.idle for end in ends):
        for here, there in (ends, ends[::-1]):
            await here.work()
            if here.wire:
                await there.hear(here.wire.popleft())
    assert survey.digest(one) == survey.digest(two)
    assert not any(end.comparison.under_way for end in ends)
    return ends


def _write(assembly, author, count):
    give(assembly, *(author.write(Kind.MESSAGE, Message(bytes(16), "general", f"{n}")) for n in range(count)))


COUNTS = [0, 1, reconcile.FEW, reconcile.FEW + 1, limits.UNASKED, limits.UNASKED + 1]


@pytest.mark.parametrize("met", [True, False], ids=["by a base", "by claims"])
@pytest.mark.parametrize("first", COUNTS)
@pytest.mark.parametrize("second", [0, 1, limits.UNASKED + 1])
async def test_much_does_not_come_unstated(tmp_path, autojump_clock, met, first, second):
    (one, two), authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=2)
    give(one, *(author.certify() for author in authors))
    exchange(one, two)
    if met:
        await _meet(one, two, 1)
        assert survey.bases(one, two.keys.device.public) == survey.bases(two, one.keys.device.public) != ()
    _write(one, authors[0], first)
    _write(two, authors[1], second)
    ends = await _meet(one, two, 2)
    for end, count in zip(ends, (second, first), strict=True):
        assert end.got == count
        assert end.stated == ([count] if count > reconcile.FEW else [])
    one.close()
    two.close()


async def test_records_that_answer_a_listing_come_without_a_statement(tmp_path, autojump_clock):
    (one, two), (cy,) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=2)
    certificate, question = cy.certify(), propose(Context(one), "Forked")
    twin = cy.fork()
    exchange(one, two)
    give(one, certificate, cy.ballot(question))
    give(two, certificate, twin.ballot(question, Say.NO))
    ends = await _meet(one, two, 1)
    assert all(end.listed and end.got and not end.stated for end in ends)
    one.close()
    two.close()
