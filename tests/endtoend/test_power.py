"""Power cuts: nothing acknowledged is lost, nothing is corrupt, and no device contradicts what it wrote before.

Whole nodes on a disk that keeps of what was not synced whatever it likes (`tests.power`). `just power` cuts more often.
"""

import os
import random
from contextlib import suppress

import pytest

from meshd.errors import NodeError
from meshd.founding.opening import found, open_assembly
from meshd.progress import finish
from meshd.service import checking, forgetting, talk, voting
from meshd.service.context import Context
from meshd.store import sqlite, tables
from meshd.store.memory import MemoryStore
from meshd.store.sqlite import SqliteStore
from meshd.upkeep.scrubbing import always
from meshd_protocol.bodies.talk import Message
from meshd_protocol.kinds import Kind
from meshd_protocol.names import bytes_of, text_of
from tests.power import Disk, PowerCutError, Sqlcipher
from tests.worlds import Author, give, propose, world

CUTS = int(os.environ.get("MESHD_CUTS", "300"))
EACH = 15
"""Cuts in the life of one home."""


class Life:
    """One home on one disk, what it acknowledged, and what it may have sent: by log and seq."""

    def __init__(self, folder, seed, disk):
        self.rng, self.disk = random.Random(seed), disk
        self.world = world(seed)
        self.assembly = found(folder, "Bakery", "Ada", "pw", world=self.world)
        self.author = Author(self.assembly.id, "Cy", seed + 1)
        give(self.assembly, self.author.certify())
        self.acknowledged: set[bytes] = set()
        self.sent: dict[tuple[int, int], bytes] = {}
        self.gone: set[bytes] = set()
        self.question = propose(Context(self.assembly))
        self.note()

    def note(self):
        """All that is in the log now was acknowledged; what is one's own may have been sent."""
        for batch in self.assembly.store.walk():
            self.acknowledged |= {kept.id for kept in batch}
        own = self.assembly.keys.device.public
        for log in (0, 1):
            chain = self.assembly.store.get(tables.Chain, device=own, log=log)
            if chain is not None:
                for kept in self.assembly.store.span(chain.number, 0, chain.head_seq + 1):
                    self.sent[log, kept.seq] = kept.id

    def act(self):
        """Something that a person or a peer makes the node write."""
        context = Context(self.assembly)
        match self.rng.randrange(5):
            case 0:
                talk.say(context, {"text": "words " * self.rng.randrange(1, 300)})
            case 1:
                self.question = propose(context, f"Question {len(self.sent)}")
            case 2:
                with suppress(NodeError):  # a ballot that is cast stays
                    voting.vote(context, {"id": text_of(self.question), "choices": ["yes"]})
            case 3:
                bodies = [Message(self.rng.randbytes(16), "t", "said " * 40) for _ in range(self.rng.randrange(1, 9))]
                give(self.assembly, *[self.author.write(Kind.MESSAGE, body) for body in bodies])
            case 4:
                said = talk.say(context, {"text": "taken back at once"})["id"]
                finish(forgetting.forget(context, {"id": said}))
                self.gone.add(bytes_of(said))
        self.note()

    def live(self):
        """Act until the power goes; then start again, and see what is there."""
        self.disk.cut_at = self.disk.steps + self.rng.randrange(1, 120)
        try:
            while True:
                self.act()
        except PowerCutError:
            pass
        with suppress(PowerCutError, Exception):
            self.assembly.close()
        self.disk.cut()
        self.assembly = open_assembly(self.assembly.folder, "pw", self.world)
        self.look()

    def look(self):
        store = self.assembly.store
        assert store.quick_check(always) == []
        assert store.known(self.acknowledged) == self.acknowledged, "acknowledged, and lost"
        assert not self.assembly.has_twin(), "it would take itself for somebody else"
        own = self.assembly.keys.device.public
        for (log, seq), identity in self.sent.items():
            chain = store.get(tables.Chain, device=own, log=log)
            (kept,) = store.span(chain.number, seq, seq + 1)
            assert kept.id == identity, "it contradicts what it sent"
        assert all(store.get(tables.Kept, id=each).body is None for each in self.gone), "what was taken back is back"
        known = {kept.id for batch in store.walk() for kept in batch}
        heads = {log: head.id for log, head in self.author.heads.items()}
        while self.author.history and self.author.history[-1].id not in known:  # a peer gives it again
            self.author.history.pop()
        for record in self.author.history:
            heads[record.log] = record
        self.author.heads = {record.log: record for record in self.author.history}


@pytest.fixture
def on_a_disk(monkeypatch, tmp_path):
    """Begins the life of a home on a disk of its own."""
    modules = []

    def begin(seed, *, lies=False, instead=None):
        disk = Disk(seed, lies=lies)
        module = Sqlcipher(disk, f"power-{seed}-{len(modules)}", instead or {})
        modules.append(module)
        monkeypatch.setattr(sqlite, "sqlcipher", module)
        monkeypatch.setattr(SqliteStore, "scratch", lambda _: MemoryStore())
        monkeypatch.setattr(checking, "faults", lambda _: [])  # this disk bears one connection; `look` reads the file
        return Life(tmp_path / f"home{len(modules)}", seed, disk)

    yield begin
    for module in modules:
        module.close()


@pytest.mark.parametrize("seed", range(-(-CUTS // EACH)))
def test_nothing_acknowledged_is_lost(on_a_disk, seed):
    life = on_a_disk(seed)
    for _ in range(EACH):
        life.live()
    found = finish(checking.check(Context(life.assembly), {}))
    assert found["problems"] == []
    life.assembly.close()


@pytest.mark.parametrize(
    "how", [{"lies": True}, {"instead": {"synchronous = FULL": "synchronous = NORMAL"}}], ids=["a lying disk", "NORMAL"]
)
def test_what_would_lose_something_is_found_out(on_a_disk, how):
    """These cuts are worth something: they show why the log is written with FULL, and what `doctor` warns of."""
    with pytest.raises((AssertionError, NodeError)):
        for seed in range(40):
            life = on_a_disk(seed, **how)
            for _ in range(EACH):
                life.live()
