"""Homes of one assembly whose people are all its founders, logs to fill them with, and daemons that run in them."""

import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from meshd.assembly.assembly import REAL, Assembly, World
from meshd.assembly.keystore import Keys, NetworkKey
from meshd.founding.opening import create, genesis_record, open_assembly
from meshd.home import assemblies
from meshd_crypto.identity import ExchangeKey, SigningKey
from meshd_crypto.passphrase import Cost
from meshd_protocol.bodies.decisions import Ballot, Form, Say
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.bodies.talk import Message
from meshd_protocol.chains import Waiting
from meshd_protocol.kinds import LOG_OF, Kind
from meshd_protocol.records import NO_ASSEMBLY, make_record, wire
from meshd_protocol.rosters import roster_id

MESHD = [sys.executable, "-m", "meshd_cli"]
ENV = {**os.environ, "MESHD_PASSPHRASE": "benchmark"}
BATCH = 5000

_WORLD = World(cost=Cost(1, 8192))


def found_homes(folder: Path, count: int) -> list[Path]:
    """Homes of so many founders of one assembly; each log has the genesis and every founder's certificate."""
    keys = [Keys.generate(NO_ASSEMBLY, f"Person {number}", os.urandom) for number in range(count)]
    genesis = genesis_record("Bench", [each.member_public for each in keys], keys[0].device, REAL)
    network = NetworkKey(roster_id(genesis.id, ()), os.urandom(32))
    homes: list[Path] = []
    opened: list[Assembly] = []
    for number, mine in enumerate(keys):

        def begin(assembly: Assembly, founder: bool = number == 0) -> None:
            if founder:
                assembly.plant(genesis)
            else:
                assembly.door.accept([genesis], Waiting())
                assembly.reload()
            assembly.certify("")

        own = replace(mine, assembly=genesis.id, network=(network,))
        homes.append(folder / f"home{number}")
        opened.append(create(homes[-1], own, ENV["MESHD_PASSPHRASE"], begin, world=_WORLD))
    logs = [[wire_of(kept) for batch in each.store.walk() for kept in batch] for each in opened]
    for each in opened:
        each.receive([data for log in logs for data in log], Waiting())
        each.close()
    return homes


def wire_of(kept: Any) -> bytes:
    """The bytes of a log's kept."""
    from meshd_protocol.records import encode_record

    return encode_record(kept.header, kept.signature, kept.body)


def open_home(home: Path) -> Assembly:
    """The one assembly of a home, in this process."""
    return open_assembly(assemblies(home)[0], ENV["MESHD_PASSPHRASE"], _WORLD)


def chains(assembly: bytes, records: int, each: int = 100, seed: int = 1) -> Iterator[bytes]:
    """Chains of so many records: a certificate and ballots in log 0, and messages in log 1, for each device."""
    rng = random.Random(seed)
    proposals = [rng.randbytes(32) for _ in range(each)]
    made = 0
    while made < records:
        member, device = SigningKey.generate(rng.randbytes), SigningKey.generate(rng.randbytes)
        exchange = ExchangeKey.generate(rng.randbytes)
        certificate = Certificate(
            member=member.public, device=device.public, transport=exchange.public, sealing=exchange.public,
            label="", scope=0, person=f"Member {made}",
        ).signed_by(member, assembly)  # fmt: skip
        ballots = [Ballot(proposal, Form.YES_NO, int(Say.YES)) for proposal in proposals[: each - 1]]
        messages = [Message(rng.randbytes(16), "general", f"message {n} of a few words") for n in range(each)]
        for kind, bodies in ((Kind.BALLOT, [certificate, *ballots]), (Kind.MESSAGE, messages)):
            prev = None
            for seq, body in enumerate(bodies):
                real = Kind.CERTIFICATE if body is certificate else kind
                record = make_record(
                    assembly, device, log=LOG_OF[kind], seq=seq, prev=prev, time_ms=1_780_000_000_000 + seq,
                    kind=real, body=body.write(),
                )  # fmt: skip
                prev = record.id
                made += 1
                yield wire(record)


def fill(home: Path, records: int, each: int = 100) -> None:
    """Put chains into a home's log."""
    assembly = open_home(home)
    every = chains(assembly.id, records, each)
    while batch := list(itertools.islice(every, BATCH)):
        assembly.receive(batch, Waiting())
    assembly.close()


def _memory_mb(pid: int | str, what: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(what)).split()[1]) / 1000


class Daemon(NamedTuple):
    """A running daemon, and where it listens."""

    home: Path
    process: "subprocess.Popen[str]"
    address: str

    def memory_mb(self, what: str = "VmRSS") -> float:
        """Resident memory now, or (`VmHWM`) the most it ever was, by the kernel's own count: the daemon's, and that of
        its helper while there is one.
        """
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        helpers = [pid for children in threads for pid in children.read_text().split()]
        return _memory_mb(self.process.pid, what) + sum(_memory_mb(pid, what) for pid in helpers)

    def cpu_seconds(self) -> float:
        """Processor time that it has taken so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, verb: str, **arguments: Any) -> Any:
        """The daemon's answer to a command, as the command line asks for it."""
        from meshd_cli.client import Where, ask

        return ask(Where(self.home, None, True, None), verb, arguments)


@contextmanager
def daemon(home: Path, *connect: str) -> Iterator[Daemon]:
    """Run a daemon in a home on loopback."""
    dialled = [word for address in connect for word in ("--connect", address)]
    process = subprocess.Popen(
        [*MESHD, "--home", str(home), "--json", "run", "--no-mdns", "--listen", "127.0.0.1:0", *dialled],
        env=ENV, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        (address,) = json.loads(process.stdout.readline())["listening"]
        yield Daemon(home, process, address)
    finally:
        process.terminate()
        process.communicate()
