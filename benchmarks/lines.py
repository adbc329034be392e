"""A serial line of two ptys, with a speed and with noise: what one end writes, the other reads, mostly."""

import os
import random
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def serial_line(seed: int, *, spoiled: float = 0.0, rate: float | None = None) -> AsyncIterator[tuple[str, str]]:
    """The two devices' names. `spoiled` is the part of bytes that come wrong, `rate` the bytes in a second."""
    masters, slaves = zip(*(os.openpty() for _ in range(2)), strict=True)
    for descriptor in (*masters, *slaves):
        tty.setraw(descriptor)
    rng = random.Random(seed)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_carry, masters[0], masters[1], rng, spoiled, rate)
        nursery.start_soon(_carry, masters[1], masters[0], rng, spoiled, rate)
        yield os.ttyname(slaves[0]), os.ttyname(slaves[1])
        nursery.cancel_scope.cancel()
    for descriptor in (*masters, *slaves):
        os.close(descriptor)


async def _carry(source: int, target: int, rng: random.Random, spoiled: float, rate: float | None) -> None:
    while True:
        await trio.lowlevel.wait_readable(source)
        data = bytearray(os.read(source, 16 if rate else 4096))
        for at in range(len(data)):
            if rng.random() < spoiled:
                data[at] ^= 1 << rng.randrange(8)
        if rate:
            await trio.sleep(len(data) / rate)
        await trio.lowlevel.wait_writable(target)
        os.write(target, data)
