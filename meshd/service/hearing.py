"""What a federation has heard of its assemblies: who is seated, up to when each is followed and by whose quotations,
which have parted, and what they said on a matter.
"""

from collections.abc import Iterator
from enum import Enum

from meshd.service.context import Context, Result, id_range
from meshd.store import tables
from meshd_protocol.items import Decision
from meshd_protocol.names import text_of
from meshd_protocol.policies import Finality
from meshd_protocol.quoted import Quoted
from meshd_protocol.thresholds import settled_needed


class Place(Enum):
    """How a seated assembly stands in a federation. `CIRCLE`: the federation joined it, or a member of it. `CAME_BACK`:
    it left, and joined again; only a seat that knows of that makes it a member.
    """

    MEMBER = "member"
    CIRCLE = "circle"
    CAME_BACK = "came back"
    NOT_JOINED = "not joined"


def place_in(context: Context, assembly: bytes) -> Place:
    """How an assembly stands that is seated in this federation."""
    federal = context.state().federal
    assert federal is not None, "an assembly of people seats nobody"
    followed = federal.followed.get(assembly)
    if assembly in federal.weights:
        return Place.MEMBER
    if followed is not None and context.assembly.id in followed.circle:
        return Place.CIRCLE
    return Place.CAME_BACK if followed is not None and assembly in federal.joined else Place.NOT_JOINED


def seated(context: Context) -> Iterator[Result]:
    """The assemblies that are seated in a federation: weights, who sits for them, how far they are followed here."""
    federal, label = context.state().federal, context.assembly.people.label
    assert federal is not None, "an assembly of people seats nobody"
    for assembly, place in federal.seats.items():
        followed, place_of = federal.followed.get(assembly), place_in(context, assembly)
        yield {
            "person": context.assembly.people.name(assembly),
            "label": label(assembly),
            "member": text_of(assembly),
            "role": "assembly",
            "me": False,
            "weight": place.seating.weight,
            "joined": place_of == Place.MEMBER,
            "came_back": place_of == Place.CAME_BACK,
            "circle": place_of == Place.CIRCLE,
            "members": len(followed.state().members) if followed is not None else 0,
            "federation": followed is not None and followed.ground.is_federation,
            "until_ms": followed_until(context, assembly),
            "by_its_own": by_its_own(context, assembly),
            "parted": parted(context, assembly),
            "sits": sorted(label(person) for person, member in federal.sits.items() if member == assembly),
        }


def followed_until(context: Context, assembly: bytes) -> int | None:
    """When the last of what is quoted of the people of an assembly was written, by their clocks, and not after now."""
    quotations, federal = context.standing().quotations, context.state().federal
    assert quotations is not None and federal is not None, "it is a federation"
    followed = federal.followed.get(assembly)
    if followed is None:
        return None
    statements, inside = quotations.statements(assembly), followed.state().inside
    records = (said[0] for said in map(statements.said, statements.known()) if said is not None)
    times = [each.time_ms for each in records if not inside.isdisjoint(statements.owners(each.device))]
    return min(max(times), context.assembly.world.clock()) if times else None


def by_its_own(context: Context, assembly: bytes) -> bool:
    """Whether those alone quoted an assembly who sit for it."""
    people, state = context.assembly.people, context.state()
    rows = context.assembly.store.find(tables.Quotation, assembly=assembly)
    sits = {person for person in map(people.owner, {row.device for row in rows}) if person is not None}
    return bool(sits) and all(state.member_of(person) == assembly for person in sits)


def parted(context: Context, assembly: bytes) -> list[int]:
    """How many members the lines of an assembly have, what is followed of it first; nothing where it has one line."""
    quotations, federal = context.standing().quotations, context.state().federal
    assert quotations is not None and federal is not None, "it is a federation"
    quoted, followed = quotations.get(assembly), federal.followed.get(assembly)
    if quoted is None or followed is None:
        return []
    beside = [quoted.rosters.state(roster) for roster in quoted.rosters.beside(followed)]
    return [len(each.members) for each in (followed.state(), *beside)] if beside else []


def by_assemblies(context: Context, identity: str) -> bool:
    """Whether something is a proposal that the assemblies of a federation decide, and not who sits for them."""
    standing, (low, high) = context.assembly.standing, id_range(identity)
    if standing is None or standing.quotations is None or not low:
        return False
    row = next(iter(context.assembly.store.between(tables.Proposal, low, high, 1)), None)
    if row is None or not standing.rosters.knows(row.roster):
        return False
    policy = standing.rosters.state(row.roster).policies.get(row.policy)
    return policy is not None and not policy.hears_seats


def heard(context: Context, row: tables.Proposal) -> Result | None:
    """How many assemblies are heard on a matter of a federation, of what weight, and who said something that does not
    count. None in an assembly of people, and for what has no effect.
    """
    standing = context.standing()
    decision = standing.item(row.id)
    if standing.quotations is None or not isinstance(decision, Decision) or not standing.rosters.knows(row.roster):
        return None
    state = standing.rosters.state(row.roster)
    policy = state.policies.get(row.policy)
    if policy is None or standing.rosters.void(decision) is not None:
        return None
    said = {cast.member for cast in standing.ballots(row, state)} & state.members
    asked = [(each, standing.quotations.get(each)) for each in sorted(state.members - said)]
    idle = [
        {"label": context.assembly.people.label(each), "put_ms": put}
        for each, quoted in asked
        if quoted is not None and (put := _put_ms(quoted, context.assembly.id, row.id)) is not None
    ]
    return {
        "assemblies": len(said),
        "of": len(state.members),
        "weight": state.weigh(said),
        "whole": state.weigh(state.members),
        "needed": settled_needed([policy], state) if policy.finality == Finality.SETTLED else None,
        "idle": idle,
    }


def _put_ms(quoted: Quoted, federation: bytes, matter: bytes) -> int | None:
    """When an assembly put a matter to its members, as far as that is quoted; the last time."""
    voices = (quoted.statements.said(each.id) for each in quoted.voices(federation, matter))
    return max((said[0].time_ms for said in voices if said is not None), default=None)
