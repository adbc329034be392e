"""Talk that its author takes back: as soon as both are here, in whatever order, the body goes, and does not come again.

It is the author's word if both devices are one, or certified by one member, and if the device was not revoked before it
said so, as far as that is known here. Chains stay as they are: a body can be missing, and no rule reads talk.
"""

from collections.abc import Iterable

from meshd.assembly.assembly import Assembly
from meshd.log.door import Report
from meshd.store import tables
from meshd.store.api import Store


def take_back(assembly: Assembly, report: Report) -> None:
    """Let go of what records that were just appended take back, or were taken back before. In their transaction."""
    store = assembly.store
    filled = (store.get(tables.Erasure, id=each) for each in report.filled)
    erasures = {*report.rows.of(tables.Erasure), *(each for each in filled if each is not None)}
    said = [*report.filled, *report.rows.ids(tables.Message, tables.Letter)]
    members = {row.member for row in report.rows.of(tables.Certificate)}
    if (said or members) and store.find(tables.Erasure, limit=1):
        erasures.update(each for one in said for each in store.find(tables.Erasure, said=one))
        erasures.update(each for member in members for each in _erasures_by(store, member))
    report.forgotten += _let_go(assembly, erasures)


def take_all_back(assembly: Assembly) -> None:
    """The same for a whole log that another version of meshd wrote. In a transaction."""
    for rows in assembly.store.rows(tables.Erasure):
        _let_go(assembly, rows)


def has_effect(assembly: Assembly, erasure: tables.Erasure) -> bool:
    """Whether it is its author who takes something back; not, where that is not here."""
    store, device = assembly.store, erasure.device
    members = _members(store, device)
    revocations = [row for row in store.find(tables.Revocation, device=device) if row.member in members]
    if any(erasure.seq >= row.good_talk for row in revocations):
        return False
    state = assembly.standing.state if assembly.standing is not None else None
    if not revocations and state is not None and device in state.revoked:
        return False  # by a decision, of which nobody reads what it says of talk
    return is_the_author_s(store, erasure.said, device)


def is_the_author_s(store: Store, said: bytes, device: bytes) -> bool:
    """Whether a device speaks for whoever said something; not, where that is not here."""
    kept = store.get(tables.Kept, id=said)
    chain = store.get(tables.Chain, number=kept.chain) if kept is not None else None
    if chain is None:
        return False
    return chain.device == device or bool(_members(store, chain.device) & _members(store, device))


def _let_go(assembly: Assembly, erasures: Iterable[tables.Erasure]) -> int:
    store = assembly.store
    fresh = (each for each in erasures if store.get(tables.Forgotten, id=each.said) is None)
    found = sorted({each.said for each in fresh if has_effect(assembly, each)})
    if not found:
        return 0
    with store.overwriting():
        assembly.door.forget_bodies(found)
    return len(found)


def _members(store: Store, device: bytes) -> set[bytes]:
    return {row.member for row in store.find(tables.Certificate, device=device)}


def _erasures_by(store: Store, member: bytes) -> list[tables.Erasure]:
    """What devices of a member take back."""
    devices = {row.device for row in store.find(tables.Certificate, member=member)}
    return [row for device in devices for row in store.find(tables.Erasure, device=device)]
