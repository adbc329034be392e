"""A stranger's node, written from the specification alone (`tests/second`), meets one of ours."""

import pytest
import trio

from meshd.assembly import survey
from meshd.home import KEYS
from meshd.service import membership
from meshd.transports.memory import MemoryNetwork
from meshd_protocol.bodies.decisions import Say
from meshd_protocol.records import wire
from meshd_protocol.sync.greeting import HOUR_MS
from tests.endtoend.harness import Running, running, until
from tests.endtoend.test_nodes import _certificate
from tests.second import files, records
from tests.second.keys import derive
from tests.second.newcomer import Newcomer
from tests.second.node import Link, Node
from tests.worlds import Author, Clock, founder, give, propose


def _log(assembly):
    """A node's records by id."""
    spans = [survey.Span((head.device, head.log), 0, survey.END) for head in survey.heads(assembly)]
    found = [data for span in spans for data in survey.load(assembly, span, 10_000)[0]]
    return {records.read(assembly.id, data).id: data for data in found}


class Stranger:
    """Bea's keys and log in a program that is not ours."""

    def __init__(self, bea, network, tmp_path):
        self.bea, self.network = bea, network
        self.keys = files.key_file(next((tmp_path / "node1").rglob(KEYS)).read_bytes(), "pw")
        self.held = _log(bea.assembly)
        self.calls = 0

    async def call(self, met=None):
        """One session with Ada's node, as far as it is about equal logs."""
        self.calls += 1
        connection = await self.network.transport("bea").dial("ada")
        async with connection.stream:
            link = Link(connection.stream)
            certificate, ephemeral = _certificate(self.bea), bytes([self.calls]) * 32
            hour = self.bea.assembly.world.clock() // HOUR_MS
            psk = derive(self.keys["network"][0][1], "PSK_NETWORK", self.bea.assembly.id)
            await link.greet(self.bea.assembly.id, psk, self.keys["transport"], certificate, ephemeral, hour, "ada")
            node = Node(self.bea.assembly.id, self.held, link, bytes([self.calls]) * 16, met)
            await node.talk()
            return node


@pytest.fixture
def strangers(pair, tmp_path):
    ada, bea, network = pair
    return ada, Stranger(bea, network, tmp_path)


def _author(stranger, name, seed, count=0):
    """Somebody whose records both may come to hold."""
    author = Author(stranger.bea.assembly.id, name, seed)
    author.certify()
    for _ in range(count):
        author.ballot(bytes([seed]) * 32)
    return author


def _take(stranger, *written):
    for record in written:
        stranger.held[record.id] = wire(record)


async def test_two_logs_become_equal_and_the_next_meeting_is_short(strangers, autojump_clock):
    ada, stranger = strangers
    propose(ada.context, "Shall we?")
    own, shared = _author(stranger, "Cy", 3, 5), _author(stranger, "Dan", 4, 5)
    _take(stranger, *own.history, *shared.history[:2])
    give(ada.assembly, *shared.history)
    async with running([ada]):
        node = await stranger.call()
        assert "Sending" not in node.heard, "few records are not worth a statement"
        assert set(stranger.held) == set(_log(ada.assembly))
        assert node.log().digest() == ada.digest()
        assert node.sent == {record.id for record in own.history} | {
            identity for identity in node.sent if identity in set(_log(stranger.bea.assembly))
        }

        met = set(stranger.held)
        assert (await stranger.call(met)).heard[:1] == ["Hello"]
        more = _author(stranger, "Eve", 5, 2)
        _take(stranger, *more.history)
        propose(ada.context, "And now?")
        node = await stranger.call(met)
        assert node.told
        assert node.sent == {record.id for record in more.history}
        assert set(stranger.held) == set(_log(ada.assembly))


async def test_much_waits_for_go_on_both_sides(strangers, autojump_clock):
    ada, stranger = strangers
    mine, theirs = _author(stranger, "Cy", 3, 120), _author(stranger, "Dan", 4, 130)
    _take(stranger, *mine.history)
    give(ada.assembly, *theirs.history)
    async with running([ada]):
        node = await stranger.call()
        assert {"Sending", "Go"} <= set(node.heard)
        assert set(stranger.held) == set(_log(ada.assembly))
        assert node.log().digest() == ada.digest()


async def test_a_fork_is_listed(strangers, autojump_clock):
    ada, stranger = strangers
    author = _author(stranger, "Cy", 3, 3)
    twin = author.fork()
    author.ballot(b"q" * 32)
    twin.ballot(b"q" * 32, Say.NO)
    _take(stranger, *author.history)
    give(ada.assembly, *twin.history)
    async with running([ada]):
        node = await stranger.call()
        assert "Listing" in node.heard
        assert set(stranger.held) == set(_log(ada.assembly))
        assert node.log().digest() == ada.digest()


async def test_many_chains_are_compared_by_fingerprints(strangers, autojump_clock):
    ada, stranger = strangers
    crowd = [_author(stranger, f"P{n}", 1000 + n) for n in range(150)]
    _take(stranger, *(author.history[0] for n, author in enumerate(crowd) if n % 50))
    give(ada.assembly, *(author.history[0] for n, author in enumerate(crowd) if n % 40))
    async with running([ada]):
        node = await stranger.call()
        assert set(stranger.held) == set(_log(ada.assembly))
        assert len(node.sent) < 150 // 2


async def test_a_stranger_joins(tmp_path, autojump_clock):
    """From the ticket to the network key, and then a session as one of them (section 8.11)."""
    clock, network = Clock(), MemoryNetwork()
    ada = Running("ada", founder(tmp_path, clock=clock).assembly, network)
    line = membership.invite(ada.context, {})["ticket"]
    zoe = Newcomer(line, "Zoe", clock())
    assert zoe.welcomed() is None

    async def call(psk: bytes, number: int) -> Node:
        connection = await network.transport("zoe").dial("ada")
        async with connection.stream:
            link = Link(connection.stream)
            inviter = await link.greet(
                zoe.assembly, psk, zoe.transport, zoe.certificate, bytes([number]) * 32, clock() // HOUR_MS, "ada"
            )
            assert inviter == zoe.ticket[4]
            node = Node(zoe.assembly, zoe.held, link, bytes([number]) * 16)
            await node.talk()
            return node

    async with running([ada]):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, derive(zoe.psk, "PSK_INVITATION", zoe.assembly), 1)
            await until(lambda: any(row["role"] == "applicant" for row in membership.members(ada.context, {})))
            await ada.do(membership.vouch, person="Zoe")
        roster, keys = zoe.welcomed()[0], zoe.welcomed()[1]
        assert roster == ada.assembly.standing.head
        assert [each[1] for each in keys] == [key.secret for key in ada.assembly.keys.network]
        assert set(zoe.held) == set(_log(ada.assembly))

        node = await call(derive(keys[0][1], "PSK_NETWORK", zoe.assembly), 2)
        assert node.heard == ["Hello"], "she is let in, and the logs are equal"
    ada.assembly.close()
