"""The verb backup: all that a person needs to go on elsewhere, in one file."""

from pathlib import Path
from typing import Any

from meshd.assembly import unprotected
from meshd.errors import LockedError
from meshd.progress import Steps
from meshd.service.context import Context, Result
from meshd.service.verbs import verb
from meshd.sneakernet.backup import MAGIC, write_backup
from meshd.sneakernet.media import check_target
from meshd.store import tables
from meshd_crypto.passphrase import new_lock
from meshd_protocol.control import NAME, SECRET

BACKUP = "backup"
"""The setting that tells when the last one was written, in ms since 1970."""


@verb("backup", {"path": NAME, "passphrase": SECRET})
def backup(context: Context, arguments: dict[str, Any]) -> Steps[Result]:
    """`meshd backup FILE`: the log, the member key and the network keys, under the passphrase of these keys or one of
    its own: what lies beside keys that have none is on no other machine. Raises LockedError where none is said then.
    """
    assembly, path, own = context.assembly, Path(arguments["path"]), arguments.get("passphrase")
    if not own and unprotected.is_open(assembly.folder):
        raise LockedError("these keys have no passphrase: the backup needs one of its own", "Set MESHD_NEW_PASSPHRASE.")
    check_target(path, MAGIC)
    lock = new_lock(own, assembly.world.cost, assembly.world.entropy) if own else assembly.lock
    written = yield from write_backup(assembly, path, lock)
    path.chmod(0o600)
    if assembly.store.refusal is None:
        with assembly.store.transaction():
            assembly.store.replace(tables.Setting(BACKUP, str(assembly.world.clock())))
    return {
        "records": written.records,
        "bytes": path.stat().st_size,
        "member_key": assembly.keys.member is not None,
        "path": str(path),
        "beside": path.stat().st_dev == assembly.folder.stat().st_dev,
    }
