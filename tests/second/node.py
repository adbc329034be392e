"""Sections 7 and 8 together: a node that makes a link, lets a member's node and its own log become equal, and leaves.

It has no clock and pushes nothing: what a level needs beside the vectors is in the specification's section 13.
"""

from typing import Any, Protocol

from tests.second import cbor, comparing, greeting, messages, noise, records
from tests.second.cbor import RefusedError
from tests.second.comparing import Chain, Item, Log, Missing
from tests.second.keys import CONTEXT, K


class Stream(Protocol):
    async def send_all(self, data: bytes) -> None: ...

    async def receive_some(self) -> bytes | bytearray: ...


class Link:
    """A stream after the handshake: messages out in lane 1, in from either lane."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.buffer = b""
        self.held: dict[int, bytes] = {}

    async def frame(self) -> bytes:
        while len(self.buffer) < 2 or len(self.buffer) < 2 + int.from_bytes(self.buffer[:2], "big"):
            data = await self.stream.receive_some()
            if not data:
                raise RefusedError("hung up")
            self.buffer += data
        size = 2 + int.from_bytes(self.buffer[:2], "big")
        frame, self.buffer = self.buffer[2:size], self.buffer[size:]
        return frame

    async def put(self, data: bytes) -> None:
        await self.stream.send_all(len(data).to_bytes(2, "big") + data)

    async def greet(
        self,
        assembly: bytes,
        psk: bytes,
        transport: bytes,
        certificate: bytes,
        ephemeral: bytes,
        hour: int,
        address: str,
    ) -> bytes:
        """The handshake; who answered, by her certificate."""
        shake = noise.Initiator(CONTEXT["SESSION"], psk, transport, ephemeral)
        await self.put(shake.first(cbor.write([hour, address])))
        static, payload = shake.second(await self.frame())
        body = greeting.certificate(assembly, static, payload)
        await self.put(shake.third(certificate))
        self.sending, self.receiving = shake.ciphers()
        member: bytes = body[0]
        return member

    async def say(self, name: str, *parts: Any) -> None:
        (number,) = [number for number, each in messages.NAMES.items() if each == name]
        await self.put(self.sending.seal(b"\x02" + cbor.write([number, *parts])))

    async def hear(self) -> tuple[str, list[Any]]:
        while True:
            plain = self.receiving.open(await self.frame())
            lane, more = divmod(plain[0], 2)
            self.held[lane] = self.held.get(lane, b"") + plain[1:]
            if not more:
                return messages.read(self.held.pop(lane))


class Node:
    """One session. `held` maps ids to records, and grows; `met` are the ids that both sides had before."""

    def __init__(
        self, assembly: bytes, held: dict[bytes, bytes], link: Link, nonce: bytes, met: set[bytes] | None = None
    ) -> None:
        self.assembly, self.held, self.link, self.nonce, self.met = assembly, held, link, nonce, met
        self.heard: list[str] = []
        self.sent: set[bytes] = set()
        self.marks: dict[Chain, set[bytes]] = {}

    def log(self) -> Log:
        known = {identity: records.read(self.assembly, data) for identity, data in self.held.items()}
        items = {identity: Item(each.device, each.log, each.seq, identity) for identity, each in known.items()}
        return Log(items.values(), None if self.met is None else [items[identity] for identity in self.met])

    async def talk(self) -> None:
        """From Hello until the logs are equal."""
        log = self.log()
        await self.link.say("Hello", [2], [], self.nonce, log.digest(), len(log.chains), [log.base] if log.base else [])
        name, parts = await self._next()
        if name == "Wait" and parts == [False]:  # who is not let in shows her own records, and waits
            await self.link.say("Records", list(self.held.values()))
            name, parts = await self._next()
        if name != "Hello":
            raise RefusedError("it does not let us read")
        self.key = comparing.session_key(self.nonce, parts[2])
        if parts[3] == log.digest():
            return
        by_base = log.base is not None and log.base in parts[5]
        while True:
            await self._compare(*comparing.first_turn(self.log(), self.key, parts[4], by_base=by_base))
            by_base = False
            await self.link.say("Digest", self.log().digest())
            name = ""
            while name not in ("Same", "Digest"):
                name, _ = await self._next()
            if name == "Same":
                return

    async def _next(self) -> tuple[str, list[Any]]:
        """The next message. Records and listings are taken whenever they come: Done does not wait for them."""
        name, parts = await self.link.hear()
        self.heard.append(name)
        if name in ("Records", "Pushed"):
            for data in parts[0]:
                self.held[records.read(self.assembly, data).id] = data
        elif name == "Listing":
            chain = (parts[0], parts[1])
            self.marks.setdefault(chain, set()).update(parts[2])
            if not parts[3]:
                await self._sort_out(chain, self.marks.pop(chain))
        return name, parts

    async def _compare(self, turn: list[Any], missing: Missing) -> None:
        self.told, self.listed, self.waiting = bool(missing.sent), set[Chain](), list[bytes]()
        done = peer_done = False
        theirs: list[Any] = []
        await self._say_turn(turn, missing)
        ready = not comparing.needs_answer(turn)
        while not (done and peer_done):
            if ready and not done and not self.waiting:
                done = True
                await self.link.say("Done")
                continue
            name, parts = await self._next()
            match name:
                case "Compare":
                    theirs += parts[0]
                    if not parts[1]:
                        turn, missing = comparing.answer(self.log(), self.key, theirs, told=self.told)
                        theirs = []
                        await self._say_turn(turn, missing)
                        ready = not comparing.needs_answer(turn)
                case "Sending" if parts[0] > 100:
                    await self.link.say("Go")
                case "Go":
                    await self._send(self.waiting)
                    self.waiting = []
                case "Done":
                    peer_done = ready = True

    async def _say_turn(self, turn: list[Any], missing: Missing) -> None:
        if turn:
            await self.link.say("Compare", turn, False)
        log = self.log()
        for chain in missing.listed:
            await self._list(chain, log)
        found = [item.id for chain, seq in sorted(missing.sent) for item in log.chains[chain] if item.seq >= seq]
        if found:
            await self.link.say("Sending", len(found), sum(len(self.held[each]) for each in found))
        if len(found) > 100:
            self.waiting += found
        else:
            await self._send(found)

    async def _list(self, chain: Chain, log: Log) -> None:
        self.listed.add(chain)
        await self.link.say(
            "Listing", *chain, sorted(K(self.key, item.id, 8) for item in log.chains.get(chain, [])), False
        )

    async def _sort_out(self, chain: Chain, marks: set[bytes]) -> None:
        log = self.log()
        mine = {item.id: K(self.key, item.id, 8) for item in log.chains.get(chain, [])}
        await self._send([each for each, mark in mine.items() if mark not in marks])
        if not marks <= set(mine.values()) and chain not in self.listed:
            await self._list(chain, log)

    async def _send(self, ids: list[bytes]) -> None:
        self.sent.update(ids)
        for start in range(0, len(ids), 100):
            await self.link.say("Records", [self.held[each] for each in ids[start : start + 100]])
