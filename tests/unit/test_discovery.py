"""What a neighbourhood may announce: floods are dropped, nonsense is no candidate, an address is knocked at once."""

import itertools
from types import SimpleNamespace

import trio

from meshd.mesh import mdns
from meshd.mesh.mdns import Candidate
from meshd.transports.memory import MemoryNetwork
from meshd_protocol import limits
from meshd_protocol.beacon import tags
from tests.endtoend.harness import Running
from tests.worlds import commune, founder, newcomer


def _candidate(number: int, announced: bytes = b"") -> Candidate:
    return Candidate(f"c{number}", [f"10.0.{number // 250}.{number % 250}:7000"], b"n" * 8, announced)


async def test_a_flood_of_announcements_is_dropped():
    send, receive = trio.open_memory_channel[Candidate](limits.DISCOVERY_CANDIDATES)
    for number in range(limits.DISCOVERY_CANDIDATES + 1):
        mdns._offer(send, _candidate(number))
    assert receive.statistics().current_buffer_used == limits.DISCOVERY_CANDIDATES
    await receive.aclose()
    mdns._offer(send, _candidate(1))


async def _dialled(node: Running, candidates: list[Candidate]) -> list[str]:
    found: list[str] = []
    node.node.dial = lambda place, kept=True: found.append(place)
    send, receive = trio.open_memory_channel[Candidate](len(candidates))
    for each in candidates:
        send.send_nowait(each)
    await send.aclose()
    await mdns._dial_found(node.node, receive)
    return found


async def test_only_friends_are_dialled(tmp_path):
    (one,), _ = commune(tmp_path, ["Ada"], nodes=1)
    node = Running("ada", one, MemoryNetwork())
    friend = _candidate(3)
    friend.announced = tags([one.keys.network[0].secret], one.id, friend.nonce, one.world.clock(), friend.places)
    elsewhere = Candidate("replayed", ["10.9.9.9:7000"], friend.nonce, friend.announced)
    strangers = [_candidate(number, bytes(8 * 16)) for number in range(10, 200)]
    assert await _dialled(node, [*strangers, friend, elsewhere]) == friend.places
    one.close()


async def test_the_holder_of_a_ticket_knocks_at_few(tmp_path):
    ada = founder(tmp_path)
    eve = newcomer(tmp_path, ada.context, "Eve", seed=2)
    node = Running("eve", eve.assembly, MemoryNetwork())
    found = await _dialled(node, [_candidate(number) for number in range(100)])
    assert len(found) == limits.TICKET_CANDIDATES
    for each in (ada, eve):
        each.assembly.close()


def test_nonsense_is_no_candidate():
    good = {b"n": b"n" * 8, b"t": b"t" * 8}
    for texts, port in itertools.chain(
        (({}, 7000), (None, 7000), (good, 0), (good, None)),
        ((good | {name: None}, 7000) for name in good),
    ):
        info = SimpleNamespace(properties=texts, port=port, name="x", parsed_scoped_addresses=list)
        assert mdns._candidate(info) is None
    many = SimpleNamespace(
        properties=good, port=7000, name="x", parsed_scoped_addresses=lambda: ["fe80::1%eth0", *["10.0.0.1"] * 50]
    )
    found = mdns._candidate(many)
    assert found is not None
    assert found.places[:2] == ["[fe80::1%eth0]:7000", "10.0.0.1:7000"]
    assert len(found.places) == 8
