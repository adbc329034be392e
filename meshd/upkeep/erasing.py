"""Talk that its author takes back: as soon as both are here, in whatever order, the body goes, and does not come again.

It is the author's word if both devices are one, or certified by one member. Chains stay as they are: a body can be
missing, and no rule reads talk.
"""

from collections.abc import Iterable

from meshd.assembly.assembly import Assembly
from meshd.log.door import Report
from meshd.store import tables
from meshd.store.api import Store


def take_back(assembly: Assembly, report: Report) -> None:
    """Let go of what records that were just appended take back, or were taken back before. In their transaction."""
    store = assembly.store
    pairs: set[tuple[bytes, bytes]] = set()
    said = list(report.filled)
    erasures = (store.get(tables.Erasure, id=each) for each in report.filled)
    for row in (*report.rows, *(each for each in erasures if each is not None)):
        if isinstance(row, tables.Erasure):
            pairs.add((row.said, row.device))
        elif isinstance(row, tables.Message | tables.Letter):
            said.append(row.id)
        elif isinstance(row, tables.Certificate):
            pairs |= {(each.said, each.device) for each in _erasures_by(store, row.member)}
    if said and store.find(tables.Erasure, limit=1):
        pairs |= {(each.said, each.device) for one in said for each in store.find(tables.Erasure, said=one)}
    _let_go(assembly, pairs)


def take_all_back(assembly: Assembly) -> None:
    """The same for a whole log that another version of meshd wrote. In a transaction."""
    for rows in assembly.store.rows(tables.Erasure):
        _let_go(assembly, {(row.said, row.device) for row in rows})


def is_the_author_s(store: Store, said: bytes, device: bytes) -> bool:
    """Whether a device speaks for whoever said something; not, where that is not here."""
    kept = store.get(tables.Kept, id=said)
    chain = store.get(tables.Chain, number=kept.chain) if kept is not None else None
    if chain is None:
        return False
    return chain.device == device or bool(_members(store, chain.device) & _members(store, device))


def _let_go(assembly: Assembly, pairs: Iterable[tuple[bytes, bytes]]) -> None:
    found = sorted({said for said, device in pairs if is_the_author_s(assembly.store, said, device)})
    found = [said for said in found if assembly.store.get(tables.Forgotten, id=said) is None]
    if found:
        with assembly.store.overwriting():
            assembly.door.forget_bodies(found)


def _members(store: Store, device: bytes) -> set[bytes]:
    return {row.member for row in store.find(tables.Certificate, device=device)}


def _erasures_by(store: Store, member: bytes) -> list[tables.Erasure]:
    """What devices of a member take back."""
    devices = {row.device for row in store.find(tables.Certificate, member=member)}
    return [row for device in devices for row in store.find(tables.Erasure, device=device)]
