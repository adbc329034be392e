"""Whose word counts how much, among neighbours that tell of chains: each one's by itself."""

import pytest
import trio

from meshd.peers.gossip import MISSING, PATIENCE_SECONDS, Gossip
from meshd_crypto.hashing import digest
from meshd_protocol import limits


class Teller:
    """A neighbour that writes down what it is asked."""

    def __init__(self) -> None:
        self.eager = False
        self.asked: dict[tuple[bytes, int], int] = {}
        self.compared = 0

    def steer(self, eager):
        self.eager = eager

    def push(self, spans):
        raise AssertionError

    def tell(self, chains):
        raise AssertionError

    def ask(self, wanted):
        self.asked |= wanted

    def compare(self):
        self.compared += 1

    def lively(self):
        return False


def chain(number: int) -> tuple[bytes, int]:
    return digest(number.to_bytes(4, "big")), 0


@pytest.fixture
async def told(nursery):
    """Gossip of a node that has nothing, and three neighbours; the first one's link is eager."""

    async def lacking(chains):
        await trio.lowlevel.checkpoint()
        return dict.fromkeys(chains, 0)

    gossip = Gossip(lacking, lambda: False, lambda: 0.5)
    tellers = [Teller() for _ in range(3)]
    for each in tellers:
        gossip.joined(each)
    nursery.start_soon(gossip.mind)
    yield gossip, tellers


async def test_one_s_many_chains_take_no_room_from_others(told, autojump_clock):
    gossip, (_, liar, honest) = told
    gossip.told(liar, {chain(n): 0 for n in range(10 * MISSING)})
    assert len(gossip._missing) == MISSING
    gossip.told(honest, {chain(-n % 2**31): 4 for n in range(1, 21)})
    await trio.sleep(4 * PATIENCE_SECONDS)
    assert honest.asked == {chain(-n % 2**31): 0 for n in range(1, 21)}
    assert (liar.asked, liar.compared, honest.compared) == ({}, 1, 0)


async def test_of_one_chain_the_honest_word_stays(told, autojump_clock):
    gossip, (_, liar, honest) = told
    gossip.told(liar, {chain(1): 10**9})
    gossip.told(honest, {chain(1): 4})
    await trio.sleep(4 * PATIENCE_SECONDS)
    assert (honest.asked, honest.compared) == ({chain(1): 0}, 0)
    assert (liar.asked, liar.compared) == ({}, 1)


@pytest.mark.parametrize("early", [True, False])
async def test_those_who_tell_of_much_take_turns(told, autojump_clock, early):
    """However often one tells of it, the others are compared with, too."""
    gossip, (one, two, three) = told
    if early:
        gossip.told(one, {chain(8): 10**9})
    for each in (two, three):
        gossip.told(each, {chain(7): limits.UNASKED})
    for _ in range(20):
        gossip.told(one, {chain(8): 10**9, chain(7): 10**9})
        await trio.sleep(PATIENCE_SECONDS / 2)
    assert (two.compared, three.compared) == (1, 1)
    assert one.compared > 1
    assert not one.asked | two.asked | three.asked


async def test_what_is_not_too_much_is_asked_for(told, autojump_clock):
    gossip, (_, two, three) = told
    gossip.told(two, {chain(7): limits.UNASKED - 1})
    gossip.told(three, {chain(n): 0 for n in range(100, 100 + limits.UNASKED)})
    await trio.sleep(4 * PATIENCE_SECONDS)
    assert (len(two.asked), len(three.asked)) == (1, limits.UNASKED)
    assert not two.compared + three.compared
