"""One assembly's folder on a stick: its manifests, and what both export and import do with them."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from meshd.assembly import survey
from meshd.assembly.access import newest_first
from meshd.assembly.assembly import Assembly
from meshd.sneakernet import media
from meshd.upkeep import rotation
from meshd_crypto.hashing import derive
from meshd_protocol import contexts, limits
from meshd_protocol.bundle import EMPTY, Manifest, Place, read_manifest, stick_tag, write_manifest
from meshd_protocol.errors import BadBundleError, UnknownKeyError
from meshd_protocol.names import text_of
from meshd_protocol.rosters import roster_id


@dataclass
class Stick:
    """The folder `meshd/<tag>` on a stick, and the newest manifest that can be read."""

    folder: Path
    manifest: Manifest
    current: str | None
    sound: bool
    """Whether every manifest that is there could be read: else unlisted segments may be good ones."""

    locked: frozenset[str] = frozenset()
    """Manifests under a network key that this device does not have: somebody else's, who may have been here last."""

    found: list[bytes] = field(default_factory=list, repr=False)
    """Network keys that lie on the stick for this device: they open what is on it."""

    @property
    def segments(self) -> Path:
        """Where segments lie."""
        return self.folder / media.SEGMENTS


def secrets(assembly: Assembly) -> list[bytes]:
    """The network keys' secrets, newest first."""
    return [key.secret for key in newest_first(assembly)]


def names_of(assembly: Assembly) -> tuple[str, str] | None:
    """The way to this assembly's folder on a stick; None while the first network key is unknown."""
    origin = roster_id(assembly.id, ())
    first = next((key.secret for key in assembly.keys.network if key.roster == origin), None)
    return None if first is None else (media.ROOT, stick_tag(first, assembly.id))


def open_stick(assembly: Assembly, folder: Path) -> Stick:
    """Read the newer of the two manifests; an empty one if neither is there or good."""
    best, current, sound = EMPTY, None, True
    locked: set[str] = set()
    found = _found_keys(assembly, folder)
    for name in media.MANIFESTS:
        data = media.read_file(folder / name, limits.MANIFEST_BYTES)
        if data is None:
            sound = sound and not os.path.lexists(folder / name)
            continue
        try:
            manifest = read_manifest([*secrets(assembly), *found], assembly.id, data)
        except BadBundleError as error:
            sound = False
            locked |= {name} if isinstance(error, UnknownKeyError) else set()
            continue
        if manifest.counter > best.counter:
            best, current = manifest, name
    return Stick(folder, best, current, sound, frozenset(locked), found)


def _found_keys(assembly: Assembly, folder: Path) -> list[bytes]:
    """The network keys on a stick that are sealed to this device, and that it does not have."""
    if media.inside(folder, media.KEYS) is None:
        return []
    held = {key_file(key.secret) for key in assembly.keys.network}
    found: list[bytes] = []
    for name in list(media.hash_names(folder / media.KEYS))[: limits.STICK_KEYS]:
        if name in held:
            continue
        data = media.read_file(folder / media.KEYS / name, limits.STICK_KEY_BYTES)
        secret = rotation.from_stick(assembly, data) if data is not None else None
        if secret is not None and key_file(secret) == name:
            found.append(secret)
    return found


def write_keys(assembly: Assembly, folder: Path) -> None:
    """Leave every network key but the first, sealed to each device, for those who were away when it was made. One that
    is damaged, or lacks devices that came since, is written anew.
    """
    newer = [key for key in newest_first(assembly) if key.roster != roster_id(assembly.id, ())][: limits.STICK_KEYS]
    if not newer:
        return
    keys = media.make_inside(folder, media.KEYS)
    media.remove_parts(keys)
    for key in newer:
        name = key_file(key.secret)
        data = rotation.for_stick(assembly, key)
        if data is None:
            continue
        held = media.read_file(keys / name, limits.STICK_KEY_BYTES)
        if held is None or len(held) < len(data) or rotation.from_stick(assembly, held) != key.secret:
            media.write_file(keys / name, data)


def key_file(secret: bytes) -> str:
    """The name of a network key's file on a stick: a finder learns nothing from it."""
    return text_of(derive(secret, contexts.STICK_KEYS))


def write_visit(assembly: Assembly, stick: Stick, manifest: Manifest) -> None:
    """Write a manifest with this node among the visitors, over the older one, and rather not over one that this device
    can't read. Nothing, if it would say the same.
    """
    here = {
        head.device + bytes([head.log]): Place(
            head.device, head.log, None if head.branches else head.seq, head.branches or head.id
        )
        for head in survey.heads(assembly)
    }
    places = tuple(here[key] for key in sorted(here))
    visitors = manifest.visitors | {assembly.keys.device.public: places}
    after = manifest._replace(visitors=visitors, counter=stick.manifest.counter + 1)
    if stick.current is not None and after._replace(counter=stick.manifest.counter) == stick.manifest:
        return
    data = _manifest(assembly, after)
    while len(data) > limits.MANIFEST_BYTES and len(after.visitors) > 1:  # who is forgotten is sent more, not less
        forgotten = next(device for device in after.visitors if device != assembly.keys.device.public)
        after = after._replace(visitors={key: value for key, value in after.visitors.items() if key != forgotten})
        data = _manifest(assembly, after)
    others = [name for name in media.MANIFESTS if name != stick.current]
    name = min(others, key=lambda name: name in stick.locked)
    media.write_file(stick.folder / name, data)
    stick.manifest, stick.current = after, name


def _manifest(assembly: Assembly, manifest: Manifest) -> bytes:
    return write_manifest(secrets(assembly)[0], assembly.id, manifest, assembly.keys.device, assembly.world.entropy)
