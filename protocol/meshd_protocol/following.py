"""What a federation follows of its members, and who sits for them: sets of their own assemblies, by their own rules
(specification, section 5.9).
"""

from collections.abc import Collection, Iterable, Mapping

from meshd_protocol.federal import Seat, members_of, seats_of, standing_voices
from meshd_protocol.items import Belonging, Followed, Item, Quoted
from meshd_protocol.meaning import Federal, Ground, Meaning, Set

READ = "read"
"""The power that alone lets somebody read what a federation says, and not speak or witness there."""


def read_federal(ground: Ground, items: Collection[Item]) -> Federal:
    """What a federation's set says of its members."""
    seats = seats_of(ground.genesis.assemblies, items, ground.pin)
    quoted = [item for item in items if isinstance(item, Quoted) and item.assembly in seats]
    followed: dict[bytes, Meaning] = {}
    kept: set[bytes] = set()
    for assembly, seat in seats.items():
        since = {item.item: item.id for item in quoted if isinstance(item, Followed) and item.assembly == assembly}
        begin, meaning = _follow(ground, seat, since.keys())
        if meaning is not None:
            followed[assembly] = meaning
            kept.update(identity for item, identity in since.items() if item in meaning.ids and item not in begin)
    voices = standing_voices(item for item in quoted if isinstance(item, Belonging))
    kept.update(voice.id for voice in voices)
    joined = frozenset(voice.assembly for voice in voices if voice.ends is None)
    members = members_of(seats, voices, ground.ancestry.known)
    weights = {
        member: weight
        for member, weight in members.items()
        if member in followed and ground.assembly not in followed[member].circle
    }
    return Federal(frozenset(kept), seats, joined, weights, followed, *_persons(ground.assembly, weights, followed))


def beginning(federation: Meaning, assembly: bytes) -> Meaning:
    """What is followed of a seated assembly before anything changed it."""
    other = federation.ground.other(assembly)
    assert other is not None, "it is seated with rosters that are known"
    return other.meaning(_begin(other, federation.federal.seats[assembly]) or frozenset())


def _begin(other: Ground, seat: Seat) -> frozenset[bytes] | None:
    """The ids that a seat begins with; None while one of its rosters is not known here."""
    sets = [other.sets.get(roster) for roster in sorted(seat.rosters)]
    known = [ids for ids in sets if ids is not None]
    return frozenset[bytes]().union(*known) if len(known) == len(sets) else None


def _follow(ground: Ground, seat: Seat, since: Collection[bytes]) -> tuple[Set, Meaning | None]:
    """What an assembly's seat begins with, and what is followed of it: that, and what changed it since. None while a
    roster that it begins with is not known here, nor one that a member of it begins with, and so on: what comes later
    may tell that it is in a circle.
    """
    other = ground.other(seat.seating.assembly)
    begin = _begin(other, seat) if other is not None else None
    if other is None or begin is None:
        return frozenset(), None
    meaning = other.meaning(begin.union(since))
    return (begin, meaning) if meaning.whole else (frozenset(), None)


def _persons(
    federation: bytes, members: Iterable[bytes], followed: Mapping[bytes, Meaning]
) -> tuple[dict[bytes, bytes], dict[bytes, frozenset[str]], Set, Set]:
    """Who sits for whom with which powers, who may read alone, and who did before: by the mandates of what is followed.
    A key that several assemblies send sits for the first by id.
    """
    sits: dict[bytes, bytes] = {}
    powers: dict[bytes, frozenset[str]] = {}
    gallery: set[bytes] = set()
    every: set[bytes] = set()
    for assembly in followed:
        for given in followed[assembly].state().mandates.values():
            if given.mandate.place is not None and given.mandate.place.federation == federation:
                every.add(given.mandate.place.member)
    for assembly in members:
        state = followed[assembly].state()
        for identity, given in sorted(state.mandates.items()):
            place = given.mandate.place
            if place is None or place.federation != federation or state.in_force(identity) is None:
                continue
            granted = frozenset(power.strip().casefold() for power in given.mandate.powers)
            if granted == {READ}:
                gallery.add(place.member)
            elif sits.setdefault(place.member, assembly) == assembly:
                powers[place.member] = powers.get(place.member, frozenset()) | granted
    return sits, powers, frozenset(gallery - sits.keys()), frozenset(every - sits.keys() - gallery)
