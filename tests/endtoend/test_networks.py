"""Networks as they are: they change, sleep, forward ports; nodes meet again soon, once, and say what is wrong."""

import trio

from meshd.assembly.access import my_psks
from meshd.clock import Reading
from meshd.mesh import netwatch
from meshd.peers.link import greet
from meshd.service import proposing
from meshd.transports.memory import MemoryNetwork
from meshd_protocol import limits
from meshd_protocol.sync.messages import write_message
from tests.endtoend.harness import Running, anybody, equal, running, until
from tests.endtoend.test_hostile import HELLO, greeted
from tests.worlds import commune, exchange


async def test_what_is_told_of_a_changed_network(autojump_clock):
    hosts, told = [["10.0.0.1"]], []
    asleep = [0]

    class Told:
        def network_changed(self, why):
            told.append(why)

    def steady():
        return Reading("boot", int(trio.current_time() * 1000) + asleep[0])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(netwatch.watch, [Told()], lambda: hosts[0], steady)
        await trio.sleep(60)
        assert told == []
        hosts[0] = ["10.0.0.1", "fe80::1%eth0"]
        await trio.sleep(60)
        asleep[0] = 3_600_000
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    assert told == ["addresses changed", "the machine slept"]


async def test_after_a_change_everybody_is_looked_for_at_once(pair, autojump_clock):
    """Waits between calls have grown to a minute; a changed network does not wait for them."""
    ada, bea, network = pair
    async with running([bea], {"bea": ["ada"]}):
        await trio.sleep(600)
        (row,) = bea.node.peers()
        assert (row["state"], row["problem"]) == ("away", "nobody answers there")
        assert 0 < row["next_try_ms"] <= 90_000
        async with running([ada]):
            begun = trio.current_time()
            bea.node.network_changed("addresses changed")
            await until(equal([ada, bea]))
            assert trio.current_time() - begun < 2


async def test_a_link_that_died_with_the_network_is_dropped_soon(pair, autojump_clock):
    ada, bea, network = pair
    exchange(ada.assembly, bea.assembly)
    async with running([ada]):
        await greeted(bea, network)
        await trio.sleep(1)
        begun = trio.current_time()
        ada.node.network_changed("the machine slept")
        await until(lambda: any("after the network changed" in note for note in ada.notes))
        assert trio.current_time() - begun <= limits.PROBE_SECONDS + 1


async def test_a_link_that_lives_survives_a_change(pair, autojump_clock):
    ada, bea, _ = pair
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(equal([ada, bea]))
        for node in (ada, bea):
            node.node.network_changed("addresses changed")
        await trio.sleep(100)
        assert not any("gone" in note for note in ada.notes + bea.notes)


async def test_two_nodes_behind_one_address(tmp_path, autojump_clock):
    """Who is who is told by keys, never by addresses."""
    (one, two, three), _ = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=3)
    network = MemoryNetwork()
    ada = Running("ada", one, network)
    others = [Running("bea", two, network), Running("cy", three, network)]
    real = network.connect
    network.connect = lambda caller, name: real("router", name) if caller != "ada" else real(caller, name)
    async with running([ada, *others], {"bea": ["ada"], "cy": ["ada"]}):
        await until(equal([ada, *others]))
        await until(lambda: [peer["state"] for peer in ada.node.peers()] == ["in step"] * 2)
        await ada.do(proposing.propose, title="Both hear it")
        await until(equal([ada, *others]))
    for each in (one, two, three):
        each.close()


async def test_a_forwarded_port_has_to_be_named(pair, autojump_clock):
    """A first message is bound to the address dialled: a router's is good where the node was told of it."""
    ada, bea, network = pair
    real = network.connect
    network.connect = lambda caller, name: real(caller, "ada" if name == "router" else name)
    async with running([ada, bea], {"bea": ["router"]}):
        await trio.sleep(30)
        assert "hung up without a word" in bea.node.peers()[0]["problem"]
        ada.node.reached_at.append("router")
        await until(equal([ada, bea]))
        assert ada.node.addresses()[0] == "router"


async def test_a_session_that_begins_anew_takes_the_old_one_s_place(pair, autojump_clock):
    """A machine that lost its link without a word calls again: the other does not keep two sessions with it."""
    ada, bea, network = pair
    async with running([ada]):
        await greeted(bea, network)
        await until(lambda: len(ada.node.peers()) == 1)
        connection = await network.transport("bea").dial("ada")
        link, _ = await greet(connection, my_psks(bea.assembly)[0], bea.node.introduction(), anybody)
        await link.send(write_message(HELLO))
        await until(lambda: any("connected anew" in note for note in ada.notes))
        assert len(ada.node.peers()) == 1


async def test_a_peer_that_froze_does_not_look_in_step(pair, autojump_clock):
    """Long before it is dropped, `peers` says that nothing was heard."""
    ada, bea, network = pair
    exchange(ada.assembly, bea.assembly)
    async with running([ada]):
        link = await greeted(bea, network)
        await trio.sleep(60)
        (row,) = ada.node.peers()
        assert row["state"] != "in step"
        assert row["problem"].startswith("nothing was heard for ")
        await link.aclose()
