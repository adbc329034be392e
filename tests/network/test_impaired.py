"""Real sockets through a bad network: whatever it does, both logs become one, and nothing is taken that is none."""

import pytest
import trio

from meshd.assembly.survey import digest
from meshd.log.executor import ThreadExecutor
from meshd.mesh import dialling
from meshd.mesh.node import Node
from meshd.service import proposing, talk
from meshd.service.context import Context
from meshd.transports.tcp import TcpTransport
from meshd_protocol.bodies.talk import Message
from meshd_protocol.kinds import Kind
from tests.network.proxy import Harm, proxied
from tests.seeds import seeds
from tests.worlds import Author, commune, give

HARMS = {
    "delays": Harm(pause=0.02, held=0.5),
    "byte by byte": Harm(piece=1),
    "resets": Harm(piece=4000, reset=0.05, held=0.2),
    "all of it": Harm(pause=0.005, piece=700, reset=0.01, held=0.3),
}


@pytest.mark.parametrize("name", HARMS)
@pytest.mark.parametrize("seed", seeds(2, always=1, first=1))
async def test_both_logs_become_one(tmp_path, monkeypatch, name, seed):
    monkeypatch.setattr(dialling, "_FIRST_WAIT", 0.02)
    monkeypatch.setattr(dialling, "_LONGEST_WAIT", 0.1)
    (one, two), authors = commune(tmp_path, ["Ada", "Bea", "Cy", "Dan"], nodes=2, seed=seed)
    many = 30 if HARMS[name].piece == 1 else 150  # each byte is sent by itself
    for author, log in zip(authors, (one, two), strict=True):
        give(log, author.certify(), *(_said(author, number) for number in range(many)))
    notes: list[str] = []
    ada = Node(one, TcpTransport(("127.0.0.1", 0)), ThreadExecutor(), note=notes.append)
    bea = Node(two, TcpTransport(("127.0.0.1", 0)), ThreadExecutor())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ada.run)
        await ada.started.wait()
        async with proxied(ada.listening[0], seed, HARMS[name]) as (address, proxy):
            ada.reached_at.append(address)

            async def run() -> None:
                await bea.run(connect=[address])

            nursery.start_soon(run)
            await bea.started.wait()
            with trio.fail_after(300):
                await _until_equal(ada, bea)
                await ada.work(lambda: proposing.propose(Context(one), {"title": "Still there?"}))
                await bea.work(lambda: talk.say(Context(two), {"text": "yes"}))
                await _until_equal(ada, bea)
            assert proxy.pieces > 10
            nursery.cancel_scope.cancel()
    assert not any("defect" in note or "that are none" in note for note in notes), notes
    one.close()
    two.close()


def _said(author: Author, number: int):
    return author.write(Kind.MESSAGE, Message(number.to_bytes(16, "big"), "general", f"{author.name} {number} " * 8))


async def _until_equal(ada: Node, bea: Node) -> None:
    while await ada.work(lambda: digest(ada.assembly)) != await bea.work(lambda: digest(bea.assembly)):
        await trio.sleep(0.05)
