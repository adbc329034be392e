"""When spans of mandates were opened, as this machine measured it, and whether one is open here now."""

from meshd.assembly.assembly import Assembly
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.upkeep.measuring import measured
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.items import Decision
from meshd_protocol.mandates import outside
from meshd_protocol.spans import is_open


def is_in_span(assembly: Assembly, mandate: bytes) -> bool:
    """Whether this machine, as a witness, attests now what is decided under a mandate with a span."""
    item = assembly.known.item(mandate)
    lasts: int = (item.payload.lasts or 0) if isinstance(item, Decision) and item.verb == Verb.MANDATE else 0
    return lasts > 0 and is_open(openings(assembly, mandate), measured(assembly), lasts)


def openings(assembly: Assembly, mandate: bytes) -> list[int]:
    """When each act by which the holder opened a span came to this machine, by its measure, in ms.

    Judged where it pins alone: a revocation that came later must not move the first one.
    """
    found: list[int] = []
    for row in assembly.store.find(tables.Act, mandate=mandate):
        noticed = assembly.store.get(tables.Noticed, id=row.id)
        if noticed is not None and _is_opening(assembly.known, row):
            found.append(noticed.since_ms)
    return found


def _is_opening(standing: Standing, row: tables.Act) -> bool:
    state = standing.rosters.state(row.roster) if standing.rosters.knows(row.roster) else None
    given = state.mandates.get(row.mandate) if state is not None else None
    if state is None or given is None or row.member != given.mandate.holder or row.scope != SCOPE_EVERYTHING:
        return False
    good = state.revoked.get(row.device)
    return (good is None or row.seq < good) and not outside(given.mandate, row.power)
