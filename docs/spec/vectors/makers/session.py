"""session.json: every message, and whole sessions between two machines, message for message."""

from collections.abc import Callable
from typing import Any

from makers.common import START_MS, Device, drawn, entropy, seal, told
from makers.records import founded
from meshd_crypto.hashing import derive, digest
from meshd_crypto.identity import SigningKey
from meshd_crypto.sealing import lock
from meshd_protocol import bundle, contexts, limits
from meshd_protocol.bodies.membership import Application, Invitation, RosterStep, Vouch, Welcome, welcome_plain
from meshd_protocol.bodies.talk import Message as Talk
from meshd_protocol.chains import ChainKey
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import SessionError
from meshd_protocol.kinds import Kind
from meshd_protocol.records import Record, decode_record, wire
from meshd_protocol.rosters import roster_id
from meshd_protocol.sync import messages, reconcile, session
from meshd_protocol.sync.framing import Lane
from meshd_protocol.sync.frontier import Claim, Head, branches_digest, frontier_digest, mark
from meshd_protocol.sync.reconcile import Base, Claims, Fingerprints, View

Held = dict[bytes, Record]
"""A log in memory, by id."""

_URGENT, _TURN, _FORKS, _LOGS, _BODIES, _DONE = 0, 1, 2, 3, 7, 8
"""What goes first."""


def _heads(held: Held) -> list[Head]:
    chains: dict[ChainKey, list[Record]] = {}
    for record in held.values():
        chains.setdefault((record.device, record.log), []).append(record)
    found = []
    for chain, records in chains.items():
        end = max(records, key=lambda record: (record.seq, record.id))
        forked = len({record.seq for record in records}) < len(records)
        branches = branches_digest(record.id for record in records) if forked else None
        found.append(Head(*chain, end.seq, end.id, branches))
    return found


class Side:
    """One side of a session, as a node is: what it holds, what it met, what it writes when a newcomer showed herself."""

    def __init__(
        self, assembly: bytes, records: list[Record], *, initiator: bool, met: list[Record] | None = None,
        guest_answer: Callable[[], list[Record]] | None = None,
    ) -> None:  # fmt: skip
        self.held: Held = {record.id: record for record in records}
        self.assembly = assembly
        self.nonce = drawn(f"{initiator} nonce", messages.NONCE_SIZE)
        self.met = frontier_digest(_heads({each.id: each for each in met})) if met else b""
        self.before = {each.id for each in met or ()}
        self.out: list[tuple[int, int, messages.Message]] = []
        self.initiator = initiator
        self._said = 0
        self._machine = session.Session(initiator=initiator, nonce=self.nonce, assembly=assembly)
        self._guest_answer = guest_answer
        self._told_base = False
        self._listed: set[ChainKey] = set()
        self._waiting: list[tuple[int, list[Record]]] = []
        self._closes = False
        self._offered = b""
        if guest_answer is None:
            self._hello()
        else:
            self._say(_URGENT, messages.Wait(everything=False))

    def _hello(self) -> None:
        self._offered = frontier_digest(_heads(self.held))
        bases = (self.met[: messages.BASE_SIZE],) if self.met else ()
        self._say(_URGENT, self._machine.hello(self._offered, len(_heads(self.held)), bases))

    def _say(self, rank: int, message: messages.Message) -> None:
        self._said += 1
        self.out.append((rank, self._said, message))
        self.out.sort(key=lambda each: each[:2])

    def next(self) -> tuple[Lane, messages.Message] | None:
        """The next message that goes out, if any."""
        if not self.out:
            return None
        rank, _, message = self.out.pop(0)
        if isinstance(message, messages.Done):
            self._machine.done()
            self._settle()
        return Lane.URGENT if rank == _URGENT else Lane.BULK, message

    def hear(self, lane: Lane, data: bytes) -> None:
        """Take a message in."""
        event = self._machine.receive(data, lane)
        match event:
            case session.Greeted():
                self._greeted(event)
            case session.Asked():
                self._send([record for record in self._sorted() if record.log == 0])
            case session.Arrived(batch, _):
                for each in batch:
                    record = decode_record(self.assembly, each)
                    self.held[record.id] = record
                if self._guest_answer is not None:
                    self.held |= {record.id: record for record in self._guest_answer()}
                    self._guest_answer = None
                    self._hello()
            case session.Turned(parts):
                self._turned(parts)
            case session.Listed(chain, marks):
                self._sort_out(chain, marks)
            case session.Announced(records, _):
                if records > limits.UNASKED:
                    self._say(_URGENT, messages.Go())
            case session.Allowed():
                for rank, records in self._waiting:
                    self._send(records, rank)
                self._waiting = []
                if self._closes:
                    self._say(_DONE, messages.Done())
            case session.Finished():
                if self._machine.comparing and not any(isinstance(each, messages.Done) for *_, each in self.out):
                    self._close()
                self._settle()
            case session.Compared(theirs):
                mine = frontier_digest(_heads(self.held))
                self._say(_URGENT, messages.Same() if mine == theirs else messages.Digest(mine))
            case session.Wanted(ids):
                found = [(each, self.held[each].body) for each in ids if each in self.held]
                self._say(_BODIES, messages.Bodies(tuple((each, body) for each, body in found if body is not None)))
            case session.Filled(bodies):
                for identity, body in bodies:
                    self.held[identity] = self.held[identity]._replace(body=body)
            case _:
                pass

    def _greeted(self, theirs: session.Greeted) -> None:
        if theirs.digest == self._offered:
            self._want()
        elif self.initiator:
            self._machine.begin()
            turn, lacks = reconcile.first_turn(self._view(next(iter(theirs.bases), None)), theirs.chains)
            self._told_base = bool(lacks.ranges)
            self._say_turn(turn)
            self._give(lacks.ranges)

    def _want(self) -> None:
        missing = [record.id for record in self._sorted() if record.body is None]
        for part in messages.want_messages(missing):
            self._say(_URGENT, part)

    def _view(self, base: bytes | None) -> View:
        def id_at(chain: ChainKey, seq: int) -> bytes | None:
            found = [each.id for each in self.held.values() if (each.device, each.log, each.seq) == (*chain, seq)]
            return found[0] if len(found) == 1 else None

        known = None
        if base is not None and self.met[: messages.BASE_SIZE] == base:
            changed: dict[ChainKey, int] = {}
            for record in self.held.values():
                if record.id not in self.before:
                    chain = record.device, record.log
                    changed[chain] = min(record.seq, changed.get(chain, record.seq))
            known = Base(base, changed, self._told_base)
        return View(_heads(self.held), self._machine.key, id_at, known)

    def _turned(self, parts: tuple[reconcile.Part, ...]) -> None:
        scopes = [part.scope for part in parts if isinstance(part, Claims)]
        base = next((scope for scope in scopes if isinstance(scope, bytes)), None)
        turn, lacks = reconcile.answer(self._view(base), parts)
        if turn:
            self._say_turn(turn)
        for chain in lacks.listings:
            self._list(chain)
        self._give(lacks.ranges)
        if reconcile.closes(turn):
            self._close()

    def _close(self) -> None:
        if self._waiting:
            self._closes = True
        else:
            self._say(_DONE, messages.Done())

    def _settle(self) -> None:
        if not self._machine.comparing:
            self._want()
            if self.initiator:
                self._say(_URGENT, messages.Digest(frontier_digest(_heads(self.held))))

    def _say_turn(self, turn: list[reconcile.Part]) -> None:
        for part in messages.turn_messages(turn):
            self._say(_TURN, part)

    def _list(self, chain: ChainKey) -> None:
        self._listed.add(chain)
        marks = sorted(mark(self._machine.key, each.id) for each in self._of(chain))
        for part in messages.listing_messages(*chain, marks):
            self._say(_TURN, part)

    def _sort_out(self, chain: ChainKey, marks: frozenset[bytes]) -> None:
        mine = {each.id: mark(self._machine.key, each.id) for each in self._of(chain)}
        self._send([self.held[each] for each, seen in mine.items() if seen not in marks], _FORKS)
        if not marks <= set(mine.values()) and chain not in self._listed:
            self._list(chain)

    def _give(self, ranges: list[tuple[ChainKey, int]]) -> None:
        forked = {(head.device, head.log) for head in _heads(self.held) if head.branches is not None}
        found = [(chain, [each for each in self._of(chain) if each.seq >= start]) for chain, start in ranges]
        every = [record for _, records in found for record in records]
        if len(every) > reconcile.FEW:
            self._say(_TURN, messages.Sending(len(every), sum(len(wire(record)) for record in every)))
        for chain, records in found:
            rank = _FORKS if chain in forked else _LOGS + chain[1]
            if len(every) > limits.UNASKED:
                self._waiting.append((rank, records))
            else:
                self._send(records, rank)

    def _send(self, records: list[Record], rank: int = _LOGS) -> None:
        for batch in messages.batches(map(wire, records), 60_000):
            self._say(rank, messages.Records(batch))

    def _of(self, chain: ChainKey) -> list[Record]:
        return [each for each in self._sorted() if (each.device, each.log) == chain]

    def _sorted(self) -> list[Record]:
        return sorted(self.held.values(), key=lambda each: (each.device, each.log, each.seq, each.id))


def _talk(name: str, about: str, one: Side, two: Side, records: Held) -> dict[str, Any]:
    """A session from the first message to the last."""
    sides = {"initiator": one, "responder": two}
    lost = {who: sorted(each.id for each in side.held.values() if each.body is None) for who, side in sides.items()}
    before = {who: sorted(side.held) for who, side in sides.items()}
    said = []
    while one.out or two.out:
        for who, side, other in (("initiator", one, two), ("responder", two, one)):
            found = side.next()
            if found is not None:
                lane, message = found
                data = messages.write_message(message)
                said.append({"from": who, "lane": int(lane), "message": type(message).__name__, "hex": data})
                other.hear(lane, data)
    assert one.held == two.held, name
    records |= one.held
    return {
        "name": name,
        "about": about,
        **{
            who: {
                "nonce": side.nonce,
                "holds": before[who],
                "without_bodies": lost[who],
                "base": {"digest": side.met, "held": sorted(side.before)} if side.met else None,
                "lets_in": bool(who == "initiator" or name != _NEWCOMER),
                "writes": sorted(each for each in side.held if each not in set(before["initiator"]) | set(before["responder"])),
            }
            for who, side in sides.items()
        },
        "messages": said,
        "after": {"holds": sorted(one.held), "digest": frontier_digest(_heads(one.held))},
    }  # fmt: skip


_NEWCOMER = "a newcomer"


def _newcomer(genesis: Record, ada: Device) -> tuple[Side, Side]:
    """She hands in her application, is vouched for, and fetches everything."""
    assembly, origin = genesis.id, roster_id(genesis.id, ())
    door, psk, secret = SigningKey.from_seed(drawn("invitation")), drawn("invitation psk"), drawn("network key")
    zoe = Device(assembly, "Zoe")
    box = lock(derive(secret, contexts.INVITATION), psk, assembly + door.public, entropy("session invitation"))
    invitation = ada.write(
        Kind.INVITATION, Invitation(door.public, bundle.key_name(secret), box, START_MS + 86_400_000)
    )
    certificate = zoe.certify()
    body = Application(invitation=door.public, member=zoe.member.public, device=zoe.key.public).signed_by(
        door, assembly
    )
    application = zoe.write(Kind.APPLICATION, body)

    def answer() -> list[Record]:
        vouch = ada.write(Kind.VOUCH, Vouch(application.id, origin))
        step = ada.write(Kind.ROSTER, RosterStep(origin, (vouch.id,)))
        plain = welcome_plain(assembly, roster_id(assembly, [vouch.id]), [(origin, secret)])
        sealed = seal(zoe.sealing.public, plain, "session welcome")
        return [vouch, step, ada.write(Kind.WELCOME, Welcome(application.id, sealed))]

    own = [genesis, *ada.log, invitation]
    return (
        Side(assembly, [certificate, application], initiator=True),
        Side(assembly, own, initiator=False, guest_answer=answer),
    )


class _Writer(Device):
    """A device that keeps what it wrote."""

    def __init__(self, assembly: bytes, name: str) -> None:
        super().__init__(assembly, name)
        self.log: list[Record] = []

    def many(self, count: int, *, log: int = 0) -> list[Record]:
        """So many records of a kind that nobody knows."""
        found = [self.write(5000, bytes([n % 256]), log=log) for n in range(count)]
        self.log += found
        return found


def _sessions(records: Held) -> list[dict[str, Any]]:
    genesis, _ = founded()
    assembly = genesis.id
    found = []

    def writer(name: str, count: int = 0, **more: int) -> _Writer:
        made = _Writer(assembly, name)
        made.many(count, **more)
        return made

    def run(name: str, about: str, one: list[Record], two: list[Record], met: list[Record] | None = None) -> None:
        sides = (
            Side(assembly, one, initiator=True, met=met),
            Side(assembly, two, initiator=False, met=met),
        )
        found.append(_talk(name, about, *sides, records))

    bea, cy = writer("Bea", 3), writer("Cy", 2)
    common = [*bea.log, *cy.log]
    run("equal logs", "The digests in both hellos are equal: nothing more is said.", common, common)

    words = cy.write(Kind.MESSAGE, Talk(drawn("salt", 16), "general", "Bread is ready."))
    run("a missing body", "Equal digests; the responder lacks a body and asks for it.", [*common, words],
        [*common, words._replace(body=None)])  # fmt: skip

    bea_before, cy_before = list(common), list(common)
    bea_before += bea.many(2)
    cy_before += [*cy.many(1), *writer("Dan", 2, log=1).log]
    run("strangers with a small difference", "Few chains and no base: all claims at once.", bea_before, cy_before)

    run("a base, few records on both sides",
        "Both met with these logs before: what came since goes without claims.", bea_before, cy_before, common)  # fmt: skip
    much = [*common, *writer("Eve", 40).log]
    run("a base, few here and much there",
        "The initiator sends the little it has; the responder, with 33 records or more, claims first.", bea_before,
        [*bea_before, *much[len(common):]], common)  # fmt: skip
    run("a base, much here", "The initiator claims what changed since the base.", much, cy_before, common)

    fay = writer("Fay", 3)
    first, second, third = fay.log
    twin = fay.write(5000, b"other", after=second)
    run("a fork between them",
        "Each has another record at one seq: both list that chain.", [*common, first, second, third],
        [*common, first, second, twin])  # fmt: skip
    run("a fork that one side knows", "The responder has both branches.", [*common, first, second, third],
        [*common, first, second, third, twin])  # fmt: skip

    crowd = [record for n in range(140) for record in writer(f"crowd {n}", 1 + n % 2).log]
    run("strangers with many chains and a small difference",
        "More than 128 chains: sixteen fingerprints first, then claims where they differ.",
        [record for n, record in enumerate(crowd) if n not in (3, 71)], [record for n, record in enumerate(crowd) if n != 150])  # fmt: skip

    run(
        "much is missing",
        "More than 100 records: a statement, and nothing before Go.",
        common,
        [*common, *writer("Gil", 101).log],
    )

    _, founder = founded()
    ada = _Writer(assembly, "Ada")
    ada.heads = founder.heads
    ada.log.append(ada.certify())
    found.append(
        _talk(
            _NEWCOMER,
            "Wait, an application, Hello once she is let in, and everything.",
            *_newcomer(genesis, ada),
            records,
        )
    )
    return found


def _examples() -> list[messages.Message]:
    """One of each message at least, with every form of its parts."""
    device, identity, eight = drawn("device"), drawn("id"), drawn("mark", 8)
    claims = (Claim(device, 0, 5, eight), Claim(device, 1, None, eight))
    prints = tuple(b"" if n % 3 else drawn(f"print {n}", 8) for n in range(16))
    return [
        messages.Hello((2,), (), drawn("nonce", 16), digest(b"frontier"), 3, ()),
        messages.Hello((2, 3), (1, 700), drawn("nonce", 16), digest(b"frontier"), 3, (drawn("base", 16),)),
        messages.Wait(True),
        messages.Wait(False),
        messages.Compare((), False),
        messages.Compare(
            (Fingerprints("", prints), Claims("0f", claims, False), Claims(drawn("base", 16), (), True)), True
        ),
        messages.Sending(101, 20_000),
        messages.Records((b"\x83", b"a record")),
        messages.Done(),
        messages.Digest(digest(b"frontier")),
        messages.Same(),
        messages.Listing(device, 2, (eight,), False),
        messages.Want((identity,)),
        messages.Bodies(((identity, b"a body"),)),
        messages.Pushed((b"a record",)),
        messages.Have(claims),
        messages.Ask(((device, 0, 6),)),
        messages.Push(True),
        messages.Go(),
    ]


def _refused() -> list[dict[str, Any]]:
    """Messages that end the session, whatever its state."""
    device, eight, nonce = drawn("device"), drawn("mark", 8), drawn("nonce", 16)
    hello: list[Any] = [0, [2], [], nonce, digest(b"frontier"), 3, []]
    claim: list[Any] = [device, 0, 5, eight]
    rows: list[tuple[str, Any]] = [
        ("a number that is no message", [16]),
        ("no number", []),
        ("a map", {0: 5}),
        ("a part too many", [5, None]),
        ("a part too few", [3, 1]),
        ("Hello with a nonce of 15 bytes", [*hello[:3], nonce[:15], *hello[4:]]),
        ("Hello with five bases", [*hello[:6], [drawn(f"base {n}", 16) for n in range(5)]]),
        ("Hello with a negative number of chains", [*hello[:5], -1, []]),
        ("Wait with a number", [1, 0]),
        ("a claim of log 3", [12, [[device, 3, 5, eight]]]),
        ("a claim with a mark of 7 bytes", [12, [[device, 0, 5, eight[:7]]]]),
        ("a claim with a negative seq", [12, [[device, 0, -1, eight]]]),
        ("129 wanted ids", [9, [drawn("id")] * 129]),
        ("a range with another digit", [2, [["0g", [claim], False]], False]),
        ("a range in capitals", [2, [["0F", [claim], False]], False]),
        ("a range of 65 digits", [2, [["0" * 65, [], True]], False]),
        ("fingerprints of a range of 64 digits", [2, [["0" * 64, [b""] * 16]], False]),
        ("fifteen fingerprints", [2, [["", [b""] * 15]], False]),
        ("a fingerprint of 7 bytes", [2, [["", [eight[:7], *[b""] * 15]]], False]),
        ("a base of 15 bytes", [2, [[nonce[:15], [], True]], False]),
        ("a record that is text", [4, ["record"]]),
        ("129 records", [4, [b""] * 129]),
        ("a seq that is null in Ask", [13, [[device, 0, None]]]),
    ]
    bad = [
        *((name, encode(value)) for name, value in rows),
        ("a message that is no canonical CBOR", bytes.fromhex("98010f")),
    ]
    for name, data in bad:
        try:
            messages.read_message(data)
        except SessionError:
            continue
        raise AssertionError(f"{name} is taken")
    return [{"name": name, "hex": data} for name, data in bad]


def make() -> dict[str, Any]:
    """The file."""
    records: Held = {}
    sessions = _sessions(records)
    return {
        "about": "Every message in its bytes, and sessions between two machines.",
        "sections": ["8.1", "8.3", "8.4", "8.5", "8.6", "8.7", "8.10", "8.11"],
        "assembly": founded()[0].id,
        "messages": [
            {
                "name": type(each).__name__,
                "value": told(decode(messages.write_message(each))),
                "hex": messages.write_message(each),
            }
            for each in _examples()
        ],
        "refused": _refused(),
        "records": {identity.hex(): wire(records[identity]) for identity in sorted(records)},
        "sessions": sessions,
    }
