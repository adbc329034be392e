"""Nodes that meet: joining, pushing, comparing, parting, garbage, and who is let in."""

import random

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from meshd.progress import finish
from meshd.service import dispatch, listing, membership, proposing, rosters, status, talk, voting
from meshd.service.context import Context
from meshd.service.outside import Out, out
from meshd.store import tables
from meshd.transports.memory import MemoryNetwork
from meshd_crypto.identity import ExchangeKey
from meshd_protocol.bodies.decisions import Say
from meshd_protocol.bodies.membership import Vouch
from meshd_protocol.control import Request
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of
from meshd_protocol.records import encode_record
from tests.endtoend.harness import Running, anybody, equal, running, until
from tests.worlds import Author, Clock, commune, exchange, founder, give, newcomer, propose, state_of


def _roles(node: Running) -> dict[str, str]:
    return {row["person"]: row["role"] for row in membership.members(node.context, {})}


async def test_joining_over_the_network(tmp_path, autojump_clock):
    clock, network = Clock(), MemoryNetwork()
    ada = Running("ada", founder(tmp_path, clock=clock).assembly, network)
    async with running([ada]):
        bea = Running("bea", newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock).assembly, network)
        assert _roles(bea) == {"Bea": "applicant"}
        async with running([bea]):
            await until(lambda: "Bea" in _roles(ada))
            assert listing.list_(bea.context, {}) == []
            await ada.do(membership.vouch, person="Bea")
            await until(lambda: _roles(bea).get("Bea") == "observer")
            assert bea.assembly.keys.ticket is None
            await bea.do(talk.say, text="hello from an observer")
            await ada.do(membership.admit, people=["Bea"])
            await until(lambda: _roles(bea).get("Bea") == "member")
            await until(equal([ada, bea]))
            assert _roles(ada) == _roles(bea)
            assert [row["text"] for row in talk.read(ada.context, {})] == ["hello from an observer"]
    ada.assembly.close()
    bea.assembly.close()


async def _met(tmp_path, network, clock, **options):
    """Two nodes of founders, in touch."""
    (one, two), authors = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=2, clock=clock)
    return Running("ada", one, network, **options), Running("bea", two, network, **options), authors[0]


@pytest.mark.parametrize(
    "options",
    [{"push": True, "compare_seconds": None}, {"push": False, "compare_seconds": 30.0}],
    ids=["push", "compare"],
)
async def test_records_travel_by_push_and_by_comparison(tmp_path, autojump_clock, options):
    """With the periodic comparison off a ballot still arrives; with push off it arrives later."""
    network = MemoryNetwork()
    ada, bea, _ = await _met(tmp_path, network, Clock(), **options)
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(equal([ada, bea]))
        begun = trio.current_time()
        question = bytes_of((await ada.do(proposing.propose, title="Push?"))["id"])
        await until(lambda: bea.assembly.store.get(tables.Proposal, id=question) is not None)
        took = trio.current_time() - begun
        assert took < 1 if options["push"] else took > 1
    ada.assembly.close()
    bea.assembly.close()


async def test_forks_are_told_and_both_sides_end_alike(tmp_path, autojump_clock):
    network = MemoryNetwork()
    ada, bea, cy = await _met(tmp_path, network, Clock())
    certificate = cy.certify()
    for node in (ada, bea):
        give(node.assembly, certificate)
    question = propose(ada.context)
    twin = cy.fork()
    give(ada.assembly, cy.ballot(question), *(cy.ballot(bytes([n]) * 32) for n in range(5)))
    give(bea.assembly, twin.ballot(question, Say.NO), twin.ballot(b"z" * 32))
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(equal([ada, bea]))
        third = cy.fork()
        third.heads = {0: certificate}
        await ada.node.work(lambda: give(ada.assembly, third.ballot(question, Say.ABSTAIN)))
        await until(equal([ada, bea]))
    for node in (ada, bea):
        chain = node.assembly.store.get(tables.Chain, device=cy.device.public, log=0)
        assert chain.forked
        assert len(node.assembly.store.span(chain.number, 1, 2)) == 3
        assert state_of(node.context, question)["counts"] == {"yes": 1, "no": 0, "abstain": 0}
        node.assembly.close()


async def test_long_chains_and_missing_texts_arrive(tmp_path, autojump_clock):
    network = MemoryNetwork()
    ada, bea, cy = await _met(tmp_path, network, Clock())
    from meshd_protocol.bodies.talk import Message
    from meshd_protocol.chains import Waiting
    from meshd_protocol.kinds import Kind

    give(ada.assembly, cy.certify(), *(cy.ballot(n.to_bytes(32, "big")) for n in range(700)))
    messages = [cy.write(Kind.MESSAGE, Message(bytes([n]) * 16, "general", f"text {n}")) for n in range(200)]
    give(ada.assembly, *messages)
    bea.assembly.receive([encode_record(m.header, m.signature, None) for m in messages[:150]], Waiting())
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(equal([ada, bea]))
        await until(lambda: len(talk.read(bea.context, {"all": True})) == 200)
    ada.assembly.close()
    bea.assembly.close()


async def test_a_peer_that_vanishes_is_met_again(tmp_path, autojump_clock):
    network = MemoryNetwork()
    ada, bea, _ = await _met(tmp_path, network, Clock())
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(equal([ada, bea]))
        await network.part({"ada"}, {"bea"})
        await until(lambda: not any(peer["state"] != "away" for peer in bea.node.peers()))
        assert bea.node.peers()[0]["problem"]
        await ada.do(proposing.propose, title="Alone")
        await trio.sleep(100)
        assert ada.digest() != bea.digest()
        await network.part()
        await until(equal([ada, bea]))
    ada.assembly.close()
    bea.assembly.close()


async def test_a_peer_that_comes_and_goes_is_met_again_soon(pair, autojump_clock):
    """However often it does: a node that is locked and unlocked, a link that comes for moments."""
    ada, bea, network = pair
    met = lambda: any(peer["state"] != "away" for peer in bea.node.peers())  # noqa: E731
    async with running([ada, bea], {"bea": ["ada"]}):
        for _ in range(10):
            await until(met, seconds=20)
            await trio.sleep(1)
            await network.part({"ada"}, {"bea"})
            await trio.sleep(4)
            assert not met()
            await network.part()


async def test_both_dial_and_one_session_stays(tmp_path, autojump_clock):
    network = MemoryNetwork()
    ada, bea, _ = await _met(tmp_path, network, Clock())
    async with running([ada, bea], {"bea": ["ada"], "ada": ["bea"]}):
        await until(equal([ada, bea]))
        await trio.sleep(200)
        for node in (ada, bea):
            assert len([peer for peer in node.node.peers() if peer["state"] != "away"]) == 1
        await ada.do(proposing.propose, title="Still in touch")
        await until(equal([ada, bea]))
    ada.assembly.close()
    bea.assembly.close()


async def test_a_silent_peer_is_dropped_and_said_so(tmp_path, autojump_clock):
    """A peer that stalls after the handshake: it is dropped after the idle time."""
    network = MemoryNetwork()
    ada, bea, _ = await _met(tmp_path, network, Clock())
    from meshd.assembly.access import my_psks
    from meshd.peers import link as links
    from meshd.peers.link import greet

    async with running([ada]):
        bea.node._certificate = _certificate(bea)
        connection = await network.transport("bea").dial("ada")
        link, _ = await greet(connection, my_psks(bea.assembly)[0], bea.node.introduction(), anybody)
        await until(lambda: len(ada.node.peers()) == 1)
        with pytest.raises(links.LinkClosedError):
            while True:
                await link.receive()
        await until(lambda: any("nothing was heard" in note for note in ada.notes))
    ada.assembly.close()
    bea.assembly.close()


def _certificate(node: Running) -> bytes:
    row = node.assembly.store.get(tables.Certificate, device=node.assembly.keys.device.public)
    return node.assembly.store.get(tables.Kept, id=row.id).body


async def test_outsiders_get_no_byte(tmp_path, autojump_clock):
    """Garbage, a wrong psk, a replayed first message, one for another address, one of another hour."""
    network, clock = MemoryNetwork(), Clock()
    ada, bea, _ = await _met(tmp_path, network, clock)
    from meshd.assembly.access import my_psks
    from meshd_protocol.sync.greeting import start

    keys = bea.assembly.keys
    fresh = lambda: ExchangeKey.generate(random.Random(trio.current_time()).randbytes)  # noqa: E731
    psk = my_psks(bea.assembly)[0]
    _, good = start(psk, keys.transport, fresh(), clock.now_ms, "ada")
    _, other_psk = start(b"x" * 32, keys.transport, fresh(), clock.now_ms, "ada")
    _, elsewhere = start(psk, keys.transport, fresh(), clock.now_ms, "eve")
    _, old = start(psk, keys.transport, fresh(), clock.now_ms - 3 * 3_600_000, "ada")

    async def answered(first: bytes) -> bool:
        stream = network.connect("bea", "ada")
        try:
            await stream.send_all(len(first).to_bytes(2, "big") + first)
            with trio.move_on_after(60):
                return bool(await stream.receive_some(1000))
        except trio.BrokenResourceError:
            pass
        finally:
            await trio.aclose_forcefully(stream)
        return False

    async with running([ada]):
        assert await answered(good)
        for first in (good, other_psk, elsewhere, old, b"", b"\x00" * 500):
            assert not await answered(first)
    ada.assembly.close()
    bea.assembly.close()


async def test_an_assembly_s_nodes_ignore_those_of_another(tmp_path, autojump_clock):
    network = MemoryNetwork()
    ada = Running("ada", founder(tmp_path, seed=1).assembly, network)
    zoe = Running("zoe", founder(tmp_path, seed=2, name="Other", person="Zoe").assembly, network)
    async with running([ada, zoe], {"zoe": ["ada"]}):
        await trio.sleep(20)
        (problem,) = zoe.node.peers()
        assert "without a word" in problem["problem"]
        assert ada.node.peers() == []
    ada.assembly.close()
    zoe.assembly.close()


async def test_a_withdrawn_ticket_opens_nothing_and_the_message_lists_what_it_may_be(tmp_path, autojump_clock):
    network, clock = MemoryNetwork(), Clock()
    ada = Running("ada", founder(tmp_path, clock=clock).assembly, network)
    async with running([ada]):
        bea = Running("bea", newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock).assembly, network)
        assert (await ada.do(membership.invite, withdraw=True)) == {"withdrawn": 1}
        records = ada.assembly.store.count(tables.Kept)
        async with running([bea]):
            await trio.sleep(20)
            problem = bea.node.peers()[0]["problem"]
            assert "withdrawn or expired" in problem
            assert (await bea.do(membership.whoami))["out"] == "turned-away"
            (told,) = (await bea.do(status.home))["pending"]
            assert "most likely your ticket was withdrawn" in told
            assert "`meshd join TICKET --as YOU`" in told
        assert ada.assembly.store.count(tables.Kept) == records
    ada.assembly.close()
    bea.assembly.close()


async def test_a_ticket_used_twice_shows_both_and_decides_between_none(tmp_path, autojump_clock):
    network, clock = MemoryNetwork(), Clock()
    ada = Running("ada", founder(tmp_path, clock=clock).assembly, network)
    async with running([ada]):
        bea = Running("bea", newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock).assembly, network)
        from dataclasses import replace

        from meshd.founding.opening import join
        from tests.worlds import world

        ticket = replace(bea.assembly.keys.ticket, addresses=("ada",))
        thief = Running("thief", join(tmp_path / "thief", ticket, "Eve", "pw", world=world(9, clock)), network)
        async with running([bea, thief]):
            await until(lambda: len(_roles(ada)) == 3)
            rows = [row for row in membership.members(ada.context, {}) if row["role"] == "applicant"]
            assert sorted(len(row["same_ticket_as"]) for row in rows) == [1, 1]
    for node in (ada, bea, thief):
        node.assembly.close()


async def test_a_newcomer_hands_in_her_own_records_and_nothing_else(tmp_path, autojump_clock):
    network, clock = MemoryNetwork(), Clock()
    ada = Running("ada", founder(tmp_path, clock=clock).assembly, network)
    async with running([ada]):
        bea = Running("bea", newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock).assembly, network)
        stranger = Author(ada.assembly.id, "Stranger", 5)
        give(bea.assembly, stranger.certify(), stranger.ballot(b"q" * 32))
        async with running([bea]):
            await until(lambda: "Bea" in _roles(ada))
            await trio.sleep(20)
            assert ada.assembly.store.get(tables.Chain, device=stranger.device.public, log=0) is None
            assert ada.assembly.store.count(tables.Chain) == 2
    ada.assembly.close()
    bea.assembly.close()


async def test_somebody_admitted_elsewhere_shows_who_she_is(tmp_path, autojump_clock):
    """Bea was let in on one island; a node of the other island, which never heard of her, learns it from her."""
    network, clock = MemoryNetwork(), Clock()
    (one, two), (dan,) = commune(tmp_path, ["Ada", "Cy", "Dan"], nodes=2, clock=clock)
    ada, cy = Running("ada", one, network), Running("cy", two, network)
    exchange(one, two)
    give(one, dan.certify())
    await network.part({"ada", "bea"}, {"cy"})
    async with running([ada, cy]):
        bea = Running("bea", newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock).assembly, network)
        async with running([bea]):
            await until(lambda: "Bea" in _roles(ada))
            (application,) = one.store.find(tables.Application)
            await ada.node.work(lambda: give(one, dan.write(Kind.VOUCH, Vouch(application.id, one.standing.head))))
            await ada.do(membership.vouch, person="Bea")
            await until(lambda: _roles(bea).get("Bea") == "observer")
            assert "Bea" not in _roles(cy)
            await network.part({"bea", "cy"}, {"ada"})
            bea.node.dial("cy")
            await until(equal([bea, cy]))
            assert _roles(cy)["Bea"] == "observer"
    for node in (ada, bea, cy):
        node.assembly.close()


@settings(max_examples=25)
@given(st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=4), st.booleans())
def test_garbage_before_and_after_the_handshake_harms_nobody(tmp_path_factory, chunks, after):
    """Bytes from Hypothesis, raw or inside good frames: the node goes on, and its log is as it was."""
    tmp_path = tmp_path_factory.mktemp("garbage")

    async def main() -> None:
        network = MemoryNetwork()
        ada, bea, _ = await _met(tmp_path, network, Clock())
        from meshd.assembly.access import my_psks
        from meshd.peers.link import LinkClosedError, greet

        before = ada.digest()
        async with running([ada]):
            connection = await network.transport("bea").dial("ada")
            try:
                if after:
                    bea.node._certificate = _certificate(bea)
                    link, _ = await greet(connection, my_psks(bea.assembly)[0], bea.node.introduction(), anybody)
                    for chunk in chunks:
                        await link.send(chunk)
                else:
                    for chunk in chunks:
                        await connection.stream.send_all(chunk)
            except (LinkClosedError, trio.BrokenResourceError):
                pass
            await trio.sleep(15)
            await trio.aclose_forcefully(connection.stream)
            await trio.sleep(15)
            assert ada.node.peers() == []
            assert ada.digest() == before
            await ada.do(proposing.propose, title="Still here")
        ada.assembly.close()
        bea.assembly.close()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_nodes_that_met_find_each_other_after_a_restart(tmp_path, autojump_clock):
    """An address that somebody answered at is remembered at once, and a ticket's when it has done its work."""
    clock, network = Clock(), MemoryNetwork()
    ada = Running("ada", founder(tmp_path, clock=clock).assembly, network)
    async with running([ada]):
        bea = Running("bea", newcomer(tmp_path, ada.context, "Bea", seed=2, clock=clock).assembly, network)
        async with running([bea]):
            await until(lambda: "Bea" in _roles(ada))
            await ada.do(membership.vouch, person="Bea")
            await until(lambda: _roles(bea).get("Bea") == "observer")
            await until(lambda: any("you are an observer of Bakery now" in note for note in bea.notes))
        assert {row.address for row in bea.assembly.store.find(tables.Peer)} == {"ada"}
        await ada.do(proposing.propose, title="While Bea was away")
        again = Running("bea", bea.assembly, network)
        async with running([again]):
            await until(equal([ada, again]))
    for node in (ada, bea):
        node.assembly.close()


@pytest.mark.parametrize("last", [1, 2])
async def test_who_is_removed_while_connected_hears_by_what(tmp_path, autojump_clock, last):
    """A founder has no ticket to come back with: the ballots that remove them reach them before the others hang up."""
    opened, _ = commune(tmp_path, ["Ada", "Bea", "Cy"], clock=Clock())
    exchange(*opened)
    network = MemoryNetwork()
    ada, bea, cy = nodes = [
        Running(name, each, network) for name, each in zip(["ada", "bea", "cy"], opened, strict=True)
    ]
    async with running(nodes, {"bea": ["ada"], "cy": ["ada", "bea"]}):
        await until(lambda: all(sum(row["state"] != "away" for row in each.node.peers()) == 2 for each in nodes))
        first, second = (bea, cy) if last == 2 else (cy, bea)
        made = await first.do(rosters.remove, person="Ada", reason="They sold the oven")
        await until(lambda: second.assembly.store.get(tables.Proposal, id=bytes_of(made["id"])) is not None)
        await second.do(voting.vote, id=made["id"], choices=["yes"])
        await until(lambda: all(row["state"] == "away" for row in ada.node.peers()))
        await trio.sleep(5)
        assert out(ada.context) == Out.REMOVED
        await second.do(talk.say, text="for those who are in")
        await until(equal([first, second]))
        assert not ada.assembly.store.find(tables.Message)
    for each in opened:
        each.close()


async def test_who_was_removed_meanwhile_is_told_what_it_may_be(tmp_path, autojump_clock):
    """Others have another network key, and can't be asked anything: it is on the home screen that they hang up."""
    clock = Clock()
    opened, _ = commune(tmp_path, ["Ada", "Bea", "Cy"], clock=clock)
    exchange(*opened)
    network = MemoryNetwork()
    ada, bea, cy = (Running(name, each, network) for name, each in zip(["ada", "bea", "cy"], opened, strict=True))
    made = rosters.remove(bea.context, {"person": "Ada", "reason": "They sold the oven"})
    exchange(*opened[1:])
    voting.vote(cy.context, {"id": made["id"], "choices": ["yes"]})
    exchange(*opened[1:])
    words = "Whoever answers hangs up on this node"
    async with running([ada, bea, cy], {"ada": ["bea", "nowhere"], "cy": ["bea"]}):
        await until(lambda: any(words in each for each in status.status(ada.context, {})["pending"]))
        assert out(ada.context) is None
        request = Request("say", {"text": "hello"}, None)
        said = await ada.node.work(lambda context=ada.context: finish(dispatch.answer(context, request)))
        assert (said["sent"], said["shunned"]) == (False, True)
        assert not any(words in each for each in status.status(bea.context, {})["pending"])
    assert not any(words in each for each in status.status(Context(opened[0]), {})["pending"])
    for each in opened:
        each.close()


async def test_who_was_removed_is_sent_nothing_of_what_came_in_bulk(tmp_path, autojump_clock):
    """A node that hears late of a removal hears of more that was said since: that is for those who are in."""
    opened, _ = commune(tmp_path, ["Ada", "Bea", *"CDEFG"], clock=Clock())
    exchange(*opened)
    network = MemoryNetwork()
    ada, bea, cy, *others = (Running(f"n{number}", each, network) for number, each in enumerate(opened))
    made = rosters.remove(cy.context, {"person": "Ada", "reason": "They sold the oven"})
    exchange(*opened[2:])
    for each in others:
        voting.vote(each.context, {"id": made["id"], "choices": ["yes"]})
        exchange(*opened[2:])
    talk.say(cy.context, {"text": "for those who are in"})
    assert Context(cy.assembly).state().members.isdisjoint({ada.assembly.keys.member_public})
    async with running([ada, bea, cy], {"n0": ["n1"]}):
        await until(lambda: any(row["state"] == "in step" for row in ada.node.peers()))
        cy.node.dial("n1")
        await until(lambda: bool(bea.assembly.store.find(tables.Message)))
        await until(lambda: all(row["state"] == "away" for row in ada.node.peers()))
        assert not ada.assembly.store.find(tables.Message)
        assert not ada.assembly.store.find(tables.Ballot)
    for each in opened:
        each.close()
