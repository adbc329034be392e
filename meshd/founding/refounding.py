"""Founding an assembly anew without some: what the new genesis says, who gets its key, what a reader makes sure of.

Whoever founds writes a record into the old log. Every founder's node, hers too, makes the new assembly from it, so that
a start that broke off is done again by `confirm`.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from meshd.assembly import unprotected
from meshd.assembly.assembly import Assembly
from meshd.assembly.keystore import NetworkKey
from meshd.errors import NodeError
from meshd.founding.opening import create, signed_genesis
from meshd.home import KEYS, folder_of
from meshd.store import tables
from meshd.upkeep import rotation
from meshd_crypto.sealing import CannotOpenError, unseal
from meshd_protocol import contexts, limits
from meshd_protocol.bodies.genesis import Genesis, Origin
from meshd_protocol.bodies.refounding import Refounding, refounding_plain
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.meaning import State
from meshd_protocol.names import text_of
from meshd_protocol.refoundings import Founding, founding
from meshd_protocol.rosters import roster_id

_KEY_BYTES = 32
_BESIDE_BYTES = 512
"""Room for what a record has beside its body's genesis and boxes."""
_BOX_BYTES = 224
"""Room for one box with its device."""


class Open(NamedTuple):
    """An assembly that somebody founds anew from this one. `problem` says why nobody here can confirm it, if so."""

    row: tables.Refounding
    founding: Founding
    problem: str | None

    @property
    def id(self) -> bytes:
        """The new assembly's id."""
        return self.founding.record.id

    @property
    def founders(self) -> frozenset[bytes]:
        """The members of the new assembly."""
        return frozenset(self.founding.genesis.founders)


def charter_text(assembly: Assembly, state: State) -> str:
    """The text of the charter that holds: what was decided last, or came from the assembly before."""
    row = assembly.store.get(tables.Proposal, id=state.charter) if state.charter else None
    if row is not None:
        return row.text
    origin = assembly.known.genesis.origin
    return origin.charter if origin is not None else ""


def genesis_for(assembly: Assembly, roster: bytes, founders: Iterable[bytes], nonce: bytes) -> Genesis:
    """What the genesis of an assembly says that is founded anew from a known roster: its name, rules and witnesses."""
    standing = assembly.known
    state, members = standing.rosters.state(roster), frozenset(founders)
    seats = ((member, device) for device, member in state.witnesses.devices.items() if member in members)
    return Genesis(
        standing.genesis.name,
        nonce,
        standing.genesis.rules,
        tuple(state.policies[name] for name in sorted(state.policies)),
        tuple(sorted(members)),
        tuple(sorted(seats)),
        Origin(assembly.id, roster, charter_text(assembly, state)),
    )


def _without_charter(genesis: Genesis) -> Genesis:
    assert genesis.origin is not None
    return replace(genesis, origin=genesis.origin._replace(charter=""))


def publish(assembly: Assembly, founders: frozenset[bytes]) -> bytes:
    """Write, inside `writing`, that these members of the head found anew; return the id of the new assembly.

    Raises NodeError where they are too many for one genesis.
    """
    standing, world = assembly.known, assembly.world
    genesis = genesis_for(assembly, standing.head, founders, world.entropy(16))
    try:
        if len(genesis.write()) > limits.REFOUNDED_BYTES:
            genesis = _without_charter(genesis)
        if len(genesis.write()) > limits.REFOUNDED_BYTES:
            raise NodeError(
                f"{len(founders)} founders and {len(genesis.witnesses)} witnesses do not fit into one genesis",
                "Found anew with fewer, and admit the others there.",
            )
    except BadBodyError as error:
        raise NodeError(f"this assembly can't be founded anew: {error}") from error
    record = signed_genesis(genesis, assembly.keys.device, world)
    assert record.body is not None
    parts = record.header, record.signature, record.body
    state = standing.rosters.state(standing.head)
    devices = [row for row in rotation.remaining(assembly, state) if row.member in founders]
    boxes = rotation.sealed_for(devices, refounding_plain(assembly.id, record.id, world.entropy(_KEY_BYTES)))
    room = limits.RECORD_BYTES - _BESIDE_BYTES - sum(map(len, parts))
    most = min(limits.ROTATED, room // _BOX_BYTES)
    for start in range(0, len(boxes), most):
        assembly.write(Kind.REFOUNDING, Refounding(parts, tuple(boxes[start : start + most])))
    return record.id


def all_open(assembly: Assembly) -> list[Open]:
    """What is founded anew from this assembly, each once, by members of the head: in the order of their ids."""
    found: dict[bytes, Open] = {}
    for row in sorted(assembly.store.find(tables.Refounding)):
        if row.founded not in found:
            each = founding(assembly.id, row.device, row.member, _body(assembly, row))
            found[row.founded] = Open(row, each, _problem(assembly, row, each.genesis))
    return [found[each] for each in sorted(found)]


def _body(assembly: Assembly, row: tables.Refounding) -> Refounding:
    kept = assembly.store.get(tables.Kept, id=row.id)
    assert kept is not None
    assert kept.body is not None
    return Refounding.read(kept.body)


def _problem(assembly: Assembly, row: tables.Refounding, genesis: Genesis) -> str | None:
    """Why a founding is not what it says: founders, name, rules and witnesses are those of the roster that it names."""
    standing = assembly.known
    state = standing.state
    assert state is not None
    assert genesis.origin is not None
    if row.member not in state.members or row.device in state.revoked:
        return "who founds is no member here, or their device was revoked"
    roster = genesis.origin.roster
    if not standing.rosters.knows(roster):
        return "the roster that it comes from has not arrived here"
    if not frozenset(genesis.founders) < standing.rosters.state(roster).members:
        return "its founders are not some of the members of the roster that it comes from"
    expected = genesis_for(assembly, roster, genesis.founders, genesis.nonce)
    if genesis not in (expected, _without_charter(expected)):
        return "its rules or witnesses are not those of the roster that it comes from"
    return None


def is_here(assembly: Assembly, founded: bytes) -> bool:
    """Whether this home has that assembly."""
    return (folder_of(assembly.folder.parent, founded) / KEYS).exists()


def is_confirmed(assembly: Assembly, founded: bytes) -> bool:
    """Whether this device wrote a certificate in that assembly: a second one would contradict the first."""
    return is_here(assembly, founded) or assembly.store.get(tables.Setting, name=_note(founded)) is not None


def _note(founded: bytes) -> str:
    return f"confirmed {text_of(founded)}"


def confirm(assembly: Assembly, what: Open) -> None:
    """Make this person's part of the new assembly, beside the old one in her home: the same keys, a log of its own.

    Raises NodeError where the new network key is not for this device.
    """
    keys, new = assembly.keys, what.id
    if keys.member is None:
        raise NodeError("the member key is not on this device", "Confirm where it is.")
    secret = next((key for row in _rows(assembly, new) if (key := _secret(assembly, row)) is not None), None)
    if secret is None:
        raise NodeError("the new assembly's key is not sealed to this device", "Confirm from another one of yours.")
    own = assembly.store.get(tables.Certificate, device=keys.device.public)
    network = NetworkKey(roster_id(new, ()), secret)
    fresh = replace(keys, assembly=new, database=assembly.world.entropy(_KEY_BYTES), network=(network,), ticket=None)

    def begin(opened: Assembly) -> None:
        people = assembly.people
        opened.store.insert([tables.Acquaintance(each, people.name(each)) for each in sorted(what.founders)])
        opened.store.insert(assembly.store.find(tables.Peer))
        opened.plant(what.founding.record)
        opened.certify(own.label if own is not None else "")

    home = assembly.folder.parent
    unprotected.share(assembly.folder, folder_of(home, new))
    create(home, fresh, assembly.lock, begin, world=assembly.world).close()
    with assembly.store.transaction():
        assembly.store.replace(tables.Setting(_note(new), "yes"))


def _rows(assembly: Assembly, founded: bytes) -> list[tables.Refounding]:
    return [row for row in sorted(assembly.store.find(tables.Refounding)) if row.founded == founded]


def _secret(assembly: Assembly, row: tables.Refounding) -> bytes | None:
    """The new network key that a record seals to this device."""
    context = contexts.REFOUNDING + assembly.id + row.founded
    for device, sealed in _body(assembly, row).boxes:
        if device != assembly.keys.device.public:
            continue
        try:
            plain = unseal(assembly.keys.sealing, sealed)
        except CannotOpenError:
            continue
        if plain.startswith(context) and len(plain) == len(context) + _KEY_BYTES:
            return plain[len(context) :]
    return None


def unconfirmed(assembly: Assembly) -> list[bytes]:
    """Founders of an assembly that was founded anew who are in it and wrote nothing there yet."""
    standing = assembly.known
    if standing.genesis.origin is None or standing.state is None:
        return []
    founders = (each for each in standing.genesis.founders if each in standing.state.members)
    return [each for each in founders if not assembly.store.count(tables.Certificate, member=each)]
