"""Much at once from several peers: one copy of each record, and nobody can keep the others waiting for long."""

import random

import pytest
import trio
import trio.testing

from meshd.assembly import survey
from meshd.assembly.survey import Span
from meshd.peers.bulk import Bulk
from meshd.peers.outbox import Out, Outbox, Rank, without
from meshd.transports.memory import MemoryNetwork
from meshd_protocol import limits
from meshd_protocol.bodies.talk import Message
from meshd_protocol.kinds import Kind
from meshd_protocol.sync import messages
from meshd_protocol.sync.framing import Lane
from meshd_protocol.sync.frontier import Claim, mark
from meshd_protocol.sync.messages import read_message, write_message
from tests.endtoend.harness import LaggingNetwork, Running, equal, running, until
from tests.endtoend.test_hostile import EVERYTHING, greeted, heard
from tests.worlds import commune, exchange, give

MUCH = limits.UNASKED + 200


def _chatter(authors, count):
    """That many messages, in the chains of several."""
    for number in range(count):
        author = authors[number % len(authors)]
        yield author.write(Kind.MESSAGE, Message(bytes(16), "general", f"message {number}"))


def _go(said):
    """Whether a Go is among messages. (As tuples, all that have no parts are equal.)"""
    return any(isinstance(each, messages.Go) for each in said)


@pytest.fixture
def full(tmp_path):
    """A new node and three that have much, all of one assembly."""
    (new, *others), authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan", "Eve", "Flo", "Gil"], nodes=4)
    exchange(new, *others)
    records = [author.certify() for author in authors] + list(_chatter(authors, MUCH))
    for assembly in others:
        give(assembly, *records)
    network = MemoryNetwork()
    yield (
        [Running(name, each, network) for name, each in zip(("ada", "bea", "cy", "dan"), (new, *others), strict=True)],
        network,
    )
    for assembly in (new, *others):
        assembly.close()


@pytest.mark.parametrize("dialled", [True, False])
async def test_of_three_that_have_the_same_one_sends_it(full, autojump_clock, dialled):
    nodes, _ = full
    ada, *others = nodes
    names = [each.name for each in others]
    connect = {"ada": names} if dialled else {name: ["ada"] for name in names}
    begun = trio.current_time()
    async with running([*others, ada] if dialled else nodes, connect):
        await until(equal(nodes), 30)
        await until(lambda: [peer["state"] for peer in ada.node.peers()] == ["in step"] * 3, 60)
        assert trio.current_time() - begun < limits.GO_SECONDS, "the others wait for the one, not for the time"
        sent = [sum(peer["records_out"] for peer in each.node.peers()) for each in others]
        assert sorted(sent) == [0, 0, MUCH + 3]
        assert {peer["problem"] for peer in ada.node.peers()} == {None}


async def test_much_comes_again_and_again_in_one_session(tmp_path, autojump_clock):
    """Beyond the day's pace, so that comparisons bring it: each has its own Go."""
    (one, two), authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=2)
    exchange(one, two)
    give(one, *(author.certify() for author in authors))
    network = MemoryNetwork()
    nodes = [Running("ada", one, network), Running("bea", two, network)]
    async with running(nodes, {"bea": ["ada"]}):
        for _ in range(4):
            records = list(_chatter(authors, 2 * limits.LIVE_RECORDS + 2 * MUCH))
            await nodes[0].node.work(lambda records=records: give(one, *records))
            await until(equal(nodes), 100)
        assert not any("gone" in note for node in nodes for note in node.notes)
    one.close()
    two.close()


async def test_who_states_much_and_sends_nothing_keeps_others_waiting_for_seconds(full, autojump_clock):
    (ada, bea, cy, dan), network = full
    async with running([ada, bea]):
        hostile = await greeted(cy, network)
        await hostile.send(write_message(messages.Sending(10**6, 10**9)))
        begun = trio.current_time()
        assert _go(await heard(hostile, 2)), "the first one's turn comes at once"
        bea.node.dial("ada")
        await until(lambda: any(peer["problem"] == "others send to it first" for peer in bea.node.peers()))
        assert "it waits until another peer has sent what it has" in {peer["problem"] for peer in ada.node.peers()}
        await until(equal([ada, bea]))
        assert limits.GO_SECONDS < trio.current_time() - begun < limits.GO_SECONDS + 2


async def test_when_the_one_goes_away_the_next_goes_on(full, autojump_clock):
    (ada, bea, cy, dan), network = full
    async with running([ada, bea]):
        other = await greeted(cy, network)
        await other.send(write_message(messages.Sending(10**6, 10**9)))
        await heard(other, 2)
        bea.node.dial("ada")
        await until(lambda: any(peer["problem"] == "others send to it first" for peer in bea.node.peers()))
        begun = trio.current_time()
        await other.aclose()
        await until(equal([ada, bea]))
        assert trio.current_time() - begun < 2


async def test_nothing_of_much_comes_before_its_go_and_a_go_for_nothing_is_nothing(full, autojump_clock):
    (ada, bea, *_), network = full
    bea.name = "ada"
    async with running([Running("ada", bea.assembly, network)]):
        link = await greeted(ada, network)
        await link.send(write_message(messages.Go()))
        await link.send(write_message(EVERYTHING))
        said = await heard(link, 20)
        assert any(isinstance(each, messages.Sending) and each.records > limits.UNASKED for each in said)
        assert not any(isinstance(each, messages.Records | messages.Done) for each in said)
        await link.send(write_message(messages.Go()))
        records = 0
        with trio.fail_after(20):
            while not isinstance(message := read_message(await link.receive()), messages.Done):
                records += len(message.batch) if isinstance(message, messages.Records) else 0
        assert records > MUCH


def test_claims_that_are_like_ours_are_left_out_and_no_others(full):
    (_, bea, *_), _ = full
    assembly, key = bea.assembly, b"k" * 32
    chain = next(head for head in survey.heads(assembly) if head.log == 1)
    device, log, seq = chain.device, chain.log, chain.seq
    before = survey.id_at(assembly, (device, log), seq - 3)

    def there(seq, identity, log=log):
        return survey.hear(assembly, [Claim(device, log, seq, mark(key, identity))], key).there

    assert there(seq, chain.id) == {(device, log): seq}
    assert there(seq - 3, before) == {(device, log): seq - 3}
    assert there(seq - 2, before) == {}
    assert there(seq + 1, chain.id) == {}
    assert there(seq, chain.id, log=2) == {}
    assert there(None, chain.id) == {}


def test_what_is_left_out_of_a_span():
    one, two = (b"1" * 32, 1), (b"2" * 32, 1)
    whole = Out(Span(one, 3, survey.END), pushed=False)
    assert without(whole, {one: 9}).span.start == 10
    assert without(whole, {one: 1}) == whole
    assert without(whole, {two: 9}) == whole
    for kept in (whole._replace(pushed=True), Out(Span(one, 3, 20, frozenset({b"x"})), pushed=False)):
        assert without(kept, {one: 9}) == kept


async def test_what_waits_is_left_out_and_what_is_put_anew_is_not():
    chain = (b"1" * 32, 1)
    whole = Out(Span(chain, 3, survey.END), pushed=False)
    outbox = Outbox()
    outbox.put(Rank.TALK, whole)
    outbox.put(Rank.DONE, messages.Done())
    outbox.leave_out({chain: 9})
    assert await outbox.next(Lane.BULK) == (Rank.TALK, without(whole, {chain: 9}))
    outbox.put(Rank.TALK, whole)
    assert await outbox.next(Lane.BULK) == (Rank.TALK, whole), "a comparison found it shorter: it may have lost its log"
    assert await outbox.next(Lane.BULK) == (Rank.DONE, messages.Done())


async def test_turns_are_not_waited_for_twice(autojump_clock):
    bulk = Bulk()
    await bulk.turn("hostile")
    begun = trio.current_time()
    await bulk.turn("honest")
    assert trio.current_time() - begun == limits.GO_SECONDS
    await bulk.turn("honest")
    assert trio.current_time() - begun == limits.GO_SECONDS, "it is its turn already"
    bulk.over("honest")
    bulk.over("hostile")
    await bulk.turn("third")
    assert trio.current_time() - begun == limits.GO_SECONDS


async def test_of_those_who_wait_one_is_let_go_at_a_time(autojump_clock, nursery):
    """A sender that fell silent does not bring all the others at once."""
    bulk, turns = Bulk(), list[tuple[float, str]]()
    await bulk.turn("silent")

    async def wait(name: str) -> None:
        await bulk.turn(name)
        turns.append((trio.current_time(), name))

    for name in ("one", "two", "three"):
        nursery.start_soon(wait, name)
        await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(limits.GO_SECONDS + 1)
    assert turns == [(limits.GO_SECONDS, "one")]
    bulk.over("one")
    await trio.testing.wait_all_tasks_blocked()
    assert turns[1:] == [(limits.GO_SECONDS + 1, "two")], "the silent one holds up nobody twice"
    await trio.sleep(limits.GO_SECONDS + 1)
    assert [name for _, name in turns] == ["one", "two", "three"]


async def test_who_is_done_without_what_it_stated_holds_up_nobody(full, autojump_clock):
    (ada, bea, cy, dan), network = full
    async with running([ada, bea]):
        first = await greeted(cy, network)
        await first.send(write_message(messages.Sending(10**6, 10**9)))
        await heard(first, 2)
        second = await greeted(dan, network)
        await second.send(write_message(EVERYTHING))
        await second.send(write_message(messages.Sending(10**6, 10**9)))
        await second.send(write_message(messages.Done()))
        assert not _go(await heard(second, 2 * limits.GO_SECONDS))
        await first.aclose()
        begun = trio.current_time()
        bea.node.dial("ada")
        await until(equal([ada, bea]))
        assert trio.current_time() - begun < 2


@pytest.mark.parametrize(("count", "writers"), [(3000, 2), (900, 1), (700, 40)])
async def test_who_comes_back_with_much_costs_one_copy_each(tmp_path, autojump_clock, count, writers):
    """Four in a room, and a fifth who was away and meets two of them: everything comes to each about once."""
    names = [f"n{number}" for number in range(5)]
    assemblies, authors = commune(tmp_path, [*names, *(f"X{n}" for n in range(writers))], nodes=5)
    exchange(*assemblies)
    for assembly in assemblies:
        give(assembly, *(author.heads.get(0) or author.certify() for author in authors))
    network = MemoryNetwork()
    nodes = [Running(name, each, network) for name, each in zip(names, assemblies, strict=True)]
    away = nodes[0]
    async with running(nodes, {name: [other for other in names[1:] if other < name] for name in names[1:]}):
        await until(lambda: all(each["state"] == "in step" for node in nodes[1:] for each in node.node.peers()))
        await away.node.work(lambda: give(away.assembly, *_chatter(authors, count)))
        for name in names[1:3]:
            away.node.dial(name)
        await until(equal(nodes))
        await trio.sleep(60)
        out = sum(each["records_out"] for node in nodes for each in node.node.peers())
        assert 4 * count <= out < 1.35 * 4 * count
    for assembly in assemblies:
        assembly.close()


@pytest.mark.parametrize("seed", range(6))
async def test_random_logs_become_one_and_nobody_is_left_waiting(tmp_path, autojump_clock, monkeypatch, seed):
    """Some nodes with some beginnings of some chains, forks among them, and what is written meanwhile."""
    rng = random.Random(seed)
    monkeypatch.setattr(limits, "UNASKED", 40)
    names = [f"n{number}" for number in range(rng.randint(2, 5))]
    assemblies, authors = commune(tmp_path, [*names, *(f"X{n}" for n in range(10))], nodes=len(names), seed=seed + 1)
    exchange(*assemblies)
    certificates = [author.certify() for author in authors]
    chains = [list(_chatter([author], rng.randint(2, 60))) for author in authors]
    for author, chain in zip(authors, list(chains), strict=True):
        if rng.random() < 0.3:
            at = rng.randrange(len(chain))
            rival = author.fork().write(Kind.MESSAGE, Message(bytes(16), "general", "a fork"), after=chain[at])
            chains.append([*chain[: at + 1], rival])
    for assembly in assemblies:
        give(assembly, *certificates, *(each for chain in chains for each in chain[: rng.randint(0, len(chain))]))
    network = LaggingNetwork(rng)
    nodes = [Running(name, each, network) for name, each in zip(names, assemblies, strict=True)]
    connect = {name: [other for other in names if other < name] for name in names}
    async with running(nodes, connect):
        for _ in range(rng.randint(0, 5)):
            await trio.sleep(3 * rng.random())
            node, author = rng.choice(nodes), rng.choice(authors)
            late = list(_chatter([author], rng.choice([1, 60])))
            await node.node.work(lambda node=node, late=late: give(node.assembly, *late))
        await until(equal(nodes))
        await until(
            lambda: all((each["state"], each["problem"]) == ("in step", None) for n in nodes for each in n.node.peers())
        )
        assert not any(node.node.bulk._senders for node in nodes)
        assert not any("defect" in note for node in nodes for note in node.notes)
    for assembly in assemblies:
        assembly.close()
