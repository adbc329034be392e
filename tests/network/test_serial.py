"""Two nodes over a serial line: the same sessions, in small frames, through noise."""

import random

import pytest
import trio
import trio.lowlevel

from benchmarks.lines import serial_line
from meshd.service import proposing, talk
from meshd.transports.api import UnreachableError
from meshd.transports.memory import MemoryNetwork
from meshd.transports.serial import PREFIX, SerialTransport, parse_line
from meshd.transports.several import SeveralTransports
from tests.endtoend.harness import Running, equal, running
from tests.worlds import commune


async def _soon(holds) -> None:
    with trio.fail_after(300):
        while not holds():
            await trio.sleep(0.02)


def over(device: str, seed: int) -> SerialTransport:
    return SerialTransport(device, 115_200, random.Random(seed).randbytes)


@pytest.mark.parametrize("spoiled", [0.0, 0.0005])
async def test_nodes_meet_over_a_line(tmp_path, spoiled):
    """Both ends call; one session comes of it; records, small and long, come through."""
    (one, two), _ = commune(tmp_path, ["Ada", "Bea"], nodes=2)
    async with serial_line(7, spoiled=spoiled) as devices:
        ada, bea = Running("ada", one, MemoryNetwork()), Running("bea", two, MemoryNetwork())
        for number, (node, device) in enumerate(zip((ada, bea), devices, strict=True)):
            line = SeveralTransports(MemoryNetwork().transport(node.name), [over(device, number)])
            node.node._transport = node.node._dialling._transport = line
        async with running([ada, bea], {n.name: [PREFIX + d] for n, d in zip((ada, bea), devices, strict=True)}):
            await _soon(equal([ada, bea]))
            await ada.do(proposing.propose, title="Over the line", text="long " * 2000)
            await bea.do(talk.say, text="and back")
            await _soon(equal([ada, bea]))
            (row,) = ada.node.peers()
            assert (row["person"].split("·")[0], row["address"]) == ("Bea", PREFIX + devices[0])
        one.close()
        two.close()


async def _nobody(_) -> None:
    raise AssertionError("nobody calls")


async def test_a_line_that_nobody_answers_on(tmp_path, monkeypatch):
    from meshd.transports import serial

    monkeypatch.setattr(serial, "_DIAL_SECONDS", 0.2)
    async with serial_line(1) as (near, _), trio.open_nursery() as nursery:
        line = over(near, 1)
        with pytest.raises(UnreachableError, match="not open yet"):
            await line.dial(PREFIX + near)

        assert (await nursery.start(line.serve, _nobody))() == [PREFIX + near]
        with pytest.raises(UnreachableError, match="nobody answers"):
            await line.dial(PREFIX + near)
        with pytest.raises(UnreachableError, match="no such line"):
            await line.dial(PREFIX + "/dev/other")
        nursery.cancel_scope.cancel()


async def test_a_device_that_is_none(tmp_path):
    with pytest.raises(UnreachableError, match="there is no such device"):
        await over(str(tmp_path / "none"), 1).serve(_nobody)


def test_how_a_line_is_written():
    assert parse_line("/dev/ttyUSB0") == ("/dev/ttyUSB0", 57_600)
    assert parse_line("/dev/ttyUSB0@9600") == ("/dev/ttyUSB0", 9600)
    for bad in ("", "@9600", "/dev/x@", "/dev/x@fast", "/dev/x@0", "/dev/x@99999999"):
        with pytest.raises(ValueError, match="DEVICE@BAUD"):
            parse_line(bad)


async def test_what_is_no_line_or_taken():
    with pytest.raises(UnreachableError, match="it is no serial line"):
        await over("/dev/null", 1).serve(_nobody)
    async with serial_line(1) as (near, _), trio.open_nursery() as nursery:
        await nursery.start(over(near, 1).serve, _nobody)
        with pytest.raises(UnreachableError, match="another program uses it"):
            await over(near, 2).serve(_nobody)
        nursery.cancel_scope.cancel()


async def test_the_far_end_hears_a_goodbye(tmp_path):
    """A daemon that stops tells the far end of its line, which can't see it otherwise."""
    heard: list[bytes] = []
    done = trio.Event()

    async def answer(connection) -> None:
        heard.append(await connection.stream.receive_some(10))
        heard.append(await connection.stream.receive_some(10))
        done.set()

    async with serial_line(1) as (near, far), trio.open_nursery() as nursery:
        await nursery.start(over(far, 1).serve, answer)
        async with trio.open_nursery() as caller:
            line = over(near, 2)
            await caller.start(line.serve, _nobody)
            connection = await line.dial(PREFIX + near)
            await connection.stream.send_all(b"hello")
            while not heard:
                await trio.sleep(0.01)
            caller.cancel_scope.cancel()
        with trio.fail_after(120):
            await done.wait()
        nursery.cancel_scope.cancel()
    assert heard == [b"hello", b""]
