"""Which assemblies are a federation's members, by what its set holds: seats, and voices that join and leave
(specification, section 5.9).

A function of the set and the genesis. What is followed of each member is in `following`, what they say in `voices`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.genesis import Seating
from meshd_protocol.items import Belonging, Decision, Item
from meshd_protocol.succession import holding

Pin = Callable[[Decision], frozenset[bytes]]
"""The ids of the roster that a decision pins."""


class Seat(NamedTuple):
    """The seat of an assembly: the seating that holds, by the genesis (then it pins nothing) or by a decision that pins
    `pin`; and where it begins: with all that the rosters of its seatings hold since it was seated.
    """

    seating: Seating
    pin: frozenset[bytes]
    rosters: frozenset[bytes]


def seats_of(founding: Iterable[Seating], items: Iterable[Item], pin_of: Pin) -> dict[bytes, Seat]:
    """The seats of the assemblies that no decision unseated since: by the genesis, and by decisions."""
    decisions = [item for item in items if isinstance(item, Decision)]
    removals: dict[bytes, set[bytes]] = {}
    for each in decisions:
        for assembly in each.removes:
            removals.setdefault(assembly, set()).add(each.id)
    given: dict[bytes, dict[bytes, tuple[Seating, frozenset[bytes], frozenset[bytes]]]] = {}
    for each in decisions:
        if each.verb != Verb.SEAT:
            continue
        pin = pin_of(each)
        for seating in each.payload.seatings:
            if removals.get(seating.assembly, set()) <= pin | {each.id}:
                replaces = frozenset(each.payload.replaces) & pin
                given.setdefault(seating.assembly, {})[each.id] = seating, pin, replaces
    first = {each.assembly: each for each in founding if each.assembly not in removals}
    found: dict[bytes, Seat] = {}
    for assembly in first.keys() | given.keys():
        entries = given.get(assembly, {})
        held = holding({key: replaces for key, (_, _, replaces) in entries.items()})
        if held is None and assembly not in first:  # two islands seated it: the lighter seat, until one names both
            held = min(entries, key=lambda key: (entries[key][0].weight, key))
        seating, pin = entries[held][:2] if held is not None else (first[assembly], frozenset[bytes]())
        begins = {each.roster for each, _, _ in entries.values()}
        begins |= {first[assembly].roster} if assembly in first else set()
        found[assembly] = Seat(seating, pin, frozenset(begins))
    return found


def standing_voices(voices: Iterable[Belonging]) -> list[Belonging]:
    """The voices that hold: of several that end one the first by id, and none that another one ended."""
    every = list(voices)
    leaving: dict[bytes, bytes] = {}
    for voice in every:
        if voice.ends is not None:
            leaving[voice.ends] = min(leaving.get(voice.ends, voice.id), voice.id)
    return [
        voice for voice in every if (voice.id not in leaving if voice.ends is None else leaving[voice.ends] == voice.id)
    ]


def members_of(
    seats: Mapping[bytes, Seat], voices: Collection[Belonging], known: Callable[[bytes], Item | None]
) -> dict[bytes, int]:
    """The assemblies that joined and have a seat that knows of every voice by which they left, with their weights.

    `known` has the items of ids.
    """
    left: dict[bytes, set[bytes]] = {}
    for voice in voices:
        if voice.ends is not None:
            left.setdefault(voice.assembly, set()).add(voice.ends)
    joined = {voice.assembly for voice in voices if voice.ends is None}
    return {
        each: seats[each].seating.weight
        for each in sorted(joined & seats.keys())
        if each not in left or left[each] <= _ended(seats[each].pin, known)
    }


def _ended(pin: Iterable[bytes], known: Callable[[bytes], Item | None]) -> set[bytes]:
    """The voices that others in a pinned set ended: a seat that was given since knows of that."""
    return {item.ends for item in map(known, pin) if isinstance(item, Belonging) and item.ends is not None}


def in_place(items: Iterable[Decision], pin_of: Pin, assembly: bytes) -> frozenset[bytes]:
    """The decisions on an assembly's seat that none replaces."""
    mine = {
        item.id: frozenset(item.payload.replaces) & pin_of(item)
        for item in items
        if item.verb == Verb.SEAT and any(each.assembly == assembly for each in item.payload.seatings)
    }
    return frozenset(mine) - frozenset[bytes]().union(*mine.values())
