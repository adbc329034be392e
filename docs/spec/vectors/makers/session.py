"""session.json: every message, and whole sessions between two machines, message for message."""

from typing import Any

from makers.common import START_MS, Device, drawn, entropy, seal, told
from makers.records import founded
from makers.side import Held, Side, heads
from meshd_crypto.hashing import derive, digest
from meshd_crypto.identity import SigningKey
from meshd_crypto.sealing import lock
from meshd_protocol import bundle, contexts
from meshd_protocol.bodies.membership import Application, Invitation, RosterStep, Vouch, Welcome, welcome_plain
from meshd_protocol.bodies.talk import Message as Talk
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import SessionError
from meshd_protocol.kinds import Kind
from meshd_protocol.records import Record, wire
from meshd_protocol.rosters import roster_id
from meshd_protocol.sync import messages
from meshd_protocol.sync.frontier import Claim, frontier_digest
from meshd_protocol.sync.reconcile import Claims, Fingerprints


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
        "after": {"holds": sorted(one.held), "digest": frontier_digest(heads(one.held))},
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
