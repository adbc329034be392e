"""What leaves a stick: segments that everybody has, and small ones that are written anew as few large ones.

A file goes once the manifest that no longer lists it was written and read back.
"""

from meshd.assembly.assembly import Assembly
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.bundle import Manifest, Place, SegmentInfo, Stretch

_CROWDED = limits.SEGMENTS // 2
_SMALL = limits.SEGMENT_BYTES // 2


def strangers(assembly: Assembly, manifest: Manifest) -> bool:
    """Whether somebody who is in, or a device of theirs, has not been at the stick: what is on it may be news there."""
    standing = assembly.standing
    if standing is None or standing.state is None:
        return True
    inside, revoked = standing.state.inside, standing.state.revoked
    owners = {row.device: row.member for row in assembly.store.find(tables.Certificate) if row.member in inside}
    seen = manifest.visitors.keys() | {assembly.keys.device.public}
    return bool(inside - set(owners.values()) or owners.keys() - revoked.keys() - seen)


def kept(assembly: Assembly, manifest: Manifest) -> Manifest:
    """The manifest without the segments that every visitor has, once all devices have visited; and where there are
    many, without small ones, so that what is in them is written anew.
    """
    segments = manifest.segments
    if not strangers(assembly, manifest):
        visitors = [
            {(place.device, place.log): place for place in places}
            for device, places in manifest.visitors.items()
            if device != assembly.keys.device.public
        ]
        segments = tuple(info for info in segments if not visitors or not all(_has(each, info) for each in visitors))
    if len(segments) > _CROWDED:
        segments = tuple(info for info in segments if info.size >= _SMALL)
    return manifest._replace(segments=segments)


def _has(places: dict[tuple[bytes, int], Place], info: SegmentInfo) -> bool:
    return all(_has_stretch(places.get((each.device, each.log)), each) for each in info.stretches)


def _has_stretch(place: Place | None, stretch: Stretch) -> bool:
    if place is None:
        return False
    if stretch.forked or place.seq is None:
        return stretch.forked and place.id == stretch.end
    return place.seq + 1 > stretch.stop or (place.seq + 1 == stretch.stop and place.id == stretch.end)
