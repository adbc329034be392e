"""Worlds for tests: seeded randomness, a clock that stands still until told, cheap passphrases, people and assemblies.

Everything is the real stack, on disk; only what `World` injects is replaced.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from meshd.assembly.assembly import Assembly, World
from meshd.assembly.keystore import Keys, NetworkKey
from meshd.clock import Reading
from meshd.founding.opening import create, found, genesis_record, join
from meshd.service import explaining, membership, proposing
from meshd.service.context import Context
from meshd.store.tables import Kept
from meshd_crypto.identity import ExchangeKey, SigningKey
from meshd_crypto.passphrase import Cost
from meshd_protocol.bodies.decisions import Ballot, Form, Proposal, Say, Verb
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.kinds import LOG_OF, Kind
from meshd_protocol.names import bytes_of
from meshd_protocol.records import NO_ASSEMBLY, Record, make_record
from meshd_protocol.rosters import roster_id
from meshd_protocol.schema import Body
from meshd_protocol.tickets import read_ticket

CHEAP = Cost(1, 8192)
START_MS = 1_780_000_000_000


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


def world(seed: int = 1, clock: Clock | None = None) -> World:
    """Each has a steady clock that goes with the wall clock, unless a test gives it another."""
    clock = clock or Clock()
    return World(clock, random.Random(seed).randbytes, CHEAP, lambda _: 1 << 40, lambda: Reading("boot", clock.now_ms))


class Author:
    """A device that signs records without a node: for members who have none here, and for traitors."""

    def __init__(self, assembly: bytes, name: str, seed: int, member: SigningKey | None = None) -> None:
        entropy = random.Random(seed).randbytes
        self.name = name
        self.assembly = assembly
        self.member = member or SigningKey.generate(entropy)
        self.device = SigningKey.generate(entropy)
        self.transport = ExchangeKey.generate(entropy)
        self.sealing = ExchangeKey.generate(entropy)
        self.heads: dict[int, Record] = {}
        self.history: list[Record] = []

    def certificate(self, scope: int = 0, **changed: Any) -> Certificate:
        body = Certificate(
            member=self.member.public,
            device=self.device.public,
            transport=self.transport.public,
            sealing=self.sealing.public,
            label="",
            scope=scope,
            person=self.name,
        )
        return replace(body, **changed).signed_by(self.member, self.assembly)

    def certify(self, scope: int = 0) -> Record:
        return self.write(Kind.CERTIFICATE, self.certificate(scope))

    def write(
        self, kind: int, body: Body | bytes, *, log: int | None = None, after: Record | None = None, **header: Any
    ) -> Record:
        """Sign the next record; `after` another one than the newest forks the chain."""
        number = LOG_OF[kind] if log is None else log
        head = after or self.heads.get(number)
        record = make_record(
            self.assembly,
            self.device,
            log=number,
            seq=head.seq + 1 if head else 0,
            prev=head.id if head else None,
            time_ms=header.pop("time_ms", START_MS),
            kind=kind,
            body=body if isinstance(body, bytes) else body.write(),
            **header,
        )
        self.heads[number] = record
        self.history.append(record)
        return record

    def fork(self) -> "Author":
        """The same device on another machine: what it writes next contradicts this one."""
        twin = Author.__new__(Author)
        twin.__dict__.update(self.__dict__, heads=dict(self.heads), history=list(self.history))
        return twin

    def ballot(self, proposal: bytes, say: int = Say.YES, counter: int = 0) -> Record:
        return self.write(Kind.BALLOT, Ballot(proposal, Form.YES_NO, int(say), counter))

    def rank(self, proposal: bytes, *ranks: tuple[int, ...]) -> Record:
        return self.write(Kind.BALLOT, Ballot(proposal, Form.RANKS, ranks))

    def propose(self, roster: bytes, title: str = "A question", policy: str = "significant", **more: Any) -> Record:
        return self.write(Kind.PROPOSAL, Proposal(roster, policy, title, **more))

    def admit(self, roster: bytes, *applications: bytes) -> Record:
        return self.propose(roster, "Admit", "membership", action=(int(Verb.ADMIT), tuple(sorted(applications))))

    def remove(self, roster: bytes, *members: bytes) -> Record:
        return self.propose(roster, "Remove", "removal", action=(int(Verb.REMOVE), tuple(sorted(members))))


def commune(
    folder: Path,
    names: Iterable[str],
    *,
    seed: int = 1,
    nodes: int | None = None,
    clock: Clock | None = None,
    witnesses: int = 0,
    title: str = "Commune",
) -> tuple[list[Assembly], list[Author]]:
    """An assembly whose founders are all of `names`: the first `nodes` of them run nodes, the others only sign. The
    first `witnesses` are witnesses, node or not.

    Every node starts with the genesis alone, the way that founders would hand each other a stick.
    """
    people = list(names)
    running = len(people) if nodes is None else nodes
    clock = clock or Clock()
    keys = [
        Keys.generate(NO_ASSEMBLY, name, random.Random(seed * 1000 + n).randbytes)
        for n, name in enumerate(people[:running])
    ]
    authors = [Author(NO_ASSEMBLY, name, seed * 1000 + running + n) for n, name in enumerate(people[running:])]
    members = [each.member_public for each in keys] + [author.member.public for author in authors]
    first = world(seed, clock)
    pairs = [(each.member_public, each.device.public) for each in keys]
    pairs += [(author.member.public, author.device.public) for author in authors]
    genesis = genesis_record(title, members, keys[0].device, first, pairs[:witnesses])
    network = NetworkKey(roster_id(genesis.id, ()), first.entropy(32))
    opened: list[Assembly] = []
    for n, each in enumerate(keys):
        own = replace(each, assembly=genesis.id, network=(network,))

        def begin(assembly: Assembly, founder: bool = n == 0) -> None:
            if founder:
                assembly.plant(genesis)
            else:
                with_genesis(assembly, genesis)
            assembly.certify("")

        opened.append(create(folder / f"node{n}", own, "pw", begin, world=world(seed * 100 + n, clock)))
    for author in authors:
        author.assembly = genesis.id
    return opened, authors


def with_genesis(assembly: Assembly, genesis: Record) -> None:
    """Take in a genesis that somebody else signed."""
    from meshd_protocol.chains import Waiting

    report = assembly.door.accept([genesis], Waiting())
    assert [record.id for record in report.new] == [genesis.id]
    assembly.reload()


@dataclass
class Founder:
    """One person's assembly, for tests that begin with `meshd init`."""

    assembly: Assembly
    context: Context


def founder(
    folder: Path, *, seed: int = 1, clock: Clock | None = None, name: str = "Bakery", person: str = "Ada"
) -> Founder:
    assembly = found(folder / f"home{seed}", name, person, "pw", world=world(seed, clock))
    return Founder(assembly, Context(assembly))


def newcomer(folder: Path, inviter: Context, person: str, *, seed: int, clock: Clock | None = None) -> Founder:
    """Somebody with a ticket, whose application is written and not handed in."""
    ticket = read_ticket(membership.invite(inviter, {})["ticket"])
    assembly = join(folder / f"home{seed}", ticket, person, "pw", world=world(seed, clock))
    return Founder(assembly, Context(assembly))


def exchange(*assemblies: Assembly) -> None:
    """Everybody gives everybody what they lack, until nothing is new."""
    from meshd_protocol.chains import Waiting
    from meshd_protocol.records import encode_record

    logs = [_log(each) for each in assemblies]
    moved = True
    while moved:
        moved = False
        for giver in range(len(assemblies)):
            for taker in range(len(assemblies)):
                whole = {each.id: each.body is not None for each in logs[taker]}
                lacking = [
                    encode_record(each.header, each.signature, each.body)
                    for each in logs[giver]
                    if each.id not in whole or (each.body is not None and not whole[each.id])
                ]
                if lacking and assemblies[taker].receive(lacking, Waiting()).new:
                    logs[taker] = _log(assemblies[taker])
                    moved = True


def _log(assembly: Assembly) -> list[Kept]:
    return [each for batch in assembly.store.walk() for each in batch]


def give(assembly: Assembly, *records: Record) -> Any:
    """Hand records to a node, as a peer would."""
    from meshd_protocol.chains import Waiting
    from meshd_protocol.records import wire

    return assembly.receive([wire(record) for record in records], Waiting())


def propose(context: Context, title: str = "A question", policy: str = "significant", **more: Any) -> bytes:
    more["policy"] = policy
    return bytes_of(proposing.propose(context, {"title": title, **more})["id"])


def state_of(context: Context, proposal: bytes) -> dict[str, Any]:
    from meshd_protocol.names import text_of

    return explaining.show(context, {"id": text_of(proposal)})
