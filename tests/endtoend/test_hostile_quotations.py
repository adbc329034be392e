"""What somebody who may quote can do with what they make up: nothing costs more than it says, and nothing that comes
later changes what was read before.
"""

import base64
import random
import zlib

import pytest

from meshd.errors import NodeError
from meshd.service import federating, proving, quoting
from meshd.state.standing import Standing
from meshd.upkeep.caretaker import ready_to_pin
from meshd_crypto.identity import SigningKey
from meshd_protocol.bodies.actions import Seated, Verb
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.federation import Quotation
from meshd_protocol.bodies.genesis import FEDERAL_RULES, RULES_VERSION, Genesis, Seating
from meshd_protocol.bodies.membership import Leave
from meshd_protocol.errors import BadProofError
from meshd_protocol.kinds import Kind
from meshd_protocol.names import text_of
from meshd_protocol.policies import DEFAULTS, FEDERAL_DEFAULTS
from meshd_protocol.proof_files import seal
from meshd_protocol.proofs import Excerpt, Proof, verify_proof, write_proof
from meshd_protocol.records import NO_ASSEMBLY
from meshd_protocol.rosters import roster_id
from tests.towers import Tower
from tests.unions import NAMES, checking_ok
from tests.worlds import START_MS, Author, give

WIDE, HIGH = 9, 8
"""Of a made-up tower: so many federations in each level, each of which seats all of the level below."""


def parts(record):
    return record.header, record.signature, record.body


def founded(name: str, number: int, seatings=()):
    """The genesis of an assembly that one person made up, and the person."""
    author = Author(NO_ASSEMBLY, name, number)
    rules, policies = (FEDERAL_RULES, FEDERAL_DEFAULTS) if seatings else (RULES_VERSION, DEFAULTS)
    body = Genesis(name, bytes(16), rules, policies, (author.member.public,), assemblies=tuple(sorted(seatings)))
    genesis = author.write(Kind.GENESIS, body, log=0)
    author.assembly, author.heads = genesis.id, {}
    return author, genesis


def made_up(roster) -> list[tuple[bytes, list]]:
    """Levels of federations, of which each seats all below it: nine to the power of eight ways lead down."""
    below, every = [], []
    for level in range(HIGH + 1):
        here = []
        for n in range(WIDE):
            seatings = tuple(Seating(each, 1, roster(each)) for each in below)
            author, genesis = founded(f"F{level}", level * 100 + n, seatings)
            records = [genesis]
            if not below:
                records += [author.certify(), *(author.remove(bytes([k]) * 32, bytes(32)) for k in range(20))]
            here.append(genesis.id)
            every.append((genesis.id, records))
        below = here
    return every


@pytest.mark.parametrize("roster", [lambda each: roster_id(each, ()), lambda _: bytes(32)], ids=["first", "unknown"])
def test_many_ways_that_lead_down_cost_what_is_quoted(roster, union):
    every = made_up(roster)
    top, (genesis,) = every[-1]
    quoted = tuple(sorted(Excerpt(each, tuple(sorted(map(parts, said))), ()) for each, said in every[:-WIDE]))
    data = write_proof(Proof(parts(genesis), None, roster_id(top, ()), (), (), quoted))
    assert verify_proof(data).members == ()
    for each, said in every:
        with union.federation.assembly.writing():
            union.federation.assembly.write(Kind.QUOTATION, Quotation(each, tuple(sorted(map(parts, said)))))
    for name in NAMES:
        union.joins(name)
    assert len(union.federation.state().members) == 3
    again = Standing.load(union.federation.assembly.store, union.federation.assembly.id)
    assert again.head == union.federation.standing().head


def test_a_certificate_that_comes_later_takes_no_word_back(union):
    """Somebody leaves; later another key, which is in no roster, certifies the device that said so."""
    for name in NAMES:
        union.joins(name)
    federation, aragon = union.federation, union.nodes["Aragon"]
    cy = union.others["Aragon"][1]
    seeds = (SigningKey.generate(random.Random(number).randbytes) for number in range(999))
    lower = next(each for each in seeds if each.public < cy.member.public)
    give(aragon.assembly, cy.write(Kind.LEAVE, Leave(aragon.standing().head, ())))
    with aragon.assembly.writing():
        ready_to_pin(aragon.assembly)
    twin = cy.fork()
    twin.heads, twin.member = {}, lower
    second = twin.write(Kind.CERTIFICATE, twin.certificate(0), time_ms=START_MS + 5)

    def quote_it() -> None:
        with federation.assembly.writing():
            federation.assembly.write(Kind.QUOTATION, Quotation(aragon.assembly.id, (parts(second),)))

    def followed(standing) -> int:
        return len(standing.state.federal.followed[aragon.assembly.id].state().members)

    quote_it()  # first it comes before the word, then once more behind it
    union.quote("Aragon", "roster")
    assert followed(federation.standing()) == 2
    quote_it()
    assert followed(federation.standing()) == 2
    assert followed(Standing.load(federation.assembly.store, federation.assembly.id)) == 2
    assert checking_ok(federation)
    proof = base64.b64decode(proving.prove(federation, {"id": "roster"})["proof"])
    assert len(verify_proof(proof).members) == 3


def test_a_genesis_that_comes_later_makes_no_seat_void(tmp_path):
    """A federation is seated of whose own members nothing is quoted; what these are would have told of a circle."""
    tower = Tower(tmp_path, 1)
    valley, mill = tower.levels[0], tower.mill
    land = tower.found(mill)
    federation = text_of(land.assembly.id)
    tower.millers_send(1)
    _, middle = founded("Kloo", 901, [Seating(land.assembly.id, 1, roster_id(land.assembly.id, ()))])
    _, hollow = founded("Quux", 902, [Seating(middle.id, 1, roster_id(middle.id, ()))])

    def quote_in(context, genesis) -> None:
        with context.assembly.writing():
            context.assembly.write(Kind.QUOTATION, Quotation(genesis.id, (parts(genesis),)))

    quote_in(valley, hollow)
    with valley.assembly.writing():
        seats = Seated((Seating(hollow.id, 1, roster_id(hollow.id, ())),), (), ())
        body = Proposal(valley.standing().head, "membership", "Seat Quux", action=(int(Verb.SEAT), seats))
        seated = valley.assembly.write(Kind.PROPOSAL, body).id
    tower.decide(0, text_of(seated))
    assert hollow.id not in valley.state().federal.seats, "it has no effect while nobody knows what is below"
    tower.quote(1, valley, "roster")
    tower.millers_say(1, tower.voice(1, mill, federating.seat(land, {"assembly": "Valley"})["id"]))
    joins = federating.federate(valley, {"federation": federation})["id"]
    tower.decide(0, joins)
    tower.quote(1, valley, joins)
    assert len(land.state().members) == 2
    quote_in(land, middle)
    assert len(land.state().members) == 2
    assert len(Standing.load(land.assembly.store, land.assembly.id).state.members) == 2
    assert checking_ok(land)
    assert len(verify_proof(base64.b64decode(proving.prove(land, {"id": "roster"})["proof"])).members) == 2
    tower.close()


def test_a_proof_inflates_so_far_and_no_further():
    body = b"\x9a" + (4 << 20).to_bytes(4, "big") + b"\x80" * (4 << 20)
    data = seal(zlib.compress(body, 9))
    assert len(data) < 10_000
    with pytest.raises(BadProofError, match="larger than any proof"):
        verify_proof(data)


def test_quote_of_what_is_no_text_is_refused(union):
    with pytest.raises(NodeError, match="no proof"):
        quoting.quote(union.federation, {"proof": "Ä"})
