"""Peers that mean harm: what a guest, an unknown, an expelled and a greedy peer may do, each found once and kept."""

import socket
from contextlib import suppress
from dataclasses import replace

import pytest
import trio
import trio.testing

from meshd.assembly import survey
from meshd.assembly.access import is_open, my_psks
from meshd.errors import NodeError
from meshd.home import LOG
from meshd.peers.link import Link, LinkClosedError, greet
from meshd.service import listing, membership, proposing, status, talk, voting
from meshd.service.context import Context
from meshd.store import tables
from meshd.store.api import DiskFullError
from meshd.store.sqlite import SqliteStore
from meshd.transports.memory import MemoryNetwork
from meshd.upkeep.caretaker import ready_to_pin
from meshd_crypto.hashing import digest
from meshd_crypto.identity import ExchangeKey
from meshd_crypto.noise import CipherState
from meshd_protocol import limits
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.membership import Certificate, Invitation, Revocation
from meshd_protocol.bodies.talk import Message
from meshd_protocol.errors import SessionError
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from meshd_protocol.records import encode_record, wire
from meshd_protocol.sync import messages, reconcile
from meshd_protocol.sync.frontier import Claim
from meshd_protocol.sync.greeting import start
from meshd_protocol.sync.messages import read_message, write_message
from tests.endtoend.harness import Running, anybody, equal, running, until
from tests.endtoend.test_nodes import _certificate, _roles
from tests.worlds import Author, Clock, commune, exchange, founder, give, newcomer, propose, state_of

HELLO = messages.Hello((messages.VERSION,), (), b"n" * 16, bytes(32), 0, ())
EVERYTHING = messages.Compare((reconcile.Claims("", (), False),), False)
"""The whole log, please."""


async def call(node: Running, name: str, network: MemoryNetwork) -> Link:
    """A handshake by a node's keys, whose session a test then speaks by hand."""
    connection = await network.transport(node.name).dial(name)
    node.node._certificate = _certificate(node)
    link, _ = await greet(connection, my_psks(node.assembly)[0], node.node.introduction(), anybody)
    return link


async def greeted(node: Running, network: MemoryNetwork) -> Link:
    link = await call(node, "ada", network)
    await link.send(write_message(HELLO))
    return link


async def heard(link: Link, seconds: float = 5) -> list[messages.Message]:
    """Everything that the far end says within some time."""
    found: list[messages.Message] = []
    with trio.move_on_after(seconds):
        try:
            while True:
                found.append(read_message(await link.receive()))
        except (LinkClosedError, SessionError):
            pass
    return found


@pytest.fixture
def guest(tmp_path):
    """Ada's node with something secret in it, and Eve, who holds a ticket and nothing else."""
    clock, network = Clock(), MemoryNetwork()
    ada = Running("ada", founder(tmp_path, clock=clock).assembly, network)
    propose(ada.context, "A secret proposal")
    eve = Running("eve", newcomer(tmp_path, ada.context, "Eve", seed=2, clock=clock).assembly, network)
    yield ada, eve, network
    for node in (ada, eve):
        node.assembly.close()


async def test_a_lost_ticket_reads_nothing(guest, autojump_clock):
    ada, eve, network = guest
    async with running([ada]):
        link = await call(eve, "ada", network)
        for asked in (messages.Wait(everything=False), messages.Wait(everything=True)) * 20:
            await link.send(write_message(asked))
        assert all(isinstance(said, messages.Wait) for said in await heard(link))
        for asking in (
            messages.Compare((), False),
            messages.Digest(bytes(32)),
            messages.Want((ada.assembly.id,)),
            messages.Listing(ada.assembly.keys.device.public, 0, (), False),
        ):
            link = await call(eve, "ada", network)
            await link.send(write_message(HELLO))
            await link.send(write_message(asking))
            assert all(isinstance(said, messages.Wait) for said in await heard(link))


async def test_a_guest_hands_in_an_application_and_no_more(guest, autojump_clock):
    ada, eve, network = guest
    device = Author(ada.assembly.id, "Eve", 1)
    device.device = eve.assembly.keys.device
    own, _ = survey.load(eve.assembly, survey.own_records(eve.assembly)[0])
    from meshd_protocol.records import decode_record

    device.heads[0] = decode_record(eve.assembly.id, own[0])
    forked = [
        wire(device.fork().write(Kind.PROPOSAL, Proposal(bytes(32), "significant", f"Spam {n}"))) for n in range(100)
    ]
    before = ada.assembly.store.count(tables.Kept)
    async with running([ada]):
        link = await greeted(eve, network)
        await link.send(write_message(messages.Records(tuple(own))))
        for batch in messages.batches(forked, 60_000):
            await link.send(write_message(messages.Records(batch)))
        await heard(link)
        assert ada.assembly.store.count(tables.Kept) == before + 2
        assert len(listing.list_(ada.context, {})) == 1
        link = await greeted(eve, network)
        for _ in range(6):
            await link.send(write_message(messages.Records(tuple(own))))
        await until(lambda: any("more than an application" in note for note in ada.notes))


async def test_an_outsider_with_the_network_key_is_limited(guest, autojump_clock):
    """Unknown, with a key that leaked: log 0 alone, and no more than a few megabytes of it."""
    ada, eve, network = guest
    eve.assembly.add_network_keys(list(ada.assembly.keys.network))
    strangers = [Author(ada.assembly.id, f"S{n}", 100 + n) for n in range(5)]
    talking = [wire(each.write(Kind.MESSAGE, Message(b"s" * 16, "general", "spam"))) for each in strangers]
    async with running([ada]):
        link = await greeted(eve, network)
        await link.send(write_message(messages.Records(tuple(talking))))
        await heard(link)
        assert talk.read(ada.context, {}) == []
        link = await greeted(eve, network)
        try:
            for n in range(600):
                record = strangers[0].write(Kind.PROPOSAL, Proposal(bytes(32), "significant", f"{n}", "x" * 12_000))
                await link.send(write_message(messages.Records((wire(record),))))
        except LinkClosedError:
            pass
        await until(lambda: any("nothing that lets it in" in note for note in ada.notes))


async def test_a_greedy_peer_is_dropped(pair, autojump_clock):
    """Requests for bodies without reading the answers cost a few requests, not half a gigabyte."""
    ada, bea, network = pair
    async with running([ada]):
        link = await call(bea, "ada", network)
        await link.send(write_message(HELLO._replace(digest=survey.digest(ada.assembly))))
        wanted = write_message(messages.Want((ada.assembly.id,) * 128))
        with pytest.raises(LinkClosedError):
            for _ in range(5000):
                await link.send(wanted)
        await until(lambda: any("more than it takes" in note for note in ada.notes))


async def test_nobody_revokes_another_s_device(tmp_path, autojump_clock):
    (one, two), (cy,) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=2)
    exchange(one, two)
    device = one.keys.device.public
    attack = Revocation(member=cy.member.public, device=device, good=(0, 0, 0)).signed_by(cy.member, one.id)
    records = [cy.certify(), cy.write(Kind.REVOCATION, attack)]
    for assembly in (one, two):
        give(assembly, *records)
        assert assembly.standing.state.revoked == {}
        assert assembly.standing.rosters.take(assembly.standing.head, [records[1].id]) == frozenset()
    question = propose(Context(one))
    voting.vote(Context(one), {"id": text_of(question), "choices": ["yes"]})
    assert state_of(Context(one), question)["seen"] == 1
    one.close()
    two.close()


async def test_vouches_that_arrive_one_by_one_let_everybody_see_the_same(tmp_path, autojump_clock):
    """A roster step that was looked at while one of its vouches was missing takes effect when that arrives."""
    (one, two, three), _ = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=3)
    exchange(one, two, three)
    eve = newcomer(tmp_path, Context(one), "Eve", seed=9)
    exchange(one, two, eve.assembly)
    membership.vouch(Context(one), {"person": "Eve"})
    exchange(one, two)
    membership.vouch(Context(two), {"person": "Eve"})
    exchange(one, two)
    everything = [encode_record(e.header, e.signature, e.body) for batch in two.store.walk() for e in batch]
    from meshd_protocol.chains import Waiting

    chains: dict[bytes, list[bytes]] = {}
    from meshd_protocol.records import decode_record

    for data in everything:
        chains.setdefault(decode_record(one.id, data).device, []).append(data)
    waiting = Waiting()
    three.keys = replace(three.keys, member_public=bytes(32))  # somebody whose node writes no roster by itself
    for device in (two.keys.device.public, one.keys.device.public, eve.assembly.keys.device.public):
        three.receive(chains[device], waiting)
    assert three.standing.head == two.standing.head
    assert eve.context.me in three.standing.state.observers
    for assembly in (one, two, three, eve.assembly):
        assembly.close()


async def test_a_full_disk_ends_sessions_and_not_the_node(tmp_path, autojump_clock):
    (one, two), _ = commune(tmp_path, ["Ada", "Bea"], nodes=2)
    network = MemoryNetwork()
    free = [1 << 40]
    one.world = replace(one.world, free_disk=lambda _: free[0])
    ada, bea = Running("ada", one, network), Running("bea", two, network)
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(equal([ada, bea]))
        free[0] = (64 << 20) - 1
        before = one.store.count(tables.Kept)
        await bea.do(proposing.propose, title="While the disk is full")
        await trio.sleep(60)
        assert one.store.count(tables.Kept) == before
        assert any("nearly full" in note for note in ada.notes)
        await ada.do(proposing.propose, title="One's own still fits")
        free[0] = (8 << 20) - 1
        with pytest.raises(NodeError, match="nearly full"):
            await ada.do(proposing.propose, title="Nothing fits")
        assert len(listing.list_(ada.context, {})) == 1
        free[0] = 1 << 40
        await until(equal([ada, bea]))
    one.close()
    two.close()


@pytest.mark.parametrize("about", ["nobody's chains", "the honest one's chain", "many chains"])
async def test_who_lies_of_what_she_has_keeps_no_other_s_news_away(tmp_path, autojump_clock, about):
    """Cy tells Ada over and over of chains that are not there: Bea, who tells of something new, is asked for it."""
    assemblies, _ = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"])
    exchange(*assemblies)
    network = MemoryNetwork()
    nodes = [Running(name, each, network) for name, each in zip(("ada", "bea", "cy", "dan"), assemblies, strict=True)]
    ada, bea, cy, _ = nodes
    device = bea.assembly.keys.device.public
    lies = {
        "nobody's chains": [(b"x" * 32, 10**9), (b"y" * 32, 10**9)],
        "the honest one's chain": [(device, 10**9), (device, 10**9 + 1)],
        "many chains": [(digest(bytes([n // 256, n % 256])), 0) for n in range(1_200)],
    }[about]
    claims = [Claim(each, 0, seq, b"m" * 8) for each, seq in lies]
    running_ones = [nodes[0], nodes[1], nodes[3]]
    async with running(running_ones, {"bea": ["dan"]}), trio.open_nursery() as nursery:
        await trio.sleep(1)  # Bea's eager link is that to Dan
        link = await call(cy, "ada", network)
        await link.send(write_message(HELLO._replace(digest=ada.digest())))
        nursery.start_soon(heard, link, 1000)
        await trio.sleep(1)  # and Ada's is that to Cy
        bea.node.dial("ada")
        await until(lambda: len(ada.node.peers()) == 2)
        await trio.sleep(1)
        assert [peer["eager"] for peer in bea.node.peers() if peer["address"] == "ada"] == [False]

        async def lie() -> None:
            while True:
                for message in messages.have_messages(claims):
                    await link.send(write_message(message))
                await trio.sleep(0.2)

        nursery.start_soon(lie)
        for title in ("First", "Second", "Third"):
            begun = trio.current_time()
            bea.node._peers[-1].steer(False)  # over an eager link it would be pushed
            await bea.do(proposing.propose, title=title)
            await until(equal([ada, bea]))
            assert trio.current_time() - begun < 3, "told, asked for and sent: a second or two"
        nursery.cancel_scope.cancel()
    for assembly in assemblies:
        assembly.close()


@pytest.mark.parametrize("asking", ["chains", "digests"])
async def test_a_peer_that_asks_and_does_not_read_is_dropped(pair, autojump_clock, asking):
    ada, bea, network = pair
    async with running([ada]):
        link = await greeted(bea, network)
        await trio.sleep(1)
        (_, _, (_, far)) = network._links[-1]
        far.send_stream.send_all_hook = trio.sleep_forever  # a memory stream would hold all that nobody reads
        chains = messages.Ask(((ada.assembly.keys.device.public, 0, 0),))
        data = write_message(chains if asking == "chains" else messages.Digest(b"x" * 32))
        with pytest.raises(LinkClosedError):
            for _ in range(5000):
                await link.send(data)
        await until(lambda: any("more than it takes" in note for note in ada.notes))


async def test_a_defect_ends_a_session_and_not_the_node(pair, autojump_clock, monkeypatch):
    ada, bea, _ = pair
    with monkeypatch.context() as patch:
        patch.setattr(ada.assembly, "take", lambda *_: 1 / 0)
        async with running([ada, bea], {"bea": ["ada"]}):
            await until(lambda: any("a defect of meshd" in note for note in ada.notes))
            patch.undo()
            await until(equal([ada, bea]))


async def test_two_addresses_of_one_node_make_one_session(pair, autojump_clock):
    ada, bea, network = pair
    real = network.connect
    network.connect = lambda caller, name: real(caller, "ada" if name == "alias" else name)
    bea.node._transport.dial = _as(bea.node._transport.dial)
    async with running([ada, bea], {"bea": ["ada", "alias"]}):
        await until(equal([ada, bea]))
        await trio.sleep(120)
        met = len(ada.notes)
        assert met <= 3, "the two calls may have crossed once"
        await trio.sleep(600)
        assert len(ada.notes) == met, "after that nobody hangs up"
        assert {peer["state"] for peer in bea.node.peers()} == {"in step"}


def _as(dial):
    async def dialled(address):
        return (await dial(address))._replace(remote="ada")

    return dialled


async def test_another_member_s_certificate_for_a_device_cuts_nobody(tmp_path, autojump_clock):
    """Eve names Bea's device in a certificate of her own: Bea's session stays."""
    clock, network = Clock(), MemoryNetwork()
    (one, two), _ = commune(tmp_path, ["Ada", "Bea"], nodes=2, clock=clock)
    exchange(one, two)
    ada, bea = Running("ada", one, network), Running("bea", two, network)
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(equal([ada, bea]))
        eve = Running("eve", newcomer(tmp_path, ada.context, "Eve", seed=7, clock=clock).assembly, network)
        forged = Author(one.id, "Eve", 5).certificate(
            device=two.keys.device.public, transport=eve.assembly.keys.transport.public
        )
        connection = await network.transport("eve").dial("ada")
        eve.node._certificate = forged.write()
        await greet(connection, my_psks(eve.assembly)[0], eve.node.introduction(), anybody)
        await trio.sleep(20)
        assert not any("gone: Bea" in note for note in ada.notes)
    for assembly in (one, two, eve.assembly):
        assembly.close()


async def test_an_expelled_member_is_hung_up_on(tmp_path, autojump_clock):
    """By whatever batch the head moves: here a ballot completes the removal, after its roster record."""
    (one, two), (cy, dan) = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=2)
    network = MemoryNetwork()
    exchange(one, two)
    give(one, cy.certify(), dan.certify())
    ada, bea = Running("ada", one, network), Running("bea", two, network)
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(equal([ada, bea]))
        motion = cy.remove(one.standing.head, two.keys.member_public)
        from meshd_protocol.bodies.membership import RosterStep

        await ada.node.work(lambda: give(one, motion, dan.ballot(motion.id), cy.ballot(motion.id)))
        step = cy.write(Kind.ROSTER, RosterStep(one.standing.head, (motion.id,)))
        await ada.node.work(lambda: give(one, step))
        assert "Bea" in {row["person"] for row in membership.members(ada.context, {}) if row["role"] == "member"}
        await ada.do(voting.vote, id=text_of(motion.id), choices=["yes"])
        assert two.keys.member_public in one.standing.state.removed
        await until(lambda: any("not in the roster any more" in note for note in ada.notes))
        await trio.sleep(100)
        assert not any(peer["state"] != "away" for peer in ada.node.peers())
    one.close()
    two.close()


async def test_missing_texts_are_asked_for_even_where_frontiers_are_equal(tmp_path, autojump_clock):
    from meshd_protocol.chains import Waiting

    (one, two), (cy,) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=2)
    network = MemoryNetwork()
    exchange(one, two)
    message = cy.write(Kind.MESSAGE, Message(b"s" * 16, "general", "hello"))
    give(one, cy.certify(), message)
    exchange(one, two)
    give(one, *[])
    later = cy.write(Kind.MESSAGE, Message(b"t" * 16, "general", "again"))
    give(one, later)
    two.receive([encode_record(later.header, later.signature, None)], Waiting())
    assert survey.digest(one) == survey.digest(two)
    ada, bea = Running("ada", one, network), Running("bea", two, network)
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(lambda: len(talk.read(bea.context, {})) == 2)
    one.close()
    two.close()


def test_a_crafted_invitation_stops_no_import(tmp_path):
    from meshd.sneakernet import join as joining
    from meshd_crypto.hashing import derive
    from meshd_crypto.sealing import lock
    from meshd_protocol import contexts
    from meshd_protocol.bundle import join_folder

    (one,), (cy,) = commune(tmp_path, ["Ada", "Cy"], nodes=1)
    key = one.keys.network[0].secret
    box = lock(derive(key, contexts.INVITATION), b"p" * 80, one.id + b"k" * 32, one.world.entropy)
    body = Invitation(b"k" * 32, derive(key, contexts.KEY_NAME)[:8], box, 2**50)
    give(one, cy.certify(), cy.write(Kind.INVITATION, body))
    folder = tmp_path / "stick" / "meshd" / "join" / join_folder(b"k" * 32)
    folder.mkdir(parents=True)
    (folder / "application").write_bytes(b"x" * 100)
    assert joining.read_applications(one, tmp_path / "stick") == ([], 0, [])
    one.close()


def test_a_forked_twin_stops_this_device(tmp_path):
    """A fork below our own head is proof enough."""
    from tests.endtoend.test_real_input import _twin_of

    (one,), _ = commune(tmp_path, ["Ada"], nodes=1)
    node = Running("ada", one, MemoryNetwork())
    propose(node.context)
    propose(node.context)
    give(one, _twin_of(node).ballot(b"q" * 32))
    with pytest.raises(NodeError, match="used elsewhere"):
        talk.say(node.context, {"text": "hello"})
    one.close()


def test_roles_are_shown_to_those_who_read(tmp_path):
    (one,), (cy,) = commune(tmp_path, ["Ada", "Cy"], nodes=1)
    stranger = Author(one.id, "Stranger", 60)
    give(one, stranger.certify(), stranger.write(Kind.MESSAGE, Message(b"s" * 16, "general", "hi")))
    give(one, cy.certify(), cy.write(Kind.MESSAGE, Message(b"s" * 16, "general", "hello")))
    assert [row["role"] for row in talk.read(Context(one), {})] == ["applicant", "member"]
    assert _roles(Running("ada", one, MemoryNetwork()))["Ada"] == "member"
    one.close()


async def test_a_low_order_key_stops_no_node(guest, autojump_clock):
    """The holder of a ticket sends an ephemeral key of low order: our answer can't be made, and nothing else happens."""
    ada, eve, network = guest
    psk = my_psks(eve.assembly)[0]
    async with running([ada]):
        now = ada.assembly.world.clock()
        _, first = start(psk, eve.assembly.keys.transport, ExchangeKey(b"x" * 32, bytes(32)), now, "ada")
        stream = network.connect("eve", "ada")
        await stream.send_all(len(first).to_bytes(2, "big") + first)
        with trio.move_on_after(20):
            assert not await stream.receive_some(100)
        async with running([eve], {"eve": ["ada"]}):
            await until(lambda: "Eve" in _roles(ada))


async def test_strangers_do_not_fill_the_house(guest, autojump_clock):
    """Silent connections: some from one place, a few more from anywhere, each for ten seconds and no longer."""
    ada, _, network = guest
    async with running([ada]):
        begun = trio.current_time()
        crowd = [network.connect("crowd", "ada") for _ in range(limits.UNAUTHENTICATED_PER_ADDRESS)]
        await trio.sleep(0.1)
        with trio.fail_after(1):
            assert await network.connect("crowd", "ada").receive_some(1) == b"", "one more from there is turned away"
        others = [network.connect(f"other{n}", "ada") for n in range(limits.UNAUTHENTICATED - len(crowd))]
        await trio.sleep(0.1)
        with trio.fail_after(1):
            assert await network.connect("late", "ada").receive_some(1) == b"", "and one more from anywhere"
        for stream in [*crowd, *others]:
            assert await stream.receive_some(1) == b""
        assert trio.current_time() - begun == pytest.approx(limits.HANDSHAKE_SECONDS, abs=1)
        long = network.connect("crowd", "ada")
        await long.send_all((2000).to_bytes(2, "big"))
        with trio.fail_after(1):
            assert await long.receive_some(1) == b"", "a handshake has no frames of that size"


async def test_a_peer_that_takes_nothing_is_dropped(autojump_clock):
    """A link to somebody who stops reading: sending ends after the idle time instead of waiting for ever."""
    near, far = trio.testing.lockstep_stream_pair()
    link = Link(near, b"", CipherState(b"k" * 32), CipherState(b"k" * 32))
    with pytest.raises(SessionError, match="takes nothing"):
        while True:
            await link.send(b"x" * 60_000)
    await far.aclose()


async def test_a_responder_that_answers_with_garbage(pair, autojump_clock):
    """Our node dials somebody who talks nonsense: it says so, and goes on."""
    ada, bea, network = pair

    async def nonsense(connection):
        async with connection.stream:
            await connection.stream.send_all(b"\x00\x64" + b"n" * 100)
            await trio.sleep(1)

    async with running([ada, bea], {"bea": ["nonsense", "ada"]}):
        network.listen("nonsense", bea.node._nursery, nonsense)
        await until(lambda: any("handshake failed" in str(peer["problem"]) for peer in bea.node.peers()))
        await until(equal([ada, bea]))


@pytest.mark.parametrize("spoil", ["another transport key", "unsigned", "revoked"])
async def test_certificates_in_the_handshake(pair, autojump_clock, spoil):
    """A certificate that is not the caller's, that no member signed, or of a device that was revoked."""
    ada, bea, network = pair
    exchange(ada.assembly, bea.assembly)
    bea.node._certificate = _certificate(bea)
    body = Certificate.read(bea.node._certificate)
    if spoil == "another transport key":
        bea.node._certificate = (
            replace(body, transport=b"t" * 32).signed_by(bea.assembly.keys.member, ada.assembly.id).write()
        )
    elif spoil == "unsigned":
        bea.node._certificate = replace(body, signature=bytes(64)).write()
    else:
        end = Revocation(member=bea.assembly.keys.member_public, device=bea.assembly.keys.device.public, good=(1, 0, 0))
        with bea.assembly.writing():
            told = bea.assembly.write(Kind.REVOCATION, end.signed_by(bea.assembly.keys.member, ada.assembly.id))
        give(ada.assembly, told)
        with ada.assembly.writing():
            ready_to_pin(ada.assembly)
    async with running([ada]):
        connection = await network.transport("bea").dial("ada")
        link, _ = await greet(connection, my_psks(bea.assembly)[0], bea.node.introduction(), anybody)
        assert await heard(link) == []
        assert ada.node.peers() == []


def test_closed_doors(tmp_path):
    """An invitation is open until it expires, is withdrawn, or somebody who came through it was answered."""
    clock = Clock()
    ada = founder(tmp_path, clock=clock)
    eve = newcomer(tmp_path, ada.context, "Eve", seed=2, clock=clock)
    (row,) = ada.assembly.store.find(tables.Invitation)
    assert is_open(ada.assembly, row)
    exchange(ada.assembly, eve.assembly)
    assert is_open(ada.assembly, row), "a ticket that was used twice shows both"
    now = clock.now_ms
    clock.now_ms = row.expires_ms
    assert not is_open(ada.assembly, row)
    clock.now_ms = now
    membership.vouch(ada.context, {"person": "Eve"})
    assert not is_open(ada.assembly, row)
    for _ in range(limits.OPEN_INVITATIONS):
        membership.invite(ada.context, {})
    with pytest.raises(NodeError, match="most that one member may have"):
        membership.invite(ada.context, {})
    for each in (ada, eve):
        each.assembly.close()


def test_nothing_leaves_before_it_is_committed(tmp_path):
    """What is noted as committed is in the log, by another connection; of a commit that failed nothing is noted."""
    ada = founder(tmp_path)
    with ada.assembly.commits() as commits:
        propose(ada.context)
        with pytest.raises(ZeroDivisionError), ada.assembly.writing():
            ada.assembly.write(Kind.PROPOSAL, Proposal(bytes(32), "significant", "Never"))
            raise ZeroDivisionError
    other = SqliteStore(ada.assembly.folder / LOG, ada.assembly.keys.database)
    assert [[other.get(tables.Kept, id=record.id) is not None for record in each.new] for each in commits] == [[True]]
    other.close()
    propose(ada.context)
    assert len(commits) == 1, "nothing is noted that nobody asks for"
    ada.assembly.close()


async def test_only_one_s_own_user_is_answered(monkeypatch):
    from meshd.app import control_server

    async def said():
        near, far = socket.socketpair()
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(near))
        with far:
            far.sendall(b'{"verb": "list"}\n')
            await control_server._exchange(stream, answering)
            return far.recv(10_000)

    async def answering(line, words):
        return {"result": "seen"}

    assert b"seen" in await said()
    monkeypatch.setattr(control_server.os, "getuid", lambda: 4_000_000)
    refused = await said()
    assert b"of another user" in refused
    assert b"seen" not in refused


async def test_many_turns_are_not_many_answers(pair, autojump_clock):
    """A peer that takes turn after turn in one comparison is dropped; one that compares on and on has to wait."""
    ada, bea, network = pair
    async with running([ada]):
        link = await greeted(bea, network)
        with suppress(LinkClosedError):
            for _ in range(10):
                await link.send(write_message(EVERYTHING))
        said = await heard(link)
        assert sum(isinstance(each, messages.Done) for each in said) <= 1
        await until(lambda: any("a turn that was not its own" in note for note in ada.notes))
        link, begun = await greeted(bea, network), trio.current_time()
        for _ in range(4):
            await link.send(write_message(EVERYTHING))
            while not isinstance(read_message(await link.receive()), messages.Done):
                pass
            await link.send(write_message(messages.Done()))
        assert trio.current_time() - begun > 10


async def test_a_fork_with_more_branches_than_are_read_at_a_time(tmp_path, autojump_clock):
    """However wide it is, it is read piece by piece, and travels whole."""
    (one, two), (cy,) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=2)
    start = cy.certify()
    rivals = [cy.write(Kind.MESSAGE, Message(bytes(16), "general", "first"))]
    later = cy.write(Kind.MESSAGE, Message(bytes(16), "general", "after it"))
    for number in range(survey.LOADED + 100):
        twin = cy.fork()
        twin.heads.pop(1)
        rivals.append(twin.write(Kind.MESSAGE, Message(bytes(16), "general", f"rival {number}")))
    give(one, start, *rivals, later)
    span, parts = survey.Span((cy.device.public, 1), 0, survey.END), []
    while span is not None:
        records, span = survey.load(one, span)
        parts.append(records)
    assert [len(part) for part in parts] == [survey.LOADED, 102]
    assert {data for part in parts for data in part} == {wire(each) for each in (*rivals, later)}
    network = MemoryNetwork()
    ada, bea = Running("ada", one, network), Running("bea", two, network)
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(equal([ada, bea]))
    assert len(two.store.find(tables.Message)) == len(rivals) + 1
    one.close()
    two.close()


async def test_nothing_is_sent_back_to_whom_it_came_from(pair, autojump_clock):
    ada, bea, _ = pair
    exchange(ada.assembly, bea.assembly)
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(lambda: [peer["state"] for peer in bea.node.peers()] == ["in step"])
        for _ in range(5):
            await ada.do(proposing.propose, title="Pushed once")
        await until(equal([ada, bea]))
        await trio.sleep(100)
        (mine,), (theirs,) = ada.node.peers(), bea.node.peers()
        assert (mine["records_out"], theirs["records_in"], theirs["records_out"]) == (5, 5, 0)


async def test_a_stalled_peer_is_dropped_and_said_so(pair, autojump_clock):
    """One that says that records come and sends none, though it answers everything else: seen in `peers`, then gone."""
    ada, bea, network = pair
    async with running([ada]):
        link = await greeted(bea, network)
        await link.send(write_message(messages.Sending(4210, 10**6)))
        await trio.sleep(limits.STALL_SECONDS / 2)
        await link.send(write_message(messages.Digest(b"x" * 32)))
        (row,) = ada.node.peers()
        assert (row["state"], row["to_come"]) == ("receiving", 4210)
        assert row["problem"].startswith("nothing came for ")
        assert [link["state"] for link in (await ada.do(status.status))["links"]] == ["receiving"]
        await until(lambda: any("stalled: 4210 records were to come" in note for note in ada.notes))
        assert ada.node.peers() == []


async def test_a_full_disk_ends_no_node(pair, autojump_clock, monkeypatch):
    """What a node does beside its sessions fails where there is no room, and says so; the node goes on."""
    ada, bea, _ = pair
    with monkeypatch.context() as patch:

        def full(*_, **__):
            raise DiskFullError("the disk is full: nothing was written")

        for name in ("insert", "replace"):
            patch.setattr(bea.assembly.store, name, full)
        patch.setattr("meshd.mesh.duties.keep_time", full)
        async with running([ada, bea], {"bea": ["ada"]}):
            await trio.sleep(200)
            bea.node.network_changed("addresses changed")
            await trio.sleep(100)
            assert any("time was not measured" in note for note in bea.notes)
            patch.undo()
            await until(equal([ada, bea]))


async def test_slow_by_our_own_pace_is_no_stall(tmp_path, autojump_clock, monkeypatch):
    """A peer that brought too much today is slowed down, and not dropped for it."""
    monkeypatch.setattr(limits, "CATCH_UP_BYTES", 0)
    monkeypatch.setattr(limits, "CATCH_UP_RATE", 200)
    (one, two), (cy,) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=2)
    give(one, cy.certify(), *(cy.write(Kind.MESSAGE, Message(bytes(16), "general", "x" * 200)) for _ in range(100)))
    network = MemoryNetwork()
    ada, bea = Running("ada", one, network), Running("bea", two, network)
    async with running([ada, bea], {"bea": ["ada"]}):
        await until(lambda: any("slowed down" in str(row["problem"]) for row in bea.node.peers()))
        await until(equal([ada, bea]))
        await trio.sleep(100)
        assert not any("stalled" in note for note in ada.notes + bea.notes)
    one.close()
    two.close()


async def test_listings_are_heard_once(pair, autojump_clock, monkeypatch):
    monkeypatch.setattr(limits, "LISTINGS", 5)
    ada, bea, network = pair
    async with running([ada]):
        link = await greeted(bea, network)
        for _ in range(20):
            await link.send(write_message(messages.Listing(ada.assembly.keys.device.public, 0, (), False)))
        said = await heard(link)
        assert sum(isinstance(each, messages.Records) for each in said) == 1
        link = await greeted(bea, network)
        with suppress(LinkClosedError):
            for number in range(10):
                await link.send(write_message(messages.Listing(bytes([number]) * 32, 0, (), False)))
        await until(lambda: any("more chains than fork anywhere" in note for note in ada.notes))
