"""A serial line, or whatever looks like one (a radio modem, a pty), to one other node: slow, noisy, without addresses.

Packets, repetition and order are in `meshd_protocol.sync.arq`; here are the device and the tasks. Both ends may call;
where they do so at once, the smaller number gives way. One call at a time.
"""

import errno
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress

import serial
import trio

from meshd.transports.api import Connection, Handler, UnreachableError, Where
from meshd_crypto.identity import Entropy
from meshd_protocol.errors import SessionError
from meshd_protocol.sync.arq import PAYLOAD, Call, Kind, Packet, PacketReader

PREFIX = "serial:"
BAUD = 57_600
_BITS = 10
"""Bits on the line for each byte."""
_REOPEN_SECONDS = 5.0
_DIAL_SECONDS = 20.0
_CHUNK = 4096
_FRAMES = 2
"""Packets that one frame fills: what is urgent waits for that much."""


def parse_line(text: str) -> tuple[str, int]:
    """Device and speed of `DEVICE[@BAUD]`. Raises ValueError, in words for a person."""
    device, at, speed = text.partition("@")
    if not device or (at and not (speed.isdecimal() and 50 <= int(speed) <= 4_000_000)):
        raise ValueError("a serial line is DEVICE, or DEVICE@BAUD")
    return device, int(speed) if at else BAUD


class SerialTransport:
    """One serial line at so many bits a second."""

    def __init__(self, device: str, baud: int, entropy: Entropy) -> None:
        self.address = f"{PREFIX}{device}"
        self._device = device
        self._baud = baud
        self._entropy = entropy
        self._call: Call | None = None
        self._changed = trio.Event()
        self._is_open = False
        self._problem = "the line is not open yet"

    async def dial(self, address: str) -> Connection:
        """See `Transport.dial`. Waits while the far end's call goes on."""
        if address != self.address:
            raise UnreachableError("no such line is open here")
        if not self._is_open:
            raise UnreachableError(self._problem)
        while self._call is not None:
            await self._changed.wait()
        call = self._begin(int.from_bytes(self._entropy(2), "big"), caller=True)
        with trio.move_on_after(_DIAL_SECONDS):
            while self._call is call and not call.open:
                await self._changed.wait()
        if self._call is not call or not call.open:
            if self._call is call:
                self._end(call)
                raise UnreachableError("nobody answers on the line")
            raise UnreachableError("the far end called at the same moment")
        return self._connection(call)

    async def serve(self, handler: Handler, *, task_status: trio.TaskStatus[Where] = trio.TASK_STATUS_IGNORED) -> None:
        """See `Transport.serve`. A line that is pulled out is opened again when it is back."""
        port = self._open()
        task_status.started(lambda: [self.address])
        while True:
            try:
                async with trio.open_nursery() as nursery:

                    async def accept(call: Call, into: trio.Nursery = nursery) -> None:
                        into.start_soon(handler, self._connection(call))

                    nursery.start_soon(self._read, port, accept)
                    nursery.start_soon(self._write, port)
            except* (OSError, serial.SerialException):
                self._is_open, self._problem = False, "the line is gone"
                if self._call is not None:
                    self._end(self._call)
            finally:
                self._say_goodbye(port)
                port.close()
            port = await self._reopened()

    def _say_goodbye(self, port: serial.Serial) -> None:
        """Tell the far end that the call is over, as far as that goes without waiting."""
        if self._call is not None:
            self._call.finish()
            with suppress(OSError):
                os.write(port.fileno(), b"".join(self._call.out))
            self._end(self._call)

    def _open(self) -> serial.Serial:
        try:
            port = serial.Serial(self._device, self._baud, timeout=0, write_timeout=0, exclusive=True)
        except (OSError, ValueError) as error:
            raise UnreachableError(f"cannot open the line {self._device}: {_reason(error)}") from error
        self._is_open = True
        return port

    async def _reopened(self) -> serial.Serial:
        while True:
            await trio.sleep(_REOPEN_SECONDS)
            try:
                return self._open()
            except UnreachableError as error:
                self._problem = str(error)

    async def _read(self, port: serial.Serial, accept: Callable[[Call], Awaitable[None]]) -> None:
        reader = PacketReader()
        while True:
            await trio.lowlevel.wait_readable(port.fileno())
            data = os.read(port.fileno(), _CHUNK)
            if not data:
                raise OSError("the line is gone")
            for packet in reader.feed(data):
                call = self._take(packet)
                if call is not None:
                    await accept(call)
            self._tell()

    def _take(self, packet: Packet) -> Call | None:
        """Hand a packet to its call; returns a call that it begins."""
        call, now = self._call, trio.current_time()
        if call is not None and packet.call == call.number:
            call.receive(packet, now)
            if packet.kind == Kind.FIN:
                self._end(call)
            return None
        if packet.kind != Kind.SYN or (call is not None and not call.open and call.number > packet.call):
            return None
        if call is not None:  # the far end began anew, or its call goes before ours
            self._end(call)
        return self._begin(packet.call, caller=False)

    async def _write(self, port: serial.Serial) -> None:
        while True:
            call = self._call
            wake = float("inf")
            if call is not None:
                try:
                    wake = call.tick(trio.current_time())
                except SessionError:
                    self._end(call)
                    continue
                while call.out:
                    await _write_all(port.fileno(), call.out.popleft())
                if call.ended:
                    self._end(call)
                    continue
            with trio.move_on_at(wake):
                await self._changed.wait()

    def _begin(self, number: int, *, caller: bool) -> Call:
        self._call = call = Call(number, self._baud / _BITS, trio.current_time(), caller=caller)
        self._tell()
        return call

    def _end(self, call: Call) -> None:
        call.ended = True
        if self._call is call:
            self._call = None
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _connection(self, call: Call) -> Connection:
        return Connection(_Stream(self, call), "", self.address, mtu=_FRAMES * PAYLOAD - 2)

    async def changed(self) -> None:
        """Wait until anything happened on the line."""
        await self._changed.wait()

    def hang_up(self, call: Call) -> None:
        """End a call, and tell the far end."""
        call.finish()
        self._tell()

    def kick(self) -> None:
        """There is something to write."""
        self._tell()


class _Stream(trio.abc.Stream):
    """The bytes of one call."""

    def __init__(self, line: SerialTransport, call: Call) -> None:
        self._line = line
        self._call = call

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        rest = bytes(data)
        while rest:
            await self.wait_send_all_might_not_block()
            self._call.send(rest[:PAYLOAD], trio.current_time())
            rest = rest[PAYLOAD:]
            self._line.kick()

    async def wait_send_all_might_not_block(self) -> None:
        while not self._call.room:
            if self._call.ended:
                raise trio.BrokenResourceError("the call has ended")
            await self._line.changed()
        if self._call.ended:
            raise trio.BrokenResourceError("the call has ended")

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        while not self._call.got:
            if self._call.ended:
                return b""
            await self._line.changed()
        size = max_bytes or len(self._call.got)
        data = bytes(self._call.got[:size])
        del self._call.got[:size]
        return data

    async def aclose(self) -> None:
        self._line.hang_up(self._call)
        await trio.lowlevel.checkpoint()


def _reason(error: Exception) -> str:
    words = {
        errno.ENOENT: "there is no such device",
        errno.EACCES: "this user may not open it (on many systems, the group dialout may)",
        errno.EBUSY: "another program uses it",
        errno.EAGAIN: "another program uses it",
        errno.ENOTTY: "it is no serial line",
    }
    number = getattr(error, "errno", None)
    if number is None and error.__context__ is not None and error.__context__.args:  # an error of termios, no OSError
        number = error.__context__.args[0]
    return words.get(number, str(error)) if isinstance(number, int) else str(error)


async def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        await trio.lowlevel.wait_writable(descriptor)
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            continue
