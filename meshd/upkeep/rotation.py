"""New network keys: made by whoever publishes a roster that somebody left, sealed to every device that remains.

A key that came in a record counts where its author is a member of the roster that it belongs to: nobody who was removed
can make the others write under a key of hers. Keys that lie on a stick open what is on the stick, and nothing else.
"""

from collections.abc import Iterable

from meshd.assembly.access import newest_first
from meshd.assembly.assembly import Assembly
from meshd.assembly.keystore import NetworkKey
from meshd.store import tables
from meshd_crypto.sealing import SEALED_OVERHEAD, CannotOpenError, seal, unseal
from meshd_protocol import contexts, limits
from meshd_protocol.bodies.membership import NetworkKeys, rotation_plain
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.meaning import State

_KEY = 32


def rotate(assembly: Assembly, before: bytes, after: bytes) -> None:
    """Write a new network key of `after`, if somebody or some device of `before` is not in it. Inside `writing`."""
    standing = assembly.known
    was, is_ = standing.rosters.state(before), standing.rosters.state(after)
    gone = was.inside - is_.inside
    if not gone and not is_.revoked.keys() - was.revoked.keys():
        return
    if any(key.roster == after for key in assembly.keys.network):
        return
    secret = assembly.world.entropy(_KEY)
    assembly.add_network_keys([NetworkKey(after, secret)])  # on disk before any record tells of it
    boxes = sealed_for(remaining(assembly, is_), rotation_plain(assembly.id, after, secret))
    for start in range(0, len(boxes), limits.ROTATED):
        assembly.write(Kind.NETWORK_KEYS, NetworkKeys(after, tuple(boxes[start : start + limits.ROTATED])))


def is_due(assembly: Assembly) -> bool:
    """Whether somebody who is out, or a revoked device, holds the key that this node writes under: lines that met each
    made one without knowing who was put out on the other.
    """
    standing = assembly.known
    keys = newest_first(assembly)
    if not keys or not standing.rosters.knows(keys[0].roster):
        return False
    was, is_ = standing.rosters.state(keys[0].roster), standing.rosters.state(standing.head)
    gone = was.inside - is_.inside
    return bool(gone or is_.revoked.keys() - was.revoked.keys())


def remaining(assembly: Assembly, state: State) -> list[tables.Certificate]:
    """The devices of everybody in a roster that nobody revoked."""
    inside = sorted(state.inside)
    return [
        row
        for member in inside
        for row in assembly.store.find(tables.Certificate, member=member)
        if row.device not in state.revoked
    ]


def sealed_for(devices: Iterable[tables.Certificate], plain: bytes) -> list[tuple[bytes, bytes]]:
    """A secret for each of some devices: (device, sealed)."""
    boxes: list[tuple[bytes, bytes]] = []
    for row in devices:
        try:
            boxes.append((row.device, seal(row.sealing, plain)))
        except CannotOpenError:
            continue  # a sealing key of low order: nobody can be reached there
    return boxes


def for_stick(assembly: Assembly, key: NetworkKey) -> bytes | None:
    """A network key for those who were away when it was made: boxes of one size, without a name on them."""
    standing = assembly.standing
    if standing is None or standing.state is None or not standing.rosters.knows(key.roster):
        return None
    plain = rotation_plain(assembly.id, key.roster, key.secret)
    boxes = sealed_for(remaining(assembly, standing.state), plain)
    return b"".join(sealed for _, sealed in boxes) or None


def from_stick(assembly: Assembly, data: bytes) -> bytes | None:
    """The secret that such boxes hold for this device. It opens what lies on the stick, and nothing else."""
    size = SEALED_OVERHEAD + len(rotation_plain(assembly.id, bytes(_KEY), bytes(_KEY)))
    if len(data) % size:
        return None
    boxes = (data[start : start + size] for start in range(0, len(data), size))
    return next((key.secret for box in boxes if (key := key_in(assembly, box)) is not None), None)


def open_rotations(assembly: Assembly) -> None:
    """Take the network keys out of rotations that are sealed to this device, by members of the rosters they are for."""
    standing = assembly.standing
    if standing is None or not standing.knows_rules:
        return
    held = {key.roster for key in assembly.keys.network}
    found: list[NetworkKey] = []
    for row in assembly.store.find(tables.Rotation):
        if row.id in assembly.opened_rotations or not standing.rosters.knows(row.roster):
            continue
        assembly.opened_rotations.add(row.id)
        if row.roster in held and row.device == assembly.keys.device.public:
            continue
        if row.member not in standing.rosters.state(row.roster).people:
            continue
        found += _mine(assembly, row)
    if found:
        assembly.add_network_keys(found)


def _mine(assembly: Assembly, row: tables.Rotation) -> list[NetworkKey]:
    kept = assembly.store.get(tables.Kept, id=row.id)
    assert kept is not None
    assert kept.body is not None
    try:
        body = NetworkKeys.read(kept.body)
    except BadBodyError:
        return []
    keys = (key_in(assembly, sealed) for device, sealed in body.boxes if device == assembly.keys.device.public)
    return [key for key in keys if key is not None and key.roster == row.roster]


def key_in(assembly: Assembly, sealed: bytes) -> NetworkKey | None:
    """The network key that a box holds, if it opens for this device."""
    context = contexts.ROTATION + assembly.id
    try:
        plain = unseal(assembly.keys.sealing, sealed)
    except CannotOpenError:
        return None
    if not plain.startswith(context) or len(plain) != len(context) + 2 * _KEY:
        return None
    rest = plain[len(context) :]
    return NetworkKey(rest[:_KEY], rest[_KEY:])
