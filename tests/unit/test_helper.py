"""The helper process: it finds what the daemon itself would find, and whatever becomes of it loses nothing."""

import io
import os
import random
import signal
import sys

import pytest
import trio
import trio.testing

from meshd.log import helper_process
from meshd.log.helper import WORTH, Helper
from meshd.log.intake import prepare
from meshd.store import tables
from meshd_protocol.bodies.decisions import Ballot, Form
from meshd_protocol.bodies.talk import Letter, Message
from meshd_protocol.chains import Waiting
from meshd_protocol.kinds import Kind
from meshd_protocol.records import Record, wire
from tests.worlds import Author, commune, give

ASSEMBLY = bytes(range(32))


def _mixture(seed: int, count: int) -> list[bytes]:
    """Records of all sorts, and what is none."""
    rng = random.Random(seed)
    author = Author(ASSEMBLY, "Cy", 7)
    batch: list[bytes] = [wire(author.certify())]
    while len(batch) < count:
        record = rng.choice(
            [
                lambda: author.ballot(rng.randbytes(32)),
                lambda: author.write(Kind.BALLOT, Ballot(rng.randbytes(32), Form.RANKS, ((1, 2), (0,)), 3, "so")),
                lambda: author.write(Kind.MESSAGE, Message(bytes(16), "general", "wörds", rng.randbytes(32))),
                lambda: author.write(Kind.LETTER, Letter(bytes(16), (b"key",), b"box")),
                lambda: author.ballot(rng.randbytes(32))._replace(signature=rng.randbytes(64)),
            ]
        )()
        batch.append(rng.choice([wire(record)] * 9 + [rng.randbytes(50)]))
    return batch


def _answers(*batches: list[bytes]) -> list[list[bytes]]:
    """What the process answers to each of some batches, in messages without their lengths."""
    tasks = io.BytesIO(b"".join(message for batch in batches for message in helper_process.pack_batch(ASSEMBLY, batch)))
    answers = io.BytesIO()
    helper_process.serve(tasks, answers)
    answers.seek(0)
    assert answers.read(1) == helper_process.READY
    found = [
        [
            answers.read(helper_process.size_of(answers.read(helper_process.SIZE)))
            for _ in range(helper_process.messages_of(batch))
        ]
        for batch in batches
    ]
    assert answers.read() == b""
    return found


@pytest.mark.parametrize("count", [1, 2, 1023, 1024, 1025, 2048, 2500])
def test_it_finds_what_the_daemon_would_find(count):
    batch = _mixture(count, count)
    for messages in _answers(batch, batch):
        intake = helper_process.unpack_intake(messages)
        assert intake == prepare(ASSEMBLY, batch)
        assert {type(row) for row in intake.sketches.values()} <= {tables.Ballot, tables.Message, tables.Letter}
        assert {type(record) for record in intake.records} == {Record}
        assert len(intake.sketches) >= len(intake.records) - 1, "all but the certificate"


@pytest.mark.parametrize(("bad", "valid"), [(100, 101), (127, 128), (128, 0), (300, 0), (1100, 0), (1150, 1151)])
def test_bad_signatures_inside_a_chain_end_alike_by_the_process(tmp_path, bad, valid):
    """The rule is the same on this path: where no good signature follows within a run, nothing is taken."""
    (ada, bea), (cy,) = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=2)
    records = []
    for number in range(bad):
        record = cy.ballot(number.to_bytes(4, "big") * 8)
        sound = bad == 1150 and number % 100 == 0
        records.append(record if sound else record._replace(signature=bytes(64)))
    records.append(cy.ballot(b"last" * 8))
    give(ada, *records)
    batch = list(map(wire, records))
    tasks = io.BytesIO(b"".join(helper_process.pack_batch(bea.id, batch)))
    answers = io.BytesIO()
    helper_process.serve(tasks, answers)
    answers.seek(1)
    messages = [
        answers.read(helper_process.size_of(answers.read(helper_process.SIZE)))
        for _ in range(helper_process.messages_of(batch))
    ]
    bea.take(helper_process.unpack_intake(messages), Waiting())
    for assembly in (ada, bea):
        chain = assembly.door.chain((cy.device.public, 0))
        assert (chain.head_seq + 1 if chain else 0) == valid
        rows = assembly.store.find(tables.Ballot)
        assert len(rows) + assembly.store.count(tables.NoEffect) == valid
        assembly.close()


async def _answered(helper: Helper, batch: list[bytes]) -> list[bytes]:
    """Ask until the process is there."""
    with trio.fail_after(300):
        while (messages := await helper.prepare(ASSEMBLY, batch)) is None:
            await trio.sleep(0.01)
    return messages


async def test_a_process_comes_works_and_goes(nursery):
    helper = Helper(idle_seconds=0.05)
    nursery.start_soon(helper.mind)
    batch = _mixture(1, 3000)
    assert await helper.prepare(ASSEMBLY, batch) is None, "nobody waits for it to start"
    for _ in range(2):
        messages = await _answered(helper, batch)
        assert helper_process.unpack_intake(messages) == prepare(ASSEMBLY, batch)
    with trio.fail_after(300):
        while helper.pid is not None:
            await trio.sleep(0.01)
    assert helper_process.unpack_intake(await _answered(helper, batch)) == prepare(ASSEMBLY, batch)


async def test_a_process_is_there_before_much_comes(nursery):
    helper = Helper()
    nursery.start_soon(helper.mind)
    helper.expect(WORTH - 1)
    await trio.testing.wait_all_tasks_blocked()
    assert helper.pid is None
    helper.expect(WORTH)
    with trio.fail_after(300):
        while helper.pid is None:
            await trio.sleep(0.01)
    assert await helper.prepare(ASSEMBLY, _mixture(1, WORTH)) is not None


async def test_one_batch_at_a_time(nursery):
    helper = Helper()
    nursery.start_soon(helper.mind)
    batch = _mixture(1, 3000)
    await _answered(helper, batch)
    got = []

    async def ask() -> None:
        got.append(await helper.prepare(ASSEMBLY, batch))

    async with trio.open_nursery() as both:
        both.start_soon(ask)
        both.start_soon(ask)
    assert sum(messages is None for messages in got) == 1, "who finds it at work does the work itself"
    assert await helper.prepare(ASSEMBLY, batch) is not None


async def test_a_process_that_is_killed_is_replaced(nursery):
    helper = Helper()
    nursery.start_soon(helper.mind)
    batch = _mixture(2, 2000)
    await _answered(helper, batch)
    pid = helper.pid
    os.kill(pid, signal.SIGKILL)
    assert await helper.prepare(ASSEMBLY, batch) is None
    messages = await _answered(helper, batch)
    assert helper.pid != pid
    assert helper_process.unpack_intake(messages) == prepare(ASSEMBLY, batch)


async def test_an_answer_that_nobody_waited_for_is_nobody_s(nursery):
    helper = Helper()
    nursery.start_soon(helper.mind)
    await _answered(helper, _mixture(3, 1500))
    with trio.CancelScope() as scope:
        scope.cancel()
        await helper.prepare(ASSEMBLY, _mixture(4, 3000))
    batch = _mixture(5, 2000)
    assert helper_process.unpack_intake(await _answered(helper, batch)) == prepare(ASSEMBLY, batch)


@pytest.mark.parametrize(
    "command", [["/nonexistent"], [sys.executable, "-c", "pass"], [sys.executable, "-c", "print('x')"]]
)
async def test_a_process_that_does_not_start_is_done_without(command, nursery):
    helper = Helper(command)
    nursery.start_soon(helper.mind)
    for _ in range(20):
        assert await helper.prepare(ASSEMBLY, _mixture(6, 10)) is None
        await trio.sleep(0.01)
    assert helper.pid is None


async def test_a_stuck_process_is_given_up(nursery):
    script = "import sys, time; sys.stdout.write('.'); sys.stdout.flush(); time.sleep(600)"
    helper = Helper([sys.executable, "-c", script], patience_seconds=1.0)
    nursery.start_soon(helper.mind)
    with trio.fail_after(300):
        while helper.pid is None:
            await helper.prepare(ASSEMBLY, [])
            await trio.sleep(0.01)
        assert await helper.prepare(ASSEMBLY, _mixture(7, 2000)) is None
        while helper.pid is not None:
            await trio.sleep(0.01)
    for _ in range(20):  # and nobody waits for another one that would get stuck
        assert await helper.prepare(ASSEMBLY, []) is None
        await trio.sleep(0.01)
    assert helper.pid is None


async def test_the_process_is_told_no_secret(nursery, monkeypatch, tmp_path):
    monkeypatch.setenv("MESHD_PASSPHRASE", "hush")
    seen = tmp_path / "seen"
    script = f"import os; open({str(seen)!r}, 'w').write(repr(sorted(os.environ))); os.rename({str(seen)!r}, {str(seen)!r} + '.done')"
    helper = Helper([sys.executable, "-c", script])
    nursery.start_soon(helper.mind)
    await helper.prepare(ASSEMBLY, [])
    done = tmp_path / "seen.done"
    with trio.fail_after(300):
        while not done.exists():
            await trio.sleep(0.01)
    assert "PATH" in done.read_text()
    assert "MESHD" not in done.read_text()
