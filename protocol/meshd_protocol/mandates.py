"""Mandates and acts: what a delegate may do, when an act stands, who may follow whom (design: decisions).

Delegates do not decide; they carry out. Nothing here knows a clock: that a mandate is alive when something is done
under it is what witnesses vouch for.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from meshd_protocol.bodies.actions import Mandate
from meshd_protocol.decisions.certified import Witnesses, bound
from meshd_protocol.roles import same_role


class Appointment(NamedTuple):
    """A mandate that a roster contains, by its decision; `pin` are the ids of the roster that it was given in."""

    id: bytes
    pin: frozenset[bytes]
    mandate: Mandate


class Countersigned(NamedTuple):
    """A countersignature as the log holds it, and the recall signatures that its witness had seen."""

    device: bytes
    recalls: tuple[tuple[bytes, int], ...]


def last_of_role(role: str, appointments: Iterable[Appointment]) -> list[Appointment]:
    """The mandates for a role that no other one of it came after: one, or several where lines gave one each."""
    mine = [each for each in appointments if same_role(each.mandate.role, role)]
    return [each for each in mine if not any(each.id in other.pin for other in mine)]


def recalled(mandates: Mapping[bytes, Appointment], recalls: Mapping[bytes, bytes]) -> frozenset[bytes]:
    """The mandates that are over, by recalls: each one's id, and the mandate that it names.

    A recall ends its holder's hold on the role, by whatever mandate that did not know of it.
    """
    over: set[bytes] = set()
    for recall, named in recalls.items():
        meant = mandates.get(named)
        over.add(named)
        if meant is not None:
            over.update(each.id for each in mandates.values() if _same_hold(meant, each) and recall not in each.pin)
    return frozenset(over)


def _same_hold(one: Appointment, other: Appointment) -> bool:
    return one.mandate.holder == other.mandate.holder and same_role(one.mandate.role, other.mandate.role)


def stands_alone(given: Appointment, mandates: Collection[Appointment], over: Collection[bytes]) -> bool:
    """Whether a mandate is the one of its role: one role, one holder, one term.

    It is over if it was recalled, or another one for the role was given after it. Of two that knew nothing of each
    other neither is in force, until one is given that knows both.
    """
    last = last_of_role(given.mandate.role, mandates)
    alone = [each for each in last if each.id not in over]
    return len(alone) == 1 and alone[0].id == given.id


def rotation_problem(mandate: Mandate, before: Iterable[Appointment]) -> str | None:
    """Why the holder may not have a second term in a row, by the mandates of the roster that it pins."""
    for last in last_of_role(mandate.role, before):
        if last.mandate.holder == mandate.holder and not last.mandate.again:
            return "the holder had this role before, and that mandate does not let anybody follow themselves"
    return None


def outside(mandate: Mandate, power: str) -> bool:
    """Whether an act by that power is outside of what the mandate grants."""
    return power.strip().casefold() not in {each.strip().casefold() for each in mandate.powers}


def others(witnesses: Witnesses, holder: bytes) -> dict[bytes, bytes]:
    """The devices that may countersign acts of that holder: all witnesses' but her own; in a federation of the assembly
    for which she sits.
    """
    return {device: member for device, member in witnesses.devices.items() if member != holder}


def needed(witnesses: Witnesses, holder: bytes) -> int | None:
    """How many countersignatures make an act stand: max(2, f+1). None with fewer than two other witnesses."""
    if len(others(witnesses, holder)) < 2:
        return None
    return max(2, bound(witnesses.seats) + 1)


def signers(countersignatures: Iterable[Countersigned], witnesses: Witnesses, holder: bytes) -> set[bytes]:
    """The devices of witnesses other than the holder that countersigned."""
    able = others(witnesses, holder)
    return {each.device for each in countersignatures if each.device in able}


def stands(countersignatures: Collection[Countersigned], witnesses: Witnesses, holder: bytes) -> bool:
    """Whether enough witnesses countersigned an act."""
    enough = needed(witnesses, holder)
    return enough is not None and len(signers(countersignatures, witnesses, holder)) >= enough


def recalls_seen(
    countersignatures: Iterable[Countersigned], witnesses: Witnesses, holder: bytes
) -> Mapping[bytes, int]:
    """By motion, the most recall signatures that a countersigning witness had seen: what an act was concurrent with."""
    able = others(witnesses, holder)
    found: dict[bytes, int] = {}
    for each in countersignatures:
        if each.device in able:
            for motion, signatures in each.recalls:
                found[motion] = max(found.get(motion, 0), signatures)
    return found
