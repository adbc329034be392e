"""A home made of a backup: the same person with a new device, and the log as it was."""

import shutil
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from meshd.assembly import survey
from meshd.assembly.assembly import Assembly, World
from meshd.assembly.keystore import Keys
from meshd.errors import NodeError
from meshd.founding.opening import create
from meshd.home import KEYS, STAGING, folder_of, sync_folder
from meshd.progress import Steps
from meshd.sneakernet.backup import Backup, read_backup
from meshd.sneakernet.import_ import Taken, read_bundle
from meshd.store import tables
from meshd_crypto.identity import SigningKey


class Restored(NamedTuple):
    """What came of a backup: what it says, what was read, and whether that is all that was written."""

    backup: Backup
    taken: Taken
    whole: bool


def restore(
    home: Path, path: Path, passphrase: str, label: str, member: SigningKey | None, world: World
) -> Steps[Restored]:
    """Put a backup on disk as a new device of its person, who brings their member key where it was kept elsewhere.

    What is interrupted leaves no assembly in the home. Raises NodeError, PassphraseError.
    """
    backup = read_backup(path, passphrase)
    folder = folder_of(home, backup.assembly)
    if (folder / KEYS).exists():
        raise NodeError("this home is in that assembly already", "Restore it into another --home.")
    member = member or backup.member
    if member is None:
        raise NodeError("the member key is not in this backup", "You keep it elsewhere: `--member-key FILE`.")
    if member.public != backup.member_public:
        raise NodeError("this is not the member key of whoever made the backup")
    staging = home / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with closing(_staged(staging, backup, passphrase, member, world)) as assembly:
            taken = yield from read_bundle(assembly, path, backup.start)
            whole = survey.digest(assembly) == backup.digest
            with assembly.writing():
                assembly.certify(label)
        shutil.rmtree(folder, ignore_errors=True)  # one without a key file: nothing can open it
        folder_of(staging, backup.assembly).rename(folder)
        sync_folder(home)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Restored(backup, taken, whole)


def try_out(path: Path, passphrase: str, world: World) -> Steps[Restored]:
    """Read a backup as `restore` would, into a folder beside the file that is gone afterwards. Raises as that does."""
    backup = read_backup(path, passphrase)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".meshd-") as folder:
        anybody = SigningKey.generate(world.entropy)
        with closing(_staged(Path(folder), backup, passphrase, anybody, world)) as assembly:
            taken = yield from read_bundle(assembly, path, backup.start)
            return Restored(backup, taken, survey.digest(assembly) == backup.digest)


def _staged(home: Path, backup: Backup, passphrase: str, member: SigningKey, world: World) -> Assembly:
    keys = Keys.generate(backup.assembly, backup.person, world.entropy)
    keys = replace(keys, member=member, member_public=member.public, network=backup.network)

    def begin(assembly: Assembly) -> None:
        assembly.store.insert([tables.Head(1, backup.roster, b"", b"")])

    return create(home, keys, passphrase, begin, world=world)
