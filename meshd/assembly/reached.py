"""Whom this node reached and when, and which own records have not left this machine. For people: no rule reads it."""

from meshd.assembly.assembly import Assembly
from meshd.store import tables

_REACHED = "reached "
_SENT = "sent"
_CARRIED = "carried"
_SEALED = "sealed"
_AGAIN_MS = 10 * 60 * 1000
"""How old a note may be before a meeting that brings nothing new writes another one: disks wear."""


def is_fresh(assembly: Assembly, device: bytes) -> bool:
    """Whether it was noted a short while ago that a device was reached."""
    return 0 <= assembly.world.clock() - reached_ms(assembly, device) < _AGAIN_MS


def met(assembly: Assembly, device: bytes, position: int) -> None:
    """Note that a device holds what was here when the log ended at a position. In a transaction."""
    assembly.store.replace(tables.Setting(_REACHED + device.hex(), str(assembly.world.clock())))
    _note_sent(assembly, position)


def carried(assembly: Assembly) -> None:
    """Note that all that is here is on a stick, or in a file. Opens its own transaction."""
    with assembly.store.transaction():
        assembly.store.replace(tables.Setting(_CARRIED, str(assembly.world.clock())))
        _note_sent(assembly, assembly.store.position())


def came_sealed(assembly: Assembly, *, sealed: bool) -> None:
    """Note whether something on the last stick or in the last file is under a network key that is not here. Opens its
    own transaction.
    """
    value = str(len(assembly.keys.network)) if sealed else ""
    held = assembly.store.get(tables.Setting, name=_SEALED)
    if value != (held.value if held is not None else ""):
        with assembly.store.transaction():
            assembly.store.replace(tables.Setting(_SEALED, value))


def lacks_a_key(assembly: Assembly) -> bool:
    """Whether that was so, and no network key came since."""
    held = assembly.store.get(tables.Setting, name=_SEALED)
    return held is not None and held.value == str(len(assembly.keys.network))


def carried_ms(assembly: Assembly) -> int | None:
    """When all that was here was on a stick or in a file last, by this machine's clock."""
    row = assembly.store.get(tables.Setting, name=_CARRIED)
    return int(row.value) if row is not None else None


def reached_ms(assembly: Assembly, device: bytes) -> int:
    """When a device held last what this node does, by this machine's clock; 0 if never."""
    row = assembly.store.get(tables.Setting, name=_REACHED + device.hex())
    return int(row.value) if row is not None else 0


def unsent(assembly: Assembly) -> int:
    """How many of this device's records are known to be nowhere else: on no other node, and on no stick."""
    sent = ends_elsewhere(assembly)
    return sum(max(0, chain.head_seq - sent.get(chain.log, -1)) for chain in _own(assembly))


def _note_sent(assembly: Assembly, position: int) -> None:
    later = dict(assembly.store.since(position))
    ends = {chain.log: later[chain.number] - 1 if chain.number in later else chain.head_seq for chain in _own(assembly)}
    before = ends_elsewhere(assembly)
    ends = {log: max(end, before.get(log, -1)) for log, end in ends.items()}
    words = ",".join(f"{log}:{end}" for log, end in sorted(ends.items()))
    assembly.store.replace(tables.Setting(_SENT, words))


def ends_elsewhere(assembly: Assembly) -> dict[int, int]:
    """The last seq of this device that is known to be elsewhere, by log."""
    row = assembly.store.get(tables.Setting, name=_SENT)
    pairs = (each.split(":") for each in row.value.split(",") if each) if row is not None else ()
    return {int(log): int(end) for log, end in pairs}


def _own(assembly: Assembly) -> list[tables.Chain]:
    return assembly.store.find(tables.Chain, device=assembly.keys.device.public)
