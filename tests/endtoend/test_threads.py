"""A daemon's log is read and written by its executor's thread alone. The event loop would see what is not committed yet,
and stand still behind a commit.
"""

import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

import trio
import trio.lowlevel

from meshd.assembly.access import accept_initiator
from meshd.assembly.assembly import Assembly
from meshd.log.executor import InlineExecutor, ThreadExecutor
from meshd.mesh.node import Node
from meshd.service import links, membership, proposing, rosters, status, talk, voting
from meshd.service.context import Context
from meshd.store import tables
from meshd.store.sqlite import SqliteStore
from meshd.transports.memory import MemoryNetwork
from meshd_protocol.names import bytes_of, text_of
from tests.endtoend.harness import Running, running, until
from tests.worlds import commune, exchange, give, newcomer


class Watched:
    """Something that only an executor's thread may touch: whoever else does is noted, and served all the same."""

    def __init__(self, thing: Any, seen: list[str]) -> None:
        self._thing, self._seen = thing, seen

    def __getattr__(self, name: str) -> Any:
        if trio.lowlevel.in_trio_task():
            self._seen.append("".join(traceback.format_stack(limit=8)))
        return getattr(self._thing, name)


def watch(assembly: Assembly, seen: list[str]) -> None:
    """Watch the database, and the rosters, which read it when they must."""
    store, standing = assembly.store, assembly.standing
    assert isinstance(store, SqliteStore)
    store._db = Watched(store._db, seen)
    if standing is not None:
        standing.rosters = Watched(standing.rosters, seen)


class Threaded(Running):
    """A node as the daemon runs it."""

    def __init__(self, name: str, assembly: Assembly, network: MemoryNetwork, seen: list[str]) -> None:
        super().__init__(name, assembly, network)
        self.node = Node(
            assembly, network.transport(name), ThreadExecutor(), note=self.notes.append, compare_seconds=0.6
        )
        watch(assembly, seen)

    async def comes_to(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, read as a command would."""
        with trio.fail_after(120):
            while not await self.node.work(holds):
                await self.node.changed.wait()


def test_the_watch_sees_the_loop_and_not_a_thread(tmp_path):
    (one,), _ = commune(tmp_path, ["Ada"])
    seen: list[str] = []
    watch(one, seen)

    async def main() -> None:
        await ThreadExecutor().run(lambda: (one.store.find(tables.Chain), one.known.state))
        assert seen == []
        assert one.store.find(tables.Chain)
        assert one.known.state
        assert len(seen) >= 2

    trio.run(main)
    one.close()


async def test_a_daemon_reads_its_log_in_the_executor_alone(tmp_path):
    """Calls from both sides, a guest, talk, votes, bodies, a removal, an address that nobody has: all that a node does."""
    seen: list[str] = []
    (one, two), (cy, dan) = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=2, witnesses=2)
    exchange(one, two)
    give(one, cy.certify(), dan.certify())
    guest = newcomer(tmp_path, Context(one), "Eve", seed=9)
    network = MemoryNetwork()
    ada, bea, eve = (
        Threaded(name, each, network, seen)
        for name, each in (("ada", one), ("bea", two), ("eve", guest.assembly))
    )  # fmt: skip
    calls = {"bea": ["ada", "nobody"], "ada": ["bea"], "eve": ["ada"]}
    async with running([ada, bea, eve], calls):
        await ada.comes_to(lambda: one.store.count(tables.Application) == 1)
        said = await ada.do(talk.say, text="hello")
        await bea.comes_to(lambda: bool(two.store.known([bytes_of(said["id"])])))
        await ada.do(membership.vouch, person="Eve")
        await bea.comes_to(lambda: bool(two.store.count(tables.Vouch) and two.store.count(tables.Application)))
        await bea.do(membership.vouch, person="Eve")
        await eve.comes_to(lambda: guest.assembly.standing is not None and guest.assembly.keys.ticket is None)
        question = await bea.do(proposing.propose, title="A question", policy="standard")
        for each in (ada, eve):
            await each.comes_to(lambda each=each: bool(each.assembly.store.known([bytes_of(question["id"])])))
        await ada.do(voting.vote, id=question["id"], choices=["yes"])
        for each in (ada, bea, eve):
            await each.do(status.status)
            await each.do(links.peers)
        motion = await ada.do(rosters.remove, person="Bea", reason="so that somebody goes")
        identity = bytes_of(motion["id"])
        await ada.node.work(lambda: give(one, cy.ballot(identity), dan.ballot(identity)))
        await ada.comes_to(lambda: two.keys.member_public in one.known.state.removed)
        with trio.fail_after(120):
            while not any("not in the roster any more" in note for note in ada.notes):
                await ada.node.changed.wait()
        ada.node.network_changed("a new network")
        await ada.do(talk.say, text="and it goes on")
        await trio.lowlevel.checkpoint()
    assert seen == [], seen[0]
    told = [note for note in eve.notes if note.startswith("you are a")]
    assert told[0] == "you are an observer of Commune now"
    # Bea vouched for her, and that vouch ended with Bea's removal, if Eve's node has heard of it before the end.
    assert told[1:] in ([], ["you are an applicant of Commune now"])
    for each in (one, two, guest.assembly):
        each.close()


class Held(InlineExecutor):
    """An executor that holds up whoever asked whether a caller may come in, with the answer in hand."""

    def __init__(self) -> None:
        self.answered = trio.Event()
        self.go = trio.Event()

    async def run(self, function: Callable[[], Any]) -> Any:
        result = await super().run(function)
        if isinstance(function, partial) and function.func is accept_initiator:
            self.answered.set()
            await self.go.wait()
        return result


async def test_who_is_removed_between_the_handshake_and_the_session_is_hung_up_on(tmp_path, autojump_clock):
    (one, two), (cy, dan) = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=2)
    exchange(one, two)
    give(one, cy.certify(), dan.certify())
    network, executor = MemoryNetwork(), Held()
    ada, bea = Running("ada", one, network), Running("bea", two, network)
    ada.node.executor = executor
    before = one.store.count(tables.Kept)
    async with running([ada, bea], {"bea": ["ada"]}):
        await executor.answered.wait()
        motion = cy.remove(one.known.head, two.keys.member_public)
        await ada.node.work(lambda: give(one, motion, *(author.ballot(motion.id) for author in (cy, dan))))
        await ada.do(voting.vote, id=text_of(motion.id), choices=["yes"])
        assert two.keys.member_public in one.known.state.removed
        assert one.store.count(tables.Kept) > before
        executor.go.set()
        await until(lambda: any("not in the roster any more" in note for note in ada.notes))
        await trio.sleep(100)
        assert not two.store.known([motion.id]), "nothing was sent to who is out"
        assert not any(peer["state"] != "away" for peer in ada.node.peers())
    one.close()
    two.close()
